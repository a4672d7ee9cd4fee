package sender

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// observed is what an Observer was told.
type observed struct {
	mu        sync.Mutex
	user      int
	count     int
	bytes     int
	entries   int
	refused   map[string]int
	failed    map[string]int
	retried   int
	throttled time.Duration
	reshards  []int
}

func (o *observed) Put(_ string, userRecords, count, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.user += userRecords
	o.count += count
	o.bytes += bytes
	o.entries++
}

func (o *observed) Refused(_, code string, userRecords int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refused == nil {
		o.refused = map[string]int{}
	}
	o.refused[code] += userRecords
}

func (o *observed) Failed(_, code string, _ error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = map[string]int{}
	}
	o.failed[code]++
}

func (o *observed) Retried(_ string, userRecords int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.retried += userRecords
}

func (o *observed) Throttled(_ string, pause time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.throttled += pause
}

func (o *observed) Resharded(open int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reshards = append(o.reshards, open)
}

func (o *observed) failedCode(code string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed[code]
}
