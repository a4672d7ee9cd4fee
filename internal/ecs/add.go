package ecs

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Of a map that becomes labels; a larger one is JSON text. Each of the labels has the
// names above it in its own, so that long ones would be written many times.
const (
	maxLeaves     = 128
	maxLevels     = 16
	maxLabelBytes = 64 << 10 // of all their names
)

// add maps one attribute; below is 1 for a member of a map.
func (m *Mapper) add(a *attribute, v pcommon.Value, below uint8) {
	isMap := v.Type() == pcommon.ValueTypeMap
	if a.apart && isMap {
		m.takeApart(a, v.Map())
		return
	}
	rank := a.rank + below
	switch a.rule {
	case ruleField:
		c := m.next()
		if !m.fit(&c.item, a, a.slot, v) {
			m.withdraw()
			m.misfit(a, v)
			return
		}
		c.keep(v)
		if a.notice != noticeNothing {
			m.noticeField(a, &c.item)
		}
		m.want(c, a.slot, a, rank)
	case ruleCustom:
		if a.notice != noticeNothing {
			m.noticeUnknown(a, v)
		}
		c := m.next()
		m.natural(&c.item, v)
		c.keep(v)
		m.want(c, a.slot, a, rank)
	case ruleLabel:
		m.addLabel(a, a.slot, v, rank)
	case ruleUnknown:
		m.addUnknown(a, v, rank)
	default:
		m.addSpecial(a, v, rank, below)
	}
}

func (m *Mapper) addUnknown(a *attribute, v pcommon.Value, rank uint8) {
	if a.notice != noticeNothing {
		m.noticeUnknown(a, v)
	}
	if m.unknown == Drop {
		m.counts.Dropped++
		return
	}
	m.counts.Unknown++
	m.addLabel(a, m.labelOf(a), v, rank)
}

// misfit makes a label of what its field does not take.
func (m *Mapper) misfit(a *attribute, v pcommon.Value) {
	m.counts.Type++
	m.addLabel(a, m.labelOf(a), v, rankOurs)
}

func (m *Mapper) addSpecial(a *attribute, v pcommon.Value, rank, below uint8) {
	if v.Type() == pcommon.ValueTypeSlice && v.Slice().Len() == 1 && isFlat(v.Slice()) {
		v = v.Slice().At(0) // none of these is a list
	}
	if v.Type() == pcommon.ValueTypeEmpty && a.rule != ruleProtocolVersion {
		c := m.next()
		m.natural(&c.item, v)
		c.keep(v)
		m.want(c, a.slot, a, rank)
		return
	}
	switch a.rule {
	case ruleAddress:
		m.addIP(a, v, rank, below)
	case ruleOSType:
		m.addOSType(a, v, rank)
	case ruleProtocolVersion:
		if m.seen.version != nil {
			m.addUnknown(a, v, rankOurs)
			return
		}
		m.seen.version, m.seen.versionValue, m.seen.versionBelow = a, v, below
	case ruleCategory:
		c := m.next()
		if v.Type() != pcommon.ValueTypeStr || !m.fit(&c.item, a, a.slot, v) {
			m.withdraw()
			m.misfit(a, v)
			return
		}
		c.keep(v)
		m.seen.category = v.Str()
		m.want(c, a.slot, a, rank)
	case ruleSeconds:
		c := m.next()
		nanos, ok := nanoseconds(v)
		if !ok {
			m.withdraw()
			m.misfit(a, v)
			return
		}
		c.item.kind, c.item.bits = KindInt, uint64(nanos)
		c.keep(v)
		m.want(c, a.slot, a, rank)
	}
}

// addIP maps client.ip and its like: what is no address of IP is an address of another
// kind.
func (m *Mapper) addIP(a *attribute, v pcommon.Value, rank, below uint8) {
	c := m.next()
	if m.fit(&c.item, a, a.slot, v) {
		c.keep(v)
		m.want(c, a.slot, a, rank)
		return
	}
	end := own(a.notice - noticeAddress)
	address := m.own[ownAddress+end].slot
	if v.Type() != pcommon.ValueTypeStr || !m.fit(&c.item, a, address, v) {
		m.withdraw()
		m.misfit(a, v)
		return
	}
	c.keep(v)
	m.seen.addresses |= 1 << end
	m.want(c, address, a, rankEquivalent+below)
}

// unixes are OpenTelemetry's words for what is unix to ECS.
var unixes = map[string]bool{
	"aix": true, "dragonflybsd": true, "freebsd": true, "hpux": true, "netbsd": true, "openbsd": true, "solaris": true,
}

func (m *Mapper) addOSType(a *attribute, v pcommon.Value, rank uint8) {
	c := m.next()
	word := v.Str()
	switch {
	case word == "linux" || word == "macos" || word == "windows" || word == "ios" || word == "android" || word == "unix":
		c.item.text = word
	case word == "darwin":
		c.item.text = "macos"
	case unixes[word]:
		c.item.text = "unix"
	default:
		m.withdraw()
		m.misfit(a, v)
		return
	}
	c.item.kind, c.item.list = KindText, false
	c.keep(v)
	m.want(c, a.slot, a, rank)
	if unixes[word] {
		m.addLabel(a, m.labelOf(a), v, rankOurs)
	}
}

// takeApart maps the members of a map as if they were written with points.
func (m *Mapper) takeApart(a *attribute, members pcommon.Map) {
	i := 0
	for name, value := range members.All() {
		var b *attribute
		if i < len(a.members) && len(a.members[i].key) == len(a.key)+1+len(name) && a.members[i].key[len(a.key)+1:] == name {
			b = a.members[i]
		} else {
			m.path = append(append(append(m.path[:0], a.key...), '.'), name...)
			b = m.attributeAt(m.path)
			if i < len(a.members) {
				a.members[i] = b
			} else if i < maxPositions {
				a.members = append(a.members, b)
			}
		}
		i++
		m.add(b, value, 1)
	}
}

// addLabel adds a value under the slot of a label, a map under those of its leaves.
func (m *Mapper) addLabel(a *attribute, s *slot, v pcommon.Value, rank uint8) {
	c := m.next()
	if v.Type() != pcommon.ValueTypeMap {
		m.scalar(&c.item, v)
		c.keep(v)
		m.want(c, s, a, rank)
		return
	}
	if n, size := leaves(v, maxLevels, len(a.key)); n == 0 || n > maxLeaves || size > maxLabelBytes {
		c.item.kind, c.item.text = KindText, m.jsonText(v)
		c.keep(v)
		m.want(c, s, a, rank)
		return
	}
	m.withdraw()
	m.path = append(m.path[:0], a.key...)
	m.addLeaves(s, v.Map(), rank)
}

// addLeaves adds what is in the map, whose name is in m.path. The labels' names begin
// with that of s.
func (m *Mapper) addLeaves(s *slot, members pcommon.Map, rank uint8) {
	above := len(m.path)
	for name, value := range members.All() {
		m.path = append(append(m.path[:above], '.'), name...)
		if value.Type() == pcommon.ValueTypeMap && value.Map().Len() > 0 {
			m.addLeaves(s, value.Map(), rank)
			continue
		}
		a := m.attributeAt(m.path)
		to := m.labelOf(a)
		if !s.label && a.rule == ruleLabel {
			to = a.slot // of container.labels
		}
		c := m.next()
		m.scalar(&c.item, value)
		c.keep(value)
		m.want(c, to, a, rank)
	}
	m.path = m.path[:above]
}

// leaves counts those of a map whose name is above bytes long, and the bytes of their
// names, up to a little more than maxLeaves and maxLabelBytes; too many levels count as
// too many leaves.
func leaves(v pcommon.Value, levels, above int) (n, size int) {
	if levels == 0 {
		return maxLeaves + 1, 0
	}
	for name, member := range v.Map().All() {
		length := above + 1 + len(name)
		if member.Type() == pcommon.ValueTypeMap && member.Map().Len() > 0 {
			more, bytes := leaves(member, levels-1, length)
			n, size = n+more, size+bytes
		} else {
			n, size = n+1, size+length
		}
		if n > maxLeaves || size > maxLabelBytes {
			break
		}
	}
	return n, size
}
