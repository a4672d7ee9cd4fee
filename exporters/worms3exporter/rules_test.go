package worms3exporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// ruleOf is the name of a record's rule.
func ruleOf(tb testing.TB, r *rules, one rec) string {
	tb.Helper()
	rl := newLogs(one).ResourceLogs().At(0)
	lr := rl.ScopeLogs().At(0).LogRecords().At(0)
	return r.of(tb.Context(), rl, rl.ScopeLogs().At(0), lr, meantBy(lr.Attributes()).category).Name
}

func TestTheFirstRuleThatFitsCounts(t *testing.T) {
	cfg := configured(t, `
rules:
  - {name: audit, condition: 'resource.attributes["service.name"] == "payments" and log.attributes["log.category"] == "audit"', mode: COMPLIANCE, period: 7y}
  - {name: payments, condition: 'resource.attributes["service.name"] == "payments"', period: 1y}
  - {name: access, category: access, period: 730d, storage_class: STANDARD_IA}
  - {name: failing, condition: 'attributes["n"] != nil and Len(attributes["n"]) > 0', period: 2d}
  - {name: application, period: 90d}
max_retention: 7y`)
	require.NoError(t, cfg.Validate())
	rules, err := cfg.compileRules(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	failures := 0
	rules.failed = func(err error) {
		failures++
		assert.ErrorContains(t, err, "rules[3]::condition")
	}
	for _, one := range []struct {
		rec  rec
		want string
	}{
		{rec{service: "payments", attrs: map[string]any{"log.category": "audit"}}, "audit"},
		{rec{service: "payments", attrs: map[string]any{"log.category": "access"}}, "payments"},
		{rec{service: "shop", attrs: map[string]any{"log.category": "audit"}}, "application"},
		{rec{service: "shop", attrs: map[string]any{"log.category": "access"}}, "access"},
		{rec{service: "shop", attrs: map[string]any{"log.category": "ACCESS"}}, "application"},
		{rec{service: "shop"}, "application"},
		{rec{service: "shop", attrs: map[string]any{"log.category": []any{"access"}}}, "application"},
	} {
		assert.Equal(t, one.want, ruleOf(t, rules, one.rec), one.rec)
	}
	assert.Zero(t, failures)
	assert.Equal(t, "application", ruleOf(t, rules, rec{attrs: map[string]any{"n": 6}}))
	assert.Equal(t, 1, failures, "a condition that fails does not fit, and is counted")

	access := rules.list[2].Rule
	assert.Equal(t, "STANDARD_IA", access.StorageClass)
	assert.Equal(t, objectstore.Governance, access.Mode)
	assert.Equal(t, objectstore.Compliance, rules.list[0].Mode)
	assert.Equal(t, "application", cfg.otherRule("application", nil).Name)
	traces := cfg.otherRule(classTraces, cfg.Traces)
	assert.Equal(t, "traces", traces.Name)
	assert.Equal(t, rules.list[4].Period, traces.Period, "as the last rule")

	c := &core{unlocked: true}
	c.unlock(rules.list)
	for _, r := range rules.list {
		assert.Equal(t, objectstore.Unlocked, r.Mode)
	}
}

func TestAnEmptyCategoryIsNoCategory(t *testing.T) {
	cfg := configured(t, `{rules: [{name: access, category: access, period: 1d}, {name: rest, period: 1d}]}`)
	rules, err := cfg.compileRules(componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	assert.Equal(t, "rest", ruleOf(t, rules, rec{}))
	assert.Equal(t, "rest", ruleOf(t, rules, rec{attrs: map[string]any{"log.category": ""}}))
}
