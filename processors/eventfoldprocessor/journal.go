package eventfoldprocessor

import (
	"context"
	"errors"
	"fmt"
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
}

func (e *entries) reset() {
	clear(e.tickets)
	e.tickets = e.tickets[:0]
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
		entry := foldjournal.AppendEnded(nil, &foldjournal.Ended{
			Key: m.Key, ID: m.ID, Generation: m.Generation, Reason: byte(m.Reason),
			Ended: s.started.UnixNano() + m.Ended, UIDs: m.UIDs,
		})
		return number(s.journal.spool.Enqueue(spool.Batch{Records: [][]byte{entry}, Acks: []spool.ID{spoolID(m.Journal)}}).First)
	})
}

// enqueue puts a part into the journal, and gives its number. The shard's lock is held,
// so that the journal has the parts of an event in the table's order.
func (j *journal) enqueue(e *entries, place *foldtable.Place, part *foldtable.Part) uint64 {
	e.payload = foldjournal.AppendPart(e.payload[:0], &foldjournal.Part{
		Key: place.Key, UID: part.UID, Generation: place.Generation, Arrived: time.Now().UnixNano(),
		Opens: place.Opens, Starts: place.Starts, Ends: part.Ends,
		Previous: place.Previous, PreviousReason: byte(place.PreviousReason),
		Origin: part.Origin, Record: part.Record,
	})
	e.records[0] = e.payload
	ticket := j.spool.Enqueue(spool.Batch{Records: e.records[:]})
	e.tickets = append(e.tickets, ticket)
	return number(ticket.First)
}

// settle waits until the batch is on disk. What can't be written is taken out of the
// events again, where they have not ended, so that the sender may send it again.
func (in *intake) settle(ctx context.Context) (retracted int, err error) {
	if in.repeats > 0 {
		// Who holds the first of a repeat may still wait for the disk.
		in.entries.tickets = append(in.entries.tickets, in.journal.spool.Enqueue(spool.Batch{}))
	}
	for i, t := range in.entries.tickets {
		failure := t.Wait(ctx)
		if failure == nil {
			continue
		}
		err = failure
		if ctx.Err() != nil {
			break // it will be written; the sender does not wait for it
		}
		if i < in.merged {
			for _, s := range in.shards {
				retracted += s.retract(number(t.First))
			}
		}
	}
	if err != nil {
		return retracted, fmt.Errorf("write to the journal of event_fold in %s: %w", in.cfg.Directory, err)
	}
	return 0, nil
}

func (s *shard) retract(journal uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := s.table.Retract(journal, journal)
	s.publishLocked()
	return parts
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
	b.Acks = spoolIDs(numbers)
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
	s, err := spool.Open(spool.Settings{Directory: p.cfg.Directory, MaxSize: int64(p.cfg.MaxDirectorySize)})
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
