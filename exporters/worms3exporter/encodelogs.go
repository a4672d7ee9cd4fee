package worms3exporter

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/heartwood-otel/heartwood/internal/logencoding"
	"github.com/heartwood-otel/heartwood/internal/pdataslab"
)

// protoLogs writes OTLP's protobuf: for each record an ExportLogsServiceRequest, in which
// resource and scope stand before it.
//
// https://github.com/open-telemetry/opentelemetry-proto/blob/v1.8.0/opentelemetry/proto/logs/v1/logs.proto
type protoLogs struct {
	// resource and scope are the fields of a ResourceLogs without its scopes, and of a
	// ScopeLogs without its records.
	resource, scope []byte

	encoder   pdataslab.Encoder
	marshaler plog.ProtoMarshaler
	lent      logencoding.Request // for what the encoder does not know
}

// In a request its resources, in a ResourceLogs its scopes, in a ScopeLogs its records.
const (
	fieldResourceLogs protowire.Number = 1
	fieldScopeLogs    protowire.Number = 2
	fieldLogRecords   protowire.Number = 2
)

func (e *protoLogs) Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) error {
	e.lent.Begin(rl, sl)
	encoded, err := e.marshaler.MarshalLogs(e.lent.Empty())
	if err != nil {
		return fmt.Errorf("encode the resource: %w", err)
	}
	resource, _, err := message(encoded, fieldResourceLogs)
	if err != nil {
		return err
	}
	var scope []byte
	if scope, e.resource, err = message(resource, fieldScopeLogs); err != nil {
		return err
	}
	_, e.scope, err = message(scope, fieldLogRecords)
	return err
}

func (e *protoLogs) AppendLog(dst []byte, r plog.LogRecord) ([]byte, error) {
	e.encoder.Reset()
	if !e.encoder.Encode(r) {
		encoded, err := e.lent.Marshal(e.marshaler.MarshalLogs, r)
		return append(dst, encoded...), err
	}
	record := e.encoder.Tail(e.encoder.Len())
	scope := len(e.scope) + sizeOfMessage(len(record))
	resource := len(e.resource) + sizeOfMessage(scope)
	dst = appendHead(dst, fieldResourceLogs, resource)
	dst = append(dst, e.resource...)
	dst = appendHead(dst, fieldScopeLogs, scope)
	dst = append(dst, e.scope...)
	dst = appendHead(dst, fieldLogRecords, len(record))
	return append(dst, record...), nil
}

func (e *protoLogs) End() {
	e.encoder.Reset()
	e.lent = logencoding.Request{}
}

func appendHead(dst []byte, field protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.BytesType), uint64(size))
}

// sizeOfMessage is that of a field with a message of so many bytes; the tags here are of
// one byte.
func sizeOfMessage(size int) int { return 1 + protowire.SizeBytes(size) }

var errForm = errors.New("the Collector's marshaler writes log records in another form")

// message gives the content of the one field of this number, and the other fields.
func message(fields []byte, number protowire.Number) (content, others []byte, err error) {
	found := false
	for len(fields) > 0 {
		field, kind, n := protowire.ConsumeTag(fields)
		if n < 0 {
			return nil, nil, errForm
		}
		size := protowire.ConsumeFieldValue(field, kind, fields[n:])
		if size < 0 {
			return nil, nil, errForm
		}
		if field == number {
			if found || kind != protowire.BytesType {
				return nil, nil, errForm
			}
			content, _ = protowire.ConsumeBytes(fields[n:])
			found = true
		} else {
			others = append(others, fields[:n+size]...)
		}
		fields = fields[n+size:]
	}
	if !found {
		return nil, nil, errForm
	}
	return content, others, nil
}

// marshalledLogs are requests of one record each, of an extension's marshaler.
type marshalledLogs struct {
	marshaler plog.Marshaler
	lent      logencoding.Request
}

func (e *marshalledLogs) Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) error {
	e.lent.Begin(rl, sl)
	return nil
}

func (e *marshalledLogs) AppendLog(dst []byte, r plog.LogRecord) ([]byte, error) {
	encoded, err := e.lent.Marshal(e.marshaler.MarshalLogs, r)
	if err != nil {
		return dst, err
	}
	return appendLine(dst, encoded)
}

func (e *marshalledLogs) End() { e.lent = logencoding.Request{} }

// extensionLogs is an extension that appends.
type extensionLogs struct {
	encoding logencoding.Encoding
	e        logencoding.LogEncoder // between the first begin and end
}

func (e *extensionLogs) Begin(rl plog.ResourceLogs, sl plog.ScopeLogs) error {
	if e.e == nil {
		e.e = e.encoding.NewLogEncoder()
	}
	e.e.Begin(rl.Resource(), sl.Scope())
	return nil
}

func (e *extensionLogs) AppendLog(dst []byte, r plog.LogRecord) ([]byte, error) {
	start := len(dst)
	out, err := e.e.AppendLog(dst, r)
	if err == nil {
		err = checkLine(out[start:])
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (e *extensionLogs) End() {
	if e.e != nil {
		e.e.End()
		e.e = nil
	}
}
