package store

import (
	"hash/crc32"
	"slices"
	"strings"
	"unique"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// blockBuilder has the memory that blocks are made in.
type blockBuilder struct {
	encoder   columnEncoder
	filter    filterBuilder
	zstd      *zstd.Encoder
	fixed     [fixedColumns]cells
	names     map[string]int
	attribute []attributeCells
	used      int
	resources map[*record.Field]string
	summary   map[summaryEntry]uint16
	service   struct { // of the record before
		name   string
		handle unique.Handle[string]
	}
	raw    []byte
	places []columnPlace
}

type attributeCells struct {
	name string
	cells
}

func newBlockBuilder() (*blockBuilder, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	return &blockBuilder{
		zstd: encoder, names: map[string]int{}, resources: map[*record.Field]string{}, summary: map[summaryEntry]uint16{},
	}, nil
}

// append appends a block of records, which must be in the order of their ids; those that are no source's must be
// normalised.
func (b *blockBuilder) append(dst []byte, chunks []chunk) ([]byte, *block) {
	n := 0
	for i := range chunks {
		n += chunks[i].n
	}
	b.reset(n)
	block := &block{ids: idsOf(chunks)}
	row := 0
	add := func(at, arrived int64) {
		if row == 0 {
			block.minTime, block.maxTime, block.minArrived, block.maxArrived = at, at, arrived, arrived
		}
		block.minTime, block.maxTime = min(block.minTime, at), max(block.maxTime, at)
		block.minArrived, block.maxArrived = min(block.minArrived, arrived), max(block.maxArrived, arrived)
		row++
	}
	for i := range chunks {
		k := &chunks[i]
		for j := range k.records {
			r := &k.records[j]
			b.take(r, row, n)
			if r.Kind == record.Span {
				block.spans++
			}
			add(r.Time.UnixNano(), r.Arrived.UnixNano())
		}
		if k.source == nil {
			continue
		}
		to := Cells{builder: b, rows: n, arrived: k.arrived}
		for j := range k.n {
			to.row = row
			k.source.Put(k.from+j, k.arrived, &to)
			add(to.time, to.arrives)
		}
	}
	start := len(dst)
	dst = append(dst, make([]byte, blockHeadSize)...)
	for i := range b.fixed {
		dst = b.column(dst, start, columnPlace{fixed: i}, &b.fixed[i], searchable(i), fixedFields[i])
	}
	slices.SortFunc(b.attribute[:b.used], func(a, b attributeCells) int { return strings.Compare(a.name, b.name) })
	for i := range b.attribute[:b.used] {
		a := &b.attribute[i]
		place := columnPlace{fixed: fixedColumns, name: a.name}
		if of, ok := copies[a.name]; ok && sameTexts(&a.cells, &b.fixed[of]) {
			place.stored, place.offset, place.count = storedCopy, uint32(of), a.there()
			b.places = append(b.places, place)
			continue
		}
		dst = b.column(dst, start, place, &a.cells, true, query.Fold(a.name))
	}
	block.filter.offsetInBlock = uint32(len(dst) - start)
	filterStart := len(dst)
	offset := block.filter.offsetInBlock
	dst, block.filter = b.filter.appendTo(dst)
	block.filter.offsetInBlock, block.filter.size = offset, uint32(len(dst)-filterStart)
	if len(b.summary) <= maxSummary {
		for entry, count := range b.summary {
			entry.count = count
			block.summary = append(block.summary, entry)
		}
	}
	footerStart := len(dst)
	b.raw = appendFooter(b.raw[:0], block, b.places)
	dst = b.zstd.EncodeAll(b.raw, dst)
	block.footerOffset, block.footerSize = uint32(footerStart-start), uint32(len(dst)-footerStart)
	block.footerCRC = crc32.Checksum(dst[footerStart:], castagnoli)
	block.size = uint32(len(dst) - start)
	block.putHead(dst[start:])
	return dst, block
}

// fixedFields are the fields, by their whole names, whose values are in the filter with them.
var fixedFields = map[int]string{
	columnService: "service.name", columnRequest: "request.id", columnMacro: "request.macro_id", columnTrace: "trace",
	columnUID: "log.record.uid", columnEvent: "event",
}

// searchable says whether the values of a fixed column can be asked for by their text.
func searchable(column int) bool {
	switch column {
	case columnService, columnBody, columnEvent, columnRequest, columnMacro, columnTrace, columnSpan, columnParent, columnUID:
		return true
	default:
		return false // rest and resource are taken apart
	}
}

func (b *blockBuilder) reset(rows int) {
	for i := range b.fixed {
		b.fixed[i].reset(rows)
	}
	clear(b.names)
	for i := range b.attribute {
		b.attribute[i].reset(0)
	}
	if len(b.attribute) > 4*b.used+16 {
		b.attribute = b.attribute[:b.used+16]
	}
	b.used = 0
	clear(b.resources)
	clear(b.summary)
	b.filter.reset()
	b.places = b.places[:0]
	if cap(b.raw) > 2*maxBlockBytes {
		b.raw = nil
	}
}

// take puts a record's values into the cells.
func (b *blockBuilder) take(r *record.Record, row, rows int) {
	b.takeFixed(r, row, r.Time.UnixNano(), r.Arrived.UnixNano())
	if r.Body != nil {
		b.fixed[columnBody].set(row, r.Body)
	}
	var rest []record.Field
	for i := range r.Attributes {
		f := &r.Attributes[i]
		at := i
		if at >= b.used || b.attribute[at].name != f.Name {
			var ok bool
			if at, ok = b.names[f.Name]; !ok {
				if b.used == maxAttributeColumns {
					rest = append(rest, *f)
					b.filterValue(f.Value)
					b.filter.addField(nameKey(query.Fold(f.Name)), f.Value)
					continue
				}
				at = b.newAttribute(f.Name, rows)
			}
		}
		b.attribute[at].set(row, f.Value)
	}
	if rest != nil {
		b.fixed[columnRest].text(row, string(record.AppendFields(nil, rest)))
	}
}

// takeFixed is take for all but body and attributes.
func (b *blockBuilder) takeFixed(r *record.Record, row int, at, arrived int64) {
	b.fixed[columnTime].int(row, at)
	b.fixed[columnArrived].int(row, arrived)
	b.fixed[columnKind].int(row, int64(r.Kind))
	b.fixed[columnStatus].int(row, int64(r.Status))
	b.fixed[columnSeverity].int(row, int64(r.Severity))
	if r.HasDuration {
		b.fixed[columnDuration].int(row, int64(r.Duration))
	}
	for _, text := range [...]struct {
		column int
		value  string
	}{
		{columnSeverityText, r.SeverityText},
		{columnService, r.Service},
		{columnEvent, r.Event},
		{columnRequest, r.Request},
		{columnMacro, r.Macro},
		{columnTrace, r.Trace},
		{columnSpan, r.Span},
		{columnParent, r.Parent},
		{columnUID, r.UID},
	} {
		if text.value != "" {
			b.fixed[text.column].text(row, text.value)
		}
	}
	if len(r.Resource) > 0 {
		key := &r.Resource[0]
		encoded, ok := b.resources[key]
		if !ok {
			encoded = string(record.AppendFields(nil, r.Resource))
			b.resources[key] = encoded
			for i := range r.Resource {
				b.filterValue(r.Resource[i].Value)
				b.filter.addField(nameKey(query.Fold(r.Resource[i].Name)), r.Resource[i].Value)
			}
		}
		b.fixed[columnResource].text(row, encoded)
	}
	if len(b.summary) <= maxSummary {
		if b.service.name != r.Service || b.service.handle == (unique.Handle[string]{}) {
			b.service.name, b.service.handle = r.Service, unique.Make(r.Service)
		}
		b.summary[summaryEntry{service: b.service.handle, kind: r.Kind, severity: r.Severity}]++
	}
}

func (b *blockBuilder) newAttribute(name string, rows int) int {
	at := b.used
	b.used++
	if at == len(b.attribute) {
		b.attribute = append(b.attribute, attributeCells{})
	}
	a := &b.attribute[at]
	a.name = name
	a.reset(rows)
	b.names[name] = at
	return at
}

// filterValue adds the text of a value to the filter, and of a list its elements', since one is enough for
// a field to be equal.
func (b *blockBuilder) filterValue(value any) {
	switch v := value.(type) {
	case nil:
	case string:
		b.filter.add(v)
	case int64:
		if v >= minLongInteger || v <= -minLongInteger {
			b.filter.add(record.Text(v))
		}
	case []any:
		for _, element := range v {
			b.filterValue(element)
		}
		b.filter.add(record.Text(v))
	default:
		b.filter.add(record.Text(v))
	}
}

// minLongInteger is the least integer whose text the filter has something of.
const minLongInteger = 1e14

// filterCells adds the values of a column to the filter: their texts, if search says so, and them as a field's,
// if it has a name, field. distinct are the rows with its values, nil: all. grams says that the filter has those of
// all of its texts.
func (b *blockBuilder) filterCells(c *cells, form byte, distinct []int, search bool, field string) (grams bool) {
	if !search && field == "" {
		return false
	}
	name := nameKey(field)
	switch {
	case form == formFloats || form == formDecimals:
		// Few ask for a fraction that is one of many.
		if field != "" {
			b.filter.others.add(name)
		}
	case isUUID(form) || isHex(form) && c.width() >= minDigits:
		if search {
			b.filterDigits(c, form)
		}
	case distinct != nil:
		if search && c.there() == c.counts[cellText] {
			b.filter.beginGrams()
		}
		for _, row := range distinct {
			b.filterCell(c, row, search, field != "", name)
		}
		return b.filter.endGrams()
	default:
		if search && form == formText {
			b.filter.beginGrams()
		}
		for row, kind := range c.kinds {
			if kind != cellNone {
				b.filterCell(c, row, search, field != "", name)
			}
		}
		return b.filter.endGrams()
	}
	return false
}

// filterDigits is filterCells for columns of nothing but long runs of digits: no letters are in them that
// the filter has, and as a field's they are those runs.
func (b *blockBuilder) filterDigits(c *cells, form byte) {
	last := ""
	for row, kind := range c.kinds {
		text := c.texts[row]
		if kind != cellText || text == last {
			continue
		}
		last = text
		if isUUID(form) {
			b.filter.longest.hyphen = max(b.filter.longest.hyphen, uint32(len(text)))
			b.filter.others.add(xxh3.HashStringSeed(text, seedHyphen))
			continue
		}
		b.filter.longest.hex = max(b.filter.longest.hex, uint32(len(text)))
		b.filter.others.add(xxh3.HashStringSeed(text, seedHex))
	}
}

func (b *blockBuilder) filterCell(c *cells, row int, search, isField bool, name uint64) {
	switch c.kinds[row] {
	case cellText:
		text := c.texts[row]
		b.filter.folded(text)
		if search {
			b.filter.addFolded(b.filter.fold)
		}
		if isField {
			b.filter.addFoldedField(name, text)
		}
	case cellInt:
		v := int64(c.numbers[row])
		if search && (v >= minLongInteger || v <= -minLongInteger) {
			b.filterValue(v)
		}
		if isField {
			b.filter.others.add(numberKey(name, float64(v)))
		}
	default:
		value := c.value(row)
		if search {
			b.filterValue(value)
		}
		if isField {
			b.filter.addField(name, value)
		}
	}
}

// compress appends src compressed, and says whether that is less by such a part at least.
func (b *blockBuilder) compress(dst, src []byte, part int) (out []byte, smaller bool) {
	out = b.zstd.EncodeAll(src, dst)
	return out, len(out)-len(dst) < len(src)-len(src)/part
}

// column appends a column, if any record has a value in it. search says that the filter has the values, and
// field, if not empty, by which name.
func (b *blockBuilder) column(dst []byte, start int, place columnPlace, c *cells, search bool, field string) []byte {
	if place.count = c.there(); place.count == 0 {
		return dst
	}
	var distinct []int
	b.raw, distinct = b.encoder.append(b.raw[:0], c)
	place.form = b.raw[0]
	place.grams = b.filterCells(c, place.form, distinct, search, field)
	if search {
		place.digits = b.encoder.digits
	}
	at := len(dst)
	place.offset, place.rawSize = uint32(at-start), uint32(len(b.raw))
	var smaller bool
	switch ids := isUUID(place.form) || isHex(place.form); {
	case len(b.raw) < 64:
	case !ids:
		dst, smaller = b.compress(dst, b.raw, 32)
	case len(b.raw) >= 8<<10:
		// Ids are mostly random, and often looked through. A part tells.
		if dst, smaller = b.compress(dst, b.raw[:len(b.raw)/4], 8); !smaller {
			break
		}
		dst = dst[:at]
		fallthrough
	default:
		dst, smaller = b.compress(dst, b.raw, 8)
	}
	place.stored = storedZstd
	if !smaller {
		dst = append(dst[:at], b.raw...)
		place.stored = storedPlain
	}
	place.size = uint32(len(dst) - at)
	place.crc = crc32.Checksum(dst[at:], castagnoli)
	b.places = append(b.places, place)
	return dst
}
