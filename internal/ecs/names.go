package ecs

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// rule says what is done with the value of an attribute.
type rule uint8

const (
	ruleUnknown         rule = iota
	ruleField                // its slot's field takes it, if it fits
	ruleCustom               // its slot is no field of ECS, and takes anything
	ruleLabel                // its slot is a label
	ruleAddress              // an IP address, or else the address beside it
	ruleOSType               // a word of OpenTelemetry's for a word of ECS's
	ruleProtocolVersion      // http.version, where the protocol is HTTP
	ruleCategory             // event.dataset, and what follows from it
	ruleSeconds              // nanoseconds in ECS
)

// notice says what else is derived from an attribute.
type notice uint8

const (
	noticeNothing notice = iota
	noticeGRPC
	noticeException
	noticeFoldID
	noticeFoldOutcome
	noticeProtocol
	noticeMethod
	noticeAddress // the first of four, in the order of addresses
)

// Ranks of what wants one field, the best first. A member of a map stands one below a
// name with points. The scope's stand below all of the record's, the resource's below
// these.
const (
	rankFirst      = 0
	rankSame       = 2
	rankEquivalent = 4
	rankOurs       = 6
	rankOursLast   = 8
	rankOwn        = 10
	rankDerived    = 12
	rankDisplaced  = 14

	levelScope    = 16
	levelResource = 32
)

// attribute is what an attribute's name stands for. A Mapper keeps it for the next one
// of this name.
type attribute struct {
	key    string
	slot   *slot // nil for a label or a name that is to be dropped
	label  *slot // made when first needed
	from   *slot // of what is derived: the name of what it is derived of
	rule   rule
	rank   uint8
	notice notice
	apart  bool // a map is taken apart into members

	members []*attribute // of the last map, by position

	// What was last written as text, and the text.
	lastBits uint64
	lastType uint8
	lastText string
}

// slot is a name that one value of a record can have.
type slot struct {
	name    string
	field   *Field
	allowed []string
	order   uint32
	label   bool
	open    bool // names may lie below this one

	record uint64 // the last that has a value here
	at     int    // that value's candidate
	suffix int    // the last that was tried for a label in this record
}

// Orders of what is not in the schema; a custom field inside an object of the schema
// has an odd one between those of the fields beside it.
const (
	orderOwn = uint32(2*len(fields) + 2 + iota)
	orderKept
	orderLabel
)

// special is what the alignment does not say, or says in prose.
type special struct {
	to     string
	rule   rule
	rank   uint8
	notice notice
}

// ours are names that docs/format/ecs.md maps beyond the alignment.
var ours = map[string]special{
	"http.request.method_original": {to: "http.request.method", rule: ruleField, rank: rankFirst},
	"http.request.method":          {to: "http.request.method", rule: ruleField, rank: rankSame, notice: noticeMethod},
	"network.protocol.name":        {to: "network.protocol", rule: ruleField, rank: rankEquivalent, notice: noticeProtocol},
	"network.protocol.version":     {to: "http.version", rule: ruleProtocolVersion, rank: rankEquivalent},
	"os.type":                      {to: "host.os.type", rule: ruleOSType, rank: rankEquivalent},
	"os.name":                      {to: "host.os.name", rule: ruleField, rank: rankOurs},
	"os.version":                   {to: "host.os.version", rule: ruleField, rank: rankOurs},
	"os.description":               {to: "host.os.full", rule: ruleField, rank: rankOurs},
	"exception.type":               {to: "error.type", rule: ruleField, rank: rankOurs, notice: noticeException},
	"exception.message":            {to: "error.message", rule: ruleField, rank: rankEquivalent, notice: noticeException},
	"exception.stacktrace":         {to: "error.stack_trace", rule: ruleField, rank: rankEquivalent, notice: noticeException},
	"code.function.name":           {to: "log.origin.function", rule: ruleField, rank: rankOurs},
	"code.file.path":               {to: "log.origin.file.name", rule: ruleField, rank: rankOurs},
	"code.line.number":             {to: "log.origin.file.line", rule: ruleField, rank: rankOurs},
	"thread.id":                    {to: "process.thread.id", rule: ruleField, rank: rankOurs},
	"thread.name":                  {to: "process.thread.name", rule: ruleField, rank: rankOurs},
	"request.id":                   {to: "http.request.id", rule: ruleField, rank: rankOurs},
	"log.record.uid":               {to: "event.id", rule: ruleField, rank: rankOurs},
	"log.record.original":          {to: "event.original", rule: ruleField, rank: rankOurs},
	"k8s.cluster.name":             {to: "orchestrator.cluster.name", rule: ruleField, rank: rankOurs},
	"k8s.namespace.name":           {to: "orchestrator.namespace", rule: ruleField, rank: rankOurs},
	"deployment.environment":       {to: "service.environment", rule: ruleField, rank: rankOurs},
	"log.category":                 {to: "event.dataset", rule: ruleCategory, rank: rankOurs},
	"fold.duration":                {to: "event.duration", rule: ruleSeconds, rank: rankOurs},
	"http.server.request.duration": {to: "event.duration", rule: ruleSeconds, rank: rankOursLast},
}

// noticed are further names from which something is derived.
var noticed = map[string]notice{
	"rpc.grpc.status_code": noticeGRPC,
	"fold.id":              noticeFoldID,
	"fold.outcome":         noticeFoldOutcome,
}

// The ends of a connection, which have an address, an ip and a domain each.
var ends = [...]string{"client", "server", "source", "destination"}

// Below these, names are free: <prefix><anything>.
const (
	prefixLabels          = "labels."
	prefixOwn             = "heartwood."
	prefixContainerLabels = "container.labels."
	prefixContainerLabel  = "container.label."
	prefixPodLabel        = "k8s.pod.label."
)

var equivalents = indexEquivalents()

func indexEquivalents() map[string]*Field {
	names := make(map[string]*Field)
	for i := range alignments {
		if a := &alignments[i]; a.Relation == Equivalent {
			names[a.Attribute] = a.Field
		}
	}
	return names
}

// resolve finds out what the name stands for.
func (m *Mapper) resolve(key string) *attribute {
	a := &attribute{key: key, notice: noticed[key]}
	a.apart = IsObject(key)
	switch key {
	case "labels", "heartwood", "container.labels", "container.label", "k8s.pod.label":
		a.apart = true
	}
	if s, ok := ours[key]; ok {
		a.slot, a.rule, a.rank, a.notice = m.fieldSlot(Lookup(s.to)), s.rule, s.rank, s.notice
		return a
	}
	if f := Lookup(key); f != nil && key != "labels" && key != "container.labels" {
		a.slot, a.rule, a.rank = m.fieldSlot(f), ruleField, rankSame
		a.apart = a.apart && f.Type == Object && !f.List
		for i, end := range ends {
			if rest, ok := strings.CutPrefix(key, end); ok && rest == ".address" {
				a.notice = noticeAddress + notice(i)
			} else if ok && rest == ".ip" {
				a.rule, a.notice = ruleAddress, noticeAddress+notice(i)
			}
		}
		return a
	}
	if f := equivalents[key]; f != nil {
		a.slot, a.rule, a.rank = m.fieldSlot(f), ruleField, rankEquivalent
		return a
	}
	m.resolvePrefix(a)
	return a
}

func (m *Mapper) resolvePrefix(a *attribute) {
	if name, ok := strings.CutPrefix(a.key, prefixLabels); ok {
		a.slot, a.rule, a.rank = m.labelSlot(name), ruleLabel, rankSame
	} else if name, ok := strings.CutPrefix(a.key, prefixPodLabel); ok {
		a.slot, a.rule, a.rank = m.labelSlot(name), ruleLabel, rankEquivalent
	} else if name, ok := strings.CutPrefix(a.key, prefixContainerLabels); ok {
		a.slot, a.rule, a.rank = m.customSlot(prefixContainerLabels+dedot(name)), ruleLabel, rankSame
	} else if name, ok := strings.CutPrefix(a.key, prefixContainerLabel); ok {
		a.slot, a.rule, a.rank = m.customSlot(prefixContainerLabels+dedot(name)), ruleLabel, rankEquivalent
	} else if strings.HasPrefix(a.key, prefixOwn) && wellFormed(a.key) {
		a.slot, a.rule, a.rank = m.customSlot(valid(a.key)), ruleCustom, rankSame
	} else if above := fieldAbove(a.key); above != nil && isFree(above) && wellFormed(a.key) {
		a.slot, a.rule, a.rank = m.customSlot(valid(a.key)), ruleCustom, rankSame
	} else if m.unknown == Keep && above == nil && !a.apart && wellFormed(a.key) {
		a.slot, a.rule, a.rank = m.customSlot(valid(a.key)), ruleCustom, rankSame
	} else {
		a.rule, a.rank = ruleUnknown, rankOurs
	}
}

// fieldAbove is the field of ECS below which the name would lie.
func fieldAbove(name string) *Field {
	for at := 1; at < len(name) && at <= longestField; at++ {
		if name[at] == '.' {
			// A field with fields below it is an object as well: what ECS does not know
			// there is as unknown as elsewhere.
			if f := Lookup(name[:at]); f != nil && (f.Type != Object || !IsObject(f.Name)) {
				return f
			}
		}
	}
	return nil
}

// longestField is the length of the longest name in the schema, in bytes: a sender may
// write names of any length.
var longestField = func() (longest int) {
	for i := range fields {
		longest = max(longest, len(fields[i].Name))
	}
	return longest
}()

// isFree reports whether ECS leaves to the writer what lies below the field.
func isFree(f *Field) bool {
	return (f.Type == Object || f.Type == Flattened) && !f.List && !IsObject(f.Name)
}

// wellFormed reports whether each part of the name between points has a letter.
func wellFormed(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if strings.TrimSpace(part) == "" {
			return false
		}
	}
	return true
}

// dedot makes a name without points, as ECS's loggers do for labels.
func dedot(name string) string {
	if strings.TrimSpace(name) == "" {
		return "_" // Elasticsearch refuses a document with such a name
	}
	name = valid(name)
	if !strings.ContainsAny(name, `.*\`) {
		return name
	}
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '*' || r == '\\' {
			return '_'
		}
		return r
	}, name)
}

// valid writes U+FFFD for each byte that is not UTF-8, as the writer of documents does:
// two names that are one there are to be one here.
func valid(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return string([]rune(name))
}

// slotNamed gives the slot, and whether it had to be made.
func (m *Mapper) slotNamed(name string) (s *slot, made bool) {
	if s := m.slots[name]; s != nil {
		return s, false
	}
	s = &slot{name: name}
	m.slots[name] = s
	m.nameBytes += len(name) + slotBytes
	return s, true
}

func (m *Mapper) fieldSlot(f *Field) *slot {
	s, made := m.slotNamed(f.Name)
	if made {
		s.field, s.allowed = f, Allowed(f.Name)
		s.order = orderOf(f.Name)
		s.open = f.Type == Object || f.Type == Flattened || f.Type == Nested
	}
	return s
}

func (m *Mapper) customSlot(name string) *slot {
	s, made := m.slotNamed(name)
	if made {
		s.order, s.open = orderOf(name), true
	}
	return s
}

// labelSlot is that of labels.<name>, without points in the name.
func (m *Mapper) labelSlot(name string) *slot { return m.labelSlotOf(prefixLabels + dedot(name)) }

func (m *Mapper) labelSlotOf(name string) *slot {
	s, made := m.slotNamed(name)
	if made {
		s.order, s.label = orderLabel, true
	}
	return s
}

// labelOf is the label that an attribute's value becomes where it can't be more.
func (m *Mapper) labelOf(a *attribute) *slot {
	if a.slot != nil && a.slot.label {
		return a.slot
	}
	if a.label == nil {
		a.label = m.labelSlot(a.key)
	}
	return a.label
}

// orderOf says where a name stands in a document, other than a label's.
func orderOf(name string) uint32 {
	i := sort.Search(len(fields), func(i int) bool { return bySegment(fields[i].Name, name) >= 0 })
	if i < len(fields) && fields[i].Name == name {
		return uint32(2*i + 1)
	}
	first, _, below := strings.Cut(name, ".")
	if below && IsObject(first) {
		return uint32(2 * i)
	}
	if strings.HasPrefix(name, prefixOwn) {
		return orderOwn
	}
	return orderKept
}

// bySegment compares names so that all below one name stand together, right behind it.
func bySegment(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		if a[i] == '.' {
			return -1
		}
		if b[i] == '.' || a[i] > b[i] {
			return 1
		}
		return -1
	}
	return len(a) - len(b)
}
