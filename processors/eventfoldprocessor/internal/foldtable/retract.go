package foldtable

import "slices"

// rest is what is left of an event's data without some of its parts.
type rest struct {
	data  []byte
	parts int
	first storedPart // of those that are left
	last  uint64     // the greatest number in the journal
	// gone are the numbers in the journal of those that are not, in order; begins says that
	// the first part is one of them.
	gone   []uint64
	begins bool
}

// without copies the parts that are not from first to last in the journal, and calls drop
// for the others.
func (t *Table) without(data []byte, first, last uint64, drop func(storedPart)) (r rest) {
	r.data = t.buffers.take(len(data))
	eachPart(data, func(p storedPart) bool {
		if p.journal >= first && p.journal <= last {
			r.gone = append(r.gone, p.journal)
			r.begins = r.begins || r.parts == 0
			drop(p)
			return true
		}
		if r.parts == 0 {
			r.first = p
		}
		r.parts++
		r.last = max(r.last, p.journal)
		part := Part{UID: p.uid, Journal: p.journal, Record: p.record}
		r.data = appendPart(r.data, &part, p.origin)
		return true
	})
	return r
}

// Retract takes parts of the key's open event out again, by their numbers in the journal:
// those from first to last could not be written. It gives the numbers of those that were
// there, in order.
func (t *Table) Retract(key Key, first, last uint64) (gone []uint64) {
	i, ok := t.open[key]
	if !ok {
		return nil
	}
	e := &t.events[i]
	r := t.without(e.data, first, last, func(p storedPart) {
		t.origins.close(p.origin)
		t.origins.release(p.origin)
	})
	if len(r.gone) == 0 || r.parts == 0 {
		t.buffers.give(r.data)
		if r.parts == 0 {
			t.drop(i)
		}
		return r.gone
	}
	if r.begins {
		// What a restart would make of those that are in the journal.
		e.id, e.started = foldID(e.key, r.first.uid, e.generation), false
	}
	t.openParts -= len(r.gone)
	t.openBytes += cap(r.data) - cap(e.data)
	t.buffers.give(e.data)
	e.data, e.parts = r.data, int32(r.parts)
	delete(t.uids, i)
	if e.parts > maxScanned {
		t.noteUID(i, r.first.uid)
	}
	return r.gone
}

// RetractReady does the same in all events that have ended and wait for Take. They lack
// something then; one that has no part left is as if it had never been.
func (t *Table) RetractReady(first, last uint64) (gone []uint64) {
	kept := t.ready[:t.readyTop]
	for _, c := range t.ready[t.readyTop:] {
		if c.last < first || t.retractClosed(c, first, last, &gone) {
			kept = append(kept, c)
		}
	}
	clear(t.ready[len(kept):])
	t.ready = kept
	slices.Sort(gone)
	return gone
}

// retractClosed says whether something is left of the event.
func (t *Table) retractClosed(c *Closed, first, last uint64, gone *[]uint64) bool {
	r := t.without(c.data, first, last, func(p storedPart) {
		t.origins.release(p.origin)
		if !c.Early {
			t.past.forgetUID(c.Key, p.uid)
		}
	})
	if len(r.gone) == 0 {
		t.buffers.give(r.data)
		return true
	}
	t.readyBytes += cap(r.data) - cap(c.data)
	t.buffers.give(c.data)
	c.data, c.parts, c.last, c.Complete = r.data, r.parts, r.last, false
	if !c.Early {
		t.readyParts -= len(r.gone)
		*gone = append(*gone, r.gone...)
	}
	if r.parts == 0 {
		t.readyBytes -= c.size()
		t.buffers.give(c.data)
		if !c.Early {
			t.past.void(c.memory)
		}
		return false
	}
	if r.begins {
		c.ID = foldID(c.Key, r.first.uid, c.Generation)
		if m := t.past.get(c.memory); m != nil && !c.Early {
			m.id = c.ID
		}
	}
	return true
}
