package logfmtreceiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/lineframe"
)

// maxDatagram is the largest UDP payload there is.
const maxDatagram = 65535

// udpServer has one goroutine that reads and one that delivers, with a bounded
// queue between them: nobody can be told to wait, so the reader goes on while the
// next consumer does not, and counts what no longer fits.
type udpServer struct {
	in    *intake
	cfg   *udpConfig
	conn  *net.UDPConn
	queue *datagramQueue
	drops dropCounter
	work  sync.WaitGroup
}

func newUDPServer(r *logfmtReceiver, cfg *udpConfig) (server, error) {
	in, err := newIntake(r, "udp")
	if err != nil {
		return nil, err
	}
	return &udpServer{in: in, cfg: cfg, queue: newDatagramQueue(int(cfg.MaxQueueSize))}, nil
}

func (s *udpServer) start(ctx context.Context, host component.Host) error {
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", s.cfg.Endpoint)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.cfg.Endpoint, err)
	}
	s.conn = conn.(*net.UDPConn)
	if size := int(s.cfg.ReceiveBufferSize); size > 0 {
		if err := s.conn.SetReadBuffer(size); err != nil {
			s.in.set.Logger.Warn("Cannot set the size of the receive buffer", zap.String("transport", "udp"), zap.Error(err))
		}
	}
	if s.drops.last, err = kernelDrops(s.conn); err != nil {
		s.in.set.Logger.Info("The system does not tell how many datagrams it drops", zap.Error(err))
	}
	s.in.logListening("udp", s.conn.LocalAddr().String())
	s.work.Go(func() {
		defer s.queue.close()
		if err := s.read(); err != nil {
			s.in.report(host, err)
		}
	})
	s.work.Go(s.deliver)
	return nil
}

func (s *udpServer) shutdown(context.Context) error {
	_ = s.conn.SetReadDeadline(time.Now().Add(drainWindow))
	s.work.Wait()
	s.countDrops()
	return s.conn.Close()
}

// read moves datagrams from the socket to the queue until shutdown has drained it.
func (s *udpServer) read() error {
	buf := make([]byte, maxDatagram)
	counter := &lineCounter{frames: s.newFrames()}
	for i := 1; ; i++ {
		n, _, err := s.conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
		case s.in.isClosing():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			// Such as an ICMP error for a datagram that someone else sent.
			s.in.set.Logger.Debug("Cannot read a datagram", zap.Error(err))
			continue
		}
		if i%1024 == 0 {
			s.countDrops()
		}
		if n > 0 && !s.queue.push(buf[:n]) {
			if lines := counter.count(buf[:n]); lines > 0 {
				s.in.tel.ReceiverLogfmtRecordsReceived.Add(s.in.work, int64(lines), s.in.attrs)
				s.in.drop(udpQueueFull, lines, nil)
			}
		}
	}
}

// dropCounter follows the kernel's count, which wraps at 2^32.
type dropCounter struct {
	mu   sync.Mutex // guards the following
	last uint32
}

func (s *udpServer) countDrops() {
	s.drops.mu.Lock()
	defer s.drops.mu.Unlock()
	now, err := kernelDrops(s.conn)
	if lost := now - s.drops.last; err == nil && lost > 0 {
		s.drops.last = now
		s.in.tel.ReceiverLogfmtKernelDropped.Add(s.in.work, int64(lost))
	}
}

func (s *udpServer) newFrames() *lineframe.Reader {
	return lineframe.NewBytesReader(nil, lineframe.Settings{MaxLine: int(s.in.cfg.MaxLineSize)})
}

// deliver empties the queue until it is closed.
func (s *udpServer) deliver() {
	a := newAssembly(s.in, true)
	frames := s.newFrames()
	add := func(f *lineframe.Frame) {
		a.add(f)
		if a.full() {
			s.in.deliver(a)
		}
	}
	for {
		text, ends, ok := s.queue.take()
		if !ok {
			return
		}
		s.countDrops()
		a.batch.Observe(time.Now())
		from := 0
		for _, end := range ends {
			eachLine(frames, text[from:end], add)
			from = end
		}
		s.in.deliver(a)
	}
}

// eachLine calls add for the lines of a datagram. One that begins with a PRI is one
// message, whatever line ends it holds (RFC 5426 section 3.1), unless a further line
// of it begins with a PRI too.
func eachLine(frames *lineframe.Reader, datagram []byte, add func(*lineframe.Frame)) {
	frames.ResetBytes(datagram)
	if datagram[0] == '<' && len(datagram) <= frames.MaxLine() && !bytes.Contains(datagram, []byte("\n<")) {
		if data := bytes.TrimRight(datagram, "\r\n\x00"); len(data) > 0 {
			add(&lineframe.Frame{Data: data, Framing: lineframe.Octets})
		}
		return
	}
	var f lineframe.Frame
	for frames.Rest(&f) {
		add(&f)
	}
}

// lineCounter says how many records a datagram would have become.
type lineCounter struct {
	frames *lineframe.Reader
	n      int
}

func (c *lineCounter) count(datagram []byte) int {
	c.n = 0
	eachLine(c.frames, datagram, c.add)
	return c.n
}

func (c *lineCounter) add(*lineframe.Frame) { c.n++ }

// datagramQueue holds datagrams one behind the other in two buffers: one is filled
// while the other is delivered.
type datagramQueue struct {
	max int

	mu     sync.Mutex // guards the following
	ready  sync.Cond
	text   []byte
	ends   []int
	spareT []byte
	spareE []int
	closed bool
}

// datagramCost is what a queued datagram takes besides its bytes.
const datagramCost = 16

func newDatagramQueue(maxSize int) *datagramQueue {
	q := &datagramQueue{max: maxSize}
	q.ready.L = &q.mu
	return q
}

// push copies data and reports whether there was room.
func (q *datagramQueue) push(data []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.text)+len(data)+datagramCost*(len(q.ends)+1) > q.max {
		return false
	}
	q.text = append(q.text, data...)
	q.ends = append(q.ends, len(q.text))
	q.ready.Signal()
	return true
}

// take waits for datagrams and returns all there are; they are the caller's until
// the next take. ok is false when the queue is closed and empty.
func (q *datagramQueue) take() (text []byte, ends []int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ends) == 0 {
		if q.closed {
			return nil, nil, false
		}
		q.ready.Wait()
	}
	text, ends = q.text, q.ends
	q.text, q.ends = q.spareT[:0], q.spareE[:0]
	q.spareT, q.spareE = text, ends
	return text, ends, true
}

func (q *datagramQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.Signal()
}
