package ecsjson

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzRead: what is read is JSON, one record for each line, and what is not says where.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"", "\n", "{}", "{}\n{}", "{\"a\":1}\r\n \n{\"b\":[1,{\"c\":null}]}", "{\"a\" 1}", "text", "{\"a\":\"\xff\"}",
		`{"url":{"path":"1"},"url.path":"2","service":{"name":"a","name":"b"}}`,
		`{"http":{"request":{"body":{"content":"3"}}},"http":{"request.body":{"content":"2"},"request":{"body.content":"1","body":{"content":"0"}}}}`,
		string(AppendDocument(nil, example(), Nested)), string(AppendDocument(nil, example(), Dotted)), string(AppendDocument(nil, nil, Dotted)),
		`{"heartwood":{"parts":[{"message":"a","n":1}],"shared":{"x":"y"},"origins":[]},"labels":{"fold_id":"1"},"message":"m"}`,
	} {
		f.Add([]byte(s))
	}
	r := NewReader()
	f.Fuzz(func(t *testing.T, data []byte) {
		logs, err := r.Read(data)
		lines := bytes.Split(data, []byte("\n"))
		if err != nil {
			require.Zero(t, logs.ResourceLogs().Len())
			var at *LineError
			require.ErrorAs(t, err, &at)
			require.GreaterOrEqual(t, at.Column, 1)
			line := lines[at.Line-1]
			require.LessOrEqual(t, at.Column, len(line)+1)
			require.True(t, !json.Valid(line) || !utf8.Valid(line) || line[len(line)-len(bytes.TrimLeft(line, " \t\r"))] != '{', "%q: %v", line, err)
			return
		}
		wanted := 0
		for _, line := range lines {
			if len(bytes.Trim(line, " \t\r")) > 0 {
				wanted++
				require.True(t, json.Valid(line), "%q", line)
			}
		}
		require.Equal(t, wanted, logs.LogRecordCount())
		for i := 1; i < logs.ResourceLogs().Len(); i++ {
			require.Positive(t, logs.ResourceLogs().At(i).ScopeLogs().At(0).LogRecords().Len())
		}
	})
}

// FuzzReadValue compares a value, of a name that ECS does not know, with encoding/json.
func FuzzReadValue(f *testing.F) {
	for _, s := range []string{
		`"text"`, `1`, `-0`, `1.0`, `1e3`, `0.1`, `9223372036854775808`, `-9223372036854775809`, `1e400`, `0.12345678901234567890`, `null`, `true`,
		`{"a":1,"a":2,"b":{"c":[1,2,{"d":"\ud83d\ude42\u2028\ud83d"}]}}`, `[[],{},[{}]]`, `"\u0000\/\b"`,
	} {
		f.Add(s)
	}
	r := NewReader()
	f.Fuzz(func(t *testing.T, text string) {
		line := `{"x":` + text + `}`
		logs, err := r.Read([]byte(line))
		if err != nil || strings.Contains(text, "\n") {
			return // FuzzRead is about these
		}
		var document map[string]any
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&document))
		raw := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw()
		got, ok := raw["x"]
		if !ok || len(document) > 1 {
			return // the text closes the object, and goes on
		}
		require.True(t, equalValue(t, document["x"], got, 1), "%#v\n%#v", document["x"], got)
	})
}

// equalValue compares what encoding/json gives with what a record has.
func equalValue(t *testing.T, want, got any, depth int) bool {
	t.Helper()
	switch w := want.(type) {
	case json.Number:
		switch g := got.(type) {
		case int64:
			n, err := w.Int64()
			return err == nil && n == g
		case float64:
			// As many digits as the text has, none of them another.
			x, err := w.Float64()
			return err == nil && math.Float64bits(x) == math.Float64bits(g)
		case string:
			_, err := w.Int64()
			return g == w.String() && err != nil
		}
		return false
	case []any:
		if text, ok := got.(string); ok {
			return depth >= 64 && json.Valid([]byte(text))
		}
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !equalValue(t, w[i], g[i], depth+1) {
				return false
			}
		}
		return true
	case map[string]any:
		if text, ok := got.(string); ok {
			return depth >= 64 && json.Valid([]byte(text))
		}
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			if x, ok := g[k]; !ok || !equalValue(t, w[k], x, depth+1) {
				return false
			}
		}
		return true
	}
	return want == got
}
