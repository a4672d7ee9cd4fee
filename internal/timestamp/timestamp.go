// Package timestamp reads the times that log lines carry: RFC 3339 and its kin,
// and Unix time in seconds, milliseconds, microseconds or nanoseconds.
//
// README.md lists the forms. A time is taken only when it is surely one and fits
// the uint64 nanoseconds of an OpenTelemetry record; everything else is refused,
// so that the caller can keep the text.
package timestamp

import (
	"math"
	"time"
)

// Time is a moment as OpenTelemetry writes it.
type Time struct {
	// UnixNano is in nanoseconds since 1970-01-01T00:00:00Z. It is never 0, which
	// means "unknown" in a record, and at most 9223372036854775807 (2262-04-11).
	UnixNano uint64
	// Guessed says that the text named no zone, and that the caller's was taken.
	Guessed bool
	// Inexact says that the text held more than UnixNano does: digits beyond the
	// nanosecond that are not zero, or a leap second.
	Inexact bool
}

const (
	nanosPerSecond = 1_000_000_000
	secondsPerDay  = 86_400

	maxUnixSeconds = math.MaxInt64 / nanosPerSecond

	// A bare number is taken for a time only when it lies in this century, whatever
	// its unit: with dates from 1970 on, each duration would be one too.
	minPlausible = 946_684_800   // 2000-01-01T00:00:00Z, in seconds
	maxPlausible = 4_102_444_800 // 2100-01-01T00:00:00Z, in seconds, excluded

	// maxText bounds what is read, in bytes: the longest form is a date with an
	// hour, a few dozen digits of a second, and a zone.
	maxText = 80
)

// Parse reads one time: digits are Unix time, everything else is a date with a
// time of day. loc is the zone of times that name none; nil is UTC. It costs no
// allocation, and no more for a huge s than for a short one.
func Parse(s string, loc *time.Location) (t Time, ok bool) {
	if len(s) < 9 || len(s) > maxText {
		return Time{}, false
	}
	if s[4] == '-' || s[4] == '/' {
		return parseDate(s, loc)
	}
	return parseUnix(s)
}

// FromUnix reads Unix time whose unit, seconds to nanoseconds, shows by its
// magnitude: the number must be a date from 2000 to 2099 in one of them.
func FromUnix(n int64) (t Time, ok bool) {
	for unit := int64(nanosPerSecond); unit > 0; unit /= 1000 {
		perSecond := nanosPerSecond / unit
		if n < minPlausible*perSecond {
			break
		}
		if n < maxPlausible*perSecond {
			return Time{UnixNano: uint64(n * unit)}, true
		}
	}
	return Time{}, false
}

// parseUnix reads digits, and a fraction after a point. It does not go through
// float64, which keeps 1515150660.123 only roughly.
func parseUnix(s string) (Time, bool) {
	i := 0
	var n int64
	for ; i < len(s) && isDigit(s[i]); i++ {
		if i == 19 {
			return Time{}, false
		}
		n = 10*n + int64(s[i]-'0') // 19 digits wrap to a negative number at worst
	}
	if i == 0 || s[0] == '0' {
		return Time{}, false
	}
	t, ok := FromUnix(n)
	if !ok || i == len(s) {
		return t, ok
	}
	unit := t.UnixNano / uint64(n)
	nanos, next, exact := fraction(s, i, int64(unit))
	if next != len(s) {
		return Time{}, false
	}
	t.UnixNano += uint64(nanos)
	t.Inexact = !exact
	return t, true
}

// fraction reads a point or comma at s[i] and the digits behind it, as a part of
// unit nanoseconds. next is i when there is none.
func fraction(s string, i int, unit int64) (nanos int64, next int, exact bool) {
	if i+1 >= len(s) || s[i] != '.' && s[i] != ',' || !isDigit(s[i+1]) {
		return 0, i, true
	}
	exact = true
	for i++; i < len(s) && isDigit(s[i]); i++ {
		unit /= 10
		digit := int64(s[i] - '0')
		nanos += digit * unit
		if unit == 0 && digit != 0 {
			exact = false
		}
	}
	return nanos, i, exact
}

// parseDate reads 2006-01-02T15:04:05.999999999Z07:00 and what README.md lists
// beside it.
func parseDate(s string, loc *time.Location) (t Time, ok bool) {
	if len(s) < len("2006-01-02T15:04") {
		return Time{}, false
	}
	year, ok1 := digits2(s, 0)
	years, ok2 := digits2(s, 2)
	month, ok3 := digits2(s, 5)
	day, ok4 := digits2(s, 8)
	hour, ok5 := digits2(s, 11)
	minute, ok6 := digits2(s, 14)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || s[7] != s[4] || s[13] != ':' {
		return Time{}, false
	}
	switch s[10] {
	case 'T', 't', ' ':
	default:
		return Time{}, false
	}
	year = 100*year + years
	var second, nanos int64
	i := 16
	if i < len(s) && s[i] == ':' {
		if i+3 > len(s) {
			return Time{}, false
		}
		var ok bool
		if second, ok = digits2(s, i+1); !ok {
			return Time{}, false
		}
		var exact bool
		nanos, i, exact = fraction(s, i+3, nanosPerSecond)
		t.Inexact = !exact
	}
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60 {
		return Time{}, false
	}
	if second == 60 {
		t.Inexact = true // the first second of the next minute, as POSIX counts
	}
	seconds := daysSinceEpoch(year, month, day)*secondsPerDay + hour*3600 + minute*60 + second
	offset, next, zoned, ok := zone(s, i)
	switch {
	case !ok || next != len(s):
		return Time{}, false
	case zoned:
		seconds -= offset
	default:
		t.Guessed = true
		if loc != nil && loc != time.UTC {
			// Where clocks are put forward or back, time.Date says which of the
			// possible moments it is.
			seconds = time.Date(int(year), time.Month(month), int(day), int(hour), int(minute), int(second), 0, loc).Unix()
		}
	}
	if seconds < 0 || seconds >= maxUnixSeconds || seconds|nanos == 0 {
		return Time{}, false
	}
	t.UnixNano = uint64(seconds*nanosPerSecond + nanos)
	return t, true
}

// zone reads Z, UTC, GMT, +01, +0100, +01:00, with or without a blank before, and
// a name in capitals after an offset, as Go's Time.String writes. zoned is false
// when s ends at i. offset is in seconds east of UTC.
func zone(s string, i int) (offset int64, next int, zoned, ok bool) {
	if i == len(s) {
		return 0, i, false, true
	}
	if c := s[i]; (c == 'Z' || c == 'z') && i+1 == len(s) {
		return 0, i + 1, true, true
	}
	if s[i] == ' ' {
		i++
		switch s[i:] {
		case "Z", "UTC", "GMT":
			return 0, len(s), true, true
		}
		if i == len(s) {
			return 0, i, false, false
		}
	}
	sign := int64(1)
	switch s[i] {
	case '+':
	case '-':
		sign = -1
	default:
		return 0, i, false, false
	}
	hours, ok := digits2(s, i+1)
	if !ok {
		return 0, i, false, false
	}
	i += 3
	var minutes int64
	if i < len(s) && s[i] != ' ' {
		if s[i] == ':' {
			i++
		}
		if minutes, ok = digits2(s, i); !ok {
			return 0, i, false, false
		}
		i += 2
	}
	if hours > 23 || minutes > 59 {
		return 0, i, false, false
	}
	return sign * (hours*3600 + minutes*60), zoneName(s, i), true, true
}

// zoneName skips a blank and two to five capitals that end s.
func zoneName(s string, i int) int {
	name := s[i:]
	if len(name) < 3 || len(name) > 6 || name[0] != ' ' {
		return i
	}
	for _, c := range []byte(name[1:]) {
		if c < 'A' || c > 'Z' {
			return i
		}
	}
	return len(s)
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func digits2(s string, i int) (n int64, ok bool) {
	if i+2 > len(s) {
		return 0, false
	}
	a, b := s[i]-'0', s[i+1]-'0'
	return 10*int64(a) + int64(b), a <= 9 && b <= 9
}

// daysBefore[m] is the number of days before month m of a year that is no leap
// year.
var daysBefore = [...]int64{0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}

func isLeap(year int64) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func daysIn(year, month int64) int64 {
	if month == 2 && isLeap(year) {
		return 29
	}
	return daysBefore[month+1] - daysBefore[month]
}

// daysSinceEpoch counts from 1970-01-01 in the proleptic Gregorian calendar.
// year is 0 to 9999, month 1 to 12.
func daysSinceEpoch(year, month, day int64) int64 {
	const daysTo1970 = 719_162 // 1969 years from the year 1, and 477 leap days
	y := year - 1
	days := 365*y + day - 1 + daysBefore[month]
	if y >= 0 {
		days += y/4 - y/100 + y/400
	} else {
		days-- // the year 0 is a leap year; before 1970 in any case
	}
	if month > 2 && isLeap(year) {
		days++
	}
	return days - daysTo1970
}
