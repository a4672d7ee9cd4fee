package jsonline

import (
	"hash/maphash"
	"math/bits"
	"unsafe"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

// filter remembers the hashes of an object's keys, and is wrong now and then: it
// takes two that differ for equal, never the other way.
type filter [4]uint64

// add reports whether h may have been added before.
func (f *filter) add(h uint32) bool {
	word, bit := &f[h>>30], uint64(1)<<(h>>24&63)
	seen := *word&bit != 0
	*word |= bit
	return seen
}

// maxRepeated is the number of pairs up to which it is worth to look again when the
// filter has found something.
const maxRepeated = 64

// repeated reports whether one of members, or something beneath them, may have the
// key of pair.
func repeated(members []linepair.Pair, pair *linepair.Pair) bool {
	if len(members) > maxRepeated {
		return true
	}
	for i := range members {
		if members[i].Hash == pair.Hash && members[i].Key == pair.Key {
			return true
		}
	}
	return false
}

// hashKey is a cheap hash, good enough for the filter.
func hashKey(key string) uint32 {
	var a, b uint64
	if len(key) >= 8 {
		data := unsafe.StringData(key)
		a, b = load(data, 0), load(data, len(key)-8)
	} else {
		for i := len(key) - 1; i >= 0; i-- {
			a = a<<8 | uint64(key[i])
		}
		b = a
	}
	return uint32((a + bits.RotateLeft64(b, 29) + uint64(len(key))) * 0x9e3779b97f4a7c15 >> 32)
}

// keyTable finds equal keys. Its hash is seeded: a sender can't prepare keys that
// collide.
type keyTable struct {
	seed  maphash.Seed
	ready bool
	slots []uint32 // indexes of pairs, plus one; 0 is free
	drop  []uint64 // a bit for each pair that goes
}

// unite removes all but the last, or the first, of equal keys in each object of
// dst[base:], with what they hold.
func (p *Parser) unite(dst []linepair.Pair, base int) []linepair.Pair {
	pairs := dst[base:]
	t := &p.seen
	if !t.ready {
		t.seed, t.ready = maphash.MakeSeed(), true
	}
	t.drop = zeros(t.drop, len(pairs)/64+1)
	dropped := p.findEqual(pairs, 0, len(pairs))
	for i := range pairs {
		if pairs[i].Kind == linepair.Object {
			dropped = p.findEqual(pairs, i+1, i+1+pairs[i].Size()) || dropped
		}
	}
	if dropped {
		dst = dst[:base+t.compact(pairs)]
		clear(pairs[len(dst)-base:])
	}
	if cap(t.slots) > maxKept/4 {
		t.slots = nil
	}
	if cap(t.drop) > maxKept/8 {
		t.drop = nil
	}
	return dst
}

// findEqual notes which of the members pairs[from:to] of one object go.
func (p *Parser) findEqual(pairs []linepair.Pair, from, to int) (found bool) {
	t := &p.seen
	members := 0
	for i := from; i < to; i += 1 + pairs[i].Size() {
		members++
	}
	if members < 2 {
		return false
	}
	t.slots = zeros(t.slots, 2<<bits.Len(uint(members)))
	mask := uint64(len(t.slots) - 1)
	for i := from; i < to; i += 1 + pairs[i].Size() {
		at := maphash.String(t.seed, pairs[i].Key) & mask
		for t.slots[at] != 0 && pairs[t.slots[at]-1].Key != pairs[i].Key {
			at = (at + 1) & mask
		}
		if t.slots[at] == 0 {
			t.slots[at] = uint32(i) + 1
			continue
		}
		found = true
		gone := i
		if !p.opts.FirstOfDuplicates {
			gone = int(t.slots[at] - 1)
			t.slots[at] = uint32(i) + 1
		}
		t.drop[gone/64] |= 1 << (gone % 64)
	}
	return found
}

// compact removes the pairs that go, and what they hold, and gives how many are
// left.
func (t *keyTable) compact(pairs []linepair.Pair) int {
	// What is open: where it ends among the old pairs.
	var open [MaxDepth]struct{ pair, end int }
	depth, n := 0, 0
	for i := 0; i < len(pairs); {
		for depth > 0 && open[depth-1].end <= i {
			depth--
			holder := &pairs[open[depth].pair]
			holder.Bits = uint64(n - open[depth].pair - 1)
		}
		size := pairs[i].Size()
		if t.drop[i/64]>>(i%64)&1 != 0 {
			i += 1 + size
			continue
		}
		pairs[n] = pairs[i]
		if size > 0 {
			open[depth].pair, open[depth].end = n, i+1+size
			depth++
		}
		n++
		i++
	}
	for depth > 0 {
		depth--
		holder := &pairs[open[depth].pair]
		holder.Bits = uint64(n - open[depth].pair - 1)
	}
	return n
}

// zeros is s, or a new slice where s is too small, as n zeros.
func zeros[T uint32 | uint64](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
