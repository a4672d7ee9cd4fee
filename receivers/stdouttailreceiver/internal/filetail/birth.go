package filetail

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
)

// begin makes files of the entries, and stores that they are there before their
// first line is read: a crash must not give them other names. It says whether that
// has worked.
func (s *scanner) begin(ctx context.Context, newborn []entry) bool {
	t := s.t
	if len(newborn) == 0 && s.known {
		return true
	}
	var files []*file
	var ops []Op
	newborn, found := s.stillThere(newborn)
	for i := range newborn {
		e := &newborn[i]
		f := &file{id: newID()}
		t.log.Debug("file is new", zap.String("id", f.id), zap.String("path", e.path), zap.Int64("size", e.size))
		f.setPlace(e.place())
		if e.comp == plain {
			s.recognise(f, e)
		}
		if s.skipOld && s.first && e.comp == plain {
			s.skip(f, e)
		}
		t.assign(f)
		f.stored = f.record(f.pos)
		doc, err := encodeDocument(&f.stored)
		if err != nil {
			t.log.Error("can't make a checkpoint", zap.String("path", e.path), zap.Error(err))
			return false
		}
		files = append(files, f)
		ops = append(ops, Op{Key: filePrefix + f.id, Value: doc})
	}
	if !s.store(ctx, ops, files, nil) {
		return false
	}
	s.known = true
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, f := range files {
		e := &newborn[i]
		t.locateLocked(f, f.place(), s.gen)
		f.size, f.modified = e.size, e.modified
		f.w.enqueue(f)
	}
	return found
}

// stillThere leaves out what was moved since it was found: it may be known after
// all.
func (s *scanner) stillThere(entries []entry) (kept []entry, all bool) {
	for _, e := range entries {
		info, err := os.Stat(e.path)
		s.t.mu.Lock()
		known := s.t.byInode[e.inode] != nil
		s.t.mu.Unlock()
		if !known && err == nil && inodeOf(info) == e.inode {
			kept = append(kept, e)
		}
	}
	return kept, len(kept) == len(entries)
}

// recognise takes the print of what a new file begins with.
func (s *scanner) recognise(f *file, e *entry) {
	fd, err := os.Open(e.path)
	if err != nil {
		return
	}
	defer fd.Close() //nolint:errcheck // was only read
	head := make([]byte, min(int64(s.t.cfg.FingerprintSize), e.size))
	if n, _ := fd.ReadAt(head, 0); n == len(head) {
		if i := bytes.IndexByte(head, 0); i >= 0 {
			n, head = i, head[:i] // room that was made for what is still to be written
		}
		f.print.headLen, f.print.head = n, headHash(head)
	}
}

// store writes ops and the index, with the files in more and without those in less.
func (s *scanner) store(ctx context.Context, ops []Op, more []*file, less map[*file]bool) bool {
	t := s.t
	t.mu.Lock()
	ids := make([]string, 0, len(t.byInode)+len(t.lost)+len(more))
	for _, f := range t.byInode {
		if f.pipe == nil {
			ids = append(ids, f.id)
		}
	}
	for f := range t.lost {
		if !less[f] {
			ids = append(ids, f.id)
		}
	}
	t.mu.Unlock()
	for _, f := range more {
		ids = append(ids, f.id)
	}
	doc, err := encodeDocument(ids)
	if err == nil {
		err = t.store.Batch(ctx, append(ops, Op{Key: indexKey, Value: doc}))
	}
	if err != nil {
		t.stats.storeErrors.Add(1)
		t.log.Error("can't write checkpoints; trying again", zap.Error(err))
		return false
	}
	return true
}

// skip lets f begin behind the last line that is complete.
func (s *scanner) skip(f *file, e *entry) {
	fd, err := os.Open(e.path)
	if err != nil {
		return
	}
	defer fd.Close() //nolint:errcheck // was only read
	end := lineEnd(fd, e.size, int64(s.t.cfg.MaxLine))
	if end == 0 {
		return
	}
	before := make([]byte, min(markLen, end))
	head := make([]byte, min(int64(s.t.cfg.FingerprintSize), end))
	if _, err := fd.ReadAt(before, end-int64(len(before))); err != nil {
		return
	}
	if _, err := fd.ReadAt(head, 0); err != nil {
		return
	}
	f.pos, f.offset = end, end
	f.print.headLen, f.print.head = len(head), headHash(head)
	f.print.addMark(end, before, time.Now())
}

// lineEnd is the offset behind the last LF before size, or size if there is none for
// longer than a line may be.
func lineEnd(r io.ReaderAt, size, maxLine int64) int64 {
	const chunk = 32 << 10
	buf := make([]byte, chunk)
	for end := size; end > 0 && size-end <= maxLine; {
		begin := max(0, end-chunk)
		n, err := r.ReadAt(buf[:end-begin], begin)
		if int64(n) < end-begin && err != nil {
			return size
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return begin + int64(i) + 1
		}
		end = begin
		if end == 0 {
			return 0
		}
	}
	return size
}

// forget removes what has been lost for long.
func (s *scanner) forget(ctx context.Context) bool {
	t := s.t
	var ops []Op
	old := map[*file]bool{}
	t.mu.Lock()
	for f := range t.lost {
		if time.Since(f.lostAt) >= t.cfg.ForgetAfter {
			old[f] = true
			ops = append(ops, Op{Key: filePrefix + f.id})
		}
	}
	t.mu.Unlock()
	if len(ops) == 0 {
		return true
	}
	if !s.store(ctx, ops, nil, old) {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for f := range old {
		delete(t.lost, f)
	}
	return true
}
