package secretscan

import "slices"

// Key is what a name says about what stands under it. Its zero value says nothing.
// Judging a name costs more than scanning a short value, so names that come again and
// again are judged once.
type Key struct {
	name  string
	class nameClass
	card  nameClass // what the built-in list says of it, where that is data of a card
	own   bool
	// custom says that it has a keyword of a custom detector in it.
	custom bool
}

// Key judges a name.
func (s *Scanner) Key(name string) Key {
	k := Key{name: name, class: s.names.judge(name), own: s.own.judge(name).secret()}
	k.custom = slices.ContainsFunc(s.custom, func(c custom) bool { return c.named(name) })
	switch c := builtinNames.judge(name); c {
	case nameCVV, namePIN, namePINBlock:
		k.card = c
	}
	return k
}

// Own reports whether what stands under the name is a secret because of SecretKeys alone.
func (k Key) Own() bool { return k.own }

// Secret reports whether what stands under the name is a secret, whatever it is. Case and
// separators do not matter; the last words decide ("http.request.header.cookie",
// "dbPassword", but not "token_count"). The user's allowed keys win over the denied, and
// these over the built-in list. An allowed key counts as a whole or after a dot.
func (k Key) Secret() bool { return k.class.secret() }

// Detector names the one that a secret under the name belongs to, where the name says so
// by itself and rules of its own hold for such data, whatever SecretKeys say of it;
// otherwise it is empty.
func (k Key) Detector() string {
	switch k.card {
	case nameCVV:
		return detectors[dCVV].Name
	case namePIN, namePINBlock:
		return detectors[dPIN].Name
	}
	return ""
}

// ExpectsNumber reports whether a number that is too short for a card's can be a secret
// under this name, such as a CVV.
func (k Key) ExpectsNumber() bool {
	switch k.class {
	case nameNone, nameInnocent, nameNumber, nameHeader, nameCookie:
		return false
	}
	return true
}

// ScanUnder is ScanValue for a name that has been judged.
func (s *Scanner) ScanUnder(dst []Finding, key Key, value string) []Finding {
	if len(value) < minText {
		return dst
	}
	if key.class == nameNone && len(s.custom) == 0 && plainNumber(value) {
		return dst
	}
	from := s.skip(value)
	if from.i == len(value) && key.class == nameNone && !s.always && !key.custom {
		return dst
	}
	t := task{s: s, text: value, key: key.name, found: dst, base: len(dst)}
	t.named = key.custom
	t.run(from)
	if key.class != nameNone {
		t.value(key.class)
	}
	if t.fold {
		t.runFolded(key.class)
	}
	return t.finish()
}
