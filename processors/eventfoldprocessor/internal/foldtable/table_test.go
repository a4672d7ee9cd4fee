package foldtable

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/recordwire"
)

const second = int64(time.Second)

func settings() Settings {
	return Settings{
		IdleTimeout: 5 * time.Second, MaxDuration: time.Minute, MaxRecords: 100, MaxBytes: 1000,
		RepeatWindow: 5 * time.Minute, MaxRemembered: 1000, MaxPastBytes: 1 << 30,
	}
}

func key(n int) (k Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n))
	return k
}

// add puts a record of five bytes into an event, and gives where it went.
func add(t *Table, now int64, k Key, uid uint64) Place {
	return addPart(t, now, k, Part{UID: uid, Origin: recordwire.Origin("origin"), Record: []byte("12345")}, false)
}

func addPart(t *Table, now int64, k Key, part Part, starts bool) Place {
	p := t.Place(now, k, part.UID, starts)
	if p.Verdict == Merge {
		t.Insert(now, p, &part)
	}
	return p
}

// taken takes everything that is ready.
func taken(t *Table) (all []*Closed) {
	for c := t.Take(); c != nil; c = t.Take() {
		all = append(all, c)
	}
	return all
}

func TestEventEndsAfterItsLastPart(t *testing.T) {
	table := New(settings())
	assert.True(t, add(table, 1, key(1), 1).Opens)
	assert.False(t, add(table, 3*second, key(1), 2).Opens)
	assert.Equal(t, 8*second, table.Tick(5*second+1))
	assert.Empty(t, taken(table))
	table.Tick(8 * second)
	closed := taken(table)
	require.Len(t, closed, 1)
	assert.Equal(t, Idle, closed[0].Reason)
	assert.True(t, closed[0].Complete)
	assert.Equal(t, 2, closed[0].Parts())
	parts := table.AppendParts(nil, closed[0])
	require.Len(t, parts, 2)
	assert.Equal(t, "12345", string(parts[1].Record))
	assert.Equal(t, "origin", string(parts[1].Origin))
	assert.Equal(t, 2, table.Stats().Parts, "held until Done")
	table.Done(closed[0])
	assert.Zero(t, table.Stats().Parts)
	assert.Zero(t, table.Held())
	assert.Empty(t, table.origins.index, "nobody needs the origin any more")
}

func TestWhyEventsEnd(t *testing.T) {
	one := func(uid uint64) Part { return Part{UID: uid, Record: make([]byte, 10)} }
	for name, c := range map[string]struct {
		set      func(*Settings)
		feed     func(*Table)
		reason   Reason
		complete bool
	}{
		"by a part": {
			set: func(s *Settings) { s.NeedsEnd = true },
			feed: func(t *Table) {
				addPart(t, 1, key(1), one(1), false)
				p := one(2)
				p.Ends = true
				addPart(t, 2, key(1), p, false)
			},
			reason: Ended, complete: true,
		},
		"idle where an end was to come": {
			set:    func(s *Settings) { s.NeedsEnd = true },
			feed:   func(t *Table) { addPart(t, 1, key(1), one(1), false); t.Tick(100 * second) },
			reason: Idle, complete: false,
		},
		"without its start": {
			set:    func(s *Settings) { s.NeedsStart = true },
			feed:   func(t *Table) { addPart(t, 1, key(1), one(1), false); t.Tick(100 * second) },
			reason: Idle, complete: false,
		},
		"with its start": {
			set:    func(s *Settings) { s.NeedsStart = true },
			feed:   func(t *Table) { addPart(t, 1, key(1), one(1), true); t.Tick(100 * second) },
			reason: Idle, complete: true,
		},
		"by the start of another": {
			set: func(*Settings) {},
			feed: func(t *Table) {
				addPart(t, 1, key(1), one(1), true)
				addPart(t, 2, key(1), one(2), true)
			},
			reason: Ended, complete: true,
		},
		"too long": {
			set: func(*Settings) {},
			feed: func(t *Table) {
				for i := range int64(16) {
					addPart(t, 1+4*i*second, key(1), one(uint64(i)), false)
					t.Tick(1 + 4*i*second)
				}
			},
			reason: MaxDuration, complete: false,
		},
		"too many records": {
			set: func(s *Settings) { s.MaxRecords = 2 },
			feed: func(t *Table) {
				addPart(t, 1, key(1), one(1), false)
				addPart(t, 1, key(1), one(2), false)
			},
			reason: MaxRecords, complete: false,
		},
		"too many bytes": {
			set: func(s *Settings) { s.MaxBytes = 20 },
			feed: func(t *Table) {
				addPart(t, 1, key(1), one(1), false)
				addPart(t, 1, key(1), one(2), false)
			},
			reason: MaxBytes, complete: false,
		},
		"for lack of memory": {
			set:    func(*Settings) {},
			feed:   func(t *Table) { addPart(t, 1, key(1), one(1), false); t.EndOldest(1, Memory) },
			reason: Memory, complete: false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			set := settings()
			c.set(&set)
			table := New(set)
			c.feed(table)
			closed := table.Take()
			require.NotNil(t, closed)
			assert.Equal(t, c.reason, closed.Reason)
			assert.Equal(t, c.complete, closed.Complete)
		})
	}
}

func TestRepeatsAreKnown(t *testing.T) {
	set := settings()
	set.MaxRecords, set.MaxBytes = 1000, 1<<20
	table := New(set)
	for uid := range uint64(3 * maxScanned) {
		require.Equal(t, Merge, add(table, 1, key(1), uid).Verdict)
		require.Equal(t, Merge, add(table, 1, key(2), uid).Verdict, "another event")
	}
	for uid := range uint64(3 * maxScanned) {
		require.Equal(t, Repeat, add(table, 1, key(1), uid).Verdict)
	}
	table.Tick(5*second + 1)
	require.Len(t, taken(table), 2)
	later := add(table, 6*second, key(1), 1000)
	assert.True(t, later.Opens)
	for uid := range uint64(3 * maxScanned) {
		require.Equal(t, Repeat, add(table, 6*second, key(1), uid).Verdict, "the event has ended, and is remembered")
	}
	table.Tick(5*60*second + 5*second + 1) // the first is forgotten; the one behind it goes idle
	assert.Equal(t, Merge, add(table, 5*60*second+6*second, key(1), 0).Verdict)
	assert.Equal(t, Repeat, add(table, 5*60*second+6*second, key(1), 1000).Verdict)
}

func TestLaterEventsAreLinked(t *testing.T) {
	table := New(settings())
	add(table, 1, key(1), 1)
	table.Tick(10 * second)
	first := table.Take()
	place := add(table, 11*second, key(1), 2)
	assert.True(t, place.Opens)
	assert.Equal(t, first.ID, place.Previous)
	assert.Equal(t, Idle, place.PreviousReason)
	table.Tick(20 * second)
	second := table.Take()
	assert.Equal(t, first.ID, second.Previous)
	assert.NotEqual(t, first.ID, second.ID)
	assert.Equal(t, uint32(1), second.Generation)
	assert.Equal(t, recorduid.UUID{}, first.Previous)
}

func TestLatePartsPass(t *testing.T) {
	set := settings()
	set.PassLate, set.MaxRecords = true, 2
	table := New(set)
	add(table, 1, key(1), 1)
	table.Tick(10 * second)
	first := table.Take()
	late := add(table, 11*second, key(1), 2)
	assert.Equal(t, Late, late.Verdict)
	assert.Equal(t, first.ID, late.Previous)
	assert.Equal(t, Merge, addPart(table, 11*second, key(1), Part{UID: 3}, true).Verdict, "it starts an event")

	for uid := range uint64(2) {
		add(table, 1, key(2), uid)
	}
	assert.Equal(t, MaxRecords, table.Take().Reason)
	assert.Equal(t, Merge, add(table, 2, key(2), 9).Verdict, "a limit is no end: it goes on in a further event")
}

func TestEarlyEventGoesOn(t *testing.T) {
	table := New(settings())
	add(table, 1, key(1), 1)
	table.EmitEarly(3, key(1))
	add(table, 2, key(1), 2)
	early := table.Take()
	require.NotNil(t, early)
	assert.True(t, early.Early)
	assert.False(t, early.Complete)
	assert.Equal(t, 1, early.Parts())
	assert.Equal(t, 2, table.Stats().Parts, "an early event's parts are not held twice")
	table.Done(early)
	table.Tick(10 * second)
	final := table.Take()
	assert.Equal(t, early.ID, final.ID)
	assert.Equal(t, 2, final.Parts())
	table.Done(final)
	assert.Zero(t, table.Held())
	table.EmitEarly(3, key(1)) // none is open
	assert.Nil(t, table.Take())
}

func TestRetractedPartsMayComeAgain(t *testing.T) {
	set := settings()
	set.MaxBytes = 1 << 20
	table := New(set)
	for n := range uint64(50) {
		addPart(table, 1, key(1), Part{UID: n, Journal: n + 1, Origin: []byte("o")}, false)
	}
	addPart(table, 1, key(2), Part{UID: 0, Journal: 60, Origin: []byte("o")}, false)
	assert.Equal(t, []uint64{10, 11}, table.Retract(key(1), 10, 11))
	assert.Equal(t, []uint64{60}, table.Retract(key(2), 60, 60))
	assert.Empty(t, table.Retract(key(1), 60, 60))
	assert.Empty(t, table.Retract(key(3), 1, 60))
	assert.Equal(t, 1, table.OpenEvents(), "an event without parts is none")
	assert.Equal(t, 48, table.Stats().Parts)
	assert.Equal(t, Merge, add(table, 1, key(1), 9).Verdict)
	assert.Equal(t, Repeat, add(table, 1, key(1), 8).Verdict)
	assert.Equal(t, Merge, add(table, 1, key(2), 0).Verdict)
	for c := range 2 {
		require.True(t, table.EndOldest(1, Shutdown), "event %d", c)
	}
	for _, c := range taken(table) {
		table.Done(c)
	}
	assert.Zero(t, table.Held())
	assert.Empty(t, table.origins.index)
}

// TestRestoredEventsGoOn: a table that is fed what the journal of another has says the
// same of the next record.
func TestRestoredEventsGoOn(t *testing.T) {
	set := settings()
	live, again := New(set), New(set)
	feed := func(now int64, k Key, uid uint64, ends bool) {
		part := Part{UID: uid, Journal: uid + 1, Record: []byte("r"), Ends: ends}
		place := addPart(live, now, k, part, false)
		again.RestorePart(now, place, &part)
	}
	feed(1, key(1), 1, false)
	feed(2, key(1), 2, true) // ended by a part
	feed(3, key(1), 3, false)
	feed(1, key(2), 4, false)
	live.Tick(7 * second) // ended by time, which the journal does not know
	feed(8*second, key(2), 5, false)
	again.Tick(8 * second)

	ids := func(t *Table) (ids []string) {
		for _, c := range taken(t) {
			ids = append(ids, c.ID.String()+" "+string(rune('0'+c.Parts()))+" "+string(rune('0'+c.Reason)))
		}
		return ids
	}
	assert.ElementsMatch(t, ids(live), ids(again))
	assert.Equal(t, live.events[live.open[key(2)]].id, again.events[again.open[key(2)]].id)
	assert.Equal(t, live.events[live.open[key(2)]].previous, again.events[again.open[key(2)]].previous)
}

func TestRememberedEventsAreRestored(t *testing.T) {
	table := New(settings())
	var uids []byte
	uids = binary.LittleEndian.AppendUint64(uids, 7)
	table.RestoreMemory(PastEvent{Ended: -second, Key: key(1), ID: recorduid.UUID{1}, Generation: 3, Reason: Idle, UIDs: uids, Journal: 42})
	assert.Equal(t, Repeat, add(table, 1, key(1), 7).Verdict)
	place := add(table, 1, key(1), 8)
	assert.Equal(t, uint32(4), place.Generation)
	assert.Equal(t, recorduid.UUID{1}, place.Previous)
	table.Tick(300 * second)
	assert.Equal(t, []uint64{42}, table.TakeUnneeded(), "its entry in the journal may go")
	assert.Empty(t, table.TakeUnneeded())
}

func TestOnlySoMuchIsRemembered(t *testing.T) {
	set := settings()
	set.MaxRemembered = 10
	table := New(set)
	for n := range 5000 {
		add(table, int64(n+1), key(n), 1)
		table.EndOldest(int64(n+1), Ended)
		c := table.Take()
		table.Remembered(c, uint64(n+1))
		table.Done(c)
		table.Tick(int64(n + 1))
	}
	assert.Equal(t, 10, table.Stats().Remembered)
	assert.Len(t, table.past.newest, 10)
	assert.Len(t, table.TakeUnneeded(), 4990)
	assert.Less(t, cap(table.past.queue), 5000)
	assert.Equal(t, Repeat, add(table, 6000, key(4999), 1).Verdict)
	assert.Equal(t, Merge, add(table, 6000, key(4989), 1).Verdict)
}
