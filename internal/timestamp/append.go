package timestamp

// Layout is how times are written: RFC 3339 with nine digits, in UTC.
const Layout = "2006-01-02T15:04:05.000000000Z"

const (
	perSecond  = 1e9
	daySeconds = 24 * 60 * 60
)

// Append appends Unix nanoseconds in Layout. Package time takes some four times as long.
func Append(dst []byte, unix int64) []byte {
	seconds, rest := unix/perSecond, unix%perSecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+perSecond
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
	b[20] = byte('0' + rest/1e8)
	putPair(b[21:], rest/1e6%100)
	putPair(b[23:], rest/1e4%100)
	putPair(b[25:], rest/1e2%100)
	putPair(b[27:], rest%100)
	b[29] = 'Z'
	return append(dst, b[:]...)
}

// putPair writes two digits.
func putPair(b []byte, n int64) {
	b[0], b[1] = byte('0'+n/10), byte('0'+n%10)
}
