package timestamp

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAppend compares with package time, days and years of all kinds.
func TestAppend(t *testing.T) {
	var recent Recent
	f := func(unix int64) {
		t.Helper()
		want := time.Unix(0, unix).UTC().Format(Layout)
		require.Equal(t, want, string(Append(nil, unix)), "%d", unix)
		require.Equal(t, want, string(recent.Append(nil, unix)), "%d", unix)
		again := unix - unix%perSecond/2 // the same second, other digits
		require.Equal(t, time.Unix(0, again).UTC().Format(Layout), string(recent.Append(nil, again)), "%d behind %d", again, unix)
	}
	for _, unix := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 999_999_999, 1e9, -1e9} {
		f(unix)
	}
	for unix := int64(math.MinInt64); unix < math.MaxInt64-41*daySeconds*perSecond/3; unix += 40*daySeconds*perSecond/3 + 987654321 {
		f(unix)
	}
}
