package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// rule is an alert or a recording rule of Prometheus.
type rule struct {
	Alert       string            `yaml:"alert"`
	Record      string            `yaml:"record"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), path)
}

func readRules(t *testing.T) (rules []rule) {
	t.Helper()
	files, err := filepath.Glob("../prometheus/rules/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		var content struct {
			Groups []struct {
				Name  string `yaml:"name"`
				Rules []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		readYAML(t, file, &content)
		for _, g := range content.Groups {
			rules = append(rules, g.Rules...)
		}
	}
	return rules
}

func alerts(t *testing.T) (found []rule) {
	t.Helper()
	for _, r := range readRules(t) {
		if r.Alert != "" {
			found = append(found, r)
		}
	}
	require.NotEmpty(t, found)
	return found
}

func TestRulesUseMetricsThatAreThere(t *testing.T) {
	known, err := knownMetrics(root)
	require.NoError(t, err)
	rules := readRules(t)
	recorded := map[string]bool{}
	for _, r := range rules {
		recorded[r.Record] = true
	}
	for _, r := range rules {
		for _, name := range metricNames(r.Expr) {
			assert.True(t, known[name] || recorded[name], "%s%s asks for %s, which nothing has", r.Alert, r.Record, name)
		}
	}
}

const runbooks = "https://github.com/heartwood-otel/heartwood/blob/main/docs/runbooks.md#"

// heading is one of a runbook.
var heading = regexp.MustCompile(`(?m)^## (\S+)$`)

// Each alert leads to a paragraph that says what it means, what to look at and what to do,
// and there is no paragraph of an alert that is not there.
func TestAlertsHaveRunbooks(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "runbooks.md"))
	require.NoError(t, err)
	paragraphs := map[string]string{}
	starts := heading.FindAllStringSubmatchIndex(string(text), -1)
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		paragraphs[string(text[at[2]:at[3]])] = string(text[at[1]:end])
	}
	for _, a := range alerts(t) {
		assert.Equal(t, runbooks+strings.ToLower(a.Alert), a.Annotations["runbook_url"])
		assert.Contains(t, []string{"critical", "warning"}, a.Labels["severity"], a.Alert)
		assert.NotEmpty(t, a.Annotations["summary"], a.Alert)
		assert.NotEmpty(t, a.Annotations["description"], a.Alert)
		for _, part := range []string{"**Means.**", "**Look at**", "**Do.**"} {
			assert.Contains(t, paragraphs[a.Alert], part, a.Alert)
		}
		delete(paragraphs, a.Alert)
	}
	assert.Empty(t, paragraphs, "paragraphs without an alert")
}

// Each alert is made to fire by a test of promtool, and to be silent: before or after, and
// where all is well.
func TestAlertsAreTested(t *testing.T) {
	files, err := filepath.Glob("../prometheus/tests/*.yaml")
	require.NoError(t, err)
	var fires, silent, well []string
	for _, file := range files {
		var content struct {
			Tests []struct {
				Name   string `yaml:"name"`
				Alerts []struct {
					Name     string `yaml:"alertname"`
					Expected []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		readYAML(t, file, &content)
		for _, test := range content.Tests {
			for _, a := range test.Alerts {
				switch {
				case len(a.Expected) > 0:
					fires = append(fires, a.Name)
				case test.Name == "all is well":
					well = append(well, a.Name)
				default:
					silent = append(silent, a.Name)
				}
			}
		}
	}
	for _, a := range alerts(t) {
		assert.True(t, slices.Contains(fires, a.Alert), "%s is never made to fire", a.Alert)
		assert.True(t, slices.Contains(silent, a.Alert), "%s is never silent beside firing", a.Alert)
		assert.True(t, slices.Contains(well, a.Alert), "%s is not asked where all is well", a.Alert)
	}
}
