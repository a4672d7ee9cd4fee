package kinesisexporter

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heartwood-otel/heartwood/internal/logencoding"

	"github.com/heartwood-otel/heartwood/internal/datapoint"
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
				for p := range datapoint.Count(metric) {
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

// consume makes user records of data points.
func (m *metricCodec) consume(in *intake, metrics pmetric.Metrics, e *expression[*ottldatapoint.TransformContext]) {
	builders := map[string]*metricBuilder{}
	var groups []group[pmetric.Metrics]
	for i, rm := range metrics.ResourceMetrics().All() {
		for j, sm := range rm.ScopeMetrics().All() {
			for k, metric := range sm.Metrics().All() {
				for p := range datapoint.Count(metric) {
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
	p := datapoint.At(m, point)
	var text string
	if e != nil {
		c := ottldatapoint.NewTransformContextPtr(rm, sm, m, p)
		text = e.text(in.ctx, c)
		c.Close()
	} else {
		text = in.keys.attribute(rm.Resource().Attributes(), p.Attributes())
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
		datapoint.Describe(m, b.metric)
	}
	datapoint.Append(b.metric, m, point)
}

func (*metricCodec) plain(metrics pmetric.Metrics) ([]byte, error) {
	return logencoding.JSONMarshaler{}.MarshalMetrics(metrics)
}

func (*metricCodec) split(metrics pmetric.Metrics, n int) (first, rest pmetric.Metrics) {
	a, b := newMetricBuilder(), newMetricBuilder()
	for i, rm := range metrics.ResourceMetrics().All() {
		for j, sm := range rm.ScopeMetrics().All() {
			for k, metric := range sm.Metrics().All() {
				for p := range datapoint.Count(metric) {
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
