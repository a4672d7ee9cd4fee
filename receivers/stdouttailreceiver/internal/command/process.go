package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// process is one run of the program.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	grace   time.Duration
	pipes   [2]*pipe
	read    chan struct{} // closed when both streams have been read
	killed  chan struct{} // closed when SIGKILL was sent

	mu sync.Mutex
	// mu guards the following.
	reaped  bool // its process id may be another's
	stopped bool // by us
	sent    bool // SIGKILL
}

var streamNames = [2]string{"stdout", "stderr"}

// launch starts the program, and a goroutine for each stream.
func (p *Program) launch() (_ *process, err error) {
	r := &process{grace: p.cfg.Grace, read: make(chan struct{}), killed: make(chan struct{})}
	var theirs [2]*os.File
	defer func() {
		for i, f := range theirs {
			if f != nil {
				_ = f.Close()
			}
			if err != nil && r.pipes[i] != nil {
				_ = r.pipes[i].Close()
			}
		}
	}()
	for i := range theirs {
		ours, their, err := os.Pipe()
		if err != nil {
			return nil, p.startError(err)
		}
		r.pipes[i], theirs[i] = &pipe{f: ours, drain: p.drain}, their
	}
	// A directory that is missing is told apart from a program that is.
	if dir := p.cfg.Dir; dir != "" {
		if info, err := os.Stat(dir); err != nil {
			return nil, p.startError(fmt.Errorf("dir: %w", err))
		} else if !info.IsDir() {
			return nil, p.startError(fmt.Errorf("dir: %s is no directory", dir))
		}
	}
	attributes, userEnv, err := systemAttributes(p.cfg.User)
	if err != nil {
		return nil, p.startError(err)
	}
	// No context: Stop ends the program, by signals and in its time.
	r.cmd = exec.Command(p.cfg.Argv[0], p.cfg.Argv[1:]...) //nolint:noctx,gosec // see above; running what the operator chose is the purpose
	r.cmd.Dir, r.cmd.Env = p.cfg.Dir, p.cfg.environment(userEnv)
	r.cmd.Stdout, r.cmd.Stderr = theirs[0], theirs[1]
	r.cmd.SysProcAttr = attributes
	if err = p.thread.do(r.cmd.Start); err != nil {
		return nil, p.startError(err)
	}
	r.started = time.Now()
	var readers sync.WaitGroup
	for i, pipe := range r.pipes {
		readers.Go(func() {
			p.sink.Stream(streamNames[i], pipe)
			_ = pipe.Close()
		})
	}
	go func() {
		readers.Wait()
		close(r.read)
	}()
	return r, nil
}

func (p *Program) startError(err error) error {
	return fmt.Errorf("start %q: %w", p.cfg.Argv, err)
}

// wait returns when the program and its group have ended and all that they wrote
// has been read.
func (r *process) wait() Exit {
	waitErr, reaped := awaitExit(r.cmd)
	exit := Exit{PID: r.cmd.Process.Pid, Started: r.started, Duration: time.Since(r.started)}
	if !reaped {
		r.endGroup()
		waitErr = r.cmd.Wait()
	}
	r.mu.Lock()
	r.reaped = true
	exit.Stopped = r.stopped
	r.mu.Unlock()
	if reaped && hasGroups {
		_ = killGroup(exit.PID)
	}
	for _, pipe := range r.pipes {
		pipe.end()
	}
	<-r.read
	for _, pipe := range r.pipes {
		exit.Cut = exit.Cut || pipe.wasCut()
	}
	exit.setState(r.cmd.ProcessState)
	if _, ok := errors.AsType[*exec.ExitError](waitErr); !ok {
		exit.Err = waitErr
	}
	return exit
}

// endGroup ends what the program has left in its group, while its process id is
// still its own.
func (r *process) endGroup() {
	pid := r.cmd.Process.Pid
	_ = terminateGroup(pid)
	grace := time.NewTimer(r.grace)
	defer grace.Stop()
	select {
	case <-r.read: // nobody holds the pipes
	case <-r.killed:
	case <-grace.C:
	}
	_ = killGroup(pid)
}

// terminate asks the group to end.
func (r *process) terminate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	if !r.reaped {
		_ = terminateGroup(r.cmd.Process.Pid)
	}
}

// kill ends the group.
func (r *process) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent {
		return
	}
	r.sent = true
	close(r.killed)
	if !r.reaped {
		_ = killGroup(r.cmd.Process.Pid)
	}
}

// abandon ends the reading of what is left.
func (r *process) abandon() {
	for _, pipe := range r.pipes {
		_ = pipe.Close()
	}
}

func (r *process) signal(s os.Signal) error { return r.cmd.Process.Signal(s) }
