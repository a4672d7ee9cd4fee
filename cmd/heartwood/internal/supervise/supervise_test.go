//go:build unix

package supervise

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
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

// The test binary plays the processes, too: the environment says which.
func TestMain(m *testing.M) {
	switch os.Getenv("SUPERVISE_TEST_ROLE") {
	case "":
		goleak.VerifyTestMain(m)
	case "quiet": // until it is told to end
		wait := make(chan os.Signal, 1)
		signal.Notify(wait, syscall.SIGTERM)
		fmt.Println("ready")
		<-wait
		fmt.Println("ended")
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		fmt.Println("ready")
		time.Sleep(time.Hour) // where nothing can come, select{} is a deadlock to the runtime
	case "failing":
		for i := range 100 {
			fmt.Println("line", i)
		}
		fmt.Fprint(os.Stderr, "no end of line")
		os.Exit(3)
	case "parent": // supervises two that do not want to end
		g := NewGroup()
		for _, role := range []string{"stubborn", "stubborn"} {
			p, err := g.Start(spec(role))
			if err != nil {
				panic(err)
			}
			fmt.Println(p.PID)
		}
		fmt.Println("started")
		time.Sleep(time.Hour)
	}
}

func spec(role string) Spec {
	s := Spec{Name: role, Path: os.Args[0], Env: []string{"SUPERVISE_TEST_ROLE=" + role, "GORACE=atexit_sleep_ms=0"}, Grace: 10 * time.Second}
	if role == "shell" {
		s.Path, s.Args = "/bin/sh", []string{"-c", "echo ready; sleep 1000 & wait"}
	}
	return s
}

// heard is a writer that tells when a word was written.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) await(t *testing.T, word string) {
	t.Helper()
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return strings.Contains(h.text.String(), word)
	}, 10*time.Second, time.Millisecond, word)
}

func start(t *testing.T, g *Group, role string) (*Process, *heard) {
	t.Helper()
	var out heard
	s := spec(role)
	s.Out = &out
	p, err := g.Start(s)
	require.NoError(t, err)
	out.await(t, "ready")
	return p, &out
}

// gone tells whether no process with this id does anything any more. One that is
// dead and waits for its parent to notice counts as gone.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return bytes.HasPrefix(state, []byte("Z"))
}

func TestStopAsksFirst(t *testing.T) {
	g := NewGroup()
	p, out := start(t, g, "quiet")
	g.Stop(nil)
	out.await(t, "ended")
	require.NoError(t, p.Err())
	assert.True(t, gone(p.PID))
	assert.Empty(t, g.Ended())
	_, err := g.Start(spec("quiet"))
	require.ErrorContains(t, err, "being stopped")
	g.Stop(nil)
}

func TestStopKillsAfterTheGrace(t *testing.T) {
	g := NewGroup()
	s := spec("stubborn")
	s.Grace = time.Millisecond
	var out heard
	s.Out = &out
	p, err := g.Start(s)
	require.NoError(t, err)
	out.await(t, "ready")
	g.Stop(nil)
	require.ErrorContains(t, p.Err(), "killed")
	assert.True(t, gone(p.PID))
}

func TestStopCanBeHurried(t *testing.T) {
	g := NewGroup()
	p, _ := start(t, g, "stubborn")
	now := make(chan struct{})
	close(now)
	begun := time.Now()
	g.Stop(now)
	assert.Less(t, time.Since(begun), 5*time.Second, "without the grace of 10 s")
	assert.True(t, gone(p.PID))
}

func TestStopIsInReverseOrder(t *testing.T) {
	g := NewGroup()
	first, _ := start(t, g, "quiet")
	second, _ := start(t, g, "quiet")
	ended := make(chan bool, 1)
	go func() {
		<-second.Done()
		select {
		case <-first.Done():
			ended <- false
		default:
			ended <- true
		}
	}()
	g.Stop(nil)
	assert.True(t, <-ended)
}

func TestGrandchildrenEndToo(t *testing.T) {
	g := NewGroup()
	p, _ := start(t, g, "shell")
	children := childrenOf(t, p.PID)
	require.Len(t, children, 1)
	g.Stop(nil)
	require.Eventually(t, func() bool { return gone(children[0]) }, 5*time.Second, time.Millisecond)
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	var pids []int
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if errors.Is(err, os.ErrNotExist) {
			t.Skip("this system does not list the children of a process")
		}
		pids = nil
		for field := range strings.FieldsSeq(string(text)) {
			child, _ := strconv.Atoi(field)
			pids = append(pids, child)
		}
		return len(pids) > 0
	}, 5*time.Second, time.Millisecond)
	return pids
}

// blocked is a writer that never comes back before its time.
type blocked chan struct{}

func (b blocked) Write(p []byte) (int, error) {
	<-b
	return len(p), nil
}

func TestWriterThatWaitsHoldsNobodyUp(t *testing.T) {
	g := NewGroup()
	out := make(blocked)
	s := spec("stubborn")
	s.Out, s.Grace = out, time.Millisecond
	p, err := g.Start(s)
	require.NoError(t, err)
	begun := time.Now()
	g.Stop(nil)
	assert.Less(t, time.Since(begun), drainTime+5*time.Second)
	assert.True(t, gone(p.PID))
	close(out)
	<-p.copied
}

func TestEndIsToldWithTheLastOutput(t *testing.T) {
	g := NewGroup()
	p, err := g.Start(spec("failing"))
	require.NoError(t, err)
	assert.Same(t, p, <-g.Ended())
	var exit *exec.ExitError
	require.ErrorAs(t, p.Err(), &exit)
	assert.Equal(t, 3, exit.ExitCode())
	recent := p.Recent()
	assert.Len(t, recent, recentLines)
	assert.Equal(t, "no end of line", recent[recentLines-1])
	g.Stop(nil)
}

func TestStartTellsWhatIsWrong(t *testing.T) {
	g := NewGroup()
	_, err := g.Start(Spec{Name: "collector", Path: "/nonexistent/otelcol"})
	require.ErrorContains(t, err, "start collector: fork/exec /nonexistent/otelcol: no such file")
	g.Stop(nil)
}

func TestLongLinesAreShortened(t *testing.T) {
	var r recent
	_, err := r.Write(bytes.Repeat([]byte("x"), 1<<20))
	require.NoError(t, err)
	_, err = r.Write([]byte("y\nshort\n"))
	require.NoError(t, err)
	assert.Len(t, r.lines()[0], recentBytes)
	assert.Equal(t, "short", r.lines()[1])
}

// TestNobodyOutlivesAKilledParent is what PDEATHSIG is for.
func TestNobodyOutlivesAKilledParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills the children of a killed parent")
	}
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), "SUPERVISE_TEST_ROLE=parent")
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	parent.Stderr = os.Stderr
	require.NoError(t, parent.Start())
	var pids []int
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "started" {
		pid, err := strconv.Atoi(lines.Text())
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	require.Len(t, pids, 2)
	for _, pid := range pids {
		assert.False(t, gone(pid))
	}
	require.NoError(t, parent.Process.Kill())
	_, _ = io.Copy(io.Discard, out)
	require.Error(t, parent.Wait())
	for _, pid := range pids {
		assert.Eventually(t, func() bool { return gone(pid) }, 5*time.Second, time.Millisecond)
	}
}
