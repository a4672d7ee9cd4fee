package timestamp

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAppend compares with package time, days and years of all kinds.
func TestAppend(t *testing.T) {
	f := func(unix int64) {
		t.Helper()
		require.Equal(t, time.Unix(0, unix).UTC().Format(Layout), string(Append(nil, unix)), "%d", unix)
	}
	for _, unix := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 999_999_999, 1e9, -1e9} {
		f(unix)
	}
	for unix := int64(math.MinInt64); unix < math.MaxInt64-41*daySeconds*perSecond/3; unix += 40*daySeconds*perSecond/3 + 987654321 {
		f(unix)
	}
}
