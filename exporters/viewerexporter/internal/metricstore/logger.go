package metricstore

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger lets the TSDB log through zap. What it says of its own work is for debugging.
func newLogger(logger *zap.Logger) *slog.Logger { return slog.New(handler{logger: logger}) }

type handler struct {
	logger *zap.Logger
	group  string
}

func levelOf(l slog.Level) zapcore.Level {
	switch {
	case l >= slog.LevelError:
		return zapcore.ErrorLevel
	case l >= slog.LevelWarn:
		return zapcore.WarnLevel
	}
	return zapcore.DebugLevel
}

func (h handler) Enabled(_ context.Context, l slog.Level) bool {
	return h.logger.Core().Enabled(levelOf(l))
}

func (h handler) Handle(_ context.Context, r slog.Record) error {
	fields := make([]zap.Field, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		fields = append(fields, h.field(a))
		return true
	})
	if entry := h.logger.Check(levelOf(r.Level), "Metrics of the page: "+r.Message); entry != nil {
		entry.Write(fields...)
	}
	return nil
}

func (h handler) field(a slog.Attr) zap.Field { return zap.Any(h.group+a.Key, a.Value.Resolve().Any()) }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	fields := make([]zap.Field, 0, len(attrs))
	for _, a := range attrs {
		fields = append(fields, h.field(a))
	}
	h.logger = h.logger.With(fields...)
	return h
}

func (h handler) WithGroup(name string) slog.Handler {
	h.group += name + "."
	return h
}
