//go:build unix

package command

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The test binary plays the programs, too: the environment says which.
func TestMain(m *testing.M) {
	switch os.Getenv("COMMAND_TEST_ROLE") {
	case "":
		goleak.VerifyTestMain(m)
	case "streams":
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
		fmt.Print("no line end")
	case "status":
		fmt.Println("before the end")
		os.Exit(7)
	case "crash":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		for {
			time.Sleep(time.Hour) // without cgo, waiting for nothing is a deadlock
		}
	case "polite":
		got := make(chan os.Signal, 10)
		signal.Notify(got, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1)
		fmt.Println("ready")
		for s := range got {
			fmt.Println("got", s)
			if s == syscall.SIGTERM {
				return
			}
		}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready", os.Getpid())
		sayReady()
		for {
			time.Sleep(time.Hour) // without cgo, waiting for nothing is a deadlock
		}
	case "flood":
		line := bytes.Repeat([]byte("x"), 1023)
		for i := range 64 << 10 { // 64 MiB
			if i%1024 == 0 {
				fmt.Fprintln(os.Stderr, i)
			}
			if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
				os.Exit(9)
			}
		}
	case "parent-of-stubborn", "parent-of-escaped":
		child := exec.Command(os.Args[0])
		role := strings.TrimPrefix(os.Getenv("COMMAND_TEST_ROLE"), "parent-of-")
		child.Env = append(os.Environ(), "COMMAND_TEST_ROLE="+role, "COMMAND_TEST_CHILD=1")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if role == "escaped" {
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		}
		r, w, _ := os.Pipe()
		child.ExtraFiles = []*os.File{w}
		if err := child.Start(); err != nil {
			panic(err)
		}
		_, _ = r.Read(make([]byte, 1)) // until it is ready
		os.Exit(3)
	case "escaped":
		fmt.Println("escaped", os.Getpid())
		sayReady()
		for {
			time.Sleep(time.Hour) // without cgo, waiting for nothing is a deadlock
		}
	case "who":
		fmt.Println(os.Getuid(), os.Getgid(), os.Getenv("HOME"), os.Getenv("USER"), os.Getenv("ADDED"))
		dir, _ := os.Getwd()
		fmt.Println(dir)
	case "runs-and-dies": // starts a program and is killed with it
		p, err := New(Config{Argv: []string{os.Args[0]}, Env: map[string]string{"COMMAND_TEST_ROLE": "stubborn"}})
		if err == nil {
			err = p.Start(passOn{})
		}
		if err != nil {
			panic(err)
		}
		for {
			time.Sleep(time.Hour) // without cgo, waiting for nothing is a deadlock
		}
	}
}

// sayReady tells a parent that waits for it.
func sayReady() {
	if os.Getenv("COMMAND_TEST_CHILD") != "" {
		_, _ = os.NewFile(3, "ready").WriteString(".")
	}
}

// passOn is the Sink of a test program.
type passOn struct{}

func (passOn) Stream(_ string, r io.Reader) { _, _ = io.Copy(os.Stdout, r) }
func (passOn) Exited(Exit)                  {}

// sink keeps all that it is given.
type sink struct {
	mu    sync.Mutex
	text  map[string]*bytes.Buffer
	exits []Exit
	lines chan string // of stdout
	gate  chan struct{}
}

func newSink() *sink {
	return &sink{text: map[string]*bytes.Buffer{"stdout": {}, "stderr": {}}, lines: make(chan string, 100)}
}

func (s *sink) Stream(name string, r io.Reader) {
	if s.gate != nil {
		<-s.gate
	}
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		s.mu.Lock()
		s.text[name].WriteString(line)
		s.mu.Unlock()
		if name == "stdout" && line != "" {
			select {
			case s.lines <- strings.TrimSuffix(line, "\n"):
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

func (s *sink) Exited(e Exit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exits = append(s.exits, e)
}

func (s *sink) stdout() string { return s.get("stdout") }

func (s *sink) get(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text[name].String()
}

func (s *sink) all() []Exit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exits
}

func role(name string) Config {
	return Config{Argv: []string{os.Args[0]}, Env: map[string]string{"COMMAND_TEST_ROLE": name, "GORACE": "atexit_sleep_ms=0"}}
}

// shortDrain takes the place of drainTime where a test waits for it.
const shortDrain = 200 * time.Millisecond

func start(t *testing.T, cfg Config, s Sink) *Program {
	t.Helper()
	p, err := New(cfg)
	require.NoError(t, err)
	p.drain = shortDrain
	require.NoError(t, p.Start(s))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		assert.NoError(t, p.Stop(ctx))
	})
	return p
}

func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		require.FailNow(t, "it took too long")
	}
}

func next(t *testing.T, s *sink) string {
	t.Helper()
	select {
	case line := <-s.lines:
		return line
	case <-time.After(20 * time.Second):
		require.FailNow(t, "no output")
		return ""
	}
}

func TestStreams(t *testing.T) {
	s := newSink()
	p := start(t, role("streams"), s)
	await(t, p.Done())
	assert.Equal(t, "to stdout\nno line end", s.stdout())
	assert.Equal(t, "to stderr\n", s.get("stderr"))
	exits := s.all()
	require.Len(t, exits, 1)
	e := exits[0]
	assert.Positive(t, e.PID)
	assert.Positive(t, e.Duration)
	assert.False(t, e.Failed())
	assert.Equal(t, Exit{PID: e.PID, Started: e.Started, Duration: e.Duration}, e)
}

func TestExits(t *testing.T) {
	for name, want := range map[string]Exit{"status": {Code: 7}, "crash": {Code: -1, Signal: "SIGKILL"}} {
		s := newSink()
		await(t, start(t, role(name), s).Done())
		exits := s.all()
		require.Len(t, exits, 1)
		assert.Equal(t, want.Code, exits[0].Code, name)
		assert.Equal(t, want.Signal, exits[0].Signal, name)
		assert.True(t, exits[0].Failed(), name)
		require.NoError(t, exits[0].Err, name)
	}
}

func TestStartErrors(t *testing.T) {
	f := func(cfg Config, want ...string) {
		t.Helper()
		p, err := New(cfg)
		require.NoError(t, err)
		err = p.Start(newSink())
		for _, w := range want {
			require.ErrorContains(t, err, w)
		}
		require.NoError(t, p.Stop(t.Context()))
	}
	f(Config{Argv: []string{"/no/such/program", "arg"}}, "/no/such/program", "arg", "no such file")
	f(Config{Argv: []string{"no-such-program-in-path"}}, "no-such-program-in-path", "executable file not found")
	f(Config{Argv: []string{os.Args[0]}, Dir: "/no/such/dir"}, "dir", "/no/such/dir")
	f(Config{Argv: []string{os.Args[0]}, Dir: os.Args[0]}, "dir", "no directory")
	f(Config{Argv: []string{os.Args[0]}, User: "no-such-user"}, "no-such-user", "uid:gid")
	f(Config{Argv: []string{os.Args[0]}, User: "0:no-such-group"}, "no-such-group")
	f(Config{Argv: []string{t.TempDir()}}, "permission denied")
}

func TestStartTwice(t *testing.T) {
	p := start(t, role("polite"), newSink())
	require.Error(t, p.Start(newSink()))
}

func TestSignal(t *testing.T) {
	s := newSink()
	p := start(t, role("polite"), s)
	require.Equal(t, "ready", next(t, s))
	require.NoError(t, p.Signal(syscall.SIGHUP))
	assert.Equal(t, "got hangup", next(t, s))
	require.NoError(t, p.Signal(syscall.SIGUSR1))
	assert.Equal(t, "got user defined signal 1", next(t, s))
	require.NoError(t, p.Stop(t.Context()))
	assert.Equal(t, "got terminated", next(t, s))
	exits := s.all()
	require.Len(t, exits, 1)
	assert.True(t, exits[0].Stopped)
	assert.Zero(t, exits[0].Code)
	require.ErrorIs(t, p.Signal(syscall.SIGHUP), errNotRunning)
}

func TestStopKillsTheStubborn(t *testing.T) {
	cfg := role("stubborn")
	cfg.Grace = 50 * time.Millisecond
	cfg.Restart.Policy = Always
	s := newSink()
	p := start(t, cfg, s)
	require.Contains(t, next(t, s), "ready")
	require.NoError(t, p.Stop(t.Context()))
	exits := s.all()
	require.Len(t, exits, 1)
	assert.Equal(t, "SIGKILL", exits[0].Signal)
	assert.True(t, exits[0].Stopped)
	assert.False(t, exits[0].Restart)
}

// The end of the context takes the place of the grace time.
func TestStopHonoursItsContext(t *testing.T) {
	cfg := role("stubborn")
	cfg.Grace = time.Hour
	s := newSink()
	p := start(t, cfg, s)
	require.Contains(t, next(t, s), "ready")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = p.Stop(ctx)
	await(t, p.Done())
	assert.Equal(t, "SIGKILL", s.all()[0].Signal)
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// A grandchild in the group that ignores SIGTERM and holds the pipe is killed
// after the grace time, when the program itself is long gone.
func TestGrandchildInGroup(t *testing.T) {
	cfg := role("parent-of-stubborn")
	cfg.Grace = 300 * time.Millisecond
	s := newSink()
	p := start(t, cfg, s)
	pid, err := strconv.Atoi(strings.TrimPrefix(next(t, s), "ready "))
	require.NoError(t, err)
	await(t, p.Done())
	e := s.all()[0]
	assert.Equal(t, 3, e.Code)
	assert.False(t, e.Cut)
	assert.GreaterOrEqual(t, time.Since(e.Started)-e.Duration, cfg.Grace, "the grandchild has its grace time")
	gone(t, pid)
}

// A grandchild that listens to SIGTERM writes its last lines, although the program
// ended before it.
func TestGrandchildHasItsGrace(t *testing.T) {
	script := `trap 'exit 5' TERM; (trap 'sleep 0.3; echo the last line; exit' TERM; echo ready; while :; do sleep 0.05; done) & wait`
	s := newSink()
	p := start(t, Config{Argv: []string{"/bin/sh", "-c", script}}, s)
	require.Equal(t, "ready", next(t, s))
	require.NoError(t, p.Stop(t.Context()))
	assert.Equal(t, "ready\nthe last line\n", s.stdout())
	assert.Equal(t, 5, s.all()[0].Code)
}

// A grandchild whose parent ended by itself is asked to end, too.
func TestGrandchildIsAsked(t *testing.T) {
	script := `(trap 'echo bye; exit' TERM; echo ready; echo >$0; while :; do sleep 0.05; done) & read _ <$0`
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	s := newSink()
	await(t, start(t, Config{Argv: []string{"/bin/sh", "-c", script, fifo}}, s).Done())
	assert.Equal(t, "ready\nbye\n", s.stdout())
}

// A grandchild outside the group can't be ended. What it wrote is read, and the
// rest given up.
func TestGrandchildEscaped(t *testing.T) {
	cfg := role("parent-of-escaped")
	cfg.Grace = 50 * time.Millisecond
	s := newSink()
	begin := time.Now()
	p := start(t, cfg, s)
	line := next(t, s)
	pid, err := strconv.Atoi(strings.TrimPrefix(line, "escaped "))
	require.NoError(t, err, line)
	defer syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // at the end of the test
	await(t, p.Done())
	assert.True(t, alive(pid))
	assert.True(t, s.all()[0].Cut)
	assert.GreaterOrEqual(t, time.Since(begin), shortDrain)
	assert.Less(t, time.Since(begin), shortDrain+5*time.Second)
}

// What was in the pipe when the program ended is read, however late the reader
// comes.
func TestSlowReaderLosesNothing(t *testing.T) {
	s := newSink()
	s.gate = make(chan struct{})
	cfg := role("streams")
	cfg.Grace = 10 * time.Millisecond
	p := start(t, cfg, s)
	time.Sleep(shortDrain + 100*time.Millisecond)
	close(s.gate)
	await(t, p.Done())
	assert.Equal(t, "to stdout\nno line end", s.stdout())
	assert.False(t, s.all()[0].Cut)
}

// counter reads slowly and keeps nothing.
type counter struct {
	mu    sync.Mutex
	n     map[string]int
	exits []Exit
}

func (c *counter) Stream(name string, r io.Reader) {
	buffer := make([]byte, 256<<10)
	for {
		n, err := r.Read(buffer)
		c.mu.Lock()
		c.n[name] += n
		c.mu.Unlock()
		if err != nil {
			return
		}
		if name == "stdout" {
			time.Sleep(100 * time.Microsecond)
		}
	}
}

func (c *counter) Exited(e Exit) { c.exits = append(c.exits, e) }

func TestFlood(t *testing.T) {
	c := &counter{n: map[string]int{}}
	p := start(t, role("flood"), c)
	await(t, p.Done())
	assert.Equal(t, 64<<20, c.n["stdout"])
	want := 0
	for i := range 64 {
		want += len(strconv.Itoa(i*1024)) + 1
	}
	assert.Equal(t, want, c.n["stderr"])
	assert.False(t, c.exits[0].Failed())
}

// held reads stderr, and stdout only when told to.
type held struct {
	*sink
	open chan struct{}
}

func (h held) Stream(name string, r io.Reader) {
	if name == "stdout" {
		<-h.open
		_, _ = io.Copy(io.Discard, r)
		return
	}
	h.sink.Stream(name, r)
}

// Nothing is buffered for a reader that does not read: the program waits. It says on
// stderr when it begins each MiB.
func TestBackPressure(t *testing.T) {
	h := held{newSink(), make(chan struct{})}
	p := start(t, role("flood"), h)
	require.Eventually(t, func() bool { return h.get("stderr") != "" }, 10*time.Second, time.Millisecond)
	time.Sleep(200 * time.Millisecond) // time enough for 64 MiB
	assert.Equal(t, "0\n", h.get("stderr"))
	close(h.open)
	await(t, p.Done())
	assert.Equal(t, 64, strings.Count(h.get("stderr"), "\n"))
}

// quitter stops reading at once.
type quitter struct{ exits chan Exit }

func (quitter) Stream(string, io.Reader) {}
func (q quitter) Exited(e Exit)          { q.exits <- e }

func TestReaderThatGivesUp(t *testing.T) {
	q := quitter{make(chan Exit, 1)}
	p := start(t, role("flood"), q)
	await(t, p.Done())
	e := <-q.exits
	assert.True(t, e.Failed())
	assert.Equal(t, "SIGPIPE", e.Signal)
}

func TestRestartOfRealProgram(t *testing.T) {
	cfg := role("status")
	cfg.Restart = Restart{Policy: OnFailure, Initial: time.Millisecond, Limit: 2}
	s := newSink()
	await(t, start(t, cfg, s).Done())
	exits := s.all()
	require.Len(t, exits, 3)
	assert.True(t, exits[0].Restart && exits[1].Restart)
	assert.False(t, exits[2].Restart)
	assert.Equal(t, strings.Repeat("before the end\n", 3), s.stdout())
	assert.NotEqual(t, exits[0].PID, exits[1].PID)
}

func TestEnvironmentAndDirectory(t *testing.T) {
	cfg := role("who")
	cfg.Dir = t.TempDir()
	cfg.Env["ADDED"] = "a b"
	cfg.Env["HOME"] = "/ours"
	s := newSink()
	await(t, start(t, cfg, s).Done())
	assert.Equal(t, fmt.Sprintf("%d %d /ours %s a b\n%s\n", os.Getuid(), os.Getgid(), os.Getenv("USER"), cfg.Dir), s.stdout())
}

func TestUser(t *testing.T) {
	if os.Getuid() != 0 {
		_, _, err := systemAttributes("0:0")
		require.ErrorContains(t, err, "only root")
		t.Skip("the rest needs root")
	}
	// The test binary lies where only root may look: a shell tells who it is.
	run := func(user string) string {
		s := newSink()
		await(t, start(t, Config{Argv: []string{"/bin/sh", "-c", "id -u; id -g; echo $HOME $USER"}, Dir: "/", User: user}, s).Done())
		return s.stdout()
	}
	assert.Equal(t, "65534\n65534\n/nonexistent nobody\n", run("nobody"))
	assert.Equal(t, "65534\n65534\n/nonexistent nobody\n", run("65534"))
	assert.Equal(t, "65534\n0\n/nonexistent nobody\n", run("nobody:root"))
	assert.True(t, strings.HasPrefix(run("54321:54322"), "54321\n54322\n"))
}

// A program does not outlive a parent that was killed.
func TestParentKilled(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "COMMAND_TEST_ROLE=runs-and-dies")
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "ready ")))
	require.NoError(t, err)
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	gone(t, pid)
}

func gone(t *testing.T, pid int) {
	t.Helper()
	assert.Eventually(t, func() bool { return !alive(pid) || zombie(pid) }, 10*time.Second, 5*time.Millisecond)
}

func zombie(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(status), ") Z ")
}
