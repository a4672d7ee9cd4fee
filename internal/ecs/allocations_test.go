//go:build !race

package ecs_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// Once the names are known, nothing is allocated, whatever their order is.
func TestNoAllocation(t *testing.T) {
	for _, s := range shapes(t) {
		if s.name == "endless-names" {
			continue
		}
		for _, unknown := range []ecs.Unknown{ecs.Label, ecs.Keep, ecs.Drop} {
			m := ecs.NewMapper(ecs.Options{Unknown: unknown})
			scope := pcommon.NewInstrumentationScope()
			scope.SetName("shop")
			resource := benchmarkResource(t)
			m.Begin(resource, scope)
			for _, r := range s.records {
				require.NotEmpty(t, m.Log(r))
				require.NotEmpty(t, m.Attributes(r))
			}
			i := 0
			next := func() plog.LogRecord { i++; return s.records[i%len(s.records)] }
			assert.Zero(t, testing.AllocsPerRun(100, func() { m.Log(next()) }), s.name)
			assert.Zero(t, testing.AllocsPerRun(100, func() { m.Attributes(next()) }), s.name)
			assert.Zero(t, testing.AllocsPerRun(100, func() { m.Begin(resource, scope) }), s.name)
		}
	}
	// Also with what clashes, is taken apart, or becomes labels for its leaves.
	r := newRecord(t, "http", raw{"request": raw{"method": "GET"}, "foo": 1}, "a", raw{"b": 1, "c": raw{"d": 2}}, "x.y", 1, "x_y", 2,
		"exception.type", "E", "error.type", "F", "user.id", 1009, "heartwood.a", raw{"x": 1}, "heartwood.a.b", 2, "labels", raw{"p": 1},
		"http.request.method_original", "get", "client.ip", "shop.example", "server.address", "cafe")
	s := ptrace.NewSpan()
	r.Attributes().CopyTo(s.Attributes())
	m := begun(ecs.Options{})
	require.Len(t, m.Attributes(r), 18)
	assert.Zero(t, testing.AllocsPerRun(100, func() { m.Attributes(r) }))
	require.Len(t, m.Span(s), 18)
	assert.Zero(t, testing.AllocsPerRun(100, func() { m.Span(s) }))
}
