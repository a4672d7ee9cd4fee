//go:build !race

package foldtable

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestMemoryIsAccounted: what a table says it holds is within a fifth of what it takes.
func TestMemoryIsAccounted(t *testing.T) {
	for _, c := range []struct {
		name                 string
		events, parts, bytes int
	}{{"small", 100_000, 1, 60}, {"usual", 30_000, 8, 300}, {"large", 300, 200, 1000}} {
		t.Run(c.name, func(t *testing.T) {
			set := settings()
			set.MaxRecords, set.MaxBytes = 1000, 1<<30
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			table := New(set)
			record := make([]byte, c.bytes)
			for n := range c.parts {
				for e := range c.events {
					addPart(table, 1, key(e), Part{UID: uint64(n), Record: record, Origin: []byte("o")}, false)
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			taken := float64(after.HeapAlloc - before.HeapAlloc)
			said := float64(table.Held())
			content := c.events * c.parts * (c.bytes + partHeader)
			t.Logf("said %.0f, real %.0f (%.2f), overhead per event %.0f", said, taken, said/taken, (taken-float64(content))/float64(c.events))
			assert.InDelta(t, 1, said/taken, 0.2)
			if c.name != "large" { // in which the room to grow, up to a quarter, is more
				assert.LessOrEqual(t, (taken-float64(content))/float64(c.events), 400.0)
			}
			runtime.KeepAlive(table)
		})
	}
}
