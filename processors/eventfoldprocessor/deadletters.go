package eventfoldprocessor

import (
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/deadletter"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
)

func openDeadLetters(directory string, id component.ID) (*deadletter.Folder, error) {
	return deadletter.Open(deadletter.Settings{
		Directory: directory,
		Members:   []deadletter.Member{{Name: "processor", Value: id.String()}},
		Key:       "fold.id",
	})
}

// bury writes the one event that can't be delivered to the folder of dead letters, as
// often as it takes. False says that Shutdown came first. Of an early one nothing is kept:
// the final one comes.
func (s *shard) bury(batch []*foldtable.Closed, parts []foldtable.StoredPart, logs plog.Logs, why dropReason, err error) bool {
	if s.letters == nil || why == shutDown || len(batch) != 1 || batch[0].Early {
		return true
	}
	letters := lettersOf(batch[0], parts, logs, why, err)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := s.letters.Write(time.Now(), letters)
		if err == nil {
			return true
		}
		if n, ok := s.buryLog.Add(1); ok {
			s.set.Logger.Error("An event that can't be delivered can't be kept as a dead letter, either; it is tried again", zap.Int64("events", n), zap.Error(err))
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1)) //nolint:gosec // spreads retries, no secret
		select {
		case <-timer.C:
		case <-s.work.Done():
			timer.Stop()
			return false
		}
	}
}

// lettersOf gives an event as one letter in OTLP's JSON; what could not be made an event,
// as a letter for each record, as it is stored.
func lettersOf(c *foldtable.Closed, parts []foldtable.StoredPart, logs plog.Logs, why dropReason, reason error) []deadletter.Letter {
	if why == refusedForGood {
		data, err := new(plog.JSONMarshaler).MarshalLogs(logs)
		if err == nil {
			return []deadletter.Letter{{Reason: string(why), Message: reason.Error(), Key: c.ID.String(), Data: data, Records: c.Parts()}}
		}
	}
	letters := make([]deadletter.Letter, 0, len(parts))
	for i := range parts {
		letters = append(letters, deadletter.Letter{Reason: string(why), Message: reason.Error(), Key: c.ID.String(), Data: parts[i].Record, Records: 1})
	}
	return letters
}
