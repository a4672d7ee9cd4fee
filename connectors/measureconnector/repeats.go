package measureconnector

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/zeebo/xxh3"
)

// maxRemembered bounds the uids that are remembered, in each of two halves of 16 MiB at
// most. More records than that in a window shorten it.
const maxRemembered = 1 << 20

// repeats remembers uids of the latest records, by hash, for one window at least and two
// at most. Two halves, of which the older one goes when the younger is full or a window
// old. A hash that is another uid's makes a record that is not counted: one in 2^43 at a
// full memory.
type repeats struct {
	window time.Duration
	mu     sync.Mutex
	// The following are guarded by mu.
	young, old *hashSet
	since      time.Time
}

func newRepeats(window time.Duration) *repeats {
	return &repeats{window: window, young: newHashSet(), old: newHashSet()}
}

func uidHash(uid string) uint64 { return xxh3.HashString(uid) }

// remember takes hashes in, but 0, and sets repeated for those that were there, of an
// earlier call or this one.
func (r *repeats) remember(hashes []uint64, repeated []bool, now time.Time) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turnLocked(now)
	for i, h := range hashes {
		if h == 0 {
			continue
		}
		if !r.old.has(h) && r.young.add(h) {
			if r.young.count >= maxRemembered {
				r.turnLocked(now)
			}
			continue
		}
		repeated[i] = true
		n++
	}
	return n
}

func (r *repeats) turnLocked(now time.Time) {
	if r.since.IsZero() {
		r.since = now
	}
	if now.Sub(r.since) < r.window && r.young.count < maxRemembered {
		return
	}
	if now.Sub(r.since) >= 2*r.window {
		r.young.clear()
	}
	r.old, r.young, r.since = r.young, r.old, now
	r.young.clear()
}

// hashSet is a set of hashes other than 0: open addressing, at most half full, so that one
// that is not there costs one look into the memory. Strangers may choose uids, so places
// depend on a secret number.
type hashSet struct {
	slots []uint64
	count int
	seed  uint64
}

// minHashes is how many slots a set has at least. A power of two.
const minHashes = 1 << 10

func newHashSet() *hashSet {
	return &hashSet{slots: make([]uint64, minHashes), seed: rand.Uint64()} //nolint:gosec // it scatters, no secret is kept by it
}

// at gives the slot that has a hash, or is free for it.
func (s *hashSet) at(h uint64) *uint64 {
	mask := uint64(len(s.slots) - 1)
	for i := mix(h, s.seed) & mask; ; i = (i + 1) & mask {
		if s.slots[i] == h || s.slots[i] == 0 {
			return &s.slots[i]
		}
	}
}

func (s *hashSet) has(h uint64) bool { return *s.at(h) != 0 }

// add says whether the hash is new.
func (s *hashSet) add(h uint64) bool {
	slot := s.at(h)
	if *slot != 0 {
		return false
	}
	*slot = h
	if s.count++; s.count*2 > len(s.slots) {
		all := s.slots
		s.slots = make([]uint64, 2*len(all))
		for _, x := range all {
			if x != 0 {
				*s.at(x) = x
			}
		}
	}
	return true
}

// clear empties the set. What is far more room than was used is given back.
func (s *hashSet) clear() {
	if len(s.slots) > minHashes && s.count*8 < len(s.slots) {
		s.slots = make([]uint64, max(minHashes, len(s.slots)/4))
	} else {
		clear(s.slots)
	}
	s.count = 0
}
