package foldtable

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/recordwire"
)

// TestOneKeyWithEverything: what is remembered of a key must not be looked through for
// each of its records. That takes minutes here.
func TestOneKeyWithEverything(t *testing.T) {
	set := settings()
	set.MaxRecords, set.MaxBytes, set.MaxRemembered = 4, 1<<20, 1_000_000
	table := New(set)
	const records = 400_000
	begin := time.Now()
	for uid := range uint64(records) {
		require.Equal(t, Merge, add(table, 1, key(1), uid).Verdict)
		if uid%4 == 3 {
			table.Done(table.Take())
		}
	}
	for uid := range uint64(records) {
		require.Equal(t, Repeat, add(table, 1, key(1), uid).Verdict)
	}
	assert.Less(t, time.Since(begin), 20*time.Second)
	table.Tick(1 + int64(set.RepeatWindow))
	assert.Zero(t, table.Stats().Remembered)
	assert.Zero(t, table.Stats().PastBytes)
	assert.Empty(t, table.past.many)
	assert.Equal(t, Merge, add(table, 1, key(1), 0).Verdict)
}

// TestAFingerprintOfTwoEventsIsKnownAsLongAsOneIsRemembered: the second of them came out
// of a journal.
func TestAFingerprintOfTwoEventsIsKnownAsLongAsOneIsRemembered(t *testing.T) {
	table := New(settings())
	uids := make([]byte, 0, 8*2*maxUnindexed)
	for uid := range uint64(2 * maxUnindexed) {
		uids = binary.LittleEndian.AppendUint64(uids, uid)
	}
	for i := range int64(2) {
		table.RestoreMemory(PastEvent{
			Ended: 1 + i*second, Key: key(1), ID: foldID(key(1), 0, uint32(i)), Generation: uint32(i), UIDs: uids, Journal: uint64(i + 1),
		})
	}
	table.Tick(1 + int64(settings().RepeatWindow))
	assert.Equal(t, 1, table.Stats().Remembered)
	assert.Equal(t, Repeat, add(table, 2*second, key(1), 7).Verdict)
	table.Tick(1 + second + int64(settings().RepeatWindow))
	assert.Equal(t, Merge, add(table, 2*second, key(1), 7).Verdict)
}

// TestWhatIsRememberedIsBoundedInBytes: few events may have many records.
func TestWhatIsRememberedIsBoundedInBytes(t *testing.T) {
	set := settings()
	set.MaxRecords, set.MaxPastBytes = 1000, 100_000
	set.MaxBytes = 1 << 20
	table := New(set)
	for n := range 100 {
		for uid := range uint64(1000) {
			add(table, 1, key(n), uid)
		}
		table.Done(table.Take())
		table.Tick(1)
		require.LessOrEqual(t, table.Stats().PastBytes, 100_000)
	}
	assert.Positive(t, table.Stats().Remembered)
	assert.Equal(t, Repeat, add(table, 1, key(99), 5).Verdict, "the newest is remembered")
}

// TestWhatIsReadyNeedsNoMoreRoomThanThereIs: in a table that is never empty, the places
// of those that have been taken are used again.
func TestWhatIsReadyNeedsNoMoreRoomThanThereIs(t *testing.T) {
	set := settings()
	set.MaxRecords = 1
	table := New(set)
	add(table, 1, key(0), 0)
	for n := range 100_000 {
		add(table, 1, key(n+1), 0)
		table.Done(table.Take())
	}
	assert.Equal(t, 1, table.Ready())
	assert.Less(t, cap(table.ready), 10_000)
}

// TestOriginsTakeMemory: a record may be small and its resource large.
func TestOriginsTakeMemory(t *testing.T) {
	set := settings()
	table := New(set)
	large := make(recordwire.Origin, 100_000)
	put := func(now int64, k, origin int) {
		binary.LittleEndian.PutUint64(large, uint64(origin))
		addPart(table, now, key(k), Part{UID: uint64(origin), Origin: large, Record: []byte("x")}, false)
	}
	for n := range 50 {
		put(1, n, n)
	}
	assert.Greater(t, table.Stats().OpenBytes, 10_000_000)
	put(2, 50, 49) // the same once more
	assert.Less(t, table.Stats().OpenBytes, 10_100_000)
	table.Tick(1 + int64(set.IdleTimeout))
	assert.Less(t, table.Stats().OpenBytes, 300_000, "that of the open event")
	assert.Greater(t, table.Stats().ReadyBytes, 9_800_000)
	put(3, 51, 0)
	assert.Greater(t, table.Stats().OpenBytes, 300_000, "it is open again")
	table.EmitEarly(3, key(51))
	table.Tick(3 + int64(set.IdleTimeout))
	for c := table.Take(); c != nil; c = table.Take() {
		table.Done(c)
	}
	assert.Zero(t, table.Held())
}

// TestEarlyEventsDoNotMultiply: each record of an event may be one that must not wait.
func TestEarlyEventsDoNotMultiply(t *testing.T) {
	set := settings()
	set.MaxRecords, set.MaxBytes = 100_000, 1<<30
	table := New(set)
	for uid := range uint64(10_000) {
		add(table, 1, key(1), uid)
		table.EmitEarly(1, key(1))
	}
	stats := table.Stats()
	assert.LessOrEqual(t, table.Ready(), 14)
	assert.LessOrEqual(t, stats.ReadyBytes, 2*stats.OpenBytes+100_000)

	table.EmitEarly(1, key(1))
	before := table.Ready()
	add(table, 1+earlyEvery-1, key(1), 10_001)
	table.EmitEarly(1+earlyEvery-1, key(1))
	assert.Equal(t, before, table.Ready())
	add(table, 1+2*earlyEvery, key(1), 10_002)
	table.EmitEarly(1+2*earlyEvery, key(1))
	assert.Equal(t, before+1, table.Ready(), "a while later it goes out again")

	table.EndOldest(1+2*earlyEvery, Memory)
	assert.Empty(t, table.early)
}
