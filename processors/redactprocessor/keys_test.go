package redactprocessor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/heartwood-otel/heartwood/processors/redactprocessor/internal/metadatatest"
)

func TestNamesOfSecrets(t *testing.T) {
	const label = "[SECRET_KEY]"
	for name, x := range map[string]struct {
		config   string
		in, want map[string]any
	}{
		"look-alikes": {
			"{}",
			map[string]any{"p\u0430ssword": "x", "pass\u200bword": "x", "ＰＡＳＳＷＯＲＤ": "x", "naïve": "x"},
			map[string]any{"p\u0430ssword": label, "pass\u200bword": label, "ＰＡＳＳＷＯＲＤ": label, "naïve": "x"},
		},
		"allow_only takes booleans too": {
			"keys: {allow_only: [path]}",
			map[string]any{"pregnant": true, "path": true},
			map[string]any{"pregnant": label, "path": true},
		},
		"allow_only lets no secret pass that a needed name begins": {
			"keys: {allow_only: [path, token]}",
			map[string]any{"request.password": "x", "service.name": "s", "token": "x", "log.password": map[string]any{"a": "b"}},
			map[string]any{"request.password": label, "service.name": "s", "token": "x", "log.password": label},
		},
		"allow_only in maps": {
			"keys: {allow_only: [path, m]}",
			map[string]any{"m": map[string]any{"path": "p", "other": []any{"x"}}},
			map[string]any{"m": map[string]any{"path": "p", "other": label}},
		},
		"own names end others, without the built-in ones": {
			"keys: {builtin: false, secret: [badge]}",
			map[string]any{"user.badge": "x", "userBadge": "x", "badge_color": "x", "password_": "xy"},
			map[string]any{"user.badge": label, "userBadge": label, "badge_color": "x", "password_": "xy"},
		},
		"card data that is named as secret": {
			"action: {type: hash}\nkeys: {secret: [pin, cvv]}\n" + hashKeys,
			map[string]any{"pin": "1234", "cvv": "12"},
			map[string]any{"pin": "[CARD_PIN]", "cvv": "[CARD_CVV]"},
		},
		"card data that is not allowed": {
			"action: {type: hash}\nkeys: {allow_only: [path]}\n" + hashKeys,
			map[string]any{"card_pin": int64(1234)},
			map[string]any{"card_pin": "[CARD_PIN]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := start(t, x.config).record(t, "", x.in).Attributes()
			got.Remove(noteAttribute)
			assert.Equal(t, x.want, got.AsRaw())
		})
	}
}

// A name that the scanner fails on does not stop the collector, and does not pass.
func TestNameThatCannotBeRead(t *testing.T) {
	k := &keys{action: &action{detector: secretKey}}
	k.known.Store(&map[string]*key{})
	found := k.of("name")
	assert.True(t, found.secret)
	assert.True(t, found.dirty)
	assert.Same(t, k.action, found.action)
}

// Names that have one place take it from each other, and those that are not remembered have
// none.
func TestRecentKeys(t *testing.T) {
	cfg := configOf(t, "{}")
	require.NoError(t, cfg.Validate())
	p, err := newProcessor(metadatatest.NewSettings(componenttest.NewTelemetry()), cfg)
	require.NoError(t, err)
	k := p.keys
	var recent recentKeys
	long := strings.Repeat("x", maxKnownKey+1)
	names := []string{"", "abc", "adc", "password", "a", "b", "jo@example.com", long}
	for range 3 {
		for _, name := range names {
			assert.Equal(t, k.judge(name).secret, recent.of(k, name).secret, name)
			assert.Equal(t, k.judge(name).dirty, recent.of(k, name).dirty, name)
			for range 2 {
				if found := recent.of(k, name); found.name != "" {
					assert.Equal(t, name, found.name)
					assert.Same(t, k.of(name), found)
				}
			}
		}
	}
	for i := range 200 {
		name := fmt.Sprint("name", i)
		assert.Equal(t, name, recent.of(k, name).name)
	}
	assert.Empty(t, recent.of(k, long).name)
	assert.Zero(t, testing.AllocsPerRun(10, func() { recent.of(k, "abc") }))
}
