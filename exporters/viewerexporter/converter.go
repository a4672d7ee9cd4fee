package viewerexporter

import (
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// converter remembers what records mostly have in common with the ones before. It is for one goroutine.
type converter struct {
	shapes [16]shape // by the number of attributes
	digits strings.Builder

	trace     pcommon.TraceID
	traceText string
}

var converters = sync.Pool{New: func() any { return &converter{} }}

// chunkDigits are made at once, for some twenty records.
const chunkDigits = 1 << 10

// shape is which attributes a record has, in its own order, each once.
type shape struct{ names []shapeName }

type shapeName struct {
	name   string
	role   role
	column int // where the store had it last
}

// role is what an attribute is for the record as a whole.
type role uint8

const (
	noRole role = iota
	requestRole
	macroRole
	uidRole
	foldRole
	durationRole
)

func roleOf(name string) role {
	switch name {
	case attrRequest:
		return requestRole
	case attrMacro:
		return macroRole
	case attrUID:
		return uidRole
	case attrFold:
		return foldRole
	case attrDuration:
		return durationRole
	default:
		return noRole
	}
}

// take gives a record what an attribute is for it.
func take(r *record.Record, as role, value any) {
	switch v := value.(type) {
	case string:
		switch as {
		case requestRole:
			r.Request = v
		case macroRole:
			r.Macro = v
		case uidRole:
			r.UID = v
		}
	case float64:
		if as == foldRole && v >= 0 && v < 1e9 {
			r.Duration, r.HasDuration = time.Duration(v*1e9), true
		}
	case int64:
		// A fold's counts, whichever comes first.
		if as == durationRole && v >= 0 && !r.HasDuration {
			r.Duration, r.HasDuration = time.Duration(v), true
		}
	}
}

// is says whether a map has these names in this order.
func (s *shape) is(m pcommon.Map) bool {
	if len(s.names) != m.Len() {
		return false
	}
	i := 0
	for name := range m.All() {
		if s.names[i].name != name {
			return false
		}
		i++
	}
	return true
}

// learn takes the names of a map; false, if one is in it twice.
func (s *shape) learn(m pcommon.Map) bool {
	s.names = s.names[:0]
	for name := range m.All() {
		s.names = append(s.names, shapeName{name: strings.Clone(name), role: roleOf(name)})
	}
	sorted := make([]string, 0, len(s.names))
	for i := range s.names {
		sorted = append(sorted, s.names[i].name)
	}
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) < len(s.names) {
		s.names = s.names[:0]
		return false
	}
	return true
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
