package soak

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// TestClocksApart: the collectors' clock falls an hour behind that of S3, and that of
// Kinesis steps from an hour ahead to an hour behind and back, while records flow: both
// refuse signatures that are so far off. The exporters learn the time from the answers, and
// all is delivered by itself. (S3's clock steps once and forward only: otherwise this would
// be an archive whose objects are dated wrongly, as `heartwood verify` says.)
func TestClocksApart(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	fake := b.s3.(*s3fake.Running)
	l := newLoad(t, b, 10, 100*time.Millisecond)
	fake.SetClock(func() time.Time { return time.Now().Add(time.Hour) })
	b.start(t)
	l.start(t.Context())
	for range scaled(t, 1, 10) {
		for _, ahead := range []time.Duration{time.Hour, -time.Hour, 0} {
			took(t, l)
			b.kinesis.SetClock(ahead)
			before := b.kinesis.Counts("logs").Parts
			waitFor(t, time.Minute, "records to reach the stream", func() (bool, string) {
				return b.kinesis.Counts("logs").Parts > before+500, ""
			})
		}
	}
	m := b.gateway.WaitMetrics(t, "the archive's clock to be known", func(m harness.Metrics) bool {
		return math.Abs(m.Sum("otelcol_exporter_worm_s3_clock_offset")+time.Hour.Seconds()) < 60
	})
	assert.GreaterOrEqual(t, m.Sum("otelcol_exporter_kinesis_calls_failed", "error=clock"), 3.0, "each step had signatures refused")
	l.finish(t)
	b.waitDelivered(t, time.Minute)
	skewed := 0
	for _, c := range fake.Counts() {
		skewed += c.Errors["RequestTimeTooSkewed"]
	}
	assert.Positive(t, skewed, "signatures that S3 refused")
	// Who reads the archive has a clock that is right.
	b.agent.Stop(t)
	b.gateway.Stop(t)
	fake.SetClock(nil)
	b.requireThere(t, l)
}
