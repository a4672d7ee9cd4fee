package metricstore

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var clock = time.Date(2026, 3, 1, 8, 40, 0, 0, time.UTC)

func open(t *testing.T, s Settings) *Store {
	t.Helper()
	if s.Directory == "" {
		s.Directory = t.TempDir()
	}
	if s.Now == nil {
		s.Now = func() time.Time { return clock }
	}
	store, err := Open(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// batch is a request with one service, to which metrics are added.
type batch struct {
	all     pmetric.Metrics
	metrics pmetric.MetricSlice
}

func newBatch(service string) batch {
	all := pmetric.NewMetrics()
	rm := all.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", service)
	return batch{all, rm.ScopeMetrics().AppendEmpty().Metrics()}
}

func at(t time.Time) pcommon.Timestamp { return pcommon.NewTimestampFromTime(t) }

func (b batch) metric(name, unit string) pmetric.Metric {
	m := b.metrics.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription("of " + name)
	return m
}

func (b batch) gauge(name string, when time.Time, value float64) pmetric.NumberDataPoint {
	p := b.metric(name, "1").SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(at(when))
	p.SetDoubleValue(value)
	return p
}

func (b batch) counter(name string, when time.Time, value int64) pmetric.NumberDataPoint {
	sum := b.metric(name, "").SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := sum.DataPoints().AppendEmpty()
	p.SetTimestamp(at(when))
	p.SetStartTimestamp(at(when.Add(-time.Hour)))
	p.SetIntValue(value)
	return p
}

func (b batch) histogram(name string, when time.Time, counts ...uint64) pmetric.HistogramDataPoint {
	h := b.metric(name, "s").SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := h.DataPoints().AppendEmpty()
	p.SetTimestamp(at(when))
	p.BucketCounts().FromRaw(counts)
	p.ExplicitBounds().FromRaw([]float64{0.1, 1}[:len(counts)-1])
	var n uint64
	for _, c := range counts {
		n += c
	}
	p.SetCount(n)
	p.SetSum(float64(n))
	return p
}

func add(t *testing.T, s *Store, b batch) {
	t.Helper()
	leftOut, err := s.Add(t.Context(), b.all)
	require.NoError(t, err)
	require.Empty(t, leftOut)
}

func last(t *testing.T, s Series) any {
	t.Helper()
	require.NotEmpty(t, s.Points)
	return s.Points[len(s.Points)-1][1]
}

func TestEachKindOfMetric(t *testing.T) {
	s := open(t, Settings{})
	for i := range 21 {
		when := clock.Add(time.Duration(i-20) * 30 * time.Second)
		b := newBatch("orders")
		b.gauge("queue", when, float64(i)).Attributes().PutStr("zone", "a")
		b.gauge("queue", when, 2*float64(i)).Attributes().PutStr("zone", "b")
		b.counter("requests", when, int64(60*i)).Attributes().PutStr("route", "/buy")
		h := b.histogram("took", when, uint64(10*i), uint64(10*i), 0)
		e := h.Exemplars().AppendEmpty()
		e.SetTimestamp(at(when))
		e.SetDoubleValue(0.5)
		e.SetTraceID(pcommon.TraceID{1, byte(i)})
		e.SetSpanID(pcommon.SpanID{2})
		e.FilteredAttributes().PutStr("request.id", fmt.Sprint("r-", i))
		x := b.metric("spread", "By").SetEmptyExponentialHistogram()
		x.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		xp := x.DataPoints().AppendEmpty()
		xp.SetTimestamp(at(when))
		xp.SetScale(2)
		xp.SetCount(uint64(3 * i))
		xp.Positive().BucketCounts().FromRaw([]uint64{uint64(i), uint64(2 * i)})
		q := b.metric("old", "s").SetEmptySummary().DataPoints().AppendEmpty()
		q.SetTimestamp(at(when))
		q.SetCount(5)
		q.SetSum(10)
		v := q.QuantileValues().AppendEmpty()
		v.SetQuantile(0.5)
		v.SetValue(7)
		add(t, s, b)
	}
	from, to := clock.Add(-5*time.Minute), clock.Add(time.Second)
	metrics, err := s.Metrics(t.Context(), from, to)
	require.NoError(t, err)
	byName := map[string]Metric{}
	for _, m := range metrics {
		byName[m.Name] = m
	}
	require.Len(t, metrics, 5, "%v", metrics)
	for name, want := range map[string]Metric{
		"queue_ratio":    {Type: "gauge", Series: 2, Labels: []string{"job", "service_name", "zone"}, Expression: "queue_ratio"},
		"requests_total": {Type: "counter", Series: 1, Labels: []string{"job", "route", "service_name"}, Expression: "sum (rate(requests_total[5m]))"},
		"took_seconds":   {Type: "histogram", Series: 3, Labels: []string{"job", "service_name"}, Exemplars: true, Expression: "histogram_quantile(0.95, sum by (le) (rate(took_seconds_bucket[5m])))"},
		"spread_bytes":   {Type: "histogram", Series: 1, Labels: []string{"job", "service_name"}, Expression: "histogram_quantile(0.95, sum (rate(spread_bytes[5m])))"},
		"old_seconds":    {Type: "summary", Series: 1, Labels: []string{"job", "service_name"}, Expression: "old_seconds"},
	} {
		got := byName[name]
		want.Name, want.Unit, want.Help = name, got.Unit, "of "+strings.SplitN(name, "_", 2)[0]
		assert.Equal(t, want, got)
		answer, err := s.Series(t.Context(), got.Expression, from, to, 60, 10)
		require.NoError(t, err, got.Expression)
		assert.NotEmpty(t, answer.Series, got.Expression)
	}

	answer, err := s.Series(t.Context(), `sum by (route) (rate(requests_total[2m]))`, from, to, 60, 10)
	require.NoError(t, err)
	require.Len(t, answer.Series, 1)
	assert.Equal(t, map[string]string{"route": "/buy"}, answer.Series[0].Labels)
	assert.InDelta(t, 2.0, last(t, answer.Series[0]), 1e-9, "60 in 30 s")

	answer, err = s.Series(t.Context(), `queue_ratio`, from, to, 60, 1)
	require.NoError(t, err)
	assert.Equal(t, 1, answer.More)
	assert.Equal(t, "b", answer.Series[0].Labels["zone"], "the higher one")
	assert.InDelta(t, 40.0, last(t, answer.Series[0]), 0)

	answer, err = s.Series(t.Context(), `histogram_quantile(0.95, sum by (le) (rate(took_seconds_bucket[5m])))`, from, to, 60, 10)
	require.NoError(t, err)
	require.Len(t, answer.Exemplars, 11, "%v", answer.Exemplars)
	e := answer.Exemplars[10]
	assert.Equal(t, []any{"r-20", "01140000000000000000000000000000", "0200000000000000", 0.5, float64(clock.UnixMilli())}, []any{e.Request, e.Trace, e.Span, e.Value, e.Time})
}

// TestOneExemplarOfTwoSeries: the same measurement in two metrics is one dot.
func TestOneExemplarOfTwoSeries(t *testing.T) {
	s := open(t, Settings{})
	b := newBatch("orders")
	for _, name := range []string{"a", "b"} {
		e := b.counter(name, clock, 5).Exemplars().AppendEmpty()
		e.SetTimestamp(at(clock))
		e.SetDoubleValue(1)
		e.SetTraceID(pcommon.TraceID{7})
	}
	add(t, s, b)
	answer, err := s.Series(t.Context(), "a_total + b_total", clock.Add(-time.Minute), clock.Add(time.Second), 100, 10)
	require.NoError(t, err)
	assert.Len(t, answer.Exemplars, 1)
}

func TestWhatIsNoSeries(t *testing.T) {
	s := open(t, Settings{MaxSeries: 4})
	b := newBatch("orders")
	delta := b.metric("delta", "").SetEmptySum()
	delta.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	delta.DataPoints().AppendEmpty().SetTimestamp(at(clock))
	delta.DataPoints().AppendEmpty().SetTimestamp(at(clock))
	b.gauge("fine", clock, 1)
	leftOut, err := s.Add(t.Context(), b.all)
	assert.Equal(t, map[string]int{ReasonTemporality: 2}, leftOut)
	require.ErrorContains(t, err, "temporality")

	b = newBatch("orders")
	b.gauge("tomorrow", time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), 1)
	leftOut, err = s.Add(t.Context(), b.all)
	assert.Equal(t, map[string]int{ReasonTime: 1}, leftOut)
	require.ErrorIs(t, err, errAhead)

	b = newBatch("orders")
	b.gauge("fine", clock.Add(-24*time.Hour), 1)
	leftOut, err = s.Add(t.Context(), b.all)
	assert.Equal(t, map[string]int{ReasonTime: 1}, leftOut)
	require.Error(t, err, "too old")

	b = newBatch("orders")
	for i := range 100 {
		b.gauge("many", clock, 1).Attributes().PutStr("user", strconv.Itoa(i))
	}
	b.gauge("fine", clock.Add(time.Second), 2)
	leftOut, err = s.Add(t.Context(), b.all)
	assert.Greater(t, leftOut[ReasonSeries], 90)
	require.ErrorIs(t, err, ErrSeries)
	assert.LessOrEqual(t, s.Stats().Series, int64(6))
	answer, err := s.Series(t.Context(), "fine_ratio", clock.Add(-time.Minute), clock.Add(2*time.Second), 100, 10)
	require.NoError(t, err)
	assert.InDelta(t, 2.0, last(t, answer.Series[0]), 0, "what is there goes on")
}

func TestNumbersWithoutAFormAreNull(t *testing.T) {
	s := open(t, Settings{})
	for i, v := range []float64{math.NaN(), math.Inf(1), 3} {
		b := newBatch("x")
		b.gauge("odd", clock.Add(time.Duration(i-3)*time.Second), v)
		add(t, s, b)
	}
	answer, err := s.Series(t.Context(), "odd_ratio", clock.Add(-3*time.Second), clock, 4, 10)
	require.NoError(t, err)
	require.Len(t, answer.Series, 1)
	var values []any
	for _, p := range answer.Series[0].Points {
		values = append(values, p[1])
	}
	assert.Equal(t, []any{nil, nil, 3.0}, values)
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Settings{Directory: dir})
	b := newBatch("orders")
	b.gauge("kept", clock, 4)
	add(t, s, b)
	_, err := Open(t.Context(), Settings{Directory: dir, Now: func() time.Time { return clock }})
	require.ErrorContains(t, err, dir, "a second one")
	require.NoError(t, s.Close())
	s = open(t, Settings{Directory: dir})
	answer, err := s.Series(t.Context(), "kept_ratio", clock.Add(-time.Minute), clock.Add(time.Second), 100, 10)
	require.NoError(t, err)
	require.Len(t, answer.Series, 1)
	assert.InDelta(t, 4.0, last(t, answer.Series[0]), 0)
	assert.Positive(t, s.Stats().Bytes)
}

func TestPointsAreNoMoreThanAskedFor(t *testing.T) {
	s := open(t, Settings{})
	b := newBatch("x")
	b.gauge("level", clock.Add(-time.Minute), 1)
	add(t, s, b)
	for _, window := range []time.Duration{time.Millisecond, time.Second, 7 * time.Second, 479 * time.Second, 480 * time.Second, 481 * time.Second, 3 * time.Hour} {
		for _, points := range []int{2, 3, 60, 400} {
			for _, offset := range []time.Duration{0, 300 * time.Millisecond, 17 * time.Second} {
				to := clock.Add(offset)
				answer, err := s.Series(t.Context(), "vector(1)", to.Add(-window), to, points, 1)
				require.NoError(t, err)
				require.Len(t, answer.Series, 1)
				got := answer.Series[0].Points
				require.LessOrEqual(t, len(got), points, "%s", window)
				require.Less(t, got[len(got)-1][0].(int64), to.UnixMilli(), "%s", window)
				require.GreaterOrEqual(t, got[0][0].(int64), to.Add(-window).UnixMilli(), "%s", window)
			}
		}
	}
}

func TestWrongExpressions(t *testing.T) {
	s := open(t, Settings{})
	for expression, at := range map[string]int{"rate(": 5, "é + ": 0, "sum(x) by": 9, "up[5m]": 0, `"text"`: 0, "": 0} {
		_, err := s.Series(t.Context(), expression, clock.Add(-time.Hour), clock, 100, 10)
		var wrong *ExpressionError
		require.ErrorAs(t, err, &wrong, expression)
		assert.Equal(t, at, wrong.At, "%s: %s", expression, wrong.Text)
		assert.NotEmpty(t, wrong.Text)
	}
}
