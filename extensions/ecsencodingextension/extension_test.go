package ecsencodingextension

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/heartwood-otel/heartwood/extensions/ecsencodingextension/internal/metadata"
	"github.com/heartwood-otel/heartwood/extensions/ecsencodingextension/internal/metadatatest"
	"github.com/heartwood-otel/heartwood/internal/ecs/ecscheck"
)

// start makes the extension as the Collector does.
func start(tb testing.TB, change func(*Config)) *ecsExtension {
	tb.Helper()
	factory := NewFactory()
	cfg := factory.CreateDefaultConfig()
	if change != nil {
		change(cfg.(*Config))
	}
	e, err := factory.Create(tb.Context(), extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(tb, err)
	require.NoError(tb, e.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { assert.NoError(tb, e.Shutdown(tb.Context())) })
	return e.(*ecsExtension)
}

// orders are records of several services, with all that a record may say.
func orders(n int) plog.Logs {
	logs := plog.NewLogs()
	for s, service := range []string{"purchasing", "inventory"} {
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", service)
		rl.Resource().Attributes().PutStr("k8s.namespace.name", "shop")
		rl.Resource().Attributes().PutStr("os.type", "linux")
		for i := range n {
			r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
			r.SetTimestamp(pcommon.Timestamp(1_770_091_506_789_000_000 + i))
			r.SetSeverityText("INFO")
			r.SetSeverityNumber(plog.SeverityNumberInfo)
			r.Body().SetStr(fmt.Sprintf("order %d\nplaced", i))
			r.SetEventName("order.placed")
			r.SetTraceID(pcommon.TraceID{1, 2, 3, byte(i)})
			r.SetSpanID(pcommon.SpanID{4, 5, byte(s)})
			a := r.Attributes()
			a.PutStr("http.request.method", "POST")
			a.PutInt("http.response.status_code", 201)
			a.PutStr("request.id", fmt.Sprintf("r-%d", i))
			a.PutStr("order.id", "o-1")
			a.PutDouble("amount", 99.5)
			a.PutInt("items", 3)
			a.PutBool("cached", true)
			a.PutEmptySlice("list").AppendEmpty().SetStr("x")
		}
	}
	return logs
}

// records are what logs say, each with its resource.
func records(logs plog.Logs) (all []map[string]any) {
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				all = append(all, map[string]any{
					"resource": rl.Resource().Attributes().AsRaw(), "attributes": r.Attributes().AsRaw(), "body": r.Body().AsRaw(),
					"time": r.Timestamp(), "severity": r.SeverityText(), "number": r.SeverityNumber(), "event": r.EventName(),
					"trace": r.TraceID().String(), "span": r.SpanID().String(),
				})
			}
		}
	}
	return all
}

func TestThereAndBack(t *testing.T) {
	for _, nesting := range []string{"nested", "dotted"} {
		t.Run(nesting, func(t *testing.T) {
			e := start(t, func(c *Config) { c.Nesting = nesting })
			logs := orders(3)
			data, err := e.MarshalLogs(logs)
			require.NoError(t, err)
			assert.NotEqual(t, byte('\n'), data[len(data)-1], "no line end behind the last")
			lines := bytes.Split(data, []byte("\n"))
			require.Len(t, lines, 6)
			for _, line := range lines {
				require.NoError(t, ecscheck.Document(line), "%s", line)
			}
			assert.Contains(t, string(lines[0]), map[string]string{"nested": `"http":{"request":{"id":"r-0"`, "dotted": `"http.request.id":"r-0"`}[nesting])

			back, err := e.UnmarshalLogs(data)
			require.NoError(t, err)
			assert.Equal(t, 2, back.ResourceLogs().Len())
			want := records(logs)
			for _, r := range want { // labels have no points
				a := r["attributes"].(map[string]any)
				a["order_id"] = a["order.id"]
				delete(a, "order.id")
			}
			assert.Equal(t, want, records(back))
		})
	}
}

func TestMarshalsNothing(t *testing.T) {
	e := start(t, nil)
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	data, err := e.MarshalLogs(logs)
	require.NoError(t, err)
	assert.Empty(t, data)
	back, err := e.UnmarshalLogs(nil)
	require.NoError(t, err)
	assert.Zero(t, back.LogRecordCount())
}

func TestUnknown(t *testing.T) {
	for unknown, want := range map[string]string{
		"label": `"labels":{"order_id":"o-1"}}`,
		"keep":  `"order":{"id":"o-1"}}`,
		"drop":  `"service":{"name":"a"}}`,
	} {
		e := start(t, func(c *Config) { c.Unknown = unknown })
		logs := plog.NewLogs()
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", "a")
		rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes().PutStr("order.id", "o-1")
		data, err := e.MarshalLogs(logs)
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix(string(data), want), "%s: %s", unknown, data)
	}
}

func TestUnmarshalFails(t *testing.T) {
	e := start(t, nil)
	logs, err := e.UnmarshalLogs([]byte("{}\n{}\n{"))
	require.EqualError(t, err, "read ECS documents: line 3, column 2: the object is never closed")
	assert.Zero(t, logs.LogRecordCount())
}

// TestConcurrent: many write and read at once, and each gets its own.
func TestConcurrent(t *testing.T) {
	e := start(t, nil)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			logs := orders(g + 1)
			want := records(logs)
			var data [][]byte
			for range 20 {
				d, err := e.MarshalLogs(logs)
				if assert.NoError(t, err) {
					data = append(data, d)
				}
			}
			for _, d := range data {
				back, err := e.UnmarshalLogs(d)
				if got := records(back); assert.NoError(t, err) && assert.Len(t, got, len(want)) {
					for i := range want {
						assert.Equal(t, want[i]["body"], got[i]["body"])
						assert.Equal(t, want[i]["resource"], got[i]["resource"])
					}
				}
			}
			assert.Len(t, data, 20)
		})
	}
	all.Wait()
}

// TestLogEncoder: an exporter has each document by itself, in its own memory.
func TestLogEncoder(t *testing.T) {
	e := start(t, nil)
	logs := orders(2)
	whole, err := e.MarshalLogs(logs)
	require.NoError(t, err)
	encoder := e.NewLogEncoder()
	buffer := []byte("kept")
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			encoder.Begin(rl.Resource(), sl.Scope())
			for _, r := range sl.LogRecords().All() {
				buffer, err = encoder.AppendLog(append(buffer, '\n'), r)
				require.NoError(t, err)
			}
		}
	}
	encoder.End()
	assert.Equal(t, "kept\n"+string(whole), string(buffer))
}

func TestMetrics(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { assert.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context()))) })
	run := func(unknown string) {
		cfg := createDefaultConfig().(*Config)
		cfg.Unknown = unknown
		set := extensiontest.NewNopSettings(metadata.Type)
		set.TelemetrySettings = telemetry.NewTelemetrySettings()
		e, err := newExtension(set, cfg)
		require.NoError(t, err)
		logs := plog.NewLogs()
		rl := logs.ResourceLogs().AppendEmpty()
		a := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes()
		a.PutStr("order.id", "o-1")                     // unknown
		a.PutStr("order.no", "o-1")                     // unknown
		a.PutStr("http.response.status_code", "no way") // type
		a.PutStr("error.stack_trace", "a")
		a.PutStr("exception.stacktrace", "b") // taken
		_, err = e.MarshalLogs(logs)
		require.NoError(t, err)
		require.NoError(t, e.Shutdown(t.Context()))
	}
	run("label")
	labelled := func(reason string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("reason", reason))}
	}
	metadatatest.AssertEqualExtensionEcsEncodingLabelled(t, telemetry, []metricdata.DataPoint[int64]{
		labelled("unknown", 2), labelled("type", 1), labelled("taken", 1),
	}, metricdatatest.IgnoreTimestamp())
	run("drop")
	metadatatest.AssertEqualExtensionEcsEncodingLabelled(t, telemetry, []metricdata.DataPoint[int64]{
		labelled("unknown", 2), labelled("type", 2), labelled("taken", 2),
	}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualExtensionEcsEncodingDropped(t, telemetry, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
}

func TestConfig(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		err := c.Validate()
		if want == "" {
			assert.NoError(t, err)
		} else {
			require.EqualError(t, err, want)
			_, err = newExtension(extensiontest.NewNopSettings(metadata.Type), &c)
			require.EqualError(t, err, want)
		}
	}
	f(*createDefaultConfig().(*Config), "")
	f(Config{Nesting: "dotted", Unknown: "drop"}, "")
	f(Config{Nesting: "flat", Unknown: "keep"}, `nesting is "flat"; it must be "nested" or "dotted"`)
	f(Config{Nesting: "nested", Unknown: ""}, `unknown is ""; it must be "label", "keep" or "drop"`)
	f(Config{}, "nesting is \"\"; it must be \"nested\" or \"dotted\"\nunknown is \"\"; it must be \"label\", \"keep\" or \"drop\"")
	assert.Equal(t, component.MustNewType("ecs_encoding"), NewFactory().Type())
}
