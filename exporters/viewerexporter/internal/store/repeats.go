package store

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// findRepeats finds the rows with the distinct texts of a column, and for each text how far back it is among them.
// It says whether these are half of all at most.
func (e *columnEncoder) findRepeats(c *cells) bool {
	all := c.there()
	size := 1 << bits.Len(uint(all)) // twice the distinct ones at least
	if cap(e.table) < size {
		e.table = make([]uint16, size)
	}
	e.table = e.table[:size]
	clear(e.table)
	e.distinct, e.backs = e.distinct[:0], e.backs[:0]
	last, lastText, more := 0, "", uint64(0)
	for row, kind := range c.kinds {
		if kind != cellText {
			continue
		}
		v := c.texts[row]
		if last > 0 && v == lastText {
			more++
			continue
		}
		if last > 0 {
			e.backs = binary.AppendUvarint(e.backs, more)
		}
		slot := e.slot(c, v)
		place, back := int(*slot), 0
		if place > 0 {
			back = len(e.distinct) - place + 1
		} else {
			if e.distinct = append(e.distinct, row); 2*len(e.distinct) > all {
				return false
			}
			place = len(e.distinct)
			*slot = uint16(place)
		}
		e.backs = binary.AppendUvarint(e.backs, uint64(back))
		last, lastText, more = place, v, 0
	}
	e.backs = binary.AppendUvarint(e.backs, more)
	return true
}

// slot is where the table has a text's place, or is to have it.
func (e *columnEncoder) slot(c *cells, text string) *uint16 {
	mask := uint64(len(e.table) - 1)
	for i := xxh3.HashString(text) & mask; ; i = (i + 1) & mask {
		if place := e.table[i]; place == 0 || c.texts[e.distinct[place-1]] == text {
			return &e.table[i]
		}
	}
}

// readRepeats reads which of so many distinct values the records have.
func (c *column) readRepeats(src string, distinct, count int) error {
	places := make([]uint16, c.rows)
	next, row := 0, 0
	for count > 0 {
		back, rest, ok := uvarint(src)
		if !ok || back > uint64(next) || back == 0 && next == distinct {
			return errColumn
		}
		more, rest, ok := uvarint(rest)
		if !ok || more >= uint64(count) {
			return errColumn
		}
		src = rest
		place := next - int(back)
		if back == 0 {
			next++
		}
		for n := int(more) + 1; n > 0; row++ {
			if c.place == nil || c.there.has(row) {
				places[row] = uint16(place)
				n--
			}
		}
		count -= int(more) + 1
	}
	if src != "" {
		return errColumn
	}
	c.place = places
	return nil
}
