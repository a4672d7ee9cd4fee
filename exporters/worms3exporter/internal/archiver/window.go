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
	// table has twice as many places: 32 bits of a hash, and 32 of 1 + the place in the
	// ring; 0 is none. So what is read of the ring, far apart in memory, is the one entry
	// that is meant.
	table []uint64
	most  int
	// touched is what touch has read, so that it is read.
	touched uint64
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
	// maxKnown is where places in the table have 32 bits of hash left to be spread by.
	maxKnown = 1 << 30
	// groupTime is how exactly times are known.
	groupTime = time.Second
	// noFile is of no object: their numbers begin at 1.
	noFile = 0
	// touchAtOnce is how many places a processor can wait for at a time, and more.
	touchAtOnce = 16
)

func newRepeatWindow(window time.Duration, most int) *repeatWindow {
	size := minKnown
	for size < most && size < maxKnown {
		size *= 2
	}
	return &repeatWindow{window: window, seed: maphash.MakeSeed(), most: size}
}

func (w *repeatWindow) len() int { return int(w.next - w.first) }

func (w *repeatWindow) at(n uint64) *known { return &w.ring[n&uint64(len(w.ring)-1)] }

// hash is a key of the table. Who sends records does not know the seed.
func (w *repeatWindow) hash(f *fingerprint) uint64 { return maphash.Bytes(w.seed, f[:]) >> 32 }

// touch reads the places of fingerprints that come next, up to touchAtOnce: they are far
// apart in memory, which answers for all of them in the time that it takes for one.
func (w *repeatWindow) touch(next []fingerprint) {
	if len(w.table) == 0 {
		return
	}
	mask := uint64(len(w.table) - 1)
	var places [touchAtOnce]uint64
	for i := range next {
		places[i] = w.hash(&next[i]) & mask
	}
	for _, place := range places[:len(next)] {
		w.touched += w.table[place]
	}
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
	hash := w.hash(f)
	i := hash & mask
	for ; w.table[i] != 0; i = (i + 1) & mask {
		if t := w.table[i]; t>>32 == hash && w.ring[uint32(t)-1].fingerprint == *f {
			return true
		}
	}
	place := w.next & uint64(len(w.ring)-1)
	w.ring[place] = known{*f, file}
	w.table[i] = hash<<32 | (place + 1)
	w.next++
	if n := len(w.groups); n > 0 && now.Sub(w.groups[n-1].at) < 0 {
		w.groups[n-1].end = w.next
	} else {
		w.groups = append(w.groups, knownGroup{w.next, now.Add(groupTime)})
	}
	return false
}

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
			n := min(w.groups[0].end-w.first, touchAtOnce)
			var next [touchAtOnce]fingerprint
			for i := range n {
				next[i] = w.at(w.first + i).fingerprint
			}
			w.touch(next[:n])
			for range n {
				w.forget()
			}
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
	hash := w.hash(&w.at(n).fingerprint)
	entry := hash<<32 | (n&uint64(len(w.ring)-1) + 1)
	i := hash & mask
	for ; w.table[i] != entry; i = (i + 1) & mask {
		if w.table[i] == 0 {
			return // it was dropped
		}
	}
	for j := (i + 1) & mask; w.table[j] != 0; j = (j + 1) & mask {
		home := w.table[j] >> 32 & mask
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

// grow doubles the ring and the table.
func (w *repeatWindow) grow() {
	old, table := w.ring, w.table
	oldMask := uint64(len(old) - 1)
	size := max(2*len(old), minKnown)
	w.ring, w.table = make([]known, size), make([]uint64, 2*size)
	for n := w.first; n < w.next; n++ {
		*w.at(n) = old[n&oldMask]
	}
	mask := uint64(len(w.table) - 1)
	for _, entry := range table {
		if entry == 0 {
			continue
		}
		// The one between first and next that was at that place.
		n := w.first + (uint64(uint32(entry))-1-w.first)&oldMask
		hash := entry >> 32
		i := hash & mask
		for w.table[i] != 0 {
			i = (i + 1) & mask
		}
		w.table[i] = hash<<32 | (n&uint64(size-1) + 1)
	}
}
