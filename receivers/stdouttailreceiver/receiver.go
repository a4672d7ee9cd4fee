package stdouttailreceiver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/throttle"
	"github.com/heartwood-otel/heartwood/internal/trouble"
	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/metadata"
)

// drainWindow is how long Shutdown waits for what is under way, beside the time that
// the next consumer may take, where its context has no deadline.
const drainWindow = 2 * time.Second

type stdoutTailReceiver struct {
	cfg     *Config
	set     receiver.Settings
	next    consumer.Logs
	records recordSettings
	tel     *metadata.TelemetryBuilder

	// work is the context of all deliveries; it ends when Shutdown gives up on them.
	work     context.Context
	stopWork context.CancelFunc
	// closing is closed when Shutdown begins.
	closing chan struct{}
	host    component.Host

	refuseLog throttle.Counter
	// board makes the receiver's status of what goes wrong.
	board *trouble.Board

	captures []capture
	stop     sync.Once
}

// capture is a place where a stream is caught.
type capture interface {
	// start begins to read.
	start(ctx context.Context, host component.Host) error
	// shutdown stops reading and returns when everything that was read has been
	// handed over, or cannot be; ctx bounds the wait for programs to end.
	shutdown(ctx context.Context) error
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*stdoutTailReceiver, error) {
	records, err := cfg.recordSettings()
	if err != nil {
		return nil, err
	}
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	r := &stdoutTailReceiver{
		cfg:     cfg,
		set:     set,
		next:    next,
		records: records,
		tel:     tel,
		closing: make(chan struct{}),
		board:   trouble.New(trouble.DefaultHold),
	}
	r.work, r.stopWork = context.WithCancel(context.Background())
	return r, nil
}

func (r *stdoutTailReceiver) Start(ctx context.Context, host component.Host) error {
	r.host = host
	r.watchStatus(host)
	type way struct {
		name   source
		create func(in *intake) (capture, error)
	}
	var ways []way
	if c := r.cfg.Files.Get(); c != nil {
		ways = append(ways, way{fromFiles, func(in *intake) (capture, error) { return newFileCapture(in, c), nil }})
	}
	if c := r.cfg.Journald.Get(); c != nil {
		ways = append(ways, way{fromJournald, func(in *intake) (capture, error) { return newJournalCapture(in, c) }})
	}
	if c := r.cfg.Command.Get(); c != nil {
		ways = append(ways, way{fromCommand, func(in *intake) (capture, error) { return newCommandCapture(in, c) }})
	}
	if c := r.cfg.Stdin.Get(); c != nil {
		ways = append(ways, way{fromStdin, func(in *intake) (capture, error) { return newStdinCapture(in, c), nil }})
	}
	for _, w := range ways {
		in, err := newIntake(r, w.name)
		var c capture
		if err == nil {
			c, err = w.create(in)
		}
		if err == nil {
			err = c.start(ctx, host)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("start %s: %w", w.name, err), r.Shutdown(ctx))
		}
		r.captures = append(r.captures, c)
	}
	return nil
}

func (r *stdoutTailReceiver) Shutdown(ctx context.Context) error {
	var err error
	r.stop.Do(func() { err = r.shutdown(ctx) })
	return err
}

func (r *stdoutTailReceiver) shutdown(ctx context.Context) error {
	defer r.tel.Shutdown()
	r.board.Close()
	close(r.closing)
	if _, ok := ctx.Deadline(); !ok {
		wait := drainWindow + r.cfg.AcceptTimeout
		if c := r.cfg.Command.Get(); c != nil {
			wait += c.Grace
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	defer context.AfterFunc(ctx, r.stopWork)()
	defer r.stopWork()

	errs := make([]error, len(r.captures))
	var all sync.WaitGroup
	for i, c := range r.captures {
		all.Go(func() { errs[i] = c.shutdown(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (r *stdoutTailReceiver) isClosing() bool {
	select {
	case <-r.closing:
		return true
	default:
		return false
	}
}

// endCollector asks the collector to stop, because a source has come to its end and
// the configuration says so. The collector knows only one way for a component to
// end it: a fatal status.
func (r *stdoutTailReceiver) endCollector(why error) {
	if r.isClosing() {
		return
	}
	r.set.Logger.Info("Stopping the collector", zap.String("because", why.Error()))
	// Nobody waits for this: a collector that is being stopped already never takes it.
	go componentstatus.ReportStatus(r.host, componentstatus.NewFatalErrorEvent(why))
}
