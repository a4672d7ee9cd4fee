package foldtable

import "math/bits"

const (
	// minBuffer and maxBuffer, in bytes, are the least that is given out and the most
	// that is kept to be used again.
	minBuffer = 128
	maxBuffer = 64 << 10
	// maxKept is how many bytes a table keeps: what some hundred events take, as many as
	// come and go in a burst.
	maxKept = 2 << 20

	// There are eight classes from one power of two to the next: a buffer is at most an
	// eighth larger than what is asked for.
	classBits = 3
	// maxRounding is by how many classes the allocator rounds up at most (3584 bytes to
	// 4096): a buffer comes back as one of the class that it has become.
	maxRounding = 2
)

// buffers gives out memory for events' data and takes it back, so that the garbage
// collector does not see events come and go. A class has buffers of at least its size.
type buffers struct {
	free [(16-7)<<classBits + 1][][]byte // up to maxBuffer
	kept int
}

// classAtLeast is the least class of n bytes, and its size.
func classAtLeast(n int) (class, size int) {
	if n <= minBuffer {
		return 0, minBuffer
	}
	exponent := bits.Len(uint(n-1)) - 1
	part := (n-1)>>(exponent-classBits)&(1<<classBits-1) + 1
	return (exponent-7)<<classBits + part, (1<<classBits + part) << (exponent - classBits)
}

// classWithin is the greatest class whose size a buffer of n bytes has.
func classWithin(n int) int {
	exponent := bits.Len(uint(n)) - 1
	return (exponent-7)<<classBits + n>>(exponent-classBits)&(1<<classBits-1)
}

// take gives an empty buffer with room for n bytes.
func (b *buffers) take(n int) []byte {
	if n > maxBuffer {
		return make([]byte, 0, n)
	}
	class, size := classAtLeast(n)
	for c := class; c <= class+maxRounding && c < len(b.free); c++ {
		if free := b.free[c]; len(free) > 0 {
			last := len(free) - 1
			buffer := free[last]
			free[last] = nil
			b.free[c] = free[:last]
			b.kept -= cap(buffer)
			return buffer[:0]
		}
	}
	// append rounds up to what the allocator gives anyway.
	return append([]byte(nil), make([]byte, size)...)[:0]
}

// give takes back what nobody uses any more.
func (b *buffers) give(buffer []byte) {
	if cap(buffer) < minBuffer || cap(buffer) > maxBuffer || b.kept+cap(buffer) > maxKept {
		return
	}
	class := classWithin(cap(buffer))
	b.free[class] = append(b.free[class], buffer)
	b.kept += cap(buffer)
}

// withRoom makes room for n more bytes; the buffer given is given back where it is too
// small. It leaves less to spare than append does: an eighth keeps the copying down and
// a million events small.
func (b *buffers) withRoom(data []byte, n int) []byte {
	need := len(data) + n
	if need <= cap(data) {
		return data
	}
	if len(data) > 0 {
		need += need / 8
	}
	grown := append(b.take(need), data...)
	b.give(data)
	return grown
}
