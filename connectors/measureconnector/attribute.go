package measureconnector

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxValue bounds an attribute's text in a series, in bytes: it comes from a stranger,
// and becomes a label.
const maxValue = 256

// value is an attribute's value as series have it: text, a number, or nothing.
type value struct {
	kind pcommon.ValueType // ValueTypeEmpty: not there
	text string
	bits uint64 // of an int, a double, or a bool
}

func valueOf(v pcommon.Value) value {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return textValue(v.Str())
	case pcommon.ValueTypeInt:
		return value{kind: pcommon.ValueTypeInt, bits: uint64(v.Int())}
	case pcommon.ValueTypeDouble:
		return value{kind: pcommon.ValueTypeDouble, bits: math.Float64bits(v.Double())}
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return value{kind: pcommon.ValueTypeBool, bits: 1}
		}
		return value{kind: pcommon.ValueTypeBool}
	case pcommon.ValueTypeEmpty:
		return value{}
	}
	return textValue(v.AsString())
}

func textValue(text string) value {
	if len(text) > maxValue {
		end := maxValue
		for end > maxValue-4 && text[end]&0xC0 == 0x80 { // not within a character
			end--
		}
		text = text[:end]
	}
	if text == "" {
		return value{} // as Prometheus has it: no label
	}
	return value{kind: pcommon.ValueTypeStr, text: text}
}

func (v value) put(m pcommon.Map, name string) {
	switch v.kind {
	case pcommon.ValueTypeStr:
		m.PutStr(name, v.text)
	case pcommon.ValueTypeInt:
		m.PutInt(name, int64(v.bits))
	case pcommon.ValueTypeDouble:
		m.PutDouble(name, math.Float64frombits(v.bits))
	case pcommon.ValueTypeBool:
		m.PutBool(name, v.bits == 1)
	default:
	}
}

// mix adds a value to a hash.
func (v value) mix(h uint64) uint64 {
	if v.kind == pcommon.ValueTypeStr {
		return mix(h, xxh3.HashString(v.text))
	}
	return mix(h, v.bits^uint64(v.kind)<<56)
}

func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9E3779B97F4A7C15, x^0xD6E8FEB86659FD93)
	return hi ^ lo
}

// label gives the value as text, well-formed: two values that Prometheus would write
// alike must be one, or a page with both is not valid.
func (v value) label() value {
	switch v.kind {
	case pcommon.ValueTypeStr:
		if !utf8.ValidString(v.text) {
			return textValue(strings.ToValidUTF8(v.text, "\uFFFD"))
		}
		return v
	case pcommon.ValueTypeInt:
		return textValue(strconv.FormatInt(int64(v.bits), 10))
	case pcommon.ValueTypeDouble:
		return textValue(strconv.FormatFloat(v.double(), 'g', -1, 64))
	case pcommon.ValueTypeBool:
		return textValue(strconv.FormatBool(v.bits == 1))
	default:
		return value{}
	}
}

// status gives an HTTP status as an integer, if it is one, as the conventions have it.
func (v value) status() value {
	if v.kind == pcommon.ValueTypeStr && len(v.text) == 3 {
		if n, err := strconv.ParseUint(v.text, 10, 16); err == nil {
			return value{kind: pcommon.ValueTypeInt, bits: n}
		}
	}
	if v.kind == pcommon.ValueTypeInt {
		return v
	}
	return value{}
}

// sameLabel says whether Prometheus would write two names alike: what is no letter or
// digit is '_' there.
func sameLabel(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && (alphanumeric(a[i]) || alphanumeric(b[i])) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// tagName says whether a stranger may name an attribute so: short, of ASCII letters,
// digits, '_', '.', '-' and '/', a letter first, and not what Prometheus or OpenTelemetry
// keep for themselves.
func tagName(name string) bool {
	if name == "" || len(name) > 64 || !alphanumeric(name[0]) || name[0] <= '9' || strings.HasPrefix(name, "otel") {
		return false
	}
	for _, c := range []byte(name) {
		if !alphanumeric(c) && c != '_' && c != '.' && c != '-' && c != '/' {
			return false
		}
	}
	return name != "le" && name != "quantile" && name != "job" && name != "instance"
}

// slots are the attributes that somebody asks for, by number. Names are looked up by
// their length first: few of those that records have are asked for.
type slots struct {
	names    []string
	byLength [64][]int
	long     map[string]int
}

// slot gives a name's number.
func (s *slots) slot(name string) int {
	for i, n := range s.names {
		if n == name {
			return i
		}
	}
	i := len(s.names)
	s.names = append(s.names, name)
	if len(name) < len(s.byLength) {
		s.byLength[len(name)] = append(s.byLength[len(name)], i)
	} else {
		if s.long == nil {
			s.long = map[string]int{}
		}
		s.long[name] = i
	}
	return i
}

// find gives a name's number, or -1.
func (s *slots) find(name string) int {
	if len(name) >= len(s.byLength) {
		if i, ok := s.long[name]; ok {
			return i
		}
		return -1
	}
	for _, i := range s.byLength[len(name)] {
		if s.names[i] == name {
			return i
		}
	}
	return -1
}

func xhash(text string) uint64 { return xxh3.HashString(text) }

// deepHash is of any value; lists and maps by their text.
func deepHash(v pcommon.Value) uint64 {
	switch v.Type() {
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		return xhash(v.AsString())
	case pcommon.ValueTypeStr:
		return xhash(v.Str())
	}
	return valueOf(v).mix(uint64(v.Type()))
}

func (v value) double() float64 { return math.Float64frombits(v.bits) }
