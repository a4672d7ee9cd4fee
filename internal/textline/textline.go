package textline

import (
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// Field is a further value that a line names.
type Field struct {
	Key, Value string
}

// Line is what a line says. Its strings are parts of the text given to Parse, but
// where that had colour codes.
type Line struct {
	Time    timestamp.Time
	HasTime bool

	// Severity is 0 where SeverityText is empty or a word that ranks nothing.
	Severity     severity.Number
	SeverityText string

	Logger     string
	Function   string
	File       string
	LineNumber int64 // 0 when not known
	PID        int64 // 0 when not known
	Thread     string
	EventName  string
	Message    string

	// Fields are in the order of the line. The slice is reused by the next Parse
	// into the same Line.
	Fields []Field

	// Head says that the message stands on the next line, which must be joined to
	// this one and both parsed again.
	Head bool
}

// Detector knows the lines of one stream. The zero value is ready. It is not safe
// for use by several goroutines.
type Detector struct {
	// Location is the zone of times that name none; nil is UTC.
	Location *time.Location
	// Pattern is tried before all layouts, unless nil.
	Pattern *Pattern

	// nameFirst says that the stream has had a plain word before a severity that
	// does not occur in prose, so that it is the name of a logger.
	nameFirst bool
	// lowerFirst says that the stream has had severities in lower case before a
	// colon, so that http is one too.
	lowerFirst bool
}

// maxIndent is how far a line may be indented and still begin a record, in bytes:
// tracing's pretty form has 2, severities padded to five have 1. Continuation
// lines have 4 or a tab.
const maxIndent = 2

// maxFields bounds the pairs of one line: with more they stay in the message. nginx
// writes eight at most, and a Line keeps the room for its fields.
const maxFields = 64

// Parse takes text apart, a line or several that were joined: the first decides,
// and the message goes on to the end. observed is about when the line was written;
// it gives the date, or the year, that the line leaves out.
//
// It is false when no layout fits, and out is empty then. It costs no allocation
// unless the line has colour codes or the user's pattern fits.
func (d *Detector) Parse(text string, observed time.Time, out *Line) bool {
	*out = Line{Fields: out.Fields[:0]}
	if d.Pattern != nil && d.Pattern.parse(text, d, observed, out) {
		return true
	}
	at := 0
	for at < len(text) && at < maxIndent && text[at] == ' ' {
		at++
	}
	if at == len(text) || starts[text[at]] == 0 {
		return false
	}
	if !mayStart(text[at:]) {
		return false
	}
	end := strings.IndexByte(text, '\n')
	if end < 0 {
		end = len(text)
	}
	if strings.IndexByte(text[:end], escape) >= 0 {
		text = stripColours(text)
		if end = strings.IndexByte(text, '\n'); end < 0 {
			end = len(text)
		}
		for at = 0; at < end && at < maxIndent && text[at] == ' '; at++ {
		}
	}
	if end > 0 && end < len(text) && text[end-1] == '\r' {
		end--
	}
	if at >= end {
		return false
	}
	p := parser{d: d, text: text, line: text[:end], out: out, observed: observed}
	if p.parse(at) {
		return true
	}
	*out = Line{Fields: out.Fields[:0]}
	return false
}

// starts are the classes of the bytes with which a line of a layout may begin.
var starts = func() (t [256]byte) {
	for c := '0'; c <= '9'; c++ {
		t[c] = startDigit
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = startUpper
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] = startLower
	}
	t['['] = startBracket
	t[escape] = startEscape
	return t
}()

const (
	startDigit = iota + 1
	startUpper
	startLower
	startBracket
	startEscape
)

// mayStart refuses most lines without a layout by their first bytes.
func mayStart(s string) bool {
	if len(s) < 5 {
		return false
	}
	switch starts[s[0]] {
	case startUpper:
		// A severity, klog's and Ruby's letter, or a month or day of three letters.
		return s[1] < 'a' || s[3] == ' '
	case startLower:
		n := 1
		for n < len(s) && n < maxPrefix && isNameByte(s[n]) {
			n++
		}
		return n < len(s) && s[n] == ':'
	case startDigit:
		return isDigit(s[1])
	}
	return true
}

// parser is one run of Parse.
type parser struct {
	d        *Detector
	text     string // all lines
	line     string // the first
	out      *Line
	observed time.Time
	// micros says that the time had a T, and six digits of a second: tracing's.
	micros bool
	// slashes says that the date had slashes: Go's.
	slashes bool
}

func (p *parser) parse(at int) bool {
	switch starts[p.line[at]] {
	case startDigit:
		return p.digitLed(at)
	case startBracket:
		return p.bracketLed(at)
	case startUpper:
		return p.upperLed(at)
	case startLower:
		return p.lowerLed(at)
	}
	return false
}

// message sets the message to what begins at i, and blanks before it are skipped.
func (p *parser) message(i int) bool {
	p.out.Message = p.text[p.skipBlanks(i):]
	return true
}

func (p *parser) skipBlanks(i int) int {
	for i < len(p.line) && (p.line[i] == ' ' || p.line[i] == '\t') {
		i++
	}
	return i
}

// time reads a time at i, and gives the index behind it.
func (p *parser) time(i int) (next int, ok bool) {
	t, n, ok := p.d.readTime(p.line[i:], p.observed)
	if !ok {
		return i, false
	}
	p.out.Time, p.out.HasTime = t, true
	p.slashes = p.line[i+4] == '/'
	p.micros = n == len("2026-04-09T10:15:30.123456Z") && p.line[i+10] == 'T'
	return i + n, true
}

func (p *parser) field(key, value string) {
	p.out.Fields = append(p.out.Fields, Field{key, value})
}
