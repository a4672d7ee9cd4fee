package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// call is the first service of the chain: it begins the request, and asks the second.
func call(ctx context.Context, url string, r run) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	sdk, err := start(ctx, r)
	if err != nil {
		return err
	}
	inside, err := withRequest(ctx, r.request)
	if err != nil {
		return err
	}
	inside, span := sdk.traces.Tracer("chain").Start(inside, "GET /first", trace.WithSpanKind(trace.SpanKindClient))
	logger := otelslog.NewLogger("chain", otelslog.WithLoggerProvider(sdk.logs))
	logger.InfoContext(inside, "first asks second")
	request, err := http.NewRequestWithContext(inside, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}).
		Inject(inside, propagation.HeaderCarrier(request.Header))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	logger.InfoContext(inside, fmt.Sprintf("second has answered %d", response.StatusCode))
	span.End()
	return sdk.stop(ctx)
}
