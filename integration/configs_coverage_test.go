package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// includedPart is a part that is a value of another file.
var includedPart = regexp.MustCompile(`\$\{file:\$\{env:HEARTWOOD_CONFIGS:-configs\}/(parts/[a-z0-9-]+\.yaml)\}`)

// TestEveryConfigurationIsStarted: each file of configs/ is given to a collector by a test
// of this package, by its name, and each part is in such a file.
func TestEveryConfigurationIsStarted(t *testing.T) {
	t.Parallel()
	started := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "WithFile" {
				return true
			}
			if literal, ok := call.Args[0].(*ast.BasicLit); ok {
				path, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				started[path] = true
			}
			return true
		})
	}
	root := harness.Root(t)
	var all []string
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "configs"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		name, err := filepath.Rel(root, path)
		all = append(all, filepath.ToSlash(name))
		return err
	}))
	require.Greater(t, len(all), 20)
	texts := map[string]string{}
	for _, name := range all {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		texts[name] = string(text)
	}
	for more := true; more; { // a part may be in a part
		more = false
		for name, text := range texts {
			if !started[name] {
				continue
			}
			for _, m := range includedPart.FindAllStringSubmatch(text, -1) {
				part := "configs/" + m[1]
				more = more || !started[part]
				started[part] = true
			}
		}
	}
	for _, name := range all {
		assert.True(t, started[name], "%s is started by no test", name)
	}
	for name := range started {
		if strings.HasPrefix(name, "configs/") {
			assert.Contains(t, all, name, "a test or a configuration names what is not there")
		}
	}
}

// notForUsers are variables for servers of others, and for the haste of tests.
var notForUsers = []string{
	"HEARTWOOD_KINESIS_ENDPOINT", "HEARTWOOD_ARCHIVE_ENDPOINT", "HEARTWOOD_ARCHIVE_OBJECT_AGE", "HEARTWOOD_ARCHIVE_CHECKPOINT_INTERVAL",
}

// TestConfigurationsSayWhatTheyRead: the variables in the table of a role's header are those
// that the file and its parts read; those of a destination are what it reads itself.
func TestConfigurationsSayWhatTheyRead(t *testing.T) {
	t.Parallel()
	root := filepath.Join(harness.Root(t), "configs")
	variable := regexp.MustCompile(`\$\{env:([A-Z0-9_]+)`)
	row := regexp.MustCompile(`(?m)^# ([A-Z][A-Z0-9_]+(?:, _[A-Z0-9_]+)*)(?: {2}|$| and )`)
	tables := 0
	for _, pattern := range []string{"*.yaml", "kafka-tier/*.yaml", "destinations/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, path := range files {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			header, body, _ := strings.Cut(string(text), "\n\n")
			if _, table, ok := strings.Cut(header, "\n# variable "); ok {
				tables++
				header = table
			} else {
				require.Equal(t, "*.yaml", pattern, "%s has no table", path)
				continue // a small one, whose variables are where they stand
			}
			read := map[string]bool{}
			var collect func(text string, parts bool)
			collect = func(text string, parts bool) {
				for _, m := range variable.FindAllStringSubmatch(text, -1) {
					read[m[1]] = true
				}
				for _, m := range includedPart.FindAllStringSubmatch(text, -1) {
					part, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m[1])))
					require.NoError(t, err)
					if parts {
						collect(string(part), true)
					}
				}
			}
			collect(body, pattern == "*.yaml")
			if pattern != "*.yaml" {
				delete(read, "HEARTWOOD_CONFIGS") // in the header of what it is laid over
			}
			said := map[string]bool{}
			for _, m := range row.FindAllStringSubmatch(header, -1) {
				names := strings.Split(m[1], ", ")
				said[names[0]] = true
				for _, ending := range names[1:] { // of as many words as it has
					stem := names[0]
					for range strings.Count(ending, "_") {
						stem = stem[:strings.LastIndexByte(stem, '_')]
					}
					said[stem+ending] = true
				}
			}
			for name := range read {
				assert.True(t, said[name] || slices.Contains(notForUsers, name), "%s reads %s, and its header does not say so", path, name)
			}
			for name := range said {
				assert.True(t, read[name] || strings.HasPrefix(name, "OTEL_RESOURCE") || name == "AWS_REGION", "the header of %s names %s, which nothing reads", path, name)
			}
		}
	}
	assert.Greater(t, tables, 15)
}
