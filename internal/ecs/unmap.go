package ecs

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/pdataslab"
)

// Unmapper says in OpenTelemetry's names what came in ECS's: from_ecs of the contract. It
// changes what it is given. What does not fit stays the attribute that it was, and what
// says nothing in ECS stays as well. It is for one goroutine at a time.
type Unmapper struct {
	slabs   pdataslab.Builder
	made    pcommon.Map // empty between calls
	entries []entry
	index   map[string]int // of entries, by name, where there are many
	rest    []remainder
	name    []byte            // that is put together
	names   map[string]string // that were put together
	size    int               // bytes of names and texts
	changed bool
	at      [words]int // the first entry of each name of ECS, -1: none
}

// entry is an attribute, or a member of a map that was taken apart.
type entry struct {
	name  string
	value pcommon.Value
	gone  bool
	stays bool // there are two values under the name: to_ecs decides between them
}

// remainder is a member of a map that was taken apart, whose name was taken.
type remainder struct {
	top, path string
	value     pcommon.Value
}

const (
	// fewEntries are looked through faster than they are put in a map.
	fewEntries = 24
	// mostEntries are kept between records, so that one huge record does not hold memory.
	mostEntries = 4096
	// Names that ECS does not know are kept for records to come: so many, of so many bytes.
	maxKeptNames, maxKeptName = 1024, 128
)

// NewUnmapper makes one.
func NewUnmapper() *Unmapper {
	return &Unmapper{slabs: pdataslab.New(), made: pcommon.NewMap(), index: make(map[string]int), names: make(map[string]string)}
}

// Forget ends a batch: records of the next share no memory with those of this one.
func (u *Unmapper) Forget() { u.slabs.Forget() }

// Log changes a record's attributes, and fills its own fields where they are empty.
func (u *Unmapper) Log(r plog.LogRecord) {
	if !u.begin(r.Attributes()) {
		return
	}
	u.log(r)
	u.end(r.Attributes())
}

// Span changes a span's attributes. Those that say what the span says itself are left
// out; its own fields stay what they are.
func (u *Unmapper) Span(s ptrace.Span) {
	if !u.begin(s.Attributes()) {
		return
	}
	u.span(s)
	u.end(s.Attributes())
}

// Attributes changes those of a resource.
func (u *Unmapper) Attributes(m pcommon.Map) {
	if !u.begin(m) {
		return
	}
	u.rename()
	u.end(m)
}

// Scope changes those of a scope. What its name and version say is left out.
func (u *Unmapper) Scope(s pcommon.InstrumentationScope) {
	m := s.Attributes()
	m.RemoveIf(func(name string, v pcommon.Value) bool {
		return name == loggerName && isText(v, s.Name()) || name == scopeVersionLabel && isText(v, s.Version())
	})
	u.Attributes(m)
}

// begin gathers the attributes, and reports whether there is anything to do.
func (u *Unmapper) begin(m pcommon.Map) bool {
	some, parts := false, false
	for name, v := range m.All() {
		if v.Type() == pcommon.ValueTypeMap && takenApart(name) {
			some, parts = true, true
			break
		}
		some = some || speaksECS(name)
	}
	if !some {
		return false
	}
	u.size, u.changed = 0, parts
	for i := range u.at {
		u.at[i] = -1
	}
	for name, v := range m.All() {
		if !parts || v.Type() != pcommon.ValueTypeMap || !takenApart(name) {
			u.add(name, v)
		}
	}
	if parts {
		for name, v := range m.All() {
			if v.Type() == pcommon.ValueTypeMap && takenApart(name) {
				u.name = append(u.name[:0], name...)
				u.takeApart(name, v.Map())
			}
		}
	}
	return true
}

// speaksECS reports whether an attribute of this name may be changed.
func speaksECS(name string) bool {
	return reverse[name] != nil || strings.HasPrefix(name, prefixLabels) || strings.HasPrefix(name, prefixContainerLabels)
}

// takenApart reports whether a map of this name is as good as its members with points.
func takenApart(name string) bool {
	switch name {
	case "labels", "container.labels", "heartwood", "heartwood.line":
		return true
	}
	f := byName[name]
	return objects[name] && (f == nil || f.Type == Object && !f.List)
}

func (u *Unmapper) add(name string, v pcommon.Value) {
	n := len(u.entries)
	u.entries = append(u.entries, entry{name: name, value: v})
	u.size += len(name)
	if v.Type() == pcommon.ValueTypeStr {
		u.size += len(v.Str())
	}
	switch {
	case n == fewEntries:
		for i := range u.entries {
			if !u.entries[i].gone {
				u.note(u.entries[i].name, i)
			}
		}
	case n > fewEntries:
		u.note(name, n)
	}
	if back := reverse[name]; back != nil {
		if first := u.at[back.word]; first >= 0 {
			u.entries[first].stays, u.entries[n].stays = true, true
		} else {
			u.at[back.word] = n
		}
	}
}

// note keeps the first of a name, as Map.Get finds it.
func (u *Unmapper) note(name string, i int) {
	if _, ok := u.index[name]; !ok {
		u.index[name] = i
	}
}

// takeApart adds the members of a map whose name, with those above it, is in u.name. It
// ends, since no object of the schema lies deeper than its longest name has points.
func (u *Unmapper) takeApart(top string, m pcommon.Map) {
	length := len(u.name)
	for key, v := range m.All() {
		u.name = append(append(u.name[:length], '.'), key...)
		if v.Type() == pcommon.ValueTypeMap && takenApart(string(u.name)) { // no allocation
			u.takeApart(top, v.Map())
			continue
		}
		name := u.known()
		switch i := u.find(name); {
		case i < 0:
			u.add(name, v)
		case !equal(u.entries[i].value, v):
			u.entries[i].stays = true
			u.rest = append(u.rest, remainder{top: top, path: name[len(top)+1:], value: v})
		}
	}
	u.name = u.name[:length]
}

// known is u.name as a text, that of the schema or of an earlier record where they have it.
func (u *Unmapper) known() string {
	if f := byName[string(u.name)]; f != nil {
		return f.Name
	}
	if name, ok := u.names[string(u.name)]; ok {
		return name
	}
	name := string(u.name)
	if len(name) <= maxKeptName && len(u.names) < maxKeptNames {
		u.names[name] = name
	}
	return name
}

// find gives the first entry of a name, -1 where there is none.
func (u *Unmapper) find(name string) int {
	if len(u.entries) > fewEntries {
		if i, ok := u.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range u.entries {
		if u.entries[i].name == name && !u.entries[i].gone {
			return i
		}
	}
	return -1
}

// get gives the value under a name.
func (u *Unmapper) get(name string) (pcommon.Value, bool) {
	if i := u.find(name); i >= 0 {
		return u.entries[i].value, true
	}
	return pcommon.Value{}, false
}

func (u *Unmapper) has(name string) bool { return u.find(name) >= 0 }

// word gives the value of a name that is more than renamed, if it is there once.
func (u *Unmapper) word(w word) (pcommon.Value, bool) {
	if i := u.at[w]; i >= 0 && !u.entries[i].gone && !u.entries[i].stays {
		return u.entries[i].value, true
	}
	return pcommon.Value{}, false
}

// drop leaves an entry out: something else says the same.
func (u *Unmapper) drop(w word) { u.leave(u.at[w]) }

func (u *Unmapper) leave(i int) {
	e := &u.entries[i]
	e.gone, u.changed = true, true
	if len(u.entries) > fewEntries && u.index[e.name] == i {
		delete(u.index, e.name)
	}
}

// move gives an entry another name. Where that is taken, the entry stays, but for the
// value that is there already.
func (u *Unmapper) move(i int, name string) bool {
	if j := u.find(name); j >= 0 {
		if j == i || !equal(u.entries[j].value, u.entries[i].value) {
			return false
		}
		u.leave(i)
		return true
	}
	if len(u.entries) > fewEntries {
		u.leave(i)
		u.entries[i].gone = false
		u.index[name] = i
	}
	u.entries[i].name, u.changed = name, true
	return true
}

// put adds an entry of a name that is not there.
func (u *Unmapper) put(name, text string) {
	v := pcommon.NewValueStr(text)
	u.changed = true
	u.add(name, v)
}

// end makes the attributes of what was gathered.
func (u *Unmapper) end(m pcommon.Map) {
	if u.changed {
		u.build(m)
	}
	if cap(u.entries) > mostEntries {
		u.entries, u.rest, u.index = nil, nil, make(map[string]int)
		return
	}
	if len(u.entries) > fewEntries {
		clear(u.index)
	}
	clear(u.entries)
	clear(u.rest)
	u.entries, u.rest = u.entries[:0], u.rest[:0]
}

func (u *Unmapper) build(m pcommon.Map) {
	n := 0
	for i := range u.entries {
		if !u.entries[i].gone {
			n++
		}
	}
	u.slabs.Begin(u.size)
	out := u.slabs.Fill(u.made, n)
	for i := range u.entries {
		if e := &u.entries[i]; !e.gone {
			e.value.MoveTo(out.AppendEmpty(e.name))
		}
	}
	for i := 0; i < len(u.rest); {
		top := u.rest[i].top
		left := u.slabs.MakeMap(out.AppendEmpty(top), 1)
		for ; i < len(u.rest) && u.rest[i].top == top; i++ {
			u.rest[i].value.MoveTo(left.AppendEmpty(u.rest[i].path))
		}
		left.Done()
	}
	out.Done()
	u.made.MoveTo(m)
}
