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
	scratch []byte     // decoded texts of the current line; of no length between lines
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
	base := len(dst)
	room := dst[base:min(cap(dst), base+maxSmall)]
	n, i, high := p.plain(room, line, 0)
	if i < len(line) || high&highBits != 0 {
		return p.rest(dst, line, progress{pairs: n, at: i, full: n == len(room), high: high})
	}
	pairs := room[:n]
	if n > maxFew || !fewDiffer(pairs) {
		n = p.seen.unite(pairs, p.opts.Duplicates)
	}
	if p.opts.Types == Infer {
		inferAll(pairs[:n])
	}
	return dst[:base+n], nil
}

// progress is how far a line has been read by one call of plain.
type progress struct {
	pairs int
	at    int    // the place after them
	full  bool   // there was no place for more
	high  uint64 // of the bytes read
}

// rest goes on with a line that was not read to its end, or is not all ASCII.
//
// The pairs of a long line are united maxSmall at a time, as they are read and while the
// nearest cache still holds them, unless repeats are to stay.
func (p *Parser) rest(dst []Pair, line string, done progress) ([]Pair, error) {
	p.err.Cause = 0
	p.high = done.high
	var (
		policy = p.opts.Duplicates
		base   = len(dst)
		i      = done.at
		full   = done.full
		many   = false
		united = 0 // pairs, with many
	)
	dst = dst[:base+done.pairs]
	for i < len(line) {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, 16)
		} else if !full {
			dst = dst[:len(dst)+1]
			i = p.odd(&dst[len(dst)-1], line, i)
		}
		if n := len(dst) - base; n-united >= maxSmall && policy != List {
			if !many {
				many = true
				p.seen.begin(min(n*(len(line)/i+1), maxExpected))
			}
			united = p.seen.uniteMany(dst[base:], united, policy)
			dst = dst[:base+united]
		}
		room := dst[len(dst):min(cap(dst), len(dst)+maxSmall)]
		n := 0
		if many {
			var high uint64
			n, i, high = p.shortPairs(room, line, i)
			p.high |= high
		}
		if n < len(room) {
			more, next, high := p.plain(room[n:], line, i)
			p.high |= high
			n, i = n+more, next
		}
		dst = dst[:len(dst)+n]
		full = n == len(room)
	}
	if many {
		dst = dst[:base+p.seen.uniteMany(dst[base:], united, policy)]
		p.seen.end()
	} else {
		dst = dst[:base+p.seen.unite(dst[base:], policy)]
	}
	if p.opts.Types == Infer {
		inferAll(dst[base:])
	}
	p.scratch = kept(p.scratch) // the texts in it stay until the next line, or as long as pairs refer to them
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
// that is something else or for which there is no place in out. Bits are the hash
// of the key, high has a bit of highBits when a byte read is beyond ASCII.
//
// It goes eight bytes at a time. What its speed hangs on is how soon the
// beginning of the next pair is known, so the first byte that may end the pair
// is searched from the key on, and the first '=' independently of it.
func (p *Parser) plain(out []Pair, line string, i int) (n, next int, high uint64) {
	var (
		b      = unsafe.StringData(line)
		size   = len(line)
		whole  = size - 8 // the last place of a whole word
		tail   = tailWord(line)
		hints  = p.hints
		hasher = p.hasher
		pairs  = unsafe.Pointer(unsafe.SliceData(out))
		end    = uintptr(len(out)) * pairSize
		at     uintptr
	)
	for at < end && i < size {
		pair := (*Pair)(unsafe.Add(pairs, at))
		var word uint64
		if i <= whole {
			word = load(b, i)
		} else {
			word = shifted(tail, i-whole)
		}
		high |= word
		// e is the first '=', or at least s where there is none before s.
		ascii := asciiBytes(word)
		e, eqs := i+8, equalSigns(word, ascii)
		if eqs != 0 {
			e = i + bits.TrailingZeros64(eqs)>>3
			pair.Bits = hasher.short(word & upToFirst(eqs))
		}
		s, stops := i, textStops(word, ascii)
		for stops == 0 {
			s += 8
			if s <= whole {
				word = load(b, s)
			} else {
				word = shifted(tail, s-whole)
			}
			high |= word
			stops = textStops(word, asciiBytes(word))
		}
		s += bits.TrailingZeros64(stops) >> 3 // the first stop, or size
		c := byte(' ')
		if s < size {
			c = byteAt(b, s)
		}

		if eqs == 0 {
			for ; e < s; e += 8 {
				if e <= whole {
					word = load(b, e)
				} else {
					word = shifted(tail, e-whole)
				}
				if eqs = equalSigns(word, asciiBytes(word)); eqs != 0 {
					e += bits.TrailingZeros64(eqs) >> 3
					break
				}
			}
			if e < s {
				pair.Bits = hasher.long(load(b, i), load(b, e-8), e-i)
			}
		}

		if e < s && e > i {
			v := e + 1
			if c == ' ' || c == '\t' {
				size := s - v
				v = min(v, s-1) // '=' where there is no value
				t := textsOf(pair)
				t.key, t.keySize = unsafe.Add(unsafe.Pointer(b), i), e-i
				t.value, t.valueSize = unsafe.Add(unsafe.Pointer(b), v), size
				pair.Kind = hints[byteAt(b, v)]
				pair.Flags = 0
				at += pairSize
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
					word = shifted(tail, s-whole)
				}
				high |= word
				if stops = quoteStops(word); stops != 0 {
					break
				}
				s += 8
			}
			s += bits.TrailingZeros64(stops) >> 3
			if s >= size || byteAt(b, s) != '"' {
				break
			}
			if s+1 < size && byteAt(b, s+1) != ' ' && byteAt(b, s+1) != '\t' {
				break
			}
			t := textsOf(pair)
			t.key, t.keySize = unsafe.Add(unsafe.Pointer(b), i), e-i
			t.value, t.valueSize = unsafe.Add(unsafe.Pointer(b), v), s-v
			pair.Kind = String
			pair.Flags = 0
			at += pairSize
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
		pair.Bits = hasher.hashKey(pair.Key)
		at += pairSize
		i = s + 1
	}
	return int(at / pairSize), min(i, size), high
}

// shortPairs is plain for lines with many pairs, as long as key, '=', value and a space take no
// more than sixteen bytes, and the key's '=' is in the first eight.
//
// Where the next pair begins is foretold: as far on as the last time. A processor that
// guesses so need not wait until the end of this pair is known.
func (p *Parser) shortPairs(out []Pair, line string, i int) (n, next int, high uint64) {
	var (
		b      = unsafe.StringData(line)
		last   = len(line) - 16
		hasher = p.hasher
		hints  = p.hints
		pairs  = unsafe.Pointer(unsafe.SliceData(out))
		end    = uintptr(len(out)) * pairSize
		at     uintptr
		before int // the length of the pair before
	)
	for at < end && i <= last {
		word := load(b, i)
		ascii := asciiBytes(word)
		eqs := equalSigns(word, ascii)
		stops := textStops(word, ascii)
		if eqs == 0 {
			break
		}
		high |= word
		size := bits.TrailingZeros64(eqs) >> 3
		hash := hasher.short(word & upToFirst(eqs))
		length := 0
		if stops != 0 {
			length = bits.TrailingZeros64(stops) >> 3
		} else {
			word = load(b, i+8)
			high |= word
			if stops = textStops(word, asciiBytes(word)); stops == 0 {
				break
			}
			length = 8 + bits.TrailingZeros64(stops)>>3
		}
		key := unsafe.Add(unsafe.Pointer(b), i)
		if *(*byte)(unsafe.Add(key, length)) != ' ' || size == 0 || size+1 >= length {
			break
		}
		value := unsafe.Add(key, size+1)
		pair := (*Pair)(unsafe.Add(pairs, at))
		t := textsOf(pair)
		t.key, t.keySize = key, size
		t.value, t.valueSize = value, length-size-1
		pair.Kind = hints[*(*byte)(value)]
		pair.Flags = 0
		pair.Bits = hash
		at += pairSize
		if length == before {
			i += before + 1
		} else {
			before = length
			i += length + 1
		}
	}
	return int(at / pairSize), i, high
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
