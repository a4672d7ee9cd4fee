package sender

import (
	"math/bits"
	"time"
)

// rec is a record in memory.
type rec struct {
	id     uint64
	hash   hashKey
	buf    []byte // the key, then the data
	keyLen int
	count  int
	at     time.Duration // when it was read, by the Sender's clock
	tried  bool          // it was refused before
	alone  bool          // the call that it was in was refused for good: it goes alone
	key    *keyState     // while it is in a keyed queue
	next   *rec          // of its key
}

func (r *rec) keyBytes() []byte { return r.buf[:r.keyLen] }
func (r *rec) data() []byte     { return r.buf[r.keyLen:] }

// payload is what counts for the stream's limits.
func (r *rec) payload() int { return len(r.buf) }

// memory is what it takes.
func (r *rec) memory() int { return cap(r.buf) + recordOverhead }

const (
	// recordOverhead is what a record takes besides its bytes: rec, its place in a queue,
	// in a call and in the list of what is done, its key's state.
	recordOverhead = 256
	// Buffers of up to maxClass bytes have one of a few sizes and are used again; larger
	// ones are the garbage collector's.
	minClass = 8  // 256 bytes
	maxClass = 16 // 64 KiB
)

// pool keeps records that are not needed any more.
type pool struct {
	free  [maxClass - minClass + 1][]*rec
	bytes int
	limit int
}

func class(size int) int { return max(minClass, bits.Len(uint(max(size, 1)-1))) - minClass }

// memoryFor is what a record of this size will take.
func memoryFor(size int) int {
	if c := class(size); c < maxClass-minClass+1 {
		size = 1 << (c + minClass)
	}
	return size + recordOverhead
}

func (p *pool) take(size int) *rec {
	c := class(size)
	if c >= len(p.free) {
		return &rec{buf: make([]byte, 0, size)}
	}
	if n := len(p.free[c]); n > 0 {
		r := p.free[c][n-1]
		p.free[c] = p.free[c][:n-1]
		p.bytes -= r.memory()
		return r
	}
	return &rec{buf: make([]byte, 0, 1<<(c+minClass))}
}

func (p *pool) give(r *rec) {
	c := class(cap(r.buf))
	if c >= len(p.free) || p.bytes+r.memory() > p.limit {
		return
	}
	*r = rec{buf: r.buf[:0]}
	p.free[c] = append(p.free[c], r)
	p.bytes += r.memory()
}
