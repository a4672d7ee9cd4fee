package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// ErrBinary says that bytes are no record, or no value.
var ErrBinary = errors.New("this is no record in binary form")

// The tags of values in binary form.
const (
	tagNil = iota
	tagString
	tagInt
	tagFloat
	tagFalse
	tagTrue
	tagList
	tagMap
)

// maxNesting is how deep lists and maps may be in binary form; what is deeper is its JSON, as a string.
const maxNesting = 64

// AppendBinary appends a record in a compact form. Times are in nanoseconds, from 1677 to 2262, and in UTC
// when they are read.
func (r *Record) AppendBinary(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, r.ID)
	flags := byte(0)
	if r.HasDuration {
		flags = 1
	}
	dst = append(dst, byte(r.Kind), byte(r.Status), r.Severity, flags)
	dst = binary.AppendVarint(dst, r.Time.UnixNano())
	dst = binary.AppendVarint(dst, r.Arrived.UnixNano())
	dst = binary.AppendVarint(dst, int64(r.Duration))
	for _, s := range [...]string{
		r.SeverityText, r.Service, r.Event, r.Request, r.Macro, r.Trace, r.Span, r.Parent, r.UID,
	} {
		dst = appendText(dst, s)
	}
	dst = AppendValue(dst, r.Body)
	dst = AppendFields(dst, r.Attributes)
	return AppendFields(dst, r.Resource)
}

// DecodeBinary reads a record, and gives what is behind it. Its strings are parts of src.
func DecodeBinary(src string) (r Record, rest string, err error) {
	d := decoder{rest: src}
	r.ID = d.uvarint()
	r.Kind, r.Status, r.Severity, r.HasDuration = Kind(d.byte()), Status(d.byte()), d.byte(), d.byte() == 1
	r.Time = time.Unix(0, d.varint()).UTC()
	r.Arrived = time.Unix(0, d.varint()).UTC()
	r.Duration = time.Duration(d.varint())
	for _, s := range [...]*string{
		&r.SeverityText, &r.Service, &r.Event, &r.Request, &r.Macro, &r.Trace, &r.Span, &r.Parent, &r.UID,
	} {
		*s = d.text()
	}
	r.Body = d.value(0)
	r.Attributes = d.fields()
	r.Resource = d.fields()
	if d.failed {
		return Record{}, "", ErrBinary
	}
	return r, d.rest, nil
}

// AppendFields appends fields in binary form.
func AppendFields(dst []byte, fields []Field) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(fields)))
	for i := range fields {
		dst = appendText(dst, fields[i].Name)
		dst = AppendValue(dst, fields[i].Value)
	}
	return dst
}

// DecodeFields is DecodeBinary for AppendFields.
func DecodeFields(src string) (fields []Field, rest string, err error) {
	d := decoder{rest: src}
	fields = d.fields()
	if d.failed {
		return nil, "", ErrBinary
	}
	return fields, d.rest, nil
}

// AppendValue appends a value in binary form.
func AppendValue(dst []byte, value any) []byte { return appendValue(dst, value, 0) }

func appendValue(dst []byte, value any, depth int) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, tagNil)
	case string:
		return appendText(append(dst, tagString), v)
	case int64:
		return binary.AppendVarint(append(dst, tagInt), v)
	case float64:
		return binary.LittleEndian.AppendUint64(append(dst, tagFloat), math.Float64bits(v))
	case bool:
		if v {
			return append(dst, tagTrue)
		}
		return append(dst, tagFalse)
	case []any:
		if depth == maxNesting {
			break
		}
		dst = binary.AppendUvarint(append(dst, tagList), uint64(len(v)))
		for _, element := range v {
			dst = appendValue(dst, element, depth+1)
		}
		return dst
	case map[string]any:
		if depth == maxNesting {
			break
		}
		dst = binary.AppendUvarint(append(dst, tagMap), uint64(len(v)))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			dst = appendText(dst, name)
			dst = appendValue(dst, v[name], depth+1)
		}
		return dst
	default:
		return appendText(append(dst, tagString), fmt.Sprint(v))
	}
	return appendText(append(dst, tagString), Text(value))
}

// DecodeValue is DecodeBinary for AppendValue.
func DecodeValue(src string) (value any, rest string, err error) {
	d := decoder{rest: src}
	value = d.value(0)
	if d.failed {
		return nil, "", ErrBinary
	}
	return value, d.rest, nil
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// decoder reads from the front of rest; after a failure it gives zero values.
type decoder struct {
	rest   string
	failed bool
}

func (d *decoder) fail() { d.rest, d.failed = "", true }

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() (n uint64) {
	for i := range min(len(d.rest), binary.MaxVarintLen64) {
		b := d.rest[i]
		if b < 0x80 {
			if i == binary.MaxVarintLen64-1 && b > 1 {
				break
			}
			d.rest = d.rest[i+1:]
			return n | uint64(b)<<(7*i)
		}
		n |= uint64(b&0x7f) << (7 * i)
	}
	d.fail()
	return 0
}

func (d *decoder) varint() int64 {
	n := d.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (d *decoder) text() string { return d.take(d.uvarint()) }

func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// count is of things of which each takes a byte at least.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) value(depth int) any {
	switch tag := d.byte(); tag {
	case tagNil:
		return nil
	case tagString:
		return d.text()
	case tagInt:
		return d.varint()
	case tagFloat:
		b := d.take(8)
		if d.failed {
			return nil
		}
		return math.Float64frombits(binary.LittleEndian.Uint64([]byte(b)))
	case tagFalse, tagTrue:
		return tag == tagTrue
	case tagList:
		if depth == maxNesting {
			break
		}
		list := make([]any, d.count())
		for i := range list {
			list[i] = d.value(depth + 1)
		}
		return list
	case tagMap:
		if depth == maxNesting {
			break
		}
		n := d.count()
		members := make(map[string]any, n)
		for range n {
			name := d.text()
			members[name] = d.value(depth + 1)
		}
		return members
	}
	d.fail()
	return nil
}

func (d *decoder) fields() []Field {
	n := d.count()
	if n == 0 {
		return nil
	}
	fields := make([]Field, n)
	for i := range fields {
		fields[i].Name = d.text()
		fields[i].Value = d.value(0)
	}
	return fields
}
