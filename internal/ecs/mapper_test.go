package ecs

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// asMap says items as a map, lists and times as the processor writes them.
func asMap(t *testing.T, items []Item) map[string]any {
	t.Helper()
	m := make(map[string]any, len(items))
	for i := range items {
		v := pcommon.NewValueEmpty()
		items[i].PutInto(v)
		_, twice := m[items[i].Name]
		require.False(t, twice, items[i].Name)
		m[items[i].Name] = v.AsRaw()
	}
	return m
}

func mapAttributes(t *testing.T, o Options, raw map[string]any) map[string]any {
	t.Helper()
	r := plog.NewLogRecord()
	require.NoError(t, r.Attributes().FromRaw(raw))
	m := NewMapper(o)
	m.Begin(pcommon.NewResource(), pcommon.NewInstrumentationScope())
	got := asMap(t, m.Attributes(r))
	require.Equal(t, Version, got["ecs.version"])
	delete(got, "ecs.version")
	return got
}

func TestExample(t *testing.T) {
	r := plog.NewLogRecord()
	r.SetTimestamp(1770091506789000000)
	r.SetSeverityText("info")
	r.SetEventName("buy")
	r.Body().SetStr("order placed")
	r.Attributes().PutStr("request.id", "4f1c")
	r.Attributes().PutStr("order.id", "o-1")
	resource := pcommon.NewResource()
	resource.Attributes().PutStr("service.name", "purchasing")
	m := NewMapper(Options{})
	m.Begin(resource, pcommon.NewInstrumentationScope())
	items := m.Log(r)
	var names []string
	for _, item := range items {
		names = append(names, item.Name)
	}
	require.Equal(t, []string{"@timestamp", "ecs.version", "event.action", "event.kind", "http.request.id", "log.level", "message", "service.name", "labels.order_id"}, names)
	require.Equal(t, map[string]any{
		"@timestamp": "2026-02-03T04:05:06.789000000Z", "ecs.version": Version, "event.action": "buy", "event.kind": "event",
		"http.request.id": "4f1c", "log.level": "info", "message": "order placed", "service.name": "purchasing", "labels.order_id": "o-1",
	}, asMap(t, items))
}
