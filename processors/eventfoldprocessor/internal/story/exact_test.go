package story

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// requireBack makes a document of the records, has it encoded and decoded, and wants the
// same records from it.
func requireBack(tb testing.TB, set Settings, want plog.Logs) {
	tb.Helper()
	events := plog.NewLogs()
	New(set).AppendTo(events.ResourceLogs(), Event{ID: recorduid.UUID{1}, Parts: partsOf(clone(want))})
	encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(events)
	require.NoError(tb, err)
	decoded, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
	require.NoError(tb, err)
	p := partsOf(decoded)[0]
	got, err := Originals(p.ResourceLogs, p.ScopeLogs, p.Record, 1<<30)
	require.NoError(tb, err)
	requireSame(tb, want, got)
}

// TestMergingLeavesTheOriginalsAlone: what the event says of an attribute is not what
// each part said.
func TestMergingLeavesTheOriginalsAlone(t *testing.T) {
	for how := Unique; how <= List; how++ {
		t.Run(strconv.Itoa(int(how)), func(t *testing.T) {
			set := Settings{Merge: MergeSettings{Default: how, Keys: map[string]Strategy{"k": how}}}
			requireBack(t, set, logsOf("s",
				record{attrs: map[string]any{"k": 2, "other": 1}},
				record{at: 1, attrs: map[string]any{"k": 2, "other": 1}},
			))
		})
	}
}

// TestAttributesThatAreAlmostShared come back from the parts that had them.
func TestAttributesThatAreAlmostShared(t *testing.T) {
	two := func(first, second func(pcommon.Map)) plog.Logs {
		logs := logsOf("s", record{}, record{at: 1})
		parts := partsOf(logs)
		first(parts[0].Record.Attributes())
		second(parts[1].Record.Attributes())
		return logs
	}
	double := func(value float64) func(pcommon.Map) {
		return func(m pcommon.Map) { m.PutDouble("k", value) }
	}
	twice := logsOf("s", record{body: "has it twice"}, record{at: 1, body: "has it not"})
	attrs := partsOf(twice)[0].Record.Attributes()
	attrs.PutStr("k", "x")
	attrs.PutStr("l", "x")
	encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(twice)
	require.NoError(t, err)
	for i := range encoded[1:] {
		if encoded[i] == 1 && encoded[i+1] == 'l' {
			encoded[i+1] = 'k' // a map of OTLP may have a name twice
		}
	}
	twice, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
	require.NoError(t, err)
	names := 0
	for name := range partsOf(twice)[0].Record.Attributes().All() {
		if name == "k" {
			names++
		}
	}
	require.Equal(t, 2, names)

	for name, logs := range map[string]plog.Logs{
		"twice in one, never in the other": twice,
		"zeros of two signs":               two(double(0), double(math.Copysign(0, -1))),
		"no numbers":                       two(double(math.NaN()), double(math.NaN())),
		"zeros in lists": two(
			func(m pcommon.Map) { m.PutEmptySlice("k").AppendEmpty().SetDouble(0) },
			func(m pcommon.Map) { m.PutEmptySlice("k").AppendEmpty().SetDouble(math.Copysign(0, -1)) }),
	} {
		t.Run(name, func(t *testing.T) { requireBack(t, Settings{}, logs) })
	}
}

// TestMapsOfAnotherOrder are equal, but not one: each part gets its own back.
func TestMapsOfAnotherOrder(t *testing.T) {
	logs := logsOf("s", record{}, record{at: 1})
	for i, p := range partsOf(logs) {
		m := p.Record.Attributes().PutEmptyMap("k")
		for n := range 2 {
			m.PutInt(strconv.Itoa((n+i)%2), 1)
		}
	}
	rl, event := built(Settings{}, Event{ID: recorduid.UUID{1}, Parts: partsOf(logs)})
	got, err := Originals(rl, rl.ScopeLogs().At(0), event, 1<<30)
	require.NoError(t, err)
	for i, p := range partsOf(got) {
		v, ok := p.Record.Attributes().Get("k")
		require.True(t, ok)
		for name := range v.Map().All() {
			assert.Equal(t, strconv.Itoa(i), name, "the first one")
			break
		}
	}

	_, event = built(Settings{Style: Canonical}, Event{Parts: partsOf(got)})
	assert.Equal(t, map[string]any{"0": int64(1), "1": int64(1)}, attr(event, "k"), "equal ones are no list")
}

func TestDistinct(t *testing.T) {
	var d distinct[string]
	for n := range 4 * maxScanned {
		for range 2 {
			assert.Equal(t, n/2, d.add(strconv.Itoa(n/2)))
		}
		assert.Equal(t, 0, d.add("0"))
	}
	assert.Len(t, d.values, 2*maxScanned)
}

// manyNames is an event whose every part has names of its own, and of everything else
// another one.
func manyNames(parts, names int) plog.Logs {
	logs := plog.NewLogs()
	for p := range parts {
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutInt("resource."+strconv.Itoa(p), 1)
		r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.Timestamp(p + 1))
		r.SetTraceID([16]byte{1, byte(p), byte(p >> 8)})
		r.SetSpanID([8]byte{1, byte(p), byte(p >> 8)})
		r.SetEventName("name " + strconv.Itoa(p))
		r.Attributes().EnsureCapacity(names)
		for n := range names {
			r.Attributes().PutInt(fmt.Sprintf("key.%d.%d", p, n), 1)
		}
	}
	return logs
}

func BenchmarkHostile(b *testing.B) {
	for _, style := range []Style{Document, LogTrace, Canonical} {
		for _, parts := range []int{100, 1000, 4000} {
			b.Run(fmt.Sprintf("style=%d/parts=%d", style, parts), func(b *testing.B) {
				const names = 20
				builder := New(Settings{Style: style})
				encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(manyNames(parts, names))
				require.NoError(b, err)
				b.ReportAllocs()
				b.SetBytes(int64(len(encoded)))
				for b.Loop() {
					logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
					require.NoError(b, err)
					out := plog.NewLogs()
					builder.AppendTo(out.ResourceLogs(), Event{Parts: partsOf(logs)})
					require.Equal(b, 1, out.LogRecordCount())
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*parts), "ns/record")
			})
		}
	}
}
