package ecsjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// checkDocument holds what holds for every document: valid JSON, one line, unique keys,
// the four first fields, labels an object and last.
func checkDocument(t *testing.T, document []byte) map[string]any {
	t.Helper()
	require.True(t, json.Valid(document), "valid JSON: %q", document)
	for _, r := range string(document) {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			require.Fail(t, "no line for every reader", "%q in %q", r, document)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	keys, err := uniqueKeys(decoder)
	require.NoError(t, err, "%s", document)
	require.GreaterOrEqual(t, len(keys), 4)
	require.Equal(t, []string{"@timestamp", "log.level", "message", "ecs.version"}, keys[:4])
	var top map[string]any
	decoder = json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&top))
	if all, ok := top["labels"]; ok {
		require.IsType(t, map[string]any{}, all)
		require.Equal(t, "labels", keys[len(keys)-1])
	}
	return top
}

// uniqueKeys reads one value, and gives its keys where it is an object.
func uniqueKeys(decoder *json.Decoder) ([]string, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	var keys []string
	seen := map[string]bool{}
	switch token {
	case json.Delim('{'):
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			if seen[key.(string)] {
				return nil, fmt.Errorf("the key %q twice", key)
			}
			seen[key.(string)] = true
			keys = append(keys, key.(string))
			if _, err := uniqueKeys(decoder); err != nil {
				return nil, err
			}
		}
	case json.Delim('['):
		for decoder.More() {
			if _, err := uniqueKeys(decoder); err != nil {
				return nil, err
			}
		}
	default:
		return nil, nil
	}
	_, err = decoder.Token()
	return keys, err
}

func TestUniqueKeysFindsTwo(t *testing.T) {
	for _, document := range []string{`{"a":1,"a":2}`, `{"x":[{"a":1,"b":{},"a":2}]}`, `{"a":1,"\u0061":2}`} {
		_, err := uniqueKeys(json.NewDecoder(strings.NewReader(document)))
		require.Error(t, err, document)
	}
	_, err := uniqueKeys(json.NewDecoder(strings.NewReader(`{"a":{"a":1},"b":[{"a":1},{"a":1}]}`)))
	require.NoError(t, err)
}

// repeatedKeys is a map with keys in this order, of which some may be equal, as OTLP can
// bring one; each has its place as its value.
func repeatedKeys(t *testing.T, keys []string) pcommon.Value {
	t.Helper()
	entry := func(key string, i int) []byte {
		value := []byte{0x18}
		for n := uint64(i); ; n >>= 7 {
			if n < 0x80 {
				value = append(value, byte(n))
				break
			}
			value = append(value, byte(n)|0x80)
		}
		kv := sized(0x0a, []byte(key))
		return append(kv, sized(0x12, value)...)
	}
	var list []byte
	for i, key := range keys {
		list = append(list, sized(0x0a, entry(key, i))...)
	}
	body := sized(0x32, list)
	record := sized(0x2a, body)
	wire := sized(0x0a, sized(0x12, sized(0x12, record)))
	logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(wire)
	require.NoError(t, err)
	v := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body()
	require.Equal(t, len(keys), v.Map().Len())
	return v
}

// sized is a field of protobuf.
func sized(tag byte, content []byte) []byte {
	out := []byte{tag}
	n := len(content)
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(append(out, byte(n)), content...)
}

// want is what encoding/json would decode from the value of an item.
func want(item *ecs.Item) any {
	var x any
	switch item.Kind {
	case ecs.KindText:
		x = fixed(item.Text)
	case ecs.KindInt:
		x = json.Number(strconv.FormatInt(int64(item.Bits), 10))
	case ecs.KindDouble:
		x = wantDouble(math.Float64frombits(item.Bits))
	case ecs.KindBool:
		x = item.Bits != 0
	case ecs.KindValue:
		return wantValue(item.Value.AsRaw())
	}
	if item.List {
		return []any{x}
	}
	return x
}

func wantDouble(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return f
}

// fixed is s as encoding/json fixes it.
func fixed(s string) string { return strings.ToValidUTF8(validText(s), "?") }

func wantValue(raw any) any {
	switch x := raw.(type) {
	case string:
		return fixed(x)
	case int64:
		return json.Number(strconv.FormatInt(x, 10))
	case float64:
		return wantDouble(x)
	case []byte:
		text, _ := json.Marshal(x)
		var s string
		_ = json.Unmarshal(text, &s)
		return s
	case []any:
		all := make([]any, len(x))
		for i := range x {
			all[i] = wantValue(x[i])
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(x))
		for k, v := range x {
			all[k] = wantValue(v)
		}
		return all
	}
	return raw
}

// same compares what was decoded, where doubles are numbers of their digits.
func same(want, got any) bool {
	switch w := want.(type) {
	case float64:
		n, ok := got.(json.Number)
		if !ok {
			return false
		}
		f, err := n.Float64()
		return err == nil && math.Float64bits(f) == math.Float64bits(w)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !same(w[i], g[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if x, ok := g[k]; !ok || !same(w[k], x) {
				return false
			}
		}
		return true
	}
	return want == got
}
