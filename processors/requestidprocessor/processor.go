package requestidprocessor

import (
	"context"
	"errors"
	"regexp"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/processors/requestidprocessor/internal/metadata"
)

const (
	uidAttribute     = "log.record.uid"
	requestAttribute = "request.id"
	macroAttribute   = "request.macro_id"
)

// namespace is that of the ids made of trace ids: a UUIDv5 (RFC 9562 section 5.5) of it
// and the 16 bytes of the trace id. Every gateway gives the same.
var namespace = uuid.MustParse("7f1f1e2e-6a0c-5d43-9f55-0d5f5c1a4b6e")

// how an item came by its id.
type how int

const (
	byAttribute how = iota
	byResource
	byBody
	byTrace
	byGeneration
	byNothing
	hows
)

var howOptions = [hows]metric.MeasurementOption{
	withAttribute("how", "attribute"), withAttribute("how", "resource"), withAttribute("how", "body"),
	withAttribute("how", "trace"), withAttribute("how", "generated"), withAttribute("how", "none"),
}

var refusalOptions = map[refusal]metric.MeasurementOption{
	tooLong: withAttribute("reason", "length"), badCharacter: withAttribute("reason", "characters"),
}

func withAttribute(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

// requestIDProcessor is what both signals have in common.
type requestIDProcessor struct {
	cfg      *Config
	set      processor.Settings
	tel      *metadata.TelemetryBuilder
	shared   *shared
	sources  map[string]int // by normalised name: the place in cfg.Sources
	forms    []form         // by place
	known    map[string]int // what is no source: traceparent, parents, macro id
	patterns []*regexp.Regexp
	longest  int  // of the normalised names
	ends     ends // of the normalised names
	// uidIsSource says that log.record.uid is one of the sources.
	uidIsSource bool
	// uidSources are for one call at a time.
	uidSources sync.Pool
	// batches are what calls leave to be used again.
	batches sync.Pool

	closing chan struct{}
	stop    sync.Once
	// mu guards closed, and makes the first wait for calls come behind the last call.
	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

// enter counts a call that Shutdown is to wait for; leave is to be called at its end.
// After Shutdown there is nobody to wait.
func (p *requestIDProcessor) enter() (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return func() {}
	}
	p.calls.Add(1)
	return p.calls.Done
}

// The values of known; they are no places.
const (
	isTraceparent = -1
	isParent      = -2
	isMacro       = -3
)

func newProcessor(set processor.Settings, cfg *Config) (*requestIDProcessor, error) {
	tel, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	p := &requestIDProcessor{
		cfg: cfg, set: set, tel: tel, sources: make(map[string]int), known: make(map[string]int), closing: make(chan struct{}),
	}
	if p.patterns, err = cfg.patterns(); err != nil {
		return nil, err
	}
	for _, name := range cfg.Sources {
		normal := string(normalise(nil, name))
		if _, ok := p.sources[normal]; !ok {
			p.sources[normal] = len(p.forms)
			p.forms = append(p.forms, formOf(normal))
			p.longest = max(p.longest, len(normal))
			p.ends.add(normal)
		}
	}
	for _, name := range traceparentNames {
		p.known[name] = isTraceparent
		p.longest = max(p.longest, len(name))
		p.ends.add(name)
	}
	for _, name := range parentNames {
		p.known[name] = isParent
		p.ends.add(name)
	}
	for _, name := range macroNames {
		if _, ok := p.sources[name]; !ok { // who makes a source of it, takes it for the id
			p.known[name] = isMacro
			p.longest = max(p.longest, len(name))
			p.ends.add(name)
		}
	}
	_, p.uidIsSource = p.sources[string(normalise(nil, uidAttribute))]
	p.uidSources.New = func() any { return recorduid.NewSource() }
	p.batches.New = func() any { return new(batch) }
	p.shared = acquire(set.ID, cfg)
	return p, nil
}

func (p *requestIDProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (p *requestIDProcessor) Start(context.Context, component.Host) error {
	// What processors share is told by one of them.
	tell := func(value func() int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			if p.shared.teller.Load() == p {
				o.Observe(value())
			}
			return nil
		}
	}
	err := errors.Join(
		p.tel.RegisterProcessorRequestIDEntriesCallback(tell(func() int64 {
			n, _ := p.shared.table.Stats(time.Now())
			return int64(n)
		})),
		p.tel.RegisterProcessorRequestIDEvictedCallback(tell(func() int64 {
			_, n := p.shared.table.Stats(time.Now())
			return n
		})),
		p.tel.RegisterProcessorRequestIDWaitingCallback(tell(p.shared.waiting.Load)),
	)
	if err == nil {
		p.shared.startTelling(p)
	}
	return err
}

// Shutdown lets those that wait go on, and waits until the next consumer has answered
// them.
func (p *requestIDProcessor) Shutdown(ctx context.Context) error {
	var err error
	p.stop.Do(func() {
		close(p.closing)
		ended := make(chan struct{})
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		go func() {
			p.calls.Wait()
			close(ended)
		}()
		select {
		case <-ended:
		case <-ctx.Done():
			err = ctx.Err()
		}
		p.shared.stopTelling(p)
		p.tel.Shutdown()
		p.shared.release(p.set.ID)
	})
	return err
}

type logsProcessor struct {
	*requestIDProcessor
	next consumer.Logs
}

func (p *logsProcessor) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	defer p.enter()()
	b := p.begin(logs.LogRecordCount())
	defer b.end()
	for _, rl := range logs.ResourceLogs().All() {
		b.resource(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				b.record(r)
			}
		}
	}
	if err := b.resolve(ctx, func() int64 { return int64((&plog.ProtoMarshaler{}).LogsSize(logs)) }); err != nil {
		return err
	}
	if err := p.next.ConsumeLogs(ctx, logs); err != nil {
		return err
	}
	b.count(ctx)
	return nil
}

type tracesProcessor struct {
	*requestIDProcessor
	next consumer.Traces
}

func (p *tracesProcessor) ConsumeTraces(ctx context.Context, traces ptrace.Traces) error {
	defer p.enter()()
	b := p.begin(traces.SpanCount())
	defer b.end()
	for _, rs := range traces.ResourceSpans().All() {
		b.resource(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				b.item(s.Attributes(), s.TraceID())
			}
		}
	}
	if err := b.resolve(ctx, func() int64 { return int64((&ptrace.ProtoMarshaler{}).TracesSize(traces)) }); err != nil {
		return err
	}
	if err := p.next.ConsumeTraces(ctx, traces); err != nil {
		return err
	}
	b.count(ctx)
	return nil
}

// fromTrace is the id of a trace that brings none.
func fromTrace(trace pcommon.TraceID) string { return uuid.NewSHA1(namespace, trace[:]).String() }
