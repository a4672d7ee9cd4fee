//go:build !race

// Minutes in a bubble take the race detector minutes of the machine's; what runs at the
// same time is tested with it elsewhere.

package sender

import (
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func all(time.Duration) float64 { return 1 }

// TestRates gives 8 shards of 1 MB/s more than they can take.
func TestRates(t *testing.T) {
	servers := map[string]func(func(time.Duration) float64) func(*modelShard, time.Duration, int) bool{
		"second": bySecond, "bucket": byBucket,
	}
	rng := rand.New(rand.NewPCG(5, 6))
	zipf := rand.NewZipf(rng, 1.1, 20, 100_000)
	allKeys := map[string]func(i int) string{
		"even": func(int) string { return fmt.Sprintf("request-%032d", rng.IntN(100_000)) },
		"zipf": func(int) string { return fmt.Sprintf("request-%032d", zipf.Uint64()) },
	}
	for _, f := range forms {
		if testing.Short() && f.order != PerKey {
			continue
		}
		for server, throttle := range servers {
			for name, key := range allKeys {
				t.Run(fmt.Sprintf("%s/%s/%s", f.name, server, name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { testRate(t, f, throttle(all), key, name, 10, 40, 0.95) })
				})
			}
		}
	}
}

// TestRatesOfSlowCalls: of aggregates where order is kept, one call is on its way at a
// time. So what one that takes longer than usual costs is not made up for.
func TestRatesOfSlowCalls(t *testing.T) {
	key := func(i int) string { return fmt.Sprintf("request-%032d", i*7919%100_000) }
	for trip, least := range map[[2]int]float64{{150, 200}: 0.95, {250, 350}: 0.93, {400, 600}: 0.92} {
		if testing.Short() && trip[0] != 400 {
			continue
		}
		t.Run(fmt.Sprint(trip), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testRate(t, forms[0], bySecond(all), key, "even", trip[0], trip[1], least) })
			synctest.Test(t, func(t *testing.T) { testRate(t, forms[0], byBucket(all), key, "even", trip[0], trip[1], least) })
		})
	}
}

// keysLog knows how many records of each key are not done.
type keysLog struct {
	*log
	mu   sync.Mutex
	hash []hashKey // of records
	left map[hashKey]int
}

func (l *keysLog) Put(records ...Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log.Put(records...)
	for i := range records {
		h := hashKeyOf(records[i].Hash)
		l.hash = append(l.hash, h)
		l.left[h]++
	}
}

func (l *keysLog) Done(ids []uint64) {
	l.log.Done(ids)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		h := l.hash[id-1]
		if l.left[h]--; l.left[h] == 0 {
			delete(l.left, h)
		}
	}
}

// keys is how many in this range have records that are not done.
func (l *keysLog) keys(r hashRange) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.left {
		if r.has(h) {
			n++
		}
	}
	return n
}

// backlogKeys is how many keys could give a shard two and a half times its records, in
// calls of up to 40 ms.
const backlogKeys = 100

const warmUp, measured = 3 * time.Second, 20 * time.Second

func testRate(t *testing.T, f form, throttle func(*modelShard, time.Duration, int) bool, key func(int) string, name string, fastest, slowest int, least float64) {
	t.Helper()
	k := newStream(8)
	k.throttle = throttle
	k.oneKey = f.order == PerKey && !f.aggregate
	k.inFlight = 4
	if f.aggregate && f.order == PerKey {
		k.inFlight = 1
	}
	k.latency = func(rng *rand.Rand) time.Duration {
		return time.Duration(fastest+rng.IntN(slowest-fastest)) * time.Millisecond
	}
	k.countOnly = true
	// Plain ones are limited by their count, aggregates by their bytes.
	data := make([]byte, 300)
	if f.aggregate {
		data = make([]byte, 2400)
	}
	l := &keysLog{log: newLog(t, -1), left: map[hashKey]int{}}
	s := mustNew(t, Settings{
		Stream: k, Log: l, Done: l.Done, Order: f.order, Aggregate: f.aggregate,
		RateBytes: shardBytes, RateRecords: shardRecords,
	})
	s.Start()
	end := k.begun.Add(warmUp + measured)
	backlog := map[string]time.Duration{} // since when
	until := map[string]time.Duration{}
	for i := 0; time.Now().Before(end); {
		// More than all of them take, by a half. Where one record of a key is on its way at a
		// time, some keys have more than can be sent: what waits of them is no reason to bring
		// less of others.
		if l.Len() < 50_000 || k.oneKey && name != "even" {
			n := 3000
			if f.aggregate {
				n = 1500
			}
			records := make([]Record, n)
			for j := range records {
				k := []byte(key(i))
				records[j] = Record{Key: k, Hash: md5.Sum(k), Data: data, Count: 1}
				i++
			}
			l.Put(records...)
		}
		time.Sleep(250 * time.Millisecond)
		s.mu.Lock()
		for _, sh := range s.shards {
			// A backlog: two pieces at least that may be sent. Where one record of a key is on
			// its way at a time, records of so many keys in the log, in memory or not.
			full := f.aggregate && sh.waiting.bytes > shardBytes/2 || !f.aggregate && sh.queue.ready() > shardRecords/2
			if k.oneKey {
				full = l.keys(sh.hashRange) > backlogKeys
			}
			if full {
				if _, ok := backlog[sh.id]; !ok {
					backlog[sh.id] = time.Since(k.begun)
				}
				until[sh.id] = time.Since(k.begun)
			} else {
				delete(backlog, sh.id)
			}
		}
		s.mu.Unlock()
	}
	k.mu.Lock()
	calls, failed := k.calls, k.failed
	full := 0
	for _, sh := range k.shards {
		from, ok := backlog[sh.ID]
		if !ok || from > warmUp+measured/2 {
			continue
		}
		full++
		// From one call that it took to another: it takes a quarter of a second's at once, which
		// is more than one in a hundred of what it takes in this time.
		from = max(from, warmUp)
		bytes, records, waiting := 0, 0, amount{}
		first, last := time.Duration(-1), time.Duration(0)
		for _, one := range sh.taken {
			if one.at < from || one.at >= until[sh.ID] {
				continue
			}
			if first < 0 {
				first, last = one.at, one.at
			}
			if one.at > last {
				bytes += waiting.bytes
				records += waiting.records
				last, waiting = one.at, amount{}
			}
			waiting.bytes += one.bytes
			waiting.records += one.records
		}
		require.Greater(t, last-first, measured/3, sh.ID)
		seconds := (last - first).Seconds()
		rate := max(float64(bytes)/shardBytes, float64(records)/shardRecords) / seconds
		t.Logf("%s: %.1f%% of its rate in %.0f s", sh.ID, 100*rate, seconds)
		assert.GreaterOrEqual(t, rate, least, sh.ID)
	}
	k.mu.Unlock()
	t.Logf("%d calls, %d throttled (%.2f%%)", calls, failed, 100*float64(failed)/float64(calls))
	assert.LessOrEqual(t, float64(failed), 0.01*float64(calls))
	if name == "even" {
		assert.Equal(t, 8, full)
	} else {
		assert.GreaterOrEqual(t, full, 6, "shards with a backlog")
	}
	require.NoError(t, s.Shutdown(t.Context()))
	lookAt(t, s)
	assert.Empty(t, k.problems)
}
