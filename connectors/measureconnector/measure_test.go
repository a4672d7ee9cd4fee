package measureconnector

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	otelattribute "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/heartwood-otel/heartwood/connectors/measureconnector/internal/metadatatest"
)

type attrs = map[string]any

// rig is both connectors of one id, with what they give.
type rig struct {
	t       *testing.T
	tel     *componenttest.Telemetry
	logs    connector.Logs
	metrics connector.Logs
	out     consumertest.LogsSink
	points  consumertest.MetricsSink
	refuse  error // of the next consumer of logs
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	r := &rig{t: t, tel: componenttest.NewTelemetry()}
	set := metadatatest.NewSettings(r.tel)
	set.ID = component.MustNewIDWithName("measure", t.Name())
	f := NewFactory()
	var err error
	r.logs, err = f.CreateLogsToLogs(t.Context(), set, cfg, r)
	require.NoError(t, err)
	r.metrics, err = f.CreateLogsToMetrics(t.Context(), set, cfg, &r.points)
	require.NoError(t, err)
	return r
}

func (r *rig) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	if r.refuse != nil {
		return r.refuse
	}
	return r.out.ConsumeLogs(ctx, logs)
}

func (r *rig) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (r *rig) engine() *engine { return r.logs.(*logsToLogs).engine }

func (r *rig) send(records ...attrs) error {
	return r.logs.ConsumeLogs(context.Background(), batch(records...))
}

func (r *rig) stop() {
	require.NoError(r.t, r.metrics.Shutdown(context.Background()))
	require.NoError(r.t, r.logs.Shutdown(context.Background()))
	require.NoError(r.t, r.tel.Shutdown(context.Background()))
}

// shown is what the series say, as lines of name, unit, kind, attributes and value.
func (r *rig) shown() []string { return show(r.engine().render(time.Now(), "")) }

// batch is logs of one resource, service.name shop. "body" and "trace" are none of the
// attributes.
func batch(records ...attrs) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	sl := rl.ScopeLogs().AppendEmpty()
	for _, a := range records {
		lr := sl.LogRecords().AppendEmpty()
		lr.SetSeverityNumber(plog.SeverityNumberInfo)
		for name, v := range a {
			switch name {
			case "trace":
				lr.SetTraceID(pcommon.TraceID{byte(v.(int))})
				lr.SetSpanID(pcommon.SpanID{byte(v.(int))})
			case "event":
				lr.SetEventName(v.(string))
			default:
				_ = lr.Attributes().PutEmpty(name).FromRaw(v)
			}
		}
	}
	return logs
}

func show(m pmetric.Metrics) []string {
	var out []string
	for _, rm := range m.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, x := range sm.Metrics().All() {
				put := func(a pcommon.Map, format string, args ...any) {
					line := x.Name() + " " + x.Unit() + " " + strings.ToLower(x.Type().String()) + " "
					var names []string
					for name, v := range a.All() {
						names = append(names, name+"="+v.AsString())
					}
					out = append(out, line+strings.Join(names, ",")+" "+fmt.Sprintf(format, args...))
				}
				switch x.Type() {
				case pmetric.MetricTypeSum:
					for _, p := range x.Sum().DataPoints().All() {
						put(p.Attributes(), "%v", p.DoubleValue())
					}
				case pmetric.MetricTypeGauge:
					for _, p := range x.Gauge().DataPoints().All() {
						put(p.Attributes(), "%v", p.DoubleValue())
					}
				case pmetric.MetricTypeHistogram:
					for _, p := range x.Histogram().DataPoints().All() {
						put(p.Attributes(), "%d/%v", p.Count(), p.Sum())
					}
				case pmetric.MetricTypeExponentialHistogram:
					for _, p := range x.ExponentialHistogram().DataPoints().All() {
						put(p.Attributes(), "%d/%v", p.Count(), p.Sum())
					}
				default:
				}
			}
		}
	}
	return out
}

func only(names ...string) func(*Config) {
	return func(c *Config) { c.Conventions = names }
}

func TestConventions(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(*Config)
		records []attrs
		want    []string
		refused map[string]int64
	}{
		"measures": {only("measures"), []attrs{
			{"measure.db": 5}, {"measure#db": "2.5"}, {"measure.db": 1.5}, {"measure#q": "12ms"}, {"measure.q": ""}, {"measure.n": nil},
		}, []string{"db  histogram  3/9", "n  histogram  1/1", "q s histogram  1/0.012"}, map[string]int64{refusedUnit: 1}},
		"samples": {only("measures"), []attrs{
			{"sample#load": "2.46"}, {"sample.load": -1}, {"sample#memory_total": "21.00MB"}, {"sample#pages": "348836pages"},
		}, []string{"load  gauge  -1", "memory_total By gauge  2.2020096e+07", "pages {page} gauge  348836"}, nil},
		"counts": {only("measures"), []attrs{
			{"count#jobs": "1"}, {"count.jobs": 2}, {"count#jobs": ""}, {"count#jobs": -1}, {"count#jobs": "x"}, {"count#...": 1}, {"count#jobs": true},
		}, []string{"jobs  sum  4"}, map[string]int64{refusedNegative: 1, refusedNumber: 2, refusedName: 1}},
		"times": {only("measures"), []attrs{
			{"measure.elapsed": 250}, {"measure.elapsed": "0.5s"}, {"sample.job_latency": "30"},
		}, []string{"elapsed s histogram  2/0.75", "job_latency s gauge  0.03"}, nil},
		"units": {func(c *Config) {
			c.Conventions = []string{"measures"}
			c.Units = map[string]string{"elapsed": "s", "size": "KiB", "jobs": "job"}
		}, []attrs{{"measure.elapsed": 2}, {"sample.size": 2}, {"count.jobs": 3}}, []string{"elapsed s histogram  1/2", "jobs {job} sum  3", "size By gauge  2048"}, nil},
		"attributes": {only("measures"), []attrs{
			{"count.a": 1, "event": "paid", "code.function.name": "f", "other": "x", "tag#shard": 7, "source": "s"},
			{"count.a": 1, "event": "paid", "code.function.name": "f", "tag#shard": "7", "source": "s"},
		}, []string{"a  sum event.name=paid,code.function.name=f,source=s,shard=7 2"}, nil},
		"tags of strangers": {only("measures"), []attrs{
			{"count.a": 1, "event": "e", "tag#event_name": "x", "tag#le": "1", "tag#service_name": "x", "tag#service.name": "x", "tag#__name__": "y", "tag#otel.metric.overflow": "true", "tag#a b": "z", "tag#": "w", "tag#source": "v", "source": "s"},
		}, []string{"a  sum event.name=e,source=s 1"}, nil},
		"conflicts": {
			only("measures"),
			[]attrs{{"count.a": 1}, {"measure.a": 1}, {"count.a": "1ms"}},
			[]string{"a  sum  1"},
			map[string]int64{refusedKind: 1, refusedUnit: 1},
		},
		"records":                {only("records"), []attrs{{}, {"log.record.uid": "1"}}, []string{"log.records {record} sum log.severity=INFO 2"}, nil},
		"another service's name": {only("records"), []attrs{{}, {"service.name": "other"}}, []string{"log.records {record} sum log.severity=INFO 2"}, nil},
		"exceptions": {
			only("exceptions"),
			[]attrs{{"exception.type": "KeyError"}, {}},
			[]string{"log.exceptions {exception} sum exception.type=KeyError 1"},
			nil,
		},
		"folds": {
			only("folds"),
			[]attrs{{"fold.duration": 1.5, "event": "checkout"}, {"fold.duration": 1.0, "event": "checkout"}},
			[]string{"fold.duration s histogram event.name=checkout 2/2.5"},
			nil,
		},
		"access": {only("access"), []attrs{
			{"log.category": "access", "http.request.method": "GET", "url.path": "/orders/1234", "http.response.status_code": 200, "http.server.request.duration": 0.5, "http.response.body.size": 100},
			{"log.category": "access", "http.request.method": "GET", "url.path": "/orders/99", "http.response.status_code": "200", "http.server.request.duration": 0.25},
			{"log.category": "access", "http.request.method": "GET", "http.route": "/a/:b", "http.response.status_code": 404, "http.server.request.duration": -1},
			{"http.server.request.duration": 9},
		}, []string{
			"http.server.request.duration s histogram http.request.method=GET,http.route=/orders/{id},http.response.status_code=200 2/0.75",
			"http.server.response.body.size By histogram http.request.method=GET,http.route=/orders/{id},http.response.status_code=200 1/100",
		}, map[string]int64{refusedNegative: 1}},
		"heroku router": {only("access"), []attrs{
			{"dyno": "web.1", "connect": "1ms", "service": "12ms", "status": 200, "bytes": 88, "method": "POST", "path": "/pay?x=1"},
		}, []string{
			"heroku.router.connect.duration s histogram http.request.method=POST,http.route=/pay,http.response.status_code=200 1/0.001",
			"http.server.request.duration s histogram http.request.method=POST,http.route=/pay,http.response.status_code=200 1/0.012",
			"http.server.response.body.size By histogram http.request.method=POST,http.route=/pay,http.response.status_code=200 1/88",
		}, nil},
		"exponential": {
			func(c *Config) { c.Conventions, c.Histogram = []string{"measures"}, "exponential" },
			[]attrs{{"measure.x": 1}, {"measure.x": -2}, {"measure.x": 0}},
			[]string{"x  exponentialhistogram  3/-1"},
			nil,
		},
		"rules": {func(c *Config) {
			c.Conventions = nil
			c.Rules = []ruleConfig{
				{Name: "paid", Condition: `attributes["event"] == "paid"`, Attributes: []string{"currency"}},
				{Name: "amount", Value: `attributes["amount"]`, Kind: "histogram", Attributes: []string{}, Unit: "EUR"},
				{Name: "depth", Value: `attributes["depth"]`, Kind: "up_down_sum", Attributes: []string{}},
				{Name: "took", Value: `attributes["took"]`, Kind: "gauge", Unit: "s", Attributes: []string{}},
			}
		}, []attrs{
			{"currency": "EUR", "amount": 3, "depth": 2}, {"currency": "EUR", "amount": 4.5, "depth": -3}, {"took": "12ms"}, {"took": "12MB"}, {"took": []any{1}},
		}, []string{"amount EUR histogram  2/7.5", "depth  sum  -1", "took s gauge  0.012"}, map[string]int64{refusedUnit: 1, refusedNumber: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.change)
			defer r.stop()
			for _, a := range tc.records { // one by one: their order is given
				require.NoError(t, r.send(a))
			}
			assert.Equal(t, tc.want, r.shown())
			assert.Equal(t, len(tc.records), r.out.LogRecordCount(), "all are delivered")
			var dps []metricdata.DataPoint[int64]
			for reason, n := range tc.refused {
				dps = append(dps, metricdata.DataPoint[int64]{Value: n, Attributes: otelattribute.NewSet(otelattribute.String("reason", reason))})
			}
			if dps != nil {
				metadatatest.AssertEqualConnectorMeasureValuesRefused(t, r.tel, dps, metricdatatest.IgnoreTimestamp())
			}
		})
	}
}

func TestLimits(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Conventions, c.MaxSeries, c.MaxMetrics = []string{"measures"}, 2, 1 })
	defer r.stop()
	for i := range 5 {
		require.NoError(t, r.send(attrs{"count.a": 1, "event": fmt.Sprint("e", i)}))
	}
	require.NoError(t, r.send(attrs{"count.b": 1}))
	got := r.shown()
	assert.ElementsMatch(t, []string{"a  sum event.name=e0 1", "a  sum event.name=e1 1", "a  sum otel.metric.overflow=true 3"}, got)
	metadatatest.AssertEqualConnectorMeasureValuesOverflowed(t, r.tel, []metricdata.DataPoint[int64]{{Value: 3}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorMeasureSeries(t, r.tel, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorMeasureValuesRefused(t, r.tel, []metricdata.DataPoint[int64]{{Value: 1, Attributes: otelattribute.NewSet(otelattribute.String("reason", refusedTooMany))}}, metricdatatest.IgnoreTimestamp())
}

// The reasons of refusals are what users look for.
func TestReasonsOfRefusals(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Conventions, c.MaxMetrics = []string{"measures"}, 2 })
	defer r.stop()
	for _, a := range []attrs{
		{"count#a": "x"},
		{"count#a": -1},
		{"count#...": 1},
		{"count#a": "1ms"},
		{"measure#b": 1},
		{"count#b": 1},
		{"count#a": "1B"},
		{"count#c": 1},
	} {
		require.NoError(t, r.send(a))
	}
	var want []metricdata.DataPoint[int64]
	for _, reason := range []string{"no_number", "negative", "name", "unit", "kind", "too_many_metrics"} {
		want = append(want, metricdata.DataPoint[int64]{Value: 1, Attributes: otelattribute.NewSet(otelattribute.String("reason", reason))})
	}
	metadatatest.AssertEqualConnectorMeasureValuesRefused(t, r.tel, want, metricdatatest.IgnoreTimestamp())
	assert.ElementsMatch(t, refusals, []string{"no_number", "negative", "name", "unit", "kind", "too_many_metrics"})
}

func TestNamesOfSeverities(t *testing.T) {
	want := map[plog.SeverityNumber]string{-1: "UNSPECIFIED", 0: "UNSPECIFIED", 1: "TRACE", 4: "TRACE", 5: "DEBUG", 8: "DEBUG", 9: "INFO", 12: "INFO", 13: "WARN", 16: "WARN", 17: "ERROR", 20: "ERROR", 21: "FATAL", 24: "FATAL", 25: "UNSPECIFIED"}
	for n, want := range want {
		lr := plog.NewLogRecord()
		lr.SetSeverityNumber(n)
		assert.Equal(t, want, severityName(lr), "%d", n)
	}
}

func TestTagsInAnyOrderAreOneSeries(t *testing.T) {
	r := newRig(t, only("measures"))
	defer r.stop()
	for _, order := range []string{"abc", "acb", "bac", "bca", "cab", "cba"} {
		logs := batch(attrs{"count.x": 1})
		lr := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		for _, tag := range order {
			lr.Attributes().PutStr("tag#"+string(tag), "of "+string(tag))
		}
		require.NoError(t, r.logs.ConsumeLogs(t.Context(), logs))
	}
	assert.Equal(t, []string{"x  sum a=of a,b=of b,c=of c 6"}, r.shown())
}

func TestRulesThatFail(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Conventions = nil
		c.Rules = []ruleConfig{
			{Name: "x", Condition: `ParseJSON(attributes["json"])["x"] == 1`, Attributes: []string{}},
			{Name: "y", Value: `Int(ParseJSON(attributes["json"])["y"])`, Attributes: []string{}},
		}
	})
	defer r.stop()
	require.NoError(t, r.send(attrs{"json": "{"}, attrs{"json": "not"}))
	for range 5 {
		require.NoError(t, r.send(attrs{"json": `{"x":1,"y":3}`}, attrs{"json": `{"x":2,"y":0}`}))
	}
	assert.Equal(t, []string{"x  sum  5", "y  sum  15"}, r.shown())
	metadatatest.AssertEqualConnectorMeasureConditionErrors(t, r.tel, []metricdata.DataPoint[int64]{{Value: 4}}, metricdatatest.IgnoreTimestamp())
}

func TestTags(t *testing.T) {
	r := newRig(t, only("measures"))
	defer r.stop()
	a := attrs{"count.a": 1}
	for _, tag := range "abcdefghi" {
		a["tag#"+string(tag)] = "x"
	}
	require.NoError(t, r.send(a))
	got := r.shown()
	require.Len(t, got, 1)
	assert.Equal(t, 8, strings.Count(got[0], "=x"), "of nine tags: %s", got[0])
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for text, want := range map[string]int{
		strings.Repeat("a", 256): 256, strings.Repeat("a", 257): 256,
		strings.Repeat("é", 200): 256, "a" + strings.Repeat("é", 200): 255,
		strings.Repeat("😀", 70): 256, "a" + strings.Repeat("😀", 70): 253, "aa" + strings.Repeat("😀", 70): 254, "aaa" + strings.Repeat("😀", 70): 255,
		strings.Repeat("\x80", 300): 252, // which is no text
	} {
		assert.Len(t, textValue(text).text, want, text)
	}
}

func TestLongValuesAndRoutes(t *testing.T) {
	r := newRig(t, only("measures", "access"))
	defer r.stop()
	require.NoError(t, r.send(attrs{"count.a": 1, "event": strings.Repeat("ä", 200) + "\xff"}))
	assert.Equal(t, []string{"a  sum event.name=" + strings.Repeat("ä", 128) + " 1"}, r.shown())
	for i := range maxRoutes + 50 {
		word := string([]byte{'a' + byte(i/26), 'a' + byte(i%26)})
		require.NoError(t, r.send(attrs{"log.category": "access", "url.path": "/" + word, "http.server.request.duration": 1}))
	}
	assert.Len(t, r.shown(), 1+maxRoutes+1)
	assert.Contains(t, r.shown(), "http.server.request.duration s histogram http.route=/* 50/50")
}

func TestARefusedBatchCountsOnce(t *testing.T) {
	r := newRig(t, only("records"))
	defer r.stop()
	r.refuse = errors.New("busy")
	a := attrs{"log.record.uid": "u"}
	require.ErrorIs(t, r.send(a), r.refuse)
	assert.Empty(t, r.shown(), "nothing is counted before it is accepted")
	r.refuse = nil
	require.NoError(t, r.send(a, a))
	require.NoError(t, r.send(a))
	assert.Equal(t, []string{"log.records {record} sum log.severity=INFO 1"}, r.shown())
	assert.Equal(t, 3, r.out.LogRecordCount())
	metadatatest.AssertEqualConnectorMeasureRecords(t, r.tel, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorMeasureRepeats(t, r.tel, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
}

func TestRepeatsInCallsAtOnce(t *testing.T) {
	r := newRig(t, only("records"))
	defer r.stop()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				assert.NoError(t, r.send(attrs{"log.record.uid": strconv.Itoa(i)}))
			}
		})
	}
	wg.Wait()
	assert.Equal(t, []string{"log.records {record} sum log.severity=INFO 100"}, r.shown())
}

func TestLogsToMetricsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink consumertest.MetricsSink
		tel := componenttest.NewTelemetry()
		c, err := NewFactory().CreateLogsToMetrics(t.Context(), metadatatest.NewSettings(tel), createDefaultConfig(), &sink)
		require.NoError(t, err)
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, c.ConsumeLogs(t.Context(), batch(attrs{"count.a": 2})))
		time.Sleep(15*time.Second + time.Millisecond)
		synctest.Wait()
		require.Len(t, sink.AllMetrics(), 1)
		assert.Equal(t, []string{"a  sum  2", "log.records {record} sum log.severity=INFO 1"}, show(sink.AllMetrics()[0]))
		require.NoError(t, c.Shutdown(t.Context()))
		require.NoError(t, tel.Shutdown(t.Context()))
		assert.Len(t, sink.AllMetrics(), 2, "the last metrics are sent at the end")
		require.NoError(t, c.Shutdown(t.Context()), "again")
	})
}

func TestTwoOfOneIDCountTogetherAndAChangedConfigurationDoesNot(t *testing.T) {
	r := newRig(t, only("records"))
	require.NoError(t, r.metrics.ConsumeLogs(t.Context(), batch(attrs{})))
	assert.Empty(t, r.shown(), "who passes logs on counts")
	require.NoError(t, r.send(attrs{}))
	assert.Equal(t, []string{"log.records {record} sum log.severity=INFO 1"}, r.shown())
	again := newRig(t, only("records")) // as after a change of the configuration
	assert.Empty(t, again.shown())
	r.stop() // Shutdown without Start
	require.NoError(t, again.send(attrs{}))
	assert.Len(t, again.shown(), 1)
	again.stop()
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	assert.Empty(t, sharing.byKey)
}

func TestDeltaIsKeptUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Conventions, c.Temporality = []string{"measures"}, "delta" })
		snd := &r.metrics.(*logsToMetrics).sender
		next := &failing{sink: &r.points, err: errors.New("busy")}
		snd.next = next
		require.NoError(t, r.metrics.Start(t.Context(), componenttest.NewNopHost()))
		tick := func() { time.Sleep(15 * time.Second); synctest.Wait() }
		time.Sleep(time.Millisecond)
		require.NoError(t, r.send(attrs{"count.a": 1, "trace": 1}))
		tick()
		require.NoError(t, r.send(attrs{"count.a": 5}))
		tick()
		assert.Empty(t, r.points.AllMetrics())
		next.fail(nil)
		tick()
		got := r.points.AllMetrics()
		require.Len(t, got, 2)
		assert.Equal(t, []string{"a  sum  1"}, show(got[0]))
		assert.Equal(t, []string{"a  sum  5"}, show(got[1]))
		first, second := number(got[0]), number(got[1])
		assert.Equal(t, first.Timestamp(), second.StartTimestamp(), "what follows begins where it ended")
		assert.Equal(t, 1, first.Exemplars().Len())
		assert.Zero(t, second.Exemplars().Len())
		next.fail(consumererror.NewPermanent(errors.New("never")))
		require.NoError(t, r.send(attrs{"count.a": 7}))
		tick()
		next.fail(nil)
		tick()
		assert.Len(t, r.points.AllMetrics(), 2, "nothing new")
		metadatatest.AssertEqualConnectorMeasurePointsDropped(t, r.tel, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
		r.stop()
	})
}

// An exporter that is in trouble does not keep the newest from one that is not. The ends of
// series come again, before the rest, as long as they tell Prometheus anything.
func TestCumulativeMetricsAreNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Conventions, c.Expire = []string{"measures"}, time.Minute })
		snd := &r.metrics.(*logsToMetrics).sender
		next := &failing{sink: &r.points}
		snd.next = next
		require.NoError(t, r.metrics.Start(t.Context(), componenttest.NewNopHost()))
		tick := func() { time.Sleep(15 * time.Second); synctest.Wait() }
		said := func() []string {
			m := r.points.AllMetrics()
			r.points.Reset()
			if len(m) == 0 {
				return nil
			}
			require.Len(t, m, 1)
			var out []string
			for _, rm := range m[0].ResourceMetrics().All() {
				service, _ := rm.Resource().Attributes().Get("service.name")
				for _, x := range rm.ScopeMetrics().At(0).Metrics().All() {
					at, ended := end(x)
					out = append(out, fmt.Sprint(service.Str(), " ", x.Name(), " ended ", ended, " at ", at.AsTime().Format("04:05")))
				}
			}
			return out
		}
		time.Sleep(time.Millisecond)
		one := attrs{"count.a": 1, "sample.b": 1, "measure.c": "1s"}
		require.NoError(t, r.send(one))
		tick()
		require.Len(t, said(), 3)

		next.fail(errors.New("busy"))
		require.NoError(t, r.send(attrs{"count.a": 1}))
		tick()
		next.fail(nil)
		require.NoError(t, r.send(attrs{"count.a": 1}))
		tick()
		m := r.points.AllMetrics()
		require.Len(t, m, 1, "one that says all")
		assert.Equal(t, []string{"a  sum  3", "b  gauge  1", "c s histogram  1/1"}, show(m[0]))
		r.points.Reset()
		tick()
		said()

		next.fail(errors.New("busy"))
		tick() // b and c end, and nobody hears of it
		require.NoError(t, r.send(attrs{"sample.b": 2}))
		tick()
		next.fail(nil)
		tick()
		assert.Equal(t, []string{"shop b ended true at 01:15", "shop c ended true at 01:15", "shop a ended true at 01:45", "shop b ended false at 01:45"}, said())

		next.fail(errors.New("busy"))
		for range 25 { // b ends after a minute, and is forgotten five minutes later
			tick()
		}
		next.fail(nil)
		require.NoError(t, r.send(attrs{"count.a": 1}))
		tick()
		assert.Equal(t, []string{"shop a ended false at 08:15"}, said())
		r.stop()
	})
}

type failing struct {
	sink *consumertest.MetricsSink
	mu   sync.Mutex // guards err
	err  error
}

func (f *failing) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *failing) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (f *failing) ConsumeMetrics(ctx context.Context, m pmetric.Metrics) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	return f.sink.ConsumeMetrics(ctx, m)
}

func number(m pmetric.Metrics) pmetric.NumberDataPoint {
	return m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0)
}

func TestSeriesEndAndBeginAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, only("measures"))
		defer r.stop()
		e := r.engine()
		require.NoError(t, r.send(attrs{"count.a": 1, "trace": 1}))
		start := number(e.render(time.Now(), "")).StartTimestamp()
		time.Sleep(time.Minute)
		require.NoError(t, r.send(attrs{"count.a": 1}))
		p := number(e.render(time.Now(), ""))
		assert.Equal(t, start, p.StartTimestamp())
		assert.InDelta(t, 2, p.DoubleValue(), 0)
		time.Sleep(15 * time.Minute)
		p = number(e.render(time.Now(), ""))
		assert.True(t, p.Flags().NoRecordedValue())
		assert.Empty(t, show(e.render(time.Now(), "")))
		assert.Empty(t, e.metrics["a"], "its name is free again")
		require.NoError(t, r.send(attrs{"count.a": 3}))
		p = number(e.render(time.Now(), ""))
		assert.InDelta(t, 3, p.DoubleValue(), 0)
		assert.Greater(t, p.StartTimestamp(), start)
	})
}

// What the exporters to Prometheus make of a series that ends: remote write ends each
// bucket and the sum that the last point has, and the page is rid of no more than the
// first such point of a metric.
func TestSeriesEndInPrometheus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, only("measures"))
		defer r.stop()
		require.NoError(t, r.send(attrs{"measure.a": "1s", "tag#of": "x"}, attrs{"measure.a": "2s", "tag#of": "y"}, attrs{"measure.a": "3s", "tag#of": "z"}))
		r.shown()
		time.Sleep(15 * time.Minute)
		require.NoError(t, r.send(attrs{"measure.a": "5s", "tag#of": "v"}, attrs{"measure.a": "4s", "tag#of": "y"}))
		var points []string
		for _, m := range r.engine().render(time.Now(), "").ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
			var of []string
			for _, p := range m.Histogram().DataPoints().All() {
				tag, _ := p.Attributes().Get("of")
				of = append(of, fmt.Sprint(tag.Str(), " ended ", p.Flags().NoRecordedValue(), " buckets ", p.BucketCounts().Len(), " bounds ", p.ExplicitBounds().Len(), " sum ", p.HasSum(), " ", p.Sum()))
			}
			points = append(points, strings.Join(of, ", "))
		}
		assert.Equal(t, []string{
			"v ended false buckets 15 bounds 14 sum true 5, y ended false buckets 15 bounds 14 sum true 6",
			"x ended true buckets 15 bounds 14 sum true 0",
			"z ended true buckets 15 bounds 14 sum true 0",
		}, points)
	})
}

// A series and its metric end while a call has them in hand.
func TestSeriesInHandEnd(t *testing.T) {
	for name, meanwhile := range map[string]struct {
		record attrs
		want   []string
	}{
		"nothing takes its place": {nil, []string{"a  sum  5"}},
		"the like takes it":       {attrs{"count.a": 1}, []string{"a  sum  6"}},
		"another kind takes it":   {attrs{"sample.a": 1}, []string{"a  gauge  1"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, only("measures"))
				defer r.stop()
				c := r.logs.(*logsToLogs)
				in := c.read(t.Context(), batch(attrs{"count.a": 5}), time.Now())
				time.Sleep(time.Hour)
				c.engine.render(time.Now(), "")
				if meanwhile.record != nil {
					require.NoError(t, r.send(meanwhile.record))
				}
				c.counted(t.Context(), in, time.Now())
				assert.Equal(t, meanwhile.want, r.shown())
			})
		})
	}
}

func TestExemplars(t *testing.T) {
	r := newRig(t, only("measures"))
	defer r.stop()
	e := r.engine()
	require.NoError(t, r.send(attrs{"measure.t": "7ms", "trace": 1, "request.id": "fast"}, attrs{"measure.t": "2s", "trace": 2, "request.id": "slow"}, attrs{"measure.t": "3ms"}))
	get := func() pmetric.ExemplarSlice {
		return e.render(time.Now(), "").ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Histogram().DataPoints().At(0).Exemplars()
	}
	x := get()
	require.Equal(t, 2, x.Len(), "one for each bucket that has one to give")
	assert.Equal(t, pcommon.TraceID{2}, x.At(1).TraceID())
	assert.Equal(t, pcommon.SpanID{2}, x.At(1).SpanID())
	assert.InDelta(t, 2, x.At(1).DoubleValue(), 0)
	assert.Equal(t, attrs{"request.id": "slow"}, x.At(1).FilteredAttributes().AsRaw())
	require.NoError(t, r.send(attrs{"measure.t": "2s", "trace": 3}))
	assert.Equal(t, pcommon.TraceID{3}, get().At(1).TraceID(), "a new interval's takes its place")
	for range exemplarIntervals {
		get()
	}
	assert.Zero(t, get().Len(), "they grow old")
}

// TestExponentialBucketsHoldTheirValues: by the formula of OpenTelemetry's data model, bucket
// i of a scale has what is above base^i and up to base^(i+1), with base 2^(2^-scale).
func TestExponentialBucketsHoldTheirValues(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Conventions, c.Histogram = []string{"measures"}, "exponential" })
	defer r.stop()
	values := []float64{0.001, 0.6, 3, 3.1, 700, -2.1, 0} // none at a bound, where logarithms are not exact
	for _, v := range values {
		require.NoError(t, r.send(attrs{"measure#x": v}))
	}
	m := r.engine().render(time.Now(), "")
	p := m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).ExponentialHistogram().DataPoints().At(0)
	require.EqualValues(t, len(values), p.Count())
	assert.EqualValues(t, 1, p.ZeroCount())
	base := math.Pow(2, math.Pow(2, -float64(p.Scale())))
	has := func(b pmetric.ExponentialHistogramDataPointBuckets, values ...float64) {
		t.Helper()
		want := map[int]uint64{}
		for _, v := range values {
			want[int(math.Ceil(math.Log(v)/math.Log(base)))-1-int(b.Offset())]++
		}
		for i, n := range b.BucketCounts().All() {
			assert.Equal(t, want[i], n, "bucket %d", i)
		}
		total := uint64(0)
		for _, n := range b.BucketCounts().All() {
			total += n
		}
		assert.EqualValues(t, len(values), total)
	}
	has(p.Positive(), 0.001, 0.6, 3, 3.1, 700)
	has(p.Negative(), 2.1)
}

func TestReservoirIsUniform(t *testing.T) {
	const values, rounds = 5, 20000
	random := rand.New(rand.NewPCG(1, 2))
	var chosen [values]int
	for range rounds {
		s := &series{metric: &metric{kind: kindSum}}
		for i := range values {
			s.observe(float64(i), &origin{request: "r"}, time.Now(), true, random.Uint32)
		}
		chosen[int(s.exemplars[0].value)]++
	}
	for i, n := range chosen {
		assert.InDelta(t, rounds/values, n, 4*57, "value %d", i) // four standard deviations
	}
}

func TestAReadingKeepsNothing(t *testing.T) {
	r := newRig(t, nil)
	defer r.stop()
	c := r.logs.(*logsToLogs)
	in := c.read(t.Context(), batch(attrs{"measure.a": 1, "tag#b": "x", "event": "e"}), time.Now())
	require.True(t, in.reset())
	for _, a := range [][]attribute{in.tags[:cap(in.tags)], in.attrs[:cap(in.attrs)]} {
		for _, x := range a {
			assert.Equal(t, attribute{}, x)
		}
	}
	assert.Equal(t, measured{}, in.measures[:1][0])
	assert.Nil(t, in.context)
}

func TestAReadingThatHasGrownIsNotKept(t *testing.T) {
	r := newRig(t, nil)
	defer r.stop()
	for name, tc := range map[string]struct {
		records, values int
		kept            bool
	}{
		"small": {10, 10, true}, "at the limit": {maxPooled, maxPooled, true},
		"many records": {maxPooled + 1, 1, false}, "many values": {1, maxPooled + 1, false},
	} {
		reading := r.engine().newReading()
		reading.records, reading.values = make([]origin, tc.records), make([]observation, tc.values)
		assert.Equal(t, tc.kept, reading.reset(), name)
	}
}

func FuzzRecords(f *testing.F) {
	for _, s := range []string{"measure.a\x00i12", "count#b\x00s-1ms", "tag#le\x00sx", "log.category\x00saccess\x00url.path\x00s/a/1", "sample#memory_x\x00s1e308TB", "fold.duration\x00d"} {
		f.Add(s, uint64(3))
	}
	f.Fuzz(func(t *testing.T, text string, n uint64) {
		cfg := createDefaultConfig().(*Config)
		cfg.MaxSeries, cfg.MaxMetrics = 3, 5
		e, err := newEngine(cfg, componenttest.NewNopTelemetrySettings())
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(text, "\x00")
		a := attrs{}
		for i := 0; i+1 < len(parts); i += 2 {
			v := any(parts[i+1])
			switch {
			case strings.HasPrefix(parts[i+1], "i"):
				v = int64(n)
			case strings.HasPrefix(parts[i+1], "d"):
				v = float64(n) / 7
			case strings.HasPrefix(parts[i+1], "m"):
				v = map[string]any{"k": "v"}
			case strings.HasPrefix(parts[i+1], "s"):
				v = parts[i+1][1:]
			}
			if parts[i] != "trace" && parts[i] != "event" {
				a[parts[i]] = v
			}
		}
		r := e.newReading()
		for range 3 {
			r.read(context.Background(), batch(a, a), time.Now())
			r.count(time.Now())
			r.reset()
		}
		labels := map[string]bool{}
		for _, line := range show(e.render(time.Now(), "")) {
			key := line[:strings.LastIndexByte(line, ' ')]
			if labels[key] {
				t.Fatalf("two series are alike: %q", key)
			}
			labels[key] = true
		}
		if got := e.records.series; len(got) != 1 {
			t.Fatalf("%d series of records", len(got))
		}
	})
}
