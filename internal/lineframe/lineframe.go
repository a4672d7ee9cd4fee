// Package lineframe cuts a byte stream into frames: lines that end in LF, CR LF or
// NUL, and the octet-counted frames of RFC 6587, section 3.4.1, recognised by
// themselves.
//
// # Which framing
//
// The decision is made at the beginning of every frame. A frame is octet-counted
// when the stream goes on with
//
//	1*8DIGIT SP "<" 1*3DIGIT ">"        first digit not 0
//
// which is a count followed by the PRI that begins every syslog message. A logfmt
// line such as "123 a=b" has no PRI and is a line. The digits are limited to eight
// (under 100 MB), so that a forged count can't swallow a stream without end; more
// digits are text, and the line that they stand in is delivered as one.
//
// # Long frames
//
// Whatever is longer than the limit comes as pieces of at most that size, in
// order, the last one marked. A piece never ends inside a UTF-8 sequence, and no
// byte is left out.
//
// # Memory
//
// A Reader holds one buffer. It begins small, grows while reads fill it, never
// past the limit for lines plus the size of one read, and shrinks again after a
// long line. A Budget shared by many readers bounds what they hold together: a
// reader that gets nothing from it cuts its line early instead of growing.
package lineframe

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// Framing says how the end of a frame was found.
type Framing uint8

const (
	// Line is a frame that ended in LF, CR LF or NUL, or with the stream.
	Line Framing = iota
	// Octets is a frame whose length was announced (RFC 6587 octet counting).
	Octets
)

// Frame is one line, one octet-counted message, or a piece of one.
type Frame struct {
	// Data is the frame without its count and terminators. It is valid until the
	// next call of a method of the Reader.
	Data    []byte
	Framing Framing
	// Cut says that the frame is a piece of something longer; Index counts the
	// pieces from 0, and Last marks the one that completes it.
	Cut   bool
	Index int
	Last  bool
	// Missing is, for an octet-counted frame that the stream broke off, how many of
	// the announced bytes never came.
	Missing int
	// Unended says that the stream ended before the line did: Rest took what came for
	// a line. Whether it is one, only the reason of the end can tell.
	Unended bool
}

// Settings of a Reader. Sizes are in bytes; zero means the default.
type Settings struct {
	// MaxLine is the largest frame that comes in one piece. Default 1 MiB, at least
	// 16.
	MaxLine int
	// ReadSize is how much one read asks for at most. Default 64 KiB.
	ReadSize int
	// Budget, if set, is asked before the buffer grows past ReadSize.
	Budget *Budget
}

const (
	defaultMaxLine  = 1 << 20
	defaultReadSize = 64 << 10
	// firstBuffer is what an idle connection costs: ten thousand of them take 40 MiB.
	firstBuffer = 4 << 10
	// maxCountDigits: see the package's comment.
	maxCountDigits = 8
	minMaxLine     = 16
	minReadSize    = 64
)

// ErrNoProgress is returned by Fill when a reader returns neither bytes nor an
// error many times over.
var ErrNoProgress = errors.New("lineframe: reader returns neither bytes nor an error")

// Reader cuts the stream of an io.Reader into frames. It belongs to one goroutine.
// The loop is
//
//	for {
//		_, err := r.Fill()          // one read; the only call that blocks
//		for r.Next(&frame) { ... }  // what is complete
//		if err != nil {
//			for r.Rest(&frame) { ... } // what the end of the stream completes
//			break
//		}
//	}
//
// so that the caller knows when everything read so far has been seen, before it
// waits again.
//
//	        pos            nul               nl        end       len(buf)
//	---------+--------------+-----------------+---------+-----------+
//	 handed  | no NUL here  |                 | LF here | not read  |
//	 out     | no LF here ------------------> |         |           |
//
// Every byte is searched once for LF and once for NUL, however the stream is cut:
// nul and nl (or searched, where no LF is known) say how far that has come.
type Reader struct {
	src      io.Reader
	set      Settings
	buf      []byte
	pos, end int // buf[pos:end] is read and not yet handed out
	nl       int // where the next LF is, if at or after pos
	searched int // buf[pos:searched] holds no LF
	nul      int // buf[pos:nul] holds no NUL
	borrowed int // bytes taken from the budget
	full     bool
	denied   bool // the budget refused to let the buffer grow

	line   bool // the open frame is a line, not an octet-counted one
	octets int  // bytes that the open octet-counted frame still lacks; 0: none open
	index  int  // pieces of the open frame handed out so far
}

// NewReader returns a Reader of src. Call Close when done with it.
func NewReader(src io.Reader, set Settings) *Reader {
	if set.MaxLine == 0 {
		set.MaxLine = defaultMaxLine
	}
	if set.ReadSize == 0 {
		set.ReadSize = defaultReadSize
	}
	set.MaxLine = max(set.MaxLine, minMaxLine)
	set.ReadSize = max(set.ReadSize, minReadSize)
	return &Reader{src: src, set: set, nl: -1}
}

// NewBytesReader returns a Reader of data, which has been read already: the frames
// are parts of it. Only Next, Rest and ResetBytes are of use. Of set, MaxLine
// counts.
func NewBytesReader(data []byte, set Settings) *Reader {
	r := NewReader(nil, set)
	r.ResetBytes(data)
	return r
}

// ResetBytes begins anew with data, and forgets what was there before.
func (r *Reader) ResetBytes(data []byte) {
	*r = Reader{set: r.set, buf: data, end: len(data), nl: -1}
}

// Close gives back what the Reader took from its budget. The Reader must not be
// used afterwards.
func (r *Reader) Close() {
	r.repay()
	r.buf = nil
	r.pos, r.end = 0, 0
}

// Buffered is the number of bytes read and not handed out yet.
func (r *Reader) Buffered() int { return r.end - r.pos }

// MaxLine is the largest frame that comes in one piece, in bytes.
func (r *Reader) MaxLine() int { return r.set.MaxLine }

// More says that the last read filled all the room it was given, so that there is
// probably more to be had without waiting.
func (r *Reader) More() bool { return r.full }

// Fill reads once and returns the number of bytes. Frames handed out before are no
// longer valid. It returns 0 and no error when the buffer is full and could not
// grow: Next then has a piece to hand out.
func (r *Reader) Fill() (int, error) {
	r.makeRoom()
	if r.end == len(r.buf) {
		r.full = true
		return 0, nil
	}
	for range 100 {
		room := r.buf[r.end:min(len(r.buf), r.end+r.set.ReadSize)]
		n, err := r.src.Read(room)
		r.end += n
		r.full = n == len(room)
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, ErrNoProgress
}

// makeRoom sees to it that there is room for a read: by moving what is unread to
// the front, or by a larger buffer while reads fill it.
func (r *Reader) makeRoom() {
	held := r.end - r.pos
	r.denied = false
	switch {
	case r.buf == nil:
		r.resize(min(firstBuffer, r.set.ReadSize))
	case held <= r.set.ReadSize/2 && len(r.buf) > 2*r.set.ReadSize:
		r.resize(r.set.ReadSize) // the long line is over
		r.repay()
	case r.full && len(r.buf) < r.set.ReadSize:
		r.resize(min(4*len(r.buf), r.set.ReadSize))
	case held > len(r.buf)/2:
		size := min(2*len(r.buf), r.set.MaxLine+r.set.ReadSize)
		grow := size - max(len(r.buf), r.set.ReadSize)
		if grow > 0 {
			r.denied = !r.set.Budget.Take(grow)
			if r.denied {
				r.moveTo(r.buf)
				return
			}
			r.borrowed += grow
		}
		if size > len(r.buf) {
			r.resize(size)
		} else {
			r.moveTo(r.buf)
		}
	case held == 0 || r.end > len(r.buf)/2:
		r.moveTo(r.buf)
	}
}

func (r *Reader) repay() {
	r.set.Budget.Give(r.borrowed)
	r.borrowed = 0
}

func (r *Reader) resize(size int) { r.moveTo(make([]byte, size)) }

// moveTo makes buf the buffer, with what is unread at its front.
func (r *Reader) moveTo(buf []byte) {
	if r.pos > 0 || len(buf) != len(r.buf) {
		copy(buf, r.buf[r.pos:r.end])
	}
	r.nl -= r.pos
	r.searched -= r.pos
	r.nul -= r.pos
	r.end -= r.pos
	r.pos = 0
	r.buf = buf
}

// Next fills f with the next complete frame, or piece, of what has been read, and
// reports whether there was one.
func (r *Reader) Next(f *Frame) bool {
	for r.pos < r.end {
		if r.octets > 0 {
			return r.nextOctets(f)
		}
		if !r.line {
			n, state := octetCount(r.buf[r.pos:r.end])
			switch state {
			case countOpen:
				return false
			case countFound:
				r.pos += n.header
				r.octets = n.octets
				continue
			case countNone:
				r.line = true
			}
		}
		found, blank := r.nextLine(f)
		if !blank {
			return found
		}
	}
	return false
}

// Rest fills f with what is left once the stream has ended, and reports whether
// there was anything. It may be called again until it says no.
func (r *Reader) Rest(f *Frame) bool {
	if r.Next(f) {
		return true
	}
	data := r.buf[r.pos:r.end]
	r.pos = r.end
	*f = Frame{Cut: r.index > 0, Index: r.index, Last: r.index > 0}
	if r.octets > 0 {
		f.Framing = Octets
		f.Missing = r.octets - len(data)
		f.Data = trimEnd(data)
	} else {
		f.Data = trimCR(data)
		f.Unended = true
	}
	r.line, r.octets, r.index = false, 0, 0
	return len(f.Data) > 0 || f.Missing > 0 || f.Cut
}

func (r *Reader) nextOctets(f *Frame) bool {
	have := r.end - r.pos
	if have >= r.octets && r.octets <= r.set.MaxLine {
		data := r.buf[r.pos : r.pos+r.octets]
		r.pos += r.octets
		*f = Frame{Data: trimEnd(data), Framing: Octets, Cut: r.index > 0, Index: r.index, Last: r.index > 0}
		r.octets, r.index = 0, 0
		return true
	}
	// One byte is kept back: it says whether a character goes on, and there is a last
	// piece to mark.
	room := min(have, r.octets) - 1
	if room < r.set.MaxLine && (!r.stuck() || room < minMaxLine) {
		return false
	}
	r.piece(f, Octets, min(room, r.set.MaxLine))
	r.octets -= len(f.Data)
	return true
}

// nextLine hands out the next line or piece. blank says that it passed over an
// empty line instead.
func (r *Reader) nextLine(f *Frame) (found, blank bool) {
	end := r.terminator()
	content := r.buf[r.pos:r.end]
	if end >= 0 {
		content = trimCR(r.buf[r.pos:end])
	} else {
		content = trimCR(content) // the CR may turn out to be half of CR LF
	}
	switch {
	case len(content) > r.set.MaxLine:
		r.piece(f, Line, r.set.MaxLine)
		return true, false
	case end < 0:
		if len(content) < minMaxLine || !r.stuck() {
			return false, false
		}
		r.piece(f, Line, len(content)-1)
		return true, false
	}
	r.pos = end + 1
	r.line = false
	if len(content) == 0 && r.index == 0 {
		return false, true
	}
	*f = Frame{Data: content, Framing: Line, Cut: r.index > 0, Index: r.index, Last: r.index > 0}
	r.index = 0
	return true, false
}

// terminator is the index of the LF or NUL that ends the open line, or -1.
func (r *Reader) terminator() int {
	if r.nl < r.pos {
		from := max(r.pos, r.searched)
		i := bytes.IndexByte(r.buf[from:r.end], '\n')
		if i < 0 {
			r.searched = r.end
		} else {
			r.nl = from + i
		}
	}
	limit := r.end
	if r.nl >= r.pos {
		limit = r.nl
	}
	if from := max(r.pos, r.nul); from < limit {
		if i := bytes.IndexByte(r.buf[from:limit], 0); i >= 0 {
			r.nul = from + i
			return r.nul
		}
		r.nul = limit
	}
	if limit < r.end {
		return limit
	}
	return -1
}

// stuck says that one frame fills the buffer, which may not grow.
func (r *Reader) stuck() bool { return r.denied && r.pos == 0 && r.end == len(r.buf) }

// piece hands out at most size bytes of the open frame, fewer where a UTF-8
// sequence would be split.
func (r *Reader) piece(f *Frame, framing Framing, size int) {
	data := r.buf[r.pos : r.pos+size]
	data = data[:wholeRunes(data, r.buf[r.pos+size])]
	r.pos += len(data)
	*f = Frame{Data: data, Framing: framing, Cut: true, Index: r.index}
	r.index++
}

// wholeRunes is the length of data without the beginning of a UTF-8 sequence that
// goes on with next. Bytes that are no UTF-8 are no reason to hold anything back.
func wholeRunes(data []byte, next byte) int {
	if utf8.RuneStart(next) {
		return len(data)
	}
	for back := 1; back < utf8.UTFMax && back < len(data); back++ {
		at := len(data) - back
		if !utf8.RuneStart(data[at]) {
			continue
		}
		if utf8.FullRune(data[at:]) {
			break
		}
		return at
	}
	return len(data)
}

func trimCR(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\r' {
		return b[:n-1]
	}
	return b
}

// trimEnd removes the terminators that some senders count as part of the message.
func trimEnd(b []byte) []byte {
	return bytes.TrimRight(b, "\n\r\x00")
}

type countState uint8

const (
	countNone  countState = iota // not an octet count
	countOpen                    // could become one with more bytes
	countFound                   // one, complete
)

type count struct {
	header int // bytes of digits and blank
	octets int // the count
}

// octetCount looks for a count and the PRI after it at the beginning of b.
func octetCount(b []byte) (count, countState) {
	if b[0] < '1' || b[0] > '9' {
		return count{}, countNone
	}
	i, n := 0, 0
	for ; i < len(b) && isDigit(b[i]); i++ {
		if i == maxCountDigits {
			return count{}, countNone
		}
		n = 10*n + int(b[i]-'0')
	}
	header := i + 1
	for _, want := range [2]byte{' ', '<'} {
		if i == len(b) {
			return count{}, countOpen
		}
		if b[i] != want {
			return count{}, countNone
		}
		i++
	}
	pri := i
	for ; i < len(b) && isDigit(b[i]); i++ {
		if i == pri+3 {
			return count{}, countNone
		}
	}
	switch {
	case i == len(b):
		return count{}, countOpen
	case b[i] != '>' || i == pri || i+1 > header+n:
		return count{}, countNone
	}
	return count{header: header, octets: n}, countFound
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
