package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// talker is a program that logs in the ways that programs do.
const talker = `
echo '{"time":"2026-11-21T10:00:00.5Z","level":"info","msg":"order placed","order":{"id":7},"user":"ann lee"}'
echo 'ts=2026-11-21T10:00:01Z level=warn msg="stock is low" item=nail left=3'
echo '{"time":"2026-11-21T10:00:02Z","levelname":"SUCCESS","levelno":25,"message":"paid"}'
echo 'just text'
cat >&2 <<'END'
2026-11-21 10:00:03,123 ERROR shop.orders cannot place order
Traceback (most recent call last):
  File "a.py", line 3, in <module>
    place()
ValueError: no nails
END
printf 'no end'
exit 3
`

func runHeartwood(t *testing.T) string {
	t.Helper()
	return harness.Program(t, "heartwood", "cmd/heartwood")
}

// runArguments are those of heartwood run with the collector under test.
func runArguments(t *testing.T, args ...string) []string {
	t.Helper()
	return append([]string{"run", "--collector", harness.Binary(t)}, args...)
}

func TestRunShowsAndSends(t *testing.T) {
	t.Parallel()
	bare := harness.Run(t, "sh", "-c", talker)
	sink := harness.NewSink(t)
	for name, endpoint := range map[string]string{"http": sink.HTTP(), "grpc": sink.GRPC()} {
		begun := time.Now()
		got := harness.Run(t, runHeartwood(t), runArguments(t, "--endpoint", endpoint, "--service", name, "--", "sh", "-c", talker)...)
		assert.Equal(t, bare, got, "the same output and status as without heartwood")

		resource := func(r harness.LogRecord) {
			assert.Equal(t, "sh", r.Resource["process.command"])
			assert.IsType(t, int64(0), r.Resource["process.pid"])
			assert.NotEmpty(t, r.UID())
		}
		r := sink.WaitLog(t, harness.Service(name), harness.Body("order placed"))
		resource(r)
		assert.Equal(t, "info", r.SeverityText)
		assert.Equal(t, time.Date(2026, 11, 21, 10, 0, 0, 500_000_000, time.UTC), r.Time.UTC())
		assert.Equal(t, "ann lee", r.Attributes["user"])
		assert.Equal(t, map[string]any{"id": int64(7)}, r.Attributes["order"])
		assert.Equal(t, "stdout", r.Attributes["log.iostream"])

		r = sink.WaitLog(t, harness.Service(name), harness.Body("stock is low"))
		assert.Equal(t, int64(3), r.Attributes["left"])

		r = sink.WaitLog(t, harness.Service(name), harness.Body("paid"))
		assert.Equal(t, "SUCCESS", r.SeverityText)

		r = sink.WaitLog(t, harness.Service(name), harness.Body("cannot place order"))
		assert.Equal(t, "stderr", r.Attributes["log.iostream"])
		assert.Equal(t, "ValueError", r.Attributes["exception.type"])
		assert.Equal(t, "no nails", r.Attributes["exception.message"])
		assert.Contains(t, r.Attributes["exception.stacktrace"], "place()")

		r = sink.WaitLog(t, harness.Service(name), harness.Body("just text"))
		assert.WithinRange(t, r.Time, begun.Add(-time.Second), time.Now(), "the time at which it was written")
		sink.WaitLog(t, harness.Service(name), harness.Body("no end"))
		assert.Len(t, sink.Logs(harness.Service(name)), 6)
	}
}

// Noise is shown as it is, and every line of it arrives.
func TestRunIsTransparent(t *testing.T) {
	t.Parallel()
	var noise bytes.Buffer
	const lines = 20_000
	for i := range lines {
		fmt.Fprintf(&noise, "%d \xff\xfe\t\x1b[31m%s\r\n", i, strings.Repeat("é", i%200))
	}
	fmt.Fprintf(&noise, "long %s\n", strings.Repeat("x", 100_000))
	path := filepath.Join(t.TempDir(), "noise")
	require.NoError(t, os.WriteFile(path, noise.Bytes(), 0o600))

	sink := harness.NewSink(t)
	got := harness.Run(t, runHeartwood(t), runArguments(t, "--endpoint", sink.HTTP(), "cat", path)...)
	assert.Zero(t, got.Code)
	assert.Empty(t, got.Stderr)
	assert.True(t, got.Stdout == noise.String(), "byte for byte") //nolint:testifylint // a difference would be shown at length
	assert.Equal(t, lines+1, sink.LogCount())
}

func TestRunWithAConfiguration(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	path := filepath.Join(t.TempDir(), "pipeline.yaml")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `
receivers:
  stdout_tail/run:
    keep_original: true
processors:
  attributes: {actions: [{key: team, value: red, action: insert}]}
exporters:
  otlp_grpc: {endpoint: %s, tls: {insecure: true}}
service:
  pipelines:
    logs: {receivers: [stdout_tail/run], processors: [attributes], exporters: [otlp_grpc]}
`, sink.GRPC()), 0o600))
	got := harness.Run(t, runHeartwood(t), runArguments(t, "--config", path, "sh", "-c", "echo level=info msg=hi")...)
	assert.Equal(t, harness.Result{Stdout: "level=info msg=hi\n"}, got)
	r := sink.WaitLog(t, harness.Service("sh"), harness.Body("hi"))
	assert.Equal(t, "red", r.Attributes["team"])
	assert.Equal(t, "level=info msg=hi", r.Attributes["log.record.original"])
}

// The program runs on, and what did not arrive is counted.
func TestRunWithoutAnybodyThere(t *testing.T) {
	t.Parallel()
	endpoint := fmt.Sprintf("http://127.0.0.1:%d", freeport.Take(t))
	got := harness.Run(t, runHeartwood(t), runArguments(t, "--endpoint", endpoint, "--flush-timeout", "3s", "sh", "-c", "echo one; echo two; exit 4")...)
	assert.Equal(t, 4, got.Code)
	assert.Equal(t, "one\ntwo\n", got.Stdout)
	assert.Contains(t, got.Stderr, "connection refused")
	assert.Contains(t, got.Stderr, "heartwood run: 2 lines were not delivered to "+endpoint)
}

// Somebody comes in the end: what waited arrives.
func TestRunWhileTheSinkIsAway(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	sink.Down()
	p := harness.StartProcess(t, harness.Command{
		Name: "heartwood", Path: runHeartwood(t), Args: runArguments(t, "--endpoint", sink.GRPC(), "--flush-timeout", "1m", "seq", "5000"),
	})
	p.WaitOutput(t, "takes no records now, so they wait", patience)
	sink.Up(t)
	assert.Zero(t, p.Wait(t, patience))
	assert.Equal(t, 5000, sink.LogCount())
	assert.NotContains(t, p.Output(), "not delivered")
}

func TestRunTellsWhatTheCollectorSays(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "broken.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
exporters: {otlp_grpc: {endpiont: x}}
service: {pipelines: {logs: {receivers: [stdout_tail/run], exporters: [otlp_grpc]}}}
`), 0o600))
	got := harness.Run(t, runHeartwood(t), runArguments(t, "--config", path, "sh", "-c", "echo one; sleep 2; exit 4")...)
	assert.Equal(t, 4, got.Code)
	assert.Equal(t, "one\n", got.Stdout)
	assert.Contains(t, got.Stderr, "records are not sent any more, for the collector has ended")
	assert.Contains(t, got.Stderr, "endpiont")
}

func TestRunEndsWithItsProgram(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	p := harness.StartProcess(t, harness.Command{
		Name: "heartwood", Path: runHeartwood(t),
		Args: runArguments(t, "--endpoint", sink.HTTP(), "sh", "-c", `trap 'echo msg=bye level=info; exit 5' INT; echo ready; while :; do sleep 0.01; done`),
	})
	p.WaitOutput(t, "ready", patience)
	p.Interrupt(t)
	assert.Equal(t, 5, p.Wait(t, patience))
	sink.WaitLog(t, harness.Body("bye"))
	assert.Equal(t, 2, sink.LogCount())
}

func TestRunKilledLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills the children of a killed parent")
	}
	sink := harness.NewSink(t)
	p := harness.StartProcess(t, harness.Command{
		Name: "heartwood", Path: runHeartwood(t),
		Args: runArguments(t, "--endpoint", sink.HTTP(), "sh", "-c", `trap '' TERM HUP INT; echo $$; echo ready; while :; do sleep 0.01; done`),
	})
	p.WaitOutput(t, "ready", patience)
	sink.WaitLog(t, harness.Body("ready"))
	p.Signal(t, syscall.SIGKILL)
	p.Wait(t, patience)
	pid, _, _ := strings.Cut(p.Output(), "\n")
	require.Eventually(t, func() bool {
		return exec.CommandContext(t.Context(), "kill", "-0", pid).Run() != nil
	}, patience, 20*time.Millisecond)
}
