package soak

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// TestOutages: each output is away for a while, which in the full form is long enough for
// the spools to be full, so that senders wait or are told to come again. The page for
// Prometheus is not read meanwhile. Afterwards all is at each output, and the page has counted each record once.
func TestOutages(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(s *settings) { s.SpoolSize, s.AcceptTimeout = "16MiB", "500ms" })
	l := newLoad(t, b, scaled(t, 10, 50), 50*time.Millisecond)
	for _, f := range l.feeders {
		f.noise = 1000
	}
	b.start(t)
	l.start(t.Context())
	long := lasting(t, 5*time.Second, 90*time.Second)
	for _, output := range []struct {
		name     string
		down, up func()
		age      string
	}{
		{"kinesis", b.kinesis.Down, func() { b.kinesis.Up(t) }, "otelcol_exporter_kinesis_oldest_record_age"},
		{"worm_s3", b.s3.Down, func() { b.s3.Up(t) }, "otelcol_exporter_worm_s3_checkpoint_age"},
	} {
		before, refusedBefore := l.owed(), firstOf(l.told())
		output.down()
		b.gateway.WaitMetrics(t, "records to wait for "+output.name, func(m harness.Metrics) bool { return m.Sum(output.age) >= long.Seconds()/2 })
		time.Sleep(long / 2)
		t.Logf("%s away for %v: %d records accepted meanwhile, %d attempts told to come again", output.name, long, l.owed()-before, firstOf(l.told())-refusedBefore)
		assert.Greater(t, l.owed(), before, "the spools have room")
		output.up()
		b.gateway.WaitMetrics(t, "what has waited to be delivered to "+output.name, func(m harness.Metrics) bool { return m.Sum(output.age) < 5 })
	}
	l.finish(t)
	b.waitDelivered(t, 2*time.Minute)
	want := auditOf(l.accounts(), b.readStream(t)).distinct
	counted := 0.0
	waitFor(t, time.Minute, "the page to have counted all", func() (bool, string) {
		counted = harness.FetchMetrics(t, "http://"+b.gateway.Addr(t, "prometheus")+"/metrics").Sum("log_records_total")
		return int(counted) >= want, ""
	})
	require.Equal(t, want, int(counted), "records, each once")
	b.requireConserved(t, l, 2*time.Minute)
}

func firstOf(a, _ int64) int64 { return a }
