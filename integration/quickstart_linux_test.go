package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

const patience = time.Minute

// quickstart is `make run` without the make: bin/heartwood quickstart, on ports
// that are free.
type quickstart struct {
	*harness.Process

	env map[string]string
	dir string
}

func startHeartwood(t *testing.T) *quickstart {
	t.Helper()
	q := &quickstart{env: map[string]string{}, dir: t.TempDir()}
	for _, name := range []string{
		"VIEWER", "OTLP_GRPC", "OTLP_HTTP", "LOGFMT_TCP", "LOGFMT_HTTP", "PROMETHEUS", "TELEMETRY", "HEALTH", "PURCHASING", "INVENTORY", "ORDERING",
	} {
		q.env["HEARTWOOD_"+name+"_PORT"] = strconv.Itoa(freeport.Take(t))
	}
	q.Process = harness.StartProcess(t, harness.Command{
		Name: "heartwood",
		Path: heartwoodCommand(t),
		Args: []string{
			"quickstart", "-run-dir", q.dir, "-rate", "10", "-collector", harness.Binary(t),
			"-shop", harness.Program(t, "shop", shopSources...),
			"-config", filepath.Join(harness.Root(t), "configs", "quickstart.yaml"),
		},
		Env: q.environ(),
		Dir: q.dir,
	})
	q.WaitOutput(t, "Ctrl-C stops everything", patience)
	return q
}

func heartwoodCommand(t *testing.T) string {
	t.Helper()
	return harness.Program(t, "heartwood", "cmd/heartwood")
}

func (q *quickstart) environ() []string {
	var env []string
	for name, value := range q.env {
		env = append(env, name+"="+value)
	}
	return env
}

// What it prints to be pasted works when pasted, and so does what the README
// says.
func TestQuickstartCommandsWorkWhenPasted(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there's no curl on this machine")
	}
	q := startHeartwood(t)
	requireOpens(t, pageURL.FindString(q.Output()))

	printed := pasteable(q.Output())
	require.GreaterOrEqual(t, len(printed), 3, "bin/heartwood send and curl, for logfmt and for OTLP, in\n%s", q.Output())
	readme, err := os.ReadFile(filepath.Join(harness.Root(t), "README.md"))
	require.NoError(t, err)
	documented := pasteable(string(readme))
	require.GreaterOrEqual(t, len(documented), 3, "the same in the README")
	for i, command := range documented { // there, the ports are the usual ones
		documented[i] = strings.NewReplacer(
			":4318", ":"+q.env["HEARTWOOD_OTLP_HTTP_PORT"],
			":5644", ":"+q.env["HEARTWOOD_LOGFMT_HTTP_PORT"],
		).Replace(command)
	}

	for _, command := range append(printed, documented...) {
		before := strings.Count(q.Output(), "\n")
		shell := exec.CommandContext(t.Context(), "sh", "-c", command)
		shell.Env = append(os.Environ(), q.environ()...)
		shell.Dir = harness.Root(t)
		out, err := shell.CombinedOutput()
		require.NoError(t, err, "%s\n%s", command, out)

		message := messageOf(t, command)
		require.Eventually(t, func() bool {
			lines := strings.Split(q.Output(), "\n")
			return slices.ContainsFunc(lines[min(before, len(lines)):], func(line string) bool { return strings.Contains(line, message) })
		}, patience, 20*time.Millisecond, "%q of the command\n%s\nin what is printed", message, command)
	}
	q.Interrupt(t)
	assert.Zero(t, q.Wait(t, patience))
}

// pasteable finds commands in a text: lines that begin with curl or with
// bin/heartwood send, at whatever path.
func pasteable(text string) []string {
	var commands []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "curl ") || regexp.MustCompile(`^\S*bin/heartwood send `).MatchString(line) {
			commands = append(commands, line)
		}
	}
	return commands
}

var messages = []*regexp.Regexp{
	regexp.MustCompile(`msg=(?:"([^"]+)"|([^\s'"]+))`),
	regexp.MustCompile(`"body":\{"stringValue":"([^"]+)()"`),
}

// messageOf is the message that a command sends.
func messageOf(t *testing.T, command string) string {
	t.Helper()
	for _, pattern := range messages {
		if m := pattern.FindStringSubmatch(command); m != nil {
			return m[1] + m[2]
		}
	}
	t.Fatalf("no message found in %s", command)
	return ""
}

func TestQuickstartLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, q *quickstart){
		"Ctrl-C": func(t *testing.T, q *quickstart) {
			t.Helper()
			q.Interrupt(t)
			assert.Zero(t, q.Wait(t, patience))
		},
		"SIGTERM": func(t *testing.T, q *quickstart) {
			t.Helper()
			q.Terminate(t)
			q.Wait(t, patience)
		},
		"kill -9": func(t *testing.T, q *quickstart) {
			t.Helper()
			q.Signal(t, syscall.SIGKILL)
			q.Wait(t, patience)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := startHeartwood(t)
			q.WaitOutput(t, "purchasing listens", patience)
			children := q.Descendants(t)
			require.GreaterOrEqual(t, len(children), 2, "the collector and the shop")
			end(t, q)
			require.Eventually(t, func() bool { return !slices.ContainsFunc(children, harness.Alive) }, patience, 5*time.Millisecond,
				"one of %v is still there", children)
		})
	}
}
