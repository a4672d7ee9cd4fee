// Package syslogheader reads the header that syslog senders put before a message:
// RFC 5424, RFC 3164 and what is sent in their name, among it Heroku's Logplex,
// which leaves STRUCTURED-DATA out (application/logplex-1).
//
// The package knows nothing of what the message says. A line with a PRI and
// nothing else that can be read keeps the PRI as its header: what can't be read
// stays in the message, so that no byte is lost.
package syslogheader

import (
	"bytes"
	"time"
)

// Dialect says what stands between MSGID and MSG.
type Dialect uint8

const (
	// RFC5424 expects STRUCTURED-DATA, and takes what is neither "-" nor a
	// well-formed element as the beginning of a message whose sender left it out.
	RFC5424 Dialect = iota
	// Logplex has no STRUCTURED-DATA: the message begins after MSGID, also where it
	// begins with "-" or "[".
	Logplex
)

// Settings of Parse.
type Settings struct {
	Dialect Dialect
	// Location is for times that name no zone (RFC 3164). nil means UTC.
	Location *time.Location
	// Now helps to find the year, which RFC 3164 leaves out. Zero means time.Now().
	Now time.Time
}

// Header is what stood before the message. The slices are parts of the line; a NIL
// value ("-") comes as an empty one.
type Header struct {
	Facility int // 0 to 23
	Severity int // 0 (emergency) to 7 (debug)
	// Version is 1 for RFC 5424, 0 for the older format.
	Version int
	// Time is zero where there was none.
	Time time.Time
	// TimeGuess says that the zone or the year of Time is not the sender's word.
	TimeGuess bool

	Host, App, ProcID, MsgID []byte
	// StructuredData is the text of the elements, "[...][...]", as it was sent.
	StructuredData []byte
}

// Parse reads the header of line and returns what follows it. ok is false when
// line has no PRI between 0 and 191 at its beginning; message is then all of line.
//
// Formats: RFC 5424 section 6, RFC 3164 section 4.1; and of the latter's many
// variations: RFC 3339 times, a year in the date, fractions of a second, no host,
// no tag.
func Parse(line []byte, set Settings) (h Header, message []byte, ok bool) {
	pri, rest, ok := parsePRI(line)
	if !ok {
		return Header{}, line, false
	}
	h.Facility, h.Severity = pri>>3, pri&7
	if msg, ok := parse5424(&h, rest, set.Dialect); ok {
		return h, msg, true
	}
	return h, parse3164(&h, rest, set), true
}

func parsePRI(line []byte) (pri int, rest []byte, ok bool) {
	if len(line) < 3 || line[0] != '<' {
		return 0, nil, false
	}
	i := 1
	for ; i < len(line) && i < 4 && isDigit(line[i]); i++ {
		pri = 10*pri + int(line[i]-'0')
	}
	if i == 1 || i == len(line) || line[i] != '>' || pri > 191 {
		return 0, nil, false
	}
	return pri, line[i+1:], true
}

// parse5424 reads VERSION to STRUCTURED-DATA. It changes h only when it succeeds.
func parse5424(h *Header, b []byte, dialect Dialect) (message []byte, ok bool) {
	if len(b) < 2 || b[0] != '1' || b[1] != ' ' {
		return nil, false
	}
	b = b[2:]
	stamp, b, ok := token(b)
	if !ok {
		return nil, false
	}
	var at time.Time
	if !isNil(stamp) {
		var zoned bool
		at, zoned, ok = parseRFC3339(stamp, time.UTC)
		if !ok || !zoned {
			return nil, false
		}
	}
	var fields [3][]byte
	for i := range fields {
		if fields[i], b, ok = token(b); !ok {
			return nil, false
		}
	}
	// The line may end with MSGID, as Logplex's empty messages do.
	msgID, b, _ := bytes.Cut(b, []byte(" "))
	if len(msgID) == 0 {
		return nil, false
	}
	h.Version = 1
	h.Time = at
	h.Host, h.App, h.ProcID, h.MsgID = value(fields[0]), value(fields[1]), value(fields[2]), value(msgID)
	if dialect != Logplex {
		h.StructuredData, b = structuredData(b)
	}
	return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), true
}

// structuredData splits STRUCTURED-DATA from the message. Where there is none, all
// of b is the message.
func structuredData(b []byte) (data, message []byte) {
	if len(b) > 0 && b[0] == '-' {
		if len(b) == 1 {
			return nil, nil
		}
		if b[1] == ' ' {
			return nil, b[2:]
		}
		return nil, b
	}
	i := 0
	for i < len(b) && b[i] == '[' {
		n := elementLen(b[i:])
		if n == 0 {
			return nil, b
		}
		i += n
	}
	switch {
	case i == 0:
		return nil, b
	case i == len(b):
		return b, nil
	case b[i] == ' ':
		return b[:i], b[i+1:]
	}
	return nil, b
}

// elementLen is the length of the SD-ELEMENT at the beginning of b, or 0.
func elementLen(b []byte) int {
	i := 1
	name := func() bool {
		from := i
		for i < len(b) && b[i] > ' ' && b[i] < 0x7f && b[i] != '=' && b[i] != ']' && b[i] != '"' {
			i++
		}
		return i > from
	}
	if !name() {
		return 0
	}
	for i < len(b) && b[i] == ' ' {
		i++
		if !name() || i+1 >= len(b) || b[i] != '=' || b[i+1] != '"' {
			return 0
		}
		i += 2
		for i < len(b) && b[i] != '"' {
			if b[i] == '\\' {
				i++
			}
			i++
		}
		i++
	}
	if i >= len(b) || b[i] != ']' {
		return 0
	}
	return i + 1
}

// parse3164 reads what it can of the older header and returns the message.
func parse3164(h *Header, b []byte, set Settings) (message []byte) {
	loc := set.Location
	if loc == nil {
		loc = time.UTC
	}
	at, guess, rest, ok := parseOldTime(b, loc, set.Now)
	if !ok {
		return b
	}
	h.Time, h.TimeGuess = at, guess
	b = rest
	if app, pid, msg, ok := parseTag(b); ok {
		h.App, h.ProcID = app, pid
		return msg
	}
	host, rest, ok := token(b)
	if !ok || !isHost(host) {
		return b
	}
	h.Host = host
	if app, pid, msg, ok := parseTag(rest); ok {
		h.App, h.ProcID = app, pid
		return msg
	}
	return rest
}

// maxTag: RFC 3164 says 32; programs with longer names exist.
const maxTag = 64

// parseTag reads "name: ", "name[pid]: " and "name[pid] ".
func parseTag(b []byte) (app, pid, message []byte, ok bool) {
	i := 0
	for i < len(b) && i < maxTag && isTagByte(b[i]) {
		i++
	}
	if i == 0 || i == len(b) {
		return nil, nil, nil, false
	}
	app = b[:i]
	bracket := b[i] == '['
	if bracket {
		end := bytes.IndexByte(b[i:min(len(b), i+maxTag)], ']')
		if end < 2 {
			return nil, nil, nil, false
		}
		pid = b[i+1 : i+end]
		if bytes.IndexByte(pid, ' ') >= 0 {
			return nil, nil, nil, false
		}
		i += end + 1
	}
	switch {
	case i < len(b) && b[i] == ':' && (bracket || i+1 == len(b) || b[i+1] == ' '):
		i++
	case bracket && (i == len(b) || b[i] == ' '):
	default:
		return nil, nil, nil, false
	}
	if i < len(b) && b[i] == ' ' {
		i++
	}
	return app, pid, b[i:], true
}

func isTagByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) ||
		c == '-' || c == '_' || c == '.' || c == '/' || c == '@' || c == '(' || c == ')'
}

// isHost keeps logfmt pairs and quoted text from being taken for a host.
func isHost(b []byte) bool {
	if len(b) == 0 || len(b) > 255 {
		return false
	}
	for _, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', isDigit(c), c >= 0x80:
		case c == '-', c == '_', c == '.', c == ':', c == '%':
		default:
			return false
		}
	}
	return b[len(b)-1] != ':'
}

// token is what stands before the next blank, and what comes after it.
func token(b []byte) (tok, rest []byte, ok bool) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return nil, b, false
	}
	return b[:i], b[i+1:], i > 0
}

func isNil(b []byte) bool { return len(b) == 1 && b[0] == '-' }

func value(b []byte) []byte {
	if isNil(b) {
		return nil
	}
	return b
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
