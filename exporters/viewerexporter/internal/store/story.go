package store

import (
	"container/heap"
	"context"
	"math"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

const (
	// maxStoryIDs is how many macro ids, and how many traces, a story follows.
	maxStoryIDs = 64
	// maxStoryBytes bounds its memory.
	maxStoryBytes = 32 << 20
)

// Story gives the records and spans of a request, or of a trace, or of both, by time: what has the request's id, as
// its own or as its macro-transaction's, or is of the same macro-transaction, and then all of the traces of
// these. complete is false where there is more than limit, or the time for a call ended.
func (s *Store) Story(ctx context.Context, request, trace string, limit int) (records []record.Record, complete bool, err error) {
	view, release := s.view()
	defer release()
	deadline := time.Now().Add(3 * s.settings.QueryTime)
	requests, traces := newIDs(request), newIDs(query.Fold(trace))
	complete = true
	// First the request's own, which name its macro-transaction, then all of that, which name the traces.
	for looked := 0; looked < len(requests.list); {
		looked = len(requests.list)
		var whole bool
		if records, whole, err = s.gather(ctx, &view, query.Any(requests.nodes(query.Request, query.Macro)...), limit, deadline); err != nil {
			return nil, false, err
		}
		complete = complete && whole
		for i := range records {
			requests.add(records[i].Macro)
			traces.add(records[i].Trace)
		}
		if looked > 1 {
			break // not the macro-transactions of its parts
		}
	}
	nodes := append(requests.nodes(query.Request, query.Macro), traces.nodes(query.Trace)...)
	if len(nodes) == 0 {
		return nil, true, nil
	}
	records, whole, err := s.gather(ctx, &view, query.Any(nodes...), limit, deadline)
	return records, complete && whole && !requests.more && !traces.more, err
}

// ids are some, each once.
type ids struct {
	list []string
	more bool // than maxStoryIDs
}

func newIDs(first string) *ids {
	out := &ids{}
	out.add(first)
	return out
}

func (s *ids) add(id string) {
	if id == "" || slices.Contains(s.list, id) {
		return
	}
	if len(s.list) == maxStoryIDs {
		s.more = true
		return
	}
	s.list = append(s.list, id)
}

func (s *ids) nodes(kinds ...query.FieldKind) (out []query.Node) {
	for _, id := range s.list {
		for _, kind := range kinds {
			out = append(out, query.Is(kind, id))
		}
	}
	return out
}

// gather gives the first records that match, by time.
func (s *Store) gather(ctx context.Context, view *view, q query.Query, limit int, deadline time.Time) (records []record.Record, complete bool, err error) {
	search, done := s.search(q)
	defer done()
	found := &page{oldest: true, room: max(1, limit) + 1, start: place{math.MinInt64, 0}}
	heap.Init(found)
	complete = true
	sources := view.overlapping(everything)
	for i := len(sources) - 1; i >= 0; i-- {
		if time.Now().After(deadline) {
			complete = false
			break
		}
		if err := search.scan(ctx, &sources[i], everything, found.add); err != nil {
			return nil, false, err
		}
	}
	hits := found.sorted()
	if len(hits) >= found.room {
		hits, complete = hits[:found.room-1], false
	}
	records, used, err := search.load(ctx, hits, maxStoryBytes)
	return records, complete && used == len(hits), err
}
