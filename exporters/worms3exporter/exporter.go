package worms3exporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/deadletter"
	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

// wormExporter is of one signal. What writes is shared by those of one id.
type wormExporter struct {
	cfg    *Config
	set    exporter.Settings
	signal archiver.Signal

	// prepare is what the signal does at start, when core and tel are there.
	prepare func(component.Host) error

	intakes sync.Pool // of *intake
	core    *core     // nil until start
	tel     *telemetry
	letters *deadletter.Folder
}

func newExporter(set exporter.Settings, cfg *Config, signal archiver.Signal) *wormExporter {
	x := &wormExporter{cfg: cfg, set: set, signal: signal}
	x.intakes.New = func() any { return newIntake(cfg, signal, x.core.engine.FingerprintKey()) }
	return x
}

var signalNames = map[archiver.Signal]string{archiver.Logs: "logs", archiver.Traces: "traces", archiver.Metrics: "metrics"}

func (x *wormExporter) start(ctx context.Context, host component.Host) error {
	if err := allowFingerprints(); err != nil {
		return err
	}
	core, err := acquire(ctx, host, x.set, x.cfg)
	if err != nil {
		return err
	}
	x.core, x.tel = core, core.tel
	core.reportTo(host)
	if err := x.open(host); err != nil {
		x.core = nil
		return errors.Join(err, core.release(ctx))
	}
	return nil
}

func (x *wormExporter) open(host component.Host) (err error) {
	x.letters, err = deadletter.Open(deadletter.Settings{
		Directory: x.cfg.deadLetterDirectory(),
		Members: []deadletter.Member{
			{Name: "bucket", Value: x.cfg.Bucket}, {Name: "writer", Value: x.cfg.Writer}, {Name: "signal", Value: signalNames[x.signal]},
		},
		Key: "uid",
	})
	if err != nil {
		return err
	}
	return x.prepare(host)
}

func (x *wormExporter) shutdown(ctx context.Context) error {
	core := x.core
	x.core = nil
	if core == nil {
		return nil
	}
	return core.release(ctx)
}

// consume takes what a call brings. It returns nil when all of it is on disk.
func (x *wormExporter) consume(ctx context.Context, encode func(*intake)) error {
	in := x.intakes.Get().(*intake)
	defer func() {
		in.reset()
		x.intakes.Put(in)
	}()
	in.arrival = time.Now()
	encode(in)
	err := x.accept(ctx, in)
	x.tel.taken(ctx, err)
	if err != nil {
		x.tel.callRefused(err)
	}
	return err
}

// accept gives the records to the engine, and then writes the dead letters: when these
// fail, the call comes again, and its records are known as repeats.
func (x *wormExporter) accept(ctx context.Context, in *intake) error {
	if len(in.records) > 0 {
		if err := x.core.engine.Accept(ctx, in.all()); err != nil {
			if errors.Is(err, archiver.ErrTooLarge) {
				return consumererror.NewPermanent(fmt.Errorf("a call of this size can't be taken; spool::max_size is %s: %w", x.cfg.Spool.MaxSize, err))
			}
			return fmt.Errorf("records can't be taken now: %w", diskfs.Advise(err, "spool::directory", x.cfg.Spool.Directory))
		}
	}
	if len(in.letters) == 0 {
		return nil
	}
	if err := x.letters.Write(in.arrival, in.letters); err != nil {
		if _, ok := x.tel.letterFailLog.Add(len(in.letters)); ok {
			x.set.Logger.Error("Dead letters can't be written", zap.Error(err))
		}
		return err
	}
	if err := x.core.engine.DeadLettered(ctx, len(in.letters)); err != nil {
		return fmt.Errorf("dead letters can't be counted in the log now: %w", err)
	}
	x.tel.deadLetters(ctx, in.letters)
	return nil
}
