package corpus

import "maps"

// detector is what the corpus knows of one: how its secrets look and where they
// are found.
type detector struct {
	family string
	// value makes a secret as it stands under key, "" where the surroundings
	// give no key or the key doesn't matter.
	value func(g *Generator, key string) string
	// keys under which the value stands. Detectors by context need them, and
	// the others have them for looking natural.
	keys []string
	// phrases are templates of text that hold the secret and all of the context
	// it needs.
	phrases []string
	// attribute is a key with a template for values that are never alone under
	// their key, as in "authorization: Basic ...".
	attribute struct{ key, template string }
	misses    []lookalike
}

// lookalike is no secret. It is a value, or a phrase with its own context.
type lookalike struct {
	kind  string
	value func(g *Generator) string
	// keys under which the value stands and still is no secret, beside the
	// neutral ones. A value with fixed is found under these keys only.
	keys   []string
	fixed  bool
	phrase string // template
}

// placeholder is what stands under a key in place of a secret.
func placeholder(keys ...string) lookalike {
	return lookalike{kind: "placeholder", keys: keys, fixed: true, value: func(g *Generator) string {
		return pick(g, "****", "********", "<redacted>", "[REDACTED]", "null", "${SECRET}")
	}}
}

// unkeyed fits a value that is the same under every key.
func unkeyed(value func(*Generator) string) func(*Generator, string) string {
	return func(g *Generator, _ string) string { return value(g) }
}

var detectors = func() map[string]detector {
	all := make(map[string]detector)
	for family, members := range map[string]map[string]detector{
		"financial":   financial,
		"pii":         personal,
		"network":     network,
		"credentials": credentials(),
	} {
		for name, d := range members {
			d.family = family
			all[name] = d
		}
	}
	return all
}()

func credentials() map[string]detector {
	all := make(map[string]detector)
	maps.Copy(all, cloudCredentials)
	maps.Copy(all, serviceTokens)
	maps.Copy(all, applicationCredentials)
	return all
}
