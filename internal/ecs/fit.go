package ecs

import (
	"encoding/base64"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// fit makes an item of the value, in the type of the slot's field. False says that it
// does not fit; the item is good for nothing then.
func (m *Mapper) fit(item *said, a *attribute, s *slot, v pcommon.Value) bool {
	f := s.field
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		item.kind, item.value = KindValue, v
		return true
	case pcommon.ValueTypeSlice:
		return m.fitList(item, a, s, v)
	default:
		item.list = f.List
		return m.fitOne(item, a, s, v)
	}
}

func (m *Mapper) fitList(item *said, a *attribute, s *slot, v pcommon.Value) bool {
	f, list := s.field, v.Slice()
	objects := f.Type == Object || f.Type == Flattened || f.Type == Nested
	if !objects && (!f.List || list.Len() == 1 && list.At(0).Type() != pcommon.ValueTypeEmpty) {
		if list.Len() != 1 || list.At(0).Type() == pcommon.ValueTypeSlice {
			return false
		}
		return m.fit(item, a, s, list.At(0))
	}
	asIs := true
	for _, element := range list.All() {
		if element.Type() == pcommon.ValueTypeEmpty {
			continue
		}
		var one said
		if element.Type() == pcommon.ValueTypeSlice || !m.fitOne(&one, a, s, element) {
			return false
		}
		asIs = asIs && (one.kind == KindValue || element.Type() == pcommon.ValueTypeStr) // ECS has lists of texts, addresses and objects
	}
	item.kind, item.value = KindValue, v
	if !asIs {
		item.value = m.convert(a, s, list)
	}
	return true
}

// convert makes a list whose elements are of the field's type.
func (m *Mapper) convert(a *attribute, s *slot, list pcommon.Slice) pcommon.Value {
	converted := pcommon.NewValueSlice()
	to := converted.Slice()
	to.EnsureCapacity(list.Len())
	for _, element := range list.All() {
		var item said
		if element.Type() == pcommon.ValueTypeEmpty || !m.fitOne(&item, a, s, element) {
			to.AppendEmpty()
			continue
		}
		var one Item
		c := candidate{slot: s, item: item}
		c.put(&one)
		one.PutInto(to.AppendEmpty())
	}
	return converted
}

// fitOne is fit for what is neither a list nor nothing.
func (m *Mapper) fitOne(item *said, a *attribute, s *slot, v pcommon.Value) bool {
	switch s.field.Type {
	case Keyword, ConstantKeyword, Wildcard, MatchOnlyText:
		return m.fitText(item, a, s, v)
	case Long:
		return fitWhole(item, v, math.MinInt64, math.MaxInt64)
	case Integer:
		return fitWhole(item, v, math.MinInt32, math.MaxInt32)
	case Float:
		return fitNumber(item, v, math.MaxFloat32)
	case Double, ScaledFloat:
		return fitNumber(item, v, math.MaxFloat64)
	case Boolean:
		return fitBool(item, v)
	case Date:
		nanos, ok := parseTime(v.Str())
		item.kind, item.bits = KindTime, uint64(nanos)
		return ok
	case IP:
		item.kind, item.text = KindText, v.Str()
		return isIP(item.text)
	case GeoPoint:
		return fitPoint(item, v)
	default:
		item.kind, item.value = KindValue, v
		return v.Type() == pcommon.ValueTypeMap
	}
}

func (m *Mapper) fitText(item *said, a *attribute, s *slot, v pcommon.Value) bool {
	item.kind = KindText
	switch v.Type() {
	case pcommon.ValueTypeStr:
		item.text = v.Str()
	case pcommon.ValueTypeMap:
		return false
	default:
		item.text = a.text(v)
	}
	return s.allowed == nil || slices.Contains(s.allowed, item.text)
}

// text writes a number, a boolean or bytes as text.
func (a *attribute) text(v pcommon.Value) string {
	var bits uint64
	switch v.Type() {
	case pcommon.ValueTypeInt:
		bits = uint64(v.Int())
	case pcommon.ValueTypeDouble:
		bits = math.Float64bits(v.Double())
	default:
		return scalarText(v)
	}
	if a.lastType != uint8(v.Type()) || a.lastBits != bits {
		a.lastType, a.lastBits, a.lastText = uint8(v.Type()), bits, scalarText(v)
	}
	return a.lastText
}

func scalarText(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return string(appendDouble(nil, v.Double()))
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool())
	case pcommon.ValueTypeBytes:
		return base64.StdEncoding.EncodeToString(v.Bytes().AsRaw())
	default:
		return ""
	}
}

func fitWhole(item *said, v pcommon.Value, lowest, highest int64) bool {
	var n int64
	switch v.Type() {
	case pcommon.ValueTypeInt:
		n = v.Int()
	case pcommon.ValueTypeDouble:
		d := v.Double()
		if d != math.Trunc(d) || d < -1<<63 || d >= 1<<63 {
			return false
		}
		n = int64(d)
	case pcommon.ValueTypeStr:
		text := v.Str()
		if !isDecimal(text, "") {
			return false
		}
		parsed, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return false
		}
		n = parsed
	default:
		return false
	}
	item.kind, item.bits = KindInt, uint64(n)
	return n >= lowest && n <= highest
}

func fitNumber(item *said, v pcommon.Value, highest float64) bool {
	var d float64
	switch v.Type() {
	case pcommon.ValueTypeInt:
		item.kind, item.bits = KindInt, uint64(v.Int())
		return true
	case pcommon.ValueTypeDouble:
		d = v.Double()
	case pcommon.ValueTypeStr:
		text := v.Str()
		if !isDecimal(text, ".eE+-") {
			return false
		}
		parsed, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return false
		}
		d = parsed
	default:
		return false
	}
	item.kind, item.bits = KindDouble, math.Float64bits(d)
	return math.Abs(d) <= highest // and so is no NaN
}

// isDecimal reports whether the text is made of digits, one sign in front and what else
// may be in it: most of what is no number is found without the cost of an error.
func isDecimal(text, others string) bool {
	if text != "" && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	for i := 0; i < len(text); i++ {
		if (text[i] < '0' || text[i] > '9') && strings.IndexByte(others, text[i]) < 0 {
			return false
		}
	}
	return text != ""
}

func fitBool(item *said, v pcommon.Value) bool {
	item.kind = KindBool
	switch v.Type() {
	case pcommon.ValueTypeBool:
		if v.Bool() {
			item.bits = 1
		}
		return true
	case pcommon.ValueTypeStr:
		if v.Str() == "true" {
			item.bits = 1
		}
		return v.Str() == "true" || v.Str() == "false"
	default:
		return false
	}
}

// fitPoint takes a map of lat and lon, or the two as text.
func fitPoint(item *said, v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		item.kind, item.text = KindText, v.Str()
		lat, lon, ok := strings.Cut(v.Str(), ",")
		lon = strings.TrimPrefix(lon, " ")
		return ok && isDegree(lat, 90) && isDegree(lon, 180)
	case pcommon.ValueTypeMap:
		item.kind, item.value = KindValue, v
		if v.Map().Len() != 2 {
			return false
		}
		lat, hasLat := v.Map().Get("lat")
		lon, hasLon := v.Map().Get("lon")
		var degree said
		return hasLat && hasLon &&
			lat.Type() != pcommon.ValueTypeStr && fitNumber(&degree, lat, 90) && degree.within(90) &&
			lon.Type() != pcommon.ValueTypeStr && fitNumber(&degree, lon, 180) && degree.within(180)
	default:
		return false
	}
}

// within reports whether a number lies between the negative limit and the limit.
func (item *said) within(limit float64) bool {
	if item.kind == KindInt {
		return int64(item.bits) >= -int64(limit) && int64(item.bits) <= int64(limit)
	}
	return math.Abs(math.Float64frombits(item.bits)) <= limit
}

func isDegree(text string, limit float64) bool {
	if !isDecimal(text, ".") {
		return false
	}
	d, err := strconv.ParseFloat(text, 64)
	return err == nil && math.Abs(d) <= limit
}

// isIP reports whether the text is an address without a zone.
func isIP(text string) bool {
	// Most of what is none is found without the cost of an error.
	colon := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ':':
			colon = true
		case c >= '0' && c <= '9', c == '.', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	if text == "" || !colon && text[len(text)-1] > '9' {
		return false
	}
	_, err := netip.ParseAddr(text)
	return err == nil
}

// isDomain reports whether the text can be the name of a host.
func isDomain(text string) bool {
	text = strings.TrimSuffix(text, ".")
	if text == "" || len(text) > 253 {
		return false
	}
	start, letters := 0, false
	for i := 0; i <= len(text); i++ {
		if i == len(text) || text[i] == '.' {
			if i == start || i-start > 63 {
				return false
			}
			if i < len(text) {
				letters = false
			}
			start = i + 1
			continue
		}
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= 0x80:
			letters = true
		case c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return letters // in the last part: 10.0.0 and 8080 are no names
}

// layouts are those of ISO 8601 with a zone.
var layouts = [...]string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07"}

// The times that nanoseconds since 1970 can be.
var earliest, latest = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

// parseTime reads ISO 8601 with a zone, to the nanosecond.
func parseTime(text string) (nanos int64, ok bool) {
	// time.Parse takes an hour of one digit, and the fraction would then be elsewhere.
	if len(text) < len("2006-01-02T15:04:05Z") || len(text) > 80 || text[10] != 'T' || text[13] != ':' || finerThanNanoseconds(text[19:]) {
		return 0, false
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err == nil {
			return t.UnixNano(), !t.Before(earliest) && !t.After(latest)
		}
	}
	return 0, false
}

// finerThanNanoseconds reports whether the fraction of a second in front of the text has
// digits that would be lost.
func finerThanNanoseconds(text string) bool {
	if text[0] != '.' && text[0] != ',' {
		return false
	}
	for i := 1; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		if i > 9 && text[i] != '0' {
			return true
		}
	}
	return false
}

// nanoseconds reads a duration in seconds.
func nanoseconds(v pcommon.Value) (nanos int64, ok bool) {
	var number said
	if !fitNumber(&number, v, math.MaxFloat64) {
		return 0, false
	}
	if n := int64(number.bits); number.kind == KindInt {
		return n * int64(time.Second), n >= 0 && n <= math.MaxInt64/int64(time.Second)
	}
	d := math.Round(math.Float64frombits(number.bits) * 1e9)
	if d < 0 || d >= 1<<63 {
		return 0, false
	}
	return int64(d), true
}

// natural makes an item of the value as it is.
func (m *Mapper) natural(item *said, v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		item.kind, item.text = KindText, v.Str()
	case pcommon.ValueTypeInt:
		item.kind, item.bits = KindInt, uint64(v.Int())
	case pcommon.ValueTypeDouble:
		item.kind, item.bits = KindDouble, math.Float64bits(v.Double())
	case pcommon.ValueTypeBool:
		item.kind = KindBool
		if v.Bool() {
			item.bits = 1
		}
	case pcommon.ValueTypeBytes:
		item.kind, item.text = KindText, scalarText(v)
	default:
		item.kind, item.value = KindValue, v
	}
}

// scalar is natural for a label: what has members, but for a list of scalars, is JSON
// text.
func (m *Mapper) scalar(item *said, v pcommon.Value) {
	if v.Type() == pcommon.ValueTypeMap || v.Type() == pcommon.ValueTypeSlice && !isFlat(v.Slice()) {
		item.kind, item.text = KindText, m.jsonText(v)
		return
	}
	m.natural(item, v)
}

func isFlat(list pcommon.Slice) bool {
	for _, element := range list.All() {
		if t := element.Type(); t == pcommon.ValueTypeMap || t == pcommon.ValueTypeSlice {
			return false
		}
	}
	return true
}
