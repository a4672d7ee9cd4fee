//go:build unix

package stdouttailreceiver

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/metadatatest"
)

// TestShutdownCountsWhatItDrops: what a pipe brought is accepted or counted as
// dropped, whether the next consumer refuses or waits until its context ends.
func TestShutdownCountsWhatItDrops(t *testing.T) {
	for name, refuse := range refusals {
		t.Run(name, func(t *testing.T) {
			in := pretendStdin(t)
			next := &keeper{before: func(ctx context.Context, call int, _ plog.Logs) error {
				if call <= 2 {
					return nil
				}
				return refuse(ctx)
			}}
			tel := componenttest.NewTelemetry()
			t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
			r, err := newReceiver(metadatatest.NewSettings(tel), parseConfig(t, `{stdin: {on_eof: keep}, batch: {max_records: 10}}`), next)
			require.NoError(t, err)
			require.NoError(t, r.Start(t.Context(), newHost()))
			t.Cleanup(func() { _ = r.Shutdown(context.Background()) })
			const lines = 3000
			size := 0
			for i := range lines {
				n, err := fmt.Fprintf(in, "{\"n\":%d}\n", i)
				require.NoError(t, err)
				size += n
			}
			require.NoError(t, in.Close())
			p := r.captures[0].(*stdinCapture).pipe
			require.Eventually(t, func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.err != nil && next.called() > 2
			}, patience, time.Millisecond, "all is read")
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			require.NoError(t, r.Shutdown(ctx))
			received, accepted := counted(t, tel, "records_received"), counted(t, tel, "records_accepted")
			assert.Equal(t, int64(lines), received)
			assert.Equal(t, int64(len(next.records())), accepted)
			assert.Equal(t, received, accepted+counted(t, tel, "records_dropped"))
			assert.Equal(t, int64(lines), counted(t, tel, "lines_read"))
			assert.Equal(t, int64(size), counted(t, tel, "bytes_read"))
		})
	}
}

var refusals = map[string]func(context.Context) error{
	"refuses": func(context.Context) error { return errRefused },
	"waits": func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	},
}

// counted is the sum of a metric over its attributes.
func counted(t *testing.T, tel *componenttest.Telemetry, name string) int64 {
	t.Helper()
	m, err := tel.GetMetric("otelcol_receiver_stdout_tail_" + name)
	require.NoError(t, err)
	var n int64
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		n += p.Value
	}
	return n
}

// TestShutdownOfAStubbornCommandEndsInTime: a program that takes no notice of SIGTERM
// and writes all the time, or waits to be started again, keeps nobody waiting for
// longer than Shutdown may take; nor does a consumer that takes nothing.
func TestShutdownOfAStubbornCommandEndsInTime(t *testing.T) {
	for name, config := range map[string]string{
		"block":       `{command: {argv: [sh, -c, "trap '' TERM; while :; do echo line; done"], grace: 10m}}`,
		"drop_newest": `{command: {argv: [sh, -c, "trap '' TERM; while :; do echo line; done"], grace: 10m, on_full: drop_newest}}`,
		"restart":     `{command: {argv: [sh, -c, "echo line; exit 1"], restart: {initial_interval: 10m, max_interval: 10m}}}`,
	} {
		for kind, refuse := range refusals {
			t.Run(name+"/"+kind, func(t *testing.T) {
				next := &keeper{before: func(ctx context.Context, _ int, _ plog.Logs) error { return refuse(ctx) }}
				r := start(t, newHost(), config, next)
				require.Eventually(t, func() bool { return next.called() > 0 }, patience, time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					_ = r.Shutdown(ctx) // it says that not all was read
				}()
				select {
				case <-ended:
				case <-time.After(patience):
					t.Fatal("Shutdown does not return")
				}
				require.NoError(t, r.Shutdown(t.Context()), "a second time")
			})
		}
	}
}
