// Command sdks logs, traces and counts the scenario of ../README.md with OpenTelemetry's
// SDK for Go:
//
//	sdks RUN...           the scenario, once for each run
//	sdks call URL RUN     the first of the three services of the chain
//
// A run is one argument: words such as protocol=grpc, which fill the fields of run.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/bridges/otelzap"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// run says how one run sends, and as whom.
type run struct {
	bridge   string // slog, zap
	protocol string // grpc, http/protobuf, http/json
	endpoint string // a URL without a path
	gzip     bool
	token    string // empty: none
	ca       string // a file; empty: no TLS
	service  string
	instance string
	request  string
}

func parseRun(text string) run {
	words := map[string]string{}
	for word := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(word, "=")
		words[name] = value
	}
	return run{
		bridge: words["bridge"], protocol: words["protocol"], endpoint: words["endpoint"], gzip: words["gzip"] == "true",
		token: words["token"], ca: words["ca"], service: words["service"], instance: words["instance"], request: words["request"],
	}
}

func main() {
	ctx := context.Background()
	arguments := os.Args[1:]
	if len(arguments) == 3 && arguments[0] == "call" {
		say(call(ctx, arguments[1], parseRun(arguments[2])))
		return
	}
	for _, argument := range arguments {
		say(scenario(ctx, parseRun(argument)))
	}
}

// say names a failure and goes on: a run with a wrong token is to fail.
func say(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// withRequest gives a context whose baggage has the request's id.
func withRequest(ctx context.Context, id string) (context.Context, error) {
	member, err := baggage.NewMember("request.id", id)
	if err != nil {
		return nil, err
	}
	bag, err := baggage.New(member)
	return baggage.ContextWithBaggage(ctx, bag), err
}

func scenario(ctx context.Context, r run) error {
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
	meter := sdk.metrics.Meter("shop.checkout")
	orders, err := meter.Int64Counter("shop.orders")
	if err != nil {
		return err
	}
	durations, err := meter.Float64Histogram("shop.order.duration", metric.WithUnit("s"))
	if err != nil {
		return err
	}

	tracer := sdk.traces.Tracer("shop.checkout")
	inside, span := tracer.Start(inside, "checkout")
	span.SetAttributes(attribute.String("db.password", secret))
	logWith := map[string]func(context.Context, log.LoggerProvider){"slog": withSlog, "zap": withZap}[r.bridge]
	logWith(inside, sdk.logs)
	_, charge := tracer.Start(inside, "charge")
	charge.RecordError(errDeclined())
	charge.SetStatus(codes.Error, "card declined")
	charge.End()
	orders.Add(inside, 3, metric.WithAttributes(attribute.String("payment", "card"), attribute.String("api_key", secret)))
	for _, seconds := range []float64{0.05, 0.3, 1.7} {
		durations.Record(inside, seconds)
	}
	span.End()
	slog.New(otelslog.NewHandler("shop.checkout", otelslog.WithLoggerProvider(sdk.logs))).InfoContext(ctx, "the end")
	return sdk.stop(ctx)
}

const (
	secret  = "hunter2-correct-horse"
	unicode = "grüße äöü 日本語 🚀"
	town    = "東京 Zürich 🏙"
	leak    = "card 4111 1111 1111 1111 of jane.doe@example.com"
)

// payload is 64 KiB of text.
func payload() string { return strings.Repeat("heartwood.......", 64<<10/16) }

func errDeclined() error {
	return fmt.Errorf("card declined: %w", context.DeadlineExceeded)
}

func withSlog(ctx context.Context, provider log.LoggerProvider) {
	logger := otelslog.NewLogger("shop.checkout", otelslog.WithLoggerProvider(provider))
	logger.DebugContext(ctx, "a debug message")
	logger.InfoContext(ctx, "an info message")
	logger.WarnContext(ctx, "a warning message")
	logger.ErrorContext(ctx, "an error message")
	logger.InfoContext(ctx, "order placed", "order_id", "o-17", "items", 3, "price", 99.99, "paid", true,
		"tags", []string{"new", "fragile"}, "password", secret,
		slog.Group("customer", "name", "Zoë Müller", slog.Group("address", "city", "Zürich")))
	logger.InfoContext(ctx, leak)
	logger.InfoContext(ctx, unicode, "town", town)
	logger.InfoContext(ctx, "large", "payload", payload())
	logger.ErrorContext(ctx, "payment failed", "error", errDeclined())
}

func withZap(ctx context.Context, provider log.LoggerProvider) {
	logger := zap.New(otelzap.NewCore("shop.checkout", otelzap.WithLoggerProvider(provider)), zap.AddStacktrace(zapcore.ErrorLevel)).
		With(zap.Any("context", ctx)) // which the bridge takes for the span and the baggage
	logger.Debug("a debug message")
	logger.Info("an info message")
	logger.Warn("a warning message")
	logger.Error("an error message")
	logger.Info("order placed", zap.String("order_id", "o-17"), zap.Int("items", 3), zap.Float64("price", 99.99), zap.Bool("paid", true),
		zap.Strings("tags", []string{"new", "fragile"}), zap.String("password", secret),
		zap.Dict("customer", zap.String("name", "Zoë Müller"), zap.Dict("address", zap.String("city", "Zürich"))))
	logger.Info(leak)
	logger.Info(unicode, zap.String("town", town))
	logger.Info("large", zap.String("payload", payload()))
	logger.Error("payment failed", zap.Error(errDeclined()))
}
