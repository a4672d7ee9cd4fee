package ecsjson

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// request is what a service says of a request: some thirty fields and labels.
func request(tb testing.TB) []ecs.Item {
	tb.Helper()
	return []ecs.Item{
		instant("@timestamp", moment),
		text("client.address", "203.0.113.17"),
		text("client.ip", "203.0.113.17"),
		text("ecs.version", "9.4.0"),
		text("event.action", "order.placed"),
		list(text("event.category", "web")),
		text("event.dataset", "access"),
		number("event.duration", 38_214_700),
		text("event.id", "01936f9c-6c9e-7d0a-9d3e-5d1c9d6a1f22"),
		text("event.kind", "event"),
		text("event.outcome", "success"),
		list(text("event.type", "access")),
		text("host.name", "shop-7d9c5b8f6-x2x9v"),
		text("http.request.id", "8601b555-6a83-4c12-8269-97c8e32cdb22"),
		text("http.request.method", "POST"),
		number("http.response.body.bytes", 5316),
		number("http.response.status_code", 201),
		text("log.level", "INFO"),
		text("log.logger", "shop.orders.processing"),
		number("log.origin.file.line", 217),
		text("log.origin.file.name", "orders.go"),
		text("log.origin.function", "shop/orders.(*Service).Place"),
		text("message", "Order processed and handed to the shipping service"),
		text("orchestrator.namespace", "shop"),
		text("service.environment", "production"),
		text("service.name", "purchasing"),
		text("service.version", "2026.2.3-4f1c9d2"),
		text("span.id", "00f067aa0ba902b7"),
		text("trace.id", "4bf92f3577b34da6a3ce929d0e0e4736"),
		text("url.path", "/api/v1/orders"),
		text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"),
		value(tb, "heartwood.parts", []any{map[string]any{"message": "Order accepted", "elapsed": 0.0131, "service": "purchasing"}}),
		double("labels.amount", 99.99),
		boolean("labels.cached", false),
		labelItem("order_id", "o-123456"),
		labelItem("request_macro_id", "8601b555-6a83-4c12-8269-97c8e32cdb22"),
	}
}

func messageOf(s string) []ecs.Item {
	return []ecs.Item{instant("@timestamp", moment), text("ecs.version", "9.4.0"), text("log.level", "info"), text("message", s)}
}

func benchmarkItems(b *testing.B) []struct {
	name  string
	items []ecs.Item
} {
	b.Helper()
	untidy := append([]ecs.Item{text("url.query", "q=1")}, request(b)...)
	return []struct {
		name  string
		items []ecs.Item
	}{
		{"short", example()},
		{"request", request(b)},
		{"untidy", untidy},
		{"stacktrace", messageOf(strings.Repeat("\tat com.example.shop.OrderService.place(OrderService.java:217)\n", 40))},
		{"ascii", messageOf(strings.Repeat("a plain text without anything odd. ", 60))},
		{"cyrillic", messageOf(strings.Repeat("заказ принят и передан в доставку. ", 60))},
		{"escapes", messageOf(strings.Repeat("\x01\"\\\n", 500))},
		{"invalid", messageOf(strings.Repeat("\xff\xfe\xc0\x80", 500))},
		{"alternating", messageOf(strings.Repeat("a\n", 1000))},
	}
}

func BenchmarkDocument(b *testing.B) {
	for _, x := range benchmarkItems(b) {
		for _, nesting := range []Nesting{Nested, Dotted} {
			b.Run("record="+x.name+"/nesting="+nesting.String(), func(b *testing.B) {
				dst := AppendDocument(nil, x.items, nesting)
				size := len(dst)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					dst = AppendDocument(dst[:0], x.items, nesting)
				}
				require.Len(b, dst, size)
			})
		}
	}
}
