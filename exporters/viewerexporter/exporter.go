package viewerexporter

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/cpubudget"
)

// viewerExporter is the exporter of one signal.
type viewerExporter struct {
	set  exporter.Settings
	cfg  *Config
	core *core
}

func (x *viewerExporter) start(ctx context.Context, host component.Host) (err error) {
	x.core, err = acquire(ctx, host, x.set, x.cfg)
	return err
}

func (x *viewerExporter) shutdown(ctx context.Context) error {
	if x.core == nil {
		return nil
	}
	c := x.core
	x.core = nil
	return c.release(ctx)
}

func (x *viewerExporter) logs(ctx context.Context, logs plog.Logs) error {
	x.add(ctx, "logs", logsSignal, logs.LogRecordCount(), func() int { return x.core.store.AddSource(newLogSource(logs)) })
	return nil
}

func (x *viewerExporter) traces(ctx context.Context, traces ptrace.Traces) error {
	x.add(ctx, "traces", tracesSignal, traces.SpanCount(), func() int { return x.core.store.Add(recordsOfTraces(traces)) })
	return nil
}

// add gives the store what it has the processor time for.
func (x *viewerExporter) add(ctx context.Context, name string, signal metric.MeasurementOption, received int, give func() (leftOut int)) {
	if received == 0 {
		return
	}
	x.core.tel.ExporterViewerReceived.Add(ctx, int64(received), signal)
	leftOut, reason := received, "processor"
	if x.core.budget.Allows() {
		watch := cpubudget.Start()
		leftOut, reason = give(), "room"
		x.core.budget.Spend(watch.Stop())
	} else {
		x.core.store.LeaveOut(received)
	}
	if leftOut > 0 {
		x.core.tel.ExporterViewerLeftOut.Add(ctx, int64(leftOut), leftOutOption(name, reason))
	}
}

func (x *viewerExporter) metrics(ctx context.Context, metrics pmetric.Metrics) error {
	x.core.addMetrics(ctx, metrics)
	return nil
}
