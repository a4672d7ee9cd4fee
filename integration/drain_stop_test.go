package integration

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// graceOfUnits is TimeoutStopSec in distribution/systemd, and what docs/operations.md tells
// for terminationGracePeriodSeconds.
const graceOfUnits = 150 * time.Second

// TestTerminateWhileNothingCanBeDelivered: under traffic, with all destinations away,
// SIGTERM ends the collector within the grace period, and what it had accepted is on disk:
// the next start delivers it. Components are given their own default timeouts.
func TestTerminateWhileNothingCanBeDelivered(t *testing.T) {
	t.Parallel()
	v := newVolume(t, harness.With("timeout", "2m"))
	v.col.Start(t)
	v.down()
	v.send(t)
	v.keyed.first, v.keyed.perKey = v.keyed.perKey, 0
	v.archived.total = 0
	// So that what waits on disk is delivered soon.
	v.keyed.batch, v.keyed.pause, v.archived.pause = 50, 20*time.Millisecond, 50*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent := make(chan error, 2)
	before := v.keyed.confirmed.Load() + v.archived.confirmed.Load()
	go func() { sent <- v.keyed.run(ctx, "http://"+v.col.Addr(t, "keyed")) }()
	go func() { sent <- v.archived.run(ctx, "http://"+v.col.Addr(t, "archived")) }()
	require.Eventually(t, func() bool { return v.keyed.confirmed.Load()+v.archived.confirmed.Load() > before+2000 }, time.Minute, time.Millisecond)
	begin := time.Now()
	v.col.Terminate(t)
	assert.Zero(t, v.col.Wait(t, graceOfUnits))
	t.Logf("it ended after %v", time.Since(begin))

	v.kinesis.Up(t)
	v.s3.Up(t)
	v.sink.Behave(harness.Accept)
	v.col.Start(t)
	close(v.keyed.stop)
	close(v.archived.stop)
	require.NoError(t, <-sent)
	require.NoError(t, <-sent)
	v.col.WaitMetrics(t, "all to be delivered", func(m harness.Metrics) bool {
		return m.Has("otelcol_exporter_kinesis_oldest_record_age") && m.Sum("otelcol_exporter_kinesis_oldest_record_age") == 0 &&
			m.Sum("otelcol_processor_event_fold_records_held") == 0
	})
	waitArchived(t, v.col)
	v.col.Stop(t)
	v.requireAll(t)
}
