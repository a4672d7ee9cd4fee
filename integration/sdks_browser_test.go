package integration

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

const pageToken = "a-token-of-the-page-0123456789"

// pageProtocols are the encodings of OTLP over HTTP that a page may have, each with a
// script of its own.
var pageProtocols = []string{"json", "protobuf"}

// pageTold is what a page says of itself.
type pageTold struct {
	ID, Trace, Echoed, Exception, Failure string
	Status                                int
}

// page is a server of a page, which is an origin.
type page struct {
	*httptest.Server
	told chan pageTold
}

func newPage(t *testing.T, directory string) *page {
	t.Helper()
	p := &page{told: make(chan pageTold, 1)}
	mux := http.NewServeMux()
	for _, protocol := range pageProtocols {
		mux.Handle("GET /"+protocol+"/page.js", http.FileServer(http.Dir(directory)))
		mux.HandleFunc("GET /"+protocol+"/{$}", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(`<!doctype html><title>The shop</title><script src="page.js"></script>`))
		})
	}
	mux.HandleFunc("POST /told", func(_ http.ResponseWriter, r *http.Request) {
		var told pageTold
		if assert.NoError(t, json.NewDecoder(r.Body).Decode(&told)) {
			p.told <- told
		}
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// visit opens the page in a browser, and waits for what it says of itself.
func (p *page) visit(t *testing.T, protocol, collector, shop, service string) pageTold {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there's no chromium on this machine")
	}
	profile, err := os.MkdirTemp("", "heartwood-") //nolint:usetesting // removed when the browser's last child is gone
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { return os.RemoveAll(profile) == nil }, time.Minute, 50*time.Millisecond)
	})
	query := url.Values{"collector": {collector}, "shop": {shop}, "service": {service}, "token": {pageToken}}
	browser := harness.StartProcess(t, harness.Command{Name: "chromium", Path: chromium, Args: []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + profile, "--remote-debugging-port=0",
		p.URL + "/" + protocol + "/?" + query.Encode(),
	}})
	defer browser.Kill()
	select {
	case told := <-p.told:
		return told
	case <-time.After(2 * time.Minute):
		require.Fail(t, "the page has told nothing", "%s", browser.Output())
		return pageTold{}
	}
}

// contentTypes hands requests on to the collector, and keeps what was posted as what.
type contentTypes struct {
	*httptest.Server
	mu     sync.Mutex
	posted map[string]int // by path and media type
}

func newContentTypes(t *testing.T, collector string) *contentTypes {
	t.Helper()
	to, err := url.Parse(collector)
	require.NoError(t, err)
	c := &contentTypes{posted: map[string]int{}}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		if r.In.Method == http.MethodPost {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.posted[r.In.URL.Path+" "+r.In.Header.Get("Content-Type")]++
		}
	}}
	c.Server = httptest.NewServer(proxy)
	t.Cleanup(c.Close)
	return c
}

// take gives what was posted since the last time.
func (c *contentTypes) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	kinds := slices.Sorted(maps.Keys(c.posted))
	clear(c.posted)
	return kinds
}

// TestSDKBrowser: a page of another origin begins a request, sends what it logs and
// traces to the collector, as JSON or as protobuf, and buys in the shop; what both say is one story. A page of an
// origin that nobody has allowed can do neither.
func TestSDKBrowser(t *testing.T) {
	t.Parallel()
	checkPrinted(t, "browser/snippet.js")
	shell(t, sdkScript(t), "prepare", "browser")
	directory := filepath.Join(harness.Root(t), ".cache", "sdks", "browser", "page")
	allowed, stranger := newPage(t, directory), newPage(t, directory)

	sink := harness.NewSink(t)
	col := harness.Start(t, `
		extensions:
		  bearertokenauth: {token: `+pageToken+`}
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "http"}}}}} # the shop's
		  otlp/page:
		    protocols:
		      http:
		        endpoint: {{addr "page"}}
		        cors: {allowed_origins: [{{.page}}], allowed_headers: [Content-Type, Authorization]}
		        auth: {authenticator: bearertokenauth}
		  logfmt: {tcp: {endpoint: {{addr "logfmt"}}}}
		  stdout_tail: {files: {include: [{{dir "shop"}}/ordering.jsonl], start_at: beginning, poll_interval: 50ms}}
		processors:
		  request_id: {generate: none}
		  redact:
		  event_fold: {key: [request.id], originals: pass, idle_timeout: 20s, directory: {{dir "fold"}}}
		exporters:
		  otlp_http: {endpoint: {{.sink.HTTP}}, sending_queue: {enabled: false}}
		service:
		  extensions: [bearertokenauth]
		  pipelines:
		    logs: {receivers: [otlp, otlp/page, logfmt, stdout_tail], processors: [request_id, redact, event_fold], exporters: [otlp_http]}
		    traces: {receivers: [otlp, otlp/page], processors: [request_id, redact], exporters: [otlp_http]}
	`, harness.With("sink", sink), harness.With("page", allowed.URL))
	services := startServices(t, col, "--purchasing-origin="+allowed.URL)

	collector, shop := newContentTypes(t, "http://"+col.Addr(t, "page")), "http://"+col.Addr(t, "purchasing")
	type visit struct {
		service string
		told    pageTold
	}
	var visits, refusals []visit
	for _, protocol := range pageProtocols {
		service := "page-" + protocol
		told := allowed.visit(t, protocol, collector.URL, shop, service)
		require.Empty(t, told.Failure)
		assert.Equal(t, http.StatusAccepted, told.Status)
		assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-`, told.ID)
		assert.Equal(t, told.ID, told.Echoed, "the shop's X-Request-ID, which the page may read")
		checkPageRecords(t, sink, service, told)
		media := map[string]string{"json": "application/json", "protobuf": "application/x-protobuf"}[protocol]
		assert.Equal(t, []string{"/v1/logs " + media, "/v1/traces " + media}, collector.take())
		visits = append(visits, visit{service, told})

		service = "stranger-" + protocol
		refused := stranger.visit(t, protocol, collector.URL, shop, service)
		require.Empty(t, refused.Failure)
		assert.Equal(t, "Failed to fetch", refused.Exception, "the shop's answer is kept from it")
		assert.Zero(t, refused.Status)
		assert.Empty(t, collector.take(), "the browser asks first")
		refusals = append(refusals, visit{service, refused})
	}

	for _, s := range services {
		s.Stop(t)
	}
	for _, v := range visits {
		checkPageStory(t, sink, v.service, v.told)
	}
	for _, v := range refusals {
		assert.Empty(t, sink.Logs(harness.Service(v.service)))
		assert.Empty(t, sink.Logs(harness.Attr("request.id", v.told.ID)))
		assert.Empty(t, sink.Spans(harness.Service(v.service)))
	}
	assert.NotContains(t, sink.Summary(), "hunter2")
	col.Stop(t)
}

// checkPageStory holds the event of a page's request against what all have said.
func checkPageStory(t *testing.T, sink *harness.Sink, service string, told pageTold) {
	t.Helper()
	story := sink.WaitLog(t, harness.Attr("request.id", told.ID), harness.HasAttr("fold.id"))
	assert.Equal(t, "failure", story.Attributes["fold.outcome"])
	assert.Equal(t, told.Trace, story.TraceID)
	assert.ElementsMatch(t, []any{service, "purchasing", "inventory", "ordering"}, story.Resource["service.name"])
	assert.EqualValues(t, len(sink.Logs(harness.Attr("request.id", told.ID), harness.Not(harness.HasAttr("fold.id")))), story.Attributes["fold.count"])
}

// startServices starts the shop's three services without buyers, who never fail.
func startServices(t *testing.T, col *harness.Collector, flags ...string) (services []*harness.Process) {
	t.Helper()
	for _, name := range []string{"inventory", "ordering", "purchasing"} {
		command := harness.Command{
			Name: name, Path: harness.Program(t, "shop", shopSources...),
			Args: append([]string{
				name, "--seed=7", "--fault=all=off", "--confirm-min=50ms", "--confirm-max=100ms",
				"--inventory-listen=" + col.Addr(t, "inventory"), "--inventory-url=http://" + col.Addr(t, "inventory"),
				"--ordering-listen=" + col.Addr(t, "ordering"), "--ordering-url=http://" + col.Addr(t, "ordering"),
				"--purchasing-listen=" + col.Addr(t, "purchasing"), "--purchasing-url=http://" + col.Addr(t, "purchasing"),
				"--otlp-endpoint=http://" + col.Addr(t, "http"), "--ordering-log=" + filepath.Join(col.Path("shop"), "ordering.jsonl"),
			}, flags...),
		}
		if name == "inventory" {
			command.Stdout = dial(t, "tcp", col.Addr(t, "logfmt"))
		}
		services = append(services, harness.StartProcess(t, command))
		require.Eventually(t, func() bool {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+col.Addr(t, name)+"/healthz", http.NoBody)
			require.NoError(t, err)
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return false
			}
			_ = answer.Body.Close()
			return answer.StatusCode == http.StatusNoContent
		}, time.Minute, 20*time.Millisecond, "%s to be there", name)
	}
	return services
}

// checkPageRecords holds what the page has logged and traced against what it is to say.
func checkPageRecords(t *testing.T, sink *harness.Sink, service string, told pageTold) {
	t.Helper()
	ofPage := []harness.Condition{harness.Service(service), harness.Not(harness.HasAttr("fold.id"))}
	with := func(more ...harness.Condition) []harness.Condition { return append(more, ofPage...) }
	click := sink.WaitLog(t, with(harness.Body("a click"))...)
	answered := sink.WaitLog(t, with(harness.Body("the shop has answered"))...)
	failed := sink.WaitLog(t, with(harness.Body("the page has failed"))...)
	assert.Equal(t, "grüße 日本語 🚀", click.Attributes["greeting"])
	assert.Equal(t, "[SECRET_KEY]", click.Attributes["password"])
	assert.Contains(t, click.Attributes["user_agent.original"], "Chrome/")
	assert.Equal(t, int64(202), answered.Attributes["http.response.status_code"])
	assert.Equal(t, "TypeError", failed.Attributes["exception.type"])
	assert.Equal(t, told.Exception, failed.Attributes["exception.message"])
	assert.Contains(t, failed.Attributes["exception.stacktrace"], "/page.js:")
	assert.Equal(t, plog.SeverityNumberError, failed.Severity)

	span := sink.WaitSpan(t, harness.Service(service), harness.Name("buy"))
	assert.Equal(t, told.ID, span.Attributes["request.id"])
	assert.Equal(t, told.Trace, span.TraceID)
	for _, r := range []harness.LogRecord{click, answered, failed} {
		assert.Equal(t, told.ID, r.Attributes["request.id"])
		assert.Equal(t, told.Trace, r.TraceID)
		assert.Equal(t, span.SpanID, r.SpanID)
		assert.Equal(t, "page", r.Scope)
		assert.False(t, r.Time.IsZero())
	}
	// The shop's spans go on from the page's.
	served := sink.WaitSpan(t, harness.Service("purchasing"), harness.Name("POST /orders"), harness.Where("of the page's trace", func(s harness.Span) bool { return s.TraceID == told.Trace }))
	assert.Equal(t, span.SpanID, served.ParentSpanID)
}
