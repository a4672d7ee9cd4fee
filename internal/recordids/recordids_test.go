package recordids

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func record(t *testing.T, attributes map[string]any, body any) plog.LogRecord {
	t.Helper()
	r := plog.NewLogRecord()
	require.NoError(t, r.Attributes().FromRaw(attributes))
	require.NoError(t, r.Body().FromRaw(body))
	return r
}

func idsOf(resource pcommon.Map, r plog.LogRecord) (ids []string) {
	OfLog(resource, r, func(id string) { ids = append(ids, id) })
	return ids
}

func TestIDsOfALogRecord(t *testing.T) {
	t.Parallel()
	parts := func(message any) map[string]any {
		return map[string]any{
			"origins": []any{map[string]any{"resource": map[string]any{"request.id": "o"}}, map[string]any{"resource": 7}, 7},
			"parts":   []any{map[string]any{"trace_id": "t", "attributes": map[string]any{"request.id": "p", "x": "no"}, "message": message}, "no"},
		}
	}
	deep := any("end")
	for range 100 {
		deep = parts(deep)
	}
	for name, test := range map[string]struct {
		attributes, resource map[string]any
		body                 any
		want                 []string
		plain                bool
	}{
		"none":                     {attributes: map[string]any{"a": "b"}, plain: true},
		"a request":                {attributes: map[string]any{"request.id": "r"}, want: []string{"r"}, plain: true},
		"a number":                 {attributes: map[string]any{"request.id": 7}, want: []string{"7"}, plain: true},
		"no number":                {attributes: map[string]any{"request.id": math.NaN()}, want: []string{"NaN"}, plain: true},
		"empty":                    {attributes: map[string]any{"request.id": ""}, plain: true},
		"too long":                 {attributes: map[string]any{"request.id": strings.Repeat("x", MaxLength+1)}, plain: true},
		"as long as can be":        {attributes: map[string]any{"request.id": strings.Repeat("x", MaxLength)}, want: []string{strings.Repeat("x", MaxLength)}, plain: true},
		"a list":                   {attributes: map[string]any{"request.id": []any{"a", 1, ""}}, want: []string{"a", "1"}},
		"a macro":                  {attributes: map[string]any{"request.macro_id": "m"}, want: []string{"m"}},
		"a resource's":             {resource: map[string]any{"request.id": "r"}, want: []string{"r"}},
		"folded":                   {attributes: map[string]any{"fold.id": "f", "fold.trace_ids": []any{"t1", "t2"}}, want: []string{"t1", "t2"}},
		"a folded document":        {attributes: map[string]any{"fold.id": "f"}, body: parts(parts("x")), want: []string{"o", "t", "p", "o", "t", "p"}},
		"a document of a sender's": {attributes: map[string]any{}, body: parts("x"), plain: true},
		"a line":                   {attributes: map[string]any{"fold.id": "f"}, body: "line"},
		"no lists":                 {attributes: map[string]any{"fold.id": "f"}, body: map[string]any{"parts": "x", "origins": 7}},
	} {
		r := record(t, test.attributes, test.body)
		resource := pcommon.NewMap()
		require.NoError(t, resource.FromRaw(test.resource))
		assert.ElementsMatch(t, test.want, idsOf(resource, r), name)
		assert.Equal(t, test.plain, Plain(resource, r.Attributes()), name)
		for _, id := range test.want {
			assert.True(t, HasLog(resource, r, id), name)
		}
		assert.False(t, HasLog(resource, r, "another"), name)
	}
	r := record(t, map[string]any{"fold.id": "f"}, deep)
	assert.Len(t, idsOf(pcommon.NewMap(), r), 3*maxDepth)
	many := record(t, map[string]any{}, "x")
	list := many.Attributes().PutEmptySlice(Traces)
	for range MaxCount + 10 {
		list.AppendEmpty().SetStr("t")
	}
	assert.Len(t, idsOf(pcommon.NewMap(), many), MaxCount)
	traced := plog.NewLogRecord()
	assert.False(t, HasLog(pcommon.NewMap(), traced, ""), "no id is none")
	traced.SetTraceID([16]byte{0xab})
	assert.True(t, HasLog(pcommon.NewMap(), traced, "ab000000000000000000000000000000"))
}

func TestIDsOfRequests(t *testing.T) {
	t.Parallel()
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr(Macro, "m")
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTraceID([16]byte{15: 1})
	r.Attributes().PutStr(Request, "r")
	var ids []string
	add := func(id string) { ids = append(ids, id) }
	AllLogs(logs, add)
	assert.Equal(t, []string{"00000000000000000000000000000001", "r", "m"}, ids)

	spans := ptrace.NewTraces()
	rs := spans.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr(Request, "of resource")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID([16]byte{15: 2})
	span.Attributes().PutStr(Request, "of span")
	ids = nil
	AllSpans(spans, add)
	assert.Equal(t, []string{"00000000000000000000000000000002", "of span", "of resource"}, ids)
}

// Most records are asked for ids, and have none: that must cost nothing.
func TestPlainCostsNoMemory(t *testing.T) {
	r := record(t, map[string]any{"request.id": "r", "a": 1, "b": "c"}, "x")
	resource := pcommon.NewMap()
	resource.PutStr("service.name", "shop")
	assert.Zero(t, testing.AllocsPerRun(100, func() { Plain(resource, r.Attributes()) }))
}
