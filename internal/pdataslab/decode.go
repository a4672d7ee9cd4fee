package pdataslab

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"
)

// The tags of what a record is written with, all of one byte; of
// opentelemetry/proto/logs/v1/logs.proto and common/v1/common.proto.
const (
	varint  = byte(protowire.VarintType)
	fixed32 = byte(protowire.Fixed32Type)
	fixed64 = byte(protowire.Fixed64Type)
	sized   = byte(protowire.BytesType)

	// LogRecord
	tagTime           = 1<<3 | fixed64
	tagSeverityNumber = 2<<3 | varint
	tagSeverityText   = 3<<3 | sized
	tagBody           = 5<<3 | sized
	tagAttribute      = 6<<3 | sized
	tagDropped        = 7<<3 | varint
	tagFlags          = 8<<3 | fixed32
	tagTraceID        = 9<<3 | sized
	tagSpanID         = 10<<3 | sized
	tagObserved       = 11<<3 | fixed64
	tagEventName      = 12<<3 | sized

	// KeyValue
	tagKey   = 1<<3 | sized
	tagValue = 2<<3 | sized

	// AnyValue
	tagString = 1<<3 | sized
	tagBool   = 2<<3 | varint
	tagInt    = 3<<3 | varint
	tagDouble = 4<<3 | fixed64
	tagArray  = 5<<3 | sized
	tagMap    = 6<<3 | sized
	tagBytes  = 7<<3 | sized

	// ArrayValue, KeyValueList
	tagMember = 1<<3 | sized
)

// maxDepth is how deep values may be in each other before pdata decodes them: none
// that is meant well is.
const maxDepth = 64

// Decode makes r, which is empty, the LogRecord that wire is the protobuf of. Its texts
// are parts of wire. The result is that of plog.ProtoUnmarshaler, and so is the error;
// this is what decodes records that are written in an unusual way or have unknown
// fields.
func (b *Builder) Decode(r plog.LogRecord, wire string) error {
	if b.withSlabs && b.decode(r, wire) {
		return nil
	}
	return decodePlain(r, wire)
}

// decodePlain decodes with pdata.
func decodePlain(r plog.LogRecord, wire string) error {
	const fieldResourceLogs, fieldScopeLogs, fieldLogRecords = 1, 2, 2
	inScope := protowire.SizeTag(fieldLogRecords) + protowire.SizeBytes(len(wire))
	inResource := protowire.SizeTag(fieldScopeLogs) + protowire.SizeBytes(inScope)
	encoded := make([]byte, 0, protowire.SizeTag(fieldResourceLogs)+protowire.SizeBytes(inResource))
	encoded = protowire.AppendTag(encoded, fieldResourceLogs, protowire.BytesType)
	encoded = protowire.AppendVarint(encoded, uint64(inResource))
	encoded = protowire.AppendTag(encoded, fieldScopeLogs, protowire.BytesType)
	encoded = protowire.AppendVarint(encoded, uint64(inScope))
	encoded = protowire.AppendTag(encoded, fieldLogRecords, protowire.BytesType)
	encoded = protowire.AppendString(encoded, wire)
	logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
	if err != nil {
		return fmt.Errorf("decode a log record: %w", err)
	}
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).MoveTo(r)
	return nil
}

// decode decodes what is written as usual. False says that it is not, or is invalid.
func (b *Builder) decode(r plog.LogRecord, wire string) bool { return b.decodeWith(r, wire, nil, 0) }

// decodeWith is decode with room for the attributes, where there is enough, or with room
// for spare more of them.
func (b *Builder) decodeWith(r plog.LogRecord, wire string, pairs []keyValue, spare int) bool {
	attributes, ok := countAttributes(wire)
	if !ok {
		return false
	}
	if attributes > 0 {
		if attributes > len(pairs) {
			pairs = b.current.pairs.take(attributes+spare, maxPairSlab)[:attributes]
		} else {
			pairs = pairs[:attributes:attributes]
		}
		m := r.Attributes()
		*(*[]keyValue)(wrapperOf(&m).orig) = pairs
	}
	for wire != "" {
		var field string
		var number uint64
		switch tag := wire[0]; tag {
		case tagTime, tagObserved:
			if number, wire, ok = cutFixed64(wire); !ok {
				return false
			}
			if tag == tagTime {
				r.SetTimestamp(pcommon.Timestamp(number))
			} else {
				r.SetObservedTimestamp(pcommon.Timestamp(number))
			}
		case tagSeverityNumber, tagDropped:
			if number, wire, ok = cutVarint(wire); !ok {
				return false
			}
			if tag == tagSeverityNumber {
				r.SetSeverityNumber(plog.SeverityNumber(number))
			} else {
				r.SetDroppedAttributesCount(uint32(number))
			}
		case tagFlags:
			if len(wire) < 5 {
				return false
			}
			r.SetFlags(plog.LogRecordFlags(uint32(wire[1]) | uint32(wire[2])<<8 | uint32(wire[3])<<16 | uint32(wire[4])<<24))
			wire = wire[5:]
		default:
			if field, wire, ok = cutSized(wire); !ok {
				return false
			}
			switch tag {
			case tagAttribute:
				if !b.decodePair(&pairs[0], field, 0) {
					return false
				}
				pairs = pairs[1:]
			case tagBody:
				if !b.decodeValue(slotOf(r.Body()), field, 0) {
					return false
				}
			case tagSeverityText:
				r.SetSeverityText(b.text(field))
			case tagEventName:
				r.SetEventName(b.text(field))
			case tagTraceID:
				var id pcommon.TraceID
				if len(field) != len(id) && field != "" { // pdata writes an empty one so
					return false
				}
				copy(id[:], field)
				r.SetTraceID(id)
			case tagSpanID:
				var id pcommon.SpanID
				if len(field) != len(id) && field != "" { // pdata writes an empty one so
					return false
				}
				copy(id[:], field)
				r.SetSpanID(id)
			default:
				return false
			}
		}
	}
	return true
}

// countAttributes counts a record's attributes. False says that its fields are not as
// usual.
func countAttributes(wire string) (n int, ok bool) {
	for wire != "" {
		switch tag := wire[0]; tag & 7 {
		case sized:
			if _, wire, ok = cutSized(wire); !ok {
				return 0, false
			}
			if tag == tagAttribute {
				n++
			}
		case fixed64:
			if _, wire, ok = cutFixed64(wire); !ok {
				return 0, false
			}
		case varint:
			if _, wire, ok = cutVarint(wire); !ok {
				return 0, false
			}
		case fixed32:
			if len(wire) < 5 {
				return 0, false
			}
			wire = wire[5:]
		default:
			return 0, false
		}
	}
	return n, true
}

// text is a text of what is decoded.
func (b *Builder) text(s string) string {
	if b.apart {
		return strings.Clone(s)
	}
	return s
}

func (b *Builder) decodePair(p *keyValue, wire string, depth int) bool {
	for wire != "" {
		tag := wire[0]
		field, rest, ok := cutSized(wire)
		if !ok {
			return false
		}
		wire = rest
		switch tag {
		case tagKey:
			p.key = b.text(field)
		case tagValue:
			if !b.decodeValue(p.valueSlot(), field, depth) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func (b *Builder) decodeValue(slot *iface, wire string, depth int) bool {
	for wire != "" {
		var ok bool
		var number uint64
		switch tag := wire[0]; tag {
		case tagInt, tagBool:
			if number, wire, ok = cutVarint(wire); !ok {
				return false
			}
			if tag == tagInt {
				*slot = iface{typ: intType, data: b.current.newWord(number)}
			} else {
				*slot = iface{typ: boolType, data: b.current.newBool(number != 0)}
			}
		case tagDouble:
			if number, wire, ok = cutFixed64(wire); !ok {
				return false
			}
			*slot = iface{typ: doubleType, data: b.current.newWord(number)}
		default:
			var field string
			if field, wire, ok = cutSized(wire); !ok {
				return false
			}
			switch {
			case tag == tagString:
				*slot = iface{typ: stringType, data: b.current.newString(b.text(field))}
			case depth == maxDepth:
				return false
			case tag == tagArray:
				ok = b.decodeArray(slot, field, depth+1)
			case tag == tagMap:
				ok = b.decodeMap(slot, field, depth+1)
			case tag == tagBytes:
				valueAt(slot).SetEmptyBytes().FromRaw([]byte(field))
			default:
				ok = false
			}
			if !ok {
				return false
			}
		}
	}
	return true
}

func (b *Builder) decodeArray(slot *iface, wire string, depth int) bool {
	n, ok := countMembers(wire)
	if !ok {
		return false
	}
	for values := b.current.newSlice(slot, n).own; wire != ""; values = values[1:] {
		var field string
		if field, wire, _ = cutSized(wire); !b.decodeValue(&values[0], field, depth) {
			return false
		}
	}
	return true
}

func (b *Builder) decodeMap(slot *iface, wire string, depth int) bool {
	n, ok := countMembers(wire)
	if !ok {
		return false
	}
	into := b.current.newMap(slot, n)
	*into = (*into)[:n]
	for pairs := *into; wire != ""; pairs = pairs[1:] {
		var field string
		if field, wire, _ = cutSized(wire); !b.decodePair(&pairs[0], field, depth) {
			return false
		}
	}
	return true
}

// countMembers counts the members of an array or of a map. False says that there is
// something else, or nothing valid.
func countMembers(wire string) (n int, ok bool) {
	for ; wire != ""; n++ {
		if wire[0] != tagMember {
			return 0, false
		}
		if _, wire, ok = cutSized(wire); !ok {
			return 0, false
		}
	}
	return n, true
}

// cutSized cuts off a field behind a tag of one byte that is a length and as many bytes.
func cutSized(wire string) (field, rest string, ok bool) {
	if len(wire) > 1 && wire[1] < 0x80 && int(wire[1]) <= len(wire)-2 { // what most are
		end := 2 + int(wire[1])
		return wire[2:end], wire[end:], true
	}
	return cutLong(wire)
}

func cutLong(wire string) (field, rest string, ok bool) {
	size, rest, ok := cutVarint(wire)
	if !ok || size > uint64(len(rest)) {
		return "", "", false
	}
	return rest[:size], rest[size:], true
}

// cutVarint cuts off a number behind a tag of one byte. Bits beyond the 64th are let
// go, as pdata does.
func cutVarint(wire string) (number uint64, rest string, ok bool) {
	for i := 1; i < len(wire) && i <= 10; i++ {
		number |= uint64(wire[i]&0x7f) << (7 * (i - 1))
		if wire[i] < 0x80 {
			return number, wire[i+1:], true
		}
	}
	return 0, "", false
}

// cutFixed64 cuts off a number of eight bytes behind a tag of one byte.
func cutFixed64(wire string) (number uint64, rest string, ok bool) {
	if len(wire) < 9 {
		return 0, "", false
	}
	w := wire[1:9]
	number = uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
		uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
	return number, wire[9:], true
}
