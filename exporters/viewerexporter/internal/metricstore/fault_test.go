package metricstore

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestResourceIsInLabels(t *testing.T) {
	s := open(t, Settings{})
	b := newBatch("orders")
	resource := b.all.ResourceMetrics().At(0).Resource().Attributes()
	for _, name := range promoted[1:] {
		resource.PutStr(name, "of "+name)
	}
	resource.PutStr("host.arch", "arm64")
	b.gauge("queue", clock, 7)
	b.gauge("queue", clock, 8).Attributes().PutStr("host.name", "its own")
	other := b.all.ResourceMetrics().AppendEmpty() // the same series but for its host
	b.all.ResourceMetrics().At(0).CopyTo(other)
	other.Resource().Attributes().PutStr("host.name", "another")
	other.ScopeMetrics().At(0).Metrics().RemoveIf(func(m pmetric.Metric) bool { return m.Gauge().DataPoints().At(0).Attributes().Len() > 0 })
	add(t, s, b)
	answer, err := s.Series(t.Context(), `queue_ratio{service_name="orders"}`, clock.Add(-time.Minute), clock.Add(time.Second), 100, 10)
	require.NoError(t, err)
	hosts := map[string]int{}
	for _, series := range answer.Series {
		hosts[series.Labels["host_name"]]++
		for _, name := range []string{"service_instance_id", "service_namespace", "k8s_pod_name", "k8s_namespace_name", "k8s_node_name", "k8s_container_name", "deployment_environment_name"} {
			assert.Equal(t, "of "+attributeOf(name), series.Labels[name])
		}
		assert.NotContains(t, series.Labels, "host_arch")
	}
	assert.Equal(t, map[string]int{"of host.name": 1, "its own": 1, "another": 1}, hosts)
}

func attributeOf(label string) string {
	for _, name := range promoted {
		if labelOf(name) == label {
			return name
		}
	}
	return ""
}

func TestTypesAreThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Settings{Directory: dir})
	b := newBatch("orders")
	b.gauge("queue", clock, 4)
	b.counter("requests", clock, 1)
	b.metrics.At(1).SetDescription("caf\xe9 " + strings.Repeat("x", 5000))
	add(t, s, b)
	from, to := clock.Add(-time.Minute), clock.Add(time.Second)
	before, err := s.Metrics(t.Context(), from, to)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s = open(t, Settings{Directory: dir})
	after, err := s.Metrics(t.Context(), from, to)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	assert.Equal(t, []string{"gauge", "of queue", "caf\ufffd"}, []string{after[0].Type, after[0].Help, after[1].Help[:6]})
	assert.LessOrEqual(t, len(after[1].Help), maxAboutText+2)
	require.NoError(t, s.Close())

	// A file that is damaged is said, and the metrics go on.
	require.NoError(t, os.WriteFile(filepath.Join(dir, aboutName), []byte(`{"queue_ratio":{"ty`), 0o600))
	core, logs := observer.New(zap.WarnLevel)
	s = open(t, Settings{Directory: dir, Logger: zap.New(core)})
	after, err = s.Metrics(t.Context(), from, to)
	require.NoError(t, err)
	assert.Equal(t, []string{"unknown", "counter"}, []string{after[0].Type, after[1].Type})
	assert.Equal(t, 1, logs.FilterMessageSnippet("can't be read").Len())
}

func TestExemplarsThatAreLeftOutAreCounted(t *testing.T) {
	s := open(t, Settings{})
	b := newBatch("orders")
	exemplar := func(p pmetric.NumberDataPoint, at time.Time, attribute string) {
		e := p.Exemplars().AppendEmpty()
		e.SetTimestamp(pcommon.NewTimestampFromTime(at))
		e.SetDoubleValue(1)
		e.FilteredAttributes().PutStr("request.id", attribute)
	}
	p := b.counter("requests", clock, 5)
	exemplar(p, clock, "r-1")
	add(t, s, b)
	leftOut, err := s.Add(t.Context(), b.all)
	require.NoError(t, err)
	require.Empty(t, leftOut, "the same again")

	b = newBatch("orders")
	p = b.counter("requests", clock.Add(time.Second), 6)
	exemplar(p, clock.Add(-time.Hour), "r-2")
	exemplar(p, clock.Add(time.Hour), "r-3")
	exemplar(b.counter("long", clock, 1), clock, strings.Repeat("x", 200))
	exemplar(b.counter("future", clock.Add(time.Hour), 1), clock, "r-4")
	leftOut, err = s.Add(t.Context(), b.all)
	require.Error(t, err)
	assert.Equal(t, map[string]int{ReasonExemplarTime: 2, ReasonExemplarSeries: 1, ReasonTime: 1}, leftOut)
	metrics, err := s.Metrics(t.Context(), clock.Add(-time.Minute), clock.Add(2*time.Second))
	require.NoError(t, err)
	with := map[string]bool{}
	for _, m := range metrics {
		with[m.Name] = m.Exemplars
	}
	assert.Equal(t, map[string]bool{"requests_total": true, "long_total": true}, with)
}

// The whole directory stays within its bound while points come in, whatever the head and its log would need.
func TestDirectoryIsBounded(t *testing.T) {
	var now atomic.Int64
	now.Store(clock.UnixNano())
	dir := t.TempDir()
	const most = 8 << 20
	s := open(t, Settings{Directory: dir, MaxSize: most, Now: func() time.Time { return time.Unix(0, now.Load()) }})
	taken, refused, largest := 0, 0, int64(0)
	const series = 2000
	for round := range 400 { // some 30 MB of log
		when := clock.Add(time.Duration(round) * time.Second)
		now.Store(when.UnixNano())
		b := newBatch("orders")
		points := b.metric("load", "1").SetEmptyGauge().DataPoints()
		for i := range series {
			p := points.AppendEmpty()
			p.SetTimestamp(at(when))
			p.SetDoubleValue(math.Sqrt(float64(i*400 + round)))
			p.Attributes().PutInt("i", int64(i))
		}
		leftOut, err := s.Add(t.Context(), b.all)
		if leftOut[ReasonSize] > 0 {
			require.ErrorIs(t, err, ErrSize)
			s.trim() // the next ones wait for it
		}
		refused += leftOut[ReasonSize]
		taken += series - leftOut[ReasonSize]
		largest = max(largest, s.diskSize())
	}
	t.Logf("%d points taken, %d left out, %d bytes at most", taken, refused, largest)
	assert.LessOrEqual(t, largest, int64(most))
	assert.Greater(t, taken, 3*series*400/4, "most are taken")
	answer, err := s.Series(t.Context(), "count(load_ratio)", clock.Add(398*time.Second), clock.Add(400*time.Second), 10, 10)
	require.NoError(t, err)
	require.NotEmpty(t, answer.Series)
	assert.InDelta(t, series, last(t, answer.Series[0]), 0, "the newest are there")
}

// filled is a directory with a block and a log with what is newer.
func filled(t *testing.T, dir string) {
	t.Helper()
	s := open(t, Settings{Directory: dir})
	for i := range 100 {
		b := newBatch("orders")
		b.gauge("load", clock.Add(time.Duration(i-100)*time.Second), float64(i))
		add(t, s, b)
		if i == 49 {
			s.settings.MaxSize = 0 // all is too much: what is there becomes a block
			s.trim()
			s.settings.MaxSize = 128 << 20
		}
	}
	require.Len(t, s.db.Blocks(), 1)
	require.NoError(t, s.Close())
}

func pointsOf(t *testing.T, s *Store) int {
	t.Helper()
	answer, err := s.Series(t.Context(), "sum_over_time(load_ratio[1s])", clock.Add(-101*time.Second), clock.Add(time.Second), 400, 10)
	require.NoError(t, err)
	if len(answer.Series) == 0 {
		return 0
	}
	return len(answer.Series[0].Points)
}

func TestDamage(t *testing.T) {
	for name, tc := range map[string]struct {
		file  string
		least int
	}{
		"log":         {"wal/0*", 50},
		"block index": {"*/index", 50},
		"block chunk": {"*/chunks/*", 50},
		"block meta":  {"*/meta.json", 50},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			filled(t, dir)
			files, err := filepath.Glob(filepath.Join(dir, tc.file))
			require.NoError(t, err)
			file := files[0]
			for _, candidate := range files { // of segments the one with the records
				if a, _ := os.Stat(candidate); a != nil {
					if b, _ := os.Stat(file); b != nil && a.Size() > b.Size() {
						file = candidate
					}
				}
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for i := len(text) / 2; i < min(len(text), len(text)/2+64); i++ {
				text[i] ^= 0x5a
			}
			require.NoError(t, os.WriteFile(file, text, 0o600))
			core, logs := observer.New(zap.WarnLevel)
			s := open(t, Settings{Directory: dir, Logger: zap.New(core)})
			got := pointsOf(t, s)
			t.Logf("%d of 100 points are there; %d messages", got, logs.Len())
			assert.GreaterOrEqual(t, got, tc.least, "only what is damaged is lost")
			assert.Less(t, got, 100)
			assert.NotZero(t, logs.Len(), "it says so")
			b := newBatch("orders")
			b.gauge("load", clock, 1)
			add(t, s, b)
		})
	}
}

func TestRetentionByAge(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Settings{Directory: dir, MaxAge: time.Hour})
	for i := range 40 { // ten hours
		when := clock.Add(time.Duration(i-40) * 15 * time.Minute)
		b := newBatch("orders")
		b.gauge("load", when, float64(i))
		add(t, s, b)
		require.NoError(t, s.db.Compact(t.Context()))
	}
	for _, block := range s.db.Blocks() {
		assert.Less(t, clock.Add(-15*time.Minute).UnixMilli()-block.MaxTime(), (time.Hour + blockTime).Milliseconds())
	}
	assert.NotEmpty(t, s.db.Blocks())
	assert.Less(t, len(s.db.Blocks()), 5)
}

// A bound of series is one of memory.
func TestManySeries(t *testing.T) {
	s := open(t, Settings{MaxSeries: 10_000})
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // what pools have needs two
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	leftOut := 0
	for from := 0; from < 100_000; from += 5000 {
		b := newBatch("orders")
		points := b.metric("load", "1").SetEmptyGauge().DataPoints()
		for i := range 5000 {
			p := points.AppendEmpty()
			p.SetTimestamp(at(clock))
			p.SetDoubleValue(1)
			p.Attributes().PutStr("user", fmt.Sprint("user-", from+i))
		}
		left, _ := s.Add(t.Context(), b.all)
		leftOut += left[ReasonSeries]
	}
	after := heap()
	t.Logf("%d series, %d left out, %d MiB of heap for them", s.Stats().Series, leftOut, (after-before)>>20)
	assert.InDelta(t, 10_000, s.Stats().Series, 1)
	assert.InDelta(t, 90_000, leftOut, 1)
	assert.Less(t, after-before, int64(64<<20))
	metrics, err := s.Metrics(t.Context(), clock.Add(-time.Minute), clock.Add(time.Second))
	require.NoError(t, err)
	require.Len(t, metrics, 1)
	assert.InDelta(t, 10_000, metrics[0].Series, 1)
}

func TestOddText(t *testing.T) {
	s := open(t, Settings{})
	for i, text := range []string{"\xff\xfe", "\x00", "日本", "a\nb", `"}`, " ", strings.Repeat("é", 10_000)} {
		b := newBatch("orders " + text)
		m := b.metric("odd"+text, text)
		m.SetDescription(text)
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(at(clock))
		p.SetIntValue(int64(i))
		p.Attributes().PutStr("label"+text, text)
		leftOut, err := s.Add(t.Context(), b.all)
		require.NoError(t, err, "%.20q", text)
		assert.Empty(t, leftOut, "%.20q", text)
	}
	metrics, err := s.Metrics(t.Context(), clock.Add(-time.Minute), clock.Add(time.Second))
	require.NoError(t, err)
	series := map[string]int{}
	for _, m := range metrics {
		series[m.Name] = m.Series
		_, err := s.Series(t.Context(), m.Expression, clock.Add(-time.Minute), clock.Add(time.Second), 10, 10)
		require.NoError(t, err, "%.40q", m.Expression)
	}
	assert.Equal(t, map[string]int{"odd": 6, "odda_b_a_b": 1}, series, "what is no letter is _ in a name, and each has its service")
}

func TestAllAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Settings{Directory: dir, MaxSize: 8 << 20})
	var group sync.WaitGroup
	var begun sync.WaitGroup
	const each = 20
	begun.Add(6 * each)
	stop := make(chan struct{})
	for worker := range 3 {
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				b := newBatch(fmt.Sprint("service-", worker))
				b.gauge("load", clock.Add(time.Duration(i)*time.Millisecond), float64(i))
				h := b.histogram("took", clock.Add(time.Duration(i)*time.Millisecond), 1, 2, 3)
				e := h.Exemplars().AppendEmpty()
				e.SetTimestamp(at(clock.Add(time.Duration(i) * time.Millisecond)))
				e.SetDoubleValue(0.5)
				_, _ = s.Add(t.Context(), b.all)
				if i < each {
					begun.Done()
				}
			}
		})
		group.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				_, _ = s.Metrics(t.Context(), clock.Add(-time.Minute), clock.Add(time.Minute))
				if i < each {
					begun.Done()
				}
				_, _ = s.Series(t.Context(), "sum(rate(took_seconds_bucket[1m]))", clock.Add(-time.Minute), clock.Add(time.Minute), 100, 10)
				s.trim()
			}
		})
	}
	begun.Wait()
	closed := s.Close()
	close(stop)
	group.Wait()
	require.NoError(t, closed)
	s = open(t, Settings{Directory: dir})
	metrics, err := s.Metrics(t.Context(), clock.Add(-time.Minute), clock.Add(time.Minute))
	require.NoError(t, err)
	assert.Len(t, metrics, 2)
}
