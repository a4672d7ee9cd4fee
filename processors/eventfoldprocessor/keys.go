package eventfoldprocessor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
)

const (
	uidAttribute = "log.record.uid"
	// What the semantic conventions call a service that says no name.
	serviceName    = "service.name"
	unknownService = "unknown_service"
)

// keyReader finds the keys of records. It is for one goroutine at a time.
type keyReader struct {
	names    []string
	compiled *compiled
	failed   func(error)

	text []byte
	// known are keys by what they are the hashes of: the records of an event often come
	// soon after each other.
	known [knownKeys]knownKey
	seed  maphash.Seed
}

type knownKey struct {
	text []byte
	key  foldtable.Key
}

// A reader keeps up to 64 KiB of the texts of keys: with fewer places, the keys of a batch
// drive each other out.
const (
	knownKeys    = 256 // a power of two
	maxKnownText = 256
)

// read gives a record's key; none where it lacks one of the attributes, or the
// expression gives nothing.
func (k *keyReader) read(ctx context.Context, rl plog.ResourceLogs, lr plog.LogRecord, tc *ottllog.TransformContext) (foldtable.Key, bool) {
	text, ok := k.text[:0], true
	if k.compiled.key != nil {
		text, ok = k.appendExpression(ctx, text, tc)
	} else {
		text, ok = k.appendAttributes(text, rl.Resource().Attributes(), lr.Attributes())
	}
	k.text = text
	if !ok {
		return foldtable.Key{}, false
	}
	if len(text) > maxKnownText {
		return keyOf(text), true
	}
	known := &k.known[maphash.Bytes(k.seed, text)%knownKeys]
	if known.text == nil || string(text) != string(known.text) {
		known.text = append(known.text[:0], text...)
		known.key = keyOf(text)
	}
	return known.key, true
}

func keyOf(text []byte) foldtable.Key {
	sum := sha256.Sum256(text)
	return foldtable.Key(sum[:16])
}

// appendAttributes appends each value behind its length, so that no two keys have the
// same text.
func (k *keyReader) appendAttributes(text []byte, resource, record pcommon.Map) ([]byte, bool) {
	for _, name := range k.names {
		value, ok := record.Get(name)
		if !ok {
			value, ok = resource.Get(name)
		}
		var s string
		switch {
		case ok && value.Type() == pcommon.ValueTypeStr:
			s = value.Str()
		case ok:
			s = value.AsString()
		case name == serviceName:
			s = unknownService
		}
		if s == "" {
			return text, false
		}
		text = binary.AppendUvarint(text, uint64(len(s)))
		text = append(text, s...)
	}
	return text, true
}

func (k *keyReader) appendExpression(ctx context.Context, text []byte, tc *ottllog.TransformContext) ([]byte, bool) {
	result, err := k.compiled.key.Eval(ctx, tc)
	if err != nil {
		k.failed(err)
		return text, false
	}
	value := pcommon.NewValueEmpty()
	switch r := result.(type) {
	case nil:
	case pcommon.Value:
		value = r
	case pcommon.TraceID:
		if !r.IsEmpty() {
			value.SetStr(r.String())
		}
	case pcommon.SpanID:
		if !r.IsEmpty() {
			value.SetStr(r.String())
		}
	case pcommon.Map:
		r.CopyTo(value.SetEmptyMap())
	case pcommon.Slice:
		r.CopyTo(value.SetEmptySlice())
	default:
		if err := value.FromRaw(result); err != nil {
			k.failed(err)
			return text, false
		}
	}
	s := value.AsString()
	return append(text, s...), s != ""
}
