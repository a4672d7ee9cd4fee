package worms3exporter

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/deadletter"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/throttle"
	"github.com/heartwood-otel/heartwood/internal/trouble"
)

// telemetry counts what happens, and says it in the log.
type telemetry struct {
	*metadata.TelemetryBuilder
	log *zap.Logger

	// board makes the exporter's status of what goes wrong.
	board *trouble.Board

	uploads atomic.Int64 // on their way

	// mu guards classes, which are the sets of attributes.
	mu      sync.Mutex
	classes map[string]metric.MeasurementOption

	callLog, letterLog, letterFailLog, conditionLog throttle.Counter
}

func newTelemetry(builder *metadata.TelemetryBuilder, log *zap.Logger, cfg *Config) *telemetry {
	t := &telemetry{TelemetryBuilder: builder, log: log, board: trouble.New(statusHold), classes: map[string]metric.MeasurementOption{}}
	for _, r := range cfg.allRules() {
		t.class(r.Name)
	}
	return t
}

func labelled(name, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(name, value)))
}

// class is the attribute of a rule's name.
func (t *telemetry) class(name string) metric.MeasurementOption {
	t.mu.Lock()
	defer t.mu.Unlock()
	label, ok := t.classes[name]
	if !ok {
		label = labelled("class", name)
		t.classes[name] = label
	}
	return label
}

func (t *telemetry) deadLetters(ctx context.Context, letters []deadletter.Letter) {
	for i := range letters {
		t.ExporterWormS3DeadLetters.Add(ctx, int64(letters[i].Records), labelled("reason", letters[i].Reason))
	}
	if n, ok := t.letterLog.Add(len(letters)); ok {
		l := &letters[len(letters)-1]
		t.log.Warn("Records can't be archived and are dead letters now", zap.Int64("records", n),
			zap.String("reason", l.Reason), zap.String("message", l.Message))
	}
}

// callRefused says that a sender is told to come again, or that there is no use in it.
func (t *telemetry) callRefused(err error) {
	n, ok := t.callLog.Add(1)
	switch {
	case !ok:
	case consumererror.IsPermanent(err):
		t.log.Error("Records were refused for good", zap.Int64("calls", n), zap.Error(err))
	default:
		t.log.Warn("Records were not taken; their senders are told to come again", zap.Int64("calls", n), zap.Error(err))
	}
}

// conditionFailed counts a condition that could not be evaluated.
func (t *telemetry) conditionFailed(err error) {
	t.ExporterWormS3ConditionErrors.Add(context.Background(), 1)
	if n, ok := t.conditionLog.Add(1); ok {
		t.log.Warn("A rule's condition failed, and so the rule does not fit the record", zap.Int64("records", n), zap.Error(err))
	}
}

// errorOf gives what the metrics call an error: the closed list is in metadata.yaml.
func errorOf(err error) string {
	for _, one := range []struct {
		sentinel error
		name     string
	}{
		{objectstore.ErrBusy, "busy"},
		{objectstore.ErrDenied, "denied"},
		{objectstore.ErrClock, "clock"},
		{archiver.ErrClock, "clock"},
		{objectstore.ErrExists, "exists"},
		{objectstore.ErrNotFound, "not_found"},
		{objectstore.ErrUnsupported, "unsupported"},
	} {
		if errors.Is(err, one.sentinel) {
			return one.name
		}
	}
	var path *fs.PathError
	if errors.As(err, &path) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EIO) {
		return "disk"
	}
	return "other"
}

// engineObserver is told by the archiver.
type engineObserver struct {
	*telemetry
	copies *copies
}

var _ archiver.Observer = engineObserver{}

// Accepted implements archiver.Observer.
func (o engineObserver) Accepted(records int, bytes int64) {
	ctx := context.Background()
	o.ExporterWormS3RecordsAccepted.Add(ctx, int64(records))
	o.ExporterWormS3BytesAccepted.Add(ctx, bytes)
}

// Repeated implements archiver.Observer.
func (o engineObserver) Repeated(records int) {
	o.ExporterWormS3RecordsRepeated.Add(context.Background(), int64(records))
}

// Sealed implements archiver.Observer.
func (engineObserver) Sealed(archive.ManifestObject) {}

// Uploaded implements archiver.Observer.
func (o engineObserver) Uploaded(object archive.ManifestObject, took time.Duration) {
	ctx, class := context.Background(), o.class(object.Class)
	o.ExporterWormS3ObjectsWritten.Add(ctx, 1, class)
	o.ExporterWormS3BytesWritten.Add(ctx, object.Size, class)
	o.ExporterWormS3RecordsArchived.Add(ctx, object.Records, class)
	o.log.Debug("An object is in the bucket", zap.String("key", object.Key), zap.String("version", object.VersionID), zap.Duration("took", took))
}

// Retry implements archiver.Observer. The archiver has said it in the log.
func (o engineObserver) Retry(what string, err error) {
	o.board.Trouble(what, trouble.DefaultPatience, err)
	o.ExporterWormS3Retries.Add(context.Background(), 1, labelled("error", errorOf(err)))
}

// Recovered implements archiver.Observer.
func (o engineObserver) Recovered(what string) { o.board.Over(what) }

// Deviation implements archiver.Observer.
func (o engineObserver) Deviation(key string, err error) {
	o.ExporterWormS3Deviations.Add(context.Background(), 1)
	o.log.Error("An object in the bucket is not as it was put there: look into who has rights to it", zap.String("key", key), zap.Error(err))
}

// Committed implements archiver.Observer.
func (o engineObserver) Committed(c archiver.Commit) {
	o.ExporterWormS3Redactions.Add(context.Background(), c.Ledger.Redactions)
	o.log.Info("Checkpoint", zap.Int64("number", c.Number), zap.String("event", string(c.Event)), zap.Int64("leaves", c.Size),
		zap.Int64("accepted", c.Ledger.Accepted), zap.Int64("archived", c.Ledger.Archived), zap.Int64("repeated", c.Ledger.Repeated),
		zap.Int64("dead_lettered", c.Ledger.DeadLettered), zap.Int64("waiting", c.Ledger.Waiting), zap.ByteString("checkpoint", c.Checkpoint))
	o.copies.add(c)
}

// Fatal implements archiver.Observer. The archiver has said it in the log.
func (o engineObserver) Fatal(err error) { o.board.Fail(err) }

// meteredStore counts calls.
type meteredStore struct {
	objectstore.Store
	tel         *telemetry
	checkpoints string // what keys of checkpoints begin with
}

// Put implements objectstore.Store.
func (s *meteredStore) Put(ctx context.Context, o objectstore.Object) (objectstore.Info, error) {
	s.tel.uploads.Add(1)
	defer s.tel.uploads.Add(-1)
	info, err := s.Store.Put(ctx, o)
	if err != nil && !errors.Is(err, objectstore.ErrExists) && strings.HasPrefix(o.Key, s.checkpoints) {
		s.tel.ExporterWormS3CheckpointFailures.Add(ctx, 1, labelled("place", "archive"))
	}
	return info, err
}

// observe registers the metrics that are read when asked for.
func (c *core) observe() error {
	count := func(value func(archiver.Stats) int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(value(c.engine.Stats()))
			return nil
		}
	}
	seconds := func(value func() float64) metric.Float64Callback {
		return func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(value())
			return nil
		}
	}
	return errors.Join(
		c.tel.RegisterExporterWormS3CheckpointNumberCallback(count(func(s archiver.Stats) int64 { return s.Number })),
		c.tel.RegisterExporterWormS3ObjectsOpenCallback(count(func(s archiver.Stats) int64 { return int64(s.Open) })),
		c.tel.RegisterExporterWormS3ObjectsWaitingCallback(count(func(s archiver.Stats) int64 { return int64(s.Sealed) })),
		c.tel.RegisterExporterWormS3SpoolSizeCallback(count(func(s archiver.Stats) int64 { return s.Queue.Bytes + s.SealedBytes })),
		c.tel.RegisterExporterWormS3SpoolLimitCallback(count(func(archiver.Stats) int64 { return 2 * int64(c.cfg.Spool.MaxSize) })),
		c.tel.RegisterExporterWormS3CheckpointIntervalCallback(seconds(c.cfg.CheckpointInterval.Seconds)),
		c.tel.RegisterExporterWormS3UploadsInFlightCallback(count(func(archiver.Stats) int64 { return c.tel.uploads.Load() })),
		c.tel.RegisterExporterWormS3FailedCallback(count(func(s archiver.Stats) int64 {
			if s.Fatal != nil {
				return 1
			}
			return 0
		})),
		c.tel.RegisterExporterWormS3OldestRecordAgeCallback(seconds(func() float64 { return c.engine.Stats().Queue.Oldest.Seconds() })),
		c.tel.RegisterExporterWormS3CheckpointAgeCallback(seconds(func() float64 {
			s := c.engine.Stats()
			if s.Number < 0 {
				return -1
			}
			now, ok := c.store.Now()
			if !ok {
				now = time.Now()
			}
			return now.Sub(s.To).Seconds()
		})),
		c.tel.RegisterExporterWormS3ClockOffsetCallback(seconds(func() float64 {
			now, ok := c.store.Now()
			if !ok {
				return 0
			}
			return time.Since(now).Seconds()
		})),
	)
}
