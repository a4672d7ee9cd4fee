package logrecord

import (
	"math"
	"reflect"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// pdata allocates each value of each attribute by itself, fifteen and more for a
// record, which costs as much as reading the line. Slabs give many records' values,
// attributes and the records themselves out of few allocations. What pdata's own
// functions do with them is what they do with memory of their own: a record's
// attributes have no capacity that is also another's, so that what is appended goes
// elsewhere, and no two values share memory.
//
// pdata offers no way to do so, hence the mirrors of its unexported types below.
// layoutIsKnown compares them with the real ones when the program starts; where
// they differ, and in tests, records are built by pdata's functions instead.
// docs/performance.md has what it brings.
var useSlabs = layoutIsKnown()

// keyValue mirrors pdata's internal.KeyValue. The first word of its interface
// points to a type that the linker laid out, which the garbage collector need not
// see.
type keyValue struct {
	typ  uintptr
	data unsafe.Pointer
	key  string
	_    int32
}

// logRecord mirrors pdata's internal.LogRecord: what holds pointers, and the rest.
type logRecord struct {
	bodyType            uintptr
	bodyData            unsafe.Pointer
	severityText, event string
	attributes          []keyValue
	_                   [2]uint64 // times
	_                   [3]uint32 // severity number, dropped attributes, flags
	_                   [16]byte  // trace id
	_                   [8]byte   // span id
}

// list mirrors a value of pdata's that is a map or a slice, AnyValue_KvlistValue or
// AnyValue_ArrayValue: a pointer to a struct that is a slice. It stands behind it, so
// that both are one element of a slab.
type list[T any] struct {
	values *[]T
	own    []T
}

// wrapper mirrors pcommon.Value, pcommon.Map, plog.LogRecord and
// plog.LogRecordSlice: a pointer to what they wrap, and one to a state.
type wrapper struct{ orig, state unsafe.Pointer }

func wrapperOf[T pcommon.Value | pcommon.Map | plog.LogRecord | plog.LogRecordSlice](v *T) *wrapper {
	return (*wrapper)(unsafe.Pointer(v))
}

// iface mirrors an interface without methods.
type iface struct {
	typ  uintptr
	data unsafe.Pointer
}

// The types of values in a pdata AnyValue, and the state of a value that may be
// changed; set by layoutIsKnown.
var (
	stringType, intType, doubleType, boolType, mapType, sliceType uintptr

	mutable unsafe.Pointer
)

// layoutIsKnown compares the mirrors with pdata's types, and learns the types of
// values.
func layoutIsKnown() bool {
	value, attributes := reflect.TypeFor[pcommon.Value](), reflect.TypeFor[pcommon.Map]()
	record, records := reflect.TypeFor[plog.LogRecord](), reflect.TypeFor[plog.LogRecordSlice]()
	if !isWrapper(value) || !isWrapper(attributes) || !isWrapper(record) || !isWrapper(records) {
		return false
	}
	wrapped := func(t reflect.Type) reflect.Type { return t.Field(0).Type.Elem() }

	anyValue := wrapped(value)
	if anyValue.Kind() != reflect.Struct || anyValue.NumField() != 1 || anyValue.Field(0).Type != reflect.TypeFor[any]() {
		return false
	}
	if wrapped(attributes).Kind() != reflect.Slice {
		return false
	}
	pair := wrapped(attributes).Elem()
	text := reflect.TypeFor[string]()
	if !hasLayout(pair, reflect.TypeFor[keyValue]().Size(), anyValue, text) {
		return false
	}
	if !hasLayout(wrapped(record), reflect.TypeFor[logRecord]().Size(), anyValue, text, text, wrapped(attributes)) {
		return false
	}
	if wrapped(records) != reflect.SliceOf(reflect.PointerTo(wrapped(record))) {
		return false
	}

	for _, x := range []struct {
		value pcommon.Value
		holds reflect.Kind
		typ   *uintptr
	}{
		{pcommon.NewValueStr("x"), reflect.String, &stringType},
		{pcommon.NewValueInt(1), reflect.Int64, &intType},
		{pcommon.NewValueDouble(1), reflect.Float64, &doubleType},
		{pcommon.NewValueBool(true), reflect.Bool, &boolType},
	} {
		w := wrapperOf(&x.value)
		t := reflect.TypeOf(*(*any)(w.orig))
		if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct ||
			t.Elem().NumField() != 1 || t.Elem().Field(0).Type.Kind() != x.holds {
			return false
		}
		*x.typ = (*iface)(w.orig).typ
		mutable = w.state
	}
	for _, x := range []struct {
		value pcommon.Value
		holds reflect.Type
		typ   *uintptr
	}{
		{pcommon.NewValueMap(), reflect.SliceOf(pair), &mapType},
		{pcommon.NewValueSlice(), reflect.SliceOf(anyValue), &sliceType},
	} {
		w := wrapperOf(&x.value)
		if !isList(reflect.TypeOf(*(*any)(w.orig)), x.holds) {
			return false
		}
		*x.typ = (*iface)(w.orig).typ
	}
	return true
}

// isList reports whether t is a pointer to a struct of one field, which is a pointer
// to a struct of one field, which is of type slice.
func isList(t, slice reflect.Type) bool {
	for range 2 {
		if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct || t.Elem().NumField() != 1 {
			return false
		}
		t = t.Elem().Field(0).Type
	}
	return t == slice
}

func isWrapper(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 2 && t.Size() == unsafe.Sizeof(wrapper{}) &&
		t.Field(0).Type.Kind() == reflect.Pointer && t.Field(1).Type.Kind() == reflect.Pointer
}

// hasLayout reports whether t is a struct of this size that begins with fields of
// these types, and has no pointers behind them.
func hasLayout(t reflect.Type, size uintptr, first ...reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.Size() != size || t.NumField() < len(first) {
		return false
	}
	var offset uintptr
	for i := range t.NumField() {
		field := t.Field(i)
		switch {
		case i < len(first) && (field.Type != first[i] || field.Offset != offset):
			return false
		case i >= len(first) && !isPlain(field.Type):
			return false
		}
		offset = field.Offset + field.Type.Size()
	}
	return true
}

func isPlain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Int32, reflect.Uint32, reflect.Uint64, reflect.Int64:
		return true
	case reflect.Array:
		return t.Elem().Kind() == reflect.Uint8
	}
	return false
}

// Sizes of slabs, in elements. They begin small, for the batch of one record, and
// double. A record that is kept keeps the slabs it has a part in, and through them
// the lines of its neighbours: some 60 of them at these sizes. Larger ones bring
// little.
const (
	maxPairSlab   = 204 // 8 KiB
	maxRecordSlab = 16  // 2 KiB
	maxStringSlab = 128 // 2 KiB
	maxWordSlab   = 64  // 512 bytes
	maxBoolSlab   = 64
	maxListSlab   = 32  // 1 KiB
	maxValueSlab  = 128 // 2 KiB

	// maxSharedLine is the length of a line, in bytes, beyond which its record has
	// slabs of its own, so that no neighbour can hold on to a large line.
	maxSharedLine = 4 << 10
)

// slab gives out parts of an array, and makes another when it is used up.
type slab[T any] struct {
	free []T
	made int // the length of the array
}

// take gives n elements, zeroed and without spare capacity.
func (s *slab[T]) take(n, limit int) []T {
	if len(s.free) < n {
		s.made = max(n, min(2*s.made, limit))
		s.free = make([]T, s.made)
	}
	part := s.free[:n:n]
	s.free = s.free[n:]
	return part
}

// one gives one element.
func (s *slab[T]) one(limit int) *T {
	if len(s.free) == 0 {
		s.made = max(minValues, min(2*s.made, limit))
		s.free = make([]T, s.made)
	}
	part := &s.free[0]
	s.free = s.free[1:]
	return part
}

const minValues = 4 // in the first slab of a batch

type slabs struct {
	pairs   slab[keyValue]
	records slab[logRecord]
	strings slab[string]
	words   slab[uint64]
	bools   slab[bool]
	maps    slab[list[keyValue]]
	slices  slab[list[iface]]
	values  slab[iface]
}

// builder makes records and their attributes. For each record: newRecord, expect,
// the attributes in their order, finish.
type builder struct {
	withSlabs   bool
	shared, own slabs
	current     *slabs
	pairs       []keyValue // of the current record

	// without slabs
	safe xpdata.MapBuilder
}

// forget lets go of the slabs: the next records share nothing with those made.
func (b *builder) forget() { b.shared, b.own, b.current = slabs{}, slabs{}, nil }

// newRecord appends a record for a line of this length.
func (b *builder) newRecord(records plog.LogRecordSlice, line int) (r plog.LogRecord) {
	if !b.withSlabs {
		return records.AppendEmpty()
	}
	b.current = &b.shared
	if line > maxSharedLine {
		b.own = slabs{}
		b.current = &b.own
	}
	w := wrapperOf(&records)
	list := (*[]*logRecord)(w.orig)
	orig := &b.current.records.take(1, maxRecordSlab)[0]
	*list = append(*list, orig)
	*wrapperOf(&r) = wrapper{orig: unsafe.Pointer(orig), state: w.state}
	return r
}

// expect makes room for n attributes. More may come.
func (b *builder) expect(n int) {
	if !b.withSlabs {
		b.safe.EnsureCapacity(n)
		return
	}
	b.pairs = b.current.pairs.take(n, maxPairSlab)[:0]
}

// finish makes the attributes those of r.
func (b *builder) finish(r plog.LogRecord) {
	m := r.Attributes()
	if !b.withSlabs {
		b.safe.UnsafeIntoMap(m)
		return
	}
	*(*[]keyValue)(wrapperOf(&m).orig) = b.pairs
	b.pairs = nil
}

func (b *builder) appendString(key, v string) {
	if !b.withSlabs {
		b.safe.AppendEmpty(key).SetStr(v)
		return
	}
	b.pairs = append(b.pairs, keyValue{typ: stringType, data: b.newString(v), key: key})
}

func (b *builder) appendInt(key string, v int64) {
	if !b.withSlabs {
		b.safe.AppendEmpty(key).SetInt(v)
		return
	}
	b.pairs = append(b.pairs, keyValue{typ: intType, data: b.newWord(uint64(v)), key: key})
}

func (b *builder) appendDouble(key string, v float64) {
	if !b.withSlabs {
		b.safe.AppendEmpty(key).SetDouble(v)
		return
	}
	b.pairs = append(b.pairs, keyValue{typ: doubleType, data: b.newWord(math.Float64bits(v)), key: key})
}

func (b *builder) appendBool(key string, v bool) {
	if !b.withSlabs {
		b.safe.AppendEmpty(key).SetBool(v)
		return
	}
	b.pairs = append(b.pairs, keyValue{typ: boolType, data: b.newBool(v), key: key})
}

// appendEmpty gives the value to be set, which must be done before the next
// attribute is appended.
func (b *builder) appendEmpty(key string) (v pcommon.Value) {
	if !b.withSlabs {
		return b.safe.AppendEmpty(key)
	}
	b.pairs = append(b.pairs, keyValue{key: key})
	*wrapperOf(&v) = wrapper{orig: unsafe.Pointer(&b.pairs[len(b.pairs)-1]), state: mutable}
	return v
}

// setString is v.SetStr(s) for a value that is empty.
func (b *builder) setString(v pcommon.Value, s string) {
	if !b.withSlabs {
		v.SetStr(s)
		return
	}
	*(*iface)(wrapperOf(&v).orig) = iface{typ: stringType, data: b.newString(s)}
}

func (b *builder) newString(s string) unsafe.Pointer {
	p := b.current.strings.one(maxStringSlab)
	*p = s
	return unsafe.Pointer(p)
}

func (b *builder) newWord(bits uint64) unsafe.Pointer {
	p := b.current.words.one(maxWordSlab)
	*p = bits
	return unsafe.Pointer(p)
}

func (b *builder) newBool(v bool) unsafe.Pointer {
	p := b.current.bools.one(maxBoolSlab)
	*p = v
	return unsafe.Pointer(p)
}

// newMap makes slot, which is empty, a map with room for n members.
func (b *builder) newMap(slot *iface, n int) *[]keyValue {
	m := b.current.maps.one(maxListSlab)
	m.own = b.current.pairs.take(n, maxPairSlab)[:0]
	m.values = &m.own
	*slot = iface{typ: mapType, data: unsafe.Pointer(m)}
	return m.values
}

// newSlice makes slot, which is empty, a slice of n empty values.
func (b *builder) newSlice(slot *iface, n int) []iface {
	s := b.current.slices.one(maxListSlab)
	s.own = b.current.values.take(n, maxValueSlab)
	s.values = &s.own
	*slot = iface{typ: sliceType, data: unsafe.Pointer(s)}
	return s.own
}

// slot is where v has its type and data.
func slot(v pcommon.Value) *iface { return (*iface)(wrapperOf(&v).orig) }

// valueSlot is where the value of p is.
func (p *keyValue) valueSlot() *iface { return (*iface)(unsafe.Pointer(p)) }
