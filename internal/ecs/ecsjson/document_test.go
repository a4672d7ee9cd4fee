package ecsjson

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// The constructors of items, as a Mapper would make them.

func text(name, s string) ecs.Item {
	return ecs.Item{Name: name, Field: ecs.Lookup(name), Kind: ecs.KindText, Text: s}
}

func number(name string, n int64) ecs.Item {
	return ecs.Item{Name: name, Field: ecs.Lookup(name), Kind: ecs.KindInt, Bits: uint64(n)}
}

func double(name string, f float64) ecs.Item {
	return ecs.Item{Name: name, Field: ecs.Lookup(name), Kind: ecs.KindDouble, Bits: math.Float64bits(f)}
}

func boolean(name string, b bool) ecs.Item {
	item := ecs.Item{Name: name, Field: ecs.Lookup(name), Kind: ecs.KindBool}
	if b {
		item.Bits = 1
	}
	return item
}

func instant(name string, at time.Time) ecs.Item {
	return ecs.Item{Name: name, Field: ecs.Lookup(name), Kind: ecs.KindTime, Bits: uint64(at.UnixNano())}
}

func value(tb testing.TB, name string, raw any) ecs.Item {
	tb.Helper()
	v := pcommon.NewValueEmpty()
	require.NoError(tb, v.FromRaw(raw))
	return ecs.Item{Name: name, Field: ecs.Lookup(name), Kind: ecs.KindValue, Value: v}
}

func list(item ecs.Item) ecs.Item {
	item.List = true
	return item
}

func labelItem(name, s string) ecs.Item {
	return ecs.Item{Name: labelPrefix + name, Kind: ecs.KindText, Text: s}
}

var moment = time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)

// example is the contract's.
func example() []ecs.Item {
	return []ecs.Item{
		instant("@timestamp", moment),
		text("ecs.version", "9.4.0"),
		text("event.action", "buy"),
		text("event.kind", "event"),
		text("http.request.id", "4f1c"),
		text("log.level", "info"),
		text("message", "order placed"),
		text("service.name", "purchasing"),
		labelItem("order_id", "o-1"),
	}
}

const head = `{"@timestamp":"1970-01-01T00:00:00.000000000Z","log.level":"UNSPECIFIED","message":"","ecs.version":"9.4.0"`

func TestDocument(t *testing.T) {
	f := func(items []ecs.Item, nested, dotted string) {
		t.Helper()
		assert.Equal(t, nested, string(AppendDocument(nil, items, Nested)), "nested")
		assert.Equal(t, dotted, string(AppendDocument(nil, items, Dotted)), "dotted")
		checkDocument(t, []byte(nested))
		checkDocument(t, []byte(dotted))
		assert.Equal(t, "x"+nested, string(AppendDocument([]byte("x"), items, Nested)), "it appends")
	}
	both := func(items []ecs.Item, want string) { t.Helper(); f(items, want, want) }

	both(nil, head+`}`)
	both([]ecs.Item{value(t, "@timestamp", nil), value(t, "ecs.version", nil), value(t, "log.level", nil), value(t, "message", nil)}, head+`}`)
	f(
		example(),
		`{"@timestamp":"2026-02-03T04:05:06.789000000Z","log.level":"info","message":"order placed","ecs.version":"9.4.0","event":{"action":"buy","kind":"event"},"http":{"request":{"id":"4f1c"}},"service":{"name":"purchasing"},"labels":{"order_id":"o-1"}}`,
		`{"@timestamp":"2026-02-03T04:05:06.789000000Z","log.level":"info","message":"order placed","ecs.version":"9.4.0","event.action":"buy","event.kind":"event","http.request.id":"4f1c","service.name":"purchasing","labels":{"order_id":"o-1"}}`,
	)
	// Objects open and close; the log object stands beside log.level.
	f(
		[]ecs.Item{text("http.request.body.content", "a"), text("http.request.id", "b"), number("http.response.status_code", 200), text("http.version", "2"), text("log.level", "info"), text("log.logger", "l"), number("log.origin.file.line", 3), text("trace.id", "t"), text("url.path", "/")},
		`{"@timestamp":"1970-01-01T00:00:00.000000000Z","log.level":"info","message":"","ecs.version":"9.4.0","http":{"request":{"body":{"content":"a"},"id":"b"},"response":{"status_code":200},"version":"2"},"log":{"logger":"l","origin":{"file":{"line":3}}},"trace":{"id":"t"},"url":{"path":"/"}}`,
		`{"@timestamp":"1970-01-01T00:00:00.000000000Z","log.level":"info","message":"","ecs.version":"9.4.0","http.request.body.content":"a","http.request.id":"b","http.response.status_code":200,"http.version":"2","log.logger":"l","log.origin.file.line":3,"trace.id":"t","url.path":"/"}`,
	)
	// Fields of our own and kept ones.
	f(
		[]ecs.Item{text("tags", "x"), value(t, "heartwood.body", map[string]any{"a": []any{int64(1), nil}}), number("heartwood.x.y", 2), text("shop.cart", "c"), text("shop.cart-id", "d"), labelItem("a.b", "c")},
		head+`,"tags":"x","heartwood":{"body":{"a":[1,null]},"x":{"y":2}},"shop":{"cart":"c","cart-id":"d"},"labels":{"a.b":"c"}}`,
		head+`,"tags":"x","heartwood.body":{"a":[1,null]},"heartwood.x.y":2,"shop.cart":"c","shop.cart-id":"d","labels":{"a.b":"c"}}`,
	)
	// Kept within the schema's objects, as a Mapper orders them.
	f(
		[]ecs.Item{text("error.foo", "1"), text("error.message", "2"), text("error.sub.x", "3"), text("error.type", "4"), text("event.action", "5"), text("http.request.x", "6"), text("http.version", "7"), text("trace.id", "8"), number("heartwood.n", 9), text("a.b", "10")},
		head+`,"error":{"foo":"1","message":"2","sub":{"x":"3"},"type":"4"},"event":{"action":"5"},"http":{"request":{"x":"6"},"version":"7"},"trace":{"id":"8"},"heartwood":{"n":9},"a":{"b":"10"}}`,
		head+`,"error.foo":"1","error.message":"2","error.sub.x":"3","error.type":"4","event.action":"5","http.request.x":"6","http.version":"7","trace.id":"8","heartwood.n":9,"a.b":"10"}`,
	)
	both([]ecs.Item{list(value(t, "tags", map[string]any{"a": "b"}))}, head+`,"tags":[{"a":"b"}]}`)
	both([]ecs.Item{list(text("tags", "x")), labelItem("", "")}, head+`,"tags":["x"],"labels":{"":""}}`)
	// Names with odd points are told apart.
	f(
		[]ecs.Item{text(".a", "1"), text("x.", "2"), text("x..y", "3")},
		head+`,"":{"a":"1"},"x":{"":"2",".y":"3"}}`,
		head+`,".a":"1","x.":"2","x..y":"3"}`,
	)
}

// TestTidy holds that what a Mapper gives is written in one pass.
func TestTidy(t *testing.T) {
	f := func(want bool, items ...ecs.Item) {
		t.Helper()
		w := pool.Get().(*writer)
		w.t = schema()
		assert.Equal(t, want, w.tidy(&parts{}, items))
	}
	f(true)
	f(true, example()...)
	f(true, request(t)...)
	f(true, text("error.foo", "1"), text("error.message", "2"), text("error.sub.x", "3"), text("error.type", "4"), number("heartwood.n", 9), text("a.b", "10"), labelItem("z", "1"), labelItem("a", "1"))
	f(false, text("error.type", "1"), text("error.message", "2"))
	f(false, text("error.type", "1"), text("error.type", "2"))
	f(false, text("error.type", "1"), text("error.type.x", "2"))
	f(false, text("error.type", "1"), text("error.foo", "2"))
	f(false, text("error.x", "1"), text("error.foo", "2"))
	f(false, text("error.x", "1"), text("error.x.y", "2"))
	f(false, text("a", "1"), text("error.type", "2"))
	f(false, text("a", "1"), text("error.x", "2"))
	f(false, text("a", "1"), number("heartwood.n", 9))
	f(false, text("message.x", "1"))
	f(false, text("a\xff", "1"))
	f(false, text("labels", "1"))
	f(false, labelItem("a", "1"), text("b", "2"))
	f(false, labelItem("b", "1"), labelItem("a", "1"), labelItem("b", "1"))
	f(false, labelItem("\xff", "1"))
	f(false, text("http", "1"), text("http.request.id", "1"))
	f(false, text("http.request.id", "1"), text("http", "1"))
	f(false, value(t, "threat.enrichments", nil), text("threat.enrichments.indicator.ip", "1.2.3.4"))
}

// TestDocumentOfUntidyItems gives items as no Mapper does.
func TestDocumentOfUntidyItems(t *testing.T) {
	f := func(items []ecs.Item, nested, dotted string) {
		t.Helper()
		assert.Equal(t, head+nested, string(AppendDocument(nil, items, Nested)), "nested")
		assert.Equal(t, head+dotted, string(AppendDocument(nil, items, Dotted)), "dotted")
		checkDocument(t, []byte(head+nested))
		checkDocument(t, []byte(head+dotted))
	}
	// Out of order, and kept within an object of the schema.
	f([]ecs.Item{text("url.path", "/"), labelItem("z", "1"), text("error.foo", "x"), text("error.code", "y"), text("url.b", "c")},
		`,"error":{"code":"y","foo":"x"},"url":{"b":"c","path":"/"},"labels":{"z":"1"}}`,
		`,"error.code":"y","error.foo":"x","url.b":"c","url.path":"/","labels":{"z":"1"}}`)
	// Equal names.
	f([]ecs.Item{text("a", "1"), text("b", "2"), text("a", "3"), text("url.path", "1"), text("url.path", "2"), labelItem("l", "1"), labelItem("l", "2")},
		`,"url":{"path":"2"},"a":"3","b":"2","labels":{"l":"2"}}`,
		`,"url.path":"2","a":"3","b":"2","labels":{"l":"2"}}`)
	// One below the other.
	f([]ecs.Item{text("q.a", "1"), text("q.a.b", "2"), text("q.a.b.c", "3"), text("q.b", "4"), text("s", "5"), text("s.t", "6"), text("u.v", "7")},
		`,"q":{"a":"1","a.b":"2","a.b.c":"3","b":"4"},"s":"5","s.t":"6","u":{"v":"7"}}`,
		`,"q.a":"1","q.a.b":"2","q.a.b.c":"3","q.b":"4","s":"5","s.t":"6","u.v":"7"}`)
	f([]ecs.Item{value(t, "threat.enrichments", []any{map[string]any{"x": "y"}}), text("threat.enrichments.indicator.ip", "1.2.3.4")},
		`,"threat":{"enrichments":[{"x":"y"}],"enrichments.indicator.ip":"1.2.3.4"}}`,
		`,"threat.enrichments":[{"x":"y"}],"threat.enrichments.indicator.ip":"1.2.3.4"}`)
	f([]ecs.Item{text("message.x", "1"), text("log.level.y", "2"), text("log.logger", "3")},
		`,"message.x":"1","log.level.y":"2","log":{"logger":"3"}}`,
		`,"message.x":"1","log.level.y":"2","log.logger":"3"}`)
	// Names that only U+FFFD makes equal lose nothing.
	f([]ecs.Item{text("x\xff", "1"), text("x\xfe", "2"), text("x\ufffd", "3"), labelItem("\xff", "4"), labelItem("\xfe", "5")},
		",\"x\ufffd\":\"3\",\"x\ufffd_2\":\"1\",\"x\ufffd_3\":\"2\",\"labels\":{\"\ufffd\":\"4\",\"\ufffd_2\":\"5\"}}",
		",\"x\ufffd\":\"3\",\"x\ufffd_2\":\"1\",\"x\ufffd_3\":\"2\",\"labels\":{\"\ufffd\":\"4\",\"\ufffd_2\":\"5\"}}")
	// Labels in one map.
	f([]ecs.Item{value(t, "labels", map[string]any{"a": int64(1)}), labelItem("b", "2")}, `,"labels":{"a":1,"b":"2"}}`, `,"labels":{"a":1,"b":"2"}}`)
	f([]ecs.Item{text("labels", "x")}, `,"labels":{"labels":"x"}}`, `,"labels":{"labels":"x"}}`)
	// The first four, by name alone.
	items := []ecs.Item{{Name: "message", Kind: ecs.KindText, Text: "m"}, {Name: "a", Kind: ecs.KindText, Text: "1"}, {Name: "log.level", Kind: ecs.KindText, Text: "warn"}}
	document := AppendDocument(nil, items, Nested)
	assert.True(t, bytes.Equal([]byte(`{"@timestamp":"1970-01-01T00:00:00.000000000Z","log.level":"warn","message":"m","ecs.version":"9.4.0","a":"1"}`), document), "%s", document)
}

// TestDocumentOfLongNames: a name opens only so many objects.
func TestDocumentOfLongNames(t *testing.T) {
	deep := "a" + strings.Repeat(".a", 100_000)
	for _, items := range [][]ecs.Item{
		{text(deep, "1"), text(deep+"b", "2")},
		{text(deep, "1"), text(deep+".b", "2"), text("b", "3")},
	} {
		document := AppendDocument(nil, items, Nested)
		checkDocument(t, document)
		assert.Equal(t, maxSegments, strings.Count(string(document), "{"))
	}
}

func TestTexts(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		for _, before := range []string{"", "1234567", "12345678", "é"} {
			for _, behind := range []string{"", "1234567", "12345678", "é"} {
				assert.Equal(t, `"`+before+want+behind+`"`, string(appendText(nil, before+in+behind)))
			}
		}
	}
	f("", "")
	f("plain", "plain")
	f(`"`, `\"`)
	f(`a\b`, `a\\b`)
	f("\b\f\n\r\t\v\x00\x1f", `\b\f\n\r\t\u000b\u0000\u001f`)
	f("</script>&", "</script>&")
	f("\x7e\x7f", `~\u007f`)
	f("\u0080\u0085\u009f\u00a0", `\u0080\u0085\u009f`+"\u00a0")
	f("\u2027\u2028\u2029\u202a", "\u2027"+`\u2028\u2029`+"\u202a")
	f("日本語🙂", "日本語🙂")
	f("a\xffb", "a\ufffdb")
	f("\xf0\x9f\x99 x", "\ufffd\ufffd\ufffd x")
	f("\xed\xa0\x80", "\ufffd\ufffd\ufffd")
	f("\xc0\x80", "\ufffd\ufffd")
}

func TestNumbers(t *testing.T) {
	f := func(in float64, want string) { t.Helper(); assert.Equal(t, want, string(appendDouble(nil, in))) }
	f(0, "0.0")
	f(math.Copysign(0, -1), "-0.0")
	f(1, "1.0")
	f(-17, "-17.0")
	f(99.99, "99.99")
	f(math.Nextafter(0.3, 1), "0.30000000000000004")
	f(1<<53-1, "9007199254740991.0")
	f(1<<53, "9007199254740992.0")
	f(1e20, "100000000000000000000.0")
	f(1e21, "1e+21")
	f(1e-6, "0.000001")
	f(1e-7, "1e-07")
	f(math.MaxFloat64, "1.7976931348623157e+308")
	f(math.SmallestNonzeroFloat64, "5e-324")
	f(math.NaN(), `"NaN"`)
	f(math.Inf(1), `"Infinity"`)
	f(math.Inf(-1), `"-Infinity"`)
	assert.Equal(t, `"-9223372036854775808"`[1:21], string(AppendDocument(nil, []ecs.Item{number("event.duration", math.MinInt64)}, Dotted)[len(head)+len(`,"event.duration":`):][:20]))
}

func TestValues(t *testing.T) {
	f := func(v pcommon.Value, want string) {
		t.Helper()
		item := ecs.Item{Name: "heartwood.body", Kind: ecs.KindValue, Value: v}
		document := AppendDocument(nil, []ecs.Item{item}, Dotted)
		assert.Equal(t, head+`,"heartwood.body":`+want+`}`, string(document))
		checkDocument(t, document)
	}
	raw := func(x any) pcommon.Value { t.Helper(); return value(t, "x", x).Value }
	f(pcommon.NewValueEmpty(), "null")
	f(raw([]byte(nil)), `""`)
	f(raw([]byte{0, 0xff}), `"AP8="`)
	f(raw([]byte(strings.Repeat("abc", 100))), `"`+strings.Repeat("YWJj", 100)+`"`)
	f(raw([]byte(strings.Repeat("abc", 100)+"d")), `"`+strings.Repeat("YWJj", 100)+`ZA=="`)
	f(raw([]any{}), "[]")
	f(raw(map[string]any{}), "{}")
	f(raw([]any{"a", int64(1), 1.5, true, nil, []any{map[string]any{"k": "v"}}}), `["a",1,1.5,true,null,[{"k":"v"}]]`)

	wire := func(keys ...string) pcommon.Value { return repeatedKeys(t, keys) }
	f(wire("a", "b", "a"), `{"b":1,"a":2}`)
	f(wire("\xff", "\xfe", "\xff"), "{\"\ufffd\":1,\"\ufffd_2\":2}")
	f(wire("\xff", "\ufffd", "\ufffd_2"), "{\"\ufffd_3\":0,\"\ufffd\":1,\"\ufffd_2\":2}")
	var many []string
	var want []string
	for i := range 2000 {
		many = append(many, strings.Repeat("k", i%500))
		if i >= 1500 {
			want = append(want, `"`+strings.Repeat("k", i%500)+`":`+strconv.Itoa(i))
		}
	}
	f(wire(many...), "{"+strings.Join(want, ",")+"}")
}

// TestDeepValues: what is too deep for readers is text, what is too deep for any says so.
func TestDeepValues(t *testing.T) {
	nest := func(depth int, asMap bool) pcommon.Value {
		top := pcommon.NewValueEmpty()
		v := top
		for range depth {
			if asMap {
				v = v.SetEmptyMap().PutEmpty("k")
			} else {
				v = v.SetEmptySlice().AppendEmpty()
			}
		}
		v.SetStr("bottom")
		return top
	}
	document := func(v pcommon.Value) string {
		d := AppendDocument(nil, []ecs.Item{{Name: "heartwood.body", Kind: ecs.KindValue, Value: v}}, Nested)
		checkDocument(t, d)
		return strings.TrimPrefix(string(d), head)
	}
	for _, asMap := range []bool{true, false} {
		left, right := "[", "]"
		if asMap {
			left, right = `{"k":`, "}"
		}
		in := func(depth int, inner string) string {
			return strings.Repeat(left, depth) + inner + strings.Repeat(right, depth)
		}
		plain := in(maxDepth, `"bottom"`)
		assert.Equal(t, `,"heartwood":{"body":`+plain+`}}`, document(nest(maxDepth, asMap)))
		quoted, err := json.Marshal(in(2, `"bottom"`))
		require.NoError(t, err)
		assert.Equal(t, `,"heartwood":{"body":`+in(maxDepth, string(quoted))+`}}`, document(nest(maxDepth+2, asMap)))
		assert.Contains(t, document(nest(maxTextDepth, asMap)), "bottom")
		got := document(nest(maxTextDepth+1, asMap))
		assert.NotContains(t, got, "bottom")
		assert.Contains(t, got, "[nested too deep]")
	}
	assert.Contains(t, document(nest(1_000_000, false)), "[nested too deep]")
}
