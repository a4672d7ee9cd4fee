package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// TestSBOM: the bill of materials and the list of licences have the modules that the Go
// command finds in the binary, no more and no fewer, each with a licence that is allowed.
func TestSBOM(t *testing.T) {
	t.Parallel()
	root, dir := harness.Root(t), t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), name, args...)
		command.Dir = root
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	tool := filepath.Join(dir, "sbom")
	run("go", "-C", "internal/tools", "build", "-o", tool, "./sbom")
	binary := harness.Binary(t)
	bom, licences := filepath.Join(dir, "bom.json"), filepath.Join(dir, "licences.csv")
	const version = "1.2.3"
	arguments := []string{
		"-binary", binary, "-version", version, "-sums", "distribution/go.sum", "-cache", strings.TrimSpace(run("go", "env", "GOMODCACHE")),
		"-bom", bom, "-licences", licences,
	}
	run(tool, arguments...)

	var want []string
	for line := range strings.Lines(run("go", "version", "-m", binary)) {
		if fields := strings.Fields(line); len(fields) >= 3 && fields[0] == "dep" {
			if fields[1] == "github.com/heartwood-otel/heartwood" {
				fields[2] = version
			}
			want = append(want, fields[1]+" "+fields[2])
		}
	}
	require.Greater(t, len(want), 200)
	goVersion := strings.Fields(run("go", "version", binary))
	want = append(want, "std "+strings.TrimPrefix(goVersion[len(goVersion)-1], "go"))

	text, err := os.ReadFile(bom)
	require.NoError(t, err)
	var document struct {
		BOMFormat, SpecVersion string
		Metadata               struct {
			Component struct{ Name, Version string }
		}
		Components []struct {
			Ref           string `json:"bom-ref"`
			Name, Version string
			Purl          string
			Hashes        []struct{ Alg, Content string }
			Licenses      []struct{ License struct{ ID string } }
			Pedigree      struct{ Notes string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &document))
	requireCycloneDX(t, strings.TrimSpace(run("sh", "integration/sbom/sbom.sh", "prepare")), text)
	assert.Equal(t, "CycloneDX", document.BOMFormat)
	assert.Equal(t, "1.6", document.SpecVersion)
	assert.Equal(t, "otelcol-heartwood "+version, document.Metadata.Component.Name+" "+document.Metadata.Component.Version)
	var got []string
	refs := map[string]bool{}
	shaken := 0
	for _, c := range document.Components {
		got = append(got, c.Name+" "+c.Version)
		assert.False(t, refs[c.Ref], "%s is there twice", c.Ref)
		refs[c.Ref] = true
		assert.Equal(t, "pkg:golang/"+strings.ToLower(c.Name)+"@"+strings.ReplaceAll(c.Version, "+", "%2B"), c.Purl)
		assert.NotEmpty(t, c.Licenses, c.Name)
		if c.Name != "std" && c.Name != "github.com/heartwood-otel/heartwood" {
			assert.Len(t, c.Hashes, 1, c.Name)
		}
		if c.Pedigree.Notes != "" {
			shaken++
		}
	}
	assert.ElementsMatch(t, want, got)
	assert.Equal(t, strings.Count(run("go", "version", "-m", binary), "/treeshake/"), shaken)
	table, err := os.ReadFile(licences)
	require.NoError(t, err)
	assert.Equal(t, len(want)+1, strings.Count(string(table), "\n"))

	first := string(text)
	run(tool, arguments...)
	text, err = os.ReadFile(bom)
	require.NoError(t, err)
	assert.Equal(t, first, string(text), "the same binary has the same bill")
}

// requireCycloneDX holds a bill to CycloneDX's own JSON Schema, of which a folder has the
// parts.
func requireCycloneDX(t *testing.T, schemas string, bill []byte) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const base = "http://cyclonedx.org/schema/"
	for _, name := range []string{"bom-1.6", "spdx", "jsf-0.82"} {
		file, err := os.Open(filepath.Join(schemas, name+".SNAPSHOT.schema.json"))
		require.NoError(t, err)
		schema, err := jsonschema.UnmarshalJSON(file)
		require.NoError(t, errors.Join(err, file.Close()), name)
		for _, suffix := range []string{".schema.json", ".SNAPSHOT.schema.json"} {
			require.NoError(t, compiler.AddResource(base+name+suffix, schema))
		}
	}
	schema, err := compiler.Compile(base + "bom-1.6.schema.json")
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(bill))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(document))
	delete(document.(map[string]any), "specVersion")
	document.(map[string]any)["components"].([]any)[0].(map[string]any)["scope"] = "everywhere"
	require.ErrorContains(t, schema.Validate(document), "/components/0/scope")
}
