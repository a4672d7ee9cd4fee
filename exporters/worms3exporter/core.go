package worms3exporter

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/diskfs"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/sharedvalue"
)

// engine is the archiver.
type engine interface {
	Start(ctx context.Context) error
	Accept(ctx context.Context, records []archiver.Record) error
	DeadLettered(ctx context.Context, records int) error
	Shutdown(ctx context.Context) error
	Stats() archiver.Stats
	FingerprintKey() archiver.FingerprintKey
	HasRoom() bool
	CheckDisk(ctx context.Context) error
}

// core is what the exporters of one id have in common, for each of their signals: one
// writer with one spool and one log.
type core struct {
	key coreKey
	cfg *Config
	set exporter.Settings
	tel *telemetry

	root       note.Verifier // nil where it is not configured
	store      objectstore.Store
	closeStore func()
	engine     engine
	copies     *copies
	// unlocked says that the bucket has no locks, and that the configuration allows it.
	unlocked bool
}

// coreKey names a core. The configuration is the same one for all signals of an id.
type coreKey struct {
	id  component.ID
	cfg *Config
}

// cores are those that run.
var cores sharedvalue.Values[coreKey, *core]

// Shutting down waits for the bucket no longer than this: what is not there then is on disk.
const maxShutdown = time.Minute

// acquire starts the core, unless the exporter of another signal has.
func acquire(ctx context.Context, host component.Host, set exporter.Settings, cfg *Config) (*core, error) {
	key := coreKey{set.ID, cfg}
	return cores.Acquire(key, func() (*core, error) {
		builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
		if err != nil {
			return nil, err
		}
		c := &core{key: key, cfg: cfg, set: set, tel: newTelemetry(builder, set.Logger, cfg)}
		if err := c.open(ctx, host); err != nil {
			return nil, errors.Join(err, c.close(ctx))
		}
		return c, nil
	})
}

// release lets go; the last one ends it.
func (c *core) release(ctx context.Context) error {
	return cores.Release(c.key, func(c *core) error {
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, min(maxShutdown, c.cfg.Timeout))
			defer cancel()
		}
		return c.close(ctx)
	})
}

// open opens what close closes.
func (c *core) open(ctx context.Context, host component.Host) error {
	signer, verifier, err := c.loadKeys()
	if err != nil {
		return err
	}
	if c.root, err = c.cfg.loadRoot(); err != nil {
		return err
	}
	store, closeStore, err := newStore(ctx, c.cfg, c.userAgent())
	if err != nil {
		return err
	}
	c.store, c.closeStore = &meteredStore{Store: store, tel: c.tel, checkpoints: c.layout().CheckpointPrefix(c.cfg.Writer)}, closeStore
	if c.unlocked, err = c.checkBucket(ctx, store); err != nil {
		return err
	}
	if err := c.checkEnrolment(ctx, verifier); err != nil {
		return err
	}
	if c.copies, err = openCopies(ctx, c, host); err != nil {
		return err
	}
	set, err := c.settings()
	if err != nil {
		return err
	}
	set.Signer, set.Verifier = signer, verifier
	e, err := newEngine(set)
	if err != nil {
		return fmt.Errorf("open the spool of the worm_s3 exporter; spool::directory is %q: %w", c.cfg.Spool.Directory, diskfs.Advise(err, "spool::directory", c.cfg.Spool.Directory))
	}
	c.engine = e
	c.watchStatus() //nolint:contextcheck // it looks for longer than the start takes
	starting, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	if err := c.engine.Start(starting); err != nil {
		return err
	}
	return c.observe()
}

// newEngine is replaced by tests.
var newEngine = func(set archiver.Settings) (engine, error) {
	a, err := archiver.New(set)
	if err != nil {
		return nil, err // not a nil *archiver.Archiver
	}
	return a, nil
}

func (c *core) close(ctx context.Context) error {
	c.tel.board.Close()
	var errs []error
	if c.engine != nil {
		errs = append(errs, c.engine.Shutdown(ctx))
	}
	if c.copies != nil {
		c.copies.close(ctx)
	}
	if c.closeStore != nil {
		c.closeStore()
	}
	c.tel.Shutdown()
	return errors.Join(errs...)
}

func (c *core) layout() archive.Layout { return archive.Layout{Prefix: folder(c.cfg.Prefix)} }

func (c *core) userAgent() string {
	if c.cfg.UserAgent != "" {
		return c.cfg.UserAgent
	}
	return "heartwood/" + c.set.BuildInfo.Version
}

// unlock takes the locks from rules, where the bucket has none.
func (c *core) unlock(list []rule) {
	if c.unlocked {
		for i := range list {
			list[i].Mode = objectstore.Unlocked
		}
	}
}

func (c *core) settings() (archiver.Settings, error) {
	cfg := c.cfg
	sum, err := cfg.sum()
	if err != nil {
		return archiver.Settings{}, err
	}
	set := archiver.Settings{
		Store:              c.store,
		Layout:             c.layout(),
		OtherKeys:          c.writerKeys,
		Origin:             cfg.Origin,
		Writer:             cfg.Writer,
		Directory:          cfg.Spool.Directory,
		QueueSize:          int64(cfg.Spool.MaxSize),
		AcceptTimeout:      cfg.AcceptTimeout,
		Compression:        archive.Compression(cfg.Compression),
		Tags:               cfg.Tags,
		LogLock:            cfg.logLock(),
		MaxObjectSize:      int64(cfg.MaxObjectSize),
		MaxObjectAge:       cfg.MaxObjectAge,
		MinObjectSize:      int64(cfg.MinObjectSize),
		MaxWait:            cfg.MaxWait,
		MaxOpen:            cfg.Partition.MaxOpen,
		MaxUploads:         cfg.MaxUploads,
		CheckpointInterval: cfg.CheckpointInterval,
		RepeatWindow:       cfg.RepeatWindow,
		MaxRepeats:         cfg.MaxRemembered,
		VerifyShare:        cfg.VerifyShare,
		RetryInitial:       cfg.Retry.InitialInterval,
		RetryMax:           cfg.Retry.MaxInterval,
		CallTimeout:        cfg.Timeout,
		ConfigSHA256:       sum,
		Version:            c.set.BuildInfo.Version,
		Observer:           engineObserver{c.tel, c.copies},
		Logger:             c.set.Logger,
	}
	if c.unlocked {
		set.LogLock.Mode = objectstore.Unlocked
	}
	return set, nil
}

// sum is the SHA-256 of the effective configuration, without secrets, as JSON with its
// names in order.
func (c *Config) sum() (archive.Digest, error) {
	conf := confmap.New()
	if err := conf.Marshal(c); err != nil {
		return archive.Digest{}, fmt.Errorf("encode the configuration for its hash: %w", err)
	}
	values := conf.ToStringMap()
	text, err := json.Marshal(values)
	if err != nil {
		return archive.Digest{}, fmt.Errorf("encode the configuration for its hash: %w", err)
	}
	return sha256.Sum256(text), nil
}

func (c *core) logger() *zap.Logger { return c.set.Logger }
