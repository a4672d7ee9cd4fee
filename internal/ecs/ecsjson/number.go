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

const (
	nanos      = 1e9
	daySeconds = 24 * 60 * 60
)

// appendTime appends Unix nanoseconds as 2026-02-03T04:05:06.789000000Z.
func appendTime(dst []byte, unix int64) []byte {
	seconds, rest := unix/nanos, unix%nanos
	if rest < 0 {
		seconds, rest = seconds-1, rest+nanos
	}
	days, second := seconds/daySeconds, seconds%daySeconds
	if second < 0 {
		days, second = days-1, second+daySeconds
	}
	// Howard Hinnant, chrono-Compatible Low-Level Date Algorithms: civil_from_days. An
	// int64 of nanoseconds goes from 1677 to 2262, so that the era is positive.
	days += 719468
	era := days / 146097
	day := days - era*146097
	year := (day - day/1460 + day/36524 - day/146096) / 365
	day -= 365*year + year/4 - year/100
	month := (5*day + 2) / 153
	day -= (153*month+2)/5 - 1
	year += era * 400
	if month += 3; month > 12 {
		month, year = month-12, year+1
	}
	var b [30]byte
	pair(b[0:], year/100)
	pair(b[2:], year%100)
	b[4] = '-'
	pair(b[5:], month)
	b[7] = '-'
	pair(b[8:], day)
	b[10] = 'T'
	pair(b[11:], second/3600)
	b[13] = ':'
	pair(b[14:], second/60%60)
	b[16] = ':'
	pair(b[17:], second%60)
	b[19] = '.'
	b[20] = byte('0' + rest/1e8)
	pair(b[21:], rest/1e6%100)
	pair(b[23:], rest/1e4%100)
	pair(b[25:], rest/1e2%100)
	pair(b[27:], rest%100)
	b[29] = 'Z'
	return append(dst, b[:]...)
}

// pair writes two digits.
func pair(b []byte, n int64) {
	b[0], b[1] = byte('0'+n/10), byte('0'+n%10)
}
