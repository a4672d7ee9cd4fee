package worms3exporter

import (
	"bytes"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/logencoding"
)

// Encoders encode items one by one; begin says what those that follow belong to. What
// they append is a line without its end, or with otlp_proto a message of the one item.
// They are for one goroutine at a time.
type (
	spanEncoder interface {
		begin(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans)
		append(dst []byte, s ptrace.Span) ([]byte, error)
		end()
	}
	pointEncoder interface {
		begin(rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics)
		append(dst []byte, m pmetric.Metric, point int) ([]byte, error)
		end()
	}
)

// extension gives the encoding extension that the configuration names.
func (c *Config) extension(host component.Host) (component.Component, error) {
	var id component.ID
	if err := id.UnmarshalText([]byte(c.Encoding)); err != nil {
		return nil, fmt.Errorf("encoding is %q: %w", c.Encoding, err)
	}
	extension, ok := host.GetExtensions()[id]
	if !ok {
		return nil, fmt.Errorf("encoding is %q, and there is no such extension; define it in extensions, and add it to service::extensions", c.Encoding)
	}
	return extension, nil
}

// cannot says that an extension is not for a signal.
func (c *Config) cannot(signal string) error {
	return fmt.Errorf("encoding is %q, which can't encode %s; take another, or leave the exporter out of pipelines of %s", c.Encoding, signal, signal)
}

// logEncoders makes encoders of the configured encoding.
func (c *Config) logEncoders(host component.Host) (func() logencoding.RecordEncoder, error) {
	switch c.Encoding {
	case archive.EncodingOTLPProto:
		return func() logencoding.RecordEncoder { return &protoLogs{} }, nil
	case archive.EncodingOTLPJSON:
		return func() logencoding.RecordEncoder { return &logencoding.OTLPJSON{} }, nil
	case archive.EncodingJSON:
		return func() logencoding.RecordEncoder { return &logencoding.Flat{} }, nil
	}
	extension, err := c.extension(host)
	if err != nil {
		return nil, err
	}
	if e, ok := extension.(logencoding.Encoding); ok {
		return func() logencoding.RecordEncoder { return &extensionLogs{encoding: e} }, nil
	}
	if m, ok := extension.(plog.Marshaler); ok {
		return func() logencoding.RecordEncoder { return &marshalledLogs{marshaler: m} }, nil
	}
	return nil, c.cannot("logs")
}

func (c *Config) spanEncoders(host component.Host) (func() spanEncoder, error) {
	switch c.Encoding {
	case archive.EncodingOTLPProto:
		return func() spanEncoder { return &marshalledSpans{marshal: (&ptrace.ProtoMarshaler{}).MarshalTraces} }, nil
	case archive.EncodingOTLPJSON:
		return func() spanEncoder { return &marshalledSpans{marshal: otlpJSON.MarshalTraces, lines: true} }, nil
	case archive.EncodingJSON:
		return func() spanEncoder { return &flatSpans{} }, nil
	}
	extension, err := c.extension(host)
	if err != nil {
		return nil, err
	}
	m, ok := extension.(ptrace.Marshaler)
	if !ok {
		return nil, c.cannot("traces")
	}
	return func() spanEncoder { return &marshalledSpans{marshal: m.MarshalTraces, lines: true} }, nil
}

func (c *Config) pointEncoders(host component.Host) (func() pointEncoder, error) {
	switch c.Encoding {
	case archive.EncodingOTLPProto:
		return func() pointEncoder { return &marshalledPoints{marshal: (&pmetric.ProtoMarshaler{}).MarshalMetrics} }, nil
	case archive.EncodingOTLPJSON:
		return func() pointEncoder { return &marshalledPoints{marshal: otlpJSON.MarshalMetrics, lines: true} }, nil
	case archive.EncodingJSON:
		return func() pointEncoder { return &flatPoints{} }, nil
	}
	extension, err := c.extension(host)
	if err != nil {
		return nil, err
	}
	m, ok := extension.(pmetric.Marshaler)
	if !ok {
		return nil, c.cannot("metrics")
	}
	return func() pointEncoder { return &marshalledPoints{marshal: m.MarshalMetrics, lines: true} }, nil
}

// otlpJSON marshals requests as text.
var otlpJSON logencoding.JSONMarshaler

var (
	errNothing  = errors.New("the encoding gives nothing for it, and there are no empty lines in the archive")
	errLineFeed = errors.New("the encoding gives more than one line for it, and a line is a record in the archive")
)

// appendLine appends what a marshaler gave for one item: one line, whose end it may have
// written.
func appendLine(dst, encoded []byte) ([]byte, error) {
	encoded = bytes.TrimSuffix(encoded, []byte("\n"))
	if err := checkLine(encoded); err != nil {
		return dst, err
	}
	return append(dst, encoded...), nil
}

func checkLine(line []byte) error {
	switch {
	case len(line) == 0:
		return errNothing
	case bytes.IndexByte(line, '\n') >= 0:
		return errLineFeed
	}
	return nil
}
