package spool

import (
	"context"
	"fmt"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

// Record is what a Reader gives. Payload is good until the next call.
type Record struct {
	ID      ID
	Segment uint64
	Payload []byte
}

// Reader gives records that are durable and not acknowledged, the oldest first; one
// that is acknowledged while the Reader is near it may still be given. It is for one
// goroutine at a time. Close lets go what it holds.
type Reader struct {
	s       *Spool
	segment *segment
	after   uint64 // the number of the last segment that was read to its end
	file    diskfs.File
	at      int64
	buf     []byte
	chunk   *chunk // has the frame, where buf does not
	records [][]byte
	slots   [][]byte // of records, to be used again
	closed  bool
	id      ID // of records[0]
	from    ID // none before it is given
	// fresh says that none of the frame's records was acknowledged when it was read:
	// then none is asked about one by one.
	fresh bool
	// touched is what touch has read, so that it is read.
	touched byte
}

// NewReader begins before the oldest record. Each Reader reads for itself.
func (s *Spool) NewReader() *Reader { return s.NewReaderFrom(0) }

// NewReaderFrom begins at a record, or behind where that would be. Segments with none
// such are not read.
func (s *Spool) NewReaderFrom(id ID) *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers++
	return &Reader{s: s, from: id}
}

// Next waits for the next record.
func (r *Reader) Next(ctx context.Context) (Record, error) {
	for {
		if record, err := r.TryNext(); err != ErrDrained { //nolint:errorlint // it is never wrapped
			return record, err
		}
		r.s.mu.Lock()
		changed, closing := r.s.changed, r.s.closing
		r.s.mu.Unlock()
		// Something may have come before changed was taken.
		record, err := r.TryNext()
		if err != ErrDrained { //nolint:errorlint // it is never wrapped
			return record, err
		}
		if closing {
			return Record{}, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Record{}, ctx.Err()
		}
	}
}

// TryNext gives the next record, or ErrDrained where there is none now.
func (r *Reader) TryNext() (Record, error) {
	for {
		for len(r.records) > 0 {
			record := Record{ID: r.id, Segment: r.segment.number, Payload: r.records[0]}
			r.records, r.id = r.records[1:], r.id+1
			if record.ID < r.from {
				continue
			}
			if r.fresh || !r.acked(record.ID) {
				return record, nil
			}
		}
		limit, more := r.position()
		switch {
		case r.segment == nil:
			return Record{}, ErrDrained
		case r.at < limit:
			if err := r.load(limit); err != nil {
				if at, more := r.position(); more && at == r.at {
					continue // all of it was acknowledged, and the file removed or emptied
				}
				return Record{}, err
			}
		case more:
			r.leave()
		default:
			return Record{}, ErrDrained
		}
	}
}

// Ahead are the payloads that TryNext gives next, as far as they are in memory; those that
// are acknowledged, which it leaves out, are among them. They are good until the next call.
func (r *Reader) Ahead() [][]byte { return r.records }

// Close lets go what the Reader holds. It may be called more than once.
func (r *Reader) Close() error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.records = nil
	r.releaseLocked()
	if !r.closed {
		r.closed = true
		if r.s.readers--; r.s.readers == 0 {
			for len(r.s.recent.chunks) > 0 {
				r.s.evictLocked()
			}
		}
	}
	return r.closeFile()
}

func (r *Reader) closeFile() error {
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file = nil
	return file.Close()
}

func (r *Reader) releaseLocked() {
	if r.chunk != nil {
		r.s.releaseLocked(r.chunk)
		r.chunk = nil
	}
}

func (r *Reader) acked(id ID) bool {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return r.segment.isAcked(id)
}

// position finds the segment to read; limit is how far it is durable, more says that
// nothing will come behind that.
func (r *Reader) position() (limit int64, more bool) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.segment == nil {
		for _, seg := range r.s.segments {
			if seg.number > r.after && (!seg.closed || seg.first+ID(seg.count) > r.from) {
				r.segment, r.at = seg, seg.head
				break
			}
		}
	}
	if r.segment == nil {
		return 0, false
	}
	if r.segment.unacked == 0 && r.segment.closed {
		return r.at, true // all of it is acknowledged, and it may be gone
	}
	return r.segment.length, r.segment.closed
}

func (r *Reader) leave() {
	r.after = r.segment.number
	r.segment, r.records = nil, nil
	_ = r.closeFile()
}

// load reads the next frame, from memory where it is there.
func (r *Reader) load(limit int64) error {
	f, size, err := r.recent()
	if size == 0 && err == nil {
		f, size, err = r.stored(limit)
	}
	if err != nil {
		return err
	}
	r.at += int64(size)
	r.slots = f.records[:0]
	r.records, r.id = f.records, f.first
	r.fresh = true
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	for i := range r.records {
		r.fresh = r.fresh && !r.segment.isAcked(r.id+ID(i))
	}
	return nil
}

// recent decodes the next frame from memory; size 0: it is not there.
func (r *Reader) recent() (f frame, size int, err error) {
	if r.chunk == nil || !r.chunk.has(r.segment, r.at) {
		r.s.mu.Lock()
		r.releaseLocked()
		if r.chunk = r.s.chunkLocked(r.segment, r.at); r.chunk != nil {
			r.chunk.readers++
		}
		r.s.mu.Unlock()
	}
	if r.chunk == nil {
		return frame{}, 0, nil
	}
	data := r.chunk.buf[r.at-r.chunk.start:]
	if size, err = readFrameHead(data, r.segment.salt); err == nil {
		r.touched += touch(data[:size])
		f, err = decodeFrame(data[:size], r.slots)
	}
	return f, size, err
}

// touch reads a byte of each line of the processor's cache. Another one wrote them: in order
// they are fetched ahead, while the records of a frame, each of which says where the next one
// is, would be waited for one by one.
func touch(data []byte) (sum byte) {
	const line = 64
	for i := 0; i < len(data); i += line {
		sum += data[i]
	}
	return sum
}

// stored reads the next frame from the file.
func (r *Reader) stored(limit int64) (f frame, size int, err error) {
	path := r.segment.path(r.s.dir)
	if r.file == nil {
		file, err := r.s.fs.Open(path)
		if err != nil {
			return frame{}, 0, fmt.Errorf("read a segment: %w", err)
		}
		r.file = file
	}
	read := func(size int) error {
		if int64(size) > limit-r.at {
			return &DamageError{File: path, Offset: r.at, Reason: errShort}
		}
		if cap(r.buf) < size {
			r.buf = make([]byte, size)
		}
		r.buf = r.buf[:size]
		if _, err := r.file.ReadAt(r.buf, r.at); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		return nil
	}
	if err := read(frameHead); err != nil {
		return frame{}, 0, err
	}
	size, err = readFrameHead(r.buf, r.segment.salt)
	if err != nil {
		return frame{}, 0, &DamageError{File: path, Offset: r.at, Reason: err}
	}
	if err := read(size); err != nil {
		return frame{}, 0, err
	}
	if f, _, err = readFrame(r.buf, r.segment.salt); err != nil {
		return frame{}, 0, &DamageError{File: path, Offset: r.at, Reason: err}
	}
	return f, size, nil
}
