package store

import (
	"context"
	"errors"
	"math"
	"slices"
	"sort"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// view is what was there at one time.
type view struct {
	lastID  uint64
	sources []source // by id
}

// source has records that arrived one after the other: a block, or the head.
type source struct {
	ids              idRange
	minTime, maxTime int64
	block            *block
	head             []record.Record
}

// window is which records of a source are asked for.
type window struct {
	from, to    int64  // time: from inclusive, to exclusive
	after, upTo uint64 // id: after exclusive, upTo inclusive
}

// everything is the window without limits.
var everything = window{from: math.MinInt64, to: math.MaxInt64, upTo: math.MaxUint64}

func (w *window) has(time int64, id uint64) bool {
	return w.from <= time && time < w.to && w.after < id && id <= w.upTo
}

// all says whether a window has all of a source.
func (w *window) all(s *source) bool {
	return w.from <= s.minTime && s.maxTime < w.to && w.after < s.ids.first && s.ids.last() <= w.upTo
}

// view gives what is there now. It stays readable until it is released.
func (s *Store) view() (v view, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeHeadLocked()
	v.lastID = s.lastID
	v.sources = make([]source, 0, len(s.blocks)+1)
	for _, k := range s.blocks {
		if !k.damaged.Load() {
			v.sources = append(v.sources, source{ids: k.ids, minTime: k.minTime, maxTime: k.maxTime, block: k})
		}
	}
	if len(s.head) > 0 {
		head := source{ids: idsOf(s.chunks), head: s.head}
		for i := range s.head {
			at := s.head[i].Time.UnixNano()
			if i == 0 {
				head.minTime, head.maxTime = at, at
			}
			head.minTime, head.maxTime = min(head.minTime, at), max(head.maxTime, at)
		}
		v.sources = append(v.sources, head)
	}
	segments := slices.Clone(s.segments)
	for _, segment := range segments {
		segment.refs.Add(1)
	}
	return v, func() {
		for _, segment := range segments {
			segment.release()
		}
	}
}

// overlapping gives the sources that may have something in a window. The slice is the caller's.
func (v *view) overlapping(w window) []source {
	first := sort.Search(len(v.sources), func(i int) bool { return v.sources[i].ids.last() > w.after })
	var out []source
	for i := first; i < len(v.sources); i++ {
		s := &v.sources[i]
		if s.ids.first > w.upTo {
			break
		}
		if s.minTime < w.to && s.maxTime >= w.from {
			out = append(out, *s)
		}
	}
	return out
}

// search is a query that is being answered. It is for one goroutine.
type search struct {
	store   *Store
	query   query.Query
	needs   map[query.Node]*need
	buffers *buffers
	cached  *answers
}

func (s *Store) search(q query.Query) (*search, func()) {
	memory, _ := s.memory.Get().(*buffers)
	if memory == nil {
		memory = &buffers{}
	}
	out := &search{store: s, query: q, needs: map[query.Node]*need{}, buffers: memory, cached: s.answers.of(q.String())}
	needsOf(q.Root, out.needs)
	return out, func() {
		memory.trim()
		s.memory.Put(memory)
	}
}

// scan finds what matches in a source: its place in time and its row, by id.
func (q *search) scan(ctx context.Context, from *source, w window, found func(hit)) error {
	return q.turn(ctx, func() error {
		if from.block == nil {
			for i := range from.head {
				r := &from.head[i]
				if at := r.Time.UnixNano(); w.has(at, r.ID) && q.query.Match(r) {
					found(hit{place: place{at, r.ID}, source: from, row: i})
				}
			}
			return nil
		}
		matches, times, _, err := q.matches(from, w)
		if err != nil {
			return err
		}
		matches.rows(func(row int) {
			found(hit{place: place{times[row], from.ids.at(row)}, source: from, row: row})
		})
		return nil
	})
}

// turn calls f when it is this goroutine's turn to work. Of the damage of a block it makes a note; the
// block then has nothing.
func (q *search) turn(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case q.store.scanners <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-q.store.scanners }()
	err := f()
	if damaged, ok := errors.AsType[*damagedError](err); ok {
		q.store.noteDamage(damaged)
		return nil
	}
	return err
}

// matches gives the rows of a block that match, their times, and the reader if the block had to be read. Without
// a match there may be no times.
func (q *search) matches(from *source, w window) (found bitmap, times []int64, r *reader, err error) {
	k := from.block
	damaged := func(err error) (bitmap, []int64, *reader, error) { return nil, nil, nil, &damagedError{k, err} }
	found, known := q.cached.get(k)
	if known && found == nil {
		return nil, nil, nil, nil
	}
	if !known && len(q.needs) > 0 {
		ok, err := mayMatch(k, q.query.Root, q.needs, q.buffers)
		if err != nil {
			return damaged(err)
		}
		if !ok {
			q.cached.put(k, nil)
			return nil, nil, nil, nil
		}
	}
	if r, err = newReader(k, q.store.decoder, q.buffers); err != nil {
		return damaged(err)
	}
	all := w.all(from)
	mask := fullBitmap(from.ids.count)
	if !all {
		if times, err = r.ints(columnTime); err != nil {
			return damaged(err)
		}
		mask = newBitmap(from.ids.count)
		for row, at := range times {
			if w.has(at, from.ids.at(row)) {
				mask.set(row)
			}
		}
	}
	switch {
	case known:
		found = found.and(mask)
	case q.query.Root == nil:
		found = mask
	default:
		e := evaluator{r, q.needs}
		if found, err = e.node(q.query.Root, mask); err != nil {
			return damaged(err)
		}
		if all {
			q.cached.put(k, found)
		}
	}
	if times == nil && !found.empty() {
		if times, err = r.ints(columnTime); err != nil {
			return damaged(err)
		}
	}
	return found, times, r, nil
}

// load reads records, up to so many bytes, but one at least; used is how many of the hits these are. Those of a
// block that turns out to be damaged are missing.
func (q *search) load(ctx context.Context, hits []hit, maxBytes int) (records []record.Record, used int, err error) {
	byBlock := map[*block][]int{} // places in hits
	var order []*block
	out := make([]record.Record, len(hits))
	have := make([]bool, len(hits))
	for i, h := range hits {
		if h.source.block == nil {
			out[i], have[i] = h.source.head[h.row], true
			continue
		}
		if byBlock[h.source.block] == nil {
			order = append(order, h.source.block)
		}
		byBlock[h.source.block] = append(byBlock[h.source.block], i)
	}
	for _, k := range order {
		err := q.turn(ctx, func() error {
			r, err := newReader(k, q.store.decoder, q.buffers)
			if err != nil {
				return &damagedError{k, err}
			}
			rows := make([]int, len(byBlock[k]))
			for j, i := range byBlock[k] {
				rows[j] = hits[i].row
			}
			records, err := r.records(rows)
			if err != nil {
				return &damagedError{k, err}
			}
			for j, i := range byBlock[k] {
				out[i], have[i] = records[j], true
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	bytes, n := 0, 0
	for i := range out {
		if have[i] {
			if bytes += int(sizeOf(&out[i])); bytes > maxBytes && n > 0 {
				return out[:n], i, nil
			}
			out[n] = out[i]
			n++
		}
	}
	return out[:n], len(hits), nil
}
