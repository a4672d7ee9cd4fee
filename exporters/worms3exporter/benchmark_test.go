package worms3exporter

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"golang.org/x/sys/unix"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/heapfloor"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// requests are records as a service logs them: 10 attributes, 4 of the resource.
func requests(n int) []rec {
	out := make([]rec, n)
	for i := range out {
		out[i] = rec{
			service: "orders", request: fmt.Sprintf("req-%06d", i/5), uid: fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a%04d", i),
			body: fmt.Sprintf("order %d was paid in %d ms", i, i*7%100), at: time.Unix(1_770_000_000, int64(i)), trace: [16]byte{1, byte(i)},
			attrs: map[string]any{
				"log.category": []string{"application", "access"}[i%2], "http.request.method": "POST", "url.path": "/orders",
				"http.response.status_code": 200, "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
				"client.address": "192.0.2.17", "measure.elapsed": float64(i) / 7, "enduser.id": fmt.Sprint("user-", i%50),
			},
		}
	}
	return out
}

// BenchmarkIntake is what the exporter does before the engine: uid, rule, partition,
// fingerprint, encoding.
func BenchmarkIntake(b *testing.B) {
	for _, encoding := range []string{"json", "otlp_json", "otlp_proto"} {
		for _, rules := range []string{"category", "condition"} {
			b.Run(fmt.Sprintf("encoding=%s/rules=%s", encoding, rules), func(b *testing.B) {
				rule := `category: access`
				if rules == "condition" {
					rule = `condition: 'attributes["log.category"] == "access" and resource.attributes["service.name"] == "orders"'`
				}
				cfg := configured(b, fmt.Sprintf(`{encoding: %s, rules: [{name: access, %s, period: 1d}, {name: application, period: 2d}]}`, encoding, rule))
				encoders, err := cfg.logEncoders(nil)
				require.NoError(b, err)
				compiled, err := cfg.compileRules(componenttest.NewNopTelemetrySettings())
				require.NoError(b, err)
				in := newIntake(cfg, archiver.Logs, archiver.FingerprintKey{1})
				logs := newLogs(requests(1000)...)
				size := 0
				take := func() {
					in.reset()
					in.arrival = noon
					in.logs(b.Context(), logs, compiled, in.logEncoder(encoders))
				}
				take()
				for _, r := range in.all() {
					size += len(r.Line)
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					take()
				}
				require.Len(b, in.all(), 1000)
			})
		}
	}
}

// discard is a store that keeps nothing but checkpoints, which their writer reads again.
type discard struct{ memBucket }

func (d discard) Put(ctx context.Context, o objectstore.Object) (objectstore.Info, error) {
	if o.Size < archive.MaxCheckpoint {
		return d.memBucket.Put(ctx, o)
	}
	return objectstore.Info{Key: o.Key, VersionID: "1", Size: o.Size, Modified: time.Now(), Lock: o.Lock, HasSHA256: true, SHA256: o.SHA256}, nil
}

func (discard) Now() (time.Time, bool) { return time.Now(), true }

// cpuTime is what the process has used of the CPU, in user and system mode.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// threadTime is what the thread has used of the CPU.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	var t unix.Timespec
	require.NoError(b, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t))
	return time.Duration(t.Nano())
}

// BenchmarkExporter is the whole of it, with JSON, hashing, tree and zstd, on a disk, to a
// store that keeps no data. MB/cpu-s is MB of JSON for each second of CPU of the process, but
// for what it takes to give each batch new uids, which is no work of the exporter; uids-% is
// that part of all of it. To clear the memory of these is included.
func BenchmarkExporter(b *testing.B) {
	stop, err := heapfloor.FromEnvironment(os.LookupEnv)
	require.NoError(b, err)
	defer stop()
	bench := newBench(b, `{rules: [{name: access, category: access, period: 1d}, {name: application, period: 2d}], verify_share: 0, repeat_window: 1m}`)
	newStore = func(context.Context, *Config, string) (bucketStore, func(), error) {
		return discard{memBucket{bench.store}}, func() {}, nil
	}
	logs := bench.startLogs(b, host{})
	batch := newLogs(requests(1000)...)
	n := 0
	var uid []byte
	var making time.Duration
	began := cpuTime(b)
	for b.Loop() {
		runtime.LockOSThread()
		since := threadTime(b)
		i := 0
		for _, r := range batch.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			uid = strconv.AppendInt(append(strconv.AppendInt(append(uid[:0], "uid-"...), int64(n), 10), '-'), int64(i), 10)
			r.Attributes().PutStr(uidAttribute, string(uid))
			i++
		}
		making += threadTime(b) - since
		runtime.UnlockOSThread()
		require.NoError(b, logs.ConsumeLogs(b.Context(), batch))
		n++
	}
	require.NoError(b, logs.Shutdown(context.Background()))
	b.StopTimer()
	used := cpuTime(b) - began
	require.InDelta(b, 1000*n, bench.value(b, "records_archived", ""), 0)
	size := int(bench.value(b, "bytes_accepted", ""))
	b.ReportMetric(float64(size)/b.Elapsed().Seconds()/1e6, "MB/s")
	b.ReportMetric(float64(size)/(used-making).Seconds()/1e6, "MB/cpu-s")
	b.ReportMetric(100*making.Seconds()/used.Seconds(), "uids-%")
}
