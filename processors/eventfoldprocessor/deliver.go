package eventfoldprocessor

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/refusal"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
)

// Between two calls of a consumer that refuses.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second
)

// dropReason is why records were dropped; the list is closed.
type dropReason string

const (
	delivered      dropReason = "" // they were not
	refusedForGood dropReason = "refused_for_good"
	shutDown       dropReason = "shutdown"
	damaged        dropReason = "damaged"
	notWritten     dropReason = "not_written"
)

const earlyReason = "early"

func withReason(reason string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
}

// deliver hands events over, again and again where the next consumer refuses, and
// lets them go. False says that Shutdown came first.
func (s *shard) deliver(batch []*foldtable.Closed) bool {
	parts := s.parts
	logs, why, err := s.attempt(batch, parts)
	if len(batch) == 1 || why == delivered || why == shutDown {
		return s.conclude(batch, parts, logs, why, err)
	}
	// One may be the reason: it must not take the others with it.
	for i := range batch {
		one, count := batch[i:i+1], batch[i].Parts()
		logs, why, err := s.attempt(one, parts[:count])
		if !s.conclude(one, parts[:count], logs, why, err) {
			return false
		}
		parts = parts[count:]
	}
	return true
}

// attempt hands events over together; parts are those of all, in order.
func (s *shard) attempt(batch []*foldtable.Closed, parts []foldtable.StoredPart) (plog.Logs, dropReason, error) {
	logs, err := s.build(batch, parts)
	if err != nil {
		return logs, damaged, err
	}
	err = s.insist(logs)
	switch {
	case err == nil:
		return logs, delivered, nil
	case refusal.Permanent(err):
		return logs, refusedForGood, err
	default:
		return logs, shutDown, err
	}
}

// conclude lets events go, counted; false says that they stay in the journal.
func (s *shard) conclude(batch []*foldtable.Closed, parts []foldtable.StoredPart, logs plog.Logs, why dropReason, err error) bool {
	switch {
	case why == delivered:
		s.countEmitted(batch)
	case why == shutDown && s.journal != nil:
		return false
	default:
		if !s.bury(batch, parts, logs, why, err) && s.journal != nil {
			return false
		}
		s.drop(why, batch, err)
	}
	s.done(batch)
	return true
}

func (s *shard) countEmitted(batch []*foldtable.Closed) {
	var emitted [foldtable.Reasons]int64
	var early, merged int64
	for _, c := range batch {
		if c.Early {
			early++
			continue
		}
		emitted[c.Reason]++
		merged += int64(c.Parts())
	}
	if merged > 0 {
		s.tel.ProcessorEventFoldRecordsMerged.Add(s.work, merged)
	}
	if early > 0 {
		s.tel.ProcessorEventFoldEventsEmitted.Add(s.work, early, withReason(earlyReason))
	}
	for reason, n := range emitted {
		if n > 0 {
			s.tel.ProcessorEventFoldEventsEmitted.Add(s.work, n, withReason(storyReasons[reason].String()))
		}
	}
}

// done lets go of events that have been delivered or never will be.
func (s *shard) done(batch []*foldtable.Closed) {
	var first uint64
	if s.journal != nil {
		s.mu.Lock()
		s.remembering = true
		s.mu.Unlock()
		first = s.journal.delivered(batch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal != nil {
		s.rememberLocked(batch, first)
	}
	for _, c := range batch {
		s.table.Done(c)
	}
	s.publishLocked()
}

func (s *shard) drop(why dropReason, batch []*foldtable.Closed, err error) {
	records := 0
	for _, c := range batch {
		if !c.Early {
			records += c.Parts()
		}
	}
	s.tel.ProcessorEventFoldRecordsDropped.Add(s.work, int64(records), withReason(string(why)))
	if n, ok := s.dropLog.Add(records); ok {
		s.set.Logger.Error("Dropped log records", zap.String("reason", string(why)), zap.Int64("records", n), zap.Error(err))
	}
}

// insist calls the next consumer until it accepts, refuses for good, or Shutdown
// gives up.
func (s *shard) insist(logs plog.Logs) error {
	var woken <-chan struct{} = s.closing
	count := logs.LogRecordCount()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := s.call(logs)
		switch {
		case err == nil || refusal.Permanent(err):
			return err
		case s.work.Err() != nil:
			return errors.Join(err, s.work.Err())
		}
		if rest, ok := refusal.Rest(err); ok && !s.mutates && rest.LogRecordCount() <= count {
			logs = rest // nobody changes the data on its way, so this is what is left
			count = logs.LogRecordCount()
		}
		if n, ok := s.refuseLog.Add(count); ok {
			s.set.Logger.Warn("The next consumer refuses events; they are handed over again", zap.Int64("events", n), zap.Error(err))
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1)) //nolint:gosec // spreads retries, no secret
		select {
		case <-timer.C:
		case <-woken: // Shutdown: no pause now, later ones as usual
			woken = nil
		case <-s.work.Done():
		}
		timer.Stop()
		s.tel.ProcessorEventFoldDeliveryRetries.Add(s.work, 1)
	}
}

func (s *shard) call(logs plog.Logs) error {
	ctx, cancel := context.WithTimeout(s.work, s.cfg.AcceptTimeout)
	defer cancel()
	if !s.mutates {
		return s.next.ConsumeLogs(ctx, logs)
	}
	handed := plog.NewLogs()
	logs.CopyTo(handed)
	return s.next.ConsumeLogs(ctx, handed)
}
