// Package recordtext writes log records as lines that a person can read.
package recordtext

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/ansi"
)

const (
	// stackLines of a stack trace are shown: enough to see what failed and where.
	stackLines = 8
	// serviceWidth aligns the messages behind the names of most services.
	serviceWidth = 10
)

// Style says how records are written.
type Style struct {
	Color    bool           // with the escape sequences of ECMA-48 terminals
	Full     bool           // every attribute, ids and stack traces whole
	Location *time.Location // of the times shown; nil is the machine's
}

// machinery is left out unless all is asked for: true, and of no help to a person
// who looks on.
var machinery = map[string]bool{
	"log.record.uid": true, "log.file.name": true, "log.file.path": true, "log.file.record_offset": true, "log.iostream": true,
	"code.file.path": true, "code.line.number": true,
}

// identifiers are shortened to their first group of digits, by which they can be
// told apart and searched for.
var identifiers = map[string]bool{"request_id": true, "request.id": true}

const stacktrace = "exception.stacktrace"

// AppendLogs appends every record of logs, each on a line of its own and its
// stack trace, if it has one, on indented lines below.
func (s Style) AppendLogs(dst []byte, logs plog.Logs) []byte {
	for _, resource := range logs.ResourceLogs().All() {
		service := "-"
		if v, ok := resource.Resource().Attributes().Get("service.name"); ok {
			service = v.AsString()
		}
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				dst = s.appendRecord(dst, service, record)
			}
		}
	}
	return dst
}

// AppendLine appends a line that is no record, with nothing in it that commands a terminal.
func AppendLine(dst, line []byte) []byte { return append(appendSafe(dst, string(line)), '\n') }

func (s Style) appendRecord(dst []byte, service string, r plog.LogRecord) []byte {
	at := r.Timestamp()
	if at == 0 {
		at = r.ObservedTimestamp()
	}
	location := s.Location
	if location == nil {
		location = time.Local
	}
	dst = s.paint(dst, ansi.Dim)
	dst = at.AsTime().In(location).AppendFormat(dst, "15:04:05.000")
	dst = s.paint(dst, ansi.Plain)
	dst = append(dst, ' ')

	name, color := level(r.SeverityNumber())
	dst = s.paint(dst, color)
	dst = append(dst, name...)
	dst = s.paint(dst, ansi.Plain)
	dst = append(dst, ' ')
	dst = s.paint(dst, ansi.Cyan)
	start := len(dst)
	dst = appendSafe(dst, service)
	width := utf8.RuneCount(dst[start:])
	dst = s.paint(dst, ansi.Plain)
	for ; width < serviceWidth; width++ {
		dst = append(dst, ' ')
	}

	message, more, _ := strings.Cut(r.Body().AsString(), "\n")
	event := r.EventName()
	if event != "" && event != message {
		dst = append(dst, ' ', '[')
		dst = appendSafe(dst, event)
		dst = append(dst, ']')
	}
	if message != "" {
		dst = append(dst, ' ')
		dst = appendSafe(dst, message)
	}
	stack := ""
	for key, value := range r.Attributes().All() {
		if key == stacktrace {
			stack = value.AsString()
			continue
		}
		if machinery[key] && !s.Full {
			continue
		}
		if _, named := r.Attributes().Get("request.id"); key == "request_id" && named && !s.Full {
			continue // the same, under its writer's name
		}
		dst = s.appendValue(dst, key, value)
	}
	if id := r.TraceID(); !id.IsEmpty() {
		text := id.String()
		if !s.Full {
			text = text[:8]
		}
		dst = s.appendPair(dst, "trace", text)
	}
	dst = append(dst, '\n')
	dst = s.appendBelow(dst, more)
	return s.appendBelow(dst, stack)
}

// appendValue appends key=value; a map as one pair for each of its leaves.
func (s Style) appendValue(dst []byte, key string, value pcommon.Value) []byte {
	if value.Type() == pcommon.ValueTypeMap {
		for inner, v := range value.Map().All() {
			dst = s.appendValue(dst, key+"."+inner, v)
		}
		return dst
	}
	text := value.AsString()
	if !s.Full {
		switch {
		case identifiers[key]:
			text, _, _ = strings.Cut(text, "-")
		case key == "code.function.name":
			text = text[strings.LastIndexByte(text, '/')+1:] // Go writes the package's whole path
		}
	}
	return s.appendPair(dst, key, text)
}

func (s Style) appendPair(dst []byte, key, value string) []byte {
	dst = append(dst, ' ')
	dst = s.paint(dst, ansi.Dim)
	dst = appendSafe(dst, key)
	dst = append(dst, '=')
	dst = s.paint(dst, ansi.Plain)
	if value == "" || !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r == ' ' || r == '"' || !unicode.IsPrint(r) }) {
		return strconv.AppendQuote(dst, value)
	}
	return append(dst, value...)
}

// appendBelow appends text on lines of its own, indented.
func (s Style) appendBelow(dst []byte, text string) []byte {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return dst
	}
	lines := strings.Split(text, "\n")
	left := 0
	if !s.Full && len(lines) > stackLines+1 {
		left = len(lines) - stackLines
		lines = lines[:stackLines]
	}
	for _, line := range lines {
		dst = append(dst, "             | "...)
		dst = s.paint(dst, ansi.Dim)
		dst = appendSafe(dst, strings.ReplaceAll(line, "\t", "    "))
		dst = s.paint(dst, ansi.Plain)
		dst = append(dst, '\n')
	}
	if left > 0 {
		dst = append(dst, "             | … "...)
		dst = strconv.AppendInt(dst, int64(left), 10)
		dst = append(dst, " more lines\n"...)
	}
	return dst
}

// appendSafe appends text with what is not printable written as escapes: records
// come from strangers, and a terminal obeys.
func appendSafe(dst []byte, text string) []byte {
	for i, r := range text {
		switch {
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				dst = append(dst, `\x`...)
				dst = append(dst, hex[text[i]>>4], hex[text[i]&15])
				continue
			}
			dst = utf8.AppendRune(dst, r)
		case unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		default:
			quoted := strconv.QuoteRune(r)
			dst = append(dst, quoted[1:len(quoted)-1]...)
		}
	}
	return dst
}

const hex = "0123456789abcdef"

func (s Style) paint(dst []byte, c ansi.Color) []byte {
	if !s.Color {
		return dst
	}
	return append(dst, c...)
}

// level gives the name of a severity, five letters wide.
func level(n plog.SeverityNumber) (string, ansi.Color) {
	switch {
	case n >= plog.SeverityNumberFatal:
		return "FATAL", ansi.Bold
	case n >= plog.SeverityNumberError:
		return "ERROR", ansi.Red
	case n >= plog.SeverityNumberWarn:
		return "WARN ", ansi.Yellow
	case n >= plog.SeverityNumberInfo:
		return "INFO ", ansi.Green
	case n >= plog.SeverityNumberDebug:
		return "DEBUG", ansi.Dim
	case n >= plog.SeverityNumberTrace:
		return "TRACE", ansi.Dim
	}
	return "  -  ", ansi.Dim
}
