package stdouttailreceiver

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/heartwood-otel/heartwood/internal/trouble"
)

// refusalPatience is how long the next consumer may refuse what a source has read until that
// counts: what is behind it has a status of its own, which is told earlier.
const refusalPatience = 30 * time.Second

// watchStatus reports what the board says.
func (r *stdoutTailReceiver) watchStatus(host component.Host) {
	r.board.Tell(func(s trouble.Status) {
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
