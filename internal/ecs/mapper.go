package ecs

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Mapper says records and spans in ECS. It is for one goroutine at a time. What it gives
// is good until its next call, and as long as the record it was made of.
type Mapper struct {
	unknown Unknown

	// Names that were seen, and names that were given. Both are forgotten when they
	// have become too many: a sender may have endless ones.
	attributes map[string]*attribute
	slots      map[string]*slot
	nameBytes  int
	own        ownAttributes

	// The attributes of the last record, by position: records of one writer often
	// have the same.
	positions []*attribute

	resource part
	scope    part

	counts Counts

	// Of the current record.
	record     uint64 // its number
	candidates []candidate
	displaced  []int // candidates that become labels
	order      []place
	labels     []place
	present    fieldSet
	items      []Item
	seen       seen
	level      uint8
	traceID    pcommon.TraceID
	spanID     pcommon.SpanID
	path       []byte // of names that are put together
	json       []byte
}

// part is what Begin mapped of a resource or a scope.
type part struct {
	positions  []*attribute
	candidates []candidate
	items      []Item
	seen       seen // it stands in the document as if it were the record's
}

// candidate is a value that wants a name.
type candidate struct {
	item      said
	slot      *slot
	attribute *attribute
}

// said is what becomes an Item, and how it stands among others: with the rest of a
// candidate it fills a line of the processor's cache.
type said struct {
	text     string
	bits     uint64
	value    pcommon.Value // of a KindValue, and the attribute's own where original
	kind     Kind
	list     bool
	original bool
	rank     uint8
	gone     bool // another value has the name
}

// keep remembers the value that the item was made of.
func (c *candidate) keep(v pcommon.Value) {
	c.item.original = true
	if c.item.kind != KindValue {
		c.item.value = v
	}
}

// isNothing reports whether this is a value that says nothing: any other comes before it.
func (item *said) isNothing() bool {
	return item.kind == KindValue && item.value.Type() == pcommon.ValueTypeEmpty
}

// place is that of a candidate in the document.
type place struct {
	order uint32
	at    int32
}

// seen is what was noticed in a record for what is derived of it.
type seen struct {
	grpc                   int64
	hasGRPC, exception     bool
	foldID, protocol, http bool
	method                 bool // of HTTP
	foldOutcome            string
	category               string
	addresses              uint8 // a bit for each of the ends
	version                *attribute
	versionValue           pcommon.Value
	versionBelow           uint8
}

// merge adds what was noticed in a part to what derives the outcome of a record.
func (s *seen) merge(p *seen) {
	if p.hasGRPC && !s.hasGRPC {
		s.grpc, s.hasGRPC = p.grpc, true
	}
	if s.foldOutcome == "" {
		s.foldOutcome = p.foldOutcome
	}
	s.foldID = s.foldID || p.foldID
	s.exception = s.exception || p.exception
}

// A Mapper keeps at most maxNameBytes of names, in bytes, slotBytes counted for what
// belongs to each: some 4000 usual names. It keeps what maxPositions attributes of a
// record stand for; those behind are looked up.
const (
	maxNameBytes = 1 << 20
	slotBytes    = 256
	maxPositions = 256
)

// Scratch for more than maxKept values, or for more than maxKeptBytes of a text, is not
// kept for the next record.
const (
	maxKept      = 1024
	maxKeptBytes = 64 << 10
)

// NewMapper makes a Mapper; Begin comes before all else.
func NewMapper(o Options) *Mapper {
	m := &Mapper{unknown: o.Unknown, attributes: make(map[string]*attribute), slots: make(map[string]*slot)}
	m.own.init(m)
	return m
}

// Begin says of which resource and scope the records are that follow. They must stay as
// they are as long as these come.
func (m *Mapper) Begin(resource pcommon.Resource, scope pcommon.InstrumentationScope) {
	m.resource.forget()
	m.scope.forget()
	m.start()
	m.level = levelScope
	m.positions, m.scope.positions = m.scope.positions, m.positions
	m.walk(scope.Attributes())
	m.ownOfScope(scope)
	m.positions, m.scope.positions = m.scope.positions, m.positions
	m.settle()
	m.scope.keep(m)

	m.start()
	m.level = levelResource
	m.positions, m.resource.positions = m.resource.positions, m.positions
	m.walk(resource.Attributes())
	m.positions, m.resource.positions = m.resource.positions, m.positions
	m.settle()
	m.resource.keep(m)
}

// Resource is what Begin mapped of the resource alone.
func (m *Mapper) Resource() []Item { return m.resource.items }

// Scope is what Begin mapped of the scope alone.
func (m *Mapper) Scope() []Item { return m.scope.items }

// Log maps a record together with its scope and its resource.
func (m *Mapper) Log(r plog.LogRecord) []Item {
	m.start()
	m.log(r)
	m.join(&m.scope)
	m.join(&m.resource)
	m.deriveLog(r)
	m.settle()
	m.items = m.appendItems(m.items[:0])
	return m.items
}

// Attributes maps a record alone: its attributes and its own fields.
func (m *Mapper) Attributes(r plog.LogRecord) []Item {
	m.start()
	m.log(r)
	m.deriveLog(r)
	m.settle()
	m.items = m.appendItems(m.items[:0])
	return m.items
}

// Span maps a span alone: its attributes and its own fields.
func (m *Mapper) Span(s ptrace.Span) []Item {
	m.start()
	m.walk(s.Attributes())
	m.ownOfSpan(s)
	m.deriveSpan(s)
	m.settle()
	m.items = m.appendItems(m.items[:0])
	return m.items
}

// End lets go of the records, the resource and the scope. It need not be called: what
// comes next takes their place. Begin comes before all else again.
func (m *Mapper) End() {
	m.resource.forget()
	m.scope.forget()
	clear(m.candidates[:cap(m.candidates)])
	clear(m.items[:cap(m.items)])
	m.candidates, m.items, m.seen = m.candidates[:0], m.items[:0], seen{}
}

// TakeCounts gives the counts since it was last called.
func (m *Mapper) TakeCounts() Counts {
	c := m.counts
	m.counts = Counts{}
	return c
}

func (m *Mapper) log(r plog.LogRecord) {
	m.walk(r.Attributes())
	m.ownOfLog(r)
}

// start begins a record, or a part of one.
func (m *Mapper) start() {
	if m.nameBytes > maxNameBytes {
		m.forget()
	}
	if cap(m.candidates) > maxKept {
		m.candidates, m.displaced, m.order, m.labels, m.items = nil, nil, nil, nil, nil
	}
	if cap(m.path) > maxKeptBytes {
		m.path = nil
	}
	m.record++
	m.level = 0
	m.candidates, m.displaced = m.candidates[:0], m.displaced[:0]
	m.seen = seen{}
}

// forget lets go of all names, but for those that are still in use.
func (m *Mapper) forget() {
	clear(m.attributes)
	clear(m.slots)
	m.nameBytes = 0
	m.positions = m.positions[:0]
	m.own.keep(m)
	for _, p := range []*part{&m.resource, &m.scope} {
		p.positions = p.positions[:0]
		for i := range p.candidates {
			c := &p.candidates[i]
			m.slots[c.slot.name] = c.slot
			c.attribute.label = nil
		}
	}
}

func (p *part) forget() {
	clear(p.candidates)
	clear(p.items)
	p.candidates, p.items, p.seen = p.candidates[:0], p.items[:0], seen{}
}

// keep copies what the Mapper has of the part.
func (p *part) keep(m *Mapper) {
	for i := range m.candidates {
		if !m.candidates[i].item.gone {
			p.candidates = append(p.candidates, m.candidates[i])
		}
	}
	p.items = m.appendItems(p.items)
	p.seen = m.seen
}

// join adds a part to the record.
func (m *Mapper) join(p *part) {
	m.seen.merge(&p.seen)
	for i := range p.candidates {
		c := &p.candidates[i]
		if m.isOverruled(c) {
			continue
		}
		if s := c.slot; s.record == m.record {
			if w := &m.candidates[s.at]; c.item.rank >= w.item.rank && (c.item.rank&(levelScope-1) == rankDerived || m.same(&w.item, &c.item)) {
				continue
			}
		}
		m.candidates = append(m.candidates, *c)
		m.contend()
	}
}

// isOverruled reports whether the candidate of a part is derived of a value that the
// record, or the scope, says otherwise.
func (m *Mapper) isOverruled(c *candidate) bool {
	if c.item.rank&(levelScope-1) != rankDerived {
		return false
	}
	from := c.attribute.from
	return from != nil && from.record == m.record && m.candidates[from.at].item.rank < c.item.rank-rankDerived
}

// walk maps the attributes of the current part.
func (m *Mapper) walk(attributes pcommon.Map) {
	i := 0
	for key, value := range attributes.All() {
		var a *attribute
		if i < len(m.positions) {
			a = m.positions[i]
			if a.key != key {
				a = m.attribute(key)
				m.positions[i] = a
			}
		} else {
			a = m.attribute(key)
			if i < maxPositions {
				m.positions = append(m.positions, a)
			}
		}
		i++
		m.add(a, value, 0)
	}
	m.finishWalk()
}

// attribute is what the name stands for.
func (m *Mapper) attribute(key string) *attribute {
	if a := m.attributes[key]; a != nil {
		return a
	}
	return m.newAttribute(key)
}

// attributeAt is attribute for a name that was put together.
func (m *Mapper) attributeAt(key []byte) *attribute {
	if a := m.attributes[string(key)]; a != nil {
		return a
	}
	return m.newAttribute(string(key))
}

func (m *Mapper) newAttribute(key string) *attribute {
	// A name is often a part of a whole line, which is not to be kept for it.
	key = string(append([]byte(nil), key...))
	a := m.resolve(key)
	m.attributes[key] = a
	m.nameBytes += len(key) + slotBytes
	return a
}

// next is a new candidate, the last of all.
func (m *Mapper) next() *candidate {
	if len(m.candidates) == cap(m.candidates) {
		m.candidates = slices.Grow(m.candidates, 32)
	}
	m.candidates = m.candidates[:len(m.candidates)+1]
	c := &m.candidates[len(m.candidates)-1]
	*c = candidate{}
	return c
}

// withdraw takes back what next gave.
func (m *Mapper) withdraw() { m.candidates = m.candidates[:len(m.candidates)-1] }

// want completes the last candidate, and lets it contend for its name.
func (m *Mapper) want(c *candidate, s *slot, a *attribute, rank uint8) {
	c.slot, c.attribute, c.item.rank = s, a, rank+m.level
	m.contend()
}

// contend lets the last candidate contend for its name with whoever has it.
func (m *Mapper) contend() {
	at := len(m.candidates) - 1
	c := &m.candidates[at]
	s := c.slot
	if s.record != m.record {
		s.record, s.at, s.suffix = m.record, at, 1
		return
	}
	winner := &m.candidates[s.at]
	loser := at
	if n := winner.item.isNothing(); n && !c.item.isNothing() || n == c.item.isNothing() && c.item.rank < winner.item.rank {
		loser, s.at = s.at, at
		c, winner = winner, c
	}
	c.item.gone = true
	if c.item.rank&(levelScope-1) == rankDerived || m.same(&winner.item, &c.item) || m.isUpperCase(winner, c) {
		return
	}
	m.displaced = append(m.displaced, loser)
	if !s.label {
		m.counts.Taken++
	}
}
