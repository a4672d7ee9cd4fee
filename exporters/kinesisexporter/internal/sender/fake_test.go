package sender

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/kplrecord"
)

// stream is a model of a Kinesis stream. PutRecords keeps no order among the records of
// a call, as Kinesis does not.
type stream struct {
	latency    func(*rand.Rand) time.Duration // of a call, half before storing
	list       func(error) error              // what ListShards says
	fault      func(*rand.Rand, int) fault    // of the nth call
	refuse     func(*rand.Rand, *Entry) Result
	throttle   func(*modelShard, time.Duration, int) bool
	maxEntries int
	countOnly  bool // user records are not looked at
	oneKey     bool // no call may carry two records of one key
	inFlight   int  // the most calls at a time for a shard

	mu       sync.Mutex
	rng      *rand.Rand
	begun    time.Time
	shards   []*modelShard // closed ones too
	calls    int
	failed   int // calls in which something was throttled
	stored   []stored
	repeats  map[uint64]int // how often an ID may come again
	running  map[string]int // calls by shard of their first entry
	problems []string
}

type fault int

const (
	faultNone fault = iota
	faultThrottle
	fault500
	faultCut       // nothing is stored, and there is no answer
	faultCutStored // all is stored, and there is no answer
	faultPermanent
)

type modelShard struct {
	Shard
	bytes, records int
	// For throttling by the second, or by a bucket.
	second        time.Duration
	used, usedRec int
	level, levelR float64
	at            time.Duration
	// What it took, for rates.
	taken []sent
}

// stored is a user record in the order of storing.
type stored struct {
	id    uint64
	key   string
	shard string
}

func newStream(shards int) *stream {
	k := &stream{
		begun: time.Now(), rng: rand.New(rand.NewPCG(1, 2)), repeats: map[uint64]int{}, running: map[string]int{},
		maxEntries: 500,
	}
	var first hashKey
	step := ^uint64(0)/uint64(shards) + 1
	for i := range shards {
		last := hashKey{uint64(i+1)*step - 1, ^uint64(0)}
		if i == shards-1 {
			last.hi = ^uint64(0)
		}
		k.add(first, last, "", "")
		first = last.following()
	}
	return k
}

func (k *stream) add(first, last hashKey, parent, adjacent string) {
	k.shards = append(k.shards, &modelShard{Shard: Shard{
		ID: fmt.Sprintf("shardId-%012d", len(k.shards)), First: first.bytes(), Last: last.bytes(),
		Parent: parent, AdjacentParent: adjacent,
	}})
}

// split splits the open shard that has the hash key in the middle.
func (k *stream) split(h hashKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sh := k.open(h)
	sh.Closed = true
	first, last := hashKeyOf(sh.First), hashKeyOf(sh.Last)
	middle := hashKey{first.hi + (last.hi-first.hi)/2, ^uint64(0)}
	k.add(first, middle, sh.ID, "")
	k.add(middle.following(), last, sh.ID, "")
}

// merge merges the open shard that has the hash key with the one behind it.
func (k *stream) merge(h hashKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.open(h)
	b := k.open(hashKeyOf(a.Last).following())
	a.Closed, b.Closed = true, true
	k.add(hashKeyOf(a.First), hashKeyOf(b.Last), a.ID, b.ID)
}

func (k *stream) open(h hashKey) *modelShard {
	for _, sh := range k.shards {
		if !sh.Closed && (hashRange{hashKeyOf(sh.First), hashKeyOf(sh.Last)}).has(h) {
			return sh
		}
	}
	return nil
}

func (k *stream) Shards(context.Context) ([]Shard, error) {
	time.Sleep(20 * time.Millisecond)
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []Shard
	for _, sh := range k.shards {
		list = append(list, sh.Shard)
	}
	if k.list != nil {
		return list, k.list(nil)
	}
	return list, nil
}

func (k *stream) callCount() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls
}

var errCut = errors.New("the connection was cut")

func (k *stream) problem(format string, args ...any) {
	if len(k.problems) < 10 {
		k.problems = append(k.problems, fmt.Sprintf(format, args...))
	}
}

func hashOf(e *Entry) hashKey {
	if e.Explicit {
		return hashKeyOf(e.HashKey)
	}
	return hashKeyOf(md5.Sum(e.Key))
}

func (k *stream) PutRecords(ctx context.Context, entries []Entry) ([]Result, error) {
	k.mu.Lock()
	var latency time.Duration
	if k.latency != nil {
		latency = k.latency(k.rng)
	}
	k.calls++
	f := faultNone
	if k.fault != nil {
		f = k.fault(k.rng, k.calls)
	}
	first := k.open(hashOf(&entries[0])).ID
	k.running[first]++
	if k.inFlight > 0 && k.running[first] > k.inFlight {
		k.problem("%d calls for %s at a time", k.running[first], first)
	}
	k.check(entries)
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		k.running[first]--
		k.mu.Unlock()
	}()
	if err := wait(ctx, latency/2); err != nil {
		return nil, err
	}
	switch f {
	case faultThrottle:
		return nil, &CallError{Kind: KindThrottled, Code: CodeThrottled}
	case fault500:
		return nil, &CallError{Code: "InternalFailure"}
	case faultCut:
		return nil, errCut
	case faultPermanent:
		return nil, &CallError{Kind: KindPermanent, Code: "ValidationException"}
	}
	results := k.store(entries, f == faultCutStored)
	if err := wait(ctx, latency-latency/2); err != nil {
		return nil, err
	}
	if f == faultCutStored {
		return nil, errCut
	}
	return results, nil
}

func wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *stream) check(entries []Entry) {
	if len(entries) > k.maxEntries {
		k.problem("%d entries in a call", len(entries))
	}
	if !k.oneKey {
		return
	}
	keys := map[string]bool{}
	for _, e := range entries {
		if keys[string(e.Key)] {
			k.problem("two records of key %q in a call", e.Key)
		}
		keys[string(e.Key)] = true
	}
}

func (k *stream) store(entries []Entry, again bool) []Result {
	k.mu.Lock()
	defer k.mu.Unlock()
	results := make([]Result, len(entries))
	now := time.Since(k.begun)
	var throttled bool
	for _, i := range k.rng.Perm(len(entries)) {
		e := &entries[i]
		sh := k.open(hashOf(e))
		results[i].ShardID = sh.ID
		size := len(e.Key) + len(e.Data)
		if k.throttle != nil && k.throttle(sh, now, size) {
			results[i].Code = CodeThrottled
			throttled = true
			continue
		}
		if k.refuse != nil {
			if r := k.refuse(k.rng, e); r.Code != "" {
				results[i] = r
				continue
			}
		}
		sh.bytes += size
		sh.records++
		sh.taken = append(sh.taken, sent{now, amount{size, 1}})
		if !k.countOnly {
			k.deaggregate(sh, e, again)
		}
	}
	if throttled {
		k.failed++
	}
	return results
}

// deaggregate stores user records as the Kinesis Client Library sees them: it drops an
// aggregate with a record that is not of the shard.
func (k *stream) deaggregate(sh *modelShard, e *Entry, again bool) {
	users := []kplrecord.UserRecord{{Key: e.Key, Data: e.Data}}
	var r kplrecord.Reader
	if e.Explicit {
		if err := r.Reset(e.Data); err != nil {
			k.problem("an aggregate can't be read: %v", err)
			return
		}
		if r.Len() != e.Records || r.Len() < 2 {
			k.problem("an aggregate has %d records, and says %d", r.Len(), e.Records)
		}
		users = users[:0]
		for u, ok := r.Next(); ok; u, ok = r.Next() {
			users = append(users, u)
			if h := hashKeyOf(md5.Sum(u.Key)); !(hashRange{hashKeyOf(sh.First), hashKeyOf(sh.Last)}).has(h) {
				return
			}
		}
	}
	for _, u := range users {
		id := idOf(u.Data)
		k.stored = append(k.stored, stored{id: id, key: string(u.Key), shard: sh.ID})
		if again {
			k.repeats[id]++
		}
	}
}

// verify looks at what the stream has: every record, in the order of its key, and again
// only where a cut allows it.
func (k *stream) verify(t *testing.T, records []Record, except map[uint64]bool, ordered bool) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	require.Empty(t, k.problems)
	seen := make(map[uint64]int, len(records))
	last := map[string]uint64{}
	for _, s := range k.stored {
		seen[s.id]++
		if seen[s.id] > 1 {
			continue
		}
		if ordered && last[s.key] > s.id {
			t.Fatalf("key %s: %d came after %d", s.key, s.id, last[s.key])
		}
		last[s.key] = s.id
	}
	for id, n := range seen {
		if n > 1+k.repeats[id] {
			t.Fatalf("%d is there %d times, cuts: %d", id, n, k.repeats[id])
		}
	}
	lost := 0
	for _, r := range records {
		if id := idOf(r.Data); seen[id] == 0 && !except[id] {
			lost++
		}
	}
	require.Zero(t, lost, "lost")
}

func idOf(data []byte) uint64 { return binary.BigEndian.Uint64(data) }

// makeRecords makes records whose data begins with their IDs in a new Memory.
func makeRecords(n, size int, key func(i int) string) []Record {
	records := make([]Record, n)
	for i := range records {
		data := make([]byte, max(8, size))
		binary.BigEndian.PutUint64(data, uint64(i+1))
		k := []byte(key(i))
		records[i] = Record{Key: k, Hash: md5.Sum(k), Data: data, Count: 1}
	}
	return records
}

// log is a Memory that counts what is done.
type log struct {
	*Memory
	t    *testing.T
	mu   sync.Mutex
	seen map[uint64]int
	all  chan struct{} // closed when so many are done or refused
	want int
}

func newLog(t *testing.T, want int) *log {
	t.Helper()
	return &log{Memory: NewMemory(), t: t, seen: map[uint64]int{}, all: make(chan struct{}), want: want}
}

func (l *log) Done(ids []uint64) {
	l.Memory.Done(ids)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.seen[id]++
		if l.seen[id] > 1 {
			l.t.Errorf("%d was reported %d times", id, l.seen[id])
		}
	}
	if len(l.seen) == l.want && len(ids) > 0 {
		close(l.all)
	}
}

// wait waits until all is done, in the bubble's time.
func (l *log) wait() {
	l.t.Helper()
	select {
	case <-l.all:
	case <-time.After(6 * time.Hour):
		require.Failf(l.t, "not all is done", "%d of %d", l.count(), l.want)
	}
}

func (l *log) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

func mustNew(tb testing.TB, set Settings) *Sender {
	tb.Helper()
	s, err := New(set)
	require.NoError(tb, err)
	return s
}

// lookAt asserts what must hold in a Sender at any time.
func lookAt(t *testing.T, s *Sender) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	byShard, waiting := 0, 0
	for _, sh := range s.shards {
		byShard += sh.memory
		waiting += sh.waiting.records
		require.GreaterOrEqual(t, sh.waiting.bytes, 0)
	}
	require.Equal(t, s.memory, byShard)
	parked := map[*shard]int{}
	for i, k := range s.parked {
		require.True(t, k.parked)
		require.Equal(t, i, k.place)
		require.Same(t, k, s.keys.states[k.hash])
		parked[find(s.slots, k.hash).shard]++
	}
	for _, sh := range s.shards {
		require.Equal(t, parked[sh], sh.parked)
	}
	for _, k := range s.keys.states {
		records, memory := 0, 0
		for r := k.head; r != nil; r = r.next {
			records++
			memory += r.memory()
		}
		require.Equal(t, records, k.waiting)
		require.Equal(t, memory, k.memory)
		require.True(t, records > 0 || k.busy || k.parked, "a key with nothing is forgotten")
	}
	flying := 0
	calls := slices.Clone(s.orphans)
	for _, sh := range s.shards {
		calls = append(calls, sh.calls...)
	}
	for _, c := range calls {
		flying += len(c.recs)
	}
	require.Equal(t, s.queued, waiting+flying)
	require.Len(t, calls, s.calls)
}

// slowRepeats allows repeats of what a timeout may have cut after storing.
type slowRepeats struct{ *stream }

func (k slowRepeats) PutRecords(ctx context.Context, entries []Entry) ([]Result, error) {
	k.mu.Lock()
	before := len(k.stored)
	k.mu.Unlock()
	results, err := k.stream.PutRecords(ctx, entries)
	if errors.Is(err, context.DeadlineExceeded) {
		ids := map[uint64]bool{}
		for _, e := range entries {
			for _, id := range idsOf(&e) {
				ids[id] = true
			}
		}
		k.mu.Lock()
		for _, s := range k.stored[before:] {
			if ids[s.id] {
				k.repeats[s.id]++
			}
		}
		k.mu.Unlock()
	}
	return results, err
}

func idsOf(e *Entry) (ids []uint64) {
	var r kplrecord.Reader
	if !e.Explicit || r.Reset(e.Data) != nil {
		return []uint64{idOf(e.Data)}
	}
	for u, ok := r.Next(); ok; u, ok = r.Next() {
		ids = append(ids, idOf(u.Data))
	}
	return ids
}
