package kinesisexporter

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"gopkg.in/yaml.v3"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/metadata"
)

// The chain of credentials ends here, before it asks the machine's metadata service,
// whose connection would stay open.
func init() {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
}

// configured reads YAML over the defaults, as the Collector does.
func configured(tb testing.TB, text string) *Config {
	tb.Helper()
	var raw map[string]any
	require.NoError(tb, yaml.Unmarshal([]byte(text), &raw))
	cfg := createDefaultConfig().(*Config)
	require.NoError(tb, confmap.NewFromStringMap(raw).Unmarshal(cfg))
	return cfg
}

// host has extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// bench is an exporter under test, with what is around it.
type bench struct {
	fake *fake
	tel  *componenttest.Telemetry
	log  *observer.ObservedLogs
	cfg  *Config
	set  exporter.Settings

	logs exporter.Logs
}

// newBench configures an exporter: text is YAML, over settings for a quick test.
func newBench(tb testing.TB, f *fake, text string) *bench {
	tb.Helper()
	cfg := configured(tb, text)
	if cfg.Stream == "" {
		cfg.Stream = "orders"
	}
	if cfg.Endpoint == "" {
		cfg.Endpoint = f.URL
	}
	if cfg.region() == "" {
		cfg.Region = "eu-central-1"
	}
	if cfg.Batch.MaxAge == 200*time.Millisecond {
		cfg.Batch.MaxAge = 5 * time.Millisecond
	}
	if cfg.Retry.InitialInterval == 100*time.Millisecond {
		cfg.Retry = retryConfig{InitialInterval: time.Millisecond, MaxInterval: 20 * time.Millisecond}
	}
	require.NoError(tb, cfg.Validate())
	b := &bench{fake: f, tel: componenttest.NewTelemetry(), cfg: cfg}
	b.set = exportertest.NewNopSettings(metadata.Type)
	b.set.TelemetrySettings = b.tel.NewTelemetrySettings()
	core, log := observer.New(zap.InfoLevel)
	b.set.Logger, b.log = zap.New(core), log
	b.set.BuildInfo.Version = "1.2.3"
	tb.Cleanup(func() { assert.NoError(tb, b.tel.Shutdown(context.Background())) })
	return b
}

// startLogs starts an exporter of logs, which ends with the test.
func startLogs(tb testing.TB, f *fake, text string, extensions ...host) *bench {
	tb.Helper()
	b := newBench(tb, f, text)
	h := host{}
	for _, e := range extensions {
		h = e
	}
	require.NoError(tb, b.start(tb, h))
	tb.Cleanup(func() { assert.NoError(tb, b.logs.Shutdown(context.Background())) })
	return b
}

func (b *bench) start(tb testing.TB, h component.Host) error {
	tb.Helper()
	logs, err := NewFactory().CreateLogs(tb.Context(), b.set, b.cfg)
	require.NoError(tb, err)
	b.logs = logs
	return logs.Start(tb.Context(), h)
}

// value is that of a metric, over all its attributes or those with the label.
func (b *bench) value(tb testing.TB, name, label string) float64 {
	tb.Helper()
	m, err := b.tel.GetMetric("otelcol_exporter_kinesis_" + name)
	if err != nil {
		return 0 // nothing was counted yet
	}
	sum := 0.0
	has := func(set metricdata.DataPoint[int64]) bool {
		for _, kv := range set.Attributes.ToSlice() {
			if label == "" || kv.Value.AsString() == label {
				return true
			}
		}
		return label == ""
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			if has(p) {
				sum += float64(p.Value)
			}
		}
	case metricdata.Gauge[int64]:
		sum = float64(data.DataPoints[0].Value)
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			sum += p.Value
		}
	case metricdata.Gauge[float64]:
		sum = data.DataPoints[0].Value
	default:
		require.Fail(tb, "another kind of metric", "%s is %T", name, m.Data)
	}
	return sum
}

func (b *bench) awaitValue(tb testing.TB, want float64, name, label string) {
	tb.Helper()
	require.Eventually(tb, func() bool { return b.value(tb, name, label) >= want }, 20*time.Second, time.Millisecond, "%s %s", name, label)
	assert.Equal(tb, want, b.value(tb, name, label), "%s %s", name, label) //nolint:testifylint // whole numbers
}

// rec is one record of a test.
type rec struct {
	service, request, uid, body string
	trace                       pcommon.TraceID
	attrs                       map[string]any
}

// newLogs has a resource for each service that differs from the one before.
func newLogs(records ...rec) plog.Logs {
	out := plog.NewLogs()
	var to plog.LogRecordSlice
	for i, one := range records {
		if i == 0 || one.service != records[i-1].service {
			rl := out.ResourceLogs().AppendEmpty()
			rl.SetSchemaUrl("https://example/resource")
			if one.service != "" {
				rl.Resource().Attributes().PutStr("service.name", one.service)
			}
			sl := rl.ScopeLogs().AppendEmpty()
			sl.SetSchemaUrl("https://example/scope")
			sl.Scope().SetName("test")
			to = sl.LogRecords()
		}
		r := to.AppendEmpty()
		r.SetTimestamp(pcommon.Timestamp(1_770_000_000_000_000_000 + i))
		r.Body().SetStr(one.body)
		r.SetTraceID(one.trace)
		for key, value := range one.attrs {
			_ = r.Attributes().PutEmpty(key).FromRaw(value)
		}
		if one.request != "" {
			r.Attributes().PutStr("request.id", one.request)
		}
		if one.uid != "" {
			r.Attributes().PutStr(uidAttribute, one.uid)
		}
	}
	return out
}

func (b *bench) consume(tb testing.TB, records ...rec) {
	tb.Helper()
	require.NoError(tb, b.logs.ConsumeLogs(tb.Context(), newLogs(records...)))
}

// letters are the lines of the dead letters.
func letterLines(tb testing.TB, directory string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.jsonl"))
	require.NoError(tb, err)
	var lines []string
	for _, file := range files {
		lines = append(lines, readLines(tb, file)...)
	}
	return lines
}
