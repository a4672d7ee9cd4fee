package sender

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// handover plays the main reading, passes, calls and resharding in an order that the
// random numbers choose, step by step, without goroutines.
type handover struct {
	s       *Sender
	rng     *rand.Rand
	records []Record
	there   int // of records, in the log
	main    int // of records, read by the main reading
	got     map[hashKey][]uint64
	lists   [][]Shard
	list    int
}

func (h *handover) mainStep() {
	if h.main < h.there && h.s.anyLevelLocked() {
		h.s.takeLocked(&h.records[h.main])
		h.main++
	}
}

// step is what may happen between any two steps of a pass.
func (h *handover) step() {
	s := h.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch h.rng.IntN(8) {
	case 0, 1:
		h.there = min(len(h.records), h.there+1)
	case 2, 3, 4:
		h.mainStep()
	case 5, 6:
		sh := s.shards[h.rng.IntN(len(s.shards))]
		if sh.queue.first() == nil {
			return
		}
		r := sh.queue.pop()
		sh.waiting.bytes -= r.payload()
		sh.waiting.records--
		h.got[r.hash] = append(h.got[r.hash], r.id)
		s.goneLocked(sh, r)
	case 7:
		if h.rng.IntN(20) == 0 {
			h.list = (h.list + 1) % len(h.lists)
			if err := s.reshardLocked(h.lists[h.list]); err != nil {
				panic(err)
			}
		}
	}
}

func (h *handover) Reader(from uint64) (Reader, error) { return &handoverReader{h, from}, nil }

type handoverReader struct {
	h    *handover
	next uint64
}

func (r *handoverReader) Next(context.Context) (Record, error) { panic("not used") }
func (r *handoverReader) Close() error                         { return nil }

func (r *handoverReader) TryNext() (Record, error) {
	for range r.h.rng.IntN(3) {
		r.h.step()
	}
	record, err := Record{}, ErrDrained
	if r.h.rng.IntN(40) == 0 {
		return record, errCut
	}
	if r.next <= uint64(r.h.there) {
		record, err = r.h.records[r.next-1], nil
		r.next++
	}
	for range r.h.rng.IntN(3) {
		r.h.step()
	}
	return record, err
}

func shardsAt(firsts ...uint64) (list []Shard) {
	for i, first := range firsts {
		last := ^uint64(0)
		if i+1 < len(firsts) {
			last = firsts[i+1] - 1
		}
		list = append(list, Shard{
			ID: fmt.Sprintf("%x-%x", first, last), First: hashKey{hi: first}.bytes(), Last: hashKey{last, ^uint64(0)}.bytes(),
		})
	}
	return list
}

// TestEachRecordIsTakenOnce tries interleavings of main reading, pass, sending and
// resharding: each key's records come into a queue once and in order.
func TestEachRecordIsTakenOnce(t *testing.T) {
	rounds := 10_000
	if testing.Short() {
		rounds = 2000
	}
	passes, behind, parked := 0, 0, 0
	for round := range rounds {
		h := &handover{
			rng: rand.New(rand.NewPCG(uint64(round), 7)), got: map[hashKey][]uint64{},
			lists: [][]Shard{
				shardsAt(0, 1<<63), shardsAt(0, 1<<62, 1<<63), shardsAt(0, 1<<62), shardsAt(0, 1<<62, 3<<62), shardsAt(0),
			},
		}
		want := map[hashKey][]uint64{}
		for i := range 24 {
			k := hashKey{hi: uint64(h.rng.IntN(8)) << 61}
			h.records = append(h.records, Record{ID: uint64(i + 1), Key: binary.BigEndian.AppendUint64(nil, k.hi), Hash: k.bytes(), Data: []byte("data")})
			want[k] = append(want[k], uint64(i+1))
		}
		set := Settings{Stream: newStream(1), Log: h, Done: func([]uint64) {}, MaxBuffered: 8 * memoryFor(12)}
		set.Aggregate = round%2 == 0
		h.s = mustNew(t, set)
		h.s.ctx = t.Context()
		require.NoError(t, h.s.reshardLocked(h.lists[0]))
		for steps := 0; h.main < len(h.records) || h.s.queued > 0 || h.s.Stats().Behind > 0 || h.s.Stats().Parked > 0; steps++ {
			require.Less(t, steps, 100_000, "it does not end: seed %d", round)
			h.step()
			behind, parked = max(behind, h.s.Stats().Behind), max(parked, h.s.Stats().Parked)
			if from, ok, _ := h.s.beginPassLocked(0); ok {
				if _, err := h.s.makePass(from); err != nil {
					require.ErrorIs(t, err, errCut)
				}
				passes++
			}
		}
		require.Equal(t, want, h.got, "seed %d", round)
		lookAt(t, h.s)
		require.Zero(t, h.s.memory)
		require.Empty(t, h.s.keys.states)
	}
	t.Logf("%d passes, %d keys were parked at a time", passes, parked)
	assert.GreaterOrEqual(t, parked, 2)
	assert.Greater(t, passes, rounds)
	assert.GreaterOrEqual(t, behind, 2)
}

// TestOneShardDoesNotHoldUpOthers lets a shard refuse everything for a minute.
func TestOneShardDoesNotHoldUpOthers(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 40_000
				k := newStream(4)
				k.latency = func(*rand.Rand) time.Duration { return 20 * time.Millisecond }
				k.throttle = func(sh *modelShard, now time.Duration, _ int) bool {
					return sh.ID == k.shards[2].ID && now < time.Minute
				}
				records := makeRecords(n, 200, func(i int) string { return fmt.Sprintf("key-%d", i%5000) })
				slow := 0
				for _, r := range records {
					if hashKeyOf(r.Hash).hi>>62 == 2 {
						slow++
					}
				}
				l := newLog(t, n)
				seen := &observed{}
				s := mustNew(t, Settings{
					Stream: k, Log: l, Done: l.Done, Order: f.order, Aggregate: f.aggregate, MaxBuffered: 1 << 20, Observer: seen,
				})
				s.Start()
				l.Put(records...)
				time.Sleep(30 * time.Second)
				assert.Equal(t, n-slow, l.count(), "all but the slow shard's")
				assert.Equal(t, 1, s.Stats().Behind)
				assert.LessOrEqual(t, s.Stats().Buffered, 1<<20+maxRecordMemory)
				calls := k.callCount()
				time.Sleep(25 * time.Second)
				assert.Less(t, k.callCount()-calls, 100, "calls in 25 s to a shard that refuses everything")
				l.wait()
				assert.Less(t, time.Since(k.begun), 5*time.Minute)
				require.NoError(t, s.Shutdown(t.Context()))
				assert.Positive(t, seen.throttled)
				k.verify(t, records, nil, f.order == PerKey)
			})
		})
	}
}

// TestOutage lets every call fail for two hours while records come: memory does not
// grow, and after it all are delivered.
func TestOutage(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 36_000 // five a second
				k := newStream(3)
				k.fault = func(*rand.Rand, int) fault {
					if time.Since(k.begun) < 2*time.Hour {
						return fault500
					}
					return faultNone
				}
				records := makeRecords(n, 100, func(i int) string { return fmt.Sprintf("key-%d", i%700) })
				l := newLog(t, n)
				s := mustNew(t, Settings{Stream: k, Log: l, Done: l.Done, Order: f.order, Aggregate: f.aggregate, MaxBuffered: 512 << 10})
				s.Start()
				for i := 0; i < n; i += 100 {
					l.Put(records[i : i+100]...)
					time.Sleep(20 * time.Second)
					require.LessOrEqual(t, s.Stats().Buffered, 512<<10+maxRecordMemory)
				}
				assert.Less(t, k.callCount(), 15_000, "three shards, ten seconds at the most between calls")
				l.wait()
				assert.Less(t, time.Since(k.begun), 2*time.Hour+time.Minute)
				require.NoError(t, s.Shutdown(t.Context()))
				k.verify(t, records, nil, f.order == PerKey)
				assert.Len(t, k.stored, n)
			})
		})
	}
}

// TestALogThatFails is read again from where it was.
func TestALogThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		k := newStream(2)
		k.latency = func(*rand.Rand) time.Duration { return 5 * time.Millisecond }
		records := makeRecords(n, 100, func(i int) string { return fmt.Sprintf("key-%d", i%100) })
		l := newLog(t, n)
		l.Put(records...)
		seen := &observed{}
		s := mustNew(t, Settings{
			Stream: k, Log: &failing{log: l, rng: rand.New(rand.NewPCG(1, 1))}, Done: l.Done, MaxBuffered: 128 << 10, Observer: seen,
			RetryMax: 200 * time.Millisecond,
		})
		s.Start()
		l.wait()
		require.NoError(t, s.Shutdown(t.Context()))
		k.verify(t, records, nil, true)
		assert.Positive(t, seen.failedCode("Log"))
	})
}

type failing struct {
	*log
	rng *rand.Rand
}

func (f *failing) Reader(from uint64) (Reader, error) {
	r, err := f.log.Reader(from)
	if f.fails(3) {
		return nil, errCut
	}
	return &failingReader{r, f}, err
}

func (f *failing) fails(n int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rng.IntN(n) == 0
}

type failingReader struct {
	Reader
	f *failing
}

func (r *failingReader) Next(ctx context.Context) (Record, error) {
	if r.f.fails(100) {
		return Record{}, errCut
	}
	return r.Reader.Next(ctx)
}

func (r *failingReader) TryNext() (Record, error) {
	if r.f.fails(1000) {
		return Record{}, errCut
	}
	return r.Reader.TryNext()
}

// slowLog takes a millisecond to read a record again.
type slowLog struct{ *log }

func (l slowLog) Reader(from uint64) (Reader, error) {
	r, err := l.log.Reader(from)
	return slowReader{r}, err
}

type slowReader struct{ Reader }

func (r slowReader) TryNext() (Record, error) {
	time.Sleep(time.Millisecond)
	return r.Reader.TryNext()
}

// TestAPassForOthersDoesNotStarve: a busy shard has room for less than a second, and the
// few records of another are far apart in the log.
func TestAPassForOthersDoesNotStarve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20_000
		k := newStream(3) // the third gets nothing, so that the main reading goes on
		k.latency = func(*rand.Rand) time.Duration { return 10 * time.Millisecond }
		k.throttle = func(sh *modelShard, now time.Duration, _ int) bool {
			return sh.ID == k.shards[1].ID && now < 10*time.Second
		}
		records := makeRecords(n, 100, func(i int) string { return fmt.Sprintf("key-%d", i%1000) })
		var mine []Record
		for _, r := range records {
			switch sh := k.open(hashKeyOf(r.Hash)); {
			case sh == k.shards[0]:
				mine = append(mine, r)
			case sh == k.shards[1] && len(mine)%500 == 0:
				r.Data = append(r.Data, make([]byte, 20_000)...)
				mine = append(mine, r)
			}
		}
		l := newLog(t, len(mine))
		l.Put(mine...)
		s := mustNew(t, Settings{Stream: k, Log: slowLog{l}, Done: l.Done, RateRecords: 100, MaxBuffered: 96 << 10})
		s.Start()
		l.wait()
		require.NoError(t, s.Shutdown(t.Context()))
		least := n
		for from := 5 * time.Second; from < 60*time.Second; from += time.Second {
			took := 0
			for _, one := range k.shards[0].taken {
				if one.at >= from && one.at < from+2*time.Second {
					took++
				}
			}
			least = min(least, took)
		}
		assert.GreaterOrEqual(t, least, 150, "records in 2 s, where 200 could be")
	})
}

// TestALargeRecordThatMustWaitDoesNotHoldUpOthers: a shard whose call takes long has room for
// little, and its next record is larger. The other's records go all the same, and nobody
// looks at the log again and again meanwhile.
func TestALargeRecordThatMustWaitDoesNotHoldUpOthers(t *testing.T) {
	eachForm(t, func(t *testing.T, f form) { //nolint:thelper // it is the test
		k := newStream(2)
		keys := [2]string{}
		for n := 0; keys[0] == "" || keys[1] == ""; n++ {
			key := fmt.Sprintf("key-%d", n)
			keys[hashKeyOf(md5.Sum([]byte(key))).hi>>63] = key
		}
		const n = 202
		records := makeRecords(n, 4000, func(i int) string {
			if i < 2 {
				return keys[0]
			}
			return keys[1]
		})
		records[0].Data = records[0].Data[:100]
		records[1].Data = append(records[1].Data, make([]byte, 30_000)...)
		put := func(ctx context.Context, entries []Entry) ([]Result, error) {
			if string(entries[0].Key) == keys[0] {
				time.Sleep(20 * time.Second)
			} else {
				time.Sleep(10 * time.Millisecond)
			}
			return k.PutRecords(ctx, entries)
		}
		l := &readings{log: newLog(t, n)}
		s := mustNew(t, Settings{Stream: only{k, put}, Log: l, Done: l.Done, Order: f.order, Aggregate: f.aggregate, MaxInFlight: 1, MaxBuffered: 64 << 10})
		s.Start()
		l.Put(records[0])
		time.Sleep(time.Second) // it is on its way
		l.Put(records[1:]...)
		time.Sleep(15 * time.Second)
		assert.Equal(t, n-2, l.count())
		l.mu.Lock()
		assert.Less(t, l.readers, n)
		l.mu.Unlock()
		time.Sleep(30 * time.Second)
		require.NoError(t, s.Shutdown(t.Context()))
		k.verify(t, records, nil, f.order == PerKey)
	})
}
