package eventfoldprocessor

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

// statusHost keeps what a component says of itself.
type statusHost struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

func (h *statusHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *statusHost) last() *componentstatus.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return componentstatus.NewEvent(componentstatus.StatusNone)
	}
	return h.events[len(h.events)-1]
}

func (h *statusHost) await(t *testing.T, status componentstatus.Status) *componentstatus.Event {
	t.Helper()
	require.Eventually(t, func() bool { return h.last().Status() == status }, time.Minute, time.Millisecond, "%v", status)
	return h.last()
}

// holdShortly makes what is over over soon.
func holdShortly(t *testing.T) {
	t.Helper()
	was := statusHold
	statusHold = 20 * time.Millisecond
	t.Cleanup(func() { statusHold = was })
}

func TestStatusOfADiskThatRefuses(t *testing.T) {
	holdShortly(t)
	d := &disk{FS: diskfs.OS()}
	b := startOn(t, d, &keeper{}, withJournal(filepath.Join(t.TempDir(), "journal"), ""))
	h := &statusHost{Host: componenttest.NewNopHost()}
	b.watchStatus(h)
	d.set(func() error { return errDisk })
	require.ErrorIs(t, b.ConsumeLogs(t.Context(), logs(rec{request: "a"})), errDisk)
	require.ErrorIs(t, h.await(t, componentstatus.StatusRecoverableError).Err(), errDisk)
	d.set(nil)
	b.consume(t, rec{request: "a"})
	h.await(t, componentstatus.StatusOK)
	b.stop(t)
}

// TestStatusOfEventsThatNobodyTakes: they fill half of max_state.
func TestStatusOfEventsThatNobodyTakes(t *testing.T) {
	holdShortly(t)
	var refuse atomic.Bool
	refuse.Store(true)
	b := start(t, &keeper{before: func(context.Context, int) error {
		if refuse.Load() {
			return errRefused
		}
		return nil
	}}, `{max_state: 1MiB, max_records: 1, accept_timeout: 50ms}`)
	h := &statusHost{Host: componenttest.NewNopHost()}
	b.watchStatus(h)
	for i := 0; i < 1000 && h.last().Status() == componentstatus.StatusNone; i++ {
		_ = b.ConsumeLogs(t.Context(), logs(rec{request: strconv.Itoa(i), body: strings.Repeat("x", 20_000)}))
	}
	require.ErrorContains(t, h.await(t, componentstatus.StatusRecoverableError).Err(), "the next consumer does not take")
	refuse.Store(false)
	h.await(t, componentstatus.StatusOK) // though no sender comes
	b.stop(t)
}
