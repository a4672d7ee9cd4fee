package store

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// Volume is how many records match, by time.
type Volume struct {
	// Levels has for each level of which there are any their number in each bucket.
	Levels map[string][]int
	// LeftOut is how many records were left out in each bucket, by their arrival; nil if none were.
	LeftOut []int
	Total   int
	// Complete is false where the time for one call ended: the older ones are not counted.
	Complete bool
}

// Volume counts what matches in each step of time since from. Blocks whose records are all of one step are
// counted by what their footers say, where the query has only service, level and kind.
func (s *Store) Volume(ctx context.Context, q query.Query, from time.Time, step time.Duration, buckets int) (Volume, error) {
	if step <= 0 || buckets <= 0 || int64(step) > math.MaxInt64/int64(buckets) {
		return Volume{}, errors.New("a volume needs steps of time")
	}
	first := nanos(from)
	w := everything
	w.from = first
	if length := int64(step) * int64(buckets); first < math.MaxInt64-length {
		w.to = first + length
	}
	s.queueMu.Lock()
	out := Volume{LeftOut: s.leftOut.buckets(first, int64(step), buckets), Complete: true}
	s.queueMu.Unlock()
	view, release := s.view()
	defer release()
	search, done := s.search(q)
	defer done()
	var counts [7][]int
	count := func(at int64, severity uint8, n int) {
		level := record.LevelIndex(severity)
		if counts[level] == nil {
			counts[level] = make([]int, buckets)
		}
		counts[level][uint64(at-first)/uint64(step)] += n
		out.Total += n
	}
	byFooter, byService := summarised(q.Root)
	var rest []source
	for _, from := range view.overlapping(w) {
		k := from.block
		if k == nil || !byFooter || k.summary == nil || !w.all(&from) ||
			uint64(k.minTime-first)/uint64(step) != uint64(k.maxTime-first)/uint64(step) || byService && k.hasNoService() {
			rest = append(rest, from)
			continue
		}
		for _, entry := range k.summary {
			if q.Match(&record.Record{Kind: entry.kind, Severity: entry.severity, Service: entry.service.Value()}) {
				count(k.minTime, entry.severity, int(entry.count))
			}
		}
	}
	newestFirst(rest)
	deadline := time.Now().Add(s.settings.QueryTime)
	for i := range rest {
		if i > 0 && time.Now().After(deadline) {
			out.Complete = false
			break
		}
		err := search.turn(ctx, func() error {
			from := &rest[i]
			if from.block == nil {
				for j := range from.head {
					r := &from.head[j]
					if at := r.Time.UnixNano(); w.has(at, r.ID) && q.Match(r) {
						count(at, r.Severity, 1)
					}
				}
				return nil
			}
			found, times, r, err := search.matches(from, w)
			if err != nil || r == nil || found.empty() {
				return err
			}
			severities, err := r.ints(columnSeverity)
			if err != nil {
				return &damagedError{from.block, err}
			}
			found.rows(func(row int) { count(times[row], uint8(severities[row]), 1) })
			return nil
		})
		if err != nil {
			return Volume{}, err
		}
	}
	out.Levels = map[string][]int{}
	for i, level := range record.Levels() {
		if counts[i] != nil {
			out.Levels[level] = counts[i]
		}
	}
	return out, nil
}

func newestFirst(sources []source) {
	slices.SortStableFunc(sources, func(a, b source) int { return compareInts(b.maxTime, a.maxTime) })
}

// summarised says whether the counts of a block's footer are enough for a query, and whether it asks for
// services.
func summarised(n query.Node) (enough, services bool) {
	all := func(terms []query.Node) (enough, services bool) {
		for _, term := range terms {
			ok, withService := summarised(term)
			if !ok {
				return false, false
			}
			services = services || withService
		}
		return true, services
	}
	switch n := n.(type) {
	case nil:
		return true, false
	case *query.And:
		return all(n.Terms)
	case *query.Or:
		return all(n.Terms)
	case *query.Not:
		return summarised(n.Term)
	case *query.Compare:
		switch n.Field.Kind {
		case query.Level, query.Kind:
			return true, false
		case query.Service:
			return true, true
		}
	}
	return false, false
}

// hasNoService says whether a record has no service of its own, and may have it as an attribute.
func (k *block) hasNoService() bool {
	return slices.ContainsFunc(k.summary, func(entry summaryEntry) bool { return entry.service.Value() == "" })
}
