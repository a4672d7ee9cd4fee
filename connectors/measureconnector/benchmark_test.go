//go:build unix

package measureconnector

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/connectors/measureconnector/internal/metadatatest"
)

// manySeries are logs of 25 resources, a batch of 200 records with two measures for each,
// that together make 10,000 series of two metrics, 5,000 of each.
func manySeries(kind string) []plog.Logs {
	var out []plog.Logs
	for part := range 25 {
		logs := plog.NewLogs()
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", fmt.Sprintf("service-%d", part))
		rl.Resource().Attributes().PutStr("host.name", "web-1")
		sl := rl.ScopeLogs().AppendEmpty()
		sl.LogRecords().EnsureCapacity(200)
		for i := range 200 {
			lr := sl.LogRecords().AppendEmpty()
			lr.SetTimestamp(pcommon.NewTimestampFromTime(time.Unix(1_800_000_000, int64(i))))
			lr.SetSeverityNumber(plog.SeverityNumberInfo)
			lr.SetTraceID(pcommon.TraceID{byte(i + 1), byte(part)})
			lr.SetSpanID(pcommon.SpanID{byte(i + 1)})
			lr.Body().SetStr("query done")
			a := lr.Attributes()
			a.PutStr("log.record.uid", fmt.Sprintf("01a21987-21ab-71f3-%04x-%012x", part, i))
			a.PutStr("event.name", fmt.Sprintf("event-%d", i))
			a.PutStr("request.id", fmt.Sprintf("req-%d-%d", part, i))
			a.PutStr("user", "somebody")
			a.PutStr(kind+"db.elapsed", fmt.Sprintf("%dms", 1+i*37%4000))
			a.PutStr(kind+"answer.size", fmt.Sprintf("%dB", 100+i*91))
		}
		out = append(out, logs)
	}
	return out
}

// cpu is what the process has used so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkTwoMeasures is the way of a record through the connector, without those it is
// handed to, in CPU time of the process. "repeats" looks for uids, too, which are new each
// time; "all" is the default, with log.records besides.
func BenchmarkTwoMeasures(b *testing.B) {
	for name, change := range map[string]func(*Config){
		"measures": func(c *Config) { c.Conventions, c.RepeatWindow = []string{conventionMeasures}, 0 },
		"repeats":  func(c *Config) { c.Conventions = []string{conventionMeasures} },
		"all":      func(*Config) {},
	} {
		for _, kind := range []string{"measure#", "count#"} {
			b.Run(name+"/"+strings.TrimSuffix(kind, "#"), func(b *testing.B) {
				cfg := createDefaultConfig().(*Config)
				cfg.MaxSeries = 10_000
				change(cfg)
				c := benchConnector(b, cfg)
				batches := manySeries(kind)
				for _, logs := range batches {
					require.NoError(b, c.ConsumeLogs(b.Context(), logs))
				}
				require.GreaterOrEqual(b, c.engine.live, 10_000)
				uid := 0
				var used time.Duration
				b.ResetTimer()
				for i := range b.N {
					logs := batches[i%len(batches)]
					if c.engine.repeats != nil {
						for _, lr := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
							uid++
							lr.Attributes().PutStr("log.record.uid", fmt.Sprintf("01a21987-21ab-71f3-ffff-%012x", uid))
						}
					}
					begin := cpu(b)
					err := c.ConsumeLogs(b.Context(), logs)
					used += cpu(b) - begin
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*200)/used.Seconds(), "records/cpu-s")
			})
		}
	}
}

// BenchmarkCopy is what the Collector does for two consumers of which one changes records:
// it gives that one a copy. Behind the connector's two ways out, to logs and to metrics, that
// is the price of handing records on where event_fold, or another that changes them, follows.
func BenchmarkCopy(b *testing.B) {
	batches := manySeries("measure#")
	begin := cpu(b)
	for i := range b.N {
		batches[i%len(batches)].CopyTo(plog.NewLogs())
	}
	b.ReportMetric(float64(b.N*200)/(cpu(b)-begin).Seconds(), "records/cpu-s")
}

// BenchmarkRender is what each interval costs with 10,000 series.
func BenchmarkRender(b *testing.B) {
	for _, kind := range []string{"measure", "count"} {
		b.Run(kind, func(b *testing.B) {
			cfg := createDefaultConfig().(*Config)
			cfg.MaxSeries = 10_000
			c := benchConnector(b, cfg)
			for _, logs := range manySeries(kind + "#") {
				require.NoError(b, c.ConsumeLogs(b.Context(), logs))
			}
			begin := cpu(b)
			for b.Loop() {
				require.GreaterOrEqual(b, c.engine.render(time.Now(), "").DataPointCount(), 10_000)
			}
			b.ReportMetric(float64((cpu(b)-begin).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

func benchConnector(tb testing.TB, cfg *Config) *logsToLogs {
	tb.Helper()
	tel := componenttest.NewTelemetry()
	tb.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	var c connector.Logs
	c, err := NewFactory().CreateLogsToLogs(tb.Context(), metadatatest.NewSettings(tel), cfg, consumertest.NewNop())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = c.Shutdown(context.Background()) })
	return c.(*logsToLogs)
}

// TestMemoryOfASeries says what a series holds, with exemplars in several of its buckets,
// and that it is bounded.
func TestMemoryOfASeries(t *testing.T) {
	for kind, limit := range map[string]float64{"count": 700, "measure": 2500} {
		cfg := createDefaultConfig().(*Config)
		cfg.Conventions, cfg.RepeatWindow, cfg.MaxSeries = []string{conventionMeasures}, 0, 100_000
		c := benchConnector(t, cfg)
		batches := manySeries(kind + "#")
		before := heap()
		for range 3 {
			for _, logs := range batches {
				require.NoError(t, c.ConsumeLogs(t.Context(), logs))
			}
		}
		per := (heap() - before) / float64(c.engine.live)
		t.Logf("%s: %d series, %.0f bytes each", kind, c.engine.live, per)
		assert.Less(t, per, limit, kind)
		runtime.KeepAlive(batches)
		runtime.KeepAlive(c)
	}
}

// heap is what is reachable, in bytes.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
