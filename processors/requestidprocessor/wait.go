package requestidprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// wait waits until other calls have brought the ids that are missing here, or for as
// long as the configuration says. The whole batch waits, in its order, and its sender
// for the answer: so nothing that waits can be lost.
func (b *batch) wait(ctx context.Context, size func() int64) error {
	count, bytes := int64(len(b.items)), size()
	s := b.shared
	defer func() {
		s.waiting.Add(-count)
		s.waitingBytes.Add(-bytes)
	}()
	tooMany := s.waiting.Add(count) > int64(b.cfg.MaxWaitingRecords)
	if tooMuch := s.waitingBytes.Add(bytes) > int64(b.cfg.MaxWaitingSize); tooMany || tooMuch {
		b.skipped = b.missing
		return nil
	}
	b.waited = b.missing
	told := make(chan struct{}, 1)
	timer := time.NewTimer(b.cfg.Wait)
	defer timer.Stop()
	awaited := make(map[pcommon.TraceID]bool)
	for i := range b.items {
		it := &b.items[i]
		if it.id == "" && !it.refused && !it.trace.IsEmpty() && !awaited[it.trace] {
			awaited[it.trace] = true
			if !s.table.Await(it.trace, told) {
				select {
				case told <- struct{}{}:
				default:
				}
			}
		}
	}
	defer func() {
		for trace := range awaited {
			s.table.Forget(trace, told)
		}
	}()
	for b.missing > 0 {
		select {
		case <-told:
		case <-timer.C:
			b.now = time.Now()
			b.join()
			return nil
		case <-b.closing:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		b.now = time.Now()
		b.join()
	}
	return nil
}
