package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// manifest is builder-config.yaml.
type manifest struct {
	Dist struct {
		Name, Description, Version string
	}
	Receivers, Processors, Exporters, Connectors, Extensions, Providers []module
}

type module struct {
	Gomod, Import string
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	var m manifest
	readYAML(t, filepath.Join(harness.Root(t), "builder-config.yaml"), &m)
	return m
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), path)
}

func TestVersionIsTheManifests(t *testing.T) {
	m := readManifest(t)
	require.Regexp(t, `^\d+\.\d+\.\d+`, m.Dist.Version)
	for _, flag := range []string{"--version", "-v"} {
		result := harness.Run(t, harness.Binary(t), flag)
		assert.Zero(t, result.Code)
		assert.Equal(t, "otelcol-heartwood version "+m.Dist.Version+"\n", result.Stdout)
	}
}

// componentList is what `components` prints.
type componentList struct {
	Buildinfo struct {
		Command, Description, Version string
	}
	Receivers, Processors, Exporters, Connectors, Extensions, Providers []componentEntry
}

type componentEntry struct {
	Name, Scheme, Module string
}

func listComponents(t *testing.T) componentList {
	t.Helper()
	result := harness.Run(t, harness.Binary(t), "components")
	require.Zero(t, result.Code, result.Stderr)
	var list componentList
	require.NoError(t, yaml.Unmarshal([]byte(result.Stdout), &list), result.Stdout)
	return list
}

func TestComponentsAreTheManifests(t *testing.T) {
	m, list := readManifest(t), listComponents(t)
	assert.Equal(t, "otelcol-heartwood", m.Dist.Name)
	assert.Equal(t, m.Dist.Name, list.Buildinfo.Command)
	assert.Equal(t, m.Dist.Description, list.Buildinfo.Description)
	assert.Equal(t, m.Dist.Version, list.Buildinfo.Version)

	for kind, pair := range map[string]struct {
		want []module
		got  []componentEntry
	}{
		"receivers":  {m.Receivers, list.Receivers},
		"processors": {m.Processors, list.Processors},
		"exporters":  {m.Exporters, list.Exporters},
		"connectors": {m.Connectors, list.Connectors},
		"extensions": {m.Extensions, list.Extensions},
		"providers":  {m.Providers, list.Providers},
	} {
		t.Run(kind, func(t *testing.T) {
			require.NotEmpty(t, pair.want)
			var want, got []string
			for _, w := range pair.want {
				want = append(want, w.Gomod+typeOfOurs(t, w))
			}
			for _, g := range pair.got {
				entry := g.Module
				if strings.HasPrefix(entry, ourModule) {
					entry += " " + g.Name
				}
				got = append(got, entry)
			}
			assert.ElementsMatch(t, want, got)
		})
	}
}

const ourModule = "github.com/heartwood-otel/heartwood"

// typeOfOurs is the type id of a component of ours, after a blank. Of those the
// module alone doesn't say which one is meant.
func typeOfOurs(t *testing.T, m module) string {
	t.Helper()
	folder, ours := strings.CutPrefix(m.Import, ourModule+"/")
	if !ours {
		return ""
	}
	var metadata struct{ Type string }
	readYAML(t, filepath.Join(harness.Root(t), filepath.FromSlash(folder), "metadata.yaml"), &metadata)
	require.NotEmpty(t, metadata.Type)
	return " " + metadata.Type
}

func TestShippedConfigsAreValid(t *testing.T) {
	folder := filepath.Join(harness.Root(t), "configs")
	t.Setenv("HEARTWOOD_CONFIGS", folder)
	shipped := map[string][]string{} // by name: files, each merged over the one before
	for pattern, over := range map[string][]string{
		"*.yaml": nil, "destinations/*.yaml": {"gateway.yaml"}, "parts/request-documents.yaml": {"gateway.yaml"},
		"kafka-tier/gateway.yaml": {"gateway.yaml"}, "kafka-tier/agent.yaml": {"agent.yaml", "agent-kubernetes.yaml"},
	} {
		configs, err := filepath.Glob(filepath.Join(folder, filepath.FromSlash(pattern)))
		require.NoError(t, err)
		require.NotEmpty(t, configs, pattern)
		for _, path := range configs {
			name, err := filepath.Rel(folder, path)
			require.NoError(t, err)
			if over == nil {
				shipped[name] = []string{path}
			}
			for _, base := range over {
				shipped[base+" with "+name] = []string{filepath.Join(folder, base), path}
			}
		}
	}
	deploy := filepath.Join(harness.Root(t), "deploy", "otelcol")
	shipped["deploy"] = []string{filepath.Join(deploy, "heartwood.yaml")}
	shipped["deploy with aws"] = []string{filepath.Join(deploy, "heartwood.yaml"), filepath.Join(deploy, "aws.yaml")}
	for name, files := range shipped {
		t.Run(name, func(t *testing.T) {
			args := []string{"validate"}
			for _, file := range files {
				args = append(args, "--config="+file)
			}
			result := harness.Run(t, harness.Binary(t), args...)
			assert.Zero(t, result.Code, result.Stderr)
			assert.NotContains(t, result.Stderr, "deprecated", "configs of ours use no old spellings")
		})
	}
}

// Without this, the test above could pass because validate accepts anything.
func TestValidateNamesWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct{ config, says string }{
		"an unknown component": {`
			receivers: {nosuch: }
			exporters: {nop: }
			service: {pipelines: {logs: {receivers: [nosuch], exporters: [nop]}}}
		`, "nosuch"},
		"an unknown field": {`
			receivers: {logfmt: {tcp: {endpoind: "localhost:1"}}}
			exporters: {nop: }
			service: {pipelines: {logs: {receivers: [logfmt], exporters: [nop]}}}
		`, "endpoind"},
		"a value that can't be": {`
			receivers: {logfmt: {tcp: , max_line_size: 1B}}
			exporters: {nop: }
			service: {pipelines: {logs: {receivers: [logfmt], exporters: [nop]}}}
		`, "max_line_size"},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, test.config)
			result := harness.Run(t, harness.Binary(t), append([]string{"validate"}, c.ConfigArgs()...)...)
			assert.NotZero(t, result.Code)
			assert.Contains(t, result.Stderr, test.says)
			assert.Contains(t, c.FailToStart(t), test.says)
		})
	}
}

// TestTheBinaryKeepsAFloorOfTheHeap: what reads its size is in the binary.
func TestTheBinaryKeepsAFloorOfTheHeap(t *testing.T) {
	c := harness.New(t, `
		receivers: {logfmt: {tcp: {endpoint: "localhost:1"}}}
		exporters: {nop: }
		service: {pipelines: {logs: {receivers: [logfmt], exporters: [nop]}}}
	`)
	for size, says := range map[string]string{"32MiB": "", "much": "the environment variable HEARTWOOD_MIN_HEAP"} {
		t.Setenv("HEARTWOOD_MIN_HEAP", size)
		result := harness.Run(t, harness.Binary(t), append([]string{"validate"}, c.ConfigArgs()...)...)
		assert.Equal(t, says == "", result.Code == 0, size)
		assert.Contains(t, result.Stderr, says)
	}
}
