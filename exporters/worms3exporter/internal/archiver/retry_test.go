package archiver

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestWhatSucceedsAfterAllIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &seen{}
		r := &retrier{initial: time.Second, most: time.Second, observer: o, logger: zap.NewNop()}
		left := 0
		call := func(context.Context) error {
			if left--; left >= 0 {
				return errors.New("down")
			}
			return nil
		}
		require.NoError(t, r.do(t.Context(), "at once", call))
		left = 3
		require.NoError(t, r.do(t.Context(), "in the end", call))
		assert.Equal(t, map[string]int{"in the end": 3}, o.retries)
		assert.Equal(t, []string{"in the end"}, o.recovered)
	})
}
