package requestidprocessor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"gopkg.in/yaml.v3"

	"github.com/heartwood-otel/heartwood/processors/requestidprocessor/internal/metadata"
)

func configured(tb testing.TB, text string) *Config {
	tb.Helper()
	var raw map[string]any
	require.NoError(tb, yaml.Unmarshal([]byte(text), &raw))
	cfg := createDefaultConfig().(*Config)
	require.NoError(tb, confmap.NewFromStringMap(raw).Unmarshal(cfg))
	require.NoError(tb, cfg.Validate())
	return cfg
}

// bench is a logs and a traces processor of one id.
type bench struct {
	logs   processor.Logs
	traces processor.Traces
	tel    *componenttest.Telemetry
}

func start(tb testing.TB, config string) *bench {
	tb.Helper()
	b := &bench{tel: componenttest.NewTelemetry()}
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = b.tel.NewTelemetrySettings()
	factory := NewFactory()
	cfg := configured(tb, config)
	var err error
	b.logs, err = factory.CreateLogs(tb.Context(), set, cfg, consumertest.NewNop())
	require.NoError(tb, err)
	b.traces, err = factory.CreateTraces(tb.Context(), set, cfg, consumertest.NewNop())
	require.NoError(tb, err)
	require.NoError(tb, b.logs.Start(tb.Context(), componenttest.NewNopHost()))
	require.NoError(tb, b.traces.Start(tb.Context(), componenttest.NewNopHost()))
	return b
}

func (b *bench) stop(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, b.logs.Shutdown(context.Background()))
	require.NoError(tb, b.traces.Shutdown(context.Background()))
	require.NoError(tb, b.logs.Shutdown(context.Background()), "again")
	require.NoError(tb, b.tel.Shutdown(context.Background()))
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	require.Empty(tb, sharing.byID, "the last one takes the table with it")
}

func (b *bench) sum(tb testing.TB, name, label string) int64 {
	tb.Helper()
	m, err := b.tel.GetMetric("otelcol_processor_request_id_" + name)
	if err != nil {
		return 0
	}
	var sum int64
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		how, _ := p.Attributes.Value("how")
		reason, _ := p.Attributes.Value("reason")
		if label == "" || how.AsString() == label || reason.AsString() == label {
			sum += p.Value
		}
	}
	return sum
}

// trace makes a trace id.
func trace(n byte) pcommon.TraceID { return pcommon.TraceID{15: n} }

type attrs = map[string]any

// one is logs with one record.
func one(resource, record attrs, body string, t pcommon.TraceID) (plog.Logs, plog.LogRecord) {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	_ = rl.Resource().Attributes().FromRaw(resource)
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	_ = r.Attributes().FromRaw(record)
	if body != "" {
		r.Body().SetStr(body)
	}
	r.SetTraceID(t)
	return logs, r
}

func span(record attrs, t pcommon.TraceID) (ptrace.Traces, ptrace.Span) {
	traces := ptrace.NewTraces()
	s := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	_ = s.Attributes().FromRaw(record)
	s.SetTraceID(t)
	return traces, s
}

// withoutUID are a record's attributes, but for the uid that it may have got.
func withoutUID(r plog.LogRecord) attrs {
	all := r.Attributes().AsRaw()
	delete(all, uidAttribute)
	return all
}

func idOf(m pcommon.Map) any {
	v, ok := m.Get(requestAttribute)
	if !ok {
		return nil
	}
	return v.AsRaw()
}

func TestWhereIDsAreFound(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, c := range map[string]struct {
		config   string
		resource attrs
		record   attrs
		body     string
		want     any
		how      string
	}{
		"request.id":            {record: attrs{"request.id": "a"}, want: "a", how: "attribute"},
		"request_id":            {record: attrs{"request_id": "a"}, want: "a", how: "attribute"},
		"Request-Id":            {record: attrs{"Request-Id": "a"}, want: "a", how: "attribute"},
		"X-REQUEST-ID":          {record: attrs{"X-REQUEST-ID": "a"}, want: "a", how: "attribute"},
		"a header":              {record: attrs{"http.request.header.x-request-id": "a"}, want: "a", how: "attribute"},
		"a list":                {record: attrs{"http.request.header.x-request-id": []any{"", "a b", "c"}}, want: "c", how: "attribute"},
		"LogTrace's":            {record: attrs{"uid": "a"}, want: "a", how: "attribute"},
		"a number":              {record: attrs{"correlation_id": 7}, want: "7", how: "attribute"},
		"the order counts":      {record: attrs{"uid": "u", "correlation_id": "c", "x_request_id": "x"}, want: "x", how: "attribute"},
		"Amazon's":              {record: attrs{"x-amzn-trace-id": "Self=1-2;Root=1-67891233-abcdef;Parent=9"}, want: "1-67891233-abcdef", how: "attribute"},
		"Cloudflare's":          {record: attrs{"CF-Ray": "230b030023ae2822-SJC"}, want: "230b030023ae2822-SJC", how: "attribute"},
		"baggage":               {record: attrs{"baggage": "user=x, request.id = a;prop=1 ,y=z"}, want: "a", how: "attribute"},
		"baggage without":       {record: attrs{"baggage": "user=x"}, want: nil, how: "none"},
		"the resource's":        {resource: attrs{"request_id": "a"}, want: "a", how: "resource"},
		"record over resource":  {resource: attrs{"request.id": "a"}, record: attrs{"uid": "b"}, want: "b", how: "attribute"},
		"the next when refused": {record: attrs{"request_id": "a b", "uid": "c"}, want: "c", how: "attribute"},
		"too long":              {config: `{max_length: 3}`, record: attrs{"uid": "abcd"}, want: nil, how: "none"},
		"an own one refused":    {record: attrs{"request.id": "a\nb", "uid": "c"}, want: "a\nb", how: "none"},
		"an empty own one":      {record: attrs{"request.id": "", "uid": "c"}, want: "c", how: "attribute"},
		"own sources":           {config: `{sources: [job-id]}`, record: attrs{"request.id": "a", "job_id": "j"}, want: "j", how: "attribute"},
		"a body":                {config: `{body_patterns: ['req=(?P<id>\S+)']}`, body: "x req=a y", want: "a", how: "body"},
		"a body over resource":  {config: `{body_patterns: ['req=(?P<id>\S+)']}`, resource: attrs{"uid": "r"}, body: "req=a", want: "a", how: "body"},
		"a body that does not":  {config: `{body_patterns: ['req=(?P<id>\S*)']}`, body: "x req= y", want: nil, how: "none"},
		"a traceparent":         {record: attrs{"traceparent": parent}, want: fromTrace(pcommon.TraceID{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c}), how: "generated"},
		"a traceparent in text": {body: `calling with traceparent: "` + parent + `"`, want: fromTrace(pcommon.TraceID{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c}), how: "generated"},
		"a broken traceparent":  {record: attrs{"traceparent": strings.ToUpper(parent)}, want: nil, how: "none"},
		"nothing":               {record: attrs{"x": 1}, want: nil, how: "none"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.config == "" {
				c.config = "{}"
			}
			b := start(t, c.config)
			logs, r := one(c.resource, c.record, c.body, pcommon.TraceID{})
			require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
			assert.Equal(t, c.want, idOf(r.Attributes()))
			assert.EqualValues(t, 1, b.sum(t, "items", c.how))
			assert.EqualValues(t, 1, b.sum(t, "items", ""))
			b.stop(t)
		})
	}
}

func TestTraceparentFillsWhatIsEmpty(t *testing.T) {
	b := start(t, "{}")
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	logs, r := one(nil, attrs{"traceparent": parent}, "", pcommon.TraceID{})
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", r.TraceID().String())
	assert.Equal(t, "b7ad6b7169203331", r.SpanID().String())
	assert.True(t, r.Flags().IsSampled())
	logs, r = one(nil, attrs{"traceparent": parent}, "", trace(1))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, trace(1), r.TraceID())
	assert.True(t, r.SpanID().IsEmpty())
	b.stop(t)
}

func TestSourcesGoWhenTheyAreNotKept(t *testing.T) {
	b := start(t, "{keep_source: false}")
	logs, r := one(nil, attrs{"X-Request-Id": "a", "uid": "b"}, "", pcommon.TraceID{})
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, attrs{"request.id": "a", "uid": "b"}, withoutUID(r))
	b.stop(t)
}

func TestATraceIsJoinedInBothDirections(t *testing.T) {
	b := start(t, "{}")
	logs, _ := one(nil, attrs{"request_id": "a"}, "", trace(1))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	traces, s := span(nil, trace(1))
	require.NoError(t, b.traces.ConsumeTraces(t.Context(), traces))
	assert.Equal(t, "a", idOf(s.Attributes()))

	traces, _ = span(attrs{"http.request.header.x-request-id": []any{"b"}}, trace(2))
	require.NoError(t, b.traces.ConsumeTraces(t.Context(), traces))
	logs, r := one(nil, nil, "", trace(2))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, "b", idOf(r.Attributes()))

	logs, r = one(nil, attrs{"request_id": "other"}, "", trace(2))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, "other", idOf(r.Attributes()), "each keeps its own")
	logs, r = one(nil, nil, "", trace(2))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, "b", idOf(r.Attributes()), "the first stays the trace's")
	assert.EqualValues(t, 3, b.sum(t, "items", "trace"))
	b.stop(t)
}

func TestLaterRecordsOfABatchCountForEarlier(t *testing.T) {
	b := start(t, "{}")
	logs, r := one(nil, nil, "", trace(1))
	second, _ := one(nil, attrs{"request_id": "a"}, "", trace(1))
	second.ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, "a", idOf(logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()))
	_ = r
	b.stop(t)
}

func TestWhatIsGenerated(t *testing.T) {
	for generate, c := range map[string]struct{ trace, record bool }{
		"trace": {true, false}, "record": {true, true}, "none": {false, false},
	} {
		t.Run(generate, func(t *testing.T) {
			b := start(t, "{generate: "+generate+"}")
			logs, r := one(nil, nil, "", trace(1))
			require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
			if c.trace {
				id, err := uuid.Parse(idOf(r.Attributes()).(string))
				require.NoError(t, err)
				assert.Equal(t, uuid.Version(5), id.Version())
				assert.Equal(t, fromTrace(trace(1)), id.String())
			} else {
				assert.Nil(t, idOf(r.Attributes()))
			}
			logs, r = one(nil, nil, "", pcommon.TraceID{})
			require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
			if c.record {
				id, err := uuid.Parse(idOf(r.Attributes()).(string))
				require.NoError(t, err)
				assert.Equal(t, uuid.Version(7), id.Version())
			} else {
				assert.Nil(t, idOf(r.Attributes()))
			}
			b.stop(t)
		})
	}
}

func TestTheGeneratedIDIsAlwaysTheSame(t *testing.T) {
	// By Python's hashlib.
	assert.Equal(t, "fe32c538-13f7-51b6-8949-3dc25adfe163", fromTrace(trace(1)), "gateways of all releases agree")
}

func TestRecordsWaitForTheirID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "{wait: 2s}")
		begin := time.Now()
		logs, r := one(nil, nil, "", trace(1))
		var waiting sync.WaitGroup
		waiting.Go(func() { assert.NoError(t, b.logs.ConsumeLogs(t.Context(), logs)) })
		time.Sleep(time.Second)
		assert.EqualValues(t, 1, b.sum(t, "waiting", ""))
		traces, _ := span(attrs{"x-request-id": "a"}, trace(1))
		require.NoError(t, b.traces.ConsumeTraces(t.Context(), traces))
		waiting.Wait()
		assert.Equal(t, "a", idOf(r.Attributes()))
		assert.Equal(t, time.Second, time.Since(begin))
		assert.EqualValues(t, 1, b.sum(t, "waited", ""))
		assert.Zero(t, b.sum(t, "waiting", ""))

		logs, r = one(nil, nil, "", trace(2))
		begin = time.Now()
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		assert.Equal(t, 2*time.Second, time.Since(begin))
		assert.Equal(t, fromTrace(trace(2)), idOf(r.Attributes()))
		logs, _ = one(nil, attrs{"x": 1}, "", trace(2))
		begin = time.Now()
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		assert.Zero(t, time.Since(begin), "it is known now")
		b.stop(t)
	})
}

func TestWaitingEndsWithItsContextAndWithShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "{wait: 10s}")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		logs, _ := one(nil, nil, "", trace(1))
		require.ErrorIs(t, b.logs.ConsumeLogs(ctx, logs), context.DeadlineExceeded)
		logs, r := one(nil, nil, "", trace(2))
		var waiting sync.WaitGroup
		waiting.Go(func() { assert.NoError(t, b.logs.ConsumeLogs(t.Context(), logs)) })
		synctest.Wait()
		b.stop(t)
		waiting.Wait()
		assert.NotNil(t, idOf(r.Attributes()))
	})
}

func TestNotTooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "{wait: 10s, max_waiting_records: 2, max_waiting_size: 10KiB}")
		var waiting sync.WaitGroup
		for n := range byte(2) {
			waiting.Go(func() {
				logs, _ := one(nil, nil, "", trace(n+1))
				assert.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
			})
		}
		synctest.Wait()
		begin := time.Now()
		logs, _ := one(nil, nil, "", trace(9))
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		waiting.Wait()
		big, _ := one(nil, attrs{"x": strings.Repeat("x", 20_000)}, "", trace(10))
		now := time.Now()
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), big))
		assert.Zero(t, time.Since(now))
		assert.Equal(t, 10*time.Second, now.Sub(begin))
		assert.EqualValues(t, 2, b.sum(t, "wait_skipped", ""))
		b.stop(t)
	})
}

func TestMacroTransactions(t *testing.T) {
	b := start(t, "{}")
	consume := func(id, parent string) any {
		record := attrs{"request.id": id}
		if parent != "" {
			record["parent_request_id"] = parent
		}
		logs, r := one(nil, record, "", pcommon.TraceID{})
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		v, ok := r.Attributes().Get(macroAttribute)
		if !ok {
			return nil
		}
		return v.AsRaw()
	}
	assert.Nil(t, consume("alone", ""))
	assert.Equal(t, "root", consume("child", "root"))
	assert.Equal(t, "root", consume("grandchild", "child"))
	assert.Equal(t, "root", consume("grandchild", ""))
	assert.Equal(t, "root", consume("root", ""))
	consume("b", "a")
	consume("a", "b")
	assert.Equal(t, "a", consume("b", ""), "in a circle, all have the same root")
	assert.Equal(t, "a", consume("a", ""))
	assert.Nil(t, consume("self", "self"))
	for n := range 100 {
		consume(fmt.Sprint("c", n+1), fmt.Sprint("c", n))
	}
	assert.NotNil(t, consume("c100", ""))
	b.stop(t)
}

func TestFieldsAreCarried(t *testing.T) {
	b := start(t, "{carry: [user.id, tenant]}")
	consume := func(record attrs) attrs {
		logs, r := one(nil, record, "", trace(1))
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		return withoutUID(r)
	}
	consume(attrs{"request.id": "a", "user.id": 7})
	assert.Equal(t, attrs{"request.id": "a", "user.id": "7"}, consume(attrs{}))
	consume(attrs{"tenant": "t", "user.id": "8"})
	assert.Equal(t, attrs{"request.id": "a", "user.id": "7", "tenant": "t"}, consume(attrs{}))
	consume(attrs{"request.id": "b", "tenant": strings.Repeat("x", 1000)})
	assert.Equal(t, attrs{"request.id": "b"}, consume(attrs{"request.id": "b"}), "too long to be carried")
	b.stop(t)
}

func TestTheTableIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "{max_requests: 1000, ttl: 1m}")
		for n := range 20_000 {
			logs, _ := one(nil, attrs{"request.id": strconv.Itoa(n), "caused_by": "x"}, "", pcommon.TraceID{byte(n), byte(n >> 8), 15: byte(n)})
			require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		}
		assert.LessOrEqual(t, b.sum(t, "entries", ""), int64(2*1000+2*64))
		assert.Greater(t, b.sum(t, "evicted", ""), int64(30_000))
		time.Sleep(2 * time.Minute)
		logs, r := one(nil, nil, "", pcommon.TraceID{byte(19_999 & 255), byte(19_999 >> 8), 15: byte(19_999 & 255)})
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		assert.NotEqual(t, "19999", idOf(r.Attributes()), "it was forgotten")
		b.stop(t)
	})
}

type refusing struct{ consumertest.LogsSink }

var errRefused = errors.New("refused")

func (*refusing) ConsumeLogs(context.Context, plog.Logs) error { return errRefused }

func TestTheNextConsumersAnswerIsTheAnswer(t *testing.T) {
	p, err := NewFactory().CreateLogs(t.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), &refusing{})
	require.NoError(t, err)
	logs, _ := one(nil, nil, "", trace(1))
	require.ErrorIs(t, p.ConsumeLogs(t.Context(), logs), errRefused)
	require.NoError(t, p.Shutdown(t.Context()))
}

func TestConfigErrorsNameFieldValueAndRemedy(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	for text, want := range map[string]string{
		`{sources: [a, ""]}`:       `sources is ["a" ""]; an attribute's name must not be empty`,
		`{body_patterns: ["("]}`:   `body_patterns has "("; it must be a regular expression`,
		`{body_patterns: ["(a)"]}`: `body_patterns has "(a)"; it must have a group named id`,
		`{generate: always}`:       `generate is "always"; it must be one of ["trace" "record" "none"]`,
		`{carry: [""]}`:            `carry is [""]; an attribute's name must not be empty`,
		`{max_length: 0}`:          `max_length is 0; it must be from 1 to 4096`,
		`{wait: 1m}`:               `wait is 1m0s; it must be from 0s to 30s`,
		`{max_waiting_records: 0}`: `max_waiting_records is 0; it must be at least 1`,
		`{max_waiting_size: 0}`:    `max_waiting_size is 0B; it must be more than 0`,
		`{ttl: 1s, wait: 2s}`:      `ttl is 1s; it must be more than 0 and than wait, 2s`,
		`{max_requests: 0}`:        `max_requests is 0; it must be at least 1`,
	} {
		var raw map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &raw))
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, confmap.NewFromStringMap(raw).Unmarshal(cfg))
		assert.ErrorContains(t, cfg.Validate(), want, text)
	}
}

// FuzzConsume: whatever stands in the attributes, request.id is fit for a line and a
// header, or is what it was.
func FuzzConsume(f *testing.F) {
	f.Add("request_id", "a", "body traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("x-amzn-trace-id", "Root=1-2;Root=", "")
	f.Add("baggage", "request.id==;;,", "")
	f.Add("cf-ray", "a\r\nSet-Cookie: x", "")
	f.Add("traceparent", "00-00000000000000000000000000000000-0000000000000000-00", "")
	p, err := NewFactory().CreateLogs(f.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), consumertest.NewNop())
	require.NoError(f, err)
	f.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	f.Fuzz(func(t *testing.T, name, value, body string) {
		logs, r := one(nil, attrs{name: value}, body, pcommon.TraceID{})
		require.NoError(t, p.ConsumeLogs(t.Context(), logs))
		if id, ok := idOf(r.Attributes()).(string); ok && name != requestAttribute {
			assert.NotEmpty(t, id)
			assert.Equal(t, fine, check(id, 128))
		}
		if name == macroAttribute || name == uidAttribute && value == "" {
			return // these are not the sender's alone
		}
		kept, ok := r.Attributes().Get(name)
		require.True(t, ok)
		assert.Equal(t, value, kept.Str())
	})
}

func FuzzTraceparent(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more")
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := parseTraceparent(text)
		if !ok {
			return
		}
		assert.Equal(t, text[:55], fmt.Sprintf("%s-%s-%s-%02x", text[:2], c.trace, c.span, c.flags))
		assert.NotEqual(t, "ff", text[:2])
	})
}

func BenchmarkConsume(b *testing.B) {
	for _, c := range []struct {
		name   string
		record attrs
		trace  bool
	}{
		{"id=attribute", attrs{"x-request-id": "0f3c5a6e-1111-4222-8333-444455556666"}, true},
		{"id=trace", attrs{"y": 1}, true},
		{"id=none", attrs{"y": 1}, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, err := NewFactory().CreateLogs(b.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), consumertest.NewNop())
			require.NoError(b, err)
			logs := plog.NewLogs()
			sl := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
			for n := range 200 {
				r := sl.LogRecords().AppendEmpty()
				for k := range 9 {
					r.Attributes().PutInt(fmt.Sprint("http.attribute.", k), int64(n))
				}
				for key, value := range c.record {
					_ = r.Attributes().PutEmpty(key).FromRaw(value)
				}
				if c.trace {
					r.SetTraceID(trace(byte(n)))
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := p.ConsumeLogs(b.Context(), logs); err != nil {
					b.Fatal(err)
				}
				for _, r := range sl.LogRecords().All() {
					r.Attributes().Remove(requestAttribute)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*200), "ns/record")
			require.NoError(b, p.Shutdown(context.Background()))
		})
	}
}
