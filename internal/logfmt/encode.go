package logfmt

import (
	"strconv"
	"unicode/utf8"
)

// AppendPairs appends all pairs to dst as one line without its end.
func AppendPairs(dst []byte, pairs []Pair) []byte {
	for i := range pairs {
		dst = AppendPair(dst, pairs[i])
	}
	return dst
}

// AppendPair appends p to dst, with a blank before it where one is needed. A
// Parser with Types Infer reads the pair back as it was.
func AppendPair(dst []byte, p Pair) []byte {
	switch p.Kind {
	case Int:
		return AppendInt(dst, p.Key, p.Int())
	case Float:
		return AppendFloat(dst, p.Key, p.Float())
	case Bool:
		if p.Bare() {
			return AppendBare(dst, p.Key)
		}
		return AppendBool(dst, p.Key, p.Bool())
	case String:
	}
	return AppendString(dst, p.Key, p.Value)
}

// AppendString appends key=value. The value is quoted where it would otherwise
// not come back as this string, or where other readers of logfmt would refuse
// it. A byte that is no UTF-8 is written \xHH, which a Parser reports as an
// error and leaves as written.
func AppendString(dst []byte, key, value string) []byte {
	dst = append(appendKey(dst, key), '=')
	if needsQuotes(value) {
		return appendQuoted(dst, value)
	}
	if value != "" && typeHints[value[0]] == pending {
		if kind, _ := infer(value); kind != String {
			return appendQuoted(dst, value)
		}
	}
	return append(dst, value...)
}

// AppendInt appends key=value.
func AppendInt(dst []byte, key string, value int64) []byte {
	return strconv.AppendInt(append(appendKey(dst, key), '='), value, 10)
}

// AppendFloat appends key=value with the text of FormatFloat. It comes back as
// a float, but for integral values below 1e21, which come back as the Int of the
// same text or, beyond int64, as a string, and for -0, NaN and the infinities,
// which come back as strings.
func AppendFloat(dst []byte, key string, value float64) []byte {
	return appendFloat(append(appendKey(dst, key), '='), value)
}

// AppendBool appends key=true or key=false.
func AppendBool(dst []byte, key string, value bool) []byte {
	return strconv.AppendBool(append(appendKey(dst, key), '='), value)
}

// AppendBare appends the key alone, which means true.
func AppendBare(dst []byte, key string) []byte { return appendKey(dst, key) }

func appendKey(dst []byte, key string) []byte {
	if n := len(dst); n > 0 && dst[n-1] != '\n' && dst[n-1] != ' ' {
		dst = append(dst, ' ')
	}
	if key == "" || needsQuotes(key) {
		return appendQuoted(dst, key)
	}
	return append(dst, key...)
}

func needsQuotes(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c <= ' ' || c == '=' || c == '"' || c == 0x7f {
				return true
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if n == 1 || hidden(r) {
			return true
		}
		i += n
	}
	return false
}

// hidden says that r is to be escaped although the format would allow it as it
// is: C1 control characters move terminals, and some readers of lines take
// U+0085, U+2028 and U+2029 for the end of one.
func hidden(r rune) bool {
	return r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029
}

const hexDigits = "0123456789abcdef"

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if n > 1 && !hidden(r) {
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		if n == 1 {
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		} else {
			dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		}
		i += n
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
