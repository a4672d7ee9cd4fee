package logfmtreceiver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/lineframe"
	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/receivers/logfmtreceiver/internal/metadata"
)

// drainWindow is how long the udp socket is still read once Shutdown has begun: long
// enough for what the kernel holds, short enough for a restart.
const drainWindow = 100 * time.Millisecond

// logfmtReceiver owns the listeners. Between them and the next consumer stands one
// intake per transport.
//
//	Start                      Shutdown
//	  |                            |
//	  listeners open               listeners close; open sockets are drained
//	  |                            |
//	  goroutines read, map,        what was read is delivered until the deadline
//	  deliver under `work`         |
//	                               `work` is cancelled; what is left is counted
type logfmtReceiver struct {
	cfg    *Config
	set    receiver.Settings
	next   consumer.Logs
	mapper *logrecord.Mapper
	tel    *metadata.TelemetryBuilder
	budget *lineframe.Budget
	// location is for syslog times without a zone.
	location *time.Location

	// work is the context of all deliveries; it ends when Shutdown gives up on them.
	work     context.Context
	stopWork context.CancelFunc
	// closing is closed when Shutdown begins.
	closing chan struct{}

	servers []server
	stop    sync.Once
}

// server is one listener and all that it has accepted.
type server interface {
	// start opens the listener and begins to serve.
	start(ctx context.Context, host component.Host) error
	// shutdown closes the listener and returns when everything that was read has been
	// delivered or given up. ctx says until when to wait for senders; the delivery
	// itself ends with the receiver's work context.
	shutdown(ctx context.Context) error
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*logfmtReceiver, error) {
	mapping, err := cfg.mapperSettings()
	if err != nil {
		return nil, err
	}
	mapper, err := logrecord.NewMapper(mapping)
	if err != nil {
		return nil, err
	}
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	r := &logfmtReceiver{
		cfg:      cfg,
		set:      set,
		next:     next,
		mapper:   mapper,
		tel:      tel,
		location: mapping.Timezone,
		budget:   lineframe.NewBudget(int64(cfg.MaxBufferSize)),
		closing:  make(chan struct{}),
	}
	r.work, r.stopWork = context.WithCancel(context.Background())
	return r, nil
}

// Start opens the listeners in the order tcp, udp, unix, http. When one fails, those
// before it are closed again.
func (r *logfmtReceiver) Start(ctx context.Context, host component.Host) error {
	type way struct {
		name   string
		create func() (server, error)
	}
	var ways []way
	if c := r.cfg.TCP.Get(); c != nil {
		ways = append(ways, way{"tcp", func() (server, error) { return newTCPServer(r, c) }})
	}
	if c := r.cfg.UDP.Get(); c != nil {
		ways = append(ways, way{"udp", func() (server, error) { return newUDPServer(r, c) }})
	}
	if c := r.cfg.Unix.Get(); c != nil {
		ways = append(ways, way{"unix", func() (server, error) { return newUnixServer(r, c) }})
	}
	if c := r.cfg.HTTP.Get(); c != nil {
		ways = append(ways, way{"http", func() (server, error) { return newHTTPServer(r, c) }})
	}
	for _, w := range ways {
		s, err := w.create()
		if err == nil {
			err = s.start(ctx, host)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("start %s: %w", w.name, err), r.Shutdown(ctx))
		}
		r.servers = append(r.servers, s)
	}
	return nil
}

// Shutdown closes the listeners, reads what the kernel still holds, and delivers what was read until ctx ends or, where ctx has no deadline, for one more
// accept_timeout. What the next consumer has not taken by then is counted as
// dropped, with the reason shutdown.
func (r *logfmtReceiver) Shutdown(ctx context.Context) error {
	var err error
	r.stop.Do(func() { err = r.shutdown(ctx) })
	return err
}

func (r *logfmtReceiver) shutdown(ctx context.Context) error {
	defer r.tel.Shutdown()
	close(r.closing)
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, drainWindow+r.cfg.AcceptTimeout)
		defer cancel()
	}
	defer context.AfterFunc(ctx, r.stopWork)()
	defer r.stopWork()

	errs := make([]error, len(r.servers))
	var all sync.WaitGroup
	for i, s := range r.servers {
		all.Go(func() { errs[i] = s.shutdown(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// isClosing says whether Shutdown has begun.
func (r *logfmtReceiver) isClosing() bool {
	select {
	case <-r.closing:
		return true
	default:
		return false
	}
}

func (r *logfmtReceiver) logListening(transport, address string, fields ...zap.Field) {
	r.set.Logger.Info("Listening for logfmt lines", append(fields, zap.String("transport", transport), zap.String("address", address))...)
}
