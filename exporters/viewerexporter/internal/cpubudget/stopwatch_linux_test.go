package cpubudget

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestStopwatch: it runs while the goroutine works, and not while it waits.
func TestStopwatch(t *testing.T) {
	t.Parallel()
	watch := Start()
	time.Sleep(50 * time.Millisecond)
	assert.Less(t, watch.Stop(), 20*time.Millisecond)
	watch = Start()
	n := uint64(1)
	for begin := threadTime(); threadTime()-begin < 20*time.Millisecond; {
		for range 1000 {
			n = n*6364136223846793005 + 1
		}
	}
	assert.NotZero(t, n)
	assert.GreaterOrEqual(t, watch.Stop(), 20*time.Millisecond*collected)
}
