package stdouttailreceiver

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

const (
	pipeReadSize = 64 << 10
	// pipeAhead is how much is read ahead where the writer is made to wait: enough to
	// keep both sides busy.
	pipeAhead = 4 * pipeReadSize
)

// chunk is what was read at once.
type chunk struct {
	data []byte
	// lostLines and lostBytes were dropped before data. What was read of a line
	// before them has no end.
	lostLines, lostBytes int64
}

// pipe reads a stream that cannot be read again, ahead of whoever makes records of
// it.
//
//	src -> read -> chunks (at most max bytes) -> next -> records
//
// When chunks is full, read waits, and with it whoever writes to the stream; or, with
// drop, it takes what comes and drops it by whole lines.
type pipe struct {
	src  io.Reader
	max  int
	drop bool

	mu sync.Mutex
	// mu guards the following.
	chunks []chunk
	held   int // bytes in chunks
	taken  int // chunks
	lost   chunk
	// dropping says that the line being read is dropped; midLine that the last chunk
	// ends within a line.
	dropping, midLine bool
	err               error // of the last read
	closed            bool
	spare             [][]byte

	// changed has a token when there is something for next, or room for read.
	ready, room chan struct{}
}

func newPipe(src io.Reader, size int, drop bool) *pipe {
	if !drop {
		size = pipeAhead
	}
	return &pipe{src: src, max: size, drop: drop, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// read reads until the stream ends or close is called.
func (p *pipe) read() {
	for {
		buf := p.buffer()
		n, err := p.src.Read(buf)
		if !p.put(buf[:n], err) {
			return
		}
	}
}

func (p *pipe) buffer() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.spare); n > 0 {
		buf := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return buf
	}
	return make([]byte, pipeReadSize)
}

// put queues what was read, and reports whether to go on.
func (p *pipe) put(data []byte, err error) bool {
	for {
		p.mu.Lock()
		if p.closed || p.drop || p.held < p.max || len(data) == 0 {
			if p.closed && err == nil {
				err = errStopped
			}
			p.putLocked(data)
			p.err = err
			p.mu.Unlock()
			wake(p.ready)
			return err == nil
		}
		p.mu.Unlock()
		<-p.room
	}
}

func (p *pipe) putLocked(data []byte) {
	if p.dropping {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			p.loseLocked(data)
			return
		}
		p.loseLocked(data[:end+1])
		p.dropping = false
		data = data[end+1:]
	}
	if p.drop && p.held >= p.max && len(data) > 0 {
		// What the queue holds of a line gets its end, if that is here.
		keep := 0
		if p.midLine && p.lost.lostBytes == 0 {
			keep = bytes.IndexByte(data, '\n') + 1
		}
		rest := data[keep:]
		if len(rest) > 0 {
			p.dropping = rest[len(rest)-1] != '\n'
		}
		p.queueLocked(data[:keep])
		p.loseLocked(rest)
		return
	}
	p.queueLocked(data)
}

func (p *pipe) loseLocked(data []byte) {
	p.lost.lostBytes += int64(len(data))
	p.lost.lostLines += int64(bytes.Count(data, []byte{'\n'}))
}

func (p *pipe) queueLocked(data []byte) {
	if len(data) == 0 {
		return
	}
	c := p.lost
	p.lost = chunk{}
	p.midLine = data[len(data)-1] != '\n'
	if n := len(p.chunks); n > 0 && c.lostBytes == 0 {
		// Small reads share memory: each has a buffer of its own otherwise.
		if last := &p.chunks[n-1]; cap(last.data)-len(last.data) >= len(data) {
			last.data = append(last.data, data...)
			p.held += len(data)
			p.spareLocked(data)
			return
		}
	}
	c.data = data
	p.chunks = append(p.chunks, c)
	p.held += len(data)
}

// next gives the next chunk without waiting; ok is false when there is none now, and
// err says then whether more may come: nil, or why not. The chunk's data is given
// back with done.
func (p *pipe) next() (c chunk, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.chunks) == 0 {
		if p.lost.lostBytes > 0 && (!p.dropping || p.err != nil) {
			// Nothing came behind what was lost, which is whole lines.
			c, p.lost = p.lost, chunk{}
			if p.dropping {
				c.lostLines++
				p.dropping = false
			}
			return c, true, nil
		}
		return chunk{}, false, p.err
	}
	c = p.chunks[0]
	p.chunks[0] = chunk{}
	p.chunks = p.chunks[1:]
	p.held -= len(c.data)
	p.taken++
	wake(p.room)
	return c, true, nil
}

// done takes a chunk's memory back.
func (p *pipe) done(c chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spareLocked(c.data)
}

func (p *pipe) spareLocked(buf []byte) {
	if cap(buf) == pipeReadSize && len(p.spare) < pipeAhead/pipeReadSize {
		p.spare = append(p.spare, buf[:pipeReadSize])
	}
}

// errStopped is why a pipe ends that was closed.
var errStopped = errors.New("stopped")

// close ends read once the read under way returns. What has been read can still be
// taken.
func (p *pipe) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	wake(p.room)
}
