// Package web is what the shop's services share about HTTP: the identity of a
// request and how it travels, the metrics, and the life of a server. How a
// service logs is its own affair and not in here.
package web

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"sync"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// RequestIDHeader carries the request's id from service to service.
const RequestIDHeader = "X-Request-ID"

// maxRequestID bounds what is taken from a stranger into every log line.
const maxRequestID = 128

type requestIDKey struct{}

// WithRequestID gives a context in which outgoing calls and log lines carry id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID gives the id of the request being served, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// usableRequestID reports whether an id from outside may be logged and passed on
// as it is.
func usableRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// IDs makes request, trace and span ids. It is safe for concurrent use, and is
// an IDGenerator for the OpenTelemetry SDK.
type IDs struct {
	mu sync.Mutex
	// mu guards the following.
	source *rand.ChaCha8
}

// NewIDs makes ids that the seed decides.
func NewIDs(seed uint64) *IDs {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return &IDs{source: rand.NewChaCha8(key)}
}

func (g *IDs) read(p []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = g.source.Read(p)
}

// RequestID makes a UUID of version 4 (RFC 9562).
func (g *IDs) RequestID() string {
	var u [16]byte
	g.read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], u[0:4])
	hex.Encode(out[9:13], u[4:6])
	hex.Encode(out[14:18], u[6:8])
	hex.Encode(out[19:23], u[8:10])
	hex.Encode(out[24:36], u[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// NewIDs implements the SDK's IDGenerator.
func (g *IDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	var id trace.TraceID
	g.read(id[:])
	return id, g.NewSpanID(ctx, id)
}

// NewSpanID implements the SDK's IDGenerator.
func (g *IDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var id trace.SpanID
	g.read(id[:])
	return id
}

// identify finds out who a request is: it takes X-Request-ID and traceparent (W3C
// Trace Context) where they came along, and makes what is missing. Where the
// OpenTelemetry SDK has already begun a span, that one is kept.
func identify(ctx context.Context, header http.Header, ids *IDs) context.Context {
	id := header.Get(RequestIDHeader)
	if !usableRequestID(id) {
		id = ids.RequestID()
	}
	ctx = WithRequestID(ctx, id)

	if span := trace.SpanContextFromContext(ctx); span.IsValid() && !span.IsRemote() {
		return ctx
	}
	span := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header)))
	if !span.IsValid() {
		traceID, spanID := ids.NewIDs(ctx)
		span = trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled})
	} else {
		span = span.WithSpanID(ids.NewSpanID(ctx, span.TraceID())).WithRemote(false)
	}
	return trace.ContextWithSpanContext(ctx, span)
}

// Transport passes the identity of the request being served on to the service
// that is called. An instrumented base may replace traceparent by its own span's.
type Transport struct {
	Base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	r = r.Clone(ctx)
	if id := RequestID(ctx); id != "" {
		r.Header.Set(RequestIDHeader, id)
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	return t.Base.RoundTrip(r)
}
