package logrecord

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// expect is what a line must become, in full; log.record.uid aside.
type expect struct {
	time     string // RFC 3339
	severity severity.Number
	sevText  string
	body     any
	event    string
	trace    string
	span     string
	flags    plog.LogRecordFlags
	attrs    map[string]any
	resource map[string]any
}

func check(t *testing.T, set Settings, line string, o *Origin, want expect) {
	t.Helper()
	for _, withSlabs := range []bool{true, false} {
		checkOne(t, mapOneWith(t, set, line, o, withSlabs), line, want)
	}
}

func checkOne(t *testing.T, got one, line string, want expect) {
	t.Helper()
	r := got.record
	stamp := ""
	if r.Timestamp() != 0 {
		stamp = r.Timestamp().AsTime().Format(time.RFC3339Nano)
	}
	assert.Equal(t, want.time, stamp, "time of %q", line)
	assert.Equal(t, want.severity, severity.Number(r.SeverityNumber()), "severity of %q", line)
	assert.Equal(t, want.sevText, r.SeverityText(), "severity text of %q", line)
	assert.Equal(t, want.body, r.Body().AsRaw(), "body of %q", line)
	assert.Equal(t, want.event, r.EventName(), "event of %q", line)
	assert.Equal(t, want.trace, r.TraceID().String(), "trace of %q", line)
	assert.Equal(t, want.span, r.SpanID().String(), "span of %q", line)
	assert.Equal(t, want.flags, r.Flags(), "flags of %q", line)
	attrs := r.Attributes().AsRaw()
	assert.Len(t, attrs, r.Attributes().Len(), "an attribute of %q is there twice", line)
	if _, ok := want.attrs[attrUID]; !ok {
		assert.Contains(t, attrs, attrUID)
		delete(attrs, attrUID)
	}
	if want.attrs == nil {
		want.attrs = map[string]any{}
	}
	if want.resource == nil {
		want.resource = map[string]any{}
	}
	assert.Equal(t, want.attrs, attrs, "attributes of %q", line)
	assert.Equal(t, want.resource, got.resource.AsRaw(), "resource of %q", line)
	assert.WithinDuration(t, time.Now(), r.ObservedTimestamp().AsTime(), time.Minute)
}

type attrs = map[string]any

func TestTime(t *testing.T) {
	f := func(line string, want expect) {
		t.Helper()
		check(t, Settings{Timezone: time.FixedZone("", 3600)}, line, nil, want)
	}
	f("ts=2018-01-05T11:11:00.123Z", expect{time: "2018-01-05T11:11:00.123Z"})
	f("time=2018-01-05T11:11:00Z", expect{time: "2018-01-05T11:11:00Z"})
	f("timestamp=1515150660.123", expect{time: "2018-01-05T11:11:00.123Z"})
	f("t=1515150660123456789", expect{time: "2018-01-05T11:11:00.123456789Z"})
	f(`t="2018-01-05 12:11:00"`, expect{time: "2018-01-05T11:11:00Z", attrs: attrs{attrTimeGuess: true}})
	// The first key of the list, wherever it stands.
	f("t=1515150661 time=1515150662 ts=1515150660", expect{time: "2018-01-05T11:11:00Z", attrs: attrs{"t": int64(1515150661), "time": int64(1515150662)}})
	// What does not fit gives way to the next, and is kept.
	f("ts=now time=5 t=1515150660", expect{time: "2018-01-05T11:11:00Z", attrs: attrs{"ts": "now", "time": int64(5)}})
	f("t=12 time=18ms", expect{attrs: attrs{"t": int64(12), "time": "18ms"}})
	f("ts= a=1", expect{attrs: attrs{"ts": "", "a": int64(1)}})
	f("ts a=1", expect{attrs: attrs{"ts": true, "a": int64(1)}})
	f("ts=1970-01-01T00:00:00Z", expect{attrs: attrs{"ts": "1970-01-01T00:00:00Z"}})
	f("ts=9999-01-01T00:00:00Z", expect{attrs: attrs{"ts": "9999-01-01T00:00:00Z"}})
	f("ts=2018-01-05T11:11:00.1234567891Z", expect{time: "2018-01-05T11:11:00.123456789Z", attrs: attrs{"ts": "2018-01-05T11:11:00.1234567891Z"}})
}

func TestSeverity(t *testing.T) {
	f := func(line string, want expect) {
		t.Helper()
		check(t, Settings{}, line, nil, want)
	}
	f("level=info", expect{severity: severity.Info, sevText: "info"})
	f("lvl=WARN", expect{severity: severity.Warn, sevText: "WARN"})
	f(`severity="Critical "`, expect{severity: severity.Fatal, sevText: "Critical "})
	f("level=INFO+2", expect{severity: severity.Info3, sevText: "INFO+2"})
	f("level=30", expect{severity: severity.Info, sevText: "30"})
	f(`level="3"`, expect{severity: severity.Error, sevText: "3"})
	f("level=unknown", expect{sevText: "unknown"})
	f("level=high", expect{attrs: attrs{"level": "high"}})
	f("level=99", expect{attrs: attrs{"level": int64(99)}})
	f("level=-4", expect{attrs: attrs{"level": int64(-4)}})
	f("level=1.5", expect{attrs: attrs{"level": 1.5}})
	f("level= x=1", expect{attrs: attrs{"level": "", "x": int64(1)}})
	f("info=1", expect{attrs: attrs{"info": int64(1)}})
	f("level=high lvl=error", expect{severity: severity.Error, sevText: "error", attrs: attrs{"level": "high"}})
	f("severity=debug level=error", expect{severity: severity.Error, sevText: "error", attrs: attrs{"severity": "debug"}})

	check(t, Settings{SeverityNumbers: severity.Python}, "level=30", nil, expect{severity: severity.Warn, sevText: "30"})
	check(t, Settings{SeverityNumbers: severity.Slog}, "level=-4", nil, expect{severity: severity.Debug, sevText: "-4"})
	check(t, Settings{Types: logfmt.Strings}, "level=30", nil, expect{severity: severity.Info, sevText: "30"})
}

func TestEventName(t *testing.T) {
	f := func(line string, want expect) {
		t.Helper()
		check(t, Settings{}, line, nil, want)
	}
	f("at=seed", expect{event: "seed"})
	f("at=info", expect{severity: severity.Info, sevText: "info"})
	f("at=error code=H12", expect{severity: severity.Error, sevText: "error", attrs: attrs{"code": "H12"}})
	f("level=info at=error", expect{severity: severity.Info, sevText: "info", event: "error"})
	f("at=error level=info", expect{severity: severity.Info, sevText: "info", event: "error"})
	f("at=error level=high", expect{severity: severity.Error, sevText: "error", attrs: attrs{"level": "high"}})
	// Words that are levels only where a level is asked for.
	for _, word := range []string{"log", "success", "off", "http", "e", "alert", "fail", "5"} {
		f("at="+word, expect{event: word})
	}
	f("at= a=1", expect{attrs: attrs{"at": "", "a": int64(1)}})
	f("at a=1", expect{attrs: attrs{"at": true, "a": int64(1)}})
	// Only Heroku's key carries both.
	check(t, Settings{Fields: map[string][]string{"event_name": {"event"}}}, "event=error at=info", nil, expect{event: "error", attrs: attrs{"at": "info"}})
}

func TestBody(t *testing.T) {
	f := func(line string, want expect) {
		t.Helper()
		check(t, Settings{}, line, nil, want)
	}
	f("msg=hi", expect{body: "hi"})
	f("message=42", expect{body: "42"})
	f("msg=", expect{body: ""})
	f(`msg="a \"b\"\n"`, expect{body: "a \"b\"\n"})
	f("message=a msg=b", expect{body: "b", attrs: attrs{"message": "a"}})
	f("msg message=a", expect{body: "a", attrs: attrs{"msg": true}})
	f("a=1", expect{attrs: attrs{"a": int64(1)}})
}

func TestAttributesKeepTypeAndOrder(t *testing.T) {
	line := `z=1 y=1.5 x=true w=false v=text u="5" tag measure.elapsed=5 count#x=1 sample#y=21.00MB k= "a b"=c url=http://x?a=b don't=can't`
	check(t, Settings{}, line, nil, expect{attrs: attrs{
		"z": int64(1), "y": 1.5, "x": true, "w": false, "v": "text", "u": "5", "tag": true, "measure.elapsed": int64(5),
		"count#x": int64(1), "sample#y": "21.00MB", "k": "", "a b": "c", "url": "http://x?a=b", "don't": "can't",
	}})
	var keys []string
	for key := range mapOne(t, Settings{}, line, nil).record.Attributes().All() {
		keys = append(keys, key)
	}
	assert.Equal(t, strings.Fields("z y x w v u tag measure.elapsed count#x sample#y k a_b url don't log.record.uid"), strings.Fields(strings.ReplaceAll(strings.Join(keys, "\n"), "a b", "a_b")))

	check(t, Settings{Types: logfmt.Strings}, "a=1 b=true c", nil, expect{attrs: attrs{"a": "1", "b": "true", "c": true}})
}

func TestDuplicates(t *testing.T) {
	line := "a=1 b=x a=two a=3.5 msg=p msg=q level=info level=warn"
	check(t, Settings{}, line, nil, expect{body: "q", severity: severity.Warn, sevText: "warn", attrs: attrs{"a": 3.5, "b": "x"}})
	check(t, Settings{Duplicates: logfmt.First}, line, nil, expect{body: "p", severity: severity.Info, sevText: "info", attrs: attrs{"a": int64(1), "b": "x"}})
	check(t, Settings{Duplicates: logfmt.List}, line, nil, expect{attrs: attrs{
		"a": []any{int64(1), "two", 3.5}, "b": "x", "msg": []any{"p", "q"}, "level": []any{"info", "warn"},
	}})
	check(t, Settings{Duplicates: logfmt.List}, `a=1 a="x\ty" a="z\tw" error=e lvl=info`, nil, expect{severity: severity.Info, sevText: "info", attrs: attrs{
		"a": []any{int64(1), "x\ty", "z\tw"}, "exception.message": "e",
	}})
	// A list under an attribute's own name leaves no place for another key.
	check(t, Settings{Duplicates: logfmt.List}, "error=a exception.message=b exception.message=c", nil, expect{attrs: attrs{
		"error": "a", "exception.message": []any{"b", "c"},
	}})
}

func TestResource(t *testing.T) {
	f := func(line string, want expect) {
		t.Helper()
		check(t, Settings{}, line, nil, want)
	}
	f("app=shop a=1", expect{attrs: attrs{"a": int64(1)}, resource: attrs{"service.name": "shop"}})
	f("app=17", expect{resource: attrs{"service.name": "17"}})
	f("service.name=a app=b", expect{attrs: attrs{"app": "b"}, resource: attrs{"service.name": "a"}})
	f("app= a=1", expect{attrs: attrs{"app": "", "a": int64(1)}})
	f("app a=1", expect{attrs: attrs{"app": true, "a": int64(1)}})
	long := strings.Repeat("x", 256)
	f("app="+long, expect{attrs: attrs{"app": long}})
	f("app="+long[1:], expect{resource: attrs{"service.name": long[1:]}})
	// What a line may be about is not its sender.
	f("service=18ms machine_id=a container_id=b version=c region=d host=e host.name=f", expect{attrs: attrs{
		"service": "18ms", "machine_id": "a", "container_id": "b", "version": "c", "region": "d", "host": "e", "host.name": "f",
	}})
}

func TestAttributeTargets(t *testing.T) {
	f := func(line string, want expect) {
		t.Helper()
		check(t, Settings{}, line, nil, want)
	}
	f("fn=create", expect{attrs: attrs{"code.function.name": "create"}})
	f("fn=42", expect{attrs: attrs{"code.function.name": "42"}})
	f("fn a=1", expect{attrs: attrs{"fn": true, "a": int64(1)}})
	f("code.function.name=a fn=b", expect{attrs: attrs{"code.function.name": "a", "fn": "b"}})
	f("fn=b code.function.name", expect{attrs: attrs{"code.function.name": true, "fn": "b"}})

	f(`error="No DOB"`, expect{attrs: attrs{"exception.message": "No DOB"}})
	f("err=EOF error=timeout", expect{attrs: attrs{"exception.message": "timeout", "err": "EOF"}})
	for _, none := range []string{"null", "nil", "<nil>", "None", "undefined", ""} {
		f("err="+none, expect{attrs: attrs{"err": none}})
	}
	f("error=true", expect{attrs: attrs{"error": true}})
	f("err=0", expect{attrs: attrs{"err": int64(0)}})
	f("error a=1", expect{attrs: attrs{"error": true, "a": int64(1)}})
	f("error=true err=EOF", expect{attrs: attrs{"error": true, "exception.message": "EOF"}})
	f("err=EOF exception.message=5", expect{attrs: attrs{"err": "EOF", "exception.message": int64(5)}})

	f("pid=4711 user_id=99", expect{attrs: attrs{"process.pid": int64(4711), "user.id": int64(99)}})
	f("pid=web.1 user_id=jane", expect{attrs: attrs{"pid": "web.1", "user.id": "jane"}})
	f("pid=0 user_id=", expect{attrs: attrs{"pid": int64(0), "user.id": ""}})
	f("pid=4294967296", expect{attrs: attrs{"pid": int64(4294967296)}})
	f("pid=1 process.pid=2 user_id=a user.id=b", expect{attrs: attrs{"pid": int64(1), "process.pid": int64(2), "user_id": "a", "user.id": "b"}})
}

func TestCodeLocation(t *testing.T) {
	f := func(line string, want attrs) {
		t.Helper()
		check(t, Settings{}, line, nil, expect{attrs: want})
	}
	f("caller=main.go:42", attrs{"code.file.path": "main.go", "code.line.number": int64(42)})
	f("source=/srv/app/views.py:132", attrs{"code.file.path": "/srv/app/views.py", "code.line.number": int64(132)})
	f("caller=src/app.ts:7:21", attrs{"code.file.path": "src/app.ts", "code.line.number": int64(7), "code.column.number": int64(21)})
	f(`caller="C:\\x y\\z.cs:9"`, attrs{"code.file.path": `C:\x y\z.cs`, "code.line.number": int64(9)})
	f("source=a.rb:1 caller=b.rb:2", attrs{"code.file.path": "b.rb", "code.line.number": int64(2), "source": "a.rb:1"})
	f("caller=jane source=a.rb:1", attrs{"code.file.path": "a.rb", "code.line.number": int64(1), "caller": "jane"})
	for _, other := range []string{
		"web.1", "10.0.0.1:8080", "localhost:3000", "example.com:443", "web.1:80", "main.go", "main.go:", "main.go:x", "main.go:0", "main.go:007",
		"main.go:1234567890", ":42", ".go:42", "dir/.go:42", "go:42", "http://x/a.js:80", "main.go:42:", "main.go:-1", "main.go:4_2", "",
	} {
		f("source="+other+" a=x", attrs{"source": other, "a": "x"})
	}
	// The line's own attributes of that name are not overwritten.
	f("caller=main.go:42 code.line.number=7", attrs{"caller": "main.go:42", "code.line.number": int64(7)})
	check(t, Settings{Fields: map[string][]string{"code.file.path": {"file"}}}, "caller=main.go:42 file=x.go", nil, expect{attrs: attrs{"caller": "main.go:42", "code.file.path": "x.go"}})
}

func TestTrace(t *testing.T) {
	const (
		trace  = "0af7651916cd43dd8448eb211c80319c"
		span   = "b7ad6b7169203331"
		digits = "12345678901234567890123456789012"
	)
	f := func(line string, want expect) {
		t.Helper()
		check(t, Settings{}, line, nil, want)
	}
	for _, key := range []string{"trace_id", "traceId", "trace.id", "traceID", "traceid", "trace-id", "otelTraceID"} {
		f(key+"="+trace, expect{trace: trace})
	}
	for _, key := range []string{"span_id", "spanId", "span.id", "spanID", "spanid", "span-id", "otelSpanID"} {
		f(key+"="+span, expect{span: span})
	}
	f("trace_id="+trace+" span_id="+span+" trace_flags=01", expect{trace: trace, span: span, flags: 1})
	f("trace_id="+strings.ToUpper(trace), expect{trace: trace})
	f("trace_id="+digits+" span_id=1234567890123456 trace_flags=1", expect{trace: digits, span: "1234567890123456", flags: 1})
	f("traceparent=00-"+trace+"-"+span+"-03", expect{trace: trace, span: span, flags: 3})
	// Somebody's who is not this record.
	f("trace_id="+digits+" traceparent=00-"+trace+"-"+span+"-01", expect{trace: digits, attrs: attrs{"traceparent": "00-" + trace + "-" + span + "-01"}})
	f("trace_id="+trace+" traceId="+digits, expect{trace: trace, attrs: attrs{"traceId": digits}})
	f("trace_id=abc traceId="+trace, expect{trace: trace, attrs: attrs{"trace_id": "abc"}})
	for _, bad := range []string{"abc", trace[1:], trace + "0", strings.Repeat("0", 32), trace[:31] + "g", span, "0x" + trace[2:], trace[:8] + "-" + trace[9:]} {
		f("trace_id="+bad+" a=x", expect{attrs: attrs{"trace_id": bad, "a": "x"}})
	}
	for _, bad := range []string{"abc", strings.Repeat("0", 16), trace} {
		f(`span_id="`+bad+`"`, expect{attrs: attrs{"span_id": bad}})
	}
	for _, bad := range []string{"01-" + trace + "-" + span + "-01", "00-" + trace + "-" + span, "00-" + strings.Repeat("0", 32) + "-" + span + "-01", "00-" + trace + "-" + strings.Repeat("0", 16) + "-01", "00-" + trace + "_" + span + "-01", "00-" + trace + "-" + span + "-0x"} {
		f("traceparent="+bad, expect{attrs: attrs{"traceparent": bad}})
	}
	f("trace_flags=xyz", expect{attrs: attrs{"trace_flags": "xyz"}})
	f("trace_flags=100", expect{attrs: attrs{"trace_flags": int64(100)}})
	// Datadog's are decimal and stay theirs.
	f("dd.trace_id=7277407061855694839", expect{attrs: attrs{"dd.trace_id": int64(7277407061855694839)}})
}

func TestUID(t *testing.T) {
	check(t, Settings{}, "log.record.uid=6ba7b810-9dad-11d1-80b4-00c04fd430c8", nil, expect{attrs: attrs{attrUID: "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}})
	check(t, Settings{}, "log.record.uid=17", &Origin{UID: "x"}, expect{attrs: attrs{attrUID: "17"}})
	check(t, Settings{}, "a=1", &Origin{UID: "x"}, expect{attrs: attrs{attrUID: "x", "a": int64(1)}})
	check(t, Settings{}, "text", &Origin{UID: "x"}, expect{body: "text", attrs: attrs{attrUID: "x"}})
	check(t, Settings{}, `log.record.uid="x\ty" a="`, nil, expect{body: `log.record.uid="x\ty" a="`, attrs: attrs{attrUID: "x\ty", attrParseError: "logfmt: column 25: the quote is never closed"}})
	// What is no uid does not take the place of one.
	check(t, Settings{}, "log.record.uid= a=1", &Origin{UID: "x"}, expect{attrs: attrs{attrUID: "x", "line.log.record.uid": "", "a": int64(1)}})
	long := strings.Repeat("x", 257)
	check(t, Settings{}, "log.record.uid="+long, &Origin{UID: "x"}, expect{attrs: attrs{attrUID: "x", "line.log.record.uid": long}})
	set := Settings{Fields: map[string][]string{attrUID: {"uid"}}}
	check(t, set, "uid=a", nil, expect{attrs: attrs{attrUID: "a"}})
	check(t, set, "uid=a log.record.uid", &Origin{UID: "x"}, expect{attrs: attrs{attrUID: "x", "uid": "a", "line.log.record.uid": true}})

	for _, line := range []string{"a=1", "text", `a="`} {
		v, ok := mapOne(t, Settings{}, line, nil).record.Attributes().Get(attrUID)
		require.True(t, ok)
		id, err := uuid.Parse(v.Str())
		require.NoError(t, err)
		assert.Equal(t, uuid.Version(7), id.Version())
		seconds, _ := id.Time().UnixTime()
		assert.WithinDuration(t, time.Now(), time.Unix(seconds, 0), time.Minute)
	}
}

// TestOwnNames holds that a line cannot say what only the collector says.
func TestOwnNames(t *testing.T) {
	f := func(line string, want expect) {
		t.Helper()
		check(t, Settings{KeepOriginal: true}, line, nil, want)
	}
	line := "heartwood.parse_error=forged heartwood.time_guess=true log.record.original=x heartwood.x"
	f(line, expect{attrs: attrs{"line.heartwood.parse_error": "forged", "line.heartwood.time_guess": true, "line.log.record.original": "x", "line.heartwood.x": true, attrOriginal: line}})
	line = `""=x line.=y line.line.=z`
	f(line, expect{attrs: attrs{"line.line.line.": "x", "line.": "y", "line.line.": "z", attrOriginal: line}})
	// Names that are nobody's in this record stay.
	check(t, Settings{}, "log.record.original=x heart=1", nil, expect{attrs: attrs{"log.record.original": "x", "heart": int64(1)}})
	check(t, Settings{Fields: map[string][]string{"log.iostream": {"stream"}}}, "stream=a", &Origin{Attributes: []Attribute{{Key: "log.iostream", Value: "stderr"}}},
		expect{attrs: attrs{"log.iostream": "stderr", "line.log.iostream": "a"}})
}

func TestText(t *testing.T) {
	f := func(line string, want expect) {
		t.Helper()
		check(t, Settings{}, line, nil, want)
	}
	for _, line := range []string{"", " ", "hello", "level info ts", `he said "foo`, `"a=b" c`, "don't", "\x1b[31mred\x1b[0m", "日本語", "\x00"} {
		f(line, expect{body: line})
	}
	f("caf\xe9 au lait", expect{body: []byte("caf\xe9 au lait"), attrs: attrs{attrParseError: "logfmt: column 4: invalid UTF-8"}})
	check(t, Settings{KeepOriginal: true}, "hello", nil, expect{body: "hello", attrs: attrs{attrOriginal: "hello"}})
	check(t, Settings{KeepOriginal: true}, "a=1", nil, expect{attrs: attrs{attrOriginal: "a=1", "a": int64(1)}})
	check(t, Settings{KeepOriginal: true}, "\xff", nil, expect{body: []byte{0xff}, attrs: attrs{attrOriginal: []byte{0xff}, attrParseError: "logfmt: column 1: invalid UTF-8"}})
}

func TestSyntaxErrors(t *testing.T) {
	f := func(line, problem string, want expect) {
		t.Helper()
		if want.body == nil {
			want.body = line
		}
		if want.attrs == nil {
			want.attrs = attrs{}
		}
		want.attrs[attrParseError] = problem
		check(t, Settings{}, line, nil, want)
	}
	const trace = "0af7651916cd43dd8448eb211c80319c"
	f(`ts=2018-01-05T11:11:00Z level=info app=shop at=order trace_id=`+trace+` msg="cut off in the mid`, "logfmt: column 100: the quote is never closed",
		expect{time: "2018-01-05T11:11:00Z", severity: severity.Info, sevText: "info", trace: trace, resource: attrs{"service.name": "shop"}})
	f(`at=error user=jane msg="`, "logfmt: column 24: the quote is never closed", expect{severity: severity.Error, sevText: "error"})
	f(`ts="2018-01-05 11:11:00" msg="`, "logfmt: column 30: the quote is never closed", expect{time: "2018-01-05T11:11:00Z", attrs: attrs{attrTimeGuess: true}})
	// The inside of a text is not believed.
	f(`level=info msg="he said "level=fatal app=evil" ok"`, "logfmt: column 26: no blank after the closing quote", expect{severity: severity.Info, sevText: "info"})
	f(`msg="x"y level=fatal`, "logfmt: column 8: no blank after the closing quote", expect{})
	// Nor is the pair that the error is in.
	f(`a=1 level=info"x`, "logfmt: column 15: unbalanced quote inside an unquoted value", expect{})
	f(`a=1 level=info =x`, "logfmt: column 16: no key before =", expect{severity: severity.Info, sevText: "info"})
	f("=x level=info", "logfmt: column 1: no key before =", expect{})
	f("level=info\xff", "logfmt: column 11: invalid UTF-8", expect{body: []byte("level=info\xff")})
	f("level=info \xff", "logfmt: column 12: invalid UTF-8", expect{body: []byte("level=info \xff"), severity: severity.Info, sevText: "info"})
	f("level=info msg=\x1b[31mred", "logfmt: column 16: control character", expect{severity: severity.Info, sevText: "info"})
}

func TestTooManyPairs(t *testing.T) {
	line := func(n int) string {
		var b strings.Builder
		b.WriteString("level=warn app=shop")
		for i := 2; i < n; i++ {
			fmt.Fprintf(&b, " k%d=%d", i, i)
		}
		return b.String()
	}
	got := mapOne(t, Settings{}, line(1000), nil)
	assert.Equal(t, 998+1, got.record.Attributes().Len())

	check(t, Settings{}, line(1001), nil, expect{body: line(1001), severity: severity.Warn, sevText: "warn", attrs: attrs{attrParseError: "logfmt: more than 1000 pairs"}, resource: attrs{"service.name": "shop"}})
	// Beyond what is parsed at all.
	for _, many := range []string{line(20_000), strings.Repeat("a ", 500_000) + "b=1", strings.Repeat(`""`, 300_000) + "=1", strings.Repeat("\ta=", 300_000)} {
		check(t, Settings{}, many, nil, expect{body: many, attrs: attrs{attrParseError: "logfmt: more than 1000 pairs"}})
	}
	// Words in quotes are no pairs, words alone no logfmt.
	text := strings.Repeat("word ", 100_000)
	check(t, Settings{}, `level=warn msg="`+text+`"`, nil, expect{severity: severity.Warn, sevText: "warn", body: text})
	check(t, Settings{}, text, nil, expect{body: text})
}

func TestPieces(t *testing.T) {
	check(t, Settings{KeepOriginal: true}, "level=info a=1", &Origin{Piece: Piece{ID: "p1", Index: 2, Last: true}, App: "shop", Severity: severity.Warn, SeverityText: "warning"}, expect{
		body: "level=info a=1", severity: severity.Warn, sevText: "warning", resource: attrs{"service.name": "shop"},
		attrs: attrs{"heartwood.line.id": "p1", "heartwood.line.index": int64(2), "heartwood.line.last": true},
	})
	check(t, Settings{}, "\xa9 half", &Origin{Piece: Piece{ID: "p1"}}, expect{
		body: []byte("\xa9 half"), attrs: attrs{"heartwood.line.id": "p1", "heartwood.line.index": int64(0), "heartwood.line.last": false},
	})
}

func TestOriginFillsGaps(t *testing.T) {
	o := &Origin{
		Host: "web-1", App: "heroku", ProcID: "4711", MsgID: "ID47", Severity: severity.Error, SeverityText: "err",
		Time: time.Date(2018, 1, 5, 11, 11, 0, 0, time.FixedZone("", 3600)), TimeGuess: true,
		Resource: map[string]string{"heroku.drain": "d.1", "host.name": "not this", "b": "2"},
	}
	host := attrs{"host.name": "web-1", "process.pid": int64(4711), "heroku.drain": "d.1", "b": "2"}
	with := func(m attrs, more attrs) attrs {
		all := maps.Clone(m)
		maps.Copy(all, more)
		return all
	}
	check(t, Settings{}, "a=1", o, expect{
		time: "2018-01-05T10:11:00Z", severity: severity.Error, sevText: "err",
		attrs: attrs{"a": int64(1), "heartwood.time_guess": true, "syslog.msg.id": "ID47"}, resource: with(host, attrs{"service.name": "heroku"}),
	})
	check(t, Settings{}, "text", o, expect{
		time: "2018-01-05T10:11:00Z", severity: severity.Error, sevText: "err", body: "text",
		attrs: attrs{"heartwood.time_guess": true, "syslog.msg.id": "ID47"}, resource: with(host, attrs{"service.name": "heroku"}),
	})
	// The line is believed.
	check(t, Settings{}, "app=shop at=info ts=1515150660", o, expect{
		time: "2018-01-05T11:11:00Z", severity: severity.Info, sevText: "info",
		attrs: attrs{"syslog.appname": "heroku", "syslog.msg.id": "ID47"}, resource: with(host, attrs{"service.name": "shop"}),
	})
	check(t, Settings{}, "app=heroku level=high ts=5", &Origin{App: "heroku", ProcID: "web.1", Severity: severity.Info}, expect{
		severity: severity.Info, attrs: attrs{"level": "high", "ts": int64(5), "syslog.procid": "web.1"}, resource: attrs{"service.name": "heroku"},
	})
	check(t, Settings{}, "syslog.procid=x a=1", &Origin{ProcID: "web.1", Attributes: []Attribute{{Key: "log.iostream", Value: "stderr"}}}, expect{
		attrs: attrs{"a": int64(1), "syslog.procid": "web.1", "line.syslog.procid": "x", "log.iostream": "stderr"},
	})
	for _, absurd := range []time.Time{{}, time.Unix(0, 0), time.Unix(-5, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		check(t, Settings{}, "a=1", &Origin{Time: absurd, TimeGuess: true}, expect{attrs: attrs{"a": int64(1)}})
	}
	for _, proc := range []string{"0", "-1", "007", "4294967296", "1a"} {
		check(t, Settings{}, "x", &Origin{ProcID: proc}, expect{body: "x", attrs: attrs{"syslog.procid": proc}})
	}
	// Bytes that are not UTF-8 stay bytes.
	check(t, Settings{}, "x", &Origin{Host: "\xff", App: "\xfe", MsgID: "\xfd", SeverityText: "\xfc", Attributes: []Attribute{{Key: "k\xff", Value: "v\xff"}}, Resource: map[string]string{"r\xff": "s\xff"}}, expect{
		body: "x", sevText: "\uFFFD", attrs: attrs{"syslog.msg.id": []byte("\xfd"), "k\uFFFD": []byte("v\xff")},
		resource: attrs{"host.name": []byte("\xff"), "service.name": []byte("\xfe"), "r\uFFFD": []byte("s\xff")},
	})
}

func TestGroups(t *testing.T) {
	m, err := NewMapper(Settings{Fields: map[string][]string{"host.name": {"host"}}})
	require.NoError(t, err)
	b := m.NewBatch()
	drain := map[string]string{"heroku.drain": "d.1"}
	same := map[string]string{"heroku.drain": "d.1"}
	for i, x := range []struct {
		line string
		o    Origin
	}{
		{"app=a n=0", Origin{Resource: drain}},
		{"app=b n=1", Origin{Resource: drain}},
		{"app=a n=2", Origin{Resource: same}}, // by content
		{"app=a n=3", Origin{}},
		{"n=4", Origin{App: "a", Resource: drain}}, // the same from the header
		{"app=a host=x n=5", Origin{Resource: drain}},
		{"app=a n=6", Origin{Resource: drain}},
		{"app=a n=7", Origin{Host: "x", Resource: drain}}, // as of line 5
		{"app=a n=8", Origin{ProcID: "9", Resource: drain}},
		{"app=a n=9", Origin{ProcID: "web.1", Resource: drain}}, // no identity
		{"n=10", Origin{}},
		{"n=11", Origin{Resource: map[string]string{}}},
		{"app=a host=y n=12", Origin{Resource: drain}},
		{"app=a host=x n=13", Origin{Resource: drain}},
	} {
		b.Add([]byte(x.line), &x.o)
		assert.Equal(t, i+1, b.Len())
	}
	assert.Equal(t, 14, b.Len())
	logs := b.Take()
	assert.Zero(t, b.Len())
	assert.Zero(t, b.Size())
	var groups []string
	for _, rl := range logs.ResourceLogs().All() {
		group := []string{fmt.Sprint(rl.Resource().Attributes().AsRaw())}
		for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
			n, _ := r.Attributes().Get("n")
			group = append(group, n.AsString())
		}
		groups = append(groups, strings.Join(group, " "))
	}
	assert.Equal(t, []string{
		"map[heroku.drain:d.1 service.name:a] 0 2 4 6 9",
		"map[heroku.drain:d.1 service.name:b] 1",
		"map[service.name:a] 3",
		"map[heroku.drain:d.1 host.name:x service.name:a] 5 13",
		"map[heroku.drain:d.1 host.name:x service.name:a] 7",
		"map[heroku.drain:d.1 process.pid:9 service.name:a] 8",
		"map[] 10 11",
		"map[heroku.drain:d.1 host.name:y service.name:a] 12",
	}, groups)
}

// TestGroupsGoByContent gives each line a map of its own.
func TestGroupsGoByContent(t *testing.T) {
	m, err := NewMapper(Settings{})
	require.NoError(t, err)
	b := m.NewBatch()
	for range 100 {
		resource := map[string]string{}
		for i := range 12 {
			resource[fmt.Sprint("k", i)] = "v"
		}
		b.Add([]byte("a=1"), &Origin{Resource: resource})
	}
	b.Add([]byte("a=1"), &Origin{Resource: map[string]string{"k0": "v"}})
	assert.Equal(t, 2, b.Take().ResourceLogs().Len())
}

func TestBatchBeginsAnew(t *testing.T) {
	m, err := NewMapper(Settings{})
	require.NoError(t, err)
	b := m.NewBatch()
	b.Add([]byte("app=a x=1"), &Origin{})
	first := b.Take()
	assert.Equal(t, 0, b.Take().LogRecordCount())
	b.Add([]byte("app=a x=2"), &Origin{})
	assert.Equal(t, 9, b.Size())
	assert.Equal(t, 1, b.Take().LogRecordCount())
	assert.Equal(t, 1, first.LogRecordCount(), "what was taken is let alone")
}

func TestAddCopies(t *testing.T) {
	m, err := NewMapper(Settings{KeepOriginal: true})
	require.NoError(t, err)
	b := m.NewBatch()
	// From here on the parser's scratch is written over, not grown.
	b.Add([]byte(`a="`+strings.Repeat(`\t`, 4096)+`"`), &Origin{})
	b.Take()
	for _, line := range []string{`app=shop level=info msg="a \"b\"" caller=main.go:7 fn="x\ty" "k\te"="v\tw" user_id=a`, "some text", `app=shop level=info x="`} {
		buf := []byte(line)
		b.Add(buf, &Origin{})
		for i := range buf {
			buf[i] = '#'
		}
		// The parser's scratch is written over too.
		b.Add([]byte(`"########"="#\t######################\t#" a="\t######################"`), &Origin{})
	}
	marshaler := plog.JSONMarshaler{}
	text, err := marshaler.MarshalLogs(b.Take())
	require.NoError(t, err)
	for _, want := range []string{`"shop"`, `a \"b\"`, `main.go`, `x\ty`, `k\te`, `v\tw`, "some text", `app=shop level=info x=\"`} {
		assert.Contains(t, string(text), want)
	}
}

func TestObserve(t *testing.T) {
	m, err := NewMapper(Settings{})
	require.NoError(t, err)
	b := m.NewBatch()
	now := time.Date(2026, 11, 21, 8, 15, 30, 5, time.UTC)
	b.Observe(now)
	b.Add([]byte("a=1"), &Origin{})
	r := b.Take().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, pcommon.NewTimestampFromTime(now), r.ObservedTimestamp())
	uid, _ := r.Attributes().Get(attrUID)
	id, err := uuid.Parse(uid.Str())
	require.NoError(t, err)
	seconds, nanos := id.Time().UnixTime()
	assert.Equal(t, now.UnixMilli(), seconds*1000+nanos/1e6)
	b.Observe(time.Time{})
	b.Add([]byte("a=1"), &Origin{})
	r = b.Take().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	assert.WithinDuration(t, time.Now(), r.ObservedTimestamp().AsTime(), time.Minute)
}

// TestScratchIsLetGo holds that one unusual line does not make a batch large for
// ever, nor keep its text.
func TestScratchIsLetGo(t *testing.T) {
	m, err := NewMapper(Settings{})
	require.NoError(t, err)
	b := m.NewBatch()
	var many strings.Builder
	for i := range 2 * maxKeptPairs {
		fmt.Fprintf(&many, "k%d=%d ", i, i)
	}
	b.Add([]byte(many.String()), &Origin{Resource: map[string]string{"x": strings.Repeat("y", 2*maxKeptKey)}})
	assert.LessOrEqual(t, cap(b.pairs), maxKeptPairs)
	assert.LessOrEqual(t, cap(b.key), maxKeptKey)
	b.Add([]byte("a=1 b=2"), &Origin{Attributes: []Attribute{{Key: "k"}}})
	b.Take()
	for _, p := range b.pairs[:cap(b.pairs)] {
		assert.Zero(t, p)
	}
	for _, name := range b.extras[:cap(b.extras)] {
		assert.Empty(t, name)
	}
	assert.Zero(t, b.rec)
}
