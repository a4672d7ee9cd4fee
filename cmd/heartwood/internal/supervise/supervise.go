// Package supervise starts processes and sees to it that none of them outlives
// its parent, however that ends.
//
// Each process leads a process group of its own, so that a terminal's Ctrl-C
// reaches the parent only, which then stops its children in order; and so that
// what a child has started itself ends with it. Where the parent has no chance
// to stop anything because it is killed with SIGKILL, Linux kills the children
// (prctl PR_SET_PDEATHSIG); other systems leave them.
package supervise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"
)

// drainTime is how long output is still read after a process has ended: its
// children may hold the pipe open.
const drainTime = 2 * time.Second

// Spec says what to start.
type Spec struct {
	Name string
	Path string
	Args []string
	Env  []string // added to the parent's environment; later entries win
	Dir  string
	// Out receives stdout as it comes; nil sends it where stderr goes. A slow
	// writer slows the process down.
	Out io.Writer
	// Log receives stderr.
	Log io.Writer
	// Grace is the time between SIGTERM and SIGKILL.
	Grace time.Duration
}

// Process was started by a Group.
type Process struct {
	Spec
	PID int

	command *exec.Cmd
	recent  recent
	// Of the pipe to Out; all nil without it.
	ourEnd, theirEnd *os.File
	copied           chan struct{} // closed when Out has all, or wants no more
	done             chan struct{}
	err              error // valid once done is closed
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended; nil is exit status 0. Valid once Done is closed.
func (p *Process) Err() error { return p.err }

// Recent gives the last lines that the process wrote to Log.
func (p *Process) Recent() []string { return p.recent.lines() }

// Group is a set of processes that end together. It is safe for concurrent use.
type Group struct {
	starts chan func()
	ended  chan *Process

	mu sync.Mutex
	// mu guards the following.
	processes []*Process
	stopped   bool
}

// maxProcesses bounds Ended, whose sender must never wait.
const maxProcesses = 64

// NewGroup makes a group. Stop must be called when it is no more needed.
func NewGroup() *Group {
	g := &Group{starts: make(chan func()), ended: make(chan *Process, maxProcesses)}
	go func() {
		// The kernel sends PDEATHSIG when the thread that started a child ends, so
		// that must be one that lives as long as the group. It is never unlocked:
		// at the end of this goroutine the runtime ends the thread as well.
		runtime.LockOSThread()
		for start := range g.starts {
			start()
		}
	}()
	return g
}

// Ended gives each process that ended without Stop.
func (g *Group) Ended() <-chan *Process { return g.ended }

// Start starts a process.
func (g *Group) Start(spec Spec) (*Process, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return nil, fmt.Errorf("start %s: everything is being stopped", spec.Name)
	}
	if len(g.processes) == maxProcesses {
		return nil, fmt.Errorf("start %s: %d processes are the limit", spec.Name, maxProcesses)
	}
	p := &Process{Spec: spec, done: make(chan struct{})}
	if spec.Log == nil {
		spec.Log = io.Discard
	}
	log := io.MultiWriter(&p.recent, spec.Log)
	// No context: Stop ends the process, by signals and in its turn.
	p.command = exec.Command(spec.Path, spec.Args...) //nolint:noctx,gosec // see above; the caller chose the path
	p.command.Env = append(os.Environ(), spec.Env...)
	p.command.Dir = spec.Dir
	p.command.Stdout, p.command.Stderr = log, log
	p.command.WaitDelay = drainTime
	if spec.Out != nil {
		if err := p.pipeTo(spec.Out); err != nil {
			return nil, fmt.Errorf("start %s: %w", spec.Name, err)
		}
	}
	p.command.SysProcAttr = attributes()

	started := make(chan error)
	g.starts <- func() { started <- p.command.Start() }
	err := <-started
	if p.theirEnd != nil {
		_ = p.theirEnd.Close()
	}
	if err != nil {
		if p.ourEnd != nil {
			_ = p.ourEnd.Close()
		}
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	p.PID = p.command.Process.Pid
	g.processes = append(g.processes, p)
	go g.await(p)
	return p, nil
}

// pipeTo makes stdout a pipe of our own. With exec's, Wait would not return
// before the writer does, and this one may be waiting for something.
func (p *Process) pipeTo(out io.Writer) (err error) {
	if p.ourEnd, p.theirEnd, err = os.Pipe(); err != nil {
		return err
	}
	p.command.Stdout = p.theirEnd
	p.copied = make(chan struct{})
	go func() {
		defer close(p.copied)
		_, _ = io.Copy(out, p.ourEnd)
		_ = p.ourEnd.Close() // the process gets SIGPIPE when nobody wants its output
	}()
	return nil
}

func (g *Group) await(p *Process) {
	p.err = p.command.Wait()
	if errors.Is(p.err, exec.ErrWaitDelay) {
		p.err = nil // it ended well; somebody else holds its output
	}
	_ = kill(p.PID) // what it may have left in its group
	if p.copied != nil {
		drain := time.NewTimer(drainTime)
		select {
		case <-p.copied:
		case <-drain.C:
		}
		drain.Stop()
	}
	p.recent.end()
	close(p.done)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.stopped {
		g.ended <- p
	}
}

// Stop ends the processes one after the other, the last started first, with
// SIGTERM and after their grace with SIGKILL. When now is closed, it does not
// wait any more. When it returns, none is left.
func (g *Group) Stop(now <-chan struct{}) {
	g.mu.Lock()
	already := g.stopped
	g.stopped = true
	processes := g.processes
	g.mu.Unlock()
	for _, p := range slices.Backward(processes) {
		stop(p, now)
	}
	if !already {
		close(g.starts)
	}
}

func stop(p *Process, now <-chan struct{}) {
	select {
	case <-p.done:
		return
	default:
	}
	grace := time.NewTimer(p.Grace)
	defer grace.Stop()
	_ = terminate(p.PID)
	select {
	case <-p.done:
		return
	case <-grace.C:
	case <-now:
	}
	_ = kill(p.PID)
	<-p.done
}
