package kinesisexporter

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/logencoding"

	"github.com/heartwood-otel/heartwood/internal/flatdocument"
)

// traceCodec is what is to be known of spans. Without marshal, they are flat documents.
type traceCodec struct {
	lines   bool // a batch of flat documents has a line for each
	marshal ptrace.Marshaler
}

func (t *traceCodec) appendBatch(dst []byte, traces ptrace.Traces) ([]byte, error) {
	if t.marshal != nil {
		encoded, err := t.marshal.MarshalTraces(traces)
		return append(dst, encoded...), err
	}
	var flat flatdocument.Flat
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			flat.Begin(rs.Resource(), ss.Scope())
			for _, s := range ss.Spans().All() {
				dst = flat.AppendSpan(dst, s)
				if t.lines {
					dst = append(dst, '\n')
				}
			}
		}
	}
	return dst, nil
}

// consume makes user records of spans.
func (t *traceCodec) consume(in *intake, traces ptrace.Traces, e *expression[*ottlspan.TransformContext]) {
	builders := map[string]*traceBuilder{}
	var groups []group[ptrace.Traces]
	for i, rs := range traces.ResourceSpans().All() {
		for j, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				key := in.spanKey(rs, ss, s, e)
				if in.x.cfg.Unit == unitRecord {
					b := newTraceBuilder()
					b.add(i, j, rs, ss, s)
					put(in, t, group[ptrace.Traces]{key, b.traces, 1})
					continue
				}
				b := builders[key.text]
				if b == nil {
					b = newTraceBuilder()
					b.number = len(groups)
					builders[key.text] = b
					groups = append(groups, group[ptrace.Traces]{key: key, data: b.traces})
				}
				b.add(i, j, rs, ss, s)
				groups[b.number].count++
			}
		}
	}
	for _, g := range groups {
		put(in, t, g)
	}
}

func (in *intake) spanKey(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, s ptrace.Span, e *expression[*ottlspan.TransformContext]) partitionKey {
	var text string
	if e != nil {
		c := ottlspan.NewTransformContextPtr(rs, ss, s)
		text = e.text(in.ctx, c)
		c.Close()
	} else {
		text = in.keys.attribute(rs.Resource().Attributes(), s.Attributes())
	}
	if id := s.TraceID(); text == "" && !id.IsEmpty() {
		text = id.String()
	}
	if text == "" {
		text = in.keys.newUID(in.now)
	}
	return in.keys.key(text)
}

// traceBuilder puts spans together to traces again. Spans are copied, see logBuilder.
type traceBuilder struct {
	traces          ptrace.Traces
	resource, scope int // of the span added last
	spans           ptrace.SpanSlice
	scopes          ptrace.ScopeSpansSlice
	number          int // of its group
}

func newTraceBuilder() *traceBuilder {
	return &traceBuilder{traces: ptrace.NewTraces(), resource: -1, scope: -1}
}

func (b *traceBuilder) add(resource, scope int, rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, s ptrace.Span) {
	if resource != b.resource {
		to := b.traces.ResourceSpans().AppendEmpty()
		rs.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rs.SchemaUrl())
		b.resource, b.scope, b.scopes = resource, -1, to.ScopeSpans()
	}
	if scope != b.scope {
		to := b.scopes.AppendEmpty()
		ss.Scope().CopyTo(to.Scope())
		to.SetSchemaUrl(ss.SchemaUrl())
		b.scope, b.spans = scope, to.Spans()
	}
	s.CopyTo(b.spans.AppendEmpty())
}

func (*traceCodec) plain(traces ptrace.Traces) ([]byte, error) {
	return logencoding.JSONMarshaler{}.MarshalTraces(traces)
}

func (*traceCodec) split(traces ptrace.Traces, n int) (first, rest ptrace.Traces) {
	a, b := newTraceBuilder(), newTraceBuilder()
	for i, rs := range traces.ResourceSpans().All() {
		for j, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				to := a
				if n <= 0 {
					to = b
				}
				n--
				to.add(i, j, rs, ss, s)
			}
		}
	}
	return a.traces, b.traces
}

// truncate can't: a span has no body.
func (*traceCodec) truncate(ptrace.Traces, int, int) bool { return false }
