package secretscan

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
)

// A form is what is known by the kinds of its bytes, such as an address of four numbers. There
// is no more in it than what its verifier refuses everything without, and enough to pass
// by the times, dates and versions that every log is full of.
type form struct {
	before string // an expression of what has to be before it; a text begins behind a NUL
	bytes  string // an expression of a fixed number of bytes
	hit    hit
}

const (
	edge     = `[\Wnrtm]`             // what leftEdge lets stand before a token
	noColon  = `[^:\dA-Z_a-lo-qsu-z]` // the same without the colon
	hexDigit = `[0-9A-Fa-f]`
)

// enabledForms lists the forms to stop at for what is enabled.
func (s *Scanner) enabledForms() (list []form) {
	on := &s.on
	add := func(enabled bool, k kind, arg int, before string, bytes ...string) {
		for _, b := range bytes {
			if enabled {
				list = append(list, form{before, b, hit{kind: k, arg: uint16(arg)}})
			}
		}
	}
	add(true, kindPercent, 0, ``, `%[2-7]`+hexDigit)
	add(true, kindUnicode, 0, ``, foldable[:]...)
	add(true, kindUnicode, 0, `[0-9A-Za-z]`, lookAlikeLead)
	add(on[dCardTrack], kindPercent, 0, ``, `%[Bb]\d`)
	add(on[dCardTrack], kindTrack, 0, ``, `;\d`)
	for n := range 4 {
		add(on[dIPv6] || on[dMAC], kindColon, 0, fmt.Sprintf(`%s%s{%d}`, noColon, hexDigit, n+1), `:[0-9A-Fa-f:]{9}`)
	}
	add(on[dIPv6], kindColon, 0, ``, `::`)
	add(on[dMAC], kindDash, 0, edge+hexDigit+`{2}`, `-`+hexDigit+`{2}-`)
	add(on[dMAC], kindDot, 0, hexDigit, `\.`+hexDigit+`{4}\.`)
	add(on[dPhone], kindPlus, 0, ``, `\+[1-9]`)
	for n := range 9 {
		add(on[dIPv4], kindQuad, 0, `\d`, fmt.Sprintf(`\.\d{%d}\.\d{%d}\.\d`, 1+n/3, 1+n%3))
	}
	add(on[dIBAN], kindIBAN, 0, edge, `[A-Za-z]{2}\d{2}`)
	for i, id := range nationalIDs {
		add(on[id.detector] && id.form != "", kindNational, i, edge, strings.ReplaceAll(regexp.QuoteMeta(id.form), `d`, `\d`))
	}
	// Of two numbers that overlap, the first one is looked at first: it has to be the first to end.
	add(s.cards, kindCard, 0, edge, `[2-68]\d{11}`, `[2-68]\d{5}[ -]\d{6}`)
	add(s.cards, kindCard, 0, edge, `[2-68]\d{3}-[\d\r\n-]{6}`, `[2-68]\d{3}\+[\d\r\n+]{6}`, `[2-68]\d{3}[ \r\n][\d\r\n ]{6}`)
	add(on[dTwilio], kindPrefix, twilioRow, edge, `SK[0-9a-f]`)
	for _, c := range s.custom {
		if c.digits > 0 {
			add(true, kindRun, 0, `\D`, `\d`)
			break
		}
	}
	return list
}

// places are the bytes of all forms, by number. As a state, they are those up to which a form
// may have been read.
type places [5]uint64

func (p *places) set(n int)      { p[n>>6] |= 1 << (n & 63) }
func (p *places) has(n int) bool { return p[n>>6]>>(n&63)&1 != 0 }

// after gives the places that are reached from those in p, and from before all forms, by a
// byte that may stand at the places in accepted (Baeza-Yates and Gonnet's Shift-And).
func (p *places) after(begin, accepted *places) (next places) {
	carry := uint64(0)
	for i := range p {
		next[i] = (p[i]<<1 | carry | begin[i]) & accepted[i]
		carry = p[i] >> 63
	}
	return next
}

// formSet is the forms while their automaton is made.
type formSet struct {
	begin    places
	accepted [256]places // by byte
	ends     []int       // by form
	hits     []hit
}

func (s *formSet) add(list []form) error {
	n := 0
	for _, f := range list {
		before, err := bytesOf(f.before)
		if err != nil {
			return err
		}
		bytes, err := bytesOf(f.bytes)
		if err != nil {
			return err
		}
		if n+len(before)+len(bytes) > 64*len(s.begin) {
			return fmt.Errorf("form %q is one too many for %d places", f.bytes, 64*len(s.begin))
		}
		s.begin.set(n)
		for _, set := range append(before, bytes...) {
			for c, in := range set {
				if in {
					s.accepted[c].set(n)
				}
			}
			n++
		}
		f.hit.length = uint8(len(bytes))
		s.hits = append(s.hits, f.hit)
		s.ends = append(s.ends, n-1)
	}
	return nil
}

// newForms makes the automaton that looks for all forms at once: its states are the sets of
// places that can be reached.
func newForms(list []form) (*automaton, error) {
	var s formSet
	if err := s.add(list); err != nil {
		return nil, err
	}
	var class [256]uint8
	var classes []places
	classOf := make(map[places]uint8)
	for c, a := range s.accepted {
		if _, ok := classOf[a]; !ok {
			classOf[a] = uint8(len(classes))
			classes = append(classes, a)
		}
		class[c] = classOf[a]
	}
	reached := []places{(&places{}).after(&s.begin, &s.accepted[0])}
	number := map[places]int{reached[0]: 0}
	var nodes []node
	for i := 0; i < len(reached); i++ {
		this := node{next: make([]int, len(classes))}
		for c := range classes {
			to := reached[i].after(&s.begin, &classes[c])
			if _, ok := number[to]; !ok {
				number[to] = len(reached)
				reached = append(reached, to)
			}
			this.next[c] = number[to]
		}
		for f, end := range s.ends {
			if reached[i].has(end) {
				this.hits = append(this.hits, s.hits[f])
			}
		}
		nodes = append(nodes, this)
	}
	return newAutomaton(&class, nodes)
}

// bytesOf gives the set of bytes for each place of an expression.
func bytesOf(expression string) ([]*[256]bool, error) {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, err
	}
	list, ok := setsOf(re)
	if !ok {
		return nil, fmt.Errorf("form %q is not of a fixed number of bytes", expression)
	}
	return list, nil
}

func setsOf(re *syntax.Regexp) (list []*[256]bool, ok bool) {
	switch re.Op {
	case syntax.OpEmptyMatch:
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			var set [256]bool
			set[r] = true
			if re.Flags&syntax.FoldCase != 0 {
				set[unicode.SimpleFold(r)] = true
			}
			list = append(list, &set)
		}
	case syntax.OpCharClass:
		var set [256]bool
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= min(re.Rune[i+1], 0xff); r++ {
				set[r] = true
			}
		}
		list = append(list, &set)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			sets, ok := setsOf(sub)
			if !ok {
				return nil, false
			}
			list = append(list, sets...)
		}
	case syntax.OpRepeat:
		sets, ok := setsOf(re.Sub[0])
		if !ok || re.Min != re.Max {
			return nil, false
		}
		for range re.Min {
			list = append(list, sets...)
		}
	default:
		return nil, false
	}
	return list, true
}
