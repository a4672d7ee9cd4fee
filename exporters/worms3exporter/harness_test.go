package worms3exporter

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
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

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// base is what each configuration of a test is put over.
const base = `
bucket: example-archive
region: eu-central-1
origin: example.com/logs
writer: gateway-1
signing_key_file: /etc/otelcol/gateway-1.key
rules: [{name: application, period: 90d}]
spool: {directory: /var/lib/otelcol/archive}
`

// configured reads YAML over base and the defaults, as the Collector does.
func configured(tb testing.TB, text string) *Config {
	tb.Helper()
	cfg, err := parse(text)
	require.NoError(tb, err, text)
	return cfg
}

func parse(text string) (*Config, error) {
	raw := map[string]any{}
	if err := yaml.Unmarshal([]byte(base), &raw); err != nil {
		return nil, err
	}
	over := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &over); err != nil {
		return nil, err
	}
	maps.Copy(raw, over)
	cfg := createDefaultConfig().(*Config)
	return cfg, confmap.NewFromStringMap(raw).Unmarshal(cfg)
}

// host has extensions.
type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// fakeEngine keeps what it accepts.
type fakeEngine struct {
	set archiver.Settings

	// mu guards the following.
	mu                sync.Mutex
	records           []archiver.Record
	letters           int
	err               error // of Accept
	lettersErr        error
	started, shutDown int
	stats             archiver.Stats
}

func (f *fakeEngine) Start(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started++
	return nil
}

func (f *fakeEngine) Accept(_ context.Context, records []archiver.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	for _, r := range records {
		// Nothing of it is the engine's when this returns.
		r.Line, r.RequestID, r.TraceID = slices.Clone(r.Line), slices.Clone(r.RequestID), slices.Clone(r.TraceID)
		f.records = append(f.records, r)
	}
	return nil
}

func (f *fakeEngine) DeadLettered(_ context.Context, records int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lettersErr != nil {
		return f.lettersErr
	}
	f.letters += records
	return nil
}

func (*fakeEngine) HasRoom() bool { return true }

func (*fakeEngine) CheckDisk(context.Context) error { return nil }

func (f *fakeEngine) FingerprintKey() archiver.FingerprintKey { return archiver.FingerprintKey{1} }

func (f *fakeEngine) Shutdown(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shutDown++
	return nil
}

func (f *fakeEngine) Stats() archiver.Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// bench is an exporter under test, with what is around it.
type bench struct {
	engine *fakeEngine // nil for the real one
	store  *memstore.Store
	tel    *componenttest.Telemetry
	log    *observer.ObservedLogs
	cfg    *Config
	set    exporter.Settings
	key    string // the public half of the writer's
}

// newBench configures an exporter on a store in memory. Tests of it are not parallel: what
// makes stores is replaced.
func newBench(tb testing.TB, text string) *bench {
	tb.Helper()
	b := &bench{store: memstore.New(time.Now), tel: componenttest.NewTelemetry()}
	b.store.SetBucket(objectstore.Bucket{Versioning: true, ObjectLock: true})
	private, public, err := archive.GenerateKey("example.com/logs/gateway-1")
	require.NoError(tb, err)
	b.key = public
	directory := tb.TempDir()
	file := filepath.Join(directory, "gateway-1.key")
	require.NoError(tb, os.WriteFile(file, []byte(private+"\n"), 0o600))
	b.cfg = configured(tb, text)
	if b.cfg.SigningKeyFile == "/etc/otelcol/gateway-1.key" {
		b.cfg.SigningKeyFile = file
	}
	b.cfg.Spool.Directory = filepath.Join(directory, "spool")
	if b.cfg.Retry.InitialInterval == 100*time.Millisecond {
		b.cfg.Retry = retryConfig{InitialInterval: time.Millisecond, MaxInterval: 20 * time.Millisecond}
	}
	require.NoError(tb, b.cfg.Validate())
	b.set = exportertest.NewNopSettings(metadata.Type)
	b.set.TelemetrySettings = b.tel.NewTelemetrySettings()
	core, log := observer.New(zap.DebugLevel)
	b.set.Logger, b.log = zap.New(core), log
	b.set.BuildInfo.Version = "1.2.3"
	tb.Cleanup(func() { assert.NoError(tb, b.tel.Shutdown(context.Background())) })

	was := newStore
	newStore = func(context.Context, *Config, string) (bucketStore, func(), error) {
		return memBucket{b.store}, func() {}, nil
	}
	tb.Cleanup(func() { newStore = was })
	return b
}

// withEngine has a fake in place of the archiver.
func (b *bench) withEngine(tb testing.TB) *bench {
	tb.Helper()
	b.engine = &fakeEngine{}
	was := newEngine
	newEngine = func(set archiver.Settings) (engine, error) {
		b.engine.set = set
		return b.engine, nil
	}
	tb.Cleanup(func() { newEngine = was })
	return b
}

// startLogs starts an exporter of logs, which ends with the test.
func (b *bench) startLogs(tb testing.TB, h component.Host) exporter.Logs {
	tb.Helper()
	logs, err := NewFactory().CreateLogs(tb.Context(), b.set, b.cfg)
	require.NoError(tb, err)
	require.NoError(tb, logs.Start(tb.Context(), h))
	tb.Cleanup(func() { assert.NoError(tb, logs.Shutdown(context.Background())) })
	return logs
}

// startError is that of a start that fails.
func (b *bench) startError(tb testing.TB, h component.Host) error {
	tb.Helper()
	logs, err := NewFactory().CreateLogs(tb.Context(), b.set, b.cfg)
	require.NoError(tb, err)
	err = logs.Start(tb.Context(), h)
	require.NoError(tb, logs.Shutdown(context.Background()))
	require.Error(tb, err)
	return err
}

// value is that of a metric, over all its attributes or those with the label.
func (b *bench) value(tb testing.TB, name, label string) float64 {
	tb.Helper()
	m, err := b.tel.GetMetric("otelcol_exporter_worm_s3_" + name)
	if err != nil {
		return 0 // nothing was counted yet
	}
	sum := 0.0
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			has := label == ""
			for _, kv := range p.Attributes.ToSlice() {
				has = has || kv.Value.AsString() == label
			}
			if has {
				sum += float64(p.Value)
			}
		}
	case metricdata.Gauge[int64]:
		sum = float64(data.DataPoints[0].Value)
	case metricdata.Gauge[float64]:
		sum = data.DataPoints[0].Value
	default:
		require.Fail(tb, "another kind of metric", "%s is %T", name, m.Data)
	}
	return sum
}

// rec is one record of a test.
type rec struct {
	service, request, uid, body string
	trace                       pcommon.TraceID
	at                          time.Time
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
		if !one.at.IsZero() {
			r.SetTimestamp(pcommon.NewTimestampFromTime(one.at))
		}
		r.Body().SetStr(one.body)
		r.SetTraceID(one.trace)
		for _, key := range slices.Sorted(maps.Keys(one.attrs)) {
			_ = r.Attributes().PutEmpty(key).FromRaw(one.attrs[key])
		}
		if one.request != "" {
			r.Attributes().PutStr(requestAttribute, one.request)
		}
		if one.uid != "" {
			r.Attributes().PutStr(uidAttribute, one.uid)
		}
	}
	return out
}

// logLines are the messages of the collector's log at a level.
func (b *bench) logLines(level string) (out []string) {
	for _, e := range b.log.All() {
		if e.Level.String() == level {
			out = append(out, e.Message)
		}
	}
	return out
}
