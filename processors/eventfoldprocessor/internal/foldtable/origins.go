package foldtable

import "github.com/heartwood-otel/heartwood/internal/recordwire"

// origins keeps each origin once, however many parts have it.
type origins struct {
	index map[string]uint32
	slots []originSlot
	free  []uint32
	// last is the slot that was asked for last: neighbours mostly have the same.
	last uint32
}

type originSlot struct {
	origin recordwire.Origin
	uses   int
}

func newOrigins() origins { return origins{index: make(map[string]uint32)} }

// take counts one more use.
func (o *origins) take(origin recordwire.Origin) uint32 {
	if int(o.last) < len(o.slots) {
		if s := &o.slots[o.last]; s.uses > 0 && string(s.origin) == string(origin) {
			s.uses++
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
	}
	o.slots[slot].uses++
	o.last = slot
	return slot
}

func (o *origins) keep(slot uint32) { o.slots[slot].uses++ }

func (o *origins) release(slot uint32) {
	s := &o.slots[slot]
	if s.uses--; s.uses > 0 {
		return
	}
	delete(o.index, string(s.origin))
	*s = originSlot{}
	o.free = append(o.free, slot)
}
