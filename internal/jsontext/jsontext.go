// Package jsontext writes strings and numbers of JSON (RFC 8259).
package jsontext

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// plain are the bytes that stand in a JSON string as they are; those of UTF-8 sequences
// too.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	if len(s) > maxAtOnce {
		if AllPlain(s) {
			return AppendPlain(dst, s)
		}
		return append(appendEscaped(append(dst, '"'), Valid(s)), '"')
	}
	// Looked at and copied in one step, as AllPlain does it.
	n := len(dst)
	dst = slices.Grow(dst, len(s)+2)
	to := dst[n : n+len(s)+2]
	to[0], to[len(to)-1] = '"', '"'
	var found uint64
	if len(s) >= 8 {
		for at := 0; at < len(s)-8; at += 8 {
			w := eight(s[at:])
			binary.LittleEndian.PutUint64(to[1+at:], w)
			found |= odds(w)
		}
		last := eight(s[len(s)-8:])
		binary.LittleEndian.PutUint64(to[len(to)-9:], last)
		found |= odds(last)
	} else {
		for i := range len(s) {
			c := s[i]
			to[1+i] = c
			found |= uint64(oddBytes[c])
		}
	}
	if found == 0 {
		return dst[:n+len(to)]
	}
	return append(appendEscaped(append(dst, '"'), Valid(s)), '"')
}

// maxAtOnce is up to where that takes less time than to copy a text by itself, in bytes.
const maxAtOnce = 128

// AppendPlain appends s as a JSON string; nothing of it has to be escaped.
func AppendPlain(dst []byte, s string) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(s)+2)[:n+len(s)+2]
	dst[n], dst[len(dst)-1] = '"', '"'
	copy(dst[n+1:], s)
	return dst
}

// AllPlain says that text is ASCII of which nothing has to be escaped; eight bytes at a
// time, the last eight with some that were looked at before.
func AllPlain(s string) bool {
	if len(s) < 8 {
		return shortPlain(s)
	}
	for at := 0; at < len(s)-8; at += 8 {
		if odd(eight(s[at:])) {
			return false
		}
	}
	return !odd(eight(s[len(s)-8:]))
}

// eight are the first eight bytes of a text.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// odd says that a byte of eight is none that is plain.
func odd(w uint64) bool { return odds(w) != 0 }

// odds has the highest bit of a byte set where it is above 0x7F, or below 0x20, or one of the
// two that are escaped. Where a byte is such, those above it may be marked, too.
func odds(w uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, back := w^ones*'"', w^ones*'\\'
	return (w | (w - ones*0x20) | (quote-ones)&^quote | (back-ones)&^back) & high
}

// oddBytes has a 1 for each byte that is not plain.
var oddBytes = func() (t [256]uint8) {
	for c := range t {
		if !plain[c] || c >= utf8.RuneSelf {
			t[c] = 1
		}
	}
	return t
}()

func shortPlain(s string) bool {
	for i := range len(s) {
		if oddBytes[s[i]] != 0 {
			return false
		}
	}
	return true
}

// Valid is s, or with U+FFFD where it is not UTF-8.
func Valid(s string) string {
	if AllPlain(s) || utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

func appendEscaped(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		if plain[s[i]] {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c := s[i]; c {
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
	}
	return append(dst, s[from:]...)
}

// AppendFloat appends a number; those that JSON has no number for are strings, as in
// OTLP's JSON.
func AppendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	form := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(dst, f, form, -1, 64)
}
