package redactprocessor

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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
	scan secretscan.Key
	// secret says that whatever stands under the name is one.
	secret bool
	// action is what is done then.
	action *action
	// dirty says that there is a secret in the name itself.
	dirty bool
}

// keys knows names. It is safe for concurrent use.
type keys struct {
	scanner *secretscan.Scanner
	builtin bool
	allowed []string // nil: all are
	own     map[string]struct{}
	action  *action   // of secret_key
	actions []*action // of detectors whose data a name alone can tell

	known atomic.Pointer[map[string]key] // never changed, only replaced
	mu    sync.Mutex                     // of who replaces it
}

func newKeys(cfg *Config, scanner *secretscan.Scanner, actions []action, byKey *action) *keys {
	k := &keys{scanner: scanner, builtin: cfg.Keys.Builtin, own: make(map[string]struct{}), action: byKey}
	for i := range actions {
		if slices.Contains(never, actions[i].detector) {
			k.actions = append(k.actions, &actions[i])
		}
	}
	for _, name := range cfg.Keys.AllowOnly {
		k.allowed = append(k.allowed, strings.ToLower(name))
	}
	for _, name := range cfg.Keys.Secret {
		k.own[strings.ToLower(name)] = struct{}{}
	}
	k.known.Store(&map[string]key{})
	return k
}

func (k *keys) of(name string) key {
	if known, ok := (*k.known.Load())[name]; ok {
		return known
	}
	found := k.judge(name)
	if len(name) > maxKnownKey || found.dirty {
		return found
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := *k.known.Load(); len(old) < maxKnownKeys {
		replaced := maps.Clone(old)
		replaced[strings.Clone(name)] = found
		k.known.Store(&replaced)
	}
	return found
}

func (k *keys) judge(name string) key {
	found := key{scan: k.scanner.Key(strings.Clone(name)), dirty: len(k.scanner.Scan(nil, name)) > 0}
	_, own := k.own[strings.ToLower(name)]
	switch {
	case k.allowed != nil:
		found.secret = !k.isAllowed(name)
	case k.builtin || own:
		found.secret = found.scan.Secret()
	}
	found.action = k.action
	if name := found.scan.Detector(); name != "" { // whatever is done with secret names
		i := slices.IndexFunc(k.actions, func(a *action) bool { return a.detector == name })
		found.action = k.actions[i]
	}
	return found
}

// needed are beginnings of names that the other parts cannot do without, and that say
// nothing of a person.
var needed = []string{"service.", "host.name", "request.", "fold.", "log.", "code.", "redaction.", "heartwood.", "telemetry.sdk."}

func (k *keys) isAllowed(name string) bool {
	return slices.ContainsFunc(needed, func(begin string) bool { return strings.HasPrefix(name, begin) }) ||
		slices.Contains(k.allowed, strings.ToLower(name))
}
