package logfmt

import (
	"hash/maphash"
	"math/bits"
	"unsafe"
)

const (
	slotBits = 10
	// maxSmall is the number of pairs up to which the slots are used. Keys made
	// to share a slot cost its square in comparisons.
	maxSmall = 64
)

// keyTable finds the keys that a line has more than once.
//
// Lines of up to maxSmall pairs use slots: open addressing with a cheap hash, in
// each slot a pair's place (8 bits) below the number of the line (24 bits), so
// that nothing is cleared between lines. Lines with more use big and a seeded
// hash, which a hostile sender can't prepare collisions for.
type keyTable struct {
	line  uint32 // the number of the current line, never 0
	slots [1 << slotBits]uint32

	seed   maphash.Seed
	seeded bool
	big    []uint32 // places plus one, 0 is free

	places []uint32 // for List
	pairs  []Pair   // for List; empty, and its memory without texts, between lines
}

// hash is a cheap hash of a key of n bytes, whose first eight are a and last
// eight are b; of a shorter key both are its bytes and zeros.
func hash(a, b uint64, n int) uint32 {
	return uint32((a + bits.RotateLeft64(b, 29) + uint64(n)) * 0x9e3779b97f4a7c15 >> 32)
}

func hashKey(key string) uint32 {
	if len(key) >= 8 {
		b := unsafe.StringData(key)
		return hash(load(b, 0), load(b, len(key)-8), len(key))
	}
	var w uint64
	for i := len(key) - 1; i >= 0; i-- {
		w = w<<8 | uint64(key[i])
	}
	return hash(w, w, len(key))
}

// settle gives pending values their types and sees to duplicate keys. It returns
// how many pairs are left.
func (p *Parser) settle(pairs []Pair) int {
	n := len(pairs)
	t := &p.seen
	if n > maxSmall {
		n = t.unite(pairs, 0, p.opts.Duplicates)
	} else {
		if t.line++; t.line == 1<<24 {
			t.slots = [1 << slotBits]uint32{}
			t.line = 1
		}
		for i := range pairs {
			h := pairs[i].Hash
			pairs[i].Hash = 0
			slot := &t.slots[h>>(32-slotBits)]
			if *slot>>8 != t.line {
				*slot = t.line<<8 | uint32(i)
			} else if t.find(pairs, i, pairs[i].Key, h) != i {
				n = t.unite(pairs, i, p.opts.Duplicates)
				break
			}
		}
	}
	if p.opts.Types == Infer {
		for i := range pairs[:n] {
			if pair := &pairs[i]; pair.Kind == pending {
				pair.Kind, pair.Bits = infer(pair.Value)
			}
		}
	}
	return n
}

// find returns the place of the pair with this key, or notes that it is at place
// and returns place.
func (t *keyTable) find(pairs []Pair, place int, key string, hash uint32) int {
	if len(t.big) > 0 {
		mask := uint64(len(t.big) - 1)
		for i := maphash.String(t.seed, key) & mask; ; i = (i + 1) & mask {
			e := t.big[i]
			if e == 0 {
				t.big[i] = uint32(place) + 1
				return place
			}
			if pairs[e-1].Key == key {
				return int(e - 1)
			}
		}
	}
	for i := hash >> (32 - slotBits); ; i = (i + 1) % (1 << slotBits) {
		e := t.slots[i]
		if e>>8 != t.line {
			t.slots[i] = t.line<<8 | uint32(place)
			return place
		}
		if e &= 0xff; pairs[e].Key == key {
			return int(e)
		}
	}
}

// unite sees to duplicates among pairs, of which the first n differ and are in
// the table. It returns how many are left.
func (t *keyTable) unite(pairs []Pair, n int, policy Duplicates) int {
	for i := range pairs {
		pairs[i].Hash = 0
	}
	if len(pairs) > maxSmall {
		if !t.seeded {
			t.seed, t.seeded = maphash.MakeSeed(), true
		}
		t.big = zeros(t.big, 2<<bits.Len(uint(len(pairs))))
		defer func() { t.big = kept(t.big) }()
	}
	if policy == List {
		t.group(pairs, n)
		return len(pairs)
	}
	for i := n; i < len(pairs); i++ {
		pair := &pairs[i]
		j := t.find(pairs[:n], n, pair.Key, hashKey(pair.Key))
		switch {
		case j == n:
			if n != i {
				pairs[n] = *pair
			}
			n++
		case policy == Last:
			pairs[j] = *pair
		}
	}
	return n
}

// group puts equal keys next to each other at the place of the first.
func (t *keyTable) group(pairs []Pair, n int) {
	// For each pair the place of its key's first, and for each first how many
	// there are; then, where they go.
	t.places = zeros(t.places, 2*len(pairs))
	first, at := t.places[:len(pairs)], t.places[len(pairs):]
	repeated := false
	for i := range pairs {
		j := i
		if i >= n {
			j = t.find(pairs[:i], i, pairs[i].Key, hashKey(pairs[i].Key))
		}
		first[i] = uint32(j)
		at[j]++
		repeated = repeated || j != i
	}
	if repeated {
		sum := uint32(0)
		for i, count := range at {
			at[i] = sum
			sum += count
		}
		t.pairs = append(t.pairs[:0], pairs...)
		for i := range t.pairs {
			to := &at[first[i]]
			pairs[*to] = t.pairs[i]
			*to++
		}
		clear(t.pairs)
		t.pairs = kept(t.pairs)
	}
	t.places = kept(t.places)
}

// zeros is s, or a new slice where s is too small, as n zeros.
func zeros(s []uint32, n int) []uint32 {
	if cap(s) < n {
		return make([]uint32, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// kept is s emptied, or nil where it has grown beyond what a parser keeps.
func kept[T any](s []T) []T {
	if cap(s)*int(unsafe.Sizeof(*new(T))) > maxKept {
		return nil
	}
	return s[:0]
}
