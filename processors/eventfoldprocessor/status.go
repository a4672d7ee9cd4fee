package eventfoldprocessor

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/heartwood-otel/heartwood/internal/spool"
	"github.com/heartwood-otel/heartwood/internal/trouble"
)

// What the processor's status is made of.
const (
	troubleFull = "journal" // it is full, and senders are told to come again
	troubleDisk = "disk"    // it refuses
	troubleNext = "next"    // what waits for the next consumer fills half of max_state
)

// statusHold is shorter in tests.
var statusHold = trouble.DefaultHold

const (
	roomInterval = time.Second
	diskInterval = 5 * time.Second
	// roomShare of the journal, in hundredths, may be used where there is room again.
	roomShare = 90
)

// watchStatus reports what the board says, and has the board look for room where nobody
// comes.
func (p *foldProcessor) watchStatus(host component.Host) {
	p.board.Tell(func(s trouble.Status) {
		if s.Err == nil {
			componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
			return
		}
		componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(s.Err))
	})
	p.board.Watch(troubleNext, roomInterval, func() bool { return p.readyBytes.Load() <= int64(p.cfg.MaxState)/2 })
	if p.journal == nil {
		return
	}
	p.board.Watch(troubleFull, roomInterval, func() bool { return p.journal.spool.Stats().Bytes < p.journal.size/100*roomShare })
	p.board.Watch(troubleDisk, diskInterval, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), roomInterval)
		defer cancel()
		return p.journal.spool.Ack(0).Wait(ctx) == nil // an acknowledgement of nothing
	})
}

// written notes what has become of a call's records.
func (p *foldProcessor) written(ctx context.Context, err error) {
	switch {
	case err == nil:
		p.board.Over(troubleFull)
		p.board.Over(troubleDisk)
	case ctx.Err() != nil, errors.Is(err, spool.ErrClosed), errors.Is(err, spool.ErrTooLarge):
	case errors.Is(err, spool.ErrFull):
		p.board.Trouble(troubleFull, 0, err)
	default:
		p.board.Trouble(troubleDisk, 0, err)
	}
}
