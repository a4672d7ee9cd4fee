package store

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/cpubudget"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// write is the goroutine that moves records from the queue to where queries find them, and to disk.
func (s *Store) write() {
	defer close(s.stopped)
	ticker := time.NewTicker(s.settings.FlushInterval)
	defer ticker.Stop()
	timed := func(work func()) {
		watch := cpubudget.Start()
		work()
		s.settings.Spent(watch.Stop())
	}
	for {
		select {
		case <-s.wake:
			timed(s.take)
		case <-ticker.C:
			timed(func() {
				_ = s.flush()
				s.expire()
			})
		case done := <-s.flushes:
			s.take()
			done <- s.flush()
			s.expire()
		case <-s.stop:
			s.take()
			_ = s.flush()
			return
		}
	}
}

// take empties the queue.
func (s *Store) take() {
	s.queueMu.Lock()
	batches := s.queue
	s.queue = nil
	s.queueMu.Unlock()
	for i := range batches {
		b := batches[i]
		batches[i] = batch{}
		for from := 0; from < len(b.sizes); {
			n, size := 0, 0
			for from+n < len(b.sizes) && s.count+n < s.settings.blockRecords && (s.headBytes+size < maxBlockBytes || n == 0) {
				size += int(b.sizes[from+n])
				n++
			}
			k := b.part(from, n)
			for i := range k.records {
				normalise(&k.records[i])
			}
			s.publish(k)
			s.headBytes += size
			from += n
			if s.count >= s.settings.blockRecords || s.headBytes >= maxBlockBytes {
				s.seal()
			}
			s.queueMu.Lock()
			s.waiting -= int64(size)
			s.queueMu.Unlock()
		}
	}
}

// publish gives records their ids and shows them to queries.
func (s *Store) publish(k chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.first = s.lastID + 1
	for i := range k.records {
		k.records[i].ID = k.first + uint64(i)
	}
	s.lastID += uint64(k.n)
	s.newest = s.lastID
	s.count += k.n
	s.chunks = append(s.chunks, k)
	close(s.news)
	s.news = make(chan struct{})
}

// makeHeadLocked makes the records of the head that nobody has asked for yet. It needs mu.
func (s *Store) makeHeadLocked() {
	if s.made == len(s.chunks) {
		return
	}
	s.head = slices.Grow(s.head, s.count-len(s.head))
	for ; s.made < len(s.chunks); s.made++ {
		s.head = s.chunks[s.made].appendRecords(s.head)
	}
}

// seal makes a block of the head. Where the disk does not take it, the records are left out, and the oldest
// ones go.
func (s *Store) seal() {
	if s.count == 0 {
		return
	}
	var k *block
	s.block, k = s.builder.append(s.block[:0], s.chunks)
	err := s.store(k)
	for try := 0; err != nil && try < 2 && s.dropOldest(); try++ {
		err = s.store(k)
	}
	s.mu.Lock()
	lost := s.count
	clear(s.chunks)
	s.chunks, s.made, s.head, s.count = s.chunks[:0], 0, nil, 0
	if err == nil {
		s.blocks = append(s.blocks, k) // views keep what they have
		lost = 0
	}
	s.mu.Unlock()
	s.headBytes, s.journaled = 0, 0
	if lost > 0 {
		s.queueMu.Lock()
		s.leftOut.add(time.Unix(0, k.maxArrived).UTC(), lost)
		s.queueMu.Unlock()
		s.complain(err)
	}
	if emptyErr := s.journal.empty(); emptyErr != nil {
		s.complain(emptyErr)
	}
	s.account()
	if cap(s.block) > 2*maxBlockBytes {
		s.block = nil
	}
}

// account adds up what is on disk.
func (s *Store) account() {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := s.journal.size
	for _, segment := range s.segments {
		total += segment.size
	}
	s.bytes = total
}

// complain says once a minute that the disk does not take more.
func (s *Store) complain(err error) {
	if now := s.settings.Now(); now.Sub(s.complaint) >= time.Minute {
		s.complaint = now
		s.settings.Logger.Error("The viewer's store can't write: new records are left out, and the oldest go", zap.Error(err))
	}
}

// store appends the block in s.block to a segment.
func (s *Store) store(k *block) error {
	size := int64(len(s.block))
	for s.bytes+size > s.settings.MaxSize && s.dropOldest() {
	}
	if s.writing != nil && s.writing.size+size > min(max(s.settings.MaxSize/segmentsPerStore, minSegmentSize), maxSegmentSize) {
		s.writing = nil
	}
	if s.writing == nil {
		segment, err := createSegment(s.settings.fs, s.settings.Directory, k.ids.first)
		if err != nil {
			return fmt.Errorf("make a segment: %w", err)
		}
		s.writing = segment
		segment.opened = k.minArrived
		s.mu.Lock()
		s.segments = append(s.segments, segment)
		s.mu.Unlock()
	}
	to := s.writing
	n, err := to.file.Write(s.block)
	if err != nil {
		if n > 0 && to.file.Truncate(to.size) != nil {
			// What is behind its end is cut off when it is opened.
			s.mu.Lock()
			to.size += int64(n)
			s.mu.Unlock()
			s.writing = nil
		}
		if to.size == 0 {
			s.remove(to)
			s.writing = nil
		}
		return fmt.Errorf("write a block: %w", err)
	}
	k.segment, k.offset = to, to.size
	k.filter.offset = k.offset + int64(k.filter.offsetInBlock)
	to.maxArrived = max(to.maxArrived, k.maxArrived)
	s.mu.Lock()
	to.size += size
	s.mu.Unlock()
	s.account()
	return nil
}

// remove takes a segment, none of whose blocks is in the store, out of it.
func (s *Store) remove(gone *segment) {
	s.mu.Lock()
	s.segments = slices.DeleteFunc(slices.Clone(s.segments), func(other *segment) bool { return other == gone })
	s.mu.Unlock()
	gone.release()
	s.account()
}

// dropOldest lets the oldest segment go; false, if there is none.
func (s *Store) dropOldest() bool {
	if len(s.segments) == 0 {
		return false
	}
	oldest := s.segments[0]
	s.dropBlocks(func(k *block) bool { return k.segment == oldest })
	if s.writing == oldest {
		s.writing = nil
	}
	s.remove(oldest)
	return true
}

// dropBlocks lets blocks go.
func (s *Store) dropBlocks(which func(*block) bool) {
	var kept, dropped []*block
	for _, k := range s.blocks {
		if which(k) {
			dropped = append(dropped, k)
		} else {
			kept = append(kept, k)
		}
	}
	s.mu.Lock()
	s.blocks = kept
	for _, k := range dropped {
		s.gone += int64(k.ids.count)
	}
	s.mu.Unlock()
	s.answers.forgetBlocks(dropped)
}

// expire lets go what is too old. A block goes with its newest record; its file, when it has no others.
func (s *Store) expire() {
	now := s.settings.Now().UnixNano()
	oldest := now - int64(s.settings.MaxAge)
	part := int64(s.settings.MaxAge) / segmentsPerStore
	// Few records need long for a block, and must not stay for it.
	if s.count > 0 && s.chunks[0].since() < now-part {
		s.seal()
	}
	if s.writing != nil && s.writing.opened < now-part {
		s.writing = nil
	}
	if len(s.blocks) > 0 && s.blocks[0].maxArrived < oldest {
		s.dropBlocks(func(k *block) bool { return k.maxArrived < oldest })
	}
	for len(s.segments) > 0 {
		first := s.segments[0]
		inUse := func(k *block) bool { return k.segment == first }
		if first == s.writing || first.maxArrived >= oldest || slices.ContainsFunc(s.blocks, inUse) {
			return
		}
		s.remove(first)
	}
}

// flush writes to the journal what it does not have yet.
func (s *Store) flush() error {
	if s.count == s.journaled {
		return nil
	}
	s.mu.Lock()
	s.makeHeadLocked()
	records := s.head[s.journaled:]
	s.mu.Unlock()
	err := s.journal.append(records, s.builder.zstd)
	if errors.Is(err, syscall.ENOSPC) && s.dropOldest() {
		err = s.journal.append(records, s.builder.zstd)
	}
	if err != nil {
		s.complain(err)
		return err
	}
	s.journaled = s.count
	s.account()
	for s.bytes > s.settings.MaxSize && s.dropOldest() {
	}
	return nil
}

// normalise makes of a record what the rest of the package relies on: a time that nanoseconds can
// say, and fields sorted by name, each name once, of which the last one counts.
func normalise(r *record.Record) {
	if r.Time.IsZero() {
		r.Time = r.Arrived
	}
	r.Time = time.Unix(0, nanos(r.Time)).UTC()
	r.Arrived = time.Unix(0, nanos(r.Arrived)).UTC()
	r.Severity = min(r.Severity, 24)
	if r.Kind != record.Span {
		r.Kind = record.Log
	}
	r.Attributes = sorted(r.Attributes)
	r.Resource = sorted(r.Resource)
}

func sorted(fields []record.Field) []record.Field {
	inOrder := true
	for i := 1; i < len(fields) && inOrder; i++ {
		inOrder = fields[i-1].Name < fields[i].Name
	}
	if inOrder {
		return fields
	}
	// Queries may be reading the slice: a resource is shared.
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b record.Field) int { return strings.Compare(a.Name, b.Name) })
	out := fields[:0]
	for i := range fields {
		if n := len(out); n > 0 && out[n-1].Name == fields[i].Name {
			out[n-1] = fields[i]
			continue
		}
		out = append(out, fields[i])
	}
	return out
}

// nanos is a time in Unix nanoseconds, as far as they reach, from 1677 to 2262.
func nanos(t time.Time) int64 {
	switch seconds := t.Unix(); {
	case seconds > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64 - 1
	case seconds < math.MinInt64/int64(time.Second)+1:
		return math.MinInt64 + 1
	default:
		return t.UnixNano()
	}
}
