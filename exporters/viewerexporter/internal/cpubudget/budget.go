// Package cpubudget bounds the part of the processors' time that some work takes: beside a pipeline,
// what it can do without must not slow it.
package cpubudget

import (
	"runtime"
	"sync"
	"time"
)

// Burst is for how long a part of the processors that was not used is kept for later.
const Burst = 10 * time.Second

// Budget is safe for concurrent use.
type Budget struct {
	share float64
	now   func() time.Time

	// mu guards the following.
	mu   sync.Mutex
	left time.Duration // of processor time; less than none, if the last work took longer
	at   time.Time     // when it was reckoned
}

// New makes a budget of a share of all processors (GOMAXPROCS), more than 0 and up to 1, that has Burst
// saved. now may be nil.
func New(share float64, now func() time.Time) *Budget {
	if now == nil {
		now = time.Now
	}
	b := &Budget{share: share, now: now, at: now()}
	b.left = b.earned(Burst)
	return b
}

func (b *Budget) earned(in time.Duration) time.Duration {
	return time.Duration(float64(in) * b.share * float64(runtime.GOMAXPROCS(0)))
}

// Allows says whether there is time left for some work, however long it will take.
func (b *Budget) Allows() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if in := now.Sub(b.at); in > 0 { // it is a monotonic clock's, but a test's need not be
		b.left = min(b.left+b.earned(in), b.earned(Burst))
	}
	b.at = now
	return b.left > 0
}

// Spend takes processor time off the budget.
func (b *Budget) Spend(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left -= d
}
