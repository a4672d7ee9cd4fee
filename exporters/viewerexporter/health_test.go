package viewerexporter

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPipelineHealth reads metrics twice, a second apart.
func TestPipelineHealth(t *testing.T) {
	var reads atomic.Int64
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := reads.Add(1)
		_, _ = fmt.Fprintf(w, `# TYPE otelcol_receiver_accepted_log_records counter
otelcol_receiver_accepted_log_records{receiver="otlp",transport="grpc"} %d
# TYPE otelcol_receiver_refused_spans_total counter
otelcol_receiver_refused_spans_total{receiver="otlp",transport="grpc"} 0
# TYPE otelcol_processor_incoming_items counter
otelcol_processor_incoming_items{otel_signal="logs",processor="redact"} %d
# TYPE otelcol_processor_redact_findings_total counter
otelcol_processor_redact_findings_total{action="label",detector="payment_card"} 12
# TYPE otelcol_exporter_queue_size gauge
otelcol_exporter_queue_size{data_type="logs",exporter="otlp_grpc/x"} 90
# TYPE otelcol_exporter_queue_capacity gauge
otelcol_exporter_queue_capacity{data_type="logs",exporter="otlp_grpc/x"} 100
# TYPE otelcol_exporter_send_failed_log_records counter
otelcol_exporter_send_failed_log_records{exporter="otlp_grpc/x"} %d
# TYPE otelcol_exporter_worm_s3_records_archived counter
otelcol_exporter_worm_s3_records_archived{class="access"} %d
# TYPE otelcol_exporter_worm_s3_checkpoint_age_seconds gauge
otelcol_exporter_worm_s3_checkpoint_age_seconds 700
# TYPE otelcol_exporter_worm_s3_checkpoint_interval_seconds gauge
otelcol_exporter_worm_s3_checkpoint_interval_seconds 300
`, 1000*n, 50*n, 10*n, 100*n)
	}))
	defer source.Close()
	v := start(t, `
health_endpoint: `+source.URL+`
health_interval: 1s
pipelines:
	logs: {receivers: [otlp], processors: [redact], exporters: [otlp_grpc/x, worm_s3, worm_s3/second, measure]}
	metrics: {receivers: [measure], exporters: [viewer]}
`)
	require.Eventually(t, func() bool { return reads.Load() >= 3 }, time.Minute, 10*time.Millisecond)
	var byID map[string]map[string]any
	require.Eventually(t, func() bool {
		byID = map[string]map[string]any{}
		for _, c := range v.get(t, "pipeline")["components"].([]any) {
			byID[c.(map[string]any)["id"].(string)] = c.(map[string]any)
		}
		rate, _ := byID["otlp"]["out"].(float64)
		return rate > 0
	}, time.Minute, 10*time.Millisecond)
	assert.Len(t, byID, 7)
	assert.Equal(t, "connector", byID["measure"]["kind"])
	assert.Zero(t, byID["otlp"]["failed"])
	assert.Less(t, byID["otlp"]["out"], 1500.0, "1,000 a second, not all since the start")
	assert.Positive(t, byID["redact"]["in"])
	assert.InDelta(t, byID["otlp"]["out"].(float64)/20, byID["redact"]["in"], 1e-6)
	assert.Positive(t, byID["otlp_grpc/x"]["failed"])
	value := func(id, name string) map[string]any {
		for _, e := range byID[id]["values"].([]any) {
			if e := e.(map[string]any); e["name"] == name {
				return e
			}
		}
		return nil
	}
	assert.Equal(t, map[string]any{"name": "secrets taken out", "value": 12.0, "labels": map[string]any{"action": "label", "detector": "payment_card"}}, value("redact", "secrets taken out"))
	assert.Equal(t, true, value("otlp_grpc/x", "queue")["bad"])
	assert.Equal(t, true, value("worm_s3", "last checkpoint")["bad"], "twice the interval and more")
	archived := value("worm_s3", "archived")
	assert.InDelta(t, byID["otlp"]["out"].(float64)/10, archived["value"], 1e-6)
	assert.Equal(t, "1/s", archived["unit"])
	assert.Nil(t, value("worm_s3/second", "last checkpoint"), "whose it is can't be known: the first has it")
}

func TestRates(t *testing.T) {
	at := func(seconds int) scrape {
		return scrape{time.Unix(int64(1000+seconds), 0), map[string]*dto.MetricFamily{}}
	}
	assert.InDelta(t, 20.0, perSecond(300, 100, at(10), at(0)), 0)
	assert.InDelta(t, 3.0, perSecond(30, 100, at(10), at(0)), 0, "a counter that began anew")
	assert.Zero(t, perSecond(300, 0, at(10), scrape{}), "nothing to compare with")
	assert.Zero(t, perSecond(300, 100, at(0), at(0)))
}

func TestPipelineHealthCannotBeRead(t *testing.T) {
	source := httptest.NewServer(http.NotFoundHandler())
	defer source.Close()
	v := start(t, "health_endpoint: "+source.URL+"\nhealth_interval: 1s\npipelines: {logs: {receivers: [otlp], exporters: [viewer]}}")
	require.Eventually(t, func() bool {
		problem, _ := v.get(t, "pipeline")["problem"].(string)
		return problem != ""
	}, time.Minute, 10*time.Millisecond)
	p := v.get(t, "pipeline")
	assert.Nil(t, p["at"])
	assert.Contains(t, p["problem"], "404")
	assert.Len(t, p["components"], 2, "drawn all the same")
}
