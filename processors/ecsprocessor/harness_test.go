package ecsprocessor

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata"
	"go.opentelemetry.io/collector/processor"

	"github.com/heartwood-otel/heartwood/processors/ecsprocessor/internal/metadatatest"
)

// bench is a processor of both signals with what it gave on and what it counted.
type bench struct {
	logs      processor.Logs
	traces    processor.Traces
	logSink   *consumertest.LogsSink
	traceSink *consumertest.TracesSink
	telemetry *componenttest.Telemetry
}

func start(tb testing.TB, cfg *Config) *bench {
	tb.Helper()
	require.NoError(tb, cfg.Validate())
	b := &bench{logSink: &consumertest.LogsSink{}, traceSink: &consumertest.TracesSink{}, telemetry: componenttest.NewTelemetry()}
	tb.Cleanup(func() { _ = b.telemetry.Shutdown(context.Background()) })
	settings := metadatatest.NewSettings(b.telemetry)
	var err error
	b.logs, err = NewFactory().CreateLogs(tb.Context(), settings, cfg, b.logSink)
	require.NoError(tb, err)
	b.traces, err = NewFactory().CreateTraces(tb.Context(), settings, cfg, b.traceSink)
	require.NoError(tb, err)
	require.NoError(tb, b.logs.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { _ = b.logs.Shutdown(context.Background()) })
	require.NoError(tb, b.traces.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { _ = b.traces.Shutdown(context.Background()) })
	return b
}

func (b *bench) consumeLogs(tb testing.TB, logs plog.Logs) plog.Logs {
	tb.Helper()
	require.NoError(tb, b.logs.ConsumeLogs(tb.Context(), logs))
	all := b.logSink.AllLogs()
	return all[len(all)-1]
}

func (b *bench) consumeTraces(tb testing.TB, traces ptrace.Traces) ptrace.Traces {
	tb.Helper()
	require.NoError(tb, b.traces.ConsumeTraces(tb.Context(), traces))
	all := b.traceSink.AllTraces()
	return all[len(all)-1]
}

// one is a batch of one record.
func one() (plog.Logs, plog.LogRecord) {
	logs := plog.NewLogs()
	return logs, logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
}

func firstRecord(logs plog.Logs) plog.LogRecord {
	return logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

func mapOf(tb testing.TB, raw map[string]any) pcommon.Map {
	tb.Helper()
	m := pcommon.NewMap()
	require.NoError(tb, m.FromRaw(raw))
	return m
}

// sortMap brings the members into the order of their names, at all depths.
func sortMap(m pcommon.Map) {
	type member struct {
		name  string
		value pcommon.Value
	}
	var members []member
	for name, v := range m.All() {
		if v.Type() == pcommon.ValueTypeMap {
			sortMap(v.Map())
		}
		copied := pcommon.NewValueEmpty()
		v.CopyTo(copied)
		members = append(members, member{name, copied})
	}
	slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	var sorted xpdata.MapBuilder
	for _, m := range members {
		m.value.CopyTo(sorted.AppendEmpty(m.name))
	}
	m.Clear()
	sorted.UnsafeIntoMap(m)
}
