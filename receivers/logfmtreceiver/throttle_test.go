package logfmtreceiver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var th throttle
		count, ok := th.add(3)
		assert.True(t, ok)
		assert.Equal(t, int64(3), count)
		for range 5 {
			_, ok = th.add(2)
			assert.False(t, ok)
		}
		time.Sleep(logEvery)
		count, ok = th.add(1)
		assert.True(t, ok)
		assert.Equal(t, int64(11), count, "what was kept quiet is counted")
	})
}
