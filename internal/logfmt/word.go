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
// that they belong to the line: this is the one place where no bounds are
// checked, and it is worth a sixth of the time (docs/performance.md).
func load(b *byte, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(b), i))[:])
}

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

// textStops has the high bit of the first byte of w that may end a plain text:
// any up to '"', which are blanks, control characters, the quote, and '!', which
// is none but costs a comparison less this way. Bits above the first mean
// nothing. Zeros, as they stand after the line's end, are stops.
func textStops(w uint64) uint64 { return (w - ('"'+1)*ones) &^ w & highBits }

// equalSigns has the high bit of the first '=' in w. Bits above it mean nothing.
func equalSigns(w uint64) uint64 {
	w ^= '=' * ones
	return (w - ones) &^ w & highBits
}

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
