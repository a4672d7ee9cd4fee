package textline

import (
	"time"

	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

const (
	day  = 24 * 60 * 60
	giga = 1_000_000_000

	// maxTime bounds what is read for a time, in bytes.
	maxTime = 48
)

// readTime reads a time at the beginning of s, in any of the spellings of the
// layouts, and says how many bytes it took.
func (d *Detector) readTime(s string, observed time.Time) (t timestamp.Time, n int, ok bool) {
	if len(s) < 7 {
		return t, 0, false
	}
	if isDigit(s[0]) {
		switch {
		case !isDigit(s[1]):
			if s[1] == ':' { // zerolog's 3:04PM
				return d.kitchen(s, observed)
			}
		case s[2] == ':':
			return d.timeOfDay(s, observed)
		case s[2] == '/' || s[2] == '-' || s[2] == ' ':
			return d.dayFirst(s, observed)
		case s[4] == '-' || s[4] == '/':
			return d.yearFirst(s)
		case len(s) > 14 && s[10] == '.':
			return epoch(s)
		}
		return t, 0, false
	}
	if s[0] >= 'A' && s[0] <= 'Z' {
		return d.monthFirst(s, observed)
	}
	return t, 0, false
}

// yearFirst reads 2026-04-09 10:15:30,123 +02:00 and its kin.
func (d *Detector) yearFirst(s string) (t timestamp.Time, n int, ok bool) {
	if len(s) < len("2026-04-09 10:15") || s[13] != ':' {
		if len(s) > 20 && s[10] == ',' && s[11] == ' ' && s[14] == ':' { // Airflow's 2026-04-09, 10:15:30 UTC
			return d.dateComma(s)
		}
		return t, 0, false
	}
	n = 16
	if len(s) >= 19 && s[16] == ':' {
		n = fractionEnd(s, 19)
	}
	end := zoneEnd(s, n)
	if t, ok = timestamp.Parse(s[:end], d.Location); ok {
		if end == n {
			n = d.zoneName(s, n, &t)
		} else {
			n = end
		}
		return t, n, true
	}
	t, ok = timestamp.Parse(s[:n], d.Location)
	return t, n, ok
}

func (d *Detector) dateComma(s string) (t timestamp.Time, n int, ok bool) {
	sec, nanos, n, ok := clockAt(s, 12)
	if !ok {
		return t, 0, false
	}
	year, ok1 := number(s[:4])
	month, ok2 := number(s[5:7])
	dom, ok3 := number(s[8:10])
	if !ok1 || !ok2 || !ok3 {
		return t, 0, false
	}
	return d.date(year, month, dom, sec, nanos, s, n)
}

// fractionEnd is behind a point or comma at s[i] and its digits, or i.
func fractionEnd(s string, i int) int {
	if i+1 < len(s) && (s[i] == '.' || s[i] == ',') && isDigit(s[i+1]) {
		for i += 2; i < len(s) && i < maxTime && isDigit(s[i]); i++ {
		}
	}
	return i
}

// zoneEnd is behind a zone at s[i], with a blank before it or not, or i: Z, UTC,
// GMT, +02, +0200, +02:00, and with a blank +0200 or +02:00.
func zoneEnd(s string, i int) int {
	start := i
	if i < len(s) && s[i] == ' ' {
		i++
	}
	if i == len(s) {
		return start
	}
	switch s[i] {
	case 'Z', 'z':
		i++
	case 'U', 'G':
		if i == start || i+3 > len(s) || s[i:i+3] != "UTC" && s[i:i+3] != "GMT" {
			return start
		}
		i += 3
	case '+', '-':
		if i+3 > len(s) || !isDigit(s[i+1]) || !isDigit(s[i+2]) {
			return start
		}
		switch {
		case i+5 <= len(s) && isDigit(s[i+3]) && isDigit(s[i+4]):
			i += 5
		case i+6 <= len(s) && s[i+3] == ':' && isDigit(s[i+4]) && isDigit(s[i+5]):
			i += 6
		case i > start:
			return start
		default:
			i += 3
		}
	default:
		return start
	}
	if i < len(s) && isWordByte(s[i]) {
		return start
	}
	return i
}

// zoneName skips the abbreviation of a zone that PostgreSQL and PHP write, if it is
// followed by a bracket. It says nothing certain, unless it is Location's own.
func (d *Detector) zoneName(s string, i int, t *timestamp.Time) int {
	if i+5 > len(s) || s[i] != ' ' || s[i+1] < 'A' || s[i+1] > 'Z' {
		return i
	}
	n := i + 1
	for n < len(s) && n < i+6 && s[n] >= 'A' && s[n] <= 'Z' {
		n++
	}
	if n-i < 4 || n == len(s) || s[n] != ']' && (s[n] != ' ' || n+1 == len(s) || s[n+1] != '[') {
		return i
	}
	if _, level := capitalLevel(s[i+1 : n]); level {
		return i
	}
	if d.Location != nil {
		name, _ := time.Unix(0, int64(t.UnixNano)).In(d.Location).Zone()
		t.Guessed = name != s[i+1:n]
	}
	return n
}

// timeOfDay reads 10:15:30.123. The date is the one that brings it nearest to
// observed.
func (d *Detector) timeOfDay(s string, observed time.Time) (t timestamp.Time, n int, ok bool) {
	sec, nanos, n, ok := clockAt(s, 0)
	if !ok {
		if len(s) >= 7 && (s[5] == 'A' || s[5] == 'P') {
			return d.kitchen(s, observed)
		}
		return t, 0, false
	}
	return d.nearestDay(sec, nanos, n, observed)
}

// kitchen reads 3:04PM and 03:04PM.
func (d *Detector) kitchen(s string, observed time.Time) (t timestamp.Time, n int, ok bool) {
	colon := 1
	if s[1] != ':' {
		colon = 2
	}
	if len(s) < colon+5 || s[colon+4] != 'M' {
		return t, 0, false
	}
	hour, ok1 := number(s[:colon])
	minute, ok2 := number(s[colon+1 : colon+3])
	if !ok1 || !ok2 || hour < 1 || hour > 12 || minute > 59 {
		return t, 0, false
	}
	hour %= 12
	switch s[colon+3] {
	case 'A':
	case 'P':
		hour += 12
	default:
		return t, 0, false
	}
	return d.nearestDay(hour*3600+minute*60, 0, colon+5, observed)
}

func (d *Detector) nearestDay(sec, nanos int64, n int, observed time.Time) (t timestamp.Time, next int, ok bool) {
	now := observed.Unix()
	loc := d.Location
	if loc == nil {
		loc = time.UTC
	}
	local := observed.In(loc)
	_, offset := local.Zone()
	today := floorDiv(now+int64(offset), day)
	if diff := sec - floorMod(now+int64(offset), day); diff > day/2 {
		today--
	} else if diff < -day/2 {
		today++
	}
	unix := today*day + sec - int64(offset)
	if loc != time.UTC {
		if _, then := time.Unix(unix, 0).In(loc).Zone(); then != offset { // clocks were put forward or back between
			unix -= int64(then - offset)
		}
	}
	t, ok = moment(unix, nanos)
	t.Guessed = true
	return t, n, ok
}

// dayFirst reads 05/Jan/2018 11:11:00, 09-Apr-2026 10:15:30 UTC and
// 09 Apr 2026 10:15:30.123.
func (d *Detector) dayFirst(s string, observed time.Time) (t timestamp.Time, n int, ok bool) {
	if len(s) < len("09 Apr 10:15:30") || s[6] != s[2] {
		return t, 0, false
	}
	dom, ok1 := number(s[:2])
	month := monthNumber(s[3:6])
	if !ok1 || month == 0 {
		return t, 0, false
	}
	if s[9] == ':' && s[2] == ' ' { // old Redis, without the year
		sec, nanos, n, ok := clockAt(s, 7)
		if !ok {
			return t, 0, false
		}
		return d.nearestYear(month, dom, sec, nanos, n, observed)
	}
	if len(s) < len("05/Jan/2018 11:11:00") || s[11] != ' ' && s[11] != ':' {
		return t, 0, false
	}
	year, ok2 := number(s[7:11])
	sec, nanos, n, ok := clockAt(s, 12)
	if !ok || !ok2 {
		return t, 0, false
	}
	return d.date(year, month, dom, sec, nanos, s, n)
}

// monthFirst reads Apr  9 10:15:30, Apr 09, 2026 10:15:30 AM and
// Thu Apr 09 10:15:30.123456 2026.
func (d *Detector) monthFirst(s string, observed time.Time) (t timestamp.Time, n int, ok bool) {
	if len(s) < len("Apr 9 10:15:30") || s[3] != ' ' {
		return t, 0, false
	}
	i := 4
	month := monthNumber(s[:3])
	weekday := month == 0
	if weekday {
		if !isWeekday(s[:3]) || len(s) < len("Thu Apr 9 10:15:30 2026") || s[7] != ' ' {
			return t, 0, false
		}
		if month = monthNumber(s[4:7]); month == 0 {
			return t, 0, false
		}
		i = 8
	}
	if s[i] == ' ' {
		i++
	}
	var dom int64
	for end := i + 2; i < end && i < len(s) && isDigit(s[i]); i++ {
		dom = 10*dom + int64(s[i]-'0')
	}
	if dom == 0 || i >= len(s) {
		return t, 0, false
	}
	if s[i] == ',' {
		return d.julTime(s, i, month, dom)
	}
	if s[i] != ' ' {
		return t, 0, false
	}
	i++
	if i+14 < len(s) && s[i+4] == ' ' && isDigit(s[i]) { // a year before the time
		if year, yearOK := number(s[i : i+4]); yearOK {
			sec, nanos, n, ok := clockAt(s, i+5)
			if !ok {
				return t, 0, false
			}
			return d.date(year, month, dom, sec, nanos, s, n)
		}
	}
	sec, nanos, n, ok := clockAt(s, i)
	if !ok {
		return t, 0, false
	}
	if n+5 <= len(s) && s[n] == ' ' {
		if year, yearOK := number(s[n+1 : n+5]); yearOK && year > 1969 && (n+5 == len(s) || !isDigit(s[n+5])) {
			return d.date(year, month, dom, sec, nanos, s, n+5)
		}
	}
	if weekday {
		return t, 0, false
	}
	return d.nearestYear(month, dom, sec, nanos, n, observed)
}

// julTime reads ", 2026 10:15:30 AM" at i, as java.util.logging writes it in
// English. Newer Java has a narrow no-break space before AM.
func (d *Detector) julTime(s string, i int, month, dom int64) (t timestamp.Time, n int, ok bool) {
	if i+len(", 2026 1:15:30 AM") > len(s) || s[i+1] != ' ' || s[i+6] != ' ' && s[i+6] != ',' {
		return t, 0, false
	}
	year, ok := number(s[i+2 : i+6])
	if !ok {
		return t, 0, false
	}
	i += 7
	if s[i] == ' ' {
		i++
	}
	hour := int64(s[i] - '0')
	if hour > 9 {
		return t, 0, false
	}
	i++
	if isDigit(s[i]) {
		hour = 10*hour + int64(s[i]-'0')
		i++
	}
	if i+len(":15:30 AM") > len(s) || s[i] != ':' || s[i+3] != ':' {
		return t, 0, false
	}
	minute, ok1 := number(s[i+1 : i+3])
	second, ok2 := number(s[i+4 : i+6])
	if !ok1 || !ok2 || hour < 1 || hour > 12 || minute > 59 || second > 59 {
		return t, 0, false
	}
	i += 6
	switch {
	case s[i] == ' ':
		i++
	case len(s) > i+4 && s[i:i+3] == "\u202f":
		i += 3
	default:
		return t, 0, false
	}
	if s[i+1] != 'M' || s[i] != 'A' && s[i] != 'P' {
		return t, 0, false
	}
	hour %= 12
	if s[i] == 'P' {
		hour += 12
	}
	return d.date(year, month, dom, hour*3600+minute*60+second, 0, s, i+2)
}

// nearestYear gives a date without a year the one that brings it nearest to
// observed.
func (d *Detector) nearestYear(month, dom, sec, nanos int64, n int, observed time.Time) (best timestamp.Time, next int, ok bool) {
	now := observed.Unix()
	nearest := int64(-1)
	year := int64(observed.Year())
	for y := year - 1; y <= year+1; y++ {
		t, _, valid := d.date(y, month, dom, sec, nanos, "", 0)
		if !valid {
			continue
		}
		away := int64(t.UnixNano/giga) - now
		if away < 0 {
			away = -away
		}
		if nearest < 0 || away < nearest {
			best, nearest, ok = t, away, true
		}
	}
	best.Guessed = true
	return best, n, ok
}

// date makes a moment of a day and the seconds of that day, with a zone at s[n] or
// in Location.
func (d *Detector) date(year, month, dom, sec, nanos int64, s string, n int) (t timestamp.Time, next int, ok bool) {
	midnight := time.Date(int(year), time.Month(month), int(dom), 0, 0, 0, 0, time.UTC)
	if midnight.Day() != int(dom) || int64(midnight.Month()) != month {
		return t, 0, false
	}
	unix := midnight.Unix() + sec
	end := zoneEnd(s, n)
	switch {
	case end > n:
		unix -= zoneOffset(s[n:end])
		t, ok = moment(unix, nanos)
		return t, end, ok
	case d.Location != nil && d.Location != time.UTC:
		unix = time.Date(int(year), time.Month(month), int(dom), 0, 0, int(sec), 0, d.Location).Unix()
	}
	t, ok = moment(unix, nanos)
	t.Guessed = true
	return t, d.zoneName(s, n, &t), ok
}

// zoneOffset is in seconds east of UTC, of what zoneEnd found.
func zoneOffset(s string) int64 {
	if s[0] == ' ' {
		s = s[1:]
	}
	if s[0] != '+' && s[0] != '-' {
		return 0
	}
	hours, _ := number(s[1:3])
	var minutes int64
	if len(s) >= 5 {
		minutes, _ = number(s[len(s)-2:])
	}
	if s[0] == '-' {
		return -hours*3600 - minutes*60
	}
	return hours*3600 + minutes*60
}

// epoch reads 1515150660.123.
func epoch(s string) (t timestamp.Time, n int, ok bool) {
	n = fractionEnd(s, 10)
	t, ok = timestamp.Parse(s[:n], nil)
	return t, n, ok
}

// clockAt reads 10:15:30 with or without a fraction at s[i]. A leap second is the
// first of the next minute.
func clockAt(s string, i int) (sec, nanos int64, next int, ok bool) {
	if i+8 > len(s) || s[i+2] != ':' || s[i+5] != ':' {
		return 0, 0, 0, false
	}
	hour, ok1 := number(s[i : i+2])
	minute, ok2 := number(s[i+3 : i+5])
	second, ok3 := number(s[i+6 : i+8])
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 60 {
		return 0, 0, 0, false
	}
	next = fractionEnd(s, i+8)
	unit := int64(giga)
	for _, c := range []byte(s[min(i+9, next):next]) {
		unit /= 10
		nanos += int64(c-'0') * unit
	}
	return hour*3600 + minute*60 + second, nanos, next, true
}

func moment(unix, nanos int64) (t timestamp.Time, ok bool) {
	const maxUnix = 9_223_372_036
	if unix <= 0 || unix >= maxUnix {
		return t, false
	}
	return timestamp.Time{UnixNano: uint64(unix*giga + nanos)}, true
}

// monthNumber is 1 to 12, or 0.
func monthNumber(s string) int64 {
	switch s {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

func isWeekday(s string) bool {
	switch s {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}

// number reads s, all of which must be digits; at most 18.
func number(s string) (n int64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if !isDigit(c) {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((-a + b - 1) / b)
	}
	return a / b
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }
