package eventfoldprocessor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/internal/spool"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldjournal"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
)

// restore puts the journal's parts back into events, and remembers ended ones. The
// time that the collector was down does not count: the age of both goes on from where
// the journal ends.
func (p *foldProcessor) restore() (parts int, err error) {
	down, err := p.restoreMemories()
	if err != nil {
		return 0, err
	}
	err = p.eachEntry(func(id spool.ID, part *foldjournal.Part, _ *foldjournal.Ended) {
		if part == nil {
			return
		}
		parts++
		s := p.shardOf(part.Key)
		s.table.RestorePart(p.past(p.clock(part.Arrived)+down), foldtable.Place{
			Key: part.Key, UID: part.UID, Generation: part.Generation, Opens: part.Opens, Starts: part.Starts,
			Previous: part.Previous, PreviousReason: reasonOf(part.PreviousReason),
		}, &foldtable.Part{UID: part.UID, Name: part.UID, Journal: number(id), Origin: part.Origin, Record: part.Record, Ends: part.Ends})
	})
	for _, s := range p.shards {
		s.mu.Lock()
		s.table.EndFull(p.now())
		s.publishLocked()
		s.mu.Unlock()
	}
	return parts, err
}

// clock makes a time on the table's clock of Unix time. Before the start it is
// negative.
func (p *foldProcessor) clock(unix int64) int64 { return unix - p.started.UnixNano() }

// past is a time that has been: what a clock wrote before it was set back may be to
// come, and would keep all that is behind it waiting.
func (p *foldProcessor) past(at int64) int64 { return min(at, p.now()) }

// restoreMemories remembers ended events, in the order of their ends: some may have been
// written again. Parts that are still there are of later events than those of their key.
// down is how long nothing came, in ns: since the last entry. It is less than 0 where the
// clock was set back.
func (p *foldProcessor) restoreMemories() (down int64, err error) {
	var past []foldtable.PastEvent
	var last int64
	err = p.eachEntry(func(id spool.ID, part *foldjournal.Part, ended *foldjournal.Ended) {
		if part != nil {
			last = part.Arrived
			return
		}
		last = max(last, ended.Ended) // it may have been written again
		past = append(past, foldtable.PastEvent{
			Key: ended.Key, ID: ended.ID, Generation: ended.Generation, Reason: reasonOf(ended.Reason),
			Ended: ended.Ended, UIDs: slices.Clone(ended.UIDs), Journal: number(id),
		})
	})
	if last != 0 {
		down = time.Now().UnixNano() - last
	}
	slices.SortStableFunc(past, func(a, b foldtable.PastEvent) int {
		return cmp.Or(cmp.Compare(a.Ended, b.Ended), cmp.Compare(a.Generation, b.Generation))
	})
	for _, m := range past {
		m.Ended = p.past(p.clock(m.Ended) + down)
		p.shardOf(m.Key).table.RestoreMemory(m)
	}
	return down, err
}

func (p *foldProcessor) shardOf(key foldtable.Key) *shard {
	return p.shards[int(key[0])&(len(p.shards)-1)]
}

// reasonOf reads a reason that a later version may have written.
func reasonOf(b byte) foldtable.Reason {
	if int(b) >= foldtable.Reasons {
		return foldtable.Ended
	}
	return foldtable.Reason(b)
}

// eachEntry reads what the journal holds.
func (p *foldProcessor) eachEntry(visit func(id spool.ID, part *foldjournal.Part, ended *foldjournal.Ended)) (err error) {
	reader := p.journal.spool.NewReader()
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		record, err := reader.TryNext()
		if errors.Is(err, spool.ErrDrained) {
			return nil
		}
		if err != nil {
			return err
		}
		part, ended, err := foldjournal.Decode(record.Payload)
		if err != nil {
			return fmt.Errorf("entry %d: %w; it was written by another version, or is no journal of event_fold: use the version that wrote it, or move the directory aside, which loses the records in it", record.ID, err)
		}
		visit(record.ID, part, ended)
	}
}
