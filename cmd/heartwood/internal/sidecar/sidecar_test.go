//go:build unix

package sidecar

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play starts a collector that a shell plays.
func play(t *testing.T, script string, tell func(Event)) (*Collector, *os.File) {
	t.Helper()
	theirs, ours, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = ours.Close() })
	c, err := Start(Spec{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"WORD=hello"}, Stdin: theirs, Tell: tell})
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Kill()
		await(t, c)
	})
	return c, ours
}

func await(t *testing.T, c *Collector) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(20 * time.Second):
		require.Fail(t, "the collector does not end")
	}
}

func TestCollectorReadsUntilTheEnd(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	c, stdin := play(t, `printf '%s\n' '`+readyLine+`' >&2; echo $WORD >`+out+`; cat >>`+out+`; printf '%s' '`+goodLine+`'`, nil)
	_, err := io.WriteString(stdin, "one\ntwo\n")
	require.NoError(t, err)
	require.NoError(t, stdin.Close())
	await(t, c)
	content, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Equal(t, "hello\none\ntwo\n", string(content))
	assert.True(t, c.Ready())
	assert.EqualValues(t, 3, c.Lost())
	assert.Equal(t, "401", c.Why())
	assert.Empty(t, c.Failure())
	c.Stop() // nobody is hit
}

func TestFailureHasTheCollectorsWords(t *testing.T) {
	for script, want := range map[string]string{
		`printf '%s\n' '` + readyLine + `' 'Error: no' 'such thing'; exit 1`: "Error: no\nsuch thing",
		`exit 7`:        "exit status 7",
		`kill -KILL $$`: "signal: killed",
		`exit 0`:        "",
	} {
		c, _ := play(t, script, nil)
		await(t, c)
		assert.Equal(t, want, c.Failure(), script)
	}
}

func TestEventsAreTold(t *testing.T) {
	told := make(chan Event, 1)
	c, _ := play(t, fmt.Sprintf(`printf '%%0100000d\n' 1; printf '%%s\n' '%s'; cat`, refusedLine), func(e Event) { told <- e })
	assert.Equal(t, Event{Refused, "connection refused"}, <-told)
	c.Stop()
	await(t, c)
	assert.Equal(t, "0", c.Failure()[:1])
}

func TestStartTellsWhatIsWrong(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = w.Close() }()
	_, err = Start(Spec{Path: "/nonexistent/otelcol", Stdin: r})
	require.ErrorContains(t, err, "start the collector: fork/exec /nonexistent/otelcol: no such file")
	require.ErrorIs(t, r.Close(), os.ErrClosed)
}
