package requestidprocessor

import (
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
	users                 int
	observed              bool // its metrics are registered
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

// observeOnce says whether the caller is the one to register the metrics.
func (s *shared) observeOnce() bool {
	sharing.mu.Lock()
	defer sharing.mu.Unlock()
	first := !s.observed
	s.observed = true
	return first
}
