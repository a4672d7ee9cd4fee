package archiver

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"time"
)

// fingerprint is a record's.
type fingerprint = [16]byte

// repeatWindow knows the fingerprints of records that are there. It is a queue in the order
// in which they came, and a table of their numbers by linear probing. It is not for several
// goroutines.
type repeatWindow struct {
	window time.Duration
	seed   [2]uint64

	// Entries first to next - 1 are there; entry n is in chunks[n/chunkEntries - base].
	chunks      []*knownChunk
	base        uint64
	spare       *knownChunk
	first, next uint64
	// table has a power of two places, and two for each entry that stays: 32 bits of a hash,
	// which are never all 0, and the lower 32 of an entry's number; 0 is none. So what is
	// read of the queue, far apart in memory, is the one entry that is meant. A place is
	// the hash's highest bits, all but shift of the 32.
	table []uint64
	shift int
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

// knownChunk is a part of the queue: it grows and shrinks by these, and none moves.
type knownChunk [chunkEntries]known

const (
	chunkEntries = 1 << 10
	hashBits     = 32
	// minTable is the smallest table.
	minTable = 1 << 11
	// pageEntries are in a page of memory, of 4 KiB or more.
	pageEntries = 4 << 10 / 8
	// maxKnown is where the largest table has a place for each second hash.
	maxKnown = 1 << 30
	// groupTime is how exactly times are known.
	groupTime = time.Second
	// noFile is of no object: their numbers begin at 1.
	noFile = 0
	// touchAtOnce is how many places a processor can wait for at a time, and more.
	touchAtOnce = 16
)

func newRepeatWindow(window time.Duration, most int) *repeatWindow {
	w := &repeatWindow{window: window, most: min(most, maxKnown)}
	var seed [16]byte
	rand.Read(seed[:])
	w.seed = [2]uint64{binary.LittleEndian.Uint64(seed[:]), binary.LittleEndian.Uint64(seed[8:])}
	return w
}

func (w *repeatWindow) len() int { return int(w.next - w.first) }

func (w *repeatWindow) at(n uint64) *known {
	return &w.chunks[n/chunkEntries-w.base][n%chunkEntries]
}

// number is that of an entry of the table.
func (w *repeatWindow) number(entry uint64) uint64 {
	return w.first + uint64(uint32(entry)-uint32(w.first))
}

// hash is a key of the table. A fingerprint is a hash with a key already, which who sends
// records does not know, nor the seed: its halves need no more than to be mixed.
func (w *repeatWindow) hash(f *fingerprint) uint64 {
	high, low := bits.Mul64(binary.LittleEndian.Uint64(f[:])^w.seed[0], binary.LittleEndian.Uint64(f[8:])^w.seed[1])
	return (high^low)>>hashBits | 1
}

// touch reads the places of fingerprints that come next, up to touchAtOnce: they are far
// apart in memory, which answers for all of them in the time that it takes for one.
func (w *repeatWindow) touch(next []fingerprint) {
	if len(w.table) == 0 {
		return
	}
	var places [touchAtOnce]uint64
	for i := range next {
		places[i] = w.hash(&next[i]) >> w.shift
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
	if len(w.table) == 0 || 2*w.len() > len(w.table) {
		w.grow()
	}
	mask := uint64(len(w.table) - 1)
	hash := w.hash(f)
	i := hash >> w.shift
	for ; w.table[i] != 0; i = (i + 1) & mask {
		if t := w.table[i]; t>>hashBits == hash && w.at(w.number(t)).fingerprint == *f {
			return true
		}
	}
	w.append(known{*f, file})
	w.table[i] = hash<<hashBits | uint64(uint32(w.next-1))
	if n := len(w.groups); n > 0 && now.Sub(w.groups[n-1].at) < 0 {
		w.groups[n-1].end = w.next
	} else {
		w.groups = append(w.groups, knownGroup{w.next, now.Add(groupTime)})
	}
	if w.len() > w.most {
		w.forget()
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

// append adds an entry to the queue.
func (w *repeatWindow) append(k known) {
	if w.next/chunkEntries-w.base == uint64(len(w.chunks)) {
		chunk := w.spare
		if w.spare = nil; chunk == nil {
			chunk = new(knownChunk)
		}
		w.chunks = append(w.chunks, chunk)
	}
	w.next++
	*w.at(w.next - 1) = k
}

// forget forgets the oldest.
func (w *repeatWindow) forget() {
	w.unlink(w.first)
	w.first++
	if w.first/chunkEntries > w.base {
		w.spare, w.chunks[0] = w.chunks[0], nil
		w.chunks = w.chunks[1:]
		w.base++
	}
}

// unlink takes an entry out of the table. What is behind it in its run moves up, so that
// no run has a hole.
func (w *repeatWindow) unlink(n uint64) {
	mask := uint64(len(w.table) - 1)
	hash := w.hash(&w.at(n).fingerprint)
	entry := hash<<hashBits | uint64(uint32(n))
	i := hash >> w.shift
	for ; w.table[i] != entry; i = (i + 1) & mask {
		if w.table[i] == 0 {
			return // it was dropped
		}
	}
	for j := (i + 1) & mask; w.table[j] != 0; j = (j + 1) & mask {
		home := w.table[j] >> hashBits >> w.shift
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

// grow doubles the table, whose entries keep their order.
func (w *repeatWindow) grow() {
	table := w.table
	w.table = make([]uint64, max(2*len(table), minTable))
	w.shift = hashBits - bits.TrailingZeros(uint(len(w.table)))
	// New memory that is written to first costs the kernel one fault for a page, and two where
	// it is read first, as below.
	for i := 0; i < len(w.table); i += pageEntries {
		w.table[i] = 0
	}
	mask := uint64(len(w.table) - 1)
	for _, entry := range table {
		if entry == 0 {
			continue
		}
		i := entry >> hashBits >> w.shift
		for w.table[i] != 0 {
			i = (i + 1) & mask
		}
		w.table[i] = entry
	}
}
