package redactprocessor

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"gopkg.in/yaml.v3"

	"github.com/heartwood-otel/heartwood/processors/redactprocessor/internal/metadatatest"
)

const (
	hashKeys = "hash_keys: [{id: k1, secret: 0123456789abcdef0123456789abcdef}]"
	card     = "4111111111111111" // the test number that acquirers publish
)

func configOf(tb testing.TB, text string) *Config {
	tb.Helper()
	var raw map[string]any
	require.NoError(tb, yaml.Unmarshal([]byte(text), &raw))
	cfg := createDefaultConfig()
	require.NoError(tb, confmap.NewFromStringMap(raw).Unmarshal(cfg))
	return cfg.(*Config)
}

// bench is a processor with what it gave on and what it counted.
type bench struct {
	logs      processor.Logs
	sink      *consumertest.LogsSink
	telemetry *componenttest.Telemetry
}

func start(tb testing.TB, config string) *bench {
	tb.Helper()
	cfg := configOf(tb, config)
	require.NoError(tb, cfg.Validate())
	b := &bench{sink: &consumertest.LogsSink{}, telemetry: componenttest.NewTelemetry()}
	tb.Cleanup(func() { _ = b.telemetry.Shutdown(context.Background()) })
	var err error
	b.logs, err = NewFactory().CreateLogs(tb.Context(), metadatatest.NewSettings(b.telemetry), cfg, b.sink)
	require.NoError(tb, err)
	require.NoError(tb, b.logs.Start(tb.Context(), componenttest.NewNopHost()))
	tb.Cleanup(func() { _ = b.logs.Shutdown(context.Background()) })
	return b
}

// record hands over one record, and gives what it became.
func (b *bench) record(tb testing.TB, body any, attributes map[string]any) plog.LogRecord {
	tb.Helper()
	logs := plog.NewLogs()
	r := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	require.NoError(tb, r.Body().FromRaw(body))
	require.NoError(tb, r.Attributes().FromRaw(attributes))
	require.NoError(tb, b.logs.ConsumeLogs(tb.Context(), logs))
	all := b.sink.AllLogs()
	return all[len(all)-1].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

func TestActions(t *testing.T) {
	token := func(value, name string) string {
		mac := hmac.New(sha256.New, []byte("0123456789abcdef0123456789abcdef"))
		mac.Write([]byte(value))
		return "[" + name + "~k1~" + hex.EncodeToString(mac.Sum(nil))[:16] + "]"
	}
	for name, x := range map[string]struct{ config, want string }{
		"label":                {"{}", "by [EMAIL] now"},
		"mask":                 {"action: {type: mask}", "by *** now"},
		"mask with text":       {"action: {type: mask, text: X}", "by X now"},
		"mask keeps":           {"actions: {email: {type: mask, keep_first: 2, keep_last: 4}}", "by ja**************.com now"},
		"mask keeps too much":  {"actions: {email: {type: mask, keep_first: 10, keep_last: 4}}", "by ******************** now"},
		"mask with fill":       {"actions: {pii: {type: mask, keep_first: 1, fill: '#'}}", "by j################### now"},
		"hash":                 {"action: {type: hash}\n" + hashKeys, "by " + token("jane.doe@example.com", "email") + " now"},
		"tag":                  {"action: {type: tag}\nactions: {financial: {type: label}}", "by jane.doe@example.com now"},
		"drop_attribute":       {"action: {type: drop_attribute}", "by [EMAIL] now"},
		"detector over group":  {"actions: {pii: {type: mask}, email: {type: label}}", "by [EMAIL] now"},
		"other group":          {"actions: {credentials: {type: mask}}", "by [EMAIL] now"},
		"not looked for":       {"without: [email]", "by jane.doe@example.com now"},
		"dry run":              {"dry_run: true", "by jane.doe@example.com now"},
		"hash of all the hash": {"action: {type: hash, length: 64}\n" + hashKeys, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := start(t, x.config).record(t, "by jane.doe@example.com now", nil)
			if x.want == "" {
				assert.Regexp(t, `^by \[email~k1~[0-9a-f]{64}\] now$`, got.Body().Str())
			} else {
				assert.Equal(t, x.want, got.Body().Str())
			}
			note, noted := got.Attributes().Get("redaction.count")
			if assert.Equal(t, name != "not looked for", noted) && noted {
				assert.EqualValues(t, 1, note.Int())
			}
		})
	}
}

func TestWhereSecretsAre(t *testing.T) {
	b := start(t, "{}")
	r := b.record(t, map[string]any{
		"deep": []any{map[string]any{"x": "mail jane@example.com", "password": "hunter2"}, "card 4111 1111 1111 1111"},
		"n":    int64(4111111111111111), "f": 4111111111111111.0, "b": []byte("jane@example.com"), "ok": "fine",
	}, map[string]any{
		"db.password": "x", "userToken": int64(17), "http.request.header.authorization": []any{"Basic amFuZTpzZWNyZXQ="},
		"password": map[string]any{"old": "a", "new": "b"}, "password_set": true, "empty.password": "", "id": "42",
		"jane@example.com": "name", "cvv": int64(123), "url": "https://jane:s3cret@example.com/x",
	})
	assert.Equal(t, map[string]any{
		"deep": []any{map[string]any{"x": "mail [EMAIL]", "password": "[SECRET_KEY]"}, "card [PAYMENT_CARD]"},
		"n":    "[PAYMENT_CARD]", "f": "[PAYMENT_CARD]", "b": []byte("[EMAIL]"), "ok": "fine",
	}, r.Body().AsRaw())
	attributes := r.Attributes().AsRaw()
	assert.EqualValues(t, 13, attributes["redaction.count"])
	delete(attributes, "redaction.count")
	assert.Equal(t, map[string]any{
		"db.password": "[SECRET_KEY]", "userToken": "[SECRET_KEY]", "http.request.header.authorization": "[SECRET_KEY]",
		"password": "[SECRET_KEY]", "password_set": true, "empty.password": "", "id": "42",
		"[EMAIL]": "name", "cvv": "[CARD_CVV]", "url": "https://jane:[URL_PASSWORD]@example.com/x",
	}, attributes)
}

// LogTrace's example of what a secret becomes in a log line.
func TestMaskAsLogTraceShowsIt(t *testing.T) {
	b := start(t, "actions: {secret_key: {type: mask, keep_first: 10}}")
	v, _ := b.record(t, "", map[string]any{"api_key": "2c59999137a1b2c3"}).Attributes().Get("api_key")
	assert.Equal(t, "2c59999137******", v.Str())
	v, _ = b.record(t, "", map[string]any{"api_key": "2c59999137a1"}).Attributes().Get("api_key")
	assert.Equal(t, "************", v.Str(), "too little would be hidden")
}

// A second stage finds nothing in what the first has made.
func TestTwiceIsAsOnce(t *testing.T) {
	for name, config := range map[string]string{
		"label": "{}", "mask": "action: {type: mask}", "hash": "action: {type: hash}\n" + hashKeys,
		"cards": "actions: {payment_card: {type: mask, keep_first: 6, keep_last: 4}}",
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, config)
			in := "password=hunter2 mail jane@example.com card " + card + " https://jane:s3cret@example.com/?token=abcdefgh12345678 Authorization: Bearer abcdefghij0123456789"
			once := b.record(t, in, map[string]any{"password": "hunter2", "user": "jane@example.com"})
			for _, secret := range []string{"hunter2", "jane@", card, "s3cret", "abcdefgh"} {
				assert.NotContains(t, once.Body().Str(), secret)
			}
			attributes := once.Attributes().AsRaw()
			delete(attributes, "redaction.count")
			twice := b.record(t, once.Body().AsRaw(), attributes)
			assert.Equal(t, once.Body().Str(), twice.Body().Str())
			assert.Equal(t, attributes, twice.Attributes().AsRaw(), "nothing more is found")
		})
	}
}

func TestTokensJoin(t *testing.T) {
	b := start(t, "action: {type: hash}\n"+hashKeys)
	digits := func(r plog.LogRecord) string {
		text := r.Body().Str()
		return text[strings.LastIndexByte(text, '~'):]
	}
	assert.Equal(t, digits(b.record(t, "4111 1111 1111 1111", nil)), digits(b.record(t, "card "+card, nil)), "groups do not count")
	assert.NotEqual(t, digits(b.record(t, "4012888888881881", nil)), digits(b.record(t, card, nil)))
	v, _ := b.record(t, "", map[string]any{"password": "jane@example.com"}).Attributes().Get("password")
	mail := b.record(t, "jane@example.com", nil)
	assert.Equal(t, digits(mail), v.Str()[strings.LastIndexByte(v.Str(), '~'):], "whatever it was found by")
}

func TestKeysRotate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("0123456789abcdef0123456789abcdef\n"), 0o600))
	two := "action: {type: hash}\nhash_keys: [{id: old, file: " + file + "}, {id: new, secret: ffffffffffffffffffffffffffffffff}]\nactive_hash_key: "
	one := start(t, "action: {type: hash}\n"+hashKeys).record(t, "jane@example.com", nil).Body().Str()
	old := start(t, two+"old").record(t, "jane@example.com", nil).Body().Str()
	fresh := start(t, two+"new").record(t, "jane@example.com", nil).Body().Str()
	assert.Equal(t, strings.ReplaceAll(one, "~k1~", "~old~"), old, "the key of the file, without its line's end")
	assert.NotEqual(t, old[len("[email~old~"):], fresh[len("[email~new~"):])

	cfg := configOf(t, "action: {type: hash}\nhash_keys: [{id: a, file: /nowhere}]")
	_, err := NewFactory().CreateLogs(t.Context(), metadatatest.NewSettings(componenttest.NewTelemetry()), cfg, consumertest.NewNop())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "hash_keys[0] (a)")
}

func TestDrops(t *testing.T) {
	b := start(t, "actions: {email: {type: drop_record}, secret_key: {type: drop_attribute}, payment_card: {type: drop_attribute}}")
	r := b.record(t, "card "+card, map[string]any{"password": "x", "list": []any{card}, "m": map[string]any{"pan": card, "b": 1}, "stays": "y"})
	assert.Equal(t, "card [PAYMENT_CARD]", r.Body().Str())
	assert.Equal(t, map[string]any{"stays": "y", "m": map[string]any{"b": int64(1)}, "redaction.count": int64(4)}, r.Attributes().AsRaw())

	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr("by jane@example.com")
	records.AppendEmpty().Body().SetStr("stays")
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, 2, b.sink.LogRecordCount())

	b.sink.Reset()
	all := plog.NewLogs()
	all.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("by jane@example.com")
	rl := all.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("owner", "jane@example.com")
	rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	rl.ScopeLogs().At(0).LogRecords().AppendEmpty()
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), all))
	assert.Empty(t, b.sink.AllLogs(), "nothing is left to be handed on")
	metadatatest.AssertEqualProcessorRedactDropped(t, b.telemetry, []metricdata.DataPoint[int64]{
		{Value: 4, Attributes: attributesOf("detector", "email", "signal", "logs")},
	}, metricdatatestIgnore...)
}

func TestUnscannable(t *testing.T) {
	deep := func(levels int) any {
		var v any = "jane@example.com"
		for range levels {
			v = []any{v}
		}
		return v
	}
	limits := "limits: {max_depth: 3, max_size: 100, max_values: 5}\n"
	b := start(t, limits)
	assert.Equal(t, deepOf(3, "[EMAIL]"), b.record(t, deep(3), nil).Body().AsRaw())
	assert.Equal(t, deepOf(3, "[UNSCANNED]"), b.record(t, deep(4), nil).Body().AsRaw())
	assert.Equal(t, "[UNSCANNED]", b.record(t, strings.Repeat("x", 101), nil).Body().Str())
	many := b.record(t, []any{"1", "2", "3", "4", "jane@example.com", "jane@example.com"}, nil)
	assert.Equal(t, []any{"1", "2", "3", "4", "[UNSCANNED]", "[UNSCANNED]"}, many.Body().AsRaw())
	metadatatest.AssertEqualProcessorRedactUnscanned(t, b.telemetry, []metricdata.DataPoint[int64]{
		{Value: 1, Attributes: attributesOf("reason", "depth")},
		{Value: 1, Attributes: attributesOf("reason", "size")},
		{Value: 2, Attributes: attributesOf("reason", "values")},
	}, metricdatatestIgnore...)

	b = start(t, limits+"on_unscannable: refuse")
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(strings.Repeat("x", 101))
	err := b.logs.ConsumeLogs(t.Context(), logs)
	require.True(t, consumererror.IsPermanent(err))
	require.ErrorContains(t, err, "size")
	assert.Empty(t, b.sink.AllLogs())
	b.record(t, "fine", nil)
}

func deepOf(levels int, v any) any {
	for range levels {
		v = []any{v}
	}
	return v
}

func TestAllowOnly(t *testing.T) {
	r := start(t, "keys: {allow_only: [Path]}").record(t, "body stays", map[string]any{
		"path": "/x", "other": "y", "request.id": "r", "service.name": "s", "n": int64(5), "mail": "jane@example.com",
	})
	assert.Equal(t, map[string]any{
		"path": "/x", "other": "[SECRET_KEY]", "request.id": "r", "service.name": "s", "n": "[SECRET_KEY]", "mail": "[SECRET_KEY]",
		"redaction.count": int64(3),
	}, r.Attributes().AsRaw())

	r = start(t, "keys: {secret: [badge], safe: [session_token]}").record(t, "", map[string]any{"badge": "b", "session_token": "off"})
	assert.Equal(t, map[string]any{"badge": "[SECRET_KEY]", "session_token": "off", "redaction.count": int64(1)}, r.Attributes().AsRaw())

	r = start(t, "keys: {builtin: false, secret: [badge]}").record(t, "", map[string]any{"badge": "b", "token": "off"})
	assert.Equal(t, map[string]any{"badge": "[SECRET_KEY]", "token": "off", "redaction.count": int64(1)}, r.Attributes().AsRaw())
}

func TestNamesHaveActions(t *testing.T) {
	b := start(t, "keys: {actions: {user_badge: {type: drop_attribute}, Pass: {type: hash}, cvv: {type: hash}}}\n"+hashKeys)
	attributes := b.record(t, "", map[string]any{"userBadge": "b", "app.pass": "x", "password": "y", "cvv": "123", "badge": "z"}).Attributes().AsRaw()
	assert.Regexp(t, `^\[secret_key~k1~[0-9a-f]{16}\]$`, attributes["app.pass"])
	delete(attributes, "app.pass")
	assert.Equal(t, map[string]any{"password": "[SECRET_KEY]", "cvv": "[CARD_CVV]", "badge": "z", "redaction.count": int64(4)}, attributes,
		"and card data is never hashed")
}

func TestSharedParts(t *testing.T) {
	b := start(t, "{}")
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("process.command_line", "app --password=hunter2")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("jane@example.com")
	sl.Scope().SetVersion("1")
	sl.Scope().Attributes().PutStr("k", card)
	r := sl.LogRecords().AppendEmpty()
	r.SetEventName("mailed jane@example.com")
	r.SetSeverityText("jane@example.com")
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), logs))
	assert.Equal(t, map[string]any{"process.command_line": "app --password=[SECRET_ASSIGNMENT]"}, rl.Resource().Attributes().AsRaw())
	assert.Equal(t, "[EMAIL]", sl.Scope().Name())
	assert.Equal(t, map[string]any{"k": "[PAYMENT_CARD]"}, sl.Scope().Attributes().AsRaw())
	assert.Equal(t, "mailed [EMAIL]", r.EventName())
	assert.Equal(t, "[EMAIL]", r.SeverityText())
	assert.Equal(t, map[string]any{"redaction.count": int64(2)}, r.Attributes().AsRaw(), "of the record only")
}

func TestTraces(t *testing.T) {
	sink := &consumertest.TracesSink{}
	p, err := NewFactory().CreateTraces(t.Context(), metadatatest.NewSettings(componenttest.NewTelemetry()), configOf(t, "actions: {us_ssn: {type: drop_record}}"), sink)
	require.NoError(t, err)
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	s := spans.AppendEmpty()
	s.SetName("GET /users/jane@example.com")
	s.Status().SetMessage("refused for jane@example.com")
	s.TraceState().FromRaw("vendor=jane@example.com")
	s.Attributes().PutStr("http.request.header.cookie", "sid=1")
	e := s.Events().AppendEmpty()
	e.SetName("sent to jane@example.com")
	e.Attributes().PutStr("exception.message", "card "+card)
	s.Links().AppendEmpty().Attributes().PutStr("mail", "jane@example.com")
	spans.AppendEmpty().Attributes().PutStr("ssn", "078-05-1120")
	require.NoError(t, p.ConsumeTraces(t.Context(), traces))
	require.Equal(t, 1, sink.SpanCount())
	assert.Equal(t, "GET /users/[EMAIL]", s.Name())
	assert.Equal(t, "refused for [EMAIL]", s.Status().Message())
	assert.Equal(t, "vendor=[EMAIL]", s.TraceState().AsRaw())
	assert.Equal(t, map[string]any{"http.request.header.cookie": "[SECRET_KEY]", "redaction.count": int64(7)}, s.Attributes().AsRaw())
	assert.Equal(t, "sent to [EMAIL]", e.Name())
	assert.Equal(t, map[string]any{"exception.message": "card [PAYMENT_CARD]"}, e.Attributes().AsRaw())
	assert.Equal(t, map[string]any{"mail": "[EMAIL]"}, s.Links().At(0).Attributes().AsRaw())
}

func TestMetrics(t *testing.T) {
	sink := &consumertest.MetricsSink{}
	p, err := NewFactory().CreateMetrics(t.Context(), metadatatest.NewSettings(componenttest.NewTelemetry()), configOf(t, "actions: {us_ssn: {type: drop_record}}"), sink)
	require.NoError(t, err)
	metrics := pmetric.NewMetrics()
	list := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	var all []pcommon.Map
	add := func(attributes pcommon.Map, exemplars pmetric.ExemplarSlice) {
		all = append(all, attributes)
		if exemplars != (pmetric.ExemplarSlice{}) {
			all = append(all, exemplars.AppendEmpty().FilteredAttributes())
		}
	}
	n := list.AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	add(n.Attributes(), n.Exemplars())
	n = list.AppendEmpty().SetEmptySum().DataPoints().AppendEmpty()
	add(n.Attributes(), n.Exemplars())
	h := list.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty()
	add(h.Attributes(), h.Exemplars())
	x := list.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	add(x.Attributes(), x.Exemplars())
	q := list.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty()
	add(q.Attributes(), pmetric.ExemplarSlice{})
	for _, m := range all {
		m.PutStr("user", "jane@example.com")
	}
	gone := list.AppendEmpty()
	gone.SetEmptyGauge().DataPoints().AppendEmpty().Attributes().PutStr("ssn", "078-05-1120")
	require.NoError(t, p.ConsumeMetrics(t.Context(), metrics))
	require.Equal(t, 5, sink.DataPointCount())
	assert.Equal(t, 5, sink.AllMetrics()[0].MetricCount(), "a metric whose points are gone is gone")
	require.Len(t, all, 9)
	for _, m := range all {
		assert.Equal(t, map[string]any{"user": "[EMAIL]"}, m.AsRaw(), "and no note: it would be another series")
	}
}

func TestFindingsAreCounted(t *testing.T) {
	b := start(t, "actions: {email: {type: mask}}")
	b.record(t, "jane@example.com and joe@example.com, "+card, map[string]any{"password": "x", "redaction.count": int64(2)})
	metadatatest.AssertEqualProcessorRedactFindings(t, b.telemetry, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attributesOf("detector", "email", "action", "mask")},
		{Value: 1, Attributes: attributesOf("detector", "payment_card", "action", "label")},
		{Value: 1, Attributes: attributesOf("detector", "secret_key", "action", "label")},
	}, metricdatatestIgnore...)
	v, _ := b.sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Get("redaction.count")
	assert.EqualValues(t, 6, v.Int(), "a stage before has found two")
}
