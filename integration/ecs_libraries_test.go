package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecsjson"
)

// The ids that the programs of integration/stdout log.
const (
	ecsTrace       = "4bf92f3577b34da6a3ce929d0e0e4736"
	ecsTransaction = "00f067aa0ba902b7"
	ecsSpan        = "b9c7c989f97918e1"
)

// from is an expected value that is the line's own, of this field of ECS: what no two
// runs have alike.
type from string

// ecsRecord is what one line must be in OpenTelemetry's form.
type ecsRecord struct {
	attributes  map[string]any // all of them, but for the collector's own
	trace, span string
	event       string
}

// ecsProgram is what the lines of one program must be.
type ecsProgram struct {
	name       string         // language and library
	resource   map[string]any // of all lines
	attributes map[string]any // of all lines
	steps      map[string]ecsRecord
	lines      int
	// breaks are the rules of the ECS logging specification that the library itself breaks.
	breaks []ecscheck.LoggingRule
}

// joined gives a copy of m with more in it.
func joined(m map[string]any, more ...map[string]any) map[string]any {
	all := maps.Clone(m)
	for _, each := range more {
		maps.Copy(all, each)
	}
	return all
}

var (
	ecsService = map[string]any{"service.name": "shop", "service.version": "1.4.2", "deployment.environment.name": "test"}

	// ecsOrderInAll is what all programs that can log fields say of an order.
	ecsOrderInAll = map[string]any{
		"tags": []any{"new", "gift"}, "event.duration": int64(1500000), "attempts": int64(2),
		"order_id": "A-17", "priority": int64(2), "ratio": 0.25, "express": true, // labels
	}
	ecsAddress   = map[string]any{"city": "Zürich"}
	ecsOrderOpen = map[string]any{"items": int64(3), "price": 99.99, "paid": true, "address": ecsAddress}
	ecsOrderNull = joined(ecsOrderOpen, map[string]any{"coupon": nil})
	ecsUser      = map[string]any{"user.id": "u-7", "user.name": "jörg"}

	ecsMethod = map[string]any{"http.request.method": "GET", "http.request.method_original": "get", "client.address": "203.0.113.9"}
	ecsServed = map[string]any{
		"network.protocol.version": "1.1", "http.request.method": "GET", "request.id": "req-7f3a91",
		"http.request.headers": map[string]any{
			"user-agent": "shop-test/1.0", "x-request-id": "req-7f3a91", "host": from("http.request.headers.host"), "connection": "close",
		},
		"url.full": from("url.full"), "url.path": "/cart", "url.query": "of=jane", "url.fragment": "top",
		"client.address": "127.0.0.1", "client.port": from("client.port"), "user_agent.original": "shop-test/1.0",
	}
	ecsAnswered = joined(ecsServed, map[string]any{
		"http.response.status_code": int64(200), "http.response.body.size": int64(6),
		"http.response.headers": map[string]any{"content-type": "text/plain", "content-length": int64(6)},
	})

	ecsFailure = map[string]any{
		"exception.type": from("error.type"), "exception.message": from("error.message"), "exception.stacktrace": from("error.stack_trace"),
	}
	ecsInSpan        = ecsRecord{attributes: map[string]any{"transaction.id": ecsTransaction}, trace: ecsTrace, span: ecsSpan}
	ecsInTransaction = ecsRecord{attributes: map[string]any{"transaction.id": ecsTransaction}, trace: ecsTrace, span: ecsTransaction}
)

func inSpan(attributes ...map[string]any) ecsRecord {
	return ecsRecord{attributes: joined(ecsInSpan.attributes, attributes...), trace: ecsTrace, span: ecsSpan}
}

func of3(kind, message string) map[string]any {
	return map[string]any{"exception.type": kind, "exception.message": message, "exception.stacktrace": from("error.stack_trace")}
}

var ecsPython = map[string]any{
	"network.protocol.version": "1.1", "request.id": "req-7f3a91", "http.response.status_code": int64(200), "http.response.body.size": int64(512),
	"url.path": "/cart", "client.port": int64(51234),
}

var ecsGoRequest = inSpan(ecsMethod, map[string]any{"http.response.status_code": int64(503)})

func ecsJava(location string) map[string]any {
	return map[string]any{
		"code.file.path": "WithEcs.java", "code.line.number": from("log.origin.file.line"), "code.function.name": location,
		"thread.name": "main", "log.logger": "shop.checkout", "region": "eu-1", "service.instance.id": "shop-1", "event.dataset": "shop.log",
	}
}

var ecsMDC = map[string]any{"request.id": "req-7f3a91", "user.name": "jörg", "basket": "b-1"}

func ecsNode(more map[string]any) map[string]any {
	return joined(map[string]any{"service.instance.id": "shop-1", "event.dataset": "shop"}, more)
}

func ecsGo(file, function string) map[string]any {
	where := map[string]any{"code.file.path": file, "code.line.number": from("log.origin.file.line")}
	if function != "" {
		where["code.function.name"] = function
	}
	return where
}

const ecsGoFile = "github.com/heartwood-otel/heartwood/integration/stdout/go/ecs.go"

var ecsPrograms = []ecsProgram{
	{
		name: "python stdlib", lines: 14, resource: ecsService,
		attributes: map[string]any{
			"code.file.path": "with_ecs.py", "code.line.number": from("log.origin.file.line"), "code.function.name": "stdlib",
			"log.logger": "shop.checkout", "process.name": "MainProcess", "process.pid": from("process.pid"),
			"thread.id": from("process.thread.id"), "thread.name": "MainThread",
			"event.dataset": "shop.log", "service.instance.id": "shop-1",
		},
		steps: map[string]ecsRecord{
			"order placed":     {attributes: joined(ecsOrderInAll, ecsUser, map[string]any{"total": 120.0, "order": ecsOrderOpen}), event: "order-placed"},
			"request handled":  inSpan(ecsMethod, ecsPython),
			"in a transaction": ecsInTransaction,
			"payment failed":   {attributes: ecsFailure},
			"where we are":     {attributes: map[string]any{"exception.stacktrace": from("error.stack_trace")}},
		},
	},
	{
		name: "python structlog", lines: 12,
		steps: map[string]ecsRecord{
			"order placed": {
				attributes: joined(ecsOrderInAll, ecsUser, map[string]any{"total": 120.0, "order": ecsOrderOpen, "coupon": nil}), event: "order-placed",
			},
			"request handled":  inSpan(ecsMethod, ecsPython),
			"in a transaction": ecsInTransaction,
			"payment failed":   {attributes: of3("shop.PaymentError", "card declined")},
		},
	},
	{
		name: "node pino", lines: 15, resource: joined(ecsService, map[string]any{"host.name": from("host.hostname")}),
		attributes: ecsNode(map[string]any{"log.logger": "shop.checkout", "process.pid": from("process.pid")}),
		steps: map[string]ecsRecord{
			"order placed":         {attributes: joined(ecsOrderInAll, ecsUser, map[string]any{"order": ecsOrderNull}), event: "order-placed"},
			"in a span":            ecsInSpan,
			"in a transaction":     ecsInTransaction,
			"payment failed":       {attributes: ecsFailure},
			"payment failed again": {attributes: joined(ecsFailure, map[string]any{"attempts": int64(3)})},
			"request came":         {attributes: ecsServed},
			"request handled":      {attributes: ecsAnswered},
		},
		breaks: []ecscheck.LoggingRule{ecscheck.RuleOrder},
	},
	{
		name: "node winston", lines: 15, resource: ecsService, attributes: ecsNode(nil),
		steps: map[string]ecsRecord{
			"order placed":     {attributes: joined(ecsOrderInAll, ecsUser, map[string]any{"order": ecsOrderNull}), event: "order-placed"},
			"in a span":        ecsInSpan,
			"in a transaction": ecsInTransaction,
			"payment failed":   {attributes: joined(ecsFailure, map[string]any{"error.name": "PaymentError", "error.cause": from("error.cause")})},
			"payment failed:  card declined": {attributes: joined(ecsFailure, map[string]any{
				"error.name": "PaymentError", "error.cause": from("error.cause"), "cause": map[string]any{"code": "ETIMEDOUT"},
			})},
			"request handled": {attributes: ecsAnswered},
		},
		breaks: []ecscheck.LoggingRule{ecscheck.RuleOrder},
	},
	{
		name: "node morgan", lines: 1, resource: ecsService, attributes: ecsNode(ecsAnswered),
	},
	{
		name: "java log4j2", lines: 15, resource: ecsService, attributes: ecsJava("log4j2"),
		steps: map[string]ecsRecord{
			"order placed": {attributes: map[string]any{
				"tags": []any{"new", "gift"}, "event.duration": int64(1500000), "attempts": int64(2), "order_id": "A-17", "coupon": nil,
				"order": map[string]any{"items": int64(3), "price": 99.99, "paid": true},
			}},
			"marked":           {attributes: map[string]any{"tags": []any{"audit"}}},
			"request handled":  inSpan(ecsMDC, map[string]any{"tags": []any{"checkout"}}),
			"in a transaction": ecsInTransaction,
			"payment failed":   {attributes: ecsFailure},
		},
		breaks: []ecscheck.LoggingRule{ecscheck.RuleOrder}, // a map's message stands among its members
	},
	{
		name: "java logback", lines: 12, resource: ecsService, attributes: ecsJava("logback"),
		steps: map[string]ecsRecord{
			"marked":           {attributes: map[string]any{"tags": []any{"audit"}}},
			"request handled":  inSpan(ecsMDC),
			"in a transaction": ecsInTransaction,
			"payment failed":   {attributes: ecsFailure},
		},
	},
	{
		name: "go zap", lines: 11, resource: map[string]any{"service.name": "shop"},
		attributes: joined(ecsGo("go/ecs.go", "main.ecsZap"), map[string]any{"log.logger": "shop.checkout"}),
		steps: map[string]ecsRecord{
			"order placed":     {attributes: joined(ecsOrderInAll, map[string]any{"total": int64(120), "order": ecsOrderNull})},
			"request handled":  ecsGoRequest,
			"in a transaction": ecsInTransaction,
			"payment failed":   {attributes: map[string]any{"exception.message": "card declined: gateway timeout: 30 s"}},
		},
		breaks: []ecscheck.LoggingRule{ecscheck.RuleOrder},
	},
	{
		name: "go logrus", lines: 12, attributes: ecsGo(ecsGoFile, "main.ecsLogrus"),
		steps: map[string]ecsRecord{
			"order placed":     {attributes: joined(ecsOrderInAll, map[string]any{"total": int64(120), "order": ecsOrderNull})},
			"request handled":  ecsGoRequest,
			"in a transaction": ecsInTransaction,
			"payment failed":   {attributes: map[string]any{"exception.message": "card declined: gateway timeout: 30 s"}},
		},
		breaks: []ecscheck.LoggingRule{ecscheck.RuleOrder},
	},
	{
		name: "go zerolog", lines: 12, attributes: ecsGo(ecsGoFile, ""),
		steps: map[string]ecsRecord{
			"order placed":     {attributes: joined(ecsOrderInAll, map[string]any{"total": int64(120), "order": ecsOrderNull})},
			"request handled":  ecsGoRequest,
			"in a transaction": ecsInTransaction,
			"payment failed":   {attributes: map[string]any{"exception.message": "at the till: card declined: gateway timeout: 30 s"}},
		},
		breaks: []ecscheck.LoggingRule{ecscheck.RuleOrder},
	},
}

// ecsLevels are the severities of the words that the libraries write as log.level.
var ecsLevels = map[string]plog.SeverityNumber{
	"trace": plog.SeverityNumberTrace, "silly": plog.SeverityNumberTrace, "debug": plog.SeverityNumberDebug, "verbose": plog.SeverityNumberDebug,
	"http": plog.SeverityNumberDebug3, "info": plog.SeverityNumberInfo, "notice": plog.SeverityNumberInfo2, "success": plog.SeverityNumberInfo4,
	"warn": plog.SeverityNumberWarn, "warning": plog.SeverityNumberWarn, "error": plog.SeverityNumberError,
	"fatal": plog.SeverityNumberFatal, "critical": plog.SeverityNumberFatal,
}

// ecsLine is one that a library wrote.
type ecsLine struct {
	program *ecsProgram
	text    string
	fields  fields
}

// ecsLines runs the programs of the languages that are there, and gives what they wrote.
func ecsLines(t *testing.T) (lines []ecsLine) {
	t.Helper()
	script := filepath.Join(harness.Root(t), "integration", "stdout", "stdout.sh")
	for _, tool := range toolchains {
		programs := slices.DeleteFunc(slices.Clone(ecsPrograms), func(p ecsProgram) bool { return !strings.HasPrefix(p.name, tool.language+" ") })
		if len(programs) == 0 {
			continue
		}
		for _, each := range tool.needs {
			if _, err := exec.LookPath(each); err != nil {
				t.Skipf("there's no %s on this machine", each)
			}
		}
		shell(t, script, "prepare", tool.language)
		var expected []string
		for i := range programs {
			program := &programs[i]
			library := strings.TrimPrefix(program.name, tool.language+" ")
			expected = append(expected, "ecs "+library)
			written := strings.Split(strings.TrimSuffix(shell(t, script, "run", tool.language, "ecs", library), "\n"), "\n")
			require.Len(t, written, program.lines, "lines of %s", program.name)
			for _, text := range written {
				said, err := fieldsOf(text)
				require.NoError(t, err, program.name)
				lines = append(lines, ecsLine{program, text, said})
			}
		}
		listed := strings.Split(strings.TrimSpace(shell(t, script, "run", tool.language, "ecs", "list")), "\n")
		require.ElementsMatch(t, listed, expected, "programs of %s that are there, and programs with expectations", tool.language)
	}
	return lines
}

// TestECSLibraries has Elastic's own loggers write, and the built binary read it, say it
// in OpenTelemetry's names, and write it in ECS again.
func TestECSLibraries(t *testing.T) {
	lines := ecsLines(t)
	input := filepath.Join(t.TempDir(), "lines.jsonl")
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(line.text + "\n")
	}
	require.NoError(t, os.WriteFile(input, []byte(text.String()), 0o600))

	sink := harness.NewSink(t)
	col := harness.Start(t, `
		extensions:
		  ecs_encoding: {}
		  ecs_encoding/keep: {unknown: keep}
		receivers:
		  stdout_tail: {keep_original: true, files: {include: [{{.input}}], start_at: beginning}}
		processors:
		  ecs/from: {direction: from_ecs}
		  ecs/to: {direction: to_ecs}
		  ecs/keep: {direction: to_ecs, unknown: keep}
		exporters:
		  otlp_grpc: {endpoint: {{.sink.GRPC}}, tls: {insecure: true}}
		  file/label: {path: {{file "label.jsonl"}}, encoding: ecs_encoding}
		  file/keep: {path: {{file "keep.jsonl"}}, encoding: ecs_encoding/keep}
		service:
		  extensions: [ecs_encoding, ecs_encoding/keep]
		  pipelines:
		    logs: {receivers: [stdout_tail], processors: [ecs/from], exporters: [otlp_grpc]}
		    logs/label: {receivers: [stdout_tail], processors: [ecs/from, ecs/to], exporters: [file/label]}
		    logs/keep: {receivers: [stdout_tail], processors: [ecs/from, ecs/keep], exporters: [file/keep]}
	`, harness.With("sink", sink), harness.With("input", quote(t, input)))
	sink.WaitLogCount(t, len(lines))
	col.Stop(t)

	t.Run("in OpenTelemetry's form", func(t *testing.T) { checkOpenTelemetry(t, lines, sink.Logs()) })
	label, keep := newComparison(slices.Concat(roundTripRules, labelRules)), newComparison(slices.Concat(roundTripRules, keepRules))
	t.Run("in ECS again, as labels", func(t *testing.T) { checkRoundTrip(t, label, lines, col.Path("label.jsonl"), ecscheck.Document) })
	t.Run("in ECS again, as they are", func(t *testing.T) { checkRoundTrip(t, keep, lines, col.Path("keep.jsonl"), ecscheck.Keeping) })
	t.Run("read by the encoding", func(t *testing.T) { checkReading(t, lines) })
	t.Run("by the specification", func(t *testing.T) { checkSpecification(t, lines) })
}

// ecsOriginal is the attribute that has the line, and ecsOriginalField its name in ECS.
const (
	ecsOriginal      = "log.record.original"
	ecsOriginalField = "event.original"
)

// collectorsOwn are attributes that the receiver adds to each record.
func collectorsOwn(name string) bool {
	return name == ecsOriginal || name == "log.record.uid" || strings.HasPrefix(name, "log.file.")
}

func checkOpenTelemetry(t *testing.T, lines []ecsLine, records []harness.LogRecord) {
	t.Helper()
	byLine := map[string]harness.LogRecord{}
	for _, r := range records {
		original, _ := r.Attributes[ecsOriginal].(string)
		byLine[original] = r
	}
	require.Len(t, records, len(lines))
	for _, line := range lines {
		r, ok := byLine[line.text]
		if !assert.True(t, ok, "no record of %s", line.text) {
			continue
		}
		message := line.fields.text("message")
		want := line.program.steps[message]
		about := line.program.name + ": " + message
		assert.Equal(t, message, r.Body, about)
		assert.True(t, sameTime(line.fields["@timestamp"], r.Time.Format(time.RFC3339Nano)), "%s: time %v", about, r.Time)
		level := line.fields.text("log.level")
		assert.Equal(t, level, r.SeverityText, about)
		assert.Equal(t, ecsLevels[strings.ToLower(level)], r.Severity, about)
		assert.Equal(t, want.trace, r.TraceID, about)
		assert.Equal(t, want.span, r.SpanID, about)
		assert.Equal(t, want.event, r.EventName, about)
		attributes := maps.Clone(r.Attributes)
		maps.DeleteFunc(attributes, func(name string, _ any) bool { return collectorsOwn(name) })
		assert.Equal(t, filled(line, line.program.attributes, want.attributes), map[string]any(attributes), about)
		assert.Equal(t, filled(line, line.program.resource), map[string]any(r.Resource), "%s: resource", about)
	}
}

// filled gives the expected attributes, with what is the line's own in its place.
func filled(line ecsLine, wanted ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, want := range wanted {
		for name, value := range want {
			all[name] = fill(line, value)
		}
	}
	return all
}

func fill(line ecsLine, value any) any {
	switch value := value.(type) {
	case from:
		own := line.fields[string(value)]
		if number, ok := own.(json.Number); ok {
			n, err := number.Int64()
			if err != nil {
				return fmt.Sprintf("%s of %s is no whole number", value, line.text)
			}
			return n
		}
		return own
	case map[string]any:
		return filled(line, value)
	}
	return value
}

// ecsDocuments reads what the file exporter wrote.
func ecsDocuments(t *testing.T, path string) (texts []string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(content), "\n"), "the last document ends its line")
	return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
}

func checkRoundTrip(t *testing.T, c *comparison, lines []ecsLine, path string, check func([]byte) error) {
	t.Helper()
	byLine := map[string]fields{}
	written := ecsDocuments(t, path)
	for _, text := range written {
		assert.Empty(t, ecscheck.Logging([]byte(text)), text)
		require.NoError(t, check([]byte(text)), text)
		document, err := fieldsOf(text)
		require.NoError(t, err)
		byLine[document.text(ecsOriginalField)] = document
	}
	require.Len(t, written, len(lines))
	for _, line := range lines {
		document, ok := byLine[line.text]
		if !assert.True(t, ok, "no document of %s", line.text) {
			continue
		}
		for _, d := range c.compare(line.fields, document) {
			t.Errorf("%s: %s: %v", line.program.name, line.fields.text("message"), d)
		}
	}
	assert.Empty(t, c.unused(), "rules that nothing needed: they are to go, and from docs/format/ecs.md as well")
}

// checkReading has the encoding itself read the lines, without a receiver before it.
func checkReading(t *testing.T, lines []ecsLine) {
	t.Helper()
	c, reader, mapper := newComparison(slices.Concat(roundTripRules, labelRules)), ecsjson.NewReader(), ecs.NewMapper(ecs.Options{})
	for _, line := range lines {
		logs, err := reader.Read([]byte(line.text))
		require.NoError(t, err, line.text)
		require.Equal(t, 1, logs.LogRecordCount(), line.text)
		rl := logs.ResourceLogs().At(0)
		mapper.Begin(rl.Resource(), rl.ScopeLogs().At(0).Scope())
		document := ecsjson.AppendDocument(nil, mapper.Log(rl.ScopeLogs().At(0).LogRecords().At(0)), ecsjson.Nested)
		require.NoError(t, ecscheck.Document(document), "%s", document)
		again, err := fieldsOf(string(document))
		require.NoError(t, err)
		for _, d := range c.compare(line.fields, again) {
			t.Errorf("%s: %s: %v", line.program.name, line.fields.text("message"), d)
		}
	}
}

// checkSpecification holds the libraries to the specification that they are written
// after, as far as they keep to it: what they break shows that the check can fail.
func checkSpecification(t *testing.T, lines []ecsLine) {
	t.Helper()
	broken := map[string][]ecscheck.LoggingRule{}
	for _, line := range lines {
		name := line.program.name
		for _, breach := range ecscheck.Logging([]byte(line.text)) {
			if !slices.Contains(broken[name], breach.Rule) {
				broken[name] = append(broken[name], breach.Rule)
			}
		}
	}
	for _, program := range ecsPrograms {
		assert.ElementsMatch(t, program.breaks, broken[program.name], program.name)
	}
}

// TestRoundTripIsDocumented holds docs/format/ecs.md and the rules together.
func TestRoundTripIsDocumented(t *testing.T) {
	var names []string
	for _, rule := range slices.Concat(roundTripRules, labelRules, keepRules) {
		names = append(names, rule.name)
	}
	assert.ElementsMatch(t, names, documented(t, roundTripSection))
}
