//go:build unix

package child

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// readAll reads a stream to its end.
func readAll(s *Stream) string {
	var all strings.Builder
	buf := make([]byte, 1000)
	for {
		n, err := s.Read(buf, 0)
		all.Write(buf[:n])
		if err != nil {
			if !errors.Is(err, io.EOF) {
				all.WriteString(err.Error())
			}
			return all.String()
		}
	}
}

// play runs a program that a shell plays, and gives what it said.
func play(t *testing.T, spec Spec, script string, during func(*Child)) (c *Child, stdout, stderr string, status int) {
	t.Helper()
	spec.Argv = []string{"sh", "-c", script}
	c, err := Start(spec)
	require.NoError(t, err)
	var readers sync.WaitGroup
	readers.Go(func() { stdout = readAll(c.Stdout) })
	if c.Stderr != nil {
		readers.Go(func() { stderr = readAll(c.Stderr) })
	}
	if during != nil {
		during(c)
	}
	status = c.Wait()
	readers.Wait()
	c.Close()
	return c, stdout, stderr, status
}

func TestStreamsAndStatus(t *testing.T) {
	c, stdout, stderr, status := play(t, Spec{Stdin: strings.NewReader("bob\n")}, `read name; echo hello $name; echo oh >&2; exit 3`, nil)
	assert.Equal(t, "hello bob\n", stdout)
	assert.Equal(t, "oh\n", stderr)
	assert.Equal(t, 3, status)
	assert.False(t, c.Stdout.Cut())
	assert.False(t, c.Raw())
	c.Signal(syscall.SIGKILL) // nobody is hit
}

func TestSignalsMakeTheStatusOfShells(t *testing.T) {
	for script, want := range map[string]int{
		`kill -TERM $$`: 143, `kill -KILL $$`: 137, `kill -INT $$`: 130, `true`: 0,
	} {
		_, _, _, status := play(t, Spec{}, script, nil)
		assert.Equal(t, want, status, script)
	}
}

func TestSignalReachesTheProgram(t *testing.T) {
	hups := make(chan os.Signal, 1)
	Notify(hups)
	defer signal.Stop(hups)
	_, stdout, _, status := play(t, Spec{}, `trap 'echo reloaded; exit 5' HUP; kill -HUP $PPID; while :; do sleep 0.01; done`, func(c *Child) {
		c.Forward(<-hups) // the parent is this process
	})
	assert.Equal(t, "reloaded\n", stdout)
	assert.Equal(t, 5, status)
}

func TestProgramsThatCannotBeRun(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("hi"), 0o600))
	noise := filepath.Join(dir, "noise")
	require.NoError(t, os.WriteFile(noise, []byte("\x00\x01"), 0o700))
	script := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/nonexistent/interpreter\n"), 0o700))
	for argv, want := range map[string]int{
		"no-such-program": NotFound, dir + "/nothing": NotFound, text: NotExecutable, dir: NotExecutable,
		noise: NotExecutable, script: NotFound, // as bash has it
	} {
		_, err := Start(Spec{Argv: []string{argv}})
		failed, ok := errors.AsType[*StartError](err)
		require.True(t, ok, "%s: %v", argv, err)
		assert.Equal(t, want, failed.Status, "%v", err)
		assert.Contains(t, err.Error(), argv)
	}
}

// What the program leaves running may say things for ever; what it has said itself is
// all there.
func TestOthersHoldTheOutput(t *testing.T) {
	begun := time.Now()
	c, stdout, _, status := play(t, Spec{}, `sleep 1000 2>/dev/null & echo $!; exit 0`, nil)
	assert.Less(t, time.Since(begun), drainTime+10*time.Second)
	assert.Zero(t, status)
	assert.True(t, c.Stdout.Cut())
	assert.False(t, c.Stderr.Cut())
	pid := 0
	for _, digit := range strings.TrimSpace(stdout) {
		pid = 10*pid + int(digit-'0')
	}
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}

// A reader who is slow gets everything, however long the program is over.
func TestSlowReaderGetsEverything(t *testing.T) {
	c, err := Start(Spec{Argv: []string{"sh", "-c", "printf '%060000d' 7"}})
	require.NoError(t, err)
	require.Zero(t, c.Wait())
	c.Stdout.mu.Lock()
	c.Stdout.until = time.Now().Add(-time.Hour)
	c.Stdout.mu.Unlock()
	assert.Len(t, readAll(c.Stdout), 60_000)
	assert.Empty(t, readAll(c.Stderr))
	c.Close()
}

func TestReadPauses(t *testing.T) {
	c, err := Start(Spec{Argv: []string{"sleep", "1000"}})
	require.NoError(t, err)
	n, err := c.Stdout.Read(make([]byte, 10), time.Millisecond)
	assert.Zero(t, n)
	require.ErrorIs(t, err, ErrPause)
	c.Signal(syscall.SIGKILL)
	assert.Equal(t, 137, c.Wait())
	assert.Empty(t, readAll(c.Stdout))
	c.Close()
}
