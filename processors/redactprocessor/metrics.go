package redactprocessor

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/heartwood-otel/heartwood/internal/datapoint"
)

// Points have no note of what was found: an attribute more would be another time series.
func (p *redactProcessor) metrics(ctx context.Context, metrics pmetric.Metrics) (pmetric.Metrics, error) {
	x := p.passes.Get().(*pass)
	metrics.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		x.item()
		x.resource(rm.Resource())
		if x.drop != nil {
			things := 0
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					things += datapoint.Count(m)
				}
			}
			if x.leaves(things) {
				return true
			}
		}
		had := rm.ScopeMetrics().Len()
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			x.item()
			x.scope(sm.Scope())
			if x.drop != nil {
				things := 0
				for _, m := range sm.Metrics().All() {
					things += datapoint.Count(m)
				}
				if x.leaves(things) {
					return true
				}
			}
			held := sm.Metrics().Len()
			sm.Metrics().RemoveIf(x.metric)
			return held > 0 && sm.Metrics().Len() == 0
		})
		return had > 0 && rm.ScopeMetrics().Len() == 0
	})
	err := x.end(ctx, "metrics")
	if err == nil && metrics.ResourceMetrics().Len() == 0 {
		err = processorhelper.ErrSkipProcessingData
	}
	return metrics, err
}

// metric looks through a metric and its points, and says whether it is to be dropped, or had
// points and has none now.
func (x *pass) metric(m pmetric.Metric) (leaves bool) {
	had := datapoint.Count(m)
	x.item()
	x.plain(m.Description(), m.SetDescription)
	x.attributes(m.Metadata(), 0)
	if x.leaves(had) {
		return true
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		m.Gauge().DataPoints().RemoveIf(x.numberPoint)
	case pmetric.MetricTypeSum:
		m.Sum().DataPoints().RemoveIf(x.numberPoint)
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().RemoveIf(func(p pmetric.HistogramDataPoint) bool { return x.point(p.Attributes(), p.Exemplars()) })
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool {
			return x.point(p.Attributes(), p.Exemplars())
		})
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(p pmetric.SummaryDataPoint) bool {
			return x.point(p.Attributes(), pmetric.NewExemplarSlice())
		})
	}
	return had > 0 && datapoint.Count(m) == 0
}

func (x *pass) numberPoint(p pmetric.NumberDataPoint) bool {
	return x.point(p.Attributes(), p.Exemplars())
}

func (x *pass) point(attributes pcommon.Map, exemplars pmetric.ExemplarSlice) (leaves bool) {
	x.item()
	x.attributes(attributes, 0)
	for _, e := range exemplars.All() {
		x.attributes(e.FilteredAttributes(), 0)
	}
	return x.leaves(1)
}
