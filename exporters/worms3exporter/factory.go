package worms3exporter

import (
	"context"

	"github.com/heartwood-otel/heartwood/internal/logencoding"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/archive"
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
	x := newExporter(set, cfg.(*Config), archiver.Logs)
	rules, err := x.cfg.compileRules(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	var encoders func() logencoding.RecordEncoder
	x.prepare = func(host component.Host) (err error) {
		rules.failed = x.tel.conditionFailed
		x.core.unlock(rules.list)
		encoders, err = x.cfg.logEncoders(host)
		return err
	}
	push := func(ctx context.Context, logs plog.Logs) error {
		logs = logencoding.Writable(logs, uidAttribute)
		return x.consume(ctx, func(in *intake) { in.logs(ctx, logs, rules, in.logEncoder(encoders)) })
	}
	// Encodings but ours of JSON are lent the records, which is a change.
	reads := x.cfg.Encoding == archive.EncodingJSON || x.cfg.Encoding == archive.EncodingOTLPJSON
	mutates := exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: !reads})
	return exporterhelper.NewLogs(ctx, helperSettings(set), cfg, push, append(x.options(), mutates)...)
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	x := newExporter(set, cfg.(*Config), archiver.Traces)
	rule := []rule{{Rule: x.cfg.otherRule(classTraces, x.cfg.Traces)}}
	var encoders func() spanEncoder
	x.prepare = func(host component.Host) (err error) {
		x.core.unlock(rule)
		encoders, err = x.cfg.spanEncoders(host)
		return err
	}
	push := func(ctx context.Context, traces ptrace.Traces) error {
		return x.consume(ctx, func(in *intake) { in.traces(traces, rule[0].Rule, encoders()) })
	}
	return exporterhelper.NewTraces(ctx, helperSettings(set), cfg, push, x.options()...)
}

func createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	x := newExporter(set, cfg.(*Config), archiver.Metrics)
	rule := []rule{{Rule: x.cfg.otherRule(classMetrics, x.cfg.Metrics)}}
	var encoders func() pointEncoder
	x.prepare = func(host component.Host) (err error) {
		x.core.unlock(rule)
		encoders, err = x.cfg.pointEncoders(host)
		return err
	}
	push := func(ctx context.Context, metrics pmetric.Metrics) error {
		return x.consume(ctx, func(in *intake) { in.metrics(metrics, rule[0].Rule, encoders()) })
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
func (x *wormExporter) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(x.start),
		exporterhelper.WithShutdown(x.shutdown),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
	}
}
