package ecs

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// settle makes labels of what lost its name, and puts all in order.
func (m *Mapper) settle() {
	m.relabel()
	m.labels = m.labels[:0]
	custom, open := m.order[:0], false
	for i := range m.candidates {
		c := &m.candidates[i]
		if c.item.gone {
			continue
		}
		s := c.slot
		open = open || s.open
		if s.label {
			m.labels = append(m.labels, place{orderLabel, int32(i)})
		} else if s.order&1 != 0 && s.order < orderOwn {
			m.present.add(s.order>>1, int32(i))
		} else {
			custom = append(custom, place{s.order, int32(i)})
		}
	}
	m.order = m.present.take(custom)
	if len(custom) > 0 {
		m.sort()
	}
	if open && m.separate() {
		labelled := len(m.candidates)
		m.relabel()
		for i := labelled; i < len(m.candidates); i++ {
			if !m.candidates[i].item.gone {
				m.labels = append(m.labels, place{orderLabel, int32(i)})
			}
		}
	}
	m.order = append(m.order, m.labels...)
}

// fieldSet is a set of fields of the schema, with a candidate for each. It gives them in
// order without comparing them.
type fieldSet struct {
	words    [(len(fields) + 63) / 64]uint64
	nonzero  uint64 // a bit for each of the words
	position [len(fields)]int32
}

// One uint64 has a bit for each of the words.
var _ [64 - len(fieldSet{}.words)]struct{}

func (s *fieldSet) add(field uint32, candidate int32) {
	word := field >> 6
	s.words[word] |= 1 << (field & 63)
	s.nonzero |= 1 << word
	s.position[field] = candidate
}

// take appends all, and leaves the set empty.
func (s *fieldSet) take(dst []place) []place {
	for ; s.nonzero != 0; s.nonzero &= s.nonzero - 1 {
		word := bits.TrailingZeros64(s.nonzero)
		for w := s.words[word]; w != 0; w &= w - 1 {
			field := uint32(word<<6 | bits.TrailingZeros64(w))
			dst = append(dst, place{field<<1 | 1, s.position[field]})
		}
		s.words[word] = 0
	}
	return dst
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
			again.item.gone = false
			m.level = c.item.rank &^ (levelScope - 1)
			m.want(again, m.suffixed(c.slot, &c.item), c.attribute, rankDisplaced)
		} else if c.item.original {
			m.level = c.item.rank &^ (levelScope - 1)
			m.addLabel(c.attribute, m.labelOf(c.attribute), c.item.value, rankDisplaced)
		} else {
			again := m.next()
			again.item = c.item
			again.item.gone = false
			again.item.list = false
			if again.item.kind == KindTime {
				again.item.kind = KindInt
			}
			m.level = c.item.rank &^ (levelScope - 1)
			m.want(again, m.labelOf(c.attribute), c.attribute, rankDisplaced)
		}
		m.level = 0
	}
	m.displaced = m.displaced[:0]
}

// suffixed is a label beside one that is taken, or one that says the same.
func (m *Mapper) suffixed(s *slot, item *said) *slot {
	for {
		s.suffix++
		m.path = strconv.AppendInt(append(append(m.path[:0], s.name...), '_'), int64(s.suffix), 10)
		other := m.slots[string(m.path)]
		if other == nil {
			return m.labelSlotOf(string(m.path))
		}
		if other.record != m.record || m.same(&m.candidates[other.at].item, item) {
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
				m.candidates[p.at].item.gone = true
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
	from := len(dst)
	dst = slices.Grow(dst, len(m.order))[:from+len(m.order)]
	for i, p := range m.order {
		m.candidates[p.at].put(&dst[from+i])
		switch item := &dst[from+i]; item.Kind {
		case KindTraceID:
			item.Bytes = m.traceID
		case KindSpanID:
			copy(item.Bytes[:], m.spanID[:])
		default:
		}
	}
	return dst
}

// put makes an Item of the candidate; that of an id lacks the id. It writes one field
// after the other: to copy a whole Item that was just written takes longer than all else.
func (c *candidate) put(item *Item) {
	item.Name, item.Field = c.slot.name, c.slot.field
	item.Kind, item.List = c.item.kind, c.item.list
	item.Text, item.Bits = c.item.text, c.item.bits
	item.Bytes = [16]byte{}
	if c.item.kind == KindValue {
		item.Value = c.item.value
	} else {
		item.Value = pcommon.Value{}
	}
}
