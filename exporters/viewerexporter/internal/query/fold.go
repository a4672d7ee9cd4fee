package query

import (
	"unicode"
	"unicode/utf8"
)

// AppendFold appends text in the form in which the case of letters makes no difference: each letter
// in lower case, by Unicode's simple mapping. Bytes that are no UTF-8 stay as they are.
func AppendFold[T ~string | ~[]byte](dst []byte, text T) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		end := min(i+utf8.UTFMax, len(text))
		var buf [utf8.UTFMax]byte
		n := copy(buf[:], text[i:end])
		r, size := utf8.DecodeRune(buf[:n])
		if r == utf8.RuneError && size <= 1 {
			dst = append(dst, c)
			i++
			continue
		}
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
		i += size
	}
	return dst
}

// Fold is what AppendFold appends.
func Fold(text string) string {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return string(AppendFold(make([]byte, 0, len(text)), text))
		}
	}
	return text
}
