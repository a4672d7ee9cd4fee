package eventfoldprocessor

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
	"github.com/heartwood-otel/heartwood/internal/trouble/troubletest"
)

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
	h := troubletest.NewHost(componenttest.NewNopHost())
	b.watchStatus(h)
	d.set(func() error { return errDisk })
	require.ErrorIs(t, b.ConsumeLogs(t.Context(), logs(rec{request: "a"})), errDisk)
	require.ErrorIs(t, h.Await(t, componentstatus.StatusRecoverableError).Err(), errDisk)
	d.set(nil)
	b.consume(t, rec{request: "a"})
	h.Await(t, componentstatus.StatusOK)
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
	h := troubletest.NewHost(componenttest.NewNopHost())
	b.watchStatus(h)
	for i := 0; i < 1000 && h.Last().Status() == componentstatus.StatusNone; i++ {
		_ = b.ConsumeLogs(t.Context(), logs(rec{request: strconv.Itoa(i), body: strings.Repeat("x", 20_000)}))
	}
	require.ErrorContains(t, h.Await(t, componentstatus.StatusRecoverableError).Err(), "the next consumer does not take")
	refuse.Store(false)
	h.Await(t, componentstatus.StatusOK) // though no sender comes
	b.stop(t)
}
