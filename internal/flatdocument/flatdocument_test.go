package flatdocument

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
)

var at = pcommon.NewTimestampFromTime(time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC))

// whole is a record that has everything.
func whole() plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.SetSchemaUrl("https://example/1")
	rl.Resource().Attributes().PutStr("service.name", "orders")
	rl.Resource().SetDroppedAttributesCount(1)
	sl := rl.ScopeLogs().AppendEmpty()
	sl.SetSchemaUrl("https://example/2")
	sl.Scope().SetName("pay")
	sl.Scope().SetVersion("1.2")
	sl.Scope().Attributes().PutBool("a", true)
	r := sl.LogRecords().AppendEmpty()
	r.SetTimestamp(at)
	r.SetObservedTimestamp(at + 1)
	r.SetSeverityNumber(plog.SeverityNumberWarn2)
	r.SetSeverityText("WARNING")
	r.Body().SetStr("paid \"10\"\\\n\t\r\x00\x1f ü\u2028 </script>")
	r.SetEventName("order.paid")
	r.SetTraceID([16]byte{1, 0xab})
	r.SetSpanID([8]byte{2})
	r.SetFlags(1)
	r.SetDroppedAttributesCount(3)
	a := r.Attributes()
	a.PutStr("", "no name")
	a.PutInt("big", math.MaxInt64)
	a.PutDouble("third", 1.0/3)
	a.PutDouble("small", 1e-9)
	a.PutDouble("large", 1e300)
	a.PutDouble("nan", math.NaN())
	a.PutDouble("inf", math.Inf(-1))
	a.PutEmptyBytes("bytes").FromRaw([]byte{0, 255})
	a.PutEmptyBytes("none")
	a.PutEmpty("empty")
	a.PutEmptySlice("no elements")
	a.PutEmptyMap("no members")
	a.PutBool("yes", true)
	m := a.PutEmptyMap("map")
	m.PutStr("k", "v")
	m.PutEmptySlice("list").AppendEmpty().SetInt(1)
	m.PutEmptyMap("inner").PutBool("b", false)
	return logs
}

// first is the first record, with what it belongs to.
func first(logs plog.Logs) (plog.ResourceLogs, plog.ScopeLogs, plog.LogRecord) {
	rl := logs.ResourceLogs().At(0)
	sl := rl.ScopeLogs().At(0)
	return rl, sl, sl.LogRecords().At(0)
}

func flat(logs plog.Logs) string {
	var f Flat
	rl, sl, r := first(logs)
	f.Begin(rl.Resource(), sl.Scope())
	defer f.End()
	return string(f.AppendLog(nil, r))
}

func TestALogRecordIsAFlatDocument(t *testing.T) {
	want := `{"time":"2026-02-03T04:05:06.000000007Z","observed_time":"2026-02-03T04:05:06.000000008Z",` +
		`"severity":"WARNING","severity_number":14,"body":"paid \"10\"\\\n\t\r\u0000\u001f ü` + "\u2028" + ` </script>","event_name":"order.paid",` +
		`"trace_id":"01ab0000000000000000000000000000","span_id":"0200000000000000","flags":1,"scope":"pay",` +
		`"service.name":"orders","":"no name","big":9223372036854775807,"third":0.3333333333333333,"small":1e-09,"large":1e+300,"nan":"NaN","inf":"-Infinity",` +
		`"bytes":"AP8=","none":"","empty":null,"no elements":[],"no members":{},"yes":true,"map":{"k":"v","list":[1],"inner":{"b":false}}}`
	assert.Equal(t, want, flat(whole()))
}

func TestWhatIsNotThereIsNotInTheDocument(t *testing.T) {
	logs := plog.NewLogs()
	r := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	assert.Equal(t, `{}`, flat(logs))
	r.SetObservedTimestamp(at)
	assert.JSONEq(t, `{"time":"2026-02-03T04:05:06.000000007Z","observed_time":"2026-02-03T04:05:06.000000007Z"}`, flat(logs), "the time is when it was seen")
	r.SetObservedTimestamp(math.MaxUint64)
	assert.Contains(t, flat(logs), `"time":"2554-07-21T23:34:33.709551615Z"`)
}

func TestNamesThatMeet(t *testing.T) {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	sl := rl.ScopeLogs().AppendEmpty()
	r := sl.LogRecords().AppendEmpty()
	r.Body().SetStr("b")
	require.NoError(t, rl.Resource().Attributes().FromRaw(map[string]any{"both": "resource", "body": "resource"}))
	require.NoError(t, r.Attributes().FromRaw(map[string]any{"both": "record", "body": "record"}))
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(flat(logs)), &got))
	assert.Equal(t, map[string]any{"body": "b", "both": "record", "resource.body": "resource", "attributes.body": "record"}, got)
}

// Protobuf allows two attributes of one name.
func TestANameIsThereOnce(t *testing.T) {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	for _, few := range []bool{true, false} {
		if !few {
			for i := range 2 * fewNames {
				r.Attributes().PutInt(fmt.Sprint("n", i), int64(i))
			}
		}
		r.Attributes().PutStr("twice", "first")
		r.Attributes().PutStr("twicf", "second")
		rl.Resource().Attributes().PutStr("twice", "resource")
		encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(t, err)
		doubled, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(bytes.ReplaceAll(encoded, []byte("twicf"), []byte("twice")))
		require.NoError(t, err)
		got := flat(doubled)
		assert.Equal(t, 1, strings.Count(got, `"twice"`), got)
		assert.Contains(t, got, `"twice":"first"`)
	}
}

func TestNamesThatAreNoText(t *testing.T) {
	logs := plog.NewLogs()
	r := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.Attributes().PutInt("n\xff", 1)
	r.Attributes().PutInt("n\xfe", 2)
	assert.Equal(t, "{\"n\ufffd\":1}", flat(logs))
}

func TestManyNames(t *testing.T) {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	for i := range 10_000 {
		r.Attributes().PutInt(fmt.Sprint("record.", i), int64(i))
		rl.Resource().Attributes().PutInt(fmt.Sprint("resource.", i), int64(i))
	}
	began := time.Now()
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(flat(logs)), &got))
	assert.Len(t, got, 20_000)
	assert.Less(t, time.Since(began), 2*time.Second, "the square of so many takes more")
}

// attributesOf has attributes of any names: those of protobuf may be there twice, or no text.
func attributesOf(t *testing.T, names []string) pcommon.Map {
	t.Helper()
	field := func(dst []byte, number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), content)
	}
	var resource []byte
	for i, name := range names {
		value := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), uint64(i))
		resource = field(resource, 1, field(field(nil, 1, []byte(name)), 2, value))
	}
	logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(field(nil, 1, field(nil, 1, resource)))
	require.NoError(t, err)
	m := logs.ResourceLogs().At(0).Resource().Attributes()
	require.Equal(t, len(names), m.Len())
	return m
}

// TestKnownNamesChangeNothing: what a Flat has written before is not to be seen in what it
// writes. Some of the names have one place among those that are known.
func TestKnownNamesChangeNothing(t *testing.T) {
	names := []string{"", "a", "b", "body", "time", "name", "kind", "status", "value", "\"", "\xff", "é", strings.Repeat("n", 200)}
	for size := 40; size < 70; size++ {
		names = append(names, strings.Repeat("l", size))
	}
	places := map[int]int{}
	for i := range 200 {
		name := fmt.Sprintf("name.%d", i)
		names = append(names, name)
		places[placeOf(name)]++
	}
	met := 0
	for _, n := range places {
		met += n - 1
	}
	require.Greater(t, met, 100, "names of one place")
	dice := rand.New(rand.NewPCG(1, 2))
	fill := func(m pcommon.Map, most int) {
		for range dice.IntN(most) {
			m.PutInt(names[dice.IntN(len(names))], dice.Int64N(1000))
		}
	}
	var used Flat
	for range 300 {
		resource, scope := pcommon.NewResource(), pcommon.NewInstrumentationScope()
		fill(resource.Attributes(), 6)
		used.Begin(resource, scope)
		for range 20 {
			var fresh Flat
			fresh.Begin(resource, scope)
			r, s := plog.NewLogRecord(), ptrace.NewSpan()
			r.SetTimestamp(pcommon.Timestamp(dice.Int64N(3e9)))
			fill(r.Attributes(), 12)
			fill(s.Attributes(), 12)
			got := used.AppendLog(nil, r)
			require.Equal(t, string(fresh.AppendLog(nil, r)), string(got))
			var document map[string]any
			require.NoError(t, json.Unmarshal(got, &document))
			for name, v := range r.Attributes().All() {
				if logNames.has(name) {
					name = "attributes." + name
				}
				require.EqualValues(t, v.Int(), document[strings.ToValidUTF8(name, "\ufffd")], "%q in %s", name, got)
			}
			require.Equal(t, string(fresh.AppendSpan(nil, s)), string(used.AppendSpan(nil, s)))
		}
		used.End()
	}
}

// TestShapesChangeNothing: records of few kinds, in any order and of any resource, are written as
// by a Flat that has seen none of them.
func TestShapesChangeNothing(t *testing.T) {
	long := strings.Repeat("n", maxKnownName)
	kinds := [][]string{
		{"a", "b", "c"},
		{"a", "b", "d"},
		{"a", "c", "b"},
		{"x", "b", "c"},
		{"a", "b"},
		{"a"},
		{"b"},
		{},
		{"a", "a", "b"},
		{"body", "b", "c"},
		{"attributes.body", "b", "c"},
		{"body", "attributes.body"},
		{`"`, "b"},
		{"n\xff", "b"},
		{long, "b"},
		{long + "n", "b"},
		{"", "b"},
		{"", "c"},
		{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"},
		{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "l"},
	}
	resources := [][]string{{}, {"r", "s"}, {"r", "a"}, {"b"}, {"resource.time", "time"}, {"attributes.body", "r"}, {"r", "r", "c"}}
	dice := rand.New(rand.NewPCG(3, 4))
	var used Flat
	hits := 0
	for range 1000 {
		resource := pcommon.NewResource()
		attributesOf(t, resources[dice.IntN(len(resources))]).MoveTo(resource.Attributes())
		used.Begin(resource, pcommon.NewInstrumentationScope())
		kind, front := kinds[dice.IntN(len(kinds))], logNames
		for range 12 {
			switch dice.IntN(6) {
			case 0:
				kind = kinds[dice.IntN(len(kinds))]
			case 1:
				front = []*nameSet{logNames, spanNames}[dice.IntN(2)]
			}
			item := attributesOf(t, kind)
			for _, v := range item.All() {
				v.SetStr(strings.Repeat("v", dice.IntN(100)))
			}
			var fresh Flat
			fresh.Begin(resource, pcommon.NewInstrumentationScope())
			got, want := begin([]byte("before")), begin([]byte("before"))
			if dice.IntN(2) == 0 {
				got.integer("first", 1)
				want.integer("first", 1)
			}
			s := &used.shapes[len(kind)%shapeCount]
			trust := s.trust
			used.attributes(&got, item, front)
			fresh.attributes(&want, item, front)
			require.Equal(t, string(want.end()), string(got.end()), "%q of %q", kind, resource.Attributes().AsRaw())
			if trust > 0 && (s.trust > trust || s.trust == maxTrust) {
				hits++
			}
		}
		if dice.IntN(4) == 0 {
			used.End()
		}
	}
	assert.Greater(t, hits, 3000, "records that were written by their shape")
}

// TestFewNamesAreWrittenAsMany writes attributes in both ways.
func TestFewNamesAreWrittenAsMany(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	names := []string{
		"a", "b", "ab", "ba", "", "body", "attributes.body", "resource.body", "time", "n\xff", "n\xfe", "n\ufffd", `"`, `\`, "ü",
		"a.longer.name.of.something", "a.longer.name.of.somethinf",
	}
	some := func() pcommon.Map {
		list := make([]string, dice.IntN(fewNames/2))
		for i := range list {
			list[i] = names[dice.IntN(len(names))]
		}
		return attributesOf(t, list)
	}
	var f Flat
	met := 0
	for range 5000 {
		resource := pcommon.NewResource()
		some().MoveTo(resource.Attributes())
		f.Begin(resource, pcommon.NewInstrumentationScope())
		for range 3 {
			item := some()
			few, many := begin([]byte("before")), begin([]byte("before"))
			if dice.IntN(2) == 0 {
				few.integer("first", 1)
				many.integer("first", 1)
			}
			f.attributes(&few, item, logNames)
			f.manyAttributes(&many, item, logNames)
			require.Equal(t, string(many.end()), string(few.end()))
			if !bytes.Contains(few.dst, f.membersText) {
				met++
			}
		}
		if dice.IntN(2) == 0 {
			f.End()
		}
	}
	assert.Greater(t, met, 1000, "names that a resource and a record both have")
}

func TestASpanIsAFlatDocument(t *testing.T) {
	span := ptrace.NewSpan()
	resource := pcommon.NewResource()
	scope := pcommon.NewInstrumentationScope()
	resource.Attributes().PutStr("service.name", "orders")
	scope.SetName("pay")
	span.SetStartTimestamp(at)
	span.SetEndTimestamp(at + 2)
	span.SetName("GET /")
	span.SetKind(ptrace.SpanKindServer)
	span.SetTraceID([16]byte{1})
	span.SetSpanID([8]byte{2})
	span.SetParentSpanID([8]byte{3})
	span.TraceState().FromRaw("a=b")
	span.SetFlags(1)
	span.Status().SetCode(ptrace.StatusCodeError)
	span.Status().SetMessage("no")
	span.Attributes().PutStr("kind", "odd")
	for _, name := range []string{"first", "second"} {
		e := span.Events().AppendEmpty()
		e.SetName(name)
		e.SetTimestamp(at)
		e.Attributes().PutInt("n", 1)
	}
	l := span.Links().AppendEmpty()
	l.SetTraceID([16]byte{4})
	l.SetSpanID([8]byte{5})
	l.TraceState().FromRaw("c=d")
	l.Attributes().PutBool("y", true)
	var f Flat
	f.Begin(resource, scope)
	assert.JSONEq(t, `{"start_time":"2026-02-03T04:05:06.000000007Z","end_time":"2026-02-03T04:05:06.000000009Z","name":"GET /","kind":"server",`+
		`"status":"error","status_message":"no","trace_id":"01000000000000000000000000000000","span_id":"0200000000000000","parent_span_id":"0300000000000000",`+
		`"trace_state":"a=b","flags":1,"scope":"pay",`+
		`"events":[{"time":"2026-02-03T04:05:06.000000007Z","name":"first","attributes":{"n":1}},{"time":"2026-02-03T04:05:06.000000007Z","name":"second","attributes":{"n":1}}],`+
		`"links":[{"trace_id":"04000000000000000000000000000000","span_id":"0500000000000000","trace_state":"c=d","attributes":{"y":true}}],`+
		`"service.name":"orders","attributes.kind":"odd"}`, string(f.AppendSpan(nil, span)))

	other := ptrace.NewSpan()
	other.SetKind(77)
	other.Status().SetCode(ptrace.StatusCodeOk)
	assert.JSONEq(t, `{"status":"ok","scope":"pay","service.name":"orders"}`, string(f.AppendSpan(nil, other)))
}

func TestADataPointIsAFlatDocument(t *testing.T) {
	var f Flat
	f.Begin(pcommon.NewResource(), pcommon.NewInstrumentationScope())
	const times = `"time":"2026-02-03T04:05:06.000000007Z","start_time":"2026-02-03T04:05:06.000000006Z",`
	for want, fill := range map[string]func(pmetric.Metric){
		`{"name":"m","unit":"s","type":"gauge",` + times + `"value":1.5,"a":"b"}`: func(m pmetric.Metric) {
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetStartTimestamp(at - 1)
			p.SetDoubleValue(1.5)
			p.Attributes().PutStr("a", "b")
		},
		`{"name":"m","unit":"s","type":"gauge","flags":1}`: func(m pmetric.Metric) {
			m.SetEmptyGauge().DataPoints().AppendEmpty().SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		},
		`{"name":"m","unit":"s","type":"sum","temporality":"delta","monotonic":true,` + times + `"value":7,"attributes.value":"b"}`: func(m pmetric.Metric) {
			s := m.SetEmptySum()
			s.SetIsMonotonic(true)
			s.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			p := s.DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetStartTimestamp(at - 1)
			p.SetIntValue(7)
			p.Attributes().PutStr("value", "b")
		},
		`{"name":"m","unit":"s","type":"histogram","temporality":"cumulative",` + times + `"count":3,"sum":4,"min":1,"max":2,"buckets":[1,2],"bounds":[0.5]}`: func(m pmetric.Metric) {
			h := m.SetEmptyHistogram()
			h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := h.DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetStartTimestamp(at - 1)
			p.SetCount(3)
			p.SetSum(4)
			p.SetMin(1)
			p.SetMax(2)
			p.BucketCounts().FromRaw([]uint64{1, 2})
			p.ExplicitBounds().FromRaw([]float64{0.5})
		},
		`{"name":"m","unit":"s","type":"exponential_histogram",` + times + `"count":3,"sum":4,"min":1,"max":2,"scale":-1,"zero_count":5,"zero_threshold":0.25,"positive":{"offset":2,"buckets":[1]},"negative":{"offset":0,"buckets":[3,4]}}`: func(m pmetric.Metric) {
			p := m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetStartTimestamp(at - 1)
			p.SetCount(3)
			p.SetSum(4)
			p.SetMin(1)
			p.SetMax(2)
			p.SetScale(-1)
			p.SetZeroCount(5)
			p.SetZeroThreshold(0.25)
			p.Positive().SetOffset(2)
			p.Positive().BucketCounts().FromRaw([]uint64{1})
			p.Negative().BucketCounts().FromRaw([]uint64{3, 4})
		},
		`{"name":"m","unit":"s","type":"summary",` + times + `"count":3,"sum":4,"quantiles":[{"quantile":0.5,"value":1},{"quantile":1,"value":2}]}`: func(m pmetric.Metric) {
			p := m.SetEmptySummary().DataPoints().AppendEmpty()
			p.SetTimestamp(at)
			p.SetStartTimestamp(at - 1)
			p.SetCount(3)
			p.SetSum(4)
			q := p.QuantileValues().AppendEmpty()
			q.SetQuantile(0.5)
			q.SetValue(1)
			q = p.QuantileValues().AppendEmpty()
			q.SetQuantile(1)
			q.SetValue(2)
		},
	} {
		m := pmetric.NewMetric()
		m.SetName("m")
		m.SetUnit("s")
		fill(m)
		got := string(f.AppendPoint([]byte("before"), m, 0))
		if strings.Contains(want, `"time"`) {
			want = withUID(want)
		}
		assert.Equal(t, "before"+want, got)
	}
}

// withUID puts the uid of docs/format/kinesis.md into a data point's document.
func withUID(document string) string {
	said := strings.TrimSuffix(document, "}")
	sum := sha256.Sum256([]byte(said))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf(`%s,"heartwood.record.uid":"%x-%x-%x-%x-%x"}`, said, sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func TestTheSameDataPointHasTheSameUID(t *testing.T) {
	resource, scope := pcommon.NewResource(), pcommon.NewInstrumentationScope()
	m := pmetric.NewMetric()
	p := m.SetEmptySum().DataPoints().AppendEmpty()
	p.SetTimestamp(at)
	var f Flat
	uid := func() (uid string) {
		f.Begin(resource, scope)
		var d map[string]any
		require.NoError(t, json.Unmarshal(f.AppendPoint(nil, m, 0), &d))
		uid, _ = d["heartwood.record.uid"].(string)
		return uid
	}
	seen := map[string]bool{}
	for _, change := range []func(){
		func() {},
		func() { p.SetIntValue(1) },
		func() { p.SetTimestamp(at + 1) },
		func() { p.SetStartTimestamp(at) },
		func() { p.Attributes().PutStr("a", "b") },
		func() { p.Attributes().PutStr("heartwood.record.uid", "foreign") },
		func() { resource.Attributes().PutStr("service.name", "orders") },
		func() { resource.Attributes().PutStr("heartwood.record.uid", "foreign") },
		func() { scope.SetName("pay") },
		func() { m.SetName("orders") },
		func() { m.SetUnit("s") },
		func() { m.Sum().SetIsMonotonic(true) },
		func() { m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta) },
	} {
		change()
		id := uid()
		assert.Len(t, id, 36)
		assert.Equal(t, id, uid())
		assert.False(t, seen[id])
		seen[id] = true
	}
}

func BenchmarkLog(b *testing.B) {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	for _, name := range []string{"service.name", "service.version", "service.instance.id", "host.name"} {
		rl.Resource().Attributes().PutStr(name, "orders-7d9f8b6c54")
	}
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(at)
	r.SetSeverityText("INFO")
	r.Body().SetStr("order 17 was paid in 42 ms")
	r.SetTraceID([16]byte{1, 2})
	a := r.Attributes()
	for _, name := range []string{"log.record.uid", "request.id", "http.request.method", "url.path", "client.address", "user_agent.original", "enduser.id"} {
		a.PutStr(name, "01890a5d-ac96-774b-bcce-b302099a0017")
	}
	a.PutInt("http.response.status_code", 200)
	a.PutDouble("measure.elapsed", 17.25)
	var f Flat
	f.Begin(rl.Resource(), rl.ScopeLogs().At(0).Scope())
	dst := f.AppendLog(nil, r)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = f.AppendLog(dst[:0], r)
	}
	require.True(b, json.Valid(dst))
}

func BenchmarkPoint(b *testing.B) {
	resource := pcommon.NewResource()
	for _, name := range []string{"service.name", "service.namespace", "service.version", "host.name", "k8s.pod.name", "deployment.environment.name"} {
		resource.Attributes().PutStr(name, "orders-7d9f8b6c54")
	}
	m := pmetric.NewMetric()
	m.SetName("http.server.request.count")
	m.SetUnit("{request}")
	p := m.SetEmptySum().DataPoints().AppendEmpty()
	p.SetStartTimestamp(at)
	p.SetIntValue(12_345)
	p.Attributes().PutStr("http.route", "/orders/{id}")
	p.Attributes().PutInt("http.response.status_code", 200)
	var f Flat
	f.Begin(resource, pcommon.NewInstrumentationScope())
	for _, with := range []bool{false, true} {
		p.SetTimestamp(0)
		if with {
			p.SetTimestamp(at)
		}
		b.Run(fmt.Sprintf("uid=%v", with), func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = f.AppendPoint(dst[:0], m, 0)
			}
			require.Equal(b, with, bytes.Contains(dst, []byte(uidName)))
			b.SetBytes(int64(len(dst)))
		})
	}
}

func requireCollectorsForm(tb testing.TB, logs plog.Logs) {
	tb.Helper()
	var o OTLPLog
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			require.NoError(tb, o.Begin(rl, sl))
			for _, r := range sl.LogRecords().All() {
				single := plog.NewLogs()
				to := single.ResourceLogs().AppendEmpty()
				rl.Resource().CopyTo(to.Resource())
				to.SetSchemaUrl(rl.SchemaUrl())
				scope := to.ScopeLogs().AppendEmpty()
				sl.Scope().CopyTo(scope.Scope())
				scope.SetSchemaUrl(sl.SchemaUrl())
				r.CopyTo(scope.LogRecords().AppendEmpty())
				want, err := (&plog.JSONMarshaler{}).MarshalLogs(single)
				require.NoError(tb, err)
				got := o.AppendLog([]byte("kept"), r)
				require.Equal(tb, "kept"+string(bytes.ToValidUTF8(want, []byte("\ufffd"))), string(got))
			}
		}
	}
}

func TestOTLPIsWrittenAsTheCollectorDoes(t *testing.T) {
	requireCollectorsForm(t, whole())
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	// What looks like the place of a record.
	rl.Resource().Attributes().PutStr(`{"body":{}}`, `"logRecords":[{"body":{}}]`)
	r := rl.ScopeLogs().AppendEmpty().LogRecords()
	r.AppendEmpty()
	r.AppendEmpty().Body().SetStr("\xff\xfe text \xc3")
	requireCollectorsForm(t, logs)
}

// FuzzLogs: OTLP is as the Collector writes it, and flat documents are JSON in which
// each name is once.
func FuzzLogs(f *testing.F) {
	for _, logs := range []plog.Logs{whole(), plog.NewLogs()} {
		encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(f, err)
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
		if err != nil {
			return
		}
		requireCollectorsForm(t, logs)
		var flat Flat
		for _, rl := range logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				flat.Begin(rl.Resource(), sl.Scope())
				for _, r := range sl.LogRecords().All() {
					requireNamesOnce(t, flat.AppendLog(nil, r))
				}
			}
		}
	})
}

func requireNamesOnce(tb testing.TB, document []byte) {
	tb.Helper()
	require.True(tb, json.Valid(document), "%q", document)
	decoder := json.NewDecoder(bytes.NewReader(document))
	_, err := decoder.Token()
	require.NoError(tb, err)
	seen := map[string]bool{}
	for decoder.More() {
		name, err := decoder.Token()
		require.NoError(tb, err)
		require.False(tb, seen[name.(string)], "%q is there twice in %q", name, document)
		seen[name.(string)] = true
		var value json.RawMessage
		require.NoError(tb, decoder.Decode(&value))
	}
}
