package lineframe

import "sync/atomic"

// Budget is a number of bytes that many readers share. The methods of a nil Budget
// grant everything. It may be used by many goroutines.
type Budget struct {
	max  int64
	used atomic.Int64
}

// NewBudget returns a Budget of max bytes.
func NewBudget(maxBytes int64) *Budget { return &Budget{max: maxBytes} }

// Used is the number of bytes taken and not given back.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// Take asks for n bytes and reports whether they were granted.
func (b *Budget) Take(n int) bool {
	if b == nil || n <= 0 {
		return true
	}
	if b.used.Add(int64(n)) > b.max {
		b.used.Add(-int64(n))
		return false
	}
	return true
}

// Give returns n bytes.
func (b *Budget) Give(n int) {
	if b != nil && n > 0 {
		b.used.Add(-int64(n))
	}
}
