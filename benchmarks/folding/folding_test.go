//go:build unix

package folding

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/groupbytraceprocessor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor"
)

const (
	perBatch = 200
	perKey   = 8
	keys     = perBatch / perKey
	// Batches are made so many at a time, so that the heap is that of a gateway.
	round   = 64
	senders = 16
)

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// fill gives a record or span ten attributes.
func fill(a pcommon.Map, batch, n int) {
	a.EnsureCapacity(10)
	a.PutStr("request.id", fmt.Sprintf("0f3c5a6e-1111-4222-8333-%012d", batch*keys+n%keys))
	a.PutStr("log.record.uid", fmt.Sprintf("0190f3c5-a6e1-7111-8333-%012d", batch*perBatch+n))
	a.PutStr("code.function.name", "reserve")
	a.PutInt("code.line.number", int64(n))
	a.PutStr("user.id", "c0068")
	a.PutStr("url.path", "/orders")
	a.PutInt("http.response.status_code", 201)
	a.PutDouble("elapsed", 4.25)
	a.PutBool("cached", true)
	a.PutStr("order.sku", "beech-dowel-10")
}

func logsOf(batch int) plog.Logs {
	out := plog.NewLogs()
	rl := out.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "purchasing")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for n := range perBatch {
		r := records.AppendEmpty()
		r.SetTimestamp(pcommon.Timestamp(batch*perBatch + n))
		r.SetSeverityNumber(9)
		r.Body().SetStr("something was done about an order")
		fill(r.Attributes(), batch, n)
	}
	return out
}

func tracesOf(batch int) ptrace.Traces {
	out := ptrace.NewTraces()
	rs := out.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "purchasing")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for n := range perBatch {
		s := spans.AppendEmpty()
		key := batch*keys + n%keys
		s.SetTraceID(pcommon.TraceID{1, byte(key), byte(key >> 8), byte(key >> 16), byte(key >> 24)})
		s.SetSpanID(pcommon.SpanID{1, byte(n), byte(batch), byte(batch >> 8), byte(batch >> 16)})
		s.SetName("something was done about an order")
		fill(s.Attributes(), batch, n)
	}
	return out
}

// counter counts what comes out: events, or spans.
type counter struct{ items atomic.Int64 }

func (*counter) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (c *counter) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	c.items.Add(int64(logs.LogRecordCount()))
	return nil
}

func (c *counter) ConsumeTraces(_ context.Context, traces ptrace.Traces) error {
	c.items.Add(int64(traces.SpanCount()))
	return nil
}

func configure(b *testing.B, f processor.Factory, settings map[string]any) component.Config {
	b.Helper()
	cfg := f.CreateDefaultConfig()
	require.NoError(b, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	return cfg
}

// run hands b.N batches over and waits for what they become, out of each.
func run[T any](b *testing.B, next *counter, out int, makeBatch func(int) T, consume func(context.Context, T) error) {
	b.Helper()
	var used time.Duration
	b.ResetTimer()
	for done := 0; done < b.N; {
		b.StopTimer()
		inputs := make([]T, min(round, b.N-done))
		for i := range inputs {
			inputs[i] = makeBatch(done + i)
		}
		done += len(inputs)
		b.StartTimer()
		begin := cpu(b)
		var all sync.WaitGroup
		var taken atomic.Int64
		for range senders {
			all.Go(func() {
				for i := taken.Add(1) - 1; i < int64(len(inputs)); i = taken.Add(1) - 1 {
					if err := consume(b.Context(), inputs[i]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		for next.items.Load() < int64(done*out) {
			time.Sleep(time.Millisecond)
		}
		used += cpu(b) - begin
	}
	b.StopTimer()
	require.EqualValues(b, b.N*out, next.items.Load())
	b.ReportMetric(float64(b.N*perBatch)/used.Seconds(), "records/cpu-s")
}

// BenchmarkHold is the whole way from the call to what the next consumer gets.
// groupbytrace hands spans on as they are, trace by trace; event_fold makes one document
// of the records of a request. groupbytrace waits a second, which costs no CPU time.
func BenchmarkHold(b *testing.B) {
	b.Run("groupbytrace", func(b *testing.B) {
		f, next := groupbytraceprocessor.NewFactory(), &counter{}
		p, err := f.CreateTraces(b.Context(), processortest.NewNopSettings(f.Type()), configure(b, f, map[string]any{"wait_duration": "100ms", "num_workers": 2}), next)
		require.NoError(b, err)
		require.NoError(b, p.Start(b.Context(), componenttest.NewNopHost()))
		run(b, next, perBatch, tracesOf, p.ConsumeTraces)
		require.NoError(b, p.Shutdown(context.Background()))
	})
	for _, style := range []string{"document", "canonical"} {
		for _, journal := range []bool{false, true} {
			b.Run(fmt.Sprintf("event_fold/style=%s/journal=%v", style, journal), func(b *testing.B) {
				settings := map[string]any{"style": style, "max_records": perKey}
				if journal {
					settings["directory"] = b.TempDir()
				}
				f, next := eventfoldprocessor.NewFactory(), &counter{}
				p, err := f.CreateLogs(b.Context(), processortest.NewNopSettings(f.Type()), configure(b, f, settings), next)
				require.NoError(b, err)
				require.NoError(b, p.Start(b.Context(), componenttest.NewNopHost()))
				run(b, next, keys, logsOf, p.ConsumeLogs)
				require.NoError(b, p.Shutdown(context.Background()))
			})
		}
	}
}
