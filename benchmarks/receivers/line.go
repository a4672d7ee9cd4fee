package main

import (
	"strconv"
	"time"
)

// lineSize is the size of every line in bytes, the newline not counted.
const lineSize = 295

// firstNumber is the n of line 0. It has as many digits as the n of the last,
// so that all lines are of one size.
const firstNumber = 10_000_000

var firstTime = time.Date(2026, 11, 21, 8, 33, 12, 659_001_000, time.UTC)

// event is what line i says: 14 pairs, of an application that places orders.
type event struct {
	time      time.Time
	requestID string // 36 bytes
	account   int64
	n         int64
	elapsed   string // ms, with three decimals of which the last isn't 0
	cached    bool
	status    int64
	bytes     int64
}

const (
	eventLevel = "info"
	eventApp   = "purchasing"
	eventAt    = "order.placed"
	eventFn    = "orders.(*Desk).Place"
	eventMsg   = "order placed, 3 items"
	eventPath  = "/orders/2026/items?page=2&sort=price"
)

func eventOf(i int) event {
	r := mix(uint64(i))
	return event{
		time:      firstTime.Add(time.Duration(i) * time.Millisecond),
		requestID: uuid(r),
		account:   10_000_000 + int64(r%89_999_999),
		n:         firstNumber + int64(i),
		elapsed:   strconv.FormatUint(10+r%90, 10) + "." + strconv.FormatUint(10+r>>8%90, 10) + strconv.FormatUint(1+r>>16%9, 10),
		cached:    r>>24%2 == 0,
		status:    200 + int64(r>>32%4)*101,
		bytes:     bytesOf(r>>24%2 == 0, int64(r>>40%89_999)),
	}
}

// bytesOf has one digit more where cached has a letter less, so that all lines
// are of one size.
func bytesOf(cached bool, n int64) int64 {
	if cached {
		return 100_000 + n
	}
	return 10_000 + n
}

func (e event) elapsedMillis() float64 {
	ms, _ := strconv.ParseFloat(e.elapsed, 64)
	return ms
}

// timeLayout is that of the lines' ts.
const timeLayout = "2006-01-02T15:04:05.000000Z07:00"

// frameHeader is what syslog says before each line: user.info, and the time of
// line 0.
const frameHeader = "<14>1 2026-11-21T08:33:12.659001Z web-1 purchasing 4242 - - "

// lineFileName is the name of the file with the lines.
const lineFileName = "lines.log"

// appendLine appends line i, without a newline.
func appendLine(dst []byte, i int) []byte {
	e := eventOf(i)
	dst = append(dst, "ts="...)
	dst = e.time.AppendFormat(dst, timeLayout)
	dst = append(dst, " level="+eventLevel+" app="+eventApp+" at="+eventAt+" fn="+eventFn+` msg="`+eventMsg+`" request_id=`...)
	dst = append(dst, e.requestID...)
	dst = append(dst, " account="...)
	dst = strconv.AppendInt(dst, e.account, 10)
	dst = append(dst, " n="...)
	dst = strconv.AppendInt(dst, e.n, 10)
	dst = append(dst, " elapsed="...)
	dst = append(dst, e.elapsed...)
	dst = append(dst, " cached="...)
	dst = strconv.AppendBool(dst, e.cached)
	dst = append(dst, " status="...)
	dst = strconv.AppendInt(dst, e.status, 10)
	dst = append(dst, " bytes="...)
	dst = strconv.AppendInt(dst, e.bytes, 10)
	return append(dst, ` path="`+eventPath+`"`...)
}

// appendFrame appends line i as a syslog message with the header of RFC 5424,
// its size before it as in RFC 6587.
func appendFrame(dst []byte, i int) []byte {
	dst = strconv.AppendInt(dst, int64(len(frameHeader)+lineSize), 10)
	dst = append(dst, ' ')
	dst = append(dst, frameHeader...)
	return appendLine(dst, i)
}

// mix is splitmix64, which makes of consecutive numbers ones that look random.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func uuid(r uint64) string {
	const digits = "0123456789abcdef"
	text := []byte("00000000-0000-4000-8000-000000000000")
	for i := range text {
		if text[i] == '0' {
			text[i] = digits[r&15]
			r = r>>4 | r<<60
		}
	}
	return string(text)
}
