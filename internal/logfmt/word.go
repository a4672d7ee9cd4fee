package logfmt

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

const (
	ones     = 0x0101010101010101
	lowBits  = 0x7f * ones
	highBits = 0x80 * ones
)

// load is the eight bytes at b+i, the first the lowest. The caller has made sure
// that they belong to the line: here, in byteAt and in what is written through texts
// no bounds are checked, which is worth a sixth of the time and then a twelfth
// (docs/performance.md).
func load(b *byte, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(b), i))[:])
}

// byteAt is the byte at b+i, of which the caller has made sure that it belongs to the line.
func byteAt(b *byte, i int) byte { return *(*byte)(unsafe.Add(unsafe.Pointer(b), i)) }

const pairSize = unsafe.Sizeof(Pair{})

// texts are a pair's Key and Value, to be written without checks of what the reading loops
// know: that they are in the line. Also an empty text's address is.
type texts struct {
	key       unsafe.Pointer
	keySize   int
	value     unsafe.Pointer
	valueSize int
}

func textsOf(p *Pair) *texts { return (*texts)(unsafe.Pointer(p)) }

// tailWord is the last eight bytes of s, the last the highest, with zeros before
// them where s is shorter.
func tailWord(s string) uint64 {
	if len(s) >= 8 {
		return load(unsafe.StringData(s), len(s)-8)
	}
	var w uint64
	for i := range len(s) {
		w = w>>8 | uint64(s[i])<<56
	}
	return w
}

// shifted is tail without its first n bytes, 0 to 8, and zeros after it.
func shifted(tail uint64, n int) uint64 {
	// In two halves, since a shift by 64 would need a comparison.
	half := uint(n) * 4 & 63
	return tail >> half >> half
}

// asciiBytes has the high bit of each byte of w that has none.
func asciiBytes(w uint64) uint64 { return ^w & highBits }

// textStops has the high bit of the first byte of w that may end a plain text:
// any up to '"', which are blanks, control characters, the quote, and '!', which
// is none but costs a comparison less this way. Bits above the first mean
// nothing. Zeros, as they stand after the line's end, are stops.
func textStops(w, ascii uint64) uint64 { return (w - ('"'+1)*ones) & ascii }

// equalSigns has the high bit of the first '=' in w. Bits above it mean nothing.
func equalSigns(w, ascii uint64) uint64 { return (w ^ '='*ones - ones) & ascii }

// upToFirst has all bits up to the lowest of m.
func upToFirst(m uint64) uint64 { return m ^ (m - 1) }

// quoteStops has the high bit of each byte of w that is a quote, a backslash or
// below ' '.
func quoteStops(w uint64) uint64 {
	y := w & lowBits
	return ^((y+(0x80-' ')*ones)&((y^'"'*ones)+lowBits)&((y^'\\'*ones)+lowBits) | w) & highBits
}

// quotedStop is the place of the first byte at or after i that is a quote, a
// backslash or below ' ', or the line's length or more.
func (p *Parser) quotedStop(line string, i int) int {
	b := unsafe.StringData(line)
	var high uint64
	for ; i+8 <= len(line); i += 8 {
		w := load(b, i)
		high |= w
		if m := quoteStops(w); m != 0 {
			p.high |= high
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(line); i++ {
		c := line[i]
		high |= uint64(c)
		if c == '"' || c == '\\' || c < ' ' {
			break
		}
	}
	p.high |= high
	return i
}
