//go:build !purego

package archive

import (
	"encoding/binary"

	"github.com/klauspost/cpuid/v2"
)

// Two hashes at once. The processor's instructions for SHA-256 wait for one another most
// of the time: with those of a second message between them, which crypto/sha256 can't
// know of, both take little longer than one. docs/performance.md has what it gains.

// twoLanes says that the processor has the instructions.
var twoLanes = cpuid.CPU.Supports(cpuid.SHA, cpuid.SSE4, cpuid.SSSE3)

// block2 goes on with two hashes by n blocks of 64 bytes each. A state's words are in the
// order F E B A, H G D C.
//
//go:noescape
func block2(state *[2][8]uint32, a, b *byte, n int)

// beginning is the state of a hash of nothing yet (FIPS 180-4, section 5.3.3).
var beginning = [8]uint32{0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372}

const (
	sha256Block = 64
	// maxLaneLine is the longest line that goes through a lane, in bytes. With longer
	// ones the copy is no longer in the first cache.
	maxLaneLine = 8 << 10
	laneSize    = maxLaneLine + 2*sha256Block
)

// lanes is where two messages are put together.
type lanes struct {
	state [2][8]uint32
	bufs  [2][laneSize]byte
	lane  [2]lane
}

type lane struct {
	at   int // in its buffer
	left int // blocks
	out  int // where the hash goes
}

// putDigest writes a state's hash.
func putDigest(dst []byte, s *[8]uint32) {
	_ = dst[HashSize-1]
	binary.BigEndian.PutUint32(dst[0:], s[3])
	binary.BigEndian.PutUint32(dst[4:], s[2])
	binary.BigEndian.PutUint32(dst[8:], s[7])
	binary.BigEndian.PutUint32(dst[12:], s[6])
	binary.BigEndian.PutUint32(dst[16:], s[1])
	binary.BigEndian.PutUint32(dst[20:], s[0])
	binary.BigEndian.PutUint32(dst[24:], s[5])
	binary.BigEndian.PutUint32(dst[28:], s[4])
}

// load puts a leaf into a lane.
func (l *lanes) load(i int, line []byte, out int) {
	blocks := putLeaf(l.bufs[i][:], line)
	l.state[i] = beginning
	l.lane[i] = lane{left: blocks, out: out}
}

// putLeaf puts a leaf at the beginning of buf, padded as SHA-256 has it, and says how many
// blocks it has.
func putLeaf(buf, line []byte) (blocks int) {
	buf[0] = leafMark
	n := 1 + copy(buf[1:], line)
	blocks = (n + 1 + 8 + sha256Block - 1) / sha256Block
	end := blocks * sha256Block
	buf[n] = 0x80
	clear(buf[n+1 : end-8])
	binary.BigEndian.PutUint64(buf[end-8:end], uint64(n)*8)
	return blocks
}

// add begins with a line. The hash has its place behind dst, and is there when end was
// called: until then dst is only to be appended to by add. A lane takes the next line when it
// is done with one, so that lines of different lengths keep both busy.
func (l *lanes) add(h *LeafHasher, dst, line []byte) []byte {
	if len(line) > maxLaneLine {
		return h.Append(dst, line)
	}
	a, b := &l.lane[0], &l.lane[1]
	if n := min(a.left, b.left); n > 0 {
		block2(&l.state, &l.bufs[0][a.at], &l.bufs[1][b.at], n)
		l.went(0, dst, n)
		l.went(1, dst, n)
	}
	free := 0
	if a.left > 0 {
		free = 1
	}
	l.load(free, line, len(dst))
	return append(dst, noHash[:]...)
}

var noHash [HashSize]byte

// went notes that a lane went on by n blocks.
func (l *lanes) went(i int, dst []byte, n int) {
	lane := &l.lane[i]
	lane.at, lane.left = lane.at+n*sha256Block, lane.left-n
	if lane.left == 0 {
		putDigest(dst[lane.out:], &l.state[i])
	}
}

// end ends what add has begun.
func (l *lanes) end(dst []byte) {
	a, b := &l.lane[0], &l.lane[1]
	if n := min(a.left, b.left); n > 0 {
		block2(&l.state, &l.bufs[0][a.at], &l.bufs[1][b.at], n)
		l.went(0, dst, n)
		l.went(1, dst, n)
	}
	for i := range l.lane {
		if lane := &l.lane[i]; lane.left > 0 { // alone: the other lane's state is of no use
			at := &l.bufs[i][lane.at]
			block2(&l.state, at, at, lane.left)
			l.went(i, dst, lane.left)
		}
	}
}

// nodes are two messages of an inner node each: the mark, two hashes, and the padding.
type nodes [2][2 * sha256Block]byte

func newNodes() nodes {
	var n nodes
	for i := range n {
		n[i][0] = nodeMark
		n[i][1+2*HashSize] = 0x80
		binary.BigEndian.PutUint16(n[i][2*sha256Block-2:], (1+2*HashSize)*8)
	}
	return n
}

// pairs hashes two inner nodes after the other, as long as there are two: it writes the
// hashes into out and says how many of the hashes it has done. out may be the beginning
// of hashes.
func pairs(out, hashes []byte) (done int) {
	n := newNodes()
	var state [2][8]uint32
	for ; len(hashes)-done >= 4*HashSize; done += 4 * HashSize {
		copy(n[0][1:], hashes[done:done+2*HashSize])
		copy(n[1][1:], hashes[done+2*HashSize:done+4*HashSize])
		state[0], state[1] = beginning, beginning
		block2(&state, &n[0][0], &n[1][0], 2)
		putDigest(out[done/2:], &state[0])
		putDigest(out[done/2+HashSize:], &state[1])
	}
	return done
}
