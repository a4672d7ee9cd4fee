package trouble

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errDown, errFull = errors.New("down"), errors.New("full")

// told gathers what a Board tells, as text.
type told struct {
	mu   sync.Mutex
	list []string
}

func (l *told) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

func (l *told) add(s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := "fine"
	if s.Err != nil {
		text = s.Err.Error()
	}
	if s.Permanent {
		text += " for good"
	}
	l.list = append(l.list, text)
}

func watched(t *testing.T) (*Board, *told) {
	t.Helper()
	b, l := New(DefaultHold), &told{}
	b.Tell(l.add)
	t.Cleanup(b.Close)
	return b, l
}

func TestWhatARetryMendsIsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := watched(t)
		for range 100 {
			b.Trouble("stream", DefaultPatience, errDown)
			time.Sleep(DefaultPatience - time.Second)
			b.Over("stream")
		}
		time.Sleep(time.Hour)
		assert.Empty(t, l.all())
	})
}

func TestATroubleThatLastsIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := watched(t)
		for i := range 30 {
			b.Trouble("stream", DefaultPatience, fmt.Errorf("attempt %d: %w", i, errDown))
			time.Sleep(time.Second)
			synctest.Wait()
			assert.Equal(t, i >= 9, len(l.all()) > 0, "second %d", i)
		}
		assert.Equal(t, []string{"stream: attempt 9: down"}, l.all())
		b.Over("stream")
		time.Sleep(DefaultHold - time.Millisecond)
		synctest.Wait()
		assert.Len(t, l.all(), 1, "it is not over yet")
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.Equal(t, "fine", l.all()[1])
	})
}

// TestNoFlapping: a spool that is full has room for a call now and then.
func TestNoFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := watched(t)
		for range 1000 {
			b.Trouble("spool", 0, errFull)
			time.Sleep(DefaultHold / 2)
			b.Over("spool")
			time.Sleep(DefaultHold / 2)
		}
		time.Sleep(DefaultHold)
		synctest.Wait()
		assert.Equal(t, []string{"spool: full", "fine"}, l.all())
	})
}

// TestNobodyComes: what is not ready gets no calls, which could tell that all is well again.
func TestNobodyComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := watched(t)
		var room atomic.Bool
		var asked atomic.Int64
		b.Watch("spool", time.Second, func() bool {
			asked.Add(1)
			return room.Load()
		})
		time.Sleep(time.Hour)
		assert.Zero(t, asked.Load(), "while all is well, nobody is asked")
		b.Trouble("spool", 0, errFull)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"spool: full"}, l.all())
		assert.EqualValues(t, 60, asked.Load())
		room.Store(true)
		time.Sleep(time.Second + DefaultHold)
		synctest.Wait()
		assert.Equal(t, []string{"spool: full", "fine"}, l.all())
		last := asked.Load()
		time.Sleep(time.Hour)
		assert.Equal(t, last, asked.Load())
	})
}

func TestSeveralTroubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := watched(t)
		b.Over("never there")
		b.Trouble("stream", DefaultPatience, errDown)
		b.Trouble("spool", 0, errFull)
		time.Sleep(DefaultPatience)
		synctest.Wait()
		late := &told{}
		b.Tell(late.add)
		assert.Equal(t, []string{"spool: full; stream: down"}, late.all(), "who comes late is told what is")
		b.Over("stream")
		time.Sleep(DefaultHold)
		synctest.Wait()
		b.Over("spool")
		time.Sleep(DefaultHold)
		synctest.Wait()
		assert.Equal(t, []string{"spool: full", "spool: full; stream: down", "spool: full", "fine"}, l.all())
		assert.Equal(t, l.all()[1:], late.all())
	})
}

func TestFailureIsTheLastThingTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := watched(t)
		b.Trouble("stream", DefaultPatience, errDown)
		b.Fail(errFull)
		b.Trouble("spool", 0, errFull)
		b.Over("spool")
		b.Fail(errDown)
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, []string{"full for good"}, l.all())
	})
}

func TestErrorsAreKept(t *testing.T) {
	b := New(0)
	var last Status
	b.Tell(func(s Status) { last = s })
	b.Trouble("x", 0, fmt.Errorf("it is %w", errFull))
	require.ErrorIs(t, last.Err, errFull)
	b.Over("x")
	require.NoError(t, last.Err, "without a hold it is over at once")
	b.Close()
	b.Trouble("x", 0, errFull)
	require.NoError(t, last.Err)
	var none *Board
	none.Trouble("x", 0, errFull)
	none.Over("x")
	none.Fail(errFull)
	none.Tell(nil)
	none.Close()
}
