package foldtable

// RestorePart puts a part back that the journal has, in the order of the journal. The
// event is the one that place names, whatever the clock says now; ends of events that
// were not by a part are known only by the next event of the key. That has the same
// generation where the one before was no longer remembered.
func (t *Table) RestorePart(now int64, place Place, part *Part) {
	i, isOpen := t.open[place.Key]
	if isOpen && (place.Opens || t.events[i].generation != place.Generation) {
		why := place.PreviousReason
		if place.Previous != t.events[i].id {
			why = Idle // as most do
		}
		t.end(now, i, why)
		isOpen = false
	}
	if !isOpen {
		i = t.openEvent(now, place, part)
	}
	t.add(now, i, part)
	if part.Ends {
		t.end(now, i, Ended)
	}
}

// EndFull ends the events that have reached a limit. It comes when all parts are restored:
// the limits may have been others when the journal was written, and half of an event that
// was delivered whole would have another ID.
func (t *Table) EndFull(now int64) {
	for i := t.openedFirst; i >= 0; {
		next := t.events[i].openedNext
		if why, full := t.isFull(i); full {
			t.end(now, i, why)
		}
		i = next
	}
}

// RestoreMemory remembers an ended event again, before its key has parts. UIDs are kept.
func (t *Table) RestoreMemory(m PastEvent) {
	t.past.add(memory{
		key: m.Key, id: m.ID, generation: m.Generation, reason: m.Reason, ended: m.Ended, uids: m.UIDs, journal: m.Journal,
	})
}
