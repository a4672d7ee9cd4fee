package archiveaudit

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b budget
		assert.True(t, b.take(t.Context(), 10*maxHeld), "one alone may be of any size")
		taken := make(chan bool)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { taken <- b.take(ctx, 1) }()
		synctest.Wait()
		select {
		case <-taken:
			assert.Fail(t, "there was no room")
		default:
		}
		b.give(10 * maxHeld)
		assert.True(t, <-taken)
		assert.True(t, b.take(ctx, maxHeld-1))
		go func() { taken <- b.take(ctx, 1) }()
		synctest.Wait()
		cancel()
		assert.False(t, <-taken, "the context has ended")
		b.give(maxHeld - 1)
		b.give(1)
		assert.Zero(t, b.held)
	})
}
