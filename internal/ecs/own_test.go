package ecs_test

import (
	"maps"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

func newRecord(tb testing.TB, pairs ...any) plog.LogRecord {
	tb.Helper()
	r := plog.NewLogRecord()
	fill(tb, r.Attributes(), pairs...)
	return r
}

func TestOwnFields(t *testing.T) {
	m := begun(ecs.Options{}) // one for all: nothing of a record is left in the next
	for _, c := range []struct {
		name string
		set  func(r plog.LogRecord)
		in   []any
		want raw
	}{
		{"nothing", func(plog.LogRecord) {}, nil, raw{}},
		{"attributes of nothing", func(r plog.LogRecord) { r.Body().SetStr("b"); r.SetTimestamp(1) }, []any{"message", nil, "@timestamp", nil, "log.level", nil}, raw{
			"message": "b", "@timestamp": "1970-01-01T00:00:00.000000001Z", "log.level": nil, "labels.message": nil, "labels.@timestamp": nil,
		}},
		{"both times", func(r plog.LogRecord) { r.SetTimestamp(1); r.SetObservedTimestamp(2) }, nil, raw{"@timestamp": "1970-01-01T00:00:00.000000001Z", "event.created": "1970-01-01T00:00:00.000000002Z"}},
		{"observed", func(r plog.LogRecord) { r.SetObservedTimestamp(2) }, nil, raw{"@timestamp": "1970-01-01T00:00:00.000000002Z"}},
		{
			"times of its own", func(r plog.LogRecord) { r.SetTimestamp(1); r.SetObservedTimestamp(2) },
			[]any{"@timestamp", "2026-02-03T04:05:06Z", "event.created", "2026-02-03T04:05:07Z"},
			raw{"@timestamp": "2026-02-03T04:05:06.000000000Z", "event.created": "2026-02-03T04:05:07.000000000Z", "labels.time_unix_nano": int64(1), "labels.observed_time_unix_nano": int64(2)},
		},
		{
			"observed beside a time of its own", func(r plog.LogRecord) { r.SetObservedTimestamp(2) },
			[]any{"@timestamp", "2026-02-03T04:05:06Z"},
			raw{"@timestamp": "2026-02-03T04:05:06.000000000Z", "event.created": "1970-01-01T00:00:00.000000002Z"},
		},
		{"observed, said already", func(r plog.LogRecord) { r.SetObservedTimestamp(2) }, []any{"@timestamp", "1970-01-01T00:00:00.000000002Z"}, raw{"@timestamp": "1970-01-01T00:00:00.000000002Z"}},
		{
			"folded, said already", func(r plog.LogRecord) { _ = r.Body().FromRaw(raw{"parts": []any{raw{"message": "m"}}}) },
			[]any{"labels.fold_id", "f", "heartwood.parts", []any{raw{"message": "m"}}},
			raw{"message": "m", "heartwood.parts": []any{raw{"message": "m"}}, "labels.fold_id": "f"},
		},
		{"the same time", func(r plog.LogRecord) { r.SetTimestamp(1) }, []any{"@timestamp", "1970-01-01T00:00:00.000000001Z"}, raw{"@timestamp": "1970-01-01T00:00:00.000000001Z"}},
		{"a time that is none", func(r plog.LogRecord) { r.SetTimestamp(1) }, []any{"@timestamp", "now"}, raw{"@timestamp": "1970-01-01T00:00:00.000000001Z", "labels.@timestamp": "now"}},
		{"a time too far", func(r plog.LogRecord) { r.SetTimestamp(math.MaxUint64) }, nil, raw{"labels.time_unix_nano": "18446744073709551615"}},
		{"text and number", func(r plog.LogRecord) { r.SetSeverityText("notice"); r.SetSeverityNumber(9) }, nil, raw{"log.level": "notice"}},
		{"number", func(r plog.LogRecord) { r.SetSeverityNumber(18) }, nil, raw{"log.level": "ERROR2", "event.outcome": "failure"}},
		{"highest number", func(r plog.LogRecord) { r.SetSeverityNumber(24) }, nil, raw{"log.level": "FATAL4", "event.outcome": "failure"}},
		{"no number of OpenTelemetry's", func(r plog.LogRecord) { r.SetSeverityNumber(25) }, nil, raw{"labels.severity_number": int64(25), "event.outcome": "failure"}},
		{"below zero", func(r plog.LogRecord) { r.SetSeverityNumber(-1) }, nil, raw{"labels.severity_number": int64(-1)}},
		{"level of its own", func(r plog.LogRecord) { r.SetSeverityText("INFO") }, []any{"log.level", "info"}, raw{"log.level": "info", "labels.severity_text": "INFO"}},
		{"ids", func(r plog.LogRecord) { r.SetTraceID(pcommon.TraceID{1}); r.SetSpanID(pcommon.SpanID{2}) }, nil, raw{"trace.id": "01000000000000000000000000000000", "span.id": "0200000000000000"}},
		{
			"ids of its own", func(r plog.LogRecord) { r.SetTraceID(pcommon.TraceID{1}); r.SetSpanID(pcommon.SpanID{2}) },
			[]any{"trace.id", "01000000000000000000000000000000", "span.id", "other"},
			raw{"trace.id": "01000000000000000000000000000000", "span.id": "other", "labels.span_id": "0200000000000000"},
		},
		{"event", func(r plog.LogRecord) { r.SetEventName("buy") }, nil, raw{"event.action": "buy", "event.kind": "event"}},
		{"event of its own", func(r plog.LogRecord) { r.SetEventName("buy") }, []any{"event.action", "sell", "event.kind", "alert"}, raw{"event.action": "sell", "event.kind": "alert", "labels.event_name": "buy"}},
		{"version of its own", func(plog.LogRecord) {}, []any{"ecs.version", "1.6.0"}, raw{"ecs.version": "1.6.0"}},
		{"empty body", func(r plog.LogRecord) { r.Body().SetStr("") }, nil, raw{"message": ""}},
		{"number as body", func(r plog.LogRecord) { r.Body().SetDouble(0.5) }, nil, raw{"message": "0.5"}},
		{"boolean as body", func(r plog.LogRecord) { r.Body().SetBool(true) }, nil, raw{"message": "true"}},
		{"bytes as body", func(r plog.LogRecord) { r.Body().SetEmptyBytes().FromRaw([]byte("ab")) }, nil, raw{"message": "YWI="}},
		{"list as body", func(r plog.LogRecord) { _ = r.Body().FromRaw([]any{1, raw{"a": nil}}) }, nil, raw{"message": `[1,{"a":null}]`}},
		{"message of its own", func(r plog.LogRecord) { r.Body().SetStr("body") }, []any{"message", "attribute"}, raw{"message": "attribute", "labels.body": "body"}},
		{"map as body", func(r plog.LogRecord) { _ = r.Body().FromRaw(raw{"a": 1}) }, nil, raw{"message": `{"a":1}`, "heartwood.body": raw{"a": int64(1)}}},
		{"map with message", func(r plog.LogRecord) { _ = r.Body().FromRaw(raw{"msg": "b", "message": "a"}) }, nil, raw{"message": "a", "heartwood.body": raw{"msg": "b", "message": "a"}}},
		{"map with msg", func(r plog.LogRecord) { _ = r.Body().FromRaw(raw{"msg": "b", "message": 1}) }, nil, raw{"message": "b", "heartwood.body": raw{"msg": "b", "message": int64(1)}}},
		{"map and message of its own", func(r plog.LogRecord) { _ = r.Body().FromRaw(raw{"a": 1}) }, []any{"message", "m", "heartwood.body", "b"}, raw{"message": "m", "heartwood.body": "b", "labels.body_a": int64(1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecord(t, c.in...)
			c.set(r)
			got := values(t, m.Attributes(r))
			if c.want["ecs.version"] == nil {
				require.Equal(t, ecs.Version, got["ecs.version"])
				delete(got, "ecs.version")
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestFoldedDocument(t *testing.T) {
	parts := []any{raw{"offset": 0.5, "message": "order placed"}, raw{"message": "no stock", "attributes": raw{"a.b": int64(1)}}}
	body := raw{"parts": parts, "shared": []any{"request.id"}, "origins": []any{raw{"resource": raw{}, "scope": raw{}}}}
	attributes := []any{"fold.id", "f", "fold.outcome", "failure", "fold.duration", 0.5, "http.response.status_code", 200}
	beside := func(more raw) raw {
		maps.Copy(more, raw{"ecs.version": ecs.Version, "event.kind": "event", "event.outcome": "failure", "event.duration": int64(5e8), "http.response.status_code": int64(200), "labels.fold_id": "f", "labels.fold_outcome": "failure"})
		return more
	}
	for _, c := range []struct {
		body raw
		want raw
	}{
		{body, beside(raw{"message": "no stock", "heartwood.parts": parts, "heartwood.shared": []any{"request.id"}, "heartwood.origins": body["origins"]})},
		{raw{"parts": parts}, beside(raw{"message": "no stock", "heartwood.parts": parts})},
		{raw{"parts": []any{raw{"message": raw{"a": int64(1)}}}}, beside(raw{"message": `{"a":1}`, "heartwood.parts": []any{raw{"message": raw{"a": int64(1)}}}})},
		{raw{"parts": []any{raw{"message": int64(7)}}}, beside(raw{"message": "7", "heartwood.parts": []any{raw{"message": int64(7)}}})},
		{raw{"parts": []any{raw{}}}, beside(raw{"heartwood.parts": []any{raw{}}})},
		{raw{"parts": []any{}}, beside(raw{"heartwood.parts": []any{}})},
		// These are none.
		{raw{"parts": "x"}, beside(raw{"message": `{"parts":"x"}`, "heartwood.body": raw{"parts": "x"}})},
		{raw{"shared": []any{}}, beside(raw{"message": `{"shared":[]}`, "heartwood.body": raw{"shared": []any{}}})},
		{raw{"parts": []any{}, "message": "m"}, beside(raw{"message": `m`, "heartwood.body": raw{"parts": []any{}, "message": "m"}})},
	} {
		r := newRecord(t, attributes...)
		require.NoError(t, r.Body().FromRaw(c.body))
		assert.Equal(t, c.want, values(t, begun(ecs.Options{}).Attributes(r)), c.body)
		for _, unknown := range []ecs.Unknown{ecs.Keep, ecs.Drop} {
			got := values(t, begun(ecs.Options{Unknown: unknown}).Attributes(r))
			assert.Equal(t, []any{"event", "failure", c.want["message"]}, []any{got["event.kind"], got["event.outcome"], got["message"]})
		}
	}
	r := newRecord(t)
	require.NoError(t, r.Body().FromRaw(raw{"parts": []any{}}))
	assert.Equal(t, raw{"ecs.version": ecs.Version, "message": `{"parts":[]}`, "heartwood.body": raw{"parts": []any{}}}, values(t, begun(ecs.Options{}).Attributes(r)))
}

func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		in   []any
		want any
	}{
		{nil, nil},
		{[]any{"fold.outcome", "success", "http.response.status_code", 500}, "success"},
		{[]any{"fold.outcome", "weird", "http.response.status_code", 500}, "failure"},
		{[]any{"fold.outcome", 1}, nil},
		{[]any{"http.response.status_code", 499, "exception.type", "E"}, "success"},
		{[]any{"http.response.status_code", "500"}, "failure"},
		{[]any{"http", raw{"response": raw{"status_code": 500}}, "http.response.status_code", 200}, "success"},
		{[]any{"http.response.status_code", nil}, nil},
		{[]any{"http.response.status_code", "-", "rpc.grpc.status_code", 0}, "success"},
		{[]any{"rpc.grpc.status_code", 2}, "failure"},
		{[]any{"rpc.grpc.status_code", "0"}, "success"},
		{[]any{"rpc.grpc.status_code", "OK"}, nil},
		{[]any{"exception.message", "m"}, "failure"},
		{[]any{"exception.stacktrace", "m"}, "failure"},
		{[]any{"exception.type", nil}, nil},
		{[]any{"error.type", "E", "error.message", "m"}, nil},
		{[]any{"exception.type", "E", "event.outcome", "success"}, "success"},
		{[]any{"exception.type", "E", "event.outcome", "good"}, "failure"},
	} {
		got, _ := mapped(t, ecs.Options{}, c.in...)
		assert.Equal(t, c.want, got["event.outcome"], c.in)
	}
	// A status of the resource stands in the document as if it were the record's.
	for name, value := range (raw{"rpc.grpc.status_code": 2, "http.response.status_code": 500, "exception.type": "E", "fold.outcome": "failure"}) {
		resource := pcommon.NewResource()
		fill(t, resource.Attributes(), name, value)
		m := ecs.NewMapper(ecs.Options{})
		m.Begin(resource, pcommon.NewInstrumentationScope())
		r := newRecord(t)
		assert.Equal(t, "failure", values(t, m.Log(r))["event.outcome"], name)
		assert.NotContains(t, values(t, m.Attributes(r)), "event.outcome", name)
	}
	for number, want := range map[plog.SeverityNumber]any{16: nil, 17: "failure"} {
		r := newRecord(t)
		r.SetSeverityNumber(number)
		assert.Equal(t, want, values(t, begun(ecs.Options{}).Attributes(r))["event.outcome"])
	}
}

func TestSpan(t *testing.T) {
	s := ptrace.NewSpan()
	s.SetName("GET /")
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetStartTimestamp(1770091506000000001)
	s.SetEndTimestamp(1770091506500000002)
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("no stock")
	fill(t, s.Attributes(), "request.id", "r", "x", 1)
	m := begun(ecs.Options{})
	full := raw{
		"@timestamp": "2026-02-03T04:05:06.000000001Z", "ecs.version": ecs.Version, "event.start": "2026-02-03T04:05:06.000000001Z", "event.end": "2026-02-03T04:05:06.500000002Z",
		"event.duration": int64(500000001), "event.outcome": "failure", "error.message": "no stock", "http.request.id": "r",
		"trace.id": "01000000000000000000000000000000", "span.id": "0200000000000000", "labels.x": int64(1),
	}
	assert.Equal(t, full, values(t, m.Span(s)))
	assert.Equal(t, "GET /", s.Name())

	fill(t, s.Attributes(), "exception.message", "m", "event.duration", 5, "fold.id", "f", "@timestamp", "2026-02-03T04:05:06Z")
	got := values(t, m.Span(s))
	full["error.message"], full["labels.status_message"], full["event.duration"], full["event.kind"] = "m", "no stock", int64(5), "event"
	full["labels.fold_id"], full["@timestamp"] = "f", "2026-02-03T04:05:06.000000000Z"
	assert.Equal(t, full, got)

	for _, c := range []struct {
		set  func(s ptrace.Span)
		in   []any
		want raw
	}{
		{func(ptrace.Span) {}, nil, raw{}},
		{func(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeOk); s.Status().SetMessage("m") }, []any{"http.response.status_code", 500}, raw{"http.response.status_code": int64(500), "event.outcome": "success"}},
		{func(s ptrace.Span) { s.Status().SetCode(ptrace.StatusCodeError) }, nil, raw{"event.outcome": "failure"}},
		{func(s ptrace.Span) { s.SetKind(ptrace.SpanKindClient) }, []any{"http.response.status_code", 400}, raw{"http.response.status_code": int64(400), "event.outcome": "failure"}},
		{func(s ptrace.Span) { s.SetKind(ptrace.SpanKindClient) }, []any{"http.response.status_code", 399}, raw{"http.response.status_code": int64(399), "event.outcome": "success"}},
		{func(s ptrace.Span) { s.SetKind(ptrace.SpanKindServer) }, []any{"http.response.status_code", 499}, raw{"http.response.status_code": int64(499), "event.outcome": "success"}},
		{func(s ptrace.Span) { s.SetStartTimestamp(2); s.SetEndTimestamp(1) }, nil, raw{"@timestamp": "1970-01-01T00:00:00.000000002Z", "event.start": "1970-01-01T00:00:00.000000002Z", "event.end": "1970-01-01T00:00:00.000000001Z"}},
		{func(s ptrace.Span) { s.SetEndTimestamp(1) }, nil, raw{"event.end": "1970-01-01T00:00:00.000000001Z"}},
		{func(s ptrace.Span) { s.SetStartTimestamp(math.MaxUint64) }, nil, raw{"labels.start_time_unix_nano": "18446744073709551615"}},
	} {
		s := ptrace.NewSpan()
		c.set(s)
		fill(t, s.Attributes(), c.in...)
		c.want["ecs.version"] = ecs.Version
		assert.Equal(t, c.want, values(t, m.Span(s)), c.in)
	}
}
