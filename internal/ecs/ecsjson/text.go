package ecsjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

const (
	ones     = 0x0101010101010101
	lowBits  = 0x7f * ones
	highBits = 0x80 * ones

	hexDigits = "0123456789abcdef"
)

// special has the high bit of each byte of w that cannot stand in a string as it is, or
// is no ASCII.
func special(w uint64) uint64 {
	y := w & lowBits
	plain := (y + (0x80-' ')*ones) & ((y ^ '"'*ones) + lowBits) & ((y ^ '\\'*ones) + lowBits)
	return (^plain | (y + ones) | w) & highBits
}

// appendText appends s as a JSON string that is one line for every reader: U+2028,
// U+2029 and all control characters are escaped, those of 0x7f to 0x9f too. A byte that
// is no UTF-8 is U+FFFD.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	data := unsafe.StringData(s)
	start, i := 0, 0
	for {
		for i+8 <= len(s) {
			w := binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(data), i))[:])
			if m := special(w); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				goto odd
			}
			i += 8
		}
		for i < len(s) && s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] < 0x7f {
			i++
		}
		if i == len(s) {
			dst = append(dst, s[start:]...)
			return append(dst, '"')
		}
	odd:
		// One or more characters that are special stand here, often many of them.
		for i < len(s) {
			c := s[i]
			if c < utf8.RuneSelf {
				if c >= ' ' && c != '"' && c != '\\' && c < 0x7f {
					break
				}
				dst = append(dst, s[start:i]...)
				dst = appendEscape(dst, c)
				i++
				start = i
				continue
			}
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\ufffd"...)
				start = i + 1
			case r <= 0x9f:
				dst = append(dst, s[start:i]...)
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
				start = i + n
			case r == '\u2028' || r == '\u2029':
				dst = append(dst, s[start:i]...)
				dst = append(dst, `\u202`...)
				dst = append(dst, hexDigits[r&15])
				start = i + n
			}
			i += n
		}
	}
}

// appendEscape appends a character of ASCII as an escape.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\t':
		return append(dst, '\\', 't')
	case '\r':
		return append(dst, '\\', 'r')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
