package ecsjson

import (
	"math"
	"slices"
	"strconv"
)

// exactInteger is up to where every whole number is a float64.
const exactInteger = 1 << 53

// appendDouble appends the shortest number that is read as f again. One without a
// fraction keeps a point, so that it stays a double: Elasticsearch, which takes the type
// of a field that it does not know from its first value, would cut off the fractions of
// those to come. What JSON has no numbers for is text.
func appendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	size := math.Abs(f)
	if size < exactInteger && f == math.Trunc(f) && (f != 0 || !math.Signbit(f)) {
		return append(strconv.AppendInt(dst, int64(f), 10), ".0"...)
	}
	if size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if slices.Contains(dst[start:], '.') {
		return dst
	}
	return append(dst, ".0"...)
}
