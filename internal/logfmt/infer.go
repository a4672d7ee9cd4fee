package logfmt

import (
	"math"
	"strconv"
)

// pending is the Kind of a plain value that may have a type, until it is known.
const pending Kind = 0xff

var noHints, typeHints [256]Kind

func init() {
	for _, c := range "-0123456789tf" {
		typeHints[c] = pending
	}
}

// inferAll gives pending values their types.
func inferAll(pairs []Pair) {
	for i := range pairs {
		if pair := &pairs[i]; pair.Kind == pending {
			pair.Kind, pair.Bits = infer(pair.Value)
		}
	}
}

// infer gives the type and the bits of a plain value, which is not empty.
func infer(v string) (Kind, uint64) {
	digits := v
	switch v[0] {
	case 't':
		if v == "true" {
			return Bool, 1
		}
		return String, 0
	case 'f':
		if v == "false" {
			return Bool, 0
		}
		return String, 0
	case '-':
		digits = v[1:]
	}
	if len(v) > maxFloatLen || digits == "" {
		return String, 0
	}
	var n uint64
	i := 0
	for ; i < len(digits); i++ {
		d := uint64(digits[i] - '0')
		if d > 9 {
			break
		}
		n = n*10 + d // overflows only where the count of digits is looked at
	}
	if i == 0 || digits[0] == '0' && i > 1 {
		return String, 0
	}
	negative := len(digits) != len(v)
	if i == len(digits) {
		switch {
		case i > 19 || n > math.MaxInt64 && (!negative || n > 1<<63) || n == 0 && negative:
			return String, 0
		case negative:
			n = -n
		}
		return Int, n
	}
	switch digits[i] {
	case '.':
	case 'e':
		return inferFloat(v)
	default:
		return String, 0
	}
	point := i
	for i++; i < len(digits); i++ {
		d := uint64(digits[i] - '0')
		if d > 9 {
			if digits[i] == 'e' {
				return inferFloat(v)
			}
			return String, 0
		}
		n = n*10 + d
	}
	if digits[i-1] == '0' || i == point+1 {
		return String, 0
	}
	// Below 2^52 the digits are exact as a float64, and so is the power of ten, so
	// that their quotient is the float64 nearest to the text. And its neighbours
	// are nearer than one in the text's last digit: no other text of as many
	// digits, or fewer, gives it.
	if i > 20 || n >= 1<<52 {
		return inferFloat(v)
	}
	f := float64(n) / powersOfTen[i-point-1]
	if f < 1e-6 {
		return String, 0 // has an exponent
	}
	if negative {
		f = -f
	}
	return Float, math.Float64bits(f)
}

var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// maxFloatLen is the length of the longest text that FormatFloat gives: sign,
// "0.00000" and 17 digits.
const maxFloatLen = 25

func inferFloat(v string) (Kind, uint64) {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f == 0 || math.IsNaN(f) || math.IsInf(f, 0) {
		return String, 0
	}
	var buf [32]byte
	s := appendFloat(buf[:0], f)
	if string(s) != v {
		return String, 0
	}
	for _, c := range s {
		if c == '.' || c == 'e' {
			return Float, math.Float64bits(f)
		}
	}
	return String, 0 // an integer beyond int64
}

// FormatFloat is the one text that a Parser reads as f: the shortest decimal
// that gives f again, as ECMAScript and RFC 8785 section 3.2.2.3 write it
// (plain from 1e-6 up to 1e21, with an exponent beyond), and NaN, +Inf, -Inf.
func FormatFloat(f float64) string {
	var buf [32]byte
	return string(appendFloat(buf[:0], f))
}

func appendFloat(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	if abs == 0 || (abs >= 1e-6 && abs < 1e21) || math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// strconv pads the exponent to two digits, RFC 8785 does not.
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}
