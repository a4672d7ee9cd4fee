package logrecord

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/jsonline"
	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/pdataslab"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// TestJSONLines holds the lines of JSON that the field prints.
func TestJSONLines(t *testing.T) {
	fixtures := readFixtures(t, "json")
	require.NotEmpty(t, fixtures)
	for _, x := range fixtures {
		t.Run("", func(t *testing.T) {
			t.Log(x.Line)
			var w want
			decoder := json.NewDecoder(bytes.NewReader(x.Want))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(&w))
			assertWant(t, w, mapJSON(t, Settings{}, x.Line, nil))
		})
	}
}

func mapJSON(tb testing.TB, set Settings, line string, o *Origin) one {
	tb.Helper()
	return mapJSONWith(tb, set, line, o, true)
}

func mapJSONWith(tb testing.TB, set Settings, line string, o *Origin, withSlabs bool) one {
	tb.Helper()
	b := newTestBatch(tb, set)
	if !withSlabs {
		b.out = pdataslab.Builder{}
	}
	if o == nil {
		o = &Origin{}
	}
	require.True(tb, b.AddJSON([]byte(line), o))
	logs := b.Take()
	require.Equal(tb, 1, logs.LogRecordCount())
	rl := logs.ResourceLogs().At(0)
	return one{record: rl.ScopeLogs().At(0).LogRecords().At(0), resource: rl.Resource().Attributes()}
}

// testMappers are those of settings that were asked for, by their text: fuzz tests
// need them often.
var testMappers sync.Map

func newTestBatch(tb testing.TB, set Settings) *Batch {
	tb.Helper()
	key := fmt.Sprintf("%v", set)
	if set.Exception != nil {
		key = fmt.Sprintf("%v %v", set, reflect.ValueOf(set.Exception).Pointer())
	}
	m, ok := testMappers.Load(key)
	if !ok {
		made, err := NewMapper(set)
		require.NoError(tb, err)
		m, _ = testMappers.LoadOrStore(key, made)
	}
	return m.(*Mapper).NewBatch()
}

func TestJSONIsOrIsNot(t *testing.T) {
	b := newTestBatch(t, Settings{})
	for _, line := range []string{"", " ", "plain text", `"{"`, `[{"a":1}]`, "level=info msg={}", "null"} {
		assert.False(t, b.AddJSON([]byte(line), &Origin{}), line)
		require.Error(t, b.TryJSON([]byte(line), &Origin{}), line)
	}
	assert.Zero(t, b.Len())

	// TryJSON adds nothing of a line that is broken, AddJSON all of it.
	broken := []byte(`{"a":1`)
	err := b.TryJSON(broken, &Origin{})
	var syntax *jsonline.SyntaxError
	require.ErrorAs(t, err, &syntax)
	assert.Equal(t, jsonline.UnexpectedEnd, syntax.Cause)
	assert.Zero(t, b.Len())
	assert.Zero(t, b.Size())
	require.NoError(t, b.TryJSON([]byte(`{"a":1}`), &Origin{}))
	assert.True(t, b.AddJSON(broken, &Origin{}))
	assert.Equal(t, 2, b.Len())
	assert.Equal(t, 1, b.Problems())
	assert.Equal(t, len(broken)+len(`{"a":1}`), b.Size())
}

func TestJSONBroken(t *testing.T) {
	got := mapJSON(t, Settings{}, `{"time":"2026-11-21T08:15:30Z","level":"error","service":"shop","trace_id":"0af7651916cd43dd8448eb211c80319c","log.record.uid":"u","msg":"cut o`, nil)
	r := got.record
	assert.Equal(t, "2026-11-21T08:15:30Z", r.Timestamp().AsTime().Format(time.RFC3339))
	assert.Equal(t, plog.SeverityNumberError, r.SeverityNumber())
	assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", r.TraceID().String())
	assert.Equal(t, map[string]any{attrServiceName: "shop"}, got.resource.AsRaw())
	assert.True(t, strings.HasPrefix(r.Body().Str(), `{"time"`))
	assert.Equal(t, map[string]any{attrUID: "u", attrParseError: "json: column 138: the string is never closed"}, r.Attributes().AsRaw())

	// Bytes that are no text.
	got = mapJSON(t, Settings{}, "{\"level\":\"info\",\"a\":\"\xff\"}", nil)
	assert.Equal(t, pcommon.ValueTypeBytes, got.record.Body().Type())
	problem, _ := got.record.Attributes().Get(attrParseError)
	assert.Equal(t, "json: column 22: invalid UTF-8", problem.Str())
	assert.Equal(t, plog.SeverityNumberInfo, got.record.SeverityNumber())

	// Too much.
	var line strings.Builder
	for i := range maxAttributes + 1 {
		fmt.Fprintf(&line, `,"k%d":0`, i)
	}
	got = mapJSON(t, Settings{}, `{"level":"info"`+line.String()+`}`, nil)
	problem, _ = got.record.Attributes().Get(attrParseError)
	assert.Equal(t, "json: more than 1000 members", problem.Str())
	assert.Equal(t, plog.SeverityNumberInfo, got.record.SeverityNumber())
}

func TestJSONPieceAndProblem(t *testing.T) {
	line := `{"level":"error"}`
	got := mapJSON(t, Settings{}, line, &Origin{Problem: "cut"})
	assert.Equal(t, line, got.record.Body().Str())
	got = mapJSON(t, Settings{}, line, &Origin{Piece: Piece{ID: "p", Last: true}})
	assert.Equal(t, line, got.record.Body().Str())
	assert.Zero(t, got.record.SeverityNumber())
}

func TestJSONSettings(t *testing.T) {
	zone := time.FixedZone("", 3600)
	got := mapJSON(t, Settings{Timezone: zone, KeepOriginal: true}, `{"time":"2026-11-21 08:15:30","msg":"x"}`, nil)
	assert.Equal(t, "2026-11-21T07:15:30Z", got.record.Timestamp().AsTime().Format(time.RFC3339))
	original, _ := got.record.Attributes().Get(attrOriginal)
	assert.JSONEq(t, `{"time":"2026-11-21 08:15:30","msg":"x"}`, original.Str())

	// The user's word on numbers is above what keys say.
	got = mapJSON(t, Settings{SeverityNumbers: severity.Syslog}, `{"levelno":3}`, nil)
	assert.Equal(t, plog.SeverityNumberError, got.record.SeverityNumber())

	got = mapJSON(t, Settings{Duplicates: logfmt.First}, `{"a":1,"a":2}`, nil)
	a, _ := got.record.Attributes().Get("a")
	assert.Equal(t, int64(1), a.Int())

	// The user's fields: a path, a key that needs a style by default, a target
	// switched off.
	got = mapJSON(t, Settings{Fields: map[string][]string{
		"host.name":  {"meta.node", "host"},
		"request.id": {"ctx.request.id"},
		"event_name": {},
		"attributes": {"ctx"},
	}}, `{"meta":{"node":"n1","x":1},"host":"h","ctx":{"request":{"id":"r","n":2},"a":3},"event":"e","extra":{"b":4}}`, nil)
	assert.Equal(t, map[string]any{"host.name": "n1"}, got.resource.AsRaw())
	attrs := got.record.Attributes().AsRaw()
	delete(attrs, attrUID)
	assert.Equal(t, map[string]any{
		"meta": map[string]any{"x": int64(1)}, "host": "h", "request.id": "r", "request": map[string]any{"n": int64(2)},
		"a": int64(3), "event": "e", "extra": map[string]any{"b": int64(4)},
	}, attrs)
}

func TestJSONException(t *testing.T) {
	asked := ""
	set := Settings{Exception: func(stack string) (string, string) {
		asked = stack
		return "T", "m"
	}}
	got := mapJSON(t, set, `{"exc_info":"Traceback\nT: m","exception.type":5}`, nil)
	assert.Equal(t, "Traceback\nT: m", asked)
	attrs := got.record.Attributes().AsRaw()
	delete(attrs, attrUID)
	assert.Equal(t, map[string]any{
		"exception.type": "T", "exception.message": "m", "exception.stacktrace": "Traceback\nT: m", "line.exception.type": int64(5),
	}, attrs)

	// What the line says is believed.
	got = mapJSON(t, set, `{"error":{"type":"U","message":"n","stack_trace":"s"}}`, nil)
	attrs = got.record.Attributes().AsRaw()
	delete(attrs, attrUID)
	assert.Equal(t, map[string]any{"exception.type": "U", "exception.message": "n", "exception.stacktrace": "s"}, attrs)

	asked = ""
	mapJSON(t, set, `{"msg":"x"}`, nil)
	assert.Empty(t, asked)
}

// TestJSONAndLogfmt holds that one batch takes both, in one resource.
func TestJSONAndLogfmt(t *testing.T) {
	b := newTestBatch(t, Settings{})
	o := &Origin{App: "shop", Host: "h"}
	b.Add([]byte(`level=info msg=a`), o)
	require.True(t, b.AddJSON([]byte(`{"level":"warn","msg":"b","user":{"id":1}}`), o))
	b.Add([]byte(`level=error msg=c pid=3`), o)
	require.True(t, b.AddJSON([]byte(`{"level":"info","msg":"d","service":"other"}`), o))
	logs := b.Take()
	require.Equal(t, 2, logs.ResourceLogs().Len())
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Equal(t, 3, records.Len())
	for i, want := range []string{"a", "b", "c"} {
		assert.Equal(t, want, records.At(i).Body().Str())
	}
}

// TestJSONStaysAfterReuse holds that records keep nothing of the caller's line or of
// the parser's memory.
func TestJSONStaysAfterReuse(t *testing.T) {
	b := newTestBatch(t, Settings{})
	line := []byte(`{"level":"info","msg":"a\nb","k\n":"v\n","o":{"k\t":["x\n"]},"event":"e\n","service":"s\n","err":{"stack":"x\ny"}}`)
	require.True(t, b.AddJSON(line, &Origin{}))
	clear(line)
	require.True(t, b.AddJSON([]byte(`{"level":"erro\r","msg":"c\rd","k\r":"w\r","o":{"k\r":["y\r"]},"event":"f\r","service":"t\r","err":{"stack":"z\rz"}}`), &Origin{}))
	logs := b.Take()
	r := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, "a\nb", r.Body().Str())
	assert.Equal(t, "e\n", r.EventName())
	attrs := r.Attributes().AsRaw()
	delete(attrs, attrUID)
	assert.Equal(t, map[string]any{"k\n": "v\n", "o": map[string]any{"k\t": []any{"x\n"}}, "exception.stacktrace": "x\ny"}, attrs)
	service, _ := logs.ResourceLogs().At(0).Resource().Attributes().Get(attrServiceName)
	assert.Equal(t, "s\n", service.Str())
}

// TestJSONAllocations holds CI to the number of allocations, not to nanoseconds.
func TestJSONAllocations(t *testing.T) {
	b := newTestBatch(t, Settings{})
	b.Observe(time.Now())
	line := []byte(benchmarkJSONLines[0].line)
	o := &Origin{}
	for range 100 {
		b.AddJSON(line, o)
	}
	assert.LessOrEqual(t, testing.AllocsPerRun(1000, func() { b.AddJSON(line, o) }), 2.0)
}

func TestIsEventName(t *testing.T) {
	for _, name := range []string{"order.placed", "order_placed", "order-placed", "Order:Placed2"} {
		assert.True(t, isEventName(name), name)
	}
	for _, text := range []string{"", "placed", "order placed", "done.", "_x", "über.all", "a.b c"} {
		assert.False(t, isEventName(text), text)
	}
}

// TestJSONManyNames has more names than are searched for one by one: the objects'
// names are told apart as in a short line.
func TestJSONManyNames(t *testing.T) {
	object := func(from, to int) string {
		var members []string
		for i := from; i < to; i++ {
			members = append(members, fmt.Sprintf(`"k%d":%d`, i, i))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	for _, n := range []int{3, 90} {
		line := fmt.Sprintf(`{"extra":%s,"fields":%s,"k1":-1,"fields.k2":-2}`, object(0, n), object(2, n+2))
		want := map[string]any{"k1": int64(-1), "extra.k1": int64(1), "fields.k2": int64(-2), "k0": int64(0)}
		for i := 2; i < n; i++ {
			want[fmt.Sprintf("k%d", i)] = int64(i)
			want[fmt.Sprintf("fields.k%d", i)] = int64(i)
		}
		want["line.fields.k2"], want["fields.k2"] = int64(2), int64(-2)
		for i := n; i < n+2; i++ {
			want[fmt.Sprintf("k%d", i)] = int64(i)
		}
		attrs := mapJSON(t, Settings{}, line, nil).record.Attributes().AsRaw()
		delete(attrs, attrUID)
		assert.Equal(t, want, attrs)
	}
}

// TestJSONConcurrently has the batches of one mapper make its map for JSON at once.
func TestJSONConcurrently(t *testing.T) {
	m, err := NewMapper(Settings{})
	require.NoError(t, err)
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			b := m.NewBatch()
			for range 100 {
				assert.True(t, b.AddJSON([]byte(benchmarkJSONLines[1].line), &Origin{}))
			}
			assert.Equal(t, 100, b.Take().LogRecordCount())
		})
	}
	running.Wait()
}
