package logfmt

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"slices"
	"unsafe"
)

const (
	slotBits = 10
	// maxFew is the number of pairs up to which each is compared with each.
	maxFew = 4
	// maxSmall is the number of pairs up to which the slots are used. Long keys made
	// to share a slot cost its square in comparisons.
	maxSmall = 64
	// maxExpected is up to how many different keys are believed to come, by a line's
	// first ones: as many as the memory that is kept has places for.
	maxExpected = maxKept / 4 / 4
)

// keyTable finds the keys that a line has more than once, by their hashes, which are in
// Bits until a pair has been looked at.
//
// Lines of up to maxSmall pairs use slots: open addressing, in each slot a pair's
// place (8 bits) below the number of the line (24 bits), so that nothing is cleared
// between lines. Lines with more use big, open addressing too, and keys: what has to be
// looked at for each pair is near to each other there, and not 48 bytes apart.
type keyTable struct {
	line  uint32 // the number of the current line, never 0
	slots [1 << slotBits]uint32

	seed  maphash.Seed
	keys  []uint64 // the hashes, by place
	big   []uint32 // a key's place plus one; 0 is free
	shift uint     // what is left of a hash shifted by it is less than len(big)
	guess int      // the place after that of the last repeat

	places []uint32 // for List
	pairs  []Pair   // for List; empty, and its memory without texts, between lines
}

// maxHashed is up to how many bytes of a key a sender can't prepare to share its hash
// with others.
const maxHashed = 7

// hasher makes the hashes of keys by multiplication with a secret odd number: two keys of
// up to maxHashed bytes share the upper n bits of theirs with a probability of at most
// 2/2^n (multiply-shift hashing; Dietzfelbinger, Hagerup, Katajainen, Penttonen, 1997).
// Since the number is odd, they have all 64 bits in common only if they are the same.
type hasher uint64

func newHasher() hasher { return hasher(rand.Uint64() | 1) } //nolint:gosec // G404: ChaCha8, seeded by the system

// short is the hash of a key of up to seven bytes, with '=' after it and then zeros.
func (h hasher) short(key uint64) uint64 { return key * uint64(h) }

// long is the hash of a key of n bytes, eight or more, of which it sees the first and the
// last eight.
func (h hasher) long(first, last uint64, n int) uint64 {
	return h.short(first + bits.RotateLeft64(last, 29) + uint64(n))
}

func (h hasher) hashKey(key string) uint64 {
	if len(key) > maxHashed {
		b := unsafe.StringData(key)
		return h.long(load(b, 0), load(b, len(key)-8), len(key))
	}
	w := uint64('=')
	for i := len(key) - 1; i >= 0; i-- {
		w = w<<8 | uint64(key[i])
	}
	return h.short(w)
}

// unite sees to duplicate keys. It returns how many pairs are left.
func (t *keyTable) unite(pairs []Pair, policy Duplicates) int {
	if len(pairs) > maxSmall {
		t.begin(len(pairs))
		defer t.end()
		if policy != List {
			return t.uniteMany(pairs, 0, policy)
		}
		t.keys = zeros(t.keys, len(pairs))
		t.group(pairs, 0)
		return len(pairs)
	}
	if t.line++; t.line == 1<<24 {
		t.slots = [1 << slotBits]uint32{}
		t.line = 1
	}
	line := t.line
	for i := range pairs {
		pair := &pairs[i]
		slot := &t.slots[pair.Bits>>(64-slotBits)]
		if *slot>>8 != line {
			*slot = line<<8 | uint32(i)
		} else if t.find(pairs, i, pair) != i {
			return t.uniteFrom(pairs, i, policy)
		}
		pair.Bits = bareBit(pair)
	}
	return len(pairs)
}

// find returns the place of the pair with this one's key, or notes that it is at place
// and returns place.
func (t *keyTable) find(pairs []Pair, place int, pair *Pair) int {
	if len(t.big) > 0 {
		return t.findBig(pairs, place, pair)
	}
	for i := pair.Bits >> (64 - slotBits); ; i = (i + 1) % (1 << slotBits) {
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
	hash, mask := t.hash(pair), uint32(len(t.big)-1)
	for at := uint32(hash >> t.shift); ; at++ {
		e := t.big[at&mask]
		if e == 0 {
			t.big[at&mask] = uint32(place + 1)
			t.keys[place] = hash
			return place
		}
		if t.keys[e-1] == hash && pairs[e-1].Key == pair.Key {
			return int(e - 1)
		}
	}
}

// hash is that of a pair's key in a line with many: one that no sender knows also where
// the key is long.
func (t *keyTable) hash(pair *Pair) uint64 {
	if len(pair.Key) > maxHashed {
		return maphash.String(t.seed, pair.Key)
	}
	return pair.Bits
}

// begin makes big ready for a line in which about n different keys are expected, and end
// gives up what is too large to be kept.
func (t *keyTable) begin(n int) {
	if t.seed == (maphash.Seed{}) {
		t.seed = maphash.MakeSeed()
	}
	t.guess = 0
	t.resize(n)
}

func (t *keyTable) end() { t.big, t.keys = kept(t.big), kept(t.keys) }

// resize makes big a table with place for n keys, of which those in keys are put into it.
// It is then at most half full: each key that is not where its hash says is a branch that
// was not foreseen.
func (t *keyTable) resize(n int) {
	size := 1 << bits.Len(uint(2*n))
	t.big = zeros(t.big, size)
	t.shift = uint(64 - bits.TrailingZeros(uint(size)))
	mask := uint32(size - 1)
	for i, hash := range t.keys {
		at := uint32(hash >> t.shift)
		for t.big[at&mask] != 0 {
			at++
		}
		t.big[at&mask] = uint32(i + 1)
	}
}

// uniteFrom is unite for few pairs, of which the first n differ and are in the slots.
func (t *keyTable) uniteFrom(pairs []Pair, n int, policy Duplicates) int {
	if policy == List {
		t.group(pairs, n)
		return len(pairs)
	}
	for i := n; i < len(pairs); i++ {
		pair := &pairs[i]
		j := t.find(pairs, n, pair)
		pair.Bits = bareBit(pair)
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

// uniteMany is unite for a part of a line with many pairs, of which the first n differ and
// are in the table. It returns how many are left.
func (t *keyTable) uniteMany(pairs []Pair, n int, policy Duplicates) int {
	if 2*len(pairs) > len(t.big) {
		t.resize(2 * len(pairs))
	}
	t.keys = slices.Grow(t.keys, len(pairs)-n)
	keys := t.keys[:len(pairs)]
	if n == 0 && len(pairs) > 0 {
		keys[0] = t.hash(&pairs[0])
		pairs[0].Bits = bareBit(&pairs[0])
		t.big[keys[0]>>t.shift] = 1
		n = 1
	}
	var (
		table = t.big
		mask  = len(table) - 1
		shift = t.shift & 63
		guess = t.guess
	)
each:
	for i := n; i < len(pairs); i++ {
		pair := &pairs[i]
		hash := pair.Bits
		pair.Bits = bareBit(pair)
		size := len(pair.Key)
		if size > maxHashed {
			hash = maphash.String(t.seed, pair.Key)
		}
		at := int(hash >> shift)
		// Repeats often come in the order of the first ones: that place first.
		for e := guess; ; at++ {
			if keys[e] == hash {
				// Short keys of one length and one hash are the same.
				if first := &pairs[e]; len(first.Key) == size && (size <= maxHashed || first.Key == pair.Key) {
					if policy == Last {
						// Its key stays, and may be in the parser's memory.
						flags := pair.Flags | first.Flags&flagVolatile
						first.Value, first.Kind, first.Flags, first.Bits = pair.Value, pair.Kind, flags, pair.Bits
					}
					if guess = e + 1; guess == n {
						guess = 0
					}
					continue each
				}
			}
			slot := table[at&mask]
			if slot == 0 {
				break
			}
			e = int(slot) - 1
		}
		if n != i {
			pairs[n] = *pair
		}
		keys[n] = hash
		n++
		table[at&mask] = uint32(n)
	}
	t.guess = guess
	t.keys = keys[:n]
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
		pairs[i].Bits = bareBit(&pairs[i])
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

// fewDiffer says that up to maxFew pairs have different keys. Where it isn't certain, it
// leaves them as they are.
func fewDiffer(pairs []Pair) bool {
	switch len(pairs) {
	case 4:
		p := (*[4]Pair)(pairs)
		a, b, c, d := &p[0], &p[1], &p[2], &p[3]
		if a.Bits == b.Bits || a.Bits == c.Bits || a.Bits == d.Bits || b.Bits == c.Bits || b.Bits == d.Bits || c.Bits == d.Bits {
			return false
		}
		a.Bits, b.Bits, c.Bits, d.Bits = bareBit(a), bareBit(b), bareBit(c), bareBit(d)
	case 3:
		p := (*[3]Pair)(pairs)
		a, b, c := &p[0], &p[1], &p[2]
		if a.Bits == b.Bits || a.Bits == c.Bits || b.Bits == c.Bits {
			return false
		}
		a.Bits, b.Bits, c.Bits = bareBit(a), bareBit(b), bareBit(c)
	case 2:
		p := (*[2]Pair)(pairs)
		a, b := &p[0], &p[1]
		if a.Bits == b.Bits {
			return false
		}
		a.Bits, b.Bits = bareBit(a), bareBit(b)
	case 1:
		pairs[0].Bits = bareBit(&pairs[0])
	}
	return true
}

// bareBit is what a pair's Bits are before its type is known.
func bareBit(p *Pair) uint64 { return uint64(p.Flags & flagBare) }
