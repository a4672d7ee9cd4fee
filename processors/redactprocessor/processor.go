package redactprocessor

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heartwood-otel/heartwood/internal/secretscan"
	"github.com/heartwood-otel/heartwood/processors/redactprocessor/internal/metadata"
)

// redactProcessor is for all three signals. It is safe for concurrent use.
type redactProcessor struct {
	cfg     *Config
	tel     *metadata.TelemetryBuilder
	scanner *secretscan.Scanner
	cards   *secretscan.Scanner // of the group financial
	keys    *keys
	actions []action  // by detector
	byKey   action    // of secret names
	passes  sync.Pool // of *pass
}

func newProcessor(set processor.Settings, cfg *Config) (*redactProcessor, error) {
	scanner, err := cfg.scanner()
	if err != nil {
		return nil, err
	}
	cards, err := scanner.Only("financial")
	if err != nil {
		return nil, err
	}
	t, err := newTokens(cfg)
	if err != nil {
		return nil, err
	}
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	p := &redactProcessor{cfg: cfg, tel: tel, scanner: scanner, cards: cards}
	p.actions, p.byKey = newActions(cfg, scanner, t)
	p.keys = newKeys(cfg, scanner, p.actions, &p.byKey)
	p.passes.New = func() any {
		return &pass{
			redactProcessor: p,
			found:           make(map[findingKind]int64), dropped: make(map[string]int64), unread: make(map[reason]int64),
		}
	}
	if cfg.DryRun {
		set.Logger.Warn("dry_run is on: secrets are counted, and pass")
	}
	return p, nil
}

func (p *redactProcessor) shutdown(context.Context) error {
	p.tel.Shutdown()
	return nil
}

// end reports a batch, and gives the error with which it is to be refused.
func (x *pass) end(ctx context.Context, signal string) error {
	for kind, n := range x.found {
		x.tel.ProcessorRedactFindings.Add(ctx, n, with(attribute.String("detector", kind.detector), attribute.String("action", kind.action)))
	}
	for detector, n := range x.dropped {
		if x.refusing != "" {
			break // nothing of the batch goes on, nor is any of it lost here
		}
		x.tel.ProcessorRedactDropped.Add(ctx, n, with(attribute.String("detector", detector), attribute.String("signal", signal)))
	}
	for why, n := range x.unread {
		x.tel.ProcessorRedactUnscanned.Add(ctx, n, with(attribute.String("reason", string(why))))
	}
	clear(x.found)
	clear(x.dropped)
	clear(x.unread)
	why := x.refusing
	x.refusing = ""
	x.passes.Put(x)
	if why != "" {
		return consumererror.NewPermanent(fmt.Errorf("a value can't be looked through for secrets (%s), and on_unscannable is %s: raise limits, or let it be masked", why, onUnscannableRefuse))
	}
	return nil
}

func with(attributes ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}

// leaves says whether the item that was looked through is to be dropped with the things
// that are in it, and counts these.
func (x *pass) leaves(things int) bool {
	if x.drop == nil || x.cfg.DryRun {
		return false
	}
	x.dropped[x.drop.detector] += int64(things)
	return true
}

// resource looks through what several items share.
func (x *pass) resource(r pcommon.Resource) { x.attributes(r.Attributes(), 0) }

func (x *pass) scope(s pcommon.InstrumentationScope) {
	x.plain(s.Name(), s.SetName)
	x.plain(s.Version(), s.SetVersion)
	x.attributes(s.Attributes(), 0)
}

func (p *redactProcessor) logs(ctx context.Context, logs plog.Logs) (plog.Logs, error) {
	x := p.passes.Get().(*pass)
	logs.ResourceLogs().RemoveIf(func(rl plog.ResourceLogs) bool {
		x.item()
		x.resource(rl.Resource())
		if x.drop != nil {
			things := 0
			for _, sl := range rl.ScopeLogs().All() {
				things += sl.LogRecords().Len()
			}
			if x.leaves(things) {
				return true
			}
		}
		had := rl.ScopeLogs().Len()
		rl.ScopeLogs().RemoveIf(func(sl plog.ScopeLogs) bool {
			x.item()
			x.scope(sl.Scope())
			if x.leaves(sl.LogRecords().Len()) {
				return true
			}
			records := sl.LogRecords().Len()
			sl.LogRecords().RemoveIf(x.record)
			return records > 0 && sl.LogRecords().Len() == 0
		})
		return had > 0 && rl.ScopeLogs().Len() == 0
	})
	err := x.end(ctx, "logs")
	if err == nil && logs.ResourceLogs().Len() == 0 {
		err = processorhelper.ErrSkipProcessingData
	}
	return logs, err
}

func (x *pass) record(r plog.LogRecord) (leaves bool) {
	x.item()
	x.body(r.Body())
	x.attributes(r.Attributes(), 0)
	x.plain(r.EventName(), r.SetEventName)
	x.plain(r.SeverityText(), r.SetSeverityText)
	if x.leaves(1) {
		return true
	}
	x.mark(r.Attributes())
	return false
}

func (p *redactProcessor) traces(ctx context.Context, traces ptrace.Traces) (ptrace.Traces, error) {
	x := p.passes.Get().(*pass)
	traces.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		x.item()
		x.resource(rs.Resource())
		if x.drop != nil {
			things := 0
			for _, ss := range rs.ScopeSpans().All() {
				things += ss.Spans().Len()
			}
			if x.leaves(things) {
				return true
			}
		}
		had := rs.ScopeSpans().Len()
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			x.item()
			x.scope(ss.Scope())
			if x.leaves(ss.Spans().Len()) {
				return true
			}
			spans := ss.Spans().Len()
			ss.Spans().RemoveIf(x.span)
			return spans > 0 && ss.Spans().Len() == 0
		})
		return had > 0 && rs.ScopeSpans().Len() == 0
	})
	err := x.end(ctx, "traces")
	if err == nil && traces.ResourceSpans().Len() == 0 {
		err = processorhelper.ErrSkipProcessingData
	}
	return traces, err
}

func (x *pass) span(s ptrace.Span) (leaves bool) {
	x.item()
	x.plain(s.Name(), s.SetName)
	x.plain(s.Status().Message(), s.Status().SetMessage)
	x.plain(s.TraceState().AsRaw(), s.TraceState().FromRaw)
	x.attributes(s.Attributes(), 0)
	for _, e := range s.Events().All() {
		x.plain(e.Name(), e.SetName)
		x.attributes(e.Attributes(), 0)
	}
	for _, l := range s.Links().All() {
		x.plain(l.TraceState().AsRaw(), l.TraceState().FromRaw)
		x.attributes(l.Attributes(), 0)
	}
	if x.leaves(1) {
		return true
	}
	x.mark(s.Attributes())
	return false
}
