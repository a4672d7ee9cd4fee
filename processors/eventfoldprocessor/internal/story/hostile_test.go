package story

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// TestSentFoldAttributes: anybody can send a record that calls itself an event.
func TestSentFoldAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		attrs    map[string]any
		count    int64
		duration float64
	}{
		"less than nothing": {map[string]any{"fold.count": -7, "fold.duration": -1.0}, 2, 1},
		"more than can be":  {map[string]any{"fold.count": math.MaxInt64}, 2, 1},
		"other types":       {map[string]any{"fold.count": "7", "fold.duration": "7"}, 2, 1},
		"endless":           {map[string]any{"fold.duration": math.Inf(1)}, 2, 1},
		"no number":         {map[string]any{"fold.duration": math.NaN()}, 2, 1},
		"more than fits":    {map[string]any{"fold.duration": 1e300}, 2, 1},
		"as it should be":   {map[string]any{"fold.count": 7, "fold.duration": 2.5}, 8, 2.5},
	} {
		t.Run(name, func(t *testing.T) {
			_, event := built(Settings{}, Event{Parts: partsOf(logsOf("s", record{attrs: c.attrs}, record{at: 1}))})
			assert.Equal(t, c.count, attr(event, "fold.count"))
			assert.InDelta(t, c.duration, attr(event, "fold.duration"), 1e-9)
		})
	}
}

// FuzzSentRecords: whatever is sent comes back from its document.
func FuzzSentRecords(f *testing.F) {
	for seed := range uint64(3) {
		encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(random(seed))
		require.NoError(f, err)
		f.Add(encoded)
	}
	set := Settings{Merge: MergeSettings{Keys: map[string]Strategy{"a0": Sum, "a1": Count, "a2": List, "a3": Last}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(data)
		if err != nil || logs.LogRecordCount() == 0 {
			return
		}
		for _, p := range partsOf(logs) {
			if _, ok := p.Record.Attributes().Get(attrID); ok {
				return // an event itself: an early one may be left out, a document is taken apart
			}
		}
		requireBack(t, set, logs)
	})
}

// TestADocumentThatIsNone is an original: it must not keep the others from being read.
func TestADocumentThatIsNone(t *testing.T) {
	logs := logsOf("s", record{body: "a"}, record{at: 1, body: "b"})
	r := partsOf(logs)[0].Record
	r.Attributes().PutStr("fold.id", "x")
	require.NoError(t, r.Body().SetEmptyMap().FromRaw(map[string]any{"parts": []any{map[string]any{}, "junk"}}))
	requireBack(t, Settings{}, logs)
}

// TestTracesOfTwoStages: the trace of one service is not that of all, where another
// service had several.
func TestTracesOfTwoStages(t *testing.T) {
	stage := plog.NewLogs()
	add := func(id byte, ids ...byte) {
		var records []record
		for range ids {
			records = append(records, record{at: float64(id)})
		}
		parts := partsOf(logsOf("s", records...))
		for i, one := range ids {
			parts[i].Record.SetTraceID([16]byte{one})
			parts[i].Record.SetSpanID([8]byte{one})
			parts[i].Record.SetEventName(string('a' + rune(one)))
		}
		New(Settings{Style: Canonical}).AppendTo(stage.ResourceLogs(), Event{ID: recorduid.UUID{id}, Parts: parts})
	}
	add(1, 1, 2)
	add(2, 3)
	add(3, 2)
	_, event := built(Settings{Style: Canonical}, Event{ID: recorduid.UUID{9}, Parts: partsOf(stage)})
	assert.Equal(t, pcommon.TraceID{}, event.TraceID())
	assert.Equal(t, pcommon.SpanID{}, event.SpanID())
	assert.Empty(t, event.EventName())
	assert.Equal(t, []any{"01000000000000000000000000000000", "02000000000000000000000000000000", "03000000000000000000000000000000"}, attr(event, "fold.trace_ids"))
	assert.Equal(t, []any{"0100000000000000", "0200000000000000", "0300000000000000"}, attr(event, "fold.span_ids"))
	assert.Equal(t, []any{"b", "c", "d"}, attr(event, "fold.event_names"))

	junk := logsOf("s", record{attrs: map[string]any{
		"fold.trace_ids": []any{"", "xyz", 7, "00000000000000000000000000000000"}, "fold.span_ids": "no list",
	}})
	_, event = built(Settings{Style: Canonical}, Event{Parts: partsOf(junk)})
	assert.Nil(t, attr(event, "fold.trace_ids"))
	assert.Equal(t, pcommon.TraceID{}, event.TraceID())
}

// TestDocumentsThatGrow: a few million bytes of a stranger may say that there are many
// originals of many bytes each, or documents in documents without end.
func TestDocumentsThatGrow(t *testing.T) {
	many := make([]any, 100_000)
	for i := range many {
		many[i] = map[string]any{}
	}
	large := string(make([]byte, 1<<20))
	for name, c := range map[string]struct {
		attrs, body map[string]any
	}{
		"by what they share": {
			map[string]any{"large": large},
			map[string]any{"parts": many, "shared": []any{"large"}},
		},
		"by their origins": {
			nil,
			map[string]any{
				"parts":   slices.Repeat([]any{map[string]any{"origin": 0}}, 100_000),
				"origins": []any{map[string]any{"resource": map[string]any{"large": large}}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			logs := logsOf("s", record{attrs: c.attrs})
			p := partsOf(logs)[0]
			p.Record.Attributes().PutStr("fold.id", "x")
			require.NoError(t, p.Record.Body().SetEmptyMap().FromRaw(c.body))
			_, err := Originals(p.ResourceLogs, p.ScopeLogs, p.Record, 64<<20)
			require.ErrorIs(t, err, ErrTooMuch)
		})
	}
	t.Run("one attribute many times", func(t *testing.T) {
		p := partsOf(logsOf("s", record{attrs: map[string]any{"large": large, "fold.id": "x"}}))[0]
		require.NoError(t, p.Record.Body().SetEmptyMap().FromRaw(map[string]any{
			"parts": []any{map[string]any{}, map[string]any{}}, "shared": slices.Repeat([]any{"large"}, 100_000),
		}))
		out, err := Originals(p.ResourceLogs, p.ScopeLogs, p.Record, 64<<20)
		require.NoError(t, err)
		for _, original := range partsOf(out) {
			assert.Equal(t, 1, original.Record.Attributes().Len())
		}
	})
	t.Run("by their depth", func(t *testing.T) {
		logs := logsOf("s", record{body: "innermost"})
		p := partsOf(logs)[0]
		p.Record.Attributes().PutStr("fold.id", "x")
		for range 10_000 {
			inner := pcommon.NewValueEmpty()
			p.Record.Body().MoveTo(inner)
			part := p.Record.Body().SetEmptyMap().PutEmptySlice("parts").AppendEmpty().SetEmptyMap()
			part.PutEmptyMap("attributes").PutStr("fold.id", "x")
			inner.MoveTo(part.PutEmpty("message"))
		}
		out, err := Originals(p.ResourceLogs, p.ScopeLogs, p.Record, 64<<20)
		require.NoError(t, err)
		require.Equal(t, 1, out.LogRecordCount())
		assert.True(t, isDocument(partsOf(out)[0].Record), "it was not taken apart to the end")
	})
}
