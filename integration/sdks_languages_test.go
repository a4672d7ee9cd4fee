package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// sdkLanguage is an SDK, with what it has.
type sdkLanguage struct {
	name      string
	needs     []string // programs
	protocols []string
	bridges   []sdkBridge
	sdk       string // telemetry.sdk.language
	exemplars bool   // of what is recorded in a span
	snippet   []string
}

// sdkBridge is a logging library with the bridge to the SDK, and what its records say.
type sdkBridge struct {
	name   string
	logger string // the scope
	lower  bool   // severity texts are in lower case
	// order are the fields of "order placed", as labels and typed; a text or a number.
	order map[string]any
	// tags is a field of ECS, which is a list.
	tags []any
	// prefix stands before the fields' names, as labels.
	prefix    string
	exception sdkException
	eventName bool // each record has one
}

// sdkException is what a bridge says of one; empty: nothing.
type sdkException struct {
	kind, message string
	stack         []string
}

// typed are fields that have kept their types.
var typed = map[string]any{
	"order_id": "o-17", "items": json.Number("3"), "price": json.Number("99.99"), "paid": true,
}

// typedWith adds fields to typed.
func typedWith(more map[string]any) map[string]any {
	all := maps.Clone(typed)
	maps.Copy(all, more)
	return all
}

var (
	// nestedCustomer is a map that has come as a map.
	nestedCustomer = map[string]any{"customer_name": "Zoë Müller", "customer_address_city": "Zürich"}
	tagList        = []any{"new", "fragile"}
)

var sdkLanguages = []sdkLanguage{
	{
		name: "go", needs: []string{"go"}, sdk: "go", exemplars: true, snippet: []string{"snippet/main.go"},
		protocols: []string{"grpc", "http/protobuf"},
		bridges: []sdkBridge{
			{
				name: "slog", logger: "shop.checkout", order: typedWith(nestedCustomer), tags: tagList,
				// An error has no stack in Go.
				exception: sdkException{kind: "context.deadlineExceededError", message: "card declined: context deadline exceeded"},
			},
			{
				name: "zap", logger: "shop.checkout", lower: true, order: typedWith(nestedCustomer), tags: tagList,
				exception: sdkException{
					kind: "context.deadlineExceededError", message: "card declined: context deadline exceeded",
					stack: []string{"main.withZap", "main.scenario"}, // by zap.AddStacktrace
				},
			},
		},
	},
	{
		name: "python", needs: []string{"python3"}, sdk: "python", exemplars: true, snippet: []string{"snippet.py"},
		protocols: []string{"grpc", "http/protobuf", "http/json"},
		bridges: []sdkBridge{{
			name: "logging", logger: "shop.checkout", order: typedWith(nestedCustomer), tags: tagList,
			exception: sdkException{
				kind: "RuntimeError", message: "card declined",
				stack: []string{"TimeoutError: gateway timeout: 30 s", "RuntimeError: card declined", `main.py", line `},
			},
		}},
	},
	{
		name: "node", needs: []string{"node", "npm"}, sdk: "nodejs", snippet: []string{"snippet.mjs"},
		protocols: []string{"grpc", "http/protobuf", "http/json"},
		bridges: []sdkBridge{
			{
				name: "pino", logger: "@opentelemetry/instrumentation-pino", lower: true, order: typedWith(nestedCustomer), tags: tagList,
				exception: sdkException{
					kind: "RangeError", message: "card declined: gateway timeout: 30 s", // pino's serializer joins them
					stack: []string{"RangeError: card declined", "main.js:", "Error: gateway timeout: 30 s"},
				},
			},
			{
				name: "winston", logger: "@opentelemetry/winston-transport", lower: true, order: typedWith(nestedCustomer), tags: tagList,
				exception: sdkException{kind: "RangeError", message: "card declined", stack: []string{"RangeError: card declined", "main.js:"}},
			},
		},
	},
	{
		name: "java", needs: []string{"java", "mvn"}, sdk: "java", exemplars: true,
		snippet:   []string{"src/main/java/App.java", "src/main/resources/logback.xml"},
		protocols: []string{"grpc", "http/protobuf"},
		bridges: []sdkBridge{
			{
				name: "logback", logger: "shop.checkout", order: typedWith(map[string]any{"customer": ""}), tags: tagList, // a map is its toString
				exception: sdkException{
					kind: "java.lang.IllegalStateException", message: "card declined",
					stack: []string{"at Main.withLogback(Main.java:", "Caused by: java.io.IOException: gateway timeout: 30 s"},
				},
			},
			{
				name: "log4j", logger: "shop.checkout", prefix: "log4j_map_message_",
				// A MapMessage's fields are texts.
				order: map[string]any{"order_id": "o-17", "items": "3", "price": "99.99", "paid": "true", "tags": "new,fragile"},
				exception: sdkException{
					kind: "java.lang.IllegalStateException", message: "card declined",
					stack: []string{"at Main.withLog4j(Main.java:", "Caused by: java.io.IOException: gateway timeout: 30 s"},
				},
			},
		},
	},
	{
		name: "rust", needs: []string{"cargo"}, sdk: "rust", snippet: []string{"snippet/src/main.rs"},
		protocols: []string{"grpc", "http/protobuf", "http/json"},
		bridges: []sdkBridge{{
			name: "tracing", logger: "sdks", order: typed, tags: []any{`["new", "fragile"]`}, // what Debug makes of a list
			exception: sdkException{message: "card declined"},
			eventName: true,
		}},
	},
}

const (
	sdkUnicode  = "grüße äöü 日本語 🚀"
	sdkTown     = "東京 Zürich 🏙"
	sdkRedacted = "card [PAYMENT_CARD] of [EMAIL]"
)

// sdkSteps are the scenario's records in a request, with their severities.
var sdkSteps = []struct {
	message  string
	severity plog.SeverityNumber
}{
	{"a debug message", plog.SeverityNumberDebug},
	{"an info message", plog.SeverityNumberInfo},
	{"a warning message", plog.SeverityNumberWarn},
	{"an error message", plog.SeverityNumberError},
	{"order placed", plog.SeverityNumberInfo},
	{sdkRedacted, plog.SeverityNumberInfo},
	{sdkUnicode, plog.SeverityNumberInfo},
	{"large", plog.SeverityNumberInfo},
	{"payment failed", plog.SeverityNumberError},
}

func (s *sdkBridge) level(number plog.SeverityNumber) string {
	text := strings.ToUpper(number.String())
	if s.lower {
		return strings.ToLower(text)
	}
	return text
}

// checkRun holds what came of one run against what its bridge is to say.
func (b *sdkBed) checkRun(t *testing.T, r sdkRun, told *sdkTold) {
	t.Helper()
	trace, span := b.checkSpans(t, r, told)
	documents := map[string]sdkDocument{}
	for _, d := range told.of(r.instance()) {
		documents[d.text("message")] = d
		assert.Equal(t, r.service(), d["service.name"], d)
		assert.Equal(t, "1.2.3", d["service.version"])
		assert.Equal(t, "test", d["service.environment"])
		assert.Equal(t, r.language.sdk, d["labels.telemetry_sdk_language"])
		assert.Equal(t, "opentelemetry", d["labels.telemetry_sdk_name"])
		assert.NotEmpty(t, d["labels.telemetry_sdk_version"])
		assert.Equal(t, r.bridge.logger, d["log.logger"])
		b.checkTimes(t, d)
		if !r.bridge.eventName {
			assert.NotContains(t, d, "event.action")
		}
	}
	require.Len(t, documents, sdkRecords)
	for _, step := range sdkSteps {
		d := documents[step.message]
		require.NotNil(t, d, step.message)
		assert.Equal(t, r.bridge.level(step.severity), d["log.level"], step.message)
		assert.Equal(t, r.request(), d["http.request.id"], step.message)
		assert.Equal(t, trace, d["trace.id"], step.message)
		assert.Equal(t, span, d["span.id"], step.message)
		if step.severity >= plog.SeverityNumberError {
			assert.Equal(t, "failure", d["event.outcome"])
		} else {
			assert.NotContains(t, d, "event.outcome")
		}
		other := b.sink.Logs(harness.Attr("event.id", d.text("event.id")))
		require.Len(t, other, 1, "the same by the ecs processor")
		assert.Equal(t, step.severity, other[0].Severity, step.message)
		assert.Equal(t, step.message, other[0].Body)
	}
	end := documents["the end"]
	require.NotNil(t, end)
	for _, name := range []string{"http.request.id", "trace.id", "span.id"} {
		assert.NotContains(t, end, name, "the request is over")
	}

	order := documents["order placed"]
	for name, value := range r.bridge.order {
		name = "labels." + r.bridge.prefix + name
		if name == "labels.customer" { // Java's maps have no order
			assert.Contains(t, []any{"{address={city=Zürich}, name=Zoë Müller}", "{name=Zoë Müller, address={city=Zürich}}"}, order[name])
			continue
		}
		assert.Equal(t, value, order[name], name)
	}
	if r.bridge.tags != nil {
		assert.Equal(t, r.bridge.tags, order["tags"])
	}
	assert.Equal(t, "[SECRET_KEY]", order["labels."+r.bridge.prefix+"password"])
	assert.Equal(t, json.Number("1"), order["labels.redaction_count"])
	assert.Equal(t, json.Number("2"), documents[sdkRedacted]["labels.redaction_count"])
	assert.Equal(t, sdkTown, documents[sdkUnicode]["labels."+r.bridge.prefix+"town"])
	payload := strings.Repeat("heartwood.......", 64<<10/16)
	assert.Equal(t, payload, documents["large"]["labels."+r.bridge.prefix+"payload"])
	checkSDKException(t, r.bridge.exception, documents["payment failed"])

	b.checkStory(t, r, told, payload)
	b.checkMetrics(t, r, trace)
}

// checkTimes: a record's times are those of this test.
func (b *sdkBed) checkTimes(t *testing.T, d sdkDocument) {
	t.Helper()
	for _, name := range []string{"@timestamp", "event.created"} {
		if name == "event.created" && d[name] == nil && d["labels.time_unix_nano"] == nil {
			continue // the bridge gives one time
		}
		at, err := time.Parse(time.RFC3339Nano, d.text(name))
		require.NoError(t, err, "%s of %v", name, d["message"])
		assert.WithinRange(t, at, b.began, time.Now(), name)
	}
}

func checkSDKException(t *testing.T, want sdkException, d sdkDocument) {
	t.Helper()
	for name, value := range map[string]string{"error.type": want.kind, "error.message": want.message} {
		if value == "" {
			assert.NotContains(t, d, name)
		} else {
			assert.Equal(t, value, d[name], name)
		}
	}
	if want.stack == nil {
		assert.NotContains(t, d, "error.stack_trace")
	}
	for _, part := range want.stack {
		assert.Contains(t, d["error.stack_trace"], part)
	}
}

// checkSpans looks at both spans in the stream, and gives the ids that records are to have.
func (b *sdkBed) checkSpans(t *testing.T, r sdkRun, told *sdkTold) (trace, span string) {
	t.Helper()
	spans := map[string]ptrace.Span{}
	for _, s := range told.spans[r.instance()] {
		spans[s.Name()] = s
	}
	require.Len(t, spans, 2)
	checkout, charge := spans["checkout"], spans["charge"]
	assert.True(t, checkout.ParentSpanID().IsEmpty())
	assert.Equal(t, checkout.SpanID(), charge.ParentSpanID())
	assert.Equal(t, checkout.TraceID(), charge.TraceID())
	assert.Equal(t, ptrace.StatusCodeError, charge.Status().Code())
	assert.Equal(t, "card declined", charge.Status().Message())
	require.Equal(t, 1, charge.Events().Len())
	assert.Equal(t, "exception", charge.Events().At(0).Name())
	message, _ := charge.Events().At(0).Attributes().Get("exception.message")
	assert.Contains(t, message.Str(), "card declined")
	for _, s := range spans {
		id, _ := s.Attributes().Get("http.request.id")
		assert.Equal(t, r.request(), id.Str(), s.Name())
		assert.LessOrEqual(t, s.StartTimestamp(), s.EndTimestamp())
	}
	password, _ := checkout.Attributes().Get("labels.db_password")
	assert.Equal(t, "[SECRET_KEY]", password.Str())
	assert.Len(t, b.sink.Spans(harness.Resource("service.node.name", r.instance())), 2, "the same over OTLP")
	return checkout.TraceID().String(), checkout.SpanID().String()
}

// checkStory: the request's records are one event, whose parts say all with their types.
func (b *sdkBed) checkStory(t *testing.T, r sdkRun, told *sdkTold, payload string) {
	t.Helper()
	story := told.story(t, r.request())
	assert.Equal(t, json.Number(strconv.Itoa(len(sdkSteps))), story["labels.fold_count"])
	assert.Equal(t, "failure", story["event.outcome"])
	assert.Equal(t, r.service(), story["service.name"])
	checkSDKException(t, r.bridge.exception, story)
	parts := partsOf(t, story)
	require.Len(t, parts, len(sdkSteps))
	said := map[string]map[string]any{}
	last := int64(0)
	for _, part := range parts {
		text, _ := part["message"].(string)
		said[text] = part
		number, ok := part["time"].(json.Number)
		if !ok { // Rust's bridge says only when a record was observed
			number, _ = part["observed_time"].(json.Number)
		}
		at, err := number.Int64()
		require.NoError(t, err)
		assert.LessOrEqual(t, last, at, "parts are in order")
		last = at
	}
	for _, step := range sdkSteps {
		part := said[step.message]
		require.NotNil(t, part, step.message)
		assert.Equal(t, json.Number(strconv.Itoa(int(step.severity))), part["severity_number"], step.message)
		assert.Equal(t, r.bridge.level(step.severity), part["severity"], step.message)
	}
	prefix := strings.ReplaceAll(r.bridge.prefix, "log4j_map_message_", "log4j.map_message.")
	order, _ := said["order placed"]["attributes"].(map[string]any)
	for name, value := range r.bridge.order {
		switch name {
		case "customer":
		case "customer_name":
			assert.Equal(t, map[string]any{"name": "Zoë Müller", "address": map[string]any{"city": "Zürich"}}, order["customer"])
		case "customer_address_city":
		default:
			assert.Equal(t, value, order[prefix+name], name)
		}
	}
	large, _ := said["large"]["attributes"].(map[string]any)
	assert.Equal(t, payload, large[prefix+"payload"])
}

// partsOf gives the parts of a story in ECS.
func partsOf(t *testing.T, story sdkDocument) (parts []map[string]any) {
	t.Helper()
	list, _ := story["heartwood.parts"].([]any)
	for _, each := range list {
		part, ok := each.(map[string]any)
		require.True(t, ok)
		parts = append(parts, part)
	}
	return parts
}

// checkMetrics: what the run has counted and measured is in Prometheus.
func (b *sdkBed) checkMetrics(t *testing.T, r sdkRun, trace string) {
	t.Helper()
	labels := fmt.Sprintf(`job=%q,instance=%q`, r.service(), r.instance())
	assert.Equal(t, "3", b.prom.query(t, `shop_orders_total{payment="card",api_key="[SECRET_KEY]",`+labels+`}`))
	assert.Equal(t, "3", b.prom.query(t, `shop_order_duration_seconds_count{`+labels+`}`))
	assert.Equal(t, "2.05", b.prom.query(t, `round(shop_order_duration_seconds_sum{`+labels+`}, 0.001)`))
	exemplars := b.prom.exemplars(t, `shop_order_duration_seconds_bucket{`+labels+`}`)
	if !r.language.exemplars {
		assert.Empty(t, exemplars, "the SDK has none yet: say so in the README")
		return
	}
	require.NotEmpty(t, exemplars)
	for _, e := range exemplars {
		assert.Equal(t, trace, e.Labels["trace_id"])
	}
}

// chainRecords is how many records the chain's services log.
const chainRecords = 5

// chainRun is a service of the chain: first in Go, second in Python, third in Node.
func (b *sdkBed) chainRun(t *testing.T, language, bridge, which string) string {
	t.Helper()
	return fmt.Sprintf("bridge=%s protocol=http/protobuf endpoint=http://%s service=%s instance=%s-1 request=req-chain",
		bridge, b.col.Addr(t, "http"), which, which+"-"+language)
}

// callChain sends a request through the three services.
func (b *sdkBed) callChain(t *testing.T) {
	t.Helper()
	third, second := b.col.Port(t, "third"), b.col.Port(t, "second")
	node := b.start(t, "run", "node", "serve", strconv.Itoa(third), b.chainRun(t, "node", "pino", "third"))
	python := b.start(t, "run", "python", "serve", strconv.Itoa(second), fmt.Sprintf("http://127.0.0.1:%d/third", third), b.chainRun(t, "python", "logging", "second"))
	node.WaitOutput(t, "ready", time.Minute)
	python.WaitOutput(t, "ready", time.Minute)
	first := b.start(t, "run", "go", "call", fmt.Sprintf("http://127.0.0.1:%d/second", second), b.chainRun(t, "go", "slog", "first"))
	for _, p := range []*harness.Process{first, python, node} {
		require.Zero(t, p.Wait(t, time.Minute))
	}
}

// checkChain: the request is one story of all three, and one trace.
func (b *sdkBed) checkChain(t *testing.T, told *sdkTold) {
	t.Helper()
	story := told.story(t, "req-chain")
	assert.Equal(t, json.Number(strconv.Itoa(chainRecords)), story["labels.fold_count"])
	assert.ElementsMatch(t, []any{"first", "second", "third"}, story["labels.service_name"])
	assert.ElementsMatch(t, []any{"go", "python", "nodejs"}, story["labels.telemetry_sdk_language"])
	assert.Equal(t, "failure", story["event.outcome"])
	assert.Equal(t, "RangeError", story["error.type"])
	assert.Equal(t, "card declined: gateway timeout: 30 s", story["error.message"])
	assert.Contains(t, story["error.stack_trace"], "main.js:")
	var said []string
	for _, part := range partsOf(t, story) {
		said = append(said, fmt.Sprintf("%v: %v", part["service"], part["message"]))
	}
	// Node's times are to the millisecond, so that its record may stand before what was said before.
	assert.ElementsMatch(t, []string{
		"first: first asks second", "second: second asks third", "third: third has failed",
		"second: third has answered 502", "first: second has answered 502",
	}, said)

	first, second, third := told.spans["first-go-1"], told.spans["second-python-1"], told.spans["third-node-1"]
	for _, spans := range [][]ptrace.Span{first, second, third} {
		require.Len(t, spans, 1)
		assert.Equal(t, story["trace.id"], spans[0].TraceID().String())
		id, _ := spans[0].Attributes().Get("http.request.id")
		assert.Equal(t, "req-chain", id.Str())
	}
	assert.True(t, first[0].ParentSpanID().IsEmpty())
	assert.Equal(t, first[0].SpanID(), second[0].ParentSpanID())
	assert.Equal(t, second[0].SpanID(), third[0].ParentSpanID())
}

// checkPrinted: a file of integration/sdks stands in the README as it is.
func checkPrinted(t *testing.T, file string) {
	t.Helper()
	root := harness.Root(t)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "integration", "sdks", file))
	require.NoError(t, err)
	assert.Contains(t, string(readme), "\n"+string(text)+"```\n", "integration/sdks/%s, as printed", file)
}

// checkSnippets: the README shows what was run, and each of the five has said its line with
// the request's id out of the baggage.
func (b *sdkBed) checkSnippets(t *testing.T, told *sdkTold) {
	t.Helper()
	for _, l := range sdkLanguages {
		for _, file := range l.snippet {
			checkPrinted(t, l.name+"/"+file)
		}
	}
	var loggers []string
	for _, d := range told.documents {
		if d["service.name"] != "billing" || d["labels.fold_id"] != nil {
			continue
		}
		assert.Equal(t, "invoice sent", d["message"])
		assert.Equal(t, "a1b2", d["http.request.id"])
		assert.Equal(t, json.Number("12.5"), d["labels.amount"])
		assert.Equal(t, "info", strings.ToLower(d.text("log.level")))
		loggers = append(loggers, d.text("log.logger"))
	}
	slices.Sort(loggers)
	assert.Equal(t, []string{"@opentelemetry/winston-transport", "billing", "billing", "billing", "snippet"}, loggers)
	assert.Equal(t, json.Number(strconv.Itoa(len(sdkLanguages))), told.story(t, "a1b2")["labels.fold_count"])
}
