//go:build unix

package eventfoldprocessor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/heapfloor"
)

// cpu is what the process has used so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// batchOf is 200 records of 25 requests, eight each, with ten attributes.
func batchOf(batch int) plog.Logs {
	out := plog.NewLogs()
	rl := out.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "purchasing")
	rl.Resource().Attributes().PutStr("host.name", "web-1")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.LogRecords().EnsureCapacity(200)
	for n := range 200 {
		r := sl.LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.Timestamp(batch*200 + n))
		r.SetSeverityNumber(9)
		r.SetSeverityText("info")
		r.Body().SetStr("something was done about an order")
		a := r.Attributes()
		a.EnsureCapacity(10)
		a.PutStr("request.id", fmt.Sprintf("0f3c5a6e-1111-4222-8333-%012d", batch*25+n%25))
		a.PutStr("log.record.uid", fmt.Sprintf("0190f3c5-a6e1-7111-8333-%012d", batch*200+n))
		a.PutStr("code.function.name", "reserve")
		a.PutInt("code.line.number", int64(n))
		a.PutStr("user.id", "c0068")
		a.PutStr("url.path", "/orders")
		a.PutInt("http.response.status_code", 201)
		a.PutDouble("elapsed", 4.25)
		a.PutBool("cached", true)
		a.PutStr("order.sku", "beech-dowel-10")
	}
	return out
}

// BenchmarkFold is the whole way of a record, from ConsumeLogs to the event that the
// next consumer gets, with the heap's floor that the binary has; the making of the input
// is not counted.
func BenchmarkFold(b *testing.B) {
	stop, err := heapfloor.FromEnvironment(os.LookupEnv)
	require.NoError(b, err)
	defer stop()
	for _, style := range []string{"document", "logtrace", "canonical"} {
		for _, journal := range []bool{false, true} {
			b.Run(fmt.Sprintf("style=%s/journal=%v", style, journal), func(b *testing.B) {
				config := "{style: " + style + ", max_records: 8, max_remembered: 10000}"
				if journal {
					config = fmt.Sprintf("{style: %s, max_records: 8, max_remembered: 10000, directory: %q}", style, filepath.Join(b.TempDir(), "journal"))
				}
				next := &counter{}
				p := start(b, &keeper{}, config)
				p.foldProcessor.next = next
				var used time.Duration
				b.ResetTimer()
				for done := 0; done < b.N; {
					b.StopTimer()
					inputs := make([]plog.Logs, min(roundOfBatches, b.N-done))
					for n := range inputs {
						inputs[n] = batchOf(done + n)
					}
					done += len(inputs)
					b.StartTimer()
					begin := cpu(b)
					consumeAll(b, p, inputs)
					for next.records.Load() < int64(done)*25 {
						time.Sleep(100 * time.Microsecond)
					}
					used += cpu(b) - begin
				}
				b.StopTimer()
				require.EqualValues(b, b.N*25, next.records.Load(), "an event for each request")
				p.stop(b)
				b.ReportMetric(float64(b.N*200)/used.Seconds(), "records/cpu-s")
			})
		}
	}
}

// roundOfBatches is how many batches are made at a time: few, so that the heap is that
// of a gateway and not that of a benchmark's input.
const roundOfBatches = 64

// consumeAll hands the batches over from as many senders as a gateway may have.
func consumeAll(b *testing.B, p *bench, inputs []plog.Logs) {
	b.Helper()
	const senders = 16
	var all sync.WaitGroup
	var batches atomic.Int64
	for range senders {
		all.Go(func() {
			for n := batches.Add(1) - 1; n < int64(len(inputs)); n = batches.Add(1) - 1 {
				if err := p.ConsumeLogs(context.Background(), inputs[n]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkOpenEvents adds records to events while so many are open.
func BenchmarkOpenEvents(b *testing.B) {
	for _, open := range []int{1000, 1_000_000} {
		b.Run("open="+strconv.Itoa(open), func(b *testing.B) {
			next := &counter{}
			p := start(b, &keeper{}, "{max_records: 8, idle_timeout: 1h, max_duration: 2h, max_events: 2000000, max_state: 4GiB, max_remembered: 1000, style: canonical}")
			p.foldProcessor.next = next
			uid := 0
			batch := func(first int) plog.Logs {
				out := batchOf(0)
				for i, r := range out.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
					uid++
					r.Attributes().PutStr("request.id", strconv.Itoa((first+i*7919)%open))
					r.Attributes().PutStr("log.record.uid", strconv.Itoa(uid))
				}
				return out
			}
			for first := 0; first < open; first += 200 {
				out := batchOf(0)
				for i, r := range out.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
					uid++
					r.Attributes().PutStr("request.id", strconv.Itoa(first+i))
					r.Attributes().PutStr("log.record.uid", strconv.Itoa(uid))
				}
				require.NoError(b, p.ConsumeLogs(b.Context(), out))
			}
			require.EqualValues(b, open, p.openEvents.Load())
			var used time.Duration
			n := 0
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				logs := batch(n * 200 * 31)
				n++
				b.StartTimer()
				before := cpu(b)
				require.NoError(b, p.ConsumeLogs(b.Context(), logs))
				used += cpu(b) - before
			}
			b.ReportMetric(float64(used.Nanoseconds())/float64(n*200), "cpu-ns/record")
			p.stopWork()
			p.stop(b)
		})
	}
}

// counter is a next consumer that counts.
type counter struct {
	records atomic.Int64
}

func (*counter) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (c *counter) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	c.records.Add(int64(logs.LogRecordCount()))
	return nil
}
