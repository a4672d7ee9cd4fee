package soak

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// connectionsMemory is what the gateway may have written of memory, in bytes, with all
// connections open.
const connectionsMemory = 600 << 20

// patience is a client that is idle, or slow, and in the end sends the rest.
type patience struct {
	conn   net.Conn
	rest   []byte
	answer func(io.Reader) error // what the server is to say in the end; nil: nothing
}

// TestConnections: thousands of clients that say nothing, or a byte now and then, over
// logfmt and OTLP. Memory stays bounded, the others are served, and in the end the slow ones
// are too.
func TestConnections(t *testing.T) {
	t.Parallel()
	count := scaled(t, 2_000, 10_000)
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	require.Greater(t, limit.Cur, uint64(count+1000), "file handles for so many connections: raise the limit (ulimit -n)")
	b := newBed(t, func(s *settings) { s.LimitMiB = 800 })
	l := newLoad(t, b, 10, 100*time.Millisecond)
	b.start(t)
	memory := watch(t, b.gateway, 100*time.Millisecond)
	lines, bodies := &account{}, &account{}
	slow := open(t, b, count, lines, bodies)
	l.start(t.Context())

	waitFor(t, time.Minute, "the gateway to have all connections", func() (bool, string) {
		s, err := sampleOf(b.gateway.PID())
		return err == nil && s.files > 0.99*float64(count), fmt.Sprintf("%v %v", s, err)
	})
	before := l.owed()
	end := time.Now().Add(lasting(t, 5*time.Second, time.Minute))
	for i := 0; time.Now().Before(end); i = (i + 1) % len(slow) {
		one := slow[i]
		if len(one.rest) < 2 {
			continue
		}
		_, err := one.conn.Write(one.rest[:1])
		require.NoError(t, err)
		one.rest = one.rest[1:]
		if i%100 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	waitFor(t, time.Minute, "others to be served", func() (bool, string) { return l.owed() > before+500, "" })
	refused, _ := l.told()
	assert.Zero(t, refused, "attempts of others told to come again")
	for _, one := range slow {
		if one.answer != nil { // half a header is cut off after a minute
			_, err := one.conn.Write(one.rest)
			require.NoError(t, err)
			require.NoError(t, one.conn.SetReadDeadline(time.Now().Add(time.Minute)))
			require.NoError(t, one.answer(one.conn))
		}
		require.NoError(t, one.conn.Close())
	}
	waitFor(t, time.Minute, "the gateway to have closed them", func() (bool, string) {
		s, err := sampleOf(b.gateway.PID())
		return err == nil && s.files < 300, fmt.Sprintf("%v %v", s, err)
	})
	t.Logf("%d connections, at most %d MiB", count, memory.peak()>>20)
	assert.Less(t, memory.peak(), int64(connectionsMemory))
	l.finish(t)
	for name, a := range map[string]*account{"slow-lines": lines, "slow-bodies": bodies} {
		for n := range a.accepted {
			a.accept([]record{{writer: name, n: n}})
		}
		l.feeders = append(l.feeders, &feeder{name: name, account: a})
	}
	b.requireConserved(t, l, 2*time.Minute)
}

// open connects the clients: of four one says nothing to logfmt, one writes a line, one
// begins a header of HTTP, and one sends a body.
func open(t *testing.T, b *bed, count int, lines, bodies *account) (all []*patience) {
	t.Helper()
	for i := range count {
		addr := b.gateway.Addr(t, "tcp")
		if i%4 > 1 {
			addr = b.gateway.Addr(t, "http")
		}
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		one := &patience{conn: conn}
		switch i % 4 {
		case 1:
			one.rest = []byte(record{writer: "slow-lines", n: lines.take(1)}.line(true))
			one.answer = func(r io.Reader) error { // all of the line was handed over
				if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
					return err
				}
				_, err := io.ReadAll(r)
				return err
			}
		case 2:
			_, err = io.WriteString(conn, "POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-")
		case 3:
			var body []byte
			body, err = (&plog.ProtoMarshaler{}).MarshalLogs(toLogs([]record{{writer: "slow-bodies", n: bodies.take(1)}}))
			require.NoError(t, err)
			one.rest = body
			one.answer = func(r io.Reader) error {
				response, err := http.ReadResponse(bufio.NewReader(r), nil)
				if err != nil {
					return err
				}
				if response.StatusCode != http.StatusOK {
					return fmt.Errorf("status %d", response.StatusCode)
				}
				return response.Body.Close()
			}
			_, err = fmt.Fprintf(conn, "POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n", len(body))
		}
		require.NoError(t, err)
		all = append(all, one)
	}
	return all
}
