package kinesisexporter

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/sender"
)

// countingOnly is a stream that takes everything, and only counts.
type countingOnly struct {
	users, records, bytes atomic.Int64
}

func (c *countingOnly) PutRecords(_ context.Context, entries []sender.Entry) ([]sender.Result, error) {
	results := make([]sender.Result, len(entries))
	for i := range entries {
		c.users.Add(int64(entries[i].Records))
		c.records.Add(1)
		c.bytes.Add(int64(len(entries[i].Data)))
		results[i] = sender.Result{Sequence: "1", ShardID: shardNames[entries[i].HashKey[0]>>5]}
		if !entries[i].Explicit {
			hash := hashOf(string(entries[i].Key))
			results[i].ShardID = shardNames[hash[0]>>5]
		}
	}
	return results, nil
}

var shardNames = func() (names [8]string) {
	for i := range names {
		names[i] = fmt.Sprintf("shardId-%012d", i)
	}
	return names
}()

func (c *countingOnly) Shards(context.Context) ([]sender.Shard, error) {
	shards := make([]sender.Shard, len(shardNames))
	for i := range shards {
		shards[i].ID = shardNames[i]
		shards[i].First[0] = byte(i << 5)
		for j := range shards[i].Last {
			shards[i].Last[j] = 0xff
		}
		shards[i].Last[0] = byte(i<<5 + 31)
	}
	return shards, nil
}

func (*countingOnly) describe(context.Context) (description, error) {
	return description{active: true, maxRecordSize: 1 << 20}, nil
}

func (*countingOnly) close() {}

// requests are calls of records of 300 bytes each as flat JSON or a little more, of many
// requests at a time.
func requests(calls, each int) []plog.Logs {
	out := make([]plog.Logs, calls)
	for c := range out {
		out[c] = plog.NewLogs()
		rl := out[c].ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", "orders")
		to := rl.ScopeLogs().AppendEmpty().LogRecords()
		for i := range each {
			r := to.AppendEmpty()
			r.SetTimestamp(1_770_000_000_000_000_000)
			r.SetObservedTimestamp(1_770_000_000_000_000_001)
			r.SetSeverityNumber(plog.SeverityNumberInfo)
			r.SetSeverityText("INFO")
			r.Body().SetStr("order paid " + strings.Repeat("x", 20))
			r.Attributes().PutStr("request.id", fmt.Sprintf("request-%08d", (c*each+i)/8))
			r.Attributes().PutStr(uidAttribute, fmt.Sprintf("01912345-0000-7000-8000-%012d", c*each+i))
		}
	}
	return out
}

func processorTime() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkExporter: all of the way of a record, from a call to a stream that only
// counts, with its spool on disk.
func BenchmarkExporter(b *testing.B) {
	const calls, each = 64, 1000
	for _, aggregation := range []string{aggregationKPL, aggregationNone} {
		for _, encoding := range []string{encodingFlat, encodingOTLP, encodingProto} {
			b.Run("aggregation="+aggregation+"/encoding="+encoding, func(b *testing.B) {
				counting := &countingOnly{}
				cfg := configured(b, fmt.Sprintf(`{stream: orders, region: r, encoding: %s, aggregation: %s, rate: {bytes: 10GiB, records: 100000000}, spool: {directory: %q}}`,
					encoding, aggregation, b.TempDir()))
				set := exportertest.NewNopSettings(metadata.Type)
				tel := componenttest.NewTelemetry()
				set.TelemetrySettings = tel.NewTelemetrySettings()
				x, err := newExporter(set, cfg, "logs")
				require.NoError(b, err)
				x.newStream = func(context.Context) (stream, error) { return counting, nil }
				codec, err := cfg.logCodec(host{})
				require.NoError(b, err)
				x.prepare = func(component.Host) error { return nil }
				require.NoError(b, x.start(b.Context(), host{}))
				all := requests(calls, each)
				b.ReportAllocs()
				began := processorTime()
				sent := int64(0)
				for b.Loop() {
					logs := all[int(sent/each)%calls]
					require.NoError(b, x.consume(b.Context(), func(in *intake) { codec.consume(in, logs, nil) }))
					sent += each
				}
				for counting.users.Load() < sent {
					time.Sleep(time.Millisecond)
				}
				used := processorTime() - began
				require.Equal(b, sent, counting.users.Load())
				b.ReportMetric(float64(sent)/used.Seconds(), "records/CPU-s")
				b.ReportMetric(float64(used.Nanoseconds())/float64(sent), "CPU-ns/record")
				b.ReportMetric(float64(counting.users.Load())/float64(counting.records.Load()), "users/record")
				b.ReportMetric(float64(counting.bytes.Load())/float64(sent), "B/record")
				require.NoError(b, x.shutdown(context.Background()))
				require.NoError(b, tel.Shutdown(context.Background()))
			})
		}
	}
}
