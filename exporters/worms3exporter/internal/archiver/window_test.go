package archiver

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func numbered(n uint64) *fingerprint {
	var f fingerprint
	binary.BigEndian.PutUint64(f[8:], n)
	return &f
}

// TestRepeatWindow does random things to a window and to a map.
func TestRepeatWindow(t *testing.T) {
	for seed := range uint64(20) {
		dice := rand.New(rand.NewPCG(seed, 1))
		w := newRepeatWindow(time.Minute, 2*chunkEntries)
		type entry struct {
			n    uint64
			file uint64
		}
		var order []entry // none twice
		there := map[uint64]bool{}
		now := time.Unix(1000, 0)
		for step := range 20000 {
			n := dice.Uint64N(4 * chunkEntries)
			file := 1 + uint64(step/1000)
			repeat := w.add(numbered(n), noFile, now)
			require.Equal(t, there[n], repeat, "seed %d step %d", seed, step)
			if !repeat {
				w.belongs(file)
				there[n] = true
				order = append(order, entry{n, file})
				// The oldest place is taken, whether or not its record was dropped.
				if len(order) > w.most {
					delete(there, order[0].n)
					order = order[1:]
				}
			}
			if dice.IntN(3000) == 0 {
				gone := dice.Uint64N(file) + 1
				w.drop(func(f uint64) bool { return f == gone })
				for _, e := range order {
					if e.file == gone {
						delete(there, e.n)
					}
				}
				// Such places may be of records that come again: only the later counts.
				for i := range order {
					if order[i].file == gone {
						order[i].n = 1 << 40
					}
				}
			}
		}
		assert.Equal(t, len(order), w.len())
	}
}

func TestRepeatWindowExpires(t *testing.T) {
	w := newRepeatWindow(time.Minute, 1<<20)
	began := time.Unix(1000, 0)
	for n := range uint64(5000) {
		require.False(t, w.add(numbered(n), 1, began.Add(time.Duration(n)*100*time.Millisecond)))
	}
	now := began.Add(500 * time.Second)
	w.expire(now)
	assert.InDelta(t, 600, w.len(), 30)
	assert.True(t, w.add(numbered(4999-590), 1, now), "within the window")
	assert.False(t, w.add(numbered(4000), 1, now), "before it")
	w.expire(now.Add(time.Hour))
	assert.Zero(t, w.len())
	for _, entry := range w.table {
		require.Zero(t, entry)
	}
}

// TestRepeatWindowIsOld has numbers that the table's 32 bits do not hold.
func TestRepeatWindowIsOld(t *testing.T) {
	w := newRepeatWindow(time.Minute, 5000)
	w.first = 1<<33 - 2000
	w.next, w.base = w.first, w.first/chunkEntries
	now := time.Unix(1000, 0)
	for n := range uint64(20_000) {
		require.False(t, w.add(numbered(n), 1, now))
		require.True(t, w.add(numbered(n), 1, now))
		require.True(t, w.add(numbered(max(n, 4998)-4998), 1, now))
	}
	assert.Equal(t, 5000, w.len())
	assert.Len(t, w.table, 1<<14)
	assert.LessOrEqual(t, len(w.chunks), 5000/chunkEntries+2)
	assert.False(t, w.add(numbered(10_000), 1, now), "forgotten")
}

func TestNoRepeatWindow(t *testing.T) {
	w := newRepeatWindow(0, 1<<20)
	assert.False(t, w.add(numbered(1), 1, time.Unix(0, 0)))
	w.belongs(1)
	assert.False(t, w.add(numbered(1), 1, time.Unix(0, 0)))
}
