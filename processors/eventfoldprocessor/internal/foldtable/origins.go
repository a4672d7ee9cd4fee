package foldtable

import "github.com/heartwood-otel/heartwood/internal/recordwire"

// What an origin takes in memory beside its bytes, which are there twice.
const originOverhead = 128

// origins keeps each origin once, however many parts have it.
type origins struct {
	index map[string]uint32
	slots []originSlot
	free  []uint32
	// last is the slot that was asked for last: neighbours mostly have the same.
	last uint32
	// openBytes are of those that open events have, readyBytes of the others.
	openBytes, readyBytes int
}

type originSlot struct {
	origin recordwire.Origin
	uses   int
	open   int // of the uses, those of open events
}

func (s *originSlot) size() int { return originOverhead + 2*len(s.origin) }

func newOrigins() origins { return origins{index: make(map[string]uint32)} }

// take counts one more use, by an open event.
func (o *origins) take(origin recordwire.Origin) uint32 {
	if int(o.last) < len(o.slots) {
		if s := &o.slots[o.last]; s.open > 0 && string(s.origin) == string(origin) {
			s.uses++
			s.open++
			return o.last
		}
	}
	slot, ok := o.index[string(origin)]
	if !ok {
		if n := len(o.free); n > 0 {
			slot, o.free = o.free[n-1], o.free[:n-1]
		} else {
			slot = uint32(len(o.slots))
			o.slots = append(o.slots, originSlot{})
		}
		own := string(origin)
		o.index[own] = slot
		o.slots[slot] = originSlot{origin: recordwire.Origin(own)}
		o.readyBytes += o.slots[slot].size()
	}
	s := &o.slots[slot]
	s.uses++
	if s.open++; s.open == 1 {
		o.readyBytes -= s.size()
		o.openBytes += s.size()
	}
	o.last = slot
	return slot
}

// keep counts one more use, by an event that is not open.
func (o *origins) keep(slot uint32) { o.slots[slot].uses++ }

// close says that a use is no longer by an open event.
func (o *origins) close(slot uint32) {
	s := &o.slots[slot]
	if s.open--; s.open == 0 {
		o.openBytes -= s.size()
		o.readyBytes += s.size()
	}
}

// release ends a use by an event that is not open.
func (o *origins) release(slot uint32) {
	s := &o.slots[slot]
	if s.uses--; s.uses > 0 {
		return
	}
	o.readyBytes -= s.size()
	delete(o.index, string(s.origin))
	*s = originSlot{}
	o.free = append(o.free, slot)
}
