package story

import (
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
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
	index map[string]int
	names []attribute
	parts int
}

// attribute is one of the parts' attributes.
type attribute struct {
	name    string
	values  []pcommon.Value // of the parts that have it, in order
	differs bool
}

func newMerger() *merger { return &merger{index: make(map[string]int)} }

func (m *merger) reset() {
	clear(m.index)
	for i := range m.names {
		clear(m.names[i].values)
	}
	m.names = m.names[:0]
}

// read collects.
func (m *merger) read(parts []Part) {
	m.parts = len(parts)
	for i := range parts {
		for name, value := range parts[i].Record.Attributes().All() {
			if isMerged(name) {
				m.note(name, value)
			}
		}
	}
}

func (m *merger) note(name string, value pcommon.Value) {
	i, ok := m.index[name]
	if !ok {
		i = len(m.names)
		m.index[name] = i
		if i < cap(m.names) {
			m.names = m.names[:i+1]
			m.names[i] = attribute{name: name, values: m.names[i].values[:0]}
		} else {
			m.names = append(m.names, attribute{name: name})
		}
	}
	a := &m.names[i]
	if len(a.values) > 0 && !a.differs {
		a.differs = !a.values[0].Equal(value)
	}
	a.values = append(a.values, value)
}

// write puts the merged attributes into the event. With onlyNamed, those that differ
// are put there only where a strategy names them.
func (m *merger) write(to pcommon.Map, set *MergeSettings, onlyNamed bool) {
	to.EnsureCapacity(to.Len() + len(m.names))
	for i := range m.names {
		a := &m.names[i]
		strategy, named := set.Keys[a.name]
		switch {
		case !named && !a.differs:
			a.values[0].CopyTo(to.PutEmpty(a.name))
		case named:
			a.merge(to.PutEmpty(a.name), strategy)
		case !onlyNamed:
			a.merge(to.PutEmpty(a.name), set.Default)
		}
	}
}

// shared says that all parts have the attribute, with one value.
func (m *merger) shared(name string) bool {
	i, ok := m.index[name]
	return ok && !m.names[i].differs && len(m.names[i].values) == m.parts
}

func (a *attribute) merge(to pcommon.Value, how Strategy) {
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
		a.values[0].CopyTo(to)
		return
	}
	switch how {
	case First:
		a.values[0].CopyTo(to)
	case Last:
		a.values[len(a.values)-1].CopyTo(to)
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
