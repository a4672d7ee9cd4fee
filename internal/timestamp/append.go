package timestamp

// Layout is how times are written: RFC 3339 with nine digits, in UTC.
const Layout = "2006-01-02T15:04:05.000000000Z"

const (
	perSecond  = 1e9
	daySeconds = 24 * 60 * 60
)

// Append appends Unix nanoseconds in Layout. Package time takes some four times as long.
func Append(dst []byte, unix int64) []byte {
	seconds, rest := split(unix)
	var b [len(Layout)]byte
	putSeconds(&b, seconds)
	putRest(&b, rest)
	return append(dst, b[:]...)
}

// Recent appends as Append does, in less time where the second is that of the time before. It
// is for one goroutine at a time; its zero value is ready.
type Recent struct {
	second int64
	text   [len(Layout)]byte // of the second; nothing yet where it has no end
}

// Append appends Unix nanoseconds in Layout.
func (r *Recent) Append(dst []byte, unix int64) []byte {
	seconds, rest := split(unix)
	if seconds != r.second || r.text[len(r.text)-1] == 0 {
		r.second = seconds
		putSeconds(&r.text, seconds)
	}
	putRest(&r.text, rest)
	return append(dst, r.text[:]...)
}

func split(unix int64) (seconds, rest int64) {
	seconds, rest = unix/perSecond, unix%perSecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+perSecond
	}
	return seconds, rest
}

// putSeconds writes all but the nine digits.
func putSeconds(b *[len(Layout)]byte, seconds int64) {
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
	putPair(b[0:], year/100)
	putPair(b[2:], year%100)
	b[4] = '-'
	putPair(b[5:], month)
	b[7] = '-'
	putPair(b[8:], day)
	b[10] = 'T'
	putPair(b[11:], second/3600)
	b[13] = ':'
	putPair(b[14:], second/60%60)
	b[16] = ':'
	putPair(b[17:], second%60)
	b[19] = '.'
	b[29] = 'Z'
}

// putRest writes the nine digits of nanoseconds.
func putRest(b *[len(Layout)]byte, rest int64) {
	high, low := uint32(rest)/1e4, uint32(rest)%1e4
	b[20] = byte('0' + high/1e4)
	high %= 1e4
	putPair(b[21:], int64(high/100))
	putPair(b[23:], int64(high%100))
	putPair(b[25:], int64(low/100))
	putPair(b[27:], int64(low%100))
}

// putPair writes two digits.
func putPair(b []byte, n int64) {
	b[0], b[1] = byte('0'+n/10), byte('0'+n%10)
}
