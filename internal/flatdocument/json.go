package flatdocument

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/jsontext"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

const hexDigits = "0123456789abcdef"

func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// appendTime appends a time in RFC 3339 with nine digits, in UTC.
func appendTime(dst []byte, at pcommon.Timestamp) []byte {
	dst = append(dst, '"')
	if at <= math.MaxInt64 {
		return append(timestamp.Append(dst, int64(at)), '"')
	}
	// Not AsTime, which makes an int64 of it: beyond the year 2262 that is negative.
	t := time.Unix(int64(at/1e9), int64(at%1e9)).UTC()
	return append(t.AppendFormat(dst, timestamp.Layout), '"')
}

// appendHex appends the bytes of an id.
func appendHex(dst, id []byte) []byte {
	dst = append(dst, '"')
	for _, b := range id {
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return append(dst, '"')
}

// appendValue appends a value as JSON's own type for it; bytes are base64.
func appendValue(dst []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return jsontext.AppendString(dst, v.Str())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return jsontext.AppendFloat(dst, v.Double())
	case pcommon.ValueTypeBytes:
		return appendBase64(dst, v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		for i, e := range v.Slice().All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, e)
		}
		return append(dst, ']')
	case pcommon.ValueTypeMap:
		return appendMap(dst, v.Map())
	}
	return append(dst, "null"...)
}

func appendMap(dst []byte, m pcommon.Map) []byte {
	dst = append(dst, '{')
	first := true
	for name, v := range m.All() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = jsontext.AppendString(dst, name)
		dst = append(dst, ':')
		dst = appendValue(dst, v)
	}
	return append(dst, '}')
}
