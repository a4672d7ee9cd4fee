package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Sink takes what a program does.
type Sink interface {
	// Stream is called on a goroutine of its own for stdout and for stderr of each
	// run. It must read r until its end. When it returns before, the program gets
	// SIGPIPE.
	Stream(name string, r io.Reader)
	// Exited is called after each run, when Stream has returned for both of its
	// streams, and before the next one begins.
	Exited(Exit)
}

// Exit tells how a run ended.
type Exit struct {
	// PID is 0 where the program could not be started again: Err says why.
	PID int
	// Code is the exit status, or -1 when a signal ended it.
	Code int
	// Signal is the name of that signal, such as SIGKILL, or "".
	Signal   string
	Started  time.Time
	Duration time.Duration
	// Stopped says that Stop had been called.
	Stopped bool
	// Cut says that output was left unread because a process outside the program's
	// group holds the pipe.
	Cut bool
	// Restart says that the program is started again, after Next.
	Restart bool
	Next    time.Duration
	// Err is why the program could not be started or waited for.
	Err error
}

// Failed says that the run ended in any other way than with status 0.
func (e *Exit) Failed() bool { return e.Code != 0 || e.Signal != "" || e.Err != nil }

func (e *Exit) setState(s *os.ProcessState) {
	if s != nil {
		e.Code, e.Signal = s.ExitCode(), signalName(s)
	}
}

// runner is a process to the Program, and something else in tests.
type runner interface {
	wait() Exit
	terminate()
	kill()
	abandon()
	signal(os.Signal) error
}

// Program is a program that is run. Its methods may be called from many
// goroutines, but Start only once.
type Program struct {
	cfg    Config
	sink   Sink
	drain  time.Duration // drainTime
	thread *thread
	start  func() (runner, error)
	done   chan struct{}
	stop   chan struct{}

	mu sync.Mutex
	// mu guards the following.
	running runner // nil before, between and after runs
	started bool
	stopped bool
}

// New checks cfg. Nothing runs before Start.
func New(cfg Config) (*Program, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	p := &Program{cfg: cfg, drain: drainTime, done: make(chan struct{}), stop: make(chan struct{})}
	p.start = func() (runner, error) {
		r, err := p.launch()
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	return p, nil
}

// Start starts the program for the first time. Its error names the program and the
// reason; nothing runs then. After nil, Stop must be called.
func (p *Program) Start(sink Sink) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started || p.stopped {
		return errors.New("start: called twice, or after Stop")
	}
	p.sink, p.thread = sink, newThread()
	first, err := p.start()
	if err != nil {
		p.thread.end()
		return err
	}
	p.started, p.running = true, first
	go p.run(first)
	return nil
}

// Done is closed when the program has ended and is not started again, and all that
// it wrote has been read. It never is when Start failed.
func (p *Program) Done() <-chan struct{} { return p.done }

func (p *Program) run(r runner) {
	defer close(p.done)
	defer p.thread.end()
	b := backoff{set: p.cfg.Restart}
	for {
		var exit Exit
		if r != nil {
			exit = r.wait()
		} else {
			var err error
			begin := time.Now()
			if r, err = p.again(); err == nil {
				if r == nil {
					return
				}
				continue
			}
			exit = Exit{Code: -1, Started: begin, Err: err}
		}
		stopped := p.ended()
		exit.Stopped = exit.Stopped || stopped
		if !exit.Stopped {
			exit.Next, exit.Restart = b.after(exit.Failed(), exit.Duration)
		}
		p.sink.Exited(exit)
		if !exit.Restart {
			return
		}
		next := time.NewTimer(exit.Next)
		select {
		case <-next.C:
		case <-p.stop:
			next.Stop()
			return
		}
		r = nil
	}
}

// again starts the program once more; nil without an error is after Stop.
func (p *Program) again() (runner, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil, nil //nolint:nilnil // see above
	}
	r, err := p.start()
	p.running = r
	return r, err
}

func (p *Program) ended() (stopped bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = nil
	return p.stopped
}

// errNotRunning is wrapped by Signal's error between two runs.
var errNotRunning = errors.New("the program is not running")

// Signal sends s to the program itself, not to its group. To end it, use Stop.
func (p *Program) Signal(s os.Signal) error {
	p.mu.Lock()
	r := p.running
	p.mu.Unlock()
	err := errNotRunning
	if r != nil {
		err = r.signal(s)
	}
	if err != nil {
		return fmt.Errorf("send %s to %q: %w", s, p.cfg.Argv, err)
	}
	return nil
}

// Stop ends the program and its group, SIGTERM first and SIGKILL after the grace
// time, or as soon as ctx ends, and returns when all that was written has been
// read. When ctx ends before that, the rest is given up, and the error says so. Stop
// may be called again, and without Start.
func (p *Program) Stop(ctx context.Context) error {
	p.mu.Lock()
	if !p.stopped {
		p.stopped = true
		close(p.stop)
	}
	r, started := p.running, p.started
	p.mu.Unlock()
	if !started {
		return nil
	}
	if r == nil {
		return p.await(ctx, r)
	}
	r.terminate()
	grace := time.NewTimer(p.cfg.Grace)
	defer grace.Stop()
	select {
	case <-p.done:
		return nil
	case <-grace.C:
	case <-ctx.Done():
	}
	r.kill()
	return p.await(ctx, r)
}

func (p *Program) await(ctx context.Context, r runner) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	if r != nil {
		r.abandon()
	}
	return fmt.Errorf("stop %q: its last output was not read: %w", p.cfg.Argv, ctx.Err())
}
