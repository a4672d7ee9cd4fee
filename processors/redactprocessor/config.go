package redactprocessor

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
	"github.com/heartwood-otel/heartwood/internal/secretscan"
)

// Config is the processor's part of the configuration. The README has the table of
// all fields.
type Config struct {
	// Detectors are names or groups. Default: credentials, financial, pii.
	Detectors []string `mapstructure:"detectors"`
	// Without are names or groups that Detectors would include.
	Without []string `mapstructure:"without"`
	// Custom are the user's own detectors.
	Custom []customConfig `mapstructure:"custom"`
	// Keys say which attributes are secret by their name.
	Keys keysConfig `mapstructure:"keys"`

	// Action is what is done with a finding. Default: label.
	Action actionConfig `mapstructure:"action"`
	// Actions are those of detectors, groups, and secret_key; a detector's goes before
	// its group's.
	Actions map[string]actionConfig `mapstructure:"actions"`
	// HashKeys are the keys of the action hash.
	HashKeys []hashKeyConfig `mapstructure:"hash_keys"`
	// ActiveHashKey is the id of the one that is used. It may be left out where there is
	// one.
	ActiveHashKey string `mapstructure:"active_hash_key"`

	// DryRun counts and notes, and changes nothing else.
	DryRun bool `mapstructure:"dry_run"`
	// Note writes redaction.count on records with findings. Default true.
	Note bool `mapstructure:"note"`

	// Limits of what is looked through.
	Limits limitsConfig `mapstructure:"limits"`
	// OnUnscannable is "mask" (default) or "refuse".
	OnUnscannable string `mapstructure:"on_unscannable"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// customConfig is a detector of the user's.
type customConfig struct {
	Name    string `mapstructure:"name"`
	Group   string `mapstructure:"group"` // default: custom
	Pattern string `mapstructure:"pattern"`
	// Keywords: one of them must stand shortly before the match, in any case.
	Keywords []string `mapstructure:"keywords"`
	// Validator is the name of one that the match must pass, empty: none.
	Validator string `mapstructure:"validator"`
	// CaptureGroup is the part of the match that is the secret. Default 0: all of it.
	CaptureGroup int `mapstructure:"capture_group"`
}

// keysConfig is about the names of attributes and of members of maps.
type keysConfig struct {
	// Secret are names beside the built-in ones.
	Secret []string `mapstructure:"secret"`
	// Actions are further secret names, each with what is done with what stands under it.
	Actions map[string]actionConfig `mapstructure:"actions"`
	// Safe are names that are not secret whatever else says so.
	Safe []string `mapstructure:"safe"`
	// AllowOnly, where it is not empty, makes all others secret. What the record
	// contract needs is always allowed.
	AllowOnly []string `mapstructure:"allow_only"`
	// Builtin is whether the built-in names count. Default true.
	Builtin bool `mapstructure:"builtin"`
}

// actionConfig is one action.
type actionConfig struct {
	// Type is mask, label, hash, drop_attribute, drop_record or tag.
	Type string `mapstructure:"type"`
	// Text replaces the secret. Of mask; default ***.
	Text string `mapstructure:"text"`
	// KeepFirst and KeepLast are how many characters stay, with Fill for each of the
	// others. Of mask; Fill is by default *.
	KeepFirst int    `mapstructure:"keep_first"`
	KeepLast  int    `mapstructure:"keep_last"`
	Fill      string `mapstructure:"fill"`
	// Length of the token, in hex digits. Of hash; default 16.
	Length int `mapstructure:"length"`
}

// hashKeyConfig is a key for tokens: its secret here, or in a file.
type hashKeyConfig struct {
	ID     string              `mapstructure:"id"`
	Secret configopaque.String `mapstructure:"secret"`
	File   string              `mapstructure:"file"`
}

// limitsConfig bounds the work for one value.
type limitsConfig struct {
	// MaxDepth of maps and lists. Default 64.
	MaxDepth int `mapstructure:"max_depth"`
	// MaxSize of a text. Default 1MiB.
	MaxSize bytesize.Size `mapstructure:"max_size"`
	// MaxValues in one body or attribute. Default 100000.
	MaxValues int `mapstructure:"max_values"`
}

// The types of actions.
const (
	actionMask          = "mask"
	actionLabel         = "label"
	actionHash          = "hash"
	actionDropAttribute = "drop_attribute"
	actionDropRecord    = "drop_record"
	actionTag           = "tag"
)

var actionTypes = []string{actionMask, actionLabel, actionHash, actionDropAttribute, actionDropRecord, actionTag}

const (
	onUnscannableMask   = "mask"
	onUnscannableRefuse = "refuse"

	// secretKey names findings by an attribute's name, beside the detectors.
	secretKey = "secret_key"

	defaultText = "***"
	defaultFill = "*"

	// Hex digits of a token: from 32 bits, with which two of some ten thousand values
	// meet, to all of SHA-256.
	minTokenLength, defaultTokenLength, maxTokenLength = 8, 16, 64
	// minHashKey in bytes, as RFC 2104 asks for, is the length of the hash.
	minHashKey = 32

	// PCI DSS 4.0 requirement 3.4.1: at most the first six and the last four digits of a
	// card's number are shown.
	maxCardFirst, maxCardLast = 6, 4

	maxDepthLimit = 1000
)

var hashKeyID = regexp.MustCompile(`^[a-z0-9]{1,16}$`)

// never are the detectors of what PCI DSS 4.0 requirement 3.3 forbids to keep in any form.
var never = []string{"card_track", "card_cvv", "card_pin"}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config {
	return &Config{
		Detectors:     []string{"credentials", "financial", "pii"},
		Keys:          keysConfig{Builtin: true},
		Action:        actionConfig{Type: actionLabel},
		Note:          true,
		Limits:        limitsConfig{MaxDepth: 64, MaxSize: bytesize.MiB, MaxValues: 100_000},
		OnUnscannable: onUnscannableMask,
	}
}

// Validate names the field, its value, and what would be right.
func (c *Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	scanner, err := c.scanner()
	if err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, c.Action.validate("action"))
	for name, action := range c.Actions {
		errs = append(errs, action.validate("actions::"+name))
		if scanner != nil && name != secretKey && !knows(scanner, name) {
			fail("actions has %q; it must be %s, or a detector or group that is switched on: %s", name, secretKey, strings.Join(names(scanner), ", "))
		}
	}
	for name, action := range c.Keys.Actions {
		errs = append(errs, action.validate("keys::actions::"+name))
		if normalName(name) == "" {
			fail("keys::actions has %q; it must be a name with letters or digits", name)
		}
	}
	errs = append(errs, c.validateHashKeys()...)
	if scanner != nil {
		errs = append(errs, c.validateCards(scanner)...)
	}
	if c.OnUnscannable != onUnscannableMask && c.OnUnscannable != onUnscannableRefuse {
		fail("on_unscannable is %q; it must be %q or %q", c.OnUnscannable, onUnscannableMask, onUnscannableRefuse)
	}
	if c.Limits.MaxDepth < 1 || c.Limits.MaxDepth > maxDepthLimit {
		fail("limits::max_depth is %d; it must be from 1 to %d", c.Limits.MaxDepth, maxDepthLimit)
	}
	if c.Limits.MaxSize < 1 {
		fail("limits::max_size is %s; it must be more than 0", c.Limits.MaxSize)
	}
	if c.Limits.MaxValues < 1 {
		fail("limits::max_values is %d; it must be at least 1", c.Limits.MaxValues)
	}
	return errors.Join(errs...)
}

func (a *actionConfig) validate(field string) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !slices.Contains(actionTypes, a.Type) {
		fail("%s::type is %q; it must be one of %s", field, a.Type, strings.Join(actionTypes, ", "))
		return errors.Join(errs...)
	}
	if a.KeepFirst < 0 || a.KeepLast < 0 {
		fail("%s keeps %d and %d characters; these can't be negative", field, a.KeepFirst, a.KeepLast)
	}
	if a.Type != actionMask && (a.Text != "" || a.KeepFirst != 0 || a.KeepLast != 0 || a.Fill != "") {
		fail("%s is of type %s; text, keep_first, keep_last and fill belong to mask", field, a.Type)
	}
	if a.Text != "" && (a.KeepFirst != 0 || a.KeepLast != 0 || a.Fill != "") {
		fail("%s has a text, %q, and says what to keep; only one of them can be", field, a.Text)
	}
	if a.Type != actionHash && a.Length != 0 {
		fail("%s is of type %s; length belongs to hash", field, a.Type)
	}
	if a.Type == actionHash && a.Length != 0 && (a.Length < minTokenLength || a.Length > maxTokenLength || a.Length%2 != 0) {
		fail("%s::length is %d; it must be an even number from %d to %d", field, a.Length, minTokenLength, maxTokenLength)
	}
	return errors.Join(errs...)
}

// validateHashKeys wants keys where a hash is asked for, and no key twice.
func (c *Config) validateHashKeys() (errs []error) {
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	ids := make([]string, 0, len(c.HashKeys))
	for i, key := range c.HashKeys {
		field := fmt.Sprintf("hash_keys[%d]", i)
		if !hashKeyID.MatchString(key.ID) {
			fail("%s::id is %q; it must be one to 16 lower-case letters and digits", field, key.ID)
		}
		if slices.Contains(ids, key.ID) {
			fail("%s::id is %q, as another's; each key needs an id of its own", field, key.ID)
		}
		ids = append(ids, key.ID)
		if (key.Secret == "") == (key.File == "") {
			fail("%s (%s) must have one of secret and file", field, key.ID)
		} else if _, err := key.bytes(); err != nil && key.File == "" {
			fail("%s (%s): %w", field, key.ID, err) // a file is read at start
		}
	}
	hashes := c.Action.Type == actionHash
	for _, all := range []map[string]actionConfig{c.Actions, c.Keys.Actions} {
		for _, a := range all {
			hashes = hashes || a.Type == actionHash
		}
	}
	switch {
	case hashes && len(ids) == 0:
		fail("hash_keys is empty; the action hash needs a key of at least %d bytes", minHashKey)
	case c.ActiveHashKey != "" && !slices.Contains(ids, c.ActiveHashKey):
		fail("active_hash_key is %q; it must be the id of one of hash_keys: %q", c.ActiveHashKey, ids)
	case c.ActiveHashKey == "" && len(ids) > 1:
		fail("active_hash_key is empty; with %d hash_keys it must say which one is used: %q", len(ids), ids)
	}
	return errs
}

var errShortKey = fmt.Errorf("the key is too short; it must have at least %d bytes, such as `openssl rand -hex 32` gives", minHashKey)

// bytes gives the key, without the line's end of a file.
func (k *hashKeyConfig) bytes() ([]byte, error) {
	key := []byte(k.Secret)
	if k.File != "" {
		text, err := os.ReadFile(k.File)
		if err != nil {
			return nil, fmt.Errorf("read a hash key: %w", err)
		}
		key = []byte(strings.TrimRight(string(text), "\r\n"))
	}
	if len(key) < minHashKey {
		return nil, errShortKey
	}
	return key, nil
}

// validateCards refuses what PCI DSS does not allow for the data of cards.
func (c *Config) validateCards(scanner *secretscan.Scanner) (errs []error) {
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	detectors := scanner.Detectors()
	for i := range detectors {
		d := &detectors[i]
		a := c.actionFor(d.Name, d.Group)
		switch {
		case slices.Contains(never, d.Name) && a.showsSome():
			fail("the action of %s is %s; nothing of it may be kept (PCI DSS 3.3): use label, mask without keep_first and keep_last, drop_attribute or drop_record", d.Name, a.Type)
		case isCard(d.Name) && (!d.Optional || slices.Contains(c.Detectors, d.Name)):
			errs = append(errs, c.validateCard(d.Name, &a))
		}
	}
	return errs
}

// validateCard is for the action of one detector of cards' numbers.
func (c *Config) validateCard(name string, card *actionConfig) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if card.Type == actionTag {
		fail("the action of %s is tag; a card's number must not be kept whole (PCI DSS 3.4)", name)
	}
	if card.KeepFirst > maxCardFirst || card.KeepLast > maxCardLast {
		fail("the action of %s keeps the first %d and the last %d digits; at most %d and %d may be kept (PCI DSS 3.4)",
			name, card.KeepFirst, card.KeepLast, maxCardFirst, maxCardLast)
	}
	// A hash and some digits of the same number give the number away.
	const both = "a number could be in both, which gives it away: let one of them be label"
	keyed := map[string]actionConfig{secretKey: c.actionFor(secretKey, "")}
	for key, a := range c.Keys.Actions {
		keyed["keys::actions::"+key] = a
	}
	for key, a := range keyed {
		if card.keepsSome() && a.Type == actionHash {
			fail("the action of %s keeps digits and that of %s is hash; %s", name, key, both)
		}
		if card.Type == actionHash && a.keepsSome() {
			fail("the action of %s is hash and that of %s keeps digits; %s", name, key, both)
		}
	}
	return errors.Join(errs...)
}

// actionFor is the action of a detector, or of secret_key, which is in no group.
func (c *Config) actionFor(name, group string) actionConfig {
	if a, ok := c.Actions[name]; ok {
		return a
	}
	if a, ok := c.Actions[group]; ok && group != "" {
		return a
	}
	if slices.Contains(never, name) {
		switch c.Action.Type {
		case actionHash, actionTag, actionMask: // what is meant for all is not meant for these
			return actionConfig{Type: actionLabel}
		}
	}
	return c.Action
}

func knows(scanner *secretscan.Scanner, name string) bool {
	return slices.ContainsFunc(scanner.Detectors(), func(d secretscan.Detector) bool { return d.Name == name || d.Group == name })
}

func names(scanner *secretscan.Scanner) (all []string) {
	for _, d := range scanner.Detectors() {
		all = append(all, d.Name, d.Group)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
