package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// TestPrometheusRules runs the tests of the rules with promtool, which comes with Prometheus.
func TestPrometheusRules(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there's no promtool on this machine")
	}
	deploy := filepath.Join(harness.Root(t), "deploy", "prometheus")
	glob := func(pattern string) []string {
		files, err := filepath.Glob(filepath.Join(deploy, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		return files
	}
	for what, files := range map[string][]string{
		"check config": glob("prometheus.yaml"), "check rules": glob("rules/*.yaml"), "test rules": glob("tests/*.yaml"),
	} {
		result := harness.Run(t, promtool, append(strings.Fields(what), files...)...)
		assert.Zero(t, result.Code, "promtool %s\n%s%s", what, result.Stdout, result.Stderr)
	}
}

// TestDashboardsHaveSeries: the configurations of deploy/ as they are, with the shop's
// traffic, a stream and a bucket on a bad day, and a second collector whose destination
// refuses for good. Of all that the dashboards and rules ask a real Prometheus for, there
// is something; and the alerts of that day fire.
func TestDashboardsHaveSeries(t *testing.T) {
	t.Parallel()
	d := startDeployment(t)
	shop := d.startShop(t)
	d.trouble(t)
	d.verify(t)
	d.patience = time.Now().Add(90 * time.Second)

	t.Run("dashboards", func(t *testing.T) { d.requireDashboards(t) })
	t.Run("rules", func(t *testing.T) { d.requireRules(t) })
	t.Run("alerts", func(t *testing.T) { d.requireAlerts(t) })
	t.Run("a dot leads to the lines of a request", func(t *testing.T) { d.requireExemplar(t) })
	t.Run("Prometheus 3 gets the same names", func(t *testing.T) { d.requireNames(t) })
	t.Run("equal labels", func(t *testing.T) { d.requireEqualLabels(t) })

	shop.Stop(t)
	d.prom.Stop(t)
	d.bad.Stop(t)
	d.fake.OnAnswer(nil)
	d.fake.Misbehave(s3fake.Faults{})
	d.stream.Misbehave(kinesisfake.Faults{})
	d.col.Stop(t)
}

// deployment is what deploy/compose.yaml starts, with what stands for Loki, Kinesis and S3.
type deployment struct {
	col, bad     *harness.Collector
	prom         *prometheus
	loki, closed *harness.Sink
	fake         *s3fake.Running
	bed          *archiveBed
	stream       *kinesisfake.Running
	patience     time.Time
}

func startDeployment(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{
		loki: harness.NewSink(t), closed: harness.NewSink(t),
		stream: kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 2}}),
	}
	d.fake, d.bed = newFakeBed(t)
	d.closed.Behave(harness.Refuse(harness.Refusal{Reason: harness.Invalid}))
	d.col = harness.Start(t, `
		exporters:
		  kinesis: {stream: logs}
		  worm_s3: {prefix: '{{.bed.Prefix}}', rules: {{.bed.Rules}}, max_retention: 3d, retry: {max_interval: 200ms}}
	`, harness.WithFile("deploy/otelcol/heartwood.yaml"), harness.WithFile("deploy/otelcol/aws.yaml"),
		harness.With("bed", *d.bed), harness.With("stream", d.stream), harness.With("loki", d.loki),
		harness.WithEnv(d.bed.env...), harness.WithEnv(
			`HEARTWOOD_STATE_DIR={{dir "state"}}`,
			`HEARTWOOD_LOGS={{dir "run"}}/shop/*.jsonl*`,
			`HEARTWOOD_OTLP_GRPC_ADDRESS={{addr "otlp grpc"}}`,
			`HEARTWOOD_OTLP_HTTP_ADDRESS={{addr "otlp http"}}`,
			`HEARTWOOD_LOGFMT_TCP_ADDRESS={{addr "logfmt tcp"}}`,
			`HEARTWOOD_LOGFMT_HTTP_ADDRESS={{addr "logfmt http"}}`,
			`HEARTWOOD_PROMETHEUS_ADDRESS={{addr "page"}}`,
			`HEARTWOOD_TELEMETRY_PORT={{port "harness metrics"}}`,
			`HEARTWOOD_HEALTH_ADDRESS={{addr "health"}}`,
			`HEARTWOOD_LOKI_ENDPOINT={{.loki.HTTP}}`,
			`HEARTWOOD_KINESIS_ENDPOINT={{.stream.URL}}`,
			`HEARTWOOD_ARCHIVE_ENDPOINT={{.bed.URL}}`, `HEARTWOOD_ARCHIVE_BUCKET={{.bed.Bucket}}`,
			`HEARTWOOD_ARCHIVE_ORIGIN=`+archiveOrigin, `HEARTWOOD_ARCHIVE_WRITER=`+archiveWriter,
			`HEARTWOOD_ARCHIVE_KEY={{.bed.Keys}}/{{.bed.Writer}}.key`,
			// Sooner than in earnest.
			`HEARTWOOD_MEASURE_INTERVAL=500ms`, `HEARTWOOD_HOST_INTERVAL=1s`, `HEARTWOOD_FOLD_IDLE=500ms`,
			`HEARTWOOD_ARCHIVE_OBJECT_AGE=1s`, `HEARTWOOD_ARCHIVE_CHECKPOINT_INTERVAL=1s`,
		))
	// What is lost for good: nobody behind it will ever take anything.
	d.bad = harness.Start(t, `
		receivers:
		  logfmt: {tcp: {endpoint: {{addr "lost"}}}}
		  logfmt/folded: {tcp: {endpoint: {{addr "folded"}}}}
		  logfmt/measured: {tcp: {endpoint: {{addr "measured"}}}}
		  stdout_tail: {format: json, files: {include: ['{{file "lost.log"}}'], start_at: beginning}}
		processors:
		  event_fold: {idle_timeout: 100ms}
		connectors:
		  measure: {interval: 200ms, max_series: 1}
		exporters:
		  nop:
		  otlp_grpc: {endpoint: {{.closed.GRPC}}, tls: {insecure: true}, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}
		service:
		  pipelines:
		    logs: {receivers: [logfmt, stdout_tail], exporters: [otlp_grpc]}
		    logs/folded: {receivers: [logfmt/folded], processors: [event_fold], exporters: [otlp_grpc]}
		    logs/measured: {receivers: [logfmt/measured], exporters: [measure]}
		    logs/counted: {receivers: [measure], exporters: [nop]}
		    metrics: {receivers: [measure], exporters: [otlp_grpc]}
	`, harness.WithName("the bad one"), harness.With("closed", d.closed))
	d.prom = d.startPrometheus(t)
	return d
}

// startShop runs what the compose file says, but for the places, and for a day on which
// more happens.
func (d *deployment) startShop(t *testing.T) *harness.Process {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(t), "deploy", "compose.yaml"))
	require.NoError(t, err)
	var compose struct {
		Services map[string]struct{ Command []string }
	}
	require.NoError(t, yaml.Unmarshal(text, &compose))
	args := compose.Services["shop"].Command
	require.Equal(t, []string{"heartwood", "run"}, args[:2])
	at := slices.Index(args, "shop")
	require.Positive(t, at)
	args[at] = harness.Program(t, "shop", shopSources...)
	args = slices.Concat([]string{"run", "--collector", harness.Binary(t)}, args[2:], []string{
		"--seed=7", "--rate=40", "--fault=all=0.1", "--confirm-min=50ms", "--confirm-max=500ms",
		"--inventory-url=http://" + d.col.Addr(t, "inventory"), "--ordering-url=http://" + d.col.Addr(t, "ordering"),
		"--purchasing-url=http://" + d.col.Addr(t, "purchasing"),
	})
	places := strings.NewReplacer("otelcol:4318", d.col.Addr(t, "otlp http"), "0.0.0.0:8810", d.col.Addr(t, "purchasing"),
		"0.0.0.0:8811", d.col.Addr(t, "inventory"), "0.0.0.0:8812", d.col.Addr(t, "ordering"),
		"/var/log/shop", filepath.Join(d.col.Path("run"), "shop"))
	for i := range args {
		args[i] = places.Replace(args[i])
	}
	require.NoError(t, os.MkdirAll(filepath.Join(d.col.Path("run"), "shop"), 0o700))
	return harness.StartProcess(t, harness.Command{Name: "the shop", Path: runHeartwood(t), Args: args})
}

// startPrometheus starts one with deploy's configuration, but for the places and the haste.
func (d *deployment) startPrometheus(t *testing.T) *prometheus {
	t.Helper()
	deploy := filepath.Join(harness.Root(t), "deploy", "prometheus")
	text, err := os.ReadFile(filepath.Join(deploy, "prometheus.yaml"))
	require.NoError(t, err)
	config := string(text)
	for _, change := range [][2]string{
		{"'otelcol:9464'", fmt.Sprintf("%q", d.col.Addr(t, "page"))},
		{"'otelcol:8888'", fmt.Sprintf("%q, %q", d.col.Addr(t, "harness metrics"), d.bad.Addr(t, "harness metrics"))},
		{"'shop:8810'", fmt.Sprintf("%q", d.col.Addr(t, "purchasing"))},
		{"'shop:8811'", fmt.Sprintf("%q", d.col.Addr(t, "inventory"))},
		{"'shop:8812'", fmt.Sprintf("%q", d.col.Addr(t, "ordering"))},
		{"scrape_interval: 10s", "scrape_interval: 1s"},
		{"scrape_timeout: 5s", "scrape_timeout: 1s"},
		{"evaluation_interval: 10s", "evaluation_interval: 1s"},
		{"rules/*.yaml", filepath.Join(deploy, "rules", "*.yaml")},
	} {
		require.Contains(t, config, change[0])
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	return startPrometheusWith(t, config)
}

// trouble makes everything happen that is counted only when it happens.
func (d *deployment) trouble(t *testing.T) {
	t.Helper()
	d.stream.Misbehave(kinesisfake.Faults{Seed: 1, RefuseRecords: 0.2, FailRecords: 0.05, Throttle: 0.1, Errors: 0.1})
	d.fake.Misbehave(s3fake.Faults{Seed: 1, Rules: []s3fake.Rule{{Operation: "PutObject", Share: 0.2, Fault: s3fake.SlowDown}}})
	// What a class has is locked for an hour only, says who is asked.
	d.fake.OnAnswer(func(r s3fake.Request, h http.Header) {
		if r.Operation == "HeadObject" && strings.Contains(r.Key, "category=application/") {
			h.Set("X-Amz-Object-Lock-Retain-Until-Date", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		}
	})

	say(t, d.bad, "lost", "msg=lost\n")
	say(t, d.bad, "folded", "request_id=r1 request.id=r1 msg=lost\n")
	say(t, d.bad, "measured", "app=a level=info measure#x=1s\napp=a level=error measure#x=oops\n")
	require.NoError(t, os.WriteFile(d.bad.Path("lost.log"), []byte("{\"msg\":\"lost\"}\n{\"msg\":\"never closed\n"), 0o600))

	say(t, d.col, "logfmt tcp", "app=odd msg=\xff\n") // no UTF-8

	// A value that redact can't look through, one record that comes twice, and one that
	// neither a stream nor an archive takes.
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "odd")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	long := records.AppendEmpty()
	long.Attributes().PutStr("log.record.uid", "long")
	long.Body().SetStr(strings.Repeat("x", 2<<20))
	large := records.AppendEmpty()
	large.Attributes().PutStr("log.record.uid", "large")
	for i := range 12 {
		large.Attributes().PutStr(fmt.Sprintf("a%d", i), strings.Repeat("y", 900<<10))
	}
	twice := records.AppendEmpty()
	twice.Attributes().PutStr("log.record.uid", "twice")
	twice.Body().SetStr("twice")
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	for range 2 {
		post(t, "http://"+d.col.Addr(t, "otlp http")+"/v1/logs", body)
	}
}

// say writes to one of a collector's ports.
func say(t *testing.T, col *harness.Collector, name, text string) {
	t.Helper()
	conn := dial(t, "tcp", col.Addr(t, name))
	_, err := conn.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// verify runs deploy/archive-verify.sh, which tells the collector what it has found: first
// nothing, and then that somebody has changed an object.
func (d *deployment) verify(t *testing.T) {
	t.Helper()
	run := func() (status int, said string) {
		var out strings.Builder
		p := harness.StartProcess(t, harness.Command{
			Name: "archive-verify.sh", Path: "/bin/sh",
			Args: append([]string{filepath.Join(harness.Root(t), "deploy", "archive-verify.sh")},
				append(d.bed.args("verify")[1:], "--root-key", filepath.Join(d.bed.Keys, "root.pub"))...),
			Env: append(slices.Clone(d.bed.env), "HEARTWOOD="+harness.Program(t, "heartwood", "cmd/heartwood"),
				"HEARTWOOD_LOGFMT=http://"+d.col.Addr(t, "logfmt http")),
			Stdout: &out,
		})
		status = p.Wait(t, time.Minute)
		return status, out.String() + p.Output()
	}
	d.prom.waitAtLeast(t, "sum(otelcol_exporter_worm_s3_deviations)", 1)
	d.prom.waitAtLeast(t, "sum(otelcol_exporter_worm_s3_checkpoint_number)", 5)
	status, said := run()
	require.Zero(t, status, said)
	d.prom.waitAtLeast(t, "archive_verify_time", 1)
	require.Equal(t, "0", d.prom.query(t, "archive_verify_status"))

	var key string
	for _, v := range d.fake.Versions(d.bed.Bucket) {
		if strings.Contains(v.Key, "category=access/") {
			key = v.Key
			break
		}
	}
	require.NotEmpty(t, key, "an object with access logs")
	require.NoError(t, d.fake.Edit(d.bed.Bucket, key, "", func(v *s3fake.Version) { v.Data[len(v.Data)/2] ^= 1 }))
	status, said = run()
	require.Equal(t, 1, status, said)
	d.prom.waitAtLeast(t, "archive_verify_status", 1)
}

// waitSeries waits until a query has any. All that is waited for has a minute and a half
// together: what is missing does not come by waiting for each.
func (d *deployment) waitSeries(t *testing.T, query, what string) {
	t.Helper()
	for d.prom.series(t, query) == 0 {
		if time.Now().After(d.patience) {
			t.Errorf("%s: no series has come of %s", what, query)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// deployedDashboard is what the test reads of a dashboard.
type deployedDashboard struct {
	UID    string
	Panels []struct {
		Title   string
		Targets []struct {
			Expr       string
			Exemplar   bool
			Datasource struct{ Type string }
		}
	}
	Templating struct {
		List []struct {
			Name, Type, Definition string
		}
	}
}

var labelValues = regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)

func readDashboards(t *testing.T) (boards []deployedDashboard) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(harness.Root(t), "deploy", "grafana", "dashboards", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 5)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var board deployedDashboard
		require.NoError(t, json.Unmarshal(text, &board))
		boards = append(boards, board)
	}
	return boards
}

// chosen puts in what Grafana does for variables, with all values chosen.
var chosen = strings.NewReplacer("$__rate_interval", "1m", "$__range", "5m", "$service", ".+", "$instance", ".+", "$host", ".+")

func (d *deployment) requireDashboards(t *testing.T) {
	t.Helper()
	queries, lines := 0, 0
	for _, board := range readDashboards(t) {
		for _, v := range board.Templating.List {
			if v.Type == "query" {
				m := labelValues.FindStringSubmatch(v.Definition)
				require.NotNil(t, m, v.Definition)
				d.waitSeries(t, fmt.Sprintf(`%s{%s!=""}`, m[1], m[2]), board.UID+", variable "+v.Name)
			}
		}
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				if target.Datasource.Type == "loki" {
					lines++ // there is no Loki here: deploy/dashboards looks at their form
					continue
				}
				queries++
				query := chosen.Replace(target.Expr)
				require.NotContains(t, query, "$", "%s, %s", board.UID, p.Title)
				d.waitSeries(t, query, board.UID+", "+p.Title)
				// "or vector(0)" answers although nothing is there.
				for _, name := range ownMetrics.FindAllString(query, -1) {
					d.waitSeries(t, name, board.UID+", "+p.Title)
				}
			}
		}
	}
	assert.Greater(t, queries, 100)
	assert.Greater(t, lines, 4)
}

var ownMetrics = regexp.MustCompile(`\botelcol_\w+`)

func (d *deployment) requireRules(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(harness.Root(t), "deploy", "prometheus", "rules", "*.yaml"))
	require.NoError(t, err)
	rules := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var content struct {
			Groups []struct {
				Rules []struct{ Alert, Record, Expr string }
			}
		}
		require.NoError(t, yaml.Unmarshal(text, &content))
		for _, g := range content.Groups {
			for _, r := range g.Rules {
				rules++
				if r.Record != "" {
					d.waitSeries(t, r.Expr, r.Record)
					d.waitSeries(t, r.Record, r.Record)
				}
				// An alert's expression has series only when it is to fire; what it asks
				// for has to be there all the same.
				for _, name := range ownMetrics.FindAllString(r.Expr, -1) {
					d.waitSeries(t, name, r.Alert+r.Record)
				}
			}
		}
	}
	assert.Greater(t, rules, 25)
	var answer struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	d.prom.get(t, "rules", url.Values{}, &answer)
	seen := 0
	for _, g := range answer.Groups {
		for _, r := range g.Rules {
			seen++
			assert.Equal(t, "ok", r.Health, "%s: %s", r.Name, r.LastError)
		}
	}
	assert.Equal(t, rules, seen)
}

// requireAlerts: those of this day fire at once, or are pending where they wait; and no
// other does.
func (d *deployment) requireAlerts(t *testing.T) {
	t.Helper()
	firing := []string{
		"HeartwoodArchiveDeviation", "HeartwoodArchiveNotVerified", "HeartwoodDeadLetters", "HeartwoodMetricsDropped",
		"HeartwoodRecordsLost", "HeartwoodRedactionFailing",
	}
	pending := []string{"HeartwoodDestinationFailing", "HeartwoodKinesisCallsFailing"}
	// These wait for figures that this day may have or not.
	may := []string{"HeartwoodDiskFilling", "HeartwoodRecordsRefused", "HeartwoodServiceFailing", "HeartwoodShardThrottled", "HeartwoodTooManySeries"}
	states := func() map[string][]string {
		var answer struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
		say(t, d.bad, "lost", "msg=lost\n") // a destination fails when it does so again and again
		d.prom.get(t, "alerts", url.Values{}, &answer)
		found := map[string][]string{}
		for _, a := range answer.Alerts {
			name := a.Labels["alertname"]
			if !slices.Contains(may, name) && !slices.Contains(found[a.State], name) {
				found[a.State] = append(found[a.State], name)
			}
		}
		for _, names := range found {
			slices.Sort(names)
		}
		return found
	}
	want := map[string][]string{"firing": firing, "pending": pending}
	var got map[string][]string
	if !assert.Eventually(t, func() bool {
		got = states()
		return fmt.Sprint(got) == fmt.Sprint(want)
	}, time.Minute, 200*time.Millisecond) {
		assert.Equal(t, want, got)
	}
}

// requireExemplar: each query with dots has some, and the traces of requests are those of
// lines in Loki.
func (d *deployment) requireExemplar(t *testing.T) {
	t.Helper()
	dotted, traces := 0, map[string]bool{}
	for _, board := range readDashboards(t) {
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				if !target.Exemplar {
					continue
				}
				dotted++
				found := d.prom.exemplars(t, chosen.Replace(target.Expr))
				assert.NotEmpty(t, found, "%s, %s: no dots", board.UID, p.Title)
				for _, e := range found {
					require.NotEmpty(t, e.Labels["trace_id"], "%s, %s", board.UID, p.Title)
					traces[e.Labels["trace_id"]] = true
				}
			}
		}
	}
	assert.Equal(t, 3, dotted)
	services := map[string]bool{}
	for _, r := range d.loki.Logs(harness.Where("of such a trace", func(r harness.LogRecord) bool { return traces[r.TraceID] })) {
		services[r.Service()] = true
	}
	for _, service := range []string{"inventory", "ordering", "purchasing"} {
		assert.True(t, services[service], "an exemplar leads to lines of %s", service)
	}
}

// requireEqualLabels: a service's metrics have the labels that its lines have in Loki.
func (d *deployment) requireEqualLabels(t *testing.T) {
	t.Helper()
	for _, service := range []string{"inventory", "ordering", "purchasing"} {
		lines := d.loki.WaitLog(t, harness.Service(service)).Resource
		require.NotEmpty(t, lines["service.instance.id"], service)
		require.NotEmpty(t, lines["host.name"], service)
		selector := fmt.Sprintf(`{service_name=%q,service_instance_id=%q,host_name=%q}`, service, lines["service.instance.id"], lines["host.name"])
		for _, name := range []string{"log_records_total", "http_server_request_duration_seconds_count"} {
			d.waitSeries(t, name+selector, "as the lines")
		}
	}
}

// metricName is one of those that dashboards and rules ask for.
var metricName = regexp.MustCompile(`\b(?:otelcol|log|http_server|fold|archive_verify|system)_[a-z0-9_]+`)

// requireNames: who asks as Prometheus 3 does, for names in UTF-8, gets those that the
// dashboards know.
func (d *deployment) requireNames(t *testing.T) {
	t.Helper()
	var page strings.Builder
	for _, name := range []string{"page", "harness metrics"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+d.col.Addr(t, name)+"/metrics", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_, err = io.Copy(&page, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	page.WriteString(d.bad.Metrics(t).String()) // has what the other does not
	pages := page.String()
	names := 0
	for _, board := range readDashboards(t) {
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				for _, name := range metricName.FindAllString(labelMatchers.ReplaceAllString(target.Expr, ""), -1) {
					names++
					assert.Regexp(t, `(?m)^`+name+`[{ ]`, pages)
				}
			}
		}
	}
	assert.Greater(t, names, 100)
}

var labelMatchers = regexp.MustCompile(`\{[^}]*\}|\([a-z_, ]*\)`)
