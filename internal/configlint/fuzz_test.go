package configlint

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Whatever a configuration holds, it is refused or reported on, in the same words each
// time, and every finding is counted once.
func FuzzCheck(f *testing.F) {
	for _, pattern := range []string{"testdata/shapes/*.yaml", "testdata/broken/*.yaml", "../../configs/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var document yaml.Node
		var values map[string]any
		if yaml.Unmarshal(text, &document) != nil || len(document.Content) == 0 || document.Content[0].Decode(&values) != nil {
			return
		}
		config, err := newConfig(values, []source{{name: "fuzz", root: document.Content[0]}})
		if err != nil {
			return
		}
		report, err := Check(config)
		if err != nil {
			return
		}
		assert.Equal(t, len(report.Findings), report.Errors+report.Warnings)
		again, err := Check(config)
		require.NoError(t, err)
		assert.Equal(t, report, again)
	})
}
