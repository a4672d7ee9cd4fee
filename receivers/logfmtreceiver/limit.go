package logfmtreceiver

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// limitedListener refuses connections above a maximum: with an answer where plain
// HTTP is spoken, with a reset otherwise.
type limitedListener struct {
	net.Listener
	in       *intake
	work     *sync.WaitGroup
	max      int
	speaks   bool
	partings atomic.Int64

	mu   sync.Mutex // guards the following
	open map[*limitedConn]struct{}
}

// busyAnswer is written after the first bytes of the request, whatever it says.
const busyAnswer = "HTTP/1.1 503 Service Unavailable\r\n" +
	"Content-Type: application/json\r\n" +
	"Content-Length: 94\r\n" +
	"Retry-After: 1\r\n" +
	"Connection: close\r\n\r\n" +
	busyBody

const busyBody = `{"accepted":0,"rejected":0,"reasons":["nothing was taken: max_connections are open already"]}` + "\n"

// A refused client is listened to for a moment, so that the answer reaches it
// before the connection is reset; but only so many at a time.
const (
	maxPartings = 64
	partingTime = 500 * time.Millisecond
	partingSize = 64 << 10
)

func limitConnections(l net.Listener, in *intake, work *sync.WaitGroup, maxOpen int, speaks bool) *limitedListener {
	return &limitedListener{Listener: l, in: in, work: work, max: maxOpen, speaks: speaks, open: map[*limitedConn]struct{}{}}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.admit(conn); c != nil {
			l.count(l.in.tel.ReceiverLogfmtConnections, 1)
			return c, nil
		}
		l.in.tel.ReceiverLogfmtConnectionsRefused.Add(l.in.work, 1, l.in.attrs)
		l.refuse(conn)
	}
}

// admit takes a place for conn, or returns nil when there is none.
func (l *limitedListener) admit(conn net.Conn) *limitedConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.max {
		return nil
	}
	c := &limitedConn{Conn: conn, l: l}
	l.open[c] = struct{}{}
	return c
}

// closeSilent closes the connections over which nothing has come: http.Server's
// Shutdown would wait five seconds for them.
func (l *limitedListener) closeSilent() {
	l.mu.Lock()
	var silent []*limitedConn
	for c := range l.open {
		if !c.spoke.Load() {
			silent = append(silent, c)
		}
	}
	l.mu.Unlock()
	for _, c := range silent {
		_ = c.Close()
	}
}

func (l *limitedListener) count(c metric.Int64UpDownCounter, n int64) {
	c.Add(l.in.work, n, l.in.attrs)
}

func (l *limitedListener) refuse(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok || !l.speaks || l.partings.Add(1) > maxPartings {
		if ok && l.speaks {
			l.partings.Add(-1)
		}
		refuse(conn)
		return
	}
	l.work.Go(func() {
		defer l.partings.Add(-1)
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(partingTime))
		// An answer that comes before the request confuses clients.
		if _, err := conn.Read(make([]byte, 4<<10)); err != nil {
			return
		}
		if _, err := io.WriteString(conn, busyAnswer); err == nil && tcp.CloseWrite() == nil {
			_, _ = io.CopyN(io.Discard, conn, partingSize)
		}
	})
}

// limitedConn frees its place once, and knows whether anything has come over it.
type limitedConn struct {
	net.Conn
	l     *limitedListener
	spoke atomic.Bool
}

func (c *limitedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.spoke.Load() {
		c.spoke.Store(true)
	}
	return n, err
}

func (c *limitedConn) Close() error {
	c.l.mu.Lock()
	_, open := c.l.open[c]
	delete(c.l.open, c)
	c.l.mu.Unlock()
	if open {
		c.l.count(c.l.in.tel.ReceiverLogfmtConnections, -1)
	}
	return c.Conn.Close()
}
