package spool

import (
	"slices"
	"sort"
)

const (
	// maxRecent is how many bytes of what was written last are kept for readers: what
	// was written past the kernel's cache would have to be read from the disk.
	maxRecent = 16 << 20
	// maxRecentChunks bounds it for small writes.
	maxRecentChunks = 1024
	// maxSpare is how many buffers wait to be used again.
	maxSpare = 8
)

// chunk is a part of a segment in memory.
type chunk struct {
	segment *segment
	start   int64 // in the file
	buf     []byte
	// readers have records that are parts of buf; the last of them gives it back when
	// it is evicted.
	readers int
	evicted bool
}

func (c *chunk) has(seg *segment, at int64) bool {
	return c.segment == seg && at >= c.start && at < c.start+int64(len(c.buf))
}

// recent has what was written last, in its order.
type recent struct {
	chunks []*chunk
	size   int
}

// keepLocked keeps what was written at a place in the last segment, and owns it.
func (s *Spool) keepLocked(start int64, buf []byte) {
	r := &s.recent
	r.chunks = append(r.chunks, &chunk{segment: s.current(), start: start, buf: buf})
	r.size += cap(buf)
	for len(r.chunks) > 1 && (r.size > maxRecent || len(r.chunks) > maxRecentChunks) {
		s.evictLocked()
	}
}

func (s *Spool) evictLocked() {
	r := &s.recent
	c := r.chunks[0]
	r.chunks[0] = nil
	r.chunks = r.chunks[1:]
	r.size -= cap(c.buf)
	c.evicted = true
	if c.readers == 0 {
		s.reuseLocked(c.buf)
	}
}

// chunkLocked is the chunk that has a place, or nil.
func (s *Spool) chunkLocked(seg *segment, at int64) *chunk {
	chunks := s.recent.chunks
	i := sort.Search(len(chunks), func(i int) bool {
		c := chunks[i]
		return c.segment.number > seg.number || c.segment.number == seg.number && c.start > at
	})
	if i == 0 || !chunks[i-1].has(seg, at) {
		return nil
	}
	return chunks[i-1]
}

// releaseLocked says that a reader has nothing of a chunk any more.
func (s *Spool) releaseLocked(c *chunk) {
	if c.readers--; c.readers == 0 && c.evicted {
		s.reuseLocked(c.buf)
	}
}

// reuseLocked takes a buffer that nobody has any more. Where there are enough of them, it
// takes the place of a smaller one.
func (s *Spool) reuseLocked(buf []byte) {
	if cap(buf) < minBuffer || cap(buf) > s.set.groupSize+s.padding() {
		return
	}
	if len(s.spare) < maxSpare {
		s.spare = append(s.spare, buf[:0])
		return
	}
	least := 0
	for i := range s.spare {
		if cap(s.spare[i]) < cap(s.spare[least]) {
			least = i
		}
	}
	if cap(s.spare[least]) < cap(buf) {
		s.spare[least] = buf[:0]
	}
}

// spareLocked gives a buffer with room for so many bytes that is to be used again; nil:
// there is none.
func (s *Spool) spareLocked(size int) []byte {
	for i, buf := range slices.Backward(s.spare) { // the last was written to last
		if cap(buf) >= size {
			s.spare = slices.Delete(s.spare, i, i+1)
			return buf
		}
	}
	return nil
}
