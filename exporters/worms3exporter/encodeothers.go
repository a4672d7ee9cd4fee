package worms3exporter

import (
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/datapoint"
	"github.com/heartwood-otel/heartwood/internal/flatdocument"
)

// flatSpans writes flat documents.
type flatSpans struct{ f flatdocument.Flat }

func (e *flatSpans) begin(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans) {
	e.f.Begin(rs.Resource(), ss.Scope())
}

func (e *flatSpans) append(dst []byte, s ptrace.Span) ([]byte, error) {
	return e.f.AppendSpan(dst, s), nil
}

func (e *flatSpans) end() { e.f.End() }

// flatPoints writes flat documents.
type flatPoints struct{ f flatdocument.Flat }

func (e *flatPoints) begin(rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics) {
	e.f.Begin(rm.Resource(), sm.Scope())
}

func (e *flatPoints) append(dst []byte, m pmetric.Metric, point int) ([]byte, error) {
	return e.f.AppendPoint(dst, m, point), nil
}

func (e *flatPoints) end() { e.f.End() }

// marshalledSpans are requests of one span each. A span is lent to the request.
type marshalledSpans struct {
	marshal func(ptrace.Traces) ([]byte, error)
	lines   bool // it is to be one line

	request ptrace.Traces
	span    ptrace.Span
}

func (e *marshalledSpans) begin(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans) {
	e.request = ptrace.NewTraces()
	r := e.request.ResourceSpans().AppendEmpty()
	rs.Resource().CopyTo(r.Resource())
	r.SetSchemaUrl(rs.SchemaUrl())
	s := r.ScopeSpans().AppendEmpty()
	ss.Scope().CopyTo(s.Scope())
	s.SetSchemaUrl(ss.SchemaUrl())
	e.span = s.Spans().AppendEmpty()
}

func (e *marshalledSpans) append(dst []byte, s ptrace.Span) ([]byte, error) {
	s.MoveTo(e.span)
	encoded, err := e.marshal(e.request)
	e.span.MoveTo(s)
	return appendMarshalled(dst, encoded, err, e.lines)
}

func (e *marshalledSpans) end() { e.request, e.span = ptrace.Traces{}, ptrace.Span{} }

func appendMarshalled(dst, encoded []byte, err error, lines bool) ([]byte, error) {
	switch {
	case err != nil:
		return dst, err
	case lines:
		return appendLine(dst, encoded)
	case len(encoded) == 0:
		return dst, errNothing
	}
	return append(dst, encoded...), nil
}

// marshalledPoints are requests of one data point each, which is copied.
type marshalledPoints struct {
	marshal func(pmetric.Metrics) ([]byte, error)
	lines   bool // it is to be one line

	request pmetric.Metrics
	metrics pmetric.MetricSlice
}

func (e *marshalledPoints) begin(rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics) {
	e.request = pmetric.NewMetrics()
	r := e.request.ResourceMetrics().AppendEmpty()
	rm.Resource().CopyTo(r.Resource())
	r.SetSchemaUrl(rm.SchemaUrl())
	s := r.ScopeMetrics().AppendEmpty()
	sm.Scope().CopyTo(s.Scope())
	s.SetSchemaUrl(sm.SchemaUrl())
	e.metrics = s.Metrics()
}

func (e *marshalledPoints) append(dst []byte, m pmetric.Metric, point int) ([]byte, error) {
	e.metrics.RemoveIf(func(pmetric.Metric) bool { return true })
	one := e.metrics.AppendEmpty()
	datapoint.Describe(m, one)
	datapoint.Append(one, m, point)
	encoded, err := e.marshal(e.request)
	return appendMarshalled(dst, encoded, err, e.lines)
}

func (e *marshalledPoints) end() { e.request, e.metrics = pmetric.Metrics{}, pmetric.MetricSlice{} }
