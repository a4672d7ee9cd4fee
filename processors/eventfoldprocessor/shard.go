package eventfoldprocessor

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
)

// tickEvery is the least time between two looks at what is due: it bounds how late an
// event ends, and lets events that end together be delivered together.
const tickEvery = 20 * time.Millisecond

// shard has the events of some of the keys.
type shard struct {
	*foldProcessor
	wake chan struct{} // has one place: there is something to deliver, or a first deadline
	// awaits says that an event is ready but for parts that are not on disk yet.
	awaits atomic.Bool

	// mu guards the following. What the journal numbers within it is in the order of
	// the table.
	mu    sync.Mutex
	table *foldtable.Table
	// What the processor's sums have of this shard.
	openEvents, openBytes, readyBytes int64
	// due is when run looks again by itself, 0: it does not.
	due int64
	// early are keys of events that a batch has emitted at once.
	early []foldtable.Key
	// moved is the number of the last entry of the journal that memories were moved from.
	moved uint64
	// unsettled are parts whose entries may not be on disk yet, in their order.
	unsettled unsettledParts
	// remembering says that entries of delivered events are enqueued and not yet noted;
	// failed are the first and the last of what could not be written meanwhile.
	remembering bool
	failed      [][2]uint64
	// writeAgain is when memories are written again that could not be.
	writeAgain int64

	// Of run.
	parts    []foldtable.StoredPart
	assembly assembly
}

// take puts items of a batch into events.
func (s *shard) take(in *intake, items []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.journal != nil {
		s.unsettled.prune(number(s.journal.spool.Settled()))
	}
	repeats := in.repeats
	for _, i := range items {
		it := &in.items[i]
		place := s.table.Place(now, it.key, it.uid, it.starts)
		switch place.Verdict {
		case foldtable.Repeat:
			in.repeats++
		case foldtable.Late:
			in.late.Record(in.late.Origin(it.origin), it.record)
			in.previous = append(in.previous, place.Previous)
		case foldtable.Merge:
			part := foldtable.Part{UID: it.uid, Origin: it.origin, Record: it.record, Ends: it.ends}
			if place.Opens {
				part.Name = in.name(it)
			}
			if s.journal != nil {
				var taken bool
				if part.Journal, taken = s.enqueueLocked(&in.entries, &place, &part); !taken {
					continue
				}
			}
			s.table.Insert(now, place, &part)
			in.merged++
			if it.early {
				s.early = append(s.early, it.key)
			}
		}
	}
	if s.journal != nil && in.repeats > repeats {
		s.barrierLocked(&in.entries) // the first of them may still wait for the disk
	}
	for _, key := range s.early {
		s.table.EmitEarly(now, key)
	}
	s.early = s.early[:0]
	s.publishLocked()
	s.evictLocked(now)
	if next := s.table.Next(); s.deliverableLocked() || next != 0 && (s.due == 0 || next < s.due) {
		s.due = next
		s.wakeUp()
	}
}

func (s *shard) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// publishLocked brings the processor's sums up to date.
func (s *shard) publishLocked() {
	st := s.table.Stats()
	less := int64(st.ReadyBytes) < s.readyBytes
	add := func(sum interface{ Add(int64) int64 }, known *int64, value int) {
		if delta := int64(value) - *known; delta != 0 {
			sum.Add(delta)
			*known = int64(value)
		}
	}
	add(&s.foldProcessor.openEvents, &s.openEvents, st.Open)
	add(&s.foldProcessor.openBytes, &s.openBytes, st.OpenBytes)
	add(&s.foldProcessor.readyBytes, &s.readyBytes, st.ReadyBytes)
	if less {
		s.announceRoom()
	}
}

// evictLocked ends the shard's oldest events while all shards together hold too much.
// Keys are spread evenly, so these are about the oldest of all.
func (s *shard) evictLocked(now int64) {
	limit := int64(s.cfg.MaxState)
	for {
		open, ready := s.foldProcessor.openBytes.Load(), s.foldProcessor.readyBytes.Load()
		tooMany := s.foldProcessor.openEvents.Load() > int64(s.cfg.MaxEvents)
		// What is ready may have half of the room; where it has more, senders wait.
		tooMuch := open+ready > limit && open > limit/2
		if !tooMany && !tooMuch || !s.table.EndOldest(now, foldtable.Memory) {
			return
		}
		s.publishLocked()
	}
}

func (s *shard) stats() foldtable.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.Stats()
}

// run ends what is due and delivers what has ended, until Shutdown.
func (s *shard) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var batch []*foldtable.Closed
	for {
		closing := s.isClosing()
		var next int64
		batch, next = s.collect(batch[:0], closing)
		if len(batch) > 0 {
			if !s.deliver(batch) {
				return // closing, and what is left is in the journal or lost and counted
			}
			continue
		}
		if closing {
			return
		}
		var due <-chan time.Time
		if next != 0 {
			timer.Reset(max(time.Duration(next-s.now()), tickEvery))
			due = timer.C
		}
		select {
		case <-due:
		case <-s.wake:
		case <-s.closing:
		}
	}
}

// collect takes a batch of events that are ready, and their parts; next is when there
// is more to do.
func (s *shard) collect(batch []*foldtable.Closed, closing bool) ([]*foldtable.Closed, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	next := s.table.Tick(now)
	if closing {
		if s.journal != nil {
			return nil, 0 // everything is in the journal, and goes on at the next start
		}
		for s.table.EndOldest(now, foldtable.Shutdown) { // each call ends one
		}
	}
	s.parts = s.parts[:0]
	bytes := 0
	for len(batch) < s.cfg.Batch.MaxEvents && bytes < int(s.cfg.Batch.MaxSize) {
		if !s.deliverableLocked() {
			break
		}
		c := s.table.Take()
		bytes += c.Bytes()
		batch = append(batch, c)
		s.parts = s.table.AppendParts(s.parts, c)
	}
	if s.journal != nil {
		s.journal.forget(s.table.TakeUnneeded())
		s.moveLocked()
		next = s.writeAgainLocked(now, next)
	}
	s.publishLocked()
	s.due = next
	return batch, next
}
