package recordwire

import (
	"bytes"
	"math"

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
	found      []int16 // for each attribute of each record in turn its candidate, -1: none
	shared     []byte
	rest       []byte // of all records, then shared
	ends       []int  // of each record's part of rest
}

// candidate is an attribute of the first record.
type candidate struct {
	key, pair []byte
	seen      int // records that have it
	differs   bool
}

// Find looks through the records; an attribute whose name is not eligible is left
// alone. False says that nothing was found, or that a record is damaged.
func (c *Common) Find(records [][]byte, eligible func(name []byte) bool) bool {
	c.candidates, c.found, c.shared = c.candidates[:0], c.found[:0], c.shared[:0]
	for i, record := range records {
		cursor := 0
		for len(record) > 0 {
			pair, n := nextField(record)
			if n < 0 {
				return false
			}
			record = record[n:]
			if pair == nil {
				continue
			}
			place := -1
			if i == 0 {
				place = c.propose(pair, eligible)
			} else {
				place = c.match(pair, i, cursor)
				cursor = place + 1
			}
			c.found = append(c.found, int16(place))
		}
	}
	for i := range c.candidates {
		if k := &c.candidates[i]; !k.differs && k.seen == len(records) {
			c.shared = appendHead(c.shared, fieldAttributes, len(k.pair))
			c.shared = append(c.shared, k.pair...)
		} else {
			k.differs = true
		}
	}
	if len(c.shared) == 0 {
		return false
	}
	c.separate(records)
	c.rest = append(c.rest, c.shared...)
	return true
}

// propose makes an attribute of the first record a candidate, and gives its place.
func (c *Common) propose(pair []byte, eligible func(name []byte) bool) int {
	key, ok := keyOf(pair)
	if !ok {
		return -1
	}
	for i := range c.candidates {
		if bytes.Equal(c.candidates[i].key, key) {
			c.candidates[i].differs = true // it is there twice
			return -1
		}
	}
	if len(c.candidates) == maxCandidates || !eligible(key) {
		return -1
	}
	c.candidates = append(c.candidates, candidate{key: key, pair: pair, seen: 1})
	return len(c.candidates) - 1
}

// match gives the place of the candidate that an attribute of the record with this
// number is, -1 where it is none. Records of one writer have theirs in one order, so
// that it is mostly the one at the cursor.
func (c *Common) match(pair []byte, record, cursor int) int {
	if cursor < len(c.candidates) && bytes.Equal(c.candidates[cursor].pair, pair) {
		return c.see(cursor, record)
	}
	key, ok := keyOf(pair)
	if !ok {
		return -1
	}
	for i := range c.candidates {
		place := cursor + i
		if place >= len(c.candidates) {
			place -= len(c.candidates)
		}
		if k := &c.candidates[place]; bytes.Equal(k.key, key) {
			if !bytes.Equal(k.pair, pair) {
				k.differs = true
			}
			return c.see(place, record)
		}
	}
	return -1
}

func (c *Common) see(place, record int) int {
	k := &c.candidates[place]
	if k.seen != record {
		k.differs = true // a record before lacks it, or this one has it twice
	}
	k.seen = record + 1
	return place
}

// separate writes each record without what it shares.
func (c *Common) separate(records [][]byte) {
	c.rest, c.ends = c.rest[:0], c.ends[:0]
	found := c.found
	for _, record := range records {
		kept := 0 // up to where it has been written
		for at := 0; at < len(record); {
			pair, n := nextField(record[at:])
			if pair != nil {
				if place := found[0]; place >= 0 && !c.candidates[place].differs {
					c.rest = append(c.rest, record[kept:at]...)
					kept = at + n
				}
				found = found[1:]
			}
			at += n
		}
		c.rest = append(c.rest, record[kept:]...)
		c.ends = append(c.ends, len(c.rest))
	}
}

// Shared is a record that has the common attributes and nothing else; Rest is a record
// without them. Both are good until the next Find.
func (c *Common) Shared() []byte { return c.shared }

// Joined is Rest of each record in turn, and Shared behind them. It is good until the
// next Find.
func (c *Common) Joined() []byte { return c.rest }

// Rest is the record with this index without the common attributes.
func (c *Common) Rest(record int) []byte {
	from := 0
	if record > 0 {
		from = c.ends[record-1]
	}
	return c.rest[from:c.ends[record]]
}

// nextField gives the length of the field that a record, which is not empty, begins
// with, and its content where it is an attribute, otherwise nil. A negative length says
// that the record is damaged.
func nextField(record []byte) (pair []byte, n int) {
	if record[0] != tagAttributes {
		_, _, n = protowire.ConsumeField(record)
		return nil, n
	}
	size, head := bytesHead(record)
	if head < 0 || size > len(record)-head {
		return nil, -1
	}
	return record[head : head+size : head+size], head + size
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
