package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/command"
)

// Handler takes entries.
type Handler interface {
	// Entry takes e over; e and its bytes are its own. While it waits, journalctl
	// waits. An error ends Run.
	Entry(ctx context.Context, e *Entry) error
	// Begin is told where reading begins when Config.FromEnd made it begin at the
	// newest entry: a cursor that is kept now keeps what comes next, even if nothing
	// ever came before the process ends.
	Begin(ctx context.Context, cursor string) error
}

// Reader reads the journal.
type Reader struct {
	cfg Config

	mu sync.Mutex // of Log
}

// New checks cfg.
func New(cfg Config) (*Reader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	return &Reader{cfg: cfg}, nil
}

func (r *Reader) log(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Log(fmt.Sprintf(format, args...))
}

// stopTime is how long journalctl may take to end after SIGTERM.
const stopTime = 2 * time.Second

var errStart = errors.New("the journal can't be read")

// Check tells whether there is a journalctl to run. Run finds it by itself; this is
// for those who want to know before.
func (r *Reader) Check() error {
	if _, err := exec.LookPath(r.cfg.Journalctl); err != nil {
		return fmt.Errorf("journalctl: %q: %w: install systemd's journalctl, or give its path", r.cfg.Journalctl, err)
	}
	return nil
}

// Run hands all entries after cursor to h, until ctx ends, which is no error, or h
// returns one. cursor may be "". A journalctl that can't be started at first is an
// error, too; one that dies later is started again.
func (r *Reader) Run(ctx context.Context, cursor string, h Handler) error {
	s := session{r: r, h: h, cursor: cursor, next: catchUp, merge: r.cfg.Directory != ""}
	if cursor == "" && r.cfg.FromEnd {
		s.next = findEnd
	}
	wait := r.cfg.Initial
	for first := true; ; first = false {
		again, err := s.step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // as it says
		case s.failed != nil:
			return s.failed
		case errors.Is(err, errStart) && first:
			return err
		case again:
			wait = r.cfg.Initial
			continue
		}
		if s.read > 0 {
			wait = r.cfg.Initial
		}
		if err == nil {
			err = errors.New("it ended")
		}
		r.log("journalctl: %v: starting it again in %s", err, wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		wait = min(2*wait, r.cfg.Max)
	}
}

// session is one Run. Its fields belong to Run's goroutine, and to the sink while a
// journalctl runs.
type session struct {
	r      *Reader
	h      Handler
	cursor string // of the last entry that was taken over
	next   step
	merge  bool  // --follow gets --merge
	failed error // the handler's

	read   int    // entries of this run
	skip   bool   // the cursor's own entry may come
	stderr string // the last line of this run
	exit   command.Exit
}

// step runs journalctl once. again says that the next step may begin at once.
func (s *session) step(ctx context.Context) (again bool, err error) {
	s.read, s.skip, s.stderr, s.exit = 0, s.cursor != "", "", command.Exit{}
	was := s.next
	p, err := command.New(command.Config{
		Argv:  append([]string{s.r.cfg.Journalctl}, s.r.cfg.arguments(was, s.cursor, s.merge)...),
		Env:   map[string]string{"LC_ALL": "C.UTF-8"},
		Grace: stopTime,
	})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err = p.Start(&sink{s: s, ctx: ctx, cancel: cancel}); err != nil {
		return false, fmt.Errorf("%w: %w", errStart, err)
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		// The sink gave up, or the caller: what is in the pipe will be read again.
		stop, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), 2*stopTime)
		defer cancelStop()
		_ = p.Stop(stop)
		<-p.Done() // the sink reads nothing any more
	}
	good := !s.exit.Failed()
	switch {
	case was == findEnd && good:
		s.next = catchUp
		if s.cursor != "" && s.failed == nil {
			s.failed = s.h.Begin(ctx, s.cursor)
		}
		return true, nil
	case was == catchUp && good:
		s.next = follow
		return true, nil
	case was == follow:
		s.next = catchUp
		if s.merge && s.read == 0 && strings.Contains(s.stderr, "--merge") {
			s.merge = false
			s.r.log("journalctl: it does not know --follow with --merge: entries of a machine's next boot come when it is started again")
			return true, nil
		}
	}
	if s.cursor != "" && s.read == 0 && !good && strings.Contains(s.stderr, "seek to cursor") {
		s.r.log("journalctl: the cursor %.200q is none: beginning with the oldest entry", s.cursor)
		s.cursor = ""
		return true, nil
	}
	return false, s.reason()
}

// reason is why journalctl ended.
func (s *session) reason() error {
	e := &s.exit
	switch {
	case e.Err != nil:
		return e.Err
	case e.Signal != "":
		return fmt.Errorf("it was ended by %s", e.Signal)
	case e.Code != 0 && s.stderr != "":
		return fmt.Errorf("exit status %d: %s", e.Code, s.stderr)
	case e.Code != 0:
		return fmt.Errorf("exit status %d", e.Code)
	}
	return nil
}

// sink takes the output of one journalctl.
type sink struct {
	s      *session
	ctx    context.Context //nolint:containedctx // Stream has none
	cancel context.CancelFunc
}

func (k *sink) Exited(e command.Exit) { k.s.exit = e }

func (k *sink) Stream(name string, r io.Reader) {
	if name == "stderr" {
		k.messages(r)
		return
	}
	if err := k.entries(r); err != nil {
		k.s.failed = err
		k.cancel()
	}
}

// maxMessage bounds a line of stderr.
const maxMessage = 4096

func (k *sink) messages(r io.Reader) {
	in := bufio.NewReaderSize(r, maxMessage)
	for {
		line, err := in.ReadSlice('\n')
		if text := strings.TrimSpace(string(line)); text != "" {
			k.s.stderr = text
			k.s.r.log("journalctl: %s", strings.ToValidUTF8(text, "\uFFFD"))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// entries reads to the end, or until the handler fails or the context ends.
func (k *sink) entries(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for k.ctx.Err() == nil {
		line, dropped, err := readLine(in, k.s.r.cfg.MaxLine)
		if err != nil {
			return nil //nolint:nilerr // what has no line end was cut off, and will be read again
		}
		if err := k.entry(line, dropped); err != nil {
			if k.ctx.Err() != nil {
				return nil //nolint:nilerr // the handler was told to give up
			}
			return err
		}
	}
	return nil
}

func (k *sink) entry(line []byte, dropped int) error {
	s := k.s
	var e *Entry
	if dropped == 0 {
		e = Parse(line)
	} else {
		e = &Entry{Message: line, Problem: fmt.Sprintf("journal entry: %d bytes are more than the limit of %d; the rest is left out", len(line)+dropped, s.r.cfg.MaxLine)}
	}
	if s.next == findEnd {
		s.cursor = e.Cursor
		return nil
	}
	if skip := s.skip; skip {
		s.skip = false
		if sameCursor(e.Cursor, s.cursor) {
			return nil
		}
	}
	if err := s.h.Entry(k.ctx, e); err != nil {
		return err
	}
	s.read++
	if e.Cursor != "" {
		s.cursor = e.Cursor
	}
	return nil
}

// readLine reads a line without its end into memory of its own. Of one longer than
// limit it keeps the beginning; dropped is how many bytes it left out. A line that
// the stream broke off is an error.
func readLine(in *bufio.Reader, limit int) (line []byte, dropped int, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if err == nil {
			part = part[:len(part)-1]
		}
		n := min(len(part), limit-len(line))
		line = append(line, part[:n]...)
		dropped += len(part) - n
		if err == nil {
			return line, dropped, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, 0, err
		}
	}
}
