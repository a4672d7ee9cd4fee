package ecsencodingextension

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/encoding"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heartwood-otel/heartwood/extensions/ecsencodingextension/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecsjson"
	"github.com/heartwood-otel/heartwood/internal/logencoding"
)

// maxKept is the size in bytes of the largest batch whose memory is kept for the next.
const maxKept = 4 << 20

// ecsExtension may be used by any number of goroutines.
type ecsExtension struct {
	nesting   ecsjson.Nesting
	options   ecs.Options
	telemetry *metadata.TelemetryBuilder
	reasons   [3]metric.MeasurementOption // unknown, type, taken

	encoders sync.Pool // of *encoder
	readers  sync.Pool // of *ecsjson.Reader
	buffers  sync.Pool // of *[]byte
}

var (
	_ encoding.LogsMarshalerExtension   = (*ecsExtension)(nil)
	_ encoding.LogsUnmarshalerExtension = (*ecsExtension)(nil)
	_ encoding.LogsDecoderExtension     = (*ecsExtension)(nil)
	_ logencoding.Encoding              = (*ecsExtension)(nil)
)

func newExtension(set extension.Settings, cfg *Config) (*ecsExtension, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &ecsExtension{}
	e.nesting, _ = ecsjson.ParseNesting(cfg.Nesting)
	e.options.Unknown, _ = ecs.ParseUnknown(cfg.Unknown)
	var err error
	if e.telemetry, err = metadata.NewTelemetryBuilder(set.TelemetrySettings); err != nil {
		return nil, fmt.Errorf("make the metrics: %w", err)
	}
	for i, reason := range []string{"unknown", "type", "taken"} {
		e.reasons[i] = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
	}
	e.encoders.New = func() any { return &encoder{extension: e, mapper: ecs.NewMapper(e.options)} }
	e.readers.New = func() any { return ecsjson.NewReader() }
	e.buffers.New = func() any { return new([]byte) }
	return e, nil
}

func (*ecsExtension) Start(context.Context, component.Host) error { return nil }

func (e *ecsExtension) Shutdown(context.Context) error {
	e.telemetry.Shutdown()
	return nil
}

// MarshalLogs gives the records' documents with line ends between them, and none behind
// the last. It does not fail.
func (e *ecsExtension) MarshalLogs(logs plog.Logs) ([]byte, error) {
	encoder := e.encoder()
	defer encoder.End()
	buffer := e.buffers.Get().(*[]byte)
	dst := (*buffer)[:0]
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			encoder.Begin(rl.Resource(), sl.Scope())
			for _, r := range sl.LogRecords().All() {
				if len(dst) > 0 {
					dst = append(dst, '\n')
				}
				dst = encoder.append(dst, r)
			}
		}
	}
	out := slices.Clone(dst)
	if *buffer = dst; cap(dst) <= maxKept {
		e.buffers.Put(buffer)
	}
	return out, nil
}

// UnmarshalLogs gives a record for each line of data that is not blank, and keeps nothing
// of data. The error is an *ecsjson.LineError, and there are no records then.
func (e *ecsExtension) UnmarshalLogs(data []byte) (plog.Logs, error) {
	reader := e.readers.Get().(*ecsjson.Reader)
	defer e.readers.Put(reader)
	logs, err := reader.Read(data)
	if err != nil {
		return logs, fmt.Errorf("read ECS documents: %w", err)
	}
	return logs, nil
}

// NewLogsDecoder reads lines from a stream. The offset is in bytes; what lies before it
// is skipped.
func (*ecsExtension) NewLogsDecoder(stream io.Reader, options ...encoding.DecoderOption) (encoding.LogsDecoder, error) {
	return newDecoder(stream, encoding.NewDecoderOptions(options...))
}

// NewLogEncoder is for exporters that want each document by itself.
func (e *ecsExtension) NewLogEncoder() logencoding.LogEncoder { return e.encoder() }
