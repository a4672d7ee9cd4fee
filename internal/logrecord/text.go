package logrecord

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// Text is what a line of plain text, or several that belong together, say; another
// parser has taken them apart. Its strings stay in the record.
type Text struct {
	// Time is the line's own where HasTime is set.
	Time    timestamp.Time
	HasTime bool

	Severity     severity.Number
	SeverityText string

	Body      string
	EventName string

	ExceptionType, ExceptionMessage, ExceptionStacktrace string

	Function, File string
	LineNumber     int64 // 0: none
	// PID is a process id, 0 for none; an attribute of the record.
	PID int64

	// Category is log.category, "" for none.
	Category string

	// Fields are further attributes; AddText changes the keys of those that it
	// renames. Where two have one key, or one has the key of
	// something above, the first is kept and the other is under "line." and the key.
	Fields []Field
	// Own says that the text is the collector's own, which may set attributes that
	// begin with heartwood.
	Own bool
}

// Field is an attribute with a type: one of Float and Int by Kind, otherwise Text.
type Field struct {
	Key   string
	Kind  FieldKind
	Text  string
	Int   int64
	Float float64
}

// FieldKind is the type of a field's value. The zero value is text.
type FieldKind uint8

// The kinds.
const (
	TextField FieldKind = iota
	IntField
	FloatField
)

// AddText makes one record of a text that has been taken apart. text is all of it,
// as it was written; like t's strings it stays in the record and must not change.
func (b *Batch) AddText(text string, t *Text, o *Origin) {
	now := b.observed
	if now.IsZero() {
		now = time.Now()
	}
	b.records++
	b.size += len(text)
	b.rec = record{uid: o.UID, event: t.EventName, severity: t.Severity, sevText: t.SeverityText}
	rec := &b.rec
	rec.hasSeverity = t.Severity != severity.Unspecified || t.SeverityText != ""
	if t.HasTime {
		rec.time, rec.hasTime = t.Time, true
	}
	if rec.uid == "" {
		u := b.uids.Next(now)
		var uid [recorduid.TextLen]byte
		rec.uid = string(u.AppendText(uid[:0]))
	}
	clear(b.best)
	b.pairs, b.hits = b.pairs[:0], b.hits[:0]
	b.finish(o)
	r := b.out.NewRecord(b.groupOf(o).records, len(text))
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
	b.setFields(r)
	if rec.event != "" {
		r.SetEventName(rec.event)
	}
	b.putText(r.Body(), t.Body)
	b.putTextAttributes(r, t)
	b.putExtras(o, text)
	b.out.Done()
}

func (b *Batch) putTextAttributes(r plog.LogRecord, t *Text) {
	b.out.Expect(r, len(b.extras)+len(t.Fields)+t.attributes())
	put := func(name, value string) {
		if value != "" {
			b.putText(b.out.AppendEmpty(b.own(name)), value)
		}
	}
	put(attrExceptionType, t.ExceptionType)
	put(attrException, t.ExceptionMessage)
	put(attrExceptionStack, t.ExceptionStacktrace)
	put(attrFunction, t.Function)
	put(attrFilePath, t.File)
	if t.LineNumber != 0 {
		b.out.AppendInt(b.own(attrLineNumber), t.LineNumber)
	}
	if t.PID != 0 {
		b.out.AppendInt(b.own(attrProcessPID), t.PID)
	}
	put("log.category", t.Category)
	for i := range t.Fields {
		f := &t.Fields[i]
		name := f.Key
		if !t.Own {
			name = b.own(name)
			for t.has(name, i) {
				name = displacedPrefix + name
			}
			f.Key = name // what has compares with
		}
		switch f.Kind {
		case IntField:
			b.out.AppendInt(name, f.Int)
		case FloatField:
			b.out.AppendDouble(name, f.Float)
		default:
			b.putText(b.out.AppendEmpty(name), f.Text)
		}
	}
}

// has reports whether the name is that of one of the first n fields, or of
// something that stands before them.
func (t *Text) has(name string, n int) bool {
	switch name {
	case attrExceptionType:
		return t.ExceptionType != ""
	case attrException:
		return t.ExceptionMessage != ""
	case attrExceptionStack:
		return t.ExceptionStacktrace != ""
	case attrFunction:
		return t.Function != ""
	case attrFilePath:
		return t.File != ""
	case attrLineNumber:
		return t.LineNumber != 0
	case attrProcessPID:
		return t.PID != 0
	case "log.category":
		return t.Category != ""
	}
	for i := range t.Fields[:n] {
		if t.Fields[i].Key == name {
			return true
		}
	}
	return false
}

// attributes is how many are set beside the fields.
func (t *Text) attributes() int {
	n := 0
	for _, s := range [...]string{t.ExceptionType, t.ExceptionMessage, t.ExceptionStacktrace, t.Function, t.File, t.Category} {
		if s != "" {
			n++
		}
	}
	if t.LineNumber != 0 {
		n++
	}
	if t.PID != 0 {
		n++
	}
	return n
}
