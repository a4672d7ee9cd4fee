package pdataslab

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"
)

// fullRecord has something in each field, and a value of each type.
func fullRecord() plog.LogRecord {
	r := plog.NewLogRecord()
	r.SetTimestamp(1_700_000_000_123_456_789)
	r.SetObservedTimestamp(math.MaxUint64)
	r.SetSeverityNumber(-1)
	r.SetSeverityText("error")
	r.SetEventName("order.placed")
	r.SetDroppedAttributesCount(math.MaxUint32)
	r.SetFlags(0x80000001)
	r.SetTraceID(pcommon.TraceID{1, 15: 16})
	r.SetSpanID(pcommon.SpanID{1, 7: 8})
	r.Body().SetStr(strings.Repeat("long ", 100))
	a := r.Attributes()
	a.PutStr("text", "x")
	a.PutStr("", "")
	a.PutStr("not UTF-8", "\xff\x00")
	a.PutInt("int", math.MinInt64)
	a.PutInt("zero", 0)
	a.PutDouble("double", math.Copysign(0, -1))
	a.PutDouble("not a number", math.NaN())
	a.PutBool("bool", true)
	a.PutBool("false", false)
	a.PutEmpty("empty")
	a.PutEmptyBytes("bytes").FromRaw([]byte{0, 1, 2})
	a.PutEmptyBytes("no bytes")
	a.PutEmptyMap("no members")
	a.PutEmptySlice("no values")
	list := a.PutEmptySlice("list")
	for i := range 20 {
		list.AppendEmpty().SetInt(int64(i))
	}
	list.AppendEmpty()
	m := list.AppendEmpty().SetEmptyMap()
	m.PutStr("a", "b")
	m.PutEmptyMap("c").PutEmptySlice("d").AppendEmpty().SetEmptyMap().PutBool("e", true)
	return r
}

// nestedRecord has a body of so many slices in each other.
func nestedRecord(depth int) plog.LogRecord {
	r := plog.NewLogRecord()
	v := r.Body()
	for range depth {
		v = v.SetEmptySlice().AppendEmpty()
	}
	v.SetInt(1)
	return r
}

// encode is the record as LogRecord.
func encode(tb testing.TB, r plog.LogRecord) []byte {
	tb.Helper()
	logs := plog.NewLogs()
	r.CopyTo(logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(tb, err)
	encoded = content(tb, encoded, 1)
	return content(tb, content(tb, encoded, 2), 2)
}

// content finds a field.
func content(tb testing.TB, message []byte, number protowire.Number) []byte {
	tb.Helper()
	for len(message) > 0 {
		field, typ, n := protowire.ConsumeTag(message)
		require.Positive(tb, n)
		size := protowire.ConsumeFieldValue(field, typ, message[n:])
		require.GreaterOrEqual(tb, size, 0)
		if field == number {
			value, _ := protowire.ConsumeBytes(message[n:])
			return value
		}
		message = message[n+size:]
	}
	tb.Fatal("there is no such field")
	return nil
}

// decodeBoth holds that a builder decodes as pdata does.
func decodeBoth(tb testing.TB, b *Builder, wire string) {
	tb.Helper()
	want, got := plog.NewLogRecord(), plog.NewLogRecord()
	wantErr, gotErr := decodePlain(want, wire), b.Decode(got, wire)
	if wantErr != nil {
		require.EqualError(tb, gotErr, wantErr.Error())
		return
	}
	require.NoError(tb, gotErr)
	require.Equal(tb, encode(tb, want), encode(tb, got))
	require.Equal(tb, want.Attributes().Len(), got.Attributes().Len())
}

// unusual are records that nobody writes, valid or not, by what they are.
func unusual(tb testing.TB) map[string]string {
	tb.Helper()
	full := string(encode(tb, fullRecord()))
	pair := func(content string) string { return "\x32" + string(rune(len(content))) + content }
	return map[string]string{
		"twice":                      full + full,
		"cut off":                    full[:len(full)-1],
		"unknown field":              "\x6a\x01x" + full,
		"unknown field, long tag":    "\x82\x01\x01x" + full,
		"unknown number":             full + "\x68\x05",
		"group":                      "\x6b\x08\x01\x6c" + full,
		"end of group":               "\x6c",
		"group without end":          "\x6b\x08\x01",
		"field 0":                    "\x02\x00",
		"wire type 6":                "\x0e",
		"wrong wire type":            "\x0a\x00",
		"tag longer than need be":    "\x9a\x00\x01x",
		"length longer than need be": "\x1a\x81\x00x",
		"length too great":           "\x1a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"length negative":            "\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"number of ten bytes":        "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		"number of eleven bytes":     "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"number beyond 32 bits":      "\x10\xff\xff\xff\xff\x7f\x38\xff\xff\xff\xff\x7f",
		"tag alone":                  "\x1a",
		"number cut off":             "\x10\x80",
		"time cut off":               "\x09\x00\x00",
		"flags cut off":              "\x45\x00\x00\x00",
		"empty trace id":             "\x4a\x00\x52\x00",
		"trace id again, empty":      full + "\x4a\x00",
		"trace id too short":         "\x4a\x01x",
		"span id too long":           "\x52\x09xxxxxxxxx",
		"key twice":                  pair("\x0a\x01a\x0a\x01b\x12\x02\x18\x05"),
		"value twice":                pair("\x0a\x01a\x12\x02\x18\x05\x12\x03\x0a\x01x"),
		"value of two":               pair("\x0a\x01a\x12\x05\x18\x05\x0a\x01x"),
		"value again, empty":         pair("\x12\x02\x18\x05\x0a\x01a\x12\x00"),
		"pair of nothing":            pair(""),
		"key by index":               pair("\x18\x07\x12\x02\x18\x05"),
		"value by index":             pair("\x0a\x01a\x12\x02\x40\x05"),
		"unknown in pair":            pair("\x0a\x01a\x22\x01x"),
		"unknown in value":           pair("\x0a\x01a\x12\x03\x4a\x01x"),
		"unknown in list":            pair("\x0a\x01a\x12\x05\x2a\x03\x12\x01x"),
		"unknown in map":             pair("\x0a\x01a\x12\x05\x32\x03\x12\x01x"),
		"list cut off":               pair("\x0a\x01a\x12\x04\x2a\x02\x0a\x05"),
		"map cut off":                pair("\x0a\x01a\x12\x04\x32\x02\x0a\x05"),
		"body twice":                 "\x2a\x02\x18\x05\x2a\x00",
		"deep":                       string(encode(tb, nestedRecord(maxDepth))),
		"too deep":                   string(encode(tb, nestedRecord(maxDepth+1))),
		"much too deep":              string(encode(tb, nestedRecord(5000))),
	}
}

func TestDecodeUnusual(t *testing.T) {
	b := New()
	for name, wire := range unusual(t) {
		t.Run(name, func(t *testing.T) {
			b.Separate(len(wire))
			decodeBoth(t, &b, wire)
			plain := Builder{}
			plain.Separate(len(wire))
			decodeBoth(t, &plain, wire)
		})
	}
}

// TestDecodeCutOff holds that each beginning of a record is taken as pdata takes it.
func TestDecodeCutOff(t *testing.T) {
	b := New()
	full := string(encode(t, fullRecord()))
	for i := range full {
		b.Separate(i)
		decodeBoth(t, &b, full[:i])
	}
}

// TestDecodeIsQuick holds that what is written as usual is not left to pdata.
func TestDecodeIsQuick(t *testing.T) {
	b := New()
	for _, in := range []plog.LogRecord{plog.NewLogRecord(), fullRecord(), nestedRecord(maxDepth)} {
		wire := string(encode(t, in))
		b.Separate(len(wire))
		got := plog.NewLogRecord()
		assert.True(t, b.decode(got, wire))
		assert.Equal(t, wire, string(encode(t, got)))
	}
	wire := string(encode(t, nestedRecord(maxDepth+1)))
	assert.False(t, b.decode(plog.NewLogRecord(), wire))
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, fullRecord()))
	for _, wire := range unusual(f) {
		if len(wire) < 1000 {
			f.Add([]byte(wire))
		}
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		b := New()
		b.Separate(len(wire))
		for range 2 {
			decodeBoth(t, &b, string(wire))
		}
	})
}
