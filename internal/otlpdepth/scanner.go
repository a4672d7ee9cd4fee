package otlpdepth

import (
	"errors"
	"fmt"
	"math"
)

// Max is the highest limit that a Scanner takes: jsoniter, which reads OTLP's JSON, has
// the same for objects and lists.
const Max = 10000

var (
	// ErrTooDeep is wrapped by the error for values below the limit.
	ErrTooDeep = errors.New("values are nested too deep")
	// ErrMalformed is wrapped by the error for bytes that are no OTLP: the decoder would
	// refuse them, too, but not always before it has gone deep.
	ErrMalformed = errors.New("not a message of OTLP")
)

// Signal is what a request holds.
type Signal uint8

// The signals of OTLP.
const (
	Logs Signal = iota
	Metrics
	Traces
	Profiles
)

func tooDeep(most int) error {
	return fmt.Errorf("%w: more than %d lists and maps within each other", ErrTooDeep, most)
}

// Scanner reads a request in protobuf. It may not be shared between goroutines.
type Scanner struct {
	most  int
	depth int // values that are open
	open  []message
	err   error

	state  state
	field  uint64
	number uint64 // the varint that is being read
	shift  uint
	skip   uint64
}

// message is one that is open. left are its bytes that have not been read and belong to
// no message within it.
type message struct {
	kind kind
	left uint64
}

type state uint8

const (
	atTag state = iota
	atNumber
	atLength
	skipping
)

// NewScanner makes a scanner that lets at most so many lists and maps be within each
// other.
func NewScanner(signal Signal, most int) *Scanner {
	s := &Scanner{most: most, open: make([]message, 1, 16)}
	s.open[0] = message{kind: requests[signal], left: math.MaxUint64}
	return s
}

// Write takes the next bytes of the request. The error wraps ErrTooDeep or ErrMalformed,
// and stays.
func (s *Scanner) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 && s.err == nil {
		if s.state == skipping {
			n := min(s.skip, uint64(len(p)))
			p = p[n:]
			if s.skip -= n; s.skip == 0 {
				s.next()
			}
			continue
		}
		b := p[0]
		p = p[1:]
		s.err = s.varint(b)
	}
	if s.err != nil {
		return 0, s.err
	}
	return written, nil
}

// varint takes one byte of a tag, a number or a length.
func (s *Scanner) varint(b byte) error {
	top := &s.open[len(s.open)-1]
	if top.left == 0 {
		return fmt.Errorf("%w: a field goes beyond its message", ErrMalformed)
	}
	top.left--
	if s.shift >= 64 {
		return fmt.Errorf("%w: a number has more than 64 bits", ErrMalformed)
	}
	s.number |= uint64(b&0x7f) << s.shift
	s.shift += 7
	if b >= 0x80 {
		return nil
	}
	number := s.number
	s.number, s.shift = 0, 0
	switch s.state {
	case atTag:
		return s.tag(number)
	case atLength:
		return s.length(number)
	default: // the number itself is of no interest
		s.next()
		return nil
	}
}

// tag takes the number and the type of a field. OTLP has no groups, and pdata reads the
// fields in one as if they stood outside: there must be none.
func (s *Scanner) tag(tag uint64) error {
	const mostFields = 1<<29 - 1 // protobuf's own; pdata takes the lowest 32 bits of more
	s.field = tag >> 3
	if s.field == 0 || s.field > mostFields {
		return fmt.Errorf("%w: a field has the number %d", ErrMalformed, s.field)
	}
	switch tag & 7 {
	case 0:
		s.state = atNumber
	case 1:
		return s.skipBytes(8)
	case 2:
		s.state = atLength
	case 5:
		return s.skipBytes(4)
	default:
		return fmt.Errorf("%w: a field has the type %d", ErrMalformed, tag&7)
	}
	return nil
}

func (s *Scanner) length(n uint64) error {
	inner := s.open[len(s.open)-1].kind.field(s.field)
	if inner == none {
		return s.skipBytes(n)
	}
	if err := s.take(n); err != nil {
		return err
	}
	s.open = append(s.open, message{kind: inner, left: n})
	if inner == anyValue {
		// The outermost is no list in a list.
		if s.depth++; s.depth > s.most+1 {
			return tooDeep(s.most)
		}
	}
	s.next()
	return nil
}

func (s *Scanner) take(n uint64) error {
	top := &s.open[len(s.open)-1]
	if n > top.left {
		return fmt.Errorf("%w: a field goes beyond its message", ErrMalformed)
	}
	top.left -= n
	return nil
}

func (s *Scanner) skipBytes(n uint64) error {
	if err := s.take(n); err != nil {
		return err
	}
	if n == 0 {
		s.next()
		return nil
	}
	s.state, s.skip = skipping, n
	return nil
}

// next is at a field's end: messages that end there are closed.
func (s *Scanner) next() {
	s.state = atTag
	for len(s.open) > 1 {
		top := s.open[len(s.open)-1]
		if top.left > 0 {
			return
		}
		if top.kind == anyValue {
			s.depth--
		}
		s.open = s.open[:len(s.open)-1]
	}
}
