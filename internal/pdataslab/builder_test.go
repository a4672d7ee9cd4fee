package pdataslab

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestLargeRecordsStandAlone holds that a large record has no memory in common
// with others.
func TestLargeRecordsStandAlone(t *testing.T) {
	b := New()
	records := plog.NewLogRecordSlice()
	add := func(size int) {
		r := b.NewRecord(records, size)
		b.Expect(r, 2)
		b.AppendString("a", "b")
		b.AppendInt("c", 1)
		b.Done()
	}
	add(10)
	shared := b.shared
	add(maxSharedSize + 1)
	assert.Equal(t, shared, b.shared, "the large one took nothing of what is shared")
	add(maxSharedSize)
	assert.NotEqual(t, shared, b.shared)
	require.Equal(t, 3, records.Len())
	for i := range 3 {
		assert.Equal(t, map[string]any{"a": "b", "c": int64(1)}, records.At(i).Attributes().AsRaw())
	}
	b.Forget()
	assert.Zero(t, b.shared)
}

// TestExpectTooFew appends more than was expected.
func TestExpectTooFew(t *testing.T) {
	for _, withSlabs := range []bool{true, false} {
		b := Builder{withSlabs: withSlabs}
		records := plog.NewLogRecordSlice()
		want := map[string]any{}
		for range 3 {
			r := b.NewRecord(records, 10)
			b.Expect(r, 1)
			for i := range 20 {
				key := fmt.Sprint("k", i)
				b.AppendInt(key, int64(i))
				want[key] = int64(i)
			}
			b.AppendEmpty("list").SetEmptySlice().AppendEmpty().SetStr("x")
			b.Done()
		}
		want["list"] = []any{"x"}
		for i := range 3 {
			assert.Equal(t, want, records.At(i).Attributes().AsRaw())
		}
	}
}

// TestBuildersMakeTheSame fills maps within maps both ways.
func TestBuildersMakeTheSame(t *testing.T) {
	want := map[string]any{
		"s": "x", "i": int64(-3), "d": 2.5, "b": true, "e": nil,
		"m": map[string]any{"k": "v", "n": map[string]any{}},
		"l": []any{"y", int64(7), 0.5, false, []any{}, map[string]any{"z": int64(1)}},
	}
	for _, b := range []Builder{New(), {}} {
		records := plog.NewLogRecordSlice()
		for range 100 {
			b.NewRecord(records, 10)
			top := pcommon.NewMap()
			m := b.Fill(top, 3)
			m.AppendString("s", "x")
			m.AppendInt("i", -3)
			m.AppendDouble("d", 2.5)
			m.AppendBool("b", true)
			m.AppendEmpty("e")
			inner := b.MakeMap(m.AppendEmpty("m"), 1)
			inner.AppendString("k", "v")
			none := b.MakeMap(inner.AppendEmpty("n"), 0)
			none.Done()
			inner.Done()
			list := b.MakeSlice(m.AppendEmpty("l"), 6)
			b.SetString(list.Next(), "y")
			b.SetInt(list.Next(), 7)
			b.SetDouble(list.Next(), 0.5)
			b.SetBool(list.Next(), false)
			b.MakeSlice(list.Next(), 0)
			last := b.MakeMap(list.Next(), 1)
			last.AppendInt("z", 1)
			last.Done()
			m.Done()
			require.Equal(t, want, top.AsRaw())
		}
	}
}
