package logfmtreceiver

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func key(i int) frameKey { return newFrameKey("d", strconv.Itoa(i), nil) }

func TestFrameTableForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newFrameTable(3, time.Hour)
		isRepeat := func(i int) bool {
			repeat, err := table.begin(t.Context(), key(i))
			require.NoError(t, err)
			if !repeat {
				table.end(key(i), true)
			}
			return repeat
		}
		assert.False(t, isRepeat(1))
		assert.True(t, isRepeat(1))
		time.Sleep(time.Hour - time.Second)
		assert.True(t, isRepeat(1), "repeats don't make it live longer, nor shorter")
		time.Sleep(2 * time.Second)
		assert.False(t, isRepeat(1), "the ttl is over")

		assert.False(t, isRepeat(2))
		assert.False(t, isRepeat(3))
		assert.False(t, isRepeat(4))
		assert.False(t, isRepeat(1), "the oldest made room")
		assert.True(t, isRepeat(4))
		assert.Len(t, table.entries, 3)
		assert.Equal(t, 3, table.known.Len())
	})
}

func TestFrameTableWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newFrameTable(3, time.Hour)
		repeat, err := table.begin(t.Context(), key(1))
		require.NoError(t, err)
		require.False(t, repeat)

		repeats := make(chan bool, 10)
		for range 3 {
			go func() {
				repeat, err := table.begin(context.Background(), key(1))
				assert.NoError(t, err)
				repeats <- repeat
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = table.begin(ctx, key(1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		assert.Empty(t, repeats, "all wait for the first")

		table.end(key(1), false)
		assert.False(t, <-repeats, "the first failed: one of the others takes its place")
		synctest.Wait()
		assert.Empty(t, repeats)
		table.end(key(1), true)
		assert.True(t, <-repeats)
		assert.True(t, <-repeats)
	})
}

func TestFrameKeysAreNotConfused(t *testing.T) {
	keys := map[frameKey]bool{}
	for _, k := range [][3]string{{"a", "b", "c"}, {"ab", "", "c"}, {"", "ab", "c"}, {"a", "bc", ""}, {"", "", "abc"}} {
		keys[newFrameKey(k[0], k[1], []byte(k[2]))] = true
	}
	assert.Len(t, keys, 5)
}
