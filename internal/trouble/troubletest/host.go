// Package troubletest has a host for tests of what components say of themselves.
package troubletest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// Host keeps what a component says of itself. It may be shared between goroutines.
type Host struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

// NewHost makes a Host of another one.
func NewHost(host component.Host) *Host { return &Host{Host: host} }

// Report keeps an event.
func (h *Host) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// Last is what was said last, StatusNone before anything was.
func (h *Host) Last() *componentstatus.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return componentstatus.NewEvent(componentstatus.StatusNone)
	}
	return h.events[len(h.events)-1]
}

// Await waits until a status is what was said last.
func (h *Host) Await(t *testing.T, status componentstatus.Status) *componentstatus.Event {
	t.Helper()
	require.Eventually(t, func() bool { return h.Last().Status() == status }, time.Minute, time.Millisecond, "%v", status)
	return h.Last()
}
