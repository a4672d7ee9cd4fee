// Package jsonline reads log lines that are one JSON object each (RFC 8259).
//
//	p := jsonline.NewParser(jsonline.Options{})
//	pairs, err := p.AppendPairs(pairs[:0], `{"level":"info","user":{"id":7},"tags":["a","b"]}`)
//
// The pairs stand in the order of the line, each object or array before what it
// holds: level, user, id, tags, "a", "b". Pair.Size says how many to skip for the
// next neighbour, so that no part of a line is looked at twice.
//
// What is not plain in JSON is decided here:
//   - A whole number within int64 is an Int. Any other number is a Float when a
//     float64 says as much as its digits do (99.99, 1.10, 1e21, -0), and otherwise a
//     String of its text (12345678901234567890, 1e400, 0.12345678901234567890): no
//     digit is lost in silence.
//   - Of a key that an object has more than once the last counts, at its place, or
//     the first with Options.FirstOfDuplicates.
//   - Half of a surrogate pair, written as an escape, is U+FFFD.
//   - What is nested deeper than MaxDepth is a String of its JSON text.
package jsonline

import (
	"math/bits"
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

// Options of a Parser. The zero value is the default.
type Options struct {
	// MaxPairs is how many members and elements a line may have, at all depths and
	// duplicates counted; 0 is 4000. Lines with more are a SyntaxError.
	MaxPairs int
	// FirstOfDuplicates keeps the first of equal keys in place of the last.
	FirstOfDuplicates bool
}

const (
	// MaxDepth is how deep objects and arrays are taken apart, the line's own object
	// being the first.
	MaxDepth = 64

	defaultMaxPairs = 4000

	// maxKept is what a parser keeps of each of its buffers, in bytes, after a line
	// that was unusual enough to make it grow.
	maxKept = 64 << 10
)

// Parser reads lines. It is for one goroutine at a time.
type Parser struct {
	opts    Options
	scratch []byte // decoded texts of the current line
	high    uint64 // has a bit of highBits when the current line is not all ASCII
	dup     bool   // two keys of one object may be equal
	stack   [MaxDepth]frame
	seen    keyTable
}

// frame is an object or array that is being read.
type frame struct {
	at    int32 // its index in dst, or -1 for the line's own
	start int32 // its place in the line
	array bool
	keys  filter
}

// NewParser makes a Parser.
func NewParser(opts Options) *Parser {
	if opts.MaxPairs == 0 {
		opts.MaxPairs = defaultMaxPairs
	}
	return &Parser{opts: opts}
}

// IsObject reports whether the first character of line, blanks aside, is the '{'
// that an object begins with.
func IsObject[T string | []byte](line T) bool {
	for i := range len(line) {
		if !isBlank(line[i]) {
			return line[i] == '{'
		}
	}
	return false
}

// isBlank knows the four blanks of RFC 8259.
func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// AppendPairs appends what the object that is line holds to dst. Texts are
// substrings of line, or of the parser's memory where Pair.Volatile says so, and
// valid UTF-8.
//
// The error is a *SyntaxError. The pairs beside it are those that stand whole before
// the error and not inside of another; but where the error is InvalidUTF8, there are
// none. A line without errors costs no allocation beyond dst's growth and, for lines
// with longer escaped texts than seen before, the parser's own.
func (p *Parser) AppendPairs(dst []linepair.Pair, line string) ([]linepair.Pair, error) {
	if cap(p.scratch) > maxKept {
		p.scratch = nil
	}
	p.scratch = p.scratch[:0]
	p.high = 0
	p.dup = false
	base := len(dst)
	dst, at, cause := p.read(dst, line)
	if p.high&highBits != 0 && !utf8.ValidString(line) {
		clear(dst[base:])
		return dst[:base], &SyntaxError{Column: invalidUTF8(line) + 1, Cause: InvalidUTF8}
	}
	if cause != 0 {
		short := (cause == UnexpectedEnd || cause == MissingComma) && line[at-1]-'0' <= 9
		dst = wholePairs(dst, base, p.stack[1].at, short)
	}
	if p.dup {
		dst = p.unite(dst, base)
	}
	if cause != 0 {
		return dst, &SyntaxError{Column: at + 1, Cause: cause}
	}
	return dst, nil
}

// wholePairs cuts off what an error has left half read: open is the index of the
// outermost object or array that is not closed, or -1. number says that the error is
// right behind a number, which it may have cut short.
func wholePairs(dst []linepair.Pair, base int, open int32, number bool) []linepair.Pair {
	end := len(dst)
	switch {
	case open >= 0:
		end = int(open)
	case number && end > base:
		end--
	}
	clear(dst[end:])
	return dst[:end]
}

// read gives the pairs and where and why it stopped; the cause is 0 when line is an
// object and nothing else. Pairs that are not whole may stand at the end of dst only
// inside of that which stack[1] tells.
func (p *Parser) read(dst []linepair.Pair, line string) (_ []linepair.Pair, at int, cause Cause) {
	base := len(dst)
	limit := base + p.opts.MaxPairs
	p.stack[1].at = -1
	i := blanks(line, 0)
	if i == len(line) || line[i] != '{' {
		return dst, i, NotObject
	}
	top := &p.stack[0]
	*top = frame{at: -1, start: int32(i)}
	depth := 0
	i++
	first := true
	for {
		// A member, an element, or the end of what is empty.
		if i >= len(line) || line[i] <= ' ' {
			if i = blanks(line, i); i == len(line) {
				return dst, i, UnexpectedEnd
			}
		}
		if c := line[i]; first && (c == '}' && !top.array || c == ']' && top.array) {
			goto closing
		}
		if len(dst) >= min(cap(dst), limit) {
			if len(dst) >= limit {
				return dst, i, TooManyPairs
			}
			dst = slices.Grow(dst, 16)
		}
		{
			n := len(dst)
			dst = dst[:n+1]
			pair := &dst[n]
			pair.Flags, pair.Hash, pair.Bits = 0, 0, 0
			if top.array {
				pair.Key = ""
			} else {
				if line[i] != '"' {
					return cut(dst, n), i, MissingKey
				}
				var next int
				var h uint32
				if next, h, cause = p.key(pair, line, i); cause != 0 {
					return cut(dst, n), next, cause
				}
				pair.Hash = h
				if top.keys.add(h) && !p.dup {
					p.dup = repeated(dst[max(base, int(top.at)+1):n], pair)
				}
				i = next
				if i >= len(line) || line[i] != ':' {
					if i = blanks(line, i); i == len(line) {
						return cut(dst, n), i, UnexpectedEnd
					}
					if line[i] != ':' {
						return cut(dst, n), i, MissingColon
					}
				}
				i++
				if i >= len(line) || line[i] <= ' ' {
					if i = blanks(line, i); i == len(line) {
						return cut(dst, n), i, UnexpectedEnd
					}
				}
			}
			switch c := line[i]; c {
			case '"':
				var next int
				if next, cause = p.text(pair, line, i); cause != 0 {
					return cut(dst, n), next, cause
				}
				i = next
			case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
				next := number(pair, line, i)
				if next < 0 {
					return cut(dst, n), i, InvalidNumber
				}
				i = next
			case 't', 'f', 'n':
				next := literal(pair, line, i)
				if next < 0 {
					return cut(dst, n), i, MissingValue
				}
				i = next
			case '{', '[':
				if depth+1 == MaxDepth {
					next, cause := p.skip(line, i)
					if cause != 0 {
						return dst, next, cause
					}
					pair.Kind, pair.Value = linepair.String, line[i:next]
					i = next
					break
				}
				pair.Kind, pair.Value = linepair.Object, ""
				if c == '[' {
					pair.Kind = linepair.Array
				}
				depth++
				top = &p.stack[depth]
				*top = frame{at: int32(n), start: int32(i), array: c == '['}
				i++
				first = true
				continue
			default:
				return cut(dst, n), i, MissingValue
			}
		}
	behind:
		if i >= len(line) || line[i] <= ' ' {
			if i = blanks(line, i); i == len(line) {
				return dst, i, UnexpectedEnd
			}
		}
		if line[i] == ',' {
			i++
			first = false
			continue
		}
		if line[i] != '}' || top.array {
			if line[i] != ']' || !top.array {
				return dst, i, MissingComma
			}
		}
	closing:
		i++
		if depth == 0 {
			if i = blanks(line, i); i < len(line) {
				return dst, i, TextAfterObject
			}
			return dst, i, 0
		}
		pair := &dst[top.at]
		pair.Value = line[top.start:i]
		pair.Bits = uint64(len(dst) - int(top.at) - 1)
		if depth == 1 {
			p.stack[1].at = -1
		}
		depth--
		top = &p.stack[depth]
		goto behind
	}
}

func cut(dst []linepair.Pair, n int) []linepair.Pair {
	dst[n] = linepair.Pair{}
	return dst[:n]
}

// blanks gives the place of the first character at or behind i that is no blank.
func blanks(line string, i int) int {
	for i < len(line) && isBlank(line[i]) {
		i++
	}
	return i
}

func literal(pair *linepair.Pair, line string, i int) int {
	rest := line[i:]
	switch {
	case len(rest) >= 4 && rest[:4] == "true":
		pair.Kind, pair.Bits, pair.Value = linepair.Bool, 1, rest[:4]
		return i + 4
	case len(rest) >= 5 && rest[:5] == "false":
		pair.Kind, pair.Value = linepair.Bool, rest[:5]
		return i + 5
	case len(rest) >= 4 && rest[:4] == "null":
		pair.Kind, pair.Value = linepair.Null, rest[:4]
		return i + 4
	}
	return -1
}

// key reads the string at line[i], which is a quote, into pair.Key, and gives the
// place behind it and a hash of it.
func (p *Parser) key(pair *linepair.Pair, line string, i int) (next int, hash uint32, cause Cause) {
	end := p.stringStop(line, i+1)
	if end < len(line) && line[end] == '"' {
		pair.Key = line[i+1 : end]
		return end + 1, hashKey(pair.Key), 0
	}
	text, next, volatile, cause := p.oddText(line, i, end)
	pair.Key = text
	if volatile {
		pair.Flags |= linepair.FlagVolatile
	}
	return next, hashKey(text), cause
}

// text reads the string at line[i], which is a quote, into pair.Value, and gives
// the place behind it.
func (p *Parser) text(pair *linepair.Pair, line string, i int) (next int, cause Cause) {
	pair.Kind = linepair.String
	end := p.stringStop(line, i+1)
	if end < len(line) && line[end] == '"' {
		pair.Value = line[i+1 : end]
		return end + 1, 0
	}
	text, next, volatile, cause := p.oddText(line, i, end)
	pair.Value = text
	if volatile {
		pair.Flags |= linepair.FlagVolatile
	}
	return next, cause
}

// stringStop is the place of the first byte at or behind i that is a quote, a
// backslash or a control character, or the line's length.
func (p *Parser) stringStop(line string, i int) int {
	b := unsafe.StringData(line)
	var high uint64
	for ; i+8 <= len(line); i += 8 {
		w := load(b, i)
		high |= w
		if m := stringStops(w); m != 0 {
			p.high |= high
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(line); i++ {
		c := line[i]
		high |= uint64(c)
		if c == '"' || c == '\\' || c < ' ' {
			break
		}
	}
	p.high |= high
	return i
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
