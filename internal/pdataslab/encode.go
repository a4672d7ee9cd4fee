package pdataslab

import (
	"encoding/binary"
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Encoder encodes records to protobuf, byte for byte as plog.ProtoMarshaler does, into
// memory that it uses again. It is for one goroutine at a time.
//
// It writes backwards as pdata does, so that a length is known when it is written; but it
// does not measure everything before.
type Encoder struct {
	buf []byte
	at  int // what has been written begins here
}

// maxEncoder is how many bytes an encoder keeps to use them again.
const maxEncoder = 4 << 20

// Reset forgets what has been encoded.
func (e *Encoder) Reset() {
	if len(e.buf) > maxEncoder {
		e.buf = nil
	}
	e.at = len(e.buf)
}

// Len is how many bytes have been encoded.
func (e *Encoder) Len() int { return len(e.buf) - e.at }

// Tail is the last n of the bytes that have been encoded, which are those that were
// encoded first. It is good until something else is encoded.
func (e *Encoder) Tail(n int) []byte { return e.buf[len(e.buf)-n:] }

// Encode puts the record as LogRecord before what has been encoded. False says that it
// has something that this does not know, or pdata's layout is not known: then nothing
// has been put.
func (e *Encoder) Encode(r plog.LogRecord) bool {
	if !known {
		return false
	}
	before := e.Len()
	if e.encode(r) {
		return true
	}
	e.at = len(e.buf) - before
	return false
}

// What a field takes beside its content: a tag of one byte and a length or a number.
const maxHead = 1 + binary.MaxVarintLen64

func (e *Encoder) encode(r plog.LogRecord) bool {
	severity, event := r.SeverityText(), r.EventName()
	e.room(8*maxHead + len(severity))
	if t := r.Timestamp(); t != 0 {
		e.fixed64(tagTime, uint64(t))
	}
	if t := r.ObservedTimestamp(); t != 0 {
		e.fixed64(tagObserved, uint64(t))
	}
	if n := r.SeverityNumber(); n != 0 {
		e.varint(tagSeverityNumber, uint64(n))
	}
	if severity != "" {
		e.text(tagSeverityText, severity)
	}
	end := e.Len()
	if !e.value(slotOf(r.Body()), 0) {
		return false
	}
	e.head(tagBody, e.Len()-end)
	m := r.Attributes()
	pairs := *(*[]keyValue)(wrapperOf(&m).orig)
	for i := len(pairs) - 1; i >= 0; i-- {
		if !e.pair(tagAttribute, &pairs[i], 0) {
			return false
		}
	}
	e.room(8*maxHead + len(event))
	if n := r.DroppedAttributesCount(); n != 0 {
		e.varint(tagDropped, uint64(n))
	}
	if f := r.Flags(); f != 0 {
		e.at -= 5
		e.buf[e.at] = tagFlags
		binary.LittleEndian.PutUint32(e.buf[e.at+1:], uint32(f))
	}
	size := 0
	if id := r.TraceID(); !id.IsEmpty() {
		size = len(id)
		e.at -= copy(e.buf[e.at-len(id):], id[:])
	}
	e.head(tagTraceID, size)
	size = 0
	if id := r.SpanID(); !id.IsEmpty() {
		size = len(id)
		e.at -= copy(e.buf[e.at-len(id):], id[:])
	}
	e.head(tagSpanID, size)
	if event != "" {
		e.text(tagEventName, event)
	}
	return true
}

// pair puts a KeyValue as a field.
func (e *Encoder) pair(tag byte, p *keyValue, depth int) bool {
	if p.keyIndex != 0 {
		return false
	}
	end := e.Len()
	e.room(3*maxHead + len(p.key))
	if p.key != "" {
		e.text(tagKey, p.key)
	}
	start := e.Len()
	if !e.value(p.valueSlot(), depth) {
		return false
	}
	e.head(tagValue, e.Len()-start)
	e.head(tag, e.Len()-end)
	return true
}

// value puts an AnyValue, and has left room for three more heads.
func (e *Encoder) value(v *iface, depth int) bool {
	switch v.typ {
	case stringType:
		s := *(*string)(v.data)
		e.room(4*maxHead + len(s))
		e.text(tagString, s)
		return true
	case 0:
		e.room(3 * maxHead)
		return true
	}
	e.room(4 * maxHead)
	switch v.typ {
	case intType:
		e.varint(tagInt, *(*uint64)(v.data))
	case doubleType:
		e.fixed64(tagDouble, *(*uint64)(v.data))
	case boolType:
		var number uint64
		if *(*bool)(v.data) {
			number = 1
		}
		e.varint(tagBool, number)
	case mapType, sliceType:
		return depth < maxDepth && e.list(v, depth+1)
	default:
		if valueAt(v).Type() != pcommon.ValueTypeBytes {
			return false
		}
		content := valueAt(v).Bytes().AsRaw()
		e.room(4*maxHead + len(content))
		e.text(tagBytes, string(content))
	}
	return true
}

// list puts a map or a slice.
func (e *Encoder) list(v *iface, depth int) bool {
	end := e.Len()
	tag := tagMap
	if v.typ == mapType {
		pairs := *(**[]keyValue)(v.data) // not a list[keyValue]: pdata may have made it
		if pairs == nil {
			return false
		}
		for i := len(*pairs) - 1; i >= 0; i-- {
			if !e.pair(tagMember, &(*pairs)[i], depth) {
				return false
			}
		}
	} else {
		tag = tagArray
		values := *(**[]iface)(v.data)
		if values == nil {
			return false
		}
		for i := len(*values) - 1; i >= 0; i-- {
			start := e.Len()
			if !e.value(&(*values)[i], depth) {
				return false
			}
			e.head(tagMember, e.Len()-start)
		}
	}
	e.room(4 * maxHead)
	e.head(tag, e.Len()-end)
	return true
}

// room makes room for n more bytes.
func (e *Encoder) room(n int) {
	if e.at < n {
		e.grow(n)
	}
}

func (e *Encoder) grow(n int) {
	written := e.buf[e.at:]
	grown := make([]byte, max(2*len(e.buf), len(written)+n, 4<<10))
	e.at = len(grown) - copy(grown[len(grown)-len(written):], written)
	e.buf = grown
}

// The following need room.

func (e *Encoder) fixed64(tag byte, number uint64) {
	e.at -= 9
	e.buf[e.at] = tag
	binary.LittleEndian.PutUint64(e.buf[e.at+1:], number)
}

func (e *Encoder) varint(tag byte, number uint64) {
	if number < 0x80 {
		e.at -= 2
		e.buf[e.at], e.buf[e.at+1] = tag, byte(number)
		return
	}
	e.at -= 1 + (bits.Len64(number)+6)/7
	e.buf[e.at] = tag
	binary.PutUvarint(e.buf[e.at+1:], number)
}

// head puts what is before so many bytes.
func (e *Encoder) head(tag byte, size int) { e.varint(tag, uint64(size)) }

func (e *Encoder) text(tag byte, s string) {
	e.at -= len(s)
	copy(e.buf[e.at:], s)
	e.head(tag, len(s))
}
