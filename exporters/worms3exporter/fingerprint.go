package worms3exporter

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
)

// fingerprinter makes what a record is known by when it comes again: the first 16 bytes of
// a SHA-256. Half of that many bits is what it takes to find two records of one
// fingerprint; who does has one of their own records dropped. It is for one goroutine at
// a time.
type fingerprinter struct{ buf []byte }

func (f *fingerprinter) begin(signal archiver.Signal) { f.buf = append(f.buf[:0], byte(signal)) }

func (f *fingerprinter) text(s string) {
	f.buf = binary.AppendUvarint(f.buf, uint64(len(s)))
	f.buf = append(f.buf, s...)
}

func (f *fingerprinter) time(t pcommon.Timestamp) {
	f.buf = binary.BigEndian.AppendUint64(f.buf, uint64(t))
}

func (f *fingerprinter) sum() (out [16]byte) {
	sum := sha256.Sum256(f.buf)
	copy(out[:], sum[:])
	if cap(f.buf) > maxKeptBuffer {
		f.buf = nil
	}
	return out
}

// log is that of a record: uid, time, event name and body.
func (f *fingerprinter) log(uid string, r plog.LogRecord) [16]byte {
	f.begin(archiver.Logs)
	f.text(uid)
	f.time(r.Timestamp())
	f.text(r.EventName())
	f.buf = appendDistinct(f.buf, r.Body())
	return f.sum()
}

// span is that of a span: ids, times and name.
func (f *fingerprinter) span(s ptrace.Span) [16]byte {
	f.begin(archiver.Traces)
	trace, id := s.TraceID(), s.SpanID()
	f.buf = append(append(f.buf, trace[:]...), id[:]...)
	f.time(s.StartTimestamp())
	f.time(s.EndTimestamp())
	f.text(s.Name())
	return f.sum()
}

// appendDistinct appends a form of a value that no other value has.
func appendDistinct(dst []byte, v pcommon.Value) []byte {
	dst = append(dst, byte(v.Type()))
	length := func(n int) { dst = binary.AppendUvarint(dst, uint64(n)) }
	switch v.Type() {
	case pcommon.ValueTypeStr:
		length(len(v.Str()))
		dst = append(dst, v.Str()...)
	case pcommon.ValueTypeInt:
		dst = binary.AppendVarint(dst, v.Int())
	case pcommon.ValueTypeDouble:
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return append(dst, 1)
		}
		return append(dst, 0)
	case pcommon.ValueTypeBytes:
		b := v.Bytes().AsRaw()
		length(len(b))
		dst = append(dst, b...)
	case pcommon.ValueTypeSlice:
		length(v.Slice().Len())
		for _, e := range v.Slice().All() {
			dst = appendDistinct(dst, e)
		}
	case pcommon.ValueTypeMap:
		length(v.Map().Len())
		for name, e := range v.Map().All() {
			length(len(name))
			dst = append(dst, name...)
			dst = appendDistinct(dst, e)
		}
	case pcommon.ValueTypeEmpty:
	}
	return dst
}
