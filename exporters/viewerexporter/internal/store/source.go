package store

import (
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// Source has records in the form in which they came. Most are only asked for as the cells of a block; a Record is
// made of those that a query, or the journal, sees before. Its methods may be called by several goroutines at once,
// but for Move and Cut, which are before all others.
type Source interface {
	Len() int
	// Size estimates what record i takes in memory.
	Size(i int) int64
	// Move puts record from in the place of one before it, and Cut lets go of those from n on.
	Move(to, from int)
	Cut(n int)
	// Record gives record i. Its ID is the store's affair.
	Record(i int, arrived time.Time) record.Record
	// Put does the same with cells: attributes first, and then Log or Record.
	Put(i int, arrived time.Time, to *Cells)
}

// chunk has records of the head: as they are, or of a source.
type chunk struct {
	records []record.Record
	source  Source
	from, n int
	first   uint64 // the id of its first
	arrived time.Time
}

// appendRecords appends its records.
func (k *chunk) appendRecords(dst []record.Record) []record.Record {
	dst = append(dst, k.records...)
	if k.source == nil {
		return dst
	}
	for i := range k.n {
		r := k.source.Record(k.from+i, k.arrived)
		r.ID, r.Arrived = k.first+uint64(i), k.arrived
		normalise(&r)
		dst = append(dst, r)
	}
	return dst
}

func (k *chunk) firstID() uint64 {
	if k.source != nil {
		return k.first
	}
	return k.records[0].ID
}

// since is when its first arrived.
func (k *chunk) since() int64 {
	if k.source != nil {
		return k.arrived.UnixNano()
	}
	return k.records[0].Arrived.UnixNano()
}

// batch is what waits in the queue.
type batch struct {
	records []record.Record
	source  Source
	sizes   []uint32
	arrived time.Time
}

func (b *batch) move(to, from int) {
	b.sizes[to] = b.sizes[from]
	if b.source != nil {
		b.source.Move(to, from)
		return
	}
	b.records[to] = b.records[from]
}

func (b *batch) cut(n int) {
	b.sizes = b.sizes[:n]
	if b.source != nil {
		b.source.Cut(n)
		return
	}
	clear(b.records[n:])
	b.records = b.records[:n]
}

// part is so many of a batch's records.
func (b *batch) part(from, n int) chunk {
	if b.source == nil {
		return chunk{records: b.records[from : from+n], n: n}
	}
	return chunk{source: b.source, from: from, n: n, arrived: b.arrived}
}

// Cells take a log record of a Source.
type Cells struct {
	builder       *blockBuilder
	row, rows     int
	arrived       time.Time
	time, arrives int64 // as they were put
}

// Cell takes a value.
type Cell struct {
	cells *cells
	row   int
}

// Text takes a string.
func (c Cell) Text(v string) { c.cells.text(c.row, v) }

// Int takes an integer.
func (c Cell) Int(v int64) { c.cells.int(c.row, v) }

// Value takes any value of record.Field.
func (c Cell) Value(v any) { c.cells.set(c.row, v) }

// Attribute gives an attribute's cell. hint is where the column was last time, of whatever block. Where there are
// too many columns ok is false: Record takes the whole.
func (c *Cells) Attribute(name string, hint *int) (cell Cell, ok bool) {
	b := c.builder
	if at := *hint; at >= b.used || b.attribute[at].name != name {
		if at, ok = b.names[name]; !ok {
			if b.used == maxAttributeColumns {
				return Cell{}, false
			}
			at = b.newAttribute(name, c.rows)
		}
		*hint = at
	}
	return Cell{&b.attribute[*hint].cells, c.row}, true
}

// Body gives the body's cell.
func (c *Cells) Body() Cell { return Cell{&c.builder.fixed[columnBody], c.row} }

// Record takes a record as a whole.
func (c *Cells) Record(r record.Record) {
	r.Arrived = c.arrived
	normalise(&r)
	c.builder.take(&r, c.row, c.rows)
	c.time, c.arrives = r.Time.UnixNano(), r.Arrived.UnixNano()
}

// Log takes what a log record has besides Body and Attributes.
func (c *Cells) Log(r *record.Record) {
	r.Arrived = c.arrived
	c.time, c.arrives = nanos(r.Time), nanos(r.Arrived)
	r.Severity = min(r.Severity, 24)
	c.builder.takeFixed(r, c.row, c.time, c.arrives)
}
