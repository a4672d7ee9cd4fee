package measureconnector

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// scopeName is the instrumentation scope of what is made.
const scopeName = "github.com/heartwood-otel/heartwood/connectors/measureconnector"

// render gives what all series say now, in the order of resources and names, so that
// equal states give equal metrics. Series that have had no value for so long end: with a
// last point that says so, when they are cumulative. Delta series begin anew: what was
// rendered must then be sent on.
func (e *engine) render(now time.Time, version string) pmetric.Metrics {
	delta := e.cfg.temporality() == pmetric.AggregationTemporalityDelta
	e.mu.Lock()
	byResource := map[*resource][]*series{}
	each := func(s *series) {
		s.mu.Lock()
		defer s.mu.Unlock()
		// A value that was not sent on is sent first: the last point of a series has none.
		if !s.fresh && e.cfg.Expire > 0 && now.Sub(s.last) >= e.cfg.Expire {
			e.dropLocked(s)
		}
		if !s.live || delta && !s.fresh {
			return
		}
		byResource[s.resource] = append(byResource[s.resource], s)
	}
	for _, m := range e.metrics {
		for _, s := range m.series {
			for s != nil {
				next := s.next
				each(s)
				s = next
			}
		}
		if m.overflow != nil {
			each(m.overflow)
		}
	}
	e.mu.Unlock()

	out := pmetric.NewMetrics()
	resources := make([]*resource, 0, len(byResource))
	for r := range byResource {
		resources = append(resources, r)
	}
	slices.SortFunc(resources, func(a, b *resource) int {
		if a.hash < b.hash {
			return -1
		} else if a.hash > b.hash {
			return 1
		}
		return 0
	})
	out.ResourceMetrics().EnsureCapacity(len(resources))
	for _, r := range resources {
		rm := out.ResourceMetrics().AppendEmpty()
		r.attrs.CopyTo(rm.Resource().Attributes())
		rm.SetSchemaUrl(r.schema)
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName(scopeName)
		sm.Scope().SetVersion(version)
		list := byResource[r]
		slices.SortFunc(list, bySeries)
		var at pmetric.Metric
		for i, s := range list {
			// The prometheus exporter looks at no point behind one that has ended.
			if i == 0 || list[i-1].metric != s.metric || s.gone {
				at = sm.Metrics().AppendEmpty()
				at.SetName(s.metric.name)
				at.SetDescription(s.metric.description)
				at.SetUnit(s.metric.unit)
				e.shape(at, s.metric.kind)
			}
			s.mu.Lock()
			e.point(at, s, now)
			s.mu.Unlock()
		}
	}
	return out
}

// bySeries sorts by the metric's name, those that have ended behind the others, and then
// by attributes.
func bySeries(a, b *series) int {
	if c := strings.Compare(a.metric.name, b.metric.name); c != 0 {
		return c
	}
	if a.gone != b.gone {
		if a.gone {
			return 1
		}
		return -1
	}
	return slices.CompareFunc(a.attrs, b.attrs, func(x, y attribute) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		if c := strings.Compare(x.text, y.text); c != 0 {
			return c
		}
		switch {
		case x.bits < y.bits:
			return -1
		case x.bits > y.bits:
			return 1
		}
		return int(x.kind) - int(y.kind)
	})
}

func (e *engine) shape(m pmetric.Metric, kind metricKind) {
	t := e.cfg.temporality()
	switch kind {
	case kindSum, kindUpDownSum:
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(kind == kindSum)
		sum.SetAggregationTemporality(t)
	case kindGauge:
		m.SetEmptyGauge()
	case kindHistogram:
		m.SetEmptyHistogram().SetAggregationTemporality(t)
	case kindExponential:
		m.SetEmptyExponentialHistogram().SetAggregationTemporality(t)
	}
}

// point appends the series' point; the caller has its lock. One that has ended has no
// value, which is how Prometheus knows that it is stale.
func (e *engine) point(m pmetric.Metric, s *series, now time.Time) {
	delta := e.cfg.temporality() == pmetric.AggregationTemporalityDelta
	ended := s.gone
	flags := pmetric.DefaultDataPointFlags.WithNoRecordedValue(ended)
	start, at := pcommon.NewTimestampFromTime(s.start), pcommon.NewTimestampFromTime(now)
	switch s.metric.kind {
	case kindSum, kindUpDownSum, kindGauge:
		var dp pmetric.NumberDataPoint
		if s.metric.kind == kindGauge {
			dp = m.Gauge().DataPoints().AppendEmpty()
		} else {
			dp = m.Sum().DataPoints().AppendEmpty()
			dp.SetStartTimestamp(start)
		}
		dp.SetTimestamp(at)
		dp.SetFlags(flags)
		putAttributes(dp.Attributes(), s)
		if !ended {
			dp.SetDoubleValue(s.sum)
			s.putExemplarsLocked(dp.Exemplars(), now)
		}
	case kindHistogram:
		dp := m.Histogram().DataPoints().AppendEmpty()
		dp.SetStartTimestamp(start)
		dp.SetTimestamp(at)
		dp.SetFlags(flags)
		putAttributes(dp.Attributes(), s)
		dp.ExplicitBounds().FromRaw(s.metric.bounds)
		if ended {
			// Prometheus has a series of each bucket and of the sum: each has to end.
			dp.SetSum(0)
			dp.BucketCounts().FromRaw(make([]uint64, len(s.metric.bounds)+1))
		} else {
			dp.SetCount(s.count)
			dp.SetSum(s.sum)
			dp.SetMin(s.low)
			dp.SetMax(s.top)
			dp.BucketCounts().FromRaw(s.buckets)
			s.putExemplarsLocked(dp.Exemplars(), now)
		}
	case kindExponential:
		dp := m.ExponentialHistogram().DataPoints().AppendEmpty()
		dp.SetStartTimestamp(start)
		dp.SetTimestamp(at)
		dp.SetFlags(flags)
		putAttributes(dp.Attributes(), s)
		if !ended {
			dp.SetCount(s.count)
			dp.SetSum(s.sum)
			dp.SetMin(s.low)
			dp.SetMax(s.top)
			dp.SetScale(s.exp.Scale())
			dp.SetZeroCount(s.exp.ZeroCount())
			putBuckets(dp.Positive(), s.exp.Positive().Offset(), s.exp.Positive().Len(), s.exp.Positive().At)
			putBuckets(dp.Negative(), s.exp.Negative().Offset(), s.exp.Negative().Len(), s.exp.Negative().At)
			s.putExemplarsLocked(dp.Exemplars(), now)
		}
	}
	s.fresh = false
	if delta {
		s.resetLocked(now)
	}
}

func putAttributes(m pcommon.Map, s *series) {
	m.EnsureCapacity(len(s.attrs))
	for i := range s.attrs {
		s.attrs[i].put(m, s.attrs[i].name)
	}
}

func putBuckets(b pmetric.ExponentialHistogramDataPointBuckets, offset int32, n uint32, at func(uint32) uint64) {
	b.SetOffset(offset)
	b.BucketCounts().EnsureCapacity(int(n))
	for i := range n {
		b.BucketCounts().Append(at(i))
	}
}

// putExemplarsLocked begins a new interval for them, too.
func (s *series) putExemplarsLocked(to pmetric.ExemplarSlice, now time.Time) {
	for i := range s.exemplars {
		e := &s.exemplars[i]
		if !e.set {
			continue
		}
		if e.seen > 0 {
			e.age = 0
		} else if e.age++; e.age >= exemplarIntervals {
			*e = exemplar{}
			continue
		}
		e.seen = 0
		x := to.AppendEmpty()
		x.SetDoubleValue(e.value)
		// A record's time may be anything; Prometheus takes none from the future.
		x.SetTimestamp(min(e.at, pcommon.NewTimestampFromTime(now)))
		x.SetTraceID(e.trace)
		x.SetSpanID(e.span)
		if e.request != "" {
			x.FilteredAttributes().PutStr("request.id", e.request)
		}
	}
}
