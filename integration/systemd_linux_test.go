package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// unitExposure is what systemd may count as exposure at most, times ten: 0 is none, 100 all. With
// systemd 252 the gateway has 12 and the agent 17; docs/operations.md has what is left.
var unitExposure = map[string]string{"gateway": "15", "agent": "22"}

// TestUnits: systemd understands the unit with each of its drop-ins, and finds it hardened.
func TestUnits(t *testing.T) {
	t.Parallel()
	from := filepath.Join(harness.Root(t), "distribution", "systemd")
	text, err := os.ReadFile(filepath.Join(from, "otelcol-heartwood.service"))
	require.NoError(t, err)
	for name, dropIns := range map[string][]string{"gateway": {"credentials.conf"}, "agent": {"agent.conf", "credentials.conf"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			// verify wants the programs to be there.
			unit := strings.NewReplacer("/usr/bin/otelcol-heartwood", harness.Binary(t), "/usr/bin/heartwood", harness.Program(t, "heartwood", "cmd/heartwood")).Replace(string(text))
			path := filepath.Join(dir, "otelcol-heartwood.service")
			require.NoError(t, os.WriteFile(path, []byte(unit), 0o600))
			for _, d := range dropIns {
				data, err := os.ReadFile(filepath.Join(from, d))
				require.NoError(t, err)
				require.NoError(t, os.MkdirAll(path+".d", 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(path+".d", d), data, 0o600))
			}
			out := systemdAnalyze(t, dir, "verify", "--man=no", path)
			assert.NotContains(t, out, "otelcol-heartwood", "what it says is of this unit")
			out = systemdAnalyze(t, dir, "security", "--offline=true", "--threshold="+unitExposure[name], path)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			t.Log(lines[len(lines)-1])
		})
	}
	assert.Contains(t, string(text), fmt.Sprintf("TimeoutStopSec=%ds\n", int(graceOfUnits.Seconds())), "what TestTerminateWhileNothingCanBeDelivered holds it to")
}

const analyser = "systemd-analyze" //nolint:misspell // its name

func systemdAnalyze(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), analyser, args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", strings.Join(args, " "), out)
	return string(out)
}
