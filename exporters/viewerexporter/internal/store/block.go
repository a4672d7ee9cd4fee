package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync/atomic"
	"unique"

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
	blockVersion  = 2 // 1, which is read as well, had no grams, no digits of numbers, and no forms from decimals on
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

func idsOf(chunks []chunk) idRange {
	ids := idRange{first: chunks[0].firstID()}
	next := ids.first
	add := func(id uint64) {
		if by := id - next; by != 0 {
			ids.jumps = append(ids.jumps, idJump{uint32(ids.count), by})
		}
		ids.count++
		next = id + 1
	}
	for i := range chunks {
		k := &chunks[i]
		for j := range k.records {
			add(k.records[j].ID)
		}
		if k.source != nil {
			add(k.first)
			ids.count += k.n - 1
			next += uint64(k.n - 1)
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
	grams        bool // of its texts are in the filter
	digits       byte // as many as stand side by side in a number's text, at most; 0: who knows
	offset, size uint32
	rawSize      uint32
	crc          uint32
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
	if version := binary.LittleEndian.Uint32(head[4:]); version < 1 || version > blockVersion {
		return fmt.Errorf("a block of version %d, this program knows those up to %d", version, blockVersion)
	}
	for i, v := range [...]*uint32{&k.size, &k.footerOffset, &k.footerSize, &k.footerCRC} {
		*v = binary.LittleEndian.Uint32(head[8+4*i:])
	}
	if k.footerOffset < blockHeadSize || uint64(k.footerOffset)+uint64(k.footerSize) != uint64(k.size) {
		return errors.New("the block's sizes do not add up")
	}
	return nil
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
		dst = append(dst, byte(p.fixed), p.stored, p.form|flag(p.grams || p.digits > 0)<<7)
		if p.grams || p.digits > 0 {
			dst = append(dst, p.digits)
		}
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
		if p.form&0x80 != 0 { // more is said, which version 1 did not
			p.form &= 0x7f
			p.digits = d.byte()
			p.grams = p.digits == 0
		}
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
		if p.fixed > fixedColumns || p.stored > storedCopy || p.form >= forms || p.stored == storedCopy && p.offset >= fixedColumns ||
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
