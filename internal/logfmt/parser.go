// Package logfmt reads and writes log lines of the logfmt family, as
// docs/format/logfmt.md defines it.
//
//	p := logfmt.NewParser(logfmt.Options{})
//	pairs, err := p.AppendPairs(pairs[:0], `at=info method=GET status=200 path="/a b" tag`)
//
// Nothing is lost: what is wrong with a line is told by a *SyntaxError, and the
// pairs that could be read stand beside it.
package logfmt

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Types says what becomes of values that look like a number or a boolean.
type Types uint8

const (
	// Infer gives an unquoted value the type int64, float64 or bool where
	// writing the typed value gives back exactly the text that was read.
	Infer Types = iota
	// Strings leaves every value a string. A bare key is true even so.
	Strings
)

// Duplicates says what becomes of a key that occurs more than once in a line.
type Duplicates uint8

const (
	// Last keeps the last value, at the place of the key's first.
	Last Duplicates = iota
	// First keeps the first value.
	First
	// List keeps all values, in order, next to each other at the place of the
	// first: equal neighbouring keys are a list.
	List
)

// Options of a Parser. The zero value infers types and keeps the last of
// duplicate keys.
type Options struct {
	Types      Types
	Duplicates Duplicates
}

// Parser reads lines. It is for one goroutine at a time.
type Parser struct {
	opts    Options
	scratch []byte // decoded texts of the current line
	err     SyntaxError
}

// NewParser makes a Parser.
func NewParser(opts Options) *Parser { return &Parser{opts: opts} }

// AppendPairs appends the pairs of line to dst. The line's own end (CR, LF) may
// be there and is ignored. Keys and values are substrings of line, or of the
// parser's memory where Pair.Volatile says so.
//
// The error is a *SyntaxError, the leftmost of the line; the pairs returned
// beside it hold all that could be read. Texts are valid UTF-8 unless there is
// an error. A line without errors costs no allocation beyond dst's growth and,
// for lines with more keys or escapes than seen before, the parser's own.
func (p *Parser) AppendPairs(dst []Pair, line string) ([]Pair, error) {
	line = strings.TrimRight(line, "\r\n")
	p.scratch = p.scratch[:0]
	p.err = SyntaxError{}
	base := len(dst)
	i := 0
	for i < len(line) {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		var pair Pair
		pair, i = p.pair(line, i)
		dst = p.add(dst, base, pair)
	}
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRuneInString(line[i:])
		if r == utf8.RuneError && n == 1 {
			p.fail(i, InvalidUTF8)
			break
		}
		i += n
	}
	if p.err.Cause != 0 {
		return dst, &SyntaxError{Column: p.err.Column, Cause: p.err.Cause}
	}
	return dst, nil
}

// fail notes an error at line[i], unless one further left is known.
func (p *Parser) fail(i int, cause Cause) {
	if p.err.Cause == 0 || i+1 < p.err.Column {
		p.err = SyntaxError{Column: i + 1, Cause: cause}
	}
}

// pair reads the pair that begins at line[i], which is no blank.
func (p *Parser) pair(line string, i int) (Pair, int) {
	var pair Pair
	start := i
	switch line[i] {
	case '"':
		var volatile bool
		pair.Key, i, volatile = p.quoted(line, i)
		if volatile {
			pair.flags |= flagVolatile
		}
	case '=':
		p.fail(i, MissingKey)
	default:
		for i < len(line) && line[i] != ' ' && line[i] != '\t' && line[i] != '=' {
			if line[i] == '"' {
				p.fail(i, QuoteInKey)
			} else if line[i] < ' ' {
				p.fail(i, ControlCharacter)
			}
			i++
		}
		pair.Key = line[start:i]
	}
	if i == len(line) || line[i] != '=' {
		pair.Kind, pair.bits = Bool, 1
		pair.flags |= flagBare
		return pair, i
	}
	i++
	if i < len(line) && line[i] == '"' {
		var volatile bool
		pair.Value, i, volatile = p.quoted(line, i)
		if volatile {
			pair.flags |= flagVolatile
		}
		if i < len(line) && line[i] == '=' {
			p.fail(i, TextAfterQuote)
		}
		return pair, i
	}
	start = i
	quotes, last := 0, 0
	for i < len(line) && line[i] != ' ' && line[i] != '\t' {
		if line[i] == '"' {
			quotes++
			last = i
		} else if line[i] < ' ' {
			p.fail(i, ControlCharacter)
		}
		i++
	}
	if quotes%2 == 1 {
		p.fail(last, UnbalancedQuote)
	}
	pair.Value = line[start:i]
	if p.opts.Types == Infer {
		pair.Kind, pair.bits = infer(pair.Value)
	}
	return pair, i
}

// quoted reads the quoted text that begins with the quote at line[i].
func (p *Parser) quoted(line string, i int) (text string, next int, volatile bool) {
	open := i
	escaped := false
	for i++; i < len(line) && line[i] != '"'; i++ {
		if line[i] == '\\' {
			escaped = true
			i++
		}
		if i < len(line) && line[i] < ' ' && line[i] != '\t' {
			p.fail(i, ControlCharacter)
		}
	}
	if i >= len(line) {
		p.fail(open, UnterminatedQuote)
		return line[open+1:], len(line), false
	}
	text = line[open+1 : i]
	next = i + 1
	if next < len(line) && line[next] != ' ' && line[next] != '\t' && line[next] != '=' {
		p.fail(next, TextAfterQuote)
	}
	if !escaped {
		return text, next, false
	}
	mark := len(p.scratch)
	var at int
	var cause Cause
	p.scratch, at, cause = appendUnescaped(p.scratch, text)
	if cause != 0 {
		p.scratch = p.scratch[:mark]
		p.fail(open+1+at, cause)
		return text, next, false
	}
	decoded := p.scratch[mark:]
	return unsafe.String(unsafe.SliceData(decoded), len(decoded)), next, true
}

func (p *Parser) add(dst []Pair, base int, pair Pair) []Pair {
	at := -1
	for i := base; i < len(dst); i++ {
		if dst[i].Key == pair.Key {
			at = i
			if p.opts.Duplicates != List {
				break
			}
		}
	}
	switch {
	case at < 0:
		return append(dst, pair)
	case p.opts.Duplicates == First:
		return dst
	case p.opts.Duplicates == Last:
		dst[at] = pair
		return dst
	}
	dst = append(dst, Pair{})
	copy(dst[at+2:], dst[at+1:])
	dst[at+1] = pair
	return dst
}
