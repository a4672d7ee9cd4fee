package heartwood_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSecurityPageNamesItsTests: each claim of docs/security.md about who may try what
// names a test that is there, or says that there is none.
func TestSecurityPageNamesItsTests(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "security.md"))
	require.NoError(t, err)
	there := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != ".":
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, found := range function.FindAllSubmatch(text, -1) {
			there[string(found[1])] = true
		}
		return err
	}))
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllSubmatch(page, -1)
	assert.Greater(t, len(named), 50)
	for _, name := range named {
		assert.True(t, there[string(name[1])], "%s is named, and is not there", name[1])
	}

	_, claims, _ := strings.Cut(string(page), "## Who may try what\n")
	claims, _, _ = strings.Cut(claims, "\n## ")
	rows := 0
	for line := range strings.Lines(claims) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") {
			continue
		}
		if cells := strings.Split(line, " | "); strings.Contains(line, "| test |") {
			continue
		} else if assert.GreaterOrEqual(t, len(cells), 4, line) {
			rows++
			assert.Regexp(t, "`(Test|Fuzz)\\w+`|not tested", line)
		}
	}
	assert.Greater(t, rows, 30)
}
