package archive

import (
	"crypto/rand"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"math/bits"

	"golang.org/x/crypto/blake2b"
)

const (
	filterMark    = "HWBF"
	filterKeySize = 16
	filterHeader  = len(filterMark) + 4 + filterKeySize
	filterWord    = 8 // bits are a multiple of as many bytes

	// 16 bits for each id and 11 hashes: 0.05 % wrong answers. An object that is read in
	// vain costs a search more than the bits of many: in `make search-scale` 10 bits and 7
	// hashes read 0.9 to 1.4 % of an archive for nothing, and these 0.7 %.
	filterBitsPerID = 16
	filterHashes    = 11
	// maxFilterHashes is what a reader takes, so that a filter is no work without end.
	maxFilterHashes = 32

	// Records of the requests of the moment come mixed: some ids are remembered as they
	// are, unless they are longer than that, so that most are not hashed again. There is
	// room for four times as many as the filter has, in which few meet, up to 128 KiB.
	minRecentIDs, maxRecentIDs, maxRecentID = 256, 2048, 63
	// Trace ids are remembered by themselves, as bytes, two for each of these bits' values, in
	// 32 KiB.
	recentTracesBits = 10
	// spread is odd, and has about as many ones as zeros: 2^64 by the golden ratio.
	spread = 0x9e3779b97f4a7c15
)

// FilterBuilder collects the ids of an object's records, at 20 to 40 bytes for each. It is
// not for several goroutines.
type FilterBuilder struct {
	key    [filterKeySize]byte
	sums   filterSums
	ids    map[[16]byte]struct{}
	seed   maphash.Seed
	last   recentID   // the one that came last: most records are near another of their request
	recent []recentID // a power of two
	// traces are those that came last.
	traces    [][16]byte
	traceSeed [2]uint64
}

// recentID is an id as it is; all of it is together in memory.
type recentID struct {
	size uint8
	id   [maxRecentID]byte
}

func (r *recentID) is(id []byte) bool { return string(r.id[:r.size]) == string(id) }

// NewFilterBuilder begins a filter with a random key.
func NewFilterBuilder() *FilterBuilder {
	b := &FilterBuilder{ids: map[[16]byte]struct{}{}, seed: maphash.MakeSeed(), recent: make([]recentID, minRecentIDs)}
	rand.Read(b.key[:])
	var seed [16]byte
	rand.Read(seed[:])
	b.traceSeed = [2]uint64{binary.LittleEndian.Uint64(seed[:]), binary.LittleEndian.Uint64(seed[8:])}
	b.sums = newFilterSums(b.key[:])
	return b
}

// Add adds an id: a request id as it is, a trace id as 32 lower-case hex digits. Ids that
// are there already cost no memory; one that is empty is none.
func (b *FilterBuilder) Add(id []byte) {
	if len(id) == 0 {
		return
	}
	if len(id) <= maxRecentID {
		if b.last.is(id) {
			return
		}
		b.last.size = uint8(copy(b.last.id[:], id))
		// Each has two places beside each other, the first of the one that came last.
		place := maphash.Bytes(b.seed, id) & uint64(len(b.recent)-2)
		first, second := &b.recent[place], &b.recent[place+1]
		if first.is(id) || second.is(id) {
			return
		}
		*second = *first
		first.size = uint8(copy(first.id[:], id))
	}
	b.ids[b.sums.sum(id)] = struct{}{}
	if 4*len(b.ids) > len(b.recent) && len(b.recent) < maxRecentIDs {
		b.recent = make([]recentID, 2*len(b.recent))
	}
}

// AddTraceID is Add for the 32 lower-case hex digits of a trace id.
func (b *FilterBuilder) AddTraceID(id [16]byte) {
	if id == ([16]byte{}) { // as a place that is free is
		b.Add(hex.AppendEncode(nil, id[:]))
		return
	}
	high, low := bits.Mul64(binary.LittleEndian.Uint64(id[:])^b.traceSeed[0], binary.LittleEndian.Uint64(id[8:])^b.traceSeed[1])
	if b.traces == nil {
		b.traces = make([][16]byte, 2<<recentTracesBits)
	}
	// As in Add, two places. The second multiplication has all bits count in each place: ids
	// that differ in few of theirs, as counters do, would be in few places.
	place := (high ^ low) * spread >> (64 - recentTracesBits) * 2
	first, second := &b.traces[place], &b.traces[place+1]
	if *first == id || *second == id {
		return
	}
	*second, *first = *first, id
	var text [32]byte
	hex.Encode(text[:], id[:])
	b.ids[b.sums.sum(text[:])] = struct{}{}
}

// Len is how many ids it has.
func (b *FilterBuilder) Len() int { return len(b.ids) }

// Append appends the filter to dst.
func (b *FilterBuilder) Append(dst []byte) []byte {
	words := max(1, (len(b.ids)*filterBitsPerID+8*filterWord-1)/(8*filterWord))
	dst = append(dst, filterMark...)
	dst = binary.LittleEndian.AppendUint32(dst, filterHashes)
	dst = append(dst, b.key[:]...)
	at := len(dst)
	dst = append(dst, make([]byte, words*filterWord)...)
	bits := dst[at:]
	n := uint64(len(bits)) * 8
	for sum := range b.ids {
		x, step := filterNumbers(sum)
		for range filterHashes {
			j := x % n
			bits[j/8] |= 1 << (j % 8)
			x += step
		}
	}
	return dst
}

// Filter says whether an id may be in an object. It may be asked by several goroutines.
type Filter struct {
	key    []byte
	hashes int
	bits   []byte
}

// OpenFilter reads a filter, which keeps data.
func OpenFilter(data []byte) (Filter, error) {
	if len(data) < filterHeader || string(data[:len(filterMark)]) != filterMark {
		return Filter{}, errors.New("no filter: it does not begin with " + filterMark + " and a key")
	}
	hashes := binary.LittleEndian.Uint32(data[len(filterMark):])
	if hashes < 1 || hashes > maxFilterHashes {
		return Filter{}, fmt.Errorf("no filter: %d hashes, not 1 to %d", hashes, maxFilterHashes)
	}
	bits := data[filterHeader:]
	if len(bits) == 0 || len(bits)%filterWord != 0 {
		return Filter{}, fmt.Errorf("no filter: its bits have %d bytes, not a multiple of %d", len(bits), filterWord)
	}
	return Filter{key: data[filterHeader-filterKeySize : filterHeader], hashes: int(hashes), bits: bits}, nil
}

// May says that an id may be there, or that it is not.
func (f Filter) May(id []byte) bool {
	x, step := filterNumbers(filterSum(f.key, id))
	n := uint64(len(f.bits)) * 8
	for range f.hashes {
		j := x % n
		if f.bits[j/8]&(1<<(j%8)) == 0 {
			return false
		}
		x += step
	}
	return true
}

// filterNumbers takes a hash apart: the first bit, and from one bit to the next.
func filterNumbers(sum [16]byte) (x, step uint64) {
	return binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:]) | 1
}

// filterSum is BLAKE2b (RFC 7693) of 16 bytes with a key.
func filterSum(key, id []byte) (sum [16]byte) {
	h, err := blake2b.New(len(sum), key)
	if err != nil {
		panic(err) //nolint:forbidigo // of other sizes alone
	}
	h.Write(id)
	h.Sum(sum[:0])
	return sum
}

// filterSums is filterSum for many ids, none of which is empty: it goes on from the state
// behind the block that the key is, which is the same for all.
type filterSums struct {
	hash interface {
		hash.Hash
		encoding.BinaryUnmarshaler
	}
	begun []byte
	buf   []byte
}

// In the state that blake2b writes: the first word, big-endian, and how much of a block came.
const (
	stateWord   = len("b2b")
	stateOffset = stateWord + 8*8 + 2*8 + 1 + blake2b.BlockSize
)

func newFilterSums(key []byte) filterSums {
	var s filterSums
	h, err := blake2b.New(16, nil)
	if err == nil {
		s.hash = h.(interface {
			hash.Hash
			encoding.BinaryUnmarshaler
		})
		s.begun, err = h.(encoding.BinaryMarshaler).MarshalBinary()
	}
	if err == nil {
		// The parameters of a hash with a key (RFC 7693, section 2.8), and the key's block,
		// which is hashed when more comes.
		word := s.begun[stateWord : stateWord+8]
		binary.BigEndian.PutUint64(word, binary.BigEndian.Uint64(word)^uint64(len(key))<<8)
		err = s.hash.UnmarshalBinary(s.begun)
	}
	if err == nil {
		var block [blake2b.BlockSize + 1]byte
		copy(block[:], key)
		s.hash.Write(block[:])
		s.begun, err = h.(encoding.BinaryMarshaler).MarshalBinary()
	}
	if err != nil {
		panic(err) //nolint:forbidigo // of other sizes alone
	}
	s.begun[stateOffset] = 0 // without the byte that came for that
	return s
}

func (s *filterSums) sum(id []byte) (sum [16]byte) {
	_ = s.hash.UnmarshalBinary(s.begun) // which it has read before
	s.hash.Write(id)
	s.buf = s.hash.Sum(s.buf[:0])
	return [16]byte(s.buf)
}
