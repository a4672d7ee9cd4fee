package sender

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// only makes a stream out of what it does with a call.
type only struct {
	*stream
	put func(ctx context.Context, entries []Entry) ([]Result, error)
}

func (o only) PutRecords(ctx context.Context, entries []Entry) ([]Result, error) {
	return o.put(ctx, entries)
}

func eachForm(t *testing.T, test func(t *testing.T, f form)) {
	t.Helper()
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, f) })
		})
	}
}

// TestRefusedForGood has a few records that the stream does not take: as entries, or by
// refusing the whole call that has one of them.
func TestRefusedForGood(t *testing.T) {
	for _, whole := range []bool{false, true} {
		eachForm(t, func(t *testing.T, f form) { //nolint:thelper // it is the test
			const n = 5000
			k := newStream(3)
			bad := func(id uint64) bool { return id%500 == 7 }
			anyBad := func(e *Entry) bool {
				return slices.ContainsFunc(idsOf(e), bad)
			}
			k.refuse = func(_ *rand.Rand, e *Entry) Result {
				if anyBad(e) {
					return Result{Code: "InvalidArgumentException", Message: "no"}
				}
				return Result{}
			}
			put := k.PutRecords
			if whole {
				put = func(ctx context.Context, entries []Entry) ([]Result, error) {
					for _, e := range entries {
						if anyBad(&e) {
							return nil, &CallError{Kind: KindPermanent, Code: "InvalidArgumentException", Err: errors.New("no")}
						}
					}
					return k.PutRecords(ctx, entries)
				}
			}
			records := makeRecords(n, 100, func(i int) string { return fmt.Sprintf("key-%d", i%90) })
			l := newLog(t, n-n/500)
			l.Put(records...)
			var mu sync.Mutex
			refused, attempts := map[uint64]bool{}, 0
			seen := &observed{}
			s := mustNew(t, Settings{
				Stream: only{k, put}, Log: l, Done: l.Done, Order: f.order, Aggregate: f.aggregate, Observer: seen,
				Refuse: func(r Record, result Result) error {
					mu.Lock()
					defer mu.Unlock()
					if attempts++; attempts%3 == 1 {
						return errors.New("no room for it now")
					}
					assert.Equal(t, "InvalidArgumentException", result.Code)
					assert.Equal(t, "no", result.Message)
					assert.Equal(t, records[r.ID-1].Key, r.Key)
					assert.Equal(t, records[r.ID-1].Hash, r.Hash)
					assert.Equal(t, records[r.ID-1].Data, r.Data)
					assert.Equal(t, 1, r.Count)
					assert.False(t, refused[r.ID], r.ID)
					refused[r.ID] = true
					return nil
				},
			})
			s.Start()
			l.wait()
			for s.Stats().Queued > 0 {
				time.Sleep(time.Second)
			}
			require.NoError(t, s.Shutdown(t.Context()))
			assert.Len(t, refused, n/500)
			k.verify(t, records, refused, f.order == PerKey)
			assert.Positive(t, seen.failedCode("Refuse"))
			assert.Zero(t, s.Stats().Buffered)
			assert.Equal(t, n-n/500, seen.user)
			assert.Equal(t, n-n/500, seen.count)
		})
	}
}

// TestNoPlaceForWhatIsRefused keeps it, and tells.
func TestNoPlaceForWhatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newStream(1)
		k.refuse = func(*rand.Rand, *Entry) Result { return Result{Code: "ValidationException"} }
		l := newLog(t, 1)
		seen := &observed{}
		s := mustNew(t, Settings{Stream: k, Log: l, Done: l.Done, Observer: seen})
		s.Start()
		l.Put(makeRecords(1, 10, func(int) string { return "k" })...)
		time.Sleep(time.Minute)
		assert.Positive(t, seen.failedCode("Refuse"))
		require.NoError(t, s.Shutdown(t.Context()))
		assert.Equal(t, 1, l.Len())
	})
}

// TestAggregateInTheWrongShard splits a shard; the list of shards does not say so for a
// while. The model drops aggregates as AWS's library does.
func TestAggregateInTheWrongShard(t *testing.T) {
	for _, order := range []Order{PerKey, Unordered} {
		synctest.Test(t, func(t *testing.T) {
			const n = 20_000
			k := newStream(1)
			k.latency = func(*rand.Rand) time.Duration { return 10 * time.Millisecond }
			old := k.shards[0].Shard
			stale := stale{stream: k, old: []Shard{old}}
			records := makeRecords(n, 100, func(i int) string { return fmt.Sprintf("key-%d", i%300) })
			l := newLog(t, n)
			seen := &observed{}
			s := mustNew(t, Settings{
				Stream: &stale, Log: l, Done: l.Done, Aggregate: true, Order: order, Observer: seen, MaxRecordSize: 20_000,
			})
			s.Start()
			l.Put(records[:n/2]...)
			time.Sleep(time.Second)
			k.split(hashKey{})
			stale.set(time.Now().Add(5 * time.Second))
			l.Put(records[n/2:]...)
			time.Sleep(4 * time.Second)
			assert.Less(t, l.count(), n, "nobody knows yet where they are")
			lookAt(t, s)
			l.wait()
			assert.GreaterOrEqual(t, time.Since(k.begun), 6*time.Second)
			assert.Less(t, time.Since(k.begun), 20*time.Second, "it asks for the list itself")
			require.NoError(t, s.Shutdown(t.Context()))
			k.verify(t, records, nil, order == PerKey)
			assert.Positive(t, seen.refused[CodeWrongShard])
			assert.Positive(t, seen.failed["ShardNotListed"])
			assert.Positive(t, seen.retried)
			assert.Equal(t, []int{1, 2}, seen.reshards)
		})
	}
}

// TestListThatIsWrong: a stream that was made anew, with other shards of the same names,
// gets an aggregate again and again until the list is right. It must not do so at full
// speed.
func TestListThatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newStream(2)
		calls := 0
		var mu sync.Mutex
		put := func(ctx context.Context, entries []Entry) ([]Result, error) {
			mu.Lock()
			calls++
			other := k.shards[1].ID
			if k.open(hashOf(&entries[0])).ID == other {
				other = k.shards[0].ID
			}
			mu.Unlock()
			return []Result{{ShardID: other}}, wait(ctx, 10*time.Millisecond)
		}
		l := newLog(t, 20)
		s := mustNew(t, Settings{Stream: only{k, put}, Log: l, Done: l.Done, Aggregate: true})
		s.Start()
		l.Put(makeRecords(20, 10, strconv.Itoa)...)
		time.Sleep(time.Minute)
		require.NoError(t, s.Shutdown(t.Context()))
		assert.Zero(t, l.count())
		assert.Positive(t, calls)
		assert.Less(t, calls, 100, "of two shards in a minute")
	})
}

// stale lists the shards that were, until some time.
type stale struct {
	*stream
	old  []Shard
	mu   sync.Mutex
	till time.Time
}

func (st *stale) set(till time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.till = till
}

func (st *stale) Shards(ctx context.Context) ([]Shard, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if time.Now().Before(st.till) {
		return st.old, nil
	}
	return st.stream.Shards(ctx)
}

// TestSlowCallThroughTwoReshardings holds what its keys need, and only that.
func TestSlowCallThroughTwoReshardings(t *testing.T) {
	eachForm(t, func(t *testing.T, f form) { //nolint:thelper // it is the test
		const n = 3000
		k := newStream(2)
		first := true
		var mu sync.Mutex
		put := func(ctx context.Context, entries []Entry) ([]Result, error) {
			mu.Lock()
			slow := first && hashOf(&entries[0]).hi>>63 == 0
			if slow {
				first = false
			}
			mu.Unlock()
			if !slow {
				return k.PutRecords(ctx, entries)
			}
			if err := wait(ctx, 20*time.Second); err != nil {
				return nil, err
			}
			return nil, &CallError{Code: "InternalFailure"}
		}
		records := makeRecords(n, 100, func(i int) string { return fmt.Sprintf("key-%d", i%300) })
		l := newLog(t, n)
		s := mustNew(t, Settings{
			Stream: only{k, put}, Log: l, Done: l.Done, Aggregate: f.aggregate, Order: f.order, Refresh: time.Second, MaxRecordSize: 5000,
		})
		s.Start()
		l.Put(records...)
		time.Sleep(3 * time.Second)
		k.split(hashKey{})
		time.Sleep(3 * time.Second)
		lookAt(t, s)
		k.split(hashKey{})
		time.Sleep(3 * time.Second)
		lookAt(t, s)
		k.merge(hashKey{})
		time.Sleep(3 * time.Second)
		lookAt(t, s)
		assert.Less(t, l.count(), n)
		assert.Greater(t, l.count(), n/3, "the other shard's, at least")
		l.wait()
		require.NoError(t, s.Shutdown(t.Context()))
		k.verify(t, records, nil, f.order == PerKey)
		lookAt(t, s)
	})
}

// TestListsThatCantBe are not taken over.
func TestListsThatCantBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newStream(2)
		lists := [][]Shard{
			nil,
			shardsAt(1),
			shardsAt(0, 5)[:1],
			{shardsAt(0, 5)[0], shardsAt(0, 6)[1]},
			{shardsAt(0, 6)[0], shardsAt(0, 5)[1]},
			{shardsAt(0)[0], shardsAt(0, 5)[1]},
		}
		n := 0
		st := listing{k, func() ([]Shard, error) {
			n++
			if n%2 == 1 {
				return nil, &CallError{Kind: KindNoStream, Code: "ResourceNotFoundException"}
			}
			if n/2 <= len(lists) {
				return lists[n/2-1], nil
			}
			return k.Shards(t.Context())
		}}
		l := newLog(t, 1)
		seen := &observed{}
		s := mustNew(t, Settings{Stream: st, Log: l, Done: l.Done, Observer: seen, RetryMax: 300 * time.Millisecond})
		s.Start()
		l.Put(makeRecords(1, 10, func(int) string { return "k" })...)
		l.wait()
		require.NoError(t, s.Shutdown(t.Context()))
		assert.Equal(t, len(lists), seen.failed["ShardsIncomplete"])
		assert.Equal(t, len(lists)+1, seen.failed["ResourceNotFoundException"])
		assert.Equal(t, []int{2}, seen.reshards)
	})
}

type listing struct {
	*stream
	list func() ([]Shard, error)
}

func (l listing) Shards(context.Context) ([]Shard, error) { return l.list() }

// TestShutdown waits for calls, or ends them; what is not done is the next Sender's.
func TestShutdown(t *testing.T) {
	for _, patient := range []bool{true, false} {
		eachForm(t, func(t *testing.T, f form) { //nolint:thelper // it is the test
			const n = 20_000
			k := newStream(3)
			k.latency = func(*rand.Rand) time.Duration { return 8 * time.Second }
			records := makeRecords(n, 100, func(i int) string { return fmt.Sprintf("key-%d", i%3000) })
			l := newLog(t, n)
			l.Put(records...)
			set := Settings{Stream: slowRepeats{k}, Log: l, Done: l.Done, Order: f.order, Aggregate: f.aggregate, MaxRecordSize: 10_000}
			s := mustNew(t, set)
			s.Start()
			time.Sleep(9500 * time.Millisecond)
			calls, done := s.Stats().InFlight, l.count()
			require.Positive(t, calls)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if !patient {
				ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
			}
			defer cancel()
			begun := time.Now()
			err := s.Shutdown(ctx)
			if patient {
				require.NoError(t, err)
				assert.Greater(t, l.count(), done)
				assert.Greater(t, time.Since(begun), 2*time.Second)
			} else {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, 2*time.Second, time.Since(begun))
				for _, s := range k.stored { // those that were ended may be there
					k.repeats[s.id]++
				}
			}
			assert.Zero(t, s.Stats().InFlight)
			lookAt(t, s)
			calls, done = k.callCount(), l.count()
			time.Sleep(time.Minute)
			assert.Equal(t, calls, k.callCount(), "calls after Shutdown")
			assert.Equal(t, done, l.count())
			require.NoError(t, s.Shutdown(ctx), "a second time")

			k.latency = nil
			next := mustNew(t, set)
			next.Start()
			l.wait()
			require.NoError(t, next.Shutdown(t.Context()))
			k.verify(t, records, nil, f.order == PerKey)
		})
	}
	s := mustNew(t, Settings{Stream: newStream(1), Log: NewMemory(), Done: func([]uint64) {}})
	require.NoError(t, s.Shutdown(t.Context()), "it never ran")
	s.Start()
	require.NoError(t, s.Shutdown(t.Context()), "it does not run any more")
}

// TestShutdownWhileNobodyKnows ends though the shard of an aggregate is never listed.
func TestShutdownWhileNobodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newStream(1)
		l := newLog(t, 2)
		put := func(context.Context, []Entry) ([]Result, error) { return []Result{{ShardID: "another"}}, nil }
		s := mustNew(t, Settings{Stream: only{k, put}, Log: l, Done: l.Done, Aggregate: true})
		s.Start()
		l.Put(makeRecords(2, 10, strconv.Itoa)...)
		time.Sleep(time.Minute)
		assert.Zero(t, l.count())
		require.NoError(t, s.Shutdown(t.Context()))
		assert.Zero(t, l.count())
	})
}

// TestWhenACallIsMade looks at age and size.
func TestWhenACallIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newStream(1)
		var mu sync.Mutex
		var made []int
		sizes := func() []int {
			mu.Lock()
			defer mu.Unlock()
			slices.SortFunc(made[1:], func(a, b int) int { return b - a }) // they are on their way together
			return slices.Clone(made)
		}
		put := func(ctx context.Context, entries []Entry) ([]Result, error) {
			mu.Lock()
			made = append(made, len(entries))
			mu.Unlock()
			return k.PutRecords(ctx, entries)
		}
		l := newLog(t, 1100)
		s := mustNew(t, Settings{Stream: only{k, put}, Log: l, Done: l.Done, MaxRecords: 400})
		s.Start()
		time.Sleep(time.Second)
		records := makeRecords(1100, 10, strconv.Itoa)
		l.Put(records[:1]...)
		time.Sleep(199 * time.Millisecond)
		synctest.Wait()
		assert.Zero(t, l.count())
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 1, l.count())
		l.Put(records[1:]...)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.Equal(t, []int{1, 400, 400}, sizes())
		l.wait()
		assert.Equal(t, []int{1, 400, 400, 299}, sizes())
		require.NoError(t, s.Shutdown(t.Context()))
	})
}

// TestLimits are those of a call and of a record, whatever the sizes.
func TestLimits(t *testing.T) {
	eachForm(t, func(t *testing.T, f form) { //nolint:thelper // it is the test
		const n = 4000
		k := newStream(2)
		rng := rand.New(rand.NewPCG(1, 9))
		records := makeRecords(n, 0, func(i int) string { return fmt.Sprintf("key-%d", i%1000) })
		for i := range records {
			if rng.IntN(50) == 0 {
				records[i].Data = append(records[i].Data, make([]byte, rng.IntN(60_000-20))...)
			} else {
				records[i].Data = append(records[i].Data, make([]byte, rng.IntN(2000))...)
			}
		}
		var mu sync.Mutex
		largest := 0
		put := func(ctx context.Context, entries []Entry) ([]Result, error) {
			sum := 0
			for _, e := range entries {
				size := len(e.Key) + len(e.Data)
				assert.LessOrEqual(t, size, 60_000)
				assert.Equal(t, f.aggregate && e.Records > 1, e.Explicit)
				sum += size
			}
			assert.LessOrEqual(t, sum, 100_000)
			assert.LessOrEqual(t, len(entries), 60)
			mu.Lock()
			largest = max(largest, sum)
			mu.Unlock()
			return k.PutRecords(ctx, entries)
		}
		l := newLog(t, n)
		l.Put(records...)
		// Shards have room for less than the largest record.
		s := mustNew(t, Settings{
			Stream: only{k, put}, Log: l, Done: l.Done, Order: f.order, Aggregate: f.aggregate,
			MaxRecordSize: 60_000, MaxRecords: 60, MaxBytes: 100_000, MaxBuffered: 80 << 10,
		})
		s.Start()
		for l.count() < n {
			time.Sleep(5 * time.Millisecond)
			require.LessOrEqual(t, s.Stats().Buffered, 80<<10+64<<10+recordOverhead)
		}
		require.NoError(t, s.Shutdown(t.Context()))
		k.verify(t, records, nil, f.order == PerKey)
		assert.Greater(t, largest, 20_000)
	})
}

// TestAnswerOfAnotherLength is no answer.
func TestAnswerOfAnotherLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newStream(1)
		n := 0
		put := func(ctx context.Context, entries []Entry) ([]Result, error) {
			if n++; n == 1 {
				return make([]Result, len(entries)-1), nil
			}
			return k.PutRecords(ctx, entries)
		}
		l := newLog(t, 10)
		s := mustNew(t, Settings{Stream: only{k, put}, Log: l, Done: l.Done})
		s.Start()
		records := makeRecords(10, 10, strconv.Itoa)
		l.Put(records...)
		l.wait()
		require.NoError(t, s.Shutdown(t.Context()))
		assert.Len(t, k.stored, 10)
	})
}

// TestThrottledCallsAsAWhole do not end the others' rate, and pause.
func TestThrottledCallsAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newStream(1)
		k.fault = func(*rand.Rand, int) fault { return faultThrottle }
		l := newLog(t, 10)
		seen := &observed{}
		s := mustNew(t, Settings{Stream: k, Log: l, Done: l.Done, Observer: seen, RateBytes: 1e6})
		s.Start()
		l.Put(makeRecords(10, 10, strconv.Itoa)...)
		time.Sleep(time.Minute)
		assert.Positive(t, seen.failedCode(CodeThrottled))
		assert.Greater(t, seen.throttled, 30*time.Second)
		s.mu.Lock()
		assert.Less(t, s.shards[0].limiter.share, 0.8)
		s.mu.Unlock()
		require.NoError(t, s.Shutdown(t.Context()))
	})
}

func TestSettings(t *testing.T) {
	_, err := New(Settings{})
	require.Error(t, err)
	set := Settings{Stream: newStream(1), Log: NewMemory(), Done: func([]uint64) {}, RateBytes: -1}
	_, err = New(set)
	require.ErrorContains(t, err, "RateBytes is -1")
}

// TestAggregatesFillTheRecord up to its limit, their own key included.
func TestAggregatesFillTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newStream(1)
		largest := 0
		put := func(ctx context.Context, entries []Entry) ([]Result, error) {
			largest = max(largest, len(entries[0].Key)+len(entries[0].Data))
			return k.PutRecords(ctx, entries)
		}
		l := newLog(t, 2000)
		s := mustNew(t, Settings{Stream: only{k, put}, Log: l, Done: l.Done, Aggregate: true, MaxRecordSize: 5000})
		s.Start()
		l.Put(makeRecords(2000, 8, strconv.Itoa)...)
		l.wait()
		require.NoError(t, s.Shutdown(t.Context()))
		assert.LessOrEqual(t, largest, 5000)
		assert.Greater(t, largest, 4970)
	})
}
