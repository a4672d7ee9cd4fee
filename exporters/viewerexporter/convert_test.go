package viewerexporter

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

func TestRecordOfLog(t *testing.T) {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "api")
	rl.Resource().Attributes().PutStr("host.name", "h")
	lr := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetTimestamp(1_700_000_000_123_456_789)
	lr.SetSeverityNumber(13)
	lr.SetSeverityText("WARNING")
	lr.SetEventName("buy")
	lr.SetTraceID(pcommon.TraceID{1})
	lr.SetSpanID(pcommon.SpanID{2})
	body := lr.Body().SetEmptyMap()
	body.PutEmptySlice("list").AppendEmpty().SetInt(7)
	body.PutEmptyBytes("bytes").FromRaw([]byte{1, 2})
	for name, value := range map[string]any{
		"request.id": "r", "request.macro_id": "m", "log.record.uid": "u", "fold.duration": 1.5, "z": true, "a": nil, "event.duration": 5,
	} {
		require.NoError(t, lr.Attributes().PutEmpty(name).FromRaw(value))
	}
	marshaler := plog.ProtoMarshaler{}
	before, err := marshaler.MarshalLogs(logs)
	require.NoError(t, err)
	got := recordsOfLogs(logs)
	require.Len(t, got, 1)
	assert.Equal(t, record.Record{
		Time: time.Unix(1_700_000_000, 123_456_789).UTC(), Severity: 13, SeverityText: "WARNING", Service: "api", Event: "buy",
		Body:    map[string]any{"list": []any{int64(7)}, "bytes": "AQI="},
		Request: "r", Macro: "m", UID: "u", Trace: "01000000000000000000000000000000", Span: "0200000000000000",
		Duration: 1500 * time.Millisecond, HasDuration: true,
		Attributes: []record.Field{
			{Name: "a"},
			{Name: "event.duration", Value: int64(5)},
			{Name: "fold.duration", Value: 1.5},
			{Name: "log.record.uid", Value: "u"},
			{Name: "request.id", Value: "r"},
			{Name: "request.macro_id", Value: "m"},
			{Name: "z", Value: true},
		},
		Resource: []record.Field{{Name: "host.name", Value: "h"}, {Name: "service.name", Value: "api"}},
	}, got[0])
	after, err := marshaler.MarshalLogs(logs)
	require.NoError(t, err)
	assert.Equal(t, before, after, "the pipeline's is not changed")
}

func TestOddLogs(t *testing.T) {
	logs := plog.NewLogs()
	list := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	lr := list.AppendEmpty() // nothing at all
	lr.SetSeverityNumber(99)
	deep := lr.Body()
	for range 100 {
		deep = deep.SetEmptySlice().AppendEmpty()
	}
	deep.SetStr("bottom")
	lr.Attributes().PutStr("twice", "first")
	lr = list.AppendEmpty()
	lr.SetTimestamp(math.MaxUint64)
	lr.Attributes().PutDouble("fold.duration", math.NaN())
	got := recordsOfLogs(logs)
	require.Len(t, got, 2)
	assert.WithinDuration(t, time.Now(), got[0].Time, time.Minute, "no time is now")
	assert.Zero(t, got[0].Severity)
	assert.Contains(t, string(got[0].AppendJSON(nil)), "bottom")
	assert.Equal(t, 2262, got[1].Time.Year())
	assert.False(t, got[1].HasDuration)
}

func TestRecordOfSpan(t *testing.T) {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "api")
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("GET /")
	s.SetKind(ptrace.SpanKindServer)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetParentSpanID(pcommon.SpanID{3})
	s.SetStartTimestamp(1_000_000_000)
	s.SetEndTimestamp(1_250_000_000)
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("no stock")
	s.Attributes().PutStr("request.id", "r")
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(1_100_000_000)
	e.Attributes().PutStr("exception.type", "E")
	got := recordsOfTraces(traces)
	require.Len(t, got, 1)
	assert.Equal(t, record.Record{
		Kind: record.Span, Time: time.Unix(1, 0).UTC(), Severity: 17, Service: "api", Body: "GET /", Request: "r",
		Trace: "01000000000000000000000000000000", Span: "0200000000000000", Parent: "0300000000000000",
		Duration: 250 * time.Millisecond, HasDuration: true, Status: record.Error,
		Attributes: []record.Field{
			{Name: "request.id", Value: "r"},
			{Name: "span.events", Value: []any{map[string]any{"name": "exception", "offset": 0.1, "exception.type": "E"}}},
			{Name: "span.kind", Value: "Server"},
			{Name: "span.status.message", Value: "no stock"},
		},
		Resource: []record.Field{{Name: "service.name", Value: "api"}},
	}, got[0])
	s.SetEndTimestamp(1)
	assert.False(t, recordsOfTraces(traces)[0].HasDuration, "it ends before it begins")
}

func recordsOfLogs(logs plog.Logs) []record.Record { return recordsAt(logs, time.Now()) }

func recordsAt(logs plog.Logs, arrived time.Time) []record.Record {
	s := newLogSource(logs)
	out := make([]record.Record, s.Len())
	for i := range out {
		out[i] = s.Record(i, arrived)
	}
	return out
}
