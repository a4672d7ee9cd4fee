// Package requesttable remembers which request a trace belongs to, and what is known
// of a request: its parent, and fields that its records carry. It is bounded in number
// and time.
package requesttable

import (
	"crypto/sha256"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"
)

// shards are locked one by one; a power of two.
const shards = 64

// maxChain bounds how far parents are followed.
const maxChain = 32

// Table is safe for concurrent use.
type Table struct {
	ttl    time.Duration
	seed   maphash.Seed
	traces [shards]shard
	asks   [shards]shard // of requests
}

// key names a trace, or a request by a hash of its id.
type key [16]byte

// entry is what is known of a trace or a request.
type entry struct {
	key        key
	id         string   // of a trace: its request; of a request: its parent
	generated  bool     // the id was made, not found
	isParent   bool     // a request that others name as theirs
	fields     []string // carried, "": not seen
	seen       time.Time
	prev, next int32
}

// shard is a map with a list in the order of the last use.
type shard struct {
	mu      sync.Mutex // guards the following
	max     int
	index   map[key]int32
	entries []entry
	free    []int32
	first   int32
	last    int32
	evicted int64
	waiters map[key][]*Waiter
}

// Waiter is told of the requests of traces that it awaits, of each once. It is for one
// goroutine.
type Waiter struct {
	// C has something when there is something to Take.
	C chan struct{}

	mu sync.Mutex // guards the following
	// told was not taken yet, taken is memory for what comes next.
	told, taken []Told
}

// Told is a trace and its request.
type Told struct {
	Trace [16]byte
	ID    string
}

// NewWaiter makes one that awaits nothing yet.
func NewWaiter() *Waiter { return &Waiter{C: make(chan struct{}, 1)} }

func (w *Waiter) tell(trace [16]byte, id string) {
	w.mu.Lock()
	w.told = append(w.told, Told{trace, id})
	w.mu.Unlock()
	select {
	case w.C <- struct{}{}:
	default: // it has not looked yet
	}
}

// Take gives what was told since the last time. It is good until the next.
func (w *Waiter) Take() []Told {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told, w.taken = w.taken[:0], w.told
	return w.taken
}

// New makes a table for at most so many traces, and as many requests, each remembered
// for ttl after its last use.
func New(maxEntries int, ttl time.Duration) *Table {
	t := &Table{ttl: ttl, seed: maphash.MakeSeed()}
	for i := range shards {
		most := max(1, (maxEntries+i)/shards)
		t.traces[i].init(most)
		t.asks[i].init(most)
	}
	return t
}

func (s *shard) init(most int) {
	s.max, s.first, s.last = most, -1, -1
	s.index = make(map[key]int32)
	s.waiters = make(map[key][]*Waiter)
}

func requestKey(id string) key {
	var buf [160]byte
	sum := sha256.Sum256(append(buf[:0], id...))
	return key(sum[:16])
}

// shardOf spreads keys whatever their bytes have in common: trace ids come from
// strangers.
func (t *Table) shardOf(all *[shards]shard, k key) *shard {
	return &all[maphash.Bytes(t.seed, k[:])&(shards-1)]
}

// getLocked finds an entry and makes it the newest. What it gives is good until mu is
// let go.
func (s *shard) getLocked(k key, now time.Time, ttl time.Duration) *entry {
	s.expireLocked(now, ttl)
	i, ok := s.index[k]
	if !ok {
		return nil
	}
	s.unlinkLocked(i)
	s.linkLocked(i)
	e := &s.entries[i]
	e.seen = now
	return e
}

// makeLocked is getLocked, and makes the entry where there is none.
func (s *shard) makeLocked(k key, now time.Time, ttl time.Duration) *entry {
	if e := s.getLocked(k, now, ttl); e != nil {
		return e
	}
	if len(s.index) >= s.max {
		s.dropLocked(s.first)
		s.evicted++
	}
	var i int32
	if n := len(s.free); n > 0 {
		i, s.free = s.free[n-1], s.free[:n-1]
	} else {
		i = int32(len(s.entries))
		s.entries = append(s.entries, entry{})
	}
	s.entries[i] = entry{key: k, seen: now}
	s.index[k] = i
	s.linkLocked(i)
	return &s.entries[i]
}

func (s *shard) expireLocked(now time.Time, ttl time.Duration) {
	for s.first >= 0 && now.Sub(s.entries[s.first].seen) > ttl {
		s.dropLocked(s.first)
	}
}

func (s *shard) dropLocked(i int32) {
	s.unlinkLocked(i)
	delete(s.index, s.entries[i].key)
	s.entries[i] = entry{}
	s.free = append(s.free, i)
}

func (s *shard) linkLocked(i int32) {
	e := &s.entries[i]
	e.prev, e.next = s.last, -1
	if s.last >= 0 {
		s.entries[s.last].next = i
	} else {
		s.first = i
	}
	s.last = i
}

func (s *shard) unlinkLocked(i int32) {
	e := &s.entries[i]
	if e.prev >= 0 {
		s.entries[e.prev].next = e.next
	} else {
		s.first = e.next
	}
	if e.next >= 0 {
		s.entries[e.next].prev = e.prev
	} else {
		s.last = e.prev
	}
}

// NoteTrace says which request a trace belongs to. The first to say so is right; but an
// id that was found takes the place of one that was generated.
func (t *Table) NoteTrace(trace [16]byte, id string, now time.Time) { t.note(trace, id, false, now) }

// NoteGenerated is NoteTrace for an id that was made, and gives the trace's.
func (t *Table) NoteGenerated(trace [16]byte, id string, now time.Time) string {
	return t.note(trace, id, true, now)
}

func (t *Table) note(trace [16]byte, id string, generated bool, now time.Time) string {
	s := t.shardOf(&t.traces, trace)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.makeLocked(trace, now, t.ttl)
	if e.id != "" && (generated || !e.generated) {
		return e.id
	}
	e.id, e.generated = strings.Clone(id), generated // not the record that it is a part of
	for _, waiter := range s.waiters[trace] {
		waiter.tell(trace, e.id)
	}
	delete(s.waiters, trace)
	return e.id
}

// RequestOf is the request of a trace, "" where none is known.
func (t *Table) RequestOf(trace [16]byte, now time.Time) string {
	s := t.shardOf(&t.traces, trace)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.getLocked(trace, now, t.ttl); e != nil {
		return e.id
	}
	return ""
}

// Await has the waiter told of the trace's request: now where it is known, or when it gets
// known.
func (t *Table) Await(trace [16]byte, waiter *Waiter) {
	s := t.shardOf(&t.traces, trace)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.index[trace]; ok && s.entries[i].id != "" {
		waiter.tell(trace, s.entries[i].id)
		return
	}
	s.waiters[trace] = append(s.waiters[trace], waiter)
}

// Forget ends Await of a trace that the waiter was not told of.
func (t *Table) Forget(trace [16]byte, waiter *Waiter) {
	s := t.shardOf(&t.traces, trace)
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.waiters[trace]
	i := slices.Index(all, waiter)
	if i < 0 {
		return
	}
	if len(all) == 1 {
		delete(s.waiters, trace)
		return
	}
	last := len(all) - 1
	all[i], all[last] = all[last], nil
	s.waiters[trace] = all[:last]
}

// NoteParent says which request caused another.
func (t *Table) NoteParent(id, parent string, now time.Time) {
	if id == parent {
		return
	}
	k := requestKey(id)
	s := t.shardOf(&t.asks, k)
	s.mu.Lock()
	if e := s.makeLocked(k, now, t.ttl); e.id == "" {
		e.id = strings.Clone(parent)
	}
	s.mu.Unlock()

	k = requestKey(parent)
	s = t.shardOf(&t.asks, k)
	s.mu.Lock()
	s.makeLocked(k, now, t.ttl).isParent = true
	s.mu.Unlock()
}

// Root is the request at the end of a request's chain of parents: itself where it is
// known as a parent only, "" where it is neither. Where the chain ends in a circle, the
// least id in the circle is the root.
func (t *Table) Root(id string, now time.Time) string {
	var buf [maxChain]string
	chain := append(buf[:0], id)
	for range maxChain {
		at := chain[len(chain)-1]
		parent, isParent := t.parent(at, now)
		if parent == "" {
			if len(chain) == 1 && !isParent {
				return ""
			}
			return at
		}
		if circle := slices.Index(chain, parent); circle >= 0 {
			return slices.Min(chain[circle:])
		}
		chain = append(chain, parent)
	}
	return chain[len(chain)-1]
}

func (t *Table) parent(id string, now time.Time) (parent string, isParent bool) {
	k := requestKey(id)
	s := t.shardOf(&t.asks, k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.getLocked(k, now, t.ttl); e != nil {
		return e.id, e.isParent
	}
	return "", false
}

// Carry notes the fields that a record of the request has, and fills in those that it
// lacks, as the first record with the field had it.
func (t *Table) Carry(id string, fields []string, now time.Time) {
	k := requestKey(id)
	s := t.shardOf(&t.asks, k)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.getLocked(k, now, t.ttl)
	for i, value := range fields {
		switch {
		case value != "":
			if e == nil {
				e = s.makeLocked(k, now, t.ttl)
			}
			if e.fields == nil {
				e.fields = make([]string, len(fields))
			}
			if e.fields[i] == "" {
				e.fields[i] = strings.Clone(value)
			}
		case e != nil && e.fields != nil:
			fields[i] = e.fields[i]
		}
	}
}

// Stats counts the entries that are remembered now, and those that were evicted before their time.
func (t *Table) Stats(now time.Time) (entries int, evicted int64) {
	for _, all := range []*[shards]shard{&t.traces, &t.asks} {
		for i := range all {
			s := &all[i]
			s.mu.Lock()
			s.expireLocked(now, t.ttl)
			entries += len(s.index)
			evicted += s.evicted
			s.mu.Unlock()
		}
	}
	return entries, evicted
}
