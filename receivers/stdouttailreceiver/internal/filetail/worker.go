package filetail

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// worker reads a share of the files, one after the other, with one Handler. All its
// fields but the queue belong to its goroutine.
type worker struct {
	t *Tailer
	h Handler

	// mu guards the queue.
	mu    sync.Mutex
	queue []*file
	wake  chan struct{}

	pipes     chan chunk
	stopped   chan struct{} // closed when run returns
	now       time.Time     // of the last read
	buf       []byte
	headBuf   []byte
	open      map[*file]struct{}
	uses      uint64
	dirty     []*file
	attention map[*file]struct{} // to be looked at with every tick
}

func newWorker(t *Tailer, h Handler) *worker {
	return &worker{
		t:         t,
		h:         h,
		wake:      make(chan struct{}, 1),
		pipes:     make(chan chunk),
		stopped:   make(chan struct{}),
		headBuf:   make([]byte, t.cfg.FingerprintSize),
		open:      map[*file]struct{}{},
		attention: map[*file]struct{}{},
	}
}

// enqueue asks for a turn of f. It may be called from any goroutine.
func (w *worker) enqueue(f *file) {
	if !f.queued.CompareAndSwap(false, true) {
		return
	}
	w.mu.Lock()
	w.queue = append(w.queue, f)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take returns what is queued, in exchange for an empty slice.
func (w *worker) take(empty []*file) []*file {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.queue
	w.queue = empty
	return q
}

// run reads until ctx ends. deliver is the context of Deliver and of the store,
// which ends later.
func (w *worker) run(ctx, deliver context.Context) {
	defer w.closeAll()
	defer close(w.stopped)
	tick := time.NewTicker(w.t.cfg.PollInterval)
	defer tick.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var round []*file
	for ctx.Err() == nil {
		clear(round)
		round = w.take(round[:0])
		for _, f := range round {
			if ctx.Err() != nil {
				break
			}
			if w.turn(ctx, deliver, f) != nil || w.deliverDue(deliver) != nil {
				return
			}
			if w.attendIfTicked(deliver, tick.C) != nil {
				return
			}
		}
		if len(round) > 0 {
			continue
		}
		if w.settle(deliver) != nil {
			return
		}
		if since, ok := w.h.Pending(); ok {
			timer.Reset(time.Until(since.Add(w.t.cfg.BatchWait)))
		} else {
			timer.Reset(time.Hour)
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
		case c := <-w.pipes:
			if w.fromPipe(deliver, c) != nil {
				return
			}
		case <-timer.C:
			if w.deliverDue(deliver) != nil {
				return
			}
		case now := <-tick.C:
			if w.attend(deliver, now) != nil {
				return
			}
		}
	}
	w.finishUp(deliver)
}

// attendIfTicked is for when there is much to read: other things must not wait for
// the end of that.
func (w *worker) attendIfTicked(deliver context.Context, tick <-chan time.Time) error {
	select {
	case c := <-w.pipes:
		return w.fromPipe(deliver, c)
	default:
	}
	select {
	case now := <-tick:
		return w.attend(deliver, now)
	default:
		return nil
	}
}

// finishUp delivers what has been read, at shutdown.
func (w *worker) finishUp(deliver context.Context) {
	for f := range w.attention {
		switch {
		case f.pipe != nil:
			w.endPipe(f)
		case w.t.cfg.Volatile:
			if f.fd != nil {
				w.flush(f)
			}
			w.endStream(f)
		}
	}
	if _, ok := w.h.Pending(); ok {
		_ = w.deliver(deliver)
		return
	}
	_ = w.commit(deliver)
}

// attend looks after the files that need it as time passes.
func (w *worker) attend(deliver context.Context, now time.Time) error {
	for f := range w.attention {
		if f.stream != nil {
			if _, held := f.stream.Held(); held {
				w.expire(f, f.stream, f.pos, now)
				if w.h.Full() {
					if err := w.deliver(deliver); err != nil {
						return err
					}
				}
			}
		}
		if f.pipe != nil && len(f.pipe.unended) > 0 && now.Sub(f.grown) >= w.t.cfg.FlushAfter {
			w.flushPipe(f)
		}
		if w.quiet(f, now) {
			delete(w.attention, f)
			f.attended = false
		} else {
			w.enqueue(f)
		}
	}
	return w.deliverDue(deliver)
}

// activeFor is how long a file that has grown is looked at with every tick.
const activeFor = 10 * time.Second

// quiet says that f needs no attention until a search sees that it has changed.
func (w *worker) quiet(f *file, now time.Time) bool {
	if f.stream != nil {
		if _, held := f.stream.Held(); held {
			return false
		}
	}
	if f.pipe != nil {
		return len(f.pipe.unended) == 0
	}
	if f.pos < f.end && !f.blank {
		return false
	}
	return f.fd == nil || now.Sub(f.grown) >= activeFor && !f.orphan.Load()
}

func (w *worker) attendTo(f *file) {
	if !f.attended {
		f.attended = true
		w.attention[f] = struct{}{}
	}
}

// touch says that f's checkpoint may move with the next delivery.
func (w *worker) touch(f *file) {
	if !f.dirty && f.pipe == nil {
		f.dirty = true
		w.dirty = append(w.dirty, f)
	}
}

func (w *worker) deliverDue(ctx context.Context) error {
	since, ok := w.h.Pending()
	if !ok || time.Since(since) < w.t.cfg.BatchWait && !w.h.Full() {
		return nil
	}
	return w.deliver(ctx)
}

// deliver hands the batch on, and then moves the checkpoints.
func (w *worker) deliver(ctx context.Context) error {
	err := retry(ctx, func(err error) {
		w.t.log.Warn("a batch of lines was not accepted; trying again", zap.Error(err))
	}, func() error { return w.h.Deliver(ctx) })
	if err != nil {
		return err
	}
	return w.commit(ctx)
}

// settle moves checkpoints past what made no records.
func (w *worker) settle(ctx context.Context) error {
	if len(w.dirty) == 0 {
		return nil
	}
	if _, ok := w.h.Pending(); ok {
		return nil
	}
	return w.commit(ctx)
}

// commit stores how far the files have been delivered. Nothing is pending.
func (w *worker) commit(ctx context.Context) error {
	if len(w.dirty) == 0 {
		return nil
	}
	var ops []Op
	records := make([]record, len(w.dirty))
	for i, f := range w.dirty {
		offset := f.pos
		if f.stream != nil {
			if held, ok := f.stream.Held(); ok {
				offset = min(offset, held)
			}
		}
		records[i] = f.record(offset)
		if records[i].equal(&f.stored) {
			continue
		}
		doc, err := encodeDocument(&records[i])
		if err != nil {
			return err
		}
		ops = append(ops, Op{Key: filePrefix + f.id, Value: doc})
	}
	if len(ops) > 0 {
		if err := w.t.save(ctx, ops); err != nil {
			return err
		}
	}
	for i, f := range w.dirty {
		f.stored = records[i]
		f.stored.Marks = nil // not compared
		f.dirty = false
	}
	clear(w.dirty)
	w.dirty = w.dirty[:0]
	return nil
}

// ensureOpen opens f where it is not open yet. It reports whether there is something
// to read from.
func (w *worker) ensureOpen(f *file) bool {
	w.uses++
	f.used = w.uses
	if f.fd != nil {
		return true
	}
	p := f.place()
	fd, err := os.OpenFile(p.path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		f.failed.Store(true) // the next search finds it, or tries again
		if errors.Is(err, fs.ErrNotExist) {
			w.t.searchSoon()
			return false
		}
		if !f.reported {
			f.reported = true
			w.t.stats.openErrors.Add(1)
			w.t.log.Warn("can't open a file; trying again", zap.String("path", p.path), zap.Error(err))
		}
		return false
	}
	info, err := fd.Stat()
	if err != nil || !info.Mode().IsRegular() || inodeOf(info) != p.inode {
		_ = fd.Close()
		f.failed.Store(true)
		w.t.searchSoon()
		return false
	}
	f.reported = false
	f.fd = fd
	if p.comp != plain {
		f.unpacked = newUnpacked(fd, info.Size(), p.comp)
	}
	w.open[f] = struct{}{}
	w.t.stats.open.Add(1)
	w.closeUnused(f)
	return true
}

// closeUnused closes the files that have been at their end for longest, when there
// are too many open ones. An orphan is the last to go: it may not be found again.
func (w *worker) closeUnused(but *file) {
	limit := max(1, w.t.cfg.MaxOpenFiles/len(w.t.workers))
	for len(w.open) > limit {
		var oldest *file
		for f := range w.open {
			if f == but {
				continue
			}
			if oldest == nil || less(f, oldest) {
				oldest = f
			}
		}
		if oldest == nil {
			return
		}
		w.close(oldest)
	}
}

func less(a, b *file) bool {
	if x, y := a.orphan.Load(), b.orphan.Load(); x != y {
		return y
	}
	return a.used < b.used
}

func (w *worker) close(f *file) {
	if f.fd == nil {
		return
	}
	if f.unpacked != nil {
		f.unpacked.close()
		f.unpacked = nil
	}
	_ = f.fd.Close()
	f.fd = nil
	delete(w.open, f)
	w.t.stats.open.Add(-1)
}

func (w *worker) closeAll() {
	for f := range w.open {
		w.close(f)
	}
}

// stream is f's stream, opened where it isn't.
func (w *worker) stream(f *file) Stream {
	if f.stream == nil {
		p := f.place()
		f.stream = w.h.Open(FileInfo{
			ID: f.id, Path: p.path, Resolved: p.resolved, Offset: f.pos, Compression: p.comp.String(), Pipe: f.pipe != nil,
		})
	}
	return f.stream
}
