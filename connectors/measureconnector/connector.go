package measureconnector

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	otelattribute "go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"
)

// part is one connector of those that share an id.
type part struct {
	*shared
	started bool
}

func (p *part) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (p *part) Start(context.Context, component.Host) error {
	err := p.start() //nolint:contextcheck // what it starts lives longer than Start
	p.started = err == nil
	return err
}

func (p *part) Shutdown(ctx context.Context) error {
	var err error
	if p.started {
		err = p.end(ctx)
		p.started = false
	}
	p.release()
	return err
}

// logsToLogs passes logs on, and counts them when they were accepted.
type logsToLogs struct {
	part
	next consumer.Logs
}

// ConsumeLogs passes logs on, unchanged. An error is the next consumer's, and nothing is
// counted.
func (c *logsToLogs) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	now := time.Now()
	r := c.read(ctx, logs, now)
	if err := c.next.ConsumeLogs(ctx, logs); err != nil {
		c.pool.Put(r)
		return err
	}
	c.counted(ctx, r, now)
	return nil
}

// logsToMetrics is where metrics come from. It counts, where no other of its id passes
// logs on: then this is all that becomes of them.
type logsToMetrics struct{ part }

// ConsumeLogs counts. It gives no error.
func (c *logsToMetrics) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	if c.passesOn() {
		return nil
	}
	now := time.Now()
	c.counted(ctx, c.read(ctx, logs, now), now)
	return nil
}

func (s *shared) read(ctx context.Context, logs plog.Logs, now time.Time) *reading {
	r := s.pool.Get().(*reading)
	r.reset()
	r.read(ctx, logs, now)
	return r
}

// counted counts what was read, and says so in the connector's own metrics.
func (s *shared) counted(ctx context.Context, r *reading, now time.Time) {
	c := r.count(now)
	s.tel.ConnectorMeasureRecords.Add(ctx, c.records)
	if c.repeats > 0 {
		s.tel.ConnectorMeasureRepeats.Add(ctx, c.repeats)
	}
	if c.overflowed > 0 {
		s.tel.ConnectorMeasureValuesOverflowed.Add(ctx, c.overflowed)
	}
	for reason, n := range r.refused {
		s.tel.ConnectorMeasureValuesRefused.Add(ctx, n, s.refusal[reason])
	}
	if r.errors > 0 {
		s.tel.ConnectorMeasureConditionErrors.Add(ctx, r.errors)
		if n, ok := s.conditionLog.Add(int(r.errors)); ok {
			s.set.Logger.Warn("rules failed on records, and count as not satisfied", zap.Errors("errors", r.reasons), zap.Int64("times", n))
		}
	}
	s.pool.Put(r)
}

func reasonSet(reason string) otelattribute.Set {
	return otelattribute.NewSet(otelattribute.String("reason", reason))
}
