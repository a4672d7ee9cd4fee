package foldtable

import (
	"encoding/binary"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/recordwire"
)

// Event is what is known of an event that is to be emitted.
type Event struct {
	ID, Previous recorduid.UUID // Previous is zero where none is remembered
	Key          Key
	Generation   uint32
	Reason       Reason
	Complete     bool
	Early        bool // it goes on; Reason is of no meaning
}

// What a ready event takes in memory beside its data.
const closedOverhead = 176

// Closed is an event on its way to delivery.
type Closed struct {
	Event
	data   []byte
	parts  int
	last   uint64 // the greatest number of a part in the journal
	memory uint64 // its number among what is remembered; of no meaning of an early one
}

func (c *Closed) size() int { return closedOverhead + cap(c.data) }

// Parts is how many parts it has.
func (c *Closed) Parts() int { return c.parts }

// Bytes is about how much there is to deliver.
func (c *Closed) Bytes() int { return len(c.data) }

// StoredPart is a part of a closed event, good until Done.
type StoredPart struct {
	Origin recordwire.Origin
	// OriginSlot is equal for equal origins within one event.
	OriginSlot uint32
	Record     []byte
}

// AppendParts appends the parts in the order of their coming. It needs the table's
// lock; what it gives may be read without.
func (t *Table) AppendParts(dst []StoredPart, c *Closed) []StoredPart {
	eachPart(c.data, func(p storedPart) bool {
		dst = append(dst, StoredPart{Origin: t.originOf(p.origin), OriginSlot: p.origin, Record: p.record})
		return true
	})
	return dst
}

// Last is the greatest number of a part in the journal, 0 where there is none.
func (c *Closed) Last() uint64 { return c.last }

// Peek is what Take will give.
func (t *Table) Peek() *Closed {
	if t.Ready() == 0 {
		return nil
	}
	return t.ready[t.readyTop]
}

// Take gives the next ready event, nil where there is none. It stays counted as held
// until Done.
func (t *Table) Take() *Closed {
	if t.readyTop == len(t.ready) {
		t.ready, t.readyTop = t.ready[:0], 0
		return nil
	}
	c := t.ready[t.readyTop]
	t.ready[t.readyTop] = nil
	t.readyTop++
	return c
}

// Ready is how many events wait for Take.
func (t *Table) Ready() int { return len(t.ready) - t.readyTop }

// Done forgets an event that has been delivered, or never will be. What was read of it
// without a copy must not be read any more.
func (t *Table) Done(c *Closed) {
	t.readyBytes -= c.size()
	if !c.Early {
		t.readyParts -= c.parts
	}
	eachPart(c.data, func(p storedPart) bool {
		t.origins.release(p.origin)
		return true
	})
	t.buffers.give(c.data)
	c.data = nil
}

// AppendJournal appends the numbers of the event's parts in the journal. It needs no
// lock.
func (c *Closed) AppendJournal(dst []uint64) []uint64 {
	eachPart(c.data, func(p storedPart) bool {
		dst = append(dst, p.journal)
		return true
	})
	return dst
}

// AppendUIDs appends the fingerprints of the parts, eight bytes each, little-endian.
func (c *Closed) AppendUIDs(dst []byte) []byte {
	eachPart(c.data, func(p storedPart) bool {
		dst = binary.LittleEndian.AppendUint64(dst, p.uid)
		return true
	})
	return dst
}

// Remembered says that the journal has an entry that remembers the event.
func (t *Table) Remembered(c *Closed, journal uint64) {
	t.past.setJournal(c.memory, journal)
}

// TakeUnneeded gives the numbers of journal entries that nothing needs any more.
func (t *Table) TakeUnneeded() []uint64 {
	u := t.past.unneeded
	t.past.unneeded = nil
	return u
}
