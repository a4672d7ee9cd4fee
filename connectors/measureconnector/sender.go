package measureconnector

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
)

// sender sends metrics on at each interval.
type sender struct {
	*shared
	next   consumer.Metrics
	cancel context.CancelFunc // nil: it does not run
	done   chan struct{}
	// kept was not taken yet; meanwhile the series go on. The sender's goroutine has it.
	kept pmetric.Metrics
}

func (s *sender) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan struct{})
	go s.run(ctx)
}

// stop sends the last metrics. An error says that they may not have been taken.
func (s *sender) stop(ctx context.Context) error {
	if s.cancel == nil {
		return nil
	}
	s.cancel()
	s.cancel = nil
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the last metrics were not sent on: %w", ctx.Err())
	}
}

func (s *sender) run(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(s.engine.cfg.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			s.last(context.WithoutCancel(ctx))
			return
		case <-ticker.C:
			s.send(ctx)
		}
	}
}

// send sends what the series say now. Of delta metrics, those that were not taken go
// first. Cumulative ones say all that the ones before them said, but for the ends of
// series: they are not held up by an exporter that is in trouble, beside another that is
// not.
func (s *sender) send(ctx context.Context) {
	if s.delta() && s.kept != (pmetric.Metrics{}) && !s.deliver(ctx, s.kept) {
		return
	}
	if m := s.now(); m.DataPointCount() > 0 && !s.deliver(ctx, m) {
		s.kept = m
	}
}

func (s *sender) delta() bool {
	return s.engine.cfg.temporality() == pmetric.AggregationTemporalityDelta
}

// now gives what the series say now. Ends of cumulative series that were not taken are
// before the rest: one of them may have begun anew.
func (s *sender) now() pmetric.Metrics {
	now := time.Now()
	m := s.engine.render(now, s.set.BuildInfo.Version)
	kept := s.kept
	s.kept = pmetric.Metrics{}
	if s.delta() || kept == (pmetric.Metrics{}) {
		return m
	}
	out := ends(kept, now)
	m.ResourceMetrics().MoveAndAppendTo(out.ResourceMetrics())
	return out
}

// lookback is how far Prometheus looks back for a value, by default. The end of a series
// that was longer ago tells it nothing.
const lookback = 5 * time.Minute

// ends gives the points of series that have ended, which render puts into metrics of
// their own. It leaves m alone, which an exporter may have.
func ends(m pmetric.Metrics, now time.Time) pmetric.Metrics {
	out := pmetric.NewMetrics()
	for _, rm := range m.ResourceMetrics().All() {
		var to pmetric.MetricSlice
		for _, x := range rm.ScopeMetrics().At(0).Metrics().All() {
			if at, ended := end(x); !ended || now.Sub(at.AsTime()) >= lookback {
				continue
			}
			if to == (pmetric.MetricSlice{}) {
				into := out.ResourceMetrics().AppendEmpty()
				rm.Resource().CopyTo(into.Resource())
				into.SetSchemaUrl(rm.SchemaUrl())
				scope := into.ScopeMetrics().AppendEmpty()
				rm.ScopeMetrics().At(0).Scope().CopyTo(scope.Scope())
				to = scope.Metrics()
			}
			x.CopyTo(to.AppendEmpty())
		}
	}
	return out
}

// end says when the series of a metric's first point has ended, if it has.
func end(m pmetric.Metric) (pcommon.Timestamp, bool) {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		p := m.Sum().DataPoints().At(0)
		return p.Timestamp(), p.Flags().NoRecordedValue()
	case pmetric.MetricTypeGauge:
		p := m.Gauge().DataPoints().At(0)
		return p.Timestamp(), p.Flags().NoRecordedValue()
	case pmetric.MetricTypeHistogram:
		p := m.Histogram().DataPoints().At(0)
		return p.Timestamp(), p.Flags().NoRecordedValue()
	case pmetric.MetricTypeExponentialHistogram:
		p := m.ExponentialHistogram().DataPoints().At(0)
		return p.Timestamp(), p.Flags().NoRecordedValue()
	default:
		return 0, false
	}
}

// last sends what is there, once; what is not taken is lost.
func (s *sender) last(ctx context.Context) {
	var all []pmetric.Metrics
	if s.delta() && s.kept != (pmetric.Metrics{}) {
		all = append(all, s.kept)
	}
	for _, m := range append(all, s.now()) {
		if m.DataPointCount() > 0 && !s.deliver(ctx, m) {
			s.tel.ConnectorMeasurePointsDropped.Add(ctx, int64(m.DataPointCount()))
			s.set.Logger.Error("metrics were not taken at the end, and are lost", zap.Int("points", m.DataPointCount()))
		}
	}
}

// deliver says whether metrics are done with: taken, or refused for good.
func (s *sender) deliver(ctx context.Context, m pmetric.Metrics) bool {
	given := m
	if s.next.Capabilities().MutatesData {
		given = pmetric.NewMetrics()
		m.CopyTo(given)
	}
	err := s.next.ConsumeMetrics(ctx, given)
	switch {
	case err == nil:
		return true
	case consumererror.IsPermanent(err):
		s.tel.ConnectorMeasurePointsDropped.Add(ctx, int64(m.DataPointCount()))
		if n, ok := s.sendLog.Add(1); ok {
			s.set.Logger.Error("metrics were refused for good and are dropped; cumulative ones come again with the next interval", zap.Error(err), zap.Int64("times", n))
		}
		return true
	}
	if n, ok := s.sendLog.Add(1); ok {
		s.set.Logger.Warn("metrics were not taken; what they say is sent with the next interval", zap.Error(err), zap.Int64("times", n))
	}
	return false
}
