package syslogheader

import (
	"bytes"
	"time"
)

// parseRFC3339 reads 2003-10-11T22:14:15.003Z and +02:00 in place of the Z; a
// blank or a small t may stand for the T, and up to nine digits after the point or
// comma. Without a zone the time is read in loc and zoned is false.
func parseRFC3339(b []byte, loc *time.Location) (at time.Time, zoned, ok bool) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != 't' && b[10] != ' ' {
		return time.Time{}, false, false
	}
	year, ok1 := digits(b[:4])
	month, ok2 := digits(b[5:7])
	day, ok3 := digits(b[8:10])
	sec, nsec, n, ok4 := clock(b[11:])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return time.Time{}, false, false
	}
	rest := b[11+n:]
	switch {
	case len(rest) == 0:
	case len(rest) == 1 && (rest[0] == 'Z' || rest[0] == 'z'):
		zoned, loc = true, time.UTC
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':':
		h, okH := digits(rest[1:3])
		m, okM := digits(rest[4:6])
		if !okH || !okM || h > 23 || m > 59 {
			return time.Time{}, false, false
		}
		offset := 60 * (60*h + m)
		if rest[0] == '-' {
			offset = -offset
		}
		zoned, loc = true, time.UTC
		sec -= offset
	default:
		return time.Time{}, false, false
	}
	at, ok = date(year, time.Month(month), day, sec, nsec, loc)
	return at, zoned, ok
}

var months = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

// parseOldTime reads the TIMESTAMP of RFC 3164, "Oct 11 22:14:15", with a year
// after the day or without, or a time of RFC 3339, and the blank after it.
func parseOldTime(b []byte, loc *time.Location, now time.Time) (at time.Time, guess bool, rest []byte, ok bool) {
	if len(b) > 0 && isDigit(b[0]) {
		stamp, rest, _ := token(b)
		if stamp == nil {
			stamp, rest = b, nil
		}
		at, zoned, ok := parseRFC3339(stamp, loc)
		return at, !zoned, rest, ok
	}
	if len(b) < 14 || b[3] != ' ' {
		return time.Time{}, false, nil, false
	}
	month := 0
	for i, name := range months {
		if string(b[:3]) == name {
			month = i + 1
		}
	}
	b = bytes.TrimLeft(b[4:], " ")
	day, b, ok := number(b, 2)
	if month == 0 || !ok {
		return time.Time{}, false, nil, false
	}
	year := 0
	if y, after, ok := number(b, 4); ok && y >= 1000 {
		year, b = y, after
	}
	sec, nsec, n, ok := clock(b)
	if !ok {
		return time.Time{}, false, nil, false
	}
	b = b[n:]
	switch {
	case len(b) == 0:
	case b[0] == ' ':
		b = b[1:]
	case b[0] == ':' && len(b) > 1 && b[1] == ' ': // Cisco
		b = b[2:]
	default:
		return time.Time{}, false, nil, false
	}
	if year > 0 {
		at, ok = date(year, time.Month(month), day, sec, nsec, loc)
	} else {
		at, ok = latestYear(time.Month(month), day, sec, nsec, loc, now)
	}
	return at, true, b, ok
}

// latestYear finds the year of a date that names none: the latest that does not
// put it more than a day ahead of now, since zones differ and clocks go wrong.
func latestYear(month time.Month, day, sec, nsec int, loc *time.Location, now time.Time) (time.Time, bool) {
	if now.IsZero() {
		now = time.Now()
	}
	limit := now.Add(24 * time.Hour)
	// The 29th of February may be eight years away (1896 to 1904).
	for year := limit.In(loc).Year(); year > limit.Year()-10; year-- {
		if at, ok := date(year, month, day, sec, nsec, loc); ok && !at.After(limit) {
			return at, true
		}
	}
	return time.Time{}, false
}

// date is time.Date for a day that exists, and seconds of that day.
func date(year int, month time.Month, day, sec, nsec int, loc *time.Location) (time.Time, bool) {
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return time.Time{}, false
	}
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if midnight.Day() != day {
		return time.Time{}, false
	}
	if loc == time.UTC {
		return midnight.Add(time.Duration(sec)*time.Second + time.Duration(nsec)), true
	}
	return time.Date(year, month, day, 0, 0, sec, nsec, loc), true
}

// clock reads 22:14:15, 22:14:15.003 and 22:14:15,003 and says how long it was. A
// leap second is the first of the next minute.
func clock(b []byte) (sec, nsec, n int, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return 0, 0, 0, false
	}
	h, ok1 := digits(b[:2])
	m, ok2 := digits(b[3:5])
	s, ok3 := digits(b[6:8])
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 60 {
		return 0, 0, 0, false
	}
	n = 8
	if len(b) > 9 && (b[8] == '.' || b[8] == ',') && isDigit(b[9]) {
		scale := 100_000_000
		for n = 9; n < len(b) && isDigit(b[n]); n++ {
			nsec += scale * int(b[n]-'0')
			scale /= 10
		}
	}
	return 3600*h + 60*m + s, nsec, n, true
}

func digits(b []byte) (n int, ok bool) {
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, len(b) > 0
}

// number reads up to maxLen digits and the blank after them.
func number(b []byte, maxLen int) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(b) && i <= maxLen && isDigit(b[i]) {
		n = 10*n + int(b[i]-'0')
		i++
	}
	if i == 0 || i > maxLen || i == len(b) || b[i] != ' ' {
		return 0, b, false
	}
	return n, b[i+1:], true
}
