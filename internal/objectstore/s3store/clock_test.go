package s3store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheServersClock(t *testing.T) {
	var c clock
	local := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	_, ok := c.now(local)
	assert.False(t, ok)
	// The local clock is 73 years behind.
	server := time.Date(2099, 6, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Duration {
		now, ok := c.now(local.Add(d))
		assert.True(t, ok)
		return now.Sub(server)
	}
	answer := func(date, sent, answered time.Duration) {
		c.answered(server.Add(date), local.Add(sent), local.Add(answered))
	}
	answer(0, -10*time.Millisecond, 0)
	assert.Equal(t, time.Duration(0), at(0))
	assert.Equal(t, 1500*time.Millisecond, at(1500*time.Millisecond))
	// Within the second that a Date does not tell, nothing moves.
	answer(time.Second, 1490*time.Millisecond, 1500*time.Millisecond)
	assert.Equal(t, 1500*time.Millisecond, at(1500*time.Millisecond))
	// It was later than was thought.
	answer(2*time.Second, 1590*time.Millisecond, 1600*time.Millisecond)
	assert.Equal(t, 2*time.Second, at(1600*time.Millisecond))
	assert.Equal(t, 2400*time.Millisecond, at(2*time.Second))
	// An old answer that took long says little.
	answer(0, -time.Second, 2*time.Second)
	assert.Equal(t, 2400*time.Millisecond, at(2*time.Second))
	// The server's clock was set back: then it goes back.
	answer(-time.Hour, 3*time.Second, 3*time.Second)
	assert.Equal(t, -time.Hour+time.Second, at(3*time.Second))
}
