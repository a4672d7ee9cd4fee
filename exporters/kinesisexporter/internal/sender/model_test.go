package sender

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type form struct {
	name      string
	order     Order
	aggregate bool
}

var forms = []form{
	{"kpl/per_key", PerKey, true},
	{"none/per_key", PerKey, false},
	{"kpl/none", Unordered, true},
	{"none/none", Unordered, false},
}

// TestFaults sends 200,000 records through all that can go wrong at once.
func TestFaults(t *testing.T) {
	n := 200_000
	if testing.Short() {
		n = 20_000
	}
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newStream(4)
				k.oneKey = f.order == PerKey && !f.aggregate
				k.latency = func(rng *rand.Rand) time.Duration {
					if rng.IntN(50) == 0 {
						return time.Duration(rng.IntN(3000)) * time.Millisecond // the timeout is 2 s
					}
					return time.Duration(1+rng.IntN(40)) * time.Millisecond
				}
				k.fault = func(rng *rand.Rand, _ int) fault {
					switch p := rng.IntN(100); {
					case p < 3:
						return faultThrottle
					case p < 6:
						return fault500
					case p < 8:
						return faultCut
					case p < 11:
						return faultCutStored
					}
					return faultNone
				}
				k.refuse = func(rng *rand.Rand, _ *Entry) Result {
					switch p := rng.IntN(100); {
					case p < 20:
						return Result{Code: CodeThrottled}
					case p < 30:
						return Result{Code: "InternalFailure"}
					}
					return Result{}
				}
				testFaults(t, k, f, n)
			})
		})
	}
}

func testFaults(t *testing.T, k *stream, f form, n int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	zipf := rand.NewZipf(rng, 1.1, 50, 20_000)
	records := makeRecords(n, 100, func(int) string { return fmt.Sprintf("key-%d", zipf.Uint64()) })
	l := newLog(t, n)
	// A call that is ended by its timeout may have stored its records: one of those that
	// were slow, or that began before a shard was closed.
	s := mustNew(t, Settings{
		Stream: slowRepeats{k}, Log: l, Done: l.Done, Order: f.order, Aggregate: f.aggregate,
		Timeout: 2 * time.Second, RetryMax: time.Second, Refresh: 5 * time.Second, MaxBuffered: 4 << 20,
		MaxRecordSize: 10_000,
	})
	s.Start()
	behind, parked := 0, 0
	go func() {
		for i := 0; i < n; i += 500 {
			l.Put(records[i:min(i+500, n)]...)
			time.Sleep(time.Millisecond)
		}
	}()
	for i, change := range []func(){
		func() { k.split(hashKey{}) },
		func() { k.split(hashKey{hi: 1 << 63}) },
		func() { k.merge(hashKey{hi: 1 << 62}) },
		func() { k.split(hashKey{hi: 1}); k.split(hashKey{hi: 2}) },
		func() { k.merge(hashKey{hi: 1}); k.merge(hashKey{hi: ^uint64(0) >> 1}) },
	} {
		for l.count() < n*(i+1)/7 {
			time.Sleep(10 * time.Millisecond)
			lookAt(t, s)
			st := s.Stats()
			require.LessOrEqual(t, st.Buffered, 4<<20+maxRecordMemory)
			behind, parked = max(behind, st.Behind), max(parked, st.Parked)
		}
		change()
	}
	l.wait()
	synctest.Wait() // what is done is reported before it is let go
	assert.Zero(t, s.Stats().Queued)
	require.NoError(t, s.Shutdown(t.Context()))
	lookAt(t, s)
	assert.Zero(t, s.Stats().Buffered)
	assert.Empty(t, s.keys.states)
	assert.Len(t, k.shards, 15)
	assert.Equal(t, 5, s.Stats().Shards)
	k.verify(t, records, nil, f.order == PerKey)
	if !testing.Short() { // of fewer calls none may be cut
		assert.NotEmpty(t, k.repeats)
	}
	assert.Positive(t, behind)
	assert.Equal(t, k.oneKey, parked > 0)
	t.Logf("%d calls, %d user records stored, in %v", k.calls, len(k.stored), time.Since(k.begun))
}

const maxRecordMemory = 1 << 10
