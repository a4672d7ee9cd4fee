//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	readyLine = `{"level":"info","msg":"Everything is ready. Begin running and processing data."}`
	// Where nobody listens; a collector that a shell plays does not try.
	anyEndpoint = "http://127.0.0.1:1"
)

// fakeRunCollector writes a collector that a shell plays: it keeps what it is given in
// the folder, and then does what the script says.
func fakeRunCollector(t *testing.T, script string) (path, dir string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "collector")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `#!/bin/sh
echo $$ >%[1]s/pid
printf '%%s\n' "$@" >%[1]s/args
printf '%%s' "$HEARTWOOD_RUN_CONFIG" >%[1]s/config
say() { printf '%%s\n' "$1" >&2; }
%[2]s
`, dir, script), 0o700))
	return path, dir
}

const takeAll = `say '` + readyLine + `'; exec cat >"${0%/*}/lines"`

func contentOf(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(content)
}

// framed are the lines that a collector was given, without their times.
func framed(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(contentOf(t, dir, "lines")) {
		at, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		_, err := time.Parse(time.RFC3339Nano, at)
		require.NoError(t, err)
		lines = append(lines, rest)
	}
	return lines
}

func TestRunIsNotNoticed(t *testing.T) {
	collector, dir := fakeRunCollector(t, takeAll)
	status, stdout, stderr := call(t, "bob\n", "run", "--collector", collector, "--endpoint", anyEndpoint, "--header", "key=s3cret", "sh", "-c",
		`read name; printf 'hello %s\r\n\377\000' $name; echo oh >&2; exit 3`, "-x", "--help")
	assert.Equal(t, 3, status)
	assert.Equal(t, "hello bob\r\n\xff\x00", stdout)
	assert.Equal(t, "oh\n", stderr)
	assert.ElementsMatch(t, []string{"stdout F hello bob\r", "stdout F \xff\x00", "stderr F oh"}, framed(t, dir))
	assert.Equal(t, "--config\nenv:HEARTWOOD_RUN_CONFIG\n--config\nenv:HEARTWOOD_RUN_OVERRIDES\n", contentOf(t, dir, "args"))
	assert.Contains(t, contentOf(t, dir, "config"), `"headers":{"key":"s3cret"}`)
}

func TestRunStatus(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		argv []string
		want int
	}{
		{[]string{"true"}, 0},
		{[]string{"sh", "-c", "exit 250"}, 250},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143},
		{[]string{"no-such-program"}, 127},
		{[]string{dir}, 126},
	} {
		status, stdout, stderr := call(t, "", append([]string{"run", "--quiet", "--"}, c.argv...)...)
		assert.Equal(t, c.want, status, "%q", c.argv)
		assert.Empty(t, stdout)
		assert.Equal(t, c.want == 126 || c.want == 127, stderr != "", "%q", stderr)
	}
}

func TestRunWithoutATarget(t *testing.T) {
	args := []string{"sh", "-c", `echo 'level=SUCCESS msg=paid'; echo plain`}
	_, stdout, stderr := call(t, "", append([]string{"run"}, args...)...)
	assert.Equal(t, "level=SUCCESS msg=paid\nplain\n", stdout, "no terminal, so nothing is changed")
	assert.Equal(t, "heartwood run: nothing is sent; --endpoint http://localhost:4318, or OTEL_EXPORTER_OTLP_ENDPOINT, says where to\n", stderr)

	_, stdout, stderr = call(t, "", append([]string{"run", "--quiet", "--pretty"}, args...)...)
	assert.Regexp(t, `^\d\d:\d\d:\d\d\.\d\d\d SUCCESS paid\nplain\n$`, stdout)
	assert.Empty(t, stderr)

	_, stdout, _ = call(t, "", append([]string{"run", "--quiet", "--pretty", "--color", "always"}, args...)...)
	assert.Contains(t, stdout, "\x1b[32mSUCCESS")
}

func TestRunWhenTheCollectorFails(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"at start": {
			`say 'Error: invalid configuration:'; say "'endpoint' must be set"; exit 1`,
			"heartwood run: records are not sent any more, for the collector has ended: \nheartwood run: Error: invalid configuration:\nheartwood run: 'endpoint' must be set\n",
		},
		"later":    {`say '` + readyLine + `'; read line; exit 9`, "for the collector has ended: exit status 9"},
		"by a way": {`say '` + readyLine + `'; exit 0`, "for the collector has ended: it was stopped"},
	} {
		collector, dir := fakeRunCollector(t, c.script)
		status, stdout, stderr := call(t, "", "run", "--collector", collector, "--endpoint", anyEndpoint, "sh", "-c",
			`echo one; while kill -0 $(cat `+dir+`/pid); do sleep 0.01; done 2>/dev/null; sleep 0.3; echo two; exit 4`)
		assert.Equal(t, 4, status, name)
		assert.Equal(t, "one\ntwo\n", stdout, name)
		assert.Contains(t, stderr, c.want, name)
		assert.Contains(t, stderr, "lines were not delivered to "+anyEndpoint, name)
	}

	status, stdout, stderr := call(t, "", "run", "--collector", "/nonexistent/otelcol", "--endpoint", anyEndpoint, "sh", "-c", "echo one; exit 4")
	assert.Equal(t, 4, status)
	assert.Equal(t, "one\n", stdout)
	assert.Equal(t, "heartwood run: records are not sent: the collector: stat /nonexistent/otelcol: no such file or directory; --collector names another\n", stderr)
}

func TestRunTellsWhatWasNotDelivered(t *testing.T) {
	refused := `say '{"level":"warn","msg":"The next consumer refuses log records; they wait","records":1,"error":"connection refused"}'`
	dropped := `say '{"level":"error","msg":"Dropped log records","reason":"shutdown","records":2,"error":"context canceled"}'`
	collector, _ := fakeRunCollector(t, `say '`+readyLine+`'; `+refused+`; trap "`+strings.ReplaceAll(dropped, `"`, `\"`)+`; exit 0" TERM; cat >/dev/null; while :; do sleep 0.01; done`)
	begun := time.Now()
	status, _, stderr := call(t, "", "run", "--collector", collector, "--endpoint", anyEndpoint, "--flush-timeout", "500ms", "sh", "-c", "echo one; echo two")
	assert.Zero(t, status)
	assert.Less(t, time.Since(begun), 10*time.Second)
	assert.Contains(t, stderr, "heartwood run: "+anyEndpoint+" takes no records now, so they wait: connection refused\n")
	assert.Contains(t, stderr, "heartwood run: 2 lines were not delivered to "+anyEndpoint+": connection refused\n")
}

// A collector that does not even read: what waits for it is counted, and it is gone at
// the end.
func TestRunWithAStuckCollector(t *testing.T) {
	collector, dir := fakeRunCollector(t, `trap '' TERM; say '`+readyLine+`'; while :; do sleep 0.01; done`)
	begun := time.Now()
	status, stdout, stderr := call(t, "", "run", "--collector", collector, "--endpoint", anyEndpoint, "--flush-timeout", "300ms", "seq", "20000")
	assert.Zero(t, status)
	assert.Equal(t, 20000, strings.Count(stdout, "\n"))
	assert.Less(t, time.Since(begun), 20*time.Second)
	assert.Contains(t, stderr, "heartwood run: 20000 lines were not delivered to "+anyEndpoint+", and perhaps some that the collector had at hand\n")
	assertGone(t, contentOf(t, dir, "pid"))
}

func assertGone(t *testing.T, text string) {
	t.Helper()
	pid := 0
	_, err := fmt.Sscan(text, &pid)
	require.NoError(t, err)
	assert.Eventually(t, func() bool {
		if syscall.Kill(pid, 0) != nil {
			return true
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, patience, 5*time.Millisecond, "process %d is still there", pid)
}

// runProcess is heartwood run in a process of its own.
type runProcess struct {
	*exec.Cmd
	t           *testing.T
	out, errors output
}

func startRun(t *testing.T, args ...string) *runProcess {
	t.Helper()
	r := &runProcess{t: t, Cmd: exec.Command(filepath.Join(newHome(t, ""), "bin", "heartwood"), append([]string{"run"}, args...)...)}
	r.Env = append(os.Environ(), hurried)
	r.Stdout, r.Stderr = &r.out, &r.errors
	r.WaitDelay = time.Second
	r.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal, and apart from ours
	require.NoError(t, r.Start())
	t.Cleanup(func() { _ = syscall.Kill(-r.Process.Pid, syscall.SIGKILL) })
	return r
}

func (r *runProcess) await(word string) {
	r.t.Helper()
	if !assert.Eventually(r.t, func() bool { return strings.Contains(r.out.String(), word) }, patience, 5*time.Millisecond) {
		r.t.Fatalf("%q is not in what it says: %q", word, r.out.String())
	}
}

func (r *runProcess) end() int {
	r.t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.Wait()
	}()
	select {
	case <-ended:
		return r.ProcessState.ExitCode()
	case <-time.After(patience):
		require.Fail(r.t, "it does not end", r.out.String()+r.errors.String())
	}
	return 0
}

func TestRunHandsSignalsThrough(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{
		"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "USR1": syscall.SIGUSR1, "QUIT": syscall.SIGQUIT,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector, dir := fakeRunCollector(t, takeAll)
			r := startRun(t, "--collector", collector, "--endpoint", anyEndpoint, "sh", "-c",
				`trap 'echo got `+name+`; exit 7' `+name+`; echo ready; while :; do sleep 0.01; done`)
			r.await("ready")
			require.NoError(t, r.Process.Signal(signal))
			assert.Equal(t, 7, r.end())
			assert.Equal(t, "ready\ngot "+name+"\n", r.out.String())
			assert.Equal(t, []string{"stdout F ready", "stdout F got " + name}, framed(t, dir), "the last words arrive")
			assert.Empty(t, r.errors.String())
		})
	}
}

// A second Ctrl-C means not to wait for the collector.
func TestRunCanBeHurried(t *testing.T) {
	t.Parallel()
	collector, dir := fakeRunCollector(t, `trap '' TERM INT; say '`+readyLine+`'; cat >/dev/null; while :; do sleep 0.01; done`)
	r := startRun(t, "--collector", collector, "--endpoint", anyEndpoint, "--flush-timeout", "1h", "sh", "-c", "echo ready")
	require.Eventually(t, func() bool { return strings.Contains(r.errors.String(), "Ctrl-C: do not wait") }, patience, 5*time.Millisecond)
	require.NoError(t, r.Process.Signal(syscall.SIGINT))
	assert.Zero(t, r.end())
	assert.Contains(t, r.errors.String(), "nobody knows whether the last lines were delivered")
	assertGone(t, contentOf(t, dir, "pid"))
}

// Who looks on goes away: the program is to know, as it would without us.
func TestRunOfAProgramNobodyListensTo(t *testing.T) {
	t.Parallel()
	collector, _ := fakeRunCollector(t, `say '`+readyLine+`'; exec cat >/dev/null`)
	script := filepath.Join(newHome(t, ""), "bin", "heartwood") + ` run --quiet --collector ` + collector + ` --endpoint ` + anyEndpoint + ` yes | head -1`
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shell := exec.CommandContext(ctx, "sh", "-c", script)
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	shell.Env = append(os.Environ(), hurried)
	out, err := shell.Output()
	require.NoError(t, err)
	assert.Equal(t, "y\n", string(out))
}
