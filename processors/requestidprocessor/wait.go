package requestidprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/processors/requestidprocessor/internal/requesttable"
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
	timer := time.NewTimer(b.cfg.Wait)
	defer timer.Stop()
	waiter := requesttable.NewWaiter()
	awaited := b.chain()
	for trace := range awaited {
		s.table.Await(trace, waiter)
	}
	defer func() {
		for trace := range awaited {
			s.table.Forget(trace, waiter)
		}
	}()
	for late := false; b.missing > 0 && !late; {
		select {
		case <-waiter.C:
		case <-timer.C:
			late = true
		case <-b.closing:
			late = true
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, told := range waiter.Take() {
			if first, ok := awaited[told.Trace]; ok {
				b.bring(first, told.ID)
				delete(awaited, told.Trace)
			}
		}
	}
	b.now = time.Now()
	return nil
}

// chain gives the first item of each trace that lacks its id; each leads to the next of its
// trace.
func (b *batch) chain() map[pcommon.TraceID]int32 {
	first := make(map[pcommon.TraceID]int32)
	for i := range b.items {
		it := &b.items[i]
		if it.id != "" || it.refused || it.trace.IsEmpty() {
			continue
		}
		next, ok := first[it.trace]
		if !ok {
			next = noItem
		}
		it.next = next
		first[it.trace] = int32(i)
	}
	return first
}

// bring gives the items of a trace their id.
func (b *batch) bring(first int32, id string) {
	for i := first; i != noItem; i = b.items[i].next {
		b.items[i].id, b.items[i].how = id, byTrace
		b.missing--
	}
}
