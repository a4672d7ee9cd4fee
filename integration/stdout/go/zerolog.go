package main

import (
	"os"
	"time"

	"github.com/rs/zerolog"
)

type zerologHook struct{}

func (zerologHook) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	fromContext(e.GetCtx(), func(key, value string) { e.Str(key, value) })
}

func zerologRun(logger zerolog.Logger) {
	logger = logger.Hook(zerologHook{}).With().Str("logger", loggerName).Logger()
	logger.Trace().Msg("a trace message")
	logger.Debug().Msg("a debug message")
	logger.Info().Msg("an info message")
	logger.Warn().Msg("a warning message")
	logger.Error().Msg("an error message")
	logger.WithLevel(zerolog.FatalLevel).Msg("a fatal message")
	logger.WithLevel(zerolog.PanicLevel).Msg("a panic message")
	logger.Log().Msg("a message without level")
	logger.Info().
		Str("order_id", "A-17").Int("items", 3).Float64("price", 99.99).Bool("paid", true).
		Interface("coupon", nil).Strs("tags", []string{"new", "gift"}).Interface("customer", buyer).
		Msg("order placed")
	logger.Info().Msg(unicode)
	logger.Info().Msg(lines)
	logger.Info().Ctx(request()).Msg("request handled")
	logger.Error().Err(pay()).Msg("payment failed")
	logger.Info().Msg("the end")
}

func zerologJSON() {
	zerologRun(zerolog.New(os.Stdout).With().Timestamp().Caller().Logger())
}

// zerologUnix has times as Unix milliseconds.
func zerologUnix() {
	zerolog.TimeFieldFormat = zerolog.TimeFormatUnixMs
	zerologRun(zerolog.New(os.Stdout).With().Timestamp().Logger())
}

func zerologConsole() {
	writer := zerolog.ConsoleWriter{Out: os.Stdout, TimeFormat: time.RFC3339, NoColor: true}
	zerologRun(zerolog.New(writer).With().Timestamp().Logger())
}
