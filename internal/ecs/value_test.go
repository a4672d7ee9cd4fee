package ecs_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// What fits which type, and what it becomes. misfit is a label that keeps the value.
func TestValues(t *testing.T) {
	type misfit struct{}
	for _, c := range []struct {
		name    string
		in, out any
	}{
		{"error.code", "a", "a"},
		{"error.code", "", ""},
		{"error.code", 7, "7"},
		{"error.code", math.MinInt64, "-9223372036854775808"},
		{"error.code", 0.5, "0.5"},
		{"error.code", 1e21, "1e+21"},
		{"error.code", math.NaN(), "NaN"},
		{"error.code", math.Inf(1), "Infinity"},
		{"error.code", true, "true"},
		{"error.code", []byte{1, 2}, "AQI="},
		{"error.code", nil, nil},
		{"error.code", []any{"a"}, "a"},
		{"error.code", []any{7}, "7"},
		{"error.code", []any{nil}, nil},
		{"error.code", []any{"a", "b"}, misfit{}},
		{"error.code", []any{}, misfit{}},
		{"error.stack_trace", 1, "1"},
		{"message", true, "true"},
		{"data_stream.type", 1, "1"},

		{"tags", "a", []any{"a"}},
		{"tags", 7, []any{"7"}},
		{"tags", []any{}, []any{}},
		{"tags", []any{"a", "b"}, []any{"a", "b"}},
		{"tags", []any{"a", 7, true, nil, 0.5, []byte{1, 2}}, []any{"a", "7", "true", nil, "0.5", "AQI="}},
		{"tags", []any{7}, []any{"7"}},
		{"tags", []any{nil}, []any{nil}},
		{"tags", nil, nil},

		{"event.severity", 7, int64(7)},
		{"event.severity", 7.0, int64(7)},
		{"event.severity", -9223372036854775808.0, int64(math.MinInt64)},
		{"event.severity", 9223372036854775808.0, misfit{}},
		{"event.severity", 7.5, misfit{}},
		{"event.severity", math.Inf(1), misfit{}},
		{"event.severity", "7", int64(7)},
		{"event.severity", "-7", int64(-7)},
		{"event.severity", "7.0", misfit{}},
		{"event.severity", "0x7", misfit{}},
		{"event.severity", "-", misfit{}},
		{"event.severity", "", misfit{}},
		{"event.severity", "9223372036854775808", misfit{}},
		{"event.severity", true, misfit{}},
		{"event.severity", []any{"7"}, int64(7)},
		{"gen_ai.request.max_tokens", math.MaxInt32, int64(math.MaxInt32)},
		{"gen_ai.request.max_tokens", math.MaxInt32 + 1, misfit{}},
		{"gen_ai.request.max_tokens", math.MinInt32, int64(math.MinInt32)},
		{"gen_ai.request.max_tokens", math.MinInt32 - 1, misfit{}},

		{"event.risk_score", 0.5, 0.5},
		{"event.risk_score", 7, int64(7)},
		{"event.risk_score", "1.5e3", 1500.0},
		{"event.risk_score", "NaN", misfit{}},
		{"event.risk_score", "inf", misfit{}},
		{"event.risk_score", "1_0", misfit{}},
		{"event.risk_score", "1-0", misfit{}},
		{"event.risk_score", math.NaN(), misfit{}},
		{"event.risk_score", math.Inf(-1), misfit{}},
		{"event.risk_score", 1e39, misfit{}},
		{"gen_ai.request.temperature", 1e39, 1e39},
		{"gen_ai.request.temperature", "1e999", misfit{}},
		{"container.cpu.usage", 0.25, 0.25},
		{"container.cpu.usage", false, misfit{}},

		{"faas.coldstart", true, true},
		{"faas.coldstart", "true", true},
		{"faas.coldstart", "false", false},
		{"faas.coldstart", "True", misfit{}},
		{"faas.coldstart", 1, misfit{}},

		{"event.start", "2026-02-03T04:05:06Z", "2026-02-03T04:05:06.000000000Z"},
		{"event.start", "2026-02-03T04:05:06.123456789+02:00", "2026-02-03T02:05:06.123456789Z"},
		{"event.start", "2026-02-03T04:05:06,5-0530", "2026-02-03T09:35:06.500000000Z"},
		{"event.start", "2026-02-03T04:05:06.5+02", "2026-02-03T02:05:06.500000000Z"},
		{"event.start", "2026-02-03T04:05:06.1234567890Z", "2026-02-03T04:05:06.123456789Z"},
		{"event.start", "2026-02-03T04:05:06.1234567891Z", misfit{}},
		{"event.start", "2026-02-03T4:05:06.1234567891Z", misfit{}},
		{"event.start", "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"},
		{"event.start", "1677-09-21T00:12:43.145224192Z", "1677-09-21T00:12:43.145224192Z"},
		{"event.start", "1677-09-21T00:12:43.145224191Z", misfit{}},
		{"event.start", "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z"},
		{"event.start", "2262-04-11T23:47:16.854775808Z", misfit{}},
		{"event.start", "9999-12-31T23:59:59Z", misfit{}},
		{"event.start", "2026-02-03T04:05:06", misfit{}},
		{"event.start", "2026-02-30T04:05:06Z", misfit{}},
		{"event.start", "2026-02-03 04:05:06Z", misfit{}},
		{"event.start", "2026-02-03", misfit{}},
		{"event.start", "2026-02-03T04:05:06." + strings.Repeat("0", 99) + "Z", misfit{}},
		{"event.start", 1770091506789, misfit{}},

		{"client.nat.ip", "192.0.2.1", "192.0.2.1"},
		{"client.nat.ip", "2001:DB8::1", "2001:DB8::1"},
		{"client.nat.ip", "2001:db8::a", "2001:db8::a"},
		{"client.nat.ip", "::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"client.nat.ip", "fe80::1%eth0", misfit{}},
		{"client.nat.ip", "192.0.2.1:80", misfit{}},
		{"client.nat.ip", "192.0.2", misfit{}},
		{"client.nat.ip", "", misfit{}},
		{"client.nat.ip", 7, misfit{}},
		{"host.ip", "192.0.2.1", []any{"192.0.2.1"}},
		{"host.ip", []any{"192.0.2.1", "::1", nil}, []any{"192.0.2.1", "::1", nil}},
		{"host.ip", []any{"192.0.2.1", "eth0"}, misfit{}},

		{"host.geo.location", "1.5,-2.5", "1.5,-2.5"},
		{"host.geo.location", "+1.5, 180", "+1.5, 180"},
		{"host.geo.location", "91,0", misfit{}},
		{"host.geo.location", "0,181", misfit{}},
		{"host.geo.location", "a,b", misfit{}},
		{"host.geo.location", "1", misfit{}},
		{"host.geo.location", 1, misfit{}},
		{"host.geo.location", raw{"lat": 1, "lon": -180.0}, raw{"lat": int64(1), "lon": -180.0}},

		{"entity.raw", raw{"a": 1}, raw{"a": int64(1)}},
		{"entity.raw", []any{raw{"a": 1}, raw{}}, []any{raw{"a": int64(1)}, raw{}}},
		{"entity.raw", "x", misfit{}},
		{"dll.pe.imports", raw{"a": "b"}, []any{raw{"a": "b"}}},
		{"dll.pe.imports", []any{raw{"a": "b"}}, []any{raw{"a": "b"}}},
		{"dll.pe.imports", []any{"a"}, misfit{}},
		{"gen_ai.request.stop_sequences", raw{"a": "b"}, raw{"a": "b"}},

		{"event.kind", "alert", "alert"},
		{"event.kind", "happening", misfit{}},
		{"event.outcome", "unknown", "unknown"},
		{"event.outcome", "ok", misfit{}},
		{"event.category", "web", []any{"web"}},
		{"event.category", []any{"web", "api"}, []any{"web", "api"}},
		{"event.category", []any{"web", "shop"}, misfit{}},
		{"event.type", []any{"access"}, []any{"access"}},
		{"event.type", "read", misfit{}},
	} {
		got, counted := mapped(t, ecs.Options{}, c.name, c.in)
		if (c.out == misfit{}) {
			in := pcommon.NewValueEmpty()
			require.NoError(t, in.FromRaw(c.in))
			want := in.AsRaw()
			label := "labels." + strings.ReplaceAll(c.name, ".", "_")
			if d, ok := want.(float64); ok && math.IsNaN(d) {
				assert.True(t, math.IsNaN(got[label].(float64)), c.name)
			} else {
				assert.Equal(t, raw{label: want}, got, "%s %v", c.name, c.in)
			}
			assert.Equal(t, ecs.Counts{Type: 1}, counted, "%s %v", c.name, c.in)
			continue
		}
		assert.Equal(t, raw{c.name: c.out}, got, "%s %v", c.name, c.in)
		assert.Zero(t, counted, "%s %v", c.name, c.in)
	}

	// Maps that do not fit are labels for their leaves, lists with members JSON text.
	for _, c := range []struct {
		name string
		in   any
		want raw
	}{
		{"error.code", raw{"a": raw{"b": 1}}, raw{"labels.error_code_a_b": int64(1)}},
		{"host.geo.location", raw{"lat": 91, "lon": 0}, raw{"labels.host_geo_location_lat": int64(91), "labels.host_geo_location_lon": int64(0)}},
		{"host.geo.location", raw{"lat": 1, "lon": 181.0}, raw{"labels.host_geo_location_lat": int64(1), "labels.host_geo_location_lon": 181.0}},
		{"host.geo.location", raw{"lat": 1, "lng": 2}, raw{"labels.host_geo_location_lat": int64(1), "labels.host_geo_location_lng": int64(2)}},
		{"host.geo.location", raw{"lat": "1", "lon": 2}, raw{"labels.host_geo_location_lat": "1", "labels.host_geo_location_lon": int64(2)}},
		{"host.geo.location", raw{"lat": 1}, raw{"labels.host_geo_location_lat": int64(1)}},
		{"tags", raw{"a": 1}, raw{"labels.tags_a": int64(1)}},
		{"tags", []any{raw{"a": 1}}, raw{"labels.tags": `[{"a":1}]`}},
		{"tags", []any{[]any{"a"}}, raw{"labels.tags": `[["a"]]`}},
		{"tags", []any{"a", []any{"b"}}, raw{"labels.tags": `["a",["b"]]`}},
		{"error.code", []any{raw{"a": 1}}, raw{"labels.error_code": `[{"a":1}]`}},
		{"error.code", []any{[]any{"a"}}, raw{"labels.error_code": `[["a"]]`}},
		{"entity.raw", []any{raw{"a": 1}, 7}, raw{"labels.entity_raw": `[{"a":1},7]`}},
	} {
		got, counted := mapped(t, ecs.Options{}, c.name, c.in)
		assert.Equal(t, c.want, got, "%s %v", c.name, c.in)
		assert.Equal(t, ecs.Counts{Type: 1}, counted, "%s %v", c.name, c.in)
	}
}

// A number that becomes text is remembered for the next record, and another one is not
// taken for it.
func TestNumbersAsText(t *testing.T) {
	m := begun(ecs.Options{})
	for _, v := range []any{1, 1, 2, 1.0, 0.5, math.Float64frombits(2), 2, true, nil, 2} {
		r := newRecord(t, "user.id", v)
		want := pcommon.NewValueEmpty()
		require.NoError(t, want.FromRaw(v))
		got := values(t, m.Attributes(r))["user.id"]
		if v == nil {
			assert.Nil(t, got)
			continue
		}
		assert.Equal(t, want.AsString(), got)
	}
}

func TestAppendJSON(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, `null`},
		{"a\"\\/\n\r\t\x00\x1f\x7f\u2028\u2029\xc3\x28é", `"a\"\\/\n\r\t\u0000\u001f\u007f\u2028\u2029` + "\uFFFD(é\""},
		{math.MinInt64, `-9223372036854775808`},
		{1e21, `1e+21`},
		{1e-7, `1e-07`},
		{0.1, `0.1`},
		{100.0, `100`},
		{math.Copysign(0, -1), `-0`},
		{math.NaN(), `"NaN"`},
		{math.Inf(1), `"Infinity"`},
		{math.Inf(-1), `"-Infinity"`},
		{false, `false`},
		{[]byte("ab"), `"YWI="`},
		{[]any{1, []any{}, raw{"a": raw{}}}, `[1,[],{"a":{}}]`},
	} {
		v := pcommon.NewValueEmpty()
		require.NoError(t, v.FromRaw(c.in))
		got := ecs.AppendJSON([]byte("before"), v)
		assert.Equal(t, "before"+c.want, string(got))
		assert.True(t, json.Valid(got[len("before"):]), "%s", got)
	}
	v := pcommon.NewValueMap()
	fill(t, v.Map(), "a\xff", 1, "b", 2, "a\xfe", 3)
	assert.Equal(t, `{"a`+"\uFFFD"+`":1,"b":2,"a`+"\uFFFD"+`_2":3}`, string(ecs.AppendJSON(nil, v)))
}
