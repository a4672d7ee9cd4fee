package foldtable

// RestorePart puts a part back that the journal has, in the order of the journal. The
// event is the one that place names, whatever the clock says now; ends of events that
// were not by a part are known only by the next event of the key.
func (t *Table) RestorePart(now int64, place Place, part *Part) {
	i, isOpen := t.open[place.Key]
	if isOpen && t.events[i].generation != place.Generation {
		t.end(now, i, place.PreviousReason)
		isOpen = false
	}
	if !isOpen {
		i = t.openEvent(now, place, part)
	}
	t.insert(now, i, part)
}

// RestoreMemory remembers an ended event again, before its key has parts. UIDs are kept.
func (t *Table) RestoreMemory(m PastEvent) {
	t.past.add(memory{
		key: m.Key, id: m.ID, generation: m.Generation, reason: m.Reason, ended: m.Ended, uids: m.UIDs, journal: m.Journal,
	})
}
