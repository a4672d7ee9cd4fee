package story

import (
	"iter"
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/pdataslab"
)

// Strategy says what becomes of an attribute whose values differ between parts.
type Strategy uint8

// The strategies. Where one makes no sense for a value, such as a sum of texts, it is
// Unique.
const (
	Unique Strategy = iota // a list of the distinct values, in order
	First
	Last
	Min
	Max
	Sum   // of numbers
	Count // how many parts have it
	List  // of all values, in order
)

// MergeSettings name the strategies.
type MergeSettings struct {
	Default Strategy
	Keys    map[string]Strategy
}

// merger collects the attributes of an event's parts. It is for one goroutine at a
// time.
type merger struct {
	names []attribute
	index map[string]int // of those that are not common, once there are more than maxScanned
	parts int            // read so far
	// whether the parts still have attributes that are shared
	sharedInside bool
	folded       bool             // a part is a folded event
	excepted     bool             // a part has an exception
	origins      distinct[origin] // of the parts, in order

	// out makes what the event is made of; own is for events that bring none.
	out *pdataslab.Builder
	own pdataslab.Builder
}

// attribute is one of the parts' attributes.
type attribute struct {
	name    string
	values  []pcommon.Value // of the parts that have it, in order
	differs bool
	parts   int  // how many have it; fewer than values where one has the name twice
	last    int  // the part that had it last, counted from one
	common  bool // of all parts, and taken out of them
	shared  bool
}

func newMerger() *merger { return &merger{own: pdataslab.New()} }

// reset lets go of the event.
func (m *merger) reset() {
	for i := range m.names {
		clear(m.names[i].values)
		m.names[i].name = ""
	}
	m.names, m.index = m.names[:0], nil
	m.parts, m.sharedInside, m.folded, m.excepted = 0, false, false, false
	clear(m.origins.values)
	m.origins = distinct[origin]{values: m.origins.values[:0]}
	if m.out == &m.own {
		m.own.Forget()
	}
	m.out = nil
}

// read collects the attributes of the parts and those that were taken out of them,
// which no part has.
func (m *merger) read(parts []Part, common pcommon.Map) {
	for name, value := range common.All() {
		a := m.append(name)
		a.values = append(a.values, value)
		a.common = true
	}
	first := len(m.names)
	for i := range parts {
		m.parts++
		cursor := first
		for name, value := range parts[i].Record.Attributes().All() {
			// Parts of one writer have their attributes in one order.
			if cursor < len(m.names) && m.names[cursor].name == name {
				m.noteAt(cursor, value)
				cursor++
			} else if isMerged(name) {
				cursor = m.note(name, value) + 1
			} else if isException(name) {
				m.excepted = true
			}
		}
	}
}

// note gives the attribute's place.
func (m *merger) note(name string, value pcommon.Value) int {
	i := m.find(name)
	if i < 0 {
		i = len(m.names)
		m.append(name)
		if m.index != nil {
			m.index[name] = i
		}
	}
	m.noteAt(i, value)
	return i
}

func (m *merger) noteAt(i int, value pcommon.Value) {
	a := &m.names[i]
	if len(a.values) > 0 && !a.differs {
		a.differs = !identical(a.values[0], value)
	}
	a.values = append(a.values, value)
	if a.last != m.parts {
		a.last = m.parts
		a.parts++
	}
}

// find gives the place of an attribute that is not common, -1 where there is none.
func (m *merger) find(name string) int {
	if m.index == nil && len(m.names) > 2*maxScanned {
		m.index = make(map[string]int, 2*len(m.names))
		for i := range m.names {
			if !m.names[i].common {
				m.index[m.names[i].name] = i
			}
		}
	}
	if m.index != nil {
		if i, ok := m.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range m.names {
		if a := &m.names[i]; a.name == name && !a.common {
			return i
		}
	}
	return -1
}

func (m *merger) append(name string) *attribute {
	i := len(m.names)
	if i < cap(m.names) {
		m.names = m.names[:i+1]
		m.names[i] = attribute{name: name, values: m.names[i].values[:0]}
	} else {
		m.names = append(m.names, attribute{name: name})
	}
	return &m.names[i]
}

// write puts the merged attributes behind those that are in to, whose names are others.
// In a document, those that differ are put there only where a strategy names them.
func (m *merger) write(to *pdataslab.Map, set *Settings) {
	for i := range m.names {
		a := &m.names[i]
		strategy, named := set.Merge.Keys[a.name]
		switch {
		case a.common && set.Style != LogTrace: // whose line may show it
			// Of one value, each strategy that it may have makes this value.
			a.values[0].MoveTo(to.AppendEmpty(a.name))
		case !named && !a.differs:
			m.out.CopyValue(a.values[0], to.AppendEmpty(a.name))
		case named:
			m.merge(a, to.AppendEmpty(a.name), strategy)
		case set.Style != Document:
			m.merge(a, to.AppendEmpty(a.name), set.Merge.Default)
		}
	}
}

// share finds the attributes that all parts have, with one value that write makes the
// event's, too.
func (m *merger) share(set *MergeSettings) {
	for i := range m.names {
		a := &m.names[i]
		how := set.Keys[a.name] // the default is asked about what differs only
		inside := !a.differs && a.parts == m.parts && len(a.values) == m.parts && how != Sum && how != Count && how != List
		a.shared = a.common || inside
		m.sharedInside = m.sharedInside || inside
	}
}

func (m *merger) isShared(name string) bool {
	i := m.find(name)
	return i >= 0 && m.names[i].shared
}

func (m *merger) merge(a *attribute, to pcommon.Value, how Strategy) {
	switch how {
	case Count:
		to.SetInt(int64(len(a.values)))
		return
	case Sum:
		if a.sum(to) {
			return
		}
	case Min, Max:
		if a.extreme(to, how == Max) {
			return
		}
	case List:
		a.list(to)
		return
	}
	if !a.differs {
		m.out.CopyValue(a.values[0], to)
		return
	}
	switch how {
	case First:
		m.out.CopyValue(a.values[0], to)
	case Last:
		m.out.CopyValue(a.values[len(a.values)-1], to)
	default:
		a.unique(to)
	}
}

func (a *attribute) list(to pcommon.Value) {
	if len(a.values) == 1 {
		a.values[0].CopyTo(to)
		return
	}
	list := to.SetEmptySlice()
	list.EnsureCapacity(len(a.values))
	for _, v := range a.values {
		v.CopyTo(list.AppendEmpty())
	}
}

// maxScanned is how many distinct values are looked through one after the other.
const maxScanned = 16

func (a *attribute) unique(to pcommon.Value) {
	list := to.SetEmptySlice()
	var seen map[string]struct{}
	for _, v := range a.values {
		if seen == nil && list.Len() < maxScanned {
			known := false
			for _, have := range list.All() {
				known = known || have.Equal(v)
			}
			if !known {
				v.CopyTo(list.AppendEmpty())
			}
			continue
		}
		if seen == nil {
			seen = make(map[string]struct{}, len(a.values))
			for _, have := range list.All() {
				seen[textOf(have)] = struct{}{}
			}
		}
		text := textOf(v)
		if _, known := seen[text]; !known {
			seen[text] = struct{}{}
			v.CopyTo(list.AppendEmpty())
		}
	}
	if list.Len() == 1 { // equal, if not identical
		a.values[0].CopyTo(to)
	}
}

// identical is stricter than Equal: the order of a map counts, and the sign of a zero.
// What is no number is identical to itself.
func identical(a, b pcommon.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	switch a.Type() {
	case pcommon.ValueTypeDouble:
		return math.Float64bits(a.Double()) == math.Float64bits(b.Double())
	case pcommon.ValueTypeSlice:
		x, y := a.Slice(), b.Slice()
		if x.Len() != y.Len() {
			return false
		}
		for i, v := range x.All() {
			if !identical(v, y.At(i)) {
				return false
			}
		}
		return true
	case pcommon.ValueTypeMap:
		return identicalMaps(a.Map(), b.Map())
	default:
		return a.Equal(b)
	}
}

func identicalMaps(a, b pcommon.Map) bool {
	if a.Len() != b.Len() {
		return false
	}
	nextB, stop := iter.Pull2(b.All())
	defer stop()
	for nameA, valueA := range a.All() {
		nameB, valueB, _ := nextB()
		if nameA != nameB || !identical(valueA, valueB) {
			return false
		}
	}
	return true
}

// textOf tells values of different types apart.
func textOf(v pcommon.Value) string {
	return strconv.Itoa(int(v.Type())) + v.AsString()
}

// sum adds numbers: integers to an integer, where it does not overflow.
func (a *attribute) sum(to pcommon.Value) bool {
	whole, float, onlyInts := int64(0), 0.0, true
	for _, v := range a.values {
		switch v.Type() {
		case pcommon.ValueTypeInt:
			n := v.Int()
			if onlyInts && (n > 0 && whole > math.MaxInt64-n || n < 0 && whole < math.MinInt64-n) {
				onlyInts = false
			}
			whole += n
			float += float64(n)
		case pcommon.ValueTypeDouble:
			onlyInts = false
			float += v.Double()
		default:
			return false
		}
	}
	if onlyInts {
		to.SetInt(whole)
	} else {
		to.SetDouble(float)
	}
	return true
}

// extreme takes the least or greatest of numbers, or of texts.
func (a *attribute) extreme(to pcommon.Value, greatest bool) bool {
	best := a.values[0]
	for _, v := range a.values[1:] {
		less, ok := isLess(v, best)
		if !ok {
			return false
		}
		if more, _ := isLess(best, v); !greatest && less || greatest && more {
			best = v
		}
	}
	best.CopyTo(to)
	return true
}

func isLess(a, b pcommon.Value) (less, ok bool) {
	if a.Type() == pcommon.ValueTypeStr && b.Type() == pcommon.ValueTypeStr {
		return a.Str() < b.Str(), true
	}
	if a.Type() == pcommon.ValueTypeInt && b.Type() == pcommon.ValueTypeInt {
		return a.Int() < b.Int(), true
	}
	x, okX := number(a)
	y, okY := number(b)
	return x < y, okX && okY
}

func number(v pcommon.Value) (float64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return float64(v.Int()), true
	case pcommon.ValueTypeDouble:
		return v.Double(), true
	default:
		return 0, false
	}
}
