package worms3exporter

import (
	"context"
	"errors"
	"time"

	"github.com/heartwood-otel/heartwood/internal/logencoding"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/datapoint"
	"github.com/heartwood-otel/heartwood/internal/deadletter"
	"github.com/heartwood-otel/heartwood/internal/recordids"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

const (
	uidAttribute       = "log.record.uid"
	requestAttribute   = recordids.Request
	redactionAttribute = "redaction.count"
)

// Why something becomes a dead letter. The list is that of metadata.yaml.
const (
	reasonNotEncodable = "not_encodable"
	reasonTooLarge     = "too_large"
)

const (
	// maxLine is the longest record: what reads the archive takes no longer line, and one
	// record has to fit into the spool with others.
	maxLine = 8 << 20
	// maxRedactions of one record that are believed: no more secrets are in one.
	maxRedactions = 1 << 20
	// maxKeptBuffer is the largest that is kept for the next call, in bytes.
	maxKeptBuffer = 16 << 20
)

// intake makes records of what one call brings. It is for one goroutine at a time, and
// used again.
type intake struct {
	signal   archiver.Signal
	encoding string
	source   *recorduid.Source
	uid      []byte
	prints   fingerprinter
	scope    [16]byte // the fingerprint of that of the records at hand
	// plainResource says that theirs has no ids.
	plainResource bool
	partition     *partitioner
	// flat is what writes JSON, which knows names of the records before.
	flat logencoding.RecordEncoder

	arrival time.Time
	// buf has lines and ids of the records; records get their parts of it when all are
	// there.
	buf     []byte
	records []archiver.Record
	places  []place
	letters []deadletter.Letter
}

// place is where a record's parts end in an intake's buffer; each begins where the one
// before ends.
type place struct{ start, line, request, trace int }

func newIntake(cfg *Config, signal archiver.Signal, key archiver.FingerprintKey) *intake {
	return &intake{
		signal: signal, encoding: cfg.Encoding, source: recorduid.NewSource(), prints: newFingerprinter(key), partition: newPartitioner(&cfg.Partition),
	}
}

// reset lets go of what the call has brought.
func (in *intake) reset() {
	clear(in.records)
	clear(in.letters)
	in.records, in.places, in.letters, in.buf = in.records[:0], in.places[:0], in.letters[:0], in.buf[:0]
	in.partition.last = nil
	if cap(in.buf) > maxKeptBuffer {
		in.buf = nil
	}
}

// newUID makes a UUIDv7.
func (in *intake) newUID() string {
	in.uid = in.source.Next(in.arrival).AppendText(in.uid[:0])
	return string(in.uid)
}

// logEncoder is one of those that are made so, or the one of before.
func (in *intake) logEncoder(newEncoder func() logencoding.RecordEncoder) logencoding.RecordEncoder {
	if in.encoding != archive.EncodingJSON {
		return newEncoder()
	}
	if in.flat == nil {
		in.flat = newEncoder()
	}
	return in.flat
}

// logs takes log records.
func (in *intake) logs(ctx context.Context, logs plog.Logs, rules *rules, encoder logencoding.RecordEncoder) {
	defer encoder.End()
	for _, rl := range logs.ResourceLogs().All() {
		resource := in.prints.resource(rl.Resource(), rl.SchemaUrl())
		in.plainResource = recordids.PlainResource(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			if sl.LogRecords().Len() == 0 {
				continue
			}
			in.scope = in.prints.scope(resource, sl.Scope(), sl.SchemaUrl())
			begun := encoder.Begin(rl, sl)
			for _, r := range sl.LogRecords().All() {
				in.log(ctx, rl, sl, r, rules, encoder, begun)
			}
		}
	}
}

func (in *intake) log(ctx context.Context, rl plog.ResourceLogs, sl plog.ScopeLogs, r plog.LogRecord, rules *rules, encoder logencoding.RecordEncoder, begun error) {
	attributes := r.Attributes()
	m := meantBy(attributes)
	uid := text(m.uid)
	if uid == "" {
		uid = in.newUID()
		attributes.PutStr(uidAttribute, uid)
	}
	rule := rules.of(ctx, rl, sl, r, m.category)
	start := len(in.buf)
	err := begun
	if err == nil {
		in.buf, err = encoder.AppendLog(in.buf, r)
	}
	if reason, message := in.refusal(start, err); reason != "" {
		in.buf = in.buf[:start]
		// A copy, since others may have the record, too.
		own := plog.NewLogRecord()
		r.CopyTo(own)
		var lent logencoding.Request
		lent.Begin(rl, sl)
		plain, otherwise := lent.Marshal(otlpJSON.MarshalLogs, own)
		in.letter(reason, errors.Join(message, otherwise), uid, plain)
		return
	}
	at := r.Timestamp()
	if at == 0 {
		at = r.ObservedTimestamp()
	}
	var redactions int64
	if v := m.redactions; v != (pcommon.Value{}) && v.Type() == pcommon.ValueTypeInt {
		redactions = min(max(v.Int(), 0), maxRedactions)
	}
	var more []byte
	if !m.plain || !in.plainResource {
		more = moreIDsOfLog(rl.Resource().Attributes(), r)
	}
	record := in.next()
	record.Rule = rule
	record.Partitions = in.partition.partitions(rl.Resource().Attributes(), attributes)
	record.Time, record.Redactions, record.MoreIDs = timeOf(at), redactions, more
	record.Fingerprint, record.HasUID = in.prints.log(uid, in.scope, r), true
	in.complete(record, start, requestIn(m.request), r.TraceID())
}

// traces takes spans.
func (in *intake) traces(traces ptrace.Traces, rule archiver.Rule, encoder spanEncoder) {
	defer encoder.end()
	for _, rs := range traces.ResourceSpans().All() {
		resource := in.prints.resource(rs.Resource(), rs.SchemaUrl())
		for _, ss := range rs.ScopeSpans().All() {
			in.scope = in.prints.scope(resource, ss.Scope(), ss.SchemaUrl())
			encoder.begin(rs, ss)
			for _, s := range ss.Spans().All() {
				start := len(in.buf)
				var err error
				in.buf, err = encoder.append(in.buf, s)
				if reason, message := in.refusal(start, err); reason != "" {
					in.buf = in.buf[:start]
					plain := marshalledSpans{marshal: otlpJSON.MarshalTraces}
					plain.begin(rs, ss)
					text, otherwise := plain.append(nil, s)
					in.letter(reason, errors.Join(message, otherwise), s.SpanID().String(), text)
					continue
				}
				in.add(archiver.Record{
					Rule: rule, Partitions: in.partition.partitions(rs.Resource().Attributes(), s.Attributes()),
					Time: timeOf(s.StartTimestamp()), Fingerprint: in.prints.span(in.scope, s), HasUID: !s.TraceID().IsEmpty() && !s.SpanID().IsEmpty(),
					MoreIDs: moreIDs(rs.Resource().Attributes(), s.Attributes()),
				}, start, requestOf(s.Attributes()), s.TraceID())
			}
		}
	}
}

// metrics takes data points. Nothing tells one from another that is like it.
func (in *intake) metrics(metrics pmetric.Metrics, rule archiver.Rule, encoder pointEncoder) {
	defer encoder.end()
	for _, rm := range metrics.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			encoder.begin(rm, sm)
			for _, m := range sm.Metrics().All() {
				for p := range datapoint.Count(m) {
					in.point(rm, sm, m, p, rule, encoder)
				}
			}
		}
	}
}

func (in *intake) point(rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics, m pmetric.Metric, p int, rule archiver.Rule, encoder pointEncoder) {
	start := len(in.buf)
	var err error
	in.buf, err = encoder.append(in.buf, m, p)
	if reason, message := in.refusal(start, err); reason != "" {
		in.buf = in.buf[:start]
		plain := marshalledPoints{marshal: otlpJSON.MarshalMetrics}
		plain.begin(rm, sm)
		text, otherwise := plain.append(nil, m, p)
		in.letter(reason, errors.Join(message, otherwise), m.Name(), text)
		return
	}
	point := datapoint.At(m, p)
	in.add(archiver.Record{
		Rule: rule, Partitions: in.partition.partitions(rm.Resource().Attributes(), point.Attributes()), Time: timeOf(point.Timestamp()),
		MoreIDs: moreIDs(rm.Resource().Attributes(), point.Attributes()),
	}, start, requestOf(point.Attributes()), pcommon.TraceID{})
}

// next is a place for a record, without anything.
func (in *intake) next() *archiver.Record {
	n := len(in.records)
	if n == cap(in.records) {
		in.records = append(in.records, archiver.Record{})
	}
	in.records = in.records[:n+1]
	return &in.records[n]
}

// add takes a record whose line begins at start of the buffer and ends with it.
func (in *intake) add(record archiver.Record, start int, request string, trace pcommon.TraceID) {
	r := in.next()
	*r = record
	in.complete(r, start, request, trace)
}

// complete is add for a record of next.
func (in *intake) complete(record *archiver.Record, start int, request string, trace pcommon.TraceID) {
	record.Signal, record.Encoding, record.Arrival = in.signal, in.encoding, in.arrival
	record.Hour = in.partition.hour(record.Time, in.arrival)
	at := place{start: start, line: len(in.buf)}
	in.buf = append(in.buf, request...)
	at.request = len(in.buf)
	if !trace.IsEmpty() {
		in.buf = append(in.buf, trace[:]...)
	}
	at.trace = len(in.buf)
	in.places = append(in.places, at)
}

// all gives the records with their parts of the buffer.
func (in *intake) all() []archiver.Record {
	for i, at := range in.places {
		r := &in.records[i]
		r.Line = in.buf[at.start:at.line:at.line]
		r.RequestID = in.buf[at.line:at.request:at.request]
		r.TraceID = in.buf[at.request:at.trace:at.trace]
	}
	return in.records
}

var errTooLarge = errors.New("it has more than 8 MiB when it is encoded, which is the limit")

// refusal is why what was encoded since start can't be archived; empty: it can.
func (in *intake) refusal(start int, err error) (reason string, message error) {
	switch {
	case err != nil:
		return reasonNotEncodable, err
	case len(in.buf)-start > maxLine:
		return reasonTooLarge, errTooLarge
	}
	return "", nil
}

func (in *intake) letter(reason string, message error, key string, data []byte) {
	in.letters = append(in.letters, deadletter.Letter{Reason: reason, Message: message.Error(), Key: key, Data: data, Records: 1})
}
