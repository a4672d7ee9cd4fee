package pdataslab

import "unsafe"

// Sizes of slabs, in elements. They begin small, for the batch of one record, and
// double. A record that is kept keeps the slabs it has a part in, and through them
// the lines of its neighbours: some 60 of them at these sizes. Larger ones bring
// little.
const (
	maxPairSlab   = 204 // 8 KiB
	maxRecordSlab = 16  // 2 KiB
	maxStringSlab = 128 // 2 KiB
	maxWordSlab   = 64  // 512 bytes
	maxBoolSlab   = 64
	maxListSlab   = 32  // 1 KiB
	maxValueSlab  = 128 // 2 KiB

	// maxSharedSize is how many bytes a record is made of, beyond which it has
	// slabs of its own, so that no neighbour can hold on to much.
	maxSharedSize = 4 << 10
)

// slab gives out parts of an array, and makes another when it is used up.
type slab[T any] struct {
	free []T
	made int // the length of the array
}

// take gives n elements, zeroed and without spare capacity.
func (s *slab[T]) take(n, limit int) []T {
	if len(s.free) < n {
		s.made = max(n, min(2*s.made, limit))
		s.free = make([]T, s.made)
	}
	part := s.free[:n:n]
	s.free = s.free[n:]
	return part
}

// one gives one element.
func (s *slab[T]) one(limit int) *T {
	if len(s.free) == 0 {
		s.made = max(minValues, min(2*s.made, limit))
		s.free = make([]T, s.made)
	}
	part := &s.free[0]
	s.free = s.free[1:]
	return part
}

const minValues = 4 // in the first slab of a batch

type slabs struct {
	pairs   slab[keyValue]
	records slab[logRecord]
	strings slab[string]
	words   slab[uint64]
	bools   slab[bool]
	maps    slab[list[keyValue]]
	slices  slab[list[iface]]
	values  slab[iface]
}

func (s *slabs) newString(v string) unsafe.Pointer {
	p := s.strings.one(maxStringSlab)
	*p = v
	return unsafe.Pointer(p)
}

func (s *slabs) newWord(bits uint64) unsafe.Pointer {
	p := s.words.one(maxWordSlab)
	*p = bits
	return unsafe.Pointer(p)
}

func (s *slabs) newBool(v bool) unsafe.Pointer {
	p := s.bools.one(maxBoolSlab)
	*p = v
	return unsafe.Pointer(p)
}

// newMap makes slot, which is empty, a map with room for n members.
func (s *slabs) newMap(slot *iface, n int) *[]keyValue {
	m := s.maps.one(maxListSlab)
	m.own = s.pairs.take(n, maxPairSlab)[:0]
	m.values = &m.own
	*slot = iface{typ: mapType, data: unsafe.Pointer(m)}
	return m.values
}

// newSlice makes slot, which is empty, a slice with room for n values.
func (s *slabs) newSlice(slot *iface, n int) {
	l := s.slices.one(maxListSlab)
	l.own = s.values.take(n, maxValueSlab)[:0]
	l.values = &l.own
	*slot = iface{typ: sliceType, data: unsafe.Pointer(l)}
}
