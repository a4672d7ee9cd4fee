//go:build unix

package ecs

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/extensions/ecsencodingextension"
	"github.com/heartwood-otel/heartwood/processors/ecsprocessor"
)

const recordsPerBatch = 200

// renamed are the ten of a record's twenty attributes that have another name in ECS.
var renamed = [][2]string{
	{"exception.type", "error.type"},
	{"exception.message", "error.message"},
	{"exception.stacktrace", "error.stack_trace"},
	{"http.request.body.size", "http.request.body.bytes"},
	{"http.response.body.size", "http.response.body.bytes"},
	{"code.function.name", "log.origin.function"},
	{"code.file.path", "log.origin.file.name"},
	{"code.line.number", "log.origin.file.line"},
	{"thread.name", "process.thread.name"},
	{"request.id", "http.request.id"},
}

func batch() plog.Logs {
	out := plog.NewLogs()
	rl := out.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "purchasing")
	rl.Resource().Attributes().PutStr("host.name", "web-1")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for n := range recordsPerBatch {
		r := records.AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 11, 21, 8, 15, 30, n, time.UTC)))
		r.SetSeverityNumber(plog.SeverityNumberError)
		r.SetSeverityText("error")
		r.SetTraceID([16]byte{1, 15: byte(n)})
		r.SetSpanID([8]byte{1, 7: byte(n)})
		r.Body().SetStr("the payment was declined")
		a := r.Attributes()
		a.EnsureCapacity(20)
		a.PutStr("exception.type", "shop.PaymentException")
		a.PutStr("exception.message", "card declined")
		a.PutStr("exception.stacktrace", "shop.PaymentException: card declined\n\tat shop.Till.pay(Till.java:49)\n\tat shop.Main.main(Main.java:26)")
		a.PutInt("http.request.body.size", 512)
		a.PutInt("http.response.body.size", 18734)
		a.PutStr("code.function.name", "pay")
		a.PutStr("code.file.path", "Till.java")
		a.PutInt("code.line.number", 49)
		a.PutStr("thread.name", "main")
		a.PutStr("request.id", fmt.Sprintf("8601b555-6a83-4c12-8269-%012d", n))
		a.PutStr("http.request.method", "POST")
		a.PutInt("http.response.status_code", 502)
		a.PutStr("url.path", fmt.Sprintf("/orders/%d/items", n))
		a.PutStr("url.query", "page=2&sort=asc")
		a.PutStr("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:134.0) Gecko/20100101 Firefox/134.0")
		a.PutStr("user.id", "u-7")
		a.PutInt("process.pid", 4711)
		a.PutStr("log.logger", "shop.checkout")
		a.PutStr("network.transport", "tcp")
		a.PutInt("server.port", 8443)
	}
	return out
}

type contender struct {
	name    string
	factory processor.Factory
	config  map[string]any
}

// contenders rename the same ten; ours also adds what a document of ECS has beside:
// @timestamp, message, log.level, ids, the derived fields and the version.
func contenders() []contender {
	var statements []any
	for _, names := range renamed {
		statements = append(statements,
			fmt.Sprintf("set(attributes[%q], attributes[%q])", names[1], names[0]),
			fmt.Sprintf("delete_key(attributes, %q)", names[0]))
	}
	transform := func(more ...any) map[string]any {
		return map[string]any{"log_statements": []any{map[string]any{"context": "log", "statements": slices.Concat(statements, more)}}}
	}
	return []contender{
		{"transform", transformprocessor.NewFactory(), transform()},
		{"transform-all", transformprocessor.NewFactory(), transform(
			`set(attributes["@timestamp"], FormatTime(time, "%Y-%m-%dT%H:%M:%S.%LZ"))`,
			`set(attributes["message"], body)`,
			`set(attributes["log.level"], severity_text)`,
			`set(attributes["trace.id"], trace_id.string)`,
			`set(attributes["span.id"], span_id.string)`,
			`set(attributes["event.outcome"], "failure")`,
			`set(attributes["ecs.version"], "9.4.0")`,
		)},
		{"ecs", ecsprocessor.NewFactory(), map[string]any{}},
	}
}

// checker counts the records of which all is renamed.
type checker struct {
	consumertest.LogsSink
	records, renamed int
	note             bool
	names            []string // where note is set, of the last record's attributes
}

func (c *checker) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	if c.note {
		c.names = slices.Collect(maps.Keys(records.At(records.Len() - 1).Attributes().AsRaw()))
	}
	for _, r := range records.All() {
		c.records++
		for _, names := range renamed {
			_, was := r.Attributes().Get(names[0])
			_, is := r.Attributes().Get(names[1])
			if is && !was {
				c.renamed++
			}
		}
	}
	return nil
}

func (c *checker) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkMapping is the time for a batch of 200 records, and for one record as
// cpu-ns/record. The making of the input is not counted; the look at the output is, and
// is the same for all.
func BenchmarkMapping(b *testing.B) {
	for _, c := range contenders() {
		b.Run(c.name, func(b *testing.B) {
			cfg := c.factory.CreateDefaultConfig()
			require.NoError(b, confmap.NewFromStringMap(c.config).Unmarshal(cfg))
			next := &checker{}
			p, err := c.factory.CreateLogs(b.Context(), processortest.NewNopSettings(c.factory.Type()), cfg, next)
			require.NoError(b, err)
			require.NoError(b, p.Start(b.Context(), componenttest.NewNopHost()))
			fresh := batch()
			inputs := make([]plog.Logs, 50)
			var used time.Duration
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; {
				b.StopTimer()
				batches := inputs[:min(len(inputs), b.N-done)]
				for i := range batches {
					batches[i] = plog.NewLogs()
					fresh.CopyTo(batches[i])
				}
				b.StartTimer()
				begin := cpu(b)
				for _, logs := range batches {
					if err := p.ConsumeLogs(b.Context(), logs); err != nil {
						b.Fatal(err)
					}
				}
				used += cpu(b) - begin
				done += len(batches)
			}
			b.StopTimer()
			require.Equal(b, b.N*recordsPerBatch, next.records)
			require.Equal(b, b.N*recordsPerBatch*len(renamed), next.renamed, "each of the ten is renamed")
			b.ReportMetric(float64(used.Nanoseconds())/float64(b.N*recordsPerBatch), "cpu-ns/record")
			require.NoError(b, p.Shutdown(b.Context()))
		})
	}
}

// BenchmarkEncoding is the time for a batch of 200 records; its MB/s are of the JSON that
// comes out, which is not the same text, and cpu-ns/record is what the two have in common.
func BenchmarkEncoding(b *testing.B) {
	for _, name := range []string{"otlp_json", "ecs/nesting=nested", "ecs/nesting=dotted"} {
		b.Run(name, func(b *testing.B) {
			var m plog.Marshaler = &plog.JSONMarshaler{}
			if _, nesting, ok := strings.Cut(name, "="); ok {
				m = encoding(b, nesting)
			}
			logs := batch()
			out, err := m.MarshalLogs(logs)
			require.NoError(b, err)
			b.SetBytes(int64(len(out)))
			b.ReportAllocs()
			begin, done := cpu(b), 0
			for b.Loop() {
				if out, err = m.MarshalLogs(logs); err != nil {
					b.Fatal(err)
				}
				done++
			}
			b.ReportMetric(float64((cpu(b)-begin).Nanoseconds())/float64(done*recordsPerBatch), "cpu-ns/record")
			b.ReportMetric(float64(len(out))/recordsPerBatch, "bytes/record")
			require.Equal(b, recordsPerBatch, bytes.Count(out, []byte("the payment was declined")), "each record is there")
		})
	}
}

func encoding(b *testing.B, nesting string) plog.Marshaler {
	b.Helper()
	f := ecsencodingextension.NewFactory()
	cfg := f.CreateDefaultConfig()
	require.NoError(b, confmap.NewFromStringMap(map[string]any{"nesting": nesting}).Unmarshal(cfg))
	e, err := f.Create(b.Context(), extensiontest.NewNopSettings(f.Type()), cfg)
	require.NoError(b, err)
	require.NoError(b, e.Start(b.Context(), componenttest.NewNopHost()))
	b.Cleanup(func() { require.NoError(b, e.Shutdown(context.Background())) })
	m, ok := e.(plog.Marshaler)
	require.True(b, ok, "%T is a plog.Marshaler", component.Component(e))
	return m
}

// TestContendersAgree has all of them rename, and those that add to a record add the same.
func TestContendersAgree(t *testing.T) {
	names := map[string][]string{}
	for _, c := range contenders() {
		cfg := c.factory.CreateDefaultConfig()
		require.NoError(t, confmap.NewFromStringMap(c.config).Unmarshal(cfg))
		next := &checker{note: true}
		p, err := c.factory.CreateLogs(t.Context(), processortest.NewNopSettings(c.factory.Type()), cfg, next)
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, p.ConsumeLogs(t.Context(), batch()))
		require.Equal(t, recordsPerBatch, next.records, c.name)
		require.Equal(t, recordsPerBatch*len(renamed), next.renamed, c.name)
		require.NoError(t, p.Shutdown(context.Background()))
		names[c.name] = next.names
	}
	require.Len(t, names["transform"], 20)
	require.Len(t, names["transform-all"], 27)
	require.ElementsMatch(t, names["transform-all"], names["ecs"])
}
