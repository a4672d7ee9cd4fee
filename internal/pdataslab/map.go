package pdataslab

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// Map is a map that is being filled. Nothing looks for keys that are there already.
// What has been appended is in the map after Done.
type Map struct {
	from  *slabs
	pairs []keyValue
	into  *[]keyValue

	// without slabs
	safe   *xpdata.MapBuilder
	target pcommon.Map
}

// Done makes what has been appended the map's.
func (m *Map) Done() {
	if m.safe != nil {
		m.safe.UnsafeIntoMap(m.target)
		return
	}
	*m.into = m.pairs
	m.pairs = nil
}

// AppendString appends a text.
func (m *Map) AppendString(key, v string) {
	if m.safe != nil {
		m.safe.AppendEmpty(key).SetStr(v)
		return
	}
	p := m.next(key)
	p.typ, p.data = stringType, m.from.newString(v)
}

// AppendInt appends an integer.
func (m *Map) AppendInt(key string, v int64) {
	if m.safe != nil {
		m.safe.AppendEmpty(key).SetInt(v)
		return
	}
	p := m.next(key)
	p.typ, p.data = intType, m.from.newWord(uint64(v))
}

// AppendDouble appends a floating-point number.
func (m *Map) AppendDouble(key string, v float64) {
	if m.safe != nil {
		m.safe.AppendEmpty(key).SetDouble(v)
		return
	}
	p := m.next(key)
	p.typ, p.data = doubleType, m.from.newWord(math.Float64bits(v))
}

// AppendBool appends a truth value.
func (m *Map) AppendBool(key string, v bool) {
	if m.safe != nil {
		m.safe.AppendEmpty(key).SetBool(v)
		return
	}
	p := m.next(key)
	p.typ, p.data = boolType, m.from.newBool(v)
}

// AppendEmpty gives the value to be set, which must be done before the next member is
// appended.
func (m *Map) AppendEmpty(key string) pcommon.Value {
	if m.safe != nil {
		return m.safe.AppendEmpty(key)
	}
	return valueAt(m.next(key).valueSlot())
}

// next appends an empty value. It does not do so with a whole keyValue, which costs more
// while the garbage collector runs.
func (m *Map) next(key string) *keyValue {
	n := len(m.pairs)
	if n < cap(m.pairs) {
		m.pairs = m.pairs[:n+1]
	} else {
		m.pairs = append(m.pairs, keyValue{})
	}
	p := &m.pairs[n]
	p.key = key
	return p
}

// AppendCopies appends copies of another map's members.
func (m *Map) AppendCopies(from pcommon.Map) {
	b := Builder{withSlabs: m.safe == nil, current: m.from}
	for key, value := range from.All() {
		b.CopyValue(value, m.AppendEmpty(key))
	}
}

// Slice gives the values of a slice in turn, to be set.
type Slice struct {
	rest []iface

	// without slabs
	safe pcommon.Slice
	next int
}

// Next gives the next value, of which there must be one.
func (s *Slice) Next() pcommon.Value {
	if s.rest == nil {
		s.next++
		return s.safe.At(s.next - 1)
	}
	v := valueAt(&s.rest[0])
	s.rest = s.rest[1:]
	return v
}
