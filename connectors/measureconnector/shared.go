package measureconnector

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	otelmetric "go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/connectors/measureconnector/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/throttle"
)

// shared is what the connectors of one id have in common: the one that passes logs on,
// and the one that gives metrics, which the Collector makes one by one.
type shared struct {
	id      component.ID
	set     connector.Settings
	engine  *engine
	tel     *metadata.TelemetryBuilder
	refusal map[string]otelmetric.MeasurementOption
	version string
	// pool has readings that are used again.
	pool sync.Pool

	// logs says that there is one that passes logs on, which then counts; the other
	// counts otherwise.
	logs atomic.Bool

	// The lock of sharing guards the following.
	users   int
	started int
	metrics []consumer.Metrics
	stop    context.CancelFunc
	done    chan struct{}

	conditionLog, sendLog throttle.Counter
}

// sharing holds them, by id, for as long as one of them is there.
var sharing = struct {
	mu   sync.Mutex
	byID map[component.ID]*shared
}{byID: map[component.ID]*shared{}}

func acquire(set connector.Settings, cfg *Config) (*shared, error) {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	s, ok := sharing.byID[set.ID]
	if !ok {
		e, err := newEngine(cfg, set.TelemetrySettings)
		if err != nil {
			return nil, err
		}
		tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
		if err != nil {
			return nil, err
		}
		s = &shared{id: set.ID, set: set, engine: e, tel: tel, version: set.BuildInfo.Version, refusal: map[string]otelmetric.MeasurementOption{}}
		for _, reason := range refusals {
			s.refusal[reason] = otelmetric.WithAttributeSet(reasonSet(reason))
		}
		s.pool.New = func() any { return e.newReading() }
		sharing.byID[set.ID] = s
	}
	s.users++
	return s, nil
}

// release lets go; the last one takes the series with it.
func (s *shared) release() {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	if s.users--; s.users == 0 && sharing.byID[s.id] == s {
		delete(sharing.byID, s.id)
		s.tel.Shutdown()
	}
}

// start begins to send metrics on, with the first of those that share.
func (s *shared) start() error {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	if s.started++; s.started > 1 {
		return nil
	}
	if err := s.tel.RegisterConnectorMeasureSeriesCallback(func(_ context.Context, o otelmetric.Int64Observer) error {
		s.engine.mu.RLock()
		defer s.engine.mu.RUnlock()
		o.Observe(int64(s.engine.live))
		return nil
	}); err != nil {
		s.started--
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.done = cancel, make(chan struct{})
	go s.send(ctx)
	return nil
}

// end sends the last metrics, when the last of those that share ends.
func (s *shared) end(ctx context.Context) error {
	sharing.mu.Lock()
	s.started--
	last := s.started == 0
	sharing.mu.Unlock()
	if !last {
		return nil
	}
	s.stop()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the last metrics were not sent on: %w", ctx.Err())
	}
}

// send sends metrics on at each interval. What delta series gave and nobody has taken
// yet is kept, and sent before anything else; meanwhile the series go on.
func (s *shared) send(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(s.engine.cfg.Interval)
	defer ticker.Stop()
	var kept []pmetric.Metrics // for each consumer, or not used
	flush := func(ctx context.Context) {
		delta := s.engine.cfg.temporality() == pmetric.AggregationTemporalityDelta
		sharing.mu.Lock()
		consumers := s.metrics
		sharing.mu.Unlock()
		if len(consumers) == 0 {
			return
		}
		if kept != nil {
			if kept = s.deliver(ctx, consumers, kept); kept != nil {
				return
			}
		}
		m := s.engine.render(time.Now(), s.version)
		if m.DataPointCount() == 0 {
			return
		}
		all := make([]pmetric.Metrics, len(consumers))
		for i := range all {
			all[i] = m
			if i > 0 {
				all[i] = pmetric.NewMetrics()
				m.CopyTo(all[i])
			}
		}
		if kept = s.deliver(ctx, consumers, all); !delta {
			kept = nil
		}
	}
	for {
		select {
		case <-ctx.Done():
			flush(context.WithoutCancel(ctx))
			return
		case <-ticker.C:
			flush(ctx)
		}
	}
}

// deliver gives each consumer its metrics, and gives back those that must be sent again,
// or nil when there are none.
func (s *shared) deliver(ctx context.Context, consumers []consumer.Metrics, all []pmetric.Metrics) []pmetric.Metrics {
	again, some := make([]pmetric.Metrics, len(consumers)), false
	for i, next := range consumers {
		m := all[i]
		if m == (pmetric.Metrics{}) {
			continue
		}
		given := m
		if next.Capabilities().MutatesData && s.engine.cfg.temporality() == pmetric.AggregationTemporalityDelta {
			given = pmetric.NewMetrics()
			m.CopyTo(given)
		}
		err := next.ConsumeMetrics(ctx, given)
		if err == nil {
			continue
		}
		if consumererror.IsPermanent(err) {
			s.tel.ConnectorMeasurePointsDropped.Add(ctx, int64(m.DataPointCount()))
			if n, ok := s.sendLog.Add(1); ok {
				s.set.Logger.Error("metrics were refused for good and are dropped; cumulative ones come again with the next interval", zap.Error(err), zap.Int64("times", n))
			}
			continue
		}
		again[i], some = m, true
		if n, ok := s.sendLog.Add(1); ok {
			s.set.Logger.Warn("metrics were not taken; they are sent again with the next interval", zap.Error(err), zap.Int64("times", n))
		}
	}
	if !some {
		return nil
	}
	return again
}

// passOn says that there is one that passes logs on.
func (s *shared) passOn() {
	s.logs.Store(true)
}

func (s *shared) passesOn() bool { return s.logs.Load() }

// giveTo adds one to be given metrics.
func (s *shared) giveTo(next consumer.Metrics) {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	s.metrics = append(s.metrics, next)
}
