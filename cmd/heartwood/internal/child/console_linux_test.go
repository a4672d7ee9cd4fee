package child

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// It is a terminal, of a size, with both outputs on it, and input that comes from
// elsewhere does not appear in the output.
func TestTerminal(t *testing.T) {
	c, stdout, _, status := play(t, Spec{Terminal: true, Stdin: strings.NewReader("bob\n")},
		`test -t 0 && test -t 1 && test -t 2 && stty size; read name; echo hello $name; echo oh >&2; read more || echo over; exit 3`, nil)
	assert.Equal(t, "24 80\nhello bob\noh\nover\n", stdout)
	assert.Equal(t, 3, status)
	assert.Nil(t, c.Stderr)
	assert.False(t, c.Raw())
}

func TestTerminalHasTheSizeOfOurs(t *testing.T) {
	master, slave := openPair(t)
	require.NoError(t, unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100}))
	_, stdout, _, _ := play(t, Spec{Terminal: true, Screen: slave}, `stty size; trap 'stty size; exit' WINCH; echo ready >/dev/null; kill -STOP $$; while :; do sleep 0.01; done`, func(c *Child) {
		var status unix.WaitStatus
		for !status.Stopped() { // its trap is set then
			var info unix.WaitStatus
			_, err := unix.Wait4(c.PID, &info, unix.WUNTRACED|unix.WNOHANG, nil)
			require.NoError(t, err)
			status = info
		}
		require.NoError(t, unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}))
		require.NoError(t, unix.Kill(os.Getpid(), unix.SIGWINCH))
		require.NoError(t, unix.Kill(c.PID, unix.SIGCONT))
	})
	_ = master
	assert.Equal(t, "30 100\n40 120\n", stdout)
}

// openPair opens a terminal of which the test has both sides.
func openPair(t *testing.T) (master, slave *os.File) {
	t.Helper()
	c, slave, err := openConsole(Spec{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = slave.Close()
		_ = c.master.Close()
	})
	return c.master, slave
}

func TestManyLinesThroughATerminal(t *testing.T) {
	_, stdout, _, _ := play(t, Spec{Terminal: true, Stdin: io.LimitReader(nil, 0)}, `i=0; while [ $i -lt 5000 ]; do echo "line $i"; i=$((i+1)); done`, nil)
	assert.Equal(t, 5000, strings.Count(stdout, "\n"))
	assert.True(t, strings.HasSuffix(stdout, "line 4999\n"))
}
