package viewerexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/metricstore"
)

// metricSource keeps metrics and answers for them.
type metricSource interface {
	Add(ctx context.Context, metrics pmetric.Metrics) (leftOut map[string]int, err error)
	Metrics(ctx context.Context, from, to time.Time) ([]metricstore.Metric, error)
	Series(ctx context.Context, expression string, from, to time.Time, points, limit int) (metricstore.Result, error)
	Stats() metricstore.Stats
	Close() error
}

func openMetrics(ctx context.Context, directory string, cfg *Config, logger *zap.Logger) (metricSource, error) {
	return metricstore.Open(ctx, metricstore.Settings{
		Directory: directory, MaxSize: int64(cfg.MaxMetricsSize), MaxAge: cfg.MaxAge, Logger: logger,
	})
}
