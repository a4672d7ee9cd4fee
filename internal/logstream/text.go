package logstream

import (
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/accesslog"
	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/stacktrace"
)

// Names of attributes that layouts of text give.
const (
	attrLogger = "log.logger"
	attrThread = "thread.name"
)

// parse takes a text apart by the layouts that are known, and says what its first
// line is to a joiner. Where none fits, the text is the body.
func (s *Stream) parse(text string, read time.Time, t *logrecord.Text) stacktrace.Kind {
	p := &s.parsed
	fields := t.Fields[:0]
	if !s.detector.Parse(text, read, p) {
		*t = logrecord.Text{Body: text, Fields: fields}
		return stacktrace.Text
	}
	*t = logrecord.Text{
		Time: p.Time, HasTime: p.HasTime,
		Severity: p.Severity, SeverityText: p.SeverityText,
		Body: p.Message, EventName: p.EventName,
		Function: p.Function, File: p.File, LineNumber: p.LineNumber, PID: p.PID,
	}
	if p.Logger != "" {
		fields = append(fields, logrecord.Field{Key: attrLogger, Text: p.Logger})
	}
	if p.Thread != "" {
		fields = append(fields, logrecord.Field{Key: attrThread, Text: p.Thread})
	}
	for _, f := range p.Fields {
		fields = append(fields, logrecord.Field{Key: f.Key, Text: f.Value})
	}
	t.Fields = fields
	switch {
	case p.Head:
		return stacktrace.HeadRecord
	case p.Severity >= severity.Warn:
		return stacktrace.ErrorRecord
	}
	return stacktrace.Record
}

// setException fills the exception of a text that holds a stack trace. What stands
// before the trace stays the body; a text that is nothing else has its whole as body.
func setException(t *logrecord.Text, text string) {
	e, ok := stacktrace.Extract(text)
	if !ok {
		return
	}
	t.ExceptionType, t.ExceptionMessage, t.ExceptionStacktrace = e.Type, e.Message, e.Stacktrace
	if before, found := strings.CutSuffix(t.Body, e.Stacktrace); found {
		if before = strings.TrimRight(before, "\n\r \t"); before != "" {
			t.Body = before
		}
	}
}

// addAccess makes a record of an access log's line, whose whole is the body.
func (s *Stream) addAccess(l *Line) bool {
	text, uid := s.own(l)
	if !accesslog.Parse(text, s.set.Timezone, &s.access) {
		return false
	}
	s.named = s.access.Attributes(s.named[:0])
	s.fields = s.fields[:0]
	for _, a := range s.named {
		f := logrecord.Field{Key: a.Key}
		switch a.Kind {
		case accesslog.Int:
			f.Kind, f.Int = logrecord.IntField, a.Int
		case accesslog.Float:
			f.Kind, f.Float = logrecord.FloatField, a.Float
		default:
			f.Text = a.String
		}
		s.fields = append(s.fields, f)
	}
	t := logrecord.Text{Body: text, Category: "access", Fields: s.fields}
	t.Time, t.HasTime = s.access.Time, s.access.HasTime
	s.emit(text, uid, &t, l)
	clear(s.fields)
	return true
}

// addJSON makes a record of a JSON object. A line that only begins like one is an
// error where objects are what the stream has, and otherwise text.
func (s *Stream) addJSON(l *Line) bool {
	if s.last == JSON || s.set.Format == JSON {
		return s.batch.AddJSON(l.Data, s.originOf(l))
	}
	return s.batch.TryJSON(l.Data, s.originOf(l)) == nil
}
