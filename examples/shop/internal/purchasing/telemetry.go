package purchasing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
)

// exportInterval is the longest that a record waits in the SDK. A person who
// looks on should not wait for the SDK's usual five seconds.
const exportInterval = time.Second

const scope = "github.com/heartwood-otel/heartwood/examples/shop/internal/purchasing"

// Telemetry is the OpenTelemetry SDK set up for the service.
type Telemetry struct {
	Logger *slog.Logger
	Tracer *sdktrace.TracerProvider
	logs   *sdklog.LoggerProvider
}

// NewTelemetry sends logs and traces by OTLP over HTTP to endpoint, for example
// http://localhost:4318; where it is empty, to where the SDK's own environment
// variables say.
func NewTelemetry(ctx context.Context, endpoint, version string, ids *web.IDs) (*Telemetry, error) {
	var logOptions []otlploghttp.Option
	var traceOptions []otlptracehttp.Option
	if endpoint != "" {
		logOptions = append(logOptions, otlploghttp.WithEndpointURL(endpoint+"/v1/logs"))
		traceOptions = append(traceOptions, otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"))
	}
	logExporter, err := otlploghttp.New(ctx, logOptions...)
	if err != nil {
		return nil, fmt.Errorf("export logs to %q: %w", endpoint, err)
	}
	traceExporter, err := otlptracehttp.New(ctx, traceOptions...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("export traces to %q: %w", endpoint, err), logExporter.Shutdown(ctx))
	}
	return NewTelemetryOver(
		sdklog.NewBatchProcessor(logExporter, sdklog.WithExportInterval(exportInterval)),
		sdktrace.NewBatchSpanProcessor(traceExporter, sdktrace.WithBatchTimeout(exportInterval)),
		version, ids), nil
}

// NewTelemetryOver hands logs and spans to the given processors.
func NewTelemetryOver(logs sdklog.Processor, spans sdktrace.SpanProcessor, version string, ids *web.IDs) *Telemetry {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	about := resource.NewWithAttributes(semconv.SchemaURL,
		semconv.ServiceName("purchasing"),
		semconv.ServiceVersion(version),
		semconv.ServiceInstanceID(ids.RequestID()),
		semconv.HostName(host),
	)
	t := &Telemetry{
		logs:   sdklog.NewLoggerProvider(sdklog.WithResource(about), sdklog.WithProcessor(logs)),
		Tracer: sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSpanProcessor(spans), sdktrace.WithIDGenerator(ids)),
	}
	t.Logger = slog.New(requestIDHandler{otelslog.NewHandler(scope, otelslog.WithLoggerProvider(t.logs), otelslog.WithSource(true))})
	return t
}

// Shutdown sends what is still held.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	return errors.Join(t.Tracer.Shutdown(ctx), t.logs.Shutdown(ctx))
}

// requestIDHandler adds the request's id; the trace comes with the context by
// itself.
type requestIDHandler struct{ slog.Handler }

func (h requestIDHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := web.RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestIDHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestIDHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestIDHandler) WithGroup(name string) slog.Handler {
	return requestIDHandler{h.Handler.WithGroup(name)}
}
