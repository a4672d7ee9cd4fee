// Package recordids says by which ids a record in an archive can be found: those that go
// into the filter of its object, and that `heartwood search` looks for.
//
// They are the trace id, request.id and request.macro_id, of the record or its resource;
// and where event_fold made the record, the trace ids and request ids of its parts, as
// docs/format/folded-event.md has them.
package recordids

import (
	"encoding/hex"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// The attributes that have ids. Each is a text, or a list of texts where records that were
// folded had different ones.
const (
	Request = "request.id"
	Macro   = "request.macro_id"
	Traces  = "fold.trace_ids"
)

const (
	// Fold is what event_fold's records have.
	Fold = "fold.id"

	// MaxLength is the longest id in bytes: what is longer is none, and found by its content.
	MaxLength = 1 << 10
	// MaxCount is how many ids of one record are taken.
	MaxCount = 1 << 16
	// maxDepth is how deep folded events are looked for within each other.
	maxDepth = 8
)

// Text is a value as an id: "" is none.
func Text(v pcommon.Value) string {
	var text string
	switch v.Type() {
	case pcommon.ValueTypeStr:
		text = v.Str()
	case pcommon.ValueTypeDouble:
		switch f := v.Double(); { // as documents have it
		case math.IsNaN(f):
			text = "NaN"
		case math.IsInf(f, 1):
			text = "Infinity"
		case math.IsInf(f, -1):
			text = "-Infinity"
		default:
			text = v.AsString()
		}
	default:
		text = v.AsString()
	}
	if len(text) > MaxLength {
		return ""
	}
	return text
}

// collector counts what it gives on.
type collector struct {
	add  func(id string)
	left int
}

func (c *collector) give(id string) {
	if id != "" && c.left > 0 {
		c.left--
		c.add(id)
	}
}

func (c *collector) value(v pcommon.Value) {
	if v.Type() != pcommon.ValueTypeSlice {
		c.give(Text(v))
		return
	}
	for _, one := range v.Slice().All() {
		c.give(Text(one))
	}
}

// attributes gives the ids in attributes, and says whether they are a folded event's.
func (c *collector) attributes(m pcommon.Map) (folded bool) {
	for name, v := range m.All() {
		switch name {
		case Request, Macro, Traces:
			c.value(v)
		case Fold:
			folded = true
		}
	}
	return folded
}

// document gives the ids of the parts of a folded event's document.
func (c *collector) document(body pcommon.Value, depth int) {
	if body.Type() != pcommon.ValueTypeMap || depth == maxDepth {
		return
	}
	if origins, ok := body.Map().Get("origins"); ok {
		c.each(origins, func(origin pcommon.Map) {
			if resource, ok := origin.Get("resource"); ok && resource.Type() == pcommon.ValueTypeMap {
				c.attributes(resource.Map())
			}
		})
	}
	if parts, ok := body.Map().Get("parts"); ok {
		c.each(parts, func(part pcommon.Map) {
			for name, v := range part.All() {
				switch {
				case name == "trace_id":
					c.give(Text(v))
				case name == "attributes" && v.Type() == pcommon.ValueTypeMap:
					c.attributes(v.Map())
				case name == "message":
					c.document(v, depth+1)
				}
			}
		})
	}
}

func (c *collector) each(list pcommon.Value, do func(m pcommon.Map)) {
	if list.Type() != pcommon.ValueTypeSlice {
		return
	}
	for _, v := range list.Slice().All() {
		if v.Type() == pcommon.ValueTypeMap {
			do(v.Map())
		}
	}
}

// OfLog gives the ids of a log record, but its trace id. An id may come more than once.
func OfLog(resource pcommon.Map, r plog.LogRecord, add func(id string)) {
	c := collector{add: add, left: MaxCount}
	folded := c.attributes(r.Attributes())
	c.attributes(resource)
	if folded {
		c.document(r.Body(), 0)
	}
}

// Of gives the ids in the attributes of a span or data point, and its resource's.
func Of(resource, item pcommon.Map, add func(id string)) {
	c := collector{add: add, left: MaxCount}
	c.attributes(item)
	c.attributes(resource)
}

// Plain says that there is no id in the attributes of an item and its resource but a request
// id, which is no list: so it is with most. It costs no memory.
func Plain(resource, item pcommon.Map) bool {
	for name, v := range item.All() {
		switch name {
		case Macro, Traces, Fold:
			return false
		case Request:
			if v.Type() == pcommon.ValueTypeSlice {
				return false
			}
		}
	}
	return PlainResource(resource)
}

// PlainResource says that there is no id in the attributes of a resource.
func PlainResource(resource pcommon.Map) bool {
	for name := range resource.All() {
		switch name {
		case Request, Macro, Traces:
			return false
		}
	}
	return true
}

// HasLog says whether a log record has an id.
func HasLog(resource pcommon.Map, r plog.LogRecord, id string) bool {
	found := id != "" && hexID(r.TraceID()) == id
	OfLog(resource, r, func(one string) { found = found || one == id })
	return found
}

func hexID(id pcommon.TraceID) string {
	if id.IsEmpty() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// AllLogs gives the ids of all records, with their trace ids.
func AllLogs(logs plog.Logs, add func(id string)) {
	for _, r := range logs.ResourceLogs().All() {
		for _, s := range r.ScopeLogs().All() {
			for _, record := range s.LogRecords().All() {
				if id := hexID(record.TraceID()); id != "" {
					add(id)
				}
				OfLog(r.Resource().Attributes(), record, add)
			}
		}
	}
}

// AllSpans gives the ids of all spans, with their trace ids.
func AllSpans(traces ptrace.Traces, add func(id string)) {
	for _, r := range traces.ResourceSpans().All() {
		for _, s := range r.ScopeSpans().All() {
			for _, span := range s.Spans().All() {
				if id := hexID(span.TraceID()); id != "" {
					add(id)
				}
				Of(r.Resource().Attributes(), span.Attributes(), add)
			}
		}
	}
}
