package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Field is one field of an entry with one value. A field with several values
// comes several times.
type Field struct {
	Name  string
	Value []byte
}

// Entry is an entry of the journal. Its bytes are its own.
type Entry struct {
	// Cursor is its place in the journal; "" where the line could not be read.
	Cursor string
	// Realtime is when the journal received it, in microseconds since 1970, and
	// Monotonic in microseconds since the machine's start. 0 is unknown.
	Realtime, Monotonic uint64
	// Message is the first MESSAGE. It may be binary.
	Message []byte
	// Fields are all others, in the order of journalctl, which means nothing. Those
	// with two underscores in front are not among them.
	Fields []Field
	// TooLarge are names of fields that journalctl left out for their size.
	TooLarge []string
	// Problem says why the line could not be read: Message then is the line, or as
	// much of it as is kept.
	Problem string
}

// Get is the first value of a field, or "".
func (e *Entry) Get(name string) string {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return string(e.Fields[i].Value)
		}
	}
	return ""
}

// Time is when the program wrote the entry, or the journal received it; zero is
// unknown.
func (e *Entry) Time() time.Time {
	for _, us := range []string{e.Get("_SOURCE_REALTIME_TIMESTAMP"), strconv.FormatUint(e.Realtime, 10)} {
		// Until 2262, which is what a record can hold.
		if n, err := strconv.ParseUint(us, 10, 64); err == nil && n > 0 && n <= 9223372036854775 {
			return time.UnixMicro(int64(n)).UTC()
		}
	}
	return time.Time{}
}

// maxUID is how long log.record.uid may be, in bytes.
const maxUID = 256

// UID tells the entry from all others, in any journal: the id of its numbering and
// its number, or the cursor where that has another form. It is "" for an entry
// without a cursor, and where it would be more than 256 bytes.
func (e *Entry) UID() string {
	s, rest, _ := strings.Cut(e.Cursor, ";")
	i, _, _ := strings.Cut(rest, ";")
	uid := e.Cursor
	if strings.HasPrefix(s, "s=") && strings.HasPrefix(i, "i=") {
		uid = s[2:] + "-" + i[2:]
	}
	if len(uid) > maxUID {
		return ""
	}
	return uid
}

// sameCursor says that both are of the same entry.
func sameCursor(a, b string) bool {
	if a == b {
		return a != ""
	}
	x, y := Entry{Cursor: a}, Entry{Cursor: b}
	return x.UID() != "" && x.UID() == y.UID()
}

// maxDepth bounds lists in lists: journalctl writes two levels, a list of values
// that are lists of bytes.
const maxDepth = 3

var errSyntax = errors.New("not a journal entry")

// Parse reads a line of journalctl -o json. It keeps line, which must not be
// changed any more. An entry that can't be read has a Problem.
//
// A value is a string; or a list of bytes, where it is no text or has control
// characters; or null, where it is too large; or a list of values.
//
// Source: https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-json-format
func Parse(line []byte) *Entry {
	p := parser{rest: line, entry: &Entry{Fields: make([]Field, 0, 32)}}
	if err := p.object(); err != nil {
		return &Entry{
			Message: line,
			Problem: fmt.Sprintf("journal entry, byte %d: %v", len(line)-len(p.rest), err),
		}
	}
	return p.entry
}

// parser reads one line; rest is what is still to be read.
type parser struct {
	rest       []byte
	entry      *Entry
	hasMessage bool
}

func (p *parser) blank() {
	i := 0
	for i < len(p.rest) && (p.rest[i] == ' ' || p.rest[i] == '\t' || p.rest[i] == '\r' || p.rest[i] == '\n') {
		i++
	}
	p.rest = p.rest[i:]
}

// next skips blanks and c, if it comes next.
func (p *parser) next(c byte) bool {
	p.blank()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) object() error {
	if !p.next('{') {
		return errSyntax
	}
	if !p.next('}') {
		for {
			text, err := p.text()
			if err != nil {
				return err
			}
			name, known := names[string(text)]
			if !known {
				name = string(text)
			}
			if !p.next(':') {
				return errSyntax
			}
			if err := p.value(name, 0); err != nil {
				return err
			}
			if p.next(',') {
				continue
			}
			if p.next('}') {
				break
			}
			return errSyntax
		}
	}
	if p.blank(); len(p.rest) > 0 {
		return errors.New("something follows its end")
	}
	if p.entry.Cursor == "" {
		return errors.New("it has no __CURSOR")
	}
	return nil
}

// text reads a string.
func (p *parser) text() ([]byte, error) {
	if !p.next('"') {
		return nil, errSyntax
	}
	end := bytes.IndexByte(p.rest, '"')
	if end < 0 {
		return nil, errSyntax
	}
	if i := bytes.IndexByte(p.rest[:end], '\\'); i >= 0 {
		return p.escaped(i)
	}
	s := p.rest[:end:end]
	p.rest = p.rest[end+1:]
	return s, nil
}

// escaped reads on where the first backslash is.
func (p *parser) escaped(i int) ([]byte, error) {
	for ; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			i++
		case '"':
			var s string
			raw := make([]byte, 0, i+2)
			raw = append(append(append(raw, '"'), p.rest[:i]...), '"')
			if err := json.Unmarshal(raw, &s); err != nil {
				return nil, err
			}
			p.rest = p.rest[i+1:]
			return []byte(s), nil
		}
	}
	return nil, errSyntax
}

func (p *parser) value(name string, depth int) error {
	p.blank()
	if len(p.rest) == 0 || depth == maxDepth {
		return errSyntax
	}
	switch p.rest[0] {
	case '"':
		s, err := p.text()
		if err != nil {
			return err
		}
		p.add(name, s)
		return nil
	case '[':
		p.rest = p.rest[1:]
		return p.list(name, depth)
	case 'n':
		if rest, ok := bytes.CutPrefix(p.rest, []byte("null")); ok {
			p.rest = rest
			p.entry.TooLarge = append(p.entry.TooLarge, name)
			return nil
		}
	}
	return errSyntax
}

// list reads what follows [: bytes, or values.
func (p *parser) list(name string, depth int) error {
	if p.next(']') {
		p.add(name, nil)
		return nil
	}
	if p.blank(); len(p.rest) > 0 && p.rest[0]-'0' <= 9 {
		return p.numbers(name)
	}
	for {
		if err := p.value(name, depth+1); err != nil {
			return err
		}
		if p.next(']') {
			return nil
		}
		if !p.next(',') {
			return errSyntax
		}
	}
}

func (p *parser) numbers(name string) error {
	// Each number stands for a byte and has a comma: half of the text, mostly less.
	end := bytes.IndexByte(p.rest, ']')
	if end < 0 {
		return errSyntax
	}
	value := make([]byte, 0, end/2+1)
	for {
		p.blank()
		n, digits := 0, 0
		for digits < len(p.rest) && digits < 4 && p.rest[digits]-'0' <= 9 {
			n = n*10 + int(p.rest[digits]-'0')
			digits++
		}
		if digits == 0 || n > 255 {
			return errSyntax
		}
		value = append(value, byte(n))
		p.rest = p.rest[digits:]
		if p.next(']') {
			p.add(name, value)
			return nil
		}
		if !p.next(',') {
			return errSyntax
		}
	}
}

func (p *parser) add(name string, value []byte) {
	e := p.entry
	switch name {
	case "__CURSOR":
		e.Cursor = string(value)
	case "__REALTIME_TIMESTAMP":
		e.Realtime, _ = strconv.ParseUint(string(value), 10, 64)
	case "__MONOTONIC_TIMESTAMP":
		e.Monotonic, _ = strconv.ParseUint(string(value), 10, 64)
	case "MESSAGE":
		if p.hasMessage {
			e.Fields = append(e.Fields, Field{name, value})
			return
		}
		p.hasMessage = true
		e.Message = value
	default:
		if !strings.HasPrefix(name, "__") { // __SEQNUM and the like: in the cursor
			e.Fields = append(e.Fields, Field{name, value})
		}
	}
}
