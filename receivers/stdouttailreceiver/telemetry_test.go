package stdouttailreceiver

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/metadatatest"
)

// startCounted starts a receiver whose own metrics can be looked at.
func startCounted(t *testing.T, config string, next *keeper) (r *stdoutTailReceiver, sum func(name string) int64) {
	t.Helper()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	r, err := newReceiver(metadatatest.NewSettings(tel), parseConfig(t, config), next)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), newHost()))
	t.Cleanup(func() { _ = r.Shutdown(context.Background()) })
	return r, func(name string) (n int64) {
		m, err := tel.GetMetric("otelcol_receiver_stdout_tail_" + name)
		if err != nil {
			return 0 // nothing was added yet
		}
		data, ok := m.Data.(metricdata.Sum[int64])
		require.True(t, ok, name)
		for _, p := range data.DataPoints {
			n += p.Value
		}
		return n
	}
}

func TestLinesAreCounted(t *testing.T) {
	in := pretendStdin(t)
	next := &keeper{}
	_, sum := startCounted(t, `{stdin: {on_eof: keep}}`, next)
	const text = "2026-11-21 08:15:30,123 ERROR a.b c\n  more\n  more\n{\"msg\":\"x\"}\n"
	_, _ = fmt.Fprint(in, text)
	next.wait(t, 2)
	require.Eventually(t, func() bool { return sum("lines_joined") == 2 }, patience, time.Millisecond)
	assert.Equal(t, int64(4), sum("lines_read"))
	assert.Equal(t, int64(len(text)), sum("bytes_read"))
	assert.Equal(t, int64(2), sum("records_received"))
	assert.Equal(t, int64(2), sum("records_accepted"))
}

// TestWhatIsDroppedWasReceived: received = accepted + dropped.
func TestWhatIsDroppedWasReceived(t *testing.T) {
	in := pretendStdin(t)
	var open atomic.Bool
	next := &keeper{before: func(context.Context, int, plog.Logs) error {
		if !open.Load() {
			return errRefused
		}
		return nil
	}}
	r, sum := startCounted(t, `{stdin: {on_full: drop_newest, max_buffer_size: 256KiB, on_eof: keep}}`, next)
	for i := range 20_000 {
		_, _ = fmt.Fprintf(in, "{\"msg\":\"line\",\"n\":%d,\"pad\":\"%s\"}\n", i, strings.Repeat("x", 50))
	}
	open.Store(true)
	require.NoError(t, in.Close())
	require.Eventually(t, func() bool { return sum("records_dropped") > 0 }, patience, time.Millisecond)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Equal(t, sum("records_received"), sum("records_accepted")+sum("records_dropped"))
	assert.Positive(t, sum("retries"))
}
