package accesslog

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

func isDigit(c byte) bool { return c-'0' <= 9 }

// isNumber knows 1 to 18 digits, so that the number fits an int64.
func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= 18
}

func number(s string) (n int64) {
	for i := range len(s) {
		n = 10*n + int64(s[i]-'0')
	}
	return n
}

// word is what stands before the next blank, and what behind it.
func word(s string) (first, rest string) {
	first, rest, _ = strings.Cut(s, " ")
	for rest != "" && rest[0] == ' ' {
		rest = rest[1:]
	}
	return first, rest
}

// listWord is a word, or several that are separated by a comma and a blank, as
// nginx writes them when it has asked several upstreams.
func listWord(s string) (first, rest string) {
	end := 0
	for {
		i := strings.IndexByte(s[end:], ' ')
		if i < 0 {
			return s, ""
		}
		end += i
		if i == 0 || s[end-1] != ',' {
			return s[:end], strings.TrimLeft(s[end:], " ")
		}
		end++
	}
}

// quoted is the inside of the quotes with which s begins, escapes and all, and what
// stands behind them and a blank. A quote with anything else behind it is a part of
// the value: Envoy does not escape.
func quoted(s string) (inner, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; ; i++ {
		j := strings.IndexByte(s[i:], '"')
		if j < 0 {
			return "", s, false
		}
		i += j
		if i+1 < len(s) && s[i+1] != ' ' {
			continue
		}
		slashes := 0
		for s[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			inner = s[1:i]
			return inner, strings.TrimLeft(s[i+1:], " "), true
		}
	}
}

// value is a part without its escapes; "-" is nothing.
func value(s string) string {
	if s == "-" {
		return ""
	}
	return unescape(s)
}

// unescape decodes what Apache and nginx write for quotes, backslashes, control
// characters and other bytes: \" \\ \n \r \t \b \v \x22. What would not be UTF-8
// stays as it is written.
func unescape(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	out := make([]byte, i, len(s))
	copy(out, s)
	for ; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case '"', '\\':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'b':
			out = append(out, '\b')
		case 'v':
			out = append(out, '\v')
		case 'x':
			if i+2 < len(s) {
				high, low := hex(s[i+1]), hex(s[i+2])
				if high < 16 && low < 16 {
					out = append(out, high<<4|low)
					i += 2
					continue
				}
			}
			out = append(out, '\\', c)
		default:
			out = append(out, '\\', c)
		}
	}
	if !utf8.Valid(out) {
		return s
	}
	return string(out)
}

func hex(c byte) byte {
	switch {
	case isDigit(c):
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}

func (e *Entry) status(s string) bool {
	if s == "-" {
		return true
	}
	if len(s) > 3 || !isNumber(s) {
		return false
	}
	if n := number(s); n >= 100 {
		e.Status = n
	}
	return true
}

func setSize(to *int64, s string) bool {
	if s == "-" {
		return true
	}
	if !isNumber(s) {
		return false
	}
	*to = number(s)
	return true
}

func setMillis(to *float64, s string) bool {
	var n int64 = Unknown
	if !setSize(&n, s) {
		return false
	}
	if n != Unknown {
		*to = float64(n) / 1000
	}
	return true
}

// parseSeconds reads 0.123: nginx writes three digits. Several times that a comma
// or colon separates, as of several upstreams, are none.
func parseSeconds(s string) (float64, bool) {
	dot := len(s) - 4
	if dot < 1 || s[dot] != '.' || !isNumber(s[:dot]) || !isNumber(s[dot+1:]) || dot > 9 {
		return 0, false
	}
	return float64(1000*number(s[:dot])+number(s[dot+1:])) / 1000, true
}

// clfTime reads 10/Oct/2000:13:55:36 -0700, and werkzeug's 10/Oct/2000 13:55:36,
// which has no zone.
func (e *Entry) clfTime(s string, loc *time.Location) bool {
	const length = len("10/Oct/2000:13:55:36")
	if len(s) < length || s[2] != '/' || s[6] != '/' || s[11] != ':' && s[11] != ' ' || s[14] != ':' || s[17] != ':' {
		return false
	}
	month := monthNumber(s[3:6])
	for _, at := range [...]int{0, 7, 9, 12, 15, 18} {
		if !isDigit(s[at]) || !isDigit(s[at+1]) {
			return false
		}
	}
	year, day := number(s[7:11]), number(s[:2])
	hour, minute, second := number(s[12:14]), number(s[15:17]), number(s[18:20])
	if month == 0 || day == 0 || hour > 23 || minute > 59 || second > 60 || year < 1970 || year > 2261 {
		return false
	}
	zone := time.UTC
	switch rest := s[length:]; {
	case rest == "" && loc != nil:
		zone = loc
	case rest == "":
	case len(rest) != 6 || rest[0] != ' ' || rest[1] != '+' && rest[1] != '-' || !isNumber(rest[2:]):
		return false
	}
	if day > 28 && time.Date(int(year), month+1, 0, 0, 0, 0, 0, time.UTC).Day() < int(day) {
		return false
	}
	unix := time.Date(int(year), month, int(day), int(hour), int(minute), int(second), 0, zone).Unix()
	if len(s) > length {
		offset := number(s[length+2:length+4])*3600 + number(s[length+4:])*60
		if s[length+1] == '-' {
			offset = -offset
		}
		unix -= offset
	}
	if unix <= 0 {
		return false
	}
	e.Time = timestamp.Time{UnixNano: uint64(unix) * 1e9, Guessed: len(s) == length}
	e.HasTime = true
	return true
}

func monthNumber(s string) time.Month {
	switch s {
	case "Jan":
		return time.January
	case "Feb":
		return time.February
	case "Mar":
		return time.March
	case "Apr":
		return time.April
	case "May":
		return time.May
	case "Jun":
		return time.June
	case "Jul":
		return time.July
	case "Aug":
		return time.August
	case "Sep":
		return time.September
	case "Oct":
		return time.October
	case "Nov":
		return time.November
	case "Dec":
		return time.December
	}
	return 0
}
