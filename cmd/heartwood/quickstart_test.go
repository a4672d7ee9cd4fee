//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// patience for things that take milliseconds on an idle machine.
const patience = 20 * time.Second

// hurried ends processes under the race detector without its second of waiting.
const hurried = "GORACE=atexit_sleep_ms=0"

// quickstartRun is a quickstart in a process of its own, in a folder laid out as the
// repository is.
type quickstartRun struct {
	t       *testing.T
	home    string
	command *exec.Cmd
	out     output
	ended   chan error
}

type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// newHome lays out a folder whose programs are this test's.
func newHome(t *testing.T, config string) string {
	t.Helper()
	home := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	for _, dir := range []string{"bin", "configs", "pids"} {
		require.NoError(t, os.Mkdir(filepath.Join(home, dir), 0o700))
	}
	for _, name := range []string{"heartwood", "otelcol-heartwood", "shop"} {
		// Linked, not copied: /proc then names them by their own folder.
		if err := os.Link(self, filepath.Join(home, "bin", name)); err != nil {
			content, err := os.ReadFile(self)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(home, "bin", name), content, 0o700))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(home, "configs", "quickstart.yaml"), []byte(config+"\n"), 0o600))
	return home
}

func startQuickstart(t *testing.T, home string, environment []string, args ...string) *quickstartRun {
	t.Helper()
	r := &quickstartRun{t: t, home: home, ended: make(chan error, 1)}
	r.command = exec.Command(filepath.Join(home, "bin", "heartwood"), append([]string{"quickstart"}, args...)...)
	r.command.Dir = home
	r.command.Env = append(os.Environ(), pidsVariable+"="+filepath.Join(home, "pids"), "MAKELEVEL=", hurried)
	r.command.Env = append(r.command.Env, r.freePorts()...)
	r.command.Env = append(r.command.Env, environment...)
	r.command.Stdout, r.command.Stderr = &r.out, &r.out
	// What it leaves behind must not keep the test waiting for its output.
	r.command.WaitDelay = time.Second
	require.NoError(t, r.command.Start())
	go func() { r.ended <- r.command.Wait() }()
	t.Cleanup(func() {
		_ = r.command.Process.Kill()
		for _, pid := range r.pids() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return r
}

// freePorts keeps runs of many tests at one time from wanting the same.
func (r *quickstartRun) freePorts() []string {
	var environment []string
	for _, p := range quickstartPorts() {
		environment = append(environment, p.variable+"="+strconv.Itoa(freeport.Take(r.t)))
	}
	return environment
}

func (r *quickstartRun) await(word string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return strings.Contains(r.out.String(), word) }, patience, 5*time.Millisecond,
		"%q in what it says", word)
}

// end waits for the quickstart to end and gives its exit status, -1 for a signal.
func (r *quickstartRun) end() int {
	r.t.Helper()
	select {
	case err := <-r.ended:
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode()
		}
		require.NoError(r.t, err)
		return 0
	case <-time.After(patience):
		require.Fail(r.t, "it does not end", r.out.String())
	}
	return 0
}

func (r *quickstartRun) pids() map[string]int {
	pids := map[string]int{}
	entries, err := os.ReadDir(filepath.Join(r.home, "pids"))
	require.NoError(r.t, err)
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(r.home, "pids", entry.Name()))
		require.NoError(r.t, err)
		if pid, err := strconv.Atoi(string(text)); err == nil {
			pids[entry.Name()] = pid
		}
	}
	return pids
}

// awaitPIDs waits until all processes of a healthy run are there.
func (r *quickstartRun) awaitPIDs() {
	r.t.Helper()
	for begun := time.Now(); len(r.pids()) < 5; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-r.ended:
			require.FailNow(r.t, "it has ended", "%v\n%s", err, r.out.String())
		default:
		}
		require.Less(r.t, time.Since(begun), patience, "%v\n%s", r.pids(), r.out.String())
	}
}

// nobodyLeft demands that every process that was started has ended.
func (r *quickstartRun) nobodyLeft() {
	r.t.Helper()
	for name, pid := range r.pids() {
		assert.Eventually(r.t, func() bool { return gone(pid) }, patience, 5*time.Millisecond, "%s outlived the quickstart", name)
	}
}

// gone tells whether no process with this id does anything any more.
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

func TestQuickstartShowsRecordsAndStops(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			r := startQuickstart(t, newHome(t, "fine"), nil)
			r.await("Ctrl-C stops everything.")
			r.await(" INFO  lines      app=inventory at=start\n")
			r.awaitPIDs()
			require.NoError(t, r.command.Process.Signal(s))
			assert.Equal(t, 0, r.end(), r.out.String())
			assert.Contains(t, r.out.String(), "\nStopping.\n")
			assert.NotContains(t, r.out.String(), "\x1b", "no colours where there is no terminal")
			r.nobodyLeft()
			records, err := os.ReadFile(filepath.Join(r.home, ".run", "records", "logs.jsonl"))
			require.NoError(t, err)
			assert.Contains(t, string(records), "app=inventory at=stop", "the last line arrives, too")
		})
	}
}

func TestQuickstartsExamplesWorkWhenPasted(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl")
	}
	r := startQuickstart(t, newHome(t, "fine"), nil)
	r.await("Ctrl-C stops everything.")
	commands := regexp.MustCompile(`(?m)^  ((?:bin/heartwood|curl) .*)$`).FindAllStringSubmatch(r.out.String(), -1)
	require.Len(t, commands, 4, r.out.String())
	for i, shows := range []string{"web        level=info msg=hi\n", `web        level=warn app=me msg="hello from curl"`, `otlp       {"resourceLogs":`} {
		shell := exec.CommandContext(t.Context(), "/bin/sh", "-c", commands[i][1])
		shell.Dir = r.home
		out, err := shell.CombinedOutput()
		require.NoError(t, err, "%s: %s", commands[i][1], out)
		r.await(shows)
	}
	assert.Equal(t, "bin/heartwood stories", commands[3][1], "it shows what there is until it is stopped")
	require.NoError(t, r.command.Process.Signal(syscall.SIGINT))
	assert.Equal(t, 0, r.end())
}

func TestQuickstartKilledLeavesNobody(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills the children of a killed parent")
	}
	for _, config := range []string{"fine", "stubborn"} {
		r := startQuickstart(t, newHome(t, config), nil)
		r.awaitPIDs()
		require.NoError(t, r.command.Process.Kill())
		assert.Equal(t, -1, r.end())
		r.nobodyLeft()
	}
}

func TestSecondInterruptDoesNotWait(t *testing.T) {
	r := startQuickstart(t, newHome(t, "stubborn"), nil)
	r.awaitPIDs()
	r.await("Ctrl-C stops everything.")
	require.NoError(t, r.command.Process.Signal(syscall.SIGINT))
	r.await("Stopping.")
	require.Eventually(t, func() bool { return gone(r.pids()["inventory"]) }, patience, 5*time.Millisecond)
	begun := time.Now()
	require.NoError(t, r.command.Process.Signal(syscall.SIGINT))
	assert.Equal(t, 0, r.end())
	assert.Less(t, time.Since(begun), collectorGrace/2)
	r.nobodyLeft()
}

func TestCollectorThatCannotStartIsQuoted(t *testing.T) {
	r := startQuickstart(t, newHome(t, "broken"), nil)
	assert.Equal(t, exitFailure, r.end())
	assert.Equal(t, "heartwood quickstart: otelcol-heartwood ended (exit status 1). Its last output:\n"+
		"  | Error: cannot start pipelines:\n  | \n  | 'limit_mib' cannot parse value\n"+
		"The whole of it: "+filepath.Join(r.home, ".run", "log", "otelcol-heartwood.log")+"\n", r.out.String())
}

func TestCollectorThatIsNeverReady(t *testing.T) {
	r := startQuickstart(t, newHome(t, "never ready"), nil, "--timeout", "300ms")
	assert.Equal(t, exitFailure, r.end())
	assert.Contains(t, r.out.String(), "the collector was not ready within 300ms (Get \"http://127.0.0.1:")
	assert.Contains(t, r.out.String(), "  | waiting for a license server\n")
	r.nobodyLeft()
}

func TestProcessThatDiesIsNamed(t *testing.T) {
	r := startQuickstart(t, newHome(t, "dies"), nil)
	assert.Equal(t, exitFailure, r.end())
	assert.Contains(t, r.out.String(), "otelcol-heartwood ended (exit status 3). Its last output:\n  | fatal error: out of memory\n")
	r.nobodyLeft()

	r = startQuickstart(t, newHome(t, "fine"), []string{"HEARTWOOD_TEST_DIES=ordering"})
	assert.Equal(t, exitFailure, r.end())
	assert.Contains(t, r.out.String(), "ordering ended (exit status 7). Its last output:\n  | ordering is tired\n")
	r.nobodyLeft()
}

func TestTwoQuickstartsDoNotShareADirectory(t *testing.T) {
	home := newHome(t, "fine")
	first := startQuickstart(t, home, nil)
	first.await("Ctrl-C stops everything.")
	marker := filepath.Join(home, ".run", "records", "logs.jsonl")
	first.await("at=start")
	second := startQuickstart(t, home, nil)
	assert.Equal(t, exitFailure, second.end())
	assert.Contains(t, second.out.String(), "another quickstart runs in "+filepath.Join(home, ".run"))
	assert.FileExists(t, marker, "and removes nothing of the first")
	require.NoError(t, first.command.Process.Signal(syscall.SIGINT))
	assert.Equal(t, 0, first.end())
}

func TestStateOfTheRunBeforeIsRemoved(t *testing.T) {
	home := newHome(t, "broken")
	old := filepath.Join(home, ".run", "records", "logs.jsonl")
	kept := filepath.Join(home, ".run", "notes.txt")
	require.NoError(t, os.MkdirAll(filepath.Dir(old), 0o700))
	require.NoError(t, os.WriteFile(old, nil, 0o600))
	require.NoError(t, os.WriteFile(kept, nil, 0o600))
	startQuickstart(t, home, nil).end()
	assert.NoFileExists(t, old)
	assert.FileExists(t, kept, "only what a quickstart has made")
}

func TestMissingProgramHasItsRemedy(t *testing.T) {
	home := newHome(t, "fine")
	require.NoError(t, os.Remove(filepath.Join(home, "bin", "shop")))
	r := startQuickstart(t, home, nil)
	assert.Equal(t, exitFailure, r.end())
	assert.Contains(t, r.out.String(), "bin/shop: no such file or directory; `make build` makes it\n")
}

// TestReaderWhoGoesAway is `make run | head`.
func TestReaderWhoGoesAway(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	r := &quickstartRun{t: t, home: newHome(t, "fine"), ended: make(chan error, 1)}
	r.command = exec.Command(filepath.Join(r.home, "bin", "heartwood"), "quickstart")
	r.command.Env = append(append(os.Environ(), pidsVariable+"="+filepath.Join(r.home, "pids"), "MAKELEVEL=", hurried), r.freePorts()...)
	r.command.Stdout, r.command.Stderr = write, &r.out
	require.NoError(t, r.command.Start())
	go func() { r.ended <- r.command.Wait() }()
	require.NoError(t, write.Close())
	require.NoError(t, read.Close())
	assert.Equal(t, exitFailure, r.end())
	assert.Contains(t, r.out.String(), "show the records: write /dev/stdout: broken pipe")
	r.nobodyLeft()
}

// TestMakeThatIsKilledTakesAllWithIt: the shell plays make.
func TestMakeThatIsKilledTakesAllWithIt(t *testing.T) {
	r := &quickstartRun{t: t, home: newHome(t, "fine"), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.command = exec.CommandContext(ctx, "/bin/sh", "-c", "bin/heartwood quickstart & wait")
	r.command.Dir = r.home
	r.command.Env = append(append(os.Environ(), pidsVariable+"="+filepath.Join(r.home, "pids"), "MAKELEVEL=1", hurried), r.freePorts()...)
	r.command.Stdout, r.command.Stderr = &r.out, &r.out
	require.NoError(t, r.command.Start())
	go func() { r.ended <- r.command.Wait() }()
	r.awaitPIDs()
	r.await("Ctrl-C stops everything.")
	cancel() // SIGKILL
	assert.Equal(t, -1, r.end())
	assert.Contains(t, r.out.String(), "heartwood quickstart: make has ended\n")
	r.nobodyLeft()
}
