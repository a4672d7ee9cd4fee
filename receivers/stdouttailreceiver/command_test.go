//go:build unix

package stdouttailreceiver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// script gives the configuration of a program that is a shell script.
func script(text, further string) string {
	return fmt.Sprintf("{command: {argv: [/bin/sh, -c, %q]%s}}", text, further)
}

func TestCommandMakesRecords(t *testing.T) {
	next := &keeper{}
	host := newHost()
	start(t, host, script(`echo level=info msg=out; echo '{"level":"error","msg":"err"}' >&2; exit 3`, `, restart: {policy: never}, on_exit: shutdown`), next)
	records := next.wait(t, 3)
	byBody := map[string]record{}
	for _, r := range records {
		byBody[r.Body().AsString()] = r
	}
	assert.Equal(t, "stdout", byBody["out"].attr("log.iostream"))
	assert.Equal(t, "stderr", byBody["err"].attr("log.iostream"))
	exit := records[2]
	assert.Equal(t, "process.exit", exit.EventName())
	assert.Equal(t, int64(3), exit.attr("process.exit.code"))
	assert.Nil(t, exit.attr("process.exit.signal"))
	assert.Positive(t, exit.attr("process.pid"))
	assert.Positive(t, exit.attr("heartwood.process.duration"))
	assert.Contains(t, exit.attr("process.command"), "/bin/sh -c ")
	assert.Equal(t, plog.SeverityNumberError, exit.SeverityNumber())
	assert.Regexp(t, `^sh ended with status 3 after \d+`, exit.Body().Str())
	assert.ErrorIs(t, <-host.fatal, errProgramEnded)
}

func TestCommandIsStartedAgain(t *testing.T) {
	next := &keeper{}
	start(t, newHost(), script(`echo run; exit 1`, `, restart: {initial_interval: 1ms, max_interval: 2ms}`), next)
	require.Eventually(t, func() bool { return len(next.records()) >= 6 }, patience, time.Millisecond)
	records := next.records()
	assert.Equal(t, "run", records[0].Body().Str())
	assert.Contains(t, records[1].Body().Str(), "it is started again in ")
	assert.Equal(t, "run", records[2].Body().Str())
}

func TestCommandThatCannotStartIsAnError(t *testing.T) {
	r, err := newReceiver(settings(), parseConfig(t, `{command: {argv: [/no/such/program]}}`), &keeper{})
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context(), newHost()), "/no/such/program")
}

func TestCommandIsStoppedWithAllItSays(t *testing.T) {
	next := &keeper{}
	r := start(t, newHost(), script(`trap 'echo last words; exit 0' TERM; echo ready; while :; do sleep 0.01; done`, ``), next)
	next.wait(t, 1)
	require.NoError(t, r.Shutdown(t.Context()))
	records := next.records()
	assert.Contains(t, next.bodies(), "last words")
	exit := records[len(records)-1]
	assert.Contains(t, exit.Body().Str(), "it was told to stop")
	assert.Equal(t, plog.SeverityNumberInfo, exit.SeverityNumber())
}

func TestCommandGetsSignals(t *testing.T) {
	next := &keeper{}
	start(t, newHost(), script(`trap 'echo got it' USR1; echo ready; while :; do sleep 0.01; done`, ``), next)
	next.wait(t, 1)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	next.wait(t, 2)
	assert.Equal(t, "got it", next.bodies()[1])
}

// TestCommandWaits is back-pressure on a program, and its end.
func TestCommandWaits(t *testing.T) {
	open := make(chan struct{})
	next := &keeper{before: func(ctx context.Context, _ int, _ plog.Logs) error {
		select {
		case <-open:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	progress := filepath.Join(t.TempDir(), "progress")
	const lines = 30_000
	start(t, newHost(), script(fmt.Sprintf(
		`i=0; while [ $i -lt %d ]; do echo "n=$i pad=%s"; i=$((i+1)); done; echo done > %s`, lines, strings.Repeat("x", 60), progress), ``), next)
	require.Eventually(t, func() bool { return next.called() > 0 }, patience, time.Millisecond)
	assert.NoFileExists(t, progress)
	close(open)
	for i, r := range next.wait(t, lines+1)[:lines] {
		require.Equal(t, int64(i), r.attr("n"), strconv.Itoa(i))
	}
}
