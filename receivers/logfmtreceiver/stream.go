package logfmtreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/lineframe"
)

const (
	// handshakeTimeout is how long a client may take over TLS before it counts as
	// gone; a connection slot is taken meanwhile.
	handshakeTimeout = 10 * time.Second
	// settle is how long a reader that has reason to expect more waits for it before
	// it hands over what it has.
	settle = 2 * time.Millisecond
	// drainIdle is how long a read of a connection that is being drained waits. What
	// the kernel holds comes at once.
	drainIdle = 20 * time.Millisecond
)

// streamServer serves tcp and unix connections: a goroutine each, which reads,
// maps and delivers, and so stops reading while the next consumer does not take
// what it has.
type streamServer struct {
	in       *intake
	set      *streamConfig
	listener net.Listener
	// secure wraps an accepted connection in TLS; nil: plain.
	secure func(net.Conn) (net.Conn, error)

	mu sync.Mutex // guards the following
	// conns holds what is open. It is nil once the server is closing.
	conns map[*streamConn]struct{}

	work sync.WaitGroup
}

func (s *streamServer) serve(host component.Host) {
	s.conns = map[*streamConn]struct{}{}
	s.work.Go(func() {
		if err := s.accept(); err != nil {
			s.in.report(host, err)
		}
	})
}

// accept ends when the listener is closed. Errors such as a lack of file
// descriptors pass: it goes on after a pause.
func (s *streamServer) accept() error {
	pause := 5 * time.Millisecond
	for {
		conn, err := s.listener.Accept()
		switch {
		case s.in.isClosing():
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			s.in.set.Logger.Warn("Cannot accept a connection", zap.String("transport", s.in.transport), zap.Duration("again_in", pause), zap.Error(err))
			select {
			case <-time.After(pause):
			case <-s.in.closing:
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = 5 * time.Millisecond
		s.open(conn)
	}
}

func (s *streamServer) open(conn net.Conn) {
	c := &streamConn{Conn: conn}
	s.mu.Lock()
	if s.conns == nil || len(s.conns) >= s.set.MaxConnections {
		s.mu.Unlock()
		s.in.tel.ReceiverLogfmtConnectionsRefused.Add(s.in.work, 1, s.in.attrs)
		refuse(conn)
		return
	}
	s.conns[c] = struct{}{}
	s.work.Add(1) // under mu: shutdown has not begun to wait
	s.mu.Unlock()
	s.in.tel.ReceiverLogfmtConnections.Add(s.in.work, 1, s.in.attrs)
	go func() {
		defer s.work.Done()
		defer s.forget(c)
		s.handle(c)
	}()
}

// refuse resets the connection: senders of logs only write, and a reset is what
// their next write notices.
func refuse(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (s *streamServer) forget(c *streamConn) {
	s.mu.Lock()
	if s.conns != nil {
		delete(s.conns, c)
	}
	s.mu.Unlock()
	_ = c.Close()
	s.in.tel.ReceiverLogfmtConnections.Add(s.in.work, -1, s.in.attrs)
}

// shutdown reads what the kernel holds of each connection: until a read waits in
// vain, or half of the time to the deadline is over; the other half is for the next
// consumer.
func (s *streamServer) shutdown(ctx context.Context) error {
	err := s.listener.Close()
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	limit := time.Now().Add(drainWindow)
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Now().Add(time.Until(deadline) / 2)
	}
	for c := range conns {
		c.drainUntil(limit)
	}
	s.work.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// handle reads a connection to its end.
func (s *streamServer) handle(c *streamConn) {
	src := net.Conn(c)
	if s.secure != nil {
		secured, err := s.handshake(c)
		if err != nil {
			s.in.set.Logger.Debug("TLS handshake failed", zap.Stringer("peer", c.RemoteAddr()), zap.Error(err))
			return
		}
		src = secured
	}
	frames := lineframe.NewReader(src, lineframe.Settings{
		MaxLine:  int(s.in.cfg.MaxLineSize),
		ReadSize: int(s.set.ReadBufferSize),
		Budget:   s.in.budget,
	})
	defer frames.Close()
	a := newAssembly(s.in, true)
	err := s.read(c, frames, a)
	a.cutOff = s.whyCutOff(c, err)
	var f lineframe.Frame
	for frames.Rest(&f) {
		a.add(&f)
		if a.full() {
			s.in.deliver(a)
		}
	}
	s.in.deliver(a)
	s.in.set.Logger.Debug("Connection ended", zap.Stringer("peer", c.RemoteAddr()), zap.Error(err))
}

// whyCutOff says why what is left of a stream is no whole line. It is one, without
// its line end, where the sender has closed the stream.
func (s *streamServer) whyCutOff(c *streamConn, err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return ""
	case c.isDraining():
		return "the collector shut down"
	case isTimeout(err):
		return fmt.Sprintf("nothing more came for %s", s.set.IdleTimeout)
	}
	return "the connection was lost"
}

// read delivers frames until the connection ends, is idle for too long, or has been
// drained at shutdown; the error says which. Records are handed over when a batch is
// full, and when the socket has nothing more to give and linger is over: a steady
// stream makes large batches, and a single line does not wait.
func (s *streamServer) read(c *streamConn, frames *lineframe.Reader, a *assembly) error {
	linger := s.in.cfg.Batch.Linger
	var since time.Time // when the batch got its first record
	var f lineframe.Frame
	for {
		if a.batch.Len() == 0 {
			c.expectWithin(s.set.IdleTimeout)
		} else {
			// Either a full read has said that there is more, or the batch lingers.
			c.expectWithin(max(linger-time.Since(since), settle))
		}
		_, err := frames.Fill()
		now := time.Now()
		a.batch.Observe(now)
		if a.batch.Len() == 0 {
			since = now
		}
		for frames.Next(&f) {
			a.add(&f)
			if a.full() {
				s.in.deliver(a)
				since = now
			}
		}
		switch {
		case isTimeout(err) && !c.isDraining() && a.batch.Len() > 0:
			s.in.deliver(a)
		case err != nil:
			return err
		case !frames.More() && now.Sub(since) >= linger:
			s.in.deliver(a)
		}
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func (s *streamServer) handshake(c *streamConn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.in.work, handshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	return s.secure(c)
}

// streamConn is a connection whose read deadline is set by two: its own goroutine,
// again and again, and shutdown, for good.
type streamConn struct {
	net.Conn

	mu       sync.Mutex // guards the following
	draining bool
	limit    time.Time // of draining
	set      bool      // there is a read deadline
}

// expectWithin ends a read after d; 0 or less waits for ever.
func (c *streamConn) expectWithin(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.draining:
		c.drainLocked()
	case d > 0:
		c.set = true
		_ = c.SetReadDeadline(time.Now().Add(d))
	case c.set:
		c.set = false
		_ = c.SetReadDeadline(time.Time{})
	}
}

// drainUntil makes reads end that find nothing, and all of them after limit.
func (c *streamConn) drainUntil(limit time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining, c.limit = true, limit
	c.drainLocked()
}

func (c *streamConn) drainLocked() {
	until := time.Now().Add(drainIdle)
	if until.After(c.limit) {
		until = c.limit
	}
	_ = c.SetReadDeadline(until)
}

func (c *streamConn) isDraining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}
