package eventfoldprocessor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/spool"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldjournal"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
)

// journal keeps parts on disk until their event has been delivered, and ended events
// for as long as they are remembered. The table names entries by numbers that are
// never 0: the spool's, and one more.
type journal struct {
	spool *spool.Spool
	// size is where it takes no more, in bytes. From half of that on, memories are written
	// again that have a quarter of it behind them: they must not keep the segments of
	// delivered parts.
	size int64
	// old is the number of the last entry that is so far behind.
	old atomic.Uint64
}

func number(id spool.ID) uint64      { return uint64(id) + 1 }
func spoolID(number uint64) spool.ID { return spool.ID(number - 1) }

// entries are what one call of ConsumeLogs has put into the journal.
type entries struct {
	tickets []spool.Ticket
	payload []byte
	records [1][]byte
	refused error // of parts that the journal did not take
	settled *settlement
}

func (e *entries) reset() {
	clear(e.tickets)
	e.tickets, e.refused, e.settled = e.tickets[:0], nil, nil
}

// settlement is what has become of a call's parts. The call may be over before them.
type settlement struct {
	// mu guards the following.
	mu        sync.Mutex
	retracted int
	over      bool
}

// end says that the call is over, and how many of its parts were taken out again.
func (s *settlement) end() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.retracted
}

// unsettled is a part that may not be on disk yet.
type unsettled struct {
	number uint64
	key    foldtable.Key
	uid    uint64
	call   *settlement
}

// reserve waits until there is room on disk.
func (j *journal) reserve(ctx context.Context, in *intake) error {
	bytes := 0
	for i := range in.items {
		if it := &in.items[i]; it.folds {
			bytes += foldjournal.MaxHead + len(it.origin) + len(it.record)
		}
	}
	if j.spool.Stats().Bytes > j.size/2 {
		in.makeRoom()
	}
	ctx, cancel := context.WithTimeout(ctx, in.cfg.AcceptTimeout)
	defer cancel()
	return j.spool.Reserve(ctx, bytes)
}

// makeRoom lets the shards move what they remember out of old segments.
func (p *foldProcessor) makeRoom() {
	last := p.journal.spool.Behind(p.journal.size / 4)
	if last == 0 {
		return
	}
	if old := p.journal.old.Load(); number(last) > old && p.journal.old.CompareAndSwap(old, number(last)) {
		for _, s := range p.shards {
			s.wakeUp()
		}
	}
}

// moveLocked writes the shard's memories again that are in old segments.
func (s *shard) moveLocked() {
	old := s.journal.old.Load()
	if old <= s.moved {
		return
	}
	s.moved = old
	s.table.MoveMemories(old, func(m foldtable.PastEvent) uint64 {
		return s.write(m, spoolID(m.Journal))
	})
}

// write writes a memory into the journal, and gives the number of its entry.
func (s *shard) write(m foldtable.PastEvent, acks ...spool.ID) uint64 {
	entry := foldjournal.AppendEnded(nil, &foldjournal.Ended{
		Key: m.Key, ID: m.ID, Generation: m.Generation, Reason: byte(m.Reason),
		Ended: s.started.UnixNano() + m.Ended, UIDs: m.UIDs,
	})
	return number(s.journal.spool.Enqueue(spool.Batch{Records: [][]byte{entry}, Acks: acks}).First)
}

// writeAgainEvery is between two attempts to write what the journal should remember, in ns.
const writeAgainEvery = int64(time.Second)

// writeAgainLocked writes memories whose entries could not be written: the parts are
// acknowledged all the same, and after a crash nothing would know of them. next is when
// there is something to do, as is what is given.
func (s *shard) writeAgainLocked(now, next int64) int64 {
	if !s.table.HasUnwritten() {
		return next
	}
	if now < s.writeAgain {
		if next == 0 || s.writeAgain < next {
			return s.writeAgain
		}
		return next
	}
	s.table.WriteAgain(func(m foldtable.PastEvent) uint64 { return s.write(m) })
	return next
}

// enqueueLocked puts a part into the journal, and gives its number; false: the journal
// does not take it. The lock is held, so that the journal has the parts of an event in the
// table's order.
func (s *shard) enqueueLocked(e *entries, place *foldtable.Place, part *foldtable.Part) (uint64, bool) {
	e.payload = foldjournal.AppendPart(e.payload[:0], &foldjournal.Part{
		Key: place.Key, UID: part.UID, Generation: place.Generation, Arrived: time.Now().UnixNano(),
		Opens: place.Opens, Starts: place.Starts, Ends: part.Ends,
		Previous: place.Previous, PreviousReason: byte(place.PreviousReason),
		Origin: part.Origin, Record: part.Record,
	})
	e.records[0] = e.payload
	ticket := s.journal.spool.Enqueue(spool.Batch{Records: e.records[:]})
	if err := ticket.Err(); err != nil {
		e.refused = err
		return 0, false
	}
	e.tickets = append(e.tickets, ticket)
	if e.settled == nil {
		e.settled = &settlement{}
	}
	n := number(ticket.First)
	s.unsettled.add(unsettled{number: n, key: place.Key, uid: part.UID, call: e.settled})
	return n, true
}

// barrierLocked has the call wait for all that was enqueued before. The lock is held, so
// that what has failed by then is no longer in the table.
func (s *shard) barrierLocked(e *entries) {
	e.tickets = append(e.tickets, s.journal.spool.Enqueue(spool.Batch{}))
}

// settle waits until the batch is on disk. retracted is how many parts were taken out of
// their events again.
func (in *intake) settle(ctx context.Context) (retracted int, err error) {
	err = in.entries.refused
	for _, t := range in.entries.tickets {
		failure := t.Wait(ctx)
		if failure == nil {
			continue
		}
		err = failure
		if ctx.Err() != nil {
			break // the sender does not wait for it
		}
	}
	if in.entries.settled != nil {
		retracted = in.entries.settled.end()
	}
	if err != nil {
		return retracted, fmt.Errorf("write to the journal of event_fold in %s: %w", in.cfg.Directory, err)
	}
	return retracted, nil
}

// unsettledParts are a queue in the order of their numbers.
type unsettledParts struct {
	parts []unsettled
	top   int // those before have been settled
}

func (q *unsettledParts) add(u unsettled) { q.parts = append(q.parts, u) }

// prune forgets those that have been settled, up to a number.
func (q *unsettledParts) prune(upTo uint64) {
	for q.top < len(q.parts) && q.parts[q.top].number <= upTo {
		q.top++
	}
	if q.top > len(q.parts)/2 {
		kept := copy(q.parts, q.parts[q.top:])
		clear(q.parts[kept:])
		q.parts, q.top = q.parts[:kept], 0
	}
}

// take takes those from first to last out.
func (q *unsettledParts) take(first, last uint64) []unsettled {
	by := func(u unsettled, n uint64) int { return cmp.Compare(u.number, n) }
	from, _ := slices.BinarySearchFunc(q.parts[q.top:], first, by)
	to, _ := slices.BinarySearchFunc(q.parts[q.top:], last+1, by)
	from, to = q.top+from, q.top+to
	taken := slices.Clone(q.parts[from:to])
	q.parts = slices.Delete(q.parts, from, to)
	return taken
}

// unwritten takes parts out of their events again that could not be written, so that
// their senders may send them again. The spool calls it before anybody hears of the failure,
// and none of these events has been delivered: they wait for the disk's answer, too.
func (p *foldProcessor) unwritten(first, last spool.ID) {
	for _, s := range p.shards {
		s.retract(number(first), number(last))
	}
}

func (s *shard) retract(first, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := make(map[foldtable.Key]struct{})
	gone := s.table.RetractReady(first, last)
	failed := s.unsettled.take(first, last)
	for _, u := range failed {
		if _, ok := asked[u.key]; !ok {
			asked[u.key] = struct{}{}
			gone = append(gone, s.table.Retract(u.key, first, last)...)
		}
	}
	slices.Sort(gone)
	for _, u := range failed {
		if _, found := slices.BinarySearch(gone, u.number); found {
			s.retracted(u.call)
		}
	}
	if s.table.Unwritten(first, last); s.table.HasUnwritten() {
		s.writeAgain = s.now() + writeAgainEvery
		s.wakeUp()
	}
	if s.remembering {
		s.failed = append(s.failed, [2]uint64{first, last})
	}
	s.publishLocked()
}

// rememberLocked notes the entries of the events in the journal, which begin with first.
// The journal may have failed to write them before it is noted that they are there.
func (s *shard) rememberLocked(batch []*foldtable.Closed, first uint64) {
	for _, c := range batch {
		if c.Early {
			continue
		}
		if slices.ContainsFunc(s.failed, func(r [2]uint64) bool { return first >= r[0] && first <= r[1] }) {
			s.table.NotRemembered(c)
			s.writeAgain = s.now() + writeAgainEvery
		} else {
			s.table.Remembered(c, first)
		}
		first++
	}
	s.remembering, s.failed = false, s.failed[:0]
}

// settled lets the shards deliver that have events whose parts waited for the disk.
func (p *foldProcessor) settled() {
	for _, s := range p.shards {
		if s.awaits.CompareAndSwap(true, false) {
			s.wakeUp()
		}
	}
}

// deliverableLocked says whether there is a ready event with all its parts on disk. Where
// one waits for that, the shard is woken when the journal has got further.
//
// An event that is delivered before might lack a part after a crash. Then it would end
// without it, and the part, which its sender sends again, would be in another event, too.
func (s *shard) deliverableLocked() bool {
	c := s.table.Peek()
	if c == nil || s.journal == nil || s.journal.has(c) {
		return c != nil
	}
	s.awaits.Store(true)
	return s.journal.has(c) // it may have got there just before
}

// has says whether all parts of the event are on disk.
func (j *journal) has(c *foldtable.Closed) bool { return c.Last() <= number(j.spool.Settled()) }

// retracted counts a part that was taken out again: to its call, or, where that has
// answered its sender, as dropped.
func (s *shard) retracted(call *settlement) {
	call.mu.Lock()
	defer call.mu.Unlock()
	if !call.over {
		call.retracted++
		return
	}
	s.tel.ProcessorEventFoldRecordsDropped.Add(s.work, 1, withReason(string(notWritten)))
}

// delivered lets the parts of delivered events go and remembers the events, in one
// transaction. It gives the number of the first event's entry; the others follow.
// Nobody waits for it: what a crash undoes is delivered again, with the same fold.id.
func (j *journal) delivered(batch []*foldtable.Closed) (first uint64) {
	var b spool.Batch
	var numbers []uint64
	now := time.Now().UnixNano()
	for _, c := range batch {
		if c.Early {
			continue
		}
		numbers = c.AppendJournal(numbers)
		b.Records = append(b.Records, foldjournal.AppendEnded(nil, &foldjournal.Ended{
			Key: c.Key, ID: c.ID, Generation: c.Generation, Reason: byte(c.Reason), Ended: now, UIDs: c.AppendUIDs(nil),
		}))
	}
	if len(b.Records) == 0 {
		return 0
	}
	b.Acks, b.Lazy = spoolIDs(numbers), true
	return number(j.spool.Enqueue(b).First)
}

// forget lets entries go that nothing needs.
func (j *journal) forget(numbers []uint64) {
	if len(numbers) > 0 {
		j.spool.Ack(spoolIDs(numbers)...)
	}
}

func spoolIDs(numbers []uint64) []spool.ID {
	ids := make([]spool.ID, len(numbers))
	for i, n := range numbers {
		ids[i] = spoolID(n)
	}
	return ids
}

var errNoJournal = errors.New("the journal of event_fold can't be used")

// openJournal opens the journal and puts back what it holds.
func (p *foldProcessor) openJournal() error {
	s, err := spool.Open(spool.Settings{Directory: p.cfg.Directory, MaxSize: int64(p.cfg.MaxDirectorySize), FS: p.fs, Failed: p.unwritten, Advanced: p.settled})
	if err != nil {
		return fmt.Errorf("%w: directory is %q: %w", errNoJournal, p.cfg.Directory, err)
	}
	p.journal = &journal{spool: s, size: int64(p.cfg.MaxDirectorySize)}
	parts, err := p.restore()
	if err != nil {
		return errors.Join(fmt.Errorf("%w: directory is %q: %w", errNoJournal, p.cfg.Directory, err), p.closeJournal())
	}
	p.tel.ProcessorEventFoldRecordsReceived.Add(p.work, int64(parts))
	if parts > 0 {
		p.set.Logger.Info("Events that were open go on", zap.Int("records", parts), zap.String("directory", p.cfg.Directory))
	}
	return nil
}

func (p *foldProcessor) closeJournal() error {
	if p.journal == nil {
		return nil
	}
	return p.journal.spool.Close()
}

func (p *foldProcessor) journalSize() int64 {
	if p.journal == nil {
		return 0
	}
	return p.journal.spool.Stats().Bytes
}
