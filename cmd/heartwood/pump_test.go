package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// peer listens at address and gives the lines of the first connection; then it
// hangs up after n of them.
func peer(t *testing.T, address string, n int) (at string, lines chan string, hung chan struct{}) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	lines, hung = make(chan string, 1000), make(chan struct{})
	go func() {
		defer close(hung)
		defer func() { _ = l.Close() }()
		connection, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = connection.Close() }()
		scanner := bufio.NewScanner(connection)
		scanner.Buffer(nil, 8*pumpMaxLine)
		for i := 0; i < n && scanner.Scan(); i++ {
			lines <- scanner.Text()
		}
	}()
	return l.Addr().String(), lines, hung
}

func TestPumpSendsWholeLines(t *testing.T) {
	at, lines, hung := peer(t, "127.0.0.1:0", 10)
	p := newPump(t.Context(), at, io.Discard)
	for _, part := range []string{"on", "e\ntw", "o\nthree\nfo", "u", "r"} {
		n, err := io.WriteString(p, part)
		require.NoError(t, err)
		assert.Equal(t, len(part), n)
	}
	for _, want := range []string{"one", "two", "three"} {
		assert.Equal(t, want, <-lines)
	}
	require.NoError(t, p.Close())
	<-hung
	assert.Equal(t, "four", <-lines, "the rest at the end")
}

func TestPumpConnectsAgain(t *testing.T) {
	at, lines, hung := peer(t, "127.0.0.1:0", 1)
	var notes bytes.Buffer
	p := newPump(t.Context(), at, &notes)
	_, err := io.WriteString(p, "first\n")
	require.NoError(t, err)
	assert.Equal(t, "first", <-lines)
	<-hung
	<-p.lost

	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(p, "second\n")
		written <- err
	}()
	select {
	case err := <-written:
		require.Fail(t, "it did not wait for its peer", err)
	case <-time.After(2 * pumpRetry):
	}
	_, lines, hung = peer(t, at, 10)
	require.NoError(t, <-written)
	assert.Equal(t, "second", <-lines)
	require.NoError(t, p.Close())
	<-hung
	assert.Equal(t, 1, strings.Count(notes.String(), "trying again"), notes.String())
}

func TestPumpGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := newPump(ctx, "127.0.0.1:1", io.Discard)
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(p, "x\n")
		written <- err
	}()
	cancel()
	require.ErrorIs(t, <-written, context.Canceled)
	require.NoError(t, p.Close())
}

func TestPumpIsNotHeldByAPeerThatDoesNotRead(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	p := newPump(ctx, l.Addr().String(), io.Discard)
	written := make(chan error, 1)
	go func() {
		line := []byte(strings.Repeat("x", 1<<20) + "\n")
		for {
			if _, err := p.Write(line); err != nil {
				written <- err
				return
			}
		}
	}()
	select {
	case err := <-written:
		require.Fail(t, "it did not wait", err)
	case <-time.After(200 * time.Millisecond):
	}
	cancel()
	require.Error(t, <-written)
	require.NoError(t, p.Close())
}

func TestPumpBoundsALineWithoutEnd(t *testing.T) {
	at, _, hung := peer(t, "127.0.0.1:0", 1)
	p := newPump(t.Context(), at, io.Discard)
	for range 5 {
		_, err := io.WriteString(p, strings.Repeat("x", pumpMaxLine/2))
		require.NoError(t, err)
		assert.Less(t, len(p.held), pumpMaxLine)
	}
	_ = p.Close()
	<-hung
}

// canceling is a connection that breaks in the moment in which all is to end.
type canceling struct {
	net.Conn
	cancel func()
	lost   chan struct{}
}

func (c canceling) Write([]byte) (int, error)        { c.cancel(); return 0, io.ErrClosedPipe }
func (c canceling) SetWriteDeadline(time.Time) error { return nil }
func (c canceling) Close() error                     { close(c.lost); return nil }

func TestPumpEndsWhileItsConnectionBreaks(t *testing.T) {
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPump(ctx, "127.0.0.1:1", io.Discard)
		p.lost = make(chan struct{})
		p.connection = canceling{cancel: cancel, lost: p.lost}
		_, err := io.WriteString(p, "x\n")
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, p.Close())
	}
}
