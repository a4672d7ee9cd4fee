package integration

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// TestMetricsOfLogs: a Prometheus scrapes what the measure connector makes of lines. Its
// sums are what the lines say, although the place that the lines go to has refused some
// at first; and from a slow bucket an exemplar leads to the lines of its request there.
func TestMetricsOfLogs(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	sink.Behave(harness.RefuseFirst(3, harness.Refusal{Reason: harness.Exhausted}))
	col := harness.Start(t, `
		receivers:
		  logfmt: {tcp: {endpoint: {{addr "in"}}}}
		connectors:
		  measure: {interval: 200ms}
		exporters:
		  # It neither keeps nor repeats, so the connector is told what the sink says.
		  otlp_grpc: {endpoint: {{.sink.GRPC}}, tls: {insecure: true}, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}
		  prometheus: {endpoint: {{addr "page"}}, enable_open_metrics: true}
		service:
		  pipelines:
		    logs: {receivers: [logfmt], exporters: [measure]}
		    logs/out: {receivers: [measure], exporters: [otlp_grpc]}
		    metrics: {receivers: [measure], exporters: [prometheus]}
	`, harness.With("sink", sink))
	prom := startPrometheus(t, col.Addr(t, "page"))
	prom.wait(t, "up", 1) // it takes seconds to begin, and exemplars stay on the page for eight intervals

	said := sayMeasures(t, col.Addr(t, "in"))
	sink.WaitLogCount(t, said.lines)
	prom.wait(t, "sum(log_records_total)", float64(said.lines))

	said.check(t, prom)

	slow := 0
	for _, e := range prom.exemplars(t, `db_seconds_bucket{job="pay"}`) {
		value, err := strconv.ParseFloat(e.Value, 64)
		require.NoError(t, err)
		trace := e.Labels["trace_id"]
		require.NotEmpty(t, trace, "%v", e)
		// A request has two lines, of which one has the measure.
		var measured, others int
		for _, r := range sink.Logs(harness.Where("of the trace", func(r harness.LogRecord) bool { return r.TraceID == trace })) {
			if text, ok := r.Attributes["measure#db"]; ok {
				assert.Equal(t, fmt.Sprintf("%dus", int(value*1e6+0.5)), text)
				assert.Equal(t, e.Labels["span_id"], r.SpanID)
				measured++
			} else {
				others++
			}
		}
		assert.Equal(t, [2]int{1, 1}, [2]int{measured, others}, "lines of the trace %s: with the measure, and without", trace)
		if value > 2.5 {
			slow++
		}
	}
	assert.Positive(t, slow, "exemplars of the slow bucket")
	// Refused batches had been read, and would have been counted a second time.
	assert.InDelta(t, float64(said.lines), col.Metrics(t).Sum("otelcol_connector_measure_records"), 0)
	assert.Positive(t, sink.Refused(), "requests that the sink has refused")
	prom.Stop(t)
	col.Stop(t)
}

// said is what lines say, in whole numbers.
type said struct {
	lines, requests int
	services        map[string]*saidService
}

type saidService struct {
	count, orders, bytes, micros, slow int
	severities                         map[string]int
}

// check looks for what the lines have said in a Prometheus.
func (s *said) check(t *testing.T, prom *prometheus) {
	t.Helper()
	for service, of := range s.services {
		label := fmt.Sprintf(`{job=%q}`, service)
		// Whole numbers below 2^53 have no rounding.
		assert.Equal(t, strconv.Itoa(of.orders), prom.query(t, `orders_total`+label))
		assert.Equal(t, strconv.Itoa(of.bytes), prom.query(t, `answer_bytes_sum`+label))
		assert.Equal(t, strconv.Itoa(of.count), prom.query(t, `db_seconds_count`+label))
		// A sum of fractions is rounded with each; to the microsecond it has to be right.
		assert.Equal(t, strconv.Itoa(of.micros), prom.query(t, `round(db_seconds_sum`+label+` * 1e6)`))
		assert.Equal(t, strconv.Itoa(of.slow), prom.query(t, `db_seconds_count`+label+` - ignoring(le) db_seconds_bucket{job="`+service+`",le="2.5"}`))
		for severity, n := range of.severities {
			assert.Equal(t, strconv.Itoa(n), prom.query(t, fmt.Sprintf(`log_records_total{job=%q,log_severity=%q}`, service, severity)))
		}
	}
	assert.Equal(t, strconv.Itoa(s.requests), prom.query(t, `http_server_request_duration_seconds_count{http_route="/orders/{id}",http_request_method="GET",http_response_status_code="200"}`))
}

// sayMeasures writes lines of two services, and of Heroku's router.
func sayMeasures(t *testing.T, addr string) *said {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 11))
	out := &said{services: map[string]*saidService{}}
	var text strings.Builder
	for _, service := range []string{"cart", "pay"} {
		s := &saidService{severities: map[string]int{}}
		out.services[service] = s
		for i := range 1500 {
			level := []string{"debug", "info", "warn", "error"}[random.IntN(4)]
			micros, bytes, orders := random.IntN(2_000_000)+1, random.IntN(100_000), random.IntN(5)
			if i%500 == 77 {
				micros += 2_500_000
				s.slow++
			}
			s.count++
			s.micros += micros
			s.bytes += bytes
			s.orders += orders
			s.severities[strings.ToUpper(level)] += 2
			ids := fmt.Sprintf("app=%s level=%s request_id=%s-%d trace_id=%016x%016x", service, level, service, i, random.Uint64()|1, random.Uint64())
			_, _ = fmt.Fprintf(&text, "%s span_id=%016x msg=begin\n", ids, random.Uint64()|1)
			_, _ = fmt.Fprintf(&text, "%s span_id=%016x msg=end measure#db=%dus measure#answer=%dB count#orders=%d\n", ids, random.Uint64()|1, micros, bytes, orders)
			out.lines += 2
		}
	}
	for i := range 300 {
		_, _ = fmt.Fprintf(&text, "app=heroku method=GET path=/orders/%d dyno=web.1 connect=1ms service=%dms status=200 bytes=%d\n", i, i, i)
		out.lines++
		out.requests++
	}
	conn := dial(t, "tcp", addr)
	_, err := conn.Write([]byte(text.String()))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	return out
}

// prometheus is a Prometheus server that scrapes one page and keeps exemplars.
type prometheus struct {
	*harness.Process
	url string
}

var prometheusListens = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// startPrometheus starts one that scrapes a page, if there is one, and takes what is
// written to it.
func startPrometheus(t *testing.T, page string) *prometheus {
	t.Helper()
	return startPrometheusEvery(t, page, 200*time.Millisecond)
}

func startPrometheusEvery(t *testing.T, page string, interval time.Duration) *prometheus {
	t.Helper()
	text := fmt.Sprintf("global: {scrape_interval: %v, scrape_timeout: %v}\n", interval, interval)
	if page == "" {
		return startPrometheusWith(t, text, "native-histograms") // with which a page would be fetched in another format
	}
	//nolint:misspell // honor_labels is the name of the option
	return startPrometheusWith(t, text+fmt.Sprintf(`
scrape_configs:
  - job_name: heartwood
    honor_labels: true # job and instance are those of the program that has logged
    static_configs: [{targets: [%q]}]
`, page))
}

// startPrometheusWith starts one with a configuration, which keeps exemplars and takes what
// is written to it.
func startPrometheusWith(t *testing.T, text string, features ...string) *prometheus {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("there's no prometheus on this machine")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	p := &prometheus{Process: harness.StartProcess(t, harness.Command{Name: "prometheus", Path: path, Args: []string{
		"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--web.enable-remote-write-receiver",
		"--enable-feature=" + strings.Join(append(features, "exemplar-storage"), ","),
	}})}
	p.WaitOutput(t, "Server is ready to receive web requests", time.Minute)
	found := prometheusListens.FindStringSubmatch(p.Output())
	require.NotNil(t, found, "prometheus says where it listens")
	p.url = "http://" + found[1]
	return p
}

// get asks the HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api).
func (p *prometheus) get(t *testing.T, path string, values url.Values, data any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/api/v1/"+path+"?"+values.Encode(), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.Equal(t, "success", answer.Status, "%s: %s", values, answer.Error)
	require.NoError(t, json.Unmarshal(answer.Data, data))
}

// query gives the value of the one series of a query, as Prometheus writes it, or "".
func (p *prometheus) query(t *testing.T, query string) string {
	t.Helper()
	var data struct {
		Result []struct {
			Value [2]any // time and value
		}
	}
	p.get(t, "query", url.Values{"query": {query}}, &data)
	if len(data.Result) == 0 {
		return ""
	}
	require.Len(t, data.Result, 1, "series of %s", query)
	text, _ := data.Result[0].Value[1].(string)
	return text
}

// wait waits until a query gives a number.
func (p *prometheus) wait(t *testing.T, query string, want float64) {
	t.Helper()
	var last string
	require.Eventually(t, func() bool {
		last = p.query(t, query)
		got, err := strconv.ParseFloat(last, 64)
		return err == nil && got >= want
	}, time.Minute, 100*time.Millisecond, "%s must become %v", query, want)
	require.Equal(t, strconv.FormatFloat(want, 'f', -1, 64), last, query)
}

// series is how many a query has.
func (p *prometheus) series(t *testing.T, query string) int {
	t.Helper()
	var data struct {
		ResultType string
		Result     []json.RawMessage
	}
	p.get(t, "query", url.Values{"query": {query}}, &data)
	require.Equal(t, "vector", data.ResultType, query)
	return len(data.Result)
}

// waitAtLeast waits until a query gives a number, or more.
func (p *prometheus) waitAtLeast(t *testing.T, query string, least float64) {
	t.Helper()
	require.Eventually(t, func() bool {
		got, err := strconv.ParseFloat(p.query(t, query), 64)
		return err == nil && got >= least
	}, time.Minute, 100*time.Millisecond, "%s must become %v", query, least)
}

type promExemplar struct {
	Labels map[string]string
	Value  string
}

func (p *prometheus) exemplars(t *testing.T, query string) []promExemplar {
	t.Helper()
	var data []struct {
		Exemplars []promExemplar
	}
	now := time.Now()
	p.get(t, "query_exemplars", url.Values{
		"query": {query},
		"start": {strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)}, "end": {strconv.FormatInt(now.Add(time.Hour).Unix(), 10)},
	}, &data)
	var out []promExemplar
	for _, series := range data {
		out = append(out, series.Exemplars...)
	}
	return out
}
