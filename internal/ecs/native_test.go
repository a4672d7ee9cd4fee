package ecs_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// A record that an application wrote in ECS stays what it is, but for what does not fit.
func TestNative(t *testing.T) {
	native := []any{
		"@timestamp", "2026-02-03T04:05:06.789000000Z", "log.level", "ERROR", "message", "no stock", "ecs.version", "1.2.0",
		"service.name", "shop", "service.node.name", "n1", "process.thread.name", "main", "log.logger", "shop.Stock",
		"log.origin.file.name", "Stock.java", "log.origin.file.line", int64(42), "log.origin.function", "take",
		"error.type", "java.lang.IllegalStateException", "error.message", "no stock", "error.stack_trace", "at shop",
		"trace.id", "0af7651916cd43dd8448eb211c80319c", "transaction.id", "b7ad6b7169203331", "span.id", "00f067aa0ba902b7",
		"event.kind", "event", "event.category",
		[]any{"web"},
		"event.dataset", "shop", "event.duration", int64(12100000), "event.created", "2026-02-03T04:05:07.000000000Z",
		"host.ip",
		[]any{"192.0.2.1", "192.0.2.2"},
		"tags",
		[]any{"a"},
		"client.ip", "192.0.2.3", "client.domain", "a.example", "client.address", "a.example",
		"http.version", "1.1", "network.protocol", "http", "http.request.method", "get", "host.os.type", "macos", "container.labels.a_b", "x",
		"labels.order_id", "o-1", "labels.retry", true, "heartwood.body",
		raw{"a": []any{raw{"b": nil}}},
		"log.syslog.structured_data",
		raw{"x": raw{"y": int64(1)}},
		"source.geo.location",
		raw{"lat": 1.5, "lon": 2.5},
	}
	for _, unknown := range []ecs.Unknown{ecs.Label, ecs.Keep, ecs.Drop} {
		m := begun(ecs.Options{Unknown: unknown})
		r := newRecord(t, native...)
		assert.Equal(t, r.Attributes().AsRaw(), values(t, m.Attributes(r)))
		assert.Zero(t, m.TakeCounts())
	}

	// The same, nested as its JSON is.
	nested := newRecord(t, "http", raw{"version": "1.1", "request": raw{"method": "get"}}, "host", raw{"ip": []any{"192.0.2.1", "192.0.2.2"}, "os": raw{"type": "macos"}},
		"labels", raw{"order_id": "o-1"}, "source", raw{"geo": raw{"location": raw{"lat": 1.5, "lon": 2.5}}}, "ecs", raw{"version": "1.2.0"}, "heartwood", raw{"body": raw{"a": "b"}})
	assert.Equal(t, raw{
		"http.version": "1.1", "http.request.method": "get", "host.ip": []any{"192.0.2.1", "192.0.2.2"}, "host.os.type": "macos", "labels.order_id": "o-1",
		"source.geo.location": raw{"lat": 1.5, "lon": 2.5}, "ecs.version": "1.2.0", "heartwood.body": raw{"a": "b"},
	}, values(t, begun(ecs.Options{}).Attributes(nested)))

	// In a resource, too.
	m := ecs.NewMapper(ecs.Options{})
	resource := pcommon.NewResource()
	fill(t, resource.Attributes(), native...)
	m.Begin(resource, pcommon.NewInstrumentationScope())
	assert.Equal(t, resource.Attributes().AsRaw(), values(t, m.Resource()))
	assert.Equal(t, resource.Attributes().AsRaw(), values(t, m.Log(newRecord(t))))
	assert.Zero(t, m.TakeCounts())
}
