package throttle

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCounterLetsOneThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var th Counter
		count, ok := th.Add(3)
		assert.True(t, ok)
		assert.Equal(t, int64(3), count)
		for range 5 {
			_, ok = th.Add(2)
			assert.False(t, ok)
		}
		time.Sleep(Interval)
		count, ok = th.Add(1)
		assert.True(t, ok)
		assert.Equal(t, int64(11), count, "what was kept quiet is counted")
	})
}
