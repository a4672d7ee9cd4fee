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
// fingerprint. It is of all that a record says, but for when it was observed: what is
// dropped for a repeat must be equal to what is there, or a sender could keep another's
// record out by sending one of its uid first. It is for one goroutine at a time.
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

// resource is that of a resource, once for all that it has.
func (f *fingerprinter) resource(attributes pcommon.Map) [16]byte {
	f.buf = appendDistinctMap(f.buf[:0], attributes)
	return f.sum()
}

// log is that of a record with its resource.
func (f *fingerprinter) log(uid string, resource [16]byte, r plog.LogRecord) [16]byte {
	f.begin(archiver.Logs)
	f.text(uid)
	f.time(r.Timestamp())
	f.text(r.EventName())
	f.number(uint64(r.SeverityNumber()))
	f.text(r.SeverityText())
	f.context(r.TraceID(), r.SpanID(), uint32(r.Flags()))
	f.buf = appendDistinct(f.buf, r.Body())
	f.buf = appendDistinctMap(f.buf, r.Attributes())
	f.buf = append(f.buf, resource[:]...)
	return f.sum()
}

// span is that of a span with its resource; of its events and links it has how many there
// are.
func (f *fingerprinter) span(resource [16]byte, s ptrace.Span) [16]byte {
	f.begin(archiver.Traces)
	f.context(s.TraceID(), s.SpanID(), s.Flags())
	f.context(pcommon.TraceID{}, s.ParentSpanID(), uint32(s.Kind()))
	f.time(s.StartTimestamp())
	f.time(s.EndTimestamp())
	f.text(s.Name())
	f.number(uint64(s.Status().Code()))
	f.text(s.Status().Message())
	f.number(uint64(s.Events().Len()))
	f.number(uint64(s.Links().Len()))
	f.buf = appendDistinctMap(f.buf, s.Attributes())
	f.buf = append(f.buf, resource[:]...)
	return f.sum()
}

func (f *fingerprinter) number(n uint64) { f.buf = binary.AppendUvarint(f.buf, n) }

func (f *fingerprinter) context(trace pcommon.TraceID, span pcommon.SpanID, flags uint32) {
	f.buf = append(append(f.buf, trace[:]...), span[:]...)
	f.buf = binary.BigEndian.AppendUint32(f.buf, flags)
}

// appendDistinctMap appends a form that no other map has, nor this one in another order.
func appendDistinctMap(dst []byte, m pcommon.Map) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.Len()))
	for name, v := range m.All() {
		dst = binary.AppendUvarint(dst, uint64(len(name)))
		dst = append(dst, name...)
		dst = appendDistinct(dst, v)
	}
	return dst
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
		dst = appendDistinctMap(dst, v.Map())
	case pcommon.ValueTypeEmpty:
	}
	return dst
}
