package filetail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
)

// turn reads f, for as long as it is its turn. The error is that of the context.
func (w *worker) turn(ctx, deliver context.Context, f *file) error {
	f.queued.Store(false)
	w.t.mu.Lock()
	located := f.located
	w.t.mu.Unlock()
	switch {
	case !located:
		return nil
	case f.pipe != nil:
		if f.missing.Load() {
			w.endPipe(f)
		}
		return nil
	case f.parked && !w.unpark(f):
		return w.flushFull(deliver)
	}
	if !w.ensureOpen(f) {
		if f.missing.Load() {
			w.finish(f, false)
		}
		return nil
	}
	for read := 0; read < w.t.cfg.TurnSize; {
		if ended(ctx) {
			return nil
		}
		n, result, err := w.step(deliver, f)
		if err != nil {
			return err
		}
		read += n
		switch result {
		case atEnd:
			w.attendTo(f)
			if f.unpacked != nil {
				w.unpackedEnd(f)
			} else {
				w.rest(f)
			}
			return w.flushFull(deliver)
		case replaced:
			w.replaced(f)
			return w.flushFull(deliver)
		case more:
		}
	}
	w.attendTo(f) // what it holds back must not wait for its end
	w.enqueue(f)
	return nil
}

// unpark says whether a file that is shorter than what was read of it has become
// longer: the copy that it is was not complete.
func (w *worker) unpark(f *file) bool {
	p := f.place()
	info, err := os.Stat(p.path)
	if err != nil || inodeOf(info) != p.inode {
		if f.missing.Load() {
			w.finish(f, false)
		}
		return false
	}
	if compare(&entry{path: p.path, inode: p.inode, comp: p.comp}, &f.print, f.pos) == differs {
		w.replaced(f)
		return false
	}
	if info.Size() < f.pos {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parked = false
	w.touch(f)
	return true
}

func ended(ctx context.Context) bool { return ctx.Err() != nil }

func (w *worker) flushFull(deliver context.Context) error {
	if !w.h.Full() {
		return nil
	}
	return w.deliver(deliver)
}

// outcome is what a read has shown.
type outcome uint8

const (
	more outcome = iota
	atEnd
	// replaced: what stood before f.pos isn't there any more.
	replaced
)

// step reads once and gives the complete lines to f's stream.
//
//	base        f.pos                                base+n
//	  |-- back ---|-- line LF line LF -- unended line --|
//
// The bytes before f.pos are read with the others, so that a file that was cut off
// and has grown past f.pos again is not taken for the old one.
func (w *worker) step(deliver context.Context, f *file) (n int, result outcome, err error) {
	if cap(w.buf) < w.t.cfg.ReadBufferSize+markLen {
		w.buf = make([]byte, w.t.cfg.ReadBufferSize+markLen)
	}
	back := int(min(markLen, f.pos))
	base := f.pos - int64(back)
	n, readErr := w.read(f, w.buf, base)
	if readErr != nil && !errors.Is(readErr, io.EOF) {
		w.t.log.Warn("can't read a file; trying again", zap.String("path", f.path), zap.Error(readErr))
		f.failed.Store(true)
		return 0, atEnd, nil
	}
	if n < back && f.unpacked != nil && w.sameHead(f) {
		return 0, atEnd, nil // a copy that was made before the last lines were written
	}
	if n < back || !w.same(f, w.buf[:back]) {
		return 0, replaced, nil
	}
	buf := w.buf[:n]
	w.t.stats.bytes.Add(int64(n - back))
	next, err := w.split(deliver, f, base, buf, back)
	if err != nil {
		return n, more, err
	}
	f.blank = false
	if next < n && buf[next] == 0 && f.index == 0 {
		if w.skipNULs(f, base+int64(n)) {
			return n, more, nil
		}
		f.blank = true
	} else if n == len(w.buf) {
		if next == back {
			w.growBuffer()
		}
		return n, more, nil
	}
	if end := base + int64(n); end != f.end || f.grown.IsZero() {
		f.end, f.grown = end, time.Now()
	}
	w.shrinkBuffer()
	return n, atEnd, nil
}

func (w *worker) read(f *file, buf []byte, at int64) (int, error) {
	if f.unpacked != nil {
		return f.unpacked.ReadAt(buf, at)
	}
	return f.fd.ReadAt(buf, at)
}

// same says whether f still holds what was read of it. before is what stands before
// f.pos now.
func (w *worker) same(f *file, before []byte) bool {
	if m := f.print.marks[maxMarks-1]; m.offset == f.pos && f.pos > 0 && m.hash != markHash(before) {
		return false
	}
	return f.unpacked != nil || w.sameHead(f)
}

func (w *worker) sameHead(f *file) bool {
	if f.print.headLen == 0 {
		return true
	}
	head := w.headBuf[:min(f.print.headLen, cap(w.headBuf))]
	if len(head) < f.print.headLen {
		head = make([]byte, f.print.headLen) // stored with a larger fingerprint_size
	}
	n, _ := w.read(f, head, 0)
	return n == len(head) && headHash(head) == f.print.head
}

// growBuffer makes room for the longest line.
// skipNULs moves f past the NULs that begin at f.pos, which are known to go on until
// known, when something follows them. Nothing does where room was made for what is
// still to be written.
func (w *worker) skipNULs(f *file, known int64) bool {
	for at := known; ; {
		if f.unpacked == nil {
			next, ok := nextData(f.fd, at)
			if !ok {
				return false
			}
			at = next
		}
		n, err := w.read(f, w.buf, at)
		if k := nuls(w.buf[:n]); k < n {
			at += int64(k)
			before := make([]byte, min(markLen, at))
			if got, _ := w.read(f, before, at-int64(len(before))); got < len(before) {
				return false
			}
			w.t.stats.nuls.Add(at - f.pos)
			w.moved(f, at-int64(len(before)), before, len(before))
			return true
		}
		at += int64(n)
		if err != nil || n == 0 {
			return false
		}
	}
}

func (w *worker) growBuffer() {
	limit := w.t.cfg.MaxLine + w.t.cfg.ReadBufferSize + 2*markLen
	w.buf = make([]byte, min(limit, 4*len(w.buf)))
}

func (w *worker) shrinkBuffer() {
	if len(w.buf) > 2*(w.t.cfg.ReadBufferSize+markLen) {
		w.buf = nil
	}
}

// split gives the complete lines of buf, from i on, to f's stream, and returns what
// is behind them.
func (w *worker) split(deliver context.Context, f *file, base int64, buf []byte, i int) (int, error) {
	if i == len(buf) {
		return i, nil
	}
	s := w.stream(f)
	w.now = time.Now()
	maxLine := w.t.cfg.MaxLine
	var lines int64
	defer func() { w.t.stats.lines.Add(lines) }()
	for i < len(buf) {
		rest := buf[i:]
		if rest[0] == 0 && f.index == 0 {
			k := nuls(rest)
			if k == len(rest) && f.pipe == nil {
				break // perhaps not written yet
			}
			w.t.stats.nuls.Add(int64(k))
			i += k
			continue
		}
		near := rest
		if len(near) > maxLine+2 {
			near = near[:maxLine+2]
		}
		nl := bytes.IndexByte(near, '\n')
		if nl < 0 && len(rest) <= maxLine+1 {
			break
		}
		i += w.emit(f, s, base+int64(i), near, nl, &lines)
		if w.h.Full() {
			w.moved(f, base, buf, i)
			if err := w.deliver(deliver); err != nil {
				return i, err
			}
			s = w.stream(f)
			w.now = time.Now()
			w.expire(f, s, base+int64(i), w.now)
		}
	}
	w.moved(f, base, buf, i)
	return i, nil
}

// readOnBeforeExpiry is how many bytes are read, where there are so many, before what is held
// back is given out for the time that it has waited.
const readOnBeforeExpiry = 1 << 20

// expire lets s give out what has been held back for long enough, unless what belongs to it
// may stand unread in f, which has been read up to at: a next consumer that takes its time
// must not part lines that were written together. A stream beside it that goes on and on
// does not keep it for ever.
func (w *worker) expire(f *file, s Stream, at int64, now time.Time) {
	held, ok := s.Held()
	if !ok || w.unread(f, at) && at-held < readOnBeforeExpiry {
		return
	}
	s.Expire(now)
	w.touch(f)
}

// unread says whether f, which has been read up to at, has more than what is known to be a
// line without its end.
func (w *worker) unread(f *file, at int64) bool {
	switch {
	case f.pipe != nil:
		return len(w.pipes) > 0
	case f.unpacked != nil:
		return f.packedSize != f.unpacked.size
	case f.fd == nil:
		return false
	}
	info, err := f.fd.Stat()
	return err == nil && info.Size() > at && info.Size() != f.end
}

// emit gives one line or piece to s. data begins with it, and nl is where its LF is,
// or -1. It returns how many bytes that took.
func (w *worker) emit(f *file, s Stream, at int64, data []byte, nl int, lines *int64) int {
	content := data
	if nl >= 0 {
		content = trimCR(data[:nl])
	}
	if f.index == 0 {
		f.lineStart = at
	}
	l := Line{Data: content, Offset: at, Start: f.lineStart, Cut: f.index > 0, Index: f.index}
	taken := nl + 1
	if len(content) > w.t.cfg.MaxLine || nl < 0 {
		l.Data = content[:pieceLen(content, w.t.cfg.MaxLine)]
		l.Cut = true
		taken = len(l.Data)
		f.index++
	} else {
		l.Last = l.Cut
		f.index = 0
		if l.Cut && len(content) == 0 {
			return taken // the late end of an unended line
		}
	}
	l.End = at + int64(taken)
	l.Read = w.now
	s.Line(l)
	*lines++
	return taken
}

// pieceLen is at most limit, and not inside a character.
func pieceLen(b []byte, limit int) int {
	n := min(limit, len(b))
	if n == len(b) {
		return n
	}
	for i := n; i > n-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(b[i]) {
			return i
		}
	}
	return n
}

func trimCR(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\r' {
		return b[:n-1]
	}
	return b
}

// nuls is the number of NULs that b begins with.
func nuls(b []byte) int {
	for i, c := range b {
		if c != 0 {
			return i
		}
	}
	return len(b)
}

// moved says that what stands before buf[i] has been given to the stream. buf begins
// at base in the file.
func (w *worker) moved(f *file, base int64, buf []byte, i int) {
	pos := base + int64(i)
	if pos == f.pos {
		return
	}
	if f.pipe != nil {
		f.pos = pos
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pos, f.offset = pos, pos
	f.print.addMark(pos, buf[max(0, i-markLen):i], time.Now())
	if want := int(min(int64(w.t.cfg.FingerprintSize), pos)); f.print.headLen < want {
		head := w.headBuf[:want]
		if base == 0 {
			copy(head, buf)
		} else if n, _ := w.read(f, head, 0); n < want {
			head = nil // cut off meanwhile: the next read sees that
		}
		if head != nil {
			f.print.headLen, f.print.head = want, headHash(head)
		}
	}
	w.touch(f)
}

// rest decides about a file that has been read to its end.
func (w *worker) rest(f *file) {
	now := time.Now()
	quiet := now.Sub(f.grown)
	if f.pos < f.end && quiet >= w.t.cfg.FlushAfter {
		w.flush(f)
	}
	if quiet < w.t.cfg.RotateWait || !f.orphan.Load() {
		return
	}
	if dead := isDeleted(f.fd); dead || f.missing.Load() {
		w.finish(f, dead)
		return
	}
	// It has another name, and may still grow.
	if f.stream != nil {
		w.flush(f)
		w.endStream(f)
	}
	w.close(f)
}

// unpackedEnd ends a compressed file, which doesn't grow.
func (w *worker) unpackedEnd(f *file) {
	if err := f.unpacked.err; err != nil {
		w.t.log.Warn("a compressed file is damaged or not complete", zap.String("path", f.path), zap.Error(err))
	}
	w.flush(f)
	w.endStream(f)
	f.packedSize = f.unpacked.size
	w.close(f)
	w.touch(f)
}

// flush gives the unended last line to the stream.
func (w *worker) flush(f *file) {
	for {
		back := int(min(markLen, f.pos))
		base := f.pos - int64(back)
		limit := w.t.cfg.MaxLine + 2 + back
		if len(w.buf) < limit {
			w.buf = make([]byte, limit)
		}
		n, _ := w.read(f, w.buf[:limit], base)
		if n <= back || !w.same(f, w.buf[:back]) {
			return
		}
		buf := w.buf[:n]
		data := buf[back:]
		if bytes.IndexByte(data, '\n') >= 0 || f.index == 0 && nuls(data) == len(data) {
			return // has grown meanwhile, or there is nothing yet
		}
		var lines int64
		s := w.stream(f)
		content := trimCR(data)
		if len(content) > w.t.cfg.MaxLine {
			w.now = time.Now()
			i := back + w.emit(f, s, f.pos, data, -1, &lines)
			w.moved(f, base, buf, i)
			w.t.stats.lines.Add(lines)
			continue
		}
		if f.index == 0 {
			f.lineStart = f.pos
		}
		s.Line(Line{
			Read: time.Now(),
			Data: content, Offset: f.pos, End: base + int64(n), Start: f.lineStart,
			Cut: f.index > 0, Index: f.index, Unended: true,
		})
		f.index++
		w.t.stats.lines.Add(1)
		w.moved(f, base, buf, n)
		w.shrinkBuffer()
		return
	}
}

func (w *worker) endStream(f *file) {
	if f.stream == nil {
		return
	}
	f.stream.Close()
	f.stream = nil
	w.touch(f)
}

// finish ends a file that isn't there any more. dead says that it can't turn up
// again.
func (w *worker) finish(f *file, dead bool) {
	if f.fd != nil {
		w.flush(f)
	}
	w.endStream(f)
	w.close(f)
	f.missing.Store(false)
	w.t.lose(f, dead)
	w.t.searchSoon()
}

// replaced is called when f's place holds something else now. f goes on where
// rotation has put a copy of it, if that is to be found.
func (w *worker) replaced(f *file) {
	w.close(f)
	if w.t.adoptCopy(f) {
		w.touch(f)
		w.attendTo(f)
		w.enqueue(f)
	} else {
		w.t.stats.truncated.Add(1)
		w.t.log.Info("a file begins anew", zap.String("path", f.place().path), zap.Int64("read", f.pos))
		w.endStream(f)
		w.t.lose(f, true)
	}
	w.t.searchSoon()
}
