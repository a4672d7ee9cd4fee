package integration

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/freeport"
)

// identityLabels are the labels of what is said of an application, by the names of the
// attributes of its records.
var identityLabels = map[string]string{
	"service.name": "service_name", "service.instance.id": "service_instance_id",
	"host.name": "host_name", "k8s.pod.name": "k8s_pod_name",
}

// TestOneIdentity: with configs/metrics.yaml, what a service's own metrics, the metrics of
// its lines, and its lines say of where they come from is equal; by both ways into
// Prometheus. The queries of docs/metrics.md give what it says.
func TestOneIdentity(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	page := fmt.Sprintf("127.0.0.1:%d", freeport.Take(t))
	ways := map[string]*prometheus{"scrape": startPrometheusEvery(t, page, time.Second), "remote write": startPrometheus(t, "")}
	col := startMetrics(t, sink, page, ways["remote write"])
	shop, _ := startShop(t, col)

	host, err := os.Hostname()
	require.NoError(t, err)
	services := []string{"inventory", "ordering", "purchasing"}
	for _, service := range services {
		want := map[string]string{"service.name": service, "service.instance.id": "shop-0", "host.name": host, "k8s.pod.name": "shop-0"}
		record := sink.WaitLog(t, harness.Service(service), harness.HasAttr("fold.count"))
		got := map[string]string{}
		for name := range identityLabels {
			got[name], _ = record.Resource[name].(string)
		}
		assert.Equal(t, want, got, "a record of %s in the log store", service)

		labels := map[string]string{"job": service, "instance": "shop-0"}
		for name, label := range identityLabels {
			labels[label] = want[name]
		}
		for way, prom := range ways {
			for _, metric := range []string{"shop_http_requests_total", "up", "log_records_total", "fold_duration_seconds_count"} {
				series := prom.waitSeries(t, fmt.Sprintf(`%s{service_name=%q}`, metric, service))
				for _, one := range series {
					for name := range labels {
						assert.Equal(t, labels[name], one[name], "%s of %s, by %s", name, one, way)
					}
					for name := range one {
						assert.NotContains(t, name, "otel_scope", "%s, by %s", one, way)
					}
				}
			}
		}
	}

	for way, prom := range ways {
		t.Run("queries by "+way, func(t *testing.T) { checkGuide(t, prom) })
		// With two for one job and instance no query could be joined.
		assert.Equal(t, "1", prom.query(t, `max(count by (job, instance) (target_info))`), way)
		assert.NotEmpty(t, prom.waitSeries(t, `sum by (job, k8s_pod_name) (shop_http_requests_total * on (job, instance) group_left (k8s_pod_name) target_info)`), way)
		for _, metric := range []string{"system_cpu_time_seconds_total", "system_memory_usage_bytes", "otelcol_connector_measure_records_total", "otelcol_exporter_sent_log_records_total"} {
			for _, one := range prom.waitSeries(t, metric) {
				assert.Equal(t, host, one["host_name"], "%s, by %s", one, way)
			}
		}
	}

	// From the slowest query that Prometheus knows to the lines of its request.
	for way, prom := range ways {
		var story harness.LogRecord
		require.Eventually(t, func() bool {
			exemplars := prom.exemplars(t, `db_query_seconds_bucket{service_name="inventory"}`)
			for _, e := range exemplars {
				by := harness.Where("of the trace", func(r harness.LogRecord) bool { return r.TraceID == e.Labels["trace_id"] })
				if id, ok := e.Labels["request.id"]; ok {
					by = harness.Attr("request.id", id)
				}
				for _, r := range sink.Logs(harness.Service("inventory"), by, harness.HasAttr("measure#db.query")) {
					story = r
				}
			}
			return story.TraceID != ""
		}, time.Minute, 200*time.Millisecond, "a story of a slow query, by %s", way)
		assert.NotEmpty(t, story.Attributes["request.id"])
		assert.Equal(t, "shop-0", story.Resource["k8s.pod.name"])
	}

	shop.Stop(t)
	for _, prom := range ways {
		prom.Stop(t)
	}
	col.Stop(t)
}

// TestOneIdentityOfAHost: the same without a pod, as the file is: an instance that nobody
// names is the host. The collector's own metrics have the names of its documentation.
func TestOneIdentityOfAHost(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	host, err := os.Hostname()
	require.NoError(t, err)
	ports := map[string]int{}
	env := []string{"OTEL_RESOURCE_ATTRIBUTES=", "HEARTWOOD_STATE_DIR=" + t.TempDir(), "HEARTWOOD_LOGS=/nowhere/*.log", "HEARTWOOD_BACKEND=" + sink.HTTP(), "HEARTWOOD_REMOTE_WRITE=http://127.0.0.1:1"}
	for _, name := range []string{"OTLP_GRPC", "OTLP_HTTP", "LOGFMT_TCP", "PURCHASING", "INVENTORY", "ORDERING", "TELEMETRY", "HEALTH", "PROMETHEUS"} {
		ports[name] = freeport.Take(t)
		env = append(env, fmt.Sprintf("HEARTWOOD_%s_PORT=%d", name, ports[name]))
	}
	col := harness.StartProcess(t, harness.Command{Name: "otelcol-heartwood", Path: harness.Binary(t), Env: env, Args: []string{
		"--config", filepath.Join(harness.Root(t), "configs", "metrics.yaml"),
		"--set", "receivers::prometheus::config::global::scrape_interval=1s",
		"--set", "receivers::prometheus::config::global::scrape_timeout=1s",
		"--set", "connectors::measure::interval=500ms",
	}})
	col.WaitOutput(t, "Everything is ready", time.Minute)
	conn := dial(t, "tcp", fmt.Sprintf("127.0.0.1:%d", ports["LOGFMT_TCP"]))
	_, err = fmt.Fprintln(conn, "app=inventory measure#db.query=12ms")
	require.NoError(t, err)

	record := sink.WaitLog(t, harness.Service("inventory"))
	assert.Equal(t, host, record.Resource["service.instance.id"])
	assert.Equal(t, host, record.Resource["host.name"])
	of := func(job string) []string {
		return []string{"job=" + job, "service_name=" + job, "instance=" + host, "service_instance_id=" + host, "host_name=" + host}
	}
	page := fmt.Sprintf("http://127.0.0.1:%d/metrics", ports["PROMETHEUS"])
	harness.WaitMetrics(t, page, "metrics of logs, of an application, of the collector and of the host", func(m harness.Metrics) bool {
		return m.Has("db_query_seconds_count", of("inventory")...) && m.Has("up", of("inventory")...) &&
			m.Has("otelcol_process_uptime_total", of("otelcol-heartwood")...) && m.Has("system_memory_usage_bytes", of("host")...)
	})
	// Nobody takes what is written, and the page goes on. A line says nothing else of where
	// it comes from.
	_, err = fmt.Fprintln(conn, "app=inventory measure#db.query=12ms tag#host_name=elsewhere tag#service.instance.id=another")
	require.NoError(t, err)
	harness.WaitMetrics(t, page, "the second measure", func(m harness.Metrics) bool {
		return m.Sum("db_query_seconds_count", of("inventory")...) == 2
	})
	own := harness.FetchMetrics(t, fmt.Sprintf("http://127.0.0.1:%d/metrics", ports["TELEMETRY"]))
	for _, name := range []string{"otelcol_process_uptime", "otelcol_process_memory_rss", "otelcol_connector_measure_records"} {
		assert.True(t, own.Has(name), name)
	}
	col.Stop(t)
}

// startMetrics starts a collector with configs/metrics.yaml, in haste.
func startMetrics(t *testing.T, sink *harness.Sink, page string, written *prometheus) *harness.Collector {
	t.Helper()
	_, port, _ := strings.Cut(page, ":")
	return harness.Start(t, `
		receivers:
		  prometheus: {config: {global: {scrape_interval: 1s, scrape_timeout: 1s}}}
		  host_metrics: {collection_interval: 1s}
		processors:
		  event_fold: {idle_timeout: 1s}
		connectors:
		  measure: {interval: 500ms}
		  measure/folds: {interval: 500ms}
	`, harness.WithFile("configs/metrics.yaml"), harness.WithEnv(
		`OTEL_RESOURCE_ATTRIBUTES=k8s.pod.name=shop-0`,
		`HEARTWOOD_STATE_DIR={{dir "run"}}`,
		`HEARTWOOD_LOGS={{dir "run"}}/shop/ordering.jsonl`,
		`HEARTWOOD_OTLP_GRPC_PORT={{port "otlp grpc"}}`,
		`HEARTWOOD_OTLP_HTTP_PORT={{port "otlp http"}}`,
		`HEARTWOOD_LOGFMT_TCP_PORT={{port "logfmt tcp"}}`,
		`HEARTWOOD_PURCHASING_PORT={{port "purchasing"}}`,
		`HEARTWOOD_INVENTORY_PORT={{port "inventory"}}`,
		`HEARTWOOD_ORDERING_PORT={{port "ordering"}}`,
		`HEARTWOOD_TELEMETRY_PORT={{port "harness metrics"}}`,
		`HEARTWOOD_HEALTH_PORT={{port "health"}}`,
		`HEARTWOOD_PROMETHEUS_PORT=`+port,
		`HEARTWOOD_BACKEND=`+sink.HTTP(),
		`HEARTWOOD_REMOTE_WRITE=`+written.url+`/api/v1/write`,
	))
}

var promQL = regexp.MustCompile("(?s)```promql\n(.*?)```")

// checkGuide runs the queries of docs/metrics.md as they are printed.
func checkGuide(t *testing.T, prom *prometheus) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "metrics.md"))
	require.NoError(t, err)
	found := promQL.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, found, "queries in the guide")
	for _, query := range found {
		assert.NotEmpty(t, prom.waitSeries(t, query[1]), "%s", query[1])
	}
}

// waitSeries waits until a query gives series, and gives their labels.
func (p *prometheus) waitSeries(t *testing.T, query string) []map[string]string {
	t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string
		}
	}
	require.Eventually(t, func() bool {
		p.get(t, "query", url.Values{"query": {query}}, &data)
		return len(data.Result) > 0
	}, time.Minute, 200*time.Millisecond, "%s must give series", query)
	var out []map[string]string
	for _, one := range data.Result {
		out = append(out, one.Metric)
	}
	return out
}
