package secretscan

import (
	"fmt"
	"slices"
	"strings"
)

// Finding is where a secret stands in a text: text[Start:End].
type Finding struct {
	Detector   int // index into Scanner.Detectors
	Start, End int
}

// Settings says what a Scanner looks for. The zero value looks for everything that
// is built in.
type Settings struct {
	// Enabled are names or groups of detectors; empty means all but the optional ones.
	Enabled []string
	// Disabled are names or groups; they win over Enabled.
	Disabled []string
	// Custom detectors are always enabled unless Disabled names them. Theirs come before the
	// built-in ones where both find the same.
	Custom []CustomDetector
	// SecretKeys are keys whose values are secrets, besides the built-in ones.
	SecretKeys []string
	// AllowedKeys are keys whose values are no secrets because of their key; they win.
	AllowedKeys []string
}

// A Scanner finds secrets. It is immutable, and may be shared between goroutines.
type Scanner struct {
	detectors []Detector // custom ones first, so that an index is a rank
	offset    int        // where the built-in ones begin
	on        [builtins]bool
	words     *automaton
	forms     *automaton
	names     *names
	own       *names // SecretKeys and AllowedKeys only
	deny      []string
	custom    []custom
	always    bool // some custom pattern has to be tried on every text
	brand     bool // a detector of one brand of cards is enabled
	cards     bool // any is
}

// New makes a Scanner. An error names the field, its value and what would be right.
func New(set Settings) (*Scanner, error) {
	s := &Scanner{names: newNames(set.SecretKeys, set.AllowedKeys), own: newOwnNames(set.SecretKeys, set.AllowedKeys)}
	for _, list := range []struct {
		field string
		keys  []string
	}{{"SecretKeys", set.SecretKeys}, {"AllowedKeys", set.AllowedKeys}} {
		for i, k := range list.keys {
			if joined(k) == "" {
				return nil, fmt.Errorf("field %s[%d]: %q has no letters: give a key such as internal_code", list.field, i, k)
			}
		}
	}
	for _, k := range set.SecretKeys {
		s.deny = append(s.deny, wordsOf(k))
	}
	if err := s.addCustom(set.Custom); err != nil {
		return nil, err
	}
	s.offset = len(s.detectors)
	s.detectors = append(s.detectors, detectors[:]...)
	if err := s.choose(set.Enabled, set.Disabled); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	return s, nil
}

// Only gives a Scanner of those built-in detectors of one group that this one has switched
// on. Its Detectors are the same.
func (s *Scanner) Only(group string) (*Scanner, error) {
	only := *s
	only.custom, only.always = nil, false
	for d := range only.on {
		only.on[d] = only.on[d] && detectors[d].Group == group
	}
	if err := only.prepare(); err != nil {
		return nil, err
	}
	return &only, nil
}

// prepare makes what follows from what is switched on.
func (s *Scanner) prepare() error {
	s.brand = s.on[dVisa] || s.on[dMastercard] || s.on[dAmex]
	s.cards = s.brand || s.on[dCard]
	words := s.keywords()
	for _, w := range words {
		if len(w.text) > 64 {
			return fmt.Errorf("keyword %q is longer than 64 bytes: give a shorter part of it", w.text)
		}
	}
	var err error
	if s.words, err = newWords(words); err != nil {
		return err
	}
	s.forms, err = newForms(s.enabledForms())
	return err
}

// choose switches the built-in detectors on and off, and drops disabled custom ones.
func (s *Scanner) choose(enabled, disabled []string) error {
	match := func(field string, i int, what string, f func(d int)) error {
		found := false
		for d, det := range s.detectors {
			if det.Name == what || det.Group == what && !det.Optional {
				f(d)
				found = true
			}
		}
		if !found {
			return fmt.Errorf("field %s[%d]: %q is neither a detector nor a group: use one of %s", field, i, what, strings.Join(s.known(), ", "))
		}
		return nil
	}
	if len(enabled) == 0 {
		for d, det := range detectors {
			s.on[d] = !det.Optional
		}
	}
	for i, what := range enabled {
		err := match("Enabled", i, what, func(d int) {
			if d >= s.offset {
				s.on[d-s.offset] = true
			}
		})
		if err != nil {
			return err
		}
	}
	for i, what := range disabled {
		err := match("Disabled", i, what, func(d int) {
			if d >= s.offset {
				s.on[d-s.offset] = false
			} else {
				s.custom = slices.DeleteFunc(s.custom, func(c custom) bool { return c.detector == d })
			}
		})
		if err != nil {
			return err
		}
	}
	s.always = slices.ContainsFunc(s.custom, func(c custom) bool { return c.always() })
	return nil
}

func (s *Scanner) known() []string {
	var names []string
	for _, d := range s.detectors {
		names = append(names, d.Name, d.Group)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Detectors lists what Finding.Detector is an index into, disabled ones included.
// The caller must not change it.
func (s *Scanner) Detectors() []Detector { return s.detectors }

// minText is the length of the shortest text with a secret in it ("::1").
const minText = 3

// Scan appends the secrets in text to dst, in order and never overlapping.
func (s *Scanner) Scan(dst []Finding, text string) []Finding {
	if len(text) < minText || len(s.custom) == 0 && plainNumber(text) {
		return dst
	}
	from := s.skip(text)
	if from.i == len(text) && !s.always {
		return dst
	}
	t := task{s: s, text: text, found: dst, base: len(dst)}
	t.run(from)
	if t.fold {
		t.runFolded(nameNone)
	}
	return t.finish()
}

// ScanValue is Scan for a value that stands under key: "password" makes any value
// a secret, "cvv" three digits.
func (s *Scanner) ScanValue(dst []Finding, key, value string) []Finding {
	return s.ScanUnder(dst, s.Key(key), value)
}

// maxNumber is the length in bytes below which no number is a secret without a name; the
// shortest cards have 12 digits.
const maxNumber = 12

// plainNumber says whether text is such a number, with one point at most.
func plainNumber(text string) bool {
	if len(text) >= maxNumber {
		return false
	}
	points := 0
	for i := range len(text) {
		if !isDigit(text[i]) {
			if text[i] != '.' || points > 0 {
				return false
			}
			points++
		}
	}
	return true
}

// A position is a place in a text, and the states of the automatons there.
type position struct {
	i          int
	word, form uint
}

// skip gives the first place in text where an automaton has something to report after the next
// byte. Most values have none, and need no task.
func (s *Scanner) skip(text string) (p position) {
	words, forms := s.words, s.forms
	wordHot, formHot := words.hot, forms.hot
	for p.i = 0; p.i < len(text); p.i++ {
		c := text[p.i]
		word, form := uint(words.next[c][p.word]), uint(forms.next[c][p.form])
		if word >= wordHot || form >= formHot {
			break
		}
		p.word, p.form = word, form
	}
	return p
}

// A task is one run over one text.
type task struct {
	s     *Scanner
	text  string
	found []Finding
	base  int    // findings before it are the caller's
	key   string // what the text stands under, or empty
	folds int    // how often the text was folded
	fold  bool   // the text has to be read a second time, folded

	nameEnd  int // names and values of assignments up to here are done
	digitEnd int // a number that was taken or refused as a whole ends here
	addrEnd  int // the same for addresses with colons
	colonEnd int // runs of hex digits and colons up to here are done
	atSign   int // the next '@' known of; no other is before it
	jwtEnd   int
	pemEnd   int
	pemOpen  bool // no END is behind the last BEGIN
	longRow  int  // of prefixes, whose token is too long up to longEnd
	longEnd  int
	digits   int // the longest run of digits
	custom   uint64
	named    bool // key has a keyword of a custom detector in it
}

func (t *task) add(detector, start, end int) {
	t.found = append(t.found, Finding{Detector: t.s.offset + detector, Start: start, End: end})
}

// run reads the text once.
func (t *task) run(from position) {
	words, forms := t.s.words, t.s.forms
	wordHot, formHot := words.hot, forms.hot
	word, form := from.word, from.form
	text := t.text
	for i := from.i; i < len(text); i++ {
		c := text[i]
		word, form = uint(words.next[c][word]), uint(forms.next[c][form])
		if word >= wordHot || form >= formHot {
			t.stops(words.reports(word), i+1)
			t.stops(forms.reports(form), i+1)
		}
	}
	if t.custom != 0 || t.named || t.s.always || t.digits > 0 && len(t.s.custom) > 0 {
		t.runCustom()
	}
}

func (t *task) stops(hits []hit, end int) {
	for _, h := range hits {
		t.stop(h, end-int(h.length), end)
	}
}

// stop looks at text[start:end], where an automaton stopped.
func (t *task) stop(h hit, start, end int) {
	switch h.kind {
	case kindAt:
		t.email(start)
	case kindColon:
		t.colons(start)
	case kindDash:
		t.macPairs(start, '-')
	case kindDot:
		t.macDotted(start)
	case kindPlus:
		t.plus(start)
	case kindQuad:
		t.ipv4(start)
	case kindIBAN:
		t.iban(start)
	case kindNational:
		t.nationalForm(&nationalIDs[h.arg], start)
	case kindCard:
		t.card(start)
	case kindRun:
		t.countDigits(start)
	case kindPercent:
		t.percent(start)
	case kindEscape:
		_, size := unescape(t.text, start)
		t.fold = t.fold || size > 0
	case kindUnicode:
		t.unicode(start)
	case kindTrack:
		t.track2(start)
	case kindScheme:
		t.userInfo(start, end)
	case kindJWT:
		t.jwt(start)
	case kindPEM:
		t.pem(start, end)
	case kindPrefix:
		t.prefix(int(h.arg), start)
	case kindAzure:
		t.azureClient(start)
	case kindHook:
		t.slackHook(end)
	case kindAuth:
		t.auth(authScheme(h.arg), start, end)
	case kindName:
		t.assignment(start, end)
	case kindContext:
		t.context(nameClass(h.arg), start, end)
	case kindCustom:
		t.custom |= 1 << (h.arg & 63)
	}
}

// finish puts the findings in order and settles overlaps.
func (t *task) finish() []Finding {
	if len(t.found)-t.base > 1 {
		own := settle(t.text, t.found[t.base:], t.s.offset+dAssignment)
		t.found = t.found[:t.base+len(own)]
	}
	return t.found
}
