package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// A column has one field of all of a block's records. Its first byte says in which of these forms:
//
//	const   one value, that all records have
//	dict    up to 255 values, and a byte for each record: 0, it has none, or the value's number
//	text    strings: their lengths, then they themselves
//	hex     strings of hexadecimal digits, all of one length, two in a byte
//	uuid    strings of the form 8-4-4-4-12, in 16 bytes
//	ints    differences to the one before, zigzag varints
//	floats  8 bytes each
//	mixed   values in record's binary form
//	decimals  floats, as a power of ten and ints that are to be divided by it
//	hexes, uuids  hex and uuid with each value once; and which of them the records have, as varints: 0, the next
//	        one, or how far back it is among those that have been, and how many more records have it
//
// All but const and dict begin with a byte that says whether all records have a value (0), or a bitmap
// of those that do follows (1).
const (
	formConst = iota + 1
	formDict
	formText
	formHex
	formUUID
	formInts
	formFloats
	formMixed
	formDecimals
	formHexes
	formUUIDs
	forms
)

const maxDict = 255

var errColumn = errors.New("the column is malformed")

// columnEncoder has the memory that columns are encoded in.
type columnEncoder struct {
	strings  map[string]byte
	ints     map[int64]byte
	lately   [64]dictText
	codes    []byte
	distinct []int // the rows with the values, each once

	digits byte // of a number's text side by side, at most; 0: who knows

	table []uint16 // places among the distinct ones, counted from 1, by their hash
	backs []byte   // of formHexes and formUUIDs
}

// dictText is a text with its code, 0: none.
type dictText struct {
	text string
	code byte
}

// append appends a column of which at least one cell is there, and gives rows that have the distinct values,
// where there are so few that it was worth finding out.
func (e *columnEncoder) append(dst []byte, c *cells) (out []byte, distinct []int) {
	e.digits = c.digits()
	if out, ok := e.appendDict(dst, c); ok {
		return out, e.distinct
	}
	switch c.there() {
	case c.counts[cellText]:
		return e.appendTexts(dst, c), nil
	case c.counts[cellInt]:
		return c.appendInts(c.appendPresence(append(dst, formInts))), nil
	case c.counts[cellFloat]:
		if out, digits, ok := c.appendDecimals(dst); ok {
			e.digits = digits
			return out, nil
		}
		dst = c.appendPresence(append(dst, formFloats))
		for row, kind := range c.kinds {
			if kind == cellFloat {
				dst = binary.LittleEndian.AppendUint64(dst, c.numbers[row])
			}
		}
		return dst, nil
	default:
		dst = c.appendPresence(append(dst, formMixed))
		for row, kind := range c.kinds {
			if kind != cellNone {
				dst = c.appendValue(dst, row)
			}
		}
		return dst, nil
	}
}

// appendDict gives up where there are too many values, or any that are neither texts nor integers nor
// truth values.
func (e *columnEncoder) appendDict(dst []byte, c *cells) ([]byte, bool) {
	if c.counts[cellFloat]+c.counts[cellNil]+c.counts[cellOther] > 0 {
		return dst, false
	}
	if e.strings == nil {
		e.strings, e.ints = map[string]byte{}, map[int64]byte{}
	}
	clear(e.strings)
	clear(e.ints)
	if c.counts[cellText] > 0 {
		clear(e.lately[:])
	}
	e.distinct, e.codes = e.distinct[:0], e.codes[:0]
	var truth [2]byte
	var lastInt int64
	var lastIntCode byte
	for row, kind := range c.kinds {
		code := byte(0)
		switch kind {
		case cellNone:
			e.codes = append(e.codes, 0)
			continue
		case cellText:
			v := c.texts[row]
			slot := &e.lately[blend(v)%uint32(len(e.lately))]
			if slot.code != 0 && slot.text == v {
				e.codes = append(e.codes, slot.code)
				continue
			}
			if code = e.strings[v]; code == 0 && len(e.distinct) < maxDict {
				e.strings[v] = byte(len(e.distinct) + 1)
			}
			if code != 0 {
				*slot = dictText{v, code}
			}
		case cellInt:
			v := int64(c.numbers[row])
			if lastIntCode != 0 && v == lastInt {
				e.codes = append(e.codes, lastIntCode)
				continue
			}
			if code = e.ints[v]; code == 0 && len(e.distinct) < maxDict {
				e.ints[v] = byte(len(e.distinct) + 1)
			}
			lastInt, lastIntCode = v, code
		default:
			if code = truth[kind-cellFalse]; code == 0 && len(e.distinct) < maxDict {
				truth[kind-cellFalse] = byte(len(e.distinct) + 1)
			}
		}
		if code == 0 {
			if len(e.distinct) == maxDict {
				return dst, false
			}
			e.distinct = append(e.distinct, row)
			code = byte(len(e.distinct))
		}
		e.codes = append(e.codes, code)
	}
	if len(e.distinct) == 1 && c.there() == len(c.kinds) {
		return c.appendValue(append(dst, formConst), e.distinct[0]), true
	}
	// Where nearly each record has its own value, a dictionary is only another way to it.
	if len(e.distinct) > 16 && 2*len(e.distinct) > len(c.kinds) {
		return dst, false
	}
	dst = append(dst, formDict, byte(len(e.distinct)))
	for _, row := range e.distinct {
		dst = c.appendValue(dst, row)
	}
	return append(dst, e.codes...), true
}

// blend tells most texts of a column apart, without looking at all of them.
func blend(s string) uint32 {
	n := len(s)
	if n == 0 {
		return 0
	}
	return uint32(n) + uint32(s[0])*5 + uint32(s[n/2])*17 + uint32(s[n-1])*41
}

func (e *columnEncoder) appendTexts(dst []byte, c *cells) []byte {
	start, size := len(dst), c.width()
	isUUID, isHex := size == 36, size > 0 && size%2 == 0 && size <= 128
	if !isUUID && !isHex {
		return c.appendPlainTexts(dst)
	}
	// Where appendDict gave up since nearly each record had a value of its own, few are repeated.
	repeats := (len(e.distinct) < maxDict || len(e.codes) > maxDict*4/3) && e.findRepeats(c)
	form := byte(formHex)
	switch {
	case isUUID && repeats:
		form = formUUIDs
	case isUUID:
		form = formUUID
	case repeats:
		form = formHexes
	}
	dst = c.appendPresence(append(dst, form))
	if !isUUID {
		dst = append(dst, byte(size))
	}
	if repeats {
		dst = binary.AppendUvarint(dst, uint64(len(e.distinct)))
	}
	next := 0
	for row, kind := range c.kinds {
		if kind != cellText {
			continue
		}
		if repeats {
			if next == len(e.distinct) {
				break
			}
			if row != e.distinct[next] {
				continue
			}
			next++
		}
		v, ok := c.texts[row], false
		if size == 36 {
			dst, ok = appendUUID(dst, v)
		} else if len(v) == size {
			dst, ok = appendHex(dst, v)
		}
		if !ok {
			return c.appendPlainTexts(dst[:start])
		}
	}
	if repeats {
		dst = append(dst, e.backs...)
	}
	return dst
}

func isUUID(form byte) bool { return form == formUUID || form == formUUIDs }
func isHex(form byte) bool  { return form == formHex || form == formHexes }

func (c *cells) appendPlainTexts(dst []byte) []byte {
	dst = c.appendPresence(append(dst, formText))
	for row, kind := range c.kinds {
		if kind == cellText {
			dst = binary.AppendUvarint(dst, uint64(len(c.texts[row])))
		}
	}
	for row, kind := range c.kinds {
		if kind == cellText {
			dst = append(dst, c.texts[row]...)
		}
	}
	return dst
}

// column is one that was read. Its strings are parts of what it was read from.
type column struct {
	form byte
	rows int
	// there is which records have a value; of const all have.
	there bitmap
	// place is for each record the number of its value among those that are there, where not all are, or that are
	// stored, where some are the same.
	place  []uint16
	codes  string // dict
	values []any  // const, dict, mixed
	text   string // text: all of them, hex, uuid: in bytes
	ends   []uint32
	width  int // hex, uuid: bytes of each
	ints   []int64
	floats []float64
	scale  int // without floats, these are ints divided by this power of ten
}

// readColumn reads a column of so many records.
func readColumn(src string, rows int) (c column, err error) {
	if src == "" {
		return c, errColumn
	}
	c.form, c.rows = src[0], rows
	src = src[1:]
	switch c.form {
	case formConst:
		value, rest, err := record.DecodeValue(src)
		if err != nil || rest != "" {
			return c, errColumn
		}
		c.values = []any{value}
		c.there = fullBitmap(rows)
		return c, nil
	case formDict:
		if src == "" {
			return c, errColumn
		}
		c.values = make([]any, src[0])
		src = src[1:]
		for i := range c.values {
			if c.values[i], src, err = record.DecodeValue(src); err != nil {
				return c, errColumn
			}
		}
		if len(src) != rows {
			return c, errColumn
		}
		c.codes = src
		c.there = newBitmap(rows)
		for i := range rows {
			if code := src[i]; code != 0 {
				if int(code) > len(c.values) {
					return c, errColumn
				}
				c.there.set(i)
			}
		}
		return c, nil
	}
	count, src, err := c.presence(src)
	if err != nil {
		return c, err
	}
	switch c.form {
	case formText:
		c.ends = make([]uint32, count)
		end := uint64(0)
		for i := range c.ends {
			n, rest, ok := uvarint(src)
			if end += n; !ok || n > math.MaxUint32 || end > math.MaxUint32 {
				return c, errColumn
			}
			src = rest
			c.ends[i] = uint32(end)
		}
		if uint64(len(src)) != end {
			return c, errColumn
		}
		c.text = src
	case formHex, formUUID, formHexes, formUUIDs:
		c.width = 16
		if isHex(c.form) {
			if src == "" {
				return c, errColumn
			}
			if c.width = int(src[0]) / 2; c.width == 0 {
				return c, errColumn
			}
			src = src[1:]
		}
		if c.form == formHexes || c.form == formUUIDs {
			distinct, rest, ok := uvarint(src)
			if !ok || distinct > uint64(len(rest)/c.width) {
				return c, errColumn
			}
			at := int(distinct) * c.width
			c.form -= formHexes - formHex
			c.text = rest[:at]
			return c, c.readRepeats(rest[at:], int(distinct), count)
		}
		if len(src) != count*c.width {
			return c, errColumn
		}
		c.text = src
	case formInts:
		err = c.readInts(src, count)
	case formDecimals:
		if src == "" || int(src[0]) >= len(powers) {
			return c, errColumn
		}
		c.form, c.scale = formFloats, int(src[0])
		if err := c.readInts(src[1:], count); err != nil {
			return c, err
		}
	case formFloats:
		if len(src) != 8*count {
			return c, errColumn
		}
		c.floats = make([]float64, count)
		for i := range c.floats {
			var b [8]byte
			copy(b[:], src[8*i:])
			c.floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
		}
	case formMixed:
		c.values = make([]any, count)
		for i := range c.values {
			if c.values[i], src, err = record.DecodeValue(src); err != nil {
				return c, errColumn
			}
		}
		if src != "" {
			return c, errColumn
		}
	default:
		return c, errColumn
	}
	return c, err
}

func (c *column) readInts(src string, count int) error {
	c.ints = make([]int64, count)
	last := int64(0)
	for i := range c.ints {
		n, rest, ok := uvarint(src)
		if !ok {
			return errColumn
		}
		src = rest
		last += int64(n>>1) ^ -int64(n&1)
		c.ints[i] = last
	}
	if src != "" {
		return errColumn
	}
	return nil
}

func uvarint(src string) (n uint64, rest string, ok bool) {
	for i := range min(len(src), binary.MaxVarintLen64) {
		b := src[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return n, src[i+1:], true
		}
	}
	return 0, "", false
}

// presence reads which records have a value, and gives how many.
func (c *column) presence(src string) (count int, rest string, err error) {
	if src == "" {
		return 0, "", errColumn
	}
	all := src[0] == 0
	src = src[1:]
	if all {
		c.there = fullBitmap(c.rows)
		return c.rows, src, nil
	}
	size := (c.rows + 7) / 8
	if len(src) < size {
		return 0, "", errColumn
	}
	c.there = newBitmap(c.rows)
	c.place = make([]uint16, c.rows)
	for i := range c.rows {
		c.place[i] = uint16(count)
		if src[i/8]&(1<<(i%8)) != 0 {
			c.there.set(i)
			count++
		}
	}
	return count, src[size:], nil
}

// index is a record's place among the values; it must have one.
func (c *column) index(row int) int {
	if c.place == nil {
		return row
	}
	return int(c.place[row])
}

// textAt gives the string of a text column by its place among the values.
func (c *column) textAt(i int) string {
	start := uint32(0)
	if i > 0 {
		start = c.ends[i-1]
	}
	return c.text[start:c.ends[i]]
}

// appendDigits appends the text of a value of a hex or uuid column.
func (c *column) appendDigits(dst []byte, i int) []byte {
	b := []byte(c.text[i*c.width : (i+1)*c.width])
	if c.form == formHex {
		return hex.AppendEncode(dst, b)
	}
	dst = hex.AppendEncode(dst, b[0:4])
	dst = hex.AppendEncode(append(dst, '-'), b[4:6])
	dst = hex.AppendEncode(append(dst, '-'), b[6:8])
	dst = hex.AppendEncode(append(dst, '-'), b[8:10])
	return hex.AppendEncode(append(dst, '-'), b[10:16])
}

// at gives the value of a record. The value may be nil although it is there.
func (c *column) at(row int) (value any, ok bool) {
	if !c.there.has(row) {
		return nil, false
	}
	switch c.form {
	case formConst:
		return c.values[0], true
	case formDict:
		return c.values[c.codes[row]-1], true
	}
	i := c.index(row)
	switch c.form {
	case formText:
		return c.textAt(i), true
	case formHex, formUUID:
		return string(c.appendDigits(nil, i)), true
	case formInts:
		return c.ints[i], true
	case formFloats:
		if c.floats == nil {
			return float64(c.ints[i]) / powers[c.scale], true
		}
		return c.floats[i], true
	default:
		return c.values[i], true
	}
}

// appendText appends the text of a record's value, which must be there.
func (c *column) appendText(dst []byte, row int) []byte {
	switch c.form {
	case formText:
		return append(dst, c.textAt(c.index(row))...)
	case formHex, formUUID:
		return c.appendDigits(dst, c.index(row))
	case formInts:
		return strconv.AppendInt(dst, c.ints[c.index(row)], 10)
	default:
		v, _ := c.at(row)
		return record.AppendText(dst, v)
	}
}

// own gives a value that does not keep all of the column in memory.
func own(value any) any {
	switch v := value.(type) {
	case string:
		return strings.Clone(v)
	case []any:
		for i := range v {
			v[i] = own(v[i])
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, element := range v {
			out[strings.Clone(name)] = own(element)
		}
		return out
	}
	return value
}
