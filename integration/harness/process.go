package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// stopTimeout is how long a program may take to end after SIGTERM. The
	// collector's own exporters may drain for a while, so it's generous.
	stopTimeout = 60 * time.Second
	// shownLines is how many lines of a program's output a failed test shows.
	shownLines = 150
	// pipeTimeout is how long to wait for the output of a program that has
	// ended while something it had started still holds its pipes.
	pipeTimeout = 5 * time.Second
)

// Command says what to run.
type Command struct {
	Name string   // what to call it in messages; default: the path
	Path string   // the program
	Args []string // its arguments
	Env  []string // KEY=value, on top of the test's own environment
	Dir  string   // where it runs; default: the test's folder
	// Stdout gets the standard output, which then isn't in Output. It is written
	// from another goroutine, until Done.
	Stdout io.Writer
}

// Process is a program started for a test. It runs in a process group of its
// own and is killed, with all its children in that group, when the test ends.
type Process struct {
	tb   testing.TB
	cmd  Command
	exec *exec.Cmd
	pid  int
	out  *output
	done chan struct{} // closed when the process has been waited for

	// mu guards the following, and makes signals to the group wait for reap:
	// once the process has been reaped, its number may be given to another.
	mu       sync.Mutex
	reaped   bool
	expected bool // the test has asked for the end
}

// StartProcess starts a program. Its standard output and error are kept
// together and shown when the test fails.
func StartProcess(tb testing.TB, cmd Command) *Process {
	tb.Helper()
	if cmd.Name == "" {
		cmd.Name = cmd.Path
	}
	p := &Process{tb: tb, cmd: cmd, out: newOutput(), done: make(chan struct{})}
	p.exec = exec.Command(cmd.Path, cmd.Args...) //nolint:noctx // its end is ours to arrange: signals, and the test's cleanup
	p.exec.Env = append(os.Environ(), cmd.Env...)
	p.exec.Dir = cmd.Dir
	p.exec.Stdout, p.exec.Stderr = p.out, p.out
	if cmd.Stdout != nil {
		p.exec.Stdout = cmd.Stdout
	}
	p.exec.WaitDelay = pipeTimeout
	p.exec.SysProcAttr = childAttributes()
	if err := spawn(p.exec); err != nil {
		tb.Fatalf("start %s: %v", cmd.Name, err)
	}
	p.pid = p.exec.Process.Pid
	go p.reap()
	tb.Cleanup(p.cleanup)
	return p
}

// A child is tied to the life of the thread that started it (see
// childAttributes), so all are started by one thread that never ends.
var spawner = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go runSpawner(jobs)
	return jobs
})

func runSpawner(jobs <-chan func()) {
	runtime.LockOSThread()
	for job := range jobs {
		job()
	}
}

func spawn(cmd *exec.Cmd) error {
	result := make(chan error)
	spawner() <- func() { result <- cmd.Start() }
	return <-result
}

// reap waits for the process, ends what it left behind in its group, and only
// then takes its status.
func (p *Process) reap() {
	if awaitEnd(p.pid) {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		_ = p.exec.Wait() // the exit status is read from ProcessState
	} else {
		_ = p.exec.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	p.reaped = true
	close(p.done)
}

func (p *Process) cleanup() {
	select {
	case <-p.done:
		if !p.expected {
			p.tb.Errorf("%s ended by itself during the test: %v", p.cmd.Name, p.exec.ProcessState)
		}
	default:
	}
	p.Kill()
	if sign := crashSign(p.Output()); sign != "" {
		p.tb.Errorf("%s printed %q", p.cmd.Name, sign)
	}
	if p.tb.Failed() {
		p.tb.Logf("the end of what %s (pid %d) printed:\n%s", p.cmd.Name, p.pid, p.out.tail(shownLines))
	}
}

// crashSign finds what a Go program says when it breaks.
func crashSign(output string) string {
	for line := range strings.Lines(output) {
		for _, sign := range []string{"panic: ", "fatal error: ", "WARNING: DATA RACE"} {
			if strings.HasPrefix(line, sign) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}

func (p *Process) expectEnd() {
	p.mu.Lock()
	p.expected = true
	p.mu.Unlock()
}

// PID is the process's id.
func (p *Process) PID() int { return p.pid }

// Output is what the process has printed so far, standard output and error
// together; of very much output, the end.
func (p *Process) Output() string { return p.out.String() }

// Signal sends a signal to the process (not to its children).
func (p *Process) Signal(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	if err := p.exec.Process.Signal(sig); err != nil {
		tb.Fatalf("send %v to %s: %v", sig, p.cmd.Name, err)
	}
}

// Terminate sends SIGTERM, as systemd and Kubernetes do, and doesn't wait.
func (p *Process) Terminate(tb testing.TB) {
	tb.Helper()
	p.expectEnd()
	p.Signal(tb, syscall.SIGTERM)
}

// Interrupt sends SIGINT, as Ctrl-C does, and doesn't wait.
func (p *Process) Interrupt(tb testing.TB) {
	tb.Helper()
	p.expectEnd()
	p.Signal(tb, syscall.SIGINT)
}

// Kill ends the process and its children with SIGKILL and waits until they're gone.
func (p *Process) Kill() {
	p.mu.Lock()
	p.expected = true
	if !p.reaped {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
	p.mu.Unlock()
	<-p.done
}

// Pause stops the process in its tracks with SIGSTOP: it keeps its sockets and
// answers nothing.
func (p *Process) Pause(tb testing.TB) {
	tb.Helper()
	p.Signal(tb, syscall.SIGSTOP)
}

// Resume lets a paused process go on.
func (p *Process) Resume(tb testing.TB) {
	tb.Helper()
	p.Signal(tb, syscall.SIGCONT)
}

// Wait waits until the process has ended and gives its exit status; -1 stands
// for an end by a signal.
func (p *Process) Wait(tb testing.TB, timeout time.Duration) int {
	tb.Helper()
	p.expectEnd()
	select {
	case <-p.done:
		return p.exec.ProcessState.ExitCode()
	case <-time.After(timeout):
		tb.Fatalf("%s is still running after %v", p.cmd.Name, timeout)
		return 0
	}
}

// Stop ends the process with SIGTERM and waits. An exit status other than 0
// fails the test.
func (p *Process) Stop(tb testing.TB) {
	tb.Helper()
	p.Terminate(tb)
	if code := p.Wait(tb, stopTimeout); code != 0 {
		tb.Errorf("%s ended with %v after SIGTERM, want exit status 0", p.cmd.Name, p.exec.ProcessState)
	}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// WaitOutput waits until text stands in the process's output.
func (p *Process) WaitOutput(tb testing.TB, text string, timeout time.Duration) {
	tb.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	done := p.done
	for {
		out, more := p.out.watch()
		if strings.Contains(out, text) {
			return
		}
		select {
		case <-more:
		case <-done:
			if !strings.Contains(p.Output(), text) {
				tb.Fatalf("%s ended (%v) without printing %q", p.cmd.Name, p.exec.ProcessState, text)
			}
			return
		case <-deadline.C:
			tb.Fatalf("%s hasn't printed %q in %v", p.cmd.Name, text, timeout)
		}
	}
}

// Result is what a program left that ran to its end.
type Result struct {
	Stdout, Stderr string
	Code           int // exit status; -1: ended by a signal
}

// Run runs a program to its end, at most a minute, and gives what it printed.
// A status other than 0 is the test's to judge.
func Run(tb testing.TB, path string, args ...string) Result {
	tb.Helper()
	return RunWithInput(tb, nil, path, args...)
}

// RunWithInput is Run with a standard input.
func RunWithInput(tb testing.TB, stdin io.Reader, path string, args ...string) Result {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	cmd.WaitDelay = pipeTimeout
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := spawn(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended || ctx.Err() != nil {
		tb.Fatalf("run %s: %v\n%s%s", commandLine(path, args), err, stdout.String(), stderr.String())
	}
	return Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

func commandLine(path string, args []string) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s", path, strings.Join(args, " ")))
}
