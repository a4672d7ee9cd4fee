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
	for n := range 20 {
		table.NoteTrace(trace(n<<8), strconv.Itoa(n), now)
	}
	assert.Empty(t, table.RequestOf(trace(9<<8), now))
	assert.Equal(t, "10", table.RequestOf(trace(10<<8), now))
	table.NoteTrace(trace(99<<8), "99", now)
	assert.Equal(t, "10", table.RequestOf(trace(10<<8), now), "it was used")
	assert.Empty(t, table.RequestOf(trace(11<<8), now))
	entries, evicted := table.Stats()
	assert.Equal(t, 10, entries)
	assert.EqualValues(t, 11, evicted)
	assert.Empty(t, table.RequestOf(trace(10<<8), now.Add(2*time.Minute)))
	entries, _ = table.Stats()
	assert.Zero(t, entries, "time has passed for all of the shard")
}

func TestWaitersAreTold(t *testing.T) {
	table := New(100, time.Minute)
	told := make(chan struct{}, 1)
	assert.True(t, table.Await(trace(1), told))
	assert.True(t, table.Await(trace(2), told))
	table.NoteTrace(trace(1), "a", time.Now())
	<-told
	assert.False(t, table.Await(trace(1), told))
	table.Forget(trace(2), told)
	table.NoteTrace(trace(2), "b", time.Now())
	assert.Empty(t, told)
	for i := range table.traces {
		assert.Empty(t, table.traces[i].waiters)
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
	entries, _ := table.Stats()
	assert.LessOrEqual(t, entries, 2*1000)
}

// TestMemoryOfAnEntry: what the README says.
func TestMemoryOfAnEntry(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const count = 100_000
	table := New(count+64*2000, time.Hour)
	now := time.Now()
	for n := range count {
		table.NoteTrace(trace(n), fmt.Sprintf("%036d", n), now)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / count
	t.Logf("%.0f bytes", each)
	assert.Less(t, each, 350.0, "about 300 bytes and the texts")
	runtime.KeepAlive(table)
}
