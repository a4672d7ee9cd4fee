package containerlog

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones        = 0x0101010101010101
	quotes      = '"' * ones
	backslashes = '\\' * ones
)

// special marks the first byte of w that is a quote or a backslash in its high
// bit; marks above that one mean nothing.
func special(w uint64) uint64 {
	return ((w ^ quotes - ones) | (w ^ backslashes - ones)) &^ w & high
}

// scanString reads the JSON string whose first byte after the quote is line[i].
// end is the place after the closing quote. Bytes below 0x20 and what is no UTF-8
// are taken as they are; a surrogate that stands alone becomes U+FFFD. A string
// without escapes is a part of line.
func scanString(line []byte, i int, scratch []byte) (s, newScratch []byte, end int, ok bool) {
	at := nextSpecial(line, i)
	if at == len(line) {
		return nil, scratch, 0, false
	}
	if line[at] == '"' {
		return line[i:at:at], scratch, at + 1, true
	}
	return unescape(line, i, at, scratch)
}

// scanLog is scanString for a log: it sets content and Partial of e. The escapes
// of the line end alone, which almost every log has, move nothing into scratch.
func (e *Entry) scanLog(line []byte, i int, scratch []byte) (newScratch []byte, end int, ok bool) {
	at := nextSpecial(line, i)
	if at == len(line) {
		return scratch, 0, false
	}
	if rest := line[at:]; len(rest) >= 3 && string(rest[:3]) == `\n"` {
		e.Content, e.Partial = trimReturn(line[i:at:at]), false
		return scratch, at + 3, true
	}
	var log []byte
	if line[at] == '"' {
		log, end = line[i:at:at], at+1
	} else if log, scratch, end, ok = unescape(line, i, at, scratch); !ok {
		return scratch, 0, false
	}
	if n := len(log) - 1; n >= 0 && log[n] == '\n' {
		e.Content, e.Partial = trimReturn(log[:n]), false
	} else {
		e.Content, e.Partial = log, true
	}
	return scratch, end, true
}

func trimReturn(s []byte) []byte {
	if n := len(s) - 1; n >= 0 && s[n] == '\r' {
		return s[:n]
	}
	return s
}

// nextSpecial is the place of the next quote or backslash, or the end.
func nextSpecial(line []byte, i int) int {
	rest := line[i:]
	if n := bytes.IndexByte(rest, '\\'); n >= 0 {
		rest = rest[:n]
	}
	if n := bytes.IndexByte(rest, '"'); n >= 0 {
		return i + n
	}
	return i + len(rest)
}

// unescape goes on where the first escape, at line[i], was found.
func unescape(line []byte, begin, i int, scratch []byte) (s, newScratch []byte, end int, ok bool) {
	// What is decoded is never longer than what it was decoded from.
	scratch = slices.Grow(scratch[:0], len(line)-begin)
	dst := scratch[:cap(scratch)]
	o := copy(dst, line[begin:i])
	for {
		// line[i] is a quote or a backslash.
		if line[i] == '"' {
			return dst[:o:o], scratch, i + 1, true
		}
		if i+1 == len(line) {
			return nil, scratch, 0, false
		}
		if c := unescaped[line[i+1]]; c != 0 {
			dst[o] = c
			o++
			i += 2
		} else {
			r, n := unescapeRune(line[i:])
			if n == 0 {
				return nil, scratch, 0, false
			}
			o += utf8.EncodeRune(dst[o:], r)
			i += n
		}
		// The next eight bytes, and what is beyond them where none of them is special.
		if len(line)-i >= 8 && len(dst)-o >= 8 {
			w := binary.LittleEndian.Uint64(line[i:])
			binary.LittleEndian.PutUint64(dst[o:], w)
			k := bits.TrailingZeros64(special(w)) >> 3
			i += k
			o += k
			if k < 8 {
				continue
			}
		}
		var n int
		if n, ok = copyPlain(dst[o:], line[i:]); !ok {
			return nil, scratch, 0, false
		}
		i += n
		o += n
	}
}

// copyPlain copies s up to the next quote or backslash, and perhaps some bytes
// more. ok is false when there is none.
func copyPlain(dst, s []byte) (n int, ok bool) {
	for len(s)-n >= 16 {
		// Two words at once: the length of a key or value is seldom more, so that
		// the branch goes the same way nearly always.
		from, to := s[n:n+16], dst[n:n+16]
		v, w := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(from[8:])
		binary.LittleEndian.PutUint64(to, v)
		binary.LittleEndian.PutUint64(to[8:], w)
		k, more := bits.TrailingZeros64(special(v))>>3, bits.TrailingZeros64(special(w))>>3
		if k == 8 {
			k += more
		}
		n += k
		if k < 16 {
			return n, true
		}
	}
	for len(s)-n >= 8 {
		w := binary.LittleEndian.Uint64(s[n:])
		binary.LittleEndian.PutUint64(dst[n:], w)
		if m := special(w); m != 0 {
			return n + bits.TrailingZeros64(m)>>3, true
		}
		n += 8
	}
	for ; n < len(s); n++ {
		if s[n] == '"' || s[n] == '\\' {
			return n, true
		}
		dst[n] = s[n]
	}
	return n, false
}

// unescaped holds what a letter after a backslash stands for.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescapeRune reads the \u0000, or the pair of them, that b begins with; n is 0
// for anything else.
func unescapeRune(b []byte) (r rune, n int) {
	r = hex4(b)
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low := hex4(b[6:]); low >= 0 {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
