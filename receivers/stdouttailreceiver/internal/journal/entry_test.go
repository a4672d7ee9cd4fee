package journal

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

const cursor1 = "s=f06d0324c00147f082b06bbd3a6d3850;i=1;b=bb62f75ca48b4814802150d624c0e4df;m=5;t=660c4f6c36ec0;x=7e88981742b38763"

func TestParse(t *testing.T) {
	e := Parse([]byte(`{"__REALTIME_TIMESTAMP":"1795248930123456", "__MONOTONIC_TIMESTAMP" : "5","MESSAGE":"größer\t\"q\" \\ \u001b 😀","__SEQNUM":"1",` +
		`"CODE_FUNC":["a",[98,10],null],"BINARY":[255,0, 32],"BIG":null,"EMPTY":[],"MESSAGE_ID":"","__CURSOR":"` + cursor1 + `"}`))
	assert.Equal(t, &Entry{
		Cursor: cursor1, Realtime: 1795248930123456, Monotonic: 5, Message: []byte("größer\t\"q\" \\ \x1b 😀"),
		Fields:   []Field{{"CODE_FUNC", []byte("a")}, {"CODE_FUNC", []byte("b\n")}, {"BINARY", []byte{255, 0, 32}}, {"EMPTY", nil}, {"MESSAGE_ID", []byte{}}},
		TooLarge: []string{"CODE_FUNC", "BIG"},
	}, e)
	assert.Equal(t, "f06d0324c00147f082b06bbd3a6d3850-1", e.UID())
}

func TestParseRepeatedMessage(t *testing.T) {
	e := Parse([]byte(`{"MESSAGE":["one",[116,119,111]],"__CURSOR":"c"}`))
	assert.Equal(t, "one", string(e.Message))
	assert.Equal(t, []Field{{"MESSAGE", []byte("two")}}, e.Fields)
	assert.Equal(t, "c", e.UID())
}

func TestParseProblems(t *testing.T) {
	for _, line := range []string{
		"", "x", "{", "{}", `{"a"`, `{"a":`, `{"a":"b"`, `{"a":"b"}`, `{"a":"b",}`, `{"__CURSOR":"c"} x`, `{"__CURSOR":"c","a":1}`, `{"__CURSOR":"c","a":{}}`,
		`{"__CURSOR":"c","a":true}`, `{"__CURSOR":"c","a":nul}`, `{"__CURSOR":"c","a":[256]}`, `{"__CURSOR":"c","a":[1,]}`, `{"__CURSOR":"c","a":[1,"x"]}`,
		`{"__CURSOR":"c","a":[1`, `{"__CURSOR":"c","a":["x",1]}`[:28], `{"__CURSOR":"c","a":"\x"}`, `{"__CURSOR":"c","a":"\`, `{"__CURSOR":"c","a":` + strings.Repeat("[", 100000),
		`{"__CURSOR":"c","a":[[[["x"]]]]}`, `[]`, `{"__CURSOR":""}`,
	} {
		e := Parse([]byte(line))
		assert.NotEmpty(t, e.Problem, line)
		assert.Equal(t, line, string(e.Message))
		assert.Empty(t, e.Cursor)
		assert.Empty(t, e.Fields)
	}
}

func TestTime(t *testing.T) {
	f := func(source string, realtime uint64, want int64) {
		t.Helper()
		e := Entry{Realtime: realtime, Fields: []Field{{"_SOURCE_REALTIME_TIMESTAMP", []byte(source)}}}
		if want == 0 {
			assert.True(t, e.Time().IsZero())
			return
		}
		assert.Equal(t, want, e.Time().UnixMicro())
	}
	f("1795248930123400", 1795248930123456, 1795248930123400)
	f("", 1795248930123456, 1795248930123456)
	f("yesterday", 1795248930123456, 1795248930123456)
	f("0", 7, 7)
	f("18446744073709551615", 7, 7)
	f("", 18446744073709551615, 0)
	f("", 0, 0)
}

func TestSameCursor(t *testing.T) {
	assert.True(t, sameCursor(cursor1, cursor1))
	assert.True(t, sameCursor(cursor1, strings.Replace(cursor1, "x=7", "x=8", 1)))
	assert.False(t, sameCursor(cursor1, strings.Replace(cursor1, "i=1", "i=2", 1)))
	assert.False(t, sameCursor("", ""))
	assert.False(t, sameCursor("a", "b"))
	assert.True(t, sameCursor("a", "a"))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"MESSAGE":"m","A":[1,2],"B":["x",[3],null],"C":null,"__CURSOR":"c"}`))
	f.Add([]byte(`{"__CURSOR":"c","a":"\u00e4\""}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e := Parse(line)
		NewMapper().Fill(e, &logrecord.Origin{})
		if e.Problem != "" {
			require.Equal(t, string(line), string(e.Message))
			return
		}
		var want map[string]any
		if json.Unmarshal(line, &want) != nil {
			return // control characters and bytes that are no UTF-8 in strings
		}
		// Each value that is a string is there.
		for name, v := range want {
			s, ok := v.(string)
			if !ok || strings.ContainsRune(name+s, '\ufffd') || strings.HasPrefix(name, "__") {
				continue
			}
			found := name == "MESSAGE" && s == string(e.Message)
			for _, field := range e.Fields {
				found = found || field.Name == name && string(field.Value) == s
			}
			require.True(t, found, "%q=%q", name, s)
		}
	})
}

func fields(kv ...string) (f []Field) {
	for i := 0; i < len(kv); i += 2 {
		f = append(f, Field{kv[i], []byte(kv[i+1])})
	}
	return f
}

func TestFill(t *testing.T) {
	e := &Entry{
		Cursor: cursor1, Realtime: 1795248930123456, Message: []byte("m"), TooLarge: []string{"CORE", "BLOB"},
		Fields: fields("_HOSTNAME", "node1", "_MACHINE_ID", "60d7", "_BOOT_ID", "bb62", "_PID", "41832", "_UID", "1000", "_COMM", "orders",
			"_EXE", "/usr/bin/orders", "_CMDLINE", "/usr/bin/orders --port 80", "_SYSTEMD_CGROUP", "/system.slice/orders.service", "_SYSTEMD_UNIT", "orders.service",
			"_SYSTEMD_SLICE", "system.slice", "_SYSTEMD_INVOCATION_ID", "9e1c", "SYSLOG_IDENTIFIER", "shop-orders", "PRIORITY", "4", "_TRANSPORT", "journal",
			"_SOURCE_REALTIME_TIMESTAMP", "1795248930123400", "CODE_FILE", "a.c", "CODE_LINE", "17", "CODE_FUNC", "f", "CODE_FUNC", "g", "CODE_FUNC", "h",
			"MESSAGE_ID", "7b05", "SYSLOG_FACILITY", "3", "TID", "x", "_GID", "100", "ORDER_ID", "42", "_PID", "1"),
	}
	var o logrecord.Origin
	m := NewMapper()
	m.Fill(e, &o)
	assert.Equal(t, map[string]string{
		"host.name": "node1", "host.id": "60d7", "systemd.boot_id": "bb62", "process.user.id": "1000",
		"process.executable.name": "orders", "process.executable.path": "/usr/bin/orders", "process.command_line": "/usr/bin/orders --port 80",
		"process.linux.cgroup": "/system.slice/orders.service", "systemd.unit": "orders.service", "systemd.slice": "system.slice", "systemd.invocation_id": "9e1c",
	}, o.Resource)
	assert.Equal(t, []logrecord.Attribute{
		{Key: "systemd.transport", Value: "journal"},
		{Key: "code.file.path", Value: "a.c"},
		{Key: "code.line.number", Int: 17, IsInt: true},
		{Key: "code.function.name", Value: "f"},
		{Key: "systemd.journal.CODE_FUNC", Value: "g"},
		{Key: "systemd.journal.CODE_FUNC.1", Value: "h"},
		{Key: "systemd.message_id", Value: "7b05"},
		{Key: "syslog.facility.code", Int: 3, IsInt: true},
		{Key: "systemd.journal.TID", Value: "x"},
		{Key: "systemd.journal._GID", Value: "100"},
		{Key: "systemd.journal.ORDER_ID", Value: "42"},
		{Key: "systemd.journal._PID", Value: "1"},
		{Key: "systemd.journal.too_large", Value: "CORE"},
		{Key: "systemd.journal.too_large.1", Value: "BLOB"},
	}, o.Attributes)
	o.Attributes, o.Resource = nil, nil
	assert.Equal(t, logrecord.Origin{
		App: "shop-orders", ProcID: "41832", Severity: severity.Warn, SeverityText: "warning",
		Time: time.UnixMicro(1795248930123400).UTC(), UID: "f06d0324c00147f082b06bbd3a6d3850-1",
	}, o)
}

func TestFillApp(t *testing.T) {
	f := func(want string, kv ...string) {
		t.Helper()
		var o logrecord.Origin
		NewMapper().Fill(&Entry{Fields: fields(kv...)}, &o)
		assert.Equal(t, want, o.App)
	}
	f("id", "_SYSTEMD_UNIT", "u.service", "_COMM", "c", "SYSLOG_IDENTIFIER", "id")
	f("u", "_COMM", "c", "_SYSTEMD_UNIT", "u.service")
	f("u.scope", "_SYSTEMD_UNIT", "u.scope")
	f("c", "_COMM", "c")
	f("")
}

// A Mapper gives equal resources one map, whatever the order of their fields, and
// does not mix up others.
func TestFillSharesResources(t *testing.T) {
	m := NewMapper()
	resource := func(kv ...string) map[string]string {
		var o logrecord.Origin
		m.Fill(&Entry{Fields: fields(kv...)}, &o)
		return o.Resource
	}
	a := resource("_EXE", "1", "_COMM", "x")
	a["mark"] = "kept"
	assert.Equal(t, a, resource("_COMM", "x", "ORDER", "2", "_EXE", "1"))
	assert.NotContains(t, resource("_COMM", "x", "_EXE", "2"), "mark")
	assert.NotContains(t, resource("_COMM", "x\x00_EXE=1=1"), "mark")
	for i := range 3 * maxResources {
		resource("_EXE", strconv.Itoa(i))
		require.LessOrEqual(t, len(m.resources), maxResources)
	}
	n := len(m.resources)
	resource("_CMDLINE", strings.Repeat("x", maxResourceKey))
	assert.Len(t, m.resources, n)
}

func TestDockerFields(t *testing.T) {
	var o logrecord.Origin
	NewMapper().Fill(&Entry{Fields: fields("CONTAINER_ID", "6ed8a10c1748", "CONTAINER_ID_FULL", "6ed8a10c174841d7", "CONTAINER_NAME", "web", "IMAGE_NAME", "nginx",
		"CONTAINER_PARTIAL_MESSAGE", "true", "CONTAINER_PARTIAL_ID", "0c4d", "CONTAINER_PARTIAL_ORDINAL", "2", "CONTAINER_PARTIAL_LAST", "true")}, &o)
	assert.Equal(t, map[string]string{"container.id": "6ed8a10c174841d7", "container.name": "web", "container.image.name": "nginx"}, o.Resource)
	assert.Equal(t, logrecord.Piece{ID: "0c4d", Index: 1, Last: true}, o.Piece)
	assert.Empty(t, o.Attributes)

	NewMapper().Fill(&Entry{Fields: fields("CONTAINER_ID", "6ed8a10c1748", "CONTAINER_PARTIAL_ID", "0c4d")}, &o)
	assert.Equal(t, map[string]string{"container.id": "6ed8a10c1748"}, o.Resource)
	assert.Equal(t, []logrecord.Attribute{{Key: "systemd.journal.CONTAINER_PARTIAL_ID", Value: "0c4d"}}, o.Attributes)
	assert.Zero(t, o.Piece)
}

// What a field says twice, or wrongly, is not left out.
func TestFillLosesNothing(t *testing.T) {
	f := func(e *Entry, want ...string) {
		t.Helper()
		var o logrecord.Origin
		NewMapper().Fill(e, &o)
		var got []string
		for _, a := range o.Attributes {
			got = append(got, a.Key+"="+a.Value)
		}
		assert.Equal(t, want, got)
	}
	f(&Entry{Realtime: 5, Fields: fields("_SOURCE_REALTIME_TIMESTAMP", "soon")}, "systemd.journal._SOURCE_REALTIME_TIMESTAMP=soon")
	f(&Entry{Realtime: 5, Fields: fields("_SOURCE_REALTIME_TIMESTAMP", "4")})
	f(&Entry{Fields: fields("PRIORITY", "6", "PRIORITY", "3", "PRIORITY", "high")}, "systemd.journal.PRIORITY=3", "systemd.journal.PRIORITY.1=high")
	f(&Entry{Fields: fields("SYSLOG_IDENTIFIER", "a", "SYSLOG_IDENTIFIER", "b")}, "systemd.journal.SYSLOG_IDENTIFIER=b")
	f(&Entry{Fields: fields("CONTAINER_ID", "ab", "CONTAINER_ID_FULL", "cd", "CONTAINER_ID", "cd")}, "systemd.journal.CONTAINER_ID=ab")
	f(&Entry{Fields: fields("CONTAINER_ID", "ab", "CONTAINER_ID", "cd")}, "systemd.journal.CONTAINER_ID=cd")
}

func TestUIDIsShort(t *testing.T) {
	assert.Empty(t, (&Entry{Cursor: strings.Repeat("x", maxUID+1)}).UID())
	assert.Len(t, (&Entry{Cursor: strings.Repeat("x", maxUID)}).UID(), maxUID)
	assert.Empty(t, (&Entry{}).UID())
}

func BenchmarkParseAndFill(b *testing.B) {
	line := []byte(`{"_SYSTEMD_CGROUP":"/system.slice/docker.service","_SYSTEMD_UNIT":"docker.service","_SYSTEMD_SLICE":"system.slice","_BOOT_ID":"fffc116fc4e2499b8a7bbca148f5e589",` +
		`"_MACHINE_ID":"60d7a3f69b674aaebb600c0e82e01d05","_HOSTNAME":"node1","MESSAGE":"127.0.0.1 - - [09/Apr/2019:11:50:39] \"GET /content HTTP/1.1\" 200 251","_PID":"41832","_UID":"1000",` +
		`"_GID":"100","_COMM":"orders","_EXE":"/usr/bin/orders","_CMDLINE":"/usr/bin/orders --port 80","SYSLOG_IDENTIFIER":"orders","_TRANSPORT":"stdout","PRIORITY":"6",` +
		`"__REALTIME_TIMESTAMP":"1795248930123456","__MONOTONIC_TIMESTAMP":"5","_SOURCE_REALTIME_TIMESTAMP":"1795248930123400","__CURSOR":"` + cursor1 + `"}`)
	m := NewMapper()
	var o logrecord.Origin
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		m.Fill(Parse(line), &o)
	}
	if len(o.Resource) != 11 {
		b.Fatal(o.Resource)
	}
}
