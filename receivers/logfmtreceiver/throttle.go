package logfmtreceiver

import (
	"sync"
	"time"
)

// logEvery is how often a warning that may repeat at any rate is logged.
const logEvery = 10 * time.Second

// throttle lets one event through in logEvery, and counts the others.
type throttle struct {
	mu    sync.Mutex // guards the following
	next  time.Time
	count int64
}

// add counts n and says whether it is time to log. count is then what has come
// since the last time, n included.
func (t *throttle) add(n int) (count int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count += int64(n)
	now := time.Now()
	if now.Before(t.next) {
		return 0, false
	}
	count, t.count = t.count, 0
	t.next = now.Add(logEvery)
	return count, true
}
