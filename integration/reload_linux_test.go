package integration

import (
	"bytes"
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// reloadConfig marks records with the generation of the configuration, from the environment
// of the collector at first.
const reloadConfig = `
	receivers:
	  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
	processors:
	  redact:
	  attributes: {actions: [{key: generation, value: '${env:FIRST_GENERATION}', action: upsert}]}
	exporters:
	  kinesis:
	    stream: logs
	    endpoint: {{.url}}
	    encoding: json
	    rate: {bytes: 100MB, records: 100000}
	    spool: {directory: {{dir "spool"}}}
	service:
	  pipelines:
	    logs: {receivers: [otlp], processors: [redact, attributes], exporters: [kinesis]}
`

// heartwood runs bin/heartwood to its end.
func heartwood(t *testing.T, args ...string) harness.Result {
	t.Helper()
	var stdout bytes.Buffer
	p := harness.StartProcess(t, harness.Command{
		Name: "heartwood " + args[0], Path: harness.Program(t, "heartwood", "cmd/heartwood"), Args: args, Stdout: &stdout,
	})
	code := p.Wait(t, 2*time.Minute)
	return harness.Result{Stdout: stdout.String(), Stderr: p.Output(), Code: code}
}

// TestReload: a gateway under traffic takes another configuration, and loses nothing. One
// that is not right is never told to it.
func TestReload(t *testing.T) {
	t.Parallel()
	fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 2}})
	col := harness.Start(t, reloadConfig, harness.With("url", fake.URL()),
		harness.WithEnv(append(awsEnv, "FIRST_GENERATION=one")...))
	configs := col.ConfigArgs()
	path := strings.TrimPrefix(configs[0], "--config=")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	change := func(from, to string) {
		t.Helper()
		require.Contains(t, string(text), from)
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600))
	}
	pid := strconv.Itoa(col.PID())
	has := func(generation string) func() bool {
		return func() bool {
			for _, u := range fake.UserRecords(t, "logs") {
				if bytes.Contains(u.Data, []byte(`"generation":"`+generation+`"`)) {
					return true
				}
			}
			return false
		}
	}

	load := newKeyedLoad(t, 200, 0)
	load.batch, load.pause = 50, 20*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent := make(chan error, 1)
	go func() { sent <- load.run(ctx, "http://"+col.Addr(t, "in")) }()
	require.Eventually(t, has("one"), time.Minute, 50*time.Millisecond)

	for name, c := range map[string]struct {
		from, to string
		args     []string
		want     string
	}{
		"not valid":           {"stream: logs", "stream: '?'", []string{"--pid", pid}, "stream is \"?\""},
		"no YAML":             {"receivers:", "receivers: [", []string{"--pid", pid}, "is not valid, and the collector goes on with the one that it has"},
		"leaks":               {"processors: [redact, attributes]", "processors: [attributes]", []string{"--pid", pid}, "heartwood lint has found what is above"},
		"other configuration": {"stream: logs", "stream: logs", []string{"--pid", pid, "--config", "other.yaml"}, "was started with"},
		"other program":       {"stream: logs", "stream: logs", []string{"--pid", strconv.Itoa(os.Getpid())}, "and no otelcol-heartwood"},
	} {
		change(c.from, c.to)
		r := heartwood(t, append([]string{"reload"}, c.args...)...)
		assert.Equal(t, 1, r.Code, name)
		assert.Contains(t, r.Stderr, c.want, name)
	}
	assert.NotContains(t, col.Output(), "Config updated, restart service", "none of these was told to it")

	change("'${env:FIRST_GENERATION}'", "'${env:FIRST_GENERATION} and two'")
	pidFile := writeFile(t, "pid", pid+"\n")
	r := heartwood(t, append([]string{"reload", "--pid-file", pidFile}, configs...)...)
	require.Zero(t, r.Code, r.Stderr)
	assert.Contains(t, r.Stderr, "the new configuration is in use by process "+pid)
	require.Eventually(t, has("one and two"), time.Minute, 50*time.Millisecond)
	close(load.stop)
	require.NoError(t, <-sent)
	load.requireAll(t, fake, "logs")

	// What can't be known before: the port is taken.
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	change(col.Addr(t, "in"), taken.Addr().String())
	r = heartwood(t, "reload", "--pid", pid)
	require.Equal(t, 1, r.Code, r.Stderr)
	assert.Contains(t, r.Stderr, "is valid, and could not be started")
	assert.NotZero(t, col.Wait(t, time.Minute), "it has ended")
	assert.Contains(t, col.Output(), "address already in use")
}
