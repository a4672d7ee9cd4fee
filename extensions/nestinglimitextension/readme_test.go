package nestinglimitextension

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"gopkg.in/yaml.v3"
)

// TestREADME: its configurations are valid, as far as they are the extension's, and its
// tables name every field and metric that there is. integration/ has them checked
// whole.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	require.Len(t, blocks, 1)
	for _, block := range blocks {
		var conf struct {
			Extensions map[string]map[string]any `yaml:"extensions"`
		}
		require.NoError(t, yaml.Unmarshal(block[1], &conf))
		require.Contains(t, conf.Extensions, "nesting_limit")
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, confmap.NewFromStringMap(conf.Extensions["nesting_limit"]).Unmarshal(cfg))
		require.NoError(t, cfg.Validate())
	}
	fields := 0
	for field := range reflect.TypeFor[Config]().Fields() {
		if tag := field.Tag.Get("mapstructure"); tag != "" {
			assert.Contains(t, string(readme), "| `"+tag+"` |")
			fields++
		}
	}
	assert.Equal(t, 2, fields)
	metadata, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	metrics := regexp.MustCompile(`(?m)^    (extension_nesting_limit_\w+):$`).FindAllSubmatch(metadata, -1)
	require.Len(t, metrics, 1)
	for _, metric := range metrics {
		assert.Contains(t, string(readme), "| `otelcol_"+string(metric[1])+"` |")
	}
}
