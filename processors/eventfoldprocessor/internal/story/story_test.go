package story

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// partsOf gives the records as parts.
func partsOf(logs plog.Logs) (parts []Part) {
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				parts = append(parts, Part{rl, sl, r})
			}
		}
	}
	return parts
}

// built is one event of the parts.
func built(set Settings, ev Event) (plog.ResourceLogs, plog.LogRecord) {
	logs := plog.NewLogs()
	New(set).AppendTo(logs.ResourceLogs(), ev)
	rl := logs.ResourceLogs().At(0)
	return rl, rl.ScopeLogs().At(0).LogRecords().At(0)
}

// record is a part of a test; at is in seconds.
type record struct {
	at    float64
	body  string
	attrs map[string]any
	sev   plog.SeverityNumber
}

func logsOf(service string, records ...record) plog.Logs {
	logs := plog.NewLogs()
	appendTo(logs, service, records...)
	return logs
}

func appendTo(logs plog.Logs, service string, records ...record) {
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", service)
	sl := rl.ScopeLogs().AppendEmpty()
	for _, one := range records {
		r := sl.LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.Timestamp(1_700_000_000_000_000_000 + int64(one.at*1e9)))
		r.Body().SetStr(one.body)
		r.SetSeverityNumber(one.sev)
		if one.sev != 0 {
			r.SetSeverityText(one.sev.String())
		}
		for key, value := range one.attrs {
			_ = r.Attributes().PutEmpty(key).FromRaw(value)
		}
	}
}

func attr(r plog.LogRecord, name string) any {
	v, ok := r.Attributes().Get(name)
	if !ok {
		return nil
	}
	return v.AsRaw()
}

func TestWhatAnEventSays(t *testing.T) {
	logs := logsOf("shop",
		record{at: 1, body: "second", sev: plog.SeverityNumberInfo, attrs: map[string]any{"request.id": "r", "http.response.status_code": 200, "n": 1, "log.record.uid": "a"}},
		record{at: 0, body: "first", sev: plog.SeverityNumberDebug, attrs: map[string]any{"request.id": "r", "log.record.uid": "b"}},
		record{at: 2.5, body: "third", sev: plog.SeverityNumberError, attrs: map[string]any{"request.id": "r", "exception.type": "E", "exception.message": "m", "http.response.status_code": 404, "n": 1}},
		record{at: 2.5, body: "fourth", sev: plog.SeverityNumberError2, attrs: map[string]any{"request.id": "r", "exception.type": "F", "n": 2}},
	)
	parts := partsOf(logs)
	parts[0].Record.SetTraceID([16]byte{1})
	parts[1].Record.SetTraceID([16]byte{1})
	parts[0].Record.SetSpanID([8]byte{1})
	parts[1].Record.SetSpanID([8]byte{2})
	parts[2].Record.SetEventName("e")
	rl, event := built(Settings{Style: Canonical}, Event{ID: recorduid.UUID{1}, Previous: recorduid.UUID{2}, Reason: MaxBytes, Complete: true, Parts: parts})
	assert.Equal(t, map[string]any{
		"fold.id": "01000000-0000-0000-0000-000000000000", "fold.previous": "02000000-0000-0000-0000-000000000000",
		"fold.outcome": "failure", "fold.count": int64(4), "fold.duration": 2.5, "fold.reason": "max_bytes", "fold.complete": true,
		"fold.span_ids":  []any{"0200000000000000", "0100000000000000"},
		"log.record.uid": "01000000-0000-0000-0000-000000000000",
		"request.id":     "r", "http.response.status_code": []any{int64(200), int64(404)}, "n": []any{int64(1), int64(2)},
		"exception.type": "E", "exception.message": "m",
	}, event.Attributes().AsRaw())
	assert.Equal(t, "fourth", event.Body().Str())
	assert.Equal(t, plog.SeverityNumberError2, event.SeverityNumber())
	assert.Equal(t, "Error2", event.SeverityText())
	assert.Equal(t, pcommon.TraceID{1}, event.TraceID())
	assert.Equal(t, pcommon.SpanID{}, event.SpanID())
	assert.Equal(t, "e", event.EventName())
	assert.Equal(t, pcommon.Timestamp(1_700_000_000_000_000_000), event.Timestamp())
	assert.Equal(t, map[string]any{"service.name": "shop"}, rl.Resource().Attributes().AsRaw())
}

func TestStrategies(t *testing.T) {
	values := []any{2, 3.5, 2, "x", nil}
	for name, c := range map[string]struct {
		how  Strategy
		vals []any
		want any
	}{
		"first":              {First, values, int64(2)},
		"last":               {Last, []any{1, 2, 3}, int64(3)},
		"min":                {Min, []any{3, 1.5, 2}, 1.5},
		"max":                {Max, []any{3, 7, 2}, int64(7)},
		"max of texts":       {Max, []any{"a", "c", "b"}, "c"},
		"min makes no sense": {Min, []any{1, "a", 1}, []any{int64(1), "a"}},
		"sum":                {Sum, []any{1, 2, 3}, int64(6)},
		"sum of mixed":       {Sum, []any{1, 2.5}, 3.5},
		"sum of equal":       {Sum, []any{200, 200}, int64(400)},
		"sum that overflows": {Sum, []any{int64(1) << 62, int64(1) << 62}, float64(int64(1)<<62) * 2},
		"sum of texts":       {Sum, []any{"a", "b"}, []any{"a", "b"}},
		"sum of one text":    {Sum, []any{"a", "a"}, "a"},
		"count":              {Count, []any{"a", "b", "a"}, int64(3)},
		"list":               {List, []any{1, 2, 1}, []any{int64(1), int64(2), int64(1)}},
		"unique":             {Unique, []any{1, "1", 1, 1.0}, []any{int64(1), "1", 1.0}},
		"unique of equal":    {Unique, []any{200, 200}, int64(200)},
	} {
		t.Run(name, func(t *testing.T) {
			var records []record
			for _, v := range c.vals {
				records = append(records, record{attrs: map[string]any{"k": v}})
			}
			set := Settings{Style: Canonical, Merge: MergeSettings{Keys: map[string]Strategy{"k": c.how}}}
			_, event := built(set, Event{Parts: partsOf(logsOf("s", records...))})
			assert.Equal(t, c.want, attr(event, "k"))
		})
	}
}

func TestManyValuesStayDistinct(t *testing.T) {
	var records []record
	for n := range 3000 {
		records = append(records, record{attrs: map[string]any{"k": strconv.Itoa(n % 1000)}})
	}
	_, event := built(Settings{Style: Canonical}, Event{Parts: partsOf(logsOf("s", records...))})
	assert.Len(t, attr(event, "k"), 1000)
}

func TestOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		reason Reason
		in     []record
		want   string
	}{
		"nothing is known":    {Idle, []record{{}}, unknown},
		"it ended":            {Ended, []record{{}}, success},
		"a status":            {Idle, []record{{attrs: map[string]any{"status": 302}}}, success},
		"a status of failure": {Ended, []record{{attrs: map[string]any{"http.status_code": 500}}, {attrs: map[string]any{"status": 200}}}, failure},
		"no status":           {Idle, []record{{attrs: map[string]any{"status": 7}}}, unknown},
		"an error":            {Ended, []record{{sev: plog.SeverityNumberError}}, failure},
		"a fraction's status": {Ended, []record{{attrs: map[string]any{"status": 503.0}}}, failure},
		"two of one part":     {Ended, []record{{attrs: map[string]any{"http.response.status_code": 200, "status": 500}}}, failure},
		"an exception's text": {Ended, []record{{attrs: map[string]any{"exception.message": "m"}}}, failure},
		"an exception":        {Ended, []record{{attrs: map[string]any{"exception.type": "E"}}}, failure},
		"the stage before":    {Ended, []record{{attrs: map[string]any{"fold.outcome": "failure"}}}, failure},
		"a good stage before": {Idle, []record{{attrs: map[string]any{"fold.outcome": "success"}, sev: plog.SeverityNumberError}}, success},
	} {
		t.Run(name, func(t *testing.T) {
			_, event := built(Settings{}, Event{Reason: c.reason, Parts: partsOf(logsOf("s", c.in...))})
			assert.Equal(t, c.want, attr(event, "fold.outcome"))
		})
	}
}

// TestTwoStages: events of services become one of the request, and the records come out
// again.
func TestTwoStages(t *testing.T) {
	original := plog.NewLogs()
	appendTo(original, "purchasing", record{at: 0, body: "buy", attrs: map[string]any{"request.id": "r"}}, record{at: 3, body: "bought", attrs: map[string]any{"request.id": "r", "n": 1}})
	appendTo(original, "ordering", record{at: 1, body: "order", sev: plog.SeverityNumberError, attrs: map[string]any{"request.id": "r"}})
	services := plog.NewLogs()
	b := New(Settings{})
	for i, rl := range clone(original).ResourceLogs().All() {
		one := plog.NewLogs()
		rl.CopyTo(one.ResourceLogs().AppendEmpty())
		b.AppendTo(services.ResourceLogs(), Event{ID: recorduid.UUID{byte(i + 1)}, Parts: partsOf(one)})
		if i == 0 { // it came early, too
			early := plog.NewLogs()
			original.ResourceLogs().At(0).CopyTo(early.ResourceLogs().AppendEmpty())
			b.AppendTo(services.ResourceLogs(), Event{ID: recorduid.UUID{1}, Early: true, Parts: partsOf(early)[:1]})
		}
	}
	rl, event := built(Settings{}, Event{ID: recorduid.UUID{9}, Parts: partsOf(services)})
	assert.EqualValues(t, 3, attr(event, "fold.count"), "of original records")
	assert.InDelta(t, 3, attr(event, "fold.duration"), 1e-9)
	assert.Equal(t, "failure", attr(event, "fold.outcome"))
	assert.Equal(t, map[string]any{"service.name": []any{"purchasing", "ordering"}}, rl.Resource().Attributes().AsRaw())
	assert.Equal(t, "r", attr(event, "request.id"))
	body := event.Body().AsRaw().(map[string]any)
	require.Len(t, body["parts"], 2, "the early one is left out")
	assert.Equal(t, "ordering", body["parts"].([]any)[1].(map[string]any)["service"])

	again, err := Originals(rl, rl.ScopeLogs().At(0), event, 1<<30)
	require.NoError(t, err)
	requireSame(t, original, again)
}

func clone(logs plog.Logs) plog.Logs {
	out := plog.NewLogs()
	logs.CopyTo(out)
	return out
}

// flatten gives each record with its origin as a text that tells all there is.
func flatten(logs plog.Logs) (out []string) {
	for _, p := range partsOf(logs) {
		r, resource, scope := p.Record, p.ResourceLogs.Resource(), p.ScopeLogs.Scope()
		out = append(out, fmt.Sprint(r.Timestamp(), r.ObservedTimestamp(), r.SeverityNumber(), r.SeverityText(), r.EventName(), r.Flags(), r.TraceID(), r.SpanID(), r.DroppedAttributesCount(),
			fmt.Sprintf(" %#v %#v", r.Body().AsRaw(), r.Attributes().AsRaw()),
			fmt.Sprintf(" %#v %d %s", resource.Attributes().AsRaw(), resource.DroppedAttributesCount(), p.ResourceLogs.SchemaUrl()),
			fmt.Sprintf(" %s %s %#v %d %s", scope.Name(), scope.Version(), scope.Attributes().AsRaw(), scope.DroppedAttributesCount(), p.ScopeLogs.SchemaUrl())))
	}
	return out
}

func requireSame(tb testing.TB, want, got plog.Logs) {
	tb.Helper()
	require.ElementsMatch(tb, flatten(want), flatten(got))
}

// random makes records of all kinds.
func random(seed uint64) plog.Logs {
	dice := rand.New(rand.NewPCG(seed, 1))
	logs := plog.NewLogs()
	var value func(v pcommon.Value, depth int)
	value = func(v pcommon.Value, depth int) {
		switch n := dice.IntN(8); {
		case n == 0:
			v.SetInt(dice.Int64() - dice.Int64())
		case n == 1:
			v.SetDouble(dice.NormFloat64())
		case n == 2:
			v.SetBool(true)
		case n == 3:
			v.SetEmptyBytes().FromRaw([]byte{0, 1, byte(dice.IntN(256))})
		case n == 4 && depth < 3:
			for k := range dice.IntN(3) {
				value(v.SetEmptyMap().PutEmpty(fmt.Sprint("k", k)), depth+1)
			}
		case n == 5 && depth < 3:
			for range dice.IntN(3) {
				value(v.SetEmptySlice().AppendEmpty(), depth+1)
			}
		case n == 6: // nothing
		default:
			v.SetStr(fmt.Sprint("text ", dice.IntN(3)))
		}
	}
	attributes := func(m pcommon.Map) {
		for n := range dice.IntN(5) {
			value(m.PutEmpty(fmt.Sprint("a", n)), 0)
		}
	}
	for range 1 + dice.IntN(3) {
		rl := logs.ResourceLogs().AppendEmpty()
		attributes(rl.Resource().Attributes())
		rl.SetSchemaUrl([]string{"", "url"}[dice.IntN(2)])
		rl.Resource().SetDroppedAttributesCount(uint32(dice.IntN(2)))
		for range 1 + dice.IntN(2) {
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName([]string{"", "scope"}[dice.IntN(2)])
			sl.Scope().SetVersion([]string{"", "1"}[dice.IntN(2)])
			attributes(sl.Scope().Attributes())
			for range 1 + dice.IntN(4) {
				r := sl.LogRecords().AppendEmpty()
				r.SetTimestamp(pcommon.Timestamp(dice.IntN(3)) * pcommon.Timestamp(time.Second))
				r.SetObservedTimestamp(pcommon.Timestamp(dice.IntN(3) * 1_000_000_007))
				r.SetSeverityNumber(plog.SeverityNumber(dice.IntN(25)))
				r.SetSeverityText([]string{"", "INFO"}[dice.IntN(2)])
				r.SetEventName([]string{"", "event"}[dice.IntN(2)])
				r.SetFlags(plog.LogRecordFlags(dice.IntN(2)))
				r.SetDroppedAttributesCount(uint32(dice.IntN(2)))
				r.SetTraceID([16]byte{15: byte(dice.IntN(3))})
				r.SetSpanID([8]byte{7: byte(dice.IntN(3))})
				value(r.Body(), 0)
				attributes(r.Attributes())
				r.Attributes().PutStr("request.id", "r")
				r.Attributes().PutStr("log.record.uid", strconv.Itoa(dice.Int()))
			}
		}
	}
	return logs
}

func roundTrip(t *testing.T, seed uint64) {
	t.Helper()
	want := random(seed)
	events := plog.NewLogs()
	New(Settings{}).AppendTo(events.ResourceLogs(), Event{ID: recorduid.UUID{1}, Parts: partsOf(clone(want))})
	encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(events)
	require.NoError(t, err)
	decoded, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
	require.NoError(t, err)
	text, err := (&plog.JSONMarshaler{}).MarshalLogs(decoded)
	require.NoError(t, err)
	decoded, err = (&plog.JSONUnmarshaler{}).UnmarshalLogs(text)
	require.NoError(t, err)
	rl := decoded.ResourceLogs().At(0)
	got, err := Originals(rl, rl.ScopeLogs().At(0), rl.ScopeLogs().At(0).LogRecords().At(0), 1<<30)
	require.NoError(t, err)
	requireSame(t, want, got)
}

func TestDocumentsGiveTheOriginalsBack(t *testing.T) {
	for seed := range uint64(500) {
		roundTrip(t, seed)
	}
}

func FuzzDocumentsGiveTheOriginalsBack(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(roundTrip)
}

// FuzzOriginals: what is no document is an error.
func FuzzOriginals(f *testing.F) {
	events := plog.NewLogs()
	New(Settings{}).AppendTo(events.ResourceLogs(), Event{ID: recorduid.UUID{1}, Parts: partsOf(random(3))})
	encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(events)
	require.NoError(f, err)
	f.Add(encoded)
	f.Fuzz(func(_ *testing.T, data []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(data)
		if err != nil {
			return
		}
		for _, p := range partsOf(logs) {
			_, _ = Originals(p.ResourceLogs, p.ScopeLogs, p.Record, 1<<30)
		}
	})
}

func TestNoDocument(t *testing.T) {
	logs := logsOf("s", record{body: "text"})
	p := partsOf(logs)[0]
	_, err := Originals(p.ResourceLogs, p.ScopeLogs, p.Record, 1<<30)
	require.ErrorIs(t, err, errNoDocument)

	for name, part := range map[string]any{
		"no map":              "text",
		"an origin not there": map[string]any{"origin": 3},
		"an id that is none":  map[string]any{"trace_id": "xyz"},
		"an id that is short": map[string]any{"span_id": "00"},
	} {
		p.Record.Attributes().PutStr("fold.id", "x")
		require.NoError(t, p.Record.Body().SetEmptyMap().FromRaw(map[string]any{"parts": []any{part}}))
		_, err := Originals(p.ResourceLogs, p.ScopeLogs, p.Record, 1<<30)
		require.ErrorIs(t, err, errNoDocument, name)
	}
}

// TestLogTrace: by the rules of LogTrace 0.1.2; integration/ compares with the module.
func TestLogTrace(t *testing.T) {
	parts := func() []Part {
		return partsOf(logsOf("s",
			record{at: 0, body: "num_items=9", attrs: map[string]any{"code.line.number": 12, "code.function.name": "std", "code.file.path": "/app/x.py"}},
			record{at: 0.00005, body: "", attrs: map[string]any{"code.line.number": 13}},
			record{at: 1.23456, body: "mean=5", attrs: map[string]any{"code.line.number": 14, "code.function.name": "std", "code.file.path": "/app/x.py"}},
			record{at: 1.5, body: "no place"},
		))
	}
	for _, c := range []struct {
		set  LogTraceSettings
		want string
	}{
		{LogTraceSettings{Verbosity: "v", Delimiter: "; "}, "[12, 0.0000s] num_items=9; [14, 1.2346s] mean=5; [1.5000s] no place"},
		{LogTraceSettings{Verbosity: "vv", Delimiter: " | "}, "[std:12, 0.0000s] num_items=9 | [std:14, 1.2346s] mean=5 | [1.5000s] no place"},
		{LogTraceSettings{Verbosity: "vvv", Delimiter: "; "}, "[/app/x.py.std:12, 0.0000s] num_items=9; [/app/x.py.std:14, 1.2346s] mean=5; [1.5000s] no place"},
		{LogTraceSettings{Verbosity: "v", Delimiter: "; ", Tag: "STDDEV", UID: "fold.id"}, "uid=01000000-0000-0000-0000-000000000000; #STDDEV; [12, 0.0000s] num_items=9; [14, 1.2346s] mean=5; [1.5000s] no place"},
		{LogTraceSettings{Verbosity: "v", Delimiter: "; ", Tag: "#T", UID: "not.there"}, "#T; [12, 0.0000s] num_items=9; [14, 1.2346s] mean=5; [1.5000s] no place"},
	} {
		_, event := built(Settings{Style: LogTrace, LogTrace: c.set}, Event{ID: recorduid.UUID{1}, Parts: parts()})
		assert.Equal(t, c.want, event.Body().Str())
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, style := range []Style{Document, LogTrace, Canonical} {
		for _, count := range []int{2, 8, 100, 1000} {
			b.Run(fmt.Sprintf("style=%d/parts=%d", style, count), func(b *testing.B) {
				var records []record
				for n := range count {
					records = append(records, record{at: float64(n), body: "something was done", attrs: map[string]any{
						"request.id": "r", "code.line.number": n, "user.id": "u", "n": n, "path": "/x", "elapsed": 1.5, "ok": true, "tenant": "t", "code.function.name": "f", "log.record.uid": strconv.Itoa(n),
					}})
				}
				encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(logsOf("s", records...))
				require.NoError(b, err)
				builder := New(Settings{Style: style, LogTrace: LogTraceSettings{Verbosity: "v", Delimiter: "; "}})
				b.ReportAllocs()
				events := 0
				for b.Loop() {
					logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
					if err != nil {
						b.Fatal(err)
					}
					out := plog.NewLogs()
					builder.AppendTo(out.ResourceLogs(), Event{Parts: partsOf(logs)})
					events += out.LogRecordCount()
				}
				require.Equal(b, b.N, events)
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/record")
			})
		}
	}
}
