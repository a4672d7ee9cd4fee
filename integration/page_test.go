package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

const viewedToken = "a-token-of-the-viewer-0123456789"

// startViewer starts a collector with the viewer, and an exporter whose other side is away.
func startViewer(t *testing.T) *harness.Collector {
	t.Helper()
	return harness.Start(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "otlp http"}}}}}
		  logfmt: {tcp: {endpoint: {{addr "logfmt tcp"}}}}
		  stdout_tail: {files: {include: [{{dir "run"}}/shop/ordering.jsonl], start_at: beginning, poll_interval: 50ms}}
		  prometheus:
		    config:
		      global: {scrape_interval: 2s, scrape_timeout: 2s}
		      scrape_configs:
		        - {job_name: purchasing, static_configs: [{targets: [{{addr "purchasing"}}]}]}
		        - {job_name: inventory, static_configs: [{targets: [{{addr "inventory"}}]}]}
		        - {job_name: ordering, static_configs: [{targets: [{{addr "ordering"}}]}]}
		processors:
		  memory_limiter: {check_interval: 1s, limit_mib: 600, spike_limit_mib: 100}
		  request_id: {generate: none}
		  redact:
		  event_fold: {idle_timeout: 1s, directory: {{dir "fold"}}}
		connectors:
		  forward:
		exporters:
		  viewer: {endpoint: {{addr "viewer"}}, token: `+viewedToken+`, health_endpoint: "http://{{addr "harness metrics"}}/metrics", health_interval: 1s}
		  otlp_http/away: {endpoint: "http://{{addr "away"}}", retry_on_failure: {enabled: false}}
		  debug: {verbosity: basic}
		service:
		  pipelines:
		    logs: {receivers: [otlp, logfmt, stdout_tail], processors: [memory_limiter, request_id, redact], exporters: [forward, viewer, otlp_http/away]}
		    logs/stories: {receivers: [forward], processors: [event_fold], exporters: [debug]}
		    traces: {receivers: [otlp], processors: [memory_limiter, request_id, redact], exporters: [viewer]}
		    metrics: {receivers: [otlp, prometheus], processors: [memory_limiter, redact], exporters: [viewer]}
	`)
}

// checkViewerPage does what integration/page/checks.mjs says in a browser, each check as a test.
func checkViewerPage(t *testing.T, col *harness.Collector, seconds int, checks ...string) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	require.NoError(t, err, "Debian's package chromium has it")
	settings, err := json.Marshal(map[string]any{
		"page": "http://" + col.Addr(t, "viewer") + "/?token=" + viewedToken, "otlp": "http://" + col.Addr(t, "otlp http"),
		"chromium": chromium, "images": filepath.Join(harness.Root(t), "docs", "images"), "seconds": seconds,
	})
	require.NoError(t, err)
	script := filepath.Join(harness.Root(t), "integration", "page", "page.sh")
	shell(t, script, "prepare")
	var out bytes.Buffer
	driver := harness.StartProcess(t, harness.Command{
		Name: "checks.mjs", Path: "sh", Args: append([]string{script, "run", string(settings)}, checks...), Stdout: &out,
	})
	assert.Zero(t, driver.Wait(t, 12*time.Minute), "the driver's exit code")
	type result struct{ Check, Error, Said string }
	results := map[string]result{}
	for line := range strings.Lines(out.String()) {
		var r result
		if assert.NoError(t, json.Unmarshal([]byte(line), &r), line) {
			results[r.Check] = r
		}
	}
	for _, name := range checks {
		t.Run(name, func(t *testing.T) {
			r, ok := results[name]
			require.True(t, ok, "the driver has not come to it: %s", driver.Output())
			assert.Empty(t, r.Error)
			t.Log(r.Said)
		})
	}
}

// waitRecords waits until the page's API has records that match.
func waitRecords(t *testing.T, col *harness.Collector, query string) {
	t.Helper()
	require.Eventually(t, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+col.Addr(t, "viewer")+"/api/v1/records?query="+query, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+viewedToken)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		var page struct{ Records []any }
		return json.NewDecoder(res.Body).Decode(&page) == nil && len(page.Records) > 0
	}, 2*time.Minute, 200*time.Millisecond, query)
}

// startViewedShop starts the shop, and waits until there is something of everything to look at.
func startViewedShop(t *testing.T, col *harness.Collector) *harness.Process {
	t.Helper()
	shop, _ := startShop(t, col, "--rate=10", "--fault=all=0.05", "--fault=inventory.slow=0.1")
	for _, query := range []string{"service:ordering%20level:error", "service:purchasing%20level:error", "service:inventory%20level:warn", "kind:span"} {
		waitRecords(t, col, query)
	}
	time.Sleep(10 * time.Second) // what is shown is time: a rate needs some
	return shop
}

// TestPage: what a person can do with the viewer's page under the shop's traffic, in a browser.
func TestPage(t *testing.T) {
	col := startViewer(t)
	shop := startViewedShop(t, col)
	checkViewerPage(t, col, 0, "axis", "tail", "story", "find", "pipeline", "hostile", "keys", "phone", "access", "paint")
	shop.Stop(t)
	col.Stop(t)
}

// TestPageUnderLoad: the page stays readable, and its browser at ease, at 10,000 lines a
// second. HEARTWOOD_SOAK=full: for a minute.
func TestPageUnderLoad(t *testing.T) {
	seconds := 15
	if os.Getenv("HEARTWOOD_SOAK") == "full" {
		seconds = 60
	}
	col := startViewer(t)
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		sent := 0
		defer func() { done <- sent }()
		client := &http.Client{Timeout: time.Minute}
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			body, err := loadOf(1000, sent).MarshalProto()
			if !assert.NoError(t, err) {
				return
			}
			res, err := client.Post("http://"+col.Addr(t, "otlp http")+"/v1/logs", "application/x-protobuf", bytes.NewReader(body))
			if !assert.NoError(t, err) {
				return
			}
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				sent += 1000
			}
		}
	}()
	began := time.Now()
	checkViewerPage(t, col, seconds, "load")
	close(stop)
	t.Logf("%.0f lines/s sent", float64(<-done)/time.Since(began).Seconds())
	col.Stop(t)
}

// loadOf makes lines of three services.
func loadOf(count, from int) plogotlp.ExportRequest {
	logs := plog.NewLogs()
	for s, service := range []string{"gateway", "orders", "payments"} {
		resource := logs.ResourceLogs().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", service)
		records := resource.ScopeLogs().AppendEmpty().LogRecords()
		for n := s; n < count; n += 3 {
			record := records.AppendEmpty()
			record.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
			record.SetSeverityNumber(plog.SeverityNumberInfo)
			if n%100 == 7 {
				record.SetSeverityNumber(plog.SeverityNumberError)
			}
			record.Body().SetStr(fmt.Sprintf("line %d: an order of %d items was looked at, and put where it belongs", from+n, n%7))
			record.Attributes().PutStr("request.id", fmt.Sprintf("load-%08d", (from+n)/10))
			record.Attributes().PutInt("order.items", int64(n%7))
		}
	}
	return plogotlp.NewExportRequestFromLogs(logs)
}
