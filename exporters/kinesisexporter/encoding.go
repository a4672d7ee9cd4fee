package kinesisexporter

import (
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/logencoding"
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

// logCodec is the configured one.
func (c *Config) logCodec(host component.Host) (*logCodec, error) {
	codec := &logCodec{lines: c.Unit == unitBatch}
	switch c.Encoding {
	case encodingProto:
		codec.marshal = &plog.ProtoMarshaler{}
	case encodingOTLP:
		codec.marshal = logencoding.JSONMarshaler{}
		codec.single = func() logencoding.RecordEncoder { return &logencoding.OTLPJSON{} }
	case encodingFlat:
		codec.single = func() logencoding.RecordEncoder { return &logencoding.Flat{} }
	default:
		extension, err := c.extension(host)
		if err != nil {
			return nil, err
		}
		codec.marshal, _ = extension.(plog.Marshaler)
		if e, ok := extension.(logencoding.Encoding); ok {
			codec.single = func() logencoding.RecordEncoder { return extensionLogs{e.NewLogEncoder()} }
		}
		if codec.marshal == nil && codec.single == nil {
			return nil, c.cannot("logs")
		}
		if codec.single != nil && c.Unit == unitRecord {
			codec.marshal = nil // what goes the long way is to look the same
		}
	}
	if codec.single == nil {
		codec.single = func() logencoding.RecordEncoder { return &marshalledLogs{marshaler: codec.marshal} }
	}
	return codec, nil
}

func (c *Config) traceCodec(host component.Host) (*traceCodec, error) {
	codec := &traceCodec{lines: c.Unit == unitBatch}
	switch c.Encoding {
	case encodingProto:
		codec.marshal = &ptrace.ProtoMarshaler{}
	case encodingOTLP:
		codec.marshal = logencoding.JSONMarshaler{}
	case encodingFlat:
	default:
		extension, err := c.extension(host)
		if err != nil {
			return nil, err
		}
		if codec.marshal, _ = extension.(ptrace.Marshaler); codec.marshal == nil {
			return nil, c.cannot("traces")
		}
	}
	return codec, nil
}

func (c *Config) metricCodec(host component.Host) (*metricCodec, error) {
	codec := &metricCodec{lines: c.Unit == unitBatch}
	switch c.Encoding {
	case encodingProto:
		codec.marshal = &pmetric.ProtoMarshaler{}
	case encodingOTLP:
		codec.marshal = logencoding.JSONMarshaler{}
	case encodingFlat:
	default:
		extension, err := c.extension(host)
		if err != nil {
			return nil, err
		}
		if codec.marshal, _ = extension.(pmetric.Marshaler); codec.marshal == nil {
			return nil, c.cannot("metrics")
		}
	}
	return codec, nil
}
