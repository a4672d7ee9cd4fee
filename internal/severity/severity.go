// Package severity is the one table that turns the levels of the common loggers
// into OpenTelemetry's severity numbers.
//
// Words are looked up by FromText, whoever wrote them; numbers by FromNumber,
// which must be told whose numbers they are, because the same number means
// opposite things to different loggers (3 is an error to syslog, a warning to
// logrus, information to nobody). README.md holds the table and, where loggers
// disagree about a word, which of them is followed and why.
package severity

import "strconv"

// Number is a SeverityNumber of the OpenTelemetry log data model: 1 to 24, and 0
// for a severity that is not known.
// Source: https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
type Number int32

// The 24 numbers, in six ranges of four, and 0.
const (
	Unspecified Number = iota
	Trace
	Trace2
	Trace3
	Trace4
	Debug
	Debug2
	Debug3
	Debug4
	Info
	Info2
	Info3
	Info4
	Warn
	Warn2
	Warn3
	Warn4
	Error
	Error2
	Error3
	Error4
	Fatal
	Fatal2
	Fatal3
	Fatal4
)

var shortNames = [...]string{
	"UNSPECIFIED",
	"TRACE", "TRACE2", "TRACE3", "TRACE4",
	"DEBUG", "DEBUG2", "DEBUG3", "DEBUG4",
	"INFO", "INFO2", "INFO3", "INFO4",
	"WARN", "WARN2", "WARN3", "WARN4",
	"ERROR", "ERROR2", "ERROR3", "ERROR4",
	"FATAL", "FATAL2", "FATAL3", "FATAL4",
}

// String is the data model's short name, such as INFO or WARN2.
func (n Number) String() string {
	if n < 0 || int(n) >= len(shortNames) {
		return "Number(" + strconv.Itoa(int(n)) + ")"
	}
	return shortNames[n]
}

// maxWord is the length in bytes of the longest word of the table
// ("informational"); anything longer, but for blanks around it and slog's
// arithmetic behind it, is no level.
const maxWord = 13

// FromText gives the severity that a level's name stands for. Case and blanks
// around the word don't matter. It knows the words of README.md's table,
// OpenTelemetry's short names (WARN2), the letters of glog, klog and Android, and
// slog's arithmetic (INFO+2, DEBUG-4).
//
// ok is false for what is no level, numbers included: those are FromNumber's.
// Unspecified with ok true is a word that says itself that the severity is not
// known (UNKNOWN, NOTSET). It costs no allocation, and no more for a huge s than
// for a short one.
func FromText(s string) (n Number, ok bool) {
	if n, ok := fromWord(s); ok {
		return n, true
	}
	s = trim(s)
	if n, ok := fromWord(s); ok {
		return n, true
	}
	return fromSlog(s)
}

// FromPlainWord is FromText for words that mean a severity wherever they stand:
// trace, debug, info, notice, warn, warning, error, err, crit, critical, emerg,
// emergency, fatal and panic. Keys that carry other things as well, such as
// Heroku's at=, are asked with it, so that at=log, at=success or at=off stay what
// they are.
func FromPlainWord(s string) (n Number, ok bool) {
	var buf [maxWord]byte
	switch string(lower(&buf, s)) {
	case "trace", "debug", "info", "notice", "warn", "warning", "error", "err",
		"crit", "critical", "emerg", "emergency", "fatal", "panic":
		return fromWord(s)
	}
	return Unspecified, false
}

// FromGlogLetter gives the severity of the letter that begins a line of glog or
// klog (I, W, E, F), of glog's successors that add D and V, or of Android's
// logcat (V, D, I, W, E, F, A). Lower case is accepted.
// Source: https://github.com/google/glog#log-line-prefix-format
func FromGlogLetter(c byte) (n Number, ok bool) {
	switch c | 0x20 {
	case 'v', 't':
		return Trace, true
	case 'd':
		return Debug, true
	case 'i':
		return Info, true
	case 'n':
		return Info2, true
	case 'w':
		return Warn, true
	case 'e':
		return Error, true
	case 'c', 'f', 'a':
		return Fatal, true
	}
	return Unspecified, false
}

// lower writes s in lower case into buf, or nothing when s is too long or holds
// anything but letters and digits.
func lower(buf *[maxWord]byte, s string) []byte {
	if len(s) > maxWord {
		return nil
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		default:
			return nil
		}
		buf[i] = c
	}
	return buf[:len(s)]
}

// maxBlanks bounds what trim looks at on each side, in bytes: layouts pad their
// levels to eight columns or so.
const maxBlanks = 16

func trim(s string) string {
	for i := 0; i < maxBlanks && s != "" && (s[0] == ' ' || s[0] == '\t'); i++ {
		s = s[1:]
	}
	for i := 0; i < maxBlanks && s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t'); i++ {
		s = s[:len(s)-1]
	}
	return s
}
