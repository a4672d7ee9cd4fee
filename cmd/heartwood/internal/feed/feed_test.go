package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 5 * time.Second

func notice(dst []byte, lines int64) []byte { return fmt.Appendf(dst, "[%d lost]\n", lines) }

func TestEverythingArrivesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		f := New(w, Settings{MaxBytes: 1 << 20, Patience: patience})
		var want strings.Builder
		for i := range 1000 {
			line := fmt.Sprintf("line %d\n", i)
			want.WriteString(line)
			require.True(t, f.Add([]byte(line)))
		}
		f.Close()
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		assert.Equal(t, want.String(), string(got))
		<-f.Done()
		assert.Zero(t, f.Lost())
		assert.False(t, f.Add([]byte("late\n")))
		assert.EqualValues(t, 1, f.Lost())
	})
}

func TestSlowReaderIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		f := New(w, Settings{MaxBytes: 100, Patience: patience, Notice: notice})
		line := []byte(strings.Repeat("x", 79) + "\n")
		got := make(chan []byte)
		go func() {
			var all []byte
			buf := make([]byte, 80)
			for {
				time.Sleep(patience - time.Second)
				n, err := r.Read(buf)
				all = append(all, buf[:n]...)
				if err != nil {
					got <- all
					return
				}
			}
		}()
		for range 20 {
			require.True(t, f.Add(line))
		}
		f.Close()
		assert.Equal(t, bytes.Repeat(line, 20), <-got)
		assert.Zero(t, f.Lost())
	})
}

func TestStuckReaderHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		f := New(w, Settings{MaxBytes: 100, Patience: patience, Notice: notice})
		line := func(n int) []byte { return fmt.Appendf(nil, "%79d\n", n) }
		require.True(t, f.Add(line(0)))
		begun := time.Now()
		require.False(t, f.Add(line(1)))
		assert.Equal(t, patience, time.Since(begun))
		for range 1000 {
			require.False(t, f.Add(line(2)))
		}
		assert.Equal(t, patience, time.Since(begun), "it is known to be stuck")
		assert.EqualValues(t, 1001, f.Lost())

		buf := make([]byte, 80)
		_, err := io.ReadFull(r, buf)
		require.NoError(t, err)
		assert.Equal(t, line(0), buf)
		synctest.Wait()
		require.True(t, f.Add(line(3)), "it moves again")
		_, err = io.ReadFull(r, buf[:len("[1001 lost]\n")])
		require.NoError(t, err)
		assert.Equal(t, "[1001 lost]\n", string(buf[:len("[1001 lost]\n")]))
		_, err = io.ReadFull(r, buf)
		require.NoError(t, err)
		assert.Equal(t, line(3), buf)
		require.True(t, f.Add(line(4)))
		f.Close()
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		assert.Equal(t, string(line(4)), string(rest), "a loss is told once")
		<-f.Done()
		assert.EqualValues(t, 1001, f.Lost())
	})
}

func TestReaderThatGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		f := New(w, Settings{MaxBytes: 100, Patience: patience})
		require.True(t, f.Add([]byte("one\ntwo\n")))
		require.NoError(t, r.CloseWithError(errors.New("gone")))
		<-f.Done()
		assert.EqualValues(t, 2, f.Lost())
		assert.False(t, f.Add([]byte("three\n")))
		assert.EqualValues(t, 3, f.Lost())
	})
}

func TestAbortEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, w := io.Pipe()
		f := New(w, Settings{MaxBytes: 5, Patience: time.Hour})
		require.True(t, f.Add([]byte("one\ntwo\n")), "more than the limit, but nothing else waits")
		added := make(chan bool)
		go func() { added <- f.Add([]byte("three\n")) }()
		synctest.Wait()
		f.Abort()
		assert.False(t, <-added)
		<-f.Done()
		f.Abort()
		assert.EqualValues(t, 3, f.Lost())
	})
}

// Of a real pipe, what lies in it unread is counted.
func TestUnreadIsLost(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	if Unread(w) == nil {
		t.Skip("this system does not tell what is unread")
	}
	f := New(w, Settings{MaxBytes: 1 << 20, Patience: patience, Unread: Unread(w)})
	const lines = 3 * tailSize / 10
	for i := range lines {
		require.True(t, f.Add(fmt.Appendf(nil, "%9d\n", i)))
	}
	f.Close()
	buf := make([]byte, 105) // ten lines and a half
	_, err = io.ReadFull(r, buf)
	require.NoError(t, err)
	select {
	case <-f.Done():
		require.Fail(t, "not all was read")
	case <-time.After(20 * time.Millisecond):
	}
	assert.Positive(t, f.Still())
	f.Abort()
	<-f.Done()
	assert.EqualValues(t, lines-10, f.Lost())
}

func TestEndWaitsForTheReader(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	f := New(w, Settings{MaxBytes: 1 << 20, Patience: patience, Unread: Unread(w)})
	require.True(t, f.Add([]byte("one\n")))
	f.Close()
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, "one\n", string(got))
	<-f.Done()
	f.Abort()
	assert.Zero(t, f.Lost())
	require.NoError(t, r.Close())
}
