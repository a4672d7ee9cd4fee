package spool

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

var errNoSegment = errors.New("there is no segment to write to")

// commit is the committer: the one goroutine that writes.
func (s *Spool) commit() {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for open, more := true, false; open || more; {
		if !more {
			var due <-chan time.Time
			if at := s.nextDue(); !at.IsZero() {
				timer.Reset(time.Until(at))
				due = timer.C
			}
			select {
			case _, open = <-s.wake:
				// Callers that can run now add to the group first: one sync for all of them.
				runtime.Gosched()
			case <-due:
			}
		}
		var g *group
		if g, more = s.takePending(); g != nil {
			s.write(g)
		}
		if len(s.unsynced) > 0 && (!open || !time.Now().Before(s.syncAt)) {
			err := s.sync()
			if err != nil {
				s.abandon()
			}
			s.settle(err)
		}
		if at := s.agesAt(); open && !at.IsZero() && !time.Now().Before(at) {
			s.closeOld()
		}
		s.shrink()
		s.clean()
	}
	s.seal()
}

// nextDue is when there is something to do without being woken; zero: never.
func (s *Spool) nextDue() time.Time {
	ages := s.agesAt()
	if s.syncAt.IsZero() || !ages.IsZero() && ages.Before(s.syncAt) {
		return ages
	}
	return s.syncAt
}

// agesAt is when the last segment is to be closed for its age; zero: not for that.
func (s *Spool) agesAt() time.Time {
	if s.file == nil || s.set.SegmentAge <= 0 || s.current().since.IsZero() {
		return time.Time{}
	}
	at := s.current().since.Add(s.set.SegmentAge)
	if at.Before(s.ageRetry) {
		return s.ageRetry
	}
	return at
}

// closeOld begins a new segment because the last one is old.
func (s *Spool) closeOld() {
	err := s.sync()
	if err != nil {
		s.abandon()
	}
	s.settle(err)
	if err := s.rotate(s.following()); err != nil {
		s.ageRetry = time.Now().Add(s.set.SegmentAge)
	}
}

// write writes a group, and makes it durable where it has records.
func (s *Spool) write(g *group) {
	err := s.room(g)
	if err == nil {
		err = s.append(g)
	}
	if err != nil {
		s.abandon()
		// What the acknowledgements say holds all the same: the next segment's header
		// will have it.
		s.apply(g, false)
		s.settle(err)
		s.finish(g, err)
		return
	}
	if g.records == 0 {
		s.apply(g, true)
		s.unsynced = append(s.unsynced, g)
		if s.syncAt.IsZero() {
			s.syncAt = time.Now().Add(s.set.AckDelay)
		}
		return
	}
	if err := s.fsync(); err != nil {
		s.abandon()
		s.apply(g, false)
		s.settle(err)
		s.finish(g, err)
		return
	}
	s.apply(g, true)
	s.publish()
	s.settle(nil)
	s.finish(g, nil)
}

// room makes sure that there is a segment to write to.
func (s *Spool) room(g *group) error {
	first := s.following()
	if len(g.frames) > 0 {
		first = g.frames[0].first
	}
	if s.file != nil {
		seg := s.current()
		old := s.set.SegmentAge > 0 && !seg.since.IsZero() && time.Since(seg.since) >= s.set.SegmentAge
		if s.written < s.set.SegmentSize && !old {
			return nil
		}
		err := s.sync()
		if err != nil {
			s.abandon()
		}
		s.settle(err)
	}
	return s.rotate(first)
}

// following is the ID of the next record that comes to be written.
func (s *Spool) following() ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.pending {
		if len(g.frames) > 0 {
			return g.frames[0].first
		}
	}
	return s.nextID
}

// shrink begins a new segment where all of the last one is acknowledged and it is
// full, or someone waits for room: otherwise its room would be free only with the next
// write, for which there may be no room.
func (s *Spool) shrink() {
	if s.file == nil || len(s.unsynced) > 0 {
		return
	}
	s.mu.Lock()
	seg := s.current()
	needless := seg.count > 0 && seg.unacked == 0 && (s.written >= s.set.SegmentSize || s.waiting > 0)
	s.mu.Unlock()
	if needless {
		_ = s.rotate(s.following()) // where it fails, the next write tries again
	}
}

// seal ends the last segment with a frame that says how much of it is durable, so that
// damage to its last records is told from a torn end.
func (s *Spool) seal() {
	if s.file == nil {
		return
	}
	frame := appendFrame(nil, s.nextID, nil, nil, nil)
	sealFrame(frame, s.current().salt, s.current().length)
	if _, err := s.file.Write(frame); err == nil {
		_ = s.file.Sync()
	}
}

// append writes the group's frames behind the segment's. Large groups are padded to
// whole blocks: such can be written past the kernel's cache.
func (s *Spool) append(g *group) error {
	if len(g.buf) == 0 {
		return nil
	}
	salt, durable := s.current().salt, s.current().length
	for i := range g.frames {
		sealFrame(g.buf[g.frames[i].offset:], salt, durable)
	}
	var before []byte
	if len(g.buf) >= s.set.padFrom {
		if size := paddingSize(s.written, s.set.block); size > 0 {
			before = appendPadding(nil, size)
			sealFrame(before, salt, durable)
		}
		if size := paddingSize(int64(len(g.buf)), s.set.block); size > 0 {
			end := len(g.buf)
			g.buf = appendPadding(g.buf, size)
			sealFrame(g.buf[end:], salt, durable)
		}
	}
	start := s.written
	for _, part := range [][]byte{before, g.buf} {
		if len(part) == 0 {
			continue
		}
		n, err := s.file.Write(part)
		if err == nil && n < len(part) {
			err = fmt.Errorf("%d of %d bytes were written", n, len(part))
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", segmentName(s.current().number), err)
		}
		s.written += int64(n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == 0 {
		return nil
	}
	if len(before) > 0 {
		s.keepLocked(start, before)
		start += int64(len(before))
	}
	if len(g.buf) < cap(g.buf)/4 {
		s.keepLocked(start, slices.Clone(g.buf))
	} else {
		s.keepLocked(start, g.buf)
		g.buf = nil
	}
	return nil
}

// sync makes what is written durable, and lets readers see it.
func (s *Spool) sync() error {
	err := s.fsync()
	if err == nil {
		s.publish()
	}
	return err
}

func (s *Spool) fsync() error {
	if s.file == nil {
		return errNoSegment
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", segmentName(s.current().number), err)
	}
	return nil
}

// publish lets readers see what is durable. The segment must know its records by then.
func (s *Spool) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg := s.current()
	s.bytes += s.written - seg.length
	seg.length = s.written
	s.syncs++
}

// settle answers for the groups that waited for a sync.
func (s *Spool) settle(err error) {
	for _, g := range s.unsynced {
		s.finish(g, err)
	}
	clear(s.unsynced)
	s.unsynced, s.syncAt = s.unsynced[:0], time.Time{}
}

// finish answers for a group.
func (s *Spool) finish(g *group, err error) {
	first, last, ok := g.numbers()
	if ok && err != nil && s.set.Failed != nil {
		s.set.Failed(first, last)
	}
	if ok && s.set.Advanced != nil {
		defer s.set.Advanced()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failures++
		s.lastFailure = err
	} else if g.barrier && g.failures != s.failures {
		err = s.lastFailure
	}
	if ok {
		s.settled.Store(uint64(last))
	}
	g.err = err
	close(g.done)
	// Tickets still point to g; what is used again is its memory.
	s.reuseLocked(g.buf)
	clear(g.frames)
	s.spareFrames = g.frames[:0]
	g.buf, g.frames = nil, nil
	s.announceLocked()
}

// numbers are those of the group's first and last record.
func (g *group) numbers() (first, last ID, ok bool) {
	for i := range g.frames {
		f := &g.frames[i]
		if f.records == 0 {
			continue
		}
		if !ok {
			first, ok = f.first, true
		}
		last = f.first + ID(f.records) - 1
	}
	return first, last, ok
}

// apply notes what a group says; with records, only where they are on disk.
func (s *Spool) apply(g *group, records bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range g.frames {
		f := &g.frames[i]
		if records && f.records > 0 {
			seg := s.current()
			if seg.count == 0 {
				seg.first, seg.since = f.first, now
			}
			seg.add(uint64(f.records))
			seg.came(f.first, now)
		}
		for _, r := range f.acks {
			s.ackLocked(r, records)
		}
	}
}

// ackLocked notes acknowledgements of records, which may be of several segments.
func (s *Spool) ackLocked(r idRange, said bool) {
	seg := s.segmentOfLocked(ID(r.from))
	for id := ID(r.from); id < ID(r.from+r.count); id++ {
		if seg == nil || id >= seg.first+ID(seg.count) {
			seg = s.segmentOfLocked(id)
		}
		if seg == nil || !seg.ack(id) || seg.unacked > 0 || !seg.closed {
			continue
		}
		s.doneLocked(seg, said)
	}
}

// doneLocked notes that all of a closed segment is acknowledged; said says that this
// is written, or will be with the sync under way.
func (s *Spool) doneLocked(seg *segment, said bool) {
	if said {
		s.removable = append(s.removable, seg)
	} else {
		s.unsaid = append(s.unsaid, seg)
	}
}

func (s *Spool) segmentOfLocked(id ID) *segment {
	low, high := 0, len(s.segments)
	for low < high {
		if mid := (low + high) / 2; s.segments[mid].first <= id {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return nil
	}
	return s.segments[low-1]
}

// abandon leaves a segment that could not be written or synced: after a failed fsync
// nobody knows what is on disk beyond what was durable before.
func (s *Spool) abandon() {
	if s.file == nil {
		return
	}
	_ = s.file.Close()
	s.file = nil
	// What was written to say so may not be there.
	s.unsaid = append(s.unsaid, s.removable...)
	s.removable = s.removable[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeSegmentLocked(s.current())
}

func (s *Spool) closeSegmentLocked(seg *segment) {
	seg.closed = true
	if seg.unacked == 0 {
		s.doneLocked(seg, false)
	}
}

// rotate begins a new segment. Its header says what holds for the older ones, so that
// their acknowledgements are no longer needed.
func (s *Spool) rotate(first ID) error {
	s.mu.Lock()
	m := manifest{salt: newSalt(), number: s.nextNum, first: first}
	var gone []*segment
	for _, seg := range s.segments {
		if seg.unacked == 0 {
			gone = append(gone, seg)
			continue
		}
		m.entries = append(m.entries, manifestEntry{number: seg.number, first: seg.first, count: seg.count, length: seg.length, acked: seg.ranges()})
	}
	s.nextNum++
	s.mu.Unlock()

	header := encodeHeader(&m)
	file, err := s.create(m.number, header)
	if err != nil {
		return err
	}
	s.follow(m.number)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		s.closeSegmentLocked(s.current())
	}
	s.segments = append(s.segments, &segment{number: m.number, salt: m.salt, first: m.first, head: int64(len(header)), length: int64(len(header))})
	s.bytes += int64(len(header))
	s.removable = gone // the new header has none of them
	s.unsaid = s.unsaid[:0]
	old := s.file
	s.file, s.written = file, int64(len(header))
	if old != nil {
		_ = old.Close()
	}
	s.announceLocked()
	return nil
}

func newSalt() uint32 {
	var salt [4]byte
	_, _ = rand.Read(salt[:]) // it never fails
	return binary.LittleEndian.Uint32(salt[:])
}

// create makes a segment's file: whole and durable, or not there under its name.
func (s *Spool) create(number uint64, header []byte) (diskfs.File, error) {
	name := segmentName(number)
	tmp := s.path(name + tmpSuffix)
	file, err := s.fs.Create(tmp)
	if err != nil {
		return nil, fmt.Errorf("make segment %s: %w", name, err)
	}
	if _, err = file.Write(header); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = s.fs.Rename(tmp, s.path(name))
	}
	if err == nil {
		err = s.fs.SyncDir(s.dir)
	}
	if err != nil {
		_ = file.Close()
		_ = s.fs.Remove(tmp)
		return nil, fmt.Errorf("make segment %s: %w", name, err)
	}
	return file, nil
}

// follow says in the segment before that there is another, so that the loss of the
// last one is noticed. Where it can't be written, only that is lost.
func (s *Spool) follow(number uint64) {
	if s.file == nil {
		return
	}
	frame := appendFollowed(nil, number)
	sealFrame(frame, s.current().salt, s.current().length)
	if _, err := s.file.Write(frame); err == nil {
		_ = s.file.Sync()
	}
}

// clean removes segments of which nothing is needed.
func (s *Spool) clean() {
	if len(s.removable) > 0 && len(s.unsynced) == 0 {
		for _, seg := range s.removable {
			s.remove(seg)
		}
		s.removable = s.removable[:0]
	}
	// Where nothing can be written, a name says it: that needs no room on the disk.
	if len(s.unsaid) > 0 && s.file == nil {
		kept := s.unsaid[:0]
		for _, seg := range s.unsaid {
			if seg == s.current() {
				kept = append(kept, seg) // it says which numbers were given
				continue
			}
			s.markDone(seg)
		}
		s.unsaid = kept
	}
}

func (s *Spool) remove(seg *segment) {
	err := s.fs.Remove(seg.path(s.dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // the next rotation tries again, and so does Open
	}
	s.forget(seg)
}

// markDone renames a segment to one that is done, and takes its content away.
func (s *Spool) markDone(seg *segment) {
	done := s.path(doneName(seg.number))
	if s.fs.Rename(s.path(segmentName(seg.number)), done) != nil || s.fs.SyncDir(s.dir) != nil {
		return
	}
	if file, err := s.fs.Open(done); err == nil {
		_ = file.Truncate(0)
		_ = file.Close()
	}
	s.forget(seg)
}

func (s *Spool) forget(seg *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, known := range s.segments {
		if known == seg {
			s.segments = append(s.segments[:i:i], s.segments[i+1:]...)
			s.bytes -= seg.length
			break
		}
	}
	s.announceLocked()
}
