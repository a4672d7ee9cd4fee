package measureconnector

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHashSetIsASet compares it with a map, through growth and after it was emptied.
func TestHashSetIsASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := newHashSet()
	for _, n := range []int{20_000, 10, 300, 50_000} {
		want := map[uint64]bool{}
		for range n {
			h := random.Uint64N(uint64(n)) + 1 // many come twice
			require.Equal(t, want[h], s.has(h))
			require.Equal(t, !want[h], s.add(h))
			want[h] = true
			require.True(t, s.has(h))
		}
		require.Equal(t, len(want), s.count)
		require.GreaterOrEqual(t, len(s.slots), 2*s.count)
		s.clear()
		for h := range want {
			require.False(t, s.has(h))
		}
	}
	for range 20 {
		s.clear()
	}
	assert.Len(t, s.slots, minHashes, "what is not used is given back")
}

// TestUIDsAreRememberedForAWindow: one window at least, two at most.
func TestUIDsAreRememberedForAWindow(t *testing.T) {
	const window = time.Minute
	at := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		after time.Duration
		again int
	}{{0, 1}, {window - 1, 1}, {window, 1}, {2*window - 1, 1}, {2 * window, 0}} {
		r := newRepeats(window)
		assert.Equal(t, 1, r.remember([]uint64{7, 0, 0, 7}, make([]bool, 4), at), "in one call")
		repeated := make([]bool, 2)
		assert.Equal(t, c.again, r.remember([]uint64{7, 8}, repeated, at.Add(c.after)), "after %v", c.after)
		assert.Equal(t, []bool{c.again == 1, false}, repeated)
	}
}

// TestRememberedUIDsAreBounded: the memory is full, and the latest are still known.
func TestRememberedUIDsAreBounded(t *testing.T) {
	r := newRepeats(time.Hour)
	at := time.Unix(1_800_000_000, 0)
	const n = 5 * maxRemembered / 2
	for i := range n {
		r.remember([]uint64{uint64(i) + 1}, make([]bool, 1), at)
	}
	assert.LessOrEqual(t, (len(r.young.slots)+len(r.old.slots))*8, 32<<20, "bytes")
	assert.Equal(t, 1, r.remember([]uint64{n - maxRemembered}, make([]bool, 1), at), "a recent one")
	assert.Equal(t, 0, r.remember([]uint64{1}, make([]bool, 1), at), "one long gone")
}
