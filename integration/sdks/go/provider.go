package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"

	"go.opentelemetry.io/contrib/processors/baggagecopy"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/credentials"
)

// providers are those of the three signals.
type providers struct {
	logs    *log.LoggerProvider
	traces  *trace.TracerProvider
	metrics *metric.MeterProvider
}

func (p *providers) stop(ctx context.Context) error {
	return errors.Join(p.logs.Shutdown(ctx), p.traces.Shutdown(ctx), p.metrics.Shutdown(ctx))
}

// exporters send where a run says.
type exporters struct {
	logs    log.Exporter
	traces  trace.SpanExporter
	metrics metric.Exporter
}

func isRequestID(m baggage.Member) bool { return m.Key() == "request.id" }

func start(ctx context.Context, r run) (*providers, error) {
	out, err := newExporters(ctx, r)
	if err != nil {
		return nil, err
	}
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", r.service), attribute.String("service.instance.id", r.instance),
		attribute.String("service.version", "1.2.3"), attribute.String("deployment.environment.name", "test")))
	if err != nil {
		return nil, err
	}
	return &providers{
		logs: log.NewLoggerProvider(log.WithResource(res),
			log.WithProcessor(baggagecopy.NewLogProcessor(isRequestID)), log.WithProcessor(log.NewBatchProcessor(out.logs))),
		traces: trace.NewTracerProvider(trace.WithResource(res),
			trace.WithSpanProcessor(baggagecopy.NewSpanProcessor(isRequestID)), trace.WithBatcher(out.traces)),
		metrics: metric.NewMeterProvider(metric.WithResource(res), metric.WithReader(metric.NewPeriodicReader(out.metrics))),
	}, nil
}

func newExporters(ctx context.Context, r run) (*exporters, error) {
	var secure *tls.Config
	if r.ca != "" {
		pem, err := os.ReadFile(r.ca)
		if err != nil {
			return nil, err
		}
		secure = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in it", r.ca)
		}
	}
	headers := map[string]string{}
	if r.token != "" {
		headers["authorization"] = "Bearer " + r.token
	}
	at, err := url.Parse(r.endpoint)
	if err != nil {
		return nil, err
	}
	switch r.protocol {
	case "grpc":
		return overGRPC(ctx, at.Host, headers, secure, r.gzip)
	case "http/protobuf":
		return overHTTP(ctx, at.Host, headers, secure, r.gzip)
	}
	return nil, fmt.Errorf("the SDK for Go has no %s", r.protocol)
}

func overGRPC(ctx context.Context, host string, headers map[string]string, secure *tls.Config, gzip bool) (*exporters, error) {
	logs := []otlploggrpc.Option{otlploggrpc.WithEndpoint(host), otlploggrpc.WithHeaders(headers)}
	traces := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(host), otlptracegrpc.WithHeaders(headers)}
	metrics := []otlpmetricgrpc.Option{otlpmetricgrpc.WithEndpoint(host), otlpmetricgrpc.WithHeaders(headers)}
	if secure != nil {
		c := credentials.NewTLS(secure)
		logs, traces, metrics = append(logs, otlploggrpc.WithTLSCredentials(c)), append(traces, otlptracegrpc.WithTLSCredentials(c)), append(metrics, otlpmetricgrpc.WithTLSCredentials(c))
	} else {
		logs, traces, metrics = append(logs, otlploggrpc.WithInsecure()), append(traces, otlptracegrpc.WithInsecure()), append(metrics, otlpmetricgrpc.WithInsecure())
	}
	if gzip {
		logs, traces, metrics = append(logs, otlploggrpc.WithCompressor("gzip")), append(traces, otlptracegrpc.WithCompressor("gzip")), append(metrics, otlpmetricgrpc.WithCompressor("gzip"))
	}
	var e exporters
	var errs [3]error
	e.logs, errs[0] = otlploggrpc.New(ctx, logs...)
	e.traces, errs[1] = otlptracegrpc.New(ctx, traces...)
	e.metrics, errs[2] = otlpmetricgrpc.New(ctx, metrics...)
	return &e, errors.Join(errs[:]...)
}

func overHTTP(ctx context.Context, host string, headers map[string]string, secure *tls.Config, gzip bool) (*exporters, error) {
	logs := []otlploghttp.Option{otlploghttp.WithEndpoint(host), otlploghttp.WithHeaders(headers)}
	traces := []otlptracehttp.Option{otlptracehttp.WithEndpoint(host), otlptracehttp.WithHeaders(headers)}
	metrics := []otlpmetrichttp.Option{otlpmetrichttp.WithEndpoint(host), otlpmetrichttp.WithHeaders(headers)}
	if secure != nil {
		logs, traces, metrics = append(logs, otlploghttp.WithTLSClientConfig(secure)), append(traces, otlptracehttp.WithTLSClientConfig(secure)), append(metrics, otlpmetrichttp.WithTLSClientConfig(secure))
	} else {
		logs, traces, metrics = append(logs, otlploghttp.WithInsecure()), append(traces, otlptracehttp.WithInsecure()), append(metrics, otlpmetrichttp.WithInsecure())
	}
	if gzip {
		logs, traces, metrics = append(logs, otlploghttp.WithCompression(otlploghttp.GzipCompression)), append(traces, otlptracehttp.WithCompression(otlptracehttp.GzipCompression)), append(metrics, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	var e exporters
	var errs [3]error
	e.logs, errs[0] = otlploghttp.New(ctx, logs...)
	e.traces, errs[1] = otlptracehttp.New(ctx, traces...)
	e.metrics, errs[2] = otlpmetrichttp.New(ctx, metrics...)
	return &e, errors.Join(errs[:]...)
}
