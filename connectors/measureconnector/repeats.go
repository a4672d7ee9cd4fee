package measureconnector

import (
	"sync"
	"time"

	"github.com/zeebo/xxh3"
)

// maxRemembered bounds the uids that are remembered, in each of two halves: about
// 20 MiB. More records than that in a window shorten it.
const maxRemembered = 1 << 20

// repeats remembers uids of the latest records, by hash, for one window at least and two
// at most. Two halves, of which the older one goes when the younger is full or a window
// old. A hash that is another uid's
// makes a record that is not counted: one in 2^43 at a full memory.
type repeats struct {
	window time.Duration
	mu     sync.Mutex
	// The following are guarded by mu.
	young, old map[uint64]struct{}
	since      time.Time
}

func newRepeats(window time.Duration) *repeats {
	return &repeats{window: window, young: map[uint64]struct{}{}}
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
		if _, ok := r.young[h]; !ok {
			_, ok = r.old[h]
			if !ok {
				r.young[h] = struct{}{}
				if len(r.young) >= maxRemembered {
					r.turnLocked(now)
				}
				continue
			}
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
	if now.Sub(r.since) < r.window && len(r.young) < maxRemembered {
		return
	}
	if now.Sub(r.since) >= 2*r.window {
		r.young = map[uint64]struct{}{}
	}
	r.old, r.young, r.since = r.young, make(map[uint64]struct{}), now
}
