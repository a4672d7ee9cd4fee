package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// TestEndToEnd runs the quickstart's configuration with the example shop, whose
// three services log in three ways, and looks at what comes out. It is the one
// test of the binary that `make test` runs.
func TestEndToEnd(t *testing.T) {
	begin := time.Now()
	sink := harness.NewSink(t)
	col := startQuickstart(t, sink)
	shop, stdout := startShop(t, col)

	for _, service := range []string{"inventory", "ordering", "purchasing"} {
		sink.WaitLog(t, harness.Service(service), harness.HasAttr("exception.message"), harness.Where("severity Error",
			func(r harness.LogRecord) bool { return r.Severity == plog.SeverityNumberError }))
		up := sink.WaitDataPoint(t, harness.Service(service), harness.Name("up"), harness.Where("value 1",
			func(p harness.DataPoint) bool { return p.Value == 1 }))
		assert.Equal(t, col.Addr(t, service), up.Resource["service.instance.id"])
	}
	// What is compared below has come to pass by then.
	sink.WaitLog(t, harness.Service("inventory"), harness.Attr("slow", true))
	sink.WaitLog(t, harness.BodyContains("goroutine "))
	sink.WaitLog(t, harness.Service("ordering"), harness.HasAttr("exception.stacktrace"))
	sink.WaitLog(t, harness.Service("ordering"), harness.Body("order accepted"))
	sink.WaitLog(t, harness.Service("ordering"), harness.Body("order declined"))
	sink.WaitLog(t, harness.Service("purchasing"), harness.HasAttr("exception.stacktrace"))
	sink.WaitLog(t, harness.Service("purchasing"), harness.Body("request"))
	page := harness.WaitMetrics(t, "http://"+col.Addr(t, "page")+"/metrics", "all four to be on the page", func(page harness.Metrics) bool {
		return page.Sum("up") == 4
	})
	shop.Stop(t)
	col.WaitMetrics(t, "all stories to be told", func(m harness.Metrics) bool {
		return m.Sum("otelcol_processor_event_fold_records_merged") > 0 && m.Sum("otelcol_processor_event_fold_records_held") == 0
	})

	t.Run("logfmt lines", func(t *testing.T) { checkInventory(t, sink, stdout.String(), begin) })
	t.Run("JSON lines", func(t *testing.T) {
		checkOrdering(t, sink, filepath.Join(col.Path("run"), "shop", "ordering.jsonl"), begin)
	})
	t.Run("OTLP", func(t *testing.T) { checkPurchasing(t, sink, begin) })
	t.Run("one trace through all three", func(t *testing.T) { checkTrace(t, sink) })
	t.Run("metrics", func(t *testing.T) { checkPage(t, page) })
	col.Stop(t)
	t.Run("file", func(t *testing.T) {
		checkFile(t, filepath.Join(col.Path("run"), "records", "logs.jsonl"), sink.LogCount())
	})
	t.Run("nobody's address is written", func(t *testing.T) {
		checkNoAddress(t, filepath.Join(col.Path("run"), "records"), col.Path("run"), sink)
	})
	t.Run("stories", func(t *testing.T) {
		checkStories(t, filepath.Join(col.Path("run"), "records", "stories.jsonl"), sink.Logs())
	})
}

// customer is the address of one of the shop's customers; its payment requests have it.
var customer = regexp.MustCompile(`[a-z.]+\+c[0-9a-f]+@example\.(?:org|net|com)`)

// checkNoAddress looks into every file that the collector has written, for what was in
// the lines that it has read.
func checkNoAddress(t *testing.T, records, run string, sink *harness.Sink) {
	t.Helper()
	said, err := os.ReadFile(filepath.Join(run, "shop", "ordering.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, customer.Find(said), "ordering has named a customer")
	assert.NotEmpty(t, sink.Logs(harness.BodyContains("[EMAIL]")))
	files := 0
	for _, dir := range []string{records, filepath.Join(run, "fold")} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			written, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Empty(t, customer.FindString(string(written)), "%s", path)
			files++
			return nil
		}))
	}
	assert.Greater(t, files, 4)
}

// checkStories: every record is in exactly one document, or has no request. Those of a
// bought order are of all three services.
func checkStories(t *testing.T, path string, records []harness.LogRecord) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	total, ofAll := 0, 0
	seen := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(line))
		require.NoError(t, err)
		for _, rl := range logs.ResourceLogs().All() {
			services, _ := rl.Resource().Attributes().Get("service.name")
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					count, folded := r.Attributes().Get("fold.count")
					if !folded {
						_, has := r.Attributes().Get("request.id")
						assert.False(t, has, "a record of a request that is in no story: %v", r.Attributes().AsRaw())
						total++
						continue
					}
					total += int(count.Int())
					id, _ := r.Attributes().Get("fold.id")
					assert.False(t, seen[id.Str()], "story %s is told twice", id.Str())
					seen[id.Str()] = true
					if list, ok := services.AsRaw().([]any); ok && len(list) == 3 {
						ofAll++
					}
				}
			}
		}
	}
	assert.Equal(t, len(records), total, "every record is in one story, or passed")
	assert.Positive(t, ofAll, "a story that all three services tell")
	result := harness.Run(t, heartwoodCommand(t), "stories", "-once", "-run-dir", filepath.Dir(filepath.Dir(path)))
	assert.Zero(t, result.Code, "%s", result.Stderr)
	assert.Contains(t, result.Stdout, "success in ")
	// The services stand in the order in which they spoke; purchasing may be the last.
	assert.Regexp(t, `(?m) records of (?:(?:inventory|ordering|purchasing)(?:, |,|$)){3}`, result.Stdout)
}

func startQuickstart(t *testing.T, sink *harness.Sink) *harness.Collector {
	t.Helper()
	return harness.Start(t, `
		exporters:
		  otlp_grpc:
		    endpoint: {{.sink.GRPC}}
		    tls: {insecure: true}
		    sending_queue: {enabled: false} # its consumers would change the order
		receivers:
		  prometheus: {config: {global: {scrape_interval: 500ms, scrape_timeout: 400ms}}}
		service:
		  pipelines:
		    logs: {exporters: [otlp_grpc, file/logs, viewer, debug, forward]}
		    traces: {exporters: [otlp_grpc, file/traces, viewer, debug]}
		    metrics: {exporters: [otlp_grpc, file/metrics, viewer, prometheus, debug]}
	`, harness.WithFile("configs/quickstart.yaml"), harness.With("sink", sink), harness.WithEnv(
		`HEARTWOOD_RUN_DIR={{dir "run"}}`,
		`HEARTWOOD_VIEWER_PORT={{port "viewer"}}`,
		`HEARTWOOD_OTLP_GRPC_PORT={{port "otlp grpc"}}`,
		`HEARTWOOD_OTLP_HTTP_PORT={{port "otlp http"}}`,
		`HEARTWOOD_LOGFMT_TCP_PORT={{port "logfmt tcp"}}`,
		`HEARTWOOD_LOGFMT_HTTP_PORT={{port "logfmt http"}}`,
		`HEARTWOOD_PURCHASING_PORT={{port "purchasing"}}`,
		`HEARTWOOD_INVENTORY_PORT={{port "inventory"}}`,
		`HEARTWOOD_ORDERING_PORT={{port "ordering"}}`,
		`HEARTWOOD_PROMETHEUS_PORT={{port "page"}}`,
		`HEARTWOOD_TELEMETRY_PORT={{port "harness metrics"}}`,
		`HEARTWOOD_HEALTH_PORT={{port "health"}}`,
	))
}

var shopSources = []string{"examples/shop", "internal/rotatingfile"}

// startShop starts the shop with its standard output, inventory's logfmt, on a
// connection to the collector and, to be compared, in a buffer that is to be
// read when the shop has ended. Of flags said twice, the last word counts.
func startShop(t *testing.T, col *harness.Collector, flags ...string) (shop *harness.Process, stdout *bytes.Buffer) {
	t.Helper()
	stdout = &bytes.Buffer{}
	logs := filepath.Join(col.Path("run"), "shop", "ordering.jsonl")
	require.NoError(t, os.MkdirAll(filepath.Dir(logs), 0o700))
	conn := dial(t, "tcp", col.Addr(t, "logfmt tcp"))
	shop = harness.StartProcess(t, harness.Command{
		Name: "shop",
		Path: harness.Program(t, "shop", shopSources...),
		Args: append([]string{
			"all", "--seed=7", "--rate=40", "--fault=all=0.1", "--confirm-min=50ms", "--confirm-max=500ms",
			"--inventory-listen=" + col.Addr(t, "inventory"), "--inventory-url=http://" + col.Addr(t, "inventory"),
			"--ordering-listen=" + col.Addr(t, "ordering"), "--ordering-url=http://" + col.Addr(t, "ordering"),
			"--purchasing-listen=" + col.Addr(t, "purchasing"), "--purchasing-url=http://" + col.Addr(t, "purchasing"),
			"--otlp-endpoint=http://" + col.Addr(t, "otlp http"), "--ordering-log=" + logs,
		}, flags...),
		Stdout: io.MultiWriter(stdout, conn),
	})
	return shop, stdout
}

// ofInventory is what came in as logfmt. Lines of a stack trace name no service.
var ofInventory = harness.Where("neither ordering's nor purchasing's", func(r harness.LogRecord) bool {
	return r.Service() == "inventory" || r.Service() == ""
})

var reserved = regexp.MustCompile(`^ts=(\S+) app=inventory at=finish fn=reserve order=(\S+) reservation=(\S+) ` +
	`count#reserved=(\d+) measure\.elapsed=(\S+) reserved request_id=(\S+) trace_id=(\S+) span_id=(\S+)$`)

func checkInventory(t *testing.T, sink *harness.Sink, stdout string, begin time.Time) {
	t.Helper()
	// Records are grouped by their resource, and in order in each group.
	var lines, bare []string
	for line := range strings.Lines(stdout) {
		switch line = strings.TrimRight(line, "\n"); {
		case strings.Contains(line, " app=inventory "):
			lines = append(lines, line)
		case line != "":
			bare = append(bare, line)
		}
	}
	all := len(lines) + len(bare)
	sink.WaitFor(t, "all lines of inventory", time.Minute, func() bool { return len(sink.Logs(ofInventory)) >= all })
	require.Len(t, sink.Logs(ofInventory), all, "a record for each line")
	records := sink.Logs(harness.Service("inventory"))
	require.Len(t, records, len(lines))
	for i, r := range sink.Logs(ofInventory, harness.Not(harness.Service("inventory"))) {
		requireIdentity(t, r, begin)
		assert.Equal(t, bare[i], r.Body, "a line that is no logfmt stays as it is")
		assert.Equal(t, plog.SeverityNumberUnspecified, r.Severity)
	}

	compared := 0
	for i, line := range lines {
		r := records[i]
		requireIdentity(t, r, begin)
		m := reserved.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		compared++
		assert.Equal(t, harness.LogRecord{
			Origin:    harness.Origin{Resource: harness.Attributes{"service.name": "inventory"}, Scope: r.Scope},
			Time:      parseTime(t, m[1]),
			Observed:  r.Observed,
			EventName: "finish",
			TraceID:   m[7],
			SpanID:    m[8],
			Attributes: harness.Attributes{
				"code.function.name": "reserve", "order": m[2], "reservation": asWritten(m[3]),
				"count#reserved": asWritten(m[4]), "measure.elapsed": asWritten(m[5]), "reserved": true,
				"request_id": m[6], "request.id": m[6], "log.record.uid": r.UID(),
			},
		}, r, line)
	}
	assert.Positive(t, compared)

	requireSome(t, records, "at=info", func(r harness.LogRecord) bool {
		return r.Severity == plog.SeverityNumberInfo && r.SeverityText == "info" && r.Attributes["status"] == int64(201)
	})
	requireSome(t, records, "at=error with its error", func(r harness.LogRecord) bool {
		return r.Severity == plog.SeverityNumberError && r.Attributes["exception.message"] == "dial tcp 10.0.4.17:5432: connect: connection refused"
	})
	requireSome(t, records, "level=warn", func(r harness.LogRecord) bool {
		return r.Severity == plog.SeverityNumberWarn && r.Attributes["slow"] == true
	})
	assert.True(t, slices.ContainsFunc(bare, func(line string) bool { return strings.HasPrefix(line, "goroutine ") }), "a stack trace")
}

// asWritten is a value with the type that its text has: an integer, a decimal,
// or else a string, as for a reservation of hexadecimal digits.
func asWritten(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == text {
		return f
	}
	return text
}

func parseTime(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	return when
}

// requireIdentity checks what every record of the logfmt receiver has.
func requireIdentity(t *testing.T, r harness.LogRecord, begin time.Time) {
	t.Helper()
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, r.UID(), "a UUIDv7")
	require.WithinRange(t, r.Observed, begin, time.Now())
}

func requireSome(t *testing.T, records []harness.LogRecord, what string, condition func(harness.LogRecord) bool) {
	t.Helper()
	if !slices.ContainsFunc(records, condition) {
		t.Errorf("none of %d records is %s", len(records), what)
	}
}

// orderingLine is a JSON line of ordering, as far as it is compared.
type orderingLine struct {
	TS, Level, Msg, Service string
	RequestID               string `json:"request_id"`
	TraceID                 string `json:"trace_id"`
	SpanID                  string `json:"span_id"`
	Order                   struct {
		ID, SKU  string
		Quantity int64
		Total    json.Number
	}
	Customer struct{ ID string }
}

func checkOrdering(t *testing.T, sink *harness.Sink, path string, begin time.Time) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	ofOrdering := harness.Service("ordering")
	sink.WaitFor(t, "all lines of ordering", time.Minute, func() bool { return len(sink.Logs(ofOrdering)) >= len(lines) })
	records := sink.Logs(ofOrdering)
	require.Len(t, records, len(lines), "a record for each line")

	severities := map[string]plog.SeverityNumber{
		"debug": plog.SeverityNumberDebug, "info": plog.SeverityNumberInfo, "warn": plog.SeverityNumberWarn, "error": plog.SeverityNumberError,
	}
	compared, offset := 0, 0
	for i, line := range lines {
		at := int64(offset)
		offset += len(line) + 1
		var want orderingLine
		require.NoError(t, json.Unmarshal([]byte(line), &want), line)
		r := records[i]
		assert.Equal(t, parseTime(t, want.TS), r.Time)
		assert.WithinRange(t, r.Observed, begin, time.Now())
		require.Equal(t, severities[want.Level], r.Severity, line)
		assert.Equal(t, want.Level, r.SeverityText)
		assert.Equal(t, customer.ReplaceAllString(want.Msg, "[EMAIL]"), r.Body)
		assert.Equal(t, want.TraceID, r.TraceID)
		assert.Equal(t, want.SpanID, r.SpanID)
		assert.Equal(t, harness.Attributes{"service.name": "ordering"}, r.Resource)
		if want.Msg != "order accepted" {
			continue
		}
		compared++
		total := any(nil)
		if n, err := want.Order.Total.Int64(); err == nil {
			total = n
		} else {
			total, err = want.Order.Total.Float64()
			require.NoError(t, err)
		}
		assert.Equal(t, harness.Attributes{
			"order":      map[string]any{"id": want.Order.ID, "sku": want.Order.SKU, "quantity": want.Order.Quantity, "total": total},
			"customer":   map[string]any{"id": want.Customer.ID},
			"request_id": want.RequestID, "request.id": want.RequestID, "log.file.name": "ordering.jsonl", "log.file.path": path,
			"log.file.record_offset": at, "log.record.uid": r.UID(),
		}, r.Attributes, line)
		assert.True(t, strings.HasSuffix(r.UID(), fmt.Sprintf("-%d", at)), r.UID())
	}
	assert.Positive(t, compared)
	requireSome(t, records, "a panic with its stack", func(r harness.LogRecord) bool {
		stack, _ := r.Attributes["exception.stacktrace"].(string)
		return strings.Contains(stack, "goroutine ") && strings.Contains(stack, "\n\t")
	})
}

func checkPurchasing(t *testing.T, sink *harness.Sink, begin time.Time) {
	t.Helper()
	records := sink.Logs(harness.Service("purchasing"))
	requests := 0
	for _, r := range records {
		assert.WithinRange(t, r.Time, begin, time.Now())
		assert.WithinRange(t, r.Observed, begin, time.Now())
		assert.NotEmpty(t, r.Resource["service.instance.id"])
		assert.NotEmpty(t, r.Resource["host.name"])
		if r.Body != "request" {
			continue
		}
		requests++
		assert.Equal(t, plog.SeverityNumberInfo, r.Severity)
		assert.Equal(t, "INFO", r.SeverityText)
		assert.IsType(t, int64(0), r.Attributes["http.response.status_code"])
		assert.IsType(t, float64(0), r.Attributes["duration_s"])
		assert.Len(t, r.TraceID, 32)
		assert.Len(t, r.SpanID, 16)
		assert.NotEmpty(t, sink.Spans(harness.Where("its span", func(s harness.Span) bool {
			return s.TraceID == r.TraceID && s.SpanID == r.SpanID
		})), "the span of %v", r)
	}
	assert.Positive(t, requests)
	requireSome(t, records, "a panic with its stack", func(r harness.LogRecord) bool {
		stack, _ := r.Attributes["exception.stacktrace"].(string)
		return r.Severity == plog.SeverityNumberError && strings.Contains(stack, "goroutine ")
	})
}

// checkTrace follows one order through the services, by its trace.
func checkTrace(t *testing.T, sink *harness.Sink) {
	t.Helper()
	accepted := sink.Logs(harness.Service("ordering"), harness.Body("order accepted"))
	require.NotEmpty(t, accepted)
	for _, service := range []string{"inventory", "ordering", "purchasing"} {
		assert.NotEmpty(t, sink.Logs(harness.Service(service), harness.Where("its trace", func(r harness.LogRecord) bool {
			return r.TraceID == accepted[0].TraceID
		})), service)
	}
}

func checkPage(t *testing.T, page harness.Metrics) {
	t.Helper()
	assert.Positive(t, page.Sum("shop_http_requests_total", "job=purchasing", "code=200"))
	assert.Positive(t, page.Sum("shop_inventory_reservations_total", "job=inventory"))
	assert.Positive(t, page.Sum("shop_inventory_stock_items", "job=inventory", "sku=ash-handle"))
	assert.Positive(t, page.Sum("shop_ordering_orders_total", "job=ordering"))
	assert.Positive(t, page.Sum("shop_ordering_confirmation_delay_seconds_count", "job=ordering"))
	assert.True(t, page.Has("shop_ordering_confirmation_delay_seconds_bucket", "job=ordering", "le=+Inf"))
	assert.Positive(t, page.Sum("otelcol_receiver_logfmt_records_accepted_total", "job=otelcol-heartwood"))
}

// checkFile counts the records in the file that the quickstart keeps.
func checkFile(t *testing.T, path string, want int) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	got := 0
	for line := range bytes.Lines(text) {
		logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		require.NoError(t, err)
		got += logs.LogRecordCount()
	}
	assert.Equal(t, want, got)
}
