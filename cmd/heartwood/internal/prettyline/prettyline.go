// Package prettyline shows what a program says to a person: records with time,
// level, message and fields in their places, and all else as it is.
package prettyline

import (
	"bytes"
	"io"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/logstream"
	"github.com/heartwood-otel/heartwood/internal/stacktrace"
)

const (
	// Pause is how long what has no end yet is held back: a line without its end may
	// be a question, and a record may go on with a stack trace.
	Pause = 100 * time.Millisecond
	// maxLine is the longest line that is looked into; nobody reads more.
	maxLine = 64 << 10 // bytes
	// maxLines and maxBytes of one record.
	maxLines, maxBytes = 1000, 256 << 10
)

// Style says how records are shown.
type Style struct {
	Color    bool           // with the escape sequences of ECMA-48 terminals
	Location *time.Location // of the times shown; nil is the machine's
}

// Printer shows one stream. It belongs to one goroutine.
type Printer struct {
	out    io.Writer
	style  Style
	batch  *logrecord.Batch
	stream *logstream.Stream
	now    func() time.Time

	tail []byte // of a line that has not ended
	// through says that the line was shown before its end, and goes on as it is.
	through bool

	buf []byte
}

// New makes a printer to out.
func New(out io.Writer, style Style) (*Printer, error) {
	if style.Location == nil {
		style.Location = time.Local
	}
	mapper, err := logrecord.NewMapper(logrecord.Settings{
		KeepOriginal: true, // to show as it is what is no record
		Timezone:     style.Location,
		Exception: func(stack string) (typ, message string) {
			e, _ := stacktrace.Extract(stack)
			return e.Type, e.Message
		},
	})
	if err != nil {
		return nil, err
	}
	p := &Printer{out: out, style: style, batch: mapper.NewBatch(), now: time.Now}
	p.stream = logstream.New(&logstream.Settings{
		Timezone: style.Location,
		Join:     logstream.Join{MaxLines: maxLines, MaxBytes: maxBytes, Timeout: Pause},
	}, logstream.Source{}, p.batch)
	return p, nil
}

// Write takes what the program says. Its error is out's.
func (p *Printer) Write(data []byte) error {
	now := p.begin()
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		part := data
		if end >= 0 {
			part = data[:end]
		}
		switch {
		case p.through:
			p.buf = append(p.buf, part...)
			if end >= 0 {
				p.buf = append(p.buf, '\n')
				p.through = false
			}
		case len(p.tail)+len(part) > maxLine:
			p.flush()
			p.buf = append(append(p.buf, p.tail...), part...)
			p.tail = p.tail[:0]
			if p.through = end < 0; !p.through {
				p.buf = append(p.buf, '\n')
			}
		case end < 0:
			p.tail = append(p.tail, part...)
		case len(p.tail) > 0:
			p.tail = append(p.tail, part...)
			p.line(p.tail, now)
			p.tail = p.tail[:0]
		default:
			p.line(part, now)
		}
		if end < 0 {
			break
		}
		data = data[end+1:]
	}
	return p.emit()
}

// Wait is how long the next call of Write may keep off before Idle is to be called;
// 0: for ever.
func (p *Printer) Wait() time.Duration {
	if _, held := p.stream.Held(); held || len(p.tail) > 0 {
		return Pause
	}
	return 0
}

// Idle shows what has been held back: nothing has come for some time.
func (p *Printer) Idle() error {
	p.stream.Expire(p.begin())
	p.take()
	if len(p.tail) > 0 {
		p.flush()
		p.buf = append(p.buf, p.tail...)
		p.tail = p.tail[:0]
		p.through = true
	}
	return p.emit()
}

// Close shows all that is left.
func (p *Printer) Close() error {
	now := p.begin()
	if len(p.tail) > 0 && logLike(p.tail) {
		p.line(p.tail, now)
		p.tail = p.tail[:0]
	}
	p.flush()
	p.buf = append(p.buf, p.tail...) // without the end of line that it has not
	p.tail = p.tail[:0]
	return p.emit()
}

// logLike tells whether a last line without an end is worth a look.
func logLike(line []byte) bool { return line[0] == '{' || bytes.IndexByte(line, '=') > 0 }

func (p *Printer) begin() (now time.Time) {
	p.buf = p.buf[:0]
	now = p.now()
	p.batch.Observe(now)
	return now
}

func (p *Printer) emit() error {
	if len(p.buf) == 0 {
		return nil
	}
	_, err := p.out.Write(p.buf)
	if cap(p.buf) > maxBytes {
		p.buf = nil
	}
	return err
}

func (p *Printer) line(data []byte, now time.Time) {
	p.stream.Add(&logstream.Line{Data: trimCR(data), Read: now})
	p.take()
	if _, held := p.stream.Held(); isBlank(data) && !held {
		// The stream drops blank lines outside of traces; a person wants to see them.
		p.buf = append(append(p.buf, data...), '\n')
	}
}

// flush shows what the stream holds back.
func (p *Printer) flush() {
	p.stream.Flush()
	p.take()
}

func (p *Printer) take() {
	if p.batch.Len() == 0 {
		return
	}
	logs := p.batch.Take()
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				p.record(record)
			}
		}
	}
}

func (p *Printer) record(r plog.LogRecord) {
	if original, ok := asItIs(r); ok {
		p.buf = append(append(p.buf, original...), '\n')
		return
	}
	p.buf = p.style.appendRecord(p.buf, r)
}

const (
	original   = "log.record.original"
	parseError = "heartwood.parse_error"
)

// asItIs gives the text of a record that says nothing beside itself.
func asItIs(r plog.LogRecord) (text string, ok bool) {
	attrs := r.Attributes()
	v, has := attrs.Get(original)
	if !has {
		v = r.Body()
	}
	text = bodyText(v)
	if _, failed := attrs.Get(parseError); failed {
		return text, true
	}
	if r.Timestamp() != 0 || r.SeverityNumber() != 0 || r.SeverityText() != "" || r.EventName() != "" || !r.TraceID().IsEmpty() {
		return "", false
	}
	if _, trace := attrs.Get(stackTrace); trace && r.Body().Type() == textType && text == r.Body().Str() {
		return text, true // nothing but a stack trace
	}
	for key := range attrs.All() {
		if !machinery[key] {
			return "", false
		}
	}
	return text, r.Body().Type() != textType || r.Body().Str() == text
}

func isBlank(line []byte) bool { return len(bytes.TrimLeft(line, " \t\r")) == 0 }

func trimCR(line []byte) []byte { return bytes.TrimSuffix(line, []byte{'\r'}) }
