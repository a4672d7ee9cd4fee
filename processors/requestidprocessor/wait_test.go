package requestidprocessor

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/processors/requestidprocessor/internal/metadata"
)

// ofTraces is a batch of records of as many traces.
func ofTraces(count int) plog.Logs {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for n := range count {
		records.AppendEmpty().SetTraceID(pcommon.TraceID{0: 1, 1: byte(n >> 16), 2: byte(n >> 8), 3: byte(n)})
	}
	return logs
}

// BenchmarkWait is a batch that waits for its traces, whose ids come one by one, and that
// looks at each as it comes.
func BenchmarkWait(b *testing.B) {
	for _, traces := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("traces=%d", traces), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				logs, bringing := ofTraces(traces), make([]plog.Logs, traces)
				for n, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
					bringing[n], _ = one(nil, attrs{"request.id": fmt.Sprint("r", n)}, "", r.TraceID())
				}
				set := processortest.NewNopSettings(metadata.Type)
				made, err := NewFactory().CreateLogs(b.Context(), set, configured(b, "{wait: 30s, ttl: 1m}"), consumertest.NewNop())
				require.NoError(b, err)
				require.NoError(b, made.Start(b.Context(), componenttest.NewNopHost()))
				p := made.(*logsProcessor)
				done := make(chan error, 1)
				go func() { done <- p.ConsumeLogs(context.Background(), logs) }()
				for p.shared.waiting.Load() == 0 {
					time.Sleep(time.Millisecond)
				}
				b.StartTimer()
				for _, one := range bringing {
					if err := p.ConsumeLogs(b.Context(), one); err != nil {
						b.Fatal(err)
					}
					runtime.Gosched()
				}
				require.NoError(b, <-done)
				b.StopTimer()
				for n, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
					if idOf(r.Attributes()) != fmt.Sprint("r", n) {
						b.Fatalf("record %d has %v", n, idOf(r.Attributes()))
					}
				}
				require.NoError(b, made.Shutdown(context.Background()))
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(traces), "ns/trace")
		})
	}
}

// TestRecordsOfOneTraceWaitTogether, wherever they stand in the batch.
func TestRecordsOfOneTraceWaitTogether(t *testing.T) {
	b := start(t, "{wait: 20s}")
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for n := range 9 {
		records.AppendEmpty().SetTraceID(trace(byte(n%3 + 1)))
	}
	known, _ := one(nil, attrs{"request.id": "of1"}, "", trace(1))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), known))
	done := make(chan error, 1)
	go func() { done <- b.logs.ConsumeLogs(context.Background(), logs) }()
	p := b.logs.(*logsProcessor)
	require.Eventually(t, func() bool { return p.shared.waiting.Load() == 9 }, 10*time.Second, time.Millisecond)
	for _, n := range []byte{3, 2} {
		brings, _ := span(attrs{"request.id": fmt.Sprint("of", n)}, trace(n))
		require.NoError(t, b.traces.ConsumeTraces(t.Context(), brings))
	}
	require.NoError(t, <-done)
	for n, r := range records.All() {
		assert.Equal(t, fmt.Sprint("of", n%3+1), idOf(r.Attributes()))
	}
	assert.EqualValues(t, 6, b.sum(t, "waited", ""))
	assert.EqualValues(t, 9, b.sum(t, "items", "trace"))
	b.stop(t)
}
