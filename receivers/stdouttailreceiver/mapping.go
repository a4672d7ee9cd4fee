package stdouttailreceiver

import (
	"errors"
	"fmt"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/logstream"
	"github.com/heartwood-otel/heartwood/internal/stacktrace"
	"github.com/heartwood-otel/heartwood/internal/textline"
)

// recordSettings say how lines become records.
type recordSettings struct {
	Mapper *logrecord.Mapper
	Stream logstream.Settings
}

var formats = map[string]logstream.Format{
	"auto": logstream.Auto, "json": logstream.JSON, "logfmt": logstream.Logfmt, "text": logstream.Text, "access": logstream.Access,
}

func (c *Config) recordSettings() (recordSettings, error) {
	set := logrecord.Settings{Fields: c.Fields, KeepOriginal: c.KeepOriginal, Exception: exceptionOf}
	choices := logrecord.Choices{Types: c.Types, Duplicates: c.Duplicates, SeverityNumbers: c.SeverityNumbers, Timezone: c.Timezone}
	var errs []error
	if err := choices.Apply(&set); err != nil {
		errs = append(errs, err)
	}
	mapper, err := logrecord.NewMapper(set)
	if err != nil {
		errs = append(errs, err)
	}
	stream := logstream.Settings{
		Timezone: set.Timezone,
		Join: logstream.Join{
			Disabled: !c.Join.Enabled, Unindented: c.Join.Unindented, MaxLines: c.Join.MaxLines, MaxBytes: int(c.Join.MaxSize), Timeout: c.Join.Timeout,
		},
	}
	format, ok := formats[c.Format]
	if !ok {
		errs = append(errs, oneOf("format", c.Format, "auto", "json", "logfmt", "text", "access"))
	}
	stream.Format = format
	if c.Pattern != "" && format != logstream.Auto && format != logstream.Text {
		errs = append(errs, fmt.Errorf("pattern is for text, and format is %q: leave one of them out", c.Format))
	}
	if c.Pattern != "" {
		stream.Pattern, err = textline.CompilePattern(c.Pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("pattern: %w", err))
		}
	}
	return recordSettings{Mapper: mapper, Stream: stream}, errors.Join(errs...)
}

// exceptionOf finds type and message in a stack trace that is no more than text.
func exceptionOf(stack string) (typ, message string) {
	e, _ := stacktrace.Extract(stack)
	return e.Type, e.Message
}
