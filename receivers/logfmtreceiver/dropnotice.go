package logfmtreceiver

import (
	"bytes"
	"strconv"
)

// A dropNotice is a line by which a sender says that it lost messages before they
// came here.
type dropNotice struct {
	code  string // L10 to L13
	count int64
}

// Heroku's forms, over the years (devcenter.heroku.com/articles/error-codes, the
// sources of Logplex and log-shuttle):
//
//	Error L10 (output buffer overflow): 491 messages dropped since 2013-...
//	Error L10 (output buffer overflow): drain 'd.cf...' dropped 1101 messages since 2013-...
//	Error L11 (Tail buffer overflow) -> This tail session dropped 1101 messages since 2011-...
//	Error L12: 222 messages dropped since 2012-...
//	Error L13: 111 messages lost since 2012-...
//
// The older header has a second "- " before them.
var (
	noticeBegin = []byte("Error L1")
	noticeWord  = []byte(" messages ")
	noticeCodes = [...]string{"L10", "L11", "L12", "L13"}
)

// maxNotice bounds what is looked at: the notices are short.
const maxNotice = 256

func parseDropNotice(line []byte) (n dropNotice, ok bool) {
	line = bytes.TrimPrefix(line, []byte("- "))
	if !bytes.HasPrefix(line, noticeBegin) || len(line) <= len(noticeBegin) || len(line) > maxNotice {
		return dropNotice{}, false
	}
	digit := line[len(noticeBegin)] - '0'
	if int(digit) >= len(noticeCodes) {
		return dropNotice{}, false
	}
	rest := line[len(noticeBegin)+1:]
	if len(rest) == 0 || rest[0] != ' ' && rest[0] != ':' {
		return dropNotice{}, false
	}
	at := bytes.Index(rest, noticeWord)
	if at < 0 || !bytes.Contains(rest, []byte("dropped")) && !bytes.Contains(rest, []byte("lost")) {
		return dropNotice{}, false
	}
	from := bytes.LastIndexByte(rest[:at], ' ') + 1
	count, err := strconv.ParseInt(string(rest[from:at]), 10, 64)
	if err != nil || count < 0 {
		return dropNotice{}, false
	}
	return dropNotice{code: noticeCodes[digit], count: count}, true
}
