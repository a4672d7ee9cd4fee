package ecs_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// accessAttributes are those of a line of an access log, and what a gateway adds.
var accessAttributes = []any{
	"log.record.uid", "0190f3c5-6e00-7000-8000-000000000001", "log.category", "access", "client.address", "192.0.2.17", "http.request.method", "GET",
	"url.path", "/cart/checkout", "url.query", "coupon=abc", "url.scheme", "https", "http.response.status_code", 200, "http.response.body.size", 18231, "http.request.body.size", 0,
	"user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "network.protocol.name", "http", "network.protocol.version", "1.1",
	"server.address", "shop.example.com", "server.port", 443, "user.name", "frank", "request.id", "4f1c9b2e", "http.server.request.duration", 0.0121,
	"upstream", "10.0.3.7:8080", "tls.cipher", "TLS_AES_128_GCM_SHA256",
}

// exceptionAttributes are those of an application's record of an error.
var exceptionAttributes = []any{
	"log.record.uid", "0190f3c5-6e00-7000-8000-000000000002", "exception.type", "java.lang.IllegalStateException", "exception.message", "no stock for sku-17",
	"exception.stacktrace", "java.lang.IllegalStateException: no stock for sku-17\n\tat shop.Stock.take(Stock.java:42)\n\tat shop.Order.place(Order.java:17)\n",
	"code.function.name", "shop.Stock.take", "code.file.path", "Stock.java", "code.line.number", 42, "thread.id", 27, "thread.name", "worker-3",
	"request.id", "4f1c9b2e", "user.id", "u-1009", "session.id", "s-77", "order.id", "o-1", "order.total", 129.5, "sku", "sku-17", "stock.left", 0,
	"retry", true, "attempt", 2, "tenant", "north", "feature.flag", "new-checkout",
}

func unknownAttributes(from int) (pairs []any) {
	for i := range 20 {
		pairs = append(pairs, fmt.Sprintf("shop.attribute.%d", from+i), fmt.Sprintf("value %d", i))
	}
	return pairs
}

// rotated begins with the n-th pair.
func rotated(pairs []any, n int) []any {
	return append(append([]any(nil), pairs[2*n:]...), pairs[:2*n]...)
}

func benchmarkRecord(tb testing.TB, pairs []any) plog.LogRecord {
	tb.Helper()
	r := newRecord(tb, pairs...)
	require.Equal(tb, 20, r.Attributes().Len())
	r.SetTimestamp(1770091506789000000)
	r.SetObservedTimestamp(1770091506790000000)
	r.SetSeverityText("info")
	r.SetSeverityNumber(9)
	r.SetTraceID(pcommon.TraceID{1})
	r.SetSpanID(pcommon.SpanID{2})
	r.Body().SetStr("GET /cart/checkout")
	return r
}

func benchmarkResource(tb testing.TB) pcommon.Resource {
	tb.Helper()
	resource := pcommon.NewResource()
	fill(tb, resource.Attributes(), "service.name", "purchasing", "service.version", "1.7.0", "host.name", "node-3", "os.type", "linux",
		"k8s.namespace.name", "shop", "k8s.pod.name", "purchasing-7d4b", "container.id", "f00d", "deployment.environment.name", "production")
	return resource
}

type shape struct {
	name    string
	records []plog.LogRecord
}

func shapes(tb testing.TB) []shape {
	tb.Helper()
	var orders, endless []plog.LogRecord
	for i := range 20 {
		orders = append(orders, benchmarkRecord(tb, rotated(accessAttributes, i)))
	}
	for i := range 2000 {
		endless = append(endless, benchmarkRecord(tb, unknownAttributes(20*i)))
	}
	return []shape{
		{"access", []plog.LogRecord{benchmarkRecord(tb, accessAttributes)}},
		{"exception", []plog.LogRecord{benchmarkRecord(tb, exceptionAttributes)}},
		{"unknown", []plog.LogRecord{benchmarkRecord(tb, unknownAttributes(0))}},
		{"mixed", []plog.LogRecord{benchmarkRecord(tb, accessAttributes), benchmarkRecord(tb, exceptionAttributes)}},
		{"orders", orders},
		{"endless-names", endless},
	}
}

func BenchmarkMapper(b *testing.B) {
	for _, s := range shapes(b) {
		m := ecs.NewMapper(ecs.Options{})
		m.Begin(benchmarkResource(b), pcommon.NewInstrumentationScope())
		for what, mapRecord := range map[string]func(plog.LogRecord) []ecs.Item{"attributes": m.Attributes, "log": m.Log} {
			b.Run(fmt.Sprintf("records=%s/of=%s", s.name, what), func(b *testing.B) {
				b.ReportAllocs()
				i, items := 0, 0
				for b.Loop() {
					items += len(mapRecord(s.records[i]))
					if i++; i == len(s.records) {
						i = 0
					}
				}
				require.GreaterOrEqual(b, items, 20*b.N)
			})
		}
	}
}

func BenchmarkBegin(b *testing.B) {
	m := ecs.NewMapper(ecs.Options{})
	resource, scope := benchmarkResource(b), pcommon.NewInstrumentationScope()
	scope.SetName("shop")
	b.ReportAllocs()
	for b.Loop() {
		m.Begin(resource, scope)
	}
	require.Len(b, m.Resource(), 8)
}
