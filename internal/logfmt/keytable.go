package logfmt

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"unsafe"
)

const (
	slotBits = 10
	// maxSmall is the number of pairs up to which the slots are used. Long keys made
	// to share a slot cost its square in comparisons.
	maxSmall = 64
)

// keyTable finds the keys that a line has more than once.
//
// Lines of up to maxSmall pairs use slots: open addressing, in each slot a pair's
// place (8 bits) below the number of the line (24 bits), so that nothing is cleared
// between lines. Lines with more use big.
type keyTable struct {
	line  uint32 // the number of the current line, never 0
	slots [1 << slotBits]uint32

	seed maphash.Seed
	big  []uint64 // a key's hash above its place plus one; 0 is free

	places []uint32 // for List
	pairs  []Pair   // for List; empty, and its memory without texts, between lines
}

// maxHashed is up to how many bytes of a key a sender can't prepare to share its hash
// with others.
const maxHashed = 7

// hasher makes the hashes of keys by multiplication with a secret odd number: two keys of
// up to maxHashed bytes share the upper n bits of theirs with a probability of at most
// 2/2^n (multiply-shift hashing; Dietzfelbinger, Hagerup, Katajainen, Penttonen, 1997).
type hasher uint64

func newHasher() hasher { return hasher(rand.Uint64() | 1) } //nolint:gosec // G404: ChaCha8, seeded by the system

// short is the hash of a key of up to seven bytes, and zeros after it.
func (h hasher) short(key uint64) uint32 { return uint32(key * uint64(h) >> 32) }

// long is the hash of a key of n bytes, eight or more, of which it sees the first and the
// last eight.
func (h hasher) long(first, last uint64, n int) uint32 {
	return h.short(first + bits.RotateLeft64(last, 29) + uint64(n))
}

func (h hasher) hashKey(key string) uint32 {
	if len(key) > maxHashed {
		b := unsafe.StringData(key)
		return h.long(load(b, 0), load(b, len(key)-8), len(key))
	}
	var w uint64
	for i := len(key) - 1; i >= 0; i-- {
		w = w<<8 | uint64(key[i])
	}
	return h.short(w)
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
			pair := &pairs[i]
			slot := &t.slots[pair.Hash>>(32-slotBits)]
			if *slot>>8 != t.line {
				*slot = t.line<<8 | uint32(i)
			} else if t.find(pairs, i, pair) != i {
				n = t.unite(pairs, i, p.opts.Duplicates)
				break
			}
			pair.Hash = 0
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

// find returns the place of the pair with this one's key, or notes that it is at place
// and returns place.
func (t *keyTable) find(pairs []Pair, place int, pair *Pair) int {
	if len(t.big) > 0 {
		return t.findBig(pairs, place, pair)
	}
	for i := pair.Hash >> (32 - slotBits); ; i = (i + 1) % (1 << slotBits) {
		e := t.slots[i]
		if e>>8 != t.line {
			t.slots[i] = t.line<<8 | uint32(place)
			return place
		}
		if e &= 0xff; pairs[e].Key == pair.Key {
			return int(e)
		}
	}
}

func (t *keyTable) findBig(pairs []Pair, place int, pair *Pair) int {
	hash, mask, shift := pair.Hash, uint32(len(t.big)-1), bits.LeadingZeros32(uint32(len(t.big)-1))
	if len(pair.Key) > maxHashed {
		hash = uint32(maphash.String(t.seed, pair.Key))
	}
	for i := hash >> shift; ; i = (i + 1) & mask {
		e := t.big[i]
		if e == 0 {
			t.big[i] = uint64(hash)<<32 | uint64(place+1)
			return place
		}
		if uint32(e>>32) == hash && pairs[uint32(e)-1].Key == pair.Key {
			return int(uint32(e) - 1)
		}
	}
}

// unite sees to duplicates among pairs, of which the first n differ and are in
// the table. It returns how many are left.
func (t *keyTable) unite(pairs []Pair, n int, policy Duplicates) int {
	if len(pairs) > maxSmall {
		if t.seed == (maphash.Seed{}) {
			t.seed = maphash.MakeSeed()
		}
		// At most three quarters full.
		t.big = zeros(t.big, 1<<bits.Len(uint(len(pairs)+len(pairs)/3)))
		defer func() { t.big = kept(t.big) }()
	}
	if policy == List {
		t.group(pairs, n)
		return len(pairs)
	}
	if len(t.big) > 0 {
		return t.uniteBig(pairs, policy)
	}
	for i := n; i < len(pairs); i++ {
		pair := &pairs[i]
		j := t.find(pairs, n, pair)
		pair.Hash = 0
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

// uniteBig is unite for a line with many pairs, of which none is in the table.
func (t *keyTable) uniteBig(pairs []Pair, policy Duplicates) int {
	table, n := t.big, 0
	mask := uint32(len(table) - 1)
	shift := uint(bits.LeadingZeros32(mask)) & 31
next:
	for i := range pairs {
		pair := &pairs[i]
		hash := pair.Hash
		pair.Hash = 0
		if len(pair.Key) > maxHashed {
			hash = uint32(maphash.String(t.seed, pair.Key))
		}
		at := hash >> shift
		for ; table[at&mask] != 0; at++ {
			e := table[at&mask]
			if uint32(e>>32) != hash {
				continue
			}
			if first := &pairs[uint32(e)-1]; first.Key == pair.Key {
				if policy == Last {
					// Its key stays, and may be in the parser's memory.
					flags := pair.Flags | first.Flags&flagVolatile
					first.Value, first.Kind, first.Flags, first.Bits = pair.Value, pair.Kind, flags, pair.Bits
				}
				continue next
			}
		}
		if n != i {
			pairs[n] = *pair
		}
		n++
		table[at&mask] = uint64(hash)<<32 | uint64(n)
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
			j = t.find(pairs, i, &pairs[i])
		}
		pairs[i].Hash = 0
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
func zeros[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
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
