package recordwire

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// encodedRecords gives records of these attributes, each a list of names and values.
func encodedRecords(tb testing.TB, records ...[]string) (encoded [][]byte) {
	tb.Helper()
	logs := plog.NewLogs()
	list := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, pairs := range records {
		r := list.AppendEmpty()
		r.SetTimestamp(5)
		r.Body().SetStr("b")
		for i := 0; i < len(pairs); i += 2 {
			r.Attributes().PutStr(pairs[i], pairs[i+1])
		}
	}
	require.NoError(tb, Split(logs, func(_ Origin, record []byte) error {
		encoded = append(encoded, record)
		return nil
	}))
	return encoded
}

func TestCommonFinds(t *testing.T) {
	var c Common
	in := encodedRecords(t, []string{"a", "1", "b", "2", "uid", "x"}, []string{"b", "2", "uid", "x", "a", "1"}, []string{"c", "3", "a", "1", "b", "0", "uid", "x"})
	require.True(t, c.Find(in, func(name []byte) bool { return string(name) != "uid" }))
	got := decodeOne(t, c.Shared())
	assert.Equal(t, map[string]any{"a": "1"}, got.Attributes().AsRaw())
	assert.Equal(t, pcommon.ValueTypeEmpty, got.Body().Type())
	for i, want := range []map[string]any{{"b": "2", "uid": "x"}, {"b": "2", "uid": "x"}, {"c": "3", "b": "0", "uid": "x"}} {
		r := decodeOne(t, []byte(c.Rest(i)))
		assert.Equal(t, want, r.Attributes().AsRaw())
		assert.Equal(t, "b", r.Body().Str())
		assert.EqualValues(t, 5, r.Timestamp())
	}
}

func decodeOne(tb testing.TB, record []byte) plog.LogRecord {
	tb.Helper()
	var a Assembly
	a.Record(a.Origin(Origin{0}), record)
	logs, err := a.Logs()
	require.NoError(tb, err)
	return logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

func TestCommonFindsNothing(t *testing.T) {
	var c Common
	all := func([]byte) bool { return true }
	for name, in := range map[string][][]string{
		"different values":   {{"a", "1"}, {"a", "2"}},
		"one lacks it":       {{"a", "1"}, {"a", "1"}, {"b", "1"}},
		"no attributes":      {nil, nil},
		"lacks it, has it":   {{"a", "1"}, {"b", "1"}, {"a", "1"}},
		"empty name":         {{"", "1"}, {"", "1"}},
		"none in the second": {{"a", "1"}, nil},
	} {
		t.Run(name, func(t *testing.T) { assert.False(t, c.Find(encodedRecords(t, in...), all)) })
	}
	in := encodedRecords(t, []string{"a", "1"}, []string{"a", "1"})
	twice := func(record []byte) []byte {
		return append(append([]byte(nil), record...), encodedPair(t, "a", "1")...)
	}
	assert.False(t, c.Find([][]byte{twice(in[0]), in[1]}, all), "twice in the first")
	assert.False(t, c.Find([][]byte{in[0], twice(in[1])}, all), "twice in the second")
	assert.True(t, c.Find(in, all))
	for cut := range in[1] {
		c.Find([][]byte{in[0], in[1][:cut]}, all) // does not panic
	}
	assert.False(t, c.Find([][]byte{in[0], {tagAttributes, 200}}, all), "damaged")
}

// encodedPair is an attribute as a record has it.
func encodedPair(tb testing.TB, key, value string) []byte {
	tb.Helper()
	record := encodedRecords(tb, []string{key, value})[0]
	for len(record) > 0 {
		field, head := nextField(record)
		require.NotNil(tb, field)
		if head > 0 {
			return field
		}
		record = record[len(field):]
	}
	tb.Fatal("the record has no attribute")
	return nil
}

// Records of many names must not take the square of the time.
func TestCommonLooksForFew(t *testing.T) {
	var many []string
	for i := range 5000 {
		many = append(many, strconv.Itoa(i), "x")
	}
	var c Common
	in := encodedRecords(t, many, many)
	require.True(t, c.Find(in, func([]byte) bool { return true }))
	assert.Equal(t, maxCandidates, decodeOne(t, c.Shared()).Attributes().Len())
	assert.Equal(t, 5000-maxCandidates, decodeOne(t, []byte(c.Rest(1))).Attributes().Len())
}
