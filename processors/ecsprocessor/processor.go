package ecsprocessor

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/processors/ecsprocessor/internal/metadata"
)

// translator says one item after the other in other names. It is for one goroutine at a
// time. It counts values by reason, and gives the counts at the end of a batch.
type translator interface {
	// scope is one of the resource's; of the first, the resource is said as well.
	scope(resource pcommon.Resource, first bool, scope pcommon.InstrumentationScope)
	log(r plog.LogRecord)
	span(s ptrace.Span)
	// end lets go of what batches would share, and says what was counted.
	end(c *ecs.Counts)
}

// ecsProcessor is for both signals. It is safe for concurrent use.
type ecsProcessor struct {
	tel  *metadata.TelemetryBuilder
	pool sync.Pool // of translator

	logsMapped, tracesMapped metric.MeasurementOption
}

func newProcessor(set processor.Settings, cfg *Config) (*ecsProcessor, error) {
	unknown, err := ecs.ParseUnknown(cfg.Unknown)
	if err != nil {
		return nil, err
	}
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	p := &ecsProcessor{
		tel:          tel,
		logsMapped:   with(attribute.String("direction", cfg.Direction), attribute.String("signal", "logs")),
		tracesMapped: with(attribute.String("direction", cfg.Direction), attribute.String("signal", "traces")),
	}
	p.pool.New = func() any { return newWriter(ecs.Options{Unknown: unknown}) }
	if cfg.Direction == fromECS {
		p.pool.New = func() any { return &reader{Unmapper: ecs.NewUnmapper()} }
	}
	return p, nil
}

func (p *ecsProcessor) shutdown(context.Context) error {
	p.tel.Shutdown()
	return nil
}

func (p *ecsProcessor) logs(ctx context.Context, logs plog.Logs) (plog.Logs, error) {
	t := p.pool.Get().(translator)
	translateLogs(t, logs)
	p.end(ctx, t, logs.LogRecordCount(), p.logsMapped)
	return logs, nil
}

func translateLogs(t translator, logs plog.Logs) {
	for _, rl := range logs.ResourceLogs().All() {
		for i, sl := range rl.ScopeLogs().All() {
			t.scope(rl.Resource(), i == 0, sl.Scope())
			for _, r := range sl.LogRecords().All() {
				t.log(r)
			}
		}
		if rl.ScopeLogs().Len() == 0 {
			t.scope(rl.Resource(), true, pcommon.NewInstrumentationScope())
		}
	}
}

func (p *ecsProcessor) traces(ctx context.Context, traces ptrace.Traces) (ptrace.Traces, error) {
	t := p.pool.Get().(translator)
	translateTraces(t, traces)
	p.end(ctx, t, traces.SpanCount(), p.tracesMapped)
	return traces, nil
}

func translateTraces(t translator, traces ptrace.Traces) {
	for _, rs := range traces.ResourceSpans().All() {
		for i, ss := range rs.ScopeSpans().All() {
			t.scope(rs.Resource(), i == 0, ss.Scope())
			for _, s := range ss.Spans().All() {
				t.span(s)
			}
		}
		if rs.ScopeSpans().Len() == 0 {
			t.scope(rs.Resource(), true, pcommon.NewInstrumentationScope())
		}
	}
}

var reasons = [...]metric.MeasurementOption{
	with(attribute.String("reason", "labelled_unknown")),
	with(attribute.String("reason", "labelled_type")),
	with(attribute.String("reason", "labelled_taken")),
	with(attribute.String("reason", "dropped_unknown")),
}

func (p *ecsProcessor) end(ctx context.Context, t translator, items int, which metric.MeasurementOption) {
	var c ecs.Counts
	t.end(&c)
	p.pool.Put(t)
	if items > 0 {
		p.tel.ProcessorEcsMapped.Add(ctx, int64(items), which)
	}
	for i, n := range [...]uint64{c.Unknown, c.Type, c.Taken, c.Dropped} {
		if n > 0 {
			p.tel.ProcessorEcsValues.Add(ctx, int64(n), reasons[i])
		}
	}
}

func with(attributes ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}
