package logfmt

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendUnescaped appends the text that s, the inside of a pair of quotes,
// stands for. On a bad escape it gives its offset in s and the cause.
func appendUnescaped(dst []byte, s string) (_ []byte, at int, cause Cause) {
	for i := 0; ; {
		n := strings.IndexByte(s[i:], '\\')
		if n < 0 {
			return append(dst, s[i:]...), 0, 0
		}
		dst = append(dst, s[i:i+n]...)
		i += n
		if i+1 == len(s) {
			return dst, i, InvalidEscape
		}
		switch c := s[i+1]; c {
		case '"', '\\', '/', '\'':
			dst = append(dst, c)
			i += 2
		case 'n':
			dst = append(dst, '\n')
			i += 2
		case 't':
			dst = append(dst, '\t')
			i += 2
		case 'r':
			dst = append(dst, '\r')
			i += 2
		case 'b':
			dst = append(dst, '\b')
			i += 2
		case 'f':
			dst = append(dst, '\f')
			i += 2
		case 'a':
			dst = append(dst, '\a')
			i += 2
		case 'v':
			dst = append(dst, '\v')
			i += 2
		case 'x':
			r, ok := hex(s, i+2, 2)
			if !ok || r >= utf8.RuneSelf {
				return dst, i, InvalidEscape
			}
			dst = append(dst, byte(r))
			i += 4
		case 'U':
			r, ok := hex(s, i+2, 8)
			if !ok || !utf8.ValidRune(r) {
				return dst, i, InvalidEscape
			}
			dst = utf8.AppendRune(dst, r)
			i += 10
		case 'u':
			r, ok := hex(s, i+2, 4)
			if !ok {
				return dst, i, InvalidEscape
			}
			start := i
			i += 6
			if utf16.IsSurrogate(r) {
				if !strings.HasPrefix(s[i:], `\u`) {
					return dst, start, LoneSurrogate
				}
				low, ok := hex(s, i+2, 4)
				if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
					return dst, start, LoneSurrogate
				}
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, i, InvalidEscape
		}
	}
}

// hex reads n hexadecimal digits at s[i].
func hex(s string, i, n int) (rune, bool) {
	if len(s)-i < n {
		return 0, false
	}
	var r uint32
	for _, c := range []byte(s[i : i+n]) {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case (c|0x20)-'a' <= 5:
			c = (c | 0x20) - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | uint32(c)
	}
	if r > utf8.MaxRune {
		return 0, false
	}
	return rune(r), true
}
