package foldtable

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// journaled puts a part with a number in the journal into an event.
func journaled(t *Table, k Key, number uint64, ends bool) Place {
	return addPart(t, 1, k, Part{UID: 100 + number, Name: 100 + number, Journal: number, Origin: []byte("o"), Record: []byte("12345"), Ends: ends}, false)
}

func TestPartsOfReadyEventsMayComeAgain(t *testing.T) {
	table := New(settings())
	for n := uint64(1); n <= 3; n++ {
		journaled(table, key(1), n, n == 3)
	}
	journaled(table, key(2), 4, true)
	journaled(table, key(1), 5, false)
	table.EmitEarly(1, key(1))
	id := table.Peek().ID
	assert.EqualValues(t, 3, table.Peek().Last())
	assert.Empty(t, table.RetractReady(6, 9))

	assert.Equal(t, []uint64{2, 3, 4}, table.RetractReady(2, 5), "those of the early event are in the open one")
	assert.Equal(t, []uint64{5}, table.Retract(key(1), 2, 5))
	assert.Equal(t, 1, table.Ready(), "an event without parts is none")
	first := table.Peek()
	assert.Equal(t, 1, first.Parts())
	assert.EqualValues(t, 1, first.Last())
	assert.False(t, first.Complete, "what ended it is not in it")
	assert.Equal(t, id, first.ID)
	assert.Equal(t, 1, table.Stats().Parts)

	again := journaled(table, key(1), 6, false)
	assert.EqualValues(t, 1, again.Generation)
	assert.Equal(t, id, again.Previous)
	assert.Equal(t, Repeat, table.Place(1, key(1), 101, false).Verdict)
	assert.Equal(t, Merge, table.Place(1, key(1), 103, false).Verdict)
	again = journaled(table, key(2), 7, false)
	assert.Zero(t, again.Generation, "an event without parts has never been")
	assert.Zero(t, again.Previous)
	for table.EndOldest(1, Shutdown) { // each call ends one
	}
	for _, c := range taken(table) {
		table.Done(c)
	}
	assert.Zero(t, table.Held())
	assert.Zero(t, table.Stats().Parts)
	assert.Empty(t, table.origins.index)
	table.Tick(1 + int64(settings().RepeatWindow))
	assert.Zero(t, table.Stats().Remembered)
	assert.Zero(t, table.Stats().PastBytes)
}

// TestAnEventThatLosesItsFirstPart has the fold.id that a restart gives it, and the events
// behind it name that.
func TestAnEventThatLosesItsFirstPart(t *testing.T) {
	table := New(settings())
	journaled(table, key(1), 1, false)
	journaled(table, key(1), 2, true)
	table.RetractReady(1, 1)
	again := New(settings())
	journaled(again, key(1), 2, true)
	assert.Equal(t, again.Peek().ID, table.Peek().ID)
	assert.Equal(t, again.Peek().ID, table.Place(1, key(1), 7, false).Previous)
}

// TestAnEventThatHasNeverBeen leaves those before it and behind it as they are, whether the
// fingerprints of the key have an index or not.
func TestAnEventThatHasNeverBeen(t *testing.T) {
	for name, parts := range map[string]uint64{"few": 1, "many": maxUnindexed} {
		t.Run(name, func(t *testing.T) {
			set := settings()
			set.MaxBytes, set.MaxRecords = 1<<20, 1<<20
			table := New(set)
			number := uint64(0)
			var ids []recorduid.UUID
			for range 3 {
				for n := range parts {
					number++
					journaled(table, key(1), number, n == parts-1)
				}
				ids = append(ids, table.past.last(key(1)).id)
			}
			require.Len(t, table.RetractReady(parts+1, 2*parts), int(parts))
			verdict := func(number uint64) Verdict { return table.Place(1, key(1), 100+number, false).Verdict }
			assert.Equal(t, Repeat, verdict(1))
			assert.Equal(t, Merge, verdict(parts+1))
			assert.Equal(t, Repeat, verdict(2*parts+1))
			assert.Equal(t, ids[2], table.Place(1, key(1), 7, false).Previous)
			require.Len(t, table.RetractReady(2*parts+1, 3*parts), int(parts), "the newest")
			assert.Equal(t, Repeat, verdict(1))
			assert.Equal(t, Merge, verdict(2*parts+1))
			assert.Equal(t, ids[0], table.Place(1, key(1), 7, false).Previous)
			require.Len(t, table.RetractReady(1, parts), int(parts))
			assert.Equal(t, Merge, verdict(1))
			assert.Empty(t, table.past.newest)
			assert.Empty(t, table.past.many)
			table.Tick(1 + int64(set.RepeatWindow))
			assert.Zero(t, table.Stats().PastBytes)
			assert.Zero(t, table.Held())
		})
	}
}
