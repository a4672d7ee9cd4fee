package heapfloorconverter

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestConvert(t *testing.T) {
	t.Setenv("HEARTWOOD_MIN_HEAP", "much")
	c := NewFactory().Create(confmap.ConverterSettings{})
	conf := confmap.NewFromStringMap(map[string]any{"receivers": map[string]any{"otlp": nil}})
	require.ErrorContains(t, c.Convert(t.Context(), conf), "HEARTWOOD_MIN_HEAP")

	t.Setenv("HEARTWOOD_MIN_HEAP", "1GiB")
	require.NoError(t, c.Convert(t.Context(), conf))
	assert.Equal(t, map[string]any{"receivers": map[string]any{"otlp": nil}}, conf.ToStringMap())
	assert.Greater(t, debug.SetGCPercent(100), 100)
}
