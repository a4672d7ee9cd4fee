package logfmt

import (
	"math"
	"strconv"
)

// infer gives the type and the bits of an unquoted value.
func infer(v string) (Kind, uint64) {
	if v == "" {
		return String, 0
	}
	switch c := v[0]; {
	case c == 't':
		if v == "true" {
			return Bool, 1
		}
		return String, 0
	case c == 'f':
		if v == "false" {
			return Bool, 0
		}
		return String, 0
	case c != '-' && (c < '0' || c > '9'):
		return String, 0
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil && strconv.FormatInt(n, 10) == v {
		return Int, uint64(n) //nolint:gosec // kept as bits
	}
	if len(v) > maxFloatLen {
		return String, 0
	}
	return inferFloat(v)
}

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
