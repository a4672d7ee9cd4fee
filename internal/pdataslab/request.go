package pdataslab

import (
	"encoding/binary"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/plog"
)

// The tags of what is around records, of one byte; of
// opentelemetry/proto/collector/logs/v1/logs_service.proto and logs/v1/logs.proto.
const (
	// ExportLogsServiceRequest
	tagResourceLogs = 1<<3 | sized

	// ResourceLogs
	tagResource  = 1<<3 | sized
	tagScopeLogs = 2<<3 | sized

	// ScopeLogs
	tagScope     = 1<<3 | sized
	tagLogRecord = 2<<3 | sized

	// both
	tagSchemaURL = 3<<3 | sized
)

// MaxDepth is how many lists and maps may be within each other in a record that a
// RequestDecoder decodes.
const MaxDepth = maxDepth

// spareAttributes is room that a record has for more attributes, so that adding a uid and an
// id does not copy those that are there.
const spareAttributes = 2

// What Forget keeps at most.
const (
	maxKeptRecords = 4 << 10  // 64 KiB
	maxKeptAround  = 64 << 10 // bytes, three times
)

// RequestDecoder decodes requests for logs as pdata does, but with slabs for records,
// attributes and values, and one string for all texts of a record. It is for one goroutine at
// a time.
type RequestDecoder struct {
	around    []byte
	inScope   []byte // what is around records in one, and so on
	inRes     []byte
	records   []string // LogRecords, parts of the request
	perScope  []int    // of the records, in the order of the scopes
	decodable bool
}

// decodes is what pdata's requests can do.
type decodes interface{ UnmarshalProto(wire []byte) error }

// Split takes a request in protobuf apart. What it gives is the same request without its
// records, good until the next call. False says that it is written in an unusual way, is
// invalid, or that pdata's layout is not known.
func (d *RequestDecoder) Split(wire []byte) (around []byte, ok bool) {
	d.around, d.records, d.perScope = d.around[:0], d.records[:0], d.perScope[:0]
	d.decodable = known && d.split(viewOf(wire))
	return d.around, d.decodable
}

// Decode decodes what has been split, from the same memory, to request, which is an empty
// ExportLogsServiceRequest of pdata's. What it makes shares no memory with the wire. False
// says that there is something that pdata has to decode or to refuse; request is empty then.
func (d *RequestDecoder) Decode(request any) bool {
	logs, ok := logsOf(request)
	if !ok || !d.decodable {
		return false
	}
	if d.decode(request, logs) {
		return true
	}
	logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
	return false
}

// Forget lets go of the request, and of memory that is not worth keeping for the next one.
func (d *RequestDecoder) Forget() {
	d.decodable = false
	clear(d.records[:cap(d.records)])
	if cap(d.records) > maxKeptRecords || cap(d.perScope) > maxKeptRecords {
		d.records, d.perScope = nil, nil
	}
	if cap(d.around) > maxKeptAround {
		d.around, d.inRes, d.inScope = nil, nil, nil
	}
}

func (d *RequestDecoder) decode(request any, logs plog.Logs) bool {
	if r, ok := request.(decodes); !ok || r.UnmarshalProto(d.around) != nil {
		return false
	}
	b := New()
	wires, perScope := d.records, d.perScope
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			records := sl.LogRecords()
			if len(perScope) == 0 {
				return false
			}
			n := perScope[0]
			perScope = perScope[1:]
			records.EnsureCapacity(n)
			for _, wire := range wires[:n] {
				r := b.NewRecord(records, len(wire))
				// A text that is kept must not hold on to much.
				if b.apart = len(wire) > maxSharedSize; !b.apart {
					wire = strings.Clone(wire)
				}
				if !b.decodeWith(r, wire, nil, spareAttributes) {
					return false
				}
			}
			wires = wires[n:]
		}
	}
	return true
}

func (d *RequestDecoder) split(wire string) bool {
	for wire != "" {
		tag := wire[0]
		field, rest, ok := cutSized(wire)
		if !ok || tag != tagResourceLogs || !d.splitResource(field) {
			return false
		}
		d.around = appendField(d.around, tag, d.inRes)
		wire = rest
	}
	return true
}

func (d *RequestDecoder) splitResource(wire string) bool {
	d.inRes = d.inRes[:0]
	for wire != "" {
		tag := wire[0]
		field, rest, ok := cutSized(wire)
		switch {
		case !ok:
			return false
		case tag == tagScopeLogs:
			if !d.splitScope(field) {
				return false
			}
			d.inRes = appendField(d.inRes, tag, d.inScope)
		case tag == tagResource, tag == tagSchemaURL:
			d.inRes = append(d.inRes, wire[:len(wire)-len(rest)]...)
		default:
			return false
		}
		wire = rest
	}
	return true
}

func (d *RequestDecoder) splitScope(wire string) bool {
	d.inScope = d.inScope[:0]
	before := len(d.records)
	for wire != "" {
		tag := wire[0]
		field, rest, ok := cutSized(wire)
		switch {
		case !ok:
			return false
		case tag == tagLogRecord:
			d.records = append(d.records, field)
		case tag == tagScope, tag == tagSchemaURL:
			d.inScope = append(d.inScope, wire[:len(wire)-len(rest)]...)
		default:
			return false
		}
		wire = rest
	}
	d.perScope = append(d.perScope, len(d.records)-before)
	return true
}

// appendField appends a field of bytes.
func appendField(to []byte, tag byte, content []byte) []byte {
	to = binary.AppendUvarint(append(to, tag), uint64(len(content)))
	return append(to, content...)
}

// viewOf is the bytes as a string, without a copy: good as long as nobody writes to them.
func viewOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
