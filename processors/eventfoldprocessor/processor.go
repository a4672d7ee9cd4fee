package eventfoldprocessor

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/deadletter"
	"github.com/heartwood-otel/heartwood/internal/diskfs"
	"github.com/heartwood-otel/heartwood/internal/throttle"
	"github.com/heartwood-otel/heartwood/internal/trouble"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/metadata"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/story"
)

// maxShards bounds the goroutines that end and deliver events.
const maxShards = 64

// foldProcessor spreads records over shards by their key. A shard has its open
// events, a lock, and one goroutine that ends what is due and delivers.
type foldProcessor struct {
	cfg      *Config
	set      processor.Settings
	next     consumer.Logs
	mutates  bool // next changes what it is given
	tel      *metadata.TelemetryBuilder
	compiled *compiled
	letters  *deadletter.Folder // nil where there is none
	builder  *story.Builder
	intakes  sync.Pool // of *intake

	shards  []*shard
	journal *journal  // nil without a directory
	fs      diskfs.FS // of the journal; nil: the operating system's

	// What all shards hold together.
	openEvents, openBytes, readyBytes atomic.Int64
	// roomMu guards room, which is closed and made anew when readyBytes gets less.
	roomMu sync.Mutex
	room   chan struct{}

	// board makes the processor's status of what goes wrong.
	board *trouble.Board

	started time.Time
	// work is the context of all deliveries; it ends when Shutdown gives up on them.
	work     context.Context
	stopWork context.CancelFunc
	secret   cipher.AEAD // of fingerprints; nil with a journal, which keeps them

	// closing is closed when Shutdown begins.
	closing chan struct{}
	running sync.WaitGroup
	stop    sync.Once

	failLog, refuseLog, buryLog, dropLog throttle.Counter
}

var _ processor.Logs = (*foldProcessor)(nil)

func newProcessor(ctx context.Context, set processor.Settings, cfg *Config, next consumer.Logs) (*foldProcessor, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	p := &foldProcessor{
		cfg:     cfg,
		set:     set,
		next:    next,
		mutates: next.Capabilities().MutatesData,
		tel:     tel,
		room:    make(chan struct{}),
		started: time.Now(),
		board:   trouble.New(statusHold),
		closing: make(chan struct{}),
	}
	p.work, p.stopWork = context.WithCancel(context.Background())
	if p.compiled, err = cfg.compile(set.TelemetrySettings); err != nil {
		return nil, err
	}
	p.builder = newBuilder(context.WithoutCancel(ctx), cfg, p.compiled, p.conditionFailed)
	if cfg.Directory == "" {
		p.secret = newSecret()
	}
	p.intakes.New = func() any { return p.newIntake() }
	for range shardCount() {
		p.shards = append(p.shards, &shard{
			foldProcessor: p, table: foldtable.New(p.tableSettings()), wake: make(chan struct{}, 1), assembly: newAssembly(),
		})
	}
	return p, nil
}

// shardCount is a power of two, with some to spare over the processors, so that two
// batches seldom wait for each other.
func shardCount() int {
	n := 4
	for n < 2*runtime.GOMAXPROCS(0) && n < maxShards {
		n *= 2
	}
	return n
}

func (p *foldProcessor) tableSettings() foldtable.Settings {
	share := func(n int) int { return (n + shardCount() - 1) / shardCount() }
	return foldtable.Settings{
		IdleTimeout:   p.cfg.IdleTimeout,
		MaxDuration:   p.cfg.MaxDuration,
		MaxRecords:    p.cfg.MaxRecords,
		MaxBytes:      int(p.cfg.MaxBytes),
		RepeatWindow:  p.cfg.RepeatWindow,
		MaxRemembered: share(p.cfg.MaxRemembered),
		MaxPastBytes:  share(int(p.cfg.MaxState)),
		PassLate:      p.cfg.Late == latePass,
		NeedsEnd:      p.compiled.ends != nil,
		NeedsStart:    p.compiled.starts != nil,
	}
}

// Capabilities implements consumer.Logs. What others have, too, is copied where it has to
// be changed: where records have no uid, or some fold and others pass.
func (p *foldProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{}
}

// now is the time on a clock that does not go back, in ns; never 0.
func (p *foldProcessor) now() int64 { return int64(time.Since(p.started)) + 1 }

func (p *foldProcessor) Start(_ context.Context, host component.Host) error {
	if directory := p.cfg.deadLetterDirectory(); directory != "" {
		letters, err := openDeadLetters(directory, p.set.ID)
		if err != nil {
			return err
		}
		p.letters = letters
	}
	if p.cfg.Directory == "" {
		p.set.Logger.Info("No directory is configured: a crash loses the records of events that are open")
	} else if err := p.openJournal(); err != nil {
		return err
	}
	if err := p.observe(); err != nil {
		return errors.Join(err, p.closeJournal())
	}
	p.watchStatus(host) //nolint:contextcheck // it looks for longer than the start takes
	for _, s := range p.shards {
		p.running.Go(s.run)
	}
	return nil
}

func (p *foldProcessor) Shutdown(ctx context.Context) error {
	var err error
	p.stop.Do(func() { err = p.shutdown(ctx) })
	return err
}

// shutdown emits what is open, or leaves it in the journal.
func (p *foldProcessor) shutdown(ctx context.Context) error {
	defer p.tel.Shutdown()
	p.board.Close()
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*p.cfg.AcceptTimeout)
		defer cancel()
	}
	if p.journal != nil {
		p.stopWork() // what is not delivered stays on disk
	}
	defer context.AfterFunc(ctx, p.stopWork)()
	defer p.stopWork()
	close(p.closing)
	p.running.Wait()
	return p.closeJournal()
}

func (p *foldProcessor) isClosing() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

// observe registers the metrics that are read when asked for.
func (p *foldProcessor) observe() error {
	total := func(of func(foldtable.Stats) int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			var sum int64
			for _, s := range p.shards {
				sum += of(s.stats())
			}
			o.Observe(sum)
			return nil
		}
	}
	oldest := func(_ context.Context, o metric.Float64Observer) error {
		var age time.Duration
		for _, s := range p.shards {
			if at := s.stats().OldestOpen; at != 0 {
				age = max(age, time.Duration(p.now()-at))
			}
		}
		o.Observe(age.Seconds())
		return nil
	}
	size := func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(p.journalSize())
		return nil
	}
	return errors.Join(
		p.tel.RegisterProcessorEventFoldEventsOpenCallback(total(func(s foldtable.Stats) int64 { return int64(s.Open) })),
		p.tel.RegisterProcessorEventFoldEventsRememberedCallback(total(func(s foldtable.Stats) int64 { return int64(s.Remembered) })),
		p.tel.RegisterProcessorEventFoldRecordsHeldCallback(total(func(s foldtable.Stats) int64 { return int64(s.Parts) })),
		p.tel.RegisterProcessorEventFoldStateSizeCallback(total(func(s foldtable.Stats) int64 {
			return int64(s.OpenBytes + s.ReadyBytes + s.PastBytes)
		})),
		p.tel.RegisterProcessorEventFoldOldestEventAgeCallback(oldest),
		p.tel.RegisterProcessorEventFoldJournalSizeCallback(size),
		p.tel.RegisterProcessorEventFoldJournalLimitCallback(func(_ context.Context, o metric.Int64Observer) error {
			if p.cfg.Directory == "" {
				o.Observe(0)
			} else {
				o.Observe(int64(p.cfg.MaxDirectorySize))
			}
			return nil
		}),
	)
}

// conditionFailed counts a condition, or the expression of the key, that could not be
// asked.
func (p *foldProcessor) conditionFailed(err error) {
	p.tel.ProcessorEventFoldConditionErrors.Add(p.work, 1)
	if n, ok := p.failLog.Add(1); ok {
		p.set.Logger.Warn("A condition or the key's expression failed; it counts as not satisfied", zap.Int64("records", n), zap.Error(err))
	}
}

// waitForRoom waits while too much waits to be delivered.
func (p *foldProcessor) waitForRoom(ctx context.Context) error {
	limit := int64(p.cfg.MaxState) / 2
	if p.readyBytes.Load() <= limit {
		p.board.Over(troubleNext)
		return nil
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, p.cfg.AcceptTimeout)
	defer cancel()
	for {
		p.roomMu.Lock()
		room := p.room
		p.roomMu.Unlock()
		if p.readyBytes.Load() <= limit {
			return nil
		}
		select {
		case <-room:
		case <-p.closing:
			return errClosing
		case <-ctx.Done():
			err := fmt.Errorf("event_fold has %d bytes of events that the next consumer does not take, and max_state is %s: %w",
				p.readyBytes.Load(), p.cfg.MaxState, ctx.Err())
			if caller.Err() == nil {
				p.board.Trouble(troubleNext, 0, err)
			}
			return err
		}
	}
}

var errClosing = errors.New("event_fold is shutting down")

func (p *foldProcessor) announceRoom() {
	p.roomMu.Lock()
	defer p.roomMu.Unlock()
	close(p.room)
	p.room = make(chan struct{})
}
