package logrecord

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// FuzzAdd holds that nothing of a line is lost, whatever the line: the body is the
// line, or each of its pairs is found again in the record.
func FuzzAdd(f *testing.F) {
	for _, x := range benchmarkLines {
		f.Add(x.line, uint8(0))
	}
	for _, line := range []string{
		"", "=", "a=", "a", `""=`, `"a`, "a=1 a=2", "msg=a msg=b message=c", "level=info at=error lvl=3", "heartwood.x=1 line.heartwood.x=2",
		"log.record.uid=x uid=y", "caller=a.go:1 code.file.path=x", "ts=5 time=1515150660.1234567891", "a=\xff", "error=x exception.message",
		"trace_id=0AF7651916CD43DD8448EB211C80319C traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "trace_flags=0",
		`fn="\u00e9" code.function.name="\n"`, "pid=1 pid=2", "app=a service.name=b app=c", "\x00=\x01", "a=1\r\n",
	} {
		for options := range uint8(8) {
			f.Add(line, options)
		}
	}
	f.Fuzz(func(t *testing.T, line string, options uint8) {
		set := Settings{
			Types:        logfmt.Types(options & 1),
			Duplicates:   []logfmt.Duplicates{logfmt.Last, logfmt.First, logfmt.List, logfmt.Last}[options>>1&3],
			KeepOriginal: options&8 != 0,
		}
		if options&16 != 0 {
			set.Fields = map[string][]string{"resource.a": {"a", "b"}, "renamed": {"c", "level"}, "log.record.uid": {"uid"}, "body": {"d"}}
		}
		o := &Origin{}
		if options&32 != 0 {
			o = &Origin{Host: "h", App: "p", ProcID: "web.1", MsgID: "m", Severity: severity.Error, Time: time.Unix(1515150660, 0), TimeGuess: true, UID: "uid", Attributes: []Attribute{{Key: "a", Value: "b"}}}
		}
		got := mapOne(t, set, line, o)
		assertWhole(t, got)
		assertSame(t, got, mapOneWith(t, set, line, o, false))
		if body := bodyText(got.record.Body()); body == line && isLine(got.record) {
			return
		}
		p := logfmt.NewParser(logfmt.Options{Types: logfmt.Strings, Duplicates: set.Duplicates})
		pairs, err := p.AppendPairs(nil, line)
		require.NoError(t, err, "%q has an error, and is not the body", line)
		for _, pair := range pairs {
			if !found(t, got, pair) {
				t.Fatalf("%q: %q=%q is not in %v, %v", line, pair.Key, pair.Value, got.record.Attributes().AsRaw(), got.resource.AsRaw())
			}
		}
	})
}

// isLine reports whether no pair of the line was made an attribute, so that the
// body must be the line.
func isLine(r plog.LogRecord) bool {
	for key := range r.Attributes().All() {
		switch key {
		case attrUID, attrParseError, attrTimeGuess, attrOriginal, attrSyslogProcID, attrSyslogMsgID, attrSyslogApp, "a":
		default:
			return false
		}
	}
	return true
}

// assertWhole holds what is true of each record.
func assertWhole(t *testing.T, got one) {
	t.Helper()
	for _, m := range []pcommon.Map{got.record.Attributes(), got.resource} {
		require.Len(t, m.AsRaw(), m.Len(), "a key is there twice")
		require.NotContains(t, m.AsRaw(), "")
	}
	_, ok := got.record.Attributes().Get(attrUID)
	require.True(t, ok)
	require.NotZero(t, got.record.ObservedTimestamp())
	require.LessOrEqual(t, got.record.Attributes().Len(), maxAttributes+10)
	// All strings are valid UTF-8: the other side of a wire reads them.
	wire, err := (&plog.ProtoMarshaler{}).MarshalLogs(asLogs(got))
	require.NoError(t, err)
	back, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
	require.NoError(t, err)
	require.Equal(t, 1, back.LogRecordCount())
	text, err := (&plog.JSONMarshaler{}).MarshalLogs(asLogs(got))
	require.NoError(t, err)
	require.True(t, utf8.Valid(text), "%q", text)
}

// assertSame holds that slabs make no difference.
func assertSame(t *testing.T, a, b one) {
	t.Helper()
	var texts [2]string
	for i, x := range []one{a, b} {
		x.record.SetObservedTimestamp(1)
		logs := asLogs(x)
		r := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		if uid, ok := r.Attributes().Get(attrUID); ok && len(uid.Str()) == recorduid.TextLen {
			uid.SetStr("")
		}
		text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		texts[i] = string(text)
	}
	require.Equal(t, texts[0], texts[1])
}

func asLogs(got one) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	got.resource.CopyTo(rl.Resource().Attributes())
	got.record.CopyTo(rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	return logs
}

func bodyText(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeBytes {
		return string(v.Bytes().AsRaw())
	}
	return v.Str()
}

// found looks for a pair in all the places it can be in.
func found(t *testing.T, got one, pair logfmt.Pair) bool {
	t.Helper()
	r, value := got.record, pair.Value
	if pair.Bare() {
		value = "true"
	}
	holds := func(m pcommon.Map, key string) bool {
		v, ok := m.Get(key)
		if !ok {
			return false
		}
		if v.Type() != pcommon.ValueTypeSlice {
			return textOf(v) == value
		}
		for _, element := range v.Slice().All() {
			if textOf(element) == value {
				return true
			}
		}
		return false
	}
	for key := pair.Key; len(key) < len(pair.Key)+30; key = displacedPrefix + key {
		if holds(r.Attributes(), key) {
			return true
		}
	}
	for _, key := range []string{attrFunction, attrException, attrProcessPID, attrUserID, attrUID, "renamed"} {
		if holds(r.Attributes(), key) {
			return true
		}
	}
	if pair.Bare() {
		return false
	}
	for _, key := range []string{attrServiceName, "a"} {
		if holds(got.resource, key) {
			return true
		}
	}
	if value == r.Body().Str() || value == r.SeverityText() || value == r.EventName() {
		return true
	}
	lower := strings.ToLower(value)
	if lower == r.TraceID().String() || lower == r.SpanID().String() {
		return true
	}
	if flags, err := hex.DecodeString(fmt.Sprintf("%02s", value)); err == nil && len(flags) == 1 && r.Flags() == plog.LogRecordFlags(flags[0]) {
		return true
	}
	if lower == fmt.Sprintf("00-%s-%s-%02x", r.TraceID(), r.SpanID(), uint32(r.Flags())) {
		return true
	}
	if at, ok := timestamp.Parse(value, nil); ok && !at.Inexact && pcommon.Timestamp(at.UnixNano) == r.Timestamp() {
		return true
	}
	path, _ := r.Attributes().Get(attrFilePath)
	line, ok := r.Attributes().Get(attrLineNumber)
	if !ok {
		return false
	}
	at := path.AsString() + ":" + line.AsString()
	if column, ok := r.Attributes().Get(attrColumnNumber); ok {
		at += ":" + column.AsString()
	}
	return at == value
}

// textOf is what an attribute was written as.
func textOf(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeDouble:
		return logfmt.FormatFloat(v.Double())
	case pcommon.ValueTypeBytes:
		return string(v.Bytes().AsRaw())
	}
	return v.AsString()
}
