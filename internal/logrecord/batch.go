package logrecord

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/pdataslab"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// Batch collects records. It is for one goroutine at a time.
type Batch struct {
	m      *Mapper
	parser *logfmt.Parser
	uids   *recorduid.Source

	// head parses what stands before a syntax error; made when first needed.
	head *logfmt.Parser

	// observed is the time of the lines to come, zero to ask the clock for each.
	observed time.Time

	logs    plog.Logs
	records int
	size    int
	// problems counts the records with a parse error.
	problems int

	// groups holds the batch's resources; current is that of the last record.
	groups  map[string]*group
	current *group
	key     []byte   // of a group, scratch
	names   []string // of resource attributes, scratch

	// json is what lines of JSON need; made when first needed.
	json *jsonReader

	// Of the current line. f is the field map of its format, and best has one choice
	// for each of its targets, or more.
	f     *fieldMap
	pairs []logfmt.Pair
	hits  []hit
	best  []choice
	rec   record
	out   pdataslab.Builder
	// extras are the names of attributes that are set by the collector itself;
	// bit n of extraLens is set when one of them has n bytes, modulo 64.
	extras    []string
	extraLens uint64
}

func (b *Batch) begin() {
	b.logs = plog.NewLogs()
	b.records, b.size, b.problems = 0, 0, 0
	b.current = nil
	clear(b.groups)
}

// Len is the number of records.
func (b *Batch) Len() int { return b.records }

// Problems is the number of records that carry heartwood.parse_error.
func (b *Batch) Problems() int { return b.problems }

// Size is the sum of the lines' lengths in bytes.
func (b *Batch) Size() int { return b.size }

// Observe says when the lines added from now on were received: after a read that
// brings many lines, one look at the clock is enough. The zero time, which a new
// batch begins with, asks the clock for each line.
func (b *Batch) Observe(now time.Time) { b.observed = now }

// Take hands over the records, in the order they were added within each resource,
// and begins anew. The resources stand in the order of their first records.
func (b *Batch) Take() plog.Logs {
	logs := b.logs
	b.begin()
	b.tidy()
	return logs
}

// Add makes one record of one line, which is without its line end. It copies what
// it keeps: line may be reused. The strings of a record are parts of its own copy
// of the line and of nothing else, so that one that is kept holds on to that line,
// but to no other.
func (b *Batch) Add(line []byte, o *Origin) {
	text, now := b.start(line, o)
	parsed, problem := b.read(text, o)
	b.finish(o)
	r := b.newRecord(len(line), now, o)
	if parsed {
		b.setPairs(r, o, text)
	} else {
		if problem != "" {
			b.problems++
		}
		b.setText(r, o, text, problem)
	}
	b.end()
}

// start begins a record: it copies the line, and gives the uid and the time.
func (b *Batch) start(line []byte, o *Origin) (text string, now time.Time) {
	now = b.observed
	if now.IsZero() {
		now = time.Now()
	}
	b.rec = record{}
	if o.UID != "" {
		b.rec.uid = o.UID
		return string(line), now
	}
	// One allocation for the line and its uid.
	var both strings.Builder
	var scratch [recorduid.TextLen]byte
	uid := scratch[:0]
	if o.UIDPrefix != "" {
		uid = strconv.AppendInt(uid, o.UIDNumber, 10)
		both.Grow(len(line) + len(o.UIDPrefix) + len(uid))
		both.Write(line)
		both.WriteString(o.UIDPrefix)
	} else {
		u := b.uids.Next(now)
		uid = u.AppendText(uid)
		both.Grow(len(line) + len(uid))
		both.Write(line)
	}
	both.Write(uid)
	b.rec.uid = both.String()[len(line):]
	return both.String()[:len(line)], now
}

// newRecord appends a record, with its fields, for a line of this length.
func (b *Batch) newRecord(size int, now time.Time, o *Origin) plog.LogRecord {
	b.records++
	b.size += size
	r := b.out.NewRecord(b.groupOf(o).records, size)
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
	b.setFields(r)
	return r
}

// end lets go of what an unusual line has made grow.
func (b *Batch) end() {
	if cap(b.pairs) > maxKeptPairs {
		b.pairs = nil
	}
	if cap(b.key) > maxKeptKey {
		b.key = nil
	}
}

// read parses the line where it is to be parsed, and chooses what fills the
// targets. parsed is false when the line itself is the body; problem then says why,
// or is "" when it is plain text or a piece.
func (b *Batch) read(line string, o *Origin) (parsed bool, problem string) {
	clear(b.best)
	b.f = &b.m.logfmt
	b.pairs, b.hits = b.pairs[:0], b.hits[:0]
	if o.Piece.ID != "" || o.Problem != "" {
		return false, o.Problem
	}
	if strings.IndexByte(line, '=') < 0 {
		return false, utf8Problem(line)
	}
	if len(line) > 2*maxPairs {
		n := tokens(line)
		if n > maxPairs {
			return false, tooMany
		}
		b.pairs = slices.Grow(b.pairs, n)
	}
	pairs, err := b.parser.AppendPairs(b.pairs, line)
	b.pairs = pairs
	if err != nil {
		if syntax, ok := errors.AsType[*logfmt.SyntaxError](err); ok {
			b.readHead(line, syntax.Column)
		}
		return false, err.Error()
	}
	if !hasValue(pairs) {
		b.pairs = b.pairs[:0]
		return false, ""
	}
	b.choose()
	if len(pairs) > maxAttributes {
		return false, tooMany
	}
	return true, ""
}

// A record has at most maxAttributes of its line's pairs. Lines with more than
// maxPairs, duplicates counted, are not parsed at all; and scratch for more than
// maxKeptPairs is not kept, for a batch may belong to one of thousands of
// connections.
const (
	maxAttributes = 1000
	maxPairs      = 4 * maxAttributes
	maxKeptPairs  = 1024
)

var tooMany = "logfmt: more than " + strconv.Itoa(maxAttributes) + " pairs"

func utf8Problem(line string) string {
	if utf8.ValidString(line) {
		return ""
	}
	i := 0
	for i < len(line) {
		r, n := utf8.DecodeRuneInString(line[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return (&logfmt.SyntaxError{Column: i + 1, Cause: logfmt.InvalidUTF8}).Error()
}

// tokens counts the pairs that the parser would find, up to one more than
// maxPairs: what is in a line's quotes may be long, but a line of nothing
// but keys would make the parser use 50 bytes for each of its own.
func tokens(line string) int {
	count := 0
	for i := 0; i < len(line) && count <= maxPairs; {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		count++
		if line[i] == '"' {
			i = afterQuote(line, i)
		} else {
			for i < len(line) && line[i] != ' ' && line[i] != '\t' && line[i] != '=' {
				i++
			}
		}
		if i == len(line) || line[i] != '=' {
			continue
		}
		i++
		if i < len(line) && line[i] == '"' {
			i = afterQuote(line, i)
			continue
		}
		for i < len(line) && line[i] != ' ' && line[i] != '\t' {
			i++
		}
	}
	return count
}

// afterQuote is the place behind the text in quotes that begins at i.
func afterQuote(line string, i int) int {
	for i++; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(line)
}

func hasValue(pairs []logfmt.Pair) bool {
	for i := range pairs {
		if !pairs[i].Bare() {
			return true
		}
	}
	return false
}

// readHead chooses among the pairs that stand whole before the error of a line, so
// that a line that was cut off keeps its time, severity and service. What stands
// behind the error may be the inside of a text and is not believed.
func (b *Batch) readHead(line string, column int) {
	b.pairs = b.pairs[:0]
	if column < 2 || column > len(line) {
		return
	}
	if b.head == nil {
		b.head = logfmt.NewParser(logfmt.Options{Types: b.m.set.Types, Duplicates: logfmt.First})
	}
	before := line[:column-1]
	pairs, err := b.head.AppendPairs(b.pairs, before)
	if err != nil {
		return
	}
	// The last pair is the one that the error is in.
	if last := before[len(before)-1]; last != ' ' && last != '\t' && len(pairs) > 0 {
		pairs = pairs[:len(pairs)-1]
	}
	b.pairs = pairs
	b.choose()
}

// tidy lets go of the lines of the last batch, which the scratch still points to,
// and of what an unusual line has made grow.
func (b *Batch) tidy() {
	clear(b.pairs[:cap(b.pairs)])
	clear(b.extras[:cap(b.extras)])
	b.out.Forget()
	b.rec = record{}
	if b.json != nil {
		b.json.forget()
	}
}

const maxKeptKey = 16 << 10 // bytes
