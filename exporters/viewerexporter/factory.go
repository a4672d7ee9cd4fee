package viewerexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/metadata"
)

// NewFactory is what the Collector knows the exporter by.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithLogs(createLogs, metadata.LogsStability),
		exporter.WithTraces(createTraces, metadata.TracesStability),
		exporter.WithMetrics(createMetrics, metadata.MetricsStability),
	)
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	x := &viewerExporter{set: set, cfg: cfg.(*Config)}
	return exporterhelper.NewLogs(ctx, set, cfg, x.logs, x.options()...)
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	x := &viewerExporter{set: set, cfg: cfg.(*Config)}
	return exporterhelper.NewTraces(ctx, set, cfg, x.traces, x.options()...)
}

func createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	x := &viewerExporter{set: set, cfg: cfg.(*Config)}
	return exporterhelper.NewMetrics(ctx, set, cfg, x.metrics, x.options()...)
}

// options of exporterhelper: its telemetry. It needs neither queue nor retry nor time limit,
// since nothing waits and nothing fails.
func (x *viewerExporter) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(x.start),
		exporterhelper.WithShutdown(x.shutdown),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
	}
}
