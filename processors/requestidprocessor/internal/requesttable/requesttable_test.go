package requesttable

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func trace(n int) [16]byte { return [16]byte{byte(n >> 16), byte(n >> 8), 15: byte(n)} }

func TestTheOldestGoFirst(t *testing.T) {
	now := time.Now()
	table := New(640, time.Minute) // ten a shard
	var same []int                 // traces of one shard
	for n := 0; len(same) < 21; n++ {
		if table.shardOf(&table.traces, trace(n)) == &table.traces[7] {
			same = append(same, n)
		}
	}
	for _, n := range same[:20] {
		table.NoteTrace(trace(n), strconv.Itoa(n), now)
	}
	of := func(i int, at time.Time) string { return table.RequestOf(trace(same[i]), at) }
	assert.Empty(t, of(9, now))
	assert.Equal(t, strconv.Itoa(same[10]), of(10, now))
	table.NoteTrace(trace(same[20]), "last", now)
	assert.Equal(t, strconv.Itoa(same[10]), of(10, now), "it was used")
	assert.Empty(t, of(11, now))
	entries, evicted := table.Stats(now)
	assert.Equal(t, 10, entries)
	assert.EqualValues(t, 11, evicted)
	assert.Empty(t, of(10, now.Add(2*time.Minute)))
	entries, _ = table.Stats(now.Add(2 * time.Minute))
	assert.Zero(t, entries, "time has passed for all of the shard")
}

// TestWhatIsForgottenIsNotCounted: nothing may come that would have it dropped.
func TestWhatIsForgottenIsNotCounted(t *testing.T) {
	now := time.Now()
	table := New(6400, time.Minute)
	for n := range 100 {
		table.NoteTrace(trace(n), strconv.Itoa(n), now)
		table.NoteParent(strconv.Itoa(n), "parent", now)
	}
	entries, _ := table.Stats(now.Add(time.Minute))
	assert.Equal(t, 201, entries)
	entries, evicted := table.Stats(now.Add(time.Minute + 1))
	assert.Zero(t, entries)
	assert.Zero(t, evicted, "it was their time")
}

// TestWaitersAreToldOnce, of each trace, with its request: it may be forgotten when they
// look.
func TestWaitersAreToldOnce(t *testing.T) {
	now := time.Now()
	table := New(64, time.Minute)
	first, second := NewWaiter(), NewWaiter()
	table.NoteTrace(trace(3), "known", now)
	for n := range 4 {
		table.Await(trace(n), first)
		table.Await(trace(n), second)
	}
	<-first.C
	assert.Equal(t, []Told{{trace(3), "known"}}, first.Take())
	assert.Empty(t, first.Take())
	table.NoteTrace(trace(1), "a", now)
	table.NoteGenerated(trace(2), "b", now)
	later := now.Add(2 * time.Minute)
	assert.Empty(t, table.RequestOf(trace(1), later))
	table.NoteTrace(trace(1), "c", later)
	<-first.C
	assert.Equal(t, []Told{{trace(1), "a"}, {trace(2), "b"}}, first.Take())
	table.Forget(trace(0), first)
	table.Forget(trace(0), first)
	table.Forget(trace(1), first)
	table.NoteTrace(trace(0), "d", later)
	assert.Empty(t, first.Take())
	assert.Equal(t, []Told{{trace(3), "known"}, {trace(1), "a"}, {trace(2), "b"}, {trace(0), "d"}}, second.Take())
	table.Await(trace(5), first)
	table.Forget(trace(5), first)
	for i := range table.traces {
		assert.Empty(t, table.traces[i].waiters)
	}
}

func TestShardsFillEvenly(t *testing.T) {
	table := New(6400, time.Minute)
	for n := range 3200 {
		table.NoteTrace([16]byte{byte(n), byte(n >> 8), 15: 7}, "x", time.Now())
	}
	_, evicted := table.Stats(time.Now())
	assert.Zero(t, evicted, "half full, whatever the ids have in common")
}

func TestFoundIDsReplaceGeneratedOnes(t *testing.T) {
	table, now := New(100, time.Minute), time.Now()
	assert.Equal(t, "made", table.NoteGenerated(trace(1), "made", now))
	table.NoteTrace(trace(1), "found", now)
	assert.Equal(t, "found", table.RequestOf(trace(1), now))
	assert.Equal(t, "found", table.NoteGenerated(trace(1), "made", now))
	table.NoteTrace(trace(1), "another", now)
	assert.Equal(t, "found", table.RequestOf(trace(1), now), "the first")
}

func TestRootOfATailIsThatOfItsCircle(t *testing.T) {
	table, now := New(6400, time.Minute), time.Now() // room enough, whatever shards they fall into
	for id, parent := range map[string]string{"m": "n", "n": "m", "x": "n", "a": "x"} {
		table.NoteParent(id, parent, now)
	}
	for _, id := range []string{"m", "n", "x", "a"} {
		assert.Equal(t, "m", table.Root(id, now), id)
	}
}

func TestManyAtOnce(t *testing.T) {
	table := New(1000, time.Minute)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for n := range 2000 {
				now := time.Now()
				table.NoteTrace(trace(n), strconv.Itoa(n), now)
				if id := table.RequestOf(trace(n), now); id != "" && id != strconv.Itoa(n) {
					t.Errorf("trace %d has %q", n, id)
				}
				table.NoteParent(strconv.Itoa(n), strconv.Itoa(n/2), now)
				table.Root(strconv.Itoa(n), now)
				table.Carry(strconv.Itoa(n), []string{strconv.Itoa(g)}, now)
			}
		})
	}
	all.Wait()
	entries, _ := table.Stats(time.Now())
	assert.LessOrEqual(t, entries, 2*1000)
}

// TestMemoryOfAnEntry: what the README says.
func TestMemoryOfAnEntry(t *testing.T) {
	const count = 100_000
	now := time.Now()
	for name, fill := range map[string]func(table *Table, id string, n int){
		"traces": func(table *Table, id string, n int) { table.NoteTrace(trace(n), id, now) },
		"requests": func(table *Table, id string, n int) {
			table.NoteParent(id, fmt.Sprintf("%036d", n+1), now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			table := New(count/2, time.Hour) // full, and going on
			for n := range count {
				fill(table, fmt.Sprintf("%036d", n), n)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			entries, _ := table.Stats(time.Now())
			each := float64(after.HeapAlloc-before.HeapAlloc) / float64(entries)
			t.Logf("%.0f bytes, %d entries", each, entries)
			assert.Less(t, each, 350.0, "about 300 bytes and the texts")
			assert.LessOrEqual(t, entries, count/2)
			runtime.KeepAlive(table)
		})
	}
}
