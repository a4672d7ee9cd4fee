package containerlog

import (
	"encoding/binary"
	"math/bits"
)

// Eight characters are checked at once: XOR with the pattern makes a digit 0 to
// 9 and a separator that is right 0. What is added then carries into the high bit
// of its byte where a digit is 10 or more (0x76) or a separator not 0 (0x7f).
const (
	high = 0x8080808080808080

	datePattern = '0' | '0'<<8 | '0'<<16 | '0'<<24 | '-'<<32 | '0'<<40 | '0'<<48 | '-'<<56
	dateLimits  = 0x7f76767f76767676
	timePattern = '0' | '0'<<8 | 'T'<<16 | '0'<<24 | '0'<<32 | ':'<<40 | '0'<<48 | '0'<<56
	timeLimits  = 0x76767f76767f7676
	digits      = 0x3030303030303030
	digitLimits = 0x7676767676767676
)

// minTime is the length of 2006-01-02T15:04:05Z.
const minTime = 20

// daysBefore is the number of days before a month in a year of 365 days.
var daysBefore = [14]uint16{1: 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}

var powers = [10]uint32{1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 10, 1}

// parseTime reads the RFC 3339 time that b begins with: upper case T and Z, no
// more than nine digits after the point, 1970 to 2199, no leap second, as Go's
// RFC3339Nano writes it. It returns the nanoseconds since 1970 and the length.
func parseTime(b []byte) (ns uint64, n int, ok bool) {
	if len(b) < minTime {
		return 0, 0, false
	}
	x := binary.LittleEndian.Uint64(b) ^ datePattern
	y := binary.LittleEndian.Uint64(b[8:]) ^ timePattern
	s10, s1 := uint64(b[17]-'0'), uint64(b[18]-'0')
	if ((x+dateLimits)|x|(y+timeLimits)|y)&high != 0 || b[16] != ':' || s10 > 5 || s1 > 9 {
		return 0, 0, false
	}
	x = x*10 + x>>8 // two digits in one byte
	y = y*10 + y>>8
	year, month := (x&0xff)*100+x>>16&0xff, x>>40&0xff
	day, hour, minute := y&0xff, y>>24&0xff, y>>48&0xff
	if year-1970 > 229 || month-1 > 11 || day-1 > 30 || hour > 23 || minute > 59 {
		return 0, 0, false
	}
	leap := uint64(0)
	if year%4 == 0 && (year%100 != 0 || year == 2000) {
		leap = 1
	}
	length := uint64(daysBefore[month+1] - daysBefore[month])
	if month == 2 {
		length += leap
	}
	if day > length {
		return 0, 0, false
	}
	// Leap days before this year: years divisible by 4, without 2100.
	days := (year-1970)*365 + (year-1969)/4 + uint64(daysBefore[month]) + day - 1
	if year > 2100 {
		days--
	}
	if month > 2 {
		days += leap
	}
	ns = (days*86400 + hour*3600 + minute*60 + s10*10 + s1) * 1e9
	n = 19
	if b[n] == '.' {
		fraction, width := parseFraction(b[20:])
		if width == 0 {
			return 0, 0, false
		}
		ns += fraction
		n += 1 + width
	}
	if n == len(b) {
		return 0, 0, false
	}
	if b[n] == 'Z' {
		return ns, n + 1, true
	}
	return parseZone(b, ns, n)
}

// parseFraction reads one to nine digits as a fraction of a second, and gives
// the nanoseconds and how many digits there were; 0 is none, or too many.
func parseFraction(b []byte) (ns uint64, width int) {
	if len(b) >= 10 {
		x := binary.LittleEndian.Uint64(b) ^ digits
		bad := ((x + digitLimits) | x) & high
		if bad == 0 {
			x = (x*10 + x>>8) & 0x00ff00ff00ff00ff
			x = (x*100 + x>>16) & 0x0000ffff0000ffff
			ns = (x*10000 + x>>32) & 0xffffffff * 10
			last := uint64(b[8] - '0')
			if last > 9 {
				return ns, 8
			}
			if b[9]-'0' <= 9 {
				return 0, 0
			}
			return ns + last, 9
		}
		width = bits.TrailingZeros64(bad) >> 3
	} else {
		for width < len(b) && b[width]-'0' <= 9 {
			width++
		}
	}
	if width > 9 {
		return 0, 0
	}
	for _, c := range b[:width] {
		ns = ns*10 + uint64(c-'0')
	}
	return ns * uint64(powers[width]), width
}

// parseZone reads +07:00 at b[n:].
func parseZone(b []byte, ns uint64, n int) (uint64, int, bool) {
	if len(b)-n < 6 || (b[n] != '+' && b[n] != '-') || b[n+3] != ':' {
		return 0, 0, false
	}
	h10, h1, m10, m1 := uint64(b[n+1]-'0'), uint64(b[n+2]-'0'), uint64(b[n+4]-'0'), uint64(b[n+5]-'0')
	if h10 > 2 || h1 > 9 || m10 > 5 || m1 > 9 || h10*10+h1 > 23 {
		return 0, 0, false
	}
	offset := ((h10*10+h1)*60 + m10*10 + m1) * 60 * 1e9
	if b[n] == '-' {
		return ns + offset, n + 6, true
	}
	if offset > ns {
		return 0, 0, false
	}
	return ns - offset, n + 6, true
}
