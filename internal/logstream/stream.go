package logstream

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/accesslog"
	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/stacktrace"
	"github.com/heartwood-otel/heartwood/internal/textline"
)

// Format says what the lines of a stream are.
type Format uint8

const (
	// Auto finds out for each line, and tries first what the line before was.
	Auto Format = iota
	// JSON takes every line for a JSON object.
	JSON
	// Logfmt takes every line for logfmt.
	Logfmt
	// Text takes every line for plain text, with a layout or without.
	Text
	// Access takes every line for one of an access log.
	Access
)

// Settings are what all streams of a receiver have in common. They must not change.
type Settings struct {
	Format Format
	// Pattern, if set, is tried before all else.
	Pattern *textline.Pattern
	// Timezone is that of times without a zone; nil is UTC.
	Timezone *time.Location
	Join     Join
}

// Join bounds what is joined to one record.
type Join struct {
	// Disabled makes a record of every line.
	Disabled bool
	// Unindented joins also lines at the margin that have no layout, behind a record
	// that has one.
	Unindented bool
	// MaxLines and MaxBytes of a record; what follows is a record of its own.
	MaxLines, MaxBytes int
	// Timeout is how long a record waits for a line that continues it.
	Timeout time.Duration
}

// Source is what all lines of a stream have in common.
type Source struct {
	// Origin is the stream's, but for UID, Time, Piece, Original and Problem, which are
	// its lines'.
	Origin logrecord.Origin
	// ID makes the uid of a record: ID, "-" and its offset. "" gives it a UUIDv7.
	ID string
	// Offsets adds log.file.record_offset.
	Offsets bool
}

const attrOffset = "log.file.record_offset"

// Line is one line of a stream, without its end.
type Line struct {
	// Data is valid during the call.
	Data []byte
	// Offset is where the line begins in its file.
	Offset int64
	// Time is when the line was written, as a container's runtime says; zero is
	// unknown.
	Time time.Time
	// Read is when it was read.
	Read time.Time
	// Piece is set for a part of a longer line, and Problem for a line that is not
	// whole: neither is looked into or joined.
	Piece   logrecord.Piece
	Problem string
	// Nth counts the pieces before this one that begin at the same offset.
	Nth int
	// Attributes are the line's own, beside its stream's.
	Attributes []logrecord.Attribute
	// Origin, if set, is the line's own, and takes the place of the stream's, Time and
	// Attributes. Data may then be several lines, which are a record.
	Origin *logrecord.Origin
}

// Stream makes records of lines. It is for one goroutine at a time.
type Stream struct {
	set      *Settings
	batch    *logrecord.Batch
	from     Source
	origin   logrecord.Origin
	extra    []logrecord.Attribute
	detector textline.Detector
	joiner   stacktrace.Joiner
	last     Format // of the line before
	held     held
	texts    [2]logrecord.Text // of the line before and the current one, in turn
	parsed   textline.Line
	access   accesslog.Entry
	named    []accesslog.Attribute
	fields   []logrecord.Field
	prefix   string // of uids
	uid      []byte
	joined   int64
}

// held is a record of plain text that more lines may come for.
type held struct {
	open   bool
	first  string // its first line
	uid    string
	text   *logrecord.Text
	attrs  []logrecord.Attribute
	origin *logrecord.Origin
	more   []byte // first and what was joined to it, once something was
	lines  int
	offset int64
	time   time.Time
	since  time.Time // its last line was read
}

// New begins a stream whose records go to batch.
func New(set *Settings, from Source, batch *logrecord.Batch) *Stream {
	s := &Stream{set: set, batch: batch, from: from, origin: from.Origin}
	s.extra = append(s.extra, from.Origin.Attributes...)
	if from.ID != "" {
		s.prefix = from.ID + "-"
		s.origin.UIDPrefix = s.prefix
	}
	if from.Offsets {
		s.extra = append(s.extra, logrecord.Attribute{Key: attrOffset, IsInt: true})
	}
	s.detector.Pattern = set.Pattern
	s.joiner.Margin = set.Join.Unindented
	s.detector.Location = set.Timezone
	return s
}

// Add takes the next line. Its record may be held back until it is sure that no line
// continues it.
func (s *Stream) Add(l *Line) {
	if l.Piece.ID != "" || l.Problem != "" {
		s.Flush()
		s.joiner.Reset()
		s.batch.Add(l.Data, s.originOf(l))
		return
	}
	if isBlank(l.Data) {
		// What is blank says nothing, but inside of a trace.
		s.continues(l, stacktrace.Text)
		return
	}
	switch format := s.recognise(l); format {
	case JSON, Logfmt, Access:
		if s.continues(l, stacktrace.Structured) {
			return
		}
		s.addStructured(l, format)
	default:
		s.addText(l)
	}
}

// recognise tells the format of a line from how it begins.
func (s *Stream) recognise(l *Line) Format {
	if s.set.Format != Auto {
		return s.set.Format
	}
	if s.set.Pattern != nil {
		return Text
	}
	switch {
	case looksLikeJSON(l.Data):
		return JSON
	case looksLikeLogfmt(l.Data):
		return Logfmt
	case looksLikeAccess(l.Data):
		return Access
	}
	return Text
}

func (s *Stream) addStructured(l *Line, format Format) {
	switch format {
	case JSON:
		if s.addJSON(l) {
			s.last = JSON
			return
		}
	case Access:
		if s.addAccess(l) {
			s.last = Access
			return
		}
	case Logfmt:
		s.last = Logfmt
		s.batch.Add(l.Data, s.originOf(l))
		return
	case Auto, Text:
	}
	s.joiner.Reset()
	s.addText(l)
}

// addText holds back a line of plain text, or joins it to what is held.
func (s *Stream) addText(l *Line) {
	text, uid := s.own(l)
	t := &s.texts[0]
	if t == s.held.text {
		t = &s.texts[1]
	}
	if l.Origin != nil && bytes.IndexByte(l.Data, '\n') >= 0 {
		s.Flush()
		s.joiner.Reset()
		s.parse(text, l.Read, t)
		setException(t, text)
		s.emit(text, uid, t, l)
		return
	}
	kind := s.parse(text, l.Read, t)
	if s.continues(l, kind) {
		return
	}
	s.last = Text
	if s.set.Join.Disabled || !s.joiner.Open() {
		s.emit(text, uid, t, l)
		return
	}
	h := &s.held
	h.open, h.first, h.uid, h.text = true, text, uid, t
	h.lines, h.offset, h.time, h.since = 1, l.Offset, l.Time, l.Read
	if len(l.Attributes) > 0 {
		h.attrs = slices.Clone(l.Attributes)
	}
	if l.Origin != nil {
		own := *l.Origin
		own.Attributes = slices.Clone(own.Attributes)
		h.origin = &own
	}
}

// continues joins the line to the record that is held, if it belongs there;
// otherwise that record is given out.
func (s *Stream) continues(l *Line, kind stacktrace.Kind) bool {
	if s.set.Join.Disabled {
		return false
	}
	h := &s.held
	if h.open && (h.lines >= s.set.Join.MaxLines || max(len(h.first), len(h.more))+1+len(l.Data) > s.set.Join.MaxBytes) {
		s.Flush()
		s.joiner.Reset()
	}
	if isBlank(l.Data) && !h.open {
		return true
	}
	if !s.joiner.Continues(l.Data, kind) || !h.open {
		s.Flush()
		return false
	}
	if len(h.more) == 0 {
		h.more = append(h.more, h.first...)
	}
	h.more = append(append(h.more, '\n'), l.Data...)
	h.lines++
	h.since = l.Read
	s.joined++
	return true
}

// Held is the offset of the first line that is held back; ok is false when none is.
func (s *Stream) Held() (offset int64, ok bool) { return s.held.offset, s.held.open }

// Since is when the last line was read of what is held back.
func (s *Stream) Since() time.Time { return s.held.since }

// Expire gives out what has been held back for longer than Join.Timeout.
func (s *Stream) Expire(now time.Time) {
	if s.held.open && now.Sub(s.held.since) >= s.set.Join.Timeout {
		s.Flush()
		s.joiner.Reset()
	}
}

// TakeJoined counts the lines that became part of another line's record since it was
// last called.
func (s *Stream) TakeJoined() int64 {
	n := s.joined
	s.joined = 0
	return n
}

// Flush gives out what is held back.
func (s *Stream) Flush() {
	h := &s.held
	if !h.open {
		return
	}
	text := h.first
	if len(h.more) > 0 {
		// All of it is parsed anew: the message goes on to its end.
		text = string(bytes.TrimRight(h.more, "\n\r \t"))
		s.parse(text, h.since, h.text)
	}
	if s.joiner.InTrace() || len(h.more) > 0 {
		setException(h.text, text)
	}
	s.emit(text, h.uid, h.text, &Line{Offset: h.offset, Time: h.time, Attributes: h.attrs, Origin: h.origin})
	more := h.more[:0]
	if cap(more) > maxKept {
		more = nil
	}
	*h = held{more: more}
}

// maxKept is the memory that a stream keeps for joining, in bytes.
const maxKept = 16 << 10

func (s *Stream) emit(text, uid string, t *logrecord.Text, l *Line) {
	if l.Origin != nil {
		s.batch.AddText(text, t, l.Origin)
		return
	}
	s.setOrigin(l.Offset, l.Time, l.Attributes)
	s.origin.UID = uid
	s.batch.AddText(text, t, &s.origin)
}

func (s *Stream) originOf(l *Line) *logrecord.Origin {
	if l.Origin != nil {
		return l.Origin
	}
	s.setOrigin(l.Offset, l.Time, l.Attributes)
	s.origin.Piece, s.origin.Problem = l.Piece, l.Problem
	if l.Piece.ID == "" {
		s.setUID(l.Offset, -1)
	} else {
		s.setUID(l.Offset, l.Nth)
	}
	return &s.origin
}

func (s *Stream) setOrigin(offset int64, written time.Time, attrs []logrecord.Attribute) {
	o := &s.origin
	o.Time, o.Piece, o.Problem = written, logrecord.Piece{}, ""
	if s.from.Offsets {
		s.extra[len(s.extra)-1].Int = offset
	}
	o.Attributes = s.extra
	if len(attrs) > 0 {
		o.Attributes = slices.Concat(s.extra, attrs)
	}
}

// setUID makes the uid of the record that begins at offset; two pieces may begin at
// one.
func (s *Stream) setUID(offset int64, piece int) {
	o := &s.origin
	o.UIDNumber = offset
	o.UID = ""
	if s.prefix != "" && piece >= 0 {
		o.UID = s.prefix + strconv.FormatInt(offset, 10) + "." + strconv.Itoa(piece)
	}
}

// own gives a line as a string that stays, and its uid, "" where there is no ID.
// Both have one allocation.
func (s *Stream) own(l *Line) (text, uid string) {
	if s.prefix == "" || l.Origin != nil {
		return string(l.Data), ""
	}
	s.uid = strconv.AppendInt(append(s.uid[:0], s.prefix...), l.Offset, 10)
	var both strings.Builder
	both.Grow(len(l.Data) + len(s.uid))
	both.Write(l.Data)
	both.Write(s.uid)
	all := both.String()
	return all[:len(l.Data)], all[len(l.Data):]
}
