package worms3exporter

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
)

// fingerprinter makes what a record is known by when it comes again. It is of all that a
// record says, but for when it was observed: what is dropped for a repeat must be equal to
// what is there, or a sender could keep another's record out by sending one of its uid
// first. It is for one goroutine at a time.
//
// The hash has a secret key, and nobody is shown what it gives: AES of GHASH, which is what
// GMAC (NIST SP 800-38D) has before its nonce counts. Of two records of n bytes that are
// made without the key, as all are, the chance that both have one GHASH is about n/2^131,
// whatever they are; AES hides what GHASH would tell of its key. It takes a third of the
// time of SHA-256, of which 16 bytes could be met by anyone with the means for 2^64 tries.
type fingerprinter struct {
	ghash cipher.AEAD
	last  cipher.Block
	buf   []byte
	out   [16]byte
}

func newFingerprinter(key archiver.FingerprintKey) fingerprinter {
	f := fingerprinter{last: newAES(key[16:])}
	var err error
	if f.ghash, err = cipher.NewGCM(newAES(key[:16])); err != nil {
		panic(err) //nolint:forbidigo // of other block sizes, and of what allowFingerprints finds
	}
	return f
}

// allowFingerprints says whether this process may make fingerprints.
func allowFingerprints() error {
	var key archiver.FingerprintKey
	if _, err := cipher.NewGCM(newAES(key[:16])); err != nil {
		return fmt.Errorf("repeats are told by a hash that is made with AES-GCM under one nonce, which GODEBUG=fips140=only does not allow, though nothing is encrypted with it; set GODEBUG=fips140=on: %w", err)
	}
	return nil
}

func newAES(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err) //nolint:forbidigo // of other key sizes alone
	}
	return b
}

// sameNonce has nothing to hide: no text is encrypted.
var sameNonce [12]byte

// sum is that of what was appended.
func (f *fingerprinter) sum() [16]byte {
	out := f.ghash.Seal(f.out[:0], sameNonce[:], nil, f.buf) //nolint:gosec // G407: what it gives stays here
	f.last.Encrypt(f.out[:], out)
	if cap(f.buf) > maxKeptBuffer {
		f.buf = nil
	}
	return f.out
}

func (f *fingerprinter) begin(signal archiver.Signal) { f.buf = append(f.buf[:0], byte(signal)) }

func (f *fingerprinter) text(s string)               { f.buf = appendCounted(f.buf, s) }
func (f *fingerprinter) number(n uint64)             { f.buf = binary.AppendUvarint(f.buf, n) }
func (f *fingerprinter) time(t pcommon.Timestamp)    { f.fixed(uint64(t)) }
func (f *fingerprinter) fixed(n uint64)              { f.buf = binary.BigEndian.AppendUint64(f.buf, n) }
func (f *fingerprinter) attributes(m pcommon.Map)    { f.buf = appendDistinctMap(f.buf, m) }
func (f *fingerprinter) origin(fingerprint [16]byte) { f.buf = append(f.buf, fingerprint[:]...) }

func (f *fingerprinter) context(trace pcommon.TraceID, span pcommon.SpanID, flags uint32) {
	f.buf = append(append(f.buf, trace[:]...), span[:]...)
	f.buf = binary.BigEndian.AppendUint32(f.buf, flags)
}

// resource is that of a resource, once for all that it has.
func (f *fingerprinter) resource(r pcommon.Resource, schema string) [16]byte {
	f.buf = f.buf[:0]
	f.attributes(r.Attributes())
	f.number(uint64(r.DroppedAttributesCount()))
	f.text(schema)
	return f.sum()
}

// scope is that of a scope with its resource.
func (f *fingerprinter) scope(resource [16]byte, s pcommon.InstrumentationScope, schema string) [16]byte {
	f.buf = f.buf[:0]
	f.text(s.Name())
	f.text(s.Version())
	f.attributes(s.Attributes())
	f.number(uint64(s.DroppedAttributesCount()))
	f.text(schema)
	f.origin(resource)
	return f.sum()
}

// log is that of a record with its scope.
func (f *fingerprinter) log(uid string, scope [16]byte, r plog.LogRecord) [16]byte {
	f.begin(archiver.Logs)
	f.text(uid)
	f.time(r.Timestamp())
	f.text(r.EventName())
	f.number(uint64(r.SeverityNumber()))
	f.text(r.SeverityText())
	f.context(r.TraceID(), r.SpanID(), uint32(r.Flags()))
	f.number(uint64(r.DroppedAttributesCount()))
	f.buf = appendDistinct(f.buf, r.Body())
	f.attributes(r.Attributes())
	f.origin(scope)
	return f.sum()
}

// span is that of a span with its scope.
func (f *fingerprinter) span(scope [16]byte, s ptrace.Span) [16]byte {
	f.begin(archiver.Traces)
	f.context(s.TraceID(), s.SpanID(), s.Flags())
	f.context(pcommon.TraceID{}, s.ParentSpanID(), uint32(s.Kind()))
	f.text(s.TraceState().AsRaw())
	f.time(s.StartTimestamp())
	f.time(s.EndTimestamp())
	f.text(s.Name())
	f.number(uint64(s.Status().Code()))
	f.text(s.Status().Message())
	f.number(uint64(s.DroppedAttributesCount()))
	f.attributes(s.Attributes())
	f.number(uint64(s.DroppedEventsCount()))
	f.number(uint64(s.Events().Len()))
	for _, e := range s.Events().All() {
		f.time(e.Timestamp())
		f.text(e.Name())
		f.number(uint64(e.DroppedAttributesCount()))
		f.attributes(e.Attributes())
	}
	f.number(uint64(s.DroppedLinksCount()))
	f.number(uint64(s.Links().Len()))
	for _, l := range s.Links().All() {
		f.context(l.TraceID(), l.SpanID(), l.Flags())
		f.text(l.TraceState().AsRaw())
		f.number(uint64(l.DroppedAttributesCount()))
		f.attributes(l.Attributes())
	}
	f.origin(scope)
	return f.sum()
}

// appendCounted appends a text behind its length.
func appendCounted[T ~string | ~[]byte](dst []byte, text T) []byte {
	return append(appendLength(dst, len(text)), text...)
}

// appendLength is binary.AppendUvarint, without a call for short ones, as most are.
func appendLength(dst []byte, n int) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	return binary.AppendUvarint(dst, uint64(n))
}

// appendDistinctMap appends a form that no other map has, nor this one in another order.
func appendDistinctMap(dst []byte, m pcommon.Map) []byte {
	dst = appendLength(dst, m.Len())
	for name, v := range m.All() {
		if v.Type() == pcommon.ValueTypeStr && len(name) < 0x80 && len(v.Str()) < 0x80 {
			dst = appendShort(dst, name, v.Str())
			continue
		}
		dst = appendDistinct(appendCounted(dst, name), v)
	}
	return dst
}

// appendShort is appendDistinct behind a name, for a text; both are shorter than 0x80 bytes.
func appendShort(dst []byte, name, text string) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(name)+len(text)+3)[:n+len(name)+len(text)+3]
	to := dst[n:]
	to[0] = byte(len(name))
	copy(to[1:], name)
	to = to[1+len(name):]
	to[0], to[1] = byte(pcommon.ValueTypeStr), byte(len(text))
	copy(to[2:], text)
	return dst
}

// appendDistinct appends a form of a value that no other value has.
func appendDistinct(dst []byte, v pcommon.Value) []byte {
	kind := v.Type()
	dst = append(dst, byte(kind))
	switch kind {
	case pcommon.ValueTypeStr:
		return appendCounted(dst, v.Str())
	case pcommon.ValueTypeInt:
		return binary.AppendVarint(dst, v.Int())
	case pcommon.ValueTypeDouble:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Double()))
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return append(dst, 1)
		}
		return append(dst, 0)
	case pcommon.ValueTypeBytes:
		return appendCounted(dst, v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice:
		dst = appendLength(dst, v.Slice().Len())
		for _, e := range v.Slice().All() {
			dst = appendDistinct(dst, e)
		}
	case pcommon.ValueTypeMap:
		return appendDistinctMap(dst, v.Map())
	case pcommon.ValueTypeEmpty:
	}
	return dst
}
