package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/archiveplan"
	"github.com/heartwood-otel/heartwood/exporters/worms3exporter"
)

// exporterConfig is a configuration of the exporter with more, or less, in it.
func exporterConfig(t *testing.T, text string) map[string]any {
	t.Helper()
	settings := map[string]any{
		"bucket": "example-archive", "region": "eu-central-1", "origin": "example.com/logs", "writer": "gateway-1",
		"signing_key_file": "/etc/otelcol/gateway-1.key",
		"spool":            map[string]any{"directory": "/var/lib/otelcol/archive"},
		"rules":            []any{map[string]any{"name": "application", "period": "90d"}},
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &settings))
	return settings
}

func planOf(t *testing.T, settings map[string]any) ([]archiveplan.Exporter, error) {
	t.Helper()
	return archiveplan.Read(confmap.NewFromStringMap(map[string]any{"exporters": map[string]any{"worm_s3": settings}}))
}

// The plan has the exporter's own defaults.
func TestPlanHasTheExportersDefaults(t *testing.T) {
	whole := confmap.New()
	require.NoError(t, whole.Marshal(worms3exporter.NewFactory().CreateDefaultConfig()))
	least := exporterConfig(t, "")
	full := whole.ToStringMap()
	delete(full, "max_retention") // there is no text of none
	maps.Copy(full, least)
	want, err := planOf(t, full) // with all defaults written out
	require.NoError(t, err)
	got, err := planOf(t, least)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Positive(t, want[0].MaxObjectAge, "it does not have the defaults")
}

// The plan stops at the rules that the exporter would stop at, and at no others.
func TestPlanStopsWhereTheExporterDoes(t *testing.T) {
	for text, good := range map[string]bool{
		"{}":                             true,
		"rules: []":                      false,
		"rules: [{name: a}]":             false,
		"rules: [{period: 1d}]":          false,
		"rules: [{name: A, period: 1d}]": false,
		"rules: [{name: a, period: 1d}, {name: a, period: 2d}]":                                 false,
		"rules: [{name: a, period: 7}]":                                                         false,
		"rules: [{name: a, period: 1d, mode: COMPLIANCE}]":                                      false,
		"rules: [{name: a, period: 1d, mode: compliance}]":                                      false,
		"rules: [{name: a, period: 1d, mode: LEGAL}]":                                           false,
		"rules: [{name: a, period: 31y}]":                                                       false,
		"rules: [{name: a, period: 30y}]":                                                       true,
		"{max_retention: 40y, rules: [{name: a, period: 31y}]}":                                 true,
		"{max_retention: 1d, rules: [{name: a, period: 2d}]}":                                   false,
		"{max_retention: 2d, rules: [{name: a, period: 2d}]}":                                   true,
		"rules: [{name: a, period: 1d, storage_class: COLD}]":                                   false,
		"rules: [{name: a, period: 1d, storage_class: DEEP_ARCHIVE}]":                           true,
		"rules: [{name: a, period: 1d, category: x}]":                                           false,
		"rules: [{name: a, period: 1d}, {name: b, period: 1d}]":                                 false,
		"rules: [{name: a, period: 1d, category: x, condition: 'true'}, {name: b, period: 1d}]": false,
		"rules: [{name: a, period: 1d, category: x}, {name: b, period: 1d}]":                    true,
		"traces: {period: 31y}":                                                                 false,
		"metrics: {period: 1d, mode: COMPLIANCE}":                                               false,
		"{max_retention: 1y, metrics: {period: 1d, mode: COMPLIANCE}}":                          true,
		"traces: {name: spans, period: 1d}":                                                     false,
		"traces: {period: 1d, category: x}":                                                     false,
		"max_object_age: 0s":                                                                    false,
		"max_wait: 1m":                                                                          false,
		"checkpoint_interval: 999ms":                                                            false,
		"max_object_size: 1KiB":                                                                 false,
		"max_object_size: 6GiB":                                                                 false,
		"min_object_size: 65MiB":                                                                false,
		"verify_share: 2":                                                                       false,
		"compression: lz4":                                                                      false,
	} {
		settings := exporterConfig(t, text)
		cfg := worms3exporter.NewFactory().CreateDefaultConfig()
		err := confmap.NewFromStringMap(settings).Unmarshal(cfg)
		if err == nil {
			err = cfg.(confmap.Validator).Validate()
		}
		assert.Equal(t, good, err == nil, "the exporter, %s: %v", text, err)
		_, err = planOf(t, settings)
		assert.Equal(t, good, err == nil, "the plan, %s: %v", text, err)
	}
}

// What is under _log/ is locked as the exporter locks it: with the longest period, by
// COMPLIANCE as soon as one rule is, whatever its period.
func TestPlanOfTheLog(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                   "GOVERNANCE  90d",
		"traces: {period: 2y}": "GOVERNANCE  2y",
		"{max_retention: 1y, metrics: {period: 1d, mode: COMPLIANCE}}": "COMPLIANCE  90d",
	} {
		data, err := yaml.Marshal(map[string]any{"exporters": map[string]any{"worm_s3": exporterConfig(t, text)}})
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(file, data, 0o600))
		status, stdout, stderr := call(t, "", "plan", "--config", file, "--volume", "1GB/day")
		require.Equal(t, exitOK, status, stderr)
		row := ""
		for line := range strings.Lines(stdout) {
			if strings.HasPrefix(line, "_log/ ") {
				row = strings.Join(strings.Fields(line)[1:3], "  ")
			}
		}
		assert.Equal(t, want, row, fmt.Sprint(text, "\n", stdout))
	}
}
