package stdouttailreceiver

import (
	"bytes"
	"unicode/utf8"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// lines cuts a stream into lines. A line longer than max comes in pieces.
type lines struct {
	max  int
	uids *recorduid.Source
	// tail is the line that has not ended yet.
	tail  []byte
	piece logrecord.Piece // of the line in tail; no ID: none came yet
}

// add gives the lines that end in data to line, without their ends. What it gives is
// valid during the call.
func (l *lines) add(data []byte, line func(data []byte, piece logrecord.Piece)) {
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		part := data
		if end >= 0 {
			part = data[:end]
		}
		switch {
		case end >= 0 && len(l.tail) == 0 && l.piece.ID == "" && len(part) <= l.max:
			line(trimCR(part), logrecord.Piece{})
		default:
			l.grow(part, line)
			if end >= 0 {
				l.end(line)
			}
		}
		if end < 0 {
			return
		}
		data = data[end+1:]
	}
}

// grow adds to the open line, and gives pieces of what is too long.
func (l *lines) grow(part []byte, line func([]byte, logrecord.Piece)) {
	for len(l.tail)+len(part) > l.max {
		n := l.max - len(l.tail)
		l.tail = append(l.tail, part[:n]...)
		part = part[n:]
		whole := wholeRunes(l.tail)
		rest := string(l.tail[whole:])
		l.tail = l.tail[:whole]
		if l.piece.ID == "" {
			l.piece.ID = newUID(l.uids)
		}
		line(l.tail, l.piece)
		l.piece.Index++
		l.tail = append(l.tail[:0], rest...)
	}
	l.tail = append(l.tail, part...)
}

// wholeRunes is the length of s without the bytes at its end that only begin a rune.
func wholeRunes(s []byte) int {
	for n := len(s) - 1; n >= max(1, len(s)-utf8.UTFMax); n-- {
		if utf8.RuneStart(s[n]) {
			if !utf8.FullRune(s[n:]) {
				return n
			}
			break
		}
	}
	return len(s)
}

// open reports whether a line has begun and not ended.
func (l *lines) open() bool { return len(l.tail) > 0 || l.piece.ID != "" }

// end takes what has come of the open line for a line.
func (l *lines) end(line func([]byte, logrecord.Piece)) {
	data := trimCR(l.tail)
	if l.piece.ID != "" {
		l.piece.Last = true
	}
	line(data, l.piece)
	l.piece = logrecord.Piece{}
	l.tail = l.tail[:0]
	if cap(l.tail) > maxKeptTail {
		l.tail = nil
	}
}

// maxKeptTail is the memory that a stream keeps for lines to come, in bytes.
const maxKeptTail = 64 << 10

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
