// Package recordwire takes log records out of OTLP's protobuf and puts them together
// again without decoding them: a record is a slice of bytes, and what it shares with
// its neighbours, resource and scope, is its Origin. Parts that hold records in
// memory or on disk hold them so: there is nothing in them for the garbage collector
// to walk.
//
// The field numbers are those of opentelemetry/proto/logs/v1/logs.proto, v1.
package recordwire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"
)

// The fields that hold what is below: of LogsData its resources, of ResourceLogs its
// scopes, of ScopeLogs its records.
const (
	fieldResourceLogs = 1
	fieldScopeLogs    = 2
	fieldLogRecords   = 2
)

var errOrigin = errors.New("an origin is shorter than it says")

// Origin is what the records of one scope of one resource share: the length of the
// resource's fields as a uvarint, these fields, and the scope's. The same origin has
// always the same bytes where the same program wrote it.
type Origin []byte

// appendOrigin appends the origin made of the fields of a ResourceLogs without its
// scopes, and of a ScopeLogs without its records.
func appendOrigin(dst, resource, scope []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(resource)))
	dst = append(dst, resource...)
	return append(dst, scope...)
}

func (o Origin) split() (resource, scope []byte, err error) {
	size, n := binary.Uvarint(o)
	if n <= 0 || size > uint64(len(o)-n) {
		return nil, nil, errOrigin
	}
	return o[n : n+int(size)], o[n+int(size):], nil
}

// Split marshals logs and calls visit with each record in order, as far as visit
// returns no error. origin and record are parts of buffers that live on; they may be
// kept, and must not be changed. Records of one scope get the same origin slice.
func Split(logs plog.Logs, visit func(origin Origin, record []byte) error) error {
	encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	if err != nil {
		return fmt.Errorf("encode log records: %w", err)
	}
	return split(encoded, visit)
}

// split is Split of what is encoded already.
func split(encoded []byte, visit func(origin Origin, record []byte) error) error {
	return scopes(encoded, func(origin Origin, scopeLogs []byte) error {
		return children(scopeLogs, fieldLogRecords, nil, func(record []byte) error {
			return visit(origin, record)
		})
	})
}

// scopes calls visit with each ScopeLogs.
func scopes(encoded []byte, visit func(origin Origin, scopeLogs []byte) error) error {
	return children(encoded, fieldResourceLogs, nil, func(resourceLogs []byte) error {
		var resource []byte
		if err := children(resourceLogs, fieldScopeLogs, &resource, nothing); err != nil {
			return err
		}
		return children(resourceLogs, fieldScopeLogs, nil, func(scopeLogs []byte) error {
			var scope []byte
			if err := children(scopeLogs, fieldLogRecords, &scope, nothing); err != nil {
				return err
			}
			origin := appendOrigin(make([]byte, 0, binary.MaxVarintLen32+len(resource)+len(scope)), resource, scope)
			return visit(origin, scopeLogs)
		})
	})
}

func nothing([]byte) error { return nil }

// children calls visit with each message in the field number, and appends all other
// fields to rest where it is not nil.
func children(message []byte, number protowire.Number, rest *[]byte, visit func([]byte) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fmt.Errorf("read a field's tag: %w", protowire.ParseError(n))
		}
		if field == number && kind == protowire.BytesType {
			value, size := protowire.ConsumeBytes(message[n:])
			if size < 0 {
				return fmt.Errorf("read field %d: %w", field, protowire.ParseError(size))
			}
			message = message[n+size:]
			if err := visit(value); err != nil {
				return err
			}
			continue
		}
		size := protowire.ConsumeFieldValue(field, kind, message[n:])
		if size < 0 {
			return fmt.Errorf("read field %d: %w", field, protowire.ParseError(size))
		}
		if rest != nil {
			*rest = append(*rest, message[:n+size]...)
		}
		message = message[n+size:]
	}
	return nil
}

// Assembly puts records together to logs again: for each origin a call of Origin,
// for each of its records a call of Record; then Logs. It can be used again after
// Reset, and is for one goroutine at a time.
type Assembly struct {
	encoded   []byte
	resources []span // of ResourceLogs, in encoded
}

// span is where a ResourceLogs' content is and how its scope begins.
type span struct {
	origin  Origin
	records [][]byte
	size    int // bytes of the records as fields of the scope
}

// Reset forgets everything.
func (a *Assembly) Reset() {
	for i := range a.resources {
		s := &a.resources[i]
		clear(s.records)
		s.origin, s.records = nil, s.records[:0]
	}
	a.resources = a.resources[:0]
}

// Origin begins a further resource with a scope, and gives its index in Logs.
func (a *Assembly) Origin(origin Origin) int {
	if len(a.resources) < cap(a.resources) {
		a.resources = a.resources[:len(a.resources)+1]
		s := &a.resources[len(a.resources)-1]
		s.origin, s.size = origin, 0
	} else {
		a.resources = append(a.resources, span{origin: origin})
	}
	return len(a.resources) - 1
}

// Record adds a record to the origin with this index, and gives its own there. The
// bytes are read by Logs.
func (a *Assembly) Record(origin int, record []byte) int {
	s := &a.resources[origin]
	s.records = append(s.records, record)
	s.size += protowire.SizeTag(fieldLogRecords) + protowire.SizeBytes(len(record))
	return len(s.records) - 1
}

// Logs decodes all of it. The records share no memory with the bytes that were
// given. An error says that these are not what Split gave.
func (a *Assembly) Logs() (plog.Logs, error) {
	encoded := a.encoded[:0]
	for i := range a.resources {
		s := &a.resources[i]
		resource, scope, err := s.origin.split()
		if err != nil {
			return plog.Logs{}, err
		}
		scopeSize := len(scope) + s.size
		resourceSize := len(resource) + protowire.SizeTag(fieldScopeLogs) + protowire.SizeBytes(scopeSize)
		encoded = appendHead(encoded, fieldResourceLogs, resourceSize)
		encoded = append(encoded, resource...)
		encoded = appendHead(encoded, fieldScopeLogs, scopeSize)
		encoded = append(encoded, scope...)
		for _, record := range s.records {
			encoded = appendHead(encoded, fieldLogRecords, len(record))
			encoded = append(encoded, record...)
		}
	}
	a.encoded = encoded
	logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
	if err != nil {
		return plog.Logs{}, fmt.Errorf("decode log records: %w", err)
	}
	return logs, nil
}

func appendHead(dst []byte, field protowire.Number, size int) []byte {
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	return protowire.AppendVarint(dst, uint64(size))
}
