package command

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// drainTime is how long output is waited for after the program and its group
	// are gone: somebody outside the group may hold the pipe.
	drainTime = 2 * time.Second
	// drainBytes is how much is still read after that, as long as it is there at
	// once: what a pipe can hold (1 MiB is Linux's limit for those who are not
	// root), for a reader that was too slow to take it in time.
	drainBytes = 1 << 20
	// instant is how long a read may take that is to give what is there at once:
	// enough for a busy machine.
	instant = 50 * time.Millisecond
)

// pipe is the reading end of the program's output.
type pipe struct {
	f     *os.File
	drain time.Duration // drainTime

	mu sync.Mutex
	// mu guards the following.
	until time.Time // not zero once the program has ended
	rest  int       // bytes that may be read after until
	cut   bool      // given up before its end
}

// Read is io.Reader's. The end of the program's output is io.EOF.
func (p *pipe) Read(b []byte) (int, error) {
	for {
		ended, late := p.arm()
		n, err := p.f.Read(b)
		switch {
		case n > 0:
			if late && p.spend(n) {
				return n, io.EOF
			}
			return n, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			if ended && late {
				p.giveUp()
				return 0, io.EOF
			}
		case errors.Is(err, os.ErrClosed):
			return 0, io.EOF
		case err != nil:
			return 0, err
		case len(b) == 0:
			return 0, nil
		}
	}
}

// arm sets the deadline of the next read. late says that only what is there at
// once is to be had any more.
func (p *pipe) arm() (ended, late bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until.IsZero() {
		return false, false
	}
	now := time.Now()
	deadline := p.until
	if late = !now.Before(p.until); late {
		deadline = now.Add(instant)
	}
	_ = p.f.SetReadDeadline(deadline)
	return true, late
}

func (p *pipe) spend(n int) (enough bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rest -= n; p.rest <= 0 {
		p.cut = true
	}
	return p.cut
}

func (p *pipe) giveUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
}

// end says that the program has ended: the reader gets what is there.
func (p *pipe) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(p.drain)
	p.rest = drainBytes
	_ = p.f.SetReadDeadline(p.until) // for a read under way
}

func (p *pipe) wasCut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

// Close ends reads under way. The program gets SIGPIPE if it still writes.
func (p *pipe) Close() error { return p.f.Close() }
