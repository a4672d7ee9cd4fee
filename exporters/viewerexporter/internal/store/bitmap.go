package store

import "math/bits"

// bitmap is a set of a block's records, by their rows.
type bitmap []uint64

func newBitmap(rows int) bitmap { return make(bitmap, (rows+63)/64) }

func fullBitmap(rows int) bitmap {
	b := newBitmap(rows)
	for i := range b {
		b[i] = ^uint64(0)
	}
	if rows%64 != 0 {
		b[len(b)-1] = 1<<(rows%64) - 1
	}
	return b
}

func (b bitmap) set(row int)      { b[row>>6] |= 1 << (row & 63) }
func (b bitmap) unset(row int)    { b[row>>6] &^= 1 << (row & 63) }
func (b bitmap) has(row int) bool { return b[row>>6]&(1<<(row&63)) != 0 }

func (b bitmap) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

func (b bitmap) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func (b bitmap) and(other bitmap) bitmap {
	out := make(bitmap, len(b))
	for i := range b {
		out[i] = b[i] & other[i]
	}
	return out
}

func (b bitmap) andNot(other bitmap) bitmap {
	out := make(bitmap, len(b))
	for i := range b {
		out[i] = b[i] &^ other[i]
	}
	return out
}

func (b bitmap) or(other bitmap) bitmap {
	out := make(bitmap, len(b))
	for i := range b {
		out[i] = b[i] | other[i]
	}
	return out
}

// rows calls f with each row of the set, in order.
func (b bitmap) rows(f func(row int)) {
	for i, w := range b {
		for w != 0 {
			f(i<<6 + bits.TrailingZeros64(w))
			w &= w - 1
		}
	}
}
