package heapfloor

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const mib = 1 << 20

func TestPercentFor(t *testing.T) {
	for _, c := range []struct {
		floor, live, roots uint64
		want               int
	}{
		{64 * mib, 4 * mib, 0, 1500},
		{64 * mib, 4 * mib, mib, 1200},
		{64 * mib, 31 * mib, 0, 106},
		{64 * mib, 32 * mib, 0, 100},
		{64 * mib, 40 * mib, 0, 100},
		{64 * mib, 1 << 40, 0, 100},
		{64 * mib, 0, 0, 1600},
		{64 * mib, mib, 0, 1600},
		{2 * mib, 0, 0, 100},
	} {
		assert.Equal(t, c.want, percentFor(c.floor, c.live, c.roots), "%+v", c)
	}
}

var kept, thrown []byte //nolint:gochecknoglobals // so that the compiler keeps them on the heap

// collections is how often garbage is collected while so many MiB of it are made.
func collections(garbage int) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range garbage * 16 {
		thrown = make([]byte, mib/16)
	}
	runtime.ReadMemStats(&after)
	return int(after.NumGC - before.NumGC)
}

// settle collects until GOGC is what is wanted.
func settle(t *testing.T, want func(percent int) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		runtime.GC()
		percent := debug.SetGCPercent(usual)
		debug.SetGCPercent(percent)
		return want(percent)
	}, 10*time.Second, time.Millisecond)
}

func TestHold(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(usual))
	runtime.GC()
	often := collections(1024)

	stop := Hold(64 * mib)
	second := Hold(mib)
	second()
	settle(t, func(percent int) bool { return percent > usual })
	seldom := collections(1024)
	assert.Greater(t, often, 4*seldom, "collections without a floor, and with one")
	assert.LessOrEqual(t, seldom, 1024/32)

	// A heap that has grown is collected as usual.
	kept = make([]byte, 64*mib)
	settle(t, func(percent int) bool { return percent == usual })
	runtime.KeepAlive(kept)
	kept = nil
	settle(t, func(percent int) bool { return percent > usual })

	stop()
	assert.Equal(t, usual, debug.SetGCPercent(usual))
	runtime.GC()
	assert.Greater(t, collections(1024), 4*seldom)
	stop() // again, which does nothing

	Hold(0)()
	assert.Equal(t, usual, debug.SetGCPercent(usual))
}
