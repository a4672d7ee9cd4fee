package logfmtreceiver

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"gopkg.in/yaml.v3"
)

// The configurations of the README are valid, and its tables name every field,
// metric and reason that there is.
func TestREADME(t *testing.T) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	readme := string(data)

	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readme, -1)
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		var conf struct {
			Receivers map[string]map[string]any `yaml:"receivers"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(block[1]), &conf))
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, confmap.NewFromStringMap(conf.Receivers["logfmt"]).Unmarshal(cfg))
		require.NoError(t, confmap.Validate(cfg))
	}

	var fields func(of reflect.Type) []string
	fields = func(of reflect.Type) (names []string) {
		for field := range of.Fields() {
			tag := field.Tag.Get("mapstructure")
			name, options, _ := strings.Cut(tag, ",")
			switch {
			case options == "squash" && field.Type.PkgPath() == of.PkgPath():
				names = append(names, fields(field.Type)...)
			case name != "":
				names = append(names, name)
			}
		}
		return names
	}
	for _, of := range []any{Config{}, batchConfig{}, tcpConfig{}, udpConfig{}, unixConfig{}, httpConfig{}, frameIDConfig{}} {
		for _, name := range fields(reflect.TypeOf(of)) {
			assert.Regexp(t, "`([a-z_]+::)?"+name+"(::[a-z_]+)?`", readme)
		}
	}
	for _, name := range reasonNames {
		assert.Contains(t, readme, "`"+name+"`")
	}
	metadata, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	metrics := regexp.MustCompile(`(?m)^    receiver_logfmt_(\w+):$`).FindAllStringSubmatch(string(metadata), -1)
	require.NotEmpty(t, metrics)
	for _, m := range metrics {
		assert.Contains(t, readme, "| `"+m[1]+"` |")
	}
	assert.Contains(t, string(metadata), "enum: ["+strings.Join(reasonNames[:], ", ")+"]")
}
