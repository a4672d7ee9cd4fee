package logrecord

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

// flagTaken marks a pair that fills a target, and is no part of what it is in.
// flagFlat marks an object whose members are attributes.
const (
	flagTaken linepair.Flags = 1 << 7
	flagFlat  linepair.Flags = 1 << 6
)

// setJSON sets the body and the attributes of a JSON line.
func (b *Batch) setJSON(r plog.LogRecord, o *Origin, line string) {
	if b.rec.event != "" {
		r.SetEventName(b.rec.event)
	}
	b.out.Expect(r, b.attributesJSON())
	for _, h := range b.hits {
		if b.best[h.use].pair != h.pair+1 {
			continue
		}
		p, t := &b.pairs[h.pair], &b.f.targets[h.use]
		if p.Flags&flagTaken != 0 || b.best[h.use].kept || t.kind == kindTimestamp && b.rec.time.Inexact {
			continue
		}
		p.Flags |= flagTaken
		if t.kind == kindBody && p.Kind >= linepair.Object {
			b.setJSONValue(r.Body(), int(h.pair))
		} else {
			b.putJSONChosen(t, int(h.pair))
		}
	}
	if b.rec.hasBody {
		b.out.SetString(r.Body(), b.rec.body)
	}
	if b.json.style&styleCaddy != 0 {
		b.putAccess()
	}
	for i := 0; i < len(b.pairs); i += 1 + b.pairs[i].Size() {
		if b.left(i) {
			b.putJSON(b.own(keep(&b.pairs[i], b.pairs[i].Key)), i)
		}
	}
	b.noteNames()
	for _, at := range b.json.flat {
		b.putFlat(int(at))
	}
	b.json.taken = nil
	b.putExtras(o, line)
	b.out.Done()
}

// left reports whether something of the pair at i is to be written where it stands:
// what is empty in the line is.
func (b *Batch) left(i int) bool {
	p := &b.pairs[i]
	if p.Flags&(flagTaken|flagFlat) != 0 {
		return false
	}
	if p.Kind != linepair.Object || p.Size() == 0 {
		return true
	}
	end := i + 1 + p.Size()
	for i++; i < end; i += 1 + b.pairs[i].Size() {
		if b.left(i) {
			return true
		}
	}
	return false
}

// putJSONChosen sets what the pair that fills a target is besides a field.
func (b *Batch) putJSONChosen(t *target, i int) {
	p := &b.pairs[i]
	switch t.kind {
	case kindFile:
		at := b.json.file
		if at.path == "" || b.hasKey(attrLineNumber) || b.hasKey(attrColumnNumber) || b.best[b.f.line].made() {
			b.out.AppendString(b.own(t.name), keep(p, p.Value))
			return
		}
		b.out.AppendString(b.own(t.name), keep(p, at.path))
		b.out.AppendInt(b.own(attrLineNumber), at.line)
		if at.column != 0 {
			b.out.AppendInt(b.own(attrColumnNumber), at.column)
		}
	case kindLine:
		n, _ := lineNumber(p)
		b.out.AppendInt(b.own(t.name), n)
	case kindStack:
		b.out.AppendString(b.own(t.name), b.json.stack)
	case kindRename:
		b.putJSON(b.own(t.name), i)
	default:
		b.putChosen(t, p)
	}
}

// putJSON sets an attribute to what the pair at i holds.
func (b *Batch) putJSON(name string, i int) {
	p := &b.pairs[i]
	switch p.Kind {
	case linepair.String:
		b.out.AppendString(name, keep(p, p.Value))
	case linepair.Int:
		b.out.AppendInt(name, p.Int())
	case linepair.Float:
		b.out.AppendDouble(name, p.Float())
	case linepair.Bool:
		b.out.AppendBool(name, p.Bool())
	default:
		b.setJSONValue(b.out.AppendEmpty(name), i)
	}
}

// setJSONValue makes v, which is empty, what is left of the pair at i. null is
// empty.
func (b *Batch) setJSONValue(v pcommon.Value, i int) {
	p := &b.pairs[i]
	end := i + 1 + p.Size()
	switch p.Kind {
	case linepair.String:
		b.out.SetString(v, keep(p, p.Value))
	case linepair.Int:
		b.out.SetInt(v, p.Int())
	case linepair.Float:
		b.out.SetDouble(v, p.Float())
	case linepair.Bool:
		b.out.SetBool(v, p.Bool())
	case linepair.Object:
		m := b.out.MakeMap(v, members(b.pairs, i))
		for i++; i < end; i += 1 + b.pairs[i].Size() {
			if b.left(i) {
				b.setJSONValue(m.AppendEmpty(keep(&b.pairs[i], b.pairs[i].Key)), i)
			}
		}
		m.Done()
	case linepair.Array:
		s := b.out.MakeSlice(v, members(b.pairs, i))
		for i++; i < end; i += 1 + b.pairs[i].Size() {
			b.setJSONValue(s.Next(), i)
		}
	}
}

// putFlat makes the members of the object at i attributes. One whose name another
// attribute has is put under the object's key and its own.
func (b *Batch) putFlat(at int) {
	end := at + 1 + b.pairs[at].Size()
	for i := at + 1; i < end; i += 1 + b.pairs[i].Size() {
		if !b.left(i) {
			continue
		}
		name := keep(&b.pairs[i], b.pairs[i].Key)
		if b.nameTaken(name, i) {
			name = b.pairs[at].Key + "." + name
			if name[0] == '.' {
				name = displacedPrefix + name[1:]
			}
			for b.nameTaken(name, len(b.pairs)) {
				name = displacedPrefix + name
			}
			b.json.names = append(b.json.names, name)
		}
		b.putJSON(b.own(name), i)
	}
}

// nameTaken reports whether another attribute than that of the pair at i has this
// name, or may have it: a member of the line, of a flattened object before i, or a
// target's.
func (b *Batch) nameTaken(name string, i int) bool {
	if b.json.taken != nil {
		if at, ok := b.json.taken[name]; ok && at < i {
			return true
		}
	} else if b.memberHas(name, i) {
		return true
	}
	switch name {
	case attrFilePath, attrLineNumber, attrColumnNumber:
		return true
	}
	if u := b.f.keys.find(name); u >= 0 && b.f.keys.uses[u].own && b.best[b.f.keys.uses[u].target].made() {
		return true
	}
	return slices.Contains(b.json.names, name)
}

// memberHas reports whether a member of the line has this name, or one of a flattened
// object before the pair at i.
func (b *Batch) memberHas(name string, i int) bool {
	for k := 0; k < len(b.pairs); k += 1 + b.pairs[k].Size() {
		if b.pairs[k].Key == name {
			return true
		}
	}
	for _, at := range b.json.flat {
		end := min(int(at)+1+b.pairs[at].Size(), i)
		for k := int(at) + 1; k < end; k += 1 + b.pairs[k].Size() {
			if b.pairs[k].Key == name {
				return true
			}
		}
	}
	return false
}

// maxSearched is how many members of a line are searched for a name rather than noted
// in a map.
const maxSearched = 64

// noteNames fills the map of names, where there are many of them.
func (b *Batch) noteNames() {
	j := b.json
	j.taken = nil
	if len(j.flat) == 0 || j.members <= maxSearched {
		return
	}
	j.taken = make(map[string]int, j.members)
	for k := 0; k < len(b.pairs); k += 1 + b.pairs[k].Size() {
		j.taken[b.pairs[k].Key] = -1
	}
	for _, at := range j.flat {
		end := int(at) + 1 + b.pairs[at].Size()
		for k := int(at) + 1; k < end; k += 1 + b.pairs[k].Size() {
			if first, ok := j.taken[b.pairs[k].Key]; !ok || k < first {
				j.taken[b.pairs[k].Key] = k
			}
		}
	}
}
