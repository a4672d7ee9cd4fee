package ecsjson

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// readOne reads a document that is one line.
func readOne(t *testing.T, line string) (pcommon.Resource, plog.LogRecord) {
	t.Helper()
	logs, err := NewReader().Read([]byte(line))
	require.NoError(t, err)
	require.Equal(t, 1, logs.LogRecordCount())
	rl := logs.ResourceLogs().At(0)
	return rl.Resource(), rl.ScopeLogs().At(0).LogRecords().At(0)
}

func TestReadsTheContractsExample(t *testing.T) {
	for _, nesting := range []Nesting{Nested, Dotted} {
		resource, r := readOne(t, string(AppendDocument(nil, example(), nesting)))
		assert.Equal(t, map[string]any{"service.name": "purchasing"}, resource.Attributes().AsRaw())
		assert.Equal(t, moment, r.Timestamp().AsTime())
		assert.Equal(t, "info", r.SeverityText())
		assert.Equal(t, plog.SeverityNumberInfo, r.SeverityNumber())
		assert.Equal(t, "order placed", r.Body().Str())
		assert.Equal(t, "buy", r.EventName())
		assert.Equal(t, map[string]any{"request.id": "4f1c", "order_id": "o-1"}, r.Attributes().AsRaw())
	}
}

func TestReadsAttributes(t *testing.T) {
	f := func(line string, want map[string]any) {
		t.Helper()
		_, r := readOne(t, line)
		assert.Equal(t, want, r.Attributes().AsRaw())
	}
	f(`{}`, map[string]any{})
	f(`{"url":{"path":"/a"},"x":{"y":{"z":1}},"x.y":2,"l":[1,[],{"a":null}],"n":null,"tags":["a"]}`, map[string]any{
		"url.path": "/a", "x": map[string]any{"y": map[string]any{"z": int64(1)}}, "x.y": int64(2),
		"l": []any{int64(1), []any{}, map[string]any{"a": nil}}, "n": nil, "tags": []any{"a"},
	})
	f(`{"url.path":"/a","url":{"domain":"d"},"labels":{"x":{"y":"z"},"n":1.5}}`, map[string]any{
		"url.path": "/a", "url.domain": "d", "x": map[string]any{"y": "z"}, "n": 1.5,
	})
	// Numbers keep all their digits.
	f(`{"a":9223372036854775807,"b":-9223372036854775808,"c":9223372036854775808,"d":1.10,"e":0.12345678901234567890,"f":1e400,"g":1.0,"h":-0,"i":1e3}`, map[string]any{
		"a": int64(9223372036854775807), "b": int64(-9223372036854775808), "c": "9223372036854775808", "d": 1.1,
		"e": "0.12345678901234567890", "f": "1e400", "g": 1.0, "h": math.Copysign(0, -1), "i": 1000.0,
	})
	// Of equal keys the last counts; a name in fewer objects comes first.
	f(`{"a":1,"a":2,"url":{"path":"1"},"url":{"path":"2"}}`, map[string]any{"a": int64(2), "url.path": "2"})
	f(`{"url.path":"1","url":{"path":"2"}}`, map[string]any{"url.path": "1"})
	f(`{"url":{"path":"2"},"url.path":"1"}`, map[string]any{"url.path": "1"})
	f(`{"http":{"request":{"body":{"content":"3"}}},"http":{"request.body":{"content":"2"},"request":{"body.content":"1","body":{"content":"0"}}}}`, map[string]any{"http.request.body.content": "1"})
	// Escapes, in names as well.
	f(`{"a\"b":"\u0041\n","\u0075rl":{"\u0070ath":"\/","x":"\ud83d\ude42"},"c":{"d\t":["\\"]}}`, map[string]any{
		"a\"b": "A\n", "url.path": "/", "url.x": "🙂", "c": map[string]any{"d\t": []any{"\\"}},
	})
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	_, r := readOne(t, `{"a":`+deep+`}`)
	v, _ := r.Attributes().Get("a")
	depth := 0
	for v.Type() == pcommon.ValueTypeSlice {
		v = v.Slice().At(0)
		depth++
	}
	assert.Equal(t, 63, depth)
	assert.Equal(t, deep[depth:len(deep)-depth], v.Str())
}

// TestReadsManyNames: names that are there twice, where there are many.
func TestReadsManyNames(t *testing.T) {
	var dotted, nested []string
	want := map[string]any{}
	for i := range 3000 {
		dotted = append(dotted, fmt.Sprintf(`"url.x%d":%d`, i, i))
		nested = append(nested, fmt.Sprintf(`"x%d":"no"`, i))
		want[fmt.Sprintf("url.x%d", i)] = int64(i)
	}
	for _, line := range []string{
		`{` + strings.Join(dotted, ",") + `,"url":{` + strings.Join(nested, ",") + `}}`,
		`{"url":{` + strings.Join(nested, ",") + `},` + strings.Join(dotted, ",") + `}`,
	} {
		_, r := readOne(t, line)
		assert.Equal(t, want, r.Attributes().AsRaw())
	}
}

// TestReadsWhatStandsForNothing reads the three fields that a document must have.
func TestReadsWhatStandsForNothing(t *testing.T) {
	_, r := readOne(t, string(AppendDocument(nil, nil, Nested)))
	assert.Zero(t, r.Timestamp())
	assert.Zero(t, r.ObservedTimestamp())
	assert.Empty(t, r.SeverityText())
	assert.Zero(t, r.SeverityNumber())
	assert.Equal(t, pcommon.ValueTypeEmpty, r.Body().Type())
	assert.Empty(t, r.Attributes().AsRaw())
	_, r = readOne(t, `{"@timestamp":"1970-01-01T00:00:00.000000001Z","log.level":"unspecified","message":" "}`)
	assert.Equal(t, pcommon.Timestamp(1), r.Timestamp())
	assert.Equal(t, "unspecified", r.SeverityText())
	assert.Equal(t, " ", r.Body().Str())
}

func TestReadsResources(t *testing.T) {
	logs, err := NewReader().Read([]byte(strings.Join([]string{
		`{"message":"1","service":{"name":"a"},"host.name":"h","cloud":{"region":"r"},"container":{"id":"c"},"orchestrator":{"namespace":"n"},"host":"x"}`,
		`{"service":{"name":"a"},"host.name":"h","message":"2","cloud":{"region":"r"},"container":{"id":"c"},"orchestrator":{"namespace":"n"}}`,
		``,
		`{"message":"3","service":{"name":"b"}}`,
		`{"message":"4"}`,
		" \t\r",
		`{"message":"5"}`,
		`{"message":"6","service":{"name":5}}`,
		`{"message":"7","service":{"name":"5"}}`,
	}, "\n")))
	require.NoError(t, err)
	type group struct {
		resource map[string]any
		bodies   string
	}
	var got []group
	for _, rl := range logs.ResourceLogs().All() {
		require.Equal(t, 1, rl.ScopeLogs().Len())
		g := group{resource: rl.Resource().Attributes().AsRaw()}
		for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
			g.bodies += r.Body().AsString()
		}
		got = append(got, g)
	}
	assert.Equal(t, []group{
		{map[string]any{"service.name": "a", "host.name": "h", "cloud.region": "r", "container.id": "c", "k8s.namespace.name": "n"}, "12"},
		{map[string]any{"service.name": "b"}, "3"},
		{map[string]any{}, "45"},
		{map[string]any{"service.name": int64(5)}, "6"},
		{map[string]any{"service.name": "5"}, "7"},
	}, got)
	host, _ := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Get("host")
	assert.Equal(t, "x", host.AsString())
}

func TestReadErrors(t *testing.T) {
	r := NewReader()
	f := func(data, want string) {
		t.Helper()
		logs, err := r.Read([]byte(data))
		require.EqualError(t, err, want)
		assert.Zero(t, logs.ResourceLogs().Len(), "nothing of the batch is taken")
		var line *LineError
		require.ErrorAs(t, err, &line)
	}
	f("{}\n\n{\"a\" 1}\n{}", "line 3, column 6: no colon behind the key")
	f("text", "line 1, column 1: no object")
	f("[]", "line 1, column 1: no object")
	f("{}{}", "line 1, column 3: text behind the object")
	f(`{"a":1`, "line 1, column 7: the object is never closed")
	f(`{"a":"`+"\xff"+`"}`, "line 1, column 7: invalid UTF-8")
	f("{}\r\n{\r\n}", "line 2, column 3: the object is never closed")
	f(`{"a":[`+strings.Repeat("1,", maxPairs)+"1]}", fmt.Sprintf("line 1, column %d: too many pairs", 7+2*(maxPairs-1)))
	logs, err := r.Read([]byte("{}\r\n{}"))
	require.NoError(t, err, "a reader goes on")
	assert.Equal(t, 2, logs.LogRecordCount())
}

// TestReadKeepsNothing: what was read stays when the bytes and the reader are used again.
func TestReadKeepsNothing(t *testing.T) {
	r := NewReader()
	_, err := r.Read([]byte(`{"a":"\u0041` + strings.Repeat("x", 1000) + `"}`)) // its memory for texts is large by now
	require.NoError(t, err)
	data := []byte(`{"a":"plain","b":"es\u0063aped","c\u0063":[{"d\u0064":"x\n"}],"service":{"name":"s\n"},"message":"m\n"}`)
	logs, err := r.Read(data)
	require.NoError(t, err)
	for i := range data {
		data[i] = 'x'
	}
	_, err = r.Read([]byte(`{"a":"\u0058` + strings.Repeat("X", 100) + `","service":{"name":"other"}}`))
	require.NoError(t, err)
	record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, map[string]any{"a": "plain", "b": "escaped", "cc": []any{map[string]any{"dd": "x\n"}}}, record.Attributes().AsRaw())
	assert.Equal(t, "m\n", record.Body().Str())
	assert.Equal(t, "s\n", logs.ResourceLogs().At(0).Resource().Attributes().AsRaw()["service.name"])
}
