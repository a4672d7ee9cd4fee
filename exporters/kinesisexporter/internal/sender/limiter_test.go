package sender

import (
	"crypto/md5"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBackoff(t *testing.T) {
	most := func(failed int) time.Duration {
		return backoff(100*time.Millisecond, 10*time.Second, failed, math.Nextafter(1, 0))
	}
	for i, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000} {
		assert.InDelta(t, want*time.Millisecond, most(i+1), 1000)
	}
	assert.InDelta(t, 10*time.Second, most(1<<40), 1000)
	assert.Zero(t, backoff(time.Second, time.Minute, 3, 0), "full jitter begins at nothing")
}

// TestLimiterKeepsToAnySecond sends pieces of random sizes as soon as they are let.
func TestLimiterKeepsToAnySecond(t *testing.T) {
	for round := range 50 {
		rng := rand.New(rand.NewPCG(uint64(round), 1))
		l := newLimiter(1_000_000, 1000)
		var all []sent
		now := time.Duration(0)
		for range 500 {
			first := amount{1 + rng.IntN(5000), 1}
			if rng.IntN(40) == 0 {
				first.bytes = 1 + rng.IntN(1_000_000)
			}
			waiting := amount{first.bytes + rng.IntN(1_000_000), 1 + rng.IntN(1000)}
			most, at := l.ask(now, waiting, first)
			if at > now {
				require.Less(t, at-now, 2*time.Second)
				now = at
				continue
			}
			require.GreaterOrEqual(t, most.bytes, first.bytes)
			a := amount{max(first.bytes, min(most.bytes, waiting.bytes)), min(most.records, waiting.records)}
			l.took(now, a)
			all = append(all, sent{now, a})
			now += time.Duration(rng.IntN(100)) * time.Millisecond
		}
		for i, from := range all {
			var sum amount
			for _, s := range all[i:] {
				if s.at < from.at+rateWindow {
					sum.bytes += s.bytes
					sum.records += s.records
				}
			}
			require.LessOrEqual(t, sum.bytes, 1_000_000)
			require.LessOrEqual(t, sum.records, 1000)
		}
	}
}

// TestLargerThanASecond: a record of more than the shard takes in a second goes, and
// what it is worth passes after it.
func TestLargerThanASecond(t *testing.T) {
	l := newLimiter(1_000_000, 1000)
	most, at := l.ask(0, amount{5_000_000, 1}, amount{5_000_000, 1})
	require.Zero(t, at)
	require.Equal(t, 5_000_000, most.bytes)
	l.took(0, amount{5_000_000, 1})
	_, at = l.ask(time.Second, amount{10, 1}, amount{10, 1})
	assert.Equal(t, 5*time.Second, at)
}

// TestOtherProducers take 60% of a shard for a while: the Sender takes what is left, is
// throttled now and then, and comes back when they are gone.
func TestOtherProducers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		share := func(now time.Duration) float64 {
			if now > 20*time.Second && now < 320*time.Second {
				return 0.4
			}
			return 1
		}
		k := newStream(1)
		k.countOnly = true
		k.throttle = bySecond(share)
		k.latency = func(rng *rand.Rand) time.Duration { return time.Duration(10+rng.IntN(30)) * time.Millisecond }
		l := newLog(t, -1)
		s := mustNew(t, Settings{Stream: k, Log: l, Done: l.Done, Aggregate: true, RateBytes: shardBytes, RateRecords: shardRecords})
		s.Start()
		data := make([]byte, 2000)
		var putting sync.WaitGroup
		putting.Go(func() {
			for i := 0; s.ctx.Err() == nil; i++ {
				if l.Len() < 20_000 {
					key := fmt.Appendf(nil, "key-%d", i%1000)
					l.Put(Record{Key: key, Hash: md5.Sum(key), Data: data})
					continue
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
		measure := func(from, to time.Duration, of float64, least, throttled float64) {
			time.Sleep(from - time.Since(k.begun))
			k.mu.Lock()
			calls, failed := k.calls, k.failed
			k.mu.Unlock()
			time.Sleep(to - time.Since(k.begun))
			k.mu.Lock()
			defer k.mu.Unlock()
			bytes := 0
			for _, one := range k.shards[0].taken {
				if one.at >= from && one.at < to {
					bytes += one.bytes
				}
			}
			rate := float64(bytes) / (to - from).Seconds() / shardBytes / of
			part := float64(k.failed-failed) / float64(k.calls-calls)
			t.Logf("%v to %v: %.1f%% of what there is, %d of %d calls throttled (%.1f%%)",
				from, to, 100*rate, k.failed-failed, k.calls-calls, 100*part)
			assert.GreaterOrEqual(t, rate, least)
			assert.LessOrEqual(t, part, throttled)
		}
		measure(3*time.Second, 20*time.Second, 1, 0.95, 0.01)
		measure(30*time.Second, 320*time.Second, 0.4, 0.85, 0.02)
		measure(420*time.Second, 470*time.Second, 1, 0.95, 0.01)
		require.NoError(t, s.Shutdown(t.Context()))
		putting.Wait()
	})
}
