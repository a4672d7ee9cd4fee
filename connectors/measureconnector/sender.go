package measureconnector

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
)

// sender sends metrics on at each interval.
type sender struct {
	*shared
	next   consumer.Metrics
	cancel context.CancelFunc // nil: it does not run
	done   chan struct{}
	// kept was not taken yet, and is sent before anything else; meanwhile the series go
	// on. The sender's goroutine has it.
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

func (s *sender) send(ctx context.Context) {
	if s.kept != (pmetric.Metrics{}) && !s.deliver(ctx, s.kept) {
		return
	}
	s.kept = pmetric.Metrics{}
	m := s.engine.render(time.Now(), s.set.BuildInfo.Version)
	if m.DataPointCount() > 0 && !s.deliver(ctx, m) {
		s.kept = m
	}
}

// last sends what is there, once; what is not taken is lost.
func (s *sender) last(ctx context.Context) {
	for _, m := range []pmetric.Metrics{s.kept, s.engine.render(time.Now(), s.set.BuildInfo.Version)} {
		if m != (pmetric.Metrics{}) && m.DataPointCount() > 0 && !s.deliver(ctx, m) {
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
		s.set.Logger.Warn("metrics were not taken; they are sent again with the next interval", zap.Error(err), zap.Int64("times", n))
	}
	return false
}
