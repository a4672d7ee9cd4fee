package ecs_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// The example in docs/format/ecs.md.
func TestExample(t *testing.T) {
	r := plog.NewLogRecord()
	r.SetTimestamp(1770091506789000000)
	r.SetSeverityText("info")
	r.SetEventName("buy")
	r.Body().SetStr("order placed")
	fill(t, r.Attributes(), "request.id", "4f1c", "order.id", "o-1")
	resource := pcommon.NewResource()
	fill(t, resource.Attributes(), "service.name", "purchasing")
	m := ecs.NewMapper(ecs.Options{})
	m.Begin(resource, pcommon.NewInstrumentationScope())
	items := m.Log(r)
	checkItems(t, items)
	assert.JSONEq(t, `{"@timestamp":"2026-02-03T04:05:06.789000000Z","log.level":"info","message":"order placed","ecs.version":"9.4.0","event":{"action":"buy","kind":"event"},"http":{"request":{"id":"4f1c"}},"service":{"name":"purchasing"},"labels":{"order_id":"o-1"}}`, string(documentOf(items, true)))
	assert.Equal(t, ecs.Counts{Unknown: 1}, m.TakeCounts())
	assert.Zero(t, m.TakeCounts())
	assert.Equal(t, raw{"service.name": "purchasing"}, values(t, m.Resource()))
	assert.Empty(t, m.Scope())
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		in      []any
		want    raw
		counted ecs.Counts
	}{
		// ours
		{in: []any{"os.name", "Debian", "os.version", "13", "os.description", "Debian 13"}, want: raw{"host.os.name": "Debian", "host.os.version": "13", "host.os.full": "Debian 13"}},
		{in: []any{"code.function.name", "f", "code.file.path", "a.go", "code.line.number", 7}, want: raw{"log.origin.function": "f", "log.origin.file.name": "a.go", "log.origin.file.line": int64(7)}},
		{in: []any{"thread.id", 3, "thread.name", "main"}, want: raw{"process.thread.id": int64(3), "process.thread.name": "main"}},
		{in: []any{"request.id", "r"}, want: raw{"http.request.id": "r"}},
		{in: []any{"log.record.uid", "u", "log.record.original", "line"}, want: raw{"event.id": "u", "event.original": "line"}},
		{in: []any{"k8s.cluster.name", "c", "k8s.namespace.name", "n"}, want: raw{"orchestrator.cluster.name": "c", "orchestrator.namespace": "n"}},
		{in: []any{"deployment.environment", "prod"}, want: raw{"service.environment": "prod"}},

		// os.type
		{in: []any{"os.type", "darwin"}, want: raw{"host.os.type": "macos"}},
		{in: []any{"os.type", "linux"}, want: raw{"host.os.type": "linux"}},
		{in: []any{"os.type", "freebsd"}, want: raw{"host.os.type": "unix", "labels.os_type": "freebsd"}},
		{in: []any{"os.type", "z_os"}, want: raw{"labels.os_type": "z_os"}, counted: ecs.Counts{Type: 1}},
		{in: []any{"os.type", 7}, want: raw{"labels.os_type": int64(7)}, counted: ecs.Counts{Type: 1}},
		{in: []any{"os.type", nil}, want: raw{"host.os.type": nil}},

		{in: []any{"os.type", []any{"aix"}, "fold.duration", []any{1}, "log.category", []any{"audit"}, "client.ip", []any{"shop"}}, want: raw{"host.os.type": "unix", "labels.os_type": "aix", "event.duration": int64(1e9), "event.dataset": "audit", "client.address": "shop", "client.domain": "shop"}},
		{in: []any{"os.type", []any{"aix", "linux"}}, want: raw{"labels.os_type": []any{"aix", "linux"}}, counted: ecs.Counts{Type: 1}},

		// the conflict
		{in: []any{"http.request.method", "GET"}, want: raw{"http.request.method": "GET"}},
		{in: []any{"http.request.method", "GET", "http.request.method_original", "get"}, want: raw{"http.request.method": "get"}},
		{in: []any{"http.request.method_original", "get", "http.request.method", "GET"}, want: raw{"http.request.method": "get"}},
		{in: []any{"http.request.method_original", "GET", "http.request.method", "get"}, want: raw{"http.request.method": "GET", "labels.http_request_method": "get"}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"http.request.method_original", "brew", "http.request.method", "_OTHER"}, want: raw{"http.request.method": "brew"}},
		{in: []any{"http.request.method_original", "get", "http.request.method", "PUT"}, want: raw{"http.request.method": "get", "labels.http_request_method": "PUT"}, counted: ecs.Counts{Taken: 1}},

		// protocols
		{in: []any{"network.protocol.name", "HTTP", "network.protocol.version", "1.1"}, want: raw{"network.protocol": "HTTP", "http.version": "1.1"}},
		{in: []any{"network.protocol.name", "amqp", "network.protocol.version", "0.9"}, want: raw{"network.protocol": "amqp", "labels.network_protocol_version": "0.9"}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"network.protocol.version", "2"}, want: raw{"labels.network_protocol_version": "2"}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"network.protocol.version", "2", "http.request.method", "GET"}, want: raw{"http.version": "2", "http.request.method": "GET"}},
		{in: []any{"network.protocol.version", 2, "http.response.status_code", 200}, want: raw{"http.version": "2", "http.response.status_code": int64(200), "event.outcome": "success"}},
		{in: []any{"network.protocol.version", "3", "network.protocol.name", "quic", "http.request.method", "GET"}, want: raw{"network.protocol": "quic", "labels.network_protocol_version": "3", "http.request.method": "GET"}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"network.protocol.version", "2", "http.version", "2.0", "network.protocol.name", "http"}, want: raw{"network.protocol": "http", "labels.network_protocol_version": "2", "http.version": "2.0"}, counted: ecs.Counts{Taken: 1}},

		{in: []any{"network.protocol.version", raw{"major": 2}, "network.protocol.name", "http"}, want: raw{"network.protocol": "http", "labels.network_protocol_version_major": int64(2)}, counted: ecs.Counts{Type: 1}},

		// labels of containers and pods
		{in: []any{"container.label.a", "1", "container.label.a.b", "2", "container.labels.c", "3"}, want: raw{"container.labels.a": "1", "container.labels.a_b": "2", "container.labels.c": "3"}},
		{in: []any{"container.label.a", "1", "container.labels.a", "2"}, want: raw{"container.labels.a": "2", "labels.container_label_a": "1"}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"k8s.pod.label.a.b", "1", "labels.a_b", "2"}, want: raw{"labels.a_b": "2", "labels.a_b_2": "1"}},
		{in: []any{"k8s.pod.label.a.b", "1", "a.b", "2"}, want: raw{"labels.a_b": "1", "labels.a_b_2": "2"}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"container.label", raw{"a": raw{"b": "1"}}, "k8s.pod.label", raw{"a.c": "2"}}, want: raw{"container.labels.a_b": "1", "labels.a_c": "2"}},

		// addresses
		{in: []any{"client.address", "192.0.2.1"}, want: raw{"client.address": "192.0.2.1", "client.ip": "192.0.2.1"}},
		{in: []any{"server.address", "2001:db8::1"}, want: raw{"server.address": "2001:db8::1", "server.ip": "2001:db8::1"}},
		{in: []any{"source.address", "shop.example.com"}, want: raw{"source.address": "shop.example.com", "source.domain": "shop.example.com"}},
		{in: []any{"destination.address", "cafe"}, want: raw{"destination.address": "cafe", "destination.domain": "cafe"}},
		{in: []any{"server.address", "/run/shop.sock"}, want: raw{"server.address": "/run/shop.sock"}},
		{in: []any{"server.address", "@abstract"}, want: raw{"server.address": "@abstract"}},
		{in: []any{"server.address", "8080"}, want: raw{"server.address": "8080"}},
		{in: []any{"server.address", "10.0.0"}, want: raw{"server.address": "10.0.0"}},
		{in: []any{"server.address", "shop.example.com:80"}, want: raw{"server.address": "shop.example.com:80"}},
		{in: []any{"server.address", "fe80::1%eth0"}, want: raw{"server.address": "fe80::1%eth0"}},
		{in: []any{"server.address", "shop.1"}, want: raw{"server.address": "shop.1"}},
		{in: []any{"server.address", "a..b"}, want: raw{"server.address": "a..b"}},
		{in: []any{"server.address", ""}, want: raw{"server.address": ""}},
		{in: []any{"server.address", strings.Repeat("a", 64) + ".b"}, want: raw{"server.address": strings.Repeat("a", 64) + ".b"}},
		{in: []any{"client.address", "192.0.2.1", "client.ip", "192.0.2.2"}, want: raw{"client.address": "192.0.2.1", "client.ip": "192.0.2.2"}},
		{in: []any{"client.address", "shop", "client.domain", "shop.example"}, want: raw{"client.address": "shop", "client.domain": "shop.example"}},
		{in: []any{"client.ip", "shop.example"}, want: raw{"client.address": "shop.example", "client.domain": "shop.example"}},
		{in: []any{"client.ip", "unknown:80"}, want: raw{"client.address": "unknown:80"}},
		{in: []any{"client.ip", "shop.example", "client.address", "192.0.2.1"}, want: raw{"client.address": "192.0.2.1", "client.ip": "192.0.2.1", "labels.client_ip": "shop.example"}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"client.ip", 7}, want: raw{"labels.client_ip": int64(7)}, counted: ecs.Counts{Type: 1}},
		{in: []any{"client.address", nil}, want: raw{"client.address": nil}},

		// categories
		{in: []any{"log.category", "access"}, want: raw{"event.dataset": "access", "event.category": []any{"web"}, "event.type": []any{"access"}}},
		{in: []any{"log.category", "database"}, want: raw{"event.dataset": "database", "event.category": []any{"database"}}},
		{in: []any{"log.category", "audit"}, want: raw{"event.dataset": "audit"}},
		{in: []any{"log.category", "access", "event.category", []any{"network"}}, want: raw{"event.dataset": "access", "event.category": []any{"network"}, "event.type": []any{"access"}}},
		{in: []any{"log.category", "access", "event.dataset", "nginx"}, want: raw{"event.dataset": "nginx", "event.category": []any{"web"}, "event.type": []any{"access"}, "labels.log_category": "access"}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"log.category", 1}, want: raw{"labels.log_category": int64(1)}, counted: ecs.Counts{Type: 1}},

		// durations
		{in: []any{"fold.duration", 0.0121}, want: raw{"event.duration": int64(12100000)}},
		{in: []any{"http.server.request.duration", 2}, want: raw{"event.duration": int64(2000000000)}},
		{in: []any{"http.server.request.duration", "0.5"}, want: raw{"event.duration": int64(500000000)}},
		{in: []any{"http.server.request.duration", 2, "fold.duration", 1}, want: raw{"event.duration": int64(1000000000), "labels.http_server_request_duration": int64(2)}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"http.server.request.duration", 2, "event.duration", 1}, want: raw{"event.duration": int64(1), "labels.http_server_request_duration": int64(2)}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"fold.duration", 0.0157}, want: raw{"event.duration": int64(15700000)}},
		{in: []any{"fold.duration", -1.0}, want: raw{"labels.fold_duration": -1.0}, counted: ecs.Counts{Type: 1}},
		{in: []any{"fold.duration", -1}, want: raw{"labels.fold_duration": int64(-1)}, counted: ecs.Counts{Type: 1}},
		{in: []any{"fold.duration", 1e10}, want: raw{"labels.fold_duration": 1e10}, counted: ecs.Counts{Type: 1}},
		{in: []any{"fold.duration", int64(1e10)}, want: raw{"labels.fold_duration": int64(1e10)}, counted: ecs.Counts{Type: 1}},
		{in: []any{"fold.duration", "soon"}, want: raw{"labels.fold_duration": "soon"}, counted: ecs.Counts{Type: 1}},

		// our own, and free ones
		{in: []any{"heartwood.parse_error", "x", "heartwood.body", raw{"a": []any{raw{"b": nil}}}}, want: raw{"heartwood.parse_error": "x", "heartwood.body": raw{"a": []any{raw{"b": nil}}}}},
		{in: []any{"log.syslog.structured_data.a.b", raw{"c": 1}}, want: raw{"log.syslog.structured_data.a.b": raw{"c": int64(1)}}},
		{in: []any{"entity.raw.a", 1}, want: raw{"entity.raw.a": int64(1)}},
		{in: []any{"log.syslog.foo", 1}, want: raw{"labels.log_syslog_foo": int64(1)}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"http.version.major", 1}, want: raw{"labels.http_version_major": int64(1)}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"email.attachments.foo", 1}, want: raw{"labels.email_attachments_foo": int64(1)}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"heartwood..a", 1, "heartwood.", 2, "heartwood", 3}, want: raw{"labels.heartwood__a": int64(1), "labels.heartwood_": int64(2), "labels.heartwood": int64(3)}, counted: ecs.Counts{Unknown: 3}},
	} {
		got, counted := mapped(t, ecs.Options{}, c.in...)
		assert.Equal(t, c.want, got, c.in)
		assert.Equal(t, c.counted, counted, c.in)
	}
}

func TestClashes(t *testing.T) {
	for _, c := range []struct {
		in      []any
		want    raw
		counted ecs.Counts
	}{
		{in: []any{"exception.type", "E", "error.type", "500", "exception.message", "m"}, want: raw{"error.type": "500", "labels.exception_type": "E", "error.message": "m", "event.outcome": "failure"}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"exception.type", "E", "error.type", "E"}, want: raw{"error.type": "E", "event.outcome": "failure"}},
		{in: []any{"deployment.environment", "a", "deployment.environment.name", "b", "service.environment", "c"}, want: raw{"service.environment": "c", "labels.deployment_environment": "a", "labels.deployment_environment_name": "b"}, counted: ecs.Counts{Taken: 2}},
		{in: []any{"deployment.environment", "a", "deployment.environment.name", "b"}, want: raw{"service.environment": "b", "labels.deployment_environment": "a"}, counted: ecs.Counts{Taken: 1}},
		// The loser stays what it was, and is no text.
		{in: []any{"process.command_args", []any{"a", "b"}, "process.args", []any{"a"}}, want: raw{"process.args": []any{"a"}, "labels.process_command_args": []any{"a", "b"}}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"process.command_args", []any{"a", "b"}, "process.args", []any{"a", "b"}}, want: raw{"process.args": []any{"a", "b"}}},
		{in: []any{"os.version", 13, "host.os.version", "12"}, want: raw{"host.os.version": "12", "labels.os_version": int64(13)}, counted: ecs.Counts{Taken: 1}},
		// A name with points comes before a member.
		{in: []any{"http", raw{"version": "1"}, "http.version", "2"}, want: raw{"http.version": "2", "labels.http_version": "1"}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"http", raw{"request": raw{"body": raw{"size": 1}}}, "http.request.body", raw{"bytes": 2}}, want: raw{"http.request.body.bytes": int64(2), "labels.http_request_body_size": int64(1)}, counted: ecs.Counts{Taken: 1}},
		// Labels.
		{in: []any{"a.b", 1, "a_b", 2, "a*b", 3, `a\b`, 2, "labels.a_b_2", 5}, want: raw{"labels.a_b": int64(1), "labels.a_b_3": int64(2), "labels.a_b_4": int64(3), "labels.a_b_5": int64(2), "labels.a_b_2": int64(5)}, counted: ecs.Counts{Unknown: 4}},
		{in: []any{"a.b", 1, "a_b", 2, "a*b", 2, "labels.a_b_2", 2}, want: raw{"labels.a_b": int64(1), "labels.a_b_2": int64(2), "labels.a_b_3": int64(2)}, counted: ecs.Counts{Unknown: 3}},
		{in: []any{"a.b", 1, "a_b", 1}, want: raw{"labels.a_b": int64(1)}, counted: ecs.Counts{Unknown: 2}},
		{in: []any{"x", 1, "labels.x", 2}, want: raw{"labels.x": int64(2), "labels.x_2": int64(1)}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"labels.a.b", 1, "labels.a_b", 2}, want: raw{"labels.a_b": int64(1), "labels.a_b_2": int64(2)}},
		{in: []any{"labels", raw{"x": 1, "y": raw{"z": 2}}, "labels.x", 3}, want: raw{"labels.x": int64(3), "labels.x_2": int64(1), "labels.y_z": int64(2)}},
		{in: []any{"exception.type", "E", "error.type", "500", "exception_type", "F"}, want: raw{"error.type": "500", "labels.exception_type": "F", "labels.exception_type_2": "E", "event.outcome": "failure"}, counted: ecs.Counts{Taken: 1, Unknown: 1}},
		{in: []any{"a\xff", 1, "a\xfe", 2, "", 3}, want: raw{"labels.a\uFFFD": int64(1), "labels.a\uFFFD_2": int64(2), "labels._": int64(3)}, counted: ecs.Counts{Unknown: 3}},
		// Below what has a value.
		{in: []any{"heartwood.a", raw{"x": 1}, "heartwood.a.b", 2}, want: raw{"labels.heartwood_a_x": int64(1), "heartwood.a.b": int64(2)}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"dns.answers", []any{raw{"type": "A"}}, "dns.answers.class", "IN"}, want: raw{"labels.dns_answers": `[{"type":"A"}]`, "dns.answers.class": "IN"}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"entity.raw", raw{"x": 1}, "entity.raw.y", 2}, want: raw{"labels.entity_raw_x": int64(1), "entity.raw.y": int64(2)}, counted: ecs.Counts{Taken: 1}},
	} {
		got, counted := mapped(t, ecs.Options{}, c.in...)
		assert.Equal(t, c.want, got, c.in)
		assert.Equal(t, c.counted, counted, c.in)
	}
}

// What comes over the wire may have a name twice.
func TestSameNameTwice(t *testing.T) {
	logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[
		{"key":"a","value":{"intValue":"1"}},{"key":"a","value":{"intValue":"2"}},
		{"key":"error.type","value":{"stringValue":"x"}},{"key":"error.type","value":{"stringValue":"y"}},
		{"key":"network.protocol.version","value":{"stringValue":"1"}},{"key":"network.protocol.version","value":{"stringValue":"2"}}]}]}]}]}`))
	require.NoError(t, err)
	r := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	require.Equal(t, 6, r.Attributes().Len())
	got := values(t, begun(ecs.Options{}).Attributes(r))
	delete(got, "ecs.version")
	assert.Equal(t, raw{
		"labels.a": int64(1), "labels.a_2": int64(2), "error.type": "x", "labels.error_type": "y",
		"labels.network_protocol_version": "2", "labels.network_protocol_version_2": "1",
	}, got)
}

func TestLevels(t *testing.T) {
	resource, scope := pcommon.NewResource(), pcommon.NewInstrumentationScope()
	fill(t, resource.Attributes(), "service.name", "r", "service.version", "r", "service.id", "r", "x", "r", "y", "r", "same", "s", "deployment.environment.name", "r", "client.address", "192.0.2.9", "host.os.version", "r", "http.request.id", "r")
	scope.SetName("logger")
	scope.SetVersion("1.2")
	fill(t, scope.Attributes(), "service.name", "s", "service.version", "s", "x", "s", "os.version", "s", "http.request.id", "s")
	r := plog.NewLogRecord()
	fill(t, r.Attributes(), "service.name", "a", "x", "a", "same", "s", "deployment.environment", "a", "client.address", "192.0.2.1", "request.id", "a")
	m := ecs.NewMapper(ecs.Options{})
	m.Begin(resource, scope)
	m.TakeCounts()
	for range 2 {
		got := values(t, m.Log(r))
		assert.Equal(t, raw{
			"ecs.version": ecs.Version, "service.name": "a", "service.version": "s", "service.id": "r",
			"log.logger": "logger", "labels.otel_scope_version": "1.2", "service.environment": "a",
			"host.os.version": "s", "labels.host_os_version": "r", "http.request.id": "a", "labels.http_request_id": "s", "labels.http_request_id_2": "r",
			"client.address": "192.0.2.1", "client.ip": "192.0.2.1", "labels.client_address": "192.0.2.9",
			"labels.service_name": "s", "labels.service_name_2": "r", "labels.service_version": "r", "labels.deployment_environment_name": "r",
			"labels.x": "a", "labels.x_2": "s", "labels.x_3": "r", "labels.y": "r", "labels.same": "s",
		}, got)
		assert.Equal(t, ecs.Counts{Unknown: 2, Taken: 8}, m.TakeCounts())
	}
	assert.Equal(t, raw{"service.name": "s", "service.version": "s", "labels.x": "s", "log.logger": "logger", "labels.otel_scope_version": "1.2", "host.os.version": "s", "http.request.id": "s"}, values(t, m.Scope()))
	assert.Equal(t, raw{"service.name": "r", "service.version": "r", "service.id": "r", "labels.x": "r", "labels.y": "r", "labels.same": "s", "service.environment": "r", "client.address": "192.0.2.9", "client.ip": "192.0.2.9", "host.os.version": "r", "http.request.id": "r"}, values(t, m.Resource()))
	assert.Equal(t, raw{"ecs.version": ecs.Version, "service.name": "a", "labels.x": "a", "labels.same": "s", "service.environment": "a", "client.address": "192.0.2.1", "client.ip": "192.0.2.1", "http.request.id": "a"}, values(t, m.Attributes(r)))

	// What is derived goes with what it is derived of.
	resource = pcommon.NewResource()
	fill(t, resource.Attributes(), "client.address", "192.0.2.9", "server.address", "b.example", "log.category", "access")
	m.Begin(resource, pcommon.NewInstrumentationScope())
	assert.Equal(t, raw{
		"ecs.version": ecs.Version, "client.address": "a.example", "client.domain": "a.example", "labels.client_address": "192.0.2.9",
		"server.address": "b.example", "server.domain": "b.example", "event.dataset": "audit", "labels.log_category": "access",
	}, values(t, m.Log(newRecord(t, "client.address", "a.example", "log.category", "audit"))))

	// The next resource has nothing of the last.
	m.Begin(pcommon.NewResource(), pcommon.NewInstrumentationScope())
	assert.Equal(t, values(t, m.Attributes(r)), values(t, m.Log(r)))
}

// Values that are the same, and values that only look it.
func TestSame(t *testing.T) {
	large, nested := raw{}, raw{"b": raw{"c": []any{raw{"x": 1}}}}
	for i := range 600 {
		large[strconv.Itoa(i)] = i
	}
	for _, c := range []struct {
		name         string
		ours, theirs any
		same         bool
	}{
		{"log.syslog.structured_data", raw{"a": raw{"b": []any{1}}}, raw{"a": raw{"b": []any{1}}}, true},
		{"log.syslog.structured_data", raw{"a": raw{"b": 1}}, raw{"a": raw{"b": 2}}, false},
		{"log.syslog.structured_data", raw{"a": 1}, nil, false},
		{"log.syslog.structured_data", raw{"a": 1}, []any{raw{"a": 1}}, false},
		{"log.syslog.structured_data", large, large, false}, // too large to be compared, and so said twice
		{"log.syslog.structured_data", nested, nested, true},
		{"log.syslog.structured_data", []any{raw{"x": 1}, raw{}}, []any{raw{"x": 1}, raw{}}, true},
		{"log.syslog.structured_data.x", true, true, true},
		{"log.syslog.structured_data.x", true, 1, false},
		{"log.syslog.structured_data.x", 1, 1.0, false},
		{"log.syslog.structured_data.x", "1", 1, false},
		{"tags", []any{"a", "b"}, []any{"a", "b"}, true},
		{"tags", []any{"a", "b"}, []any{"b", "a"}, false},
		{"tags", "a", []any{"a"}, true},
		{"error.type", nil, nil, true},
		{"error.type", nil, "x", false},
	} {
		resource := pcommon.NewResource()
		fill(t, resource.Attributes(), c.name, c.theirs)
		m := ecs.NewMapper(ecs.Options{})
		m.Begin(resource, pcommon.NewInstrumentationScope())
		got := values(t, m.Log(newRecord(t, c.name, c.ours)))
		assert.Equal(t, c.same, len(got) == 2, "%v", got)
		assert.Equal(t, c.same, m.TakeCounts().Taken == 0, "%v", got)
	}
}

func TestMapsTakenApart(t *testing.T) {
	for _, c := range []struct {
		in      []any
		want    raw
		counted ecs.Counts
	}{
		{in: []any{"http", raw{"request": raw{"method": "GET"}, "response.status_code": 500, "foo": raw{"bar": 1}}}, want: raw{"http.request.method": "GET", "http.response.status_code": int64(500), "event.outcome": "failure", "labels.http_foo_bar": int64(1)}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"http.request", raw{"method_original": "get", "method": "GET"}}, want: raw{"http.request.method": "get"}},
		{in: []any{"labels", raw{"a": raw{"b": raw{"c": 1}}, "d.e": "x"}}, want: raw{"labels.a_b_c": int64(1), "labels.d_e": "x"}},
		{in: []any{"container", raw{"labels": raw{"a.b": "x", "c": raw{"d": 1}}}}, want: raw{"container.labels.a_b": "x", "container.labels.c_d": int64(1)}},
		{in: []any{"heartwood", raw{"body": raw{"a": 1}}}, want: raw{"heartwood.body": raw{"a": int64(1)}}},
		{in: []any{"log", raw{"syslog": raw{"appname": "x", "structured_data": raw{"a": 1}}}}, want: raw{"log.syslog.appname": "x", "log.syslog.structured_data": raw{"a": int64(1)}}},
		{in: []any{"host", raw{"geo": raw{"location": raw{"lat": 1, "lon": 2}}}}, want: raw{"host.geo.location": raw{"lat": int64(1), "lon": int64(2)}}},
		{in: []any{"host", "a", "error", true, "user", []any{"x"}, "labels", 1}, want: raw{"labels.host": "a", "labels.error": true, "labels.user": []any{"x"}, "labels.labels": int64(1)}, counted: ecs.Counts{Unknown: 4}},
		{in: []any{"http", raw{}}, want: raw{}},
		{in: []any{"dns.answers", raw{"type": "A"}}, want: raw{"dns.answers": []any{raw{"type": "A"}}}},
		{in: []any{"exception", raw{"type": "E", "message": "m"}}, want: raw{"labels.exception_type": "E", "labels.exception_message": "m"}, counted: ecs.Counts{Unknown: 1}},
	} {
		for range 2 {
			got, counted := mapped(t, ecs.Options{}, c.in...)
			assert.Equal(t, c.want, got, c.in)
			assert.Equal(t, c.counted, counted, c.in)
		}
	}
}

// What was remembered of a map's members is not taken for those of the next one.
func TestOtherMembers(t *testing.T) {
	m := begun(ecs.Options{})
	for _, c := range []struct{ in, want raw }{
		{raw{"version": "1.1"}, raw{"http.version": "1.1"}},
		{raw{"request": raw{"id": "x"}}, raw{"http.request.id": "x"}},
		{raw{"version": "2"}, raw{"http.version": "2"}},
		{raw{"versioo": "2"}, raw{"labels.http_versioo": "2"}},
	} {
		c.want["ecs.version"] = ecs.Version
		assert.Equal(t, c.want, values(t, m.Attributes(newRecord(t, "http", c.in))))
	}
}

func TestLabels(t *testing.T) {
	deep := any(1)
	for range 15 {
		deep = raw{"a": deep}
	}
	wide := raw{}
	for i := range 128 {
		wide[fmt.Sprint("m", i)] = i
	}
	got, _ := mapped(t, ecs.Options{}, "x", raw{"a": deep})
	assert.Equal(t, raw{"labels.x" + strings.Repeat("_a", 16): int64(1)}, got)
	got, _ = mapped(t, ecs.Options{}, "x", raw{"a": raw{"a": deep}})
	assert.Equal(t, raw{"labels.x": strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17)}, got)
	got, counted := mapped(t, ecs.Options{}, "x", wide)
	assert.Len(t, got, 128)
	assert.Equal(t, int64(127), got["labels.x_m127"])
	assert.Equal(t, ecs.Counts{Unknown: 1}, counted)
	wide["one more"] = nil
	got, _ = mapped(t, ecs.Options{}, "x", wide)
	assert.Len(t, got, 1)
	assert.Contains(t, got["labels.x"], `"one more":null`)

	got, _ = mapped(t, ecs.Options{},
		"a", nil, "b", 1, "c", 1.5, "d", true, "e", []byte("x\x00"), "f", []any{1, "a", nil}, "g", []any{raw{"x": math.NaN()}, raw{"y": []byte("z")}, "\"\\\n\u2028\xff"},
		"h", []any{[]any{}}, "i", raw{}, "j", raw{"k": raw{}, "l": []any{raw{}}}, "m", []any{}, "n", math.Inf(-1))
	assert.Equal(t, raw{
		"labels.a": nil, "labels.b": int64(1), "labels.c": 1.5, "labels.d": true, "labels.e": "eAA=", "labels.f": []any{int64(1), "a", nil},
		"labels.g": `[{"x":"NaN"},{"y":"eg=="},"\"\\\n\u2028` + "\uFFFD" + `"]`,
		"labels.h": `[[]]`, "labels.i": `{}`, "labels.j_k": `{}`, "labels.j_l": `[{}]`, "labels.m": []any{}, "labels.n": math.Inf(-1),
	}, got)
}

// Labels of the leaves of a map have its name each: a long one is not written for all.
func TestLongNameOfMap(t *testing.T) {
	for length, labels := range map[int]int{64: 128, 1 << 10: 1, 1 << 20: 1} {
		members := raw{}
		for i := range 128 {
			members[strconv.Itoa(i)] = 1
		}
		name := strings.Repeat("n", length)
		got, _ := mapped(t, ecs.Options{}, name, members)
		assert.Len(t, got, labels)
		got, _ = mapped(t, ecs.Options{}, "a", raw{name: members})
		assert.Len(t, got, labels)
		got, _ = mapped(t, ecs.Options{}, "container.labels.a", raw{name: members})
		assert.Len(t, got, labels)
	}
}

func TestKeep(t *testing.T) {
	for _, c := range []struct {
		in      []any
		want    raw
		counted ecs.Counts
	}{
		{in: []any{"foo", 1, "http.foo", "x", "bar", raw{"a": raw{"b": 1}}, "list", []any{raw{"a": 1}}, "fold.id", "f"}, want: raw{"foo": int64(1), "http.foo": "x", "bar": raw{"a": raw{"b": int64(1)}}, "list": []any{raw{"a": int64(1)}}, "fold.id": "f", "event.kind": "event"}},
		{in: []any{"error", "x", "error.message", "m"}, want: raw{"labels.error": "x", "error.message": "m"}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"error", "x"}, want: raw{"labels.error": "x"}, counted: ecs.Counts{Unknown: 1}},
		{in: []any{"a", 1, "a.b", 2, "a.b.c", 3, "a_b", 4, "a-b", 5}, want: raw{"labels.a": int64(1), "labels.a_b": int64(2), "a.b.c": int64(3), "a_b": int64(4), "a-b": int64(5)}, counted: ecs.Counts{Taken: 2}},
		{in: []any{"a", raw{"x": 1}, "a.b", 2}, want: raw{"labels.a_x": int64(1), "a.b": int64(2)}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"http.version.major", 1, "http.version", "1.1", "message.x", 2}, want: raw{"labels.http_version_major": int64(1), "http.version": "1.1", "labels.message_x": int64(2)}, counted: ecs.Counts{Unknown: 2}},
		{in: []any{"a..b", 1, ".a", 2, "b.", 3, "", 4, " ", 5}, want: raw{"labels.a__b": int64(1), "labels._a": int64(2), "labels.b_": int64(3), "labels._": int64(4), "labels.__2": int64(5)}, counted: ecs.Counts{Unknown: 5}},
		{in: []any{"client.ip", 7}, want: raw{"labels.client_ip": int64(7)}, counted: ecs.Counts{Type: 1}},
		{in: []any{"exception.type", "E", "error.type", "500", "host", raw{"foo": 1}}, want: raw{"error.type": "500", "labels.exception_type": "E", "event.outcome": "failure", "host.foo": int64(1)}, counted: ecs.Counts{Taken: 1}},
		{in: []any{"heartwood", 1, "heartwood.a", 2, "labels", 3, "k8s.pod.label", 4}, want: raw{"labels.heartwood": int64(1), "heartwood.a": int64(2), "labels.labels": int64(3), "labels.k8s_pod_label": int64(4)}, counted: ecs.Counts{Unknown: 3}},
		{in: []any{"a\xff", 1, "a\xfe", 2}, want: raw{"a\uFFFD": int64(1), "labels.a\uFFFD": int64(2)}, counted: ecs.Counts{Taken: 1}},
	} {
		got, counted := mapped(t, ecs.Options{Unknown: ecs.Keep}, c.in...)
		assert.Equal(t, c.want, got, c.in)
		assert.Equal(t, c.counted, counted, c.in)
	}
}

func TestDrop(t *testing.T) {
	got, counted := mapped(t, ecs.Options{Unknown: ecs.Drop}, "foo", 1, "bar", raw{"a": 1, "b": 2}, "network.protocol.version", "1", "labels.a", 1,
		"k8s.pod.label.b", 2, "client.ip", 7, "error.type", "x", "exception.type", "y", "fold.id", "f", "heartwood.x", 1, "http.foo", 1, "os.type", "aix")
	assert.Equal(t, raw{
		"labels.a": int64(1), "labels.b": int64(2), "labels.client_ip": int64(7), "error.type": "x", "labels.exception_type": "y",
		"event.kind": "event", "event.outcome": "failure", "heartwood.x": int64(1), "host.os.type": "unix", "labels.os_type": "aix",
	}, got)
	assert.Equal(t, ecs.Counts{Dropped: 5, Type: 1, Taken: 1}, counted)
}

func TestParseUnknown(t *testing.T) {
	for name, want := range map[string]ecs.Unknown{"": ecs.Label, "label": ecs.Label, "keep": ecs.Keep, "drop": ecs.Drop} {
		got, err := ecs.ParseUnknown(name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		if name != "" {
			assert.Equal(t, name, got.String())
		}
	}
	_, err := ecs.ParseUnknown("lable")
	require.EqualError(t, err, `"lable" is none of label, keep, drop`)
	assert.Equal(t, "Unknown(9)", ecs.Unknown(9).String())
}

// The order of the schema, custom fields inside their objects, then our own, then kept
// ones, then labels.
func TestOrder(t *testing.T) {
	r := plog.NewLogRecord()
	fill(t, r.Attributes(), "z", 1, "labels.b", 1, "zz.b", 1, "zz-a", 1, "zz.a.c", 1, "heartwood.b", 1, "http.zzz", 1, "http.request.aaa", 1, "http.request.method", "GET", "http.response.status_code", 200,
		"http.requesu.a", 1, "labels.a", 1, "agent", 1, "agent.aaa", 1, "agent.build.aaa", 1, "heartwood.a.c", 1, "heartwood.a.b", 1, "error.type", "x", "@timestamp", "2026-02-03T04:05:06Z", "url.zzz", 1, "vulnerability.z", 1, "@z", 1)
	items := begun(ecs.Options{Unknown: ecs.Keep}).Attributes(r)
	checkItems(t, items)
	var names []string
	for i := range items {
		names = append(names, items[i].Name)
	}
	assert.Equal(t, []string{
		"@timestamp", "agent.aaa", "agent.build.aaa", "ecs.version", "error.type", "event.outcome", "http.request.aaa", "http.request.method", "http.requesu.a", "http.response.status_code", "http.zzz",
		"url.zzz", "vulnerability.z", "heartwood.a.b", "heartwood.a.c", "heartwood.b", "@z", "z", "zz.a.c", "zz.b", "zz-a", "labels.b", "labels.a", "labels.agent",
	}, names)
}

// Many attributes, in an order that is none, are sorted in another way.
func TestManyAttributes(t *testing.T) {
	r := plog.NewLogRecord()
	for i := range len(ecs.Fields()) / 4 {
		f := &ecs.Fields()[i*997%len(ecs.Fields())]
		if f.Type == ecs.Keyword && !f.List && f.Name != "ecs.version" && ecs.Allowed(f.Name) == nil {
			r.Attributes().PutStr(f.Name, "x")
		}
	}
	for i := range 500 {
		r.Attributes().PutStr(strings.Repeat("a.b", i%3)+strconv.Itoa(i%7)+strings.Repeat("*", i), "x"+strconv.Itoa(i))
	}
	require.Greater(t, r.Attributes().Len(), 700)
	m := begun(ecs.Options{})
	items := m.Attributes(r)
	checkItems(t, items)
	assert.GreaterOrEqual(t, len(items), r.Attributes().Len()+1)
}

// A sender with endless names: the Mapper forgets them, and stays right while it does.
func TestEndlessNames(t *testing.T) {
	resource := pcommon.NewResource()
	fill(t, resource.Attributes(), "service.name", "a", "x", "r", "labels.y", "r", "http", raw{"foo": 1}, "error.type", "r", "exception.type", "q")
	m := ecs.NewMapper(ecs.Options{})
	m.Begin(resource, pcommon.NewInstrumentationScope())
	var want raw
	for i := range 30000 {
		r := plog.NewLogRecord()
		fill(t, r.Attributes(), "x", "a", "y", "b", "service.name", "b", "error.type", "c", "log.level", "d", fmt.Sprint("n", i), i)
		r.SetSeverityText("e")
		if i%1000 == 0 {
			got := values(t, m.Log(r))
			require.Equal(t, int64(i), got[fmt.Sprint("labels.n", i)])
			delete(got, fmt.Sprint("labels.n", i))
			if want == nil {
				want = got
				require.Len(t, got, 14)
			}
			require.Equal(t, want, got)
		} else {
			require.Len(t, m.Log(r), 15)
		}
		require.Less(t, m.Names(), 5000)
	}
}

// A name of nothing but points is as quick as any other of its length.
func TestLongName(t *testing.T) {
	name := strings.Repeat(".", 1<<20)
	for _, unknown := range []ecs.Unknown{ecs.Label, ecs.Keep} {
		begin := time.Now()
		got, _ := mapped(t, ecs.Options{Unknown: unknown}, name, 1)
		assert.Equal(t, raw{"labels." + strings.Repeat("_", 1<<20): int64(1)}, got)
		assert.Less(t, time.Since(begin), 20*time.Second)
	}
}

// What was large is not kept, and End lets go of what is small.
func TestLetsGo(t *testing.T) {
	large := plog.NewLogRecord()
	for i := range 3000 {
		large.Attributes().PutStr(fmt.Sprint("a", i), "x")
	}
	m := begun(ecs.Options{})
	require.Len(t, m.Log(large), 3001)
	small := newRecord(t, "a", 1, "error.type", "x")
	items := m.Log(small)
	assert.Less(t, cap(items), 1024)
	assert.Equal(t, raw{"ecs.version": ecs.Version, "labels.a": int64(1), "error.type": "x"}, values(t, items))
	m.End()
	for _, item := range items {
		assert.Zero(t, item)
	}
	assert.Empty(t, m.Resource())
	m.Begin(pcommon.NewResource(), pcommon.NewInstrumentationScope())
	assert.Equal(t, raw{"ecs.version": ecs.Version, "labels.a": int64(1), "error.type": "x"}, values(t, m.Log(small)))
}
