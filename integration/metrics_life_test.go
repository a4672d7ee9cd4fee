package integration

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// TestRemoteWriteOfMetricsOfLogs: the same by remote write. Exemplars have the request's id,
// too, and with that of a slow one its story is found where the lines go.
func TestRemoteWriteOfMetricsOfLogs(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	prom := startPrometheus(t, "")
	col := harness.Start(t, `
		receivers:
		  logfmt: {tcp: {endpoint: {{addr "in"}}}}
		processors:
		  request_id:
		  event_fold: {idle_timeout: 1s, directory: {{dir "fold"}}}
		connectors:
		  measure:
		    interval: 200ms
		    rules:
		      - {name: db.native, kind: exponential_histogram, unit: s, value: 'attributes["measure#db"]'}
		exporters:
		  otlp_grpc: {endpoint: {{.sink.GRPC}}, tls: {insecure: true}, sending_queue: {enabled: false}}
		  prometheus_remote_write: {endpoint: {{.prom}}/api/v1/write, remote_write_queue: {enabled: false}}
		service:
		  pipelines:
		    logs: {receivers: [logfmt], processors: [request_id], exporters: [measure]}
		    logs/out: {receivers: [measure], processors: [event_fold], exporters: [otlp_grpc]}
		    metrics: {receivers: [measure], exporters: [prometheus_remote_write]}
	`, harness.With("sink", sink), harness.With("prom", prom.url))
	said := sayMeasures(t, col.Addr(t, "in"))
	prom.wait(t, "sum(log_records_total)", float64(said.lines))
	said.check(t, prom)
	for service, of := range said.services {
		label := fmt.Sprintf(`{job=%q}`, service)
		assert.Equal(t, strconv.Itoa(of.count), prom.query(t, `histogram_count(db_native_seconds`+label+`)`))
		assert.Equal(t, strconv.Itoa(of.micros), prom.query(t, `round(histogram_sum(db_native_seconds`+label+`) * 1e6)`))
	}

	require.Eventually(t, func() bool { // of the second write on
		return len(prom.exemplars(t, `db_native_seconds{job="pay"}`)) > 0
	}, time.Minute, 100*time.Millisecond, "exemplars of a native histogram")
	assert.NotEmpty(t, prom.exemplars(t, `log_records_total{job="pay"}`), "exemplars of a counter")
	slow := prom.exemplars(t, `db_seconds_bucket{job="pay",le="5"}`)
	require.NotEmpty(t, slow, "exemplars of the slow bucket")
	for _, e := range slow {
		value, err := strconv.ParseFloat(e.Value, 64)
		require.NoError(t, err)
		assert.Greater(t, value, 2.5)
		assert.Len(t, e.Labels, 3)
		require.NotEmpty(t, e.Labels["request.id"], "%v", e)
		story := sink.WaitLog(t, harness.Service("pay"), harness.Attr("request.id", e.Labels["request.id"]), harness.Attr("fold.count", int64(2)))
		assert.Equal(t, e.Labels["trace_id"], story.TraceID)
		assert.Len(t, e.Labels["span_id"], 16)
		assert.Equal(t, fmt.Sprintf("%dus", int(value*1e6+0.5)), story.Attributes["measure#db"])
	}

	// An exemplar has at most 128 characters; this much of them is left for the id.
	const fits = 128 - len("trace_id") - 32 - len("span_id") - 16 - len("request.id")
	conn := dial(t, "tcp", col.Addr(t, "in"))
	for name, length := range map[string]int{"fits": fits, "long": fits + 1} {
		_, err := fmt.Fprintf(conn, "app=edge request_id=%s trace_id=%032x span_id=%016x measure#%s=12ms\n", strings.Repeat("a", length), 7, 7, name)
		require.NoError(t, err)
	}
	for name, want := range map[string]int{"fits": 3, "long": 2} {
		require.Eventually(t, func() bool {
			found := prom.exemplars(t, name+`_seconds_bucket`)
			return len(found) > 0 && assert.Len(t, found[0].Labels, want)
		}, time.Minute, 100*time.Millisecond, "an exemplar with an id that is %s", name)
	}
	prom.Stop(t)
	col.Stop(t)
}

// startBothWays starts a collector that makes metrics of lines, and two Prometheus: one
// scrapes its page, and it writes to the other.
func startBothWays(t *testing.T, measure string) (*harness.Collector, map[string]*prometheus) {
	t.Helper()
	page := fmt.Sprintf("127.0.0.1:%d", freeport.Take(t))
	ways := map[string]*prometheus{"scrape": startPrometheus(t, page), "remote write": startPrometheus(t, "")}
	col := harness.Start(t, `
		receivers:
		  logfmt: {tcp: {endpoint: {{addr "in"}}}}
		connectors:
		  measure: `+measure+`
		exporters:
		  nop:
		  prometheus: {endpoint: {{.page}}, enable_open_metrics: true}
		  prometheus_remote_write: {endpoint: {{.url}}/api/v1/write, remote_write_queue: {enabled: false}}
		service:
		  pipelines:
		    logs: {receivers: [logfmt], exporters: [measure]}
		    logs/out: {receivers: [measure], exporters: [nop]}
		    metrics: {receivers: [measure], exporters: [prometheus, prometheus_remote_write]}
	`, harness.With("page", page), harness.With("url", ways["remote write"].url))
	ways["scrape"].wait(t, "up", 1) // it takes seconds to begin
	return col, ways
}

// TestSeriesEndInPrometheus: a series that measure has let go has no value any more, at
// once and not after the five minutes that Prometheus looks back: neither a bucket of it,
// nor one of several that have ended together.
func TestSeriesEndInPrometheus(t *testing.T) {
	t.Parallel()
	col, ways := startBothWays(t, `{interval: 200ms, expire: 3s}`)
	conn := dial(t, "tcp", col.Addr(t, "in"))
	say := func(tags ...string) {
		var text strings.Builder
		for _, tag := range tags {
			_, _ = fmt.Fprintf(&text, "app=shop measure#took=12ms count#done=2 sample#depth=4 tag#of=%s\n", tag)
		}
		_, err := conn.Write([]byte(text.String())) // at once, so that they end together
		require.NoError(t, err)
	}
	const all, each = `count({__name__=~"took_seconds_.*|done_total|depth",of=~%q})`, 15 + 2 + 1 + 1 // buckets, sum and count; counter; gauge
	say("a", "b", "c")
	for _, prom := range ways {
		prom.wait(t, fmt.Sprintf(all, "a|b|c"), 3*each)
	}
	spoken := time.Now()
	for way, prom := range ways {
		require.Eventually(t, func() bool {
			say("d") // which goes on
			return prom.query(t, fmt.Sprintf(all, "a|b|c")) == ""
		}, 2*time.Minute, 200*time.Millisecond, "the series have to end: %s", way)
		assert.Equal(t, strconv.Itoa(each), prom.query(t, fmt.Sprintf(all, "d")), way)
	}
	t.Logf("ended %v after the last value, with expire: 3s", time.Since(spoken))
	say("b")
	for _, prom := range ways {
		prom.wait(t, `done_total{of="b"}`, 2) // it has begun anew
		prom.Stop(t)
	}
	col.Stop(t)
}

// TestRestartIsACounterReset: counters begin anew with the collector, and Prometheus takes
// nothing for lost or gained across it.
func TestRestartIsACounterReset(t *testing.T) {
	t.Parallel()
	const first, before, after = 1, 1500, 300
	col, ways := startBothWays(t, `{interval: 200ms}`)
	say := func(lines int) {
		conn := dial(t, "tcp", col.Addr(t, "in"))
		_, err := conn.Write([]byte(strings.Repeat("app=shop count#jobs=1 measure#took=12ms\n", lines)))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	reach := func(value int) {
		for _, prom := range ways {
			require.Eventually(t, func() bool {
				return prom.query(t, `jobs_total{job="shop"}`) == strconv.Itoa(value)
			}, time.Minute, 100*time.Millisecond, "jobs_total must become %d", value)
		}
	}
	say(first) // increase() counts from the first value that Prometheus has
	reach(first)
	say(before)
	reach(first + before)
	col.Stop(t)
	col.Start(t)
	say(after)
	reach(after)
	for way, prom := range ways {
		for _, series := range []string{`jobs_total{job="shop"}`, `took_seconds_count{job="shop"}`, `took_seconds_bucket{job="shop",le="+Inf"}`, `took_seconds_bucket{job="shop",le="0.025"}`} {
			assert.Equal(t, "1", prom.query(t, `resets(`+series+`[10m])`), "%s: %s", way, series)
			grown, values := prom.grown(t, series+`[10m]`)
			assert.InDelta(t, before+after, grown, 0, "%s: %s", way, series)
			// They go beyond the values that there are: by half the time between two at
			// the one end, by 1.1 of it at most at the other.
			most := grown * (1 + 1.6/float64(values-1))
			for _, function := range []string{`increase(` + series + `[10m])`, `600 * rate(` + series + `[10m])`} {
				got, err := strconv.ParseFloat(prom.query(t, function), 64)
				require.NoError(t, err)
				assert.GreaterOrEqual(t, got, grown-1e-6, "%s: %s", way, function)
				assert.LessOrEqual(t, got, most+1e-6, "%s: %s of %d values", way, function, values)
			}
		}
		prom.Stop(t)
	}
	col.Stop(t)
}

// grown is how much a counter has grown in a range, and by how many values: what increase()
// begins with, before it goes beyond them.
func (p *prometheus) grown(t *testing.T, selector string) (grown float64, values int) {
	t.Helper()
	var data struct {
		Result []struct {
			Values [][2]any // time and value
		}
	}
	p.get(t, "query", url.Values{"query": {selector}}, &data)
	require.Len(t, data.Result, 1, "series of %s", selector)
	last := math.NaN()
	for _, pair := range data.Result[0].Values {
		text, _ := pair[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		switch {
		case math.IsNaN(last):
		case value < last:
			grown += value
		default:
			grown += value - last
		}
		last = value
	}
	return grown, len(data.Result[0].Values)
}
