package pdataslab

import (
	"encoding/binary"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// newRequest is what gRPC hands to a codec.
func newRequest() any { return reflect.New(requestType.Elem()).Interface() }

func logsOfRequest(tb testing.TB, request any) plog.Logs {
	tb.Helper()
	logs, ok := logsOf(request)
	require.True(tb, ok)
	return logs
}

func marshal(tb testing.TB, logs plog.Logs) []byte {
	tb.Helper()
	wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(tb, err)
	return wire
}

// fullLogs have something in each field, and resources and scopes without anything.
func fullLogs() plog.Logs {
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	for i := range 3 {
		rl := logs.ResourceLogs().AppendEmpty()
		rl.SetSchemaUrl("https://example.com/resource")
		rl.Resource().Attributes().PutStr("service.name", "orders")
		rl.Resource().Attributes().PutEmptySlice("list").AppendEmpty().SetInt(int64(i))
		rl.Resource().SetDroppedAttributesCount(3)
		for j := range 3 {
			sl := rl.ScopeLogs().AppendEmpty()
			sl.SetSchemaUrl("https://example.com/scope")
			sl.Scope().SetName("scope")
			sl.Scope().SetVersion("1")
			sl.Scope().Attributes().PutBool("yes", true)
			for k := range 20 * j {
				r := sl.LogRecords().AppendEmpty()
				if k%5 != 0 {
					fullRecord().CopyTo(r)
					r.Body().SetInt(int64(k))
				}
				if k%7 == 0 {
					r.Body().SetStr(strings.Repeat("large ", 1000))
				}
			}
		}
	}
	return logs
}

// unusualRequests are requests that nobody writes, valid or not, by what they are.
func unusualRequests(tb testing.TB) map[string]string {
	tb.Helper()
	field := func(tag byte, content string) string {
		return string(appendField(nil, tag, []byte(content)))
	}
	record := field(tagLogRecord, string(encode(tb, fullRecord())))
	requests := map[string]string{
		"unknown field":           "\x12\x01x" + field(tagResourceLogs, field(tagScopeLogs, record)),
		"unknown in resource":     field(tagResourceLogs, "\x22\x01x"+field(tagScopeLogs, record)),
		"unknown in scope":        field(tagResourceLogs, field(tagScopeLogs, "\x22\x01x"+record)),
		"deprecated scope":        field(tagResourceLogs, "\xc2\x3e"+field(tagScopeLogs, record)[1:]),
		"two resources":           field(tagResourceLogs, field(tagResource, "\x0a\x03\x0a\x01a")+field(tagScopeLogs, record)+field(tagResource, "\x0a\x03\x0a\x01b")),
		"resource, unknown":       field(tagResourceLogs, field(tagResource, "\x4a\x01x")+field(tagScopeLogs, record)),
		"resource, invalid":       field(tagResourceLogs, field(tagResource, "\x0a\x03\x0a\x05a")+field(tagScopeLogs, record)),
		"resource, cut off":       field(tagResourceLogs, field(tagScopeLogs, record)+"\x0a\x03\x0a"),
		"scope, cut off":          field(tagResourceLogs, field(tagScopeLogs, record+"\x12\x05")),
		"request, cut off":        field(tagResourceLogs, field(tagScopeLogs, record)) + "\x0a\x05",
		"wrong wire type":         "\x08\x01",
		"group":                   "\x0b\x0c",
		"length too long":         "\x0a\x84\x00" + field(tagScopeLogs, "\x12\x00"),
		"second record is broken": field(tagResourceLogs, field(tagScopeLogs, record+field(tagLogRecord, "\x0a"))),
	}
	for name, wire := range unusual(tb) {
		requests["record: "+name] = field(tagResourceLogs, field(tagScopeLogs, record+field(tagLogRecord, wire)))
	}
	return requests
}

// decodeRequest decodes a request as a codec does, and holds that it is decoded as pdata
// does, or left empty.
func decodeRequest(tb testing.TB, d *RequestDecoder, wire []byte) bool {
	tb.Helper()
	want, got := newRequest(), newRequest()
	wantErr := want.(decodes).UnmarshalProto(wire)
	ours := append([]byte(nil), wire...)
	defer d.Forget()
	around, ok := d.Split(ours)
	if ok {
		require.LessOrEqual(tb, len(around), len(wire)+20)
		ok = d.Decode(got)
	}
	clear(ours) // nothing is shared with it, nor with what the next request is split in
	for _, kept := range [][]byte{d.around, d.inRes, d.inScope} {
		clear(kept[:cap(kept)])
	}
	if !ok {
		require.Zero(tb, logsOfRequest(tb, got).ResourceLogs().Len())
		return false
	}
	require.NoError(tb, wantErr)
	require.Equal(tb, marshal(tb, logsOfRequest(tb, want)), marshal(tb, logsOfRequest(tb, got)))
	return true
}

func TestDecodeRequest(t *testing.T) {
	var d RequestDecoder
	empty := plog.NewLogs()
	empty.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	for range 2 {
		assert.True(t, decodeRequest(t, &d, nil))
		assert.True(t, decodeRequest(t, &d, marshal(t, fullLogs())))
		assert.True(t, decodeRequest(t, &d, marshal(t, empty)))
	}
	usual := map[string]bool{"two resources": true, "resource, unknown": true, "length too long": true}
	for name, wire := range unusualRequests(t) {
		decoded := decodeRequest(t, &d, []byte(wire))
		if !strings.HasPrefix(name, "record: ") {
			assert.Equal(t, usual[name], decoded, name)
		}
	}
	_, ok := d.Split(marshal(t, fullLogs()))
	require.True(t, ok)
	assert.False(t, d.Decode(new(int)))
	assert.False(t, d.Decode(nil))
	d.Forget()
	assert.False(t, d.Decode(newRequest()), "nothing has been split")
}

// TestDecodeRequestToDepth holds to what is promised to who asks for no more than MaxDepth.
func TestDecodeRequestToDepth(t *testing.T) {
	var d RequestDecoder
	for depth, want := range map[int]bool{MaxDepth: true, MaxDepth + 1: false} {
		logs := plog.NewLogs()
		nestedRecord(depth).CopyTo(logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
		assert.Equal(t, want, decodeRequest(t, &d, marshal(t, logs)), depth)
	}
}

// TestDecodedRequestCanBeAddedTo adds to records that were decoded next to each other.
func TestDecodedRequestCanBeAddedTo(t *testing.T) {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range 50 {
		fullRecord().CopyTo(records.AppendEmpty())
	}
	var d RequestDecoder
	got := newRequest()
	_, ok := d.Split(marshal(t, logs))
	require.True(t, ok)
	require.True(t, d.Decode(got))
	decoded := logsOfRequest(t, got).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	before := testing.AllocsPerRun(1, func() {}) // as much as this measures of nothing
	i := 0
	added := testing.AllocsPerRun(20, func() {
		decoded.At(i).Attributes().PutEmpty("a first")
		decoded.At(i).Attributes().PutEmpty("a second")
		i++
	})
	assert.LessOrEqual(t, added, before, "there is room for two more")
	for i := range decoded.Len() {
		for _, key := range []string{"a first", "a second", "a third"} {
			records.At(i).Attributes().PutStr(key, key)
			decoded.At(i).Attributes().PutStr(key, key)
		}
	}
	assert.Equal(t, marshal(t, logs), marshal(t, logsOfRequest(t, got)))
}

// TestDecodeRequestAllocates holds that records are not left to pdata, which takes some
// 20 allocations for each of these.
func TestDecodeRequestAllocates(t *testing.T) {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	const n = 400
	for range n {
		r := records.AppendEmpty()
		r.Body().SetStr("a line")
		for key := range strings.FieldsSeq("a b c d e f g h") {
			r.Attributes().PutStr(key, key)
		}
	}
	wire := marshal(t, logs)
	var d RequestDecoder
	allocations := testing.AllocsPerRun(10, func() {
		defer d.Forget()
		if _, ok := d.Split(wire); !ok || !d.Decode(newRequest()) {
			t.Fatal("not decoded")
		}
	})
	assert.Less(t, allocations/n, 1.3)
}

// TestTextsOfRequestsHoldOnToLittle holds that a text keeps no other record alive, and one
// of a large record not the record.
func TestTextsOfRequestsHoldOnToLittle(t *testing.T) {
	var kept []string
	var gone []weak.Pointer[byte]
	func() {
		var d RequestDecoder
		request := newRequest()
		_, ok := d.Split(marshal(t, fullLogs()))
		require.True(t, ok)
		require.True(t, d.Decode(request))
		records := logsOfRequest(t, request).ResourceLogs().At(2).ScopeLogs().At(2).LogRecords()
		text := func(i int) string {
			v, ok := records.At(i).Attributes().Get("not UTF-8")
			require.True(t, ok)
			return v.Str()
		}
		const large, small, other = 7, 8, 9
		require.Greater(t, len(records.At(large).Body().Str()), maxSharedSize)
		kept = append(kept, text(large), text(small))
		gone = append(gone, weak.Make(unsafe.StringData(records.At(large).Body().Str())), weak.Make(unsafe.StringData(text(other))))
	}()
	for range 3 {
		runtime.GC()
	}
	for i, p := range gone {
		assert.Nil(t, p.Value(), i)
	}
	assert.Equal(t, []string{"\xff\x00", "\xff\x00"}, kept)
}

// TestForgetKeepsLittle holds that one large request does not cost memory for ever.
func TestForgetKeepsLittle(t *testing.T) {
	var d RequestDecoder
	wire := appendField(nil, tagResourceLogs, appendField(nil, tagScopeLogs, []byte(strings.Repeat("\x12\x00", maxKeptRecords+1))))
	require.True(t, decodeRequest(t, &d, wire))
	assert.Zero(t, cap(d.records))
	wire = appendField(nil, tagResourceLogs, appendField(nil, tagSchemaURL, make([]byte, maxKeptAround+1)))
	require.True(t, decodeRequest(t, &d, wire))
	assert.Zero(t, cap(d.around)+cap(d.inRes)+cap(d.inScope))
	require.True(t, decodeRequest(t, &d, marshal(t, fullLogs())))
	require.NotZero(t, cap(d.records))
	for _, wire := range d.records[:cap(d.records)] {
		require.Empty(t, wire)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add(marshal(f, fullLogs()))
	for _, wire := range unusualRequests(f) {
		if len(wire) < 2000 {
			f.Add([]byte(wire))
		}
	}
	f.Add(binary.AppendUvarint([]byte{tagResourceLogs}, 1<<63))
	f.Fuzz(func(t *testing.T, wire []byte) {
		var d RequestDecoder
		for range 2 {
			decodeRequest(t, &d, wire)
		}
	})
}
