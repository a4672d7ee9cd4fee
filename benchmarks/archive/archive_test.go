// Package archive measures the worm_s3 exporter as a whole: records go in as pdata, are
// encoded as JSON, spooled to disk, hashed into the tree, compressed and put to a fake of
// S3 in the same process, which keeps only sizes.
package archive

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

const perCall = 2000

// calls gives n calls' worth of records, each with a uid of its own.
func calls(n int, base time.Time) []plog.Logs {
	all := make([]plog.Logs, n)
	for c := range all {
		logs := plog.NewLogs()
		rl := logs.ResourceLogs().AppendEmpty()
		ra := rl.Resource().Attributes()
		ra.PutStr("service.name", "checkout")
		ra.PutStr("service.version", "4.7.1")
		ra.PutStr("host.name", "web-17.eu-central-1.example.com")
		ra.PutStr("k8s.pod.name", "checkout-6bf7d9c5f8-x2v9k")
		records := rl.ScopeLogs().AppendEmpty().LogRecords()
		for i := range perCall {
			k := c*perCall + i
			r := records.AppendEmpty()
			r.SetTimestamp(pcommon.NewTimestampFromTime(base.Add(time.Duration(k) * time.Microsecond)))
			r.SetObservedTimestamp(r.Timestamp())
			r.SetSeverityNumber(plog.SeverityNumberInfo)
			r.SetSeverityText("info")
			r.Body().SetStr(fmt.Sprintf("order %d placed for %d items by customer %d; payment pending with provider", k*7919, k%9+1, k*104729%1_000_003))
			a := r.Attributes()
			a.PutStr("log.record.uid", fmt.Sprintf("0197f3a0-%04x-7000-8000-%012x", k>>16&0xffff, k))
			a.PutStr("log.category", "application")
			a.PutStr("request.id", fmt.Sprintf("%016x", uint64(k/10)*0x9e3779b97f4a7c15))
			a.PutStr("http.request.method", "POST")
			a.PutStr("url.path", fmt.Sprintf("/orders/%d/items", k*31%100_003))
			a.PutInt("http.response.status_code", 201)
			a.PutDouble("duration", float64(k%9973)/1000)
			a.PutStr("client.address", fmt.Sprintf("10.%d.%d.%d", k&255, k>>8&255, k>>3&255))
		}
		all[c] = logs
	}
	return all
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkExporter gives megabytes of JSON for each second of processor time, of all
// that the process does, the fake included.
func BenchmarkExporter(b *testing.B) {
	for _, compression := range []string{"zstd", "gzip", "none"} {
		b.Run("compression="+compression, func(b *testing.B) {
			b.ReportAllocs()
			base := time.Now()
			all := calls(b.N, base) // each record once, or it would be a repeat
			fake := s3fake.Start(b, s3fake.Settings{Discard: true, Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}})
			b.Setenv("AWS_ACCESS_KEY_ID", s3fake.AccessKey)
			b.Setenv("AWS_SECRET_ACCESS_KEY", s3fake.SecretKey)
			dir := b.TempDir()
			skey, _, err := note.GenerateKey(nil, "example.com/logs/bench")
			require.NoError(b, err)
			require.NoError(b, os.WriteFile(filepath.Join(dir, "bench.key"), []byte(skey+"\n"), 0o600))
			factory := worms3exporter.NewFactory()
			cfg := factory.CreateDefaultConfig()
			require.NoError(b, confmap.NewFromStringMap(map[string]any{
				"bucket": "archive", "region": s3fake.Region, "endpoint": fake.URL(), "origin": "example.com/logs", "writer": "bench",
				"signing_key_file": filepath.Join(dir, "bench.key"), "compression": compression,
				"rules": []any{map[string]any{"name": "application", "period": "1d"}},
				"spool": map[string]any{"directory": filepath.Join(dir, "spool")},
			}).Unmarshal(cfg))
			tel := componenttest.NewTelemetry()
			set := exportertest.NewNopSettings(factory.Type())
			set.TelemetrySettings = tel.NewTelemetrySettings()
			x, err := factory.CreateLogs(b.Context(), set, cfg)
			require.NoError(b, err)
			require.NoError(b, x.Start(b.Context(), componenttest.NewNopHost()))
			b.ResetTimer()
			before := cpu()
			for _, logs := range all {
				require.NoError(b, x.ConsumeLogs(b.Context(), logs))
			}
			require.NoError(b, x.Shutdown(b.Context()))
			b.StopTimer()
			took := cpu() - before
			bytes, records := sum(b, tel, "bytes_accepted"), sum(b, tel, "records_archived")
			require.Equal(b, int64(b.N*perCall), records)
			b.ReportMetric(float64(bytes)/1e6/took.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(bytes)/float64(records), "B/record")
			b.SetBytes(bytes / int64(b.N))
		})
	}
}

// sum is a counter of the exporter's own.
func sum(b *testing.B, tel *componenttest.Telemetry, name string) (total int64) {
	b.Helper()
	m, err := tel.GetMetric("otelcol_exporter_worm_s3_" + name)
	require.NoError(b, err)
	data, ok := m.Data.(metricdata.Sum[int64])
	require.True(b, ok)
	for _, p := range data.DataPoints {
		total += p.Value
	}
	return total
}
