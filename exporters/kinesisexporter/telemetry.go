package kinesisexporter

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/sender"
	"github.com/heartwood-otel/heartwood/internal/deadletter"
	"github.com/heartwood-otel/heartwood/internal/throttle"
	"github.com/heartwood-otel/heartwood/internal/trouble"
)

// telemetry counts what happens, and says it in the log, as the sender's observer.
type telemetry struct {
	*metadata.TelemetryBuilder
	log *zap.Logger
	// board makes the exporter's status of what goes wrong.
	board *trouble.Board

	// One counter for each class, so that one kind of trouble does not hide another.
	// shards are the sets of attributes.
	mu     sync.Mutex
	counts map[errorClass]*throttle.Counter
	shards map[string]metric.MeasurementOption

	refuseLog, callLog, letterLog, letterFailLog, expressionLog, readLog throttle.Counter
}

var _ sender.Observer = (*telemetry)(nil)

func newTelemetry(builder *metadata.TelemetryBuilder, log *zap.Logger) *telemetry {
	return &telemetry{TelemetryBuilder: builder, log: log, board: trouble.New(statusHold), counts: map[errorClass]*throttle.Counter{}, shards: map[string]metric.MeasurementOption{}}
}

func labelled(name, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(name, value)))
}

// Put implements sender.Observer.
func (t *telemetry) Put(_ string, userRecords, count, bytes int) {
	ctx := context.Background()
	t.ExporterKinesisStreamRecordsDelivered.Add(ctx, 1)
	t.ExporterKinesisUserRecordsDelivered.Add(ctx, int64(userRecords))
	t.ExporterKinesisRecordsDelivered.Add(ctx, int64(count))
	t.ExporterKinesisBytesDelivered.Add(ctx, int64(bytes))
}

// codeOf gives what the metric calls a code: the closed list is in metadata.yaml.
func codeOf(code string) string {
	switch class := classes[code]; {
	case class == classThrottled:
		return "throttled"
	case class == classServer:
		return "internal_failure"
	case class == classKMS, code == "KMSAccessDeniedException":
		return "kms"
	case class == classInvalid:
		return "invalid"
	case code == sender.CodeWrongShard:
		return "wrong_shard"
	}
	return "other"
}

// Refused implements sender.Observer.
func (t *telemetry) Refused(shard, code string, userRecords int) {
	label := codeOf(code)
	t.ExporterKinesisRecordsRefused.Add(context.Background(), int64(userRecords), labelled("code", label))
	if label == "throttled" {
		return // that is usual, and in the metrics
	}
	if n, ok := t.refuseLog.Add(userRecords); ok {
		t.log.Warn("The stream refused records; they are sent again", zap.Int64("records", n), zap.String("code", code), zap.String("shard", shard))
	}
}

// Failed implements sender.Observer.
func (t *telemetry) Failed(shard, code string, err error) {
	switch code {
	case "Refuse": // writeLetters has said it
	case "Log":
		if n, ok := t.readLog.Add(1); ok {
			t.board.Trouble(troubleDisk, trouble.DefaultPatience, err)
			t.log.Error("Records can't be read from the spool, and are not sent. It is tried again", zap.Int64("times", n), zap.Error(err))
		}
	default:
		t.failed(shard, err)
	}
}

// failed is for calls.
func (t *telemetry) failed(shard string, err error) {
	var call *sender.CallError
	cause := err
	if errors.As(err, &call) && call.Err != nil {
		cause = call.Err
	}
	class, _ := classify(cause)
	if class != classThrottled {
		t.board.Trouble(troubleStream, trouble.DefaultPatience, cause)
	}
	t.ExporterKinesisCallsFailed.Add(context.Background(), 1, labelled("error", string(class)))
	t.mu.Lock()
	counter := t.counts[class]
	if counter == nil {
		counter = &throttle.Counter{}
		t.counts[class] = counter
	}
	t.mu.Unlock()
	n, ok := counter.Add(1)
	if !ok || class == classThrottled && n == 1 {
		return
	}
	fields := []zap.Field{zap.Int64("calls", n), zap.Error(cause)}
	if shard != "" {
		fields = append(fields, zap.String("shard", shard))
	}
	if class == classAccessDenied {
		fields = append(fields, zap.String("action", missingRight(cause)))
	}
	t.log.Warn(advice[class], fields...)
}

// Retried implements sender.Observer.
func (t *telemetry) Retried(_ string, userRecords int) {
	t.ExporterKinesisRecordsRetried.Add(context.Background(), int64(userRecords))
}

// Throttled implements sender.Observer.
func (t *telemetry) Throttled(shard string, pause time.Duration) {
	t.mu.Lock()
	label, ok := t.shards[shard]
	if !ok {
		label = labelled("shard", shard)
		t.shards[shard] = label
	}
	t.mu.Unlock()
	t.ExporterKinesisThrottledTime.Add(context.Background(), pause.Seconds(), label)
}

// Resharded implements sender.Observer.
func (t *telemetry) Resharded(open int) {
	t.log.Info("The stream has another list of shards", zap.Int("open", open))
}

func (t *telemetry) deadLetters(ctx context.Context, letters []deadletter.Letter) {
	byReason := map[string]int64{}
	for i := range letters {
		byReason[letters[i].Reason] += int64(letters[i].Records)
	}
	for reason, n := range byReason {
		t.ExporterKinesisDeadLetters.Add(ctx, n, labelled("reason", reason))
	}
	if n, ok := t.letterLog.Add(len(letters)); ok {
		l := &letters[len(letters)-1]
		t.log.Warn("Records can't be delivered and are dead letters now", zap.Int64("user_records", n),
			zap.String("reason", l.Reason), zap.String("message", l.Message))
	}
}

// callRefused says that a sender is told to come again, or that there is no use in it.
func (t *telemetry) callRefused(err error) {
	n, ok := t.callLog.Add(1)
	switch {
	case !ok:
	case consumererror.IsPermanent(err):
		t.log.Error("Records were refused for good", zap.Int64("calls", n), zap.Error(err))
	default:
		t.log.Warn("Records were not taken; their senders are told to come again", zap.Int64("calls", n), zap.Error(err))
	}
}

// expressionFailed counts an expression that could not be evaluated.
func (t *telemetry) expressionFailed(err error) {
	t.ExporterKinesisExpressionErrors.Add(context.Background(), 1)
	if n, ok := t.expressionLog.Add(1); ok {
		t.log.Warn("partition_key_expression failed; the record's trace id or uid is its key", zap.Int64("records", n), zap.Error(err))
	}
}

// countingStream counts calls.
type countingStream struct {
	sender.Stream
	tel *telemetry
}

func (s countingStream) PutRecords(ctx context.Context, entries []sender.Entry) ([]sender.Result, error) {
	s.tel.ExporterKinesisCalls.Add(ctx, 1)
	return s.Stream.PutRecords(ctx, entries)
}
