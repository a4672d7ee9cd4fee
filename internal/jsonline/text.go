package jsonline

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

const (
	ones     = 0x0101010101010101
	lowBits  = 0x7f * ones
	highBits = 0x80 * ones
)

// load is the eight bytes at b+i, the first the lowest. The caller has made sure
// that they belong to the line.
func load(b *byte, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(b), i))[:])
}

// stringStops has the high bit of each byte of w that is a quote, a backslash or
// below ' '.
func stringStops(w uint64) uint64 {
	y := w & lowBits
	return ^((y+(0x80-' ')*ones)&((y^'"'*ones)+lowBits)&((y^'\\'*ones)+lowBits) | w) & highBits
}

// oddText reads a string with escapes, or one that is wrong. It begins with the
// quote at line[open]; i is the first byte in it that is a backslash or wrong. text
// is in scratch when volatile is set.
func (p *Parser) oddText(line string, open, i int) (text string, next int, volatile bool, cause Cause) {
	mark := len(p.scratch)
	dst := p.scratch
	dst = append(dst, line[open+1:min(i, len(line))]...)
	for {
		if i >= len(line) {
			return "", open, false, UnterminatedString
		}
		switch c := line[i]; {
		case c == '"':
			p.scratch = dst
			return unsafe.String(unsafe.SliceData(dst[mark:]), len(dst)-mark), i + 1, true, 0
		case c < ' ':
			return "", i, false, ControlCharacter
		}
		if i+1 == len(line) {
			return "", open, false, UnterminatedString
		}
		switch c := line[i+1]; c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'u':
			r := hex4(line, i+2)
			if r < 0 {
				return "", i, false, InvalidEscape
			}
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+7 < len(line) && line[i+6] == '\\' && line[i+7] == 'u' {
					low = hex4(line, i+8)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
			i += 4
		default:
			return "", i, false, InvalidEscape
		}
		i += 2
		end := p.stringStop(line, i)
		dst = append(dst, line[i:end]...)
		i = end
	}
}

// hex4 reads four hexadecimal digits at s[i], or gives -1.
func hex4(s string, i int) rune {
	if len(s)-i < 4 {
		return -1
	}
	var r rune
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case (c|0x20)-'a' <= 5:
			c = (c | 0x20) - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
