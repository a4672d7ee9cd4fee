package prettyline

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/ansi"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

const (
	// levelWidth is that of SUCCESS and WARNING.
	levelWidth = 7
	// messageWidth aligns the fields behind the messages that most loggers write.
	messageWidth = 36
	indent       = "             "
	textType     = pcommon.ValueTypeStr

	stackTrace       = "exception.stacktrace"
	exceptionType    = "exception.type"
	exceptionMessage = "exception.message"
)

// machinery is of no help to a person who looks on.
var machinery = map[string]bool{"log.record.uid": true, original: true, "heartwood.time_guess": true}

// appendRecord appends a record on a line, and below it, indented, the rest of a
// message of several lines and its stack trace.
func (s Style) appendRecord(dst []byte, r plog.LogRecord) []byte {
	at := r.Timestamp()
	if at == 0 {
		at = r.ObservedTimestamp()
	}
	dst = s.paint(dst, ansi.Dim)
	dst = at.AsTime().In(s.location()).AppendFormat(dst, "15:04:05.000")
	dst = s.paint(dst, ansi.Plain)
	dst = append(dst, ' ')

	name, color := level(r)
	dst = s.paint(dst, color)
	dst = append(dst, name...)
	dst = s.paint(dst, ansi.Plain)
	dst = appendBlanks(dst, levelWidth-len(name))

	message, more, _ := strings.Cut(bodyText(r.Body()), "\n")
	dst = append(dst, ' ')
	start := len(dst)
	if event := r.EventName(); event != "" && event != message {
		dst = append(dst, '[')
		dst = appendSafe(dst, event)
		dst = append(dst, ']', ' ')
	}
	dst = appendSafe(dst, message)
	width := utf8.RuneCount(dst[start:])

	stack, whole := "", r.Attributes()
	if v, ok := whole.Get(stackTrace); ok {
		stack = bodyText(v)
	}
	first := true
	for key, value := range whole.All() {
		switch {
		case machinery[key], key == stackTrace,
			stack != "" && (key == exceptionType || key == exceptionMessage) && strings.Contains(stack, value.AsString()):
			continue
		}
		if first {
			dst = appendBlanks(dst, messageWidth-width)
			first = false
		}
		dst = s.appendValue(dst, key, value)
	}
	if id := r.TraceID(); !id.IsEmpty() {
		if first {
			dst = appendBlanks(dst, messageWidth-width)
		}
		dst = s.appendPair(dst, "trace", id.String())
	}
	dst = append(dst, '\n')
	dst = s.appendBelow(dst, more)
	return s.appendBelow(dst, stack)
}

func (s Style) location() *time.Location {
	if s.Location == nil {
		return time.Local
	}
	return s.Location
}

func bodyText(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeBytes {
		return string(v.Bytes().AsRaw())
	}
	return v.AsString()
}

func appendBlanks(dst []byte, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, ' ')
	}
	return dst
}

// appendValue appends key=value; a map as one pair for each of its leaves.
func (s Style) appendValue(dst []byte, key string, value pcommon.Value) []byte {
	if value.Type() == pcommon.ValueTypeMap && value.Map().Len() > 0 {
		for inner, v := range value.Map().All() {
			dst = s.appendValue(dst, key+"."+inner, v)
		}
		return dst
	}
	return s.appendPair(dst, key, bodyText(value))
}

func (s Style) appendPair(dst []byte, key, value string) []byte {
	dst = append(dst, ' ')
	dst = s.paint(dst, ansi.Dim)
	dst = appendSafe(dst, key)
	dst = append(dst, '=')
	dst = s.paint(dst, ansi.Plain)
	if value == "" || !utf8.ValidString(value) || strings.ContainsFunc(value, needsQuotes) {
		return strconv.AppendQuote(dst, value)
	}
	return append(dst, value...)
}

func needsQuotes(r rune) bool { return r == ' ' || r == '"' || !unicode.IsPrint(r) }

// appendBelow appends text on lines of its own, indented.
func (s Style) appendBelow(dst []byte, text string) []byte {
	text = strings.Trim(text, "\n")
	if text == "" {
		return dst
	}
	for line := range strings.SplitSeq(text, "\n") {
		dst = append(dst, indent...)
		dst = s.paint(dst, ansi.Dim)
		dst = appendSafe(dst, strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
		dst = s.paint(dst, ansi.Plain)
		dst = append(dst, '\n')
	}
	return dst
}

// appendSafe appends text with what is not printable written as escapes, for a
// terminal obeys. Colours are left out: the line has its own.
func appendSafe(dst []byte, text string) []byte {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, `\x`...)
			dst = append(dst, hex[text[i]>>4], hex[text[i]&15])
		case unicode.IsPrint(r):
			dst = append(dst, text[i:i+size]...)
		case r == '\x1b' && colourLen(text[i:]) > 0:
			size = colourLen(text[i:])
		default:
			quoted := strconv.QuoteRune(r)
			dst = append(dst, quoted[1:len(quoted)-1]...)
		}
		i += size
	}
	return dst
}

// colourLen is the length of the sequence that text begins with, if all it does is to
// choose a colour.
func colourLen(text string) int {
	if len(text) < 3 || text[1] != '[' {
		return 0
	}
	for i := 2; i < len(text); i++ {
		switch c := text[i]; {
		case c == 'm':
			return i + 1
		case c != ';' && c != ':' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}

const hex = "0123456789abcdef"

func (s Style) paint(dst []byte, c ansi.Color) []byte {
	if !s.Color {
		return dst
	}
	return append(dst, c...)
}

// level gives the name of a severity, and its colour. The writer's own word is kept
// where it is a word and fits.
func level(r plog.LogRecord) (string, ansi.Color) {
	n := severity.Number(r.SeverityNumber())
	word := strings.ToUpper(r.SeverityText())
	if len(word) < 4 || len(word) > levelWidth || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		word = strings.TrimRight(n.String(), "234")
	}
	switch {
	case n >= severity.Fatal:
		return word, ansi.Bold
	case n >= severity.Error:
		return word, ansi.Red
	case n >= severity.Warn:
		return word, ansi.Yellow
	case word == "SUCCESS":
		return word, ansi.Green
	case n >= severity.Info:
		return word, ansi.Cyan
	case n > severity.Unspecified:
		return word, ansi.Dim
	}
	return "-", ansi.Dim
}
