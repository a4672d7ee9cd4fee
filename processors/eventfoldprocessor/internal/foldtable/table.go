package foldtable

import (
	"encoding/binary"
	"time"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/recordwire"
)

// Settings say when events end and how much is remembered. All but PassLate and
// NeedsEnd must be positive.
type Settings struct {
	// IdleTimeout ends an event after its last part, MaxDuration after its first.
	IdleTimeout, MaxDuration time.Duration
	// MaxRecords and MaxBytes (of encoded records) end an event with the part that
	// reaches them.
	MaxRecords, MaxBytes int
	// RepeatWindow is how long an ended event is remembered, MaxRemembered how many
	// are, MaxPastBytes how much memory they take.
	RepeatWindow  time.Duration
	MaxRemembered int
	MaxPastBytes  int
	// PassLate lets parts pass that come when their event has ended, where it ended
	// by itself (Ended, Idle, MaxDuration). Otherwise they open a further event.
	PassLate bool
	// NeedsEnd says that an event is complete only when a part ended it; NeedsStart
	// that its first part must be one that starts.
	NeedsEnd, NeedsStart bool
}

// maxScanned is how many parts an event may have before repeats are looked up in a
// set instead of in the parts one after the other.
const maxScanned = 32

// What an event takes in memory beside its data: the event, its entry in the map with
// the room that maps leave, and the allocator's rounding.
const eventOverhead = 208

// Table is one shard.
type Table struct {
	set Settings

	open   map[Key]int32
	events []event // those in no list are free
	free   []int32
	// The ends of the two lists of events; none is -1.
	openedFirst, openedLast   int32
	touchedFirst, touchedLast int32
	// uids of events with more than maxScanned parts.
	uids map[int32]map[uint64]struct{}
	// early says when events were emitted early for the last time, and with how many parts.
	early map[int32]earlyMark

	buffers  buffers
	origins  origins
	past     past
	ready    []*Closed
	readyTop int // those before have been taken

	openBytes  int
	openParts  int
	readyBytes int // of ready events, and those that are being delivered
	readyParts int
}

// New makes an empty table.
func New(set Settings) *Table {
	return &Table{
		set:         set,
		open:        make(map[Key]int32),
		openedFirst: -1, openedLast: -1, touchedFirst: -1, touchedLast: -1,
		uids:    make(map[int32]map[uint64]struct{}),
		early:   make(map[int32]earlyMark),
		origins: newOrigins(),
		past:    newPast(),
	}
}

// Verdict says what becomes of a record.
type Verdict uint8

const (
	// Merge says that it becomes a part of an event, by Insert.
	Merge Verdict = iota
	// Repeat says that it is a part of an event already.
	Repeat
	// Late says that it comes when its event has ended, and passes.
	Late
)

// Place is where a record belongs.
type Place struct {
	Verdict    Verdict
	Key        Key
	UID        uint64
	Generation uint32 // how many events of this key are remembered from before
	Opens      bool
	Starts     bool
	// Previous is the event of this key before this one, zero where none is
	// remembered; PreviousReason is why it was emitted.
	Previous       recorduid.UUID
	PreviousReason Reason
	event          int32 // -1: to be opened
}

// Place says where the record belongs, and ends the open event where starts says that
// this record begins a further one. It must be followed by Insert, with nothing in
// between, where the verdict is Merge.
func (t *Table) Place(now int64, key Key, uid uint64, starts bool) Place {
	p := Place{Verdict: Merge, Key: key, UID: uid, Starts: starts, event: -1}
	i, isOpen := t.open[key]
	first := isOpen && t.events[i].generation == 0 // none of the key was remembered, so none is
	if isOpen && t.hasPart(i, uid) || !first && t.past.hasUID(key, uid) {
		p.Verdict = Repeat
		return p
	}
	if isOpen && starts {
		t.end(now, i, Ended)
		isOpen = false
	}
	if isOpen {
		e := &t.events[i]
		p.event, p.Generation, p.Previous = i, e.generation, e.previous
		return p
	}
	if last := t.past.last(key); last != nil {
		p.Generation, p.Previous, p.PreviousReason = last.generation+1, last.id, last.reason
		byItself := last.reason == Ended || last.reason == Idle || last.reason == MaxDuration
		if t.set.PassLate && byItself && !starts {
			p.Verdict = Late
			return p
		}
	}
	p.Opens = true
	return p
}

// Insert makes a part of the record that Place was asked about.
func (t *Table) Insert(now int64, place Place, part *Part) {
	i := place.event
	if i < 0 {
		i = t.openEvent(now, place, part)
	}
	t.insert(now, i, part)
}

func (t *Table) insert(now int64, i int32, part *Part) {
	t.add(now, i, part)
	if part.Ends {
		t.end(now, i, Ended)
	} else if why, full := t.isFull(i); full {
		t.end(now, i, why)
	}
}

// isFull says which limit an open event has reached.
func (t *Table) isFull(i int32) (why Reason, full bool) {
	switch e := &t.events[i]; {
	case int(e.parts) >= t.set.MaxRecords:
		return MaxRecords, true
	case len(e.data)-int(e.parts)*partHeader >= t.set.MaxBytes:
		return MaxBytes, true
	default:
		return 0, false
	}
}

// add puts a part into an open event.
func (t *Table) add(now int64, i int32, part *Part) {
	e := &t.events[i]
	before := cap(e.data)
	e.data = t.buffers.withRoom(e.data, partHeader+len(part.Record))
	e.data = appendPart(e.data, part, t.origins.take(part.Origin))
	t.openBytes += cap(e.data) - before
	e.marks |= markOf(part.UID)
	e.parts++
	t.openParts++
	e.touched = now
	t.unlinkTouched(i)
	t.linkTouched(i)
	if e.parts > maxScanned {
		t.noteUID(i, part.UID)
	}
}

func (t *Table) openEvent(now int64, place Place, part *Part) int32 {
	var i int32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		i = int32(len(t.events))
		t.events = append(t.events, event{})
	}
	t.events[i] = event{
		key:        place.Key,
		id:         foldID(place.Key, part.Name, place.Generation),
		previous:   place.Previous,
		opened:     now,
		touched:    now,
		generation: place.Generation,
		started:    place.Starts,
	}
	t.open[place.Key] = i
	t.linkOpened(i)
	t.linkTouched(i)
	t.openBytes += eventOverhead
	return i
}

// hasPart reports whether the open event has a part with this fingerprint.
func (t *Table) hasPart(i int32, uid uint64) bool {
	if t.events[i].marks&markOf(uid) == 0 {
		return false
	}
	if set, ok := t.uids[i]; ok {
		_, found := set[uid]
		return found
	}
	return hasUID(t.events[i].data, uid)
}

// noteUID keeps the fingerprint of an event that has too many parts to look through.
func (t *Table) noteUID(i int32, uid uint64) {
	set, ok := t.uids[i]
	if !ok {
		set = make(map[uint64]struct{}, 4*maxScanned)
		eachPart(t.events[i].data, func(p storedPart) bool {
			set[p.uid] = struct{}{}
			return true
		})
		t.uids[i] = set
	}
	set[uid] = struct{}{}
}

// end makes an open event ready for delivery.
func (t *Table) end(now int64, i int32, why Reason) {
	e := &t.events[i]
	c := &Closed{
		Event: Event{
			ID: e.id, Previous: e.previous, Key: e.key, Generation: e.generation, Reason: why,
			Complete: t.isComplete(e, why),
		},
		data: e.data, parts: int(e.parts),
	}
	uids := make([]byte, 0, 8*c.parts)
	eachPart(c.data, func(p storedPart) bool {
		uids = binary.LittleEndian.AppendUint64(uids, p.uid)
		c.last = max(c.last, p.journal)
		t.origins.close(p.origin)
		return true
	})
	c.memory = t.past.add(memory{
		key: c.Key, id: c.ID, generation: c.Generation, reason: why, ended: now, uids: uids,
	})
	t.makeReady(c)
	t.drop(i)
}

// isComplete reports whether the event has all its parts, as far as can be known.
func (t *Table) isComplete(e *event, why Reason) bool {
	if t.set.NeedsStart && !e.started {
		return false
	}
	return why == Ended || why == Idle && !t.set.NeedsEnd
}

// drop forgets an open event; its data may live on.
func (t *Table) drop(i int32) {
	e := &t.events[i]
	t.openBytes -= eventOverhead + cap(e.data)
	t.openParts -= int(e.parts)
	t.unlinkOpened(i)
	t.unlinkTouched(i)
	delete(t.open, e.key)
	delete(t.uids, i)
	delete(t.early, i)
	*e = event{}
	t.free = append(t.free, i)
}

func (t *Table) makeReady(c *Closed) {
	t.putReady(c)
	t.readyBytes += c.size()
	t.readyParts += c.parts
}

func (t *Table) putReady(c *Closed) {
	if t.readyTop > len(t.ready)/2 && t.readyTop > 1024 {
		kept := copy(t.ready, t.ready[t.readyTop:])
		clear(t.ready[kept:])
		t.ready, t.readyTop = t.ready[:kept], 0
	}
	t.ready = append(t.ready, c)
}

type earlyMark struct {
	at    int64
	parts int32
}

// earlyEvery is the least time between two early events of one, in ns, where it has not
// twice as many parts: otherwise a thousand parts could make half a million.
const earlyEvery = int64(time.Second)

// EmitEarly makes the open event of this key, as it is now, ready for delivery and
// lets it go on. It does nothing where none is open, or where nearly the same was
// emitted just before.
func (t *Table) EmitEarly(now int64, key Key) {
	i, ok := t.open[key]
	if !ok {
		return
	}
	e := &t.events[i]
	if last, ok := t.early[i]; ok && e.parts/2 < last.parts && now-last.at < earlyEvery {
		return
	}
	t.early[i] = earlyMark{at: now, parts: e.parts}
	c := &Closed{
		Event: Event{ID: e.id, Previous: e.previous, Key: e.key, Generation: e.generation, Reason: Ended, Early: true},
		data:  append(t.buffers.take(len(e.data)), e.data...), parts: int(e.parts),
	}
	eachPart(c.data, func(p storedPart) bool {
		c.last = max(c.last, p.journal)
		t.origins.keep(p.origin)
		return true
	})
	t.putReady(c)
	t.readyBytes += c.size()
}

// Tick ends what is due, and forgets what has been remembered long enough. It gives
// the time of the next thing to do, 0 where there is none.
func (t *Table) Tick(now int64) (next int64) {
	for i := t.touchedFirst; i >= 0 && t.events[i].touched+int64(t.set.IdleTimeout) <= now; i = t.touchedFirst {
		t.end(now, i, Idle)
	}
	for i := t.openedFirst; i >= 0 && t.events[i].opened+int64(t.set.MaxDuration) <= now; i = t.openedFirst {
		t.end(now, i, MaxDuration)
	}
	t.past.forget(now-int64(t.set.RepeatWindow), t.set.MaxRemembered, t.set.MaxPastBytes)
	return t.Next()
}

// Next is the time of the next thing that Tick will have to do, 0 where there is none.
func (t *Table) Next() (next int64) {
	earliest := func(at int64) {
		if next == 0 || at < next {
			next = at
		}
	}
	if t.touchedFirst >= 0 {
		earliest(t.events[t.touchedFirst].touched + int64(t.set.IdleTimeout))
	}
	if t.openedFirst >= 0 {
		earliest(t.events[t.openedFirst].opened + int64(t.set.MaxDuration))
	}
	if at, ok := t.past.oldest(); ok {
		earliest(at + int64(t.set.RepeatWindow))
	}
	return next
}

// EndOldest ends the event that has been open for the longest time, and says whether
// there was one.
func (t *Table) EndOldest(now int64, why Reason) bool {
	if t.openedFirst < 0 {
		return false
	}
	t.end(now, t.openedFirst, why)
	return true
}

// Stats is what a table holds.
type Stats struct {
	Open       int   // events
	OpenBytes  int   // their memory, with that of their origins
	Parts      int   // records held: in open events, ready ones, those being delivered
	ReadyBytes int   // memory of ready events, and those being delivered, with that of origins that only they have
	Remembered int   // ended events
	PastBytes  int   // their memory
	OldestOpen int64 // when the oldest open event was opened, 0: none
}

// Stats counts what there is. It walks over nothing.
func (t *Table) Stats() Stats {
	s := Stats{
		Open: len(t.open), OpenBytes: t.openBytes + t.origins.openBytes, Parts: t.openParts + t.readyParts,
		ReadyBytes: t.readyBytes + t.origins.readyBytes,
		Remembered: t.past.count(), PastBytes: t.past.bytes,
	}
	if t.openedFirst >= 0 {
		s.OldestOpen = t.events[t.openedFirst].opened
	}
	return s
}

// Held is the memory of what is held, in bytes: open, ready, being delivered.
func (t *Table) Held() int {
	return t.openBytes + t.readyBytes + t.origins.openBytes + t.origins.readyBytes
}

// OpenEvents is how many events are open.
func (t *Table) OpenEvents() int { return len(t.open) }

// originOf is what was taken as the origin of a part in an event.
func (t *Table) originOf(slot uint32) recordwire.Origin { return t.origins.slots[slot].origin }
