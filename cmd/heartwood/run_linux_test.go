package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// onTerminal is heartwood run on a terminal at which the test sits.
type onTerminal struct {
	*runProcess
	keys, terminal *os.File
}

func startOnTerminal(t *testing.T, environment []string, args ...string) *onTerminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetUint32(int(keys.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = terminal.Close()
		_ = keys.Close()
	})
	r := &runProcess{t: t, Cmd: exec.Command(filepath.Join(newHome(t, ""), "bin", "heartwood"), append([]string{"run"}, args...)...)}
	r.Env = append(append(os.Environ(), hurried, "TERM=xterm", "NO_COLOR="), environment...)
	r.Stdin, r.Stdout, r.Stderr = terminal, terminal, terminal
	r.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, r.Start())
	t.Cleanup(func() { _ = syscall.Kill(-r.Process.Pid, syscall.SIGKILL) })
	go func() { _, _ = io.Copy(&r.out, keys) }()
	return &onTerminal{runProcess: r, keys: keys, terminal: terminal}
}

func (o *onTerminal) press(keys string) {
	o.t.Helper()
	_, err := o.keys.WriteString(keys)
	require.NoError(o.t, err)
}

const ctrlC = "\x03"

const countVariable = "HEARTWOOD_TEST_COUNT"

// TestCountSignals is a program that tells each SIGINT it gets; it is no test.
func TestCountSignals(t *testing.T) {
	if os.Getenv(countVariable) == "" {
		return // it is started by TestCtrlCReachesTheProgramOnce
	}
	if os.Getenv(countVariable) == "apart" {
		require.NoError(t, syscall.Setpgid(0, 0))
	}
	signals := make(chan os.Signal, 100)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	fmt.Println("ready")
	for n := 1; ; n++ {
		if s := <-signals; s == syscall.SIGTERM {
			fmt.Println("bye")
			os.Exit(9)
		}
		fmt.Println("got", n)
	}
}

// The terminal's driver tells the program and us of Ctrl-C; the program gets it once,
// and the collector, which has to deliver its last words, never.
func TestCtrlCReachesTheProgramOnce(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	for name, flags := range map[string][]string{"shared terminal": nil, "its own terminal": {"--pty"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector, dir := fakeRunCollector(t, takeAll)
			o := startOnTerminal(t, []string{countVariable + "=1"},
				append(flags, "--collector", collector, "--endpoint", anyEndpoint, self, "-test.run", "^TestCountSignals$")...)
			o.await("ready")
			require.Eventually(t, func() bool {
				_, err := os.Stat(filepath.Join(dir, "lines"))
				return err == nil
			}, patience, 5*time.Millisecond)
			for n := range 5 {
				o.press(ctrlC)
				o.await("got " + strconv.Itoa(n+1))
			}
			require.NoError(t, o.Process.Signal(syscall.SIGTERM)) // and behind it, a sixth
			assert.Equal(t, 9, o.end())
			o.await("bye")
			assert.NotContains(t, o.out.String(), "got 6")
			lines := framed(t, dir)
			assert.Contains(t, lines[len(lines)-1], "bye")

			after, err := unix.IoctlGetTermios(int(o.terminal.Fd()), unix.TCGETS)
			require.NoError(t, err)
			assert.NotZero(t, after.Lflag&unix.ECHO, "the terminal is as it was")
			assert.NotZero(t, after.Oflag&unix.OPOST)
		})
	}
}

// The kernel may make one of two signals that come at once. A program that is in no
// foreground group shows whether we have handed one on that the terminal did not send it.
func TestCtrlCIsNotHandedOn(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	o := startOnTerminal(t, []string{countVariable + "=apart"}, "--quiet", self, "-test.run", "^TestCountSignals$")
	o.await("ready")
	o.press(ctrlC)
	o.await("^C")
	require.NoError(t, o.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 9, o.end())
	o.await("bye")
	assert.NotContains(t, o.out.String(), "got")
}

func TestProgramOnATerminalOfItsOwn(t *testing.T) {
	t.Parallel()
	collector, dir := fakeRunCollector(t, takeAll)
	o := startOnTerminal(t, nil, "--pty", "--collector", collector, "--endpoint", anyEndpoint, "sh", "-c",
		`test -t 0 && test -t 1 && test -t 2 && echo ready; read name; echo "hello $name"; kill -KILL $$`)
	o.await("ready\r\n")
	o.press("bob\r")
	o.await("hello bob\r\n")
	assert.Equal(t, 137, o.end())
	assert.Equal(t, []string{"stdout F ready\r", "stdout F bob\r", "stdout F hello bob\r"}, framed(t, dir))
}

func TestRecordsAreShownOnATerminal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environment, flags []string
		want               string
	}{
		"with colours":    {nil, nil, "\x1b[32mSUCCESS\x1b[0m paid\r\n"},
		"without":         {[]string{"NO_COLOR=1"}, nil, " SUCCESS paid\r\n"},
		"never":           {nil, []string{"--color", "never"}, " SUCCESS paid\r\n"},
		"always":          {[]string{"NO_COLOR=1"}, []string{"--color", "always"}, "\x1b[32mSUCCESS\x1b[0m paid\r\n"},
		"not pretty":      {nil, []string{"--pretty=false"}, "level=SUCCESS msg=paid\r\n"},
		"its own, raw":    {nil, []string{"--pty"}, "\x1b[32mSUCCESS\x1b[0m paid\r\n"},
		"a question asks": {nil, nil, "name? "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOnTerminal(t, c.environment, append(c.flags, "sh", "-c", `echo level=SUCCESS msg=paid; printf 'name? '; read name`)...)
			o.await(c.want)
			o.await("name? ")
			o.press("bob\r")
			assert.Equal(t, 0, o.end())
		})
	}
}

// Whatever ends heartwood, the program and the collector end too.
func TestNobodyOutlivesAKilledRun(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{"pipes": nil, "terminal": {"--pty"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector, dir := fakeRunCollector(t, `say '`+readyLine+`'; while :; do sleep 0.01; done`)
			r := startRun(t, append(flags, "--collector", collector, "--endpoint", anyEndpoint, "sh", "-c", "echo program $$; trap '' HUP TERM; while :; do sleep 0.01; done")...)
			r.await("\n")
			_, pid, _ := strings.Cut(strings.TrimSpace(r.out.String()), "program ")
			require.Eventually(t, func() bool {
				content, err := os.ReadFile(filepath.Join(dir, "pid"))
				return err == nil && strings.HasSuffix(string(content), "\n")
			}, patience, 5*time.Millisecond)
			require.NoError(t, r.Process.Kill())
			assert.Equal(t, -1, r.end())
			assertGone(t, pid)
			assertGone(t, contentOf(t, dir, "pid"))
		})
	}
}
