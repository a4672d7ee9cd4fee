// Package criframe writes what a program says as lines of the Kubernetes container
// runtime interface, which keep the stream and the time of each:
//
//	2026-11-21T08:15:30.123456789Z stdout F message
//
// Source: https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
package criframe

import (
	"bytes"
	"time"
)

// maxPiece is how much of a line is held back to wait for its end, and the most that
// stands behind one header: what is longer comes in pieces (P), which the reader
// joins. Far below any reader's limit for a line.
const maxPiece = 16 << 10 // bytes

// Framer cuts one stream into lines. It belongs to one goroutine.
type Framer struct {
	stream string
	// tail is what has come of a line that has not ended.
	tail []byte
	// pieces says that pieces of that line were given out; before says the same of
	// the time when the last call began.
	pieces, before bool
	// skip drops the rest of the line; unclosed says that a line was given out
	// whose end is missing.
	skip, unclosed bool
}

// New makes a framer for a stream, "stdout" or "stderr".
func New(stream string) *Framer { return &Framer{stream: stream} }

// Append appends the lines that data ends, and pieces of one that is long. now is
// when data came.
func (f *Framer) Append(dst, data []byte, now time.Time) []byte {
	f.before = f.pieces || f.unclosed
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		part := data
		if end >= 0 {
			part = data[:end]
		}
		if f.skip {
			f.skip = end < 0
		} else {
			dst = f.appendPart(dst, part, end >= 0, now)
		}
		if end < 0 {
			break
		}
		data = data[end+1:]
	}
	return dst
}

// AppendEnd appends what has come of a line without an end: the stream is over.
func (f *Framer) AppendEnd(dst []byte, now time.Time) []byte {
	f.before = f.pieces || f.unclosed
	if len(f.tail) == 0 && !f.pieces && !f.unclosed {
		return dst
	}
	return f.appendPart(dst, nil, true, now)
}

// Dropped says that what the last call gave out has not arrived. The rest of a line
// that is open is dropped as well.
func (f *Framer) Dropped() {
	f.skip = f.skip || f.pieces || len(f.tail) > 0
	f.unclosed = f.before
	f.pieces = false
	f.tail = f.tail[:0]
}

func (f *Framer) appendPart(dst, part []byte, ended bool, now time.Time) []byte {
	if f.unclosed {
		f.unclosed = false
		dst = f.appendFrame(dst, 'F', nil, nil, now)
		if ended && len(part) == 0 && len(f.tail) == 0 && !f.pieces {
			return dst // the end of the stream has nothing else to give
		}
	}
	for len(f.tail)+len(part) > maxPiece {
		n := maxPiece - len(f.tail)
		dst = f.appendFrame(dst, 'P', f.tail, part[:n], now)
		f.tail, part = f.tail[:0], part[n:]
		f.pieces = true
	}
	if !ended {
		f.tail = append(f.tail, part...)
		return dst
	}
	dst = f.appendFrame(dst, 'F', f.tail, part, now)
	f.tail, f.pieces = f.tail[:0], false
	return dst
}

func (f *Framer) appendFrame(dst []byte, tag byte, first, second []byte, now time.Time) []byte {
	dst = now.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, ' ')
	dst = append(dst, f.stream...)
	dst = append(dst, ' ', tag, ' ')
	dst = append(dst, first...)
	dst = append(dst, second...)
	return append(dst, '\n')
}
