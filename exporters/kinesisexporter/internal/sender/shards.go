package sender

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// hashKey is a number of 128 bits.
type hashKey struct{ hi, lo uint64 }

func hashKeyOf(b [16]byte) hashKey {
	return hashKey{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (h hashKey) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], h.hi)
	binary.BigEndian.PutUint64(b[8:], h.lo)
	return b
}

func (h hashKey) less(o hashKey) bool { return h.hi < o.hi || h.hi == o.hi && h.lo < o.lo }

func (h hashKey) compare(o hashKey) int {
	return cmp.Or(cmp.Compare(h.hi, o.hi), cmp.Compare(h.lo, o.lo))
}

// following is the number behind it; of the largest it is zero.
func (h hashKey) following() hashKey {
	h.lo++
	if h.lo == 0 {
		h.hi++
	}
	return h
}

type hashRange struct{ first, last hashKey }

func (r hashRange) has(h hashKey) bool        { return !h.less(r.first) && !r.last.less(h) }
func (r hashRange) overlaps(o hashRange) bool { return !r.last.less(o.first) && !o.last.less(r.first) }

// shard is an open one, or one that was and has calls on their way.
type shard struct {
	id string
	hashRange
	queue   queue
	limiter limiter
	calls   []*call
	memory  int    // of its records, those on their way too
	waiting amount // in the queue
	failed  int    // calls in a row
	paused  time.Duration
	parked  int  // keys
	retired bool // it is not open any more
	stuck   bool // a slot is behind because of a key that can't be parked
	stuckAt hashKey
	fresh   bool // it is new in the list that is being taken over
}

// slot is a range of hash keys that is in one shard and has one state. Slots are finer
// than shards: when shards are merged, one's records may all be in memory and the
// other's not.
//
//	          a record finds no room
//	level ─────────────────────────────► behind, from its ID on
//	  ▲                                     │
//	  └──── a pass has read all that ───────┘
//	        the main reading has passed by
//
// The main reading reads on whatever the slots are. Of a level slot it puts records into
// the queue; of one that is behind it passes them by. A pass is a second reading, from
// the lowest ID that a slot is behind from; it puts in the records of slots that are
// behind, each from its own ID on. A slot whose shard has no room when one of its
// records comes has missed the pass: it is behind from that ID on, and for the next
// pass. When the pass has read everything that the main reading has, what did not miss
// it is level. Both look and change under the Sender's lock, one record at a time, so
// that each record is taken by exactly one of them:
//
//	main at 41, pass at 40, slot behind     main reads 42             pass reads 41, 42
//	1. main takes the lock first: it passes 42 by; then the pass puts 41 and 42 in.
//	2. the pass takes it first: it puts 41 in, sees 42 > 41, lets it go and makes the slot
//	   level; then the main reading puts 42 in.
type slot struct {
	first  hashKey
	shard  *shard
	behind bool
	resume uint64 // the first ID that was not put in, where behind
	missed uint64 // the number of the last pass that it missed
	needs  int    // bytes of memory, of the record at resume, where that is known
}

// find is the slot that has the hash key.
func find(slots []slot, h hashKey) *slot {
	low, high := 0, len(slots) // slots[low].first <= h < slots[high].first
	for high-low > 1 {
		if mid := int(uint(low+high) / 2); h.less(slots[mid].first) {
			high = mid
		} else {
			low = mid
		}
	}
	return &slots[low]
}

// errCover says that a list of shards does not have each hash key once: the list was
// made while shards changed.
var errCover = errors.New("the open shards do not have each hash key once")

// openShards are the open ones of a list, in the order of their ranges.
func openShards(list []Shard) ([]Shard, error) {
	open := slices.DeleteFunc(slices.Clone(list), func(s Shard) bool { return s.Closed })
	slices.SortFunc(open, func(a, b Shard) int { return hashKeyOf(a.First).compare(hashKeyOf(b.First)) })
	var next hashKey
	for i, s := range open {
		if first := hashKeyOf(s.First); first != next || hashKeyOf(s.Last).less(first) || i > 0 && next == (hashKey{}) {
			return nil, fmt.Errorf("%w: at %s", errCover, s.ID)
		}
		next = hashKeyOf(s.Last).following()
	}
	if len(open) == 0 || next != (hashKey{}) {
		return nil, fmt.Errorf("%w: the end is missing", errCover)
	}
	return open, nil
}

// reshardLocked takes a list of shards over. Records that wait go to the shards that
// have their hash keys now; those on their way stay, and what order needs waits for
// them: their keys are busy, or, where there are no keys, see blockedLocked.
func (s *Sender) reshardLocked(list []Shard) error {
	open, err := openShards(list)
	if err != nil {
		return err
	}
	s.known = make(map[string]hashRange, len(list))
	for _, l := range list {
		s.known[l.ID] = hashRange{hashKeyOf(l.First), hashKeyOf(l.Last)}
	}
	old := make(map[string]*shard, len(s.shards))
	for _, sh := range s.shards {
		old[sh.id] = sh
	}
	shards := make([]*shard, 0, len(open))
	changed := len(open) != len(s.shards)
	for _, o := range open {
		sh := old[o.ID]
		if sh == nil || sh.hashRange != s.known[o.ID] {
			changed = true
			sh = &shard{id: o.ID, hashRange: s.known[o.ID], fresh: true, limiter: newLimiter(s.set.RateBytes, s.set.RateRecords)}
			sh.queue, sh.limiter.alone = s.newQueue(), s.set.MaxInFlight == 1
		} else {
			delete(old, o.ID)
		}
		shards = append(shards, sh)
	}
	if !changed {
		return nil
	}
	s.slots = mergeSlots(s.slots, shards)
	s.shards = shards
	s.perShard = s.set.MaxBuffered / len(shards)
	var moved []*rec
	for _, sh := range old {
		sh.retired = true
		moved = append(moved, sh.queue.drain()...)
		s.orphans = append(s.orphans, sh.calls...)
	}
	for _, c := range s.orphans { // of shards that were replaced before, too
		for _, r := range c.recs {
			if sh := find(s.slots, r.hash).shard; sh.fresh {
				sh.memory += r.memory()
			}
		}
	}
	slices.SortStableFunc(moved, func(a, b *rec) int { return cmp.Compare(a.id, b.id) })
	for _, r := range moved {
		s.waitLocked(find(s.slots, r.hash).shard, r)
	}
	if s.keys.states != nil {
		s.moveKeysLocked()
	}
	for _, sh := range s.shards {
		sh.fresh = false
	}
	return nil
}

// moveKeysLocked gives new shards the records of their keys.
func (s *Sender) moveKeysLocked() {
	for _, k := range s.keys.states {
		sh := find(s.slots, k.hash).shard
		if !sh.fresh {
			continue
		}
		for r := k.head; r != nil; r = r.next {
			sh.memory += r.memory()
			sh.waiting.bytes += r.payload()
			sh.waiting.records++
		}
		if k.parked {
			sh.parked++
		}
		if k.head != nil && !k.busy {
			sh.queue.(*keyed).rise(k)
		}
	}
	s.keysNeedy = len(s.parked) > 0
}

// mergeSlots gives old slots' states to new shards' ranges.
func mergeSlots(old []slot, shards []*shard) []slot {
	firsts := make([]hashKey, 0, len(old)+len(shards))
	for _, sl := range old {
		firsts = append(firsts, sl.first)
	}
	for _, sh := range shards {
		firsts = append(firsts, sh.first)
	}
	slices.SortFunc(firsts, hashKey.compare)
	firsts = slices.Compact(firsts)
	var slots []slot
	at := 0
	for _, first := range firsts {
		if shards[at].last.less(first) {
			at++
		}
		sl := slot{}
		if len(old) > 0 {
			sl = *find(old, first)
		}
		sl.first, sl.shard = first, shards[at]
		if n := len(slots); n > 0 {
			before := slots[n-1]
			before.first = first
			if before == sl || !before.behind && !sl.behind && before.shard == sl.shard {
				continue
			}
		}
		slots = append(slots, sl)
	}
	return slots
}

// blockedLocked reports whether a shard must wait for calls of one that was before it:
// their records, which may be put back, have keys that are this one's now.
func (s *Sender) blockedLocked(sh *shard) bool {
	if s.set.Order != PerKey || !s.set.Aggregate {
		return false
	}
	for _, c := range s.orphans {
		if c.shard.overlaps(sh.hashRange) {
			return true
		}
	}
	return false
}
