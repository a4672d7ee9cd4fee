package kinesisexporter

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heartwood-otel/heartwood/internal/flatdocument"
)

// metricCodec is what is to be known of data points. Without marshal, they are flat
// documents.
type metricCodec struct {
	lines   bool // a batch of flat documents has a line for each
	marshal pmetric.Marshaler
}

func (m *metricCodec) appendBatch(dst []byte, metrics pmetric.Metrics) ([]byte, error) {
	if m.marshal != nil {
		encoded, err := m.marshal.MarshalMetrics(metrics)
		return append(dst, encoded...), err
	}
	var flat flatdocument.Flat
	for _, rm := range metrics.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			flat.Begin(rm.Resource(), sm.Scope())
			for _, metric := range sm.Metrics().All() {
				for p := range pointCount(metric) {
					dst = flat.AppendPoint(dst, metric, p)
					if m.lines {
						dst = append(dst, '\n')
					}
				}
			}
		}
	}
	return dst, nil
}

// pointCount is how many data points a metric has.
func pointCount(m pmetric.Metric) int {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return m.Summary().DataPoints().Len()
	}
	return 0
}

// pointOf gives a data point by its place, with its attributes.
func pointOf(m pmetric.Metric, point int) (any, pcommon.Map) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		p := m.Gauge().DataPoints().At(point)
		return p, p.Attributes()
	case pmetric.MetricTypeSum:
		p := m.Sum().DataPoints().At(point)
		return p, p.Attributes()
	case pmetric.MetricTypeHistogram:
		p := m.Histogram().DataPoints().At(point)
		return p, p.Attributes()
	case pmetric.MetricTypeExponentialHistogram:
		p := m.ExponentialHistogram().DataPoints().At(point)
		return p, p.Attributes()
	default:
		p := m.Summary().DataPoints().At(point)
		return p, p.Attributes()
	}
}

// consume makes user records of data points.
func (m *metricCodec) consume(in *intake, metrics pmetric.Metrics, e *expression[*ottldatapoint.TransformContext]) {
	builders := map[string]*metricBuilder{}
	var groups []group[pmetric.Metrics]
	for i, rm := range metrics.ResourceMetrics().All() {
		for j, sm := range rm.ScopeMetrics().All() {
			for k, metric := range sm.Metrics().All() {
				for p := range pointCount(metric) {
					key := in.pointKey(rm, sm, metric, p, e)
					at := pointPlace{i, j, k}
					if in.x.cfg.Unit == unitRecord {
						b := newMetricBuilder()
						b.add(at, rm, sm, metric, p)
						put(in, m, group[pmetric.Metrics]{key, b.metrics, 1})
						continue
					}
					b := builders[key.text]
					if b == nil {
						b = newMetricBuilder()
						b.number = len(groups)
						builders[key.text] = b
						groups = append(groups, group[pmetric.Metrics]{key: key, data: b.metrics})
					}
					b.add(at, rm, sm, metric, p)
					groups[b.number].count++
				}
			}
		}
	}
	for _, g := range groups {
		put(in, m, g)
	}
}

func (in *intake) pointKey(rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics, m pmetric.Metric, point int, e *expression[*ottldatapoint.TransformContext]) partitionKey {
	p, attributes := pointOf(m, point)
	var text string
	if e != nil {
		c := ottldatapoint.NewTransformContextPtr(rm, sm, m, p)
		text = e.text(in.ctx, c)
		c.Close()
	} else {
		text = in.keys.attribute(rm.Resource().Attributes(), attributes)
	}
	if text == "" {
		text = in.keys.newUID(in.now)
	}
	return in.keys.key(text)
}

// pointPlace says where a data point is, by the numbers of resource, scope and metric.
type pointPlace struct{ resource, scope, metric int }

// metricBuilder puts data points together to metrics again. Points are copied, see
// logBuilder.
type metricBuilder struct {
	metrics pmetric.Metrics
	at      pointPlace // of the point added last
	scopes  pmetric.ScopeMetricsSlice
	slice   pmetric.MetricSlice
	metric  pmetric.Metric
	number  int // of its group
}

func newMetricBuilder() *metricBuilder {
	return &metricBuilder{metrics: pmetric.NewMetrics(), at: pointPlace{-1, -1, -1}}
}

func (b *metricBuilder) add(at pointPlace, rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics, m pmetric.Metric, point int) {
	if at.resource != b.at.resource {
		to := b.metrics.ResourceMetrics().AppendEmpty()
		rm.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rm.SchemaUrl())
		b.at, b.scopes = pointPlace{at.resource, -1, -1}, to.ScopeMetrics()
	}
	if at.scope != b.at.scope {
		to := b.scopes.AppendEmpty()
		sm.Scope().CopyTo(to.Scope())
		to.SetSchemaUrl(sm.SchemaUrl())
		b.at.scope, b.at.metric, b.slice = at.scope, -1, to.Metrics()
	}
	if at.metric != b.at.metric {
		b.at.metric, b.metric = at.metric, b.slice.AppendEmpty()
		describe(m, b.metric)
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		m.Gauge().DataPoints().At(point).CopyTo(b.metric.Gauge().DataPoints().AppendEmpty())
	case pmetric.MetricTypeSum:
		m.Sum().DataPoints().At(point).CopyTo(b.metric.Sum().DataPoints().AppendEmpty())
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().At(point).CopyTo(b.metric.Histogram().DataPoints().AppendEmpty())
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().At(point).CopyTo(b.metric.ExponentialHistogram().DataPoints().AppendEmpty())
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().At(point).CopyTo(b.metric.Summary().DataPoints().AppendEmpty())
	}
}

// describe copies all but the data points.
func describe(from, to pmetric.Metric) {
	to.SetName(from.Name())
	to.SetDescription(from.Description())
	to.SetUnit(from.Unit())
	from.Metadata().CopyTo(to.Metadata())
	switch from.Type() {
	case pmetric.MetricTypeGauge:
		to.SetEmptyGauge()
	case pmetric.MetricTypeSum:
		sum := to.SetEmptySum()
		sum.SetAggregationTemporality(from.Sum().AggregationTemporality())
		sum.SetIsMonotonic(from.Sum().IsMonotonic())
	case pmetric.MetricTypeHistogram:
		to.SetEmptyHistogram().SetAggregationTemporality(from.Histogram().AggregationTemporality())
	case pmetric.MetricTypeExponentialHistogram:
		to.SetEmptyExponentialHistogram().SetAggregationTemporality(from.ExponentialHistogram().AggregationTemporality())
	case pmetric.MetricTypeSummary:
		to.SetEmptySummary()
	}
}

func (*metricCodec) plain(metrics pmetric.Metrics) ([]byte, error) {
	return jsonMarshaler{}.MarshalMetrics(metrics)
}

func (*metricCodec) split(metrics pmetric.Metrics, n int) (first, rest pmetric.Metrics) {
	a, b := newMetricBuilder(), newMetricBuilder()
	for i, rm := range metrics.ResourceMetrics().All() {
		for j, sm := range rm.ScopeMetrics().All() {
			for k, metric := range sm.Metrics().All() {
				for p := range pointCount(metric) {
					to := a
					if n <= 0 {
						to = b
					}
					n--
					to.add(pointPlace{i, j, k}, rm, sm, metric, p)
				}
			}
		}
	}
	return a.metrics, b.metrics
}

// truncate can't: a data point has no body.
func (*metricCodec) truncate(pmetric.Metrics, int, int) bool { return false }
