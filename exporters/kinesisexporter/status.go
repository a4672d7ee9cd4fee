package kinesisexporter

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/sender"
	"github.com/heartwood-otel/heartwood/internal/spool"
	"github.com/heartwood-otel/heartwood/internal/trouble"
)

// What the exporter's status is made of.
const (
	troubleFull   = "spool"  // senders are told to come again
	troubleDisk   = "disk"   // it refuses
	troubleStream = "stream" // it can't be reached, or refuses all
)

// statusHold is shorter in tests.
var statusHold = trouble.DefaultHold

const (
	roomInterval = time.Second
	diskInterval = 5 * time.Second
	// roomShare of what the queue may have, in hundredths: from there on there is room again.
	roomShare = 90
)

// watchStatus reports what the board says, and has the board look for room where nobody
// comes.
func (x *kinesisExporter) watchStatus(host component.Host) {
	x.tel.board.Tell(func(s trouble.Status) {
		switch {
		case s.Err == nil:
			componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
		case s.Permanent:
			componentstatus.ReportStatus(host, componentstatus.NewPermanentErrorEvent(s.Err))
		default:
			componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(s.Err))
		}
	})
	x.tel.board.Watch(troubleFull, roomInterval, x.queue.hasRoom)
	x.tel.board.Watch(troubleDisk, diskInterval, x.queue.isWritable)
}

// taken notes what has become of a call.
func (x *kinesisExporter) taken(ctx context.Context, err error) {
	switch {
	case err == nil:
		x.tel.board.Over(troubleFull)
		x.tel.board.Over(troubleDisk)
	case ctx.Err() != nil: // its caller has gone
	case errors.Is(err, spool.ErrFull), errors.Is(err, errNoRoom):
		x.tel.board.Trouble(troubleFull, 0, err)
	}
}

// isDisk says whether an error is the disk's.
func isDisk(err error) bool {
	var path *fs.PathError
	var call *os.SyscallError
	return errors.As(err, &path) || errors.As(err, &call) || errors.As(err, new(syscall.Errno))
}

func (q *spoolQueue) hasRoom() bool { return q.spool.Stats().Bytes < q.size/100*roomShare }

// isWritable writes an acknowledgement of nothing.
func (q *spoolQueue) isWritable() bool {
	ctx, cancel := context.WithTimeout(context.Background(), roomInterval)
	defer cancel()
	return q.spool.Ack(0).Wait(ctx) == nil
}

func (q *memoryQueue) hasRoom() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size < q.limit/100*roomShare
}

func (*memoryQueue) isWritable() bool { return true }

// statusStream tells the board that the stream answers.
type statusStream struct {
	stream
	board *trouble.Board
}

func (s statusStream) PutRecords(ctx context.Context, entries []sender.Entry) ([]sender.Result, error) {
	results, err := s.stream.PutRecords(ctx, entries)
	if err == nil {
		s.board.Over(troubleStream)
	}
	return results, err
}

func (s statusStream) Shards(ctx context.Context) ([]sender.Shard, error) {
	shards, err := s.stream.Shards(ctx)
	if err == nil {
		s.board.Over(troubleStream)
	}
	return shards, err
}

func (s statusStream) describe(ctx context.Context) (description, error) {
	d, err := s.stream.describe(ctx)
	if err == nil {
		s.board.Over(troubleStream)
	}
	return d, err
}
