package flatdocument

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/jsontext"
)

// OTLPLog writes log records as OTLP's JSON, an ExportLogsServiceRequest for each, byte
// for byte as the Collector's own marshaler does it. It is for one goroutine at a time;
// its zero value is ready.
type OTLPLog struct {
	// What stands before and behind a record, as the Collector's marshaler writes it.
	before, after []byte
}

// A request with one empty record: where it stands, a record goes. Within a string of
// JSON, its quotes would be escaped.
var hole = []byte(`{"body":{}}`)

var errHole = errors.New("the Collector's marshaler writes log records in another form")

// Begin says what the records that follow belong to.
func (o *OTLPLog) Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) error {
	shell := plog.NewLogs()
	r := shell.ResourceLogs().AppendEmpty()
	rl.Resource().CopyTo(r.Resource())
	r.SetSchemaUrl(rl.SchemaUrl())
	s := r.ScopeLogs().AppendEmpty()
	sl.Scope().CopyTo(s.Scope())
	s.SetSchemaUrl(sl.SchemaUrl())
	s.LogRecords().AppendEmpty()
	encoded, err := (&plog.JSONMarshaler{}).MarshalLogs(shell)
	if err != nil {
		return fmt.Errorf("encode the resource: %w", err)
	}
	encoded = bytes.ToValidUTF8(encoded, []byte("\ufffd"))
	before, after, found := bytes.Cut(encoded, hole)
	if !found {
		return errHole
	}
	o.before, o.after = before, after
	return nil
}

// AppendLog appends the request of a record.
func (o *OTLPLog) AppendLog(dst []byte, r plog.LogRecord) []byte {
	dst = append(dst, o.before...)
	b := begin(dst)
	b.quoted("timeUnixNano", uint64(r.Timestamp()))
	b.quoted("observedTimeUnixNano", uint64(r.ObservedTimestamp()))
	if n := r.SeverityNumber(); n != 0 {
		b.integer("severityNumber", int64(n))
	}
	b.text("severityText", r.SeverityText())
	b.name("body")
	b.dst = appendAny(b.dst, r.Body())
	if r.Attributes().Len() > 0 {
		b.name("attributes")
		b.dst = append(b.dst, '[')
		b.dst = append(appendPairs(b.dst, r.Attributes()), ']')
	}
	if n := r.DroppedAttributesCount(); n != 0 {
		b.integer("droppedAttributesCount", int64(n))
	}
	if n := r.Flags(); n != 0 {
		b.integer("flags", int64(n))
	}
	b.trace("traceId", r.TraceID())
	b.span("spanId", r.SpanID())
	b.text("eventName", r.EventName())
	return append(append(b.dst, '}'), o.after...)
}

func (o *object) quoted(name string, n uint64) {
	if n != 0 {
		o.name(name)
		o.dst = append(o.dst, '"')
		o.dst = append(strconv.AppendUint(o.dst, n, 10), '"')
	}
}

func appendPairs(dst []byte, m pcommon.Map) []byte {
	first := true
	for name, v := range m.All() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, '{')
		if name != "" {
			dst = append(dst, `"key":`...)
			dst = append(jsontext.AppendString(dst, name), ',')
		}
		dst = append(dst, `"value":`...)
		dst = append(appendAny(dst, v), '}')
	}
	return dst
}

// appendAny appends an AnyValue.
func appendAny(dst []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		dst = append(dst, `{"stringValue":`...)
		dst = jsontext.AppendString(dst, v.Str())
	case pcommon.ValueTypeBool:
		dst = append(dst, `{"boolValue":`...)
		dst = strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		dst = append(dst, `{"intValue":"`...)
		dst = append(strconv.AppendInt(dst, v.Int(), 10), '"')
	case pcommon.ValueTypeDouble:
		dst = append(dst, `{"doubleValue":`...)
		dst = jsontext.AppendFloat(dst, v.Double())
	case pcommon.ValueTypeBytes:
		dst = append(dst, `{"bytesValue":`...)
		dst = appendBase64(dst, v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice:
		dst = append(dst, `{"arrayValue":{`...)
		if v.Slice().Len() > 0 {
			dst = append(dst, `"values":[`...)
			for i, e := range v.Slice().All() {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = appendAny(dst, e)
			}
			dst = append(dst, ']')
		}
		dst = append(dst, '}')
	case pcommon.ValueTypeMap:
		dst = append(dst, `{"kvlistValue":{`...)
		if v.Map().Len() > 0 {
			dst = append(dst, `"values":[`...)
			dst = append(appendPairs(dst, v.Map()), ']')
		}
		dst = append(dst, '}')
	default:
		dst = append(dst, '{')
	}
	return append(dst, '}')
}
