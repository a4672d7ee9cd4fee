package redactprocessor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/heartwood-otel/heartwood/internal/secretscan"
)

// action is what is done with findings of one detector.
type action struct {
	actionConfig
	detector string
	label    string // [EMAIL]
	card     bool   // a number of a card
	never    bool   // other data of a card, of which nothing is kept
	wide     bool   // its findings may have others in them
	made     map[string]struct{}
	compact  bool // the token is of the value without spaces and dashes: a number of groups
	tokens   *tokens
}

// scanner makes the scanner that the configuration asks for.
func (c *Config) scanner() (*secretscan.Scanner, error) {
	set := secretscan.Settings{
		Enabled: c.Detectors, Disabled: c.Without, AllowedKeys: c.Keys.Safe, SecretKeys: c.Keys.Secret,
	}
	for _, d := range c.Custom {
		group := d.Group
		if group == "" {
			group = "custom"
		}
		set.Custom = append(set.Custom, secretscan.CustomDetector{
			Name: d.Name, Group: group, Pattern: d.Pattern, Keywords: d.Keywords, Validator: d.Validator, Capture: d.CaptureGroup,
		})
	}
	s, err := secretscan.New(set)
	if err != nil {
		return nil, fmt.Errorf("detectors, without, custom or keys: %w", err)
	}
	return s, nil
}

// newActions gives the action of each of the scanner's detectors, and of secret_key.
func newActions(cfg *Config, scanner *secretscan.Scanner, t *tokens) (all []action, byKey action) {
	made := map[string]struct{}{secretKey: {}, "unscanned": {}, "redacted": {}, "filtered": {}}
	for _, d := range scanner.Detectors() {
		made[strings.ToLower(d.Name)] = struct{}{}
	}
	for _, d := range scanner.Detectors() {
		a := newAction(cfg.actionFor(d.Name, d.Group), d.Name, t)
		a.made = made
		a.wide = slices.Contains(wide, d.Name) || slices.ContainsFunc(cfg.Custom, func(c customConfig) bool { return c.Name == d.Name })
		all = append(all, a)
	}
	byKey = newAction(cfg.actionFor(secretKey, ""), secretKey, t)
	byKey.made, byKey.wide = made, true
	return all, byKey
}

// wide are detectors that take a value for a secret because of what stands before it.
var wide = []string{"secret_assignment", "url_password", "basic_auth", "bearer_token", "phone"}

func newAction(cfg actionConfig, detector string, t *tokens) action {
	if cfg.Type == actionMask && cfg.KeepFirst+cfg.KeepLast == 0 && cfg.Fill == "" && cfg.Text == "" {
		cfg.Text = defaultText
	}
	if cfg.Fill == "" {
		cfg.Fill = defaultFill
	}
	if cfg.Length == 0 {
		cfg.Length = defaultTokenLength
	}
	return action{
		actionConfig: cfg, detector: detector, tokens: t,
		label:   "[" + strings.ToUpper(detector) + "]",
		card:    isCard(detector),
		never:   slices.Contains(never, detector),
		compact: isCard(detector) || detector == "iban",
	}
}

// isCard says whether a detector is that of cards' numbers, or of those of one brand.
func isCard(detector string) bool {
	return detector == "payment_card" || strings.HasPrefix(detector, "payment_card_")
}

// showsSome says whether the replacement depends on the secret.
func (a *actionConfig) showsSome() bool {
	return a.Type == actionHash || a.Type == actionTag || a.keepsSome()
}

func (a *actionConfig) keepsSome() bool { return a.Type == actionMask && a.KeepFirst+a.KeepLast > 0 }

// forbids says whether what this detector finds must not be in a secret that another
// action is used for.
func (a *action) forbids(other *action) bool {
	switch {
	case a.never:
		return true
	case !a.card:
		return false
	case other.Type == actionHash: // beside digits of the same number
		return a.keepsSome()
	case other.keepsSome():
		return a.Type == actionHash || other.KeepFirst > maxCardFirst || other.KeepLast > maxCardLast
	}
	return other.Type == actionTag
}

// appendReplacement appends what stands for a secret.
func (a *action) appendReplacement(dst []byte, secret string) []byte {
	switch a.Type {
	case actionMask:
		if a.Text != "" {
			return append(dst, a.Text...)
		}
		return a.appendMasked(dst, secret)
	case actionHash:
		return a.tokens.append(dst, a, secret)
	case actionTag:
		return append(dst, secret...)
	default:
		return append(dst, a.label...)
	}
}

// appendMasked keeps the characters at both ends. A secret of which less than a third
// would be hidden that way is hidden whole.
func (a *action) appendMasked(dst []byte, secret string) []byte {
	total := utf8.RuneCountInString(secret)
	first, last := a.KeepFirst, a.KeepLast
	// Of a card's number six and four digits may stay, however short it is.
	if hidden := total - first - last; hidden <= 0 || 3*hidden < total && !a.card {
		first, last = 0, 0
	}
	i := 0
	for _, r := range secret {
		if i < first || i >= total-last {
			dst = utf8.AppendRune(dst, r)
		} else {
			dst = append(dst, a.Fill...)
		}
		i++
	}
	return dst
}

// tokens makes keyed tokens: [name~key id~HMAC-SHA-256 (RFC 2104) of the value in hex].
// The same value has the same digits, whatever its detector. It is safe for concurrent
// use.
type tokens struct {
	id   string
	macs sync.Pool // of hash.Hash
}

// newTokens reads all keys, so that what is wrong with one is known before it is needed,
// and uses the active one. It gives nil where there is no key.
func newTokens(cfg *Config) (t *tokens, err error) {
	for i := range cfg.HashKeys {
		k := &cfg.HashKeys[i]
		secret, err := k.bytes()
		if err != nil {
			return nil, fmt.Errorf("hash_keys[%d] (%s): %w", i, k.ID, err)
		}
		if k.ID == cfg.ActiveHashKey || len(cfg.HashKeys) == 1 {
			t = &tokens{id: k.ID}
			t.macs.New = func() any { return hmac.New(sha256.New, secret) }
		}
	}
	return t, nil
}

func (t *tokens) append(dst []byte, a *action, secret string) []byte {
	mac := t.macs.Get().(hash.Hash)
	defer t.macs.Put(mac)
	mac.Reset()
	if a.compact {
		secret = strings.Map(withoutGroups, secret)
	}
	_, _ = mac.Write([]byte(secret))
	var sum [sha256.Size]byte
	dst = append(dst, '[')
	dst = append(dst, a.detector...)
	dst = append(dst, '~') // after which no value of a name is expected
	dst = append(dst, t.id...)
	dst = append(dst, '~')
	dst = hex.AppendEncode(dst, mac.Sum(sum[:0])[:a.Length/2])
	return append(dst, ']')
}

// withoutGroups takes out what stands between the groups of a number.
func withoutGroups(r rune) rune {
	if r == ' ' || r == '-' {
		return -1
	}
	return r
}

// maxReplaced is the length in bytes of the longest replacement that is known again.
const maxReplaced = 256

// replaced is what a replacement looks like: a value that is one is not replaced again.
var replaced = regexp.MustCompile(`^\[([^~\[\]]+)(~[a-z0-9]{1,16}~[0-9a-f]{8,64})?\]$`)

// isReplaced says whether a value under a secret name is what an action made of it.
func (a *action) isReplaced(value string) bool {
	if value == "" || a.Type == actionMask && value == a.Text {
		return true
	}
	if value[0] != '[' || value[len(value)-1] != ']' || len(value) > maxReplaced {
		return false
	}
	parts := replaced.FindStringSubmatch(value)
	if parts == nil {
		return false
	}
	name := parts[1]
	_, is := a.made[strings.ToLower(name)]
	return is && (parts[2] != "" || name == strings.ToUpper(name))
}
