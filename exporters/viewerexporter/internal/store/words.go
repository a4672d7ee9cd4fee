package store

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// textColumns are the fixed columns in which words are looked for.
var textColumns = [...]int{columnBody, columnEvent, columnRequest, columnMacro, columnTrace, columnSpan, columnParent, columnUID}

func (e *evaluator) text(n *query.Text, mask bitmap) (bitmap, error) {
	out := newBitmap(e.rows())
	digits := longestDigits(&n.Pattern)
	look := func(i int) error {
		var c *column
		var err error
		if p := &e.places[i]; e.columns[i] == nil && p.stored != storedCopy && (isHex(p.form) || isUUID(p.form)) {
			c, err = e.columnWith(i, digits)
		} else {
			c, err = e.column(i)
		}
		if err != nil || c == nil {
			return err
		}
		if left := mask.andNot(out).and(c.there); !left.empty() {
			e.contains(c, &n.Pattern, left, out)
		}
		return nil
	}
	never := neverIn(&n.Pattern)
	grams := true
	if needed := e.needs[n]; needed != nil && len(needed.grams) > 0 {
		var err error
		if grams, err = e.block.mayHaveGrams(needed.grams, e.buffers); err != nil {
			return nil, err
		}
	}
	run := longestRun(&n.Pattern)
	skip := func(p *columnPlace) bool {
		if p.digits > 0 && (run > int(p.digits) || p.form != formDecimals && never[formInts]) {
			return true
		}
		return never[p.form] || p.grams && !grams
	}
	for _, fixed := range textColumns {
		if at := int(e.fixed[fixed]); at >= 0 && !skip(&e.places[at]) {
			if err := look(at); err != nil {
				return nil, err
			}
		}
	}
	for i := range e.places {
		if e.places[i].fixed != fixedColumns || e.places[i].stored == storedCopy || skip(&e.places[i]) {
			continue
		}
		if err := look(i); err != nil {
			return nil, err
		}
	}
	rest, err := e.restFields()
	if err != nil || rest == nil {
		return out, err
	}
	mask.andNot(out).rows(func(row int) {
		for i := range rest[row] {
			if e.value(rest[row][i].Value, &n.Pattern) {
				out.set(row)
				return
			}
		}
	})
	return out, nil
}

// value says whether a value's text matches. A nil value has none.
func (e *evaluator) value(v any, p *query.Pattern) bool {
	if v == nil {
		return false
	}
	e.buffers.text = record.AppendText(e.buffers.text[:0], v)
	return p.Match(e.buffers.text)
}

// contains sets in out which records of left, which all have a value, have one that matches.
func (e *evaluator) contains(c *column, p *query.Pattern, left, out bitmap) {
	switch c.form {
	case formText:
		e.containsText(c, p, left, out)
	case formHex, formUUID:
		e.containsDigits(c, p, left, out)
	case formInts, formFloats:
		e.containsNumber(c, p, left, out)
	default:
		eachValue(c, left, out, func(v any) bool { return e.value(v, p) })
	}
}

// neverIn says which forms of columns have no value with a pattern's bytes: they need not be read.
func neverIn(p *query.Pattern) (never [forms]bool) {
	hexadecimal := func(b byte) bool { return b != '-' && isDigit(b) }
	decimal := func(b byte) bool { return '0' <= b && b <= '9' || b == '-' }
	never[formHex] = outside(p, hexadecimal)
	never[formUUID] = outside(p, isDigit)
	never[formHexes], never[formUUIDs] = never[formHex], never[formUUID]
	never[formInts] = outside(p, decimal)
	// Of letters numbers have an e, and what is no number, or too large, has no digits.
	never[formFloats] = outside(p, func(b byte) bool { return decimal(b) || strings.IndexByte("+.e", b) >= 0 }) &&
		outside(p, func(b byte) bool { return strings.IndexByte("+-infa", b) >= 0 }) ||
		strings.Count(strings.Join(p.Parts, ""), ".") > 1
	never[formDecimals] = never[formFloats]
	return never
}

// longestDigits is the longest run of a pattern's hexadecimal digits, "" where it is so short that most columns of
// ids have it.
func longestDigits(p *query.Pattern) (longest string) {
	for _, part := range p.Parts {
		for digits := range strings.SplitSeq(part, "-") {
			if len(digits) > len(longest) {
				longest = digits
			}
		}
	}
	if len(longest) < 3 {
		return ""
	}
	return longest
}

// containsDigits looks through all values at once, two digits in a byte.
func (e *evaluator) containsDigits(c *column, p *query.Pattern, left, out bitmap) {
	check := func(row int) {
		e.buffers.text = c.appendDigits(e.buffers.text[:0], c.index(row))
		if p.MatchFolded(e.buffers.text) {
			out.set(row)
		}
	}
	digits := longestDigits(p)
	if digits == "" {
		left.rows(check)
		return
	}
	// What is found may be a part of two values, or of two groups of a UUID: it is looked at again.
	candidates := newBitmap(len(c.text) / c.width)
	all := []byte(c.text)
	for _, second := range [...]bool{false, true} {
		for at := 0; at < len(all); {
			hit := indexHalves(all[at:], digits, second)
			if hit < 0 {
				break
			}
			i := (at + hit) / c.width
			candidates.set(i)
			at = (i + 1) * c.width
		}
	}
	if candidates.empty() {
		return
	}
	left.rows(func(row int) {
		if candidates.has(c.index(row)) {
			check(row)
		}
	})
}

// indexHalves finds the byte in which hexadecimal digits, three at least, begin, with its first half or its second.
func indexHalves(s []byte, digits string, second bool) int {
	var buf [64]byte
	before, behind := byte(0), byte(0)
	if second {
		before, digits = digitValues[digits[0]], digits[1:]
	}
	odd := len(digits)%2 == 1
	if odd {
		behind, digits = digitValues[digits[len(digits)-1]], digits[:len(digits)-1]
	}
	whole, _ := appendHex(buf[:0], digits)
	for at := 0; ; at++ {
		hit := bytes.Index(s[at:], whole)
		if hit < 0 {
			return -1
		}
		at += hit
		end := at + len(whole)
		if odd && (end == len(s) || s[end]>>4 != behind) {
			continue
		}
		if !second {
			return at
		}
		if at > 0 && s[at-1]&0x0f == before {
			return at - 1
		}
	}
}

// longestRun is how many digits of a pattern stand side by side.
func longestRun(p *query.Pattern) (longest int) {
	for _, part := range p.Parts {
		run := 0
		for i := range len(part) {
			if run++; part[i] < '0' || part[i] > '9' {
				run = 0
			}
			longest = max(longest, run)
		}
	}
	return longest
}

// containsNumber makes texts only of those numbers that have enough digits for a pattern.
func (e *evaluator) containsNumber(c *column, p *query.Pattern, left, out bitmap) {
	longest := longestRun(p)
	check := func(row int, text []byte) {
		e.buffers.text = text
		if p.MatchFolded(text) {
			out.set(row)
		}
	}
	least := uint64(0) // has one digit, too
	if longest > 1 {
		least = 1
		for range longest - 1 {
			if least > math.MaxInt64/10 {
				least = math.MaxUint64 // more digits than any has
				break
			}
			least *= 10
		}
	}
	digits, err := strconv.ParseUint(strings.Join(p.Parts, "*"), 10, 64)
	switch {
	case c.form == formInts && err == nil && longest > 1 && longest < 19:
		left.rows(func(row int) {
			for n := magnitude(c.ints[c.index(row)]); n >= least; n /= 10 {
				if n%(10*least) == digits {
					out.set(row)
					return
				}
			}
		})
	case c.form == formInts:
		left.rows(func(row int) {
			if n := c.ints[c.index(row)]; magnitude(n) >= least {
				check(row, strconv.AppendInt(e.buffers.text[:0], n, 10))
			}
		})
	case c.plainDecimals():
		// Where the pattern has a point, digits around it tell most values apart.
		if ahead, behind, one := strings.Cut(strings.Join(p.Parts, "*"), "."); one && len(behind) <= c.scale && len(ahead)+len(behind) < 16 {
			digits, err := strconv.ParseInt("0"+ahead+behind, 10, 64)
			if err == nil {
				unit, limit := int64(powers[c.scale])/pow10(len(behind)), pow10(len(ahead)+len(behind))
				left.rows(func(row int) {
					n := c.ints[c.index(row)]
					if int64(magnitude(n))/unit%limit == digits {
						check(row, appendDecimal(e.buffers.text[:0], n, c.scale))
					}
				})
				return
			}
		}
		left.rows(func(row int) { check(row, appendDecimal(e.buffers.text[:0], c.ints[c.index(row)], c.scale)) })
	default:
		left.rows(func(row int) {
			e.buffers.text = c.appendText(e.buffers.text[:0], row)
			if p.Match(e.buffers.text) {
				out.set(row)
			}
		})
	}
}

func pow10(n int) int64 {
	out := int64(1)
	for range n {
		out *= 10
	}
	return out
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// plainDecimals says whether a column's values are decimals whose texts have no exponent.
func (c *column) plainDecimals() bool {
	if c.scale == 0 {
		return false
	}
	for _, n := range c.ints {
		if !isPlain(n, int64(powers[c.scale])) {
			return false
		}
	}
	return true
}

// appendDecimal appends the text of a value of a column with plainDecimals.
func appendDecimal(dst []byte, n int64, scale int) []byte {
	unit := int64(powers[scale])
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	dst = strconv.AppendInt(dst, n/unit, 10)
	behind := n % unit
	if behind == 0 {
		return dst
	}
	at := len(dst)
	dst = strconv.AppendInt(dst, unit+behind, 10) // the 1 is where the point goes
	dst[at] = '.'
	return bytes.TrimRight(dst, "0")
}

// containsText looks through the texts of all records at once where that gives the same.
func (e *evaluator) containsText(c *column, p *query.Pattern, left, out bitmap) {
	if len(p.Parts) != 1 || p.Start || p.End || !p.Folded {
		left.rows(func(row int) {
			e.buffers.text = append(e.buffers.text[:0], c.textAt(c.index(row))...)
			if p.Match(e.buffers.text) {
				out.set(row)
			}
		})
		return
	}
	var ascii bool
	e.buffers.fold, ascii = appendFoldASCII(e.buffers.fold[:0], c.text)
	if !ascii {
		left.rows(func(row int) {
			e.buffers.text = append(e.buffers.text[:0], c.textAt(c.index(row))...)
			if p.Match(e.buffers.text) {
				out.set(row)
			}
		})
		return
	}
	part := []byte(p.Parts[0])
	all, at, i := e.buffers.fold, 0, 0
	// The rows of the texts in turn: a text's row is found by going on in there.
	found := newBitmap(len(c.ends))
	for {
		hit := bytes.Index(all[at:], part)
		if hit < 0 {
			break
		}
		at += hit
		for int(c.ends[i]) <= at {
			i++
		}
		if at+len(part) > int(c.ends[i]) {
			at++ // from one text into the next
			continue
		}
		found.set(i)
		if at = int(c.ends[i]); at >= len(all) {
			break
		}
	}
	left.rows(func(row int) {
		if found.has(c.index(row)) {
			out.set(row)
		}
	})
}

// outside says whether a pattern has a byte that no value has.
func outside(p *query.Pattern, inside func(byte) bool) bool {
	for _, part := range p.Parts {
		for i := range len(part) {
			b := part[i]
			if !p.Folded && 'A' <= b && b <= 'Z' {
				return true
			}
			if !inside(b) {
				return true
			}
		}
	}
	return false
}

func isDigit(b byte) bool { return classes[b]&classDigit != 0 }

// appendFoldASCII is query.AppendFold for a text of ASCII; for another ascii is false.
func appendFoldASCII(dst []byte, text string) (out []byte, ascii bool) {
	const (
		low  = 0x0101010101010101
		high = 0x8080808080808080
	)
	start := len(dst)
	dst = append(dst, text...)
	b := dst[start:]
	all := uint64(0)
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		all |= w
		// With bytes below 0x80: the high bit is set by what is at least 'A', and by what is more than 'Z'.
		atLeast := w + (0x80-'A')*low
		beyond := w + (0x80-'Z'-1)*low
		binary.LittleEndian.PutUint64(b, w|(atLeast&^beyond&high)>>2)
		b = b[8:]
	}
	for i, c := range b {
		all |= uint64(c)
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return dst, all&high == 0
}
