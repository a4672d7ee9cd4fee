package logrecord

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/jsonline"
	"github.com/heartwood-otel/heartwood/internal/linepair"
	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

// FuzzAddJSON holds that nothing of a line is lost, whatever the line: the body is
// the line, or each text, number, boolean and null in it is found again.
func FuzzAddJSON(f *testing.F) {
	files, err := filepath.Glob("testdata/*/*.jsonl")
	require.NoError(f, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(f, err)
		lines := strings.Split(string(content), "\n")
		for i := max(0, len(lines)-5); i < len(lines); i++ {
			f.Add(lines[i], uint8(i))
		}
	}
	for _, line := range jsonOddities {
		for options := range uint8(4) {
			f.Add(line, options<<2)
		}
	}
	f.Fuzz(checkJSON)
}

// FuzzJSONKeys is FuzzAddJSON for lines of the keys that the field map knows, with
// values of all kinds: data says which.
func FuzzJSONKeys(f *testing.F) {
	for seed := range byte(20) {
		f.Add([]byte{seed * 7, 3, seed, 1, 2 * seed, 4, 200 - seed, 17, 3 * seed, 90, seed, 5, 6}, seed*13)
	}
	keys := []string{"", "a", "extra.a", "line.a", "heartwood.a", attrUID, attrOriginal, attrColumnNumber, attrTimeGuess}
	segments := map[string]bool{}
	for _, list := range DefaultJSONFields() {
		for _, key := range list {
			keys = append(keys, key)
			for i, part := range strings.Split(key, ".") {
				segments[part] = i >= 0
			}
		}
	}
	for name := range DefaultJSONFields() {
		keys = append(keys, name)
	}
	keys = slices.AppendSeq(keys, maps.Keys(segments))
	slices.Sort(keys)
	keys = slices.Compact(keys)
	values := []string{
		`null`, `true`, `false`, `0`, `1`, `20`, `1795260744448`, `1.5`, `1e400`, `""`, `"x"`, `"a.go:12"`, `"b.py"`, `"INFO"`, `"a\nb"`, `"7"`,
		`"4bf92f3577b34da6a3ce929d0e0e4736"`, `"00f067aa0ba902b7"`, `"2026-11-21T08:15:30.123Z"`, `"x\n\tat y"`, `448781145`, `"2026-11-21 08:15:30"`,
	}
	f.Fuzz(func(t *testing.T, data []byte, options uint8) {
		next := func(n int) int {
			if len(data) == 0 {
				return 0
			}
			c := int(data[0])
			data = data[1:]
			if n > 256 && len(data) > 0 {
				c = c<<8 | int(data[0])
				data = data[1:]
			}
			return c % n
		}
		var value func(depth int) string
		object := func(depth int) string {
			var members []string
			for range next(9) {
				key, err := json.Marshal(keys[next(len(keys))])
				require.NoError(t, err)
				members = append(members, string(key)+":"+value(depth+1))
			}
			return "{" + strings.Join(members, ",") + "}"
		}
		value = func(depth int) string {
			switch n := next(len(values) + 12); {
			case n < len(values) || depth > 5:
				return values[n%len(values)]
			case n < len(values)+9:
				return object(depth)
			default:
				var elements []string
				for range next(4) {
					elements = append(elements, value(depth+1))
				}
				return "[" + strings.Join(elements, ",") + "]"
			}
		}
		checkJSON(t, object(0), options)
	})
}

func checkJSON(t *testing.T, line string, options uint8) {
	t.Helper()
	set := Settings{KeepOriginal: options&1 != 0}
	if options&2 != 0 {
		set.Duplicates = logfmt.First
	}
	if options&4 != 0 {
		set.Exception = func(string) (string, string) { return "type", "message" }
	}
	if options&8 != 0 {
		set.Fields = map[string][]string{
			"resource.a": {"a", "b.c"}, "renamed": {"c", "level", "extra"}, "log.record.uid": {"uid"}, "body": {"d", "e.f"}, "attributes": {"g", "h.i"},
		}
	}
	o := &Origin{}
	if options&16 != 0 {
		o = &Origin{
			Host: "h", App: "p", ProcID: "web.1", MsgID: "m", Severity: severity.Error, Time: time.Unix(1515150660, 0), TimeGuess: true, UID: "uid",
			Attributes: []Attribute{{Key: "a", Value: "b"}},
		}
	}
	if !jsonline.IsObject(line) {
		b := newTestBatch(t, set)
		require.False(t, b.AddJSON([]byte(line), o))
		require.Error(t, b.TryJSON([]byte(line), o))
		require.Zero(t, b.Take().LogRecordCount())
		return
	}
	got := mapJSON(t, set, line, o)
	assertWhole(t, got)
	assertSame(t, got, mapJSONWith(t, set, line, o, false))
	if _, broken := got.record.Attributes().Get(attrParseError); broken {
		require.Equal(t, line, bodyText(got.record.Body()))
		return
	}
	p := jsonline.NewParser(jsonline.Options{FirstOfDuplicates: set.Duplicates == logfmt.First})
	pairs, err := p.AppendPairs(nil, line)
	require.NoError(t, err, "%q has an error, and is not the body", line)
	texts := textsOf(got)
	for i := range pairs {
		if pair := &pairs[i]; pair.Size() == 0 && !texts.hold(pair) {
			t.Fatalf("%q: %q=%q is not in %v, %v", line, pair.Key, pair.Value, got.record.Attributes().AsRaw(), got.resource.AsRaw())
		}
	}
}

// jsonOddities are lines that names, types and depths collide in.
var jsonOddities = []string{
	`{}`, `{"":""}`, `{"":{"":{"":null}}}`, `{"a":`, `{"level":"info","msg":"cut o`, `{"a":"\xff"}`, "{\"a\":\"\xff\"}",
	`{"extra":{"a":1,"":2,"level":3,"heartwood.x":4,"log.record.uid":5},"fields":{"a":6,"":7},"a":8,"":9}`,
	`{"extra":{"x":1},"record":{"extra":{"x":2}},"x":0,"extra.x":3,"line.extra.x":4}`,
	`{"extra":{"code.file.path":1,"exception.type":{"a":2}},"caller":"a.go:1:2","error.type":"T"}`,
	`{"exception.message":{"a":1},"error":"e","exception.stacktrace":5,"stack":["a","b"],"exception.type":null}`,
	`{"code.line.number":"x","file":"a.go:12","code.column.number":3}`, `{"file":"a.go:12:5","func":"f","line":"7"}`,
	`{"process":{"pid":"7","thread":{"name":"t"}},"process.pid":8,"pid":9,"thread.name":{}}`,
	`{"message":{"a":{"b":[1,null,true,{"c":[]}]}},"msg":"x","event":"a.b"}`, `{"event":"order.placed"}`, `{"event":"order placed","msg":null}`,
	`{"instant":{"epochSecond":1795260741,"nanoOfSecond":957051490}}`, `{"timestampSeconds":1795260741,"timestampNanos":5}`,
	`{"timestamp":1795260744448,"nanoseconds":448781145}`, `{"timestamp":1795260744448,"nanoseconds":1}`, `{"ts":1515150660.1234567891}`,
	`{"record":{"time":{"repr":"2026-11-21 11:32:06.1183612345+00:00","timestamp":1}}}`, `{"log":{"original":"x","level":"info"},"message":"x"}`,
	`{"logging.googleapis.com/trace":"projects/p/traces/4bf92f3577b34da6a3ce929d0e0e4736","trace_id":"x"}`,
	`{"trace_flags":"01","otelTraceSampled":true,"logging.googleapis.com/trace_sampled":false}`, `{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}`,
	`{"kvpList":[{"a":1},{"a":2},{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}],"a":3}`, `{"kvpList":[{"a":1},{}]}`,
	`{"exc_info":["<class 'a.B'>","Exception: B()",["x","y"]]}`, `{"exc_info":["a",1,{}]}`, `{"exception":[{"exc_type":"T","frames":[{}]},{}]}`,
	`{"thrown":{"name":"N","cause":{"name":"M"},"extendedStackTrace":[1,{}],"suppressed":[[]]}}`, `{"stack":[{"func":"f","line":"1","source":"s.go"},2]}`,
	`{"spans":[{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"},{"span_id":"00f067aa0ba902b7","request_id":{"a":1}}]}`, `{"spans":[{},5]}`,
	`{"service":{"name":"s","version":"v"},"host":{"name":"h"},"@version":1,"version":"2","region":"","a":{"b":{"c":1}},"b":{"c":"x"},"e":{"f":[]},"h":{"i":{"c":1}}}`,
	`{"resp_headers":{},"status":200,"size":{"a":1},"duration":null,"request":{"method":"GET","uri":"/a?b=c?d","proto":"HTTP/","remote_ip":"::1","headers":{"User-Agent":["a"]}},"url.path":"x"}`,
	`{"resp_headers":{},"status":404,"request":{"method":"","uri":"?","proto":"HTTP/1.1","client_ip":"1","headers":{"User-Agent":["a","b"]}},"log.category":"mine"}`,
	`{"@t":"2026-11-21T08:15:30Z","@mt":"a {b}","@r":["1"]}`, `{"levelname":"x","level":20,"name":"n","funcName":5}`, `{"a\u0000":"\ud800","b\n":{"c\t":"\u00e9"}}`,
}

// foundTexts is all that a record holds, as texts.
type foundTexts struct {
	values map[string]bool
	long   []string
	record plog.LogRecord
}

func textsOf(got one) foundTexts {
	r := got.record
	x := foundTexts{values: map[string]bool{}, record: r}
	var walk func(v pcommon.Value)
	walk = func(v pcommon.Value) {
		switch v.Type() {
		case pcommon.ValueTypeMap:
			for _, element := range v.Map().All() {
				walk(element)
			}
			if v.Map().Len() == 0 {
				x.values["{}"] = true
			}
		case pcommon.ValueTypeSlice:
			for _, element := range v.Slice().All() {
				walk(element)
			}
			if v.Slice().Len() == 0 {
				x.values["[]"] = true
			}
		case pcommon.ValueTypeEmpty:
			x.values["null"] = true
		default:
			x.values[textOf(v)] = true
		}
	}
	for key, v := range r.Attributes().All() {
		walk(v)
		if key == attrExceptionStack {
			x.long = append(x.long, v.AsString())
		}
	}
	for _, v := range got.resource.All() {
		walk(v)
	}
	walk(r.Body())
	x.values[r.SeverityText()] = true
	x.values[r.EventName()] = true
	if version, ok := r.Attributes().Get("network.protocol.version"); ok {
		x.values["HTTP/"+version.AsString()] = true
	}
	if query, ok := r.Attributes().Get("url.query"); ok {
		if path, ok := r.Attributes().Get("url.path"); ok {
			x.values[path.AsString()+"?"+query.AsString()] = true
		}
	}
	if path, ok := r.Attributes().Get(attrFilePath); ok {
		at := path.AsString()
		if line, ok := r.Attributes().Get(attrLineNumber); ok {
			at += ":" + line.AsString()
			x.values[at] = true
		}
		if column, ok := r.Attributes().Get(attrColumnNumber); ok {
			x.values[at+":"+column.AsString()] = true
		}
	}
	return x
}

func (x *foundTexts) hold(p *linepair.Pair) bool {
	r, value := x.record, p.Value
	switch p.Kind {
	case linepair.Object:
		value = "{}"
	case linepair.Array:
		value = "[]"
	case linepair.Float:
		value = logfmt.FormatFloat(p.Float())
	}
	if x.values[value] || x.values[p.Value] {
		return true
	}
	for _, long := range x.long {
		if strings.Contains(long, value) {
			return true
		}
	}
	lower := strings.ToLower(value)
	if lower == r.TraceID().String() || lower == r.SpanID().String() || lower == fmt.Sprintf("00-%s-%s-%02x", r.TraceID(), r.SpanID(), uint32(r.Flags())) {
		return true
	}
	if flags, err := hex.DecodeString(fmt.Sprintf("%02s", value)); err == nil && len(flags) == 1 && r.Flags() == plog.LogRecordFlags(flags[0]) {
		return true
	}
	if p.Kind == linepair.Bool && p.Bool() && r.Flags() == 1 {
		return true
	}
	at := uint64(r.Timestamp())
	if parsed, ok := timestamp.Parse(p.Value, nil); ok && !parsed.Inexact && (parsed.UnixNano == at || parsed.UnixNano == at-at%1e9 || parsed.UnixNano == at-at%1e6) {
		return true
	}
	n, err := strconv.ParseUint(p.Value, 10, 64)
	return err == nil && at != 0 && n == at%1e9
}
