package integration

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/secretscan"
	"github.com/heartwood-otel/heartwood/internal/secretscan/corpus"
)

// secretTexts are texts with secrets in them, and the secrets. This is about where
// things are written, not about what is found, so a secret that is not found is left
// out; how many are found, internal/secretscan has tests for.
func secretTexts(t *testing.T) (texts, secrets []string) {
	t.Helper()
	scanner, err := secretscan.New(secretscan.Settings{Enabled: []string{"credentials", "financial", "pii"}})
	require.NoError(t, err)
	g := corpus.New(1)
	planted := 0
	for _, detector := range []string{
		"payment_card", "iban", "email", "us_ssn", "jwt", "private_key", "aws_access_key_id", "github_token", "gitlab_token",
		"slack_token", "stripe_key", "npm_token", "pypi_token", "anthropic_key", "openai_key", "url_password", "basic_auth",
	} {
		for range 10 {
			s := g.Sample(detector)
			if s.Form == corpus.FormMultiline || s.Form == corpus.FormNested {
				continue // a line that is read as one is wanted
			}
			planted++
			found := scanner.Scan(nil, s.Text)
			var values []string
			for _, p := range s.Secrets {
				covered := false
				for _, f := range found {
					covered = covered || f.Start <= p.Start && p.End <= f.End
				}
				if value := s.Text[p.Start:p.End]; covered && len(value) >= 8 {
					values = append(values, value)
				}
			}
			if len(values) < len(s.Secrets) {
				continue
			}
			texts = append(texts, s.Text)
			secrets = append(secrets, values...)
		}
	}
	require.Greater(t, len(texts), planted/2, "the texts that can be used")
	return texts, secrets
}

// TestSecretsAreNowhere: secrets come in by all ways. Then the collector is killed, and
// every byte that it has written, said or shown is looked through: journals, queues,
// files, its own log, its pages.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	texts, secrets := secretTexts(t)
	input := filepath.Join(t.TempDir(), "app.log")
	var lines strings.Builder
	for i, text := range texts {
		_, _ = fmt.Fprintf(&lines, "%s\n", oneLine(text))
		_, _ = fmt.Fprintf(&lines, "level=info marker=from-file password=hunter2-%d-is-secret k=f%d\n", i, i)
		secrets = append(secrets, fmt.Sprintf("hunter2-%d-is-secret", i))
	}
	require.NoError(t, os.WriteFile(input, []byte(lines.String()), 0o600))

	col := harness.Start(t, `
		extensions:
		  file_storage: {directory: {{dir "queue"}}, fsync: true}
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		  logfmt: {tcp: {endpoint: {{addr "logfmt"}}}}
		  stdout_tail:
		    storage: file_storage
		    files: {include: [{{.input}}], start_at: beginning}
		processors:
		  redact:
		  event_fold: {key: [k], directory: {{dir "journal"}}, idle_timeout: 1h, max_duration: 2h}
		exporters:
		  debug: {verbosity: detailed}
		  file/logs: {path: {{file "logs.jsonl"}}, flush_interval: 100ms}
		  file/traces: {path: {{file "traces.jsonl"}}, flush_interval: 100ms}
		  file/metrics: {path: {{file "metrics.jsonl"}}, flush_interval: 100ms}
		  prometheus: {endpoint: {{addr "page"}}}
		  otlp_http: # to nobody: all of it stays in the queue
		    endpoint: http://{{addr "nobody"}}
		    sending_queue: {enabled: true, storage: file_storage, block_on_overflow: true}
		    retry_on_failure: {enabled: true, max_elapsed_time: 0, initial_interval: 1s}
		service:
		  extensions: [file_storage]
		  pipelines:
		    logs: {receivers: [otlp, logfmt, stdout_tail], processors: [redact, event_fold], exporters: [file/logs, debug, otlp_http]}
		    traces: {receivers: [otlp], processors: [redact], exporters: [file/traces, debug, otlp_http]}
		    metrics: {receivers: [otlp], processors: [redact], exporters: [file/metrics, debug, prometheus, otlp_http]}
	`, harness.With("input", input))
	in := "http://" + col.Addr(t, "in")
	post(t, in+"/v1/logs", secretLogs(t, texts))
	post(t, in+"/v1/traces", secretTraces(t, texts))
	post(t, in+"/v1/metrics", secretMetrics(t, texts))
	conn := dial(t, "tcp", col.Addr(t, "logfmt"))
	for _, text := range texts {
		_, err := fmt.Fprintf(conn, "%s\nmarker=over-tcp secret_token=%s\n", oneLine(text), "hunter2-0-is-secret")
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close())

	m := col.WaitMetrics(t, "all to have come", func(m harness.Metrics) bool {
		return m.Sum("otelcol_processor_event_fold_records_held") >= float64(2*len(texts)) &&
			m.Sum("otelcol_processor_event_fold_records_passed") >= float64(3*len(texts))
	})
	assert.Greater(t, m.Sum("otelcol_processor_redact_findings"), float64(3*len(secrets)))
	page := fetchText(t, "http://"+col.Addr(t, "page")+"/metrics")
	own := m.String()
	root := filepath.Dir(col.Path("journal"))
	col.WaitOutput(t, "marker-of-metrics", 0)
	col.Kill()
	for _, look := range []string{"journal", "queue"} {
		requireNowhere(t, secrets, filepath.Join(root, look), "marker")
	}
	requireNowhere(t, secrets, root, "marker")
	for name, text := range map[string]string{"the collector's own log": col.Output(), "the page": page, "its own metrics": own} {
		assert.Empty(t, firstOf(secrets, []byte(text)), "%s", name)
	}
	assert.Contains(t, page, "marker")
	assert.Contains(t, col.Output(), "[PAYMENT_CARD]")
}

func oneLine(text string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(text) }

// requireNowhere looks through all files under a directory. The marker must be in one of
// them, so that the look is one at what was written.
func requireNowhere(t *testing.T, secrets []string, dir, marker string) {
	t.Helper()
	marked := false
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		written, err := os.ReadFile(path)
		require.NoError(t, err)
		marked = marked || bytes.Contains(written, []byte(marker))
		assert.Empty(t, firstOf(secrets, written), "%s", path)
		return nil
	}))
	assert.True(t, marked, "something was to be in %s", dir)
}

// firstOf gives the first of the secrets that is in a text, as it is or as JSON has it.
func firstOf(secrets []string, text []byte) string {
	for _, secret := range secrets {
		if bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(strings.ReplaceAll(secret, "\n", `\n`))) {
			return secret
		}
	}
	return ""
}

func secretLogs(t *testing.T, texts []string) []byte {
	t.Helper()
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("process.command_line", "app --password hunter2-1-is-secret")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i, text := range texts {
		folded := records.AppendEmpty()
		folded.Body().SetStr(text)
		folded.Attributes().PutStr("k", fmt.Sprintf("o%d", i))
		folded.Attributes().PutStr("marker", "marker-in-journal")
		passed := records.AppendEmpty()
		passed.Body().SetEmptyMap().PutEmptySlice("deep").AppendEmpty().SetStr(text)
		passed.Attributes().PutStr("text", text)
		passed.Attributes().PutEmptyMap("db").PutStr("password", "hunter2-2-is-secret")
		passed.Attributes().PutStr(text, "a name that is a secret")
	}
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return body
}

func secretTraces(t *testing.T, texts []string) []byte {
	t.Helper()
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i, text := range texts {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, byte(i)})
		s.SetSpanID(pcommon.SpanID{1, byte(i)})
		s.SetName("marker " + text)
		s.Status().SetMessage(text)
		s.Attributes().PutStr("text", text)
		s.Events().AppendEmpty().Attributes().PutStr("exception.message", text)
		s.Links().AppendEmpty().Attributes().PutStr("text", text)
	}
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	require.NoError(t, err)
	return body
}

func secretMetrics(t *testing.T, texts []string) []byte {
	t.Helper()
	metrics := pmetric.NewMetrics()
	m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("marker_total")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i, text := range texts {
		p := sum.DataPoints().AppendEmpty()
		p.SetIntValue(1)
		p.Attributes().PutStr("text", text)
		p.Attributes().PutStr("series", fmt.Sprintf("marker-of-metrics-%d", i))
		e := p.Exemplars().AppendEmpty()
		e.SetIntValue(1)
		e.FilteredAttributes().PutStr("text", text)
	}
	body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(metrics)
	require.NoError(t, err)
	return body
}

func post(t *testing.T, url string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func fetchText(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}
