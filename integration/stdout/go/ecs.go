package main

import (
	"fmt"
	"os"

	"github.com/rs/zerolog"
	"github.com/sirupsen/logrus"
	"go.elastic.co/ecslogrus"
	"go.elastic.co/ecszap"
	"go.elastic.co/ecszerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Elastic's own alone: what integration/ecs_libraries_test.go sends through the
// collector and back.

const ecsSpanID = "b9c7c989f97918e1"

func ecsLabels() map[string]any {
	return map[string]any{"order_id": "A-17", "priority": 2, "ratio": 0.25, "express": true}
}

func ecsOrder() map[string]any {
	return map[string]any{"items": 3, "price": 99.99, "paid": true, "coupon": nil, "address": map[string]any{"city": "Zürich"}}
}

func ecsZap() {
	core := ecszap.NewCore(ecszap.NewDefaultEncoderConfig(), zapcore.AddSync(os.Stdout), zap.DebugLevel)
	logger := zap.New(core, zap.AddCaller()).Named(loggerName).With(zap.String("service.name", "shop"))
	for _, level := range []zapcore.Level{zap.DebugLevel, zap.InfoLevel, zap.WarnLevel, zap.ErrorLevel} {
		logger.Log(level, "a message of "+level.String())
	}
	logger.Info("order placed",
		zap.Any("labels", ecsLabels()), zap.Strings("tags", []string{"new", "gift"}), zap.Int("event.duration", 1500000),
		zap.Any("order", ecsOrder()), zap.Int("attempts", 2), zap.Float64("total", 120))
	logger.Info(unicode)
	logger.Info(lines)
	logger.Info("request handled",
		zap.String("trace.id", traceID), zap.String("transaction.id", spanID), zap.String("span.id", ecsSpanID),
		zap.String("http.request.method", "get"), zap.Int("http.response.status_code", 503), zap.String("client.ip", "203.0.113.9"))
	logger.Info("in a transaction", zap.String("trace.id", traceID), zap.String("transaction.id", spanID))
	logger.Error("payment failed", zap.Error(pay()))
	logger.Info("the end")
}

func ecsLogrus() {
	logger := logrus.New()
	logger.SetOutput(os.Stdout)
	logger.SetLevel(logrus.TraceLevel)
	logger.SetReportCaller(true)
	logger.SetFormatter(&ecslogrus.Formatter{})
	for _, level := range []logrus.Level{logrus.TraceLevel, logrus.DebugLevel, logrus.InfoLevel, logrus.WarnLevel, logrus.ErrorLevel} {
		logger.Log(level, "a message of "+level.String())
	}
	logger.WithFields(logrus.Fields{
		"labels": ecsLabels(), "tags": []string{"new", "gift"}, "event.duration": 1500000,
		"order": ecsOrder(), "attempts": 2, "total": 120.0,
	}).Info("order placed")
	logger.Info(unicode)
	logger.Info(lines)
	logger.WithFields(logrus.Fields{
		"trace.id": traceID, "transaction.id": spanID, "span.id": ecsSpanID,
		"http.request.method": "get", "http.response.status_code": 503, "client.ip": "203.0.113.9",
	}).Info("request handled")
	logger.WithFields(logrus.Fields{"trace.id": traceID, "transaction.id": spanID}).Info("in a transaction")
	logger.WithError(pay()).Error("payment failed")
	logger.Info("the end")
}

func ecsZerolog() {
	logger := ecszerolog.New(os.Stdout, ecszerolog.Level(zerolog.TraceLevel), ecszerolog.Origin())
	for _, level := range []zerolog.Level{zerolog.TraceLevel, zerolog.DebugLevel, zerolog.InfoLevel, zerolog.WarnLevel, zerolog.ErrorLevel} {
		logger.WithLevel(level).Msg("a message of " + level.String())
	}
	logger.Info().
		Interface("labels", ecsLabels()).Strs("tags", []string{"new", "gift"}).Int("event.duration", 1500000).
		Interface("order", ecsOrder()).Int("attempts", 2).Float64("total", 120).Msg("order placed")
	logger.Info().Msg(unicode)
	logger.Info().Msg(lines)
	logger.Info().
		Str("trace.id", traceID).Str("transaction.id", spanID).Str("span.id", ecsSpanID).
		Str("http.request.method", "get").Int("http.response.status_code", 503).Str("client.ip", "203.0.113.9").
		Msg("request handled")
	logger.Info().Str("trace.id", traceID).Str("transaction.id", spanID).Msg("in a transaction")
	logger.Error().Err(fmt.Errorf("at the till: %w", pay())).Msg("payment failed")
	logger.Info().Msg("the end")
}
