package query

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

const (
	// MaxLength is that of a query, in characters.
	MaxLength = 4096
	// maxDepth is how deep parentheses may be, so that a hostile query is no deep recursion.
	maxDepth = 64
	// maxTerms bounds what one record can cost.
	maxTerms = 256
)

// Error says what is wrong with a query.
type Error struct {
	// At is where, in UTF-16 units, as a browser counts.
	At   int
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("at character %d: %s", e.At+1, e.Text) }

// Parse reads a query. Its errors are of type *Error. AND, OR and NOT are in capitals, since "not
// found" is what people look for.
func Parse(text string) (Query, error) {
	p := parser{text: text}
	if length := utf8.RuneCountInString(text); length > MaxLength {
		return Query{}, p.fail(len(text), "%d characters are too many, %d may be", length, MaxLength)
	}
	if !utf8.ValidString(text) {
		at := 0
		for at < len(text) {
			r, size := utf8.DecodeRuneInString(text[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		return Query{}, p.fail(at, "this is not UTF-8")
	}
	p.blanks()
	if p.at == len(text) {
		return Query{text: text}, nil
	}
	root, err := p.or(nil, 0)
	if err != nil {
		return Query{}, err
	}
	if p.at < len(text) {
		return Query{}, p.fail(p.at, "this ) closes nothing")
	}
	return Query{Root: root, text: text}, nil
}

type parser struct {
	text  string
	at    int
	terms int
}

// target is the field that values within parentheses are of.
type target struct {
	field Field
	op    Op
}

func (p *parser) fail(at int, format string, args ...any) error {
	return &Error{At: utf16Length(p.text[:at]), Text: fmt.Sprintf(format, args...)}
}

func utf16Length(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (p *parser) blanks() {
	for p.at < len(p.text) && isBlank(p.text[p.at]) {
		p.at++
	}
}

// keyword takes a word in capitals that stands alone.
func (p *parser) keyword(word string) bool {
	rest := p.text[p.at:]
	if !strings.HasPrefix(rest, word) {
		return false
	}
	if rest = rest[len(word):]; rest != "" && !isBlank(rest[0]) && rest[0] != '(' && rest[0] != ')' && rest[0] != '"' {
		return false
	}
	p.at += len(word)
	return true
}

func (p *parser) peekKeyword(word string) bool {
	at := p.at
	found := p.keyword(word)
	p.at = at
	return found
}

func (p *parser) or(of *target, depth int) (Node, error) {
	var terms []Node
	for {
		term, err := p.and(of, depth)
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
		if !p.keyword("OR") {
			break
		}
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return &Or{terms}, nil
}

func (p *parser) and(of *target, depth int) (Node, error) {
	var terms []Node
	for {
		term, err := p.unary(of, depth)
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
		p.blanks()
		if p.keyword("AND") {
			continue
		}
		if p.at == len(p.text) || p.text[p.at] == ')' || p.peekKeyword("OR") {
			break
		}
	}
	if len(terms) == 1 {
		return terms[0], nil
	}
	return &And{terms}, nil
}

func (p *parser) unary(of *target, depth int) (Node, error) {
	negative := false
	for {
		p.blanks()
		if p.keyword("NOT") {
			negative = !negative
			continue
		}
		if p.at+1 < len(p.text) && p.text[p.at] == '-' && !isBlank(p.text[p.at+1]) && p.text[p.at+1] != ')' && of == nil {
			p.at++
			negative = !negative
			continue
		}
		break
	}
	term, err := p.primary(of, depth)
	if err == nil && negative {
		term = &Not{term}
	}
	return term, err
}

func (p *parser) primary(of *target, depth int) (Node, error) {
	start := p.at
	if start == len(p.text) {
		return nil, p.fail(start, "something is missing at the end")
	}
	if p.text[start] == ')' || p.peekKeyword("OR") || p.peekKeyword("AND") {
		return nil, p.fail(start, "something is missing here; a word like this one is written in quotes")
	}
	if p.text[start] == '(' {
		if depth == maxDepth {
			return nil, p.fail(start, "parentheses are more than %d deep", maxDepth)
		}
		p.at++
		inner, err := p.or(of, depth+1)
		if err != nil {
			return nil, err
		}
		if p.at == len(p.text) {
			return nil, p.fail(start, "this ( is not closed")
		}
		p.at++
		return inner, nil
	}
	if p.terms++; p.terms > maxTerms {
		return nil, p.fail(start, "more than %d terms", maxTerms)
	}
	if of != nil {
		op := of.op
		if other, ok := p.order(); ok {
			op = other
		}
		return p.value(of.field, op)
	}
	if p.text[start] == '"' {
		phrase, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if op, ok := p.operator(); ok {
			return p.comparison(FieldOf(phrase), op, start, depth)
		}
		if phrase == "" {
			return nil, p.fail(start, "these quotes are empty")
		}
		return &Text{Pattern{Parts: []string{Fold(phrase)}, Folded: true}}, nil
	}
	for p.at < len(p.text) && isName(p.text[p.at]) {
		p.at++
	}
	name := p.text[start:p.at]
	if op, ok := p.operator(); ok {
		if name == "" {
			return nil, p.fail(start, "a field's name is missing here; a text that begins so is written in quotes")
		}
		return p.comparison(FieldOf(name), op, start, depth)
	}
	word := p.word(start)
	pattern := wildcard(word)
	pattern.Start, pattern.End = false, false
	if len(pattern.Parts) == 0 {
		return nil, p.fail(start, "* alone is everything: leave it out, or write field:*")
	}
	return &Text{pattern}, nil
}

// isName says whether a byte may be in a field's name without quotes.
func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '-' || c == '/' || c == '@' || c >= utf8.RuneSelf
}

// word takes what is left of a word that began at start.
func (p *parser) word(start int) string {
	for p.at < len(p.text) && !isBlank(p.text[p.at]) && !strings.ContainsRune(`()"`, rune(p.text[p.at])) {
		p.at++
	}
	return p.text[start:p.at]
}

// quoted takes a text in quotes.
func (p *parser) quoted() (string, error) {
	start := p.at
	var text strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return text.String(), nil
		case c == '\\' && p.at+1 < len(p.text) && (p.text[p.at+1] == '"' || p.text[p.at+1] == '\\'):
			p.at++
			c = p.text[p.at]
		}
		text.WriteByte(c)
	}
	return "", p.fail(start, "these quotes are not closed")
}

// operator takes a comparison behind a field's name. There may be blanks around it, but for those
// before a colon.
func (p *parser) operator() (Op, bool) {
	if p.at < len(p.text) && p.text[p.at] == ':' {
		p.at++
		if op, ok := p.order(); ok {
			return op, true
		}
		return Equal, true
	}
	at := p.at
	p.blanks()
	rest := p.text[p.at:]
	switch {
	case strings.HasPrefix(rest, "!="):
		p.at += 2
		return NotEqual, true
	case strings.HasPrefix(rest, "="):
		p.at++
		return Equal, true
	}
	if op, ok := p.order(); ok {
		return op, true
	}
	p.at = at
	return 0, false
}

func (p *parser) order() (Op, bool) {
	rest := p.text[p.at:]
	switch {
	case strings.HasPrefix(rest, "<="):
		p.at += 2
		return LessOrEqual, true
	case strings.HasPrefix(rest, ">="):
		p.at += 2
		return GreaterOrEqual, true
	case strings.HasPrefix(rest, "<"):
		p.at++
		return Less, true
	case strings.HasPrefix(rest, ">"):
		p.at++
		return Greater, true
	}
	return 0, false
}

func (p *parser) comparison(field Field, op Op, start, depth int) (Node, error) {
	if field.Name == "" {
		return nil, p.fail(start, "a field's name is missing here")
	}
	p.blanks()
	if p.at < len(p.text) && p.text[p.at] == '(' {
		negative := op == NotEqual
		if negative {
			op = Equal
		}
		inner, err := p.primary(&target{field, op}, depth)
		if err != nil || !negative {
			return inner, err
		}
		return &And{[]Node{&Compare{field, Test{Op: Exists}}, &Not{inner}}}, nil
	}
	return p.value(field, op)
}

func (p *parser) value(field Field, op Op) (Node, error) {
	p.blanks()
	start := p.at
	test := Test{Op: op}
	ordering := op != Equal && op != NotEqual
	text, exact := "", false
	if p.at < len(p.text) && p.text[p.at] == '"' {
		var err error
		if text, err = p.quoted(); err != nil {
			return nil, err
		}
		exact = true
	} else if text = p.word(start); text == "" {
		return nil, p.fail(start, `a value is missing here; a field that is there is field:*, an empty text is ""`)
	}
	if text == "*" && !exact && op == Equal {
		test.Op = Exists
		return &Compare{field, test}, nil
	}
	if exact {
		test.Pattern = literal(text, false)
	} else {
		test.Pattern = wildcard(text)
	}
	switch field.Kind {
	case Level:
		low, high, ok := level(text)
		if !ok {
			return nil, p.fail(start, "%q is no level: there are %s, and the numbers 1 to 24", text, strings.Join(record.Levels(), ", "))
		}
		test.low, test.high = low, high
		return &Compare{field, test}, nil
	case Kind:
		if ordering || text != "*" && Fold(text) != "log" && Fold(text) != "span" {
			return nil, p.fail(start, "%q is no kind: there are log and span", text)
		}
		test.Pattern = wildcard(text)
		return &Compare{field, test}, nil
	}
	if !exact || ordering {
		test.operand(text)
	}
	if field.Kind == Duration && !test.numeric {
		return nil, p.fail(start, "%q is no duration: write it as 200ms or 1.5s; units are ns, us, ms, s, m, h", text)
	}
	if ordering && !test.numeric {
		return nil, p.fail(start, "%q is neither a number nor a duration, which alone are more or less than others", text)
	}
	return &Compare{field, test}, nil
}

// operand reads a number or a duration.
func (t *Test) operand(text string) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		t.integer, t.number, t.integral, t.numeric = n, float64(n), true, true
		return
	}
	if strings.ContainsAny(text, "xX_pP") {
		return // Go's forms, which nobody writes here
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
		t.number, t.numeric = n, true
		return
	}
	if d, err := time.ParseDuration(Fold(text)); err == nil {
		t.number, t.numeric, t.duration = d.Seconds(), true, true
	}
}

// level gives the numbers that a level's name, or a number, stands for. A name that loggers have for
// a place within a level (notice, or WARN2) is that one number.
func level(text string) (low, high uint8, ok bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return uint8(n), uint8(n), 0 <= n && n <= 24
	}
	if Fold(text) == "unset" {
		return 0, 0, true
	}
	n, ok := severity.FromText(text)
	if !ok || n == 0 {
		return 0, 0, false
	}
	if n%4 == 1 {
		return uint8(n), uint8(n) + 3, true
	}
	return uint8(n), uint8(n), true
}
