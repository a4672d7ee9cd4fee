package recordwire

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/pdataslab"
)

// Splitter splits logs with memory that it uses again. It is for one goroutine at a time.
type Splitter struct {
	records pdataslab.Encoder
	ends    []int // of each record in records
	scopes  []plog.LogRecordSlice
}

// Split is as the function, but a record is good only until Reset or the next Split; an
// origin lives on. Nobody else may look at logs meanwhile, unless they are read-only.
func (s *Splitter) Split(logs plog.Logs, visit func(origin Origin, record []byte) error) error {
	s.Reset()
	if !s.encode(logs) {
		return Split(logs, visit)
	}
	encoded, err := s.envelope(logs)
	if err != nil {
		return fmt.Errorf("encode log records: %w", err)
	}
	next, scope, start := 0, 0, 0
	return scopes(encoded, func(origin Origin, _ []byte) error {
		for range s.scopes[scope].Len() {
			end := s.ends[next]
			size := end - start
			if err := visit(origin, s.records.Tail(end)[:size:size]); err != nil {
				return err
			}
			start = end
			next++
		}
		scope++
		return nil
	})
}

// Reset lets the records go.
func (s *Splitter) Reset() {
	s.records.Reset()
	clear(s.scopes)
	s.scopes, s.ends = s.scopes[:0], s.ends[:0]
}

// encode encodes the records. False says that this is left to pdata.
func (s *Splitter) encode(logs plog.Logs) bool {
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			s.scopes = append(s.scopes, sl.LogRecords())
			for _, lr := range sl.LogRecords().All() {
				if !s.records.Encode(lr) {
					return false
				}
				s.ends = append(s.ends, s.records.Len())
			}
		}
	}
	return true
}

// envelope encodes all but the records.
func (s *Splitter) envelope(logs plog.Logs) ([]byte, error) {
	if logs.IsReadOnly() {
		return (&plog.ProtoMarshaler{}).MarshalLogs(copyOfEnvelope(logs))
	}
	away := make([]plog.LogRecordSlice, len(s.scopes))
	for i, records := range s.scopes {
		away[i] = plog.NewLogRecordSlice()
		records.MoveAndAppendTo(away[i])
	}
	defer func() {
		for i, records := range s.scopes {
			away[i].MoveAndAppendTo(records)
		}
	}()
	return (&plog.ProtoMarshaler{}).MarshalLogs(logs)
}

// copyOfEnvelope is all of logs but the records.
func copyOfEnvelope(logs plog.Logs) plog.Logs {
	out := plog.NewLogs()
	out.ResourceLogs().EnsureCapacity(logs.ResourceLogs().Len())
	for _, rl := range logs.ResourceLogs().All() {
		to := out.ResourceLogs().AppendEmpty()
		rl.Resource().CopyTo(to.Resource())
		to.SetSchemaUrl(rl.SchemaUrl())
		to.ScopeLogs().EnsureCapacity(rl.ScopeLogs().Len())
		for _, sl := range rl.ScopeLogs().All() {
			scope := to.ScopeLogs().AppendEmpty()
			sl.Scope().CopyTo(scope.Scope())
			scope.SetSchemaUrl(sl.SchemaUrl())
		}
	}
	return out
}
