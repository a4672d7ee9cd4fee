package viewerexporter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/cpubudget"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/store"
	"github.com/heartwood-otel/heartwood/internal/sharedvalue"
)

var (
	logsSignal    = signalOption("logs")
	tracesSignal  = signalOption("traces")
	metricsSignal = signalOption("metrics")
)

func signalOption(name string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", name)))
}

// leftOutOption says of which signal something was left out, and why.
func leftOutOption(signal, reason string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", signal), attribute.String("reason", reason)))
}

// core is what the exporters of one id have in common, for each of their signals: one store
// and one page.
type core struct {
	key coreKey
	cfg *Config
	set exporter.Settings
	tel *metadata.TelemetryBuilder

	temporary string            // the directory, where it is removed at the end
	budget    *cpubudget.Budget // for records and spans
	store     *store.Store
	points    metricSource
	health    *health
	server    *server
}

// coreKey names a core. The configuration is the same one for all signals of an id.
type coreKey struct {
	id  component.ID
	cfg *Config
}

// cores are those that run.
var cores sharedvalue.Values[coreKey, *core]

// acquire starts the core, unless the exporter of another signal has.
func acquire(ctx context.Context, host component.Host, set exporter.Settings, cfg *Config) (*core, error) {
	key := coreKey{set.ID, cfg}
	return cores.Acquire(key, func() (*core, error) {
		c := &core{key: key, cfg: cfg, set: set}
		if err := c.open(ctx, host); err != nil {
			return nil, errors.Join(err, c.close(ctx))
		}
		return c, nil
	})
}

// release lets go; the last one ends it.
func (c *core) release(ctx context.Context) error {
	return cores.Release(c.key, func(c *core) error { return c.close(ctx) })
}

// open opens what close closes.
func (c *core) open(ctx context.Context, host component.Host) (err error) {
	directory := c.cfg.Directory
	if directory == "" {
		if directory, err = os.MkdirTemp("", "heartwood-viewer-"); err != nil {
			return fmt.Errorf("make a temporary directory for the store; set directory to choose one: %w", err)
		}
		c.temporary = directory
	}
	c.budget = cpubudget.New(c.cfg.MaxCPUShare, nil)
	if c.store, err = store.Open(store.Settings{
		Directory: filepath.Join(directory, "records"), MaxSize: int64(c.cfg.MaxSize), MaxAge: c.cfg.MaxAge,
		MaxWaiting: int64(c.cfg.MaxWaiting), Spent: c.budget.Spend, Logger: c.set.Logger,
	}); err != nil {
		return fmt.Errorf("directory %s: %w", directory, err)
	}
	if c.points, err = openMetrics(ctx, filepath.Join(directory, "metrics"), c.cfg, c.set.Logger); err != nil {
		return fmt.Errorf("directory %s: %w", directory, err)
	}
	if err := c.observe(); err != nil {
		return err
	}
	if c.cfg.HealthEndpoint != noHealth {
		c.health = newHealth(c.cfg)
		c.health.start(ctx)
	}
	c.server = newServer(&api{
		store: c.store, points: c.points, health: c.health, pipelines: c.cfg.Pipelines, version: c.set.BuildInfo.Version,
		limits: newLimits(), logger: c.set.Logger,
	}, c.cfg, c.set, c.tel)
	return c.server.start(ctx, host)
}

// observe makes the exporter's metrics.
func (c *core) observe() (err error) {
	if c.tel, err = metadata.NewTelemetryBuilder(c.set.TelemetrySettings); err != nil {
		return err
	}
	return errors.Join(
		c.tel.RegisterExporterViewerBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(c.store.Stats().Bytes)
			return nil
		}),
		c.tel.RegisterExporterViewerRecordsCallback(func(_ context.Context, o metric.Int64Observer) error {
			stats := c.store.Stats()
			o.Observe(stats.Records + stats.Spans)
			return nil
		}),
	)
}

func (c *core) close(ctx context.Context) error {
	var errs []error
	if c.server != nil {
		errs = append(errs, c.server.shutdown(ctx))
	}
	if c.health != nil {
		c.health.shutdown()
	}
	if c.tel != nil {
		c.tel.Shutdown()
	}
	if c.points != nil {
		errs = append(errs, c.points.Close())
	}
	if c.store != nil {
		errs = append(errs, c.store.Close())
	}
	if c.temporary != "" {
		errs = append(errs, os.RemoveAll(c.temporary))
	}
	return errors.Join(errs...)
}

// addMetrics gives metrics to their store. What goes wrong there is not the pipeline's.
func (c *core) addMetrics(ctx context.Context, metrics pmetric.Metrics) {
	c.tel.ExporterViewerReceived.Add(ctx, int64(metrics.DataPointCount()), metricsSignal)
	leftOut, err := c.points.Add(ctx, metrics)
	for reason, n := range leftOut {
		c.tel.ExporterViewerLeftOut.Add(ctx, int64(n), leftOutOption("metrics", reason))
	}
	if err != nil {
		c.set.Logger.Debug("Data points were left out", zap.Any("by_reason", leftOut), zap.Error(err))
	}
}
