package flatdocument

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// shape is the names of an item's attributes, in their order, as they stand in documents with
// such a front. Of most items all names are those of one before: they are compared and written
// in one pass, without asking of each whether it is one of those before it.
type shape struct {
	front *nameSet
	names []shapeName
	// trust says whether it is kept when an item has other names.
	trust int
	// apart says that the resource's attributes of which f.written was this have other names.
	apart   bool
	written uint64
}

// shapeName is a name with the comma before it and the colon. It is copied as a whole, which
// takes less time than a part of it.
type shapeName struct {
	size uint8
	text [maxKnownName + 12]byte
}

const (
	// shapeCount is how many shapes there are, each for another count of attributes modulo it.
	shapeCount = 8
	// startTrust is how many items of other names more than of its own replace a shape.
	startTrust, maxTrust = 2, 16
)

func (n *shapeName) name() []byte { return n.text[2 : n.size-2] }

// fits says that an item of so many attributes may have these names, and nothing of the
// resource is to be left out for it.
func (s *shape) fits(f *Flat, count int, front *nameSet) bool {
	if len(s.names) != count || s.front != front || count == 0 {
		s.trust--
		return false
	}
	if s.written != f.written {
		s.written, s.apart = f.written, s.isApart(f.members)
	}
	return s.apart
}

func (s *shape) isApart(members []member) bool {
	for i := range members {
		for j := range s.names {
			if string(s.names[j].name()) == members[i].name.text {
				return false
			}
		}
	}
	return true
}

// attributes writes an item's attributes behind its resource's. It says no when the item has
// another name than these; what it has written by then is to be taken away.
func (s *shape) attributes(o *object, item pcommon.Map, resource []byte) bool {
	dst := appendMembers(o.dst, o.start, resource)
	first := len(dst) == o.start+1
	i := 0
	for name, v := range item.All() {
		n := &s.names[i]
		if string(n.name()) != name {
			o.dst = dst
			s.trust--
			return false
		}
		at := len(dst)
		dst = slices.Grow(dst, len(n.text))
		*(*[len(n.text)]byte)(dst[at : at+len(n.text)]) = n.text
		dst = appendValue(dst[:at+int(n.size)], v)
		i++
	}
	if first { // the comma
		dst = append(dst[:o.start+1], dst[o.start+2:]...)
	}
	o.dst = dst
	s.trust = min(s.trust+1, maxTrust)
	return true
}

// learn takes the names in f.names, unless it is to be kept.
func (s *shape) learn(f *Flat, front *nameSet) {
	if s.trust > 0 {
		return
	}
	s.trust, s.names = 0, s.names[:0]
	for i := range f.names {
		n := &f.names[i]
		if !n.plain || n.again || len(n.text) > maxKnownName {
			s.names = s.names[:0]
			return
		}
		var name shapeName
		name.size = uint8(len(n.text) + 4)
		text := append(name.text[:0], ',', '"')
		text = append(text, n.text...)
		_ = append(text, '"', ':')
		s.names = append(s.names, name)
	}
	s.front, s.trust, s.written = front, startTrust, 0
}
