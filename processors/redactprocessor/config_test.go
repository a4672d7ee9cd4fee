package redactprocessor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestDefaultConfigIsValid(t *testing.T) {
	require.NoError(t, createDefaultConfig().(*Config).Validate())
}

// Each message names the field, the value, and what would be right.
func TestValidate(t *testing.T) {
	long := strings.Repeat("k", 32)
	for config, want := range map[string]string{
		"detectors: [emails]":                                                     `"emails" is neither a detector nor a group: use one of`,
		"without: [emails]":                                                       `"emails" is neither a detector nor a group`,
		"custom: [{name: x, pattern: '['}]":                                       "missing closing ]",
		"custom: [{name: x, pattern: 'a', validator: sum}]":                       "sum",
		"custom: [{name: x, pattern: 'a', capture_group: 3}]":                     "3",
		"keys: {secret: ['--']}":                                                  `"--" has no letters`,
		"action: {type: hide}":                                                    `action::type is "hide"; it must be one of mask, label`,
		"actions: {email: {type: hide}}":                                          `actions::email::type is "hide"`,
		"actions: {emails: {type: label}}":                                        `actions has "emails"; it must be secret_key, or a detector or group`,
		"action: {type: label, text: x}":                                          "action is of type label; text, keep_first, keep_last and fill belong to mask",
		"action: {type: mask, text: x, keep_last: 2}":                             `action has a text, "x", and says what to keep`,
		"action: {type: mask, keep_last: -2}":                                     "action keeps 0 and -2 characters",
		"action: {type: mask, length: 16}":                                        "length belongs to hash",
		"action: {type: hash, length: 7}\nhash_keys: [{id: a, secret: " + long:    "action::length is 7; it must be an even number from 8 to 64",
		"action: {type: hash}":                                                    "hash_keys is empty",
		"hash_keys: [{id: A, secret: " + long:                                     `hash_keys[0]::id is "A"; it must be one to 16 lower-case letters`,
		"hash_keys: [{id: a":                                                      "hash_keys[0] (a) must have one of secret and file",
		"hash_keys: [{id: a, secret: short":                                       "hash_keys[0] (a): the key is too short; it must have at least 32 bytes",
		"hash_keys: [{id: a, secret: " + long + "}, {id: a, secret: " + long:      `hash_keys[1]::id is "a", as another's`,
		"hash_keys: [{id: a, secret: " + long + "}, {id: b, secret: " + long:      "active_hash_key is empty; with 2 hash_keys",
		"active_hash_key: z\nhash_keys: [{id: a, secret: " + long:                 `active_hash_key is "z"; it must be the id of one of hash_keys`,
		"actions: {card_cvv: {type: tag}}":                                        "the action of card_cvv is tag; nothing of it may be kept",
		"actions: {card_pin: {type: mask, keep_last: 1}}":                         "the action of card_pin is mask; nothing of it may be kept",
		"actions: {financial: {type: hash}}\nhash_keys: [{id: a, secret: " + long: "the action of card_track is hash",
		"actions: {payment_card: {type: tag}}":                                    "the action of payment_card is tag",
		"actions: {payment_card: {type: mask, keep_first: 7}}":                    "keeps the first 7 and the last 0 digits; at most 6 and 4",
		"actions: {payment_card: {type: mask, keep_last: 4}}\nkeys: {actions: {pan: {type: hash}}}\nhash_keys: [{id: a, secret: " + long: "keys::actions::pan is hash",
		"keys: {actions: {pan: {type: hide}}}":  `keys::actions::pan::type is "hide"`,
		"keys: {actions: {'-': {type: label}}}": `keys::actions has "-"`,
		"keys: {actions: {pan: {type: hash}}}":  "hash_keys is empty",
		"actions: {payment_card: {type: mask, keep_last: 4}, secret_key: {type: hash}}\nhash_keys: [{id: a, secret: " + long:                                                "gives it away",
		"detectors: [payment_card_visa]\nactions: {payment_card_visa: {type: tag}}":                                                                                         "the action of payment_card_visa is tag",
		"detectors: [financial, payment_card_amex]\naction: {type: mask, keep_last: 5}\nactions: {financial: {type: label}, payment_card_amex: {type: mask, keep_last: 5}}": "the action of payment_card_amex keeps the first 0 and the last 5",
		"actions: {payment_card: {type: hash}, secret_key: {type: mask, keep_last: 4}}\nhash_keys: [{id: a, secret: " + long:                                                "that of secret_key keeps digits; a number could be in both",
		"on_unscannable: pass":     `on_unscannable is "pass"; it must be "mask" or "refuse"`,
		"limits: {max_depth: 0}":   "limits::max_depth is 0; it must be from 1 to 1000",
		"limits: {max_size: 0}":    "limits::max_size is 0",
		"limits: {max_values: -1}": "limits::max_values is -1; it must be at least 1",
	} {
		t.Run(config, func(t *testing.T) {
			if strings.Contains(config, "hash_keys: [") {
				config += "}]"
			}
			require.ErrorContains(t, configOf(t, config).Validate(), want)
		})
	}
}

// What is meant for all findings is not meant for what must not be kept in any form.
func TestCardDataHasALabelWhereAllAreKept(t *testing.T) {
	cfg := configOf(t, "action: {type: hash}\n"+hashKeys)
	require.NoError(t, cfg.Validate())
	for _, name := range never {
		assert.Equal(t, actionLabel, cfg.actionFor(name, "financial").Type)
	}
	assert.Equal(t, actionHash, cfg.actionFor("payment_card", "financial").Type)
}

func TestSecretsOfTheConfigurationAreNotPrinted(t *testing.T) {
	cfg := configOf(t, hashKeys)
	conf := confmap.New()
	require.NoError(t, conf.Marshal(cfg))
	assert.NotContains(t, confText(conf), "0123456789abcdef")
}

func confText(conf *confmap.Conf) string {
	var out strings.Builder
	for _, key := range conf.AllKeys() {
		out.WriteString(key)
		out.WriteString("=")
		if v, ok := conf.Get(key).(string); ok {
			out.WriteString(v)
		} else {
			_, _ = fmt.Fprint(&out, conf.Get(key))
		}
		out.WriteString("\n")
	}
	return out.String()
}
