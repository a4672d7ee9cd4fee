package ecsjson

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs"
	"github.com/heartwood-otel/heartwood/internal/jsonline"
	"github.com/heartwood-otel/heartwood/internal/linepair"
	"github.com/heartwood-otel/heartwood/internal/pdataslab"
)

const (
	// maxPairs is how many members and elements a document may have at all depths: a
	// large folded event has some ten thousand. Each takes 64 bytes while it is read.
	maxPairs = 1 << 20

	// A reader keeps names up to maxNameBytes in all, and room for maxKept fields.
	maxNameBytes = 1 << 18
)

// LineError is a line that is no document.
type LineError struct {
	// Line is its number, counted from 1, blank lines too.
	Line int
	// Column is the byte the error is at, counted from 1.
	Column int
	// Cause is what is wrong there.
	Cause string
}

// Error names the line, the column and the cause.
func (e *LineError) Error() string {
	return "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ": " + e.Cause
}

// Reader makes records of documents. It is for one goroutine at a time.
type Reader struct {
	parser *jsonline.Parser
	out    pdataslab.Builder
	plain  pdataslab.Builder // for resources: it makes no slabs
	unmap  *ecs.Unmapper

	logs    plog.Logs
	records plog.LogRecordSlice
	line    int
	count   int
	key     []byte // what the resource of records says
	hasKey  bool

	// Of the current line.
	pairs   []linepair.Pair
	entries []entry
	name    []byte
	next    []byte
	byName  map[string]int

	names     map[string]string
	nameBytes int
}

// entry is a field of a document.
type entry struct {
	name   string
	at     int32 // of its pair
	depth  uint8 // in how many objects it is
	dotted bool  // a part of its name has points
	gone   bool
}

// NewReader makes a Reader.
func NewReader() *Reader {
	r := &Reader{
		parser: jsonline.NewParser(jsonline.Options{MaxPairs: maxPairs}),
		out:    pdataslab.New(),
		unmap:  ecs.NewUnmapper(),
		names:  make(map[string]string),
	}
	r.begin()
	return r
}

func (r *Reader) begin() {
	r.logs = plog.NewLogs()
	r.line, r.count, r.hasKey = 0, 0, false
	if cap(r.key) > maxNameBytes {
		r.key = nil
	}
	r.out.Forget()
	r.unmap.Forget()
}

// Read makes records of the lines of data, one for each that is not blank. It keeps
// nothing of data. The error is a *LineError; there are no records then.
func (r *Reader) Read(data []byte) (plog.Logs, error) {
	r.begin()
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		if err := r.Add(line); err != nil {
			r.begin()
			return plog.NewLogs(), err
		}
		data = rest
	}
	return r.Take(), nil
}

// Len is the number of records that were added.
func (r *Reader) Len() int { return r.count }

// Take gives the records that were added, and begins anew, with line 1.
func (r *Reader) Take() plog.Logs {
	logs := r.logs
	r.begin()
	return logs
}

// Add makes a record of one line, which may be blank, and keeps nothing of it. The error
// is a *LineError; the records before stay.
func (r *Reader) Add(line []byte) error {
	r.line++
	if len(bytes.TrimLeft(line, " \t\r\n")) == 0 {
		return nil
	}
	text := string(line)
	var err error
	r.pairs, err = r.parser.AppendPairs(r.pairs[:0], text)
	defer r.tidyUp()
	if err != nil {
		failure := &LineError{Line: r.line, Cause: err.Error()}
		if syntax, ok := errors.AsType[*jsonline.SyntaxError](err); ok {
			failure.Column, failure.Cause = syntax.Column, syntax.Cause.String()
		}
		return failure
	}
	r.flatten(0, len(r.pairs), 0, false)
	r.settle()
	r.record(len(text))
	return nil
}

// tidyUp lets go of the line, and of what an unusual one has made grow.
func (r *Reader) tidyUp() {
	clear(r.pairs)
	clear(r.entries)
	r.pairs, r.entries, r.name = r.pairs[:0], r.entries[:0], r.name[:0]
	if cap(r.pairs) > maxKept {
		r.pairs = nil
	}
	if cap(r.entries) > maxKept {
		r.entries = nil
	}
	if cap(r.name) > maxNameBytes {
		r.name = nil
	}
	if cap(r.next) > maxNameBytes {
		r.next = nil
	}
}

// flatten gathers the members pairs[from:to] of the object that r.name is, which is in so
// many others; objects of the schema are taken apart.
func (r *Reader) flatten(from, to int, depth uint8, dotted bool) {
	base := len(r.name)
	for i := from; i < to; i += 1 + r.pairs[i].Size() {
		pair := &r.pairs[i]
		name := pair.Key
		points := dotted || strings.IndexByte(name, '.') >= 0
		if depth > 0 {
			r.name = append(append(r.name[:base], '.'), name...)
			name = r.intern(r.name)
		} else if pair.Volatile() {
			name = strings.Clone(name)
		}
		if pair.Kind == linepair.Object && takenApart(name) {
			if depth == 0 {
				r.name = append(r.name[:0], name...)
			}
			r.flatten(i+1, i+1+pair.Size(), depth+1, points)
			continue
		}
		r.entries = append(r.entries, entry{name: name, at: int32(i), depth: depth, dotted: points})
	}
	r.name = r.name[:base]
}

// takenApart reports whether an object of this name is as good as its members with points.
func takenApart(name string) bool {
	switch name {
	case labels, "container.labels", ownObject, ownObject + ".line":
		return true
	}
	return ecs.IsObject(name)
}

// intern is name as a string, the same one for the same name where that is often seen.
func (r *Reader) intern(name []byte) string {
	if field := ecs.Lookup(string(name)); field != nil {
		return field.Name
	}
	if s, ok := r.names[string(name)]; ok {
		return s
	}
	s := string(name)
	if r.nameBytes += len(s) + 64; r.nameBytes > maxNameBytes {
		clear(r.names)
		r.nameBytes = len(s) + 64
	}
	if len(s) < maxNameBytes {
		r.names[s] = s
	}
	return s
}

// maxCrossed is up to how many comparisons are made before names are put in a table.
const maxCrossed = 2048

// settle finds names that are there twice, which only those with points can be. The one
// in fewer objects counts, of those in as many the last.
func (r *Reader) settle() {
	dotted, nested := 0, 0
	for i := range r.entries {
		if r.entries[i].dotted {
			dotted++
		}
		if r.entries[i].depth > 0 {
			nested++
		}
	}
	if dotted == 0 || nested == 0 {
		return
	}
	if dotted*len(r.entries) > maxCrossed {
		r.settleMany()
		return
	}
	for i := range r.entries {
		a := &r.entries[i]
		if !a.dotted || a.gone {
			continue
		}
		for j := range r.entries {
			if b := &r.entries[j]; j != i && !b.gone && b.name == a.name {
				if r.counts(i, j) {
					b.gone = true
				} else {
					a.gone = true
					break
				}
			}
		}
	}
}

func (r *Reader) settleMany() {
	if r.byName == nil {
		r.byName = make(map[string]int)
	}
	for i := range r.entries {
		name := r.entries[i].name
		j, ok := r.byName[name]
		if ok && r.counts(j, i) {
			r.entries[i].gone = true
			continue
		}
		if ok {
			r.entries[j].gone = true
		}
		r.byName[name] = i
	}
	if clear(r.byName); len(r.entries) > maxKept {
		r.byName = nil
	}
}

// counts reports whether of two entries of one name the first counts.
func (r *Reader) counts(i, j int) bool {
	if a, b := r.entries[i].depth, r.entries[j].depth; a != b {
		return a < b
	}
	return i > j
}

// ofResource reports whether a field says something of the resource.
func ofResource(name string) bool {
	switch firstSegment(name) {
	case "service", "host", "container", "cloud", "orchestrator":
		return strings.IndexByte(name, '.') >= 0
	}
	return false
}

// saysNothing knows what a document has where the record says nothing.
func saysNothing(name string, pair *linepair.Pair) bool {
	if pair.Kind != linepair.String {
		return false
	}
	switch name {
	case fieldTime:
		return pair.Value == noTime
	case fieldLevel:
		return pair.Value == noLevel
	case fieldMessage:
		return pair.Value == ""
	}
	return false
}

// record makes a record of the entries.
func (r *Reader) record(size int) {
	n, ofResources := 0, 0
	r.next = r.next[:0]
	for i := range r.entries {
		e := &r.entries[i]
		pair := &r.pairs[e.at]
		switch {
		case e.gone:
		case ofResource(e.name):
			ofResources++
			r.next = appendKey(r.next, e.name, pair)
		case saysNothing(e.name, pair):
			e.gone = true
		default:
			n++
		}
	}
	if !r.hasKey || !bytes.Equal(r.key, r.next) {
		r.beginResource(ofResources)
	}
	record := r.out.NewRecord(r.records, size)
	r.count++
	r.out.Expect(record, n)
	for i := range r.entries {
		if e := &r.entries[i]; !e.gone && !ofResource(e.name) {
			r.set(&r.out, &r.out.Map, e)
		}
	}
	r.out.Done()
	r.unmap.Log(record)
}

// appendKey appends what makes a field of a resource, so that no two that differ give
// the same.
func appendKey(dst []byte, name string, pair *linepair.Pair) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(name))), name...)
	dst = append(dst, byte(pair.Kind))
	return append(binary.AppendUvarint(dst, uint64(len(pair.Value))), pair.Value...)
}

// beginResource begins the records of a resource with so many attributes.
func (r *Reader) beginResource(n int) {
	r.key, r.hasKey = append(r.key[:0], r.next...), true
	rl := r.logs.ResourceLogs().AppendEmpty()
	m := r.plain.Fill(rl.Resource().Attributes(), n)
	for i := range r.entries {
		if e := &r.entries[i]; !e.gone && ofResource(e.name) {
			r.set(&r.plain, &m, e)
		}
	}
	m.Done()
	r.unmap.Attributes(rl.Resource().Attributes())
	r.records = rl.ScopeLogs().AppendEmpty().LogRecords()
}

// set appends an entry to a map that b makes.
func (r *Reader) set(b *pdataslab.Builder, m *pdataslab.Map, e *entry) {
	appendMember(b, m, e.name, r.pairs[e.at:])
}

// appendMember appends the value pairs[0], which the others are in, as far as it has so
// many.
func appendMember(b *pdataslab.Builder, m *pdataslab.Map, key string, pairs []linepair.Pair) {
	switch pair := &pairs[0]; pair.Kind {
	case linepair.String:
		m.AppendString(key, textOf(pair))
	case linepair.Int:
		m.AppendInt(key, pair.Int())
	case linepair.Float:
		m.AppendDouble(key, pair.Float())
	case linepair.Bool:
		m.AppendBool(key, pair.Bool())
	case linepair.Null:
		m.AppendEmpty(key)
	default:
		setValue(b, m.AppendEmpty(key), pairs)
	}
}

func setValue(b *pdataslab.Builder, v pcommon.Value, pairs []linepair.Pair) {
	pair := &pairs[0]
	members := pairs[1 : 1+pair.Size()]
	switch pair.Kind {
	case linepair.String:
		b.SetString(v, textOf(pair))
	case linepair.Int:
		b.SetInt(v, pair.Int())
	case linepair.Float:
		b.SetDouble(v, pair.Float())
	case linepair.Bool:
		b.SetBool(v, pair.Bool())
	case linepair.Object:
		m := b.MakeMap(v, direct(members))
		for i := 0; i < len(members); i += 1 + members[i].Size() {
			key := members[i].Key
			if members[i].Volatile() {
				key = strings.Clone(key)
			}
			appendMember(b, &m, key, members[i:])
		}
		m.Done()
	case linepair.Array:
		s := b.MakeSlice(v, direct(members))
		for i := 0; i < len(members); i += 1 + members[i].Size() {
			setValue(b, s.Next(), members[i:])
		}
	}
}

// direct counts the members that are in no other.
func direct(members []linepair.Pair) (n int) {
	for i := 0; i < len(members); i += 1 + members[i].Size() {
		n++
	}
	return n
}

func textOf(pair *linepair.Pair) string {
	if pair.Volatile() {
		return strings.Clone(pair.Value)
	}
	return pair.Value
}
