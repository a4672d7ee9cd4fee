// Package throttle keeps a warning that may repeat at any rate from filling a log.
package throttle

import (
	"sync"
	"time"
)

// Interval is how often such a warning is logged.
const Interval = 10 * time.Second

// Counter lets one event through in Interval, and counts the others. Its zero value is
// ready, and safe for concurrent use.
type Counter struct {
	mu    sync.Mutex // guards the following
	next  time.Time
	count int64
}

// Add counts n and says whether it is time to log. count is then what has come
// since the last time, n included.
func (t *Counter) Add(n int) (count int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count += int64(n)
	now := time.Now()
	if now.Before(t.next) {
		return 0, false
	}
	count, t.count = t.count, 0
	t.next = now.Add(Interval)
	return count, true
}
