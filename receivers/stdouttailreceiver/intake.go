package stdouttailreceiver

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/logstream"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/refusal"
	"github.com/heartwood-otel/heartwood/internal/throttle"
)

// source is where a record was caught.
type source string

const (
	fromStdin    source = "stdin"
	fromCommand  source = "command"
	fromFiles    source = "files"
	fromJournald source = "journald"
)

// canReread says that what was not accepted is read again after a restart.
func (s source) canReread() bool { return s == fromFiles || s == fromJournald }

// reason is why a record was dropped; the list is closed.
type reason int

const (
	refusedForGood reason = iota
	shutDown
	bufferFull
	reasons
)

var reasonNames = [reasons]string{"refused_for_good", "shutdown", "buffer_full"}

// Between two calls of a consumer that refuses.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second
)

// intake hands records of one source over to the next consumer. It is safe for
// concurrent use.
type intake struct {
	*stdoutTailReceiver
	source    source
	obs       *receiverhelper.ObsReport
	attrs     metric.MeasurementOption
	dropAttrs [reasons]metric.MeasurementOption
	// mutates says that a refused plog.Logs may have been changed, and must not be
	// handed over a second time.
	mutates bool
	dropLog [reasons]throttle.Counter
}

func newIntake(r *stdoutTailReceiver, from source) (*intake, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             r.set.ID,
		Transport:              string(from),
		LongLivedCtx:           true,
		ReceiverCreateSettings: r.set,
	})
	if err != nil {
		return nil, err
	}
	in := &intake{
		stdoutTailReceiver: r,
		source:             from,
		obs:                obs,
		attrs:              metric.WithAttributeSet(attribute.NewSet(attribute.String("source", string(from)))),
		mutates:            r.next.Capabilities().MutatesData,
	}
	for i := range reasons {
		in.dropAttrs[i] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("reason", reasonNames[i]), attribute.String("source", string(from))))
	}
	return in, nil
}

func (in *intake) drop(why reason, records int64, err error) {
	in.tel.ReceiverStdoutTailRecordsDropped.Add(in.work, records, in.dropAttrs[why])
	if n, ok := in.dropLog[why].Add(int(records)); ok {
		in.set.Logger.Error("Dropped log records",
			zap.String("source", string(in.source)), zap.String("reason", reasonNames[why]), zap.Int64("records", n), zap.Error(err))
	}
}

// deliver hands over, again and again where the next consumer refuses. An error says
// that it has not been accepted and will not be: the receiver shuts down.
func (in *intake) deliver(logs plog.Logs) error {
	count := logs.LogRecordCount()
	in.tel.ReceiverStdoutTailRecordsReceived.Add(in.work, int64(count), in.attrs)
	ctx := in.obs.StartLogsOp(in.work)
	err := in.insist(ctx, logs, count)
	in.obs.EndLogsOp(ctx, "stdout_tail", count, err)
	if refusal.Permanent(err) {
		return nil // dropped and counted: reading it again would not change that
	}
	return err
}

func (in *intake) insist(ctx context.Context, logs plog.Logs, count int) error {
	var woken <-chan struct{} = in.closing
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := in.call(ctx, logs)
		switch {
		case err == nil:
			in.board.Over(string(in.source))
			in.tel.ReceiverStdoutTailRecordsAccepted.Add(ctx, int64(count), in.attrs)
			return nil
		case refusal.Permanent(err):
			in.board.Over(string(in.source))
			in.drop(refusedForGood, int64(count), err)
			return err
		case in.work.Err() != nil:
			if !in.source.canReread() {
				in.drop(shutDown, int64(count), err)
			}
			return errors.Join(err, in.work.Err())
		}
		in.board.Trouble(string(in.source), refusalPatience, err)
		if rest, ok := refusal.Rest(err); ok && !in.mutates && rest.LogRecordCount() <= count {
			// Nobody changes the data on its way, so this is the part that is left.
			logs = rest
			in.tel.ReceiverStdoutTailRecordsAccepted.Add(ctx, int64(count-logs.LogRecordCount()), in.attrs)
			count = logs.LogRecordCount()
		}
		if n, ok := in.refuseLog.Add(count); ok {
			in.set.Logger.Warn("The next consumer refuses log records; they are handed over again, and nothing is read until it takes them",
				zap.String("source", string(in.source)), zap.Int64("records", n), zap.Error(err))
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1)) //nolint:gosec // spreads retries, no secret
		select {
		case <-timer.C:
		case <-woken: // Shutdown: no pause now, later ones as usual
			woken = nil
		case <-in.work.Done():
		}
		timer.Stop()
		in.tel.ReceiverStdoutTailRetries.Add(ctx, 1, in.attrs)
	}
}

func (in *intake) call(ctx context.Context, logs plog.Logs) error {
	ctx, cancel := context.WithTimeout(ctx, in.cfg.AcceptTimeout)
	defer cancel()
	if !in.mutates {
		return in.next.ConsumeLogs(ctx, logs)
	}
	handed := plog.NewLogs()
	logs.CopyTo(handed)
	return in.next.ConsumeLogs(ctx, handed)
}

// sink collects the records of one goroutine's streams until they are handed over.
type sink struct {
	in    *intake
	batch *logrecord.Batch
	uids  *recorduid.Source
	// since is when the batch got its first record.
	since  time.Time
	joined int64
}

func (in *intake) newSink() *sink {
	return &sink{in: in, batch: in.records.Mapper.NewBatch(), uids: recorduid.NewSource()}
}

// newUID names what nothing else does.
func newUID(uids *recorduid.Source) string { return uids.Next(time.Now()).String() }

func (s *sink) stream(from logstream.Source) *logstream.Stream {
	return logstream.New(&s.in.records.Stream, from, s.batch)
}

// observe says when the lines to come were read.
func (s *sink) observe(now time.Time) {
	s.batch.Observe(now)
	if s.batch.Len() == 0 {
		s.since = now
	}
}

// clock observes the present.
func (s *sink) clock() time.Time {
	now := time.Now()
	s.observe(now)
	return now
}

func (s *sink) full() bool {
	return s.batch.Len() >= s.in.cfg.Batch.MaxRecords || s.batch.Size() >= int(s.in.cfg.Batch.MaxSize)
}

// deliver hands over what there is.
func (s *sink) deliver() error {
	if s.batch.Len() == 0 {
		return nil
	}
	if n := s.batch.Problems(); n > 0 {
		s.in.tel.ReceiverStdoutTailParseErrors.Add(s.in.work, int64(n), s.in.attrs)
	}
	if s.joined > 0 {
		s.in.tel.ReceiverStdoutTailLinesJoined.Add(s.in.work, s.joined, s.in.attrs)
		s.joined = 0
	}
	return s.in.deliver(s.batch.Take())
}
