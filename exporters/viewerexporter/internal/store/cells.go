package store

import (
	"encoding/binary"
	"math"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// The kinds of cells.
const (
	cellNone  = iota // the record has no value
	cellText         // in texts
	cellInt          // in numbers
	cellFloat        // its bits in numbers
	cellFalse
	cellTrue
	cellNil   // a nil value that is there
	cellOther // a list or a map, its place in others in numbers
	cellKinds
)

// cells are the values of a column that is being made, one for each record.
type cells struct {
	kinds   []byte
	texts   []string
	numbers []uint64
	others  []any
	counts  [cellKinds]int // but of cellNone
}

// reset forgets all, and makes room.
func (c *cells) reset(rows int) {
	if cap(c.kinds) < rows {
		c.kinds = make([]byte, max(rows, maxBlockRecords))
	}
	c.kinds = c.kinds[:rows]
	clear(c.kinds)
	clear(c.texts[:cap(c.texts)])
	clear(c.others)
	c.others = c.others[:0]
	c.counts = [cellKinds]int{}
}

func (c *cells) mark(row int, kind byte) {
	if before := c.kinds[row]; before != cellNone {
		c.counts[before]--
	}
	c.kinds[row] = kind
	c.counts[kind]++
}

func (c *cells) text(row int, v string) {
	if len(c.texts) < len(c.kinds) {
		if cap(c.texts) < len(c.kinds) {
			c.texts = make([]string, cap(c.kinds))
		}
		c.texts = c.texts[:len(c.kinds)]
	}
	c.mark(row, cellText)
	c.texts[row] = v
}

func (c *cells) number(row int, kind byte, v uint64) {
	if len(c.numbers) < len(c.kinds) {
		if cap(c.numbers) < len(c.kinds) {
			c.numbers = make([]uint64, cap(c.kinds))
		}
		c.numbers = c.numbers[:len(c.kinds)]
	}
	c.mark(row, kind)
	c.numbers[row] = v
}

func (c *cells) int(row int, v int64) { c.number(row, cellInt, uint64(v)) }

// set takes a value of a record's.
func (c *cells) set(row int, value any) {
	switch v := value.(type) {
	case nil:
		c.mark(row, cellNil)
	case string:
		c.text(row, v)
	case int64:
		c.int(row, v)
	case float64:
		c.number(row, cellFloat, math.Float64bits(v))
	case bool:
		if v {
			c.mark(row, cellTrue)
		} else {
			c.mark(row, cellFalse)
		}
	default:
		c.others = append(c.others, v)
		c.number(row, cellOther, uint64(len(c.others)-1))
	}
}

// there is how many records have a value.
func (c *cells) there() (n int) {
	for _, count := range c.counts {
		n += count
	}
	return n
}

// other is a value that is none of a simple kind, and must be there.
func (c *cells) other(row int) any { return c.others[c.numbers[row]] }

// appendValue appends a cell in record's binary form.
func (c *cells) appendValue(dst []byte, row int) []byte {
	return record.AppendValue(dst, c.value(row))
}

// value is a cell's value.
func (c *cells) value(row int) any {
	switch c.kinds[row] {
	case cellText:
		return c.texts[row]
	case cellInt:
		return int64(c.numbers[row])
	case cellFloat:
		return math.Float64frombits(c.numbers[row])
	case cellFalse, cellTrue:
		return c.kinds[row] == cellTrue
	case cellOther:
		return c.other(row)
	default:
		return nil
	}
}

// sameTexts says whether two columns have the same texts, and nothing else.
func sameTexts(a, b *cells) bool {
	if a.there() != a.counts[cellText] || a.counts != b.counts {
		return false
	}
	for row, kind := range a.kinds {
		if kind != b.kinds[row] || kind == cellText && a.texts[row] != b.texts[row] {
			return false
		}
	}
	return true
}

// appendPresence appends which records have a value.
func (c *cells) appendPresence(dst []byte) []byte {
	if c.there() == len(c.kinds) {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	at := len(dst)
	dst = append(dst, make([]byte, (len(c.kinds)+7)/8)...)
	for row, kind := range c.kinds {
		if kind != cellNone {
			dst[at+row/8] |= 1 << (row % 8)
		}
	}
	return dst
}

// digitValues are those of hexadecimal digits; of what is none, and of capital letters, the highest bit is set.
var digitValues = func() (t [256]byte) {
	for i := range t {
		switch b := byte(i); {
		case '0' <= b && b <= '9':
			t[i] = b - '0'
		case 'a' <= b && b <= 'f':
			t[i] = b - 'a' + 10
		default:
			t[i] = 0x80
		}
	}
	return t
}()

// appendHex appends what pairs of hexadecimal digits say; ok is false where there are others.
func appendHex(dst []byte, digits string) (out []byte, ok bool) {
	all := byte(0)
	for len(digits) >= 2 {
		high, low := digitValues[digits[0]], digitValues[digits[1]]
		all |= high | low
		dst = append(dst, high<<4|low&0x0f)
		digits = digits[2:]
	}
	return dst, all&0x80 == 0 && digits == ""
}

// appendUUID appends the 16 bytes of a text of the form 8-4-4-4-12; ok is false where it has none.
func appendUUID(dst []byte, s string) (out []byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return dst, false
	}
	var b [16]byte
	all, at := byte(0), 0
	for i := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			at++
		}
		high, low := digitValues[s[at]], digitValues[s[at+1]]
		all |= high | low
		b[i] = high<<4 | low&0x0f
		at += 2
	}
	return append(dst, b[:]...), all&0x80 == 0
}

// powers of ten that a float has as they are. A quotient of an integer below 2^53 and one of them is the float that
// is next to the decimal number.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12}

// maxDecimal bounds the integer of a decimal: each number of 15 digits is a float of its own, whose text it is.
// Of those of 16 two may be one float, with the text of the other.
const maxDecimal = 1e15

// decimal gives the integer that is v when it is divided by a power of ten, bit by bit, if there is one.
func decimal(v float64, scale int) (n int64, ok bool) {
	product := v * powers[scale]
	if !(math.Abs(product) < maxDecimal) { // NaN, too
		return 0, false
	}
	n = int64(math.RoundToEven(product))
	return n, math.Float64bits(float64(n)/powers[scale]) == math.Float64bits(v)
}

// appendDecimals appends a column of floats that are decimal numbers; ok is false where one has too many digits.
// digits is how many of these stand side by side at most in a text, 0 where some texts have an exponent.
func (c *cells) appendDecimals(dst []byte) (out []byte, digits byte, ok bool) {
	scale := 1
	for row, kind := range c.kinds {
		if kind != cellFloat {
			continue
		}
		for {
			if _, ok := decimal(math.Float64frombits(c.numbers[row]), scale); ok {
				break
			}
			if scale++; scale == len(powers) {
				return dst, 0, false
			}
		}
	}
	out = append(c.appendPresence(append(dst, formDecimals)), byte(scale))
	last, most, plain := int64(0), int64(0), true
	for row, kind := range c.kinds {
		if kind != cellFloat {
			continue
		}
		n, ok := decimal(math.Float64frombits(c.numbers[row]), scale)
		if !ok {
			return dst, 0, false
		}
		plain = plain && isPlain(n, int64(powers[scale]))
		most = max(most, n, -n)
		out = binary.AppendVarint(out, n-last)
		last = n
	}
	if plain {
		digits = max(byte(scale), digitsOf(uint64(most)/uint64(powers[scale])))
	}
	return out, digits, true
}

// isPlain says whether the text of a decimal, n of so many to one, has no exponent.
func isPlain(n, unit int64) bool {
	n = max(n, -n)
	return n/1_000_000 < unit && (n == 0 || n >= unit/10_000)
}

// digits is how many digits stand side by side at most in a text of a column of integers, 0 if it has others, too.
func (c *cells) digits() byte {
	if c.there() != c.counts[cellInt] {
		return 0
	}
	most := uint64(0)
	for row, kind := range c.kinds {
		if kind == cellInt {
			v := int64(c.numbers[row])
			most = max(most, uint64(max(v, -v))) // of the least of all, too
		}
	}
	return digitsOf(most)
}

func digitsOf(n uint64) (count byte) {
	for count = 1; n >= 10; count++ {
		n /= 10
	}
	return count
}

// appendInts appends the differences of a column of integers.
func (c *cells) appendInts(dst []byte) []byte {
	last := int64(0)
	for row, kind := range c.kinds {
		if kind == cellInt {
			v := int64(c.numbers[row])
			dst = binary.AppendVarint(dst, v-last)
			last = v
		}
	}
	return dst
}

// width is the length of the first text, which must be there.
func (c *cells) width() int {
	for row, kind := range c.kinds {
		if kind == cellText {
			return len(c.texts[row])
		}
	}
	return 0
}
