package corpus

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// Planted is a secret in a sample: Text[Start:End].
type Planted struct {
	Detector   string
	Start, End int
}

// NearMiss says what look-alike stands at Text[Start:End], and of which
// detector it looks like. The span takes in the words that make it one, as in
// "password reset requested".
type NearMiss struct {
	Detector, Kind string
	Start, End     int
}

// The forms a sample may have.
const (
	FormLogfmt    = "logfmt"
	FormJSON      = "json"
	FormAccess    = "access"
	FormText      = "text"
	FormValue     = "value"
	FormURL       = "url"
	FormMultiline = "multiline"
	FormNested    = "nested"
)

// Sample is one text with its labels, sorted by Start.
type Sample struct {
	Form       string
	Key        string // for FormValue the attribute's key, "" otherwise
	Text       string
	Secrets    []Planted
	NearMisses []NearMiss
}

// Generator makes samples. It is not safe for use by several goroutines.
type Generator struct {
	rnd *rand.Rand
}

// New returns a generator whose samples follow from seed.
func New(seed uint64) *Generator {
	const stream = 0x68656172_74776f6f                          // any constant: seeds differ in the other half
	return &Generator{rnd: rand.New(rand.NewPCG(seed, stream))} //nolint:gosec // repeatable on purpose, guards nothing
}

// Detectors returns the names of all detectors that have samples, sorted.
func Detectors() []string {
	names := make([]string, 0, len(detectors))
	for name := range detectors {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Family returns the group a detector belongs to, "" of an unknown one.
func Family(detector string) string {
	return detectors[detector].family
}

// Sample returns a text with at least one planted secret of detector. Of an
// unknown detector it returns the zero Sample.
func (g *Generator) Sample(detector string) Sample {
	kind, ok := detectors[detector]
	if !ok {
		return Sample{}
	}
	return g.fair(func() Sample {
		s := g.plant(detector, kind)
		if !slices.ContainsFunc(s.Secrets, func(p Planted) bool { return p.Detector == detector }) {
			return Sample{}
		}
		return s
	})
}

// NearMiss returns a text with look-alikes of detector's secrets and no secret.
func (g *Generator) NearMiss(detector string) Sample {
	kind, ok := detectors[detector]
	if !ok {
		return Sample{}
	}
	return g.fair(func() Sample { return g.mislead(detector, kind) })
}

// Benign returns a realistic text without any secret.
func (g *Generator) Benign() Sample {
	return g.fair(g.harmless)
}

// fair repeats write until its text holds no payment card by accident: of any
// sixteen digits that begin as cards do, one in ten passes Luhn's test.
func (g *Generator) fair(write func() Sample) Sample {
	for {
		if s := write(); s.Text != "" && !accidentalCard(s) {
			return s
		}
	}
}

// accidentalCard says whether digits outside of the labelled secrets, whole
// groups of them joined by single spaces or dashes, make a valid card number.
func accidentalCard(s Sample) bool {
	var groups []string
	flushed := func() bool {
		defer func() { groups = groups[:0] }()
		for from := range groups {
			for to := from + 1; to <= len(groups); to++ {
				if validCard(strings.Join(groups[from:to], "")) {
					return true
				}
			}
		}
		return false
	}
	masked := []byte(s.Text)
	for _, p := range s.Secrets {
		for i := p.Start; i < p.End; i++ {
			masked[i] = '*'
		}
	}
	isDigit := func(i int) bool { return i < len(masked) && masked[i] >= '0' && masked[i] <= '9' }
	for i := 0; i < len(masked); {
		if !isDigit(i) {
			i++
			continue
		}
		end := i
		for isDigit(end) {
			end++
		}
		groups = append(groups, string(masked[i:end]))
		i = end
		if i < len(masked) && (masked[i] == ' ' || masked[i] == '-') && isDigit(i+1) {
			i++
			continue
		}
		if flushed() {
			return true
		}
	}
	return flushed()
}
