package foldtable

import "github.com/heartwood-otel/heartwood/internal/recorduid"

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

// RestoreMemory remembers an ended event again.
func (t *Table) RestoreMemory(ended int64, key Key, id recorduid.UUID, generation uint32, reason Reason, uids []byte, journal uint64) {
	t.past.add(memory{
		key: key, id: id, generation: generation, reason: reason, ended: ended,
		uids: append([]byte(nil), uids...), journal: journal,
	})
}
