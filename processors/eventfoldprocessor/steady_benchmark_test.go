//go:build unix

package eventfoldprocessor

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// BenchmarkSteady is the whole way of a record while so many events are open, and stay
// so: each record is one of another event, and each eighth ends one, for which another
// is opened.
func BenchmarkSteady(b *testing.B) {
	for _, open := range []int{1000, 1_000_000} {
		b.Run("open="+strconv.Itoa(open), func(b *testing.B) {
			next := &counter{}
			p := start(b, &keeper{}, "{max_records: 8, idle_timeout: 1h, max_duration: 2h, max_events: 2000000, max_state: 16GiB, max_remembered: 1000}")
			p.foldProcessor.next = next
			had := make([]uint8, open) // how many records the key's event has had
			generation := make([]uint32, open)
			uid := 0
			batch := func(nextKey func() int) plog.Logs {
				out := batchOf(0)
				for _, r := range out.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
					key := nextKey()
					uid++
					r.Attributes().PutStr("request.id", fmt.Sprintf("%d-%d", key, generation[key]))
					r.Attributes().PutStr("log.record.uid", strconv.Itoa(uid))
					if had[key]++; had[key] == 8 {
						had[key] = 0
						generation[key]++
					}
				}
				return out
			}
			// Events are at different stages: each has from none to seven records.
			first, round := -1, 0
			young := func() int {
				for {
					if first++; first == open {
						first, round = 0, round+1
					}
					if first%8 > round {
						return first
					}
				}
			}
			for range open * 28 / 8 / 200 { // 0 to 7 records each
				require.NoError(b, p.ConsumeLogs(b.Context(), batch(young)))
			}
			at := 0
			next7919 := func() int {
				at = (at + 7919) % open // a prime, so that every key has its turn
				return at
			}
			var used time.Duration
			records := 0
			b.ResetTimer()
			for done := 0; done < b.N; {
				b.StopTimer()
				inputs := make([]plog.Logs, min(roundOfBatches, b.N-done))
				for i := range inputs {
					inputs[i] = batch(next7919)
				}
				done += len(inputs)
				records += 200 * len(inputs)
				b.StartTimer()
				begin := cpu(b)
				consumeAll(b, p, inputs)
				for p.readyBytes.Load() > 0 {
					time.Sleep(100 * time.Microsecond)
				}
				used += cpu(b) - begin
			}
			b.StopTimer()
			require.InDelta(b, open*7/8, p.openEvents.Load(), float64(open)/20, "as many are open as before")
			b.ReportMetric(float64(used.Nanoseconds())/float64(records), "cpu-ns/record")
			p.stopWork()
			p.stop(b)
		})
	}
}
