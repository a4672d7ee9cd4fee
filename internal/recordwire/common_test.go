package recordwire

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"
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

// TestCommonOfAnyPairs holds Find to a plain search, on records whose pairs are written in
// any order, with values that look like keys.
func TestCommonOfAnyPairs(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	keyField := func(key string) []byte { return protowire.AppendString([]byte{tagKey}, key) }
	valueField := func(value string) []byte { return protowire.AppendString([]byte{tagValue}, value) }
	pair := func() []byte {
		key, value := keyField(string(rune('a'+dice.IntN(4)))), valueField(strconv.Itoa(dice.IntN(2)))
		var content []byte
		letter := string(key[2:])
		switch dice.IntN(15) {
		case 0:
			content = slices.Concat(key, value)
		case 1:
			content = key
		case 2:
			content = value
		case 3:
			content = valueField(string(key)) // ends as a pair with this key does
		case 4:
			content = slices.Concat(key, valueField(string(key)))
		case 5:
			content = slices.Concat(key, key)
		case 6:
			content = slices.Concat(value, keyField(""))
		case 7:
			content = slices.Concat([]byte{7<<3 | 2, 1, 'x'}, value, key)
		case 8: // another field, which is as long as the value
			content = slices.Concat([]byte{7<<3 | 2, 1, 'x'}, key)
		case 9:
			content = slices.Concat(key, valueField(letter))
		case 10:
			content = slices.Concat(value, valueField(letter))
		case 11: // what follows has another length than it says
			content = slices.Concat(key, valueField(string([]byte{tagKey, 2})+letter))
		default:
			content = slices.Concat(value, key)
		}
		return protowire.AppendBytes([]byte{tagAttributes}, content)
	}
	var c Common
	found := 0
	for range 20_000 {
		var in [][]byte
		var pairs [][][]byte
		first := make([][]byte, dice.IntN(5))
		for i := range first {
			first[i] = pair()
		}
		for range 1 + dice.IntN(3) {
			own := slices.Clone(first)
			for i := range own {
				if dice.IntN(4) == 0 {
					own[i] = pair()
				}
			}
			in, pairs = append(in, slices.Concat(own...)), append(pairs, own)
		}
		var want []byte
		for _, field := range pairs[0] {
			if isShared(field, pairs) {
				want = append(want, field...)
			}
		}
		require.Equal(t, len(want) > 0, c.Find(in, func([]byte) bool { return true }), "%q", in)
		if len(want) == 0 {
			continue
		}
		found++
		require.Equal(t, string(want), string(c.Shared()), "%q", in)
		for i, own := range pairs {
			var rest []byte
			for _, field := range own {
				if !bytes.Contains(want, field) || !isShared(field, pairs) {
					rest = append(rest, field...)
				}
			}
			require.Equal(t, string(rest), c.Rest(i), "%q", in)
		}
	}
	require.Greater(t, found, 3000)
}

// isShared says that each record has the key of this field once, and with this value.
func isShared(field []byte, pairs [][][]byte) bool {
	key, ok := keyOf(field[2:])
	if !ok {
		return false
	}
	for _, own := range pairs {
		same, all := 0, 0
		for _, other := range own {
			if name, ok := keyOf(other[2:]); ok && bytes.Equal(name, key) {
				all++
			}
			if bytes.Equal(other, field) {
				same++
			}
		}
		if same != 1 || all != 1 {
			return false
		}
	}
	return true
}
