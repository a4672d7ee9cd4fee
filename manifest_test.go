// Package heartwood_test guards what several files of the repository must agree
// on: the components, the Collector's release, and who may import whom.
package heartwood_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const modulePath = "github.com/heartwood-otel/heartwood"

// kinds maps the folders of components to their sections in builder-config.yaml.
var kinds = map[string]string{
	"receivers":  "receivers",
	"processors": "processors",
	"exporters":  "exporters",
	"connectors": "connectors",
	"extensions": "extensions",
}

// otherRelease lists modules that may be at another release than the rest,
// because the one that goes with it is not to be had.
var otherRelease = map[string]string{
	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/routingconnector":  "v0.157.0",
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/pprofextension":    "v0.157.0",
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/awskinesisexporter": "v0.157.0", // measured beside ours
}

type module struct {
	GoMod  string `yaml:"gomod"`
	Import string `yaml:"import"`
}

func readManifest(t *testing.T) map[string][]module {
	t.Helper()
	text, err := os.ReadFile("builder-config.yaml")
	require.NoError(t, err)
	var sections map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &sections))
	manifest := map[string][]module{}
	for name, node := range sections {
		if node.Kind != yaml.SequenceNode || name == "replaces" {
			continue
		}
		var modules []module
		require.NoError(t, node.Decode(&modules), "section %s", name)
		manifest[name] = modules
	}
	return manifest
}

func TestManifestNamesTheComponentsOfTheFolders(t *testing.T) {
	manifest := readManifest(t)
	found := 0
	for folder, section := range kinds {
		var listed []string
		for _, m := range manifest[section] {
			if strings.HasPrefix(m.GoMod, modulePath+" ") {
				listed = append(listed, strings.TrimPrefix(m.Import, modulePath+"/"))
			}
		}
		files, err := filepath.Glob(filepath.Join(folder, "*", "metadata.yaml"))
		require.NoError(t, err)
		var present []string
		for _, file := range files {
			component := filepath.ToSlash(filepath.Dir(file))
			present = append(present, component)
			assert.FileExists(t, filepath.Join(component, "README.md"))
		}
		found += len(present)
		assert.ElementsMatch(t, present, listed, "components in %s/ and those of ours in builder-config.yaml under %s", folder, section)
	}
	assert.Positive(t, found, "components found in the folders")
}

func TestOneCollectorRelease(t *testing.T) {
	type requirement struct{ from, module, version string }
	var requirements []requirement
	for section, modules := range readManifest(t) {
		for _, m := range modules {
			name, version, _ := strings.Cut(m.GoMod, " ")
			requirements = append(requirements, requirement{"builder-config.yaml, " + section, name, version})
		}
	}
	for _, folder := range []string{".", "internal/tools", "benchmarks", "distribution"} {
		list := exec.Command("go", "mod", "edit", "-print")
		list.Dir = folder
		text, err := list.Output()
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) >= 2 && strings.Contains(fields[0], "/") {
				requirements = append(requirements, requirement{path.Join(folder, "go.mod"), fields[0], fields[1]})
			}
		}
	}

	var beta, stable string
	for _, r := range requirements {
		switch {
		case strings.HasSuffix(r.module, "/receiver/otlpreceiver") && strings.HasPrefix(r.from, "builder-config"):
			beta = r.version
		case strings.HasSuffix(r.module, "/provider/envprovider") && strings.HasPrefix(r.from, "builder-config"):
			stable = r.version
		}
	}
	require.NotEmpty(t, beta, "the manifest's otlp receiver sets the v0 release")
	require.NotEmpty(t, stable, "the manifest's env provider sets the v1 release")

	checked := 0
	for _, r := range requirements {
		isCore := strings.HasPrefix(r.module, "go.opentelemetry.io/collector/") || r.module == "go.opentelemetry.io/collector"
		isContrib := strings.HasPrefix(r.module, "github.com/open-telemetry/opentelemetry-collector-contrib/")
		if !isCore && !isContrib {
			continue
		}
		checked++
		want := beta
		if strings.HasPrefix(r.version, "v1.") {
			want = stable
		}
		if other, ok := otherRelease[r.module]; ok {
			want = other
		}
		assert.Equal(t, want, r.version, "%s in %s: run 'make pin' after a change of release", r.module, r.from)
	}
	assert.Greater(t, checked, 60, "modules of the Collector found in the manifest and the go.mod files")
}

func TestNoComponentImportsAnother(t *testing.T) {
	files := 0
	for folder := range kinds {
		if _, err := os.Stat(folder); os.IsNotExist(err) {
			continue
		}
		require.NoError(t, filepath.WalkDir(folder, func(file string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err // a test may have a real counterpart
			}
			files++
			own := modulePath + "/" + path.Join(strings.Split(filepath.ToSlash(file), "/")[:2]...)
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range tree.Imports {
				imported := strings.Trim(spec.Path.Value, `"`)
				for other := range kinds {
					if strings.HasPrefix(imported, modulePath+"/"+other+"/") {
						assert.True(t, imported == own || strings.HasPrefix(imported, own+"/"),
							"%s imports %s: what two components share belongs in internal/", file, imported)
					}
				}
			}
			return nil
		}))
	}
	assert.Positive(t, files, "Go files found in the component folders")
}
