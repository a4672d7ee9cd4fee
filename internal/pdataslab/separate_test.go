package pdataslab

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// decodeEvents decodes so many events of three records each.
func decodeEvents(tb testing.TB, events int) (records []plog.LogRecord, text string) {
	tb.Helper()
	text = string(encode(tb, fullRecord()))
	b := New()
	for range events {
		b.Separate(3 * len(text))
		for range 3 {
			r := plog.NewLogRecord()
			require.True(tb, b.decode(r, text))
			records = append(records, r)
		}
	}
	return records, text
}

// change does to a value what a processor may.
func change(v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		for _, inner := range v.Map().All() {
			change(inner)
		}
		v.Map().PutStr("added", "by a processor")
		v.Map().Remove("a")
	case pcommon.ValueTypeSlice:
		for _, inner := range v.Slice().All() {
			change(inner)
		}
		v.Slice().AppendEmpty().SetStr("added")
		v.Slice().EnsureCapacity(50)
	case pcommon.ValueTypeInt:
		v.SetInt(-1)
	case pcommon.ValueTypeDouble:
		v.SetDouble(-1)
	default:
		v.SetStr("changed")
	}
}

// TestDecodedAreLetAlone changes some records in all ways, from two goroutines, and looks
// at the others.
func TestDecodedAreLetAlone(t *testing.T) {
	records, text := decodeEvents(t, 40)
	var running sync.WaitGroup
	for first := range 2 {
		running.Go(func() {
			for i := first; i < len(records); i += 4 {
				r := records[i]
				r.Attributes().PutStr("added", "by a processor")
				for _, v := range r.Attributes().All() {
					change(v)
				}
				r.Attributes().Remove("text")
				r.Attributes().EnsureCapacity(100)
				r.Body().SetEmptySlice().AppendEmpty().SetInt(1)
			}
		})
	}
	running.Wait()
	for i := range records {
		if i%4 > 1 {
			require.Equal(t, text, string(encode(t, records[i])))
		}
	}
}

// TestCollectorSeesDecoded lets the garbage collector run while nothing but records holds
// on to their memory.
func TestCollectorSeesDecoded(t *testing.T) {
	var kept []plog.LogRecord
	var want string
	for range 20 {
		records, text := decodeEvents(t, 20)
		kept, want = append(kept, records[7], records[31]), strings.Clone(text)
		runtime.GC()
	}
	for range 3 {
		runtime.GC()
		_, _ = decodeEvents(t, 100)
	}
	for _, r := range kept {
		require.Equal(t, want, string(encode(t, r)))
	}
}

// TestSeparateEventsAreLetGo holds that who keeps an event keeps no other alive.
func TestSeparateEventsAreLetGo(t *testing.T) {
	b := New()
	wire := encode(t, fullRecord())
	event := func() (plog.LogRecord, weak.Pointer[byte]) {
		text := string(wire)
		b.Separate(len(text))
		r := plog.NewLogRecord()
		require.True(t, b.decode(r, text))
		m := b.MakeMap(pcommon.NewValueEmpty(), 3)
		m.AppendString("k", text)
		m.Done()
		return r, weak.Make(unsafe.StringData(text))
	}
	_, before := event()
	kept, text := event()
	_, after := event()
	b.Forget()
	for range 3 {
		runtime.GC()
	}
	assert.Nil(t, before.Value())
	assert.NotNil(t, text.Value())
	assert.Nil(t, after.Value())
	runtime.KeepAlive(kept)
}

// TestSeparateTakesAsMuchAsItNeeds holds that slabs fit events that are alike.
func TestSeparateTakesAsMuchAsItNeeds(t *testing.T) {
	b := New()
	text := string(encode(t, fullRecord()))
	for i := range 10 {
		b.Separate(len(text))
		require.True(t, b.decode(plog.NewLogRecord(), text))
		if i > 0 {
			assert.Equal(t, len(b.own.pairs.array), b.own.pairs.used)
			assert.Equal(t, len(b.own.strings.array), b.own.strings.used)
			assert.Equal(t, len(b.own.values.array), b.own.values.used)
		}
	}
	b.Release()
	assert.Nil(t, b.own.pairs.array)
	b.Separate(len(text))
	require.True(t, b.decode(plog.NewLogRecord(), text))
	assert.Equal(t, len(b.own.pairs.array), b.own.pairs.used, "Release forgets nothing")
	b.Separate(1)
	require.True(t, b.decode(plog.NewLogRecord(), text), "more than was expected")
	b.Separate(1 << 30)
	assert.Zero(t, b.own.pairs.made)
	require.True(t, b.decode(plog.NewLogRecord(), text))
	assert.LessOrEqual(t, b.own.pairs.total, maxPairSlab)
	assert.LessOrEqual(t, b.own.strings.total, maxStringSlab)
}
