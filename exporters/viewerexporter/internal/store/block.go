package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync/atomic"
	"unique"

	"github.com/klauspost/compress/zstd"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// A block in a segment:
//
//	head     28 bytes: magic, version, and little-endian 32-bit numbers: the block's size, the footer's
//	         offset, size and CRC-32C, and the CRC-32C of all this
//	columns  each compressed by itself, where that makes it smaller
//	filter   lines of 64 bytes, see filter.go
//	footer   compressed: times, ids, counts, and where each column is, with its CRC-32C
//
// Each byte is under one of the checksums: what is read is what was written, or the block is damaged.
const (
	blockMagic    = "HWVB"
	blockVersion  = 1
	blockHeadSize = 28

	// maxBlockRecords is a balance: fewer compress worse and have more blocks to be asked, more cost more
	// to read for one of them.
	maxBlockRecords = 2048
	// maxBlockBytes of records in memory are a block too.
	maxBlockBytes = 4 << 20
	// maxAttributeColumns: names beyond them are in a column together, so that a block of records
	// that all have names of their own is not a block of a million columns.
	maxAttributeColumns = 256
	// maxSummary is how many combinations of service, kind and severity are counted in the footer.
	maxSummary = 256
)

// The columns that all blocks have.
const (
	columnTime = iota
	columnArrived
	columnKind
	columnStatus
	columnSeverity
	columnSeverityText
	columnService
	columnBody
	columnEvent
	columnRequest
	columnMacro
	columnTrace
	columnSpan
	columnParent
	columnUID
	columnDuration
	columnRest     // attributes that have no column, in binary form
	columnResource // in binary form
	fixedColumns
)

// copies are attributes whose values most often are a fixed column's.
var copies = map[string]int{"request.id": columnRequest, "request.macro_id": columnMacro, "log.record.uid": columnUID}

// block is what is known of a block without reading it.
type block struct {
	segment                *segment
	offset                 int64
	size                   uint32
	footerOffset           uint32
	footerSize             uint32
	footerCRC              uint32
	ids                    idRange
	minTime, maxTime       int64
	minArrived, maxArrived int64
	spans                  int
	filter                 filterShape
	summary                []summaryEntry // nil: too many
	damaged                atomic.Bool
}

// summaryEntry counts the records of one service, kind and severity.
type summaryEntry struct {
	service  unique.Handle[string]
	kind     record.Kind
	severity uint8
	count    uint16
}

// idRange is the ids of records one after the other. They count up by one but for jumps, which a restart
// makes.
type idRange struct {
	first uint64
	count int
	jumps []idJump
}

type idJump struct {
	row uint32 // the first that is
	by  uint64 // more
}

func idsOf(records []record.Record) idRange {
	ids := idRange{first: records[0].ID, count: len(records)}
	for i := 1; i < len(records); i++ {
		if by := records[i].ID - records[i-1].ID; by != 1 {
			ids.jumps = append(ids.jumps, idJump{uint32(i), by - 1})
		}
	}
	return ids
}

func (r *idRange) at(row int) uint64 {
	id := r.first + uint64(row)
	for _, jump := range r.jumps {
		if row >= int(jump.row) {
			id += jump.by
		}
	}
	return id
}

func (r *idRange) last() uint64 { return r.at(r.count - 1) }

func (r *idRange) row(id uint64) (row int, ok bool) {
	if id < r.first || id > r.last() {
		return 0, false
	}
	low, high := 0, r.count
	for low < high {
		middle := (low + high) / 2
		if r.at(middle) < id {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < r.count && r.at(low) == id
}

// The ways in which a column is stored.
const (
	storedPlain = iota
	storedZstd
	storedCopy // it is the fixed column whose number is its offset
)

// columnPlace is where a column is in its block.
type columnPlace struct {
	fixed        int    // or fixedColumns
	name         string // of an attribute
	count        int    // of records that have it
	stored, form byte
	offset, size uint32
	rawSize      uint32
	crc          uint32
}

// blockBuilder has the memory that blocks are made in.
type blockBuilder struct {
	encoder   columnEncoder
	filter    filterBuilder
	zstd      *zstd.Encoder
	fixed     [fixedColumns][]any
	names     map[string]int
	attribute []attributeCells
	used      int
	resources map[*record.Field]string
	summary   map[summaryEntry]uint16
	raw, fold []byte
	places    []columnPlace
}

type attributeCells struct {
	name  string
	cells []any
	count int
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

// append appends a block of records, which must be in the order of their ids, and normalised.
func (b *blockBuilder) append(dst []byte, records []record.Record) ([]byte, *block) {
	n := len(records)
	b.reset(n)
	block := &block{ids: idsOf(records)}
	for i := range records {
		b.take(records, i)
		r := &records[i]
		at, arrived := r.Time.UnixNano(), r.Arrived.UnixNano()
		if i == 0 {
			block.minTime, block.maxTime, block.minArrived, block.maxArrived = at, at, arrived, arrived
		}
		block.minTime, block.maxTime = min(block.minTime, at), max(block.maxTime, at)
		block.minArrived, block.maxArrived = min(block.minArrived, arrived), max(block.maxArrived, arrived)
		if r.Kind == record.Span {
			block.spans++
		}
	}
	start := len(dst)
	dst = append(dst, make([]byte, blockHeadSize)...)
	for i := range b.fixed {
		dst = b.column(dst, start, columnPlace{fixed: i}, b.fixed[i], searchable(i), fixedFields[i])
	}
	slices.SortFunc(b.attribute[:b.used], func(a, b attributeCells) int { return strings.Compare(a.name, b.name) })
	for i := range b.attribute[:b.used] {
		a := &b.attribute[i]
		place := columnPlace{fixed: fixedColumns, name: a.name}
		if of, ok := copies[a.name]; ok && sameCells(a.cells, b.fixed[of]) {
			place.stored, place.offset, place.count = storedCopy, uint32(of), a.count
			b.places = append(b.places, place)
			continue
		}
		dst = b.column(dst, start, place, a.cells, true, query.Fold(a.name))
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

func (k *block) putHead(head []byte) {
	copy(head, blockMagic)
	for i, v := range [...]uint32{blockVersion, k.size, k.footerOffset, k.footerSize, k.footerCRC} {
		binary.LittleEndian.PutUint32(head[4+4*i:], v)
	}
	binary.LittleEndian.PutUint32(head[24:], crc32.Checksum(head[:24], castagnoli))
}

// readHead reads a block's first bytes.
func (k *block) readHead(head []byte) error {
	if string(head[:4]) != blockMagic || binary.LittleEndian.Uint32(head[24:]) != crc32.Checksum(head[:24], castagnoli) {
		return errors.New("no block begins here")
	}
	if version := binary.LittleEndian.Uint32(head[4:]); version != blockVersion {
		return fmt.Errorf("a block of version %d, this program knows %d", version, blockVersion)
	}
	for i, v := range [...]*uint32{&k.size, &k.footerOffset, &k.footerSize, &k.footerCRC} {
		*v = binary.LittleEndian.Uint32(head[8+4*i:])
	}
	if k.footerOffset < blockHeadSize || uint64(k.footerOffset)+uint64(k.footerSize) != uint64(k.size) {
		return errors.New("the block's sizes do not add up")
	}
	return nil
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
		b.fixed[i] = clearedCells(b.fixed[i], rows)
	}
	clear(b.names)
	for i := range b.attribute {
		clear(b.attribute[i].cells)
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

func clearedCells(cells []any, rows int) []any {
	if cap(cells) < rows {
		return make([]any, rows, max(rows, maxBlockRecords))
	}
	clear(cells[:cap(cells)])
	return cells[:rows]
}

// take puts a record's values into the cells.
func (b *blockBuilder) take(records []record.Record, row int) {
	r := &records[row]
	b.fixed[columnTime][row] = r.Time.UnixNano()
	b.fixed[columnArrived][row] = r.Arrived.UnixNano()
	b.fixed[columnKind][row] = int64(r.Kind)
	b.fixed[columnStatus][row] = int64(r.Status)
	b.fixed[columnSeverity][row] = int64(r.Severity)
	if r.HasDuration {
		b.fixed[columnDuration][row] = int64(r.Duration)
	}
	if r.Body != nil {
		b.fixed[columnBody][row] = r.Body
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
			b.fixed[text.column][row] = text.value
		}
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
					b.filter.addField(nameKey(query.Fold(f.Name)), cellOf(f.Value))
					continue
				}
				at = b.newAttribute(f.Name, len(records))
			}
		}
		b.attribute[at].cells[row] = cellOf(f.Value)
		b.attribute[at].count++
	}
	if rest != nil {
		b.fixed[columnRest][row] = string(record.AppendFields(nil, rest))
	}
	if len(r.Resource) > 0 {
		key := &r.Resource[0]
		encoded, ok := b.resources[key]
		if !ok {
			encoded = string(record.AppendFields(nil, r.Resource))
			b.resources[key] = encoded
			for i := range r.Resource {
				b.filterValue(r.Resource[i].Value)
				b.filter.addField(nameKey(query.Fold(r.Resource[i].Name)), cellOf(r.Resource[i].Value))
			}
		}
		b.fixed[columnResource][row] = encoded
	}
	if len(b.summary) <= maxSummary {
		b.summary[summaryEntry{service: unique.Make(r.Service), kind: r.Kind, severity: r.Severity}]++
	}
}

func (b *blockBuilder) newAttribute(name string, rows int) int {
	at := b.used
	b.used++
	if at == len(b.attribute) {
		b.attribute = append(b.attribute, attributeCells{})
	}
	a := &b.attribute[at]
	a.name, a.count = name, 0
	a.cells = clearedCells(a.cells, rows)
	b.names[name] = at
	return at
}

// filterValue adds the text of a value to the filter, and of a list its elements', since one is enough for
// a field to be equal.
func (b *blockBuilder) filterValue(value any) {
	switch v := value.(type) {
	case nil, nilCell:
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

// filterField adds the values of a field as such. Few ask for a fraction that is one of many.
func (b *blockBuilder) filterField(name uint64, form byte, values []any) {
	if form == formFloats {
		b.filter.others.add(name)
		return
	}
	if form == formUUID {
		return // isDigits
	}
	for _, value := range values {
		if value != nil {
			b.filter.addField(name, value)
		}
	}
}

// minLongInteger is the least integer whose text the filter has something of.
const minLongInteger = 1e14

// column appends a column, if any record has a value in it. search says that the filter has the values, and
// field, if not empty, by which name.
func (b *blockBuilder) column(dst []byte, start int, place columnPlace, cells []any, search bool, field string) []byte {
	for _, cell := range cells {
		if cell != nil {
			place.count++
		}
	}
	if place.count == 0 {
		return dst
	}
	var distinct []any
	b.raw, distinct = b.encoder.append(b.raw[:0], cells)
	place.form = b.raw[0]
	if distinct == nil {
		distinct = cells
	}
	if search {
		for _, value := range distinct {
			b.filterValue(value)
		}
	}
	if field != "" {
		b.filterField(nameKey(field), place.form, distinct)
	}
	at := len(dst)
	place.offset, place.rawSize = uint32(at-start), uint32(len(b.raw))
	if len(b.raw) >= 64 {
		dst = b.zstd.EncodeAll(b.raw, dst)
		place.stored = storedZstd
	}
	if size := len(dst) - at; size == 0 || size >= len(b.raw)-len(b.raw)/32 {
		dst = append(dst[:at], b.raw...)
		place.stored = storedPlain
	}
	place.size = uint32(len(dst) - at)
	place.crc = crc32.Checksum(dst[at:], castagnoli)
	b.places = append(b.places, place)
	return dst
}

func sameCells(a, b []any) bool {
	for i := range a {
		if a[i] == nil && b[i] == nil {
			continue
		}
		x, ok := a[i].(string)
		y, okToo := b[i].(string)
		if !ok || !okToo || x != y {
			return false
		}
	}
	return true
}

// appendFooter appends what a block's footer says, before it is compressed.
func appendFooter(dst []byte, k *block, places []columnPlace) []byte {
	dst = binary.AppendUvarint(dst, k.ids.first)
	dst = binary.AppendUvarint(dst, uint64(k.ids.count))
	dst = binary.AppendUvarint(dst, uint64(len(k.ids.jumps)))
	for _, jump := range k.ids.jumps {
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(jump.row)), jump.by)
	}
	for _, v := range [...]int64{k.minTime, k.maxTime, k.minArrived, k.maxArrived} {
		dst = binary.AppendVarint(dst, v)
	}
	dst = binary.AppendUvarint(dst, uint64(k.spans))
	for _, v := range [...]uint32{k.filter.offsetInBlock, k.filter.size, k.filter.lines, k.filter.longest.hex, k.filter.longest.hyphen} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	dst = append(dst, flag(k.filter.hasLetters), flag(k.filter.hasIDs), flag(k.summary != nil))
	dst = binary.AppendUvarint(dst, uint64(len(k.summary)))
	for _, entry := range k.summary {
		service := entry.service.Value()
		dst = append(binary.AppendUvarint(dst, uint64(len(service))), service...)
		dst = append(dst, byte(entry.kind), entry.severity)
		dst = binary.AppendUvarint(dst, uint64(entry.count))
	}
	dst = binary.AppendUvarint(dst, uint64(len(places)))
	for i := range places {
		p := &places[i]
		dst = append(dst, byte(p.fixed), p.stored, p.form)
		if p.fixed == fixedColumns {
			dst = append(binary.AppendUvarint(dst, uint64(len(p.name))), p.name...)
		}
		for _, v := range [...]uint32{uint32(p.count), p.offset, p.size, p.rawSize} {
			dst = binary.AppendUvarint(dst, uint64(v))
		}
		dst = binary.LittleEndian.AppendUint32(dst, p.crc)
	}
	return dst
}

func flag(is bool) byte {
	if is {
		return 1
	}
	return 0
}

var errFooter = errors.New("the block's footer is malformed")

// readFooter reads what appendFooter wrote. Names are parts of src.
func (k *block) readFooter(src string) (places []columnPlace, err error) {
	d := footerReader{src, false}
	k.ids.first = d.number()
	k.ids.count = int(d.number())
	for range d.count() {
		k.ids.jumps = append(k.ids.jumps, idJump{uint32(d.number()), d.number()})
	}
	for _, v := range [...]*int64{&k.minTime, &k.maxTime, &k.minArrived, &k.maxArrived} {
		n := d.number()
		*v = int64(n>>1) ^ -int64(n&1)
	}
	k.spans = int(d.number())
	for _, v := range [...]*uint32{&k.filter.offsetInBlock, &k.filter.size, &k.filter.lines, &k.filter.longest.hex, &k.filter.longest.hyphen} {
		*v = uint32(d.number())
	}
	k.filter.hasLetters, k.filter.hasIDs = d.byte() == 1, d.byte() == 1
	hasSummary := d.byte() == 1
	entries := d.count()
	if hasSummary {
		k.summary = make([]summaryEntry, entries)
	}
	for i := range entries {
		entry := summaryEntry{service: unique.Make(strings.Clone(d.text())), kind: record.Kind(d.byte()), severity: d.byte(), count: uint16(d.number())}
		if hasSummary {
			k.summary[i] = entry
		}
	}
	places = make([]columnPlace, d.count())
	for i := range places {
		p := &places[i]
		p.fixed, p.stored, p.form = int(d.byte()), d.byte(), d.byte()
		if p.fixed == fixedColumns {
			p.name = d.text()
		}
		p.count = int(d.number())
		for _, v := range [...]*uint32{&p.offset, &p.size, &p.rawSize} {
			*v = uint32(d.number())
		}
		for shift := 0; shift < 32; shift += 8 {
			p.crc |= uint32(d.byte()) << shift
		}
		if p.fixed > fixedColumns || p.stored > storedCopy || p.stored == storedCopy && p.offset >= fixedColumns ||
			p.stored != storedCopy && uint64(p.offset)+uint64(p.size) > uint64(k.size) {
			return nil, errFooter
		}
	}
	if d.failed || d.rest != "" || k.ids.count < 1 || k.ids.count > 1<<16 ||
		uint64(k.filter.offsetInBlock)+uint64(k.filter.size) > uint64(k.size) || k.filter.size != k.filter.lines*filterLine {
		return nil, errFooter
	}
	k.filter.offset = k.offset + int64(k.filter.offsetInBlock)
	return places, nil
}

type footerReader struct {
	rest   string
	failed bool
}

func (d *footerReader) number() uint64 {
	n, rest, ok := uvarint(d.rest)
	if !ok {
		d.failed = true
	}
	d.rest = rest
	return n
}

func (d *footerReader) count() int {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.failed = true
		return 0
	}
	return int(n)
}

func (d *footerReader) byte() byte {
	if d.rest == "" {
		d.failed = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *footerReader) text() string {
	n := d.count()
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}
