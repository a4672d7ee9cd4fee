package kinesisexporter

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/sender"
	"github.com/heartwood-otel/heartwood/internal/deadletter"
	"github.com/heartwood-otel/heartwood/internal/diskfs"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// stream is a stream of Kinesis.
type stream interface {
	sender.Stream
	describe(ctx context.Context) (description, error)
	close()
}

// kinesisExporter is of one signal.
type kinesisExporter struct {
	cfg    *Config
	set    exporter.Settings
	tel    *telemetry
	signal string

	// prepare is what the signal does at start.
	prepare func(component.Host) error
	// newStream is replaced by tests.
	newStream func(ctx context.Context) (stream, error)

	limit   *sizeLimit
	intakes sync.Pool // of *intake
	queue   queue     // nil until start
	letters *deadletter.Folder
	stream  stream
	sender  atomic.Pointer[sender.Sender]

	// work ends when shutdown begins.
	work     context.Context
	stopWork context.CancelFunc
	running  sync.WaitGroup
	stopOnce sync.Once
}

func newExporter(set exporter.Settings, cfg *Config, signal string) (*kinesisExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	x := &kinesisExporter{
		cfg: cfg, set: set, tel: newTelemetry(builder, set.Logger), signal: signal,
		limit: newSizeLimit(int(cfg.MaxRecordSize)),
	}
	x.work, x.stopWork = context.WithCancel(context.Background())
	x.intakes.New = func() any { return x.newIntake() }
	x.newStream = func(ctx context.Context) (stream, error) {
		s, err := newAWSStream(ctx, cfg, "heartwood/"+set.BuildInfo.Version)
		if err != nil {
			return nil, err // not a nil *awsStream
		}
		return s, nil
	}
	return x, nil
}

func (x *kinesisExporter) start(ctx context.Context, host component.Host) error {
	if err := x.open(ctx, host); err != nil {
		x.stopWork()
		return errors.Join(err, x.closeAll())
	}
	x.running.Go(x.run)
	return nil
}

// open opens what shutdown, or a start that fails, closes.
func (x *kinesisExporter) open(ctx context.Context, host component.Host) (err error) {
	if err := x.prepare(host); err != nil {
		return err
	}
	if directory := x.cfg.deadLetterDirectory(); directory != "" {
		if x.letters, err = openDeadLetters(directory, x.cfg.Stream, x.signal); err != nil {
			return err
		}
	}
	if err := x.openQueue(); err != nil {
		return err
	}
	s, err := x.newStream(ctx)
	if err != nil {
		return err
	}
	x.stream = statusStream{s, x.tel.board}
	x.watchStatus(host)
	if x.cfg.OnMissingStream == missingFail {
		if err := x.requireStream(ctx); err != nil {
			return err
		}
	}
	return x.observe()
}

func (x *kinesisExporter) openQueue() error {
	directory := x.cfg.Spool.Directory
	if directory == "" {
		x.set.Logger.Info("No spool::directory is configured: senders wait until the stream has their records")
		x.queue = newMemoryQueue(maxMemory)
		return nil
	}
	// A folder for each signal: each has its own exporter.
	q, err := openSpoolQueue(spool.Settings{Directory: filepath.Join(directory, x.signal), MaxSize: int64(x.cfg.Spool.MaxSize)})
	if err != nil {
		return fmt.Errorf("open the spool of the kinesis exporter; spool::directory is %q: %w", directory, err)
	}
	x.queue = q
	if n := q.spool.Recovered().Records; n > 0 {
		x.set.Logger.Info("The spool has records that the stream does not have yet", zap.Uint64("user_records", n), zap.String("directory", directory))
	}
	return nil
}

// requireStream fails where the stream is not there. Where that can't be told now, it is
// waited for like anything else.
func (x *kinesisExporter) requireStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	_, err := x.stream.describe(ctx)
	if err == nil {
		return nil
	}
	if class, _ := classify(err); class == classMissing {
		return fmt.Errorf("on_missing_stream is %q, and the stream %q is not there: %w", missingFail, x.cfg.Stream, err)
	}
	return nil
}

// run waits for the stream, and starts the sender.
func (x *kinesisExporter) run() {
	if !x.awaitStream() {
		return
	}
	s, err := sender.New(x.senderSettings())
	if err != nil {
		// What the configuration allows, the sender allows.
		x.set.Logger.Error("The sender can't be made", zap.Error(err))
		x.tel.board.Fail(err)
		return
	}
	x.sender.Store(s)
	s.Start()
}

// awaitStream waits until the stream is there and takes records, and learns how large
// they may be. False: shutdown has begun.
func (x *kinesisExporter) awaitStream() bool {
	pause := x.cfg.Retry.InitialInterval
	for {
		ctx, cancel := context.WithTimeout(x.work, x.cfg.Timeout)
		d, err := x.stream.describe(ctx)
		cancel()
		switch class, code := classify(err); {
		case x.work.Err() != nil:
			return false
		case err == nil && d.active:
			x.setLimit(d.maxRecordSize)
			return true
		case err == nil:
			x.set.Logger.Info("The stream takes no records yet", zap.String("status", d.status))
		case class == classAccessDenied, code == "UnknownOperationException":
			x.tel.failed("", err)
			x.set.Logger.Warn("How large a record may be can't be read from the stream: it is taken to be 1MiB", zap.String("action", missingRight(err)))
			x.setLimit(0)
			return true
		default:
			x.tel.failed("", err)
		}
		select {
		case <-time.After(jitter(pause)):
		case <-x.work.Done():
			return false
		}
		pause = min(2*pause, x.cfg.Retry.MaxInterval)
	}
}

func (x *kinesisExporter) setLimit(streams int) {
	if streams == 0 {
		streams = int(usualRecordSize)
	}
	x.limit.set(min(streams, int(x.cfg.Batch.MaxSize)))
}

func (x *kinesisExporter) senderSettings() sender.Settings {
	set := sender.Settings{
		Stream:        countingStream{x.stream, x.tel},
		Log:           x.queue,
		Done:          x.queue.done,
		Refuse:        x.refuse,
		Observer:      x.tel,
		Aggregate:     x.cfg.Aggregation == aggregationKPL,
		MaxRecordSize: x.limit.now(),
		MaxRecords:    x.cfg.Batch.MaxRecords,
		MaxBytes:      int(x.cfg.Batch.MaxSize),
		MaxAge:        max(x.cfg.Batch.MaxAge, 1), // 0 would be the sender's default
		MaxInFlight:   x.cfg.MaxInFlight,
		RateBytes:     int(x.cfg.Rate.Bytes),
		RateRecords:   x.cfg.Rate.Records,
		RetryInitial:  x.cfg.Retry.InitialInterval,
		RetryMax:      x.cfg.Retry.MaxInterval,
		Timeout:       x.cfg.Timeout,
		Refresh:       x.cfg.RefreshInterval,
	}
	if x.cfg.Order == orderNone {
		set.Order = sender.Unordered
	}
	return set
}

// refuse is told of a record that the stream refuses for good.
func (x *kinesisExporter) refuse(r sender.Record, result sender.Result) error {
	message := result.Code
	if result.Message != "" {
		message += ": " + result.Message
	}
	if x.letters == nil {
		x.queue.refused(r.ID, consumererror.NewPermanent(fmt.Errorf("the stream refuses a record for good: %s", message)))
		return nil
	}
	err := x.writeLetters(context.Background(), []deadletter.Letter{{Reason: reasonRefused, Message: message, Key: string(r.Key), Data: r.Data, Records: r.Count}})
	if err == nil {
		x.queue.done([]uint64{r.ID})
	}
	return err
}

func (x *kinesisExporter) writeLetters(ctx context.Context, letters []deadletter.Letter) error {
	if err := x.letters.Write(time.Now(), letters); err != nil {
		if _, ok := x.tel.letterFailLog.Add(len(letters)); ok {
			x.set.Logger.Error("Dead letters can't be written", zap.Error(err))
		}
		x.tel.board.Trouble(troubleDisk, 0, err)
		return err
	}
	x.tel.deadLetters(ctx, letters)
	return nil
}

// consume takes what a call brings. It returns nil when all of it is on disk; without a
// spool, when the stream has it.
func (x *kinesisExporter) consume(ctx context.Context, encode func(*intake)) error {
	ready, cancel := context.WithTimeout(ctx, x.cfg.AcceptTimeout)
	defer cancel()
	in := x.intake(ready)
	defer in.release()
	encode(in)
	err := in.failed
	if err == nil {
		err = x.accept(ctx, ready, in)
		x.taken(ctx, err)
	}
	if err != nil {
		err = fmt.Errorf("kinesis: %w", diskfs.Advise(err, "spool::directory", x.cfg.Spool.Directory))
		x.tel.callRefused(err)
	}
	return err
}

// fullPatience is how long is waited for room where there is another place for what
// finds none: as long as a spool that is not full may need to write what waits.
const fullPatience = 100 * time.Millisecond

// accept puts the user records into the queue, and what can't go there into the dead
// letters. ready ends when the sender is to be told to come again.
func (x *kinesisExporter) accept(ctx, ready context.Context, in *intake) error {
	payloads := in.payload()
	if err := x.reserve(ready, in, payloads); err != nil {
		full := errors.Is(err, spool.ErrFull) || errors.Is(err, errNoRoom)
		switch {
		case full && x.cfg.OnFull == toDeadLetter && ctx.Err() == nil:
			return x.divert(ctx, in, err)
		case errors.Is(err, spool.ErrTooLarge):
			return consumererror.NewPermanent(fmt.Errorf("a call of this size can't be taken; spool::max_size is %s: %w", x.cfg.Spool.MaxSize, err))
		}
		return fmt.Errorf("records can't be taken now: %w", err)
	}
	if len(in.letters) > 0 && x.letters != nil {
		if err := x.writeLetters(ctx, in.letters); err != nil {
			x.queue.release(in.users)
			return err
		}
	}
	if err := x.put(ctx, in, payloads); err != nil {
		return err
	}
	if len(in.letters) > 0 && x.letters == nil {
		l := &in.letters[0]
		return consumererror.NewPermanent(fmt.Errorf("%d user records can't be delivered, and there is no dead_letter::directory: %s: %s", len(in.letters), l.Reason, l.Message))
	}
	return nil
}

func (x *kinesisExporter) reserve(ready context.Context, in *intake, payloads [][]byte) error {
	if len(in.users) == 0 {
		return nil
	}
	if x.cfg.OnFull == toDeadLetter {
		var cancel context.CancelFunc
		ready, cancel = context.WithTimeout(ready, min(fullPatience, x.cfg.AcceptTimeout))
		defer cancel()
	}
	return x.queue.reserve(ready, in.users, payloads)
}

func (x *kinesisExporter) put(ctx context.Context, in *intake, payloads [][]byte) error {
	if len(in.users) == 0 {
		return nil
	}
	// Its time is its own: what is given up here may be delivered all the same, and comes
	// again.
	patient, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	if err := x.queue.put(patient, in.users, payloads); err != nil {
		if isDisk(err) {
			x.tel.board.Trouble(troubleDisk, 0, err)
		}
		if errors.Is(err, spool.ErrTooLarge) {
			return consumererror.NewPermanent(fmt.Errorf("a call of this size can't be taken, whatever spool::max_size is: %w", err))
		}
		return fmt.Errorf("not all of the records have been taken: %w", err)
	}
	records := 0
	for i := range in.users {
		records += in.users[i].count
	}
	x.tel.ExporterKinesisRecordsAccepted.Add(ctx, int64(records))
	x.tel.ExporterKinesisBytesAccepted.Add(ctx, int64(sizeOf(in.users)))
	if in.truncated > 0 {
		x.tel.ExporterKinesisRecordsTruncated.Add(ctx, int64(in.truncated))
	}
	return nil
}

// divert makes dead letters of all that a call has brought.
func (x *kinesisExporter) divert(ctx context.Context, in *intake, reason error) error {
	for i := range in.users {
		u := &in.users[i]
		in.letters = append(in.letters, deadletter.Letter{Reason: reasonNoRoom, Message: reason.Error(), Key: u.key.text, Data: in.data(u), Records: u.count})
	}
	return x.writeLetters(ctx, in.letters)
}

func (x *kinesisExporter) shutdown(ctx context.Context) error {
	var err error
	x.stopOnce.Do(func() { err = x.stop(ctx) })
	return err
}

func (x *kinesisExporter) stop(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, x.cfg.Timeout)
		defer cancel()
	}
	var errs []error
	if x.queue != nil {
		errs = append(errs, x.queue.drain(ctx))
	}
	x.stopWork()
	x.running.Wait()
	if s := x.sender.Load(); s != nil {
		if err := s.Shutdown(ctx); err != nil {
			// With a spool nothing is lost by that.
			x.set.Logger.Warn("Calls were on their way when the time for the shutdown was over", zap.Error(err))
		}
	}
	return errors.Join(append(errs, x.closeAll())...)
}

func (x *kinesisExporter) closeAll() error {
	var errs []error
	x.tel.board.Close()
	if x.queue != nil {
		errs = append(errs, x.queue.close())
	}
	if x.stream != nil {
		x.stream.close()
	}
	x.tel.Shutdown()
	return errors.Join(errs...)
}

// observe registers the metrics that are read when asked for.
func (x *kinesisExporter) observe() error {
	of := func(value func(sender.Stats) int) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			n := 0
			if s := x.sender.Load(); s != nil {
				n = value(s.Stats())
			}
			o.Observe(int64(n))
			return nil
		}
	}
	return errors.Join(
		x.tel.RegisterExporterKinesisCallsInFlightCallback(of(func(s sender.Stats) int { return s.InFlight })),
		x.tel.RegisterExporterKinesisRecordsBufferedCallback(of(func(s sender.Stats) int { return s.Queued })),
		x.tel.RegisterExporterKinesisShardsCallback(of(func(s sender.Stats) int { return s.Shards })),
		x.tel.RegisterExporterKinesisSpoolSizeCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(x.queue.stats().Bytes)
			return nil
		}),
		x.tel.RegisterExporterKinesisSpoolLimitCallback(func(_ context.Context, o metric.Int64Observer) error {
			if x.cfg.Spool.Directory == "" {
				o.Observe(0)
			} else {
				o.Observe(int64(x.cfg.Spool.MaxSize))
			}
			return nil
		}),
		x.tel.RegisterExporterKinesisOldestRecordAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(x.queue.stats().Oldest.Seconds())
			return nil
		}),
	)
}
