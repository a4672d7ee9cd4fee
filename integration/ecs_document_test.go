package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
)

// ecsLogs are records that a service may send, and some that none should: whatever is in
// them, each is one document.
func ecsLogs(t *testing.T) []byte {
	t.Helper()
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	require.NoError(t, rl.Resource().Attributes().FromRaw(map[string]any{
		"service.name": "purchasing", "service.version": "2", "deployment.environment.name": "production",
		"k8s.namespace.name": "shop", "os.type": "linux", "telemetry.sdk.name": "opentelemetry",
	}))
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("shop.orders")
	sl.Scope().SetVersion("1.2")
	add := func(body string, attributes map[string]any) plog.LogRecord {
		r := sl.LogRecords().AppendEmpty()
		r.SetTimestamp(1_770_091_506_789_000_000)
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.SetSeverityText("INFO")
		r.Body().SetStr(body)
		require.NoError(t, r.Attributes().FromRaw(attributes))
		return r
	}
	r := add("order placed", map[string]any{
		"http.request.method": "POST", "http.response.status_code": int64(503), "http.response.body.size": int64(17),
		"client.address": "203.0.113.17", "request.id": "4f1c", "order.id": "o-1", "amount": 99.0, "items": int64(1) << 60,
		"exception.type": "E", "exception.message": "m", "exception.stacktrace": "s\n\tt",
	})
	r.SetEventName("order.placed")
	r.SetTraceID(pcommon.TraceID{1, 2, 3})
	r.SetSpanID(pcommon.SpanID{4, 5})
	add("line one\nline two\u2028\u0085\x00\x1b[31m", map[string]any{
		"a": map[string]any{"b": []any{int64(1), nil, map[string]any{"c\n": "\u2029"}}}, "http": "a text where ECS has an object", "": "no name", ".": "points", "..a..": "more",
	})
	require.NoError(t, add("", nil).Body().FromRaw(map[string]any{"message": "of a map", "n": []any{int64(1), []byte{0, 1}}}))
	sl.LogRecords().AppendEmpty() // nothing at all
	data, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return data
}

// documents are the lines of a file, each of which must be a document.
func documents(t *testing.T, path string, wanted int) (all []map[string]any) {
	t.Helper()
	var lines [][]byte
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(path)
		if err != nil || len(data) == 0 || data[len(data)-1] != '\n' {
			return false
		}
		lines = bytes.Split(data[:len(data)-1], []byte("\n"))
		return len(lines) >= wanted
	}, 30*time.Second, 50*time.Millisecond, "%d documents in %s", wanted, path)
	require.Len(t, lines, wanted)
	for _, line := range lines {
		require.NoError(t, ecscheck.Document(line), "%s", line)
		var document map[string]any
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&document))
		all = append(all, document)
	}
	return all
}

// TestEndToEndECSFile: the shipped configuration writes what comes over OTLP and as
// logfmt as ECS documents, one a line.
func TestEndToEndECSFile(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, `
		exporters:
		  file: {flush_interval: 50ms}
	`, harness.WithFile("configs/ecs-file.yaml"), harness.WithEnv(
		`HEARTWOOD_STATE_DIR={{dir "state"}}`,
		`HEARTWOOD_OTLP_GRPC_PORT={{port "grpc"}}`,
		`HEARTWOOD_OTLP_HTTP_PORT={{port "http"}}`,
		`HEARTWOOD_LOGFMT_TCP_PORT={{port "tcp"}}`,
		`HEARTWOOD_LOGFMT_HTTP_PORT={{port "lines"}}`,
		`HEARTWOOD_HEALTH_PORT={{port "health"}}`,
	))
	post(t, "http://"+c.Addr(t, "http")+"/v1/logs", ecsLogs(t))
	file := filepath.Join(c.Path("state"), "records", "ecs.jsonl")
	all := documents(t, file, 4)

	first := all[0]
	assert.Equal(t, "2026-02-03T04:05:06.789000000Z", first["@timestamp"])
	assert.Equal(t, "INFO", first["log.level"])
	assert.Equal(t, "order placed", first["message"])
	assert.Equal(t, map[string]any{"logger": "shop.orders"}, first["log"])
	assert.Equal(t, map[string]any{"message": "m", "stack_trace": "s\n\tt", "type": "E"}, first["error"])
	assert.Equal(t, map[string]any{
		"request":  map[string]any{"id": "4f1c", "method": "POST"},
		"response": map[string]any{"body": map[string]any{"bytes": json.Number("17")}, "status_code": json.Number("503")},
	}, first["http"])
	assert.Equal(t, map[string]any{"environment": "production", "name": "purchasing", "version": "2"}, first["service"])
	assert.Equal(t, map[string]any{"address": "203.0.113.17", "ip": "203.0.113.17"}, first["client"])
	assert.Equal(t, map[string]any{"id": "01020300000000000000000000000000"}, first["trace"])
	event, _ := first["event"].(map[string]any)
	assert.Equal(t, "order.placed", event["action"])
	assert.Equal(t, "failure", event["outcome"])
	labels, _ := first["labels"].(map[string]any)
	assert.Equal(t, "o-1", labels["order_id"])
	assert.Equal(t, json.Number("99.0"), labels["amount"])
	assert.Equal(t, json.Number("1152921504606846976"), labels["items"])

	assert.Equal(t, "line one\nline two\u2028\u0085\x00\x1b[31m", all[1]["message"])
	assert.Equal(t, "of a map", all[2]["message"])
	assert.Equal(t, "UNSPECIFIED", all[3]["log.level"])
	assert.Empty(t, all[3]["message"])

	conn := dial(t, "tcp", c.Addr(t, "tcp"))
	_, err := fmt.Fprint(conn, "level=warn msg=\"stock is low\" service=inventory item=17 password=hunter2-is-secret\n")
	require.NoError(t, err)
	last := documents(t, file, 5)[4]
	assert.Equal(t, "stock is low", last["message"])
	assert.Equal(t, "warn", last["log.level"])
	labels, _ = last["labels"].(map[string]any)
	assert.Equal(t, "inventory", labels["service"])
	assert.Equal(t, json.Number("17"), labels["item"])
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.NotContains(t, string(data), "hunter2")

	metrics := c.Metrics(t)
	assert.Positive(t, metrics.Sum("otelcol_extension_ecs_encoding_labelled", "reason=unknown"), "%s", metrics)
	c.Stop(t)
}

// TestECSReadmeConfigurations: what the extension's README shows works when pasted.
func TestECSReadmeConfigurations(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(harness.Root(t), "extensions", "ecsencodingextension", "README.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		path := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(path, block[1], 0o600))
		result := harness.Run(t, harness.Binary(t), "validate", "--config", path)
		assert.Zero(t, result.Code, "%s", result.Stderr)
	}
}

// TestKafkaCarriesECS: records written to Kafka as documents and read from there are the
// same again, but for what ECS has no names for.
func TestKafkaCarriesECS(t *testing.T) {
	t.Parallel()
	broker := startKafka(t)
	for _, nesting := range []string{"nested", "dotted"} {
		sink := harness.NewSink(t)
		c := harness.Start(t, `
			extensions:
			  ecs_encoding: {nesting: {{.nesting}}}
			receivers:
			  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
			  kafka:
			    brokers: [{{.broker}}]
			    group_id: {{.nesting}}
			    initial_offset: earliest
			    logs: {topics: [ecs-{{.nesting}}], encoding: ecs_encoding}
			    message_marking: {after: true, on_permanent_error: true}
			exporters:
			  kafka:
			    brokers: [{{.broker}}]
			    logs: {topic: ecs-{{.nesting}}, encoding: ecs_encoding}
			  otlp_http: {endpoint: {{.sink.HTTP}}}
			service:
			  extensions: [ecs_encoding]
			  pipelines:
			    logs: {receivers: [otlp], exporters: [kafka]}
			    logs/back: {receivers: [kafka], exporters: [otlp_http]}
		`, harness.With("broker", broker), harness.With("nesting", nesting), harness.With("sink", sink))
		post(t, "http://"+c.Addr(t, "in")+"/v1/logs", ecsLogs(t))
		sink.WaitLogCount(t, 4)
		got := sink.Logs()
		require.Len(t, got, 4)
		first := got[0]
		assert.Equal(t, "order placed", first.Text())
		assert.Equal(t, time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC), first.Time)
		assert.Equal(t, plog.SeverityNumberInfo, first.Severity)
		assert.Equal(t, "order.placed", first.EventName)
		assert.Equal(t, "01020300000000000000000000000000", first.TraceID)
		assert.Equal(t, "0405000000000000", first.SpanID)
		assert.Equal(t, harness.Attributes{
			"service.name": "purchasing", "service.version": "2", "deployment.environment.name": "production",
			"k8s.namespace.name": "shop", "os.type": "linux",
		}, first.Resource)
		for name, value := range map[string]any{
			"http.request.method": "POST", "http.response.status_code": int64(503), "http.response.body.size": int64(17),
			"client.address": "203.0.113.17", "request.id": "4f1c", "order_id": "o-1", "amount": 99.0, "items": int64(1) << 60,
			"exception.type": "E", "exception.message": "m", "exception.stacktrace": "s\n\tt",
		} {
			assert.Equal(t, value, first.Attributes[name], name)
		}
		assert.Equal(t, "line one\nline two\u2028\u0085\x00\x1b[31m", got[1].Text())
		assert.Equal(t, map[string]any{"message": "of a map", "n": []any{int64(1), "AAE="}}, got[2].Body)
		assert.True(t, got[3].Time.IsZero())
		assert.Empty(t, got[3].SeverityText)
		assert.NotContains(t, c.Output(), "failed to unmarshal")
		c.Stop(t)
	}
}
