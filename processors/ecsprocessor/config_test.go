package ecsprocessor

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"gopkg.in/yaml.v3"

	"github.com/heartwood-otel/heartwood/processors/ecsprocessor/internal/metadata"
)

func configOf(tb testing.TB, raw map[string]any) (*Config, error) {
	tb.Helper()
	cfg := createDefaultConfig().(*Config)
	return cfg, confmap.NewFromStringMap(raw).Unmarshal(cfg)
}

func TestConfig(t *testing.T) {
	for _, test := range []struct {
		raw  map[string]any
		want string // of the error
	}{
		{raw: map[string]any{}},
		{raw: map[string]any{"direction": "to_ecs", "unknown": "keep"}},
		{raw: map[string]any{"unknown": "drop"}},
		{raw: map[string]any{"direction": "from_ecs"}},
		{raw: map[string]any{"direction": "from_ecs", "unknown": "label"}, want: "unknown: it is for direction to_ecs; from_ecs keeps what has no other name: leave unknown out"},
		{raw: map[string]any{"unknown": "lable"}, want: `unknown: "lable" is none of label, keep, drop`},
		{raw: map[string]any{"direction": "from"}, want: `direction: "from" is neither to_ecs nor from_ecs`},
		{raw: map[string]any{"direction": ""}, want: `direction: "" is neither to_ecs nor from_ecs`},
	} {
		cfg, err := configOf(t, test.raw)
		require.NoError(t, err)
		err = cfg.Validate()
		if test.want == "" {
			require.NoError(t, err, "%v", test.raw)
			continue
		}
		require.EqualError(t, err, test.want)
	}
	_, err := configOf(t, map[string]any{"unknowns": "keep"})
	assert.ErrorContains(t, err, "unknowns")
}

// TestReadmeConfigurations holds that those of the README are taken.
func TestReadmeConfigurations(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	parts := strings.Split(string(text), "```")
	found := 0
	for i := 1; i < len(parts); i += 2 {
		block, ok := strings.CutPrefix(parts[i], "yaml\n")
		if !ok {
			continue
		}
		var document struct {
			Processors map[string]map[string]any `yaml:"processors"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(block), &document))
		for id, raw := range document.Processors {
			if kind, _, _ := strings.Cut(id, "/"); kind != metadata.Type.String() {
				continue
			}
			found++
			cfg, err := configOf(t, raw)
			require.NoError(t, err)
			assert.NoError(t, cfg.Validate())
		}
	}
	assert.Equal(t, 2, found)
}
