package store

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// write is the goroutine that moves records from the queue to where queries find them, and to disk.
func (s *Store) write() {
	defer close(s.stopped)
	ticker := time.NewTicker(s.settings.FlushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.wake:
			s.take()
		case <-ticker.C:
		case done := <-s.flushes:
			s.take()
			done <- nil
		case <-s.stop:
			s.take()
			return
		}
	}
}

// take empties the queue.
func (s *Store) take() {
	s.queueMu.Lock()
	batches := s.queue
	s.queue = nil
	s.queueMu.Unlock()
	for _, batch := range batches {
		sizes := int64(0)
		for i := range batch {
			sizes += sizeOf(&batch[i])
			normalise(&batch[i])
		}
		s.publish(batch)
		s.queueMu.Lock()
		s.waiting -= sizes
		s.queueMu.Unlock()
	}
}

// publish gives records their ids and shows them to queries.
func (s *Store) publish(records []record.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range records {
		r := &records[i]
		s.lastID++
		r.ID = s.lastID
		if r.Kind == record.Span {
			s.stats.spans++
		} else {
			s.stats.records++
		}
		at := nanos(r.Time)
		if s.stats.records+s.stats.spans == 1 {
			s.stats.oldest, s.stats.newest = at, at
		}
		s.stats.oldest, s.stats.newest = min(s.stats.oldest, at), max(s.stats.newest, at)
	}
	s.head = append(s.head, records...)
	close(s.news)
	s.news = make(chan struct{})
}

// normalise makes of a record what the rest of the package relies on: a time that nanoseconds can
// say, and fields sorted by name, each name once, of which the last one counts.
func normalise(r *record.Record) {
	if r.Time.IsZero() {
		r.Time = r.Arrived
	}
	r.Time = time.Unix(0, nanos(r.Time)).UTC()
	r.Arrived = time.Unix(0, nanos(r.Arrived)).UTC()
	r.Severity = min(r.Severity, 24)
	if r.Kind != record.Span {
		r.Kind = record.Log
	}
	r.Attributes = sorted(r.Attributes)
	r.Resource = sorted(r.Resource)
}

func sorted(fields []record.Field) []record.Field {
	inOrder := true
	for i := 1; i < len(fields) && inOrder; i++ {
		inOrder = fields[i-1].Name < fields[i].Name
	}
	if inOrder {
		return fields
	}
	// Queries may be reading the slice: a resource is shared.
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b record.Field) int { return strings.Compare(a.Name, b.Name) })
	out := fields[:0]
	for i := range fields {
		if n := len(out); n > 0 && out[n-1].Name == fields[i].Name {
			out[n-1] = fields[i]
			continue
		}
		out = append(out, fields[i])
	}
	return out
}

// nanos is a time in Unix nanoseconds, as far as they reach, from 1677 to 2262.
func nanos(t time.Time) int64 {
	switch seconds := t.Unix(); {
	case seconds > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64 - 1
	case seconds < math.MinInt64/int64(time.Second)+1:
		return math.MinInt64 + 1
	default:
		return t.UnixNano()
	}
}
