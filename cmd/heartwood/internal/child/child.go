// Package child runs one program in the place of this one: with its own stdin, in
// its process group, so that a terminal's keys reach it as they would without us, and
// with its output on pipes or on a terminal of its own.
//
// What ends this process ends the program: when nobody is left to stop it, because
// this process is killed with SIGKILL, Linux kills it (prctl PR_SET_PDEATHSIG).
// Elsewhere it gets SIGPIPE when it writes.
package child

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

const (
	// drainTime is how long output is waited for after the program has ended: what it
	// has started itself may hold the pipe open for ever.
	drainTime = 2 * time.Second
	// drainBytes is how much is still read after that, as long as it is there at
	// once: what a pipe can hold (1 MiB is Linux's limit for those who are not root).
	drainBytes = 1 << 20
	// instant is how long a read may take that is to give what is there at once:
	// enough for a busy machine.
	instant = 50 * time.Millisecond
)

// Spec says what to run.
type Spec struct {
	Argv []string
	// Stdin is the program's. With Terminal it is copied to the terminal.
	Stdin io.Reader
	// Terminal gives the program a terminal of its own as stdin, stdout and stderr,
	// of the size of Screen's, if that is one. Screen may be nil.
	Terminal bool
	Screen   *os.File
}

// Child is a running program.
type Child struct {
	PID int
	// Stdout and Stderr are what it says; with a terminal, Stderr is nil. They are
	// read until io.EOF by one goroutine each.
	Stdout, Stderr *Stream

	cmd     *exec.Cmd
	console *console
	started chan struct{} // closed to end the thread that started it
}

// Exit statuses of shells, for programs that did not run.
const (
	NotExecutable = 126
	NotFound      = 127
	signalled     = 128 // plus the signal's number
)

// StartError is why a program did not run.
type StartError struct {
	Status int // NotFound or NotExecutable
	Err    error
}

func (e *StartError) Error() string { return e.Err.Error() }

func (e *StartError) Unwrap() error { return e.Err }

func startError(err error) error {
	status := NotExecutable
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		status = NotFound
	}
	return &StartError{Status: status, Err: err}
}

// Start starts a program. A program that cannot be run is a *StartError. Wait and
// Close must be called.
func Start(spec Spec) (*Child, error) {
	path, err := exec.LookPath(spec.Argv[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		if inner, ok := errors.AsType[*exec.Error](err); ok {
			err = fmt.Errorf("%s: %w", inner.Name, inner.Err)
		}
		return nil, startError(err)
	}
	c := &Child{started: make(chan struct{})}
	// No context: whoever has it sends the signals that end it.
	c.cmd = exec.Command(path) //nolint:noctx,gosec // see above; running what the user says is the purpose
	c.cmd.Err = nil            // a program of the working directory is what the user has asked for
	c.cmd.Args = spec.Argv
	c.cmd.WaitDelay = time.Second // for the copy of a stdin that is no file
	if spec.Terminal {
		err = c.openTerminal(spec)
	} else {
		err = c.openPipes(spec)
	}
	if err != nil {
		return nil, err
	}
	err = c.start()
	for _, file := range []io.Writer{c.cmd.Stdout, c.cmd.Stderr} {
		_ = file.(*os.File).Close()
	}
	if err != nil {
		c.abandon()
		return nil, startError(err)
	}
	c.PID = c.cmd.Process.Pid
	if c.console != nil {
		c.console.run()
	}
	return c, nil
}

func (c *Child) openPipes(spec Spec) error {
	c.cmd.Stdin = spec.Stdin
	c.cmd.SysProcAttr = attributes(false)
	ours, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	c.Stdout, c.cmd.Stdout = &Stream{file: ours}, theirs
	ours, theirs, err = os.Pipe()
	if err != nil {
		_ = c.cmd.Stdout.(*os.File).Close()
		c.abandon()
		return err
	}
	c.Stderr, c.cmd.Stderr = &Stream{file: ours}, theirs
	return nil
}

func (c *Child) openTerminal(spec Spec) error {
	console, slave, err := openConsole(spec)
	if err != nil {
		return err
	}
	c.console = console
	c.Stdout = &Stream{file: console.master}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = slave, slave, slave
	c.cmd.SysProcAttr = attributes(true)
	return nil
}

// start starts the program from a thread that lives as long as it does: the kernel
// sends PDEATHSIG when the thread ends that started it, not the process.
func (c *Child) start() error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		err := c.cmd.Start()
		result <- err
		if err == nil {
			<-c.started
		}
	}()
	return <-result
}

func (c *Child) abandon() {
	for _, s := range []*Stream{c.Stdout, c.Stderr} {
		if s != nil {
			_ = s.Close()
		}
	}
	if c.console != nil {
		c.console.close()
	}
}

// Wait returns when the program has ended, with the exit status that a shell would
// give: its own, or 128 and the signal's number.
func (c *Child) Wait() int {
	_ = c.cmd.Wait() // its state says what there is to say
	close(c.started)
	for _, s := range []*Stream{c.Stdout, c.Stderr} {
		if s != nil {
			s.end()
		}
	}
	return status(c.cmd.ProcessState)
}

// Close gives our own terminal back as it was, and closes the streams: who still
// writes to them gets SIGPIPE. It is called when all that is to be shown was.
func (c *Child) Close() { c.abandon() }

// Signal sends a signal to the program, if it has not ended.
func (c *Child) Signal(s os.Signal) { _ = c.cmd.Process.Signal(s) }

// Raw reports whether our own terminal is in the hands of the program, and lines
// need a carriage return.
func (c *Child) Raw() bool { return c.console != nil && c.console.raw() }
