package viewerexporter

import (
	"cmp"
	"encoding/hex"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

const (
	attrRequest  = "request.id"
	attrMacro    = "request.macro_id"
	attrUID      = "log.record.uid"
	attrService  = "service.name"
	attrFold     = "fold.duration"  // seconds
	attrDuration = "event.duration" // nanoseconds, as ECS has it
	// attrEvents has the events of a span.
	attrEvents = "span.events"
	attrKind   = "span.kind"
	attrStatus = "span.status.message"

	severityError = uint8(plog.SeverityNumberError)
	// maxNesting is how deep values are kept; below stands what they say as text.
	maxNesting = 32
)

// recordsOfTraces copies spans. Their events stand in an attribute.
func recordsOfTraces(traces ptrace.Traces) []record.Record {
	out := make([]record.Record, 0, traces.SpanCount())
	for _, rs := range traces.ResourceSpans().All() {
		resource, service := fieldsOfResource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				out = append(out, recordOfSpan(s, resource, service))
			}
		}
	}
	return out
}

func recordOfSpan(s ptrace.Span, resource []record.Field, service string) record.Record {
	r := record.Record{
		Kind: record.Span, Time: timeOf(s.StartTimestamp()), Service: service, Body: s.Name(), Resource: resource,
		Trace: hexOf(s.TraceID()), Span: hexOfSpan(s.SpanID()), Parent: hexOfSpan(s.ParentSpanID()),
		HasDuration: s.EndTimestamp() >= s.StartTimestamp(),
	}
	if r.HasDuration {
		r.Duration = time.Duration(s.EndTimestamp() - s.StartTimestamp())
	}
	switch s.Status().Code() {
	case ptrace.StatusCodeError:
		r.Status, r.Severity = record.Error, severityError
	case ptrace.StatusCodeOk:
		r.Status = record.OK
	case ptrace.StatusCodeUnset:
	}
	r.Attributes = fieldsOf(s.Attributes(), 3)
	for _, f := range r.Attributes {
		// A span has a duration of its own.
		if as := roleOf(f.Name); as == requestRole || as == macroRole || as == uidRole {
			take(&r, as, f.Value)
		}
	}
	own := []record.Field{{Name: attrKind, Value: s.Kind().String()}}
	if message := s.Status().Message(); message != "" {
		own = append(own, record.Field{Name: attrStatus, Value: message})
	}
	if s.Events().Len() > 0 {
		events := make([]any, 0, s.Events().Len())
		for _, e := range s.Events().All() {
			event := map[string]any{"name": e.Name(), "offset": timeOf(e.Timestamp()).Sub(r.Time).Seconds()}
			for name, v := range e.Attributes().All() {
				event[name] = valueOf(v, 0)
			}
			events = append(events, event)
		}
		own = append(own, record.Field{Name: attrEvents, Value: events})
	}
	for _, f := range own {
		at, there := slices.BinarySearchFunc(r.Attributes, f.Name, func(f record.Field, name string) int { return cmp.Compare(f.Name, name) })
		if !there {
			r.Attributes = slices.Insert(r.Attributes, at, f)
		}
	}
	return r
}

func fieldsOfResource(resource pcommon.Resource) (fields []record.Field, service string) {
	fields = fieldsOf(resource.Attributes(), 0)
	for _, f := range fields {
		if f.Name == attrService {
			service, _ = f.Value.(string)
		}
	}
	return fields, service
}

// fieldsOf copies a map, sorted, each name once: the first counts.
func fieldsOf(m pcommon.Map, more int) []record.Field {
	if m.Len()+more == 0 {
		return nil
	}
	out := make([]record.Field, 0, m.Len()+more)
	sorted := true
	for name, v := range m.All() {
		if n := len(out); n > 0 && out[n-1].Name >= name {
			sorted = false
		}
		out = append(out, record.Field{Name: name, Value: valueOf(v, 0)})
	}
	if !sorted {
		slices.SortStableFunc(out, func(a, b record.Field) int { return cmp.Compare(a.Name, b.Name) })
		out = slices.CompactFunc(out, func(a, b record.Field) bool { return a.Name == b.Name })
	}
	return out
}

func valueOf(v pcommon.Value, depth int) any {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return v.Int()
	case pcommon.ValueTypeDouble:
		return v.Double()
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeSlice:
		if depth >= maxNesting {
			return v.AsString()
		}
		out := make([]any, 0, v.Slice().Len())
		for _, e := range v.Slice().All() {
			out = append(out, valueOf(e, depth+1))
		}
		return out
	case pcommon.ValueTypeMap:
		if depth >= maxNesting {
			return v.AsString()
		}
		out := make(map[string]any, v.Map().Len())
		for name, e := range v.Map().All() {
			out[name] = valueOf(e, depth+1)
		}
		return out
	case pcommon.ValueTypeBytes:
		return v.AsString()
	case pcommon.ValueTypeEmpty:
	}
	return nil
}

// timeOf is a time that JSON has a form for.
func timeOf(t pcommon.Timestamp) time.Time {
	if t > 1<<63-1 {
		t = 1<<63 - 1
	}
	return t.AsTime()
}

func severityOf(n plog.SeverityNumber) uint8 {
	if n < 0 || n > 24 {
		return 0
	}
	return uint8(n)
}

func hexOf(id pcommon.TraceID) string {
	if id.IsEmpty() {
		return ""
	}
	return hex.EncodeToString(id[:])
}

func hexOfSpan(id pcommon.SpanID) string {
	if id.IsEmpty() {
		return ""
	}
	return hex.EncodeToString(id[:])
}
