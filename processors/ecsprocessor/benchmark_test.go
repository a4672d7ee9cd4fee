package ecsprocessor

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/processors/ecsprocessor/internal/metadatatest"
)

// usualRecord has 20 attributes of a request, as OpenTelemetry names them.
func usualRecord(r plog.LogRecord, i int) {
	r.SetTimestamp(pcommon.Timestamp(1770091506789000000 + i))
	r.SetObservedTimestamp(pcommon.Timestamp(1770091506999000000 + i))
	r.SetSeverityText("info")
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.SetTraceID([16]byte{1, byte(i)})
	r.SetSpanID([8]byte{2, byte(i)})
	r.Body().SetStr("order placed")
	a := r.Attributes()
	a.EnsureCapacity(20)
	a.PutStr("log.record.uid", "01890a5d-ac96-774b-bcce-b302099a8057")
	a.PutStr("request.id", "4f1c0de5-1234-4a5b-8c6d-7e8f90a1b2c3")
	a.PutStr("http.request.method", "POST")
	a.PutInt("http.response.status_code", 201)
	a.PutInt("http.response.body.size", 512)
	a.PutInt("http.request.body.size", 2048)
	a.PutDouble("http.server.request.duration", 0.0125)
	a.PutStr("url.path", "/orders")
	a.PutStr("url.query", "a=b")
	a.PutStr("client.address", "10.0.0.7")
	a.PutStr("server.address", "shop.example.com")
	a.PutInt("server.port", 443)
	a.PutStr("user_agent.original", "curl/8.5.0")
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("code.function.name", "place")
	a.PutStr("code.file.path", "orders.go")
	a.PutInt("code.line.number", 42)
	a.PutStr("thread.name", "main")
	a.PutStr("order.id", "o-1")
	a.PutInt("order.lines", 3)
}

// documentRecord is what stdout_tail leaves of a line of an ECS logger: some of it nested,
// some with points.
func documentRecord(r plog.LogRecord, i int) {
	r.SetTimestamp(pcommon.Timestamp(1770091506789000000 + i))
	r.SetObservedTimestamp(pcommon.Timestamp(1770091506999000000 + i))
	r.SetSeverityText("info")
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.Body().SetStr("order placed")
	a := r.Attributes()
	a.EnsureCapacity(12)
	a.PutStr("ecs.version", "8.11.0")
	a.PutStr("event.dataset", "shop.log")
	http := a.PutEmptyMap("http")
	request := http.PutEmptyMap("request")
	request.PutStr("method", "POST")
	request.PutStr("id", "4f1c0de5-1234-4a5b-8c6d-7e8f90a1b2c3")
	request.PutEmptyMap("body").PutInt("bytes", 2048)
	response := http.PutEmptyMap("response")
	response.PutInt("status_code", 201)
	response.PutEmptyMap("body").PutInt("bytes", 512)
	http.PutStr("version", "1.1")
	a.PutEmptyMap("url").PutStr("path", "/orders")
	a.PutEmptyMap("client").PutStr("ip", "10.0.0.7")
	a.PutStr("code.function.name", "place")
	a.PutStr("code.file.path", "orders.go")
	a.PutStr("process.thread.name", "main")
	a.PutStr("log.logger", "shop.orders")
	labels := a.PutEmptyMap("labels")
	labels.PutStr("order_id", "o-1")
	labels.PutInt("order_lines", 3)
}

const batchSize = 100

func batchOf(fill func(plog.LogRecord, int)) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	rl.Resource().Attributes().PutStr("deployment.environment.name", "production")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	records.EnsureCapacity(batchSize)
	for i := range batchSize {
		fill(records.AppendEmpty(), i)
	}
	return logs
}

// passes gives a pass through the processor, and fresh batches for it: what a pass has
// changed, the next would not change again.
func passes(tb testing.TB, cfg *Config, fill func(plog.LogRecord, int)) (pass func(plog.Logs), fresh func() plog.Logs) {
	tb.Helper()
	p, err := NewFactory().CreateLogs(tb.Context(), metadatatest.NewSettings(componenttest.NewTelemetry()), cfg, consumertest.NewNop())
	require.NoError(tb, err)
	require.NoError(tb, p.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { _ = p.Shutdown(tb.Context()) })
	template := batchOf(fill)
	fresh = func() plog.Logs {
		logs := plog.NewLogs()
		template.CopyTo(logs)
		return logs
	}
	return func(logs plog.Logs) {
		if err := p.ConsumeLogs(tb.Context(), logs); err != nil {
			tb.Fatal(err)
		}
	}, fresh
}

var ways = []struct {
	name   string
	config Config
	fill   func(plog.LogRecord, int)
	has    map[string]any // what is in each record then
}{
	{"to_ecs", Config{Direction: toECS}, usualRecord, map[string]any{"http.request.id": "4f1c0de5-1234-4a5b-8c6d-7e8f90a1b2c3", "labels.order_id": "o-1", "event.outcome": "success"}},
	{"from_ecs", Config{Direction: fromECS}, documentRecord, map[string]any{"request.id": "4f1c0de5-1234-4a5b-8c6d-7e8f90a1b2c3", "order_id": "o-1", "http.request.body.size": int64(2048)}},
	{"from_ecs/nothing", Config{Direction: fromECS}, usualRecord, map[string]any{"request.id": "4f1c0de5-1234-4a5b-8c6d-7e8f90a1b2c3"}},
}

// BenchmarkProcessor is the whole processor, by record: it and the helper around it, in
// batches of 100.
func BenchmarkProcessor(b *testing.B) {
	for _, way := range ways {
		b.Run("way="+way.name, func(b *testing.B) {
			pass, fresh := passes(b, &way.config, way.fill)
			b.ReportAllocs()
			var logs plog.Logs
			const ahead = 20
			for done := 0; done < b.N; done += ahead * batchSize {
				b.StopTimer()
				batches := make([]plog.Logs, ahead)
				for i := range batches {
					batches[i] = fresh()
				}
				b.StartTimer()
				for i := range batches {
					pass(batches[i])
				}
				logs = batches[0]
			}
			requireHas(b, logs, way.has)
		})
	}
}

func requireHas(tb testing.TB, logs plog.Logs, want map[string]any) {
	tb.Helper()
	for _, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		got := r.Attributes().AsRaw()
		for name, v := range want {
			require.Equal(tb, v, got[name], name)
		}
	}
}

// BenchmarkMapping is the mapper alone, to compare.
func BenchmarkMapping(b *testing.B) {
	_, r := one()
	usualRecord(r, 1)
	m := ecs.NewMapper(ecs.Options{})
	m.Begin(pcommon.NewResource(), pcommon.NewInstrumentationScope())
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = len(m.Attributes(r))
	}
	require.Equal(b, 30, n)
}

// BenchmarkHostile is what hostile records cost.
func BenchmarkHostile(b *testing.B) {
	for name, fill := range hostileRecords(b) {
		for _, direction := range []string{toECS, fromECS} {
			b.Run(fmt.Sprintf("record=%s/way=%s", name, direction), func(b *testing.B) {
				_, template := one()
				fill(template.Attributes())
				var t translator = newWriter(ecs.Options{})
				if direction == fromECS {
					t = &reader{ecs.NewUnmapper()}
				}
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					_, r := one()
					template.CopyTo(r)
					b.StartTimer()
					t.log(r)
				}
			})
		}
	}
}
