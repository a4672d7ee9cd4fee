//go:build !purego

package archive

import (
	"bytes"
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
	out  int // where the hash goes, or -1
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

// load puts a leaf into a lane, padded as SHA-256 has it.
func (l *lanes) load(i int, line []byte, out int) {
	buf := &l.bufs[i]
	buf[0] = leafMark
	n := 1 + copy(buf[1:], line)
	blocks := (n + 1 + 8 + sha256Block - 1) / sha256Block
	end := blocks * sha256Block
	buf[n] = 0x80
	clear(buf[n+1 : end-8])
	binary.BigEndian.PutUint64(buf[end-8:end], uint64(n)*8)
	l.state[i] = beginning
	l.lane[i] = lane{left: blocks, out: out}
}

// appendLines is LeafHasher.AppendLines. A lane takes the next line when it is done with
// one, so that lines of different lengths keep both busy.
func (l *lanes) appendLines(h *LeafHasher, dst, block []byte) []byte {
	l.lane = [2]lane{{out: -1}, {out: -1}}
	for {
		for i := range l.lane {
			if l.lane[i].left > 0 {
				continue
			}
			if out := l.lane[i].out; out >= 0 {
				putDigest(dst[out:], &l.state[i])
				l.lane[i].out = -1
			}
			for len(block) > 0 && l.lane[i].left == 0 {
				end := bytes.IndexByte(block, '\n')
				if end < 0 {
					end = len(block)
				}
				line := block[:end]
				block = block[min(end+1, len(block)):]
				if len(line) > maxLaneLine {
					dst = h.Append(dst, line)
					continue
				}
				l.load(i, line, len(dst))
				dst = append(dst, make([]byte, HashSize)...)
			}
		}
		a, b := &l.lane[0], &l.lane[1]
		n := min(a.left, b.left)
		switch {
		case n > 0:
		case a.left > 0: // alone: the other lane's state is of no use
			n = a.left
			block2(&l.state, &l.bufs[0][a.at], &l.bufs[0][a.at], n)
			a.left = 0
			continue
		case b.left > 0:
			n = b.left
			block2(&l.state, &l.bufs[1][b.at], &l.bufs[1][b.at], n)
			b.left = 0
			continue
		default:
			return dst
		}
		block2(&l.state, &l.bufs[0][a.at], &l.bufs[1][b.at], n)
		a.at, a.left = a.at+n*sha256Block, a.left-n
		b.at, b.left = b.at+n*sha256Block, b.left-n
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
