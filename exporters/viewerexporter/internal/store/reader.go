package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// maxColumnSize is far more than a block's records have.
const maxColumnSize = 256 << 20

// reader reads a block's columns as they are asked for. It is for one goroutine.
type reader struct {
	block   *block
	decoder *zstd.Decoder
	places  []columnPlace
	columns []*column // as places; nil: not read yet
	fixed   [fixedColumns]int16
	// resources are the distinct resources, and rowResource which of them a record has, -1 without.
	resources   [][]record.Field
	rowResource []int32
	rest        [][]record.Field
	buffers     *buffers
}

// buffers are a goroutine's memory for reading, from one block to the next.
type buffers struct {
	stored, raw, fold, text []byte
	line                    [filterLine]byte
}

func newReader(k *block, decoder *zstd.Decoder, memory *buffers) (*reader, error) {
	footer, err := k.footer(decoder, memory)
	if err != nil {
		return nil, fmt.Errorf("the footer: %w", err)
	}
	r := &reader{block: k, decoder: decoder, buffers: memory}
	copied := block{offset: k.offset, size: k.size}
	if r.places, err = copied.readFooter(footer); err != nil {
		return nil, err
	}
	r.columns = make([]*column, len(r.places))
	for i := range r.fixed {
		r.fixed[i] = -1
	}
	for i := range r.places {
		if fixed := r.places[i].fixed; fixed < fixedColumns {
			r.fixed[fixed] = int16(i)
		}
	}
	return r, nil
}

func (r *reader) rows() int { return r.block.ids.count }

// fixedColumn gives a column that all blocks have, nil where no record has a value in it.
func (r *reader) fixedColumn(fixed int) (*column, error) {
	i := r.fixed[fixed]
	if i < 0 {
		return nil, nil //nolint:nilnil // no column is no error
	}
	return r.column(int(i))
}

func (r *reader) column(i int) (*column, error) {
	if c := r.columns[i]; c != nil {
		return c, nil
	}
	p := &r.places[i]
	if p.stored == storedCopy {
		c, err := r.fixedColumn(int(p.offset))
		if err == nil && c == nil {
			err = errColumn
		}
		if err != nil {
			return nil, err
		}
		r.columns[i] = c
		return c, nil
	}
	return r.columnWith(i, "")
}

// columnWith gives a column that was not read yet, nil where its bytes have digits nowhere.
func (r *reader) columnWith(i int, digits string) (*column, error) {
	p := &r.places[i]
	raw, err := r.read(p)
	if err != nil {
		return nil, fmt.Errorf("column %d %s: %w", p.fixed, p.name, err)
	}
	if digits != "" && indexHalves(raw, digits, false) < 0 && indexHalves(raw, digits, true) < 0 {
		return nil, nil //nolint:nilnil // no column is no error
	}
	c, err := readColumn(string(raw), r.rows())
	if err != nil {
		return nil, fmt.Errorf("column %d %s: %w", p.fixed, p.name, err)
	}
	r.columns[i] = &c
	return &c, nil
}

// read gives a column's bytes, which are there until the next is read.
func (r *reader) read(p *columnPlace) ([]byte, error) {
	if p.rawSize > maxColumnSize {
		return nil, errColumn
	}
	b := r.buffers
	b.stored = slices.Grow(b.stored[:0], int(p.size))[:p.size]
	if _, err := r.block.segment.file.ReadAt(b.stored, r.block.offset+int64(p.offset)); err != nil {
		return nil, err
	}
	if crc32.Checksum(b.stored, castagnoli) != p.crc {
		return nil, errChecksum
	}
	if p.stored == storedPlain {
		return b.stored, nil
	}
	raw, err := r.decoder.DecodeAll(b.stored, b.raw[:0])
	b.raw = raw[:0]
	if err != nil {
		return nil, err
	}
	if len(raw) != int(p.rawSize) {
		return nil, errColumn
	}
	return raw, nil
}

// trim lets go of buffers that a block of unusual size has left.
func (b *buffers) trim() {
	const most = 4 << 20
	for _, buffer := range [...]*[]byte{&b.stored, &b.raw, &b.fold, &b.text} {
		if cap(*buffer) > most {
			*buffer = nil
		}
	}
}

// may says whether the block may have what is needed.
func (k *block) may(n *need, memory *buffers) (bool, error) {
	return k.filter.ask(n, k.filterLines(memory))
}

// mayHaveGrams says whether texts whose grams the filter has may have these.
func (k *block) mayHaveGrams(grams []uint32, memory *buffers) (bool, error) {
	return k.filter.hasGrams(grams, k.filterLines(memory))
}

// filterLines reads lines of the filter.
func (k *block) filterLines(memory *buffers) func(i uint32) ([]byte, error) {
	return func(i uint32) ([]byte, error) {
		line := memory.line[:]
		if _, err := k.segment.file.ReadAt(line, k.filter.offset+int64(i)*filterLine); err != nil {
			return nil, err
		}
		sum := line[filterLine-4:]
		if crc32.Checksum(line[:filterLine-4], castagnoli) != uint32(sum[0])|uint32(sum[1])<<8|uint32(sum[2])<<16|uint32(sum[3])<<24 {
			return nil, fmt.Errorf("the filter: %w", errChecksum)
		}
		return line, nil
	}
}

// ints gives a fixed column of integers for each record; without the column all are 0.
func (r *reader) ints(fixed int) ([]int64, error) {
	out := make([]int64, r.rows())
	c, err := r.fixedColumn(fixed)
	if err != nil || c == nil {
		return out, err
	}
	switch c.form {
	case formInts:
		if c.place == nil {
			return c.ints, nil
		}
		c.there.rows(func(row int) { out[row] = c.ints[c.place[row]] })
	default:
		bad := false
		c.there.rows(func(row int) {
			v, _ := c.at(row)
			n, ok := v.(int64)
			bad = bad || !ok
			out[row] = n
		})
		if bad {
			return nil, errColumn
		}
	}
	return out, nil
}

func (r *reader) readResources() error {
	if r.rowResource != nil {
		return nil
	}
	rows := make([]int32, r.rows())
	for i := range rows {
		rows[i] = -1
	}
	c, err := r.fixedColumn(columnResource)
	if err != nil {
		return err
	}
	add := func(v any) error {
		encoded, _ := v.(string)
		fields, rest, err := record.DecodeFields(encoded)
		if err != nil || rest != "" {
			return errColumn
		}
		r.resources = append(r.resources, fields)
		return nil
	}
	switch {
	case c == nil:
	case c.form == formConst || c.form == formDict:
		for _, v := range c.values {
			if err := add(v); err != nil {
				return err
			}
		}
		for row := range rows {
			if c.form == formConst {
				rows[row] = 0
			} else {
				rows[row] = int32(c.codes[row]) - 1
			}
		}
	default:
		for row := range rows {
			if v, ok := c.at(row); ok {
				rows[row] = int32(len(r.resources))
				if err := add(v); err != nil {
					return err
				}
			}
		}
	}
	r.rowResource = rows
	return nil
}

// restFields gives the attributes that have no column of their own, by record; nil where there are none.
func (r *reader) restFields() ([][]record.Field, error) {
	if r.rest != nil || r.fixed[columnRest] < 0 {
		return r.rest, nil
	}
	c, err := r.fixedColumn(columnRest)
	if err != nil {
		return nil, err
	}
	rest := make([][]record.Field, r.rows())
	for row := range rest {
		if v, ok := c.at(row); ok {
			encoded, _ := v.(string)
			fields, behind, err := record.DecodeFields(encoded)
			if err != nil || behind != "" {
				return nil, errColumn
			}
			rest[row] = fields
		}
	}
	r.rest = rest
	return rest, nil
}

// records gives the records of rows. They keep nothing of the block in memory.
func (r *reader) records(rows []int) ([]record.Record, error) {
	out := make([]record.Record, len(rows))
	var times, arrived, kinds, statuses, severities []int64
	for _, c := range [...]struct {
		fixed int
		to    *[]int64
	}{{columnTime, &times}, {columnArrived, &arrived}, {columnKind, &kinds}, {columnStatus, &statuses}, {columnSeverity, &severities}} {
		var err error
		if *c.to, err = r.ints(c.fixed); err != nil {
			return nil, err
		}
	}
	for i, row := range rows {
		out[i] = record.Record{
			ID: r.block.ids.at(row), Kind: record.Kind(kinds[row]), Status: record.Status(statuses[row]), Severity: uint8(severities[row]),
			Time: time.Unix(0, times[row]).UTC(), Arrived: time.Unix(0, arrived[row]).UTC(),
		}
	}
	for _, c := range [...]struct {
		fixed int
		put   func(to *record.Record, value any)
	}{
		{columnSeverityText, func(to *record.Record, v any) { to.SeverityText, _ = v.(string) }},
		{columnService, func(to *record.Record, v any) { to.Service, _ = v.(string) }},
		{columnBody, func(to *record.Record, v any) { to.Body = v }},
		{columnEvent, func(to *record.Record, v any) { to.Event, _ = v.(string) }},
		{columnRequest, func(to *record.Record, v any) { to.Request, _ = v.(string) }},
		{columnMacro, func(to *record.Record, v any) { to.Macro, _ = v.(string) }},
		{columnTrace, func(to *record.Record, v any) { to.Trace, _ = v.(string) }},
		{columnSpan, func(to *record.Record, v any) { to.Span, _ = v.(string) }},
		{columnParent, func(to *record.Record, v any) { to.Parent, _ = v.(string) }},
		{columnUID, func(to *record.Record, v any) { to.UID, _ = v.(string) }},
		{columnDuration, func(to *record.Record, v any) {
			var d int64
			d, to.HasDuration = v.(int64)
			to.Duration = time.Duration(d)
		}},
	} {
		column, err := r.fixedColumn(c.fixed)
		if err != nil {
			return nil, err
		}
		if column == nil {
			continue
		}
		for i, row := range rows {
			if v, ok := column.at(row); ok {
				c.put(&out[i], own(v))
			}
		}
	}
	for at := range r.places {
		if r.places[at].fixed != fixedColumns {
			continue
		}
		column, err := r.column(at)
		if err != nil {
			return nil, err
		}
		name := strings.Clone(r.places[at].name)
		for i, row := range rows {
			if v, ok := column.at(row); ok {
				out[i].Attributes = append(out[i].Attributes, record.Field{Name: name, Value: own(v)})
			}
		}
	}
	rest, err := r.restFields()
	if err != nil {
		return nil, err
	}
	if err := r.readResources(); err != nil {
		return nil, err
	}
	owned := map[int32][]record.Field{}
	for i, row := range rows {
		if rest != nil && rest[row] != nil {
			out[i].Attributes = append(out[i].Attributes, ownFields(rest[row])...)
			slices.SortFunc(out[i].Attributes, func(a, b record.Field) int { return strings.Compare(a.Name, b.Name) })
		}
		if at := r.rowResource[row]; at >= 0 {
			if owned[at] == nil {
				owned[at] = ownFields(r.resources[at])
			}
			out[i].Resource = owned[at]
		}
	}
	return out, nil
}

func ownFields(fields []record.Field) []record.Field {
	out := make([]record.Field, len(fields))
	for i := range fields {
		out[i] = record.Field{Name: strings.Clone(fields[i].Name), Value: own(fields[i].Value)}
	}
	return out
}

// damagedError says that a block can't be read.
type damagedError struct {
	block *block
	err   error
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("%s, bytes %d to %d: %s", e.block.segment.name(), e.block.offset, e.block.offset+int64(e.block.size), e.err)
}

func (e *damagedError) Unwrap() error { return e.err }

// isDamage says whether an error is of one block alone.
func isDamage(err error) bool {
	var damaged *damagedError
	return errors.As(err, &damaged)
}

// sameField says whether a column's attribute is a field's.
func sameField(p *columnPlace, field *query.Field) bool {
	return p.fixed == fixedColumns && query.SameName(p.name, field.Name)
}
