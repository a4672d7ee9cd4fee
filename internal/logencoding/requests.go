package logencoding

import (
	"bytes"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/flatdocument"
)

// RecordEncoder encodes records one at a time, as a LogEncoder does, and is told schema
// URLs as well. An error of Begin is about all records that follow. It is for one
// goroutine at a time.
type RecordEncoder interface {
	Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) error
	AppendLog(dst []byte, r plog.LogRecord) ([]byte, error)
	End()
}

// Flat writes flat documents. Its zero value is ready.
type Flat struct{ flat flatdocument.Flat }

// Begin implements RecordEncoder.
func (e *Flat) Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) error {
	e.flat.Begin(rl.Resource(), sl.Scope())
	return nil
}

// AppendLog implements RecordEncoder.
func (e *Flat) AppendLog(dst []byte, r plog.LogRecord) ([]byte, error) {
	return e.flat.AppendLog(dst, r), nil
}

// End implements RecordEncoder.
func (e *Flat) End() { e.flat.End() }

// OTLPJSON writes OTLP's JSON. Its zero value is ready.
type OTLPJSON struct{ otlp flatdocument.OTLPLog }

// Begin implements RecordEncoder.
func (e *OTLPJSON) Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) error { return e.otlp.Begin(rl, sl) }

// AppendLog implements RecordEncoder.
func (e *OTLPJSON) AppendLog(dst []byte, r plog.LogRecord) ([]byte, error) {
	return e.otlp.AppendLog(dst, r), nil
}

// End implements RecordEncoder.
func (*OTLPJSON) End() {}

// Request is a request of one record, which is lent to it while it is marshalled.
type Request struct {
	request plog.Logs
	record  plog.LogRecord
}

// Begin says what the records belong to, and copies it.
func (l *Request) Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) {
	l.request = plog.NewLogs()
	r := l.request.ResourceLogs().AppendEmpty()
	rl.Resource().CopyTo(r.Resource())
	r.SetSchemaUrl(rl.SchemaUrl())
	s := r.ScopeLogs().AppendEmpty()
	sl.Scope().CopyTo(s.Scope())
	s.SetSchemaUrl(sl.SchemaUrl())
	l.record = s.LogRecords().AppendEmpty()
}

// Empty is the request without a record's content.
func (l *Request) Empty() plog.Logs { return l.request }

// Marshal gives what marshal makes of the request with the record.
func (l *Request) Marshal(marshal func(plog.Logs) ([]byte, error), r plog.LogRecord) ([]byte, error) {
	r.MoveTo(l.record)
	defer l.record.MoveTo(r)
	return marshal(l.request)
}

// JSONMarshaler writes OTLP's JSON, of all signals. The Collector's marshalers write text
// that is not UTF-8 as it is, which is no JSON; here it has U+FFFD in place of what is
// wrong.
type JSONMarshaler struct{}

// MarshalLogs implements plog.Marshaler.
func (JSONMarshaler) MarshalLogs(logs plog.Logs) ([]byte, error) {
	return valid((&plog.JSONMarshaler{}).MarshalLogs(logs))
}

// MarshalTraces implements ptrace.Marshaler.
func (JSONMarshaler) MarshalTraces(traces ptrace.Traces) ([]byte, error) {
	return valid((&ptrace.JSONMarshaler{}).MarshalTraces(traces))
}

// MarshalMetrics implements pmetric.Marshaler.
func (JSONMarshaler) MarshalMetrics(metrics pmetric.Metrics) ([]byte, error) {
	return valid((&pmetric.JSONMarshaler{}).MarshalMetrics(metrics))
}

func valid(encoded []byte, err error) ([]byte, error) {
	return bytes.ToValidUTF8(encoded, []byte("\ufffd")), err
}
