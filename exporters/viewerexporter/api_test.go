package viewerexporter

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.yaml.in/yaml/v3"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/metadata"
)

const testToken = "a-token-of-the-tests"

// viewer is one that runs, with its exporters of all signals.
type viewer struct {
	logs    exporter.Logs
	traces  exporter.Traces
	metrics exporter.Metrics
	core    *core
	schema  *jsonschema.Compiler
}

func start(t *testing.T, config string) *viewer {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.HealthEndpoint = noHealth
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(strings.ReplaceAll("endpoint: localhost:0\ntoken: "+testToken+"\n"+config, "\t", "  ")))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	require.NoError(t, conf.Unmarshal(cfg))
	require.NoError(t, cfg.Validate())
	set := exportertest.NewNopSettings(metadata.Type)
	v := &viewer{schema: schemas(t)}
	v.logs, err = createLogs(t.Context(), set, cfg)
	require.NoError(t, err)
	v.traces, err = createTraces(t.Context(), set, cfg)
	require.NoError(t, err)
	v.metrics, err = createMetrics(t.Context(), set, cfg)
	require.NoError(t, err)
	host := componenttest.NewNopHost()
	require.NoError(t, v.logs.Start(t.Context(), host))
	require.NoError(t, v.traces.Start(t.Context(), host))
	require.NoError(t, v.metrics.Start(t.Context(), host))
	require.Equal(t, 1, cores.Len(), "one for all signals")
	require.Equal(t, 3, cores.Users(coreKey{set.ID, cfg}))
	v.core, err = cores.Acquire(coreKey{set.ID, cfg}, nil)
	require.NoError(t, err)
	require.NoError(t, cores.Release(coreKey{set.ID, cfg}, nil))
	t.Cleanup(func() { v.stop(t) })
	return v
}

func (v *viewer) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, v.logs.Shutdown(ctx))
	require.NoError(t, v.traces.Shutdown(ctx))
	require.NoError(t, v.metrics.Shutdown(ctx))
}

// schemas are those of openapi.yaml, which is JSON Schema 2020-12 with something around it.
func schemas(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	text, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	var document any
	require.NoError(t, yaml.Unmarshal(text, &document))
	asJSON, err := json.Marshal(document)
	require.NoError(t, err)
	loaded, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	require.NoError(t, c.AddResource("openapi.json", loaded))
	return c
}

// holds an answer to its schema in openapi.yaml.
func (v *viewer) holds(t *testing.T, path string, status int, body string) {
	t.Helper()
	place := "/components/schemas/Problem"
	if status == http.StatusOK {
		place = "/paths/" + strings.ReplaceAll("/api/v1/"+path, "/", "~1") + "/get/responses/200/content/application~1json/schema"
	}
	schema, err := v.schema.Compile("openapi.json#" + place)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	require.NoError(t, err, "%s", body)
	require.NoError(t, schema.Validate(value), "%s: %s", path, body)
}

func (v *viewer) url(call string) string {
	return "http://" + v.core.server.address + "/api/v1/" + call
}

// open makes a request, with the token. Headers are name and value in turn; an empty value
// takes the header away.
func (v *viewer) open(t *testing.T, method, target string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+testToken)
	for i := 0; i < len(headers); i += 2 {
		switch {
		case headers[i] == "Host":
			r.Host = headers[i+1]
		case headers[i+1] == "":
			r.Header.Del(headers[i])
		default:
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	answer, err := transport.RoundTrip(r)
	require.NoError(t, err)
	return answer
}

// reply is a whole answer.
type reply struct {
	*http.Response
	body string
}

func (v *viewer) request(t *testing.T, method, target string, headers ...string) reply {
	t.Helper()
	answer := v.open(t, method, target, headers...)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return reply{answer, string(body)}
}

// follow opens a tail.
func (v *viewer) follow(t *testing.T, parameters string, headers ...string) (*bufio.Reader, func()) {
	t.Helper()
	answer := v.open(t, http.MethodGet, v.url("tail")+"?"+parameters, headers...)
	end := func() { _ = answer.Body.Close() }
	t.Cleanup(end)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	return bufio.NewReader(answer.Body), end
}

// get asks, holds the answer to its schema, and gives it.
func (v *viewer) get(t *testing.T, path string, parameters ...string) map[string]any {
	t.Helper()
	status, out := v.ask(t, path, parameters...)
	require.Equal(t, http.StatusOK, status, "%v", out)
	return out
}

func (v *viewer) ask(t *testing.T, path string, parameters ...string) (int, map[string]any) {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	call, schemaPath := path, path
	if id, ok := strings.CutPrefix(path, "records/"); ok {
		call, schemaPath = "records/"+url.PathEscape(id), "records/{id}"
	}
	answer := v.request(t, http.MethodGet, v.url(call)+"?"+values.Encode())
	v.holds(t, schemaPath, answer.StatusCode, answer.body)
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(answer.body), &out))
	return answer.StatusCode, out
}

// settled waits until what was added can be found.
func (v *viewer) settled(t *testing.T) {
	t.Helper()
	require.NoError(t, v.core.store.Flush(t.Context()))
}

func stamp(offset time.Duration) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(time.Now().Add(-time.Minute + offset))
}

// story adds what three services say of a request, one of them with spans.
func (v *viewer) story(t *testing.T) (trace string) {
	t.Helper()
	begin := time.Now().Add(-time.Minute) // one for all: what comes after what must not depend on how long this takes
	at := func(d time.Duration) pcommon.Timestamp { return pcommon.NewTimestampFromTime(begin.Add(d)) }
	id := pcommon.TraceID{1, 2, 3}
	logs := plog.NewLogs()
	for i, service := range []string{"gateway", "orders", "payments"} {
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", service)
		r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		r.SetTimestamp(at(time.Duration(i) * 10 * time.Millisecond))
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.Body().SetStr("said by " + service + " <script>alert(1)</script> \x1b[31m")
		r.Attributes().PutStr("request.id", "r-1")
		r.Attributes().PutInt("http.response.status_code", int64(200+100*i))
		r.SetTraceID(id)
	}
	require.NoError(t, v.logs.ConsumeLogs(t.Context(), logs))
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "orders")
	for i := range 3 {
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetName(fmt.Sprint("step ", i))
		s.SetTraceID(id)
		s.SetSpanID(pcommon.SpanID{byte(i + 1)})
		s.SetParentSpanID(pcommon.SpanID{byte(i)})
		s.SetStartTimestamp(at(time.Duration(5+i) * time.Millisecond))
		s.SetEndTimestamp(at(25 * time.Millisecond))
		s.Events().AppendEmpty().SetName("exception")
	}
	rs.ScopeSpans().At(2).Spans().At(0).Status().SetCode(ptrace.StatusCodeError)
	require.NoError(t, v.traces.ConsumeTraces(t.Context(), traces))
	v.settled(t)
	return hex.EncodeToString(id[:])
}

func TestAPI(t *testing.T) {
	v := start(t, "pipelines: {logs: {receivers: [otlp], exporters: [viewer]}}")
	trace := v.story(t)

	status := v.get(t, "status")
	assert.InDelta(t, 3.0, status["store"].(map[string]any)["records"], 0)
	assert.InDelta(t, 3.0, status["store"].(map[string]any)["spans"], 0)

	page := v.get(t, "records", "query", "service:payments", "limit", "10")["records"].([]any)
	require.Len(t, page, 1)
	one := page[0].(map[string]any)
	assert.Equal(t, "said by payments <script>alert(1)</script> \x1b[31m", one["body"])
	assert.Equal(t, "r-1", one["request"])
	assert.Equal(t, one, v.get(t, "records/"+one["id"].(string)))
	var first []any
	cursor := ""
	for {
		page := v.get(t, "records", "limit", "2", "order", "oldest", "cursor", cursor, "from", "now-10m", "to", "now+1m")
		first = append(first, page["records"].([]any)...)
		if cursor, _ = page["next"].(string); cursor == "" {
			break
		}
	}
	assert.Len(t, first, 6)

	volume := v.get(t, "volume", "query", "kind:log", "buckets", "30")
	assert.InDelta(t, 3.0, volume["total"], 0)
	facets := v.get(t, "facets", "query", "kind:log", "fields", "service,http.response.status_code")["facets"].([]any)
	assert.Len(t, facets[0].(map[string]any)["values"], 3)
	assert.Equal(t, "service", facets[0].(map[string]any)["field"])
	texts := func(parameters ...string) (out []string) {
		for _, c := range v.get(t, "completions", parameters...)["completions"].([]any) {
			out = append(out, c.(map[string]any)["text"].(string))
		}
		return out
	}
	assert.Contains(t, texts("query", "http."), "http.response.status_code:")
	assert.Equal(t, []string{"payments"}, texts("query", "service:pay"))
	assert.Equal(t, []string{"error"}, texts("query", "level>=e"))

	story := v.get(t, "story", "request", "r-1")
	lanes := story["lanes"].([]any)
	require.Len(t, lanes, 3)
	assert.Equal(t, []any{trace}, story["traces"])
	orders := lanes[slices.IndexFunc(lanes, func(l any) bool { return l.(map[string]any)["service"] == "orders" })].(map[string]any)
	var shape []string
	for _, p := range orders["parts"].([]any) {
		part := p.(map[string]any)
		depth, _ := part["depth"].(float64)
		shape = append(shape, fmt.Sprintf("%s %s %.0f %s", part["kind"], part["text"], depth, part["level"]))
	}
	assert.Equal(t, []string{
		"span step 0 0 unset", "span step 1 1 unset", "span step 2 2 error",
		"log said by orders <script>alert(1)</script> \x1b[31m 0 info",
	}, shape)
	assert.InDelta(t, 1.0, orders["errors"], 0)
	assert.Equal(t, story["lanes"], v.get(t, "story", "trace", trace)["lanes"])

	assert.Empty(t, v.get(t, "metrics")["metrics"])
	metrics := pmetric.NewMetrics()
	m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("queue")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(stamp(0))
	p.SetIntValue(7)
	require.NoError(t, v.metrics.ConsumeMetrics(t.Context(), metrics))
	assert.Len(t, v.get(t, "metrics")["metrics"], 1)
	assert.Len(t, v.get(t, "series", "expression", "queue + 1", "from", "now-5m")["series"], 1)

	pipeline := v.get(t, "pipeline")
	assert.Equal(t, []any{map[string]any{"id": "logs", "receivers": []any{"otlp"}, "processors": []any{}, "exporters": []any{"viewer"}}}, pipeline["pipelines"])
	assert.Contains(t, pipeline["problem"], "health_endpoint is none")
}

func TestWrongRequests(t *testing.T) {
	v := start(t, "")
	v.story(t)
	for _, tc := range []struct {
		path, parameters string
		status           int
		detail           string
	}{
		{"records", "query=(", 400, "missing"},
		{"records", "query=" + strings.Repeat("a", 5000), 400, "5000 bytes"},
		{"records", "from=yesterday", 400, `"yesterday"; write 2026-03-01T08:40:00Z`},
		{"records", "from=now&to=now-1h", 400, "from is"},
		{"records", "from=now-999999999999d", 400, "now-15m"},
		{"records", "from=1e300", 400, "write"},
		{"records", "limit=0", 400, "from 1 to 1000"},
		{"records", "limit=x", 400, "from 1 to 1000"},
		{"records", "order=random", 400, "newest, oldest"},
		{"records", "cursor=%00%ff", 400, "next of the page before"},
		{"records", "query=%zz", 400, "invalid URL escape"},
		{"records/12345", "", 404, "no longer"},
		{"records/x", "", 404, "no longer"},
		{"records/99999999999999999999999", "", 404, "no longer"},
		{"volume", "buckets=100000", 400, "from 1 to 1000"},
		{"facets", "fields=" + strings.Repeat("a,", 100), 400, "50 at most"},
		{"completions", "query=a&at=-5", 400, "from 0"},
		{"story", "", 400, "one of them"},
		{"story", "request=a&trace=b", 400, "one of them"},
		{"story", "request=nobody", 404, "no longer"},
		{"series", "", 400, "PromQL"},
		{"series", "expression=rate(", 400, "unclosed left parenthesis"},
		{"series", "expression=up[5m]", 400, "has a value at each time"},
		{"nothing", "", 404, "none of the API"},
	} {
		answer := v.request(t, http.MethodGet, v.url(tc.path)+"?"+tc.parameters)
		assert.Equal(t, tc.status, answer.StatusCode, "%s?%.40s: %s", tc.path, tc.parameters, answer.body)
		assert.Equal(t, "application/problem+json", answer.Header.Get("Content-Type"))
		assert.Contains(t, answer.body, strings.ReplaceAll(tc.detail, `"`, `\"`), "%s?%.40s", tc.path, tc.parameters)
		v.holds(t, tc.path, answer.StatusCode, answer.body)
	}
	_, wrong := v.ask(t, "records", "query", `a AND "x`)
	assert.InDelta(t, 6.0, wrong["at"], 2, "%v", wrong)
}

func TestGzip(t *testing.T) {
	v := start(t, "")
	v.story(t)
	answer := v.request(t, http.MethodGet, v.url("records"), "Accept-Encoding", "br, gzip")
	assert.Equal(t, "gzip", answer.Header.Get("Content-Encoding"))
	z, err := gzip.NewReader(strings.NewReader(answer.body))
	require.NoError(t, err)
	body, err := io.ReadAll(z)
	require.NoError(t, err)
	v.holds(t, "records", http.StatusOK, string(body))
	answer = v.request(t, http.MethodGet, v.url("records"), "Accept-Encoding", "gzip;q=0")
	assert.Empty(t, answer.Header.Get("Content-Encoding"))
}

// event is one of a tail.
type event struct {
	name, id string
	data     tailed
}

func readEvent(t *testing.T, r *bufio.Reader) event {
	t.Helper()
	var e event
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "":
			return e
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			var raw struct {
				Matched, Shown int
				LeftOut        int `json:"left_out"`
				Cursor         string
				Records        []json.RawMessage
			}
			require.NoError(t, json.Unmarshal([]byte(value), &raw))
			e.data = tailed{Matched: raw.Matched, Shown: raw.Shown, LeftOut: raw.LeftOut, Cursor: raw.Cursor}
			require.Len(t, raw.Records, raw.Shown)
		}
	}
}

func manyLogs(n int) plog.Logs {
	logs := plog.NewLogs()
	list := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range n {
		r := list.AppendEmpty()
		r.SetTimestamp(stamp(time.Duration(i)))
		r.Body().SetStr(fmt.Sprint("line ", i))
	}
	return logs
}

func TestTail(t *testing.T) {
	v := start(t, "")
	events, end := v.follow(t, "query=line")
	begin := readEvent(t, events)
	assert.Equal(t, "records", begin.name)
	assert.Zero(t, begin.data.Matched)
	require.NoError(t, v.logs.ConsumeLogs(t.Context(), manyLogs(500)))
	matched := 0
	var last event
	for matched < 500 {
		last = readEvent(t, events)
		matched += last.data.Matched
		assert.LessOrEqual(t, last.data.Shown, tailSample)
		assert.Equal(t, last.id, last.data.Cursor)
	}
	assert.Equal(t, 500, matched)
	require.NoError(t, v.logs.ConsumeLogs(t.Context(), manyLogs(3)))
	for matched = 0; matched < 3; {
		last = readEvent(t, events)
		matched += last.data.Matched
	}
	assert.Equal(t, 3, matched, "none of them twice")
	end()

	// It goes on where it was, without a gap, and so does records.
	require.NoError(t, v.logs.ConsumeLogs(t.Context(), manyLogs(7)))
	v.settled(t)
	again, _ := v.follow(t, "query=line", "Last-Event-ID", last.id)
	assert.Equal(t, 7, readEvent(t, again).data.Matched)
	assert.Len(t, v.get(t, "records", "query", "line", "order", "oldest", "cursor", last.id)["records"], 7)
}

func TestShutdownEndsTails(t *testing.T) {
	v := start(t, "")
	events, _ := v.follow(t, "")
	readEvent(t, events)
	ended := make(chan error, 1)
	go func() {
		_, err := io.ReadAll(events)
		ended <- err
	}()
	v.stop(t)
	require.NoError(t, <-ended, "the server ends it")
}

func TestTooManyTails(t *testing.T) {
	v := start(t, "")
	for range cap(v.core.server.api.limits.tails) {
		v.follow(t, "")
	}
	answer := v.request(t, http.MethodGet, v.url("tail"))
	assert.Equal(t, http.StatusTooManyRequests, answer.StatusCode)
	assert.Equal(t, "1", answer.Header.Get("Retry-After"))
}

func TestStoreIsThereAgain(t *testing.T) {
	dir := t.TempDir()
	config := "directory: " + dir
	v := start(t, config)
	v.story(t)
	v.stop(t)
	again := start(t, config)
	assert.Len(t, again.get(t, "records")["records"], 6)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 2)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		assert.Equal(t, "drwx------", info.Mode().String(), "%s is for its user alone, whatever the files in it are", f.Name())
	}
}

func TestTemporaryDirectoryIsRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	v := start(t, "")
	v.story(t)
	made, err := filepath.Glob(filepath.Join(os.TempDir(), "heartwood-viewer-*"))
	require.NoError(t, err)
	require.Len(t, made, 1)
	v.stop(t)
	assert.NoDirExists(t, made[0])
}

func TestPages(t *testing.T) {
	v := start(t, "")
	base := "http://" + v.core.server.address
	for _, path := range []string{"/", "/story", "/index.html"} {
		answer := v.request(t, http.MethodGet, base+path)
		assert.Contains(t, []int{http.StatusOK, http.StatusMovedPermanently}, answer.StatusCode, path)
	}
	for _, path := range []string{"/../../etc/passwd", "/assets/../../x.js", "/assets/nothing.js", "/%2e%2e/api.go"} {
		answer := v.request(t, http.MethodGet, base+path)
		assert.NotEqual(t, http.StatusOK, answer.StatusCode, path)
	}
}
