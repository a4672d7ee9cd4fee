package logfmtreceiver

import (
	"context"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/refusal"
	"github.com/heartwood-otel/heartwood/internal/throttle"
)

// reason is why a record was dropped: the closed list of metadata.yaml.
type reason int

const (
	refusedForGood reason = iota
	shutDown
	udpQueueFull
	reasons
)

var reasonNames = [reasons]string{"refused_for_good", "shutdown", "udp_queue_full"}

const logFormat = "logfmt"

// The pause before the next consumer is called again doubles from one to the other.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second
)

// intake is what the connections or requests of one transport share: the way to the
// next consumer, and the counts. It may be used by many goroutines.
type intake struct {
	*logfmtReceiver
	transport string
	obs       *receiverhelper.ObsReport
	attrs     metric.MeasurementOption
	dropAttrs [reasons]metric.MeasurementOption
	// mutates says that a refused plog.Logs may have been changed and must not be
	// handed over a second time.
	mutates bool

	dropLog   [reasons]throttle.Counter
	refuseLog throttle.Counter
}

func newIntake(r *logfmtReceiver, transport string) (*intake, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             r.set.ID,
		Transport:              transport,
		LongLivedCtx:           transport != "http",
		ReceiverCreateSettings: r.set,
	})
	if err != nil {
		return nil, err
	}
	in := &intake{
		logfmtReceiver: r,
		transport:      transport,
		obs:            obs,
		attrs:          metric.WithAttributeSet(attribute.NewSet(attribute.String("transport", transport))),
		mutates:        r.next.Capabilities().MutatesData,
	}
	for i := range reasons {
		in.dropAttrs[i] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("reason", reasonNames[i]), attribute.String("transport", transport)))
	}
	return in, nil
}

func (in *intake) drop(why reason, records int, err error) {
	in.tel.ReceiverLogfmtRecordsDropped.Add(in.work, int64(records), in.dropAttrs[why])
	if count, ok := in.dropLog[why].Add(records); ok {
		in.set.Logger.Error("Dropped log records",
			zap.String("transport", in.transport), zap.String("reason", reasonNames[why]), zap.Int64("records", count), zap.Error(err))
	}
}

// refused logs that the next consumer does not take records.
func (in *intake) refused(records int, consequence string, err error) {
	if count, ok := in.refuseLog.Add(records); ok {
		in.set.Logger.Warn("The next consumer refuses log records; "+consequence,
			zap.String("transport", in.transport), zap.Int64("records", count), zap.Error(err))
	}
}

// call hands logs over once, within accept_timeout.
func (in *intake) call(ctx context.Context, logs plog.Logs) error {
	ctx, cancel := context.WithTimeout(ctx, in.cfg.AcceptTimeout)
	defer cancel()
	return in.next.ConsumeLogs(ctx, logs)
}

// deliver hands the batch of a over until it is accepted, refused for good, or the
// receiver gives up at shutdown. It is the back-pressure of tcp, unix and udp: the
// caller reads nothing meanwhile.
func (in *intake) deliver(a *assembly) {
	if a.batch.Len() == 0 {
		return
	}
	defer a.forget()
	logs, count := a.take()
	ctx := in.obs.StartLogsOp(in.work)
	err := in.insist(ctx, a, logs, count)
	in.obs.EndLogsOp(ctx, logFormat, count, err)
}

func (in *intake) insist(ctx context.Context, a *assembly, logs plog.Logs, count int) error {
	var woken <-chan struct{} = in.closing
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := in.call(ctx, logs)
		switch {
		case err == nil:
			in.tel.ReceiverLogfmtRecordsAccepted.Add(ctx, int64(count), in.attrs)
			return nil
		case refusal.Permanent(err):
			in.drop(refusedForGood, count, err)
			return err
		case in.work.Err() != nil:
			in.drop(shutDown, count, err)
			return err
		}
		rest, partial := refusal.Rest(err)
		switch {
		case in.mutates:
			logs = a.rebuild()
		case partial && rest.LogRecordCount() <= count:
			// Nobody changes the data on its way, so this is the part that is left.
			logs = rest
			in.tel.ReceiverLogfmtRecordsAccepted.Add(ctx, int64(count-logs.LogRecordCount()), in.attrs)
			count = logs.LogRecordCount()
		}
		in.refused(count, "they are handed over again, and nothing is read until it takes them", err)
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1)) //nolint:gosec // spreads retries, no secret
		select {
		case <-timer.C:
		case <-woken: // Shutdown: no pause now, later ones as usual
			woken = nil
		case <-in.work.Done():
		}
		timer.Stop()
		in.tel.ReceiverLogfmtRetries.Add(ctx, 1, in.attrs)
	}
}

// report tells the Collector of an error that ends a listener for good.
func (in *intake) report(host component.Host, err error) {
	in.set.Logger.Error("Listener failed", zap.String("transport", in.transport), zap.Error(err))
	componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
}
