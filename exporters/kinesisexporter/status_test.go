package kinesisexporter

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/heartwood-otel/heartwood/internal/trouble/troubletest"
)

// holdShortly makes what is over over soon.
func holdShortly(t *testing.T) {
	t.Helper()
	was := statusHold
	statusHold = 20 * time.Millisecond
	t.Cleanup(func() { statusHold = was })
}

// TestStatusOfAFullSpool: it is told when a sender is, and that there is room again although
// no sender comes.
func TestStatusOfAFullSpool(t *testing.T) {
	holdShortly(t)
	f := newFake(t)
	var mu sync.Mutex
	down := true
	f.before = func(string, int) (int, string, string) {
		mu.Lock()
		defer mu.Unlock()
		if down {
			return 503, "ServiceUnavailable", "down"
		}
		return 0, "", ""
	}
	b := newBench(t, f, fmt.Sprintf(`{accept_timeout: 50ms, spool: {directory: %q, max_size: 16MiB}}`, t.TempDir()))
	h := troubletest.NewHost(host{})
	require.NoError(t, b.start(t, h))
	t.Cleanup(func() { assert.NoError(t, b.logs.Shutdown(t.Context())) })
	for i := 0; i < 100 && h.Last().Status() == componentstatus.StatusNone; i++ {
		_ = b.logs.ConsumeLogs(t.Context(), newLogs(rec{request: fmt.Sprint("r", i), body: strings.Repeat("x", 500_000)}))
	}
	e := h.Await(t, componentstatus.StatusRecoverableError)
	require.ErrorContains(t, e.Err(), "spool: ")
	require.ErrorContains(t, e.Err(), "the spool is full")
	mu.Lock()
	down = false
	mu.Unlock()
	h.Await(t, componentstatus.StatusOK)
}
