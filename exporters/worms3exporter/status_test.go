package worms3exporter

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
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

func oneLog() plog.Logs {
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("x")
	return logs
}

func TestStatus(t *testing.T) {
	holdShortly(t)
	b := newBench(t, "{}").withEngine(t)
	h := &statusHost{Host: host{}}
	logs := b.startLogs(t, h)
	fail := func(err error) {
		b.engine.mu.Lock()
		b.engine.err = err
		b.engine.mu.Unlock()
		assert.Equal(t, err == nil, logs.ConsumeLogs(t.Context(), oneLog()) == nil)
	}
	fail(archiver.ErrFull)
	require.ErrorIs(t, h.await(t, componentstatus.StatusRecoverableError).Err(), archiver.ErrFull)
	fail(nil)
	h.await(t, componentstatus.StatusOK)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	b.engine.err = archiver.ErrFull
	require.Error(t, logs.ConsumeLogs(gone, oneLog()))
	assert.Equal(t, componentstatus.StatusOK, h.last().Status(), "a caller that has gone says nothing of the spool")
	b.engine.set.Observer.Retry("put an object", errors.New("down"))
	b.engine.set.Observer.Recovered("put an object")
	assert.Equal(t, componentstatus.StatusOK, h.last().Status(), "what a retry mends is no trouble")
	b.engine.set.Observer.Fatal(archiver.ErrOtherWriter)
	require.ErrorIs(t, h.await(t, componentstatus.StatusPermanentError).Err(), archiver.ErrOtherWriter)
}
