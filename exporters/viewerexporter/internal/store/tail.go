package store

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// Cursor is the end of what has arrived. What comes behind it is given by Since, and by Records with the
// oldest first. It stays good when the store is opened again.
func (s *Store) Cursor() string {
	s.mu.RLock()
	last := s.lastID
	s.mu.RUnlock()
	return s.tail(last).String()
}

// tail is the cursor behind a record.
func (s *Store) tail(last uint64) cursor {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	return cursor{tail: true, after: last, leftOut: s.leftOut.total, process: s.started}
}

// Wait returns when there is something behind a cursor of Cursor or Since, or with the error of ctx, or with
// ErrClosed.
func (s *Store) Wait(ctx context.Context, at string) error {
	c, err := parseCursor(at)
	if err != nil {
		return err
	}
	for {
		s.mu.RLock()
		last, news := s.newestID(), s.news
		s.mu.RUnlock()
		if last > c.after {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopped:
			return ErrClosed
		}
	}
}

// newestID is that of the newest record that is there, 0 without one.
func (s *Store) newestID() uint64 {
	if s.count > 0 {
		return s.newest
	}
	if n := len(s.blocks); n > 0 {
		return s.blocks[n-1].ids.last()
	}
	return 0
}

// Since gives of what matches behind a cursor the latest, at most limit and by arrival, and how many there are;
// leftOut is how many records were left out since the cursor was made; next is where to go on. A call
// takes no longer than QueryTime, so next may be before what arrived last. An empty cursor is the end.
func (s *Store) Since(ctx context.Context, q query.Query, at string, limit int) (records []record.Record, matched, leftOut int, next string, err error) {
	if at == "" {
		return nil, 0, 0, s.Cursor(), nil
	}
	c, err := parseCursor(at)
	if err != nil {
		return nil, 0, 0, "", err
	}
	view, release := s.view()
	defer release()
	to := s.tail(max(c.after, view.lastID))
	if c.tail && c.process == s.started {
		leftOut = int(to.leftOut - c.leftOut)
	} else {
		leftOut = int(to.leftOut)
	}
	search, done := s.search(q)
	defer done()
	w := window{from: math.MinInt64, to: math.MaxInt64, after: c.after, upTo: view.lastID}
	limit = max(0, limit)
	var latest []hit
	deadline := time.Now().Add(s.settings.QueryTime)
	sources := view.overlapping(w)
	for i := range sources {
		if i > 0 && time.Now().After(deadline) {
			to.after = sources[i-1].ids.last()
			break
		}
		err := search.scan(ctx, &sources[i], w, func(h hit) {
			matched++
			latest = append(latest, h)
			if len(latest) >= 2*limit+64 {
				latest = slices.Delete(latest, 0, len(latest)-limit)
			}
		})
		if err != nil {
			return nil, 0, 0, "", err
		}
	}
	latest = latest[max(0, len(latest)-limit):]
	if records, _, err = search.load(ctx, latest, maxPageBytes); err != nil {
		return nil, 0, 0, "", err
	}
	return records, matched, leftOut, to.String(), nil
}
