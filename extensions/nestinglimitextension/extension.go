package nestinglimitextension

import (
	"context"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"

	"github.com/heartwood-otel/heartwood/extensions/nestinglimitextension/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/otlpdepth"
)

// limiter may be used by any number of servers.
type limiter struct {
	most       int
	paths      map[string]otlpdepth.Signal
	telemetry  *metadata.TelemetryBuilder
	transports map[string]metric.MeasurementOption
}

var (
	_ extensionmiddleware.HTTPServer = (*limiter)(nil)
	_ extensionmiddleware.GRPCServer = (*limiter)(nil)
)

func newExtension(ctx context.Context, set extension.Settings, cfg *Config) (*limiter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("make the metrics: %w", err)
	}
	l := &limiter{most: cfg.MaxDepth, paths: cfg.signalsOfPaths(), telemetry: telemetry, transports: map[string]metric.MeasurementOption{}}
	for _, transport := range []string{"grpc", "http"} {
		l.transports[transport] = metric.WithAttributeSet(attribute.NewSet(attribute.String("transport", transport)))
		// A counter that is there from the beginning shows a first refusal as a rise.
		telemetry.ExtensionNestingLimitRefused.Add(ctx, 0, l.transports[transport])
	}
	return l, nil
}

func (*limiter) Start(context.Context, component.Host) error { return nil }

func (l *limiter) Shutdown(context.Context) error {
	l.telemetry.Shutdown()
	return nil
}

func (l *limiter) refused(ctx context.Context, transport string) {
	l.telemetry.ExtensionNestingLimitRefused.Add(ctx, 1, l.transports[transport])
}

// GetHTTPHandler wraps a server's handler. It is called behind authentication and
// decompression.
func (l *limiter) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.serve(w, r, next) }), nil
	}, nil
}

// GetGRPCServerOptions puts the limit in front of the server's decoder.
func (l *limiter) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	const name = "proto" // under which pdata has its codec
	next := encoding.GetCodecV2(name)
	if next == nil {
		return nil, fmt.Errorf("gRPC has no codec %q", name)
	}
	return []grpc.ServerOption{grpc.ForceServerCodecV2(codec{CodecV2: next, limiter: l})}, nil
}
