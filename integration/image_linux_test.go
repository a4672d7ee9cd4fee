package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// inImage runs a program as the image would: in the tree of its files alone, which can't be
// written, as user 10001, with a volume for the state and one for /tmp.
//
//	inImage ROOT STATE TMP PROGRAM [ARGUMENTS]
const inImage = `#!/bin/sh
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
root=$1 state=$2 tmp=$3; shift 3
exec unshare --mount --map-root-user sh -c '
	root=$1; state=$2; tmp=$3; shift 3
	mount --bind "$root" "$root"
	mount -o remount,bind,ro "$root"
	mount --bind "$state" "$root/var/lib/otelcol-heartwood"
	mount --bind "$tmp" "$root/tmp"
	exec unshare --user --map-user=10001 --map-group=10001 --root="$root" --wd=/var/lib/otelcol-heartwood "$@"
' sh "$root" "$state" "$tmp" "$@"
`

// dockerfile gives the instructions of the final stage, by their names.
func dockerfile(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(t), "distribution", "Dockerfile"))
	require.NoError(t, err)
	stages := strings.Split(string(text), "\nFROM ")
	instructions := map[string][]string{}
	for i, line := range strings.Split("FROM "+stages[len(stages)-1], "\n") {
		name, rest, _ := strings.Cut(line, " ")
		if i == 0 || name != "#" && name != "" {
			instructions[name] = append(instructions[name], rest)
		}
	}
	return instructions
}

// TestImage runs what the Dockerfile's second stage has. No container engine is needed: it
// is the tree that distribution/rootfs.sh makes, in namespaces of its own.
func TestImage(t *testing.T) {
	t.Parallel()
	d := dockerfile(t)
	assert.Equal(t, []string{"scratch"}, d["FROM"])
	assert.Equal(t, []string{"10001:10001"}, d["USER"])
	require.Len(t, d["HEALTHCHECK"], 1)
	assert.Contains(t, d["HEALTHCHECK"][0], `CMD ["heartwood", "health"]`)
	require.Len(t, d["ENV"], 1)
	assert.Contains(t, d["ENV"][0], "PATH=/usr/local/bin ", "where rootfs.sh puts the programs")

	harness.Program(t, "heartwood", "cmd/heartwood")
	harness.Binary(t)
	dir := t.TempDir()
	steps := exec.CommandContext(t.Context(), "sh", filepath.Join(harness.Root(t), "distribution", "rootfs.sh"), dir)
	out, err := steps.CombinedOutput()
	require.NoError(t, err, "%s", out)
	root := filepath.Join(dir, "root")
	require.NoError(t, os.CopyFS(root, os.DirFS(filepath.Join(dir, "state")))) // the second COPY
	script := filepath.Join(dir, "in-image")
	require.NoError(t, os.WriteFile(script, []byte(inImage), 0o700))

	port := freeport.Take(t)
	health := freeport.Take(t)
	config := `
extensions:
  health_check: {endpoint: 127.0.0.1:` + strconv.Itoa(health) + `}
receivers:
  logfmt: {tcp: {endpoint: 127.0.0.1:` + strconv.Itoa(port) + `}}
exporters:
  file: {path: /var/lib/otelcol-heartwood/records.json}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [logfmt], exporters: [file]}
`
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc", "otelcol-heartwood", "heartwood.yaml"), []byte(config), 0o644))
	state, tmp := t.TempDir(), t.TempDir()
	env := strings.Fields(d["ENV"][0])
	command := func(name string, args ...string) harness.Command {
		return harness.Command{Name: name, Path: "/bin/sh", Args: append([]string{script, root, state, tmp, "/usr/local/bin/" + name}, args...), Env: env}
	}
	var argv []string
	require.NoError(t, json.Unmarshal([]byte(d["CMD"][0]), &argv))
	col := harness.StartProcess(t, command(argv[0], argv[1:]...))
	url := "http://127.0.0.1:" + strconv.Itoa(health) + "/"
	healthy := func() bool {
		p := harness.StartProcess(t, command("heartwood", "health", "--url", url))
		return p.Wait(t, time.Minute) == 0
	}
	require.Eventually(t, healthy, 2*time.Minute, 200*time.Millisecond, "the health check to succeed")
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(col.PID()), "status"))
	require.NoError(t, err)
	assert.Contains(t, string(status), "CapEff:\t0000000000000000")

	p := harness.StartProcess(t, command("heartwood", "send", "--endpoint", "tcp://127.0.0.1:"+strconv.Itoa(port), "msg=hello timestamp=2026-11-27T12:00:00"))
	require.Zero(t, p.Wait(t, time.Minute), p.Output())
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(filepath.Join(state, "records.json"))
		return err == nil && strings.Contains(string(data), "hello")
	}, time.Minute, 50*time.Millisecond)
	col.Terminate(t)
	assert.Zero(t, col.Wait(t, time.Minute))
	assert.Equal(t, 1, harness.StartProcess(t, command("heartwood", "health", "--url", url)).Wait(t, time.Minute), "it is down")
}
