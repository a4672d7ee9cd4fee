package measureconnector

import (
	"context"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	otelmetric "go.opentelemetry.io/otel/metric"

	"github.com/heartwood-otel/heartwood/connectors/measureconnector/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/throttle"
)

// shared is what the connectors of one id have in common: the one that passes logs on,
// and the one that gives metrics, which the Collector makes one by one.
type shared struct {
	key     sharingKey
	set     connector.Settings
	engine  *engine
	tel     *metadata.TelemetryBuilder
	refusal map[string]otelmetric.MeasurementOption
	// pool has readings that are used again, and hold nothing of a batch.
	pool sync.Pool

	// logs says that there is one that passes logs on, which then counts; the other
	// counts otherwise.
	logs atomic.Bool

	users int // the lock of sharing guards it

	conditionLog, sendLog throttle.Counter
}

// sharingKey is an id and its configuration, which the Collector reads once for all
// connectors of the id: after a change of the configuration it is another one, as it is in
// another Collector of the same process.
type sharingKey struct {
	id  component.ID
	cfg *Config
}

// sharing holds them for as long as one of them is there.
var sharing = struct {
	mu    sync.Mutex
	byKey map[sharingKey]*shared
}{byKey: map[sharingKey]*shared{}}

func acquire(set connector.Settings, cfg *Config) (*shared, error) {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	key := sharingKey{set.ID, cfg}
	s, ok := sharing.byKey[key]
	if !ok {
		var err error
		if s, err = newShared(key, set); err != nil {
			return nil, err
		}
		sharing.byKey[key] = s
	}
	s.users++
	return s, nil
}

func newShared(key sharingKey, set connector.Settings) (*shared, error) {
	e, err := newEngine(key.cfg, set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	if err := tel.RegisterConnectorMeasureSeriesCallback(func(_ context.Context, o otelmetric.Int64Observer) error {
		e.mu.RLock()
		defer e.mu.RUnlock()
		o.Observe(int64(e.live))
		return nil
	}); err != nil {
		return nil, err
	}
	s := &shared{key: key, set: set, engine: e, tel: tel, refusal: map[string]otelmetric.MeasurementOption{}}
	for _, reason := range refusals {
		s.refusal[reason] = otelmetric.WithAttributeSet(reasonSet(reason))
	}
	s.pool.New = func() any { return e.newReading() }
	return s, nil
}

// release lets go; the last one takes the series with it.
func (s *shared) release() {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(sharing.byKey, s.key)
		s.tel.Shutdown()
	}
}

// passOn says that there is one that passes logs on.
func (s *shared) passOn() { s.logs.Store(true) }

func (s *shared) passesOn() bool { return s.logs.Load() }
