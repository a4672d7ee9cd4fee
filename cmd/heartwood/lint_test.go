package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/configlint"
)

var update = flag.Bool("update", false, "write the golden files")

const lintShapes = "../../internal/configlint/testdata/shapes/"

func TestLintStatus(t *testing.T) {
	for line, want := range map[string]int{
		"--config clean":                                     exitOK,
		"--config clean --strict":                            exitOK,
		"--config metrics":                                   exitOK, // warnings only
		"--config metrics --strict":                          exitFailure,
		"--config fed_twice":                                 exitFailure,
		"--config fed_twice --allow unredacted-page":         exitOK,
		"--config fed_twice --allow unredacted-page=viewer":  exitOK,
		"--config fed_twice --allow unredacted-page=file":    exitFailure,
		"--strict --allow memory-queue --config queues":      exitFailure,
		"--config clean --config clean":                      exitOK,
		"--config ../broken/keys":                            exitUsage,
		"--config ../broken/settings":                        exitUsage,
		"--config missing":                                   exitUsage,
		"--config clean --allow nothing":                     exitUsage,
		"--config clean --output xml":                        exitUsage,
		"--config clean clean":                               exitUsage,
		"--strict":                                           exitUsage,
		"--config clean --allow memory-queue= --output text": exitUsage,
	} {
		args := []string{"lint"}
		for i, field := range strings.Fields(line) {
			if i > 0 && args[len(args)-1] == "--config" {
				field = lintShapes + field + ".yaml"
			}
			args = append(args, field)
		}
		status, stdout, stderr := call(t, "", args...)
		assert.Equal(t, want, status, line)
		if want == exitUsage {
			assert.Empty(t, stdout, line)
			assert.Contains(t, stderr, "heartwood lint: ", line)
		} else {
			assert.Contains(t, stdout, "warning", line)
			assert.Empty(t, stderr, line)
		}
	}
}

func TestLintSaysWhatItAccepted(t *testing.T) {
	status, stdout, _ := call(t, "", "lint", "--config", lintShapes+"fed_twice.yaml", "--allow", "unredacted-page=viewer", "--allow", "batch-processor")
	assert.Equal(t, exitOK, status)
	assert.Contains(t, stdout, "  accepted unredacted-page: exporter viewer (")
	assert.Contains(t, stdout, "--allow batch-processor accepts nothing\n0 errors, 0 warnings, 1 accepted\n")
}

func TestLintJSON(t *testing.T) {
	status, stdout, _ := call(t, "", "lint", "--output=json", "--config", lintShapes+"fed_twice.yaml")
	assert.Equal(t, exitFailure, status)
	var report configlint.Report
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	assert.Equal(t, 1, report.Errors)
	require.Len(t, report.Findings, 1)
	assert.Equal(t, "viewer", report.Findings[0].Component)
	assert.Equal(t, []string{"logs/out"}, report.Findings[0].Pipelines)
}

// What lint says of the configurations that Heartwood comes with. The file is to become
// shorter; a new line in it needs a reason.
func TestLintOfOurConfigurations(t *testing.T) {
	const golden = "cmd/heartwood/testdata/lint-configs.want"
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "HEARTWOOD_") {
			t.Setenv(name, "") // puts it back in the end
			require.NoError(t, os.Unsetenv(name))
		}
	}
	t.Chdir("../..")
	configs, err := filepath.Glob("configs/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, configs)
	var got strings.Builder
	for _, over := range []string{"configs/destinations/*.yaml", "configs/kafka-tier/gateway.yaml", "configs/parts/request-documents.yaml"} {
		more, err := filepath.Glob(over)
		require.NoError(t, err)
		require.NotEmpty(t, more, over)
		for _, config := range more {
			configs = append(configs, "configs/gateway.yaml --config "+config)
		}
	}
	for _, agent := range []string{"agent", "agent-kubernetes"} {
		configs = append(configs, "configs/"+agent+".yaml --config configs/kafka-tier/agent.yaml")
	}
	for _, config := range configs {
		_, stdout, stderr := call(t, "", append([]string{"lint", "--config"}, strings.Fields(config)...)...)
		assert.Empty(t, stderr, config)
		got.WriteString("# " + config + "\n\n" + stdout + "\n")
	}
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), got.String())
}

// These are made to lose nothing, so no rule about delivery has anything to say.
func TestLintFindsOurFleetSafe(t *testing.T) {
	t.Setenv("HEARTWOOD_CONFIGS", "../../configs")
	for _, name := range []string{"agent", "agent-kubernetes", "archive-only", "gateway", "gateway-pool", "heroku-drain", "syslog", "systemd-host"} {
		config, err := configlint.Load(t.Context(), []string{"../../configs/" + name + ".yaml"})
		require.NoError(t, err)
		report, err := configlint.Check(config)
		require.NoError(t, err)
		assert.Zero(t, report.Warnings, name)
	}
}
