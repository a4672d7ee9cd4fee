package archiver

import (
	"hash/maphash"
	"time"
)

// fingerprint is a record's.
type fingerprint = [16]byte

// repeatWindow knows the fingerprints of records that are there. It is a ring in the order
// in which they came, and a table of places in the ring by linear probing. It is not for
// several goroutines.
type repeatWindow struct {
	window time.Duration
	seed   maphash.Seed

	// ring has a power of two places; entry n is at n & (len - 1). Entries first to
	// next - 1 are there.
	ring        []known
	first, next uint64
	// table has twice as many places: 1 + the place in the ring, 0 is none.
	table []uint32
	most  int
	// groups are in the order of their entries.
	groups []knownGroup
}

// known is a record. The file is the number of its object.
type known struct {
	fingerprint fingerprint
	file        uint64
}

// knownGroup are entries up to end, exclusive, that came until at.
type knownGroup struct {
	end uint64
	at  time.Time
}

const (
	minKnown = 1 << 10
	// groupTime is how exactly times are known.
	groupTime = time.Second
)

func newRepeatWindow(window time.Duration, most int) *repeatWindow {
	size := minKnown
	for size < most {
		size *= 2
	}
	return &repeatWindow{window: window, seed: maphash.MakeSeed(), most: size}
}

func (w *repeatWindow) len() int { return int(w.next - w.first) }

func (w *repeatWindow) at(n uint64) *known { return &w.ring[n&uint64(len(w.ring)-1)] }

func (w *repeatWindow) home(f *fingerprint) uint64 {
	return maphash.Bytes(w.seed, f[:]) & uint64(len(w.table)-1)
}

// add adds a fingerprint of an object's record, and says whether it was there already.
func (w *repeatWindow) add(f *fingerprint, file uint64, now time.Time) (repeat bool) {
	if w.window <= 0 {
		return false
	}
	if w.len() == len(w.ring) {
		if len(w.ring) < w.most {
			w.grow()
		} else {
			w.forget()
		}
	}
	mask := uint64(len(w.table) - 1)
	i := w.home(f)
	for ; w.table[i] != 0; i = (i + 1) & mask {
		if w.ring[w.table[i]-1].fingerprint == *f {
			return true
		}
	}
	place := w.next & uint64(len(w.ring)-1)
	w.ring[place] = known{*f, file}
	w.table[i] = uint32(place) + 1
	w.next++
	if n := len(w.groups); n > 0 && now.Sub(w.groups[n-1].at) < groupTime {
		w.groups[n-1].end = w.next
	} else {
		w.groups = append(w.groups, knownGroup{w.next, now.Add(groupTime)})
	}
	return false
}

// noFile is of no object: their numbers begin at 1.
const noFile = 0

// belongs says of which object the record is that was added last.
func (w *repeatWindow) belongs(file uint64) {
	if w.window > 0 {
		w.at(w.next - 1).file = file
	}
}

// expire forgets what came before the window.
func (w *repeatWindow) expire(now time.Time) {
	for len(w.groups) > 0 && now.Sub(w.groups[0].at) > w.window {
		for w.first < w.groups[0].end {
			w.forget()
		}
		w.groups = w.groups[1:]
	}
}

// forget forgets the oldest.
func (w *repeatWindow) forget() {
	w.unlink(w.first)
	w.first++
}

// unlink takes an entry out of the table. What is behind it in its run moves up, so that
// no run has a hole.
func (w *repeatWindow) unlink(n uint64) {
	mask := uint64(len(w.table) - 1)
	place := uint32(n&uint64(len(w.ring)-1)) + 1
	i := w.home(&w.at(n).fingerprint)
	for ; w.table[i] != place; i = (i + 1) & mask {
		if w.table[i] == 0 {
			return // it was dropped
		}
	}
	for j := (i + 1) & mask; w.table[j] != 0; j = (j + 1) & mask {
		home := w.home(&w.ring[w.table[j]-1].fingerprint)
		if (j-home)&mask >= (j-i)&mask {
			w.table[i] = w.table[j]
			i = j
		}
	}
	w.table[i] = 0
}

// drop takes out the entries of objects for which gone says so: they will come again.
// Their places stay until they are old.
func (w *repeatWindow) drop(gone func(file uint64) bool) {
	for n := w.first; n < w.next; n++ {
		if gone(w.at(n).file) {
			w.unlink(n)
		}
	}
}

func (w *repeatWindow) grow() {
	old, oldMask := w.ring, uint64(len(w.ring)-1)
	size := max(2*len(old), minKnown)
	ring := make([]known, size)
	oldTable := w.table
	w.ring, w.table = ring, make([]uint32, 2*size)
	for n := w.first; n < w.next; n++ {
		*w.at(n) = old[n&oldMask]
	}
	mask := uint64(len(w.table) - 1)
	for _, place := range oldTable {
		if place == 0 {
			continue
		}
		// The entry of an old place: the one between first and next that is there.
		n := w.first + (uint64(place-1)-w.first)&oldMask
		i := w.home(&w.at(n).fingerprint)
		for w.table[i] != 0 {
			i = (i + 1) & mask
		}
		w.table[i] = uint32(n&uint64(size-1)) + 1
	}
}
