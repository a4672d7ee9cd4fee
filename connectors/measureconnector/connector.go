package measureconnector

import (
	"context"
	"errors"
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
	released bool
}

func (p *part) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// Start implements component.Component. There is nothing to start.
func (p *part) Start(context.Context, component.Host) error { return nil }

// Shutdown implements component.Component.
func (p *part) Shutdown(context.Context) error {
	if !p.released {
		p.released = true
		p.release()
	}
	return nil
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
		c.putBack(r)
		return err
	}
	c.counted(ctx, r, now)
	return nil
}

// logsToMetrics is where metrics come from. It counts, where no other of its id passes
// logs on: then this is all that becomes of them.
type logsToMetrics struct {
	part
	sender sender
}

// Start begins to send metrics on.
func (c *logsToMetrics) Start(context.Context, component.Host) error {
	c.sender.start() //nolint:contextcheck // it goes on longer than Start
	return nil
}

// Shutdown sends the last metrics. Both connectors of an id stand behind the same
// pipelines, which have stopped when the first of them is shut down: nothing more is
// counted, and those that metrics go to are still there.
func (c *logsToMetrics) Shutdown(ctx context.Context) error {
	err := c.sender.stop(ctx)
	return errors.Join(err, c.part.Shutdown(ctx))
}

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
	s.putBack(r)
}

func (s *shared) putBack(r *reading) {
	if r.reset() {
		s.pool.Put(r)
	}
}

func reasonSet(reason string) otelattribute.Set {
	return otelattribute.NewSet(otelattribute.String("reason", reason))
}
