package harness

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

func oneLog(body string) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "purchasing")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("scope")
	r := sl.LogRecords().AppendEmpty()
	r.Body().SetStr(body)
	r.SetSeverityNumber(plog.SeverityNumberWarn)
	r.SetSeverityText("warning")
	r.SetEventName("order.placed")
	r.SetTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 11, 21, 8, 0, 0, 5, time.UTC)))
	r.SetTraceID([16]byte{1, 15: 2})
	r.SetSpanID([8]byte{3, 7: 4})
	r.SetFlags(1)
	r.Attributes().PutInt("n", 7)
	r.Attributes().PutDouble("elapsed", 1.5)
	r.Attributes().PutBool("ok", true)
	r.Attributes().PutStr("log.record.uid", "u-"+body)
	return logs
}

func dial(t *testing.T, sink *Sink) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(sink.GRPC(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	return conn
}

func exportGRPC(ctx context.Context, conn *grpc.ClientConn, logs plog.Logs, options ...grpc.CallOption) error {
	_, err := plogotlp.NewGRPCClient(conn).Export(ctx, plogotlp.NewExportRequestFromLogs(logs), options...)
	return err
}

func post(t *testing.T, url, contentType, encoding string, body []byte) (status int, header http.Header, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, string(text)
}

func TestSinkShowsALogRecordAsItCame(t *testing.T) {
	sink := NewSink(t)
	require.NoError(t, exportGRPC(t.Context(), dial(t, sink), oneLog("hi"), grpc.UseCompressor("gzip")))
	r := sink.WaitLog(t, Body("hi"))
	assert.Equal(t, LogRecord{
		Origin:       Origin{Resource: Attributes{"service.name": "purchasing"}, Scope: "scope"},
		Time:         time.Date(2026, 11, 21, 8, 0, 0, 5, time.UTC),
		Severity:     plog.SeverityNumberWarn,
		SeverityText: "warning",
		Body:         "hi",
		Attributes:   Attributes{"n": int64(7), "elapsed": 1.5, "ok": true, "log.record.uid": "u-hi"},
		EventName:    "order.placed",
		TraceID:      "01000000000000000000000000000002",
		SpanID:       "0300000000000004",
		Flags:        1,
	}, r)
	assert.Equal(t, "u-hi", r.UID())
	assert.Equal(t, 1, sink.LogCount())
	assert.Contains(t, r.String(), `Warn(warning) purchasing "hi" event=order.placed trace=01`)
}

func TestSinkTakesEveryFormOfOTLP(t *testing.T) {
	request := plogotlp.NewExportRequestFromLogs(oneLog("hi"))
	proto, err := request.MarshalProto()
	require.NoError(t, err)
	json, err := request.MarshalJSON()
	require.NoError(t, err)
	var gzipped, zstandard bytes.Buffer
	gz := gzip.NewWriter(&gzipped)
	_, _ = gz.Write(proto)
	require.NoError(t, gz.Close())
	zs, err := zstd.NewWriter(&zstandard, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	_, _ = zs.Write(json)
	require.NoError(t, zs.Close())

	for name, test := range map[string]struct {
		contentType, encoding string
		body                  []byte
	}{
		"protobuf":       {contentProtobuf, "", proto},
		"JSON":           {contentJSON, "", json},
		"protobuf, gzip": {contentProtobuf, "gzip", gzipped.Bytes()},
		"JSON, zstd":     {contentJSON, "zstd", zstandard.Bytes()},
	} {
		t.Run(name, func(t *testing.T) {
			sink := NewSink(t)
			status, header, _ := post(t, sink.HTTP()+"/v1/logs", test.contentType, test.encoding, test.body)
			assert.Equal(t, http.StatusOK, status)
			assert.Equal(t, test.contentType, header.Get("Content-Type"))
			assert.Equal(t, "u-hi", sink.WaitLog(t, Body("hi")).UID())
		})
	}
	for name, test := range map[string]struct {
		contentType, encoding string
		body                  string
		status                int
	}{
		"another type":       {"text/plain", "", "x", http.StatusUnsupportedMediaType},
		"broken JSON":        {contentJSON, "", "{", http.StatusBadRequest},
		"an unknown coding":  {contentJSON, "br", "{}", http.StatusBadRequest},
		"gzip that is none":  {contentJSON, "gzip", "{}", http.StatusBadRequest},
		"protobuf that ends": {contentProtobuf, "", "\x0a\x7f", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			sink := NewSink(t)
			status, _, _ := post(t, sink.HTTP()+"/v1/logs", test.contentType, test.encoding, []byte(test.body))
			assert.Equal(t, test.status, status)
			assert.Zero(t, sink.Requests())
		})
	}
}

func TestSinkTakesMetrics(t *testing.T) {
	sink := NewSink(t)
	metrics := pmetric.NewMetrics()
	rm := metrics.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "ordering")
	ms := rm.ScopeMetrics().AppendEmpty().Metrics()
	sum := ms.AppendEmpty()
	sum.SetName("orders")
	sum.SetUnit("{order}")
	sum.SetEmptySum().SetIsMonotonic(true)
	sum.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	point := sum.Sum().DataPoints().AppendEmpty()
	point.SetIntValue(3)
	point.Attributes().PutStr("kind", "gift")
	point.Exemplars().AppendEmpty().SetIntValue(1)
	gauge := ms.AppendEmpty()
	gauge.SetName("fill")
	gauge.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(0.5)
	histogram := ms.AppendEmpty()
	histogram.SetName("latency")
	hp := histogram.SetEmptyHistogram().DataPoints().AppendEmpty()
	hp.SetCount(4)
	hp.SetSum(10)
	exponential := ms.AppendEmpty()
	exponential.SetName("size")
	ep := exponential.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	ep.SetCount(5)
	summary := ms.AppendEmpty()
	summary.SetName("old")
	summary.SetEmptySummary().DataPoints().AppendEmpty().SetCount(6)

	_, err := pmetricotlp.NewGRPCClient(dial(t, sink)).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(metrics))
	require.NoError(t, err)
	p := sink.WaitDataPoint(t, Name("orders"), Attr("kind", "gift"), Service("ordering"))
	assert.Equal(t, pmetric.MetricTypeSum, p.Type)
	assert.Equal(t, "{order}", p.Unit)
	assert.True(t, p.Monotonic)
	assert.Equal(t, pmetric.AggregationTemporalityCumulative, p.Temporality)
	assert.InDelta(t, 3, p.Value, 0)
	assert.Equal(t, 1, p.Exemplars)
	assert.InDelta(t, 0.5, sink.WaitDataPoint(t, Name("fill")).Value, 0)
	assert.EqualValues(t, 4, sink.WaitDataPoint(t, Name("latency")).Count)
	assert.InDelta(t, 10, sink.WaitDataPoint(t, Name("latency")).Value, 0)
	assert.EqualValues(t, 5, sink.WaitDataPoint(t, Name("size")).Count)
	assert.EqualValues(t, 6, sink.WaitDataPoint(t, Name("old")).Count)
	assert.Len(t, sink.RawMetrics(), 1)
}

func TestSinkTakesTraces(t *testing.T) {
	sink := NewSink(t)
	traces := ptrace.NewTraces()
	s := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("GET /")
	s.SetSpanID([8]byte{7: 1})
	s.SetParentSpanID([8]byte{7: 2})
	s.Status().SetCode(ptrace.StatusCodeError)
	_, err := ptraceotlp.NewGRPCClient(dial(t, sink)).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(traces))
	require.NoError(t, err)
	span := sink.WaitSpan(t, Name("GET /"))
	assert.Equal(t, "0000000000000001", span.SpanID)
	assert.Equal(t, "0000000000000002", span.ParentSpanID)
	assert.Equal(t, ptrace.StatusCodeError, span.Status)
	assert.Len(t, sink.RawTraces(), 1)
}

func TestSinkRefusesOverGRPC(t *testing.T) {
	tests := map[string]struct {
		refusal Refusal
		code    codes.Code
		retry   time.Duration
	}{
		"unavailable":        {Refusal{Reason: Unavailable}, codes.Unavailable, 0},
		"with a time":        {Refusal{Reason: Unavailable, RetryAfter: time.Second}, codes.Unavailable, time.Second},
		"resource exhausted": {Refusal{Reason: Exhausted}, codes.ResourceExhausted, time.Millisecond},
		"for good":           {Refusal{Reason: Invalid, Message: "bad"}, codes.InvalidArgument, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sink := NewSink(t)
			sink.Behave(Refuse(test.refusal))
			err := exportGRPC(t.Context(), dial(t, sink), oneLog("x"))
			st := status.Convert(err)
			assert.Equal(t, test.code, st.Code())
			assert.Equal(t, test.refusal.Error(), st.Message())
			var retry time.Duration
			for _, detail := range st.Details() {
				if info, ok := detail.(*errdetails.RetryInfo); ok {
					retry = info.GetRetryDelay().AsDuration()
				}
			}
			assert.Equal(t, test.retry, retry)
			assert.Equal(t, 1, sink.Refused())
			assert.Empty(t, sink.Logs())
		})
	}
}

func TestSinkRefusesOverHTTP(t *testing.T) {
	for reason, want := range map[Reason]int{Unavailable: 503, Exhausted: 429, Invalid: 400} {
		sink := NewSink(t)
		sink.Behave(Refuse(Refusal{Reason: reason, RetryAfter: 1500 * time.Millisecond}))
		status, header, _ := post(t, sink.HTTP()+"/v1/logs", contentJSON, "", []byte("{}"))
		assert.Equal(t, want, status)
		assert.Equal(t, "2", header.Get("Retry-After"))
		assert.Equal(t, 1, sink.Refused())
	}
}

func TestSinkLosesTheAnswer(t *testing.T) {
	sink := NewSink(t)
	sink.Behave(RefuseFirst(1, Refusal{AfterStoring: true}))
	conn := dial(t, sink)
	require.Error(t, exportGRPC(t.Context(), conn, oneLog("x")))
	require.NoError(t, exportGRPC(t.Context(), conn, oneLog("x")))
	assert.Len(t, sink.Logs(Body("x")), 2)
}

func TestSinkHangsUntilTheSenderGivesUp(t *testing.T) {
	sink := NewSink(t)
	sink.Behave(Hang)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	conn := dial(t, sink)
	go func() { result <- exportGRPC(ctx, conn, oneLog("x")) }()
	sink.WaitRequests(t, 1)
	cancel()
	assert.Equal(t, codes.Canceled, status.Code(<-result))
	sink.WaitFor(t, "the sink to notice", long, func() bool { return sink.Refused() == 1 })
	assert.Empty(t, sink.Logs())
}

func TestSinkGate(t *testing.T) {
	sink := NewSink(t)
	var gate Gate
	sink.Behave(gate.Hold)
	conn := dial(t, sink)
	var sending sync.WaitGroup
	for range 3 {
		sending.Go(func() { assert.NoError(t, exportGRPC(t.Context(), conn, oneLog("x"))) })
	}
	sink.WaitRequests(t, 3)
	assert.Zero(t, sink.LogCount())
	gate.Open()
	gate.Open()
	sending.Wait()
	assert.Equal(t, 3, sink.LogCount())
	require.NoError(t, exportGRPC(t.Context(), conn, oneLog("y")))
}

func TestSinkGoesDownAndComesBack(t *testing.T) {
	sink := NewSink(t)
	conn := dial(t, sink)
	require.NoError(t, exportGRPC(t.Context(), conn, oneLog("before")))

	sink.Behave(Hang)
	result := make(chan error)
	go func() { result <- exportGRPC(t.Context(), conn, oneLog("held")) }()
	sink.WaitRequests(t, 2)
	sink.Down()
	sink.Down()
	assert.Equal(t, codes.Unavailable, status.Code(<-result))
	assert.Equal(t, codes.Unavailable, status.Code(exportGRPC(t.Context(), conn, oneLog("while down"))))

	sink.Behave(Accept)
	sink.Up(t)
	require.NoError(t, exportGRPC(t.Context(), conn, oneLog("after"), grpc.WaitForReady(true)))
	var bodies []string
	for _, r := range sink.Logs() {
		bodies = append(bodies, r.Text())
	}
	assert.Equal(t, []string{"before", "after"}, bodies)
	sink.Forget()
	assert.Empty(t, sink.Logs())
	assert.Zero(t, sink.Requests())
}

func TestBehaviours(t *testing.T) {
	refuse := Refuse(Refusal{})
	outcome := func(b Behaviour, n int) string {
		var out []byte
		for i := range n {
			if b(t.Context(), Request{Signal: SignalLogs, Number: i + 1}) == nil {
				out = append(out, '+')
			} else {
				out = append(out, '-')
			}
		}
		return string(out)
	}
	assert.Equal(t, "+++", outcome(Accept, 3))
	assert.Equal(t, "--+++", outcome(RefuseFirst(2, Refusal{}), 5))
	assert.Equal(t, "++-++-+", outcome(Every(3, refuse), 7))
	assert.Equal(t, "----+-", outcome(All(Every(2, refuse), RefuseFirst(2, Refusal{})), 6), "the second isn't asked about what the first refuses")
	assert.Equal(t, "---", outcome(Only(SignalLogs, refuse), 3))
	assert.Equal(t, "+++", outcome(Only(SignalTraces, refuse), 3))
	share := outcome(RefuseShare(0.3, 1, Refusal{}), 1000)
	refused := bytes.Count([]byte(share), []byte("-"))
	assert.InDelta(t, 300, refused, 60)
	assert.Equal(t, share, outcome(RefuseShare(0.3, 1, Refusal{}), 1000), "the same seed gives the same refusals")
	assert.NotEqual(t, share, outcome(RefuseShare(0.3, 2, Refusal{}), 1000))
}

func TestDelay(t *testing.T) {
	begin := time.Now()
	require.NoError(t, Delay(20*time.Millisecond)(t.Context(), Request{}))
	assert.GreaterOrEqual(t, time.Since(begin), 20*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, Delay(time.Hour)(ctx, Request{}), context.Canceled)
}

func TestConditions(t *testing.T) {
	sink := NewSink(t)
	conn := dial(t, sink)
	require.NoError(t, exportGRPC(t.Context(), conn, oneLog("first line")))
	require.NoError(t, exportGRPC(t.Context(), conn, oneLog("second line")))
	for text, test := range map[string]struct {
		conditions []Condition
		found      int
	}{
		"none":                 {nil, 2},
		"body":                 {[]Condition{Body("first line")}, 1},
		"part of the body":     {[]Condition{BodyContains("line")}, 2},
		"event name":           {[]Condition{Name("order.placed")}, 2},
		"another event name":   {[]Condition{Name("order")}, 0},
		"an int":               {[]Condition{Attr("n", 7)}, 2},
		"another type of Go's": {[]Condition{Attr("n", uint8(7))}, 2},
		"an int as a float":    {[]Condition{Attr("n", 7.0)}, 0},
		"an int as text":       {[]Condition{Attr("n", "7")}, 0},
		"a float":              {[]Condition{Attr("elapsed", 1.5)}, 2},
		"a bool":               {[]Condition{Attr("ok", true)}, 2},
		"an attribute":         {[]Condition{HasAttr("ok")}, 2},
		"no such attribute":    {[]Condition{HasAttr("nok")}, 0},
		"a resource":           {[]Condition{Resource("service.name", "purchasing")}, 2},
		"an attribute as one":  {[]Condition{Resource("n", 7)}, 0},
		"a service":            {[]Condition{Service("ordering")}, 0},
		"two":                  {[]Condition{Service("purchasing"), Body("first line")}, 1},
		"not":                  {[]Condition{Not(Body("first line"))}, 1},
		"one's own":            {[]Condition{Where("warn", func(r LogRecord) bool { return r.Severity == plog.SeverityNumberWarn })}, 2},
		"of another kind":      {[]Condition{Where("span", func(Span) bool { return true })}, 0},
	} {
		assert.Len(t, sink.Logs(test.conditions...), test.found, text)
	}
}

func TestWaitingInVainShowsWhatIsThere(t *testing.T) {
	sink := NewSink(t)
	require.NoError(t, exportGRPC(t.Context(), dial(t, sink), oneLog("what is there")))
	tb := newRecorder()
	tb.run(func() {
		sink.WaitFor(tb, "a log record"+describe([]Condition{Body("b"), Attr("n", 1)}), time.Millisecond, func() bool { return false })
	})
	said := tb.end()
	assert.True(t, tb.Failed())
	assert.Contains(t, said, `waited 1ms for a log record with body "b", n=1.`)
	assert.Contains(t, said, "1 requests, refused or not answered 0 of them, and has 1 log records")
	assert.Contains(t, said, `"what is there"`)
}
