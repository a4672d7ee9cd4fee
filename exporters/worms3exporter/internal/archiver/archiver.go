package archiver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

var (
	// ErrFull says that there was no room in the queue for as long as Accept waits: the
	// records may be sent again.
	ErrFull = spool.ErrFull
	// ErrTooLarge says that records are larger than the queue: they never fit.
	ErrTooLarge = spool.ErrTooLarge
	// ErrClosed says that the archiver was not started, or was shut down.
	ErrClosed = errors.New("the archiver is not running")
	// ErrOtherWriter says that someone else writes under this writer's name.
	ErrOtherWriter = errors.New("another one writes under this writer's name")
	// ErrState says that what is on disk and what is in the bucket do not belong together.
	ErrState = errors.New("the state on disk and the bucket do not belong together")
	// ErrDamage says that files of the state are missing or not as they were.
	ErrDamage = errors.New("the state on disk is damaged")
	// ErrClock says that this machine's clock and the server's are too far apart.
	ErrClock = errors.New("this machine's clock is not the server's")
)

// Archiver archives records. It is safe for concurrent use.
type Archiver struct {
	set      Settings
	origin   string
	objects  string // the directory
	instance string
	// fingerprintKey is set by New and stays.
	fingerprintKey FingerprintKey
	queue          *spool.Spool
	journal        *journal
	retry          *retrier
	logger         *zap.Logger

	// cancel stops all at once; running is done when nothing runs any more.
	cancel  context.CancelCauseFunc
	running sync.WaitGroup
	buffers sync.Pool // of *acceptBuffer

	// mu guards the following.
	mu    sync.Mutex
	phase phase
	fatal error
	// accepting is how many calls that write to the queue are under way.
	accepting int
	// changed is closed and made anew when any of what follows changes; wake, where it is
	// set, is called then, too.
	changed chan struct{}
	wake    func()
	// sealed are in the order of their leaves, those of the interval that has ended first.
	sealed []*object
	// sealedBytes is what they have on disk.
	sealedBytes int64
	// end is an interval that has ended and is not committed.
	end *ending
	// head is the log.
	head   *headEntry
	headID spool.ID
	// nextLeaf is that of the next object, nextFile the number of its files.
	nextLeaf int64
	nextFile uint64
	windows  []savedWindow
	counted  []counted
	open     int
	// pumped says that nothing more is sealed, and no more intervals end.
	pumped  bool
	lastEnd time.Time
}

type phase int

const (
	phaseNew     phase = iota
	phaseRunning       // records are accepted
	phaseClosing       // what is there is written
	phaseClosed
)

// object is a sealed one.
type object struct {
	sealedEntry
	id spool.ID // in the journal

	// Guarded by Archiver.mu.
	taken      bool // by an uploader
	uploaded   *uploadedEntry
	uploadedID spool.ID
}

func (o *object) end() int64 { return o.FirstLeaf + o.Leaves }

// onDisk is what an object has there, but for the fingerprints.
func (o *object) onDisk() int64 {
	size := o.Leaves*archive.HashSize + o.FilterSize
	if o.uploaded == nil {
		size += o.Size
	}
	return size
}

type ending struct {
	endEntry
	id       spool.ID
	commit   *commitEntry
	commitID spool.ID
}

type savedWindow struct {
	windowEntry
	id spool.ID
}

type counted struct {
	id           spool.ID
	deadLettered int64
}

// New opens the state on disk. Start or Shutdown must follow.
func New(set Settings) (*Archiver, error) {
	if err := set.prepare(); err != nil {
		return nil, err
	}
	a := &Archiver{
		set: set, origin: archive.WriterOrigin(set.Origin, set.Writer),
		objects: filepath.Join(set.Directory, "objects"),
		logger:  set.Logger, changed: make(chan struct{}), nextFile: noFile + 1,
	}
	a.retry = &retrier{initial: set.RetryInitial, most: set.RetryMax, directory: set.Directory, observer: set.Observer, logger: set.Logger}
	a.buffers.New = func() any { return &acceptBuffer{} }
	if err := a.openState(); err != nil {
		return nil, errors.Join(err, a.closeState())
	}
	return a, nil
}

// FingerprintKey is a secret of the state on disk, for as long as that is.
type FingerprintKey = [32]byte

// FingerprintKey is what Record.Fingerprint is to be made with.
func (a *Archiver) FingerprintKey() FingerprintKey { return a.fingerprintKey }

func (a *Archiver) closeState() error {
	var errs []error
	if a.queue != nil {
		errs = append(errs, a.queue.Close())
	}
	if a.journal != nil {
		errs = append(errs, a.journal.Close())
	}
	return errors.Join(errs...)
}

// Start looks into the bucket, and begins to accept records. Where the bucket can't be
// asked before the context ends, that goes on behind it, and records are accepted; an
// error is one that trying again does not help. It is called once.
func (a *Archiver) Start(ctx context.Context) error {
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	a.mu.Lock()
	a.cancel, a.phase = cancel, phaseRunning
	a.mu.Unlock()
	err := a.meetBucket(ctx)
	if err != nil && ctx.Err() == nil {
		a.mu.Lock()
		a.phase = phaseClosed
		a.mu.Unlock()
		cancel(err)
		return errors.Join(err, a.closeState())
	}
	known := err == nil
	a.running.Go(func() {
		if !known {
			if err := a.meetBucket(run); err != nil {
				a.fail(err)
				return
			}
		}
		p := newPump(a)
		a.running.Go(func() { p.run(run) })
		a.running.Go(func() { a.commitAll(run) })
		for range a.set.MaxUploads {
			a.running.Go(func() { a.uploadAll(run) })
		}
	})
	return nil
}

// fail stops all for good, unless it is stopped already.
func (a *Archiver) fail(err error) {
	a.mu.Lock()
	if a.fatal != nil || a.phase == phaseClosed {
		a.mu.Unlock()
		return
	}
	a.fatal = err
	a.announceLocked()
	a.mu.Unlock()
	a.cancel(err)
	a.logger.Error("Nothing more is archived", zap.Error(err))
	a.set.Observer.Fatal(err)
}

// announceLocked wakes those who wait for a change.
func (a *Archiver) announceLocked() {
	close(a.changed)
	a.changed = make(chan struct{})
	if a.wake != nil {
		a.wake()
	}
}

type acceptBuffer struct {
	buf, scratch []byte // heads of records
	ends         []int
	heads, lines [][]byte
	size         int // of both
	tickets      []spool.Ticket
}

const (
	// maxBatch is where a batch for the queue ends, in bytes: what reads the queue goes
	// through all of a batch, and then through its records, and finds them in a near cache.
	maxBatch = 128 << 10
	// batchOverhead is what the queue's frame has besides, at most.
	batchOverhead = 64
	// maxSpareBuffer is the largest that is used again.
	maxSpareBuffer = 8 << 20
)

// Accept takes records. Nil says that all of them are safe on disk. After an error some may
// be, and be archived: those with a uid are known as repeats when they come again. ErrFull
// is about now; ErrTooLarge, and records that can't be, for good.
func (a *Archiver) Accept(ctx context.Context, records []Record) error {
	if len(records) == 0 {
		return nil
	}
	a.mu.Lock()
	if a.fatal != nil || a.phase != phaseRunning {
		defer a.mu.Unlock()
		if a.fatal != nil {
			return a.fatal
		}
		return ErrClosed
	}
	a.accepting++
	a.mu.Unlock()
	defer a.accepted()

	b, _ := a.buffers.Get().(*acceptBuffer)
	defer func() {
		if cap(b.buf) <= maxSpareBuffer {
			clear(b.heads)
			clear(b.lines)
			a.buffers.Put(b)
		}
	}()
	lines, err := b.encode(records)
	if err != nil {
		return err
	}
	if err := a.reserve(ctx, b.size+batchOverhead*(1+b.size/maxBatch)); err != nil {
		return err
	}
	b.tickets = b.tickets[:0]
	for from := 0; from < len(records); {
		to, size := from, 0
		for to < len(records) && (to == from || size+b.sizeOf(to) <= maxBatch) {
			size += b.sizeOf(to)
			to++
		}
		b.tickets = append(b.tickets, a.queue.Enqueue(spool.Batch{Heads: b.heads[from:to], Records: b.lines[from:to]}))
		from = to
	}
	// Each batch is its own transaction: the last may be there when one before is not.
	for _, t := range b.tickets {
		if err := t.Wait(ctx); err != nil {
			return fmt.Errorf("write to the queue: %w", err)
		}
	}
	a.set.Observer.Accepted(len(records), lines)
	return nil
}

func (a *Archiver) accepted() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.accepting--; a.accepting == 0 && a.phase == phaseClosing {
		a.announceLocked()
	}
}

// reserve waits for room in the queue.
func (a *Archiver) reserve(ctx context.Context, size int) error {
	ctx, cancel := context.WithTimeout(ctx, a.set.AcceptTimeout)
	defer cancel()
	if err := a.queue.Reserve(ctx, size); err != nil {
		return fmt.Errorf("the queue: %w", err)
	}
	return nil
}

func (b *acceptBuffer) sizeOf(i int) int { return len(b.heads[i]) + len(b.lines[i]) }

// encode gives the records their form, in which the lines are the records'; lines is how
// many bytes these have.
func (b *acceptBuffer) encode(records []Record) (lines int64, err error) {
	b.buf, b.ends, b.heads, b.lines = b.buf[:0], b.ends[:0], b.heads[:0], b.lines[:0]
	for i := range records {
		r := &records[i]
		if err := r.check(); err != nil {
			return 0, err
		}
		lines += int64(len(r.Line))
		b.buf, b.scratch = appendHead(b.buf, b.scratch, r)
		b.ends = append(b.ends, len(b.buf))
		b.lines = append(b.lines, r.Line)
	}
	start := 0
	for _, end := range b.ends {
		b.heads = append(b.heads, b.buf[start:end:end])
		start = end
	}
	b.size = len(b.buf) + int(lines)
	return lines, nil
}

// CheckDisk says whether the disk takes what is written: it writes an acknowledgement of
// nothing.
func (a *Archiver) CheckDisk(ctx context.Context) error { return a.queue.Ack(0).Wait(ctx) }

// HasRoom says whether the queue takes records again after it was full.
func (a *Archiver) HasRoom() bool { return a.queue.Stats().Bytes < a.set.QueueSize/100*roomShare }

// roomShare of the queue, in hundredths, may be used where there is room again.
const roomShare = 90

// DeadLettered counts records that were not accepted, since they could not be encoded, and
// are with the dead letters. Nil says that the count is safe on disk.
func (a *Archiver) DeadLettered(ctx context.Context, records int) error {
	a.mu.Lock()
	running := a.fatal == nil && a.phase == phaseRunning
	if running {
		a.accepting++
	}
	a.mu.Unlock()
	if !running {
		return ErrClosed
	}
	defer a.accepted()
	entry, err := appendEntry(kindCount, countEntry{int64(records)})
	if err != nil {
		return err
	}
	t := a.journal.Enqueue(spool.Batch{Records: [][]byte{entry}})
	if err := t.Wait(ctx); err != nil {
		return fmt.Errorf("count dead letters in the journal: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counted = append(a.counted, counted{t.First, int64(records)})
	return nil
}

// Shutdown takes no more records, seals and uploads what is there, and writes the log's end,
// for as long as the context allows. What is not done then is safe on disk: that is no
// error. It may be called without Start.
func (a *Archiver) Shutdown(ctx context.Context) error {
	a.mu.Lock()
	was := a.phase
	if was == phaseRunning {
		a.phase = phaseClosing
		a.announceLocked()
	}
	a.mu.Unlock()
	switch was {
	case phaseClosing, phaseClosed:
		return nil
	case phaseNew:
		a.mu.Lock()
		a.phase = phaseClosed
		a.mu.Unlock()
		return a.closeState()
	}
	done := make(chan struct{})
	go func() {
		a.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		a.logger.Warn("The log has no end yet: what is not uploaded is on disk and will be at the next start", zap.Error(ctx.Err()))
	}
	a.stop()
	return a.closeState()
}

// stop stops all where it is, and waits for it.
func (a *Archiver) stop() {
	a.mu.Lock()
	a.phase = phaseClosed
	a.announceLocked()
	a.mu.Unlock()
	a.cancel(ErrClosed)
	a.running.Wait()
}

// Stats is the state now.
type Stats struct {
	Queue spool.Stats
	// Open objects are filled; Sealed ones, of SealedBytes on disk, are not in the log.
	Open, Sealed int
	SealedBytes  int64
	// Number is that of the last checkpoint, -1 where there is none. Size is how many
	// leaves it has, To is its time.
	Number int64
	Size   int64
	To     time.Time
	// Fatal is why nothing is archived any more.
	Fatal error
}

// Stats is the state now.
func (a *Archiver) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Stats{
		Queue: a.queue.Stats(), Open: a.open, Sealed: len(a.sealed), SealedBytes: a.sealedBytes,
		Number: a.head.Number, Size: a.head.Size, To: a.head.To, Fatal: a.fatal,
	}
}
