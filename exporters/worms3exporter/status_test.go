package worms3exporter

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/trouble/troubletest"
)

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
	h := troubletest.NewHost(host{})
	logs := b.startLogs(t, h)
	fail := func(err error) {
		b.engine.mu.Lock()
		b.engine.err = err
		b.engine.mu.Unlock()
		assert.Equal(t, err == nil, logs.ConsumeLogs(t.Context(), oneLog()) == nil)
	}
	fail(archiver.ErrFull)
	require.ErrorIs(t, h.Await(t, componentstatus.StatusRecoverableError).Err(), archiver.ErrFull)
	fail(nil)
	h.Await(t, componentstatus.StatusOK)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	b.engine.err = archiver.ErrFull
	require.Error(t, logs.ConsumeLogs(gone, oneLog()))
	assert.Equal(t, componentstatus.StatusOK, h.Last().Status(), "a caller that has gone says nothing of the spool")
	b.engine.set.Observer.Retry("put an object", errors.New("down"))
	b.engine.set.Observer.Recovered("put an object")
	assert.Equal(t, componentstatus.StatusOK, h.Last().Status(), "what a retry mends is no trouble")
	b.engine.set.Observer.Fatal(archiver.ErrOtherWriter)
	require.ErrorIs(t, h.Await(t, componentstatus.StatusPermanentError).Err(), archiver.ErrOtherWriter)
}
