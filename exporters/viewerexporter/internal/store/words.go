package store

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// textColumns are the fixed columns in which words are looked for.
var textColumns = [...]int{columnBody, columnEvent, columnRequest, columnMacro, columnTrace, columnSpan, columnParent, columnUID}

func (e *evaluator) text(n *query.Text, mask bitmap) (bitmap, error) {
	out := newBitmap(e.rows())
	look := func(c *column) {
		if left := mask.andNot(out).and(c.there); !left.empty() {
			e.contains(c, &n.Pattern, left, out)
		}
	}
	never := neverIn(&n.Pattern)
	for _, fixed := range textColumns {
		if at := e.fixed[fixed]; at < 0 || never[e.places[at].form] {
			continue
		}
		c, err := e.fixedColumn(fixed)
		if err != nil {
			return nil, err
		}
		look(c)
	}
	for i := range e.places {
		if e.places[i].fixed != fixedColumns || e.places[i].stored == storedCopy || never[e.places[i].form] {
			continue
		}
		c, err := e.column(i)
		if err != nil {
			return nil, err
		}
		look(c)
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
		left.rows(func(row int) {
			e.buffers.text = c.appendText(e.buffers.text[:0], row)
			if p.Match(e.buffers.text) {
				out.set(row)
			}
		})
	default:
		eachValue(c, left, out, func(v any) bool { return e.value(v, p) })
	}
}

// neverIn says which forms of columns have no value with a pattern's bytes: they need not be read.
func neverIn(p *query.Pattern) (never [formMixed + 1]bool) {
	never[formHex] = outside(p, isDigit)
	never[formUUID] = never[formHex]
	never[formInts] = outside(p, func(b byte) bool { return '0' <= b && b <= '9' || b == '-' })
	never[formFloats] = outside(p, func(b byte) bool { return strings.IndexByte("0123456789-+.einfa", b) >= 0 })
	return never
}

// containsDigits looks through all values at once, two digits in a byte, for a pattern of one part.
func (e *evaluator) containsDigits(c *column, p *query.Pattern, left, out bitmap) {
	check := func(row int) {
		e.buffers.text = c.appendDigits(e.buffers.text[:0], c.index(row))
		if p.MatchFolded(e.buffers.text) {
			out.set(row)
		}
	}
	if len(p.Parts) != 1 || len(p.Parts[0]) < 5 || strings.Contains(p.Parts[0], "-") {
		left.rows(check)
		return
	}
	// The digits begin with the first of a byte, or with the second. What is found may be a part of two values, or
	// of two groups of a UUID: it is looked at again.
	candidates := newBitmap(len(c.text) / c.width)
	for first := range 2 {
		digits := p.Parts[0][first:]
		bytes, _ := appendHex(nil, digits[:len(digits)&^1])
		part := string(bytes)
		for at := 0; ; at++ {
			hit := strings.Index(c.text[at:], part)
			if hit < 0 {
				break
			}
			at += hit
			candidates.set(at / c.width)
		}
	}
	left.rows(func(row int) {
		if candidates.has(c.index(row)) {
			check(row)
		}
	})
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
