package main

import (
	"context"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func zapFromContext(ctx context.Context) (fields []zap.Field) {
	fromContext(ctx, func(key, value string) { fields = append(fields, zap.String(key, value)) })
	return fields
}

func zapRun(logger *zap.Logger) {
	logger = logger.Named(loggerName)
	logger.Debug("a debug message")
	logger.Info("an info message")
	logger.Warn("a warning message")
	logger.Error("an error message")
	logger.DPanic("a dpanic message")
	logger.Info("order placed",
		zap.String("order_id", "A-17"), zap.Int("items", 3), zap.Float64("price", 99.99),
		zap.Bool("paid", true), zap.Any("coupon", nil), zap.Strings("tags", []string{"new", "gift"}),
		zap.Any("customer", buyer))
	logger.Info(unicode)
	logger.Info(lines)
	logger.Info("request handled", zapFromContext(request())...)
	logger.Error("payment failed", zap.Error(pay()))
	logger.Info("the end")
	logger.WithOptions(zap.WithFatalHook(carryOn{})).Fatal("a fatal message")
}

// carryOn lets a fatal message be the last one instead of ending with status 1.
type carryOn struct{}

func (carryOn) OnWrite(*zapcore.CheckedEntry, []zapcore.Field) {}

// zapJSON is zap.NewProduction, with debug messages and without sampling: Unix seconds, stacks on errors.
func zapJSON() {
	config := zap.NewProductionConfig()
	config.Level.SetLevel(zap.DebugLevel)
	config.Sampling = nil
	config.OutputPaths = []string{"stdout"}
	zapRun(zap.Must(config.Build()))
}

// zapSugared has names and times as many change them to.
func zapSugared() {
	encoder := zap.NewProductionEncoderConfig()
	encoder.TimeKey = "timestamp"
	encoder.MessageKey = "message"
	encoder.EncodeTime = zapcore.ISO8601TimeEncoder
	encoder.EncodeLevel = zapcore.CapitalLevelEncoder
	zapRun(zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.AddSync(os.Stdout), zap.DebugLevel)).
		Sugar().With("service", "shop").Desugar())
}

// zapConsole is zap.NewDevelopment's text; a dpanic message ends such a program.
func zapConsole() {
	encoder := zap.NewDevelopmentEncoderConfig()
	zapRun(zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoder), zapcore.AddSync(os.Stdout), zap.DebugLevel),
		zap.AddCaller(), zap.AddStacktrace(zap.ErrorLevel)))
}
