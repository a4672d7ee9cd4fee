package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

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
	included := regexp.MustCompile(`\$\{file:\$\{env:HEARTWOOD_CONFIGS:-configs\}/(parts/[a-z0-9-]+\.yaml)\}`)
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
			for _, m := range included.FindAllStringSubmatch(text, -1) {
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
