package kinesisexporter

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestWhatIsNotTakenComesAgainUnchanged: receivers with retry_on_failure bring the same
// data again, not a copy of it.
func TestWhatIsNotTakenComesAgainUnchanged(t *testing.T) {
	for _, config := range []string{
		`{unit: record}`, `{unit: batch}`,
		`{unit: record, max_record_size: 1KiB}`, `{unit: batch, max_record_size: 1KiB, on_too_large: truncate}`,
		`{unit: record, encoding: otlp_proto, max_record_size: 1KiB, on_too_large: truncate}`,
	} {
		b := newBench(t, newFake(t), config)
		x, err := newExporter(b.set, b.cfg, "logs")
		require.NoError(t, err)
		// twice gives what becomes of it each time.
		twice := func(encode func(*intake)) (each [2][]string) {
			for i := range each {
				in := x.newIntake()
				in.ctx = context.Background()
				encode(in)
				for _, u := range in.users {
					each[i] = append(each[i], string(in.data(&u)))
				}
				for _, l := range in.letters {
					each[i] = append(each[i], string(l.Data))
				}
			}
			return each
		}
		records := someRecords()
		records = append(records, rec{request: "large", uid: "large", body: string(make([]byte, 4000))})

		logs := newLogs(records...)
		logCodec, err := x.cfg.logCodec(host{})
		require.NoError(t, err)
		each := twice(func(in *intake) { logCodec.consume(in, logs, nil) })
		assert.Equal(t, each[0], each[1], config)
		assert.Equal(t, flatten(newLogs(records...)), flatten(logs), config)

		traces := ptrace.NewTraces()
		span := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetName("span")
		span.SetTraceID([16]byte{1})
		traceCodec, err := x.cfg.traceCodec(host{})
		require.NoError(t, err)
		each = twice(func(in *intake) { traceCodec.consume(in, traces, nil) })
		assert.Equal(t, each[0], each[1], config)

		metrics := pmetric.NewMetrics()
		one := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
		gauge := one.AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
		gauge.SetIntValue(1)
		gauge.Attributes().PutStr("request.id", "r")
		one.AppendEmpty().SetEmptySum().DataPoints().AppendEmpty().SetIntValue(2)
		one.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty().SetCount(3)
		one.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty().SetCount(4)
		one.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty().SetCount(5)
		metricCodec, err := x.cfg.metricCodec(host{})
		require.NoError(t, err)
		each = twice(func(in *intake) { metricCodec.consume(in, metrics, nil) })
		assert.ElementsMatch(t, each[0], each[1], config)
	}
}
