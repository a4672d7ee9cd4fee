package redactprocessor

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/heartwood-otel/heartwood/processors/redactprocessor/internal/metadatatest"
)

func TestValues(t *testing.T) {
	const customer = "custom: [{name: customer, pattern: '[0-9]{6}'}]"
	for name, x := range map[string]struct {
		config   string
		in, want any
	}{
		"negative card":             {"{}", int64(-4111111111111111), "[PAYMENT_CARD]"},
		"least integer":             {"{}", int64(math.MinInt64), int64(math.MinInt64)},
		"double beyond 2^53":        {"{}", 6304000000000000064.0, "[PAYMENT_CARD]"},
		"double beyond int64":       {"{}", 1e300, 1e300},
		"no number":                 {"{}", math.Inf(1), math.Inf(1)},
		"short integer, own":        {customer, int64(123456), "[CUSTOMER]"},
		"short double, own":         {customer, 123456.0, "[CUSTOMER]"},
		"bytes":                     {"{}", []byte("by jane@example.com"), []byte("by [EMAIL]")},
		"too many bytes":            {"limits: {max_size: 4}", []byte("jane@example.com"), "[UNSCANNED]"},
		"empty":                     {"{}", map[string]any{"m": map[string]any{}, "l": []any{}, "n": nil}, map[string]any{"m": map[string]any{}, "l": []any{}, "n": nil}},
		"what looks like a label":   {"{}", map[string]any{"password": "[HUNTER2]", "token": "[hunter2~k1~0123456789abcdef]", "secret": "[Email]"}, map[string]any{"password": "[SECRET_KEY]", "token": "[SECRET_KEY]", "secret": "[SECRET_KEY]"}},
		"what is one":               {"{}", map[string]any{"password": "[EMAIL]", "token": "[secret_key~old~0123456789abcdef]"}, map[string]any{"password": "[EMAIL]", "token": "[secret_key~old~0123456789abcdef]"}},
		"in what is tagged":         {"actions: {secret_key: {type: tag}}", map[string]any{"token": card, "session_token": map[string]any{"cvv": "123", "a": "b"}, "password": "hunter2"}, map[string]any{"token": "[PAYMENT_CARD]", "session_token": map[string]any{"cvv": "[CARD_CVV]", "a": "b"}, "password": "hunter2"}},
		"card in a tagged password": {"actions: {url_password: {type: tag}}", "db://bob:4111-1111-1111-1111@host", "db://bob:[URL_PASSWORD]@host"},
		"card in a kept password":   {"actions: {secret_key: {type: mask, keep_first: 8}}", map[string]any{"password": card, "token": "0123456789abcdef"}, map[string]any{"password": "[SECRET_KEY]", "token": "01234567********"}},
		"card in a hash beside digits": {
			"custom: [{name: own, pattern: 'acct[0-9 ]+'}]\nactions: {payment_card: {type: mask, keep_last: 4}, own: {type: hash}}\n" + hashKeys,
			"acct 4111 1111 1111 1111", "[OWN]",
		},
		"track in a hash": {"actions: {secret_key: {type: hash}}\n" + hashKeys, map[string]any{"token": ";4111111111111111=25121010000012300000?"}, map[string]any{"token": "[SECRET_KEY]"}},
		"cvv in a hash":   {"actions: {secret_key: {type: hash}}\n" + hashKeys, map[string]any{"token": map[string]any{"cvv": "123"}}, map[string]any{"token": "[SECRET_KEY]"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, x.want, start(t, x.config).record(t, x.in, nil).Body().AsRaw())
		})
	}
}

func TestCardsOfOneBrandJoin(t *testing.T) {
	b := start(t, "detectors: [payment_card_visa]\naction: {type: hash}\n"+hashKeys)
	assert.Equal(t, b.record(t, card, nil).Body().Str(), b.record(t, "4111 1111 1111 1111", nil).Body().Str())
}

func TestMetricIsDroppedByItsDescription(t *testing.T) {
	sink, telemetry := &consumertest.MetricsSink{}, componenttest.NewTelemetry()
	p, err := NewFactory().CreateMetrics(t.Context(), metadatatest.NewSettings(telemetry), configOf(t, "action: {type: drop_record}"), sink)
	require.NoError(t, err)
	metrics := pmetric.NewMetrics()
	list := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for _, description := range []string{"of jane@example.com", "of nobody"} {
		m := list.AppendEmpty()
		m.SetDescription(description)
		points := m.SetEmptyGauge().DataPoints()
		points.AppendEmpty()
		points.AppendEmpty()
	}
	require.NoError(t, p.ConsumeMetrics(t.Context(), metrics))
	assert.Equal(t, 2, sink.DataPointCount())
	metadatatest.AssertEqualProcessorRedactDropped(t, telemetry, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attributesOf("detector", "email", "signal", "metrics")},
	}, metricdatatestIgnore...)
}

// What is refused as a whole is the sender's still, and not dropped here.
func TestRefusedIsNotDropped(t *testing.T) {
	b := start(t, "action: {type: drop_record}\nlimits: {max_size: 100}\non_unscannable: refuse")
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr("by jane@example.com")
	records.AppendEmpty().Body().SetStr(strings.Repeat("x", 101))
	require.True(t, consumererror.IsPermanent(b.logs.ConsumeLogs(t.Context(), logs)))
	_, err := b.telemetry.GetMetric("otelcol_processor_redact_dropped")
	require.Error(t, err, "there is none")
}
