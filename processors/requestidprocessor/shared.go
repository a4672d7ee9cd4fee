package requestidprocessor

import (
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"

	"github.com/heartwood-otel/heartwood/processors/requestidprocessor/internal/requesttable"
)

// shared is what the processors of one id have in common: those of the logs and of the
// traces pipelines, which the Collector makes one by one.
type shared struct {
	table *requesttable.Table
	// waiting and waitingBytes are of all calls that wait.
	waiting, waitingBytes atomic.Int64
	users                 int // guarded by sharing.mu, as is started
	// started are those that can tell its metrics, in the order of Start; the first does.
	started []*requestIDProcessor
	teller  atomic.Pointer[requestIDProcessor]
}

// sharing holds them, by id, for as long as one of them is there.
var sharing = struct {
	mu   sync.Mutex
	byID map[component.ID]*shared
}{byID: make(map[component.ID]*shared)}

func acquire(id component.ID, cfg *Config) *shared {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	s, ok := sharing.byID[id]
	if !ok {
		s = &shared{table: requesttable.New(cfg.MaxRequests, cfg.TTL)}
		sharing.byID[id] = s
	}
	s.users++
	return s
}

// release lets go; the last one takes the table with it.
func (s *shared) release(id component.ID) {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	if s.users--; s.users == 0 && sharing.byID[id] == s {
		delete(sharing.byID, id)
	}
}

// startTelling says that a processor can tell the metrics.
func (s *shared) startTelling(p *requestIDProcessor) {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	s.started = append(s.started, p)
	s.teller.Store(s.started[0])
}

// stopTelling has another one tell the metrics from now on.
func (s *shared) stopTelling(p *requestIDProcessor) {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	s.started = slices.DeleteFunc(s.started, func(one *requestIDProcessor) bool { return one == p })
	var next *requestIDProcessor
	if len(s.started) > 0 {
		next = s.started[0]
	}
	s.teller.Store(next)
}
