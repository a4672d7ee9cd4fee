package sender

import (
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keyed20ms is a stream where a key has one record on its way at a time.
func keyed20ms() *stream {
	k := newStream(4)
	k.oneKey = true
	k.latency = func(*rand.Rand) time.Duration { return 20 * time.Millisecond }
	return k
}

// TestAHotKeyDoesNotHoldUpOthers: a key has ten times as many records as its shard's
// memory takes, before those of others, or among them.
func TestAHotKeyDoesNotHoldUpOthers(t *testing.T) {
	const hot, others = 6000, 20_000
	for name, isHot := range map[string]func(i int) bool{
		"before": func(i int) bool { return i < hot },
		"among":  func(i int) bool { return i < 4*hot && i%4 == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keyed20ms()
				records := makeRecords(hot+others, 200, func(i int) string {
					if isHot(i) {
						return "hot"
					}
					return fmt.Sprintf("key-%d", i%5000)
				})
				l := newLog(t, hot+others)
				seen := &observed{}
				s := mustNew(t, Settings{
					Stream: k, Log: l, Done: l.Done, RateRecords: shardRecords, MaxBuffered: 1 << 20, Observer: seen,
				})
				s.Start()
				l.Put(records...)
				most := Stats{}
				for range 100 {
					time.Sleep(100 * time.Millisecond)
					lookAt(t, s)
					st := s.Stats()
					require.LessOrEqual(t, st.Buffered, 1<<20+maxRecordMemory)
					most.Parked = max(most.Parked, st.Parked)
				}
				// Of others a shard has 5000 or so: what a second brings it is 1000.
				k.mu.Lock()
				there := len(k.stored)
				k.mu.Unlock()
				assert.Equal(t, others, there-delivered(k, "hot"), "all but the hot key's within 10 s")
				assert.Greater(t, delivered(k, "hot"), 50, "that goes on meanwhile")
				assert.Positive(t, most.Parked)
				l.wait()
				// One a round trip.
				assert.Less(t, time.Since(k.begun), 10*time.Second+hot*25*time.Millisecond)
				require.NoError(t, s.Shutdown(t.Context()))
				lookAt(t, s)
				assert.Zero(t, s.Stats().Parked)
				assert.Empty(t, s.keys.states)
				k.verify(t, records, nil, true)
				assert.Len(t, k.stored, hot+others)
				assert.Zero(t, seen.failedCode("Log"))
			})
		})
	}
}

// delivered is how many of a key's records are in the stream.
func delivered(k *stream, key string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.stored {
		if s.key == key {
			n++
		}
	}
	return n
}

// readings counts what is read of a log.
type readings struct {
	*log
	readers, records int
}

func (l *readings) Reader(from uint64) (Reader, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readers++
	r, err := l.log.Reader(from)
	return countedReader{r, l}, err
}

type countedReader struct {
	Reader
	l *readings
}

func (r countedReader) TryNext() (Record, error) {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	r.l.records++
	return r.Reader.TryNext()
}

// TestManyHotKeys: each key comes with 500 records at once. Their shards must come to an
// end, also where they can't be parked all, and the log is not read again for each record.
func TestManyHotKeys(t *testing.T) {
	for name, c := range map[string]struct{ n, memory, behind, parked, reads int }{
		"all can be parked": {n: 60_000, memory: 1 << 20, parked: 120, reads: 150},
		"two of a shard":    {n: 6000, memory: 32 << 10, behind: 2, parked: 4, reads: 200},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keyed20ms()
				records := makeRecords(c.n, 200, func(i int) string { return fmt.Sprintf("key-%d", i/500) })
				l := &readings{log: newLog(t, c.n)}
				s := mustNew(t, Settings{Stream: k, Log: l, Done: l.Done, MaxBuffered: c.memory})
				s.Start()
				l.Put(records...)
				behind, parked := 0, 0
				for l.count() < c.n {
					time.Sleep(100 * time.Millisecond)
					lookAt(t, s)
					st := s.Stats()
					behind, parked = max(behind, st.Behind), max(parked, st.Parked)
					require.LessOrEqual(t, st.Buffered, c.memory+maxRecordMemory)
					require.Less(t, time.Since(k.begun), 10*time.Minute)
				}
				synctest.Wait()
				require.NoError(t, s.Shutdown(t.Context()))
				assert.GreaterOrEqual(t, behind, c.behind)
				assert.GreaterOrEqual(t, parked, c.parked)
				assert.Empty(t, s.keys.states)
				k.verify(t, records, nil, true)
				t.Logf("%d readers, %d records read, in %v; at a time %d keys were parked", l.readers, l.records, time.Since(k.begun), parked)
				assert.Less(t, l.records, c.reads*c.n)
				assert.Less(t, l.readers, c.n/2)
			})
		})
	}
}

// TestPassesForKeysRest: reading for keys takes a quarter of the time at most, and the
// keys' records go all the same.
func TestPassesForKeysRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hot, n = 2000, 20_000
		k := keyed20ms()
		records := makeRecords(n, 200, func(i int) string {
			if i%(n/hot) == 0 {
				return "hot"
			}
			return fmt.Sprintf("key-%d", i%5000)
		})
		l := newLog(t, n)
		l.Put(records...)
		s := mustNew(t, Settings{Stream: k, Log: slowLog{l}, Done: l.Done, MaxBuffered: 1 << 20})
		s.Start()
		l.wait()
		require.NoError(t, s.Shutdown(t.Context()))
		k.verify(t, records, nil, true)
		assert.Less(t, time.Since(k.begun), 5*time.Minute)
	})
}

// TestALargeRecordOfAParkedKey goes although its shard is never empty.
func TestALargeRecordOfAParkedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20_000
		k := keyed20ms()
		hash := hashKeyOf(md5.Sum([]byte("hot")))
		records := makeRecords(n, 100, func(i int) string {
			if i < 400 {
				return "hot"
			}
			for j := i; ; j += n { // another key of that shard
				key := fmt.Sprintf("key-%d", j)
				if hashKeyOf(md5.Sum([]byte(key))).hi>>62 == hash.hi>>62 {
					return key
				}
			}
		})
		records[100].Data = append(records[100].Data, make([]byte, 100_000)...)
		l := newLog(t, n)
		l.Put(records...)
		s := mustNew(t, Settings{
			Stream: k, Log: l, Done: l.Done, RateRecords: 200, MaxBuffered: 256 << 10, MaxRecordSize: 1 << 20,
		})
		s.Start()
		time.Sleep(50 * time.Second)
		require.Less(t, l.count(), n-5000, "the others are not through")
		assert.Greater(t, delivered(k, "hot"), 110)
		l.wait()
		require.NoError(t, s.Shutdown(t.Context()))
		k.verify(t, records, nil, true)
	})
}
