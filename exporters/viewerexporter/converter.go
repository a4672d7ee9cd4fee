package viewerexporter

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// converter makes records of a batch. Records mostly are like the ones before: what is known of these, the order
// of their names and values that come again, is not made anew. It is for one goroutine.
type converter struct {
	shapes [16]shape // by the number of attributes
	values [512]any  // by a part of the value and the place of its name: texts and integers
	fields []record.Field
	digits strings.Builder

	trace     pcommon.TraceID
	traceText string
}

// converters forget by themselves what nobody needs any longer: values of a batch may keep much of it in memory.
var converters = sync.Pool{New: func() any { return &converter{} }}

const (
	// chunkFields and chunkDigits are made at once, for some ten records.
	chunkFields = 256
	chunkDigits = 1 << 10
	// maxShared is the longest text that is looked for among those before.
	maxShared = 32
)

// shape is how a record's attributes are in order, by their places in the map.
type shape struct {
	names  []string
	places []int
	own    []ownPlace
}

// ownPlace says which attribute has a place of its own in a record.
type ownPlace struct {
	at   int
	name string
}

// take gives a record its attributes, with room for some more, and what has a place of its own.
func (c *converter) take(r *record.Record, attributes pcommon.Map, more int) {
	n := attributes.Len()
	if n == 0 {
		r.Attributes = fieldsOf(attributes, more)
		return
	}
	like := &c.shapes[n%len(c.shapes)]
	if !like.is(attributes) {
		r.Attributes = fieldsOf(attributes, more)
		like.learn(attributes, r.Attributes)
		own(r, ownPlaces(r.Attributes))
		return
	}
	if len(c.fields) < n+more {
		c.fields = make([]record.Field, max(chunkFields, n+more))
	}
	fields := c.fields[: n : n+more]
	c.fields = c.fields[n+more:]
	i := 0
	for _, v := range attributes.All() {
		at := like.places[i]
		fields[at] = record.Field{Name: like.names[i], Value: c.value(v, i)}
		i++
	}
	r.Attributes = fields
	own(r, like.own)
}

// is says whether a map has these names in this order.
func (s *shape) is(m pcommon.Map) bool {
	if len(s.names) != m.Len() {
		return false
	}
	i := 0
	for name := range m.All() {
		if s.names[i] != name {
			return false
		}
		i++
	}
	return true
}

// learn takes the order of a map, unless a name is in it twice.
func (s *shape) learn(m pcommon.Map, sorted []record.Field) {
	s.names, s.places, s.own = s.names[:0], s.places[:0], nil
	if len(sorted) != m.Len() {
		return
	}
	for name := range m.All() {
		at, _ := find(sorted, name)
		s.names, s.places = append(s.names, name), append(s.places, at)
	}
	s.own = ownPlaces(sorted)
}

func ownPlaces(fields []record.Field) (own []ownPlace) {
	for _, name := range [...]string{attrRequest, attrMacro, attrUID} {
		if at, ok := find(fields, name); ok {
			own = append(own, ownPlace{at, name})
		}
	}
	return own
}

func own(r *record.Record, places []ownPlace) {
	for _, place := range places {
		text, _ := r.Attributes[place.at].Value.(string)
		switch place.name {
		case attrRequest:
			r.Request = text
		case attrMacro:
			r.Macro = text
		case attrUID:
			r.UID = text
		}
	}
}

func find(fields []record.Field, name string) (at int, ok bool) {
	return slices.BinarySearchFunc(fields, name, func(f record.Field, name string) int { return cmp.Compare(f.Name, name) })
}

// valueIn is the value of a field, nil without it.
func valueIn(fields []record.Field, name string) any {
	if at, ok := find(fields, name); ok {
		return fields[at].Value
	}
	return nil
}

// value is valueOf; place is that of its name.
func (c *converter) value(v pcommon.Value, place int) any {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		text := v.Str()
		n := len(text)
		if n == 0 || n > maxShared {
			return text
		}
		at := uint(place)*37 + uint(n)*7 + uint(text[0])*3 + uint(text[n/2])*17 + uint(text[n-1])*31
		shared := &c.values[at%uint(len(c.values))]
		if before, ok := (*shared).(string); !ok || before != text {
			*shared = text
		}
		return *shared
	case pcommon.ValueTypeInt:
		n := v.Int()
		shared := &c.values[(uint(place)*37+uint(n))%uint(len(c.values))]
		if before, ok := (*shared).(int64); !ok || before != n {
			*shared = n
		}
		return *shared
	default:
		return valueOf(v, 0)
	}
}

// hex is the text of an id.
func (c *converter) hex(id []byte) string {
	if c.digits.Cap()-c.digits.Len() < 2*len(id) {
		c.digits = strings.Builder{}
		c.digits.Grow(chunkDigits)
	}
	var text [32]byte
	from := c.digits.Len()
	c.digits.Write(hex.AppendEncode(text[:0], id))
	return c.digits.String()[from:]
}
