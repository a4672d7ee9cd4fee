// go get go.opentelemetry.io/contrib/bridges/otelslog go.opentelemetry.io/contrib/processors/baggagecopy go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp
package main

import (
	"context"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/processors/baggagecopy"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

func main() {
	ctx := context.Background()
	exporter, err := otlploghttp.New(ctx) // to OTEL_EXPORTER_OTLP_ENDPOINT
	if err != nil {
		panic(err)
	}
	requestID := func(m baggage.Member) bool { return m.Key() == "request.id" }
	provider := log.NewLoggerProvider(
		log.WithResource(resource.NewSchemaless(attribute.String("service.name", "billing"))),
		log.WithProcessor(baggagecopy.NewLogProcessor(requestID)), // before the batch processor
		log.WithProcessor(log.NewBatchProcessor(exporter)))
	defer provider.Shutdown(ctx)
	logger := otelslog.NewLogger("billing", otelslog.WithLoggerProvider(provider))

	// In a handler the baggage is the request's own: propagation.Baggage{} has read it.
	bag, _ := baggage.Parse("request.id=a1b2")
	ctx = baggage.ContextWithBaggage(ctx, bag)
	logger.InfoContext(ctx, "invoice sent", "amount", 12.5)
}
