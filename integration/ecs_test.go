package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
)

// TestECSOverOTLP: configs/ecs-otlp.yaml as it is. Records and spans go on in ECS, without
// the secrets, and with their own fields where OTLP has them.
func TestECSOverOTLP(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	col := harness.Start(t, `
		exporters:
		  otlp_http: {endpoint: {{.sink.HTTP}}}
	`, harness.WithFile("configs/ecs-otlp.yaml"), harness.With("sink", sink), harness.WithEnv(
		`HEARTWOOD_STATE_DIR={{dir "state"}}`,
		`HEARTWOOD_OTLP_GRPC_PORT={{port "grpc"}}`,
		`HEARTWOOD_OTLP_HTTP_PORT={{port "http"}}`,
		`HEARTWOOD_HEALTH_PORT={{port "health"}}`,
	))
	in := "http://" + col.Addr(t, "http")

	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	rl.Resource().Attributes().PutStr("deployment.environment.name", "production")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("shop.orders")
	r := sl.LogRecords().AppendEmpty()
	r.SetTimestamp(1770091506789000000)
	r.SetSeverityText("error")
	r.SetSeverityNumber(plog.SeverityNumberError)
	r.SetTraceID([16]byte{0x0a, 1})
	r.SetEventName("order.failed")
	r.Body().SetStr("no stock for jane@example.com")
	require.NoError(t, r.Attributes().FromRaw(map[string]any{
		"request.id": "4f1c", "exception.type": "NoStock", "exception.stacktrace": "at stock.go:1",
		"order.id": "o-1", "http.response.body.size": int64(12), "db.password": "hunter2", "code.line.number": int64(42),
	}))
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	post(t, in+"/v1/logs", body)

	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("GET /orders")
	s.SetTraceID([16]byte{0x0a, 1})
	s.SetSpanID([8]byte{0x0b, 1})
	s.SetStartTimestamp(1770091506000000000)
	s.SetEndTimestamp(1770091506250000000)
	s.Attributes().PutInt("http.response.status_code", 503)
	s.Attributes().PutStr("http.route", "/orders")
	body, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	require.NoError(t, err)
	post(t, in+"/v1/traces", body)

	record := sink.WaitLog(t)
	checkAttributes(t, record.Attributes)
	checkAttributes(t, record.Resource)
	assert.Equal(t, harness.Attributes{"service.name": "shop", "service.environment": "production"}, record.Resource)
	assert.Equal(t, "shop.orders", record.Scope)
	assert.Equal(t, harness.Attributes{
		"@timestamp": "2026-02-03T04:05:06.789000000Z", "ecs.version": "9.4.0", "log.level": "error",
		"message": "no stock for [EMAIL]", "trace.id": "0a010000000000000000000000000000",
		"event.action": "order.failed", "event.kind": "event", "event.outcome": "failure",
		"http.request.id": "4f1c", "http.response.body.bytes": int64(12), "error.type": "NoStock", "error.stack_trace": "at stock.go:1",
		"log.origin.file.line": int64(42), "labels.order_id": "o-1", "labels.db_password": "[SECRET_KEY]", "labels.redaction_count": int64(2),
	}, record.Attributes)
	assert.Equal(t, time.Unix(0, 1770091506789000000).UTC(), record.Time.UTC())
	assert.Equal(t, plog.SeverityNumberError, record.Severity)
	assert.Equal(t, "no stock for [EMAIL]", record.Body)
	assert.Equal(t, "order.failed", record.EventName)

	span := sink.WaitSpan(t)
	checkAttributes(t, span.Attributes)
	assert.Equal(t, "GET /orders", span.Name)
	assert.Equal(t, harness.Attributes{
		"@timestamp": "2026-02-03T04:05:06.000000000Z", "ecs.version": "9.4.0",
		"event.start": "2026-02-03T04:05:06.000000000Z", "event.end": "2026-02-03T04:05:06.250000000Z", "event.duration": int64(250000000),
		"event.outcome": "failure", "trace.id": "0a010000000000000000000000000000", "span.id": "0b01000000000000",
		"http.response.status_code": int64(503), "labels.http_route": "/orders",
	}, span.Attributes)

	m := col.Metrics(t)
	assert.InDelta(t, 1, m.Sum("otelcol_processor_ecs_mapped", "signal=logs", "direction=to_ecs"), 0)
	assert.InDelta(t, 4, m.Sum("otelcol_processor_ecs_values", "reason=labelled_unknown"), 0)
	col.Stop(t)
}

// checkAttributes holds attributes in ECS to the schema, as the document that they would
// be: what each document begins with need not be among them.
func checkAttributes(t *testing.T, attributes harness.Attributes) {
	t.Helper()
	document, labels := []byte(`{`), map[string]any{}
	for _, field := range [...][2]string{
		{"@timestamp", "1970-01-01T00:00:00.000000000Z"}, {"log.level", ""}, {"message", ""}, {"ecs.version", ""},
	} {
		var value any = field[1]
		if own, ok := attributes[field[0]]; ok {
			value = own
		}
		document = fmt.Appendf(document, "%q:%s,", field[0], jsonOf(t, value))
	}
	for name, value := range attributes {
		if label, ok := strings.CutPrefix(name, "labels."); ok {
			labels[label] = value
		} else if name != "@timestamp" && name != "log.level" && name != "message" && name != "ecs.version" {
			document = fmt.Appendf(document, "%s:%s,", jsonOf(t, name), jsonOf(t, value))
		}
	}
	document = fmt.Appendf(document, `"labels":%s}`, jsonOf(t, labels))
	require.NoError(t, ecscheck.Document(document), "%s", document)
}

func jsonOf(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}

// TestECSFromLoggers: lines as ECS's loggers write them come in as records that the other
// processors understand: they are folded by their request. And they come back as ECS.
func TestECSFromLoggers(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	input := filepath.Join(t.TempDir(), "app.log")
	lines := []string{
		`{"@timestamp":"2026-02-03T04:05:06.789Z","log.level":"info","message":"order placed","ecs.version":"8.11.0","service":{"name":"shop","environment":"production"},"event":{"dataset":"shop.log"},"http":{"request":{"id":"r-1","method":"POST"}},"labels":{"order_id":"o-1"}}`,
		`{"@timestamp":"2026-02-03T04:05:07.5Z","log.level":"ERROR","message":"no stock","ecs.version":"8.11.0","service.name":"shop","http.request.id":"r-1","error":{"type":"NoStock","message":"none left","stack_trace":"at stock.js:1"},"log":{"logger":"stock"}}`,
	}
	require.NoError(t, os.WriteFile(input, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	harness.Start(t, `
		receivers:
		  stdout_tail: {files: {include: [{{.input}}], start_at: beginning}}
		processors:
		  ecs/in: {direction: from_ecs}
		  ecs/out:
		  request_id:
		  event_fold: {idle_timeout: 500ms, style: canonical, key: [request.id]}
		connectors:
		  forward/records:
		  forward/folds:
		exporters:
		  otlp_http: {endpoint: {{.sink.HTTP}}, sending_queue: {enabled: false}}
		service:
		  pipelines:
		    logs: {receivers: [stdout_tail], processors: [ecs/in, request_id], exporters: [forward/records, forward/folds, otlp_http]}
		    logs/back: {receivers: [forward/records], processors: [ecs/out], exporters: [otlp_http]}
		    logs/folds: {receivers: [forward/folds], processors: [event_fold], exporters: [otlp_http]}
	`, harness.With("sink", sink), harness.With("input", input))

	placed := sink.WaitLog(t, harness.Body("order placed"), harness.Not(harness.HasAttr("ecs.version")), harness.Not(harness.HasAttr("fold.id")))
	assert.Equal(t, "r-1", placed.Attributes["request.id"])
	assert.Equal(t, "POST", placed.Attributes["http.request.method"])
	assert.Equal(t, "o-1", placed.Attributes["order_id"])
	assert.Equal(t, "shop", placed.Service())
	assert.Equal(t, "production", placed.Resource["deployment.environment.name"])
	assert.Equal(t, plog.SeverityNumberInfo, placed.Severity)
	failed := sink.WaitLog(t, harness.Body("no stock"), harness.Attr("exception.type", "NoStock"), harness.Not(harness.HasAttr("fold.id")))
	assert.Equal(t, "r-1", failed.Attributes["request.id"])
	assert.Equal(t, "none left", failed.Attributes["exception.message"])

	folded := sink.WaitLog(t, harness.HasAttr("fold.id"))
	assert.EqualValues(t, 2, folded.Attributes["fold.count"], "both lines are of one request")
	assert.Equal(t, "failure", folded.Attributes["fold.outcome"])

	back := sink.WaitLog(t, harness.Body("no stock"), harness.HasAttr("ecs.version"))
	checkAttributes(t, back.Attributes)
	checkAttributes(t, back.Resource)
	for name, want := range map[string]any{
		"@timestamp": "2026-02-03T04:05:07.500000000Z", "log.level": "ERROR", "message": "no stock", "http.request.id": "r-1",
		"error.type": "NoStock", "error.message": "none left", "error.stack_trace": "at stock.js:1", "log.logger": "stock", "event.outcome": "failure",
	} {
		assert.Equal(t, want, back.Attributes[name], name)
	}
	order := sink.WaitLog(t, harness.Body("order placed"), harness.HasAttr("ecs.version"))
	assert.Equal(t, "o-1", order.Attributes["labels.order_id"])
	assert.Equal(t, "shop.log", order.Attributes["event.dataset"])
	assert.Equal(t, "production", order.Resource["service.environment"])
}
