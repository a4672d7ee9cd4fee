package query

import (
	"strings"
	"unicode/utf8"
)

// PlaceKind says what a query could go on with.
type PlaceKind uint8

// The kinds of places.
const (
	FieldPlace PlaceKind = iota // a field's name, or a word
	ValuePlace                  // a field's value
	TextPlace                   // within the quotes of a phrase: nothing is to be proposed
)

// Place is where the cursor stands in a query.
type Place struct {
	Kind PlaceKind
	// Field is the name of the field whose value is asked for, as it was written.
	Field string
	// Prefix is what is there before the cursor, of the name or the value, without quotes.
	Prefix string
	// From and To are what a completion replaces, in UTF-16 units.
	From, To int
	// AfterTerm says that a whole term stands before, so that AND and OR fit too.
	AfterTerm bool
}

// Complete says what is asked for at a place, in UTF-16 units; what is no place in the text is its
// end. The query need not be whole.
func Complete(text string, at int) Place {
	cursor := byteOffset(text, at)
	s := completer{parser: parser{text: text}, cursor: cursor}
	return s.place()
}

// Quote writes a value so that the parser reads it as that one: in quotes where it must be.
func Quote(value string) string {
	plain := value != "" && !strings.ContainsAny(value, "()\"*\\<>=")
	for i := range len(value) {
		plain = plain && value[i] > ' '
	}
	if plain {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// QuoteField is Quote for a field's name.
func QuoteField(name string) string {
	plain := name != "" && name[0] != '-'
	for i := range len(name) {
		plain = plain && isName(name[i])
	}
	if plain {
		return name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

func byteOffset(text string, at int) int {
	if at < 0 {
		return len(text)
	}
	units := 0
	for i, r := range text {
		if units >= at {
			return i
		}
		units++
		if r > 0xffff {
			units++
		}
	}
	return len(text)
}

type completer struct {
	parser
	cursor int
	groups []string // the field of each parenthesis that is open
	after  bool
}

func (c *completer) place() Place {
	for {
		c.blanks()
		if c.at >= c.cursor {
			return c.free(c.cursor, c.cursor, "")
		}
		switch {
		case c.text[c.at] == '(':
			c.groups = append(c.groups, c.group())
			c.after = false
			c.at++
			continue
		case c.text[c.at] == ')':
			c.groups = c.groups[:max(0, len(c.groups)-1)]
			c.after = true
			c.at++
			continue
		case c.keywordBefore("AND"), c.keywordBefore("OR"), c.keywordBefore("NOT"):
			c.after = false
			continue
		}
		if c.group() != "" {
			c.order()
			if place, done := c.value(c.group()); done {
				return place
			}
			continue
		}
		if place, done := c.term(); done {
			return place
		}
	}
}

// keywordBefore takes a keyword that ends before the cursor.
func (c *completer) keywordBefore(word string) bool {
	at := c.at
	if c.keyword(word) && c.at < c.cursor {
		return true
	}
	c.at = at
	return false
}

func (c *completer) group() string {
	if len(c.groups) == 0 {
		return ""
	}
	return c.groups[len(c.groups)-1]
}

// free is a place where a new term, or a new value in parentheses, goes on.
func (c *completer) free(from, to int, prefix string) Place {
	kind := FieldPlace
	if c.group() != "" {
		kind = ValuePlace
	}
	return c.make(kind, c.group(), prefix, from, to)
}

func (c *completer) make(kind PlaceKind, field, prefix string, from, to int) Place {
	return Place{
		Kind: kind, Field: field, Prefix: prefix, AfterTerm: c.after,
		From: utf16Length(c.text[:from]), To: utf16Length(c.text[:to]),
	}
}

// term takes a term that begins before the cursor; done, if the cursor is in it.
func (c *completer) term() (place Place, done bool) {
	for c.at < c.cursor && c.text[c.at] == '-' {
		c.at++
	}
	start := c.at
	if start >= c.cursor {
		return c.free(start, start, ""), true
	}
	var name string
	if c.text[c.at] == '"' {
		phrase, err := c.quoted()
		if err != nil || c.at > c.cursor {
			return c.make(TextPlace, "", unescape(c.text[start+1:c.cursor]), start, min(c.at, len(c.text))), true
		}
		name = phrase
	} else {
		for c.at < len(c.text) && isName(c.text[c.at]) {
			c.at++
		}
		name = c.text[start:c.at]
		if c.at >= c.cursor {
			return c.free(start, c.at, c.text[start:c.cursor]), true
		}
	}
	end := c.at
	if _, ok := c.operator(); ok && name != "" {
		if c.at > c.cursor {
			// Within the operator.
			return c.make(TextPlace, "", "", c.cursor, c.cursor), true
		}
		c.blanks()
		if c.at > c.cursor {
			c.at = c.cursor
		}
		if c.at < len(c.text) && c.at < c.cursor && c.text[c.at] == '(' {
			c.groups = append(c.groups, name)
			c.after = false
			c.at++
			return Place{}, false
		}
		return c.value(name)
	}
	if c.at = end; c.text[start] != '"' {
		c.word(start)
	}
	if c.at == start {
		_, size := utf8.DecodeRuneInString(c.text[c.at:])
		c.at += size
	}
	if c.at >= c.cursor && c.text[start] != '"' {
		return c.free(start, c.at, c.text[start:c.cursor]), true
	}
	c.after = true
	return Place{}, false
}

// value takes a field's value; done, if the cursor is in it.
func (c *completer) value(field string) (place Place, done bool) {
	start := c.at
	if start >= c.cursor {
		start = c.cursor
		c.at = start
		if start < len(c.text) && c.text[start] == '"' {
			_, _ = c.quoted()
		} else {
			c.word(start)
		}
		return c.make(ValuePlace, field, "", start, c.at), true
	}
	if c.text[start] == '"' {
		_, err := c.quoted()
		if err != nil || c.at > c.cursor {
			return c.make(ValuePlace, field, unescape(c.text[start+1:c.cursor]), start, min(c.at, len(c.text))), true
		}
	} else {
		c.word(start)
		if c.at >= c.cursor {
			return c.make(ValuePlace, field, c.text[start:c.cursor], start, c.at), true
		}
		if c.at == start {
			c.at++
		}
	}
	c.after = true
	return Place{}, false
}

func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s)
}
