package child

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// Stream is what the program says on one of its outputs.
type Stream struct {
	file *os.File

	mu sync.Mutex
	// mu guards the following.
	until time.Time // not zero once the program has ended
	rest  int       // bytes that may be read after that
	cut   bool
}

// ErrPause is what Read gives when nothing has come in the time it was given.
var ErrPause = errors.New("nothing has come")

// Read reads what there is. With a wait that is not 0 it gives ErrPause after that
// time. It ends with io.EOF, at the latest some time after the program has: what is
// in the pipe then is still read, for a reader who was too slow to take it in time.
func (s *Stream) Read(b []byte, wait time.Duration) (int, error) {
	for {
		deadline, late := s.arm(wait)
		n, err := s.file.Read(b)
		switch {
		case n > 0:
			if late && s.spend(n) {
				return n, io.EOF
			}
			return n, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			if late {
				s.giveUp()
				return 0, io.EOF
			}
			if wait > 0 && !time.Now().Before(deadline) {
				return 0, ErrPause
			}
		case err == nil && len(b) > 0, errors.Is(err, io.EOF), errors.Is(err, os.ErrClosed), endOfTerminal(err):
			return 0, io.EOF
		default:
			return 0, err
		}
	}
}

// arm sets the deadline of the next read. late says that the time is over in which
// others may speak for the program.
func (s *Stream) arm(wait time.Duration) (deadline time.Time, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if wait > 0 {
		deadline = now.Add(wait)
	}
	if !s.until.IsZero() {
		if late = !now.Before(s.until); late {
			deadline = now.Add(instant)
		} else if deadline.IsZero() || s.until.Before(deadline) {
			deadline = s.until
		}
	}
	_ = s.file.SetReadDeadline(deadline)
	return deadline, late
}

// spend counts what is read late, and reports whether it is enough.
func (s *Stream) spend(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rest -= n; s.rest <= 0 {
		s.cut = true
	}
	return s.cut
}

func (s *Stream) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
}

// end says that the program has ended.
func (s *Stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Now().Add(drainTime)
	s.rest = drainBytes
	_ = s.file.SetReadDeadline(s.until) // for a read under way
}

// Cut reports whether somebody else still held the stream open when it was given up.
func (s *Stream) Cut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}

// Close ends the stream: who writes to it gets SIGPIPE.
func (s *Stream) Close() error { return s.file.Close() }
