package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

// ID names a record while it is in the spool. IDs grow in the order of Enqueue and are
// not used again.
type ID uint64

// Settings of a spool. Only Directory must be set.
type Settings struct {
	// Directory is the spool's own. It is made where it is missing.
	Directory string
	// SegmentSize is where a segment is closed, in bytes. Default 32 MiB.
	SegmentSize int64
	// SegmentAge is how long after its first record a segment is closed, whether
	// anything more is written or not. 0: never for its age.
	SegmentAge time.Duration
	// MaxSize is how many bytes may be on disk before Reserve waits. 0: no limit.
	MaxSize int64
	// AckDelay is how long an acknowledgement may wait for fsync. Default 100ms.
	AckDelay time.Duration
	// FS is the file system. Default: the operating system's.
	FS diskfs.FS
	// Failed is told of records that could not be written, from first to last, before any
	// Ticket tells of them, or of what was enqueued later. It must not wait for the spool.
	Failed func(first, last ID)
	// Advanced is told whenever Settled has become greater. It must not wait for the spool.
	Advanced func()

	// Smaller in tests. Groups of padFrom bytes begin and end at a block. A group is
	// closed at groupSize, so that while one is written the next is filled.
	padFrom, groupSize int
	block              int64
}

const (
	defaultSegmentSize = 32 << 20
	defaultAckDelay    = 100 * time.Millisecond
	// maxPending is how much may wait for the disk before Reserve waits.
	maxPending = 64 << 20
	// defaultGroupSize is where the disk has most of the throughput that it has with
	// larger writes; smaller ones leave it idle less while callers fill the next.
	defaultGroupSize = 2 << 20
	// defaultPadFrom is where a write past the cache is faster by more than the padding
	// that it takes.
	defaultPadFrom = 128 << 10
	// minBuffer is what Go's allocator aligns.
	minBuffer = 64 << 10
	// firstID leaves 0 to mean none.
	firstID ID = 1
)

var (
	// ErrFull says that there was no room for as long as the caller could wait.
	ErrFull = errors.New("the spool is full")
	// ErrInUse says that another spool, of this process or another, has the directory.
	ErrInUse = diskfs.ErrInUse
	// ErrClosed says that Close was called.
	ErrClosed = errors.New("the spool is closed")
	// ErrTooLarge says that a batch is larger than a frame, or the spool, may be.
	ErrTooLarge = errors.New("the batch is too large for the spool")
	// ErrDrained says that a Reader has nothing more now.
	ErrDrained = errors.New("there is nothing more to read now")
)

// Batch is one transaction: after a crash all of it is there or nothing. The Ticket of
// an empty one is a barrier: its Wait tells whether everything enqueued before is
// durable.
type Batch struct {
	// Records are copied. Where there are Heads, each is the beginning of the record of its
	// place, and copied as well.
	Heads, Records [][]byte
	// Acks are records that are no longer needed. Unknown ones do no harm. The slice
	// may be put into another order. Where the batch can't be written, its records are
	// not there and these are acknowledged all the same: on a full disk it is they that
	// make room. What only the batch's own records replace is acknowledged after Wait.
	Acks []ID
	// AckRanges are such records, too, of which Acks has none: runs by their first record
	// and their length, in order. It may be gone through more than once.
	AckRanges iter.Seq2[ID, uint64]
	// Lazy says that nobody waits for it: it is written with what comes next, or after
	// AckDelay.
	Lazy bool
}

// Spool is a log of records on disk. It is safe for concurrent use.
type Spool struct {
	set  Settings
	dir  string
	fs   diskfs.FS
	lock io.Closer

	// recovered says what Open found.
	recovered Recovery
	// inspected says that nothing is to be changed on disk.
	inspected bool

	wake chan struct{} // has one place: there is something to write
	done chan struct{} // closed when the committer has ended

	settled atomic.Uint64 // the last record that is on disk, or failed

	// mu guards the following.
	mu     sync.Mutex
	nextID ID
	// pending are not taken by the committer yet, in order; only the last one grows.
	pending      []*group
	pendingBytes int
	closing      bool
	wakesLater   bool // a timer will wake the committer
	// waiting counts the callers of Reserve for whom there is no room.
	waiting int
	// segments are in the order of their numbers; the last one is written to, if it is
	// not closed.
	segments []*segment
	nextNum  uint64
	// changed is closed and made anew when something is durable, removed or closed.
	changed chan struct{}
	bytes   int64 // on disk
	syncs   uint64
	// failures counts the groups that could not be written.
	failures    uint64
	lastFailure error
	// readers counts those that were not closed; recent is what was written last, for
	// them.
	readers int
	recent  recent
	// spare and spareFrames are for the next groups.
	spare       [][]byte
	spareFrames []pendingFrame

	// The committer's own.
	file      diskfs.File // of the last segment, nil where none can be written
	written   int64       // its length, durable or not
	unsynced  []*group    // written, with acknowledgements only
	syncAt    time.Time   // when they are to be synced
	removable []*segment  // all acknowledged, to be removed once that is durable
	unsaid    []*segment  // acknowledged in full, where that could not be written
	ageRetry  time.Time   // no segment is closed for its age before: it failed
}

// group is what is written at one time.
type group struct {
	buf     []byte
	frames  []pendingFrame
	records int
	// barrier says that someone wants to know whether all before is durable, too;
	// failures is the spool's count then.
	barrier  bool
	failures uint64
	done     chan struct{}
	err      error
}

type pendingFrame struct {
	offset  int
	first   ID
	records int
	acks    []idRange // by ID
}

// Ticket stands for a batch that was enqueued.
type Ticket struct {
	// First is the ID of the batch's first record; the others follow.
	First ID
	group *group
	err   error // where there is no group
}

// Err says why the batch was not taken; nil: it was, and Wait tells what became of it.
func (t Ticket) Err() error {
	if t.group == nil {
		return t.err
	}
	return nil
}

// Wait waits until the batch, and everything enqueued before it, is durable. An error
// that is not the context's says that it may or may not be on disk, and that no Reader
// of this process gives it.
func (t Ticket) Wait(ctx context.Context) error {
	if t.group == nil {
		return t.err
	}
	select {
	case <-t.group.done:
		return t.group.err
	default:
	}
	select {
	case <-t.group.done:
		return t.group.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reserve waits while there is no room for so many bytes. The error at the end of the
// context names the limits, and Is ErrFull. What is reserved is not kept for the
// caller: callers that reserve at the same time may together exceed the limit by what
// they write.
//
// What is larger than MaxSize never fits: that is ErrTooLarge, at once.
func (s *Spool) Reserve(ctx context.Context, bytes int) error {
	if s.set.MaxSize > 0 && int64(bytes) > s.set.MaxSize {
		return fmt.Errorf("%w: it has %d bytes, the limit of %s is %d: send it in parts, or raise the limit", ErrTooLarge, bytes, s.dir, s.set.MaxSize)
	}
	for {
		s.mu.Lock()
		pending := s.pendingBytes
		size, changed, closing := s.bytes, s.changed, s.closing
		fits := s.set.MaxSize == 0 || size+int64(pending)+int64(bytes) <= s.set.MaxSize
		if closing || fits && pending < maxPending {
			s.mu.Unlock()
			if closing {
				return ErrClosed
			}
			return nil
		}
		s.waiting++
		s.wakeLocked()
		s.mu.Unlock()
		var ended bool
		select {
		case <-changed:
		case <-ctx.Done():
			ended = true
		}
		s.mu.Lock()
		s.waiting--
		s.mu.Unlock()
		if ended {
			return fmt.Errorf("%w: %d bytes are in %s and %d wait for the disk, the limit is %d, and %d more are to be written: %w",
				ErrFull, size, s.dir, pending, s.set.MaxSize, bytes, ctx.Err())
		}
	}
}

// Enqueue takes a batch, and numbers its records. It never waits for the disk.
func (s *Spool) Enqueue(b Batch) Ticket {
	ranges, err := b.ranges()
	if err != nil {
		return Ticket{err: err}
	}
	if len(b.Heads) > 0 && len(b.Heads) != len(b.Records) {
		return Ticket{err: fmt.Errorf("%d heads of %d records can't be written", len(b.Heads), len(b.Records))}
	}
	size := maxFrameBody(b.Heads, b.Records, ranges)
	if size > maxBody {
		return Ticket{err: fmt.Errorf("%w: it takes up to %d bytes, the limit is %d: send it in parts", ErrTooLarge, size, maxBody)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return Ticket{First: s.nextID, err: ErrClosed}
	}
	g := s.groupLocked(frameHead + size)
	first := s.nextID
	// Those not given to anyone yet must not be acknowledged when they are.
	ranges = rangesBefore(ranges, first)
	if len(b.Records) > 0 || len(ranges) > 0 {
		start := len(g.buf)
		g.frames = append(g.frames, pendingFrame{offset: start, first: first, records: len(b.Records), acks: ranges})
		g.buf = appendFrame(g.buf, first, b.Heads, b.Records, ranges)
		s.pendingBytes += len(g.buf) - start
		g.records += len(b.Records)
		s.nextID += ID(len(b.Records))
	} else {
		g.records++ // it is to be synced as records are
		if !g.barrier {
			g.barrier, g.failures = true, s.failures
		}
	}
	if b.Lazy && len(s.pending) == 1 {
		s.wakeLaterLocked()
	} else {
		s.wakeLocked()
	}
	return Ticket{First: first, group: g}
}

// ranges are those of the records that the batch acknowledges.
func (b *Batch) ranges() ([]idRange, error) {
	if b.AckRanges == nil {
		if len(b.Acks) == 0 {
			return nil, nil
		}
		return rangesOf(b.Acks), nil
	}
	if len(b.Acks) > 0 {
		return nil, errors.New("a batch can't have both records and runs of them to acknowledge")
	}
	n := 0
	for range b.AckRanges {
		n++
	}
	ranges := make([]idRange, 0, n)
	end := uint64(0)
	for first, count := range b.AckRanges {
		from := uint64(first)
		switch {
		case count == 0:
			continue
		case from < end || from+count < from:
			return nil, fmt.Errorf("a run of %d records from %d can't be acknowledged behind one that ends at %d", count, from, end)
		case from == end && len(ranges) > 0:
			ranges[len(ranges)-1].count += count
		default:
			ranges = append(ranges, idRange{from, count})
		}
		end = from + count
	}
	return ranges, nil
}

// rangesBefore cuts off what is not before a record.
func rangesBefore(ranges []idRange, id ID) []idRange {
	for n := len(ranges); n > 0; n-- {
		last := &ranges[n-1]
		if last.from < uint64(id) {
			last.count = min(last.count, uint64(id)-last.from)
			return ranges[:n]
		}
	}
	return nil
}

// groupLocked is the group to add so many bytes to, with room for them.
func (s *Spool) groupLocked(size int) *group {
	var g *group
	if n := len(s.pending); n > 0 {
		g = s.pending[n-1]
	}
	if g == nil || len(g.buf) > 0 && len(g.buf)+size > s.set.groupSize {
		g = &group{done: make(chan struct{}), frames: s.spareFrames}
		s.spareFrames = nil
		s.pending = append(s.pending, g)
	}
	if need := len(g.buf) + size + s.padding(); need > cap(g.buf) {
		grown := s.spareLocked(need)
		if grown == nil {
			need = max(need, min(2*cap(g.buf), s.set.groupSize+s.padding()))
			// Memory of this size begins at a page.
			grown = make([]byte, 0, max(need, minBuffer))
		}
		grown = append(grown, g.buf...)
		s.reuseLocked(g.buf)
		g.buf = grown
	}
	return g
}

// padding is how long it can be.
func (s *Spool) padding() int { return int(s.set.block) + frameHead }

// takePending takes the next group for the committer; more says that it is not the last.
func (s *Spool) takePending() (g *group, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		return nil, false
	}
	g = s.pending[0]
	s.pending[0] = nil
	s.pending = s.pending[1:]
	s.pendingBytes -= len(g.buf)
	return g, len(s.pending) > 0
}

// wakeLocked tells the committer to look. It must not be called once closing.
func (s *Spool) wakeLocked() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// wakeLaterLocked tells the committer to look after AckDelay, unless it is to look earlier
// anyway.
func (s *Spool) wakeLaterLocked() {
	if s.wakesLater {
		return
	}
	s.wakesLater = true
	time.AfterFunc(s.set.AckDelay, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wakesLater = false
		if !s.closing && len(s.pending) > 0 {
			s.wakeLocked()
		}
	})
}

// Append writes a batch and waits until it is durable.
func (s *Spool) Append(ctx context.Context, b Batch) (ID, error) {
	size := 0
	for _, parts := range [][][]byte{b.Heads, b.Records} {
		for _, part := range parts {
			size += len(part)
		}
	}
	if size > 0 {
		if err := s.Reserve(ctx, size); err != nil {
			return 0, err
		}
	}
	t := s.Enqueue(b)
	return t.First, t.Wait(ctx)
}

// Ack lets records go.
func (s *Spool) Ack(ids ...ID) Ticket { return s.Enqueue(Batch{Acks: slices.Clone(ids)}) }

// Stats is the state of a spool.
type Stats struct {
	Bytes    int64         // on disk
	Segments int           // files
	Records  uint64        // not acknowledged
	Oldest   time.Duration // since the oldest of them came, or was found at Open
	Syncs    uint64        // calls of fsync for data
}

// Stats is the state now.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Bytes: s.bytes, Segments: len(s.segments), Syncs: s.syncs}
	for _, seg := range s.segments {
		if seg.unacked > 0 && st.Records == 0 {
			st.Oldest = time.Since(seg.oldest())
		}
		st.Records += seg.unacked
	}
	return st
}

// Settled is the last record of which Wait has an answer; those before have theirs, and what
// Open found is on disk.
func (s *Spool) Settled() ID { return ID(s.settled.Load()) }

// Behind gives the last record that has at least so many bytes of later segments behind
// it, 0 where none has. Who has little to keep from before can append it again, so that
// the old segments go.
func (s *Spool) Behind(bytes int64) ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.segments) - 1; i > 0; i-- {
		if bytes -= s.segments[i].length; bytes <= 0 {
			return s.segments[i].first - 1
		}
	}
	return 0
}

// Recovery is what Open found.
type Recovery struct {
	Records uint64 // not acknowledged
	Cut     int64  // bytes of a torn end, never durable, that were cut off
}

// Recovered is what Open found.
func (s *Spool) Recovered() Recovery { return s.recovered }

// Close writes and syncs what is enqueued, and lets the directory go. Tickets get
// their answers; later calls get ErrClosed.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		<-s.done
		return nil
	}
	s.closing = true
	s.announceLocked()
	s.mu.Unlock()
	close(s.wake)
	<-s.done
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	return errors.Join(err, s.lock.Close())
}

func (s *Spool) announceLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Spool) current() *segment { return s.segments[len(s.segments)-1] }

func (s *Spool) path(name string) string { return filepath.Join(s.dir, name) }
