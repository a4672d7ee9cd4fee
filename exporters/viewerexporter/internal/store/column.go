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
)

const maxDict = 255

var errColumn = errors.New("the column is malformed")

// nilCell stands for a nil value that is there; in a list of cells nil is none.
type nilCell struct{}

func cellOf(value any) any {
	if value == nil {
		return nilCell{}
	}
	return value
}

// columnEncoder has the memory that columns are encoded in.
type columnEncoder struct {
	strings map[string]byte
	ints    map[int64]byte
	codes   []byte
	values  []any
	texts   []string
}

// append appends a column of which at least one cell is there, and gives the distinct values, where
// there are so few that it was worth finding out.
func (e *columnEncoder) append(dst []byte, cells []any) (out []byte, distinct []any) {
	if out, ok := e.appendDict(dst, cells); ok {
		return out, e.values
	}
	texts, ints, floats, there := 0, 0, 0, 0
	for _, cell := range cells {
		switch cell.(type) {
		case nil:
			continue
		case string:
			texts++
		case int64:
			ints++
		case float64:
			floats++
		}
		there++
	}
	switch there {
	case texts:
		return e.appendTexts(dst, cells), nil
	case ints:
		dst = appendPresence(append(dst, formInts), cells)
		last := int64(0)
		for _, cell := range cells {
			if v, ok := cell.(int64); ok {
				dst = binary.AppendVarint(dst, v-last)
				last = v
			}
		}
		return dst, nil
	case floats:
		dst = appendPresence(append(dst, formFloats), cells)
		for _, cell := range cells {
			if v, ok := cell.(float64); ok {
				dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
			}
		}
		return dst, nil
	default:
		dst = appendPresence(append(dst, formMixed), cells)
		for _, cell := range cells {
			if cell != nil {
				dst = appendCell(dst, cell)
			}
		}
		return dst, nil
	}
}

func appendCell(dst []byte, cell any) []byte {
	if cell == (nilCell{}) {
		cell = nil
	}
	return record.AppendValue(dst, cell)
}

// appendDict gives up where there are too many values, or any that are neither texts nor integers nor
// truth values.
func (e *columnEncoder) appendDict(dst []byte, cells []any) ([]byte, bool) {
	if e.strings == nil {
		e.strings, e.ints = map[string]byte{}, map[int64]byte{}
	}
	clear(e.strings)
	clear(e.ints)
	e.values, e.codes = e.values[:0], e.codes[:0]
	var truth [2]byte
	absent, lastText, lastTextCode := false, "", byte(0)
	for _, cell := range cells {
		code := byte(0)
		known := true
		switch v := cell.(type) {
		case nil:
			absent = true
			e.codes = append(e.codes, 0)
			continue
		case string:
			if lastTextCode != 0 && v == lastText {
				e.codes = append(e.codes, lastTextCode)
				continue
			}
			if code, known = e.strings[v]; !known {
				if len(e.values) == maxDict {
					return dst, false
				}
				code = byte(len(e.values) + 1)
				e.strings[v] = code
			}
			lastText, lastTextCode = v, code
		case int64:
			if code, known = e.ints[v]; !known {
				if len(e.values) == maxDict {
					return dst, false
				}
				code = byte(len(e.values) + 1)
				e.ints[v] = code
			}
		case bool:
			i := 0
			if v {
				i = 1
			}
			if code = truth[i]; code == 0 {
				if len(e.values) == maxDict {
					return dst, false
				}
				known, code = false, byte(len(e.values)+1)
				truth[i] = code
			}
		default:
			return dst, false
		}
		if !known {
			e.values = append(e.values, cell)
		}
		e.codes = append(e.codes, code)
	}
	if len(e.values) == 1 && !absent {
		return appendCell(append(dst, formConst), e.values[0]), true
	}
	// Where nearly each record has its own value, a dictionary is only another way to it.
	if len(e.values) > 16 && 2*len(e.values) > len(cells) {
		return dst, false
	}
	dst = append(dst, formDict, byte(len(e.values)))
	for _, v := range e.values {
		dst = appendCell(dst, v)
	}
	return append(dst, e.codes...), true
}

func (e *columnEncoder) appendTexts(dst []byte, cells []any) []byte {
	e.texts = e.texts[:0]
	for _, cell := range cells {
		if v, ok := cell.(string); ok {
			e.texts = append(e.texts, v)
		}
	}
	form := formText
	size := len(e.texts[0])
	if size == 36 {
		form = formUUID
	} else if size > 0 && size%2 == 0 && size <= 128 {
		form = formHex
	}
	for _, v := range e.texts {
		if form == formUUID && !isUUID(v) || form == formHex && (len(v) != size || !isHex(v)) {
			form = formText
		}
		if form == formText {
			break
		}
	}
	dst = appendPresence(append(dst, byte(form)), cells)
	switch form {
	case formHex:
		dst = append(dst, byte(size))
		for _, v := range e.texts {
			dst = appendHex(dst, v)
		}
	case formUUID:
		for _, v := range e.texts {
			for _, part := range [...]string{v[0:8], v[9:13], v[14:18], v[19:23], v[24:36]} {
				dst = appendHex(dst, part)
			}
		}
	default:
		for _, v := range e.texts {
			dst = binary.AppendUvarint(dst, uint64(len(v)))
		}
		for _, v := range e.texts {
			dst = append(dst, v...)
		}
	}
	return dst
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
		isHex(s[:8]) && isHex(s[9:13]) && isHex(s[14:18]) && isHex(s[19:23]) && isHex(s[24:])
}

func appendHex(dst []byte, digits string) []byte {
	for i := 0; i < len(digits); i += 2 {
		dst = append(dst, nibble(digits[i])<<4|nibble(digits[i+1]))
	}
	return dst
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func appendPresence(dst []byte, cells []any) []byte {
	at := len(dst)
	dst = append(dst, 0)
	for i, cell := range cells {
		if cell != nil {
			continue
		}
		if dst[at] == 0 {
			dst[at] = 1
			dst = append(dst, make([]byte, (len(cells)+7)/8)...)
			for j := range i {
				dst[at+1+j/8] |= 1 << (j % 8)
			}
		}
		for j := i + 1; j < len(cells); j++ {
			if cells[j] != nil {
				dst[at+1+j/8] |= 1 << (j % 8)
			}
		}
		break
	}
	return dst
}

// column is one that was read. Its strings are parts of what it was read from.
type column struct {
	form byte
	rows int
	// there is which records have a value; of const all have.
	there bitmap
	// place is for each record the number of its value among those that are there, where not all are.
	place  []uint16
	codes  string // dict
	values []any  // const, dict, mixed
	text   string // text: all of them, hex, uuid: in bytes
	ends   []uint32
	width  int // hex, uuid: bytes of each
	ints   []int64
	floats []float64
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
	case formHex, formUUID:
		c.width = 16
		if c.form == formHex {
			if src == "" {
				return c, errColumn
			}
			c.width = int(src[0]) / 2
			src = src[1:]
		}
		if len(src) != count*c.width {
			return c, errColumn
		}
		c.text = src
	case formInts:
		c.ints = make([]int64, count)
		last := int64(0)
		for i := range c.ints {
			n, rest, ok := uvarint(src)
			if !ok {
				return c, errColumn
			}
			src = rest
			last += int64(n>>1) ^ -int64(n&1)
			c.ints[i] = last
		}
		if src != "" {
			return c, errColumn
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
	return c, nil
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
