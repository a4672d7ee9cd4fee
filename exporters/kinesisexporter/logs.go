package kinesisexporter

import (
	"unicode/utf8"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/logencoding"
)

// truncatedAttribute marks a record whose body was cut; it has the body's length before,
// in bytes.
const truncatedAttribute = "heartwood.truncated"

// logCodec is what is to be known of log records.
type logCodec struct {
	// single makes an encoder of single records.
	single func() logencoding.RecordEncoder
	// marshal encodes batches; nil: they are what single makes of each record. lines says
	// that there is a line for each.
	marshal plog.Marshaler
	lines   bool
}

func (l *logCodec) appendBatch(dst []byte, logs plog.Logs) ([]byte, error) {
	if l.marshal != nil {
		encoded, err := l.marshal.MarshalLogs(logs)
		return append(dst, encoded...), err
	}
	encoder := l.single()
	defer encoder.End()
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			if err := encoder.Begin(rl, sl); err != nil {
				return dst, err
			}
			for _, r := range sl.LogRecords().All() {
				var err error
				if dst, err = encoder.AppendLog(dst, r); err != nil {
					return dst, err
				}
				if l.lines {
					dst = append(dst, '\n')
				}
			}
		}
	}
	return dst, nil
}

// consume makes user records of log records.
func (l *logCodec) consume(in *intake, logs plog.Logs, e *expression[*ottllog.TransformContext]) {
	if in.x.cfg.Unit == unitBatch {
		l.batches(in, logs, e)
		return
	}
	encoder := l.single()
	defer encoder.End()
	for i, rl := range logs.ResourceLogs().All() {
		for j, sl := range rl.ScopeLogs().All() {
			if sl.LogRecords().Len() == 0 {
				continue
			}
			begun := encoder.Begin(rl, sl)
			for _, r := range sl.LogRecords().All() {
				key := in.logKey(rl, sl, r, e)
				if begun == nil && in.putLog(key, encoder, r) {
					continue
				}
				// The long way, which can do more than the short one.
				b := newLogBuilder()
				b.add(i, j, rl, sl, r)
				put(in, l, group[plog.Logs]{key, b.logs, 1})
			}
		}
	}
}

// putLog encodes a record, and says whether it could, and it fits.
func (in *intake) putLog(key partitionKey, encoder logencoding.RecordEncoder, r plog.LogRecord) bool {
	in.open(key, 1)
	var excess int
	var err error
	if in.buf, err = encoder.AppendLog(in.buf, r); err == nil {
		excess, err = in.close()
	}
	if err != nil || excess > 0 {
		in.drop()
		return false
	}
	return true
}

// batches makes a user record of all records of a key.
func (l *logCodec) batches(in *intake, logs plog.Logs, e *expression[*ottllog.TransformContext]) {
	builders := map[string]*logBuilder{}
	var groups []group[plog.Logs]
	for i, rl := range logs.ResourceLogs().All() {
		for j, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				key := in.logKey(rl, sl, r, e)
				b := builders[key.text]
				if b == nil {
					b = newLogBuilder()
					b.number = len(groups)
					builders[key.text] = b
					groups = append(groups, group[plog.Logs]{key: key, data: b.logs})
				}
				b.add(i, j, rl, sl, r)
				groups[b.number].count++
			}
		}
	}
	for _, g := range groups {
		put(in, l, g)
	}
}

// logKey finds a record's key, and gives it a uid where it has none.
func (in *intake) logKey(rl plog.ResourceLogs, sl plog.ScopeLogs, r plog.LogRecord, e *expression[*ottllog.TransformContext]) partitionKey {
	var uid string
	if v, ok := r.Attributes().Get(uidAttribute); ok {
		uid = textOf(v)
	}
	if uid == "" {
		uid = in.keys.newUID(in.now)
		r.Attributes().PutStr(uidAttribute, uid)
	}
	var text string
	if e != nil {
		c := ottllog.NewTransformContextPtr(rl, sl, r)
		text = e.text(in.ctx, c)
		c.Close()
	} else {
		text = in.keys.attribute(rl.Resource().Attributes(), r.Attributes())
	}
	if id := r.TraceID(); text == "" && !id.IsEmpty() {
		text = id.String()
	}
	if text == "" {
		text = uid
	}
	return in.keys.key(text)
}

// logBuilder puts records together to logs again. Records are copied: who brought them
// may come again with the same, as receivers with retry_on_failure do.
type logBuilder struct {
	logs            plog.Logs
	resource, scope int // of the record added last
	records         plog.LogRecordSlice
	scopes          plog.ScopeLogsSlice
	number          int // of its group
}

func newLogBuilder() *logBuilder {
	return &logBuilder{logs: plog.NewLogs(), resource: -1, scope: -1}
}

// add takes a record with what it belongs to, which are the numbers resource and scope of
// the call's.
func (b *logBuilder) add(resource, scope int, rl plog.ResourceLogs, sl plog.ScopeLogs, r plog.LogRecord) {
	if resource != b.resource {
		to := b.logs.ResourceLogs().AppendEmpty()
		rl.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rl.SchemaUrl())
		b.resource, b.scope, b.scopes = resource, -1, to.ScopeLogs()
	}
	if scope != b.scope {
		to := b.scopes.AppendEmpty()
		sl.Scope().CopyTo(to.Scope())
		to.SetSchemaUrl(sl.SchemaUrl())
		b.scope, b.records = scope, to.LogRecords()
	}
	r.CopyTo(b.records.AppendEmpty())
}

func (*logCodec) plain(logs plog.Logs) ([]byte, error) {
	return logencoding.JSONMarshaler{}.MarshalLogs(logs)
}

func (*logCodec) split(logs plog.Logs, n int) (first, rest plog.Logs) {
	a, b := newLogBuilder(), newLogBuilder()
	for i, rl := range logs.ResourceLogs().All() {
		for j, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				to := a
				if n <= 0 {
					to = b
				}
				n--
				to.add(i, j, rl, sl, r)
			}
		}
	}
	return a.logs, b.logs
}

// truncate cuts the body of the one record in logs.
func (*logCodec) truncate(logs plog.Logs, excess, size int) bool {
	r := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	body := textOf(r.Body())
	if body == "" {
		return false
	}
	// As if all of the record were body, written with so many bytes for each of the body's:
	// with escapes, or compressed. That is a little less than has to go, so it takes
	// several cuts, each of a sixteenth at least.
	cut := int(int64(excess) * int64(len(body)) / int64(size))
	keep := max(0, len(body)-max(cut, len(body)/16, 1))
	for keep > 0 && !utf8.RuneStart(body[keep]) {
		keep--
	}
	mark, marked := r.Attributes().Get(truncatedAttribute)
	if !marked {
		r.Attributes().PutInt(truncatedAttribute, int64(len(body)))
	} else if mark.Type() != pcommon.ValueTypeInt {
		mark.SetInt(int64(len(body)))
	}
	r.Body().SetStr(body[:keep])
	return true
}

// marshalledLogs are requests of one record each, of the Collector's marshalers and
// extensions'.
type marshalledLogs struct {
	marshaler plog.Marshaler
	request   logencoding.Request
}

func (e *marshalledLogs) Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) error {
	e.request.Begin(rl, sl)
	return nil
}

func (e *marshalledLogs) AppendLog(dst []byte, r plog.LogRecord) ([]byte, error) {
	encoded, err := e.request.Marshal(e.marshaler.MarshalLogs, r)
	if err != nil {
		return dst, err
	}
	return append(dst, encoded...), nil
}

func (*marshalledLogs) End() {}

// extensionLogs is an extension that appends.
type extensionLogs struct{ logencoding.LogEncoder }

func (e extensionLogs) Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) error {
	e.LogEncoder.Begin(rl.Resource(), sl.Scope())
	return nil
}
