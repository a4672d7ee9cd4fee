package secretscan

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// CustomDetector is one that the user describes.
type CustomDetector struct {
	Name, Group string
	// Pattern is a regular expression of RE2.
	Pattern string
	// Keywords, if any, are words of which one has to stand within Within bytes before what
	// the pattern finds, or in the name under which the text stands, in any case.
	Keywords []string
	// Within is in bytes; 0 means 40.
	Within int
	// Validator is one of Validators, or empty.
	Validator string
	// Capture is the number of the pattern's group that is the secret; 0 is all of it.
	Capture int
}

// defaultWithin is how far behind a keyword a custom pattern may find something.
const defaultWithin = 40

const maxCustom = 64 // the bits of task.custom

type custom struct {
	detector int
	pattern  *regexp.Regexp
	keywords []string
	within   int
	capture  int
	valid    func(string) bool
	literals []string // one of them is in each text the pattern is tried on
	digits   int      // or a run of so many digits
}

// always says whether nothing is known of the texts the pattern matches.
func (c *custom) always() bool { return len(c.literals) == 0 && c.digits == 0 }

func (s *Scanner) addCustom(list []CustomDetector) error {
	if len(list) > maxCustom {
		return fmt.Errorf("field Custom: %d detectors are more than %d: join patterns with |", len(list), maxCustom)
	}
	for i, c := range list {
		fail := func(field string, value any, remedy string) error {
			return fmt.Errorf("field Custom[%d].%s: %v %s", i, field, value, remedy)
		}
		taken := func(d Detector) bool { return d.Name == c.Name }
		if c.Name == "" || joined(c.Name) == "" {
			return fail("Name", fmt.Sprintf("%q", c.Name), "is no name: give one such as customer_number")
		}
		if slices.ContainsFunc(detectors[:], taken) || slices.ContainsFunc(s.detectors, taken) {
			return fail("Name", fmt.Sprintf("%q", c.Name), "is taken: give another")
		}
		if c.Group == "" {
			c.Group = "custom"
		}
		re, err := regexp.Compile(c.Pattern)
		switch {
		case err != nil:
			return fmt.Errorf("field Custom[%d].Pattern: %q is no RE2 expression: %w", i, c.Pattern, err)
		case re.MatchString(""):
			return fail("Pattern", fmt.Sprintf("%q", c.Pattern), "matches the empty text: make a part of it required")
		case c.Capture < 0 || c.Capture > re.NumSubexp():
			return fail("Capture", c.Capture, fmt.Sprintf("is no group of the pattern: use 0 to %d", re.NumSubexp()))
		case c.Within < 0:
			return fail("Within", c.Within, "is negative: give a number of bytes")
		}
		own := custom{detector: len(s.detectors), pattern: re, within: c.Within, capture: c.Capture}
		if own.within == 0 {
			own.within = defaultWithin
		}
		if c.Validator != "" {
			if own.valid = validators[c.Validator]; own.valid == nil {
				return fail("Validator", fmt.Sprintf("%q", c.Validator), "is unknown: use one of "+strings.Join(Validators(), ", "))
			}
		}
		for k, w := range c.Keywords {
			w = strings.ToLower(strings.TrimSpace(w))
			if w == "" || len(w) > 64 {
				return fail(fmt.Sprintf("Keywords[%d]", k), fmt.Sprintf("%q", w), "has to be of 1 to 64 bytes")
			}
			own.keywords = append(own.keywords, w)
		}
		own.literals = own.keywords
		if len(own.literals) == 0 {
			if parsed, err := syntax.Parse(c.Pattern, syntax.Perl); err == nil {
				var lit string
				lit, own.digits = required(parsed.Simplify())
				if len(lit) >= 2 {
					own.literals, own.digits = []string{strings.ToLower(lit[:min(len(lit), 64)])}, 0
				}
			}
		}
		s.detectors = append(s.detectors, Detector{Name: c.Name, Group: c.Group})
		s.custom = append(s.custom, own)
	}
	return nil
}

// required gives the longest literal (of ASCII) that every match has in it, and the least
// run of digits.
func required(re *syntax.Regexp) (literal string, digits int) {
	better := func(l string, d int) {
		if len(l) > len(literal) {
			literal = l
		}
		digits = max(digits, d)
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r >= 0x80 {
				return "", 0
			}
		}
		literal = string(re.Rune)
		for i := range len(literal) {
			if isDigit(literal[i]) {
				digits = 1
			}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpCharClass:
		if onlyDigits(re) {
			digits = 1
		}
	case syntax.OpConcat:
		// Digits beside each other add up.
		run := 0
		for _, sub := range re.Sub {
			n := plainDigits(sub)
			if n > 0 {
				run += n
				better("", run)
			}
			if n == 0 || !fixedDigits(sub) {
				run = n
			}
			better(required(sub))
		}
	}
	return literal, digits
}

func onlyDigits(re *syntax.Regexp) bool {
	for i := 0; i < len(re.Rune); i += 2 {
		if re.Rune[i] < '0' || re.Rune[i+1] > '9' {
			return false
		}
	}
	return len(re.Rune) > 0
}

// plainDigits is how many digits re, of nothing but digits, has at least.
func plainDigits(re *syntax.Regexp) int {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r < '0' || r > '9' {
				return 0
			}
		}
		return len(re.Rune)
	case syntax.OpCharClass:
		if onlyDigits(re) {
			return 1
		}
	case syntax.OpCapture:
		return plainDigits(re.Sub[0])
	case syntax.OpConcat:
		n := 0
		for _, sub := range re.Sub {
			k := plainDigits(sub)
			if k == 0 {
				return 0
			}
			n += k
		}
		return n
	}
	return 0
}

func fixedDigits(re *syntax.Regexp) bool { return plainDigits(re) > 0 }

// runCustom tries the patterns for which the run found what they need.
func (t *task) runCustom() {
	for i := range t.s.custom {
		c := &t.s.custom[i]
		named := c.named(t.key)
		if t.custom&(1<<(i&63)) == 0 && !c.always() && (c.digits == 0 || t.digits < c.digits) && !named {
			continue
		}
		for _, m := range c.pattern.FindAllStringSubmatchIndex(t.text, -1) {
			start, end := m[2*c.capture], m[2*c.capture+1]
			if start >= 0 && end > start && c.accepts(t.text, start, end, named) {
				t.found = append(t.found, Finding{Detector: c.detector, Start: start, End: end})
			}
		}
	}
}

// named says whether what stands under a name has a keyword before it: in the name.
func (c *custom) named(key string) bool {
	return slices.ContainsFunc(c.keywords, func(w string) bool { return containsFold(key, w) })
}

func (c *custom) accepts(text string, start, end int, named bool) bool {
	if c.valid != nil && !c.valid(text[start:end]) {
		return false
	}
	if len(c.keywords) == 0 || named && start <= c.within {
		return true
	}
	before := text[max(0, start-c.within):start]
	for _, w := range c.keywords {
		if containsFold(before, w) {
			return true
		}
	}
	return false
}
