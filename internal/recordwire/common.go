package recordwire

import (
	"bytes"
	"math"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// Of a LogRecord its attributes, of a KeyValue its key and value.
const (
	fieldAttributes = 6
	fieldKey        = 1
	fieldValue      = 2

	tagAttributes = fieldAttributes<<3 | byte(protowire.BytesType)
	tagKey        = fieldKey<<3 | byte(protowire.BytesType)
	tagValue      = fieldValue<<3 | byte(protowire.BytesType)
)

// maxCandidates bounds how many attributes are looked for in each record, and with it
// the time for records of as many attributes as a sender likes.
const maxCandidates = 64

// Common finds the attributes that all of some records have alike, byte for byte and
// each once, so that these are decoded once for all. It can be used again, and is for
// one goroutine at a time.
type Common struct {
	candidates []candidate
	found      []place // of the attributes of each record in turn
	counts     []int   // of them, for each record
	shared     []byte
	rest       string // of all records, then shared
	ends       []int  // of each record's part of rest
}

// candidate is an attribute of the first record: one that is not eligible differs.
type candidate struct {
	key     []byte
	field   []byte // with tag and length
	tail    []byte // of field from the key's tag, where the key stands last; otherwise nil
	seen    int    // records that have it
	differs bool
}

// place is where a record has a candidate.
type place struct {
	at        int
	candidate int
}

// Find looks through the records; an attribute whose name is not eligible is left
// alone. False says that nothing was found, or that a record is damaged.
func (c *Common) Find(records [][]byte, eligible func(name []byte) bool) bool {
	c.candidates, c.found, c.counts, c.shared = c.candidates[:0], c.found[:0], c.counts[:0], c.shared[:0]
	if len(records) == 0 || !c.propose(records[0], eligible) {
		return false
	}
	for i, record := range records[1:] {
		if !c.match(record, i+1) {
			return false
		}
	}
	for i := range c.candidates {
		if k := &c.candidates[i]; !k.differs && k.seen == len(records) {
			c.shared = append(c.shared, k.field...)
		} else {
			k.differs = true
		}
	}
	if len(c.shared) == 0 {
		return false
	}
	c.separate(records)
	return true
}

// propose makes the attributes of the first record candidates. False says that it is
// damaged.
func (c *Common) propose(record []byte, eligible func(name []byte) bool) bool {
	for at := 0; at < len(record); {
		field, head := nextField(record[at:])
		if field == nil {
			return false
		}
		if head > 0 {
			if key, ok := keyOf(field[head:]); ok && !c.isTwice(key) && len(c.candidates) < maxCandidates {
				c.found = append(c.found, place{at, len(c.candidates)})
				c.candidates = append(c.candidates, candidate{key: key, field: field, tail: tailOf(field, key), seen: 1, differs: !eligible(key)})
			}
		}
		at += len(field)
	}
	c.counts = append(c.counts, len(c.found))
	return true
}

// isTwice reports whether there is a candidate with this key already, which is none then.
func (c *Common) isTwice(key []byte) bool {
	for i := range c.candidates {
		if k := &c.candidates[i]; bytes.Equal(k.key, key) {
			k.differs = true
			return true
		}
	}
	return false
}

// match looks for the candidates in the record with this number. Records of one writer
// have their attributes in one order, so that the next one is mostly that at the cursor.
// False says that the record is damaged.
func (c *Common) match(record []byte, number int) bool {
	before := len(c.found)
	cursor := 0
	for at := 0; at < len(record); {
		if cursor < len(c.candidates) {
			if k := &c.candidates[cursor]; !k.differs && bytes.HasPrefix(record[at:], k.field) {
				c.found = append(c.found, place{at, cursor})
				k.see(number)
				at += len(k.field)
				cursor++
				continue
			}
		}
		field, head := nextField(record[at:])
		if field == nil {
			return false
		}
		if head > 0 {
			i := cursor
			if cursor == len(c.candidates) || !c.candidates[cursor].names(field[head:]) {
				i = c.candidateOf(field[head:], cursor)
			}
			if i >= 0 {
				k := &c.candidates[i]
				if !k.differs {
					k.differs = !bytes.Equal(k.field, field)
					c.found = append(c.found, place{at, i})
				}
				k.see(number)
				cursor = i + 1
			}
		}
		at += len(field)
	}
	c.counts = append(c.counts, len(c.found)-before)
	return true
}

// candidateOf gives the candidate that has the pair's key, -1 where there is none.
func (c *Common) candidateOf(pair []byte, cursor int) int {
	key, ok := keyOf(pair)
	if !ok {
		return -1
	}
	for i := cursor; i < len(c.candidates); i++ {
		if bytes.Equal(c.candidates[i].key, key) {
			return i
		}
	}
	for i := range min(cursor, len(c.candidates)) {
		if bytes.Equal(c.candidates[i].key, key) {
			return i
		}
	}
	return -1
}

// tailOf gives the key of a field, with tag and length, where that is what it ends with.
func tailOf(field, key []byte) []byte {
	at := len(field) - len(key) - 2
	if at < 0 || len(key) >= 0x80 || field[at] != tagKey || int(field[at+1]) != len(key) || !bytes.Equal(field[at+2:], key) {
		return nil
	}
	return field[at:]
}

// names says at a glance that this is the candidate of a pair, which is a value and a key
// as pdata writes them. False says nothing.
func (k *candidate) names(pair []byte) bool {
	if len(pair) < 2 || pair[0] != tagValue || pair[1] >= 0x80 || k.tail == nil {
		return false
	}
	at := 2 + int(pair[1])
	return at <= len(pair) && bytes.Equal(pair[at:], k.tail)
}

func (k *candidate) see(number int) {
	if k.seen != number {
		k.differs = true // a record before lacks it, or this one has it twice
	}
	k.seen = number + 1
}

// separate writes each record without what it shares, and what they share.
func (c *Common) separate(records [][]byte) {
	c.ends = c.ends[:0]
	size := len(c.shared)
	for _, record := range records {
		size += len(record) - len(c.shared)
	}
	rest := make([]byte, 0, size)
	found := c.found
	for i, record := range records {
		kept := 0 // up to where it has been written
		for _, p := range found[:c.counts[i]] {
			if k := &c.candidates[p.candidate]; !k.differs {
				rest = append(rest, record[kept:p.at]...)
				kept = p.at + len(k.field)
			}
		}
		found = found[c.counts[i]:]
		rest = append(rest, record[kept:]...)
		c.ends = append(c.ends, len(rest))
	}
	rest = append(rest, c.shared...)
	c.rest = unsafe.String(unsafe.SliceData(rest), len(rest)) // nobody writes to it any more
}

// Shared is a record that has the common attributes and nothing else. It is good until the
// next Find.
func (c *Common) Shared() []byte { return c.shared }

// Joined is Rest of each record in turn, and Shared behind them.
func (c *Common) Joined() string { return c.rest }

// Forget lets go of what Joined gave.
func (c *Common) Forget() { c.rest = "" }

// Rest is the record with this index without the common attributes.
func (c *Common) Rest(record int) string {
	from := 0
	if record > 0 {
		from = c.ends[record-1]
	}
	return c.rest[from:c.ends[record]]
}

// nextField gives the field that a record, which is not empty, begins with, nil where
// that is damaged; of an attribute, head is the length of its tag and its length,
// otherwise it is 0.
func nextField(record []byte) (field []byte, head int) {
	n := -1
	switch {
	case record[0] == tagAttributes:
		var size int
		if size, head = bytesHead(record); head >= 0 && size <= len(record)-head {
			n = head + size
		}
	case len(record) < 2 || record[0] >= 0x80:
	case record[0]&7 == byte(protowire.Fixed64Type):
		n = 9
	case record[0]&7 == byte(protowire.VarintType) && record[1] < 0x80:
		n = 2
	case record[0]&7 == byte(protowire.BytesType) && record[1] < 0x80:
		n = 2 + int(record[1])
	}
	if n < 0 && record[0] != tagAttributes {
		_, _, n = protowire.ConsumeField(record)
	}
	if n < 0 || n > len(record) {
		return nil, 0
	}
	return record[:n:n], head
}

// bytesHead reads the length behind a tag of one byte: size, and how many bytes tag and
// length take.
func bytesHead(field []byte) (size, head int) {
	if len(field) > 1 && field[1] < 0x80 { // what most have
		return int(field[1]), 2
	}
	long, n := protowire.ConsumeVarint(field[1:])
	if n < 0 || long > math.MaxInt32 {
		return 0, -1
	}
	return int(long), 1 + n
}

// keyOf gives the key of a pair, wherever in it that stands: pdata writes the value
// first. A pair without a key, or with two, has none.
func keyOf(pair []byte) (key []byte, ok bool) {
	for len(pair) > 0 {
		if pair[0] != tagKey && pair[0] != tagValue {
			_, _, n := protowire.ConsumeField(pair)
			if n < 0 {
				return nil, false
			}
			pair = pair[n:]
			continue
		}
		size, head := bytesHead(pair)
		if head < 0 || size > len(pair)-head {
			return nil, false
		}
		if pair[0] == tagKey {
			if ok {
				return nil, false
			}
			key, ok = pair[head:head+size], true
		}
		pair = pair[head+size:]
	}
	return key, ok
}
