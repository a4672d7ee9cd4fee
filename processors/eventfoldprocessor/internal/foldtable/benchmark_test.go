package foldtable

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkInsert: eight records for each event, with so many events open. An event
// that is full makes room for another.
func BenchmarkInsert(b *testing.B) {
	for _, open := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			set := settings()
			set.MaxRecords, set.MaxBytes = 8, 1<<20
			set.MaxRemembered = 1000
			table := New(set)
			record := make([]byte, 300)
			origin := []byte("origin")
			uid := uint64(0)
			insert := func(n int) {
				uid++
				place := table.Place(int64(uid), key(n), uid, false)
				table.Insert(int64(uid), place, &Part{UID: uid, Record: record, Origin: origin})
			}
			for n := range open {
				insert(n)
			}
			b.ReportAllocs()
			b.ResetTimer()
			n, inserted := 0, 0
			for b.Loop() {
				n = (n + 7919) % open // neighbours in time are none in memory
				insert(n)
				inserted++
				if c := table.Take(); c != nil {
					table.Done(c)
					table.Tick(int64(uid))
				}
			}
			require.Equal(b, uid, uint64(open+inserted))
			require.LessOrEqual(b, table.OpenEvents(), open)
		})
	}
}
