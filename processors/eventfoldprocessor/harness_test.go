package eventfoldprocessor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"gopkg.in/yaml.v3"

	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/metadata"
)

var errRefused = errors.New("refused by the test")

// keeper is a next consumer that keeps what it accepts.
type keeper struct {
	// before is asked first, with the number of the call, from 1; an error refuses.
	before  func(ctx context.Context, call int) error
	mutates bool

	mu    sync.Mutex
	calls int
	kept  []record
}

// record is one accepted log record with what it belongs to.
type record struct {
	plog.LogRecord
	resource pcommon.Map
}

func (r record) attr(key string) any {
	v, ok := r.Attributes().Get(key)
	if !ok {
		return nil
	}
	return v.AsRaw()
}

func (k *keeper) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: k.mutates}
}

func (k *keeper) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	k.mu.Lock()
	k.calls++
	call := k.calls
	k.mu.Unlock()
	if k.before != nil {
		if err := k.before(ctx, call); err != nil {
			if k.mutates {
				logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
			}
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				k.kept = append(k.kept, record{r, rl.Resource().Attributes()})
			}
		}
	}
	return nil
}

func (k *keeper) records() []record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.kept)
}

// bench is a processor under test.
type bench struct {
	*foldProcessor
	next *keeper
	tel  *componenttest.Telemetry
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

// start starts a processor. In a synctest bubble, end it with stop.
func start(tb testing.TB, next *keeper, text string) *bench {
	tb.Helper()
	tel := componenttest.NewTelemetry()
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	return startWith(tb, next, text, set, tel)
}

func startWith(tb testing.TB, next *keeper, text string, set processor.Settings, tel *componenttest.Telemetry) *bench {
	tb.Helper()
	cfg := configured(tb, text)
	require.NoError(tb, cfg.Validate())
	p, err := newProcessor(tb.Context(), set, cfg, next)
	require.NoError(tb, err)
	require.NoError(tb, p.Start(tb.Context(), componenttest.NewNopHost()))
	return &bench{foldProcessor: p, next: next, tel: tel}
}

func (b *bench) stop(tb testing.TB) {
	tb.Helper()
	assert.NoError(tb, b.Shutdown(context.Background()))
	assert.NoError(tb, b.tel.Shutdown(context.Background()))
}

// sum is the value of a metric, over all its attributes or those with the reason.
func (b *bench) sum(tb testing.TB, name, reason string) int64 {
	tb.Helper()
	m, err := b.tel.GetMetric("otelcol_processor_event_fold_" + name)
	if err != nil {
		return 0 // nothing was counted yet
	}
	data, ok := m.Data.(metricdata.Sum[int64])
	require.True(tb, ok, "%s is %T", name, m.Data)
	var sum int64
	for _, p := range data.DataPoints {
		if v, ok := p.Attributes.Value("reason"); reason == "" || ok && v.AsString() == reason {
			sum += p.Value
		}
	}
	return sum
}

// requireBalance adds up what became of the records.
func (b *bench) requireBalance(tb testing.TB, received int64) {
	tb.Helper()
	assert.Equal(tb, received, b.sum(tb, "records_received", ""))
	assert.Equal(tb, received, b.sum(tb, "records_merged", "")+b.sum(tb, "records_passed", "")+b.sum(tb, "records_held", "")+
		b.sum(tb, "records_repeated", "")+b.sum(tb, "records_dropped", ""))
}

func (b *bench) awaitNothingHeld(tb testing.TB) {
	tb.Helper()
	require.Eventually(tb, func() bool { return b.sum(tb, "records_held", "") == 0 }, 20*time.Second, time.Millisecond)
}

// rec is one record of a test.
type rec struct {
	service, request, uid, body string
	severity                    plog.SeverityNumber
	attrs                       map[string]any
}

// logs has a resource for each record, as different senders' records have.
func logs(records ...rec) plog.Logs {
	out := plog.NewLogs()
	for _, one := range records {
		rl := out.ResourceLogs().AppendEmpty()
		if one.service != "" {
			rl.Resource().Attributes().PutStr("service.name", one.service)
		}
		r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		if one.uid != "" {
			r.SetTimestamp(1) // made again, it is the same
		}
		r.SetObservedTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		r.Body().SetStr(one.body)
		r.SetSeverityNumber(one.severity)
		for key, value := range one.attrs {
			_ = r.Attributes().PutEmpty(key).FromRaw(value)
		}
		if one.request != "" {
			r.Attributes().PutStr("request.id", one.request)
		}
		if one.uid != "" {
			r.Attributes().PutStr("log.record.uid", one.uid)
		}
	}
	return out
}

// consume hands records to the processor.
func (b *bench) consume(tb testing.TB, records ...rec) {
	tb.Helper()
	require.NoError(tb, b.ConsumeLogs(tb.Context(), logs(records...)))
}
