package cpubudget

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestBudget: over time no more is allowed than the share, and one last work that takes longer.
func TestBudget(t *testing.T) {
	t.Parallel()
	processors := time.Duration(runtime.GOMAXPROCS(0))
	now := time.Unix(1_700_000_000, 0)
	b := New(0.1, func() time.Time { return now })
	saved := Burst * processors / 10

	assert.True(t, b.Allows(), "a burst is saved from the start")
	b.Spend(saved - 1)
	assert.True(t, b.Allows())
	b.Spend(1)
	assert.False(t, b.Allows())
	now = now.Add(10 * time.Millisecond)
	assert.True(t, b.Allows())
	b.Spend(3 * time.Millisecond * processors)
	assert.False(t, b.Allows(), "two milliseconds of each processor are owed")
	now = now.Add(20 * time.Millisecond)
	assert.False(t, b.Allows())
	now = now.Add(time.Microsecond)
	assert.True(t, b.Allows())

	now = now.Add(time.Hour)
	assert.True(t, b.Allows())
	b.Spend(saved)
	assert.False(t, b.Allows(), "an hour of rest saves no more than Burst")
	now = now.Add(-time.Hour)
	assert.False(t, b.Allows(), "a clock set back")
	now = now.Add(time.Millisecond)
	assert.True(t, b.Allows())
}

// TestBudgetOfMany: in a minute of work by several at once, what was allowed is the share.
func TestBudgetOfMany(t *testing.T) {
	t.Parallel()
	const step, work = time.Millisecond, 250 * time.Microsecond
	processors := time.Duration(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	now := time.Unix(1_700_000_000, 0)
	b := New(0.05, func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	var allowed time.Duration
	for range time.Minute / step {
		mu.Lock()
		now = now.Add(step)
		mu.Unlock()
		var workers sync.WaitGroup
		var took [4]time.Duration
		for i := range took {
			workers.Go(func() {
				if b.Allows() {
					b.Spend(work)
					took[i] = work
				}
			})
		}
		workers.Wait()
		for _, d := range took {
			allowed += d
		}
	}
	assert.InDelta(t, float64((time.Minute+Burst)*processors/20), float64(allowed), float64(4*work))
}
