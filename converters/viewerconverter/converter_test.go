package viewerconverter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

func TestConvert(t *testing.T) {
	const pipelines = `
service:
  pipelines:
    logs: {receivers: [otlp], processors: [redact], exporters: [viewer, debug]}
    metrics: {receivers: [measure], exporters: [viewer/b]}
`
	const shapes = `{logs: {receivers: [otlp], processors: [redact], exporters: [viewer, debug]}, metrics: {receivers: [measure], exporters: [viewer/b]}}`
	for name, tc := range map[string]struct{ in, want string }{
		"no viewer":   {"exporters: {debug: }" + pipelines, "exporters: {debug: }" + pipelines},
		"two of them": {"exporters: {viewer: , viewer/b: {max_age: 1h}, viewers: }" + pipelines, "exporters: {viewer: {pipelines: " + shapes + "}, viewer/b: {max_age: 1h, pipelines: " + shapes + "}, viewers: }" + pipelines},
		"one that says it itself": {
			"exporters: {viewer: {pipelines: {logs: {receivers: [x]}}}}" + pipelines,
			"exporters: {viewer: {pipelines: {logs: {receivers: [x]}}}}" + pipelines,
		},
		"what is no configuration": {
			"exporters: {viewer: 7, viewer/b: {}}\nservice: {pipelines: {logs: [1], traces: {receivers: otlp, exporters: [1, a]}}}",
			"exporters: {viewer: 7, viewer/b: {pipelines: {traces: {exporters: [a]}}}}\nservice: {pipelines: {logs: [1], traces: {receivers: otlp, exporters: [1, a]}}}",
		},
		"nothing":      {"{}", "{}"},
		"no pipelines": {"exporters: {viewer: }", "exporters: {viewer: }"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := confmap.NewFromStringMap(read(t, tc.in))
			require.NoError(t, NewFactory().Create(confmap.ConverterSettings{}).Convert(t.Context(), conf))
			assert.Equal(t, read(t, tc.want), conf.ToStringMap())
		})
	}
}

func read(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &out))
	return out
}
