package containerlog

import (
	"slices"
	"unicode/utf8"
)

// minJoin keeps the limit of a Joiner above the longest UTF-8 sequence.
const minJoin = 16

// Joined is a line as the program wrote it, or a piece of one that is too long.
type Joined struct {
	// Content is the entry's own, or was made for this Joined: it is valid as long as
	// the last entry's. Attrs and Tags are those of the line's first entry, under the
	// same rule.
	Content []byte
	Attrs   []byte
	Tags    []byte
	// Extra are those of the entries in it; the same in one after the other count
	// once.
	Extra []Attribute
	// Time is that of the line's first entry.
	Time   uint64
	Stream Stream
	// Start is the offset that the line's first entry was given with, and Offset
	// that of the entry in which Content begins, or of one before it.
	Start, Offset int64
	// Cut says that Content is a piece of the line that begins at Start. Index
	// counts the pieces from 0, and Last marks the one that completes it; it may be
	// empty.
	Cut   bool
	Index int
	Last  bool
	// Unended says that the file ended before the line did.
	Unended bool
}

// Joiner puts together the pieces that a runtime made of a long line. The
// streams of one file are kept apart:
//
//	offset    entry           given out
//	     0    stdout P a
//	    40    stderr F x      x                  held from 0
//	    80    stdout P b
//	   120    stdout F c      abc, Start 0       nothing held
//
// It is for one file and one goroutine, and holds nothing while no line is open.
type Joiner struct {
	max   int
	lines [streams]openLine
}

// openLine is a line whose end has not come.
type openLine struct {
	open   bool
	held   []byte // not given out yet
	extra  int    // bytes in first.Extra
	offset int64  // of the entry that held begins in
	first  Joined // what all pieces share
	pieces int    // given out
}

// NewJoiner makes a Joiner for lines of up to maxBytes bytes, at least 16; what
// is longer comes in pieces.
func NewJoiner(maxBytes int) *Joiner { return &Joiner{max: max(maxBytes, minJoin)} }

// Append takes the entry that stands at offset of the file, and appends to dst
// what is complete: mostly the entry itself, uncopied. Offsets must not become less.
// The content of what is appended is valid as long as the entry's.
func (j *Joiner) Append(dst []Joined, e *Entry, offset int64) []Joined {
	l := &j.lines[e.Stream%streams]
	if !l.open && !e.Partial && len(e.Content) <= j.max {
		return append(dst, Joined{
			Content: e.Content, Attrs: e.Attrs, Tags: e.Tags, Extra: e.Extra,
			Time: e.Time, Stream: e.Stream, Start: offset, Offset: offset,
		})
	}
	if !l.open {
		*l = openLine{open: true, first: Joined{
			Attrs: slices.Clone(e.Attrs), Tags: slices.Clone(e.Tags), Time: e.Time, Stream: e.Stream, Start: offset,
		}}
	}
	content := e.Content
	extra := e.Extra
	if slices.Equal(extra, l.first.Extra) {
		extra = nil
	}
	size := 0
	for _, a := range extra {
		size += len(a.Key) + len(a.Value)
	}
	if len(l.held) > 0 && len(l.held)+l.extra+size+len(content) > j.max {
		dst, content = l.giveHeld(dst, content)
	}
	if len(l.held) == 0 && len(content) == len(e.Content) {
		l.offset = offset
	}
	l.first.Extra = append(l.first.Extra, extra...)
	l.extra += size
	for len(content) > j.max {
		n := wholeRunes(content[:j.max])
		dst = append(dst, l.piece(content[:n:n]))
		content = content[n:]
		l.offset = offset
	}
	if e.Partial {
		l.held = append(l.held, content...)
		return dst
	}
	if len(l.held) > 0 {
		l.held = append(l.held, content...)
		content = l.held
	}
	return l.end(dst, content, false)
}

// giveHeld appends what is held as a piece. Bytes at its end that begin a rune
// go before content.
func (l *openLine) giveHeld(dst []Joined, content []byte) (newDst []Joined, rest []byte) {
	n := wholeRunes(l.held)
	if n > 0 {
		dst = append(dst, l.piece(l.held[:n:n]))
	}
	if tail := l.held[n:]; len(tail) > 0 {
		content = slices.Concat(tail, content)
	}
	l.held = nil
	return dst, content
}

// piece is the next piece of l.
func (l *openLine) piece(content []byte) Joined {
	p := l.first
	p.Content, p.Offset, p.Cut, p.Index = content, l.offset, true, l.pieces
	l.pieces++
	l.first.Extra, l.extra = nil, 0
	return p
}

// end appends the last piece of l, or all of it, and closes l.
func (l *openLine) end(dst []Joined, content []byte, unended bool) []Joined {
	p := l.piece(content)
	p.Cut, p.Last, p.Unended = p.Index > 0, p.Index > 0, unended
	*l = openLine{}
	return append(dst, p)
}

// waits says that something of l is still to be given out.
func (l *openLine) waits() bool {
	return len(l.held) > 0 || l.extra > 0
}

// wholeRunes is the length of s without the bytes at its end that only begin a
// rune.
func wholeRunes(s []byte) int {
	for n := len(s) - 1; n >= max(0, len(s)-utf8.UTFMax); n-- {
		if utf8.RuneStart(s[n]) {
			if !utf8.FullRune(s[n:]) {
				return n
			}
			break
		}
	}
	return len(s)
}

// Held is the offset of the first entry of which something is held, over all
// streams. A checkpoint that is not past it loses nothing. ok is false when
// nothing is held.
func (j *Joiner) Held() (offset int64, ok bool) {
	for i := range j.lines {
		if l := &j.lines[i]; l.waits() && (!ok || l.offset < offset) {
			offset, ok = l.offset, true
		}
	}
	return offset, ok
}

// Size is the number of bytes held.
func (j *Joiner) Size() (n int) {
	for i := range j.lines {
		n += len(j.lines[i].held) + j.lines[i].extra
	}
	return n
}

// Flush appends what is held, after no more came for too long, as pieces: what
// comes later goes on with them. The contents are nobody else's.
func (j *Joiner) Flush(dst []Joined) []Joined {
	for i := range j.lines {
		if l := &j.lines[i]; l.waits() {
			dst = append(dst, l.piece(l.held))
			l.held = nil
		}
	}
	return dst
}

// End appends what is held at the end of the file, marked as Unended, and begins
// anew. The contents are nobody else's.
func (j *Joiner) End(dst []Joined) []Joined {
	for i := range j.lines {
		l := &j.lines[i]
		if l.waits() {
			dst = l.end(dst, l.held, true)
		}
		*l = openLine{}
	}
	return dst
}
