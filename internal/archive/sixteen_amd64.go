//go:build !purego

package archive

import (
	"encoding/binary"
	"math/bits"

	"github.com/klauspost/cpuid/v2"
)

// Sixteen hashes at once, with the wide registers of AVX-512: of each word of a state and of a
// schedule all sixteen are in one. No instruction for SHA-256 is in it, and yet a block takes
// less time than with two lanes that have these.

// sixteenLanes says that the processor has the instructions, and those for the two lanes, which
// end what the sixteen would be too many for.
var sixteenLanes = twoLanes && cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW)

// block16 goes on with sixteen hashes by n blocks of 64 bytes each, of which those of a lane
// begin at its place behind from. state[w][i] is the word w of lane i, in the order of FIPS
// 180-4.
//
//go:noescape
func block16(state *[8][wide]uint32, from *byte, at *[wide]uint64, n int)

// wide is how many lanes there are.
const wide = 16

// beginningInOrder is beginning, from A to H.
var beginningInOrder = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

const (
	// maxWideLine is the longest line that goes through one of sixteen lanes, in bytes: longer
	// ones gain less, and a writer holds sixteen of this size.
	maxWideLine  = 4 << 10
	wideLaneSize = maxWideLine + 2*sha256Block
	// fewLanes are done sooner two at a time.
	fewLanes = 6
)

// wideLanes is where sixteen messages are put together.
type wideLanes struct {
	state [8][wide]uint32
	bufs  [wide * wideLaneSize]byte
	at    [wide]uint64 // in bufs
	left  [wide]int    // blocks
	out   [wide]int    // where the hash goes
	busy  uint16       // has a bit for each lane with blocks
}

// putDigestOf writes the hash of a lane.
func putDigestOf(dst []byte, state *[8][wide]uint32, i int) {
	_ = dst[HashSize-1]
	for w := range state {
		binary.BigEndian.PutUint32(dst[4*w:], state[w][i])
	}
}

// add is that of lanes.
func (l *wideLanes) add(h *LeafHasher, dst, line []byte) []byte {
	if len(line) > maxWideLine {
		return h.Append(dst, line)
	}
	if l.busy == 1<<wide-1 {
		l.step(dst)
	}
	free := bits.TrailingZeros16(^l.busy)
	blocks := putLeaf(l.bufs[free*wideLaneSize:][:wideLaneSize], line)
	for w, v := range beginningInOrder {
		l.state[w][free] = v
	}
	l.at[free], l.left[free], l.out[free] = uint64(free*wideLaneSize), blocks, len(dst)
	l.busy |= 1 << free
	return append(dst, noHash[:]...)
}

// step goes on until a lane is done.
func (l *wideLanes) step(dst []byte) {
	n := 0
	for _, left := range l.left {
		if left > 0 && (n == 0 || left < n) {
			n = left
		}
	}
	block16(&l.state, &l.bufs[0], &l.at, n)
	for i := range l.left {
		if l.left[i] > 0 { // another went on with blocks that nobody asks for
			l.went(i, dst, n)
		}
	}
}

// went notes that a lane went on by n blocks.
func (l *wideLanes) went(i int, dst []byte, n int) {
	l.at[i] += uint64(n * sha256Block)
	if l.left[i] -= n; l.left[i] == 0 {
		putDigestOf(dst[l.out[i]:], &l.state, i)
		l.at[i] = 0
		l.busy &^= 1 << i
	}
}

// end ends what add has begun.
func (l *wideLanes) end(dst []byte) {
	for bits.OnesCount16(l.busy) > fewLanes {
		l.step(dst)
	}
	for l.busy != 0 {
		i := bits.TrailingZeros16(l.busy)
		j := i // alone: the second state is of no use
		if more := l.busy &^ (1 << i); more != 0 {
			j = bits.TrailingZeros16(more)
		}
		l.stepTwo(dst, i, j)
	}
}

// stepTwo goes on with two lanes, or twice with one.
func (l *wideLanes) stepTwo(dst []byte, i, j int) {
	var state [2][8]uint32
	for at, w := range orderOfTwo {
		state[0][at], state[1][at] = l.state[w][i], l.state[w][j]
	}
	n := min(l.left[i], l.left[j])
	block2(&state, &l.bufs[l.at[i]], &l.bufs[l.at[j]], n)
	for at, w := range orderOfTwo {
		l.state[w][j] = state[1][at]
		l.state[w][i] = state[0][at]
	}
	l.went(i, dst, n)
	if j != i {
		l.went(j, dst, n)
	}
}

// orderOfTwo are the words of a state in the order of block2.
var orderOfTwo = [8]int{5, 4, 1, 0, 7, 6, 3, 2}

// sixteenNodes hashes sixteen inner nodes at a time, as pairs does two.
func sixteenNodes(out, hashes []byte) (done int) {
	const size = 2 * sha256Block
	var messages [wide * size]byte
	var at [wide]uint64
	for i := range wide {
		m := messages[i*size:][:size]
		m[0], m[1+2*HashSize] = nodeMark, 0x80
		binary.BigEndian.PutUint16(m[size-2:], (1+2*HashSize)*8)
		at[i] = uint64(i * size)
	}
	var state [8][wide]uint32
	for ; len(hashes)-done >= wide*2*HashSize; done += wide * 2 * HashSize {
		for i := range wide {
			copy(messages[i*size+1:], hashes[done+i*2*HashSize:][:2*HashSize])
		}
		state = wideBeginning
		block16(&state, &messages[0], &at, 2)
		for i := range wide {
			putDigestOf(out[done/2+i*HashSize:], &state, i)
		}
	}
	return done
}

// wideBeginning is the state of hashes of nothing yet.
var wideBeginning = func() (s [8][wide]uint32) {
	for w, v := range beginningInOrder {
		for i := range s[w] {
			s[w][i] = v
		}
	}
	return s
}()
