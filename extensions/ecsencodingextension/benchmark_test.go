package ecsencodingextension

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// requests are records of one service as a Kubernetes agent has them: a resource of many
// attributes, and some twenty in each record.
func requests(n int) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	for name, value := range map[string]string{
		"service.name": "purchasing", "service.version": "2026.2.3-4f1c9d2", "service.namespace": "shop", "service.instance.id": "01936f9c-6c9e-7d0a-9d3e-5d1c9d6a1f22",
		"deployment.environment.name": "production", "host.name": "node-17", "host.arch": "amd64", "os.type": "linux",
		"container.id": "4bf92f3577b34da6a3ce929d0e0e47364bf92f3577b34da6a3ce929d0e0e4736", "container.name": "purchasing",
		"k8s.namespace.name": "shop", "k8s.pod.name": "purchasing-7d9c5b8f6-x2x9v", "k8s.pod.uid": "b1946ac9-2492-4d23-9bd2-5d1c9d6a1f22", "k8s.node.name": "node-17", "k8s.cluster.name": "eu-1",
		"cloud.provider": "aws", "cloud.region": "eu-central-1", "cloud.account.id": "123456789012",
	} {
		rl.Resource().Attributes().PutStr(name, value)
	}
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("shop.orders.processing")
	for i := range n {
		r := sl.LogRecords().AppendEmpty()
		r.SetTimestamp(1_770_091_506_789_000_000)
		r.SetObservedTimestamp(1_770_091_506_799_000_000)
		r.SetSeverityText("INFO")
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.Body().SetStr("Order processed and handed to the shipping service")
		r.SetEventName("order.placed")
		r.SetTraceID([16]byte{1, 2, 3, byte(i)})
		r.SetSpanID([8]byte{1, 2, byte(i)})
		a := r.Attributes()
		a.PutStr("log.record.uid", "01936f9c-6c9e-7d0a-9d3e-5d1c9d6a1f22")
		a.PutStr("request.id", fmt.Sprintf("8601b555-6a83-4c12-8269-%012d", i))
		a.PutStr("client.address", "203.0.113.17")
		a.PutStr("http.request.method", "POST")
		a.PutInt("http.response.status_code", 201)
		a.PutInt("http.response.body.size", 5316)
		a.PutDouble("http.server.request.duration", 0.0382147)
		a.PutStr("url.path", "/api/v1/orders")
		a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0")
		a.PutStr("code.function.name", "shop/orders.(*Service).Place")
		a.PutStr("code.file.path", "orders.go")
		a.PutInt("code.line.number", 217)
		a.PutStr("order.id", "o-123456")
		a.PutDouble("order.amount", 99.99)
		a.PutInt("order.items", 17)
		a.PutBool("order.cached", false)
	}
	return logs
}

// few are records that say little.
func few(n int) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "purchasing")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for range n {
		r := records.AppendEmpty()
		r.SetTimestamp(1_770_091_506_789_000_000)
		r.SetSeverityText("INFO")
		r.Body().SetStr("order placed")
	}
	return logs
}

// odd are records of nothing but what must be escaped.
func odd(n int) plog.Logs {
	logs := few(n)
	for _, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		r.Body().SetStr(strings.Repeat("\x01\"\\\n\xff", 100))
		for i := range 20 {
			r.Attributes().PutStr(fmt.Sprintf("\xff.%d\n", i), strings.Repeat("\xff\x01", 20))
		}
	}
	return logs
}

func BenchmarkMarshal(b *testing.B) {
	const count = 100
	for _, x := range []struct {
		name string
		logs plog.Logs
	}{{"request", requests(count)}, {"short", few(count)}, {"hostile", odd(count)}} {
		for _, unknown := range []string{"label", "keep"} {
			b.Run("records="+x.name+"/unknown="+unknown, func(b *testing.B) {
				e := start(b, func(c *Config) { c.Unknown = unknown })
				data, err := e.MarshalLogs(x.logs)
				require.NoError(b, err)
				size := len(data)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					data, err = e.MarshalLogs(x.logs)
				}
				require.NoError(b, err)
				require.Len(b, data, size)
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/record")
			})
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	const count = 100
	e := start(b, nil)
	data, err := e.MarshalLogs(requests(count))
	require.NoError(b, err)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	var logs plog.Logs
	for b.Loop() {
		logs, err = e.UnmarshalLogs(data)
	}
	require.NoError(b, err)
	require.Equal(b, count, logs.LogRecordCount())
}
