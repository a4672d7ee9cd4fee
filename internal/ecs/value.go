package ecs

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// PutInto sets the value to what the item has: times and ids as text. A Value of the
// item is copied.
func (item *Item) PutInto(v pcommon.Value) {
	if item.List {
		one := *item
		one.List = false
		one.PutInto(v.SetEmptySlice().AppendEmpty())
		return
	}
	switch item.Kind {
	case KindText:
		v.SetStr(item.Text)
	case KindInt:
		v.SetInt(int64(item.Bits))
	case KindDouble:
		v.SetDouble(math.Float64frombits(item.Bits))
	case KindBool:
		v.SetBool(item.Bits != 0)
	case KindTime:
		v.SetStr(string(timestamp.Append(make([]byte, 0, len(timestamp.Layout)), int64(item.Bits))))
	case KindTraceID:
		v.SetStr(hex.EncodeToString(item.Bytes[:]))
	case KindSpanID:
		v.SetStr(hex.EncodeToString(item.Bytes[:8]))
	case KindValue:
		item.Value.CopyTo(v)
	}
}

// same reports whether two values of this record say the same.
func (m *Mapper) same(a, b *said) bool {
	if a.kind == b.kind {
		switch a.kind {
		case KindText:
			return a.text == b.text
		case KindTraceID, KindSpanID:
			return true
		case KindValue:
			return equal(a.value, b.value)
		default:
			return a.bits == b.bits
		}
	}
	if b.kind == KindText {
		a, b = b, a
	}
	switch {
	case a.kind == KindText && b.kind == KindTraceID:
		return isHex(a.text, m.traceID[:])
	case a.kind == KindText && b.kind == KindSpanID:
		return isHex(a.text, m.spanID[:])
	default:
		return false
	}
}

func isHex(text string, id []byte) bool {
	var scratch [32]byte
	return text == string(hex.AppendEncode(scratch[:0], id))
}

// equal is Equal for what can be compared in a moment: that of large maps takes the square
// of their size, and to say a value twice is no loss.
func equal(a, b pcommon.Value) bool {
	left := maxComparisons
	return equalWithin(a, b, &left)
}

// maxComparisons, of names, take less than a millisecond. They are enough for a folded
// document of some hundred parts with 20 attributes each.
const maxComparisons = 1 << 18

// equalWithin goes no deeper where the sizes differ: one large value may stand against many
// small ones.
func equalWithin(a, b pcommon.Value, left *int) bool {
	if a.Type() != b.Type() {
		return false
	}
	switch a.Type() {
	case pcommon.ValueTypeMap:
		n, others := a.Map().Len(), b.Map()
		if *left -= n * n; n != others.Len() || *left < 0 {
			return false
		}
		for name, member := range a.Map().All() {
			if other, ok := others.Get(name); !ok || !equalWithin(member, other, left) {
				return false
			}
		}
		return true
	case pcommon.ValueTypeSlice:
		n, others := a.Slice().Len(), b.Slice()
		if *left -= n; n != others.Len() || *left < 0 {
			return false
		}
		for i := range n {
			if !equalWithin(a.Slice().At(i), others.At(i), left) {
				return false
			}
		}
		return true
	default:
		return a.Equal(b)
	}
}

// jsonText is the value as JSON.
func (m *Mapper) jsonText(v pcommon.Value) string {
	m.json = AppendJSON(m.json[:0], v)
	text := string(m.json)
	if cap(m.json) > maxKeptBytes {
		m.json = nil
	}
	return text
}

// AppendJSON appends any value as JSON. Names are unique by the rules of documents: of
// equal ones in a map the last counts, and those that only U+FFFD makes equal get _2, _3
// behind them.
func AppendJSON(dst []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendText(dst, v.Str())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		if d := v.Double(); math.IsNaN(d) || math.IsInf(d, 0) {
			return append(appendDouble(append(dst, '"'), d), '"')
		}
		return appendDouble(dst, v.Double())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeBytes:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes().AsRaw()), '"')
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		for i, element := range v.Slice().All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, element)
		}
		return append(dst, ']')
	case pcommon.ValueTypeMap:
		return appendMap(dst, v.Map())
	default:
		return append(dst, "null"...)
	}
}

func appendMap(dst []byte, members pcommon.Map) []byte {
	last := make(map[string]int, members.Len())
	i := 0
	for name := range members.All() {
		last[name] = i
		i++
	}
	tried := make(map[string]int) // of names that are not valid
	dst = append(dst, '{')
	i = 0
	first := true
	for name, v := range members.All() {
		if last[name] == i {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(appendText(dst, uniqueName(name, last, tried)), ':')
			dst = AppendJSON(dst, v)
		}
		i++
	}
	return append(dst, '}')
}

// uniqueName is the name with U+FFFD for what is not valid in it, and a number where only
// that makes it equal to another.
func uniqueName(name string, all, tried map[string]int) string {
	if utf8.ValidString(name) {
		return name
	}
	base := valid(name)
	for {
		unique := base
		if tried[base]++; tried[base] > 1 {
			unique += "_" + strconv.Itoa(tried[base])
		}
		if _, taken := all[unique]; !taken {
			all[unique] = -1
			return unique
		}
	}
}

// appendDouble writes a number as JSON and JavaScript do.
func appendDouble(dst []byte, d float64) []byte {
	switch {
	case math.IsNaN(d):
		return append(dst, "NaN"...)
	case math.IsInf(d, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(d, -1):
		return append(dst, "-Infinity"...)
	}
	if abs := math.Abs(d); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(dst, d, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, d, 'f', -1, 64)
}

const hexDigits = "0123456789abcdef"

func appendText(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x20 || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, '\\', 'u', '2', '0', '2', hexDigits[r&15])
		default:
			dst = utf8.AppendRune(dst, r) // U+FFFD where it is not valid
		}
	}
	return append(dst, '"')
}
