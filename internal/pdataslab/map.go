package pdataslab

import (
	"math"
	"unsafe"

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
	m.pairs = append(m.pairs, keyValue{typ: stringType, data: m.from.newString(v), key: key})
}

// AppendInt appends an integer.
func (m *Map) AppendInt(key string, v int64) {
	if m.safe != nil {
		m.safe.AppendEmpty(key).SetInt(v)
		return
	}
	m.pairs = append(m.pairs, keyValue{typ: intType, data: m.from.newWord(uint64(v)), key: key})
}

// AppendDouble appends a floating-point number.
func (m *Map) AppendDouble(key string, v float64) {
	if m.safe != nil {
		m.safe.AppendEmpty(key).SetDouble(v)
		return
	}
	m.pairs = append(m.pairs, keyValue{typ: doubleType, data: m.from.newWord(math.Float64bits(v)), key: key})
}

// AppendBool appends a truth value.
func (m *Map) AppendBool(key string, v bool) {
	if m.safe != nil {
		m.safe.AppendEmpty(key).SetBool(v)
		return
	}
	m.pairs = append(m.pairs, keyValue{typ: boolType, data: m.from.newBool(v), key: key})
}

// AppendEmpty gives the value to be set, which must be done before the next member is
// appended.
func (m *Map) AppendEmpty(key string) (v pcommon.Value) {
	if m.safe != nil {
		return m.safe.AppendEmpty(key)
	}
	m.pairs = append(m.pairs, keyValue{key: key})
	*wrapperOf(&v) = wrapper{orig: unsafe.Pointer(&m.pairs[len(m.pairs)-1]), state: mutable}
	return v
}

// AppendCopies appends copies of another map's members.
func (m *Map) AppendCopies(from pcommon.Map) {
	b := Builder{withSlabs: m.safe == nil, current: m.from}
	for key, value := range from.All() {
		b.CopyValue(value, m.AppendEmpty(key))
	}
}
