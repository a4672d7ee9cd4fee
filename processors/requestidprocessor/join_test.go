package requestidprocessor

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/processors/requestidprocessor/internal/metadata"
)

const someTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestTraceparentFillsEachOnlyWhereEmpty(t *testing.T) {
	b := start(t, "{}")
	logs, r := one(nil, attrs{"traceparent": someTraceparent[:53] + "00"}, "", pcommon.TraceID{})
	r.SetSpanID(pcommon.SpanID{1})
	r.SetFlags(plog.DefaultLogRecordFlags.WithIsSampled(true))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.False(t, r.TraceID().IsEmpty())
	assert.Equal(t, pcommon.SpanID{1}, r.SpanID())
	assert.True(t, r.Flags().IsSampled())
	b.stop(t)
}

func TestTraceparentsInText(t *testing.T) {
	for text, want := range map[string]bool{
		"traceparent=" + someTraceparent:                  true,
		"Traceparent: " + someTraceparent + ", x":         true,
		`{"traceparent":"` + someTraceparent + `"}`:       true,
		"traceparent=cc" + someTraceparent[2:] + "-more":  true,
		"traceparent=" + someTraceparent + "abcdef":       false,
		"traceparent=" + someTraceparent + "-more":        false,
		"traceparent=" + strings.ToUpper(someTraceparent): false,
		"traceparent is not " + someTraceparent:           false,
		"traceparent traceparent=" + someTraceparent:      true,
		"traceparent=" + someTraceparent[:54]:             false,
	} {
		_, ok := findTraceparent(text)
		assert.Equal(t, want, ok, text)
	}
}

// TestTraceparentsAreLookedForInLinearTime: a text may name the word as often as it can.
// Looking through all that follows each one takes minutes for this one.
func TestTraceparentsAreLookedForInLinearTime(t *testing.T) {
	text := strings.Repeat("raceparent", 200_000)
	begin := time.Now()
	_, ok := findTraceparent(text)
	assert.False(t, ok)
	_, ok = findTraceparent(text + "=" + someTraceparent)
	assert.True(t, ok)
	assert.Less(t, time.Since(begin), 20*time.Second)
}

func TestAResourcesTraceparentIsTheProcesss(t *testing.T) {
	b := start(t, "{generate: none}")
	logs, r := one(attrs{"traceparent": someTraceparent}, nil, "", pcommon.TraceID{})
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.True(t, r.TraceID().IsEmpty())
	b.stop(t)
}

func TestARequestIDThatIsNoTextStays(t *testing.T) {
	for name, value := range map[string]any{
		"map": map[string]any{"a": "b"}, "list of lists": []any{[]any{"x"}}, "double": 1.5, "bytes": []byte{1}, "bool": true,
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, "{}")
			logs, r := one(nil, attrs{"request.id": value}, "", trace(1))
			require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
			assert.Equal(t, value, idOf(r.Attributes()))
			if _, list := value.([]any); !list {
				assert.EqualValues(t, 1, b.sum(t, "refused", "characters"))
			}
			b.stop(t)
		})
	}
}

func TestAFoundIDTakesThePlaceOfAGeneratedOne(t *testing.T) {
	b := start(t, "{}")
	logs, r := one(nil, nil, "", trace(1))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, fromTrace(trace(1)), idOf(r.Attributes()))
	traces, _ := span(attrs{"x-request-id": "real"}, trace(1))
	require.NoError(t, b.traces.ConsumeTraces(t.Context(), traces))
	logs, r = one(nil, nil, "", trace(1))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, "real", idOf(r.Attributes()))
	b.stop(t)
}

func TestAResourceHasCarriedFields(t *testing.T) {
	b := start(t, "{carry: [tenant]}")
	logs, _ := one(attrs{"tenant": "t1"}, attrs{"request.id": "a"}, "", pcommon.TraceID{})
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	logs, r := one(attrs{"tenant": "t2"}, attrs{"request.id": "a"}, "", pcommon.TraceID{})
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, attrs{"request.id": "a"}, withoutUID(r), "its resource says t2")
	logs, r = one(nil, attrs{"request.id": "a"}, "", pcommon.TraceID{})
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, attrs{"request.id": "a", "tenant": "t1"}, withoutUID(r))
	b.stop(t)
}

func TestBaggageIsPercentEncoded(t *testing.T) {
	assert.Equal(t, "a/b", extract(baggage, "request.id=a%2Fb"))
	assert.Equal(t, "100%", extract(baggage, "request.id=100%"))
}

// slow takes a while to accept.
type slow struct {
	consumertest.LogsSink
}

func (s *slow) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	time.Sleep(time.Second)
	return s.LogsSink.ConsumeLogs(ctx, logs)
}

func TestShutdownWaitsForTheNextConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &slow{}
		p, err := NewFactory().CreateLogs(t.Context(), processortest.NewNopSettings(metadata.Type), configured(t, "{wait: 10s}"), next)
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		var waiting sync.WaitGroup
		logs, _ := one(nil, nil, "", trace(1))
		waiting.Go(func() { assert.NoError(t, p.ConsumeLogs(t.Context(), logs)) })
		synctest.Wait()
		require.NoError(t, p.Shutdown(t.Context()))
		assert.Equal(t, 1, next.LogRecordCount())
		waiting.Wait()
	})
}

func TestHostileHeaders(t *testing.T) {
	b := start(t, "{}")
	for name, value := range map[string]any{
		"x-request-id":    strings.Repeat("x", 1<<20),
		"correlation-id":  "\xff\xfe",
		"x-amzn-trace-id": strings.Repeat("Root=;", 100_000),
		"baggage":         strings.Repeat("request.id=,", 100_000),
		"cf-ray":          "a\r\nSet-Cookie: x",
		"uid":             []any{[]any{}, map[string]any{}, strings.Repeat("y", 1000)},
	} {
		logs, r := one(nil, attrs{name: value}, "", pcommon.TraceID{})
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		assert.Equal(t, attrs{name: value}, withoutUID(r), "it stays as it was")
	}
	assert.Positive(t, b.sum(t, "refused", "length"))
	assert.Positive(t, b.sum(t, "refused", "characters"))
	b.stop(t)
}

// TestOneOfTwoTellsWhatTheyShare, also when the first that was started is stopped.
func TestOneOfTwoTellsWhatTheyShare(t *testing.T) {
	b := start(t, "{}")
	logs, _ := one(nil, attrs{"request.id": "a"}, "", trace(1))
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.EqualValues(t, 1, b.sum(t, "entries", ""), "once")
	require.NoError(t, b.logs.Shutdown(t.Context()))
	traces, _ := span(attrs{"request.id": "b"}, trace(2))
	require.NoError(t, b.traces.ConsumeTraces(t.Context(), traces))
	assert.EqualValues(t, 2, b.sum(t, "entries", ""))
	b.stop(t)
}

// TestEachRecordHasAUID: its own, or one that it gets here, whether it has a request or not.
func TestEachRecordHasAUID(t *testing.T) {
	b := start(t, "{generate: none}")
	uids := make(map[string]bool)
	for _, record := range []attrs{
		{}, {"request.id": "a"}, {"log.record.uid": ""}, {"log.record.uid": nil}, {"log.record.uid": "own"}, {"log.record.uid": 7},
	} {
		logs, r := one(nil, record, "", trace(1))
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		uid, _ := r.Attributes().Get(uidAttribute)
		uids[uid.AsString()] = true
		if uid.Type() != pcommon.ValueTypeInt && uid.Str() != "own" {
			id, err := uuid.Parse(uid.AsString())
			require.NoError(t, err, "%v", record)
			assert.Equal(t, uuid.Version(7), id.Version())
		}
	}
	assert.Len(t, uids, 6, "no two alike")
	assert.True(t, uids["own"])
	assert.True(t, uids["7"])
	spans, s := span(attrs{"request.id": "a"}, trace(1))
	require.NoError(t, b.traces.ConsumeTraces(t.Context(), spans))
	assert.Equal(t, attrs{"request.id": "a"}, s.Attributes().AsRaw(), "a span's ids are its own")
	b.stop(t)

	b = start(t, "{sources: [log.record.uid]}")
	logs, r := one(nil, attrs{}, "", pcommon.TraceID{})
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Nil(t, idOf(r.Attributes()), "what it gets here is not found as an id")
	b.stop(t)
}

// TestAStrangersMacroID does not stay where no root is known, unless senders are believed.
func TestAStrangersMacroID(t *testing.T) {
	for name, c := range map[string]struct {
		config   string
		resource attrs
		record   attrs
		want     any
		origin   any // the resource's
	}{
		"forged":                       {record: attrs{"request.id": "a", "request.macro_id": "victim"}},
		"forged, of no request":        {config: "generate: none", record: attrs{"request.macro_id": "victim"}},
		"a list":                       {record: attrs{"request.id": "a", "request.macro_id": []any{"victim"}}},
		"the resource's":               {resource: attrs{"request.macro_id": "victim"}, record: attrs{"request.id": "a"}},
		"another name":                 {record: attrs{"request.id": "a", "request_macro_id": "other"}},
		"the root is known":            {record: attrs{"request.id": "a", "caused_by": "root", "request.macro_id": "victim"}, want: "root"},
		"believed":                     {config: "keep_macro_id: true", record: attrs{"request.id": "a", "request.macro_id": "agents"}, want: "agents"},
		"believed, and no id":          {config: "keep_macro_id: true", record: attrs{"request.id": "a", "request.macro_id": "a b"}},
		"believed, and no text":        {config: "keep_macro_id: true", record: attrs{"request.id": "a", "request.macro_id": []any{"a"}}},
		"believed, but the root known": {config: "keep_macro_id: true", record: attrs{"request.id": "a", "caused_by": "root", "request.macro_id": "x"}, want: "root"},
		"believed of the resource":     {config: "keep_macro_id: true", resource: attrs{"request.macro_id": "agents"}, record: attrs{"request.id": "a"}, origin: "agents"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, "{"+c.config+"}")
			logs, r := one(c.resource, c.record, "", pcommon.TraceID{})
			require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
			assert.Equal(t, c.want, r.Attributes().AsRaw()[macroAttribute])
			assert.Equal(t, c.origin, logs.ResourceLogs().At(0).Resource().Attributes().AsRaw()[macroAttribute])
			if other, ok := c.record["request_macro_id"]; ok {
				assert.Equal(t, other, r.Attributes().AsRaw()["request_macro_id"])
			}
			if len(c.resource) == 0 {
				traces, s := span(c.record, trace(9))
				require.NoError(t, b.traces.ConsumeTraces(t.Context(), traces))
				assert.Equal(t, c.want, s.Attributes().AsRaw()[macroAttribute])
			}
			b.stop(t)
		})
	}
}

// TestNeighboursOfABatch: what is asked once for items of one request is asked again for the
// next, whatever is the same about both, and a call knows nothing of the one before.
func TestNeighboursOfABatch(t *testing.T) {
	b := start(t, "{generate: none}")
	type line struct {
		id, parent string
		trace      byte
	}
	consume := func(lines ...line) []plog.LogRecord {
		logs := plog.NewLogs()
		records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		for _, l := range lines {
			r := records.AppendEmpty()
			r.SetTraceID(trace(l.trace))
			if l.id != "" {
				r.Attributes().PutStr(requestAttribute, l.id)
			}
			if l.parent != "" {
				r.Attributes().PutStr("caused_by", l.parent)
			}
		}
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
		var all []plog.LogRecord
		for _, r := range records.All() {
			all = append(all, r)
		}
		return all
	}
	consume(line{"a", "", 1}, line{"a", "", 1}, line{"a", "", 2}, line{"b", "", 3}, line{"c", "", 3}, line{"b", "", 4}, line{"b", "", 0})
	for i, r := range consume(line{trace: 1}, line{trace: 2}, line{trace: 3}, line{trace: 4}, line{trace: 5}) {
		want := []any{"a", "a", "b", "b", nil}[i]
		assert.Equal(t, want, idOf(r.Attributes()), i)
	}
	for i, r := range consume(line{"x", "root", 0}, line{"x", "", 0}, line{"y", "", 0}, line{"x", "", 0}, line{"", "", 0}, line{"x", "", 0}, line{"z", "x", 0}) {
		root, has := r.Attributes().Get(macroAttribute)
		if i == 2 || i == 4 {
			assert.False(t, has, i)
			continue
		}
		require.True(t, has, i)
		assert.Equal(t, "root", root.Str(), i)
	}
	b.stop(t)
}

// TestBatchesAreUsedAgain: with nothing in them, and only where they are small.
func TestBatchesAreUsedAgain(t *testing.T) {
	p := &requestIDProcessor{}
	p.batches.New = func() any { return new(batch) }
	b := p.begin(3)
	b.items = append(b.items, item{id: "a"}, item{id: "b"})
	b.missing, b.resourceID = 2, "r"
	items := b.items
	b.end()
	assert.Equal(t, make([]item, 3), items[:3])
	assert.Equal(t, batch{items: items[:0]}, *b)
	b = p.begin(maxKeptItems + 1)
	b.end()
	assert.Nil(t, b.items)
}
