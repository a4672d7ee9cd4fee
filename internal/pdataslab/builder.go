package pdataslab

import (
	"math"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// Builder makes records, maps and values. For each record: NewRecord, Expect, the
// attributes in their order, Done. The zero Builder uses pdata's functions. It is for
// one goroutine at a time.
type Builder struct {
	// Map is the attributes of the record that is being made.
	Map

	withSlabs   bool
	shared, own slabs
	current     *slabs
	size        int  // of what Separate was told about
	apart       bool // texts are copied when they are decoded
}

// New makes a builder that uses slabs where pdata's layout is known.
func New() Builder { return Builder{withSlabs: known} }

// UsesSlabs says that the builder does not use pdata's functions.
func (b *Builder) UsesSlabs() bool { return b.withSlabs }

// Forget lets go of the slabs: the next records share nothing with those made.
func (b *Builder) Forget() { b.Map, b.shared, b.own, b.current = Map{}, slabs{}, slabs{}, nil }

// Separate begins something that is made of about so many bytes, such as an event: what
// is made from now on shares no memory with what was made before, but for 512 bytes of
// numbers. It takes about as many elements of each slab as it needs.
func (b *Builder) Separate(size int) {
	if !b.withSlabs {
		return
	}
	if b.current != &b.own {
		b.own, b.current, b.size = slabs{}, &b.own, 0
	}
	b.own.restart(b.size, size)
	b.size = size
}

// Release lets go of what was made since Separate.
func (b *Builder) Release() {
	b.Map = Map{}
	b.own.release()
}

// NewRecord appends a record that is made of as many bytes. It and what is made until
// the next NewRecord shares slabs with neighbours, where it is not large.
func (b *Builder) NewRecord(records plog.LogRecordSlice, size int) (r plog.LogRecord) {
	b.Begin(size)
	if !b.withSlabs {
		return records.AppendEmpty()
	}
	w := wrapperOf(&records)
	list := (*[]*logRecord)(w.orig)
	orig := &b.current.records.take(1, maxRecordSlab)[0]
	*list = append(*list, orig)
	*wrapperOf(&r) = wrapper{orig: unsafe.Pointer(orig), state: w.state}
	return r
}

// Begin is NewRecord for something that is there already, and gets new content.
func (b *Builder) Begin(size int) {
	b.current = &b.shared
	if size > maxSharedSize {
		b.own = slabs{}
		b.current = &b.own
	}
}

// Expect begins the attributes of r, which has none, with room for n. More may come.
func (b *Builder) Expect(r plog.LogRecord, n int) { b.Map = b.Fill(r.Attributes(), n) }

// Fill begins to fill a map that is empty, with room for n members. More may come.
func (b *Builder) Fill(m pcommon.Map, n int) Map {
	if !b.withSlabs {
		safe := &xpdata.MapBuilder{}
		safe.EnsureCapacity(n)
		return Map{safe: safe, target: m}
	}
	return Map{from: b.current, pairs: b.current.pairs.take(n, maxPairSlab)[:0], into: (*[]keyValue)(wrapperOf(&m).orig)}
}

// MakeMap makes v, which is empty, a map to be filled, with room for n members. More
// may come.
func (b *Builder) MakeMap(v pcommon.Value, n int) Map {
	if !b.withSlabs {
		return b.Fill(v.SetEmptyMap(), n)
	}
	into := b.current.newMap(slotOf(v), n)
	return Map{from: b.current, pairs: *into, into: into}
}

// MakeSlice makes v, which is empty, a slice of n empty values.
func (b *Builder) MakeSlice(v pcommon.Value, n int) Slice {
	if !b.withSlabs {
		s := v.SetEmptySlice()
		s.EnsureCapacity(n)
		for range n {
			s.AppendEmpty()
		}
		return Slice{safe: s}
	}
	return Slice{rest: b.current.newSlice(slotOf(v), n).own}
}

// SetString is v.SetStr(s) for a value that is empty.
func (b *Builder) SetString(v pcommon.Value, s string) {
	if !b.withSlabs {
		v.SetStr(s)
		return
	}
	*slotOf(v) = iface{typ: stringType, data: b.current.newString(s)}
}

// SetInt is v.SetInt(n) for a value that is empty.
func (b *Builder) SetInt(v pcommon.Value, n int64) {
	if !b.withSlabs {
		v.SetInt(n)
		return
	}
	*slotOf(v) = iface{typ: intType, data: b.current.newWord(uint64(n))}
}

// SetDouble is v.SetDouble(x) for a value that is empty.
func (b *Builder) SetDouble(v pcommon.Value, x float64) {
	if !b.withSlabs {
		v.SetDouble(x)
		return
	}
	*slotOf(v) = iface{typ: doubleType, data: b.current.newWord(math.Float64bits(x))}
}

// SetBool is v.SetBool(x) for a value that is empty.
func (b *Builder) SetBool(v pcommon.Value, x bool) {
	if !b.withSlabs {
		v.SetBool(x)
		return
	}
	*slotOf(v) = iface{typ: boolType, data: b.current.newBool(x)}
}

// CopyValue is from.CopyTo(to) for a value that is empty.
func (b *Builder) CopyValue(from, to pcommon.Value) {
	switch from.Type() {
	case pcommon.ValueTypeStr:
		b.SetString(to, from.Str())
	case pcommon.ValueTypeInt:
		b.SetInt(to, from.Int())
	case pcommon.ValueTypeDouble:
		b.SetDouble(to, from.Double())
	case pcommon.ValueTypeBool:
		b.SetBool(to, from.Bool())
	default:
		from.CopyTo(to)
	}
}

// MoveMap makes to, which is empty, the map, and leaves that empty.
func (b *Builder) MoveMap(from pcommon.Map, to pcommon.Value) {
	if !b.withSlabs {
		from.MoveTo(to.SetEmptyMap())
		return
	}
	orig := (*[]keyValue)(wrapperOf(&from).orig)
	*b.current.newMap(slotOf(to), 0) = *orig
	*orig = nil
}
