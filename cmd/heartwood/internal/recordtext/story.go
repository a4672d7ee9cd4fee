package recordtext

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/ansi"
)

// AppendStories appends each document of event_fold as a heading and a line for each
// record in it (docs/format/folded-event.md), and other records as AppendLogs does.
func (s Style) AppendStories(dst []byte, logs plog.Logs) []byte {
	for _, resource := range logs.ResourceLogs().All() {
		service := "-"
		if v, ok := resource.Resource().Attributes().Get("service.name"); ok {
			service = v.AsString()
		}
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				if parts, ok := partsOf(record.Body()); ok {
					dst = s.appendHeading(dst, resource.Resource().Attributes(), record)
					dst = s.appendParts(dst, service, 0, parts)
					dst = append(dst, '\n')
				} else {
					dst = s.appendRecord(dst, service, record)
				}
			}
		}
	}
	return dst
}

// partsOf finds the parts in the body of a document.
func partsOf(body pcommon.Value) (pcommon.Slice, bool) {
	if body.Type() != pcommon.ValueTypeMap {
		return pcommon.Slice{}, false
	}
	parts, ok := body.Map().Get("parts")
	if !ok || parts.Type() != pcommon.ValueTypeSlice {
		return pcommon.Slice{}, false
	}
	return parts.Slice(), true
}

// appendHeading says which request it is, how it ended, how long it took, and who took
// part.
func (s Style) appendHeading(dst []byte, resource pcommon.Map, r plog.LogRecord) []byte {
	text := func(name string) string {
		v, ok := r.Attributes().Get(name)
		if !ok {
			return ""
		}
		return v.AsString()
	}
	outcome := text("fold.outcome")
	color := ansi.Dim
	switch outcome {
	case "success":
		color = ansi.Green
	case "failure":
		color = ansi.Red
	}
	location := s.Location
	if location != nil {
		dst = r.Timestamp().AsTime().In(location).AppendFormat(dst, "15:04:05.000")
	} else {
		dst = r.Timestamp().AsTime().Local().AppendFormat(dst, "15:04:05.000")
	}
	dst = append(dst, " ── request "...)
	id := text("request.id")
	if !s.Full {
		id, _, _ = strings.Cut(id, "-")
	}
	dst = appendSafe(dst, id)
	dst = append(dst, ' ')
	dst = s.paint(dst, color)
	dst = appendSafe(dst, outcome)
	dst = s.paint(dst, ansi.Plain)
	if v, ok := r.Attributes().Get("fold.duration"); ok {
		dst = fmt.Appendf(dst, " in %.3f s", v.Double())
	}
	dst = append(dst, ", "...)
	dst = appendSafe(dst, text("fold.count"))
	dst = append(dst, " records"...)
	if v, ok := resource.Get("service.name"); ok {
		dst = append(dst, " of "...)
		if v.Type() == pcommon.ValueTypeSlice {
			for i, name := range v.Slice().All() {
				if i > 0 {
					dst = append(dst, ", "...)
				}
				dst = appendSafe(dst, name.AsString())
			}
		} else {
			dst = appendSafe(dst, v.AsString())
		}
	}
	if previous := text("fold.previous"); previous != "" {
		dst = append(dst, ", goes on from before"...)
	}
	if r.Attributes().Len() > 0 && text("fold.complete") == "false" {
		dst = append(dst, ", not whole: "...)
		dst = appendSafe(dst, text("fold.reason"))
	}
	return append(dst, '\n')
}

// appendParts appends a line for each part; a part that is a document itself gives
// those of its own. offset is that of the document, in s.
func (s Style) appendParts(dst []byte, service string, offset float64, parts pcommon.Slice) []byte {
	for _, part := range parts.All() {
		if part.Type() != pcommon.ValueTypeMap {
			continue
		}
		m := part.Map()
		own, at := service, offset
		if v, ok := m.Get("service"); ok {
			own = v.AsString()
		}
		if v, ok := m.Get("offset"); ok && v.Type() == pcommon.ValueTypeDouble {
			at += v.Double()
		}
		if message, ok := m.Get("message"); ok {
			if inner, ok := partsOf(message); ok {
				dst = s.appendParts(dst, own, at, inner)
				continue
			}
		}
		dst = s.appendPart(dst, own, at, m)
	}
	return dst
}

func (s Style) appendPart(dst []byte, service string, at float64, m pcommon.Map) []byte {
	dst = s.paint(dst, ansi.Dim)
	dst = fmt.Appendf(dst, "  %+9.3f ", at)
	dst = s.paint(dst, ansi.Plain)
	severity := plog.SeverityNumberUnspecified
	if v, ok := m.Get("severity_number"); ok {
		severity = plog.SeverityNumber(v.Int())
	}
	name, color := level(severity)
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
	text, stack := "", ""
	if message, ok := m.Get("message"); ok {
		text, _, _ = strings.Cut(message.AsString(), "\n")
	}
	if v, ok := m.Get("event_name"); ok && v.AsString() != text {
		dst = append(dst, " ["...)
		dst = appendSafe(dst, v.AsString())
		dst = append(dst, ']')
	}
	if text != "" {
		dst = append(dst, ' ')
		dst = appendSafe(dst, text)
	}
	if v, ok := m.Get("attributes"); ok && v.Type() == pcommon.ValueTypeMap {
		for key, value := range v.Map().All() {
			switch {
			case key == stacktrace:
				stack = value.AsString()
			case s.Full || !machinery[key] && !identifiers[key] && !strings.HasPrefix(key, "fold."):
				dst = s.appendValue(dst, key, value)
			}
		}
	}
	dst = append(dst, '\n')
	return s.appendBelow(dst, stack)
}
