package store

import (
	"context"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// view is what was there at one time.
type view struct {
	lastID  uint64
	sources []source // by id
}

// source has records that arrived one after the other.
type source struct {
	firstID          uint64
	count            int
	minTime, maxTime int64
	head             []record.Record
}

// window is which records of a source are asked for.
type window struct {
	from, to    int64  // time: from inclusive, to exclusive
	after, upTo uint64 // id: after exclusive, upTo inclusive
}

func (w *window) has(time int64, id uint64) bool {
	return w.from <= time && time < w.to && w.after < id && id <= w.upTo
}

// view gives what is there now. It stays readable until it is released.
func (s *Store) view() (v view, release func()) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v.lastID = s.lastID
	if len(s.head) > 0 {
		head := source{firstID: s.head[0].ID, count: len(s.head), head: s.head, minTime: s.stats.oldest, maxTime: s.stats.newest}
		v.sources = append(v.sources, head)
	}
	return v, func() {}
}

// overlapping gives the sources that may have something in a window. The slice is the caller's.
func (v *view) overlapping(w window) []source {
	var out []source
	for _, s := range v.sources {
		if s.minTime < w.to && s.maxTime >= w.from && s.firstID <= w.upTo && s.firstID+uint64(s.count) > w.after+1 {
			out = append(out, s)
		}
	}
	return out
}

// scan finds what matches in a source.
func (s *Store) scan(ctx context.Context, from *source, q query.Query, w window, found func(hit)) error {
	select {
	case s.scanners <- struct{}{}:
		defer func() { <-s.scanners }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for i := range from.head {
		r := &from.head[i]
		if at := r.Time.UnixNano(); w.has(at, r.ID) && q.Match(r) {
			found(hit{place: place{at, r.ID}, source: from, row: i})
		}
	}
	return nil
}

// load reads records, up to so many bytes, but one at least.
func (s *Store) load(ctx context.Context, hits []hit, maxBytes int) ([]record.Record, error) {
	out := make([]record.Record, 0, len(hits))
	bytes := 0
	for _, h := range hits {
		r := h.source.head[h.row]
		if bytes += int(sizeOf(&r)); bytes > maxBytes && len(out) > 0 {
			break
		}
		out = append(out, r)
	}
	return out, ctx.Err()
}
