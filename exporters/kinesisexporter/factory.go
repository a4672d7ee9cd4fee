package kinesisexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/logencoding"
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
	x, err := newExporter(set, cfg.(*Config), "logs")
	if err != nil {
		return nil, err
	}
	expression, err := x.cfg.compileLogs(set.TelemetrySettings, x.tel.expressionFailed)
	if err != nil {
		return nil, err
	}
	var codec *logCodec
	x.prepare = func(host component.Host) (err error) {
		codec, err = x.cfg.logCodec(host)
		return err
	}
	push := func(ctx context.Context, logs plog.Logs) error {
		logs = logencoding.Writable(logs, uidAttribute)
		return x.consume(ctx, func(in *intake) { codec.consume(in, logs, expression) })
	}
	// Encodings but ours of JSON are lent the records, which is a change.
	reads := x.cfg.Encoding == encodingFlat || x.cfg.Encoding == encodingOTLP
	mutates := exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: !reads})
	return exporterhelper.NewLogs(ctx, helperSettings(set), cfg, push, append(x.options(), mutates)...)
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	x, err := newExporter(set, cfg.(*Config), "traces")
	if err != nil {
		return nil, err
	}
	expression, err := x.cfg.compileTraces(set.TelemetrySettings, x.tel.expressionFailed)
	if err != nil {
		return nil, err
	}
	var codec *traceCodec
	x.prepare = func(host component.Host) (err error) {
		codec, err = x.cfg.traceCodec(host)
		return err
	}
	push := func(ctx context.Context, traces ptrace.Traces) error {
		return x.consume(ctx, func(in *intake) { codec.consume(in, traces, expression) })
	}
	return exporterhelper.NewTraces(ctx, helperSettings(set), cfg, push, x.options()...)
}

func createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	x, err := newExporter(set, cfg.(*Config), "metrics")
	if err != nil {
		return nil, err
	}
	expression, err := x.cfg.compileMetrics(set.TelemetrySettings, x.tel.expressionFailed)
	if err != nil {
		return nil, err
	}
	var codec *metricCodec
	x.prepare = func(host component.Host) (err error) {
		codec, err = x.cfg.metricCodec(host)
		return err
	}
	push := func(ctx context.Context, metrics pmetric.Metrics) error {
		return x.consume(ctx, func(in *intake) { codec.consume(in, metrics, expression) })
	}
	return exporterhelper.NewMetrics(ctx, helperSettings(set), cfg, push, x.options()...)
}

// helperSettings keep exporterhelper from logging each call that is refused, with the
// advice to enable a sending_queue. The exporter says it itself.
func helperSettings(set exporter.Settings) exporter.Settings {
	set.Logger = zap.NewNop()
	return set
}

// options of exporterhelper: its telemetry. It has no queue, since the spool is one, and
// no time limit, since accept_timeout is.
func (x *kinesisExporter) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(x.start),
		exporterhelper.WithShutdown(x.shutdown),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
	}
}
