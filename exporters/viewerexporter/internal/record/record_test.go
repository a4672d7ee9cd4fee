package record

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var example = Record{
	ID: 1883041935157887277, Kind: Span, Time: time.Date(2026, 5, 1, 12, 0, 0, 123456789, time.FixedZone("", 7200)), Arrived: time.Date(2026, 5, 1, 10, 0, 1, 0, time.UTC),
	Severity: 17, SeverityText: "ERR", Service: "api", Body: "GET /", Event: "ev", Request: "r", Macro: "m", Trace: "t", Span: "s", Parent: "p", UID: "u",
	Duration: 1500 * time.Millisecond, HasDuration: true, Status: Error,
	Attributes: []Field{
		{"big", int64(math.MaxInt64)},
		{"exact", int64(1<<53 - 1)},
		{"inf", math.Inf(1)},
		{"list", []any{"a", int64(1), nil, true, 0.5}},
		{"map", map[string]any{"b": "c", "a": []any{}}},
		{"nan", math.NaN()},
		{"nil", nil},
		{"quotes", "\"\\\n\x01\x7f<b>\u2028é\xff😀"},
	},
	Resource: []Field{{"host.name", "h"}},
}

func TestJSON(t *testing.T) {
	got, err := json.Marshal(example)
	require.NoError(t, err)
	want := `{"id":"1883041935157887277","kind":"span","time":"2026-05-01T10:00:00.123456789Z","arrived":"2026-05-01T10:00:01Z","level":"error","service":"api","body":"GET /",
		"severity":"ERR","event":"ev","request":"r","macro":"m","trace":"t","span":"s","parent":"p","uid":"u","duration":1.5,"status":"error",
		"attributes":{"big":"9223372036854775807","exact":9007199254740991,"inf":"Infinity","list":["a",1,null,true,0.5],"map":{"a":[],"b":"c"},"nan":"NaN","nil":null,
		"quotes":"\"\\\n\u0001\u007f<b>\u2028é\ufffd😀"},"resource":{"host.name":"h"}}`
	assert.JSONEq(t, want, string(got))

	got = (&Record{}).AppendJSON(nil)
	assert.JSONEq(t, `{"id":"0","kind":"log","time":"0001-01-01T00:00:00Z","level":"unset","service":"","body":null,"attributes":{},"resource":{}}`, string(got))
}

func TestLevels(t *testing.T) {
	for severity, want := range map[uint8]string{0: "unset", 1: "trace", 4: "trace", 5: "debug", 9: "info", 12: "info", 13: "warn", 17: "error", 20: "error", 21: "fatal", 24: "fatal", 255: "fatal"} {
		assert.Equal(t, want, Level(severity), severity)
	}
}

func TestText(t *testing.T) {
	for want, value := range map[string]any{
		"": nil, "text \"x\"": "text \"x\"", "-7": int64(-7), "0.25": 0.25, "true": true, `["a",{"b":"\""}]`: []any{"a", map[string]any{"b": `"`}},
	} {
		assert.Equal(t, want, Text(value))
	}
}

func TestBinary(t *testing.T) {
	deep := any("bottom")
	for range maxNesting + 10 {
		deep = []any{deep}
	}
	for _, r := range []Record{example, {Time: time.Unix(0, 0), Arrived: time.Unix(0, 0)}, {Time: time.Unix(-1, 5), Arrived: time.Unix(1, 0), Body: map[string]any{"x": deep}}} {
		encoded := r.AppendBinary(nil)
		got, rest, err := DecodeBinary(string(encoded) + "behind")
		require.NoError(t, err)
		assert.Equal(t, "behind", rest)
		assert.True(t, r.Time.Equal(got.Time))
		// What is too deep is its JSON from there on, and stays that.
		assert.Equal(t, string(encoded), string(got.AppendBinary(nil)))
		assert.Equal(t, strings.ReplaceAll(Text(r.Body), `"`, ""), strings.NewReplacer(`"`, "", `\`, "").Replace(Text(got.Body)))
		for cut := range encoded {
			_, _, err := DecodeBinary(string(encoded[:cut]))
			require.ErrorIs(t, err, ErrBinary, cut)
		}
	}
}

func FuzzDecodeBinary(f *testing.F) {
	f.Add(string(example.AppendBinary(nil)))
	f.Add(string(AppendValue(nil, []any{[]any{}, map[string]any{"a": 1.5}})))
	f.Fuzz(func(t *testing.T, src string) {
		if value, rest, err := DecodeValue(src); err == nil {
			again, _, err := DecodeValue(string(AppendValue(nil, value)))
			if err != nil || Text(again) != Text(value) || len(rest) > len(src) {
				t.Fatal(err)
			}
		}
		r, _, err := DecodeBinary(src)
		if err != nil {
			return
		}
		if !json.Valid(r.AppendJSON(nil)) {
			t.Fatalf("%s", r.AppendJSON(nil))
		}
		again, _, err := DecodeBinary(string(r.AppendBinary(nil)))
		if err != nil || string(again.AppendBinary(nil)) != string(r.AppendBinary(nil)) {
			t.Fatal(err)
		}
	})
}
