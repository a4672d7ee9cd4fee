// Package metricstore keeps the latest metrics of the viewer, in Prometheus' own TSDB, bounded in
// bytes, age and series, and answers PromQL over them.
package metricstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/prometheusremotewrite"
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
)

const (
	// blockTime is how much of the newest is in memory, and half as much again.
	blockTime = 30 * time.Minute
	// outOfOrder is how late a point may be.
	outOfOrder = 5 * time.Minute
	// ahead is how far in the future a point may be: one in the year 2099 would let all
	// others seem too old.
	ahead = 10 * time.Minute
	// walSegment is small, since what is kept is.
	walSegment   = 16 << 20
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
	// MaxSize is how many bytes may be on disk: 128 MiB.
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

	// mu guards the following.
	mu    sync.Mutex
	about map[string]about
}

// about is what a metric said of itself.
type about struct{ kind, unit, help string }

// Stats are a store's figures.
type Stats struct {
	Series          int64 // of the newest points
	Bytes, MaxBytes int64 // on disk
}

// Open opens the store in a directory, or makes one.
func Open(settings Settings) (*Store, error) {
	settings.defaults()
	if settings.Directory == "" {
		return nil, errors.New("the metrics' store needs a directory")
	}
	if err := os.MkdirAll(settings.Directory, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of metrics: %w", err)
	}
	options := tsdb.DefaultOptions()
	options.RetentionDuration = settings.MaxAge.Milliseconds()
	options.MaxBytes = settings.MaxSize
	options.MinBlockDuration, options.MaxBlockDuration = blockTime.Milliseconds(), blockTime.Milliseconds()
	options.WALSegmentSize, options.WALCompression = walSegment, compression.Snappy
	options.StripeSize = stripes
	options.OutOfOrderTimeWindow = outOfOrder.Milliseconds()
	options.EnableExemplarStorage, options.MaxExemplars = true, maxExemplars
	logger := newLogger(settings.Logger)
	db, err := tsdb.Open(settings.Directory, logger, nil, options, nil)
	if err != nil {
		return nil, fmt.Errorf("open the metrics in %s: %w", settings.Directory, err)
	}
	p := parser.NewParser(parser.Options{})
	return &Store{
		settings: settings, db: db, parser: p, about: map[string]about{},
		engine: promql.NewEngine(promql.EngineOpts{
			Logger: logger, MaxSamples: maxSamples, Timeout: maxTime, LookbackDelta: lookback,
			EnableAtModifier: true, EnableNegativeOffset: true, Parser: p,
		}),
	}, nil
}

// Close ends the store.
func (s *Store) Close() error { return errors.Join(s.engine.Close(), s.db.Close()) }

// Stats gives the figures.
func (s *Store) Stats() Stats {
	stats := Stats{Series: int64(s.db.Head().NumSeries()), Bytes: s.db.Head().Size(), MaxBytes: s.settings.MaxSize}
	for _, block := range s.db.Blocks() {
		stats.Bytes += block.Size()
	}
	return stats
}

// translation is how OTLP becomes Prometheus' form.
var translation = prometheusremotewrite.Settings{AddMetricSuffixes: true, SendMetadata: true, DisableScopeInfo: true}

// Add takes metrics, cumulative ones: of a delta there is no series. leftOut are points that it
// did not take, and err says why, for the first of each kind.
func (s *Store) Add(ctx context.Context, metrics pmetric.Metrics) (leftOut int, err error) {
	series, translated := prometheusremotewrite.FromMetrics(metrics, translation)
	if translated != nil {
		leftOut = max(1, deltas(metrics))
	}
	s.describe(metrics)
	appender := s.db.Appender(ctx)
	failed := map[string]error{}
	latest := s.settings.Now().Add(ahead).UnixMilli()
	builder := labels.NewScratchBuilder(16)
	for _, ts := range series {
		left, err := s.append(appender, ts, &builder, latest)
		leftOut += left
		if err != nil {
			failed[err.Error()] = err
		}
	}
	if err := appender.Commit(); err != nil {
		return leftOut, errors.Join(translated, fmt.Errorf("keep points: %w", err))
	}
	all := []error{translated}
	for _, err := range failed {
		all = append(all, err)
	}
	return leftOut, errors.Join(all...)
}

var errAhead = errors.New("a point is of a time to come")

// append takes the points of a series, and says how many it did not take.
func (s *Store) append(appender storage.Appender, ts *prompb.TimeSeries, builder *labels.ScratchBuilder, latest int64) (leftOut int, err error) {
	set := ts.ToLabels(builder, nil)
	ref, known := storage.SeriesRef(0), false
	if refs, ok := appender.(storage.GetRef); ok {
		if at, _ := refs.GetRef(set, set.Hash()); at != 0 {
			ref, known = at, true
		}
	}
	if !known && int(s.db.Head().NumSeries()) >= s.settings.MaxSeries {
		return len(ts.Samples) + len(ts.Histograms), ErrSeries
	}
	take := func(at int64, add func() (storage.SeriesRef, error)) {
		problem := errAhead
		if at <= latest {
			var next storage.SeriesRef
			if next, problem = add(); problem == nil {
				ref = next
				return
			}
		}
		leftOut++
		err = problem
	}
	for _, sample := range ts.Samples {
		take(sample.Timestamp, func() (storage.SeriesRef, error) {
			return appender.Append(ref, set, sample.Timestamp, sample.Value)
		})
	}
	for i := range ts.Histograms {
		h := &ts.Histograms[i]
		take(h.Timestamp, func() (storage.SeriesRef, error) {
			if h.IsFloatHistogram() {
				return appender.AppendHistogram(ref, set, h.Timestamp, nil, h.ToFloatHistogram())
			}
			return appender.AppendHistogram(ref, set, h.Timestamp, h.ToIntHistogram(), nil)
		})
	}
	if ref == 0 {
		return leftOut, err
	}
	for _, e := range ts.Exemplars {
		if e.Timestamp <= latest {
			// One that came before is an error, and nothing is lost by it.
			_, _ = appender.AppendExemplar(ref, set, e.ToExemplar(builder, nil))
		}
	}
	return leftOut, err
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

// maxAbout bounds what metrics say of themselves.
const maxAbout = 20_000

func (s *Store) describe(metrics pmetric.Metrics) {
	described, err := prometheusremotewrite.OtelMetricsToMetadata(metrics, translation)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range described {
		if len(s.about) >= maxAbout {
			clear(s.about)
		}
		s.about[m.MetricFamilyName] = about{kinds[m.Type], m.Unit, m.Help}
	}
}

var kinds = map[prompb.MetricMetadata_MetricType]string{
	prompb.MetricMetadata_COUNTER: "counter", prompb.MetricMetadata_GAUGE: "gauge",
	prompb.MetricMetadata_HISTOGRAM: "histogram", prompb.MetricMetadata_SUMMARY: "summary",
}
