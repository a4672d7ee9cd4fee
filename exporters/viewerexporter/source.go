package viewerexporter

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata/pref"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/store"
)

// logSource gives the store the log records of a batch. It reads them when the store asks, after the pipeline's call
// has returned, as a sending queue does: they are nobody's to change.
type logSource struct {
	records   []sourceRecord
	resources []sourceResource
}

type sourceRecord struct {
	plog.LogRecord
	resource uint32
}

type sourceResource struct {
	fields  []record.Field
	service string
	size    int64
}

var _ store.Source = (*logSource)(nil)

func newLogSource(logs plog.Logs) *logSource {
	s := &logSource{records: make([]sourceRecord, 0, logs.LogRecordCount())}
	for _, rl := range logs.ResourceLogs().All() {
		fields, service := fieldsOfResource(rl.Resource())
		s.resources = append(s.resources, sourceResource{fields, service, store.SizeOfResource(fields)})
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				s.records = append(s.records, sourceRecord{lr, uint32(len(s.resources) - 1)})
			}
		}
	}
	if len(s.records) > 0 {
		pref.RefLogs(logs) // for good: queries may see it at any time
	}
	return s
}

func (s *logSource) Len() int { return len(s.records) }

func (s *logSource) Move(to, from int) { s.records[to] = s.records[from] }

func (s *logSource) Cut(n int) {
	clear(s.records[n:])
	s.records = s.records[:n]
}

func (s *logSource) Size(i int) int64 {
	lr := &s.records[i]
	n := store.RecordSize + len(lr.SeverityText()) + len(lr.EventName()) + sizeOf(lr.Body())
	for name, v := range lr.Attributes().All() {
		n += store.FieldSize + len(name) + sizeOf(v)
	}
	return int64(n) + s.resources[lr.resource].size
}

// sizeOf estimates what a value takes.
func sizeOf(v pcommon.Value) int {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return len(v.Str())
	case pcommon.ValueTypeBytes:
		return v.Bytes().Len()
	case pcommon.ValueTypeSlice:
		n := 24
		for _, e := range v.Slice().All() {
			n += 48 + sizeOf(e)
		}
		return n
	case pcommon.ValueTypeMap:
		n := 48
		for name, e := range v.Map().All() {
			n += 48 + len(name) + sizeOf(e)
		}
		return n
	default:
		return 8
	}
}

func (s *logSource) Record(i int, arrived time.Time) record.Record {
	c := converters.Get().(*converter)
	defer converters.Put(c)
	return c.record(s, i, arrived)
}

// record makes all of a record.
func (c *converter) record(s *logSource, i int, arrived time.Time) record.Record {
	r, lr := c.log(s, i, arrived)
	if lr.Body().Type() != pcommon.ValueTypeEmpty {
		r.Body = valueOf(lr.Body(), 0)
	}
	r.Attributes = fieldsOf(lr.Attributes(), 0)
	for j := range r.Attributes {
		if role := roleOf(r.Attributes[j].Name); role != noRole {
			take(&r, role, r.Attributes[j].Value)
		}
	}
	return r
}

// log makes a record but for body and attributes.
func (c *converter) log(s *logSource, i int, arrived time.Time) (r record.Record, lr plog.LogRecord) {
	from := &s.records[i]
	resource := &s.resources[from.resource]
	lr = from.LogRecord
	at := lr.Timestamp()
	if at == 0 {
		at = lr.ObservedTimestamp()
	}
	if at == 0 {
		at = pcommon.NewTimestampFromTime(arrived)
	}
	r = record.Record{
		Kind: record.Log, Time: timeOf(at), Severity: severityOf(lr.SeverityNumber()), SeverityText: lr.SeverityText(),
		Service: resource.service, Event: lr.EventName(), Resource: resource.fields,
	}
	if id := lr.TraceID(); !id.IsEmpty() {
		if id != c.trace || c.traceText == "" {
			c.trace, c.traceText = id, c.hex(id[:])
		}
		r.Trace = c.traceText
	}
	if id := lr.SpanID(); !id.IsEmpty() {
		r.Span = c.hex(id[:])
	}
	return r, lr
}

func (s *logSource) Put(i int, arrived time.Time, to *store.Cells) {
	c := converters.Get().(*converter)
	defer converters.Put(c)
	attributes := s.records[i].Attributes()
	like := &c.shapes[attributes.Len()%len(c.shapes)]
	if !like.is(attributes) && !like.learn(attributes) {
		to.Record(c.record(s, i, arrived))
		return
	}
	r, lr := c.log(s, i, arrived)
	at := 0
	for _, v := range attributes.All() {
		known := &like.names[at]
		cell, ok := to.Attribute(known.name, &known.column)
		if !ok {
			to.Record(c.record(s, i, arrived))
			return
		}
		put(cell, v)
		if known.role != noRole {
			take(&r, known.role, valueOf(v, 0))
		}
		at++
	}
	if lr.Body().Type() != pcommon.ValueTypeEmpty {
		put(to.Body(), lr.Body())
	}
	to.Log(&r)
}

func put(cell store.Cell, v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		cell.Text(v.Str())
	case pcommon.ValueTypeInt:
		cell.Int(v.Int())
	default:
		cell.Value(valueOf(v, 0))
	}
}
