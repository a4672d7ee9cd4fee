package integration

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// intake is an OTLP server that demands what a service documents: paths, headers, Protobuf
// over HTTP, gzip or nothing. Until it is opened it is overloaded.
type intake struct {
	*httptest.Server

	headers map[string]string
	paths   map[string]string // of a signal: logs, traces, metrics

	// mu guards the following.
	mu      sync.Mutex
	open    bool
	asked   int
	refused []string // why, of requests that are wrong
	found   map[string]map[string]bool
}

func startIntake(t *testing.T, paths, headers map[string]string) *intake {
	t.Helper()
	in := &intake{headers: headers, paths: map[string]string{}, found: map[string]map[string]bool{}}
	for signal, path := range paths {
		in.paths[path] = signal
	}
	in.Server = httptest.NewServer(http.HandlerFunc(in.serve))
	t.Cleanup(in.Close)
	return in
}

func (in *intake) serve(w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.asked++
	refuse := func(status int, why string) {
		in.refused = append(in.refused, fmt.Sprintf("%d %s %s: %s", status, r.Method, r.URL, why))
		http.Error(w, why, status)
	}
	signal, known := in.paths[r.URL.Path]
	if !known || r.Method != http.MethodPost {
		refuse(http.StatusNotFound, "no such path")
		return
	}
	for name, want := range in.headers {
		if r.Header.Get(name) != want {
			refuse(http.StatusUnauthorized, name)
			return
		}
	}
	if r.Header.Get("Content-Type") != protobuf {
		refuse(http.StatusUnsupportedMediaType, r.Header.Get("Content-Type"))
		return
	}
	if !in.open {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "overloaded", http.StatusServiceUnavailable)
		return
	}
	body := io.Reader(r.Body)
	switch r.Header.Get("Content-Encoding") {
	case "":
	case "gzip":
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			refuse(http.StatusBadRequest, err.Error())
			return
		}
		body = unzipped
	default:
		refuse(http.StatusUnsupportedMediaType, r.Header.Get("Content-Encoding"))
		return
	}
	text, err := io.ReadAll(body)
	if err == nil {
		err = in.take(signal, text)
	}
	if err != nil {
		refuse(http.StatusBadRequest, err.Error())
		return
	}
	w.Header().Set("Content-Type", protobuf)
}

// take remembers bodies of log records, and names of spans and metrics.
func (in *intake) take(signal string, text []byte) error {
	if in.found[signal] == nil {
		in.found[signal] = map[string]bool{}
	}
	switch signal {
	case "logs":
		request := plogotlp.NewExportRequest()
		if err := request.UnmarshalProto(text); err != nil {
			return err
		}
		for _, rl := range request.Logs().ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					in.found[signal][r.Body().AsString()] = true
				}
			}
		}
	case "traces":
		request := ptraceotlp.NewExportRequest()
		if err := request.UnmarshalProto(text); err != nil {
			return err
		}
		for _, rs := range request.Traces().ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					in.found[signal][span.Name()] = true
				}
			}
		}
	case "metrics":
		request := pmetricotlp.NewExportRequest()
		if err := request.UnmarshalProto(text); err != nil {
			return err
		}
		for _, rm := range request.Metrics().ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					in.found[signal][m.Name()] = true
				}
			}
		}
	}
	return nil
}

func (in *intake) has(signal string, texts ...string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, text := range texts {
		there := false
		for found := range in.found[signal] {
			there = there || strings.Contains(found, text)
		}
		if !there {
			return false
		}
	}
	return true
}

// TestDestinations: gateway.yaml with all of configs/destinations that speak OTLP, as they
// are and at once, in front of servers that demand what the services document. Killed while
// all of them are overloaded, it delivers everything when they are not any more.
func TestDestinations(t *testing.T) {
	t.Parallel()
	plain := map[string]string{"logs": "/v1/logs", "traces": "/v1/traces", "metrics": "/v1/metrics"}
	otlp := startIntake(t, plain, nil)
	elastic := startIntake(t, map[string]string{"logs": "/_otlp/v1/logs", "traces": "/_otlp/v1/traces", "metrics": "/_otlp/v1/metrics"},
		map[string]string{"Authorization": "ApiKey key of elastic"})
	loki := startIntake(t, map[string]string{"logs": "/otlp/v1/logs"}, map[string]string{"X-Scope-OrgID": "a tenant"})
	datadog := startIntake(t, map[string]string{"logs": "/v1/logs"}, map[string]string{"dd-api-key": "key of datadog"})
	splunkLogs := startIntake(t, map[string]string{"logs": "/v1/logs"}, nil)
	splunk := startIntake(t, map[string]string{"traces": "/v2/trace/otlp", "metrics": "/v2/datapoint/otlp"}, map[string]string{"X-SF-Token": "token of splunk"})
	cloudwatch := startIntake(t, map[string]string{"logs": "/v1/logs"}, map[string]string{
		"Authorization": "Bearer key of cloudwatch", "x-aws-log-group": "heartwood", "x-aws-log-stream": "gateway-1",
	})
	all := map[string]*intake{
		"otlp": otlp, "elastic": elastic, "loki": loki, "datadog": datadog, "splunk's logs": splunkLogs, "splunk": splunk, "cloudwatch": cloudwatch,
	}
	for name, in := range all {
		if len(in.headers) == 0 {
			continue
		}
		for path := range in.paths {
			status, _, err := postWith(t.Context(), in.Client(), in.URL+path, protobuf, nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, status, "%s is to ask for its key", name)
		}
		in.refused, in.asked = nil, 0
	}

	s := newSite(t)
	col := harness.Start(t, `
		exporters: {nop: }
		service:
		  pipelines:
		    logs/store: {exporters: [nop]}
		    traces/store: {exporters: [nop]}
	`, harness.WithFile("configs/gateway.yaml"), harness.WithFile("configs/destinations/otlp.yaml"),
		harness.WithFile("configs/destinations/elasticsearch.yaml"), harness.WithFile("configs/destinations/loki.yaml"),
		harness.WithFile("configs/destinations/datadog.yaml"), harness.WithFile("configs/destinations/splunk.yaml"),
		harness.WithFile("configs/destinations/cloudwatch.yaml"), s.options(t,
			"OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL,
			"ELASTIC_OTLP_ENDPOINT="+elastic.URL+"/_otlp", "ELASTIC_API_KEY=key of elastic",
			"LOKI_OTLP_ENDPOINT="+loki.URL+"/otlp", "LOKI_TENANT=a tenant",
			"DD_OTLP_ENDPOINT="+datadog.URL, "DD_API_KEY=key of datadog",
			"SPLUNK_LOGS_ENDPOINT="+splunkLogs.URL, "SPLUNK_INGEST_URL="+splunk.URL, "SPLUNK_ACCESS_TOKEN=token of splunk",
			"CLOUDWATCH_ENDPOINT="+cloudwatch.URL, "CLOUDWATCH_API_KEY=key of cloudwatch",
		))
	client, base := s.client(t, s.token), "https://"+col.Addr(t, "otlp http")
	var bodies []string
	for i := range 20 {
		body := fmt.Sprintf("kept-%d-", i)
		mustPost(t, client, base+"/v1/logs", protobuf, logRecord(t, "checkout", body, func(r plog.LogRecord) {
			r.Attributes().PutStr("request_id", "one")
			r.Attributes().PutStr("password", "hunter2")
		}))
		bodies = append(bodies, body)
	}
	mustPost(t, client, base+"/v1/traces", protobuf, oneSpan(t, "kept-span"))
	mustPost(t, client, base+"/v1/metrics", protobuf, onePoint(t, "kept.metric"))
	for name, in := range all {
		require.Eventually(t, func() bool {
			in.mu.Lock()
			defer in.mu.Unlock()
			return in.asked > 0
		}, time.Minute, 50*time.Millisecond, "%s to be asked", name)
	}
	col.Kill()
	requireNowhere(t, []string{"hunter2"}, col.Path("state"), "kept-7-")
	for _, in := range all {
		in.mu.Lock()
		in.open = true
		in.mu.Unlock()
	}
	col.Start(t)
	for name, in := range all {
		for _, signal := range in.paths {
			want := map[string][]string{"logs": bodies, "traces": {"kept-span"}, "metrics": {"kept.metric"}}[signal]
			require.Eventually(t, func() bool { return in.has(signal, want...) }, time.Minute, 100*time.Millisecond, "%s of %s", signal, name)
		}
		in.mu.Lock()
		assert.Empty(t, in.refused, name)
		in.mu.Unlock()
	}
	col.Stop(t)
	assert.Len(t, otlp.found["logs"], 1, "the folded event")
	assert.Len(t, loki.found["logs"], 20, "each record")
}
