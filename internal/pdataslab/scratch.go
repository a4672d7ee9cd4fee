package pdataslab

import (
	"unsafe"

	"go.opentelemetry.io/collector/pdata/plog"
)

// Scratch has records that are used again: for those whose content goes elsewhere. It is
// for one goroutine at a time.
type Scratch struct {
	chunks []*[recordsInChunk]logRecord
	used   int // records
	pairs  [scratchPairs]keyValue
	filled int // of pairs
}

const (
	recordsInChunk = 16
	// maxChunks are kept to be used again: 128 KiB.
	maxChunks    = 64
	scratchPairs = 64
)

// Reset ends the use of all records: they must not be looked at any more.
func (s *Scratch) Reset() {
	for _, c := range s.chunks {
		if s.used <= 0 {
			break
		}
		clear(c[:min(s.used, recordsInChunk)])
		s.used -= recordsInChunk
	}
	s.used = 0
	if len(s.chunks) > maxChunks {
		clear(s.chunks[maxChunks:])
		s.chunks = s.chunks[:maxChunks]
	}
	clear(s.pairs[:s.filled])
	s.filled = 0
}

// Decode decodes as Builder.Decode does, to a record that is good until Reset. What is in
// it may be moved elsewhere.
func (s *Scratch) Decode(b *Builder, wire string) (plog.LogRecord, error) {
	r := s.record()
	return r, b.Decode(r, wire)
}

// DecodeAttributes is Decode where only the values of attributes are moved elsewhere, not
// the attributes as a whole. Further calls before Reset do as Decode does.
func (s *Scratch) DecodeAttributes(b *Builder, wire string) (plog.LogRecord, error) {
	r := s.record()
	if b.withSlabs && s.filled == 0 {
		s.filled = len(s.pairs)
		if b.decodeWith(r, wire, s.pairs[:], 0) {
			s.filled = min(len(s.pairs), r.Attributes().Len())
			return r, nil
		}
	}
	return r, b.Decode(r, wire)
}

// record gives an empty record.
func (s *Scratch) record() (r plog.LogRecord) {
	if !known {
		return plog.NewLogRecord()
	}
	chunk := s.used / recordsInChunk
	if chunk == len(s.chunks) {
		s.chunks = append(s.chunks, new([recordsInChunk]logRecord))
	}
	orig := &s.chunks[chunk][s.used%recordsInChunk]
	s.used++
	*wrapperOf(&r) = wrapper{orig: unsafe.Pointer(orig), state: mutable}
	return r
}
