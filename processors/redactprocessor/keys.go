package redactprocessor

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"github.com/heartwood-otel/heartwood/internal/secretscan"
)

const (
	// maxKnownKeys is how many attribute names are remembered with what they mean. A
	// service has some dozens; who sends a new one with each record gains nothing.
	maxKnownKeys = 1024
	maxKnownKey  = 128 // bytes
)

// key is what is known of an attribute's name.
type key struct {
	// name is what it is known by; empty: it is not remembered.
	name string
	scan secretscan.Key
	// secret says that whatever stands under the name is one.
	secret bool
	// unlisted says that it is so because allow_only does not have the name.
	unlisted bool
	// action is what is done then.
	action *action
	// dirty says that there is a secret in the name itself.
	dirty bool
}

// keys knows names. It is safe for concurrent use.
type keys struct {
	scanner *secretscan.Scanner
	builtin bool
	allowed []string           // nil: all are
	own     map[string]*action // by normalised name: those with an action of their own
	action  *action            // of secret_key
	actions []*action          // of detectors whose data a name alone can tell

	known atomic.Pointer[map[string]*key] // never changed, only replaced
	mu    sync.Mutex                      // of who replaces it
}

func newKeys(cfg *Config, scanner *secretscan.Scanner, actions []action, byKey *action) *keys {
	k := &keys{scanner: scanner, builtin: cfg.Keys.Builtin, own: make(map[string]*action), action: byKey}
	for i := range actions {
		if slices.Contains(never, actions[i].detector) {
			k.actions = append(k.actions, &actions[i])
		}
	}
	for _, name := range cfg.Keys.AllowOnly {
		k.allowed = append(k.allowed, strings.ToLower(name))
	}
	for name, a := range cfg.Keys.Actions {
		own := newAction(a, secretKey, byKey.tokens)
		k.own[normalName(name)] = &own
	}
	k.known.Store(&map[string]*key{})
	return k
}

// of gives what is not to be changed.
func (k *keys) of(name string) *key {
	if known, ok := (*k.known.Load())[name]; ok {
		return known
	}
	found := new(key)
	*found = k.judge(name)
	if len(name) > maxKnownKey || found.dirty {
		return found
	}
	if len(*k.known.Load()) >= maxKnownKeys {
		return found
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := *k.known.Load(); len(old) < maxKnownKeys {
		replaced := maps.Clone(old)
		found.name = strings.Clone(name)
		replaced[found.name] = found
		k.known.Store(&replaced)
	}
	return found
}

// recentKeys are some that were met before: most records have the names of those before
// them. A name has one place. It is for one goroutine.
type recentKeys [64]*key

// of is keys.of.
func (r *recentKeys) of(all *keys, name string) *key {
	if name == "" {
		return all.of(name)
	}
	n := len(name)
	place := &r[(n*7^int(name[n-1])^int(name[n/2])<<2)%len(r)]
	if k := *place; k != nil && k.name == name {
		return k
	}
	k := all.of(name)
	if k.name != "" {
		*place = k
	}
	return k
}

// judge takes a name that the scanner fails on for one of a secret, with a secret in it.
func (k *keys) judge(name string) (found key) {
	read := false
	defer func() {
		if !read {
			_ = recover() // what it says may be the secret
			found = key{secret: true, dirty: true, action: k.action}
		}
	}()
	found = key{scan: k.scanner.Key(strings.Clone(name)), dirty: len(k.scanner.Scan(nil, name)) > 0, action: k.action}
	read = true
	own := k.ownAction(name)
	named := own != nil || found.scan.Own()
	if own != nil {
		found.action = own
	}
	found.secret = named || k.builtin && found.scan.Secret()
	if k.allowed != nil {
		switch {
		case slices.Contains(k.allowed, strings.ToLower(name)):
			found.secret = named
		case !isNeeded(name):
			found.secret, found.unlisted = true, true
		}
	}
	if name := found.scan.Detector(); name != "" { // whatever is done with secret names
		i := slices.IndexFunc(k.actions, func(a *action) bool { return a.detector == name })
		found.action = k.actions[i]
	}
	return found
}

// ownAction is that of a name that the configuration calls secret, as a whole or behind
// its last dot; nil where it does not.
func (k *keys) ownAction(name string) *action {
	if len(k.own) == 0 {
		return nil
	}
	if a, ok := k.own[normalName(name)]; ok {
		return a
	}
	return k.own[normalName(name[strings.LastIndexByte(name, '.')+1:])]
}

// normalName leaves out what does not count in a name.
func normalName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r == ' ' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// needed are beginnings of names that the other parts cannot do without, and that say
// nothing of a person.
var needed = []string{"service.", "host.name", "request.", "fold.", "log.", "code.", "redaction.", "heartwood.", "telemetry.sdk."}

func isNeeded(name string) bool {
	return slices.ContainsFunc(needed, func(begin string) bool { return strings.HasPrefix(name, begin) })
}
