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

// Range is of Record.Time: From inclusive, To exclusive. A zero time is no limit.
type Range struct{ From, To time.Time }

func (r Range) nanos() (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	if !r.From.IsZero() {
		from = nanos(r.From)
	}
	if !r.To.IsZero() {
		to = nanos(r.To)
	}
	return from, to
}

// Page is a part of what a query gives.
type Page struct {
	Records []record.Record
	// Next is the cursor for the next page, "" at the end.
	Next string
	// Complete is false where the time for one call ended: there may be fewer records than asked for,
	// even none, and Next goes on.
	Complete bool
}

// maxPageBytes bounds the memory of a page; there is one record at least.
const maxPageBytes = 8 << 20

// Records gives records that match, the newest first or the oldest first, by (Time, ID). A cursor is a
// page's Next, asked for with the same query, range and order; or, with the oldest first, a Tail's: then
// only what arrived behind it is given.
//
// A cursor has the id of the newest record at the time of the first page: the pages together are
// what matched then, in order, each record once. What arrives later is not among them, however old
// its time; what the store had to let go of meanwhile is missing.
func (s *Store) Records(ctx context.Context, q query.Query, r Range, oldest bool, limit int, at string) (Page, error) {
	view, release := s.view()
	defer release()
	c := cursor{upTo: view.lastID, time: math.MaxInt64, id: math.MaxUint64}
	if oldest {
		c.time, c.id = math.MinInt64, 0
	}
	if at != "" {
		given, err := parseCursor(at)
		if err != nil {
			return Page{}, err
		}
		if given.tail {
			given = cursor{after: given.after, upTo: c.upTo, time: c.time, id: c.id}
		}
		c = given
	}
	w := window{after: c.after, upTo: c.upTo}
	w.from, w.to = r.nanos()
	search, done := s.search(q)
	defer done()
	found := &page{oldest: oldest, room: max(1, limit) + 1, start: place{c.time, c.id}}
	sources := view.overlapping(w)
	found.sort(sources)
	key := pendingKey{query: q.String(), cursor: at, from: w.from, to: w.to, oldest: oldest, limit: limit}
	earlier := s.pendings.get(key, sources)
	found.hits = earlier.hits
	heap.Init(found)
	deadline := time.Now().Add(s.settings.QueryTime)
	scanned, worked := 0, false
	for ; scanned < len(sources); scanned++ {
		from := &sources[scanned]
		if found.done(from) {
			scanned = len(sources)
			break
		}
		if earlier.done[from.ids.first] {
			continue
		}
		if worked && time.Now().After(deadline) {
			break
		}
		if err := search.scan(ctx, from, w, found.add); err != nil {
			return Page{}, err
		}
		earlier.done[from.ids.first] = true
		worked = true
	}
	out := Page{Complete: scanned == len(sources)}
	hits := found.sorted()
	next := place{}
	if !out.Complete {
		// What is not looked at yet may be before some of what was found.
		next = found.frontier(&sources[scanned])
		hits = hits[:found.before(hits, next)]
		if !found.precedes(found.start, next) {
			next = found.start
			c.time, c.id = next.time, next.id
			key.cursor = c.String()
			s.pendings.put(key, &pending{found.hits, earlier.done})
		}
	}
	more := !out.Complete
	if len(hits) >= found.room {
		hits, more, out.Complete = hits[:found.room-1], true, true
		next = hits[len(hits)-1].place
	}
	records, used, err := search.load(ctx, hits, maxPageBytes)
	if err != nil {
		return Page{}, err
	}
	out.Records = records
	if used < len(hits) {
		more, out.Complete = true, true
		next = hits[used-1].place
	}
	if more {
		c.time, c.id = next.time, next.id
		out.Next = c.String()
	}
	return out, nil
}

// Record gives the one with an id.
func (s *Store) Record(ctx context.Context, id uint64) (record.Record, error) {
	view, release := s.view()
	defer release()
	search, done := s.search(query.Query{})
	defer done()
	w := everything
	w.after, w.upTo = id-1, id
	for _, source := range view.overlapping(w) {
		row, ok := source.ids.row(id)
		if !ok {
			continue
		}
		records, _, err := search.load(ctx, []hit{{source: &source, row: row}}, math.MaxInt)
		if err != nil {
			return record.Record{}, err
		}
		if len(records) == 1 {
			return records[0], nil
		}
	}
	return record.Record{}, ErrNotFound
}

// place is one in the order of records.
type place struct {
	time int64
	id   uint64
}

func (a place) compare(b place) int {
	switch {
	case a.time < b.time, a.time == b.time && a.id < b.id:
		return -1
	case a == b:
		return 0
	default:
		return 1
	}
}

// hit is a record that was found.
type hit struct {
	place
	source *source
	row    int
}

// page collects the first hits in its order, in a heap whose top is the last of them.
type page struct {
	oldest bool
	room   int
	start  place // only what is behind it
	hits   []hit
}

// precedes says whether a comes before b.
func (p *page) precedes(a, b place) bool {
	if p.oldest {
		return a.compare(b) < 0
	}
	return a.compare(b) > 0
}

func (p *page) Len() int           { return len(p.hits) }
func (p *page) Less(i, j int) bool { return p.precedes(p.hits[j].place, p.hits[i].place) }
func (p *page) Swap(i, j int)      { p.hits[i], p.hits[j] = p.hits[j], p.hits[i] }
func (p *page) Push(h any)         { p.hits = append(p.hits, h.(hit)) }
func (p *page) Pop() any {
	last := p.hits[len(p.hits)-1]
	p.hits = p.hits[:len(p.hits)-1]
	return last
}

func (p *page) add(h hit) {
	switch {
	case !p.precedes(p.start, h.place):
	case len(p.hits) < p.room:
		heap.Push(p, h)
	case p.precedes(h.place, p.hits[0].place):
		p.hits[0] = h
		heap.Fix(p, 0)
	}
}

func (p *page) sorted() []hit {
	slices.SortFunc(p.hits, func(a, b hit) int {
		if p.oldest {
			return a.compare(b.place)
		}
		return b.compare(a.place)
	})
	return p.hits
}

// sort has the sources first that may have the first records.
func (p *page) sort(sources []source) {
	slices.SortStableFunc(sources, func(a, b source) int {
		if p.oldest {
			return compareInts(a.minTime, b.minTime)
		}
		return compareInts(b.maxTime, a.maxTime)
	})
}

// done says that neither a source nor those behind it have anything for the page.
func (p *page) done(s *source) bool {
	return len(p.hits) == p.room && p.precedes(p.hits[0].place, p.frontier(s))
}

// frontier is a place that comes before all of a source's, and of those behind it.
func (p *page) frontier(s *source) place {
	if p.oldest {
		return place{s.minTime, 0}
	}
	return place{s.maxTime, math.MaxUint64}
}

// before is how many hits come before a place.
func (p *page) before(hits []hit, at place) int {
	n := 0
	for n < len(hits) && p.precedes(hits[n].place, at) {
		n++
	}
	return n
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}
