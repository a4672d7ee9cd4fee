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
	"math/bits"
	"slices"
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
	hints   *[256]Kind // the Kind by a value's first byte, or pending
	scratch []byte     // decoded texts of the current line
	high    uint64     // has a bit of highBits when the current line is not all ASCII
	err     SyntaxError
	hasher  hasher
	seen    keyTable
}

// NewParser makes a Parser.
func NewParser(opts Options) *Parser {
	p := &Parser{opts: opts, hints: &noHints, hasher: newHasher()}
	if opts.Types == Infer {
		p.hints = &typeHints
	}
	return p
}

// maxKept is what a parser keeps of each of its buffers, in bytes, after a line
// that was unusual enough to make it grow.
const maxKept = 64 << 10

// AppendPairs appends the pairs of line to dst. The line's own end (CR, LF) may
// be there and is ignored. Keys and values are substrings of line, or of the
// parser's memory where Pair.Volatile says so.
//
// The error is a *SyntaxError, the leftmost of the line; the pairs returned
// beside it hold all that could be read. Texts are valid UTF-8 unless there is
// an error. A line without errors costs no allocation beyond dst's growth and,
// for lines with more keys or longer escaped texts than seen before, the
// parser's own.
func (p *Parser) AppendPairs(dst []Pair, line string) ([]Pair, error) {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	p.err.Cause = 0
	p.high = 0
	p.scratch = kept(p.scratch)
	base := len(dst)
	for i := 0; i < len(line); {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, 16)
		}
		var n int
		n, i = p.plain(dst[len(dst):cap(dst)], line, i)
		dst = dst[:len(dst)+n]
		if i < len(line) && len(dst) < cap(dst) {
			dst = dst[:len(dst)+1]
			i = p.odd(&dst[len(dst)-1], line, i)
		}
	}
	dst = dst[:base+p.settle(dst[base:])]
	if p.high&highBits != 0 && !utf8.ValidString(line) {
		p.fail(invalidUTF8(line), InvalidUTF8)
	}
	if p.err.Cause != 0 {
		return dst, &SyntaxError{Column: p.err.Column, Cause: p.err.Cause}
	}
	return dst, nil
}

// plain reads pairs from line[i] on into out, as long as they are of the usual
// forms: key, key=, key=value and key="value", with no escapes. It returns how
// many, and where it stopped: at the line's end, or at the first byte of a pair
// that is something else or for which there is no place in out.
//
// It goes eight bytes at a time. What its speed hangs on is how soon the
// beginning of the next pair is known, so the first byte that may end the pair
// is searched from the key on, and the first '=' independently of it.
func (p *Parser) plain(out []Pair, line string, i int) (n, next int) {
	var (
		b      = unsafe.StringData(line)
		size   = len(line)
		whole  = size - 8 // the last place of a whole word
		tail   = tailWord(line)
		hints  = p.hints
		hasher = p.hasher
		high   uint64
	)
	for n < len(out) && i < size {
		var first uint64
		if i <= whole {
			first = load(b, i)
		} else {
			first = tail >> (uint(i-whole) * 8)
		}
		high |= first
		s, word, stops := i, first, textStops(first)
		for stops == 0 {
			s += 8
			if s <= whole {
				word = load(b, s)
			} else {
				word = tail >> (uint(s-whole) * 8)
			}
			high |= word
			stops = textStops(word)
		}
		s += bits.TrailingZeros64(stops) >> 3 // the first stop, or size
		c := byte(' ')
		if s < size {
			c = line[s]
		}

		pair := &out[n]
		// e is the first '=', or at least s where there is none before s.
		e, eqs := i, equalSigns(first)
		if eqs != 0 {
			e += bits.TrailingZeros64(eqs) >> 3
			first &= (eqs&-eqs - 1) >> 7 // the bytes before it
			pair.Hash = hasher.short(first)
		} else {
			for e += 8; e < s; e += 8 {
				if e <= whole {
					word = load(b, e)
				} else {
					word = tail >> (uint(e-whole) * 8)
				}
				if eqs = equalSigns(word); eqs != 0 {
					e += bits.TrailingZeros64(eqs) >> 3
					break
				}
			}
			if e < s {
				pair.Hash = hasher.long(first, load(b, e-8), e-i)
			}
		}

		if e < s && e > i {
			v := e + 1
			if c == ' ' || c == '\t' {
				pair.Key = line[i:e]
				pair.Value = line[v:s]
				pair.Kind = hints[line[min(v, s-1)]] // '=' where there is no value
				pair.Flags = 0
				pair.Bits = 0
				n++
				i = s + 1
				continue
			}
			if c != '"' || s != v {
				break
			}
			// A quoted value, which ends at the next quote.
			v++
			s = v
			for {
				if s <= whole {
					word = load(b, s)
				} else {
					word = tail >> (uint(s-whole) * 8)
				}
				high |= word
				if stops = quoteStops(word); stops != 0 {
					break
				}
				s += 8
			}
			s += bits.TrailingZeros64(stops) >> 3
			if s >= size || line[s] != '"' {
				break
			}
			if s+1 < size && line[s+1] != ' ' && line[s+1] != '\t' {
				break
			}
			pair.Key = line[i:e]
			pair.Value = line[v:s]
			pair.Kind = String
			pair.Flags = 0
			pair.Bits = 0
			n++
			i = s + 2
			continue
		}
		if c != ' ' && c != '\t' || e < s {
			break
		}
		if s == i {
			i++
			for i < size && (line[i] == ' ' || line[i] == '\t') {
				i++
			}
			continue
		}
		pair.Key = line[i:s]
		pair.Value = ""
		pair.Kind = Bool
		pair.Flags = flagBare
		pair.Bits = 1
		pair.Hash = hasher.hashKey(pair.Key)
		n++
		i = s + 1
	}
	p.high |= high
	return n, min(i, size)
}

func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return len(s)
}

// fail notes an error at line[i], unless one further left is known.
func (p *Parser) fail(i int, cause Cause) {
	if p.err.Cause == 0 || i+1 < p.err.Column {
		p.err = SyntaxError{Column: i + 1, Cause: cause}
	}
}
