package archiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// pump reads the queue, fills and seals objects, and ends intervals. It is one goroutine.
type pump struct {
	a      *Archiver
	reader *spool.Reader
	window *repeatWindow
	open   map[string]*openObject
	// repeats are those read since the last entry of the journal that has some.
	repeats idRanges
	// acks are under way in the queue.
	acks []pendingAck
	// start says that the manifest of the start was not written.
	start bool
	// drained says that the queue had nothing more.
	drained bool
	// last says that nothing more comes into the queue.
	last   bool
	record stored
	// touched is for how many of the next records the window knows that they come.
	touched int
}

type pendingAck struct {
	ids    idRanges
	ticket spool.Ticket
}

// diskError is one of the state on disk: what is open is thrown away and read again.
type diskError struct{ error }

func (e diskError) Unwrap() error { return e.error }

const (
	// burst is how many records are read before the pump looks about.
	burst = 256
	// writeObjects is what is tried again where the disk refuses.
	writeObjects = "write objects"
	// idle is how long it sleeps at most.
	idle = time.Hour
)

func newPump(a *Archiver) *pump {
	return &pump{
		a: a, reader: a.queue.NewReader(), open: map[string]*openObject{}, start: true,
		window: newRepeatWindow(a.set.RepeatWindow, a.set.MaxRepeats),
	}
}

// run pumps until the log's end is in the journal, or the context ends.
func (p *pump) run(ctx context.Context) {
	defer p.close()
	err := p.a.retry.do(ctx, "read fingerprints of records", func(context.Context) error { return p.loadWindows() })
	for attempt := p.a.set.RetryInitial; err == nil; {
		var done bool
		done, err = p.turn(ctx)
		if done && err == nil {
			return
		}
		var disk diskError
		if errors.As(err, &disk) && ctx.Err() == nil {
			p.a.set.Observer.Retry(writeObjects, err)
			p.a.logger.Error("Objects that are open can't be written, and will be begun again", zap.Error(err))
			sleep(ctx, attempt)
			attempt = min(2*attempt, p.a.set.RetryMax)
			err = p.again(ctx)
		} else if err == nil {
			if attempt != p.a.set.RetryInitial {
				p.a.set.Observer.Recovered(writeObjects)
			}
			attempt = p.a.set.RetryInitial
		}
	}
	if ctx.Err() == nil {
		p.a.fail(err)
	}
}

func (p *pump) close() {
	_ = p.reader.Close()
	p.discard()
	p.a.mu.Lock()
	defer p.a.mu.Unlock()
	p.a.pumped = true
	p.a.announceLocked()
}

// turn does what is to be done, and waits where there is nothing. Done says that the log
// has its end.
func (p *pump) turn(ctx context.Context) (done bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	now := time.Now()
	p.forget(now)
	v := p.look()
	if v.closing && !v.accepting && !p.last {
		p.last, p.drained = true, false // more may have come since it was
	}
	switch {
	case v.ended:
	case p.start:
		if err := p.endInterval(ctx, archive.EventStart); err != nil {
			return false, err
		}
		p.start = false
		return false, nil
	case p.last && p.drained && len(p.open) == 0 && v.uploaded:
		return true, p.endInterval(ctx, archive.EventShutdown)
	case !v.closing && !now.Before(p.intervalDue()):
		return false, p.endInterval(ctx, archive.EventInterval)
	}
	if v.room {
		sealed, err := p.sealDue(ctx, now, p.last && p.drained)
		if sealed || err != nil {
			return false, err
		}
		if err := p.read(ctx, now); err != nil || !p.drained {
			return false, err
		}
		if p.last && (len(p.open) > 0 || v.uploaded && !v.ended) {
			return false, nil // they are to be sealed, or the log is to end
		}
	}
	return false, p.wait(ctx, now, v)
}

// view is what of the state the pump goes by.
type view struct {
	// room says that more may be sealed, ended that an interval has and is not committed,
	// uploaded that all sealed objects are.
	room, ended, closing, accepting, uploaded bool
	changed                                   chan struct{} // since then
}

func (p *pump) look() view {
	a := p.a
	a.mu.Lock()
	defer a.mu.Unlock()
	v := view{
		room: a.sealedBytes < a.set.SealedSize, ended: a.end != nil, closing: a.phase == phaseClosing,
		accepting: a.accepting > 0, uploaded: true, changed: a.changed,
	}
	for _, o := range a.sealed {
		v.uploaded = v.uploaded && o.uploaded != nil
	}
	return v
}

func (p *pump) intervalDue() time.Time {
	return p.a.lastEnd.Add(p.a.set.CheckpointInterval)
}

// read reads up to a burst of records.
func (p *pump) read(ctx context.Context, now time.Time) error {
	p.drained = false
	for range burst {
		r, err := p.reader.TryNext()
		if errors.Is(err, spool.ErrDrained) {
			p.drained = true
			return nil
		}
		if err != nil {
			return diskError{fmt.Errorf("read the queue: %w", err)}
		}
		if p.touched--; p.touched < 0 {
			p.touchAhead()
		}
		if err := p.take(ctx, &r, now); err != nil {
			return err
		}
	}
	return nil
}

// touchAhead tells the window of the next records.
func (p *pump) touchAhead() {
	var next [touchAtOnce]fingerprint
	ahead := p.reader.Ahead()
	ahead = ahead[:min(len(ahead), len(next))]
	n := 0
	for _, payload := range ahead {
		if f, ok := fingerprintOf(payload); ok {
			next[n] = f
			n++
		}
	}
	p.window.touch(next[:n])
	p.touched = len(ahead)
}

// take puts a record into its object.
func (p *pump) take(ctx context.Context, r *spool.Record, now time.Time) error {
	s := &p.record
	if err := parseRecord(r.Payload, s); err != nil {
		return fmt.Errorf("record %d of the queue: %w: it was written by a newer version, which can read it", r.ID, err)
	}
	if s.hasUID && p.window.add(&s.fingerprint, noFile, now) {
		p.repeats.add(r.ID)
		return nil
	}
	o, err := p.object(ctx, s.destination, now)
	if err != nil {
		return err
	}
	if s.hasUID {
		p.window.belongs(o.file)
	}
	if err := o.add(r.ID, s, p); err != nil {
		return err
	}
	if o.writer.Size() >= p.a.set.MaxObjectSize || o.writer.Leaves() >= p.a.set.MaxLeaves {
		return p.seal(ctx, o)
	}
	return nil
}

// object is the open object of a destination.
func (p *pump) object(ctx context.Context, dest []byte, now time.Time) (*openObject, error) {
	if o := p.open[string(dest)]; o != nil {
		return o, nil
	}
	if len(p.open) >= p.a.set.MaxOpen {
		var oldest *openObject
		for _, o := range p.open {
			if oldest == nil || o.file < oldest.file {
				oldest = o
			}
		}
		if err := p.seal(ctx, oldest); err != nil {
			return nil, err
		}
	}
	o, err := p.a.newObject(dest, now)
	if err != nil {
		return nil, err
	}
	p.open[o.name] = o
	p.count()
	return o, nil
}

func (p *pump) count() {
	p.a.mu.Lock()
	defer p.a.mu.Unlock()
	p.a.open = len(p.open)
}

// drop throws an open object away.
func (p *pump) drop(o *openObject) {
	delete(p.open, o.name)
	p.count()
	p.a.discard(o)
}

func (p *pump) discard() {
	for _, o := range p.open {
		p.drop(o)
	}
}

// again throws away what is open, and begins to read anew.
func (p *pump) again(ctx context.Context) error {
	gone := map[uint64]bool{noFile: true}
	for _, o := range p.open {
		gone[o.file] = true
	}
	p.discard()
	p.repeats = idRanges{}
	p.window.drop(func(file uint64) bool { return gone[file] })
	// What is being acknowledged must not be read again.
	if err := p.settle(ctx); err != nil {
		return err
	}
	_ = p.reader.Close()
	p.reader, p.drained = p.a.queue.NewReader(), false
	return nil
}

// sealDue seals the objects that are old, or all.
func (p *pump) sealDue(ctx context.Context, now time.Time, all bool) (sealed bool, err error) {
	for _, o := range p.open {
		if all || !now.Before(p.due(o)) {
			return true, p.seal(ctx, o)
		}
	}
	return false, nil
}

// due is when an object is sealed for its age.
func (p *pump) due(o *openObject) time.Time {
	if o.writer.Size() < p.a.set.MinObjectSize {
		return o.opened.Add(p.a.set.MaxWait)
	}
	return o.opened.Add(p.a.set.MaxObjectAge)
}

// wait waits until there is something to do.
func (p *pump) wait(ctx context.Context, now time.Time, v view) error {
	due := now.Add(idle)
	earlier := func(t time.Time) {
		if t.Before(due) {
			due = t
		}
	}
	a := p.a
	if !v.ended && !v.closing {
		earlier(p.intervalDue())
	}
	for _, o := range p.open {
		if v.room {
			earlier(p.due(o))
		}
	}
	if p.window.len() > 0 || len(a.windows) > 0 {
		earlier(now.Add(max(a.set.RepeatWindow/8, groupTime)))
	}
	waiting, cancel := context.WithDeadline(ctx, due)
	defer cancel()
	a.mu.Lock()
	if a.changed != v.changed {
		a.mu.Unlock()
		return nil // there may be something to do by now
	}
	a.wake = cancel
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.wake = nil
		a.mu.Unlock()
	}()
	if !v.room {
		<-waiting.Done()
		return nil
	}
	r, err := p.reader.Next(waiting)
	if err == nil {
		p.drained = false
		return p.take(ctx, &r, time.Now())
	}
	if waiting.Err() != nil {
		return nil
	}
	return diskError{fmt.Errorf("read the queue: %w", err)}
}

// ack acknowledges records in the queue, that are in the journal.
func (p *pump) ack(ctx context.Context, ids *idRanges) {
	if ids.total > 0 {
		p.acks = append(p.acks, pendingAck{*ids, p.a.ackRanges(ids)})
	}
	// Those that are done need no memory.
	ended, cancel := context.WithCancel(ctx)
	cancel()
	kept := p.acks[:0]
	for _, ack := range p.acks {
		if ack.ticket.Wait(ended) != nil {
			kept = append(kept, ack)
		}
	}
	clear(p.acks[len(kept):])
	p.acks = kept
}

// ackRanges acknowledges records in the queue.
func (a *Archiver) ackRanges(ids *idRanges) spool.Ticket {
	return a.queue.Enqueue(spool.Batch{AckRanges: ids.runs()})
}

// settle waits until all acknowledgements are durable.
func (p *pump) settle(ctx context.Context) error {
	for len(p.acks) > 0 {
		ack := &p.acks[0]
		err := p.a.retry.do(ctx, "acknowledge in the queue", func(ctx context.Context) error {
			err := ack.ticket.Wait(ctx)
			if err != nil && ctx.Err() == nil {
				ack.ticket = p.a.ackRanges(&ack.ids)
			}
			return err
		})
		if err != nil {
			return err
		}
		p.acks = p.acks[1:]
	}
	return nil
}

// endInterval numbers the interval's manifest, and counts.
func (p *pump) endInterval(ctx context.Context, event archive.Event) error {
	// The queue's count is without those that are sealed once they are acknowledged.
	if err := p.settle(ctx); err != nil {
		return err
	}
	a := p.a
	waiting := int64(a.queue.Stats().Records) - p.repeats.total
	e := &ending{}
	a.mu.Lock()
	head := a.head
	e.Number, e.Event, e.From, e.To = head.Number+1, event, head.To, a.now()
	if e.From.IsZero() || e.To.Before(e.From) {
		e.From = e.To
		if !head.To.IsZero() {
			e.From, e.To = head.To, head.To
		}
	}
	e.FirstLeaf, e.Leaf = head.Size, a.nextLeaf
	ledger := archive.Ledger{Waiting: waiting}
	ledger.Repeated = p.repeats.total
	for _, o := range a.sealed {
		ledger.Archived += o.Records
		ledger.Redactions += o.Redactions
		ledger.Repeated += o.Repeated
	}
	for _, c := range a.counted {
		ledger.DeadLettered += c.deadLettered
		e.Counted = append(e.Counted, c.id)
	}
	a.mu.Unlock()
	ledger.Accepted = ledger.Archived + ledger.Repeated + ledger.DeadLettered + waiting - head.Waiting
	if ledger.Accepted < 0 {
		return fmt.Errorf("%w: %d records that were accepted are no longer in the queue in %s: restore it, or move the whole directory aside, so that the log is found in the bucket",
			ErrDamage, -ledger.Accepted, a.set.Directory)
	}
	e.Ledger = ledger
	entry, err := appendEntry(kindEnd, &e.endEntry, p.repeats.bytes())
	if err != nil {
		return err
	}
	if e.id, err = a.journal.append(ctx, "end an interval", entry); err != nil {
		return err
	}
	p.takeRepeats(ctx)
	// The committer takes the entry out of the journal: by then they must be durable.
	if err := p.settle(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	a.end, a.nextLeaf, a.lastEnd = e, e.Leaf+1, time.Now()
	a.counted = a.counted[len(e.Counted):]
	a.announceLocked()
	a.mu.Unlock()
	return nil
}

// takeRepeats acknowledges the repeats, which are in the journal.
func (p *pump) takeRepeats(ctx context.Context) {
	if p.repeats.total > 0 {
		p.a.set.Observer.Repeated(int(p.repeats.total))
		p.ack(ctx, &p.repeats)
		p.repeats = idRanges{}
	}
}

// forget lets go of what is older than the window of repeats.
func (p *pump) forget(now time.Time) {
	p.window.expire(now)
	a := p.a
	for len(a.windows) > 0 && now.Sub(a.windows[0].At) > a.set.RepeatWindow {
		w := a.windows[0]
		a.windows = a.windows[1:]
		a.journal.Ack(w.id)
		a.remove(w.File, uidsFile)
	}
}

// loadWindows reads the fingerprints of sealed objects.
func (p *pump) loadWindows() error {
	a := p.a
	buf := make([]byte, 64<<10)
	for _, w := range a.windows {
		path := a.file(w.File, uidsFile)
		f, err := a.set.FS.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			a.logger.Warn("Fingerprints of records are missing: repeats of them will not be known", zap.String("file", path))
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		r := io.NewSectionReader(f, 0, 1<<62)
		for err == nil {
			var n int
			n, err = io.ReadFull(r, buf)
			for i := 0; i+len(fingerprint{}) <= n; i += len(fingerprint{}) {
				fp := fingerprint(buf[i:])
				p.window.add(&fp, w.File, w.At)
			}
		}
		_ = f.Close()
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	return nil
}
