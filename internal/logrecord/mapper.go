package logrecord

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/heartwood-otel/heartwood/internal/logfmt"
	"github.com/heartwood-otel/heartwood/internal/pdataslab"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// Settings say how lines become records. The zero value is the default.
type Settings struct {
	// Fields maps a target, a place in the record, to the keys of a line that may
	// fill it. The first key of the list that the line has, with a value that
	// fits, fills it. A target given here replaces the default of that name; the
	// others of DefaultFields stay. README.md lists the targets.
	Fields map[string][]string
	// Types and Duplicates are the parser's.
	Types      logfmt.Types
	Duplicates logfmt.Duplicates
	// SeverityNumbers says whose numbers a numeric level is.
	SeverityNumbers severity.Scheme
	// Timezone is that of times without a zone; nil is UTC.
	Timezone *time.Location
	// KeepOriginal puts each whole line into log.record.original.
	KeepOriginal bool
	// Exception tells type and message of an exception from the text of its stack
	// trace, "" for what it can't tell. It is asked where a JSON line has a stack
	// trace and does not say them; nil is never.
	Exception func(stack string) (typ, message string)
}

// Mapper turns lines into records. It holds what Settings say, does not change,
// and may be shared between goroutines.
type Mapper struct {
	set    Settings
	logfmt fieldMap
	// json is made when it is first asked for: it is some hundred keys and more ways
	// to write them.
	json func() *fieldMap
}

// fieldMap is what Settings.Fields and the defaults of a format come to.
type fieldMap struct {
	targets []target
	keys    keyIndex

	// Indexes in targets: those of a kind, those that are resource attributes, and
	// those that write an attribute which code.location would write too.
	event, traceparent, location, uid, service int
	resources, rivals                          []int
	// Of JSON's map.
	severity, body, echo, nanos, file, line, stack, exception, exceptionType int
}

// NewMapper checks the settings. Its error names the field, the value and the
// remedy, for each thing that is wrong.
func NewMapper(set Settings) (*Mapper, error) {
	if err := checkFields(set.Fields, DefaultFields()); err != nil {
		return nil, err
	}
	if set.Timezone == nil {
		set.Timezone = time.UTC
	}
	targets, uses := compileFields(set.Fields, DefaultFields())
	m := &Mapper{logfmt: newFieldMap(targets, newKeyIndex(uses))}
	fields := maps.Clone(set.Fields)
	for target, keys := range fields {
		fields[target] = slices.Clone(keys)
	}
	m.json = sync.OnceValue(func() *fieldMap {
		targets, uses := compileFields(fields, DefaultJSONFields())
		f := newFieldMap(targets, newJSONIndex(uses, fields))
		return &f
	})
	set.Fields = nil
	m.set = set
	return m, nil
}

func newFieldMap(targets []target, keys keyIndex) fieldMap {
	m := fieldMap{targets: targets, keys: keys}
	for i, t := range targets {
		switch t.kind {
		case kindEventName:
			m.event = i
		case kindTraceparent:
			m.traceparent = i
		case kindLocation:
			m.location = i
		case kindUID:
			m.uid = i
		case kindSeverity:
			m.severity = i
		case kindNanos:
			m.nanos = i
		case kindBody:
			m.body = i
		case kindEcho:
			m.echo = i
		case kindStack:
			m.stack = i
		case kindException:
			m.exception = i
		case kindResource:
			m.resources = append(m.resources, i)
			if t.name == attrServiceName {
				m.service = i
			}
		default:
			switch t.name {
			case attrFilePath:
				m.file = i
				m.rivals = append(m.rivals, i)
			case attrLineNumber:
				m.line = i
				m.rivals = append(m.rivals, i)
			case attrColumnNumber:
				m.rivals = append(m.rivals, i)
			case attrExceptionType:
				m.exceptionType = i
			}
		}
	}
	return m
}

// NewBatch makes an empty batch. Batches of one mapper are independent of each
// other.
func (m *Mapper) NewBatch() *Batch {
	b := &Batch{
		m:      m,
		parser: logfmt.NewParser(logfmt.Options{Types: m.set.Types, Duplicates: m.set.Duplicates}),
		uids:   recorduid.NewSource(),
		f:      &m.logfmt,
		best:   make([]choice, len(m.logfmt.targets)),
		groups: map[string]*group{},
		out:    pdataslab.New(),
	}
	b.begin()
	return b
}

// keyIndex finds the keys of the field map. It is asked for every key of every
// line, nearly always in vain.
type keyIndex struct {
	uses  []keyUse
	slots []uint32 // an index of uses, plus 1
	shift uint
	// lens[c] has bit n set when a key of n bytes, modulo 64, begins with c.
	lens [256]uint64
}

func newKeyIndex(uses []keyUse) keyIndex {
	bits := uint(8)
	for 1<<bits < 8*len(uses) {
		bits++
	}
	ix := keyIndex{uses: uses, slots: make([]uint32, 1<<bits), shift: 32 - bits}
	for i, use := range uses {
		ix.lens[use.key[0]] |= 1 << (len(use.key) & 63)
		at := ix.hash(use.key)
		for ix.slots[at] != 0 {
			at = (at + 1) & uint32(len(ix.slots)-1)
		}
		ix.slots[at] = uint32(i + 1)
	}
	return ix
}

// hash mixes the length and three bytes. key is not empty.
func (ix *keyIndex) hash(key string) uint32 {
	n := len(key)
	h := uint32(key[0]) | uint32(key[n-1])<<8 | uint32(key[n>>1])<<16 | uint32(n)<<24
	return h * 0x9e3779b1 >> ix.shift
}

// find gives the index in uses of key, or -1.
func (ix *keyIndex) find(key string) int {
	if key == "" || ix.lens[key[0]]&(1<<(len(key)&63)) == 0 {
		return -1
	}
	return ix.lookup(key)
}

func (ix *keyIndex) lookup(key string) int {
	for at := ix.hash(key); ; at = (at + 1) & uint32(len(ix.slots)-1) {
		slot := ix.slots[at]
		if slot == 0 {
			return -1
		}
		if ix.uses[slot-1].key == key {
			return int(slot - 1)
		}
	}
}
