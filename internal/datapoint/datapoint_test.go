package datapoint

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestAMetricIsPutTogetherAgain(t *testing.T) {
	for name, fill := range map[string]func(pmetric.Metric){
		"gauge": func(m pmetric.Metric) {
			m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
			m.Gauge().DataPoints().AppendEmpty().SetTimestamp(2)
		},
		"sum": func(m pmetric.Metric) {
			s := m.SetEmptySum()
			s.SetIsMonotonic(true)
			s.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			s.DataPoints().AppendEmpty().SetDoubleValue(1.5)
			s.DataPoints().AppendEmpty().SetTimestamp(2)
		},
		"histogram": func(m pmetric.Metric) {
			h := m.SetEmptyHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			h.DataPoints().AppendEmpty().BucketCounts().FromRaw([]uint64{1})
			h.DataPoints().AppendEmpty().SetTimestamp(2)
		},
		"exponential": func(m pmetric.Metric) {
			h := m.SetEmptyExponentialHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			h.DataPoints().AppendEmpty().SetScale(3)
			h.DataPoints().AppendEmpty().SetTimestamp(2)
		},
		"summary": func(m pmetric.Metric) {
			m.SetEmptySummary().DataPoints().AppendEmpty().SetSum(4)
			m.Summary().DataPoints().AppendEmpty().SetTimestamp(2)
		},
	} {
		from, to := pmetric.NewMetric(), pmetric.NewMetric()
		from.SetName("n")
		from.SetUnit("u")
		from.SetDescription("d")
		from.Metadata().PutStr("k", "v")
		fill(from)
		require.Equal(t, 2, Count(from), name)
		At(from, 1).Attributes().PutStr("a", "b")
		assert.EqualValues(t, 2, At(from, 1).Timestamp(), name)
		Describe(from, to)
		for i := range Count(from) {
			Append(to, from, i)
		}
		assert.Equal(t, from, to, name)
	}
	assert.Zero(t, Count(pmetric.NewMetric()))
	Append(pmetric.NewMetric(), pmetric.NewMetric(), 0)
}
