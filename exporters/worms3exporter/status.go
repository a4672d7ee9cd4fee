package worms3exporter

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/trouble"
)

// What the exporter's status is made of. What the archiver tries again is a trouble by its
// own name.
const (
	troubleFull     = "spool"    // senders are told to come again
	troubleDisk     = "disk"     // it refuses
	troubleUnlocked = "unlocked" // on_unlocked_bucket allows that nothing is locked
)

// statusHold is shorter in tests.
var statusHold = trouble.DefaultHold

const (
	roomInterval = time.Second
	diskInterval = 5 * time.Second
)

var errUnlocked = errors.New("the bucket has no Object Lock: nothing that is written is locked, as on_unlocked_bucket: warn allows")

// reportTo gives the status to the host of an exporter.
func (c *core) reportTo(host component.Host) {
	c.tel.board.Tell(func(s trouble.Status) {
		switch {
		case s.Err == nil:
			componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
		case s.Permanent:
			componentstatus.ReportStatus(host, componentstatus.NewPermanentErrorEvent(s.Err))
		default:
			componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(s.Err))
		}
	})
}

// watchStatus has the board look for room, and at the disk, where nobody comes.
func (c *core) watchStatus() {
	c.tel.board.Watch(troubleFull, roomInterval, c.engine.HasRoom)
	c.tel.board.Watch(troubleDisk, diskInterval, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), roomInterval)
		defer cancel()
		return c.engine.CheckDisk(ctx) == nil
	})
	if c.unlocked {
		c.tel.board.Trouble(troubleUnlocked, 0, errUnlocked)
	}
}

// taken notes what has become of a call.
func (t *telemetry) taken(ctx context.Context, err error) {
	switch {
	case err == nil:
		t.board.Over(troubleFull)
		t.board.Over(troubleDisk)
	case ctx.Err() != nil: // its caller has gone
	case errors.Is(err, archiver.ErrFull):
		t.board.Trouble(troubleFull, 0, err)
	case isDisk(err):
		t.board.Trouble(troubleDisk, 0, err)
	}
}

// isDisk says whether an error is the disk's.
func isDisk(err error) bool {
	var path *fs.PathError
	var call *os.SyscallError
	return errors.As(err, &path) || errors.As(err, &call) || errors.As(err, new(syscall.Errno))
}
