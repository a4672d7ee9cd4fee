package ecs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// settle makes labels of what lost its name, and puts all in order.
func (m *Mapper) settle() {
	m.relabel()
	m.order = m.order[:0]
	for i := range m.candidates {
		if c := &m.candidates[i]; !c.gone && !c.slot.label {
			m.order = append(m.order, place{c.slot.order, int32(i)})
		}
	}
	m.sort()
	if m.separate() {
		m.relabel()
	}
	for i := range m.candidates {
		if c := &m.candidates[i]; !c.gone && c.slot.label {
			m.order = append(m.order, place{orderLabel, int32(i)})
		}
	}
}

// relabel finds labels for the displaced, and for those whom these displace.
func (m *Mapper) relabel() {
	m.level = 0
	for i := 0; i < len(m.displaced); i++ {
		at := m.displaced[i]
		c := m.candidates[at]
		if c.slot.label {
			m.next()
			m.candidates[len(m.candidates)-1] = c
			again := &m.candidates[len(m.candidates)-1]
			again.gone = false
			m.level = c.rank &^ (levelScope - 1)
			m.want(again, m.suffixed(c.slot), c.attribute, rankDisplaced)
		} else if c.original {
			m.level = c.rank &^ (levelScope - 1)
			m.addLabel(c.attribute, m.labelOf(c.attribute), c.value, rankDisplaced)
		} else {
			again := m.next()
			again.item = c.item
			again.item.List = false
			if again.item.Kind == KindTime {
				again.item.Kind = KindInt
			}
			m.level = c.rank &^ (levelScope - 1)
			m.want(again, m.labelOf(c.attribute), c.attribute, rankDisplaced)
		}
		m.level = 0
	}
	m.displaced = m.displaced[:0]
}

// suffixed is a label beside one that is taken.
func (m *Mapper) suffixed(s *slot) *slot {
	for {
		s.suffix++
		m.path = strconv.AppendInt(append(append(m.path[:0], s.name...), '_'), int64(s.suffix), 10)
		other := m.slots[string(m.path)]
		if other == nil {
			return m.labelSlotOf(string(m.path))
		}
		if other.record != m.record {
			return other
		}
	}
}

// From this many on, sorting by insertion takes too long when nothing is in order.
const maxInsertion = 48

func (m *Mapper) sort() {
	order := m.order
	if len(order) > maxInsertion {
		slices.SortFunc(order, m.compare)
		return
	}
	for i := 1; i < len(order); i++ {
		p := order[i]
		at := i
		for at > 0 && (order[at-1].order > p.order || order[at-1].order == p.order && m.compare(order[at-1], p) > 0) {
			order[at] = order[at-1]
			at--
		}
		order[at] = p
	}
}

func (m *Mapper) compare(a, b place) int {
	if a.order != b.order {
		return cmp.Compare(a.order, b.order)
	}
	return bySegment(m.candidates[a.at].slot.name, m.candidates[b.at].slot.name)
}

// separate makes a label of what has a name below which another lies, and can't have
// both a value and members. It reports whether there was one.
func (m *Mapper) separate() bool {
	order := m.order
	n := 0
	for i, p := range order {
		if i+1 < len(order) && m.candidates[p.at].slot.open {
			name, next := m.candidates[p.at].slot.name, m.candidates[order[i+1].at].slot.name
			if len(next) > len(name) && next[len(name)] == '.' && strings.HasPrefix(next, name) {
				m.candidates[p.at].gone = true
				m.displaced = append(m.displaced, int(p.at))
				m.counts.Taken++
				continue
			}
		}
		order[n] = p
		n++
	}
	m.order = order[:n]
	return n < len(order)
}

// appendItems appends the items that were settled.
func (m *Mapper) appendItems(dst []Item) []Item {
	dst = slices.Grow(dst, len(m.order))
	for _, p := range m.order {
		c := &m.candidates[p.at]
		dst = append(dst, c.item)
		item := &dst[len(dst)-1]
		item.Name, item.Field = c.slot.name, c.slot.field
	}
	return dst
}
