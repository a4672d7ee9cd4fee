package soak

import (
	"bufio"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// TestSteady: for hours all inputs send as much as always. Memory, goroutines, file handles
// and disk of agent and gateway do not grow.
func TestSteady(t *testing.T) {
	t.Parallel()
	long := lasting(t, 25*time.Second, 2*time.Hour)
	// What is remembered of records for a time must be as much as it will be soon.
	b := newBed(t, func(s *settings) { s.Checkpoint, s.RepeatWindow, s.keepFiles = "5s", "1m", 5 })
	l := newLoad(t, b, 5, 100*time.Millisecond)
	b.start(t)
	l.start(t.Context())
	series := make(map[string][]float64)
	add := func(what string, value float64) { series[what] = append(series[what], value) }
	every := long / 240
	for begin := time.Now(); time.Since(begin) < long; time.Sleep(every) {
		for name, col := range map[string]*harness.Collector{"agent": b.agent, "gateway": b.gateway} {
			s, err := sampleOf(col.PID())
			require.NoError(t, err)
			add(name+" memory", s.anonymous)
			add(name+" files", s.files)
			add(name+" heap", col.Metrics(t).Sum("otelcol_process_runtime_heap_alloc_bytes"))
			add(name+" goroutines", goroutines(t, col))
		}
		add("agent disk", diskUse(b.agent.Path("storage")))
		add("gateway disk", diskUse(b.gateway.Path("state")))
	}
	l.finish(t)
	// In the short form all of it is warming up; it says no more than that this test works.
	memory, disk := scaled(t, 96.0, 16)*(1<<20), scaled(t, 64.0, 16)*(1<<20)
	for what, allowed := range map[string]struct{ share, amount float64 }{
		"agent memory": {0.1, memory}, "gateway memory": {0.1, memory},
		"agent heap": {0.15, memory}, "gateway heap": {0.15, memory},
		"agent goroutines": {0.05, 10}, "gateway goroutines": {0.05, 10},
		"agent files": {0.05, 5}, "gateway files": {0.05, 5},
		"agent disk": {0.1, 4 << 20}, "gateway disk": {0.1, disk},
	} {
		grows, middle, last := growth(series[what], allowed.share, allowed.amount)
		t.Logf("%s: %d samples, %.0f in the middle, %.0f at the end", what, len(series[what]), middle, last)
		assert.False(t, grows, "%s grows: from %.0f to %.0f", what, middle, last)
	}
	t.Logf("%v at %.0f records/s", long, float64(l.owed())/long.Seconds())
	b.requireConserved(t, l, 2*time.Minute)
}

// goroutines are how many a collector has, by its pprof extension.
func goroutines(t *testing.T, col *harness.Collector) float64 {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+col.Addr(t, "pprof")+"/debug/pprof/goroutine?debug=1", http.NoBody)
	require.NoError(t, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	require.NoError(t, err)
	var n float64
	_, err = fmt.Sscanf(line, "goroutine profile: total %g", &n)
	require.NoError(t, err, line)
	return n
}
