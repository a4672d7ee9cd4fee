package foldtable

import (
	"encoding/binary"
	"math"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

const (
	// What a remembered event takes in memory beside its fingerprints, with its entry in
	// the map.
	memoryOverhead = 152
	// maxUnindexed is how many fingerprints of a key are looked through one after the
	// other: more than a request has, and fewer than take as long as all else.
	maxUnindexed = 256
	// What a fingerprint takes in an index, with the room that maps leave.
	indexedUID = 32
)

// memory is an ended event that is remembered.
type memory struct {
	key        Key
	id         recorduid.UUID
	ended      int64
	uids       []byte // eight bytes each
	journal    uint64 // the number of its entry in the journal, 0 where there is none
	older      uint64 // the one before of the same key, by its number; 0: none
	generation uint32
	reason     Reason
	// chained is how many fingerprints it and those before of its key have or had.
	chained uint32
}

// past is what is remembered, in the order of ending: a queue of numbered memories.
type past struct {
	newest map[Key]uint64 // by number
	// many are the fingerprints of the keys with more than maxUnindexed, each with the
	// number of the newest memory that has it.
	many  map[Key]map[uint64]uint64
	queue []memory
	first uint64 // the number of queue[0]
	// unneeded are entries of the journal that nothing stands for any more.
	unneeded []uint64
	// unwritten are memories, by number, whose entry could not be written.
	unwritten []uint64
	bytes     int
	top       int // those before are forgotten
}

func newPast() past {
	return past{newest: make(map[Key]uint64), many: make(map[Key]map[uint64]uint64), first: 1}
}

func (p *past) count() int { return len(p.queue) - p.top }

// get gives the memory of this number, nil where it is forgotten. It is good until
// the next change.
func (p *past) get(number uint64) *memory {
	if number < p.first+uint64(p.top) {
		return nil
	}
	return &p.queue[number-p.first]
}

func (p *past) last(key Key) *memory { return p.get(p.newest[key]) }

func (p *past) hasUID(key Key, uid uint64) bool {
	if index, ok := p.many[key]; ok {
		_, found := index[uid]
		return found
	}
	for m := p.last(key); m != nil; m = p.get(m.older) {
		for uids := m.uids; len(uids) > 0; uids = uids[8:] {
			if binary.LittleEndian.Uint64(uids) == uid {
				return true
			}
		}
	}
	return false
}

// forgetUID takes a fingerprint out of what is remembered.
func (p *past) forgetUID(key Key, uid uint64) {
	for m := p.last(key); m != nil; m = p.get(m.older) {
		for at := 0; at < len(m.uids); at += 8 {
			if binary.LittleEndian.Uint64(m.uids[at:]) == uid {
				m.uids = append(m.uids[:at], m.uids[at+8:]...)
				at -= 8
			}
		}
	}
	if index, ok := p.many[key]; ok {
		if _, found := index[uid]; found {
			delete(index, uid)
			p.bytes -= indexedUID
		}
	}
}

// add remembers, and gives the memory's number.
func (p *past) add(m memory) uint64 {
	number := p.first + uint64(len(p.queue))
	m.older = p.newest[m.key]
	m.chained = uint32(len(m.uids) / 8)
	if older := p.get(m.older); older != nil {
		m.chained = min(m.chained, math.MaxUint32-older.chained) + older.chained
	}
	p.newest[m.key] = number
	p.queue = append(p.queue, m)
	p.bytes += memoryOverhead + cap(m.uids)
	if m.chained > maxUnindexed {
		p.index(number)
	}
	return number
}

// index puts the fingerprints of a memory into its key's index, and those of the older
// ones where there was none.
func (p *past) index(number uint64) {
	m := p.get(number)
	index, ok := p.many[m.key]
	if !ok {
		index = make(map[uint64]uint64, 2*maxUnindexed)
		p.many[m.key] = index
	}
	before := len(index)
	for ; m != nil; number, m = m.older, p.get(m.older) {
		for uids := m.uids; len(uids) > 0; uids = uids[8:] {
			uid := binary.LittleEndian.Uint64(uids)
			index[uid] = max(index[uid], number)
		}
		if ok {
			break
		}
	}
	p.bytes += indexedUID * (len(index) - before)
}

// unindex takes the fingerprints of the oldest memory out of its key's index.
func (p *past) unindex(number uint64, m *memory) {
	index, ok := p.many[m.key]
	if !ok {
		return
	}
	before := len(index)
	for uids := m.uids; len(uids) > 0; uids = uids[8:] {
		if uid := binary.LittleEndian.Uint64(uids); index[uid] == number {
			delete(index, uid)
		}
	}
	p.bytes -= indexedUID * (before - len(index))
	if p.newest[m.key] == number {
		delete(p.many, m.key)
	}
}

func (p *past) oldest() (ended int64, ok bool) {
	if p.count() == 0 {
		return 0, false
	}
	return p.queue[p.top].ended, true
}

// forget lets go of what ended at the time or before, and of the oldest beyond the
// limits.
func (p *past) forget(before int64, limit, maxBytes int) {
	for p.count() > 0 && (p.queue[p.top].ended <= before || p.count() > limit || p.bytes > maxBytes) {
		m := &p.queue[p.top]
		p.unindex(p.first+uint64(p.top), m)
		if m.journal != 0 {
			p.unneeded = append(p.unneeded, m.journal)
		}
		if number := p.first + uint64(p.top); p.newest[m.key] == number {
			delete(p.newest, m.key)
		}
		p.bytes -= memoryOverhead + cap(m.uids)
		*m = memory{}
		p.top++
	}
	if p.top > 1024 && p.top > len(p.queue)/2 {
		if cap(p.queue) > 4*p.count()+4096 { // there were many more once
			p.queue = append([]memory(nil), p.queue[p.top:]...)
		} else {
			kept := copy(p.queue, p.queue[p.top:])
			clear(p.queue[kept:])
			p.queue = p.queue[:kept]
		}
		p.first += uint64(p.top)
		p.top = 0
	}
}

// setJournal notes the number of the entry in the journal that stands for a memory.
func (p *past) setJournal(number, journal uint64) {
	if m := p.get(number); m != nil {
		m.journal = journal
		return
	}
	p.unneeded = append(p.unneeded, journal)
}

// void takes a memory out whose fingerprints are all forgotten, as if its event had never
// been. Its place in the order stays.
func (p *past) void(number uint64) {
	m := p.get(number)
	if m == nil {
		return
	}
	switch p.newest[m.key] {
	case number:
		p.newest[m.key] = m.older
		if p.get(m.older) == nil {
			delete(p.newest, m.key)
			delete(p.many, m.key)
		}
	default:
		for later := p.last(m.key); later != nil; later = p.get(later.older) {
			if later.older == number {
				later.older = m.older
				break
			}
		}
	}
	p.bytes -= cap(m.uids)
	*m = memory{ended: m.ended}
}

// Unwritten says that the journal's entries from first to last could not be written.
func (t *Table) Unwritten(first, last uint64) {
	p := &t.past
	for i := p.top; i < len(p.queue); i++ {
		if m := &p.queue[i]; m.journal >= first && m.journal <= last && m.journal != 0 {
			m.journal = 0
			p.unwritten = append(p.unwritten, p.first+uint64(i))
		}
	}
}

// NotRemembered says that the entry which was to remember the event could not be written.
func (t *Table) NotRemembered(c *Closed) { t.past.unwritten = append(t.past.unwritten, c.memory) }

// HasUnwritten says whether there are memories whose entry could not be written.
func (t *Table) HasUnwritten() bool { return len(t.past.unwritten) > 0 }

// WriteAgain calls write for each memory whose entry could not be written; what it gives is
// the number of the entry from now on.
func (t *Table) WriteAgain(write func(PastEvent) uint64) {
	for _, number := range t.past.unwritten {
		if m := t.past.get(number); m != nil {
			m.journal = write(m.event())
		}
	}
	t.past.unwritten = nil
}

func (m *memory) event() PastEvent {
	return PastEvent{Key: m.key, ID: m.id, Generation: m.generation, Reason: m.reason, Ended: m.ended, UIDs: m.uids, Journal: m.journal}
}

// PastEvent is an ended event that is remembered.
type PastEvent struct {
	Key        Key
	ID         recorduid.UUID
	Generation uint32
	Reason     Reason
	Ended      int64
	UIDs       []byte // eight bytes each, little-endian; good until the table changes
	Journal    uint64 // the number of its entry
}

// MoveMemories calls move for each memory whose entry in the journal has at most this
// number; what it gives is the number of the entry from now on.
func (t *Table) MoveMemories(upTo uint64, move func(PastEvent) uint64) {
	for i := t.past.top; i < len(t.past.queue); i++ {
		m := &t.past.queue[i]
		if m.journal != 0 && m.journal <= upTo {
			m.journal = move(m.event())
		}
	}
}
