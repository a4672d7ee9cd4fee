package main

import (
	"context"
	"log/slog"
	"os"
)

// contextHandler adds what the request's context has.
type contextHandler struct{ slog.Handler }

func (h contextHandler) Handle(ctx context.Context, r slog.Record) error {
	fromContext(ctx, func(key, value string) { r.AddAttrs(slog.String(key, value)) })
	return h.Handler.Handle(ctx, r)
}

func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(attrs)}
}

func slogRun(handler slog.Handler) {
	runSlog(slog.New(contextHandler{handler}).With("logger", loggerName))
}

func runSlog(logger *slog.Logger) {
	ctx := context.Background()
	logger.Log(ctx, slog.LevelDebug-4, "a trace message")
	logger.Debug("a debug message")
	logger.Info("an info message")
	logger.Log(ctx, slog.LevelInfo+2, "a notice message")
	logger.Warn("a warning message")
	logger.Error("an error message")
	logger.Log(ctx, slog.LevelError+4, "a fatal message")
	logger.Info("order placed",
		"order_id", "A-17", "items", 3, "price", 99.99, "paid", true, "coupon", nil,
		"tags", []string{"new", "gift"},
		slog.Group("customer", "id", 7, slog.Group("address", "city", "Zürich")))
	logger.Info(unicode)
	logger.Info(lines)
	logger.InfoContext(request(), "request handled")
	logger.Error("payment failed", "err", pay())
	logger.Info("the end")
}

func slogJSON() {
	slogRun(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug - 4}))
}

func slogSource() {
	slogRun(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug - 4, AddSource: true}))
}

func slogText() {
	slogRun(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug - 4}))
}

// slogDefault is what a program has that sets nothing up: through package log, to stderr.
func slogDefault() {
	runSlog(slog.Default())
}
