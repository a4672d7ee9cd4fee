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

// slab gives out parts of an array, and makes another when it is used up. What it writes
// for that is no pointer, which the garbage collector would want to know about.
type slab[T any] struct {
	array []T
	used  int // of the array
	// An array is twice as long as made, but where first is not 0, it is as long as that:
	// then it is about what is needed, and much shorter ones follow. total is the length
	// of all.
	made, first, total int
}

// take gives n elements, zeroed and without spare capacity.
func (s *slab[T]) take(n, limit int) []T {
	if len(s.array)-s.used < n {
		s.grow(n, limit)
	}
	from := s.used
	s.used += n
	return s.array[from:s.used:s.used]
}

// one gives one element.
func (s *slab[T]) one(limit int) *T {
	if s.used == len(s.array) {
		s.grow(minValues, limit)
	}
	part := &s.array[s.used]
	s.used++
	return part
}

func (s *slab[T]) grow(n, limit int) {
	size := max(n, min(2*s.made, limit))
	s.made = size
	if s.first != 0 {
		size = max(n, min(s.first, limit))
		s.made, s.first = size/8, 0
	}
	s.array, s.used = make([]T, size), 0
	s.total += size
}

// restart lets go of the array. What comes will need about as many elements for each
// byte as what has come: before and next are the bytes of both.
func (s *slab[T]) restart(before, next int) {
	taken := s.total - (len(s.array) - s.used)
	first := 0
	if before > 0 {
		first = int((uint64(taken)*uint64(next) + uint64(before) - 1) / uint64(before))
	}
	*s = slab[T]{first: first}
}

// release lets go of the array, and does not forget how much was taken.
func (s *slab[T]) release() {
	s.total -= len(s.array) - s.used
	s.array, s.used = nil, 0
}

const minValues = 4 // at least in a slab

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

// newMap makes slot a map with room for n members.
func (s *slabs) newMap(slot *iface, n int) *[]keyValue {
	m := s.maps.one(maxListSlab)
	m.own = s.pairs.take(n, maxPairSlab)[:0]
	m.values = &m.own
	*slot = iface{typ: mapType, data: unsafe.Pointer(m)}
	return m.values
}

// newSlice makes slot a slice of n empty values.
func (s *slabs) newSlice(slot *iface, n int) *list[iface] {
	l := s.slices.one(maxListSlab)
	l.own = s.values.take(n, maxValueSlab)
	l.values = &l.own
	*slot = iface{typ: sliceType, data: unsafe.Pointer(l)}
	return l
}

// restart lets go of all that points to something.
func (s *slabs) restart(before, next int) {
	s.pairs.restart(before, next)
	s.records.restart(before, next)
	s.strings.restart(before, next)
	s.maps.restart(before, next)
	s.slices.restart(before, next)
	s.values.restart(before, next)
}

// release lets go of all that points to something.
func (s *slabs) release() {
	s.pairs.release()
	s.records.release()
	s.strings.release()
	s.maps.release()
	s.slices.release()
	s.values.release()
}
