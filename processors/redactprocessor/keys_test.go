package redactprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
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
	k.known.Store(&map[string]key{})
	found := k.of("name")
	assert.True(t, found.secret)
	assert.True(t, found.dirty)
	assert.Same(t, k.action, found.action)
}
