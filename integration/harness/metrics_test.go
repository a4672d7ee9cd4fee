package harness

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseMetrics(t *testing.T) {
	metrics, err := ParseMetrics(`up 1
requests{receiver="otlp",transport="grpc"} 12
requests{receiver="otlp",transport="http",} 3
# a comment
seconds 1.5e+00 1700000000000

latency_bucket{le="+Inf"} +Inf
odd{path="C:\\new",say="\"hi\" {a=1}\nnext"} NaN
`)
	require.NoError(t, err)
	assert.Equal(t, []string{"latency_bucket", "odd", "requests", "seconds", "up"}, metrics.Names())
	assert.InDelta(t, 15, metrics.Sum("requests"), 0)
	assert.InDelta(t, 3, metrics.Sum("requests", "transport=http", "receiver=otlp"), 0)
	assert.Zero(t, metrics.Sum("requests", "transport=udp"))
	assert.False(t, metrics.Has("requests", "transport=udp"))
	assert.True(t, metrics.Has("up"))
	assert.InDelta(t, 1.5, metrics.Sum("seconds"), 0)
	assert.True(t, math.IsInf(metrics.Sum("latency_bucket", "le=+Inf"), 1))
	odd := metrics.Select("odd")
	require.Len(t, odd, 1)
	assert.Equal(t, map[string]string{"path": `C:\new`, "say": "\"hi\" {a=1}\nnext"}, odd[0].Labels)
	assert.True(t, math.IsNaN(odd[0].Value))
	assert.Contains(t, metrics.String(), `requests{receiver="otlp",transport="grpc"} 12`)
}

func TestParseMetricsNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"up":           "line 1 of the metrics: no value after the name",
		"\nup x":       "line 2 of the metrics: the value is no number",
		"up 1 2 3":     "3 fields",
		`up{a="1} 1`:   "label a doesn't end",
		"up{a=1} 1":    "label a isn't quoted",
		"up{a} 1":      "a label without a value",
		`up{a="1"`:     "labels without an end",
		`<html>`:       "no value after the name",
		"{\"name\"} 1": "no value after the name",
	} {
		_, err := ParseMetrics(text)
		assert.ErrorContains(t, err, want, text)
	}
}
