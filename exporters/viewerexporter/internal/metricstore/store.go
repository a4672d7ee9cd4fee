// Package metricstore keeps the latest metrics of the viewer, in Prometheus' own TSDB, bounded in
// bytes, age and series, and answers PromQL over them.
package metricstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheusremotewrite"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"
)

var (
	// ErrTooMuch says that an expression takes more time or more samples than one may.
	ErrTooMuch = errors.New("the expression takes too much")
	// ErrSeries says that there are as many series as there may be.
	ErrSeries = errors.New("there are as many series as the store may have")
	// ErrSize says that the directory has as many bytes as it may.
	ErrSize = errors.New("the store has as many bytes as it may")
)

const (
	// blockTime is how much of the newest is in memory, and half as much again.
	blockTime = 30 * time.Minute
	// outOfOrder is how late a point may be.
	outOfOrder = 5 * time.Minute
	// ahead is how far in the future a point may be: one in the year 2099 would let all
	// others seem too old.
	ahead = 10 * time.Minute
	// maxWALSegment is small, since what is kept is, and a third of the segments stay when the log is cut.
	maxWALSegment, minWALSegment = 16 << 20, 128 << 10

	maxExemplars = 50_000
	stripes      = 1 << 10

	maxSamples = 5_000_000
	maxTime    = 10 * time.Second
	lookback   = 5 * time.Minute
)

// Settings of a store. Zero values are the defaults.
type Settings struct {
	// Directory is made where it is not there. It must be the store's own.
	Directory string
	// MaxSize is how many bytes the directory may have: 128 MiB.
	MaxSize int64
	// MaxAge is how long points are kept: 24 h.
	MaxAge time.Duration
	// MaxSeries is how many series of the newest points may be: 100,000.
	MaxSeries int
	// Now is the clock.
	Now    func() time.Time
	Logger *zap.Logger
}

func (s *Settings) defaults() {
	if s.MaxSize <= 0 {
		s.MaxSize = 128 << 20
	}
	if s.MaxAge <= 0 {
		s.MaxAge = 24 * time.Hour
	}
	if s.MaxSeries <= 0 {
		s.MaxSeries = 100_000
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Logger == nil {
		s.Logger = zap.NewNop()
	}
}

// Store is safe for concurrent use.
type Store struct {
	settings Settings
	db       *tsdb.DB
	engine   *promql.Engine
	parser   parser.Parser

	size, written   atomic.Int64 // of the directory when it was measured, and what may have come since
	measure, ending chan struct{}
	watched         chan struct{}
	trimMu          sync.Mutex
	closing         sync.Once

	// mu guards the following.
	mu           sync.Mutex
	about        map[string]about
	aboutChanged bool
	aboutWritten time.Time
	exemplar     map[string]int64 // the latest of each name's exemplars
}

// Stats are a store's figures.
type Stats struct {
	Series          int64 // of the newest points
	Bytes, MaxBytes int64 // on disk
}

// Open opens the store in a directory, or makes one.
func Open(ctx context.Context, settings Settings) (*Store, error) {
	settings.defaults()
	if settings.Directory == "" {
		return nil, errors.New("the metrics' store needs a directory")
	}
	if err := os.MkdirAll(settings.Directory, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of metrics: %w", err)
	}
	options := tsdb.DefaultOptions()
	options.RetentionDuration = settings.MaxAge.Milliseconds()
	// The rest is for what comes before the next look, and for what is written anew before the old is removed.
	options.MaxBytes = settings.MaxSize / 2
	options.BlockReloadInterval = sizeInterval
	options.MinBlockDuration, options.MaxBlockDuration = blockTime.Milliseconds(), blockTime.Milliseconds()
	options.WALSegmentSize = int(min(max(settings.MaxSize/64, minWALSegment), maxWALSegment)) &^ (minWALSegment - 1)
	options.WALCompression = compression.Snappy
	options.StripeSize = stripes
	options.OutOfOrderTimeWindow = outOfOrder.Milliseconds()
	options.EnableExemplarStorage, options.MaxExemplars = true, maxExemplars
	// A file of chunks is as large as it may get while it is written.
	options.MaxBlockChunkSegmentSize = max(settings.MaxSize/32, minWALSegment)
	logger := newLogger(settings.Logger)
	if err := settings.removeDamaged(ctx, logger); err != nil {
		return nil, fmt.Errorf("look through the metrics in %s: %w", settings.Directory, err)
	}
	db, err := tsdb.Open(settings.Directory, logger, nil, options, nil)
	if err != nil {
		return nil, fmt.Errorf("open the metrics in %s: %w", settings.Directory, err)
	}
	p := parser.NewParser(parser.Options{})
	s := &Store{
		settings: settings, db: db, parser: p, about: map[string]about{}, exemplar: map[string]int64{},
		measure: make(chan struct{}, 1), ending: make(chan struct{}), watched: make(chan struct{}),
		engine: promql.NewEngine(promql.EngineOpts{
			Logger: logger, MaxSamples: maxSamples, Timeout: maxTime, LookbackDelta: lookback,
			EnableAtModifier: true, EnableNegativeOffset: true, Parser: p,
		}),
	}
	s.readAbout()
	if err := s.findExemplars(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the exemplars in %s: %w", settings.Directory, err), s.engine.Close(), db.Close())
	}
	s.size.Store(s.diskSize())
	go s.watch()
	return s, nil
}

// Close ends the store.
func (s *Store) Close() (err error) {
	s.closing.Do(func() {
		close(s.ending)
		<-s.watched
		s.mu.Lock()
		s.writeAboutLocked()
		s.mu.Unlock()
		err = errors.Join(s.engine.Close(), s.db.Close())
	})
	return err
}

// Stats gives the figures. Bytes are those of the last measurement, some seconds ago.
func (s *Store) Stats() Stats {
	return Stats{Series: int64(s.db.Head().NumSeries()), Bytes: s.size.Load(), MaxBytes: s.settings.MaxSize}
}

// translation is how OTLP becomes Prometheus' form.
var translation = prometheusremotewrite.Settings{AddMetricSuffixes: true, SendMetadata: true, DisableScopeInfo: true}

// Why something was left out.
const (
	ReasonTemporality    = "temporality"
	ReasonTime           = "time" // of a point: too old, too far ahead, or twice with different values
	ReasonSeries         = "series"
	ReasonSize           = "size"
	ReasonInvalid        = "invalid"
	ReasonExemplarTime   = "exemplar_time"
	ReasonExemplarSeries = "exemplar_series" // none of its series' points was taken
	ReasonExemplar       = "exemplar_invalid"
)

// Add takes metrics, cumulative ones: of a delta there is no series. leftOut are points and exemplars that it
// did not take, by reason, and err says why, for the first of each kind.
func (s *Store) Add(ctx context.Context, metrics pmetric.Metrics) (leftOut map[string]int, err error) {
	series, translated := translate(metrics)
	a := adding{store: s, leftOut: map[string]int{}, failed: map[string]error{}, builder: labels.NewScratchBuilder(16)}
	if translated != nil {
		a.failed[translated.Error()] = translated
		a.leftOut[ReasonTemporality] = max(1, deltas(metrics))
	}
	s.describe(metrics)
	a.Appender = s.db.Appender(ctx)
	a.latest = s.settings.Now().Add(ahead).UnixMilli()
	for _, ts := range series {
		a.add(ts)
	}
	if err := a.Commit(); err != nil {
		a.failed["commit"] = fmt.Errorf("keep points: %w", err)
	}
	var all []error
	for _, err := range a.failed {
		all = append(all, err)
	}
	return a.leftOut, errors.Join(all...)
}

var errAhead = errors.New("a point is of a time to come")

// adding is one call of Add.
type adding struct {
	storage.Appender
	store   *Store
	builder labels.ScratchBuilder
	latest  int64
	leftOut map[string]int
	failed  map[string]error
}

func (a *adding) leave(n int, reason string, err error) {
	if n > 0 {
		a.leftOut[reason] += n
		a.failed[err.Error()] = err
	}
}

// add takes the points of a series, and its exemplars.
func (a *adding) add(ts *prompb.TimeSeries) {
	set := ts.ToLabels(&a.builder, nil)
	ref := storage.SeriesRef(0)
	if refs, ok := a.Appender.(storage.GetRef); ok {
		ref, _ = refs.GetRef(set, set.Hash())
	}
	points := len(ts.Samples) + len(ts.Histograms)
	refuse := func(reason string, err error) {
		a.leave(points, reason, err)
		a.leave(len(ts.Exemplars), ReasonExemplarSeries, err)
	}
	if ref == 0 && int(a.store.db.Head().NumSeries()) >= a.store.settings.MaxSeries {
		refuse(ReasonSeries, ErrSeries)
		return
	}
	if !a.store.room(ts, ref != 0) {
		refuse(ReasonSize, ErrSize)
		return
	}
	take := func(at int64, add func() (storage.SeriesRef, error)) {
		if at > a.latest {
			a.leave(1, ReasonTime, errAhead)
			return
		}
		next, err := add()
		if err != nil {
			a.leave(1, reasonOf(err), err)
			return
		}
		ref = next
	}
	for _, sample := range ts.Samples {
		take(sample.Timestamp, func() (storage.SeriesRef, error) {
			return a.Append(ref, set, sample.Timestamp, sample.Value)
		})
	}
	for i := range ts.Histograms {
		h := &ts.Histograms[i]
		take(h.Timestamp, func() (storage.SeriesRef, error) {
			if h.IsFloatHistogram() {
				return a.AppendHistogram(ref, set, h.Timestamp, nil, h.ToFloatHistogram())
			}
			return a.AppendHistogram(ref, set, h.Timestamp, h.ToIntHistogram(), nil)
		})
	}
	if ref == 0 {
		a.leave(len(ts.Exemplars), ReasonExemplarSeries, errors.New("none of the points of an exemplar's series was taken"))
		return
	}
	for _, e := range ts.Exemplars {
		if e.Timestamp > a.latest {
			a.leave(1, ReasonExemplarTime, errAhead)
			continue
		}
		switch _, err := a.AppendExemplar(ref, set, e.ToExemplar(&a.builder, nil)); {
		case err == nil:
			a.store.seeExemplar(set.Get(model.MetricNameLabel), e.Timestamp)
		case errors.Is(err, storage.ErrDuplicateExemplar): // nothing is lost by it
		case errors.Is(err, storage.ErrOutOfOrderExemplar):
			a.leave(1, ReasonExemplarTime, err)
		default:
			a.leave(1, ReasonExemplar, err)
		}
	}
}

func reasonOf(err error) string {
	for _, of := range []error{
		storage.ErrOutOfOrderSample, storage.ErrOutOfBounds, storage.ErrTooOldSample, storage.ErrDuplicateSampleForTimestamp,
	} {
		if errors.Is(err, of) {
			return ReasonTime
		}
	}
	return ReasonInvalid
}

// deltas counts the points that have no series.
func deltas(metrics pmetric.Metrics) (n int) {
	for _, rm := range metrics.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				switch m.Type() {
				case pmetric.MetricTypeSum:
					if m.Sum().AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
						n += m.Sum().DataPoints().Len()
					}
				case pmetric.MetricTypeHistogram:
					if m.Histogram().AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
						n += m.Histogram().DataPoints().Len()
					}
				case pmetric.MetricTypeExponentialHistogram:
					if m.ExponentialHistogram().AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
						n += m.ExponentialHistogram().DataPoints().Len()
					}
				case pmetric.MetricTypeGauge, pmetric.MetricTypeSummary, pmetric.MetricTypeEmpty:
				}
			}
		}
	}
	return n
}
