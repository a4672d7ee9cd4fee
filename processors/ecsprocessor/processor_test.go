package ecsprocessor

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/heartwood-otel/heartwood/processors/ecsprocessor/internal/metadatatest"
)

func TestTelemetry(t *testing.T) {
	b := start(t, &Config{Direction: toECS})
	dropping := start(t, &Config{Direction: toECS, Unknown: "drop"})
	back := start(t, &Config{Direction: fromECS})
	batch := func() plog.Logs {
		logs, r := one()
		logs.ResourceLogs().At(0).Resource().Attributes().PutStr("team", "blue")
		require.NoError(t, r.Attributes().FromRaw(map[string]any{
			"order.id": "o", "n": int64(1), // labels
			"process.pid":   "none",                        // of another type
			"error.message": "a", "exception.message": "b", // two for one
			"request.id": "r",
		}))
		r.CopyTo(logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty())
		// A second scope: its resource is not counted again.
		r.CopyTo(logs.ResourceLogs().At(0).ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
		return logs
	}
	traces := func() ptrace.Traces {
		traces := ptrace.NewTraces()
		traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().Attributes().PutStr("order.id", "o")
		return traces
	}
	for _, b := range []*bench{b, dropping, back} {
		b.consumeLogs(t, batch())
		b.consumeTraces(t, traces())
	}
	point := func(n int64, attributes ...attribute.KeyValue) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attributes...)}
	}
	reason := func(text string) attribute.KeyValue { return attribute.String("reason", text) }
	mapped := func(direction string) []metricdata.DataPoint[int64] {
		return []metricdata.DataPoint[int64]{
			point(3, attribute.String("direction", direction), attribute.String("signal", "logs")),
			point(1, attribute.String("direction", direction), attribute.String("signal", "traces")),
		}
	}
	ignore := metricdatatest.IgnoreTimestamp()
	metadatatest.AssertEqualProcessorEcsMapped(t, b.telemetry, mapped("to_ecs"), ignore)
	metadatatest.AssertEqualProcessorEcsMapped(t, dropping.telemetry, mapped("to_ecs"), ignore)
	metadatatest.AssertEqualProcessorEcsMapped(t, back.telemetry, mapped("from_ecs"), ignore)
	metadatatest.AssertEqualProcessorEcsValues(t, b.telemetry, []metricdata.DataPoint[int64]{
		point(1+3*2+1, reason("labelled_unknown")), point(3, reason("labelled_type")), point(3, reason("labelled_taken")),
	}, ignore)
	metadatatest.AssertEqualProcessorEcsValues(t, dropping.telemetry, []metricdata.DataPoint[int64]{
		point(1+3*2+1, reason("dropped_unknown")), point(3, reason("labelled_type")), point(3, reason("labelled_taken")),
	}, ignore)
	_, err := back.telemetry.GetMetric("otelcol_processor_ecs_values")
	require.Error(t, err, "from_ecs counts no values")
}

// TestNothing has batches and maps with nothing in them.
func TestNothing(t *testing.T) {
	for _, direction := range []string{toECS, fromECS} {
		b := start(t, &Config{Direction: direction})
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), plog.NewLogs()))
		require.NoError(t, b.traces.ConsumeTraces(t.Context(), ptrace.NewTraces()))
		logs := plog.NewLogs()
		logs.ResourceLogs().AppendEmpty()
		logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
		logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		logs = b.consumeLogs(t, logs)
		assert.Equal(t, 3, logs.ResourceLogs().Len())
		want := map[string]any{}
		if direction == toECS {
			want["ecs.version"] = "9.4.0"
		}
		assert.Equal(t, want, logs.ResourceLogs().At(2).ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw())
		assert.Equal(t, 0, logs.ResourceLogs().At(2).Resource().Attributes().Len())
	}
}

// TestOwnFieldsStay holds that to_ecs takes nothing from a record's own fields.
func TestOwnFieldsStay(t *testing.T) {
	b := start(t, &Config{Direction: toECS})
	logs, r := one()
	sl := logs.ResourceLogs().At(0).ScopeLogs().At(0)
	sl.Scope().SetName("s")
	sl.Scope().SetVersion("1")
	r.SetTimestamp(1)
	r.SetObservedTimestamp(2)
	r.SetSeverityText("info")
	r.SetSeverityNumber(9)
	r.SetTraceID([16]byte{1})
	r.SetSpanID([8]byte{2})
	r.SetFlags(plog.DefaultLogRecordFlags.WithIsSampled(true))
	r.SetDroppedAttributesCount(3)
	r.SetEventName("e")
	require.NoError(t, r.Body().FromRaw(map[string]any{"message": "m", "list": []any{int64(1)}}))
	was := plog.NewLogRecord()
	r.CopyTo(was)
	got := b.consumeLogs(t, logs)
	record := firstRecord(got)
	attributes := record.Attributes().AsRaw()
	assert.Equal(t, "m", attributes["message"])
	assert.Equal(t, map[string]any{"message": "m", "list": []any{int64(1)}}, attributes["heartwood.body"])
	record.Attributes().Clear()
	assert.Equal(t, asJSON(t, was), asJSON(t, record))
	assert.Equal(t, "s", got.ResourceLogs().At(0).ScopeLogs().At(0).Scope().Name())
	assert.Equal(t, "1", got.ResourceLogs().At(0).ScopeLogs().At(0).Scope().Version())
}

// TestAnswer holds that the next consumer's refusal is the sender's.
func TestAnswer(t *testing.T) {
	refusal := errors.New("not now")
	p, err := NewFactory().CreateLogs(t.Context(), metadatatest.NewSettings(componenttest.NewTelemetry()), createDefaultConfig(), consumertest.NewErr(refusal))
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	logs, _ := one()
	require.ErrorIs(t, p.ConsumeLogs(t.Context(), logs), refusal)
	assert.Equal(t, consumer.Capabilities{MutatesData: true}, p.Capabilities())
	require.NoError(t, p.Shutdown(t.Context()))
}

// TestTogether has one processor in two goroutines, each way. What neighbours in a batch
// share in memory is not shared by batches: each changes its own while the other works.
func TestTogether(t *testing.T) {
	for _, direction := range []string{toECS, fromECS} {
		b := start(t, &Config{Direction: direction})
		var wait sync.WaitGroup
		for g := range 2 {
			wait.Go(func() {
				for i := range 100 {
					logs, first := one()
					records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
					for j := range 10 {
						r := first
						if j > 0 {
							r = records.AppendEmpty()
						}
						id := fmt.Sprintf("%d-%d-%d", g, i, j)
						r.Attributes().PutStr("request.id", id)
						r.Attributes().PutStr("error.message", id)
						r.Attributes().PutStr("own", id)
						r.Attributes().PutEmptyMap("labels").PutStr("x", id)
					}
					if err := b.logs.ConsumeLogs(t.Context(), logs); err != nil {
						t.Error(err)
						return
					}
					for j, r := range records.All() {
						id := fmt.Sprintf("%d-%d-%d", g, i, j)
						for name, v := range r.Attributes().All() {
							if name != "ecs.version" && name != "event.outcome" && v.Str() != id {
								t.Errorf("%s: %s is %s", id, name, v.Str())
							}
							v.SetStr("changed")
						}
						r.Attributes().PutStr("more", "y")
					}
				}
			})
		}
		wait.Wait()
	}
}

// hostileRecords are what a broken or wicked sender makes.
func hostileRecords(tb testing.TB) map[string]func(pcommon.Map) {
	tb.Helper()
	deep := func(name string) func(pcommon.Map) {
		return func(m pcommon.Map) {
			for range 1000 {
				m = m.PutEmptyMap(name)
			}
			m.PutStr("end", "x")
		}
	}
	return map[string]func(pcommon.Map){
		"deep":            deep("a"),
		"deep labels":     deep("labels"),
		"deep object":     deep("http"),
		"deep, own":       deep("heartwood"),
		"deep, no name":   deep(""),
		"many":            func(m pcommon.Map) { fill(m, "a%d", 20000) },
		"many labels":     func(m pcommon.Map) { fill(m, "labels.a%d", 20000) },
		"many in labels":  func(m pcommon.Map) { fill(m.PutEmptyMap("labels"), "a%d", 20000) },
		"many in objects": func(m pcommon.Map) { fill(m.PutEmptyMap("http"), "request.a%d", 20000) },
		"many clashes": func(m pcommon.Map) {
			fill(m.PutEmptyMap("http"), "a%d", 5000)
			fill(m, "http.a%d", 5000)
		},
		"long": func(m pcommon.Map) { m.PutStr(strings.Repeat("a.", 1<<16), strings.Repeat("x", 1<<20)) },
	}
}

// fill puts n members; pdata's own Put looks through all of them each time.
func fill(m pcommon.Map, format string, n int) {
	was := m.Len()
	raw := make(map[string]any, n)
	for name, v := range m.All() {
		raw[name] = v.AsRaw()
	}
	for i := range n {
		raw[fmt.Sprintf(format, i)] = int64(i + was)
	}
	_ = m.FromRaw(raw)
}

func TestHostile(t *testing.T) {
	for name, make := range hostileRecords(t) {
		t.Run(name, func(t *testing.T) {
			for _, direction := range []string{toECS, fromECS} {
				b := start(t, &Config{Direction: direction})
				logs, r := one()
				make(r.Attributes())
				was := leaves(r.Attributes())
				got := firstRecord(b.consumeLogs(t, logs))
				switch {
				case direction == fromECS:
					assert.Equal(t, was, leaves(got.Attributes()), "nothing is lost, nothing is made")
				case strings.HasPrefix(name, "many"):
					assert.Equal(t, was+1, got.Attributes().Len(), "all of it, and the version")
				default:
					assert.Equal(t, 2, got.Attributes().Len(), "a label, and the version")
				}
			}
		})
	}
}

// leaves counts what is no map; an empty one counts as well.
func leaves(m pcommon.Map) int {
	n := 0
	for _, v := range m.All() {
		if v.Type() == pcommon.ValueTypeMap && v.Map().Len() > 0 {
			n += leaves(v.Map())
		} else {
			n++
		}
	}
	return n
}
