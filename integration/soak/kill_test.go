package soak

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestKilledInTurn: gateway, agent, S3 and Kinesis end one after the other, at random
// moments, by kill -9, the gateway also while it recovers. S3 is a process in the full form
// alone; the stream is always the fake, whose connections are cut. All that was accepted is
// at each output, and what is there again can be told to be a repeat.
func TestKilledInTurn(t *testing.T) {
	t.Parallel()
	rounds := scaled(t, 12, 50)
	b := newBed(t, func(s *settings) { s.versity = full(t) })
	l := newLoad(t, b, 10, 40*time.Millisecond)
	b.start(t)
	l.start(t.Context())
	dice := rand.New(rand.NewPCG(17, 4))
	some := func(most int) { time.Sleep(time.Duration(20+dice.IntN(most)) * time.Millisecond) }
	for i := range rounds {
		some(800)
		switch i % 4 {
		case 0:
			b.gateway.Kill()
			if i%8 == 4 {
				b.gateway.Launch(t) // and it dies while it recovers
				some(300)
				b.gateway.Kill()
			}
			b.gateway.Start(t)
		case 1:
			l.tcp.kills.Add(1)
			b.agent.Kill()
			b.agent.Start(t)
		case 2:
			b.s3.Down()
			some(500)
			b.s3.Up(t)
		case 3:
			b.kinesis.Down()
			some(500)
			b.kinesis.Up(t)
		}
	}
	l.finish(t)
	b.requireConserved(t, l, 2*time.Minute)
	_, unanswered := l.told()
	assert.Positive(t, unanswered, "the kills hit something")
	assert.Greater(t, l.owed(), rounds*50, "something was sent")
}
