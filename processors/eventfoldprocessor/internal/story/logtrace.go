package story

import (
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// LogTraceSettings are those of LogTrace, the Python module, at version 0.1.2
// (https://pypi.org/project/LogTrace/0.1.2/).
type LogTraceSettings struct {
	Verbosity string // "v", "vv" or "vvv"
	Delimiter string
	Tag       string // without or with its #
	UID       string // an attribute of the event, "": none
}

// write makes the event's body as the module makes its line.
func (s *LogTraceSettings) write(event plog.LogRecord, parts []Part, common pcommon.Map) {
	var line []byte
	begun := false
	part := func() {
		if begun {
			line = append(line, s.Delimiter...)
		}
		begun = true
	}
	if s.UID != "" {
		if v, ok := event.Attributes().Get(s.UID); ok {
			// The module puts the delimiter behind it even where nothing follows.
			line = append(line, "uid="...)
			line = append(line, v.AsString()...)
			line = append(line, s.Delimiter...)
		}
	}
	if s.Tag != "" {
		part()
		if s.Tag[0] != '#' {
			line = append(line, '#')
		}
		line = append(line, s.Tag...)
	}
	start := parts[0].time()
	for i := range parts {
		message := parts[i].Record.Body().AsString()
		if message == "" {
			continue // the module adds nothing then
		}
		part()
		elapsed := time.Duration(parts[i].time() - start)
		line = s.appendHead(line, parts[i].Record.Attributes(), common, elapsed)
		line = append(line, message...)
	}
	event.Body().SetStr(string(line))
}

// appendHead appends the brackets in front of a message: where, as far as the record
// says it, and when.
func (s *LogTraceSettings) appendHead(line []byte, attrs, common pcommon.Map, elapsed time.Duration) []byte {
	line = append(line, '[')
	from := len(line)
	put := func(name, before string) {
		v, ok := either(attrs, common, name)
		if !ok {
			return
		}
		if len(line) > from {
			line = append(line, before...)
		}
		line = append(line, v.AsString()...)
	}
	if s.Verbosity == "vvv" {
		put("code.file.path", "")
	}
	if s.Verbosity != "v" {
		put("code.function.name", ".")
	}
	put("code.line.number", ":")
	if len(line) > from {
		line = append(line, ", "...)
	}
	line = strconv.AppendFloat(line, elapsed.Seconds(), 'f', 4, 64)
	return append(line, "s] "...)
}
