package archiveaudit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Query says which lines are looked for.
type Query struct {
	Prefix string
	// ID is a request id or a trace id of 32 lower-case hex digits; "" is any.
	ID string
	// From and To bound what records say of their time. Zero is no bound.
	From, To time.Time
	// Parallel is how many objects are read at a time; 0 is GOMAXPROCS.
	Parallel int
}

// Hit is a line that was found. Its data is the callee's until it returns.
type Hit struct {
	Writer   string
	Object   string
	Class    string
	Encoding string
	Line     int64 // in the object, from 1
	Data     []byte
}

// SearchStats say what a search has read.
type SearchStats struct {
	Manifests   int64 `json:"manifests"`
	Objects     int64 `json:"objects"`      // there are, in the manifests that were read
	ObjectBytes int64 `json:"object_bytes"` // as stored
	Pruned      int64 `json:"pruned"`       // by their time
	Filtered    int64 `json:"filtered"`     // by their filter
	Read        int64 `json:"read"`
	ReadBytes   int64 `json:"read_bytes"`
	FilterBytes int64 `json:"filter_bytes"`
	Hit         int64 `json:"objects_with_hits"`
	Hits        int64 `json:"hits"`
}

// eventSlack is how much later than its arrival a record may say that it is, with the
// exporter's default for partitions and a day more.
const eventSlack = 25 * time.Hour

type candidate struct {
	l *writerLog
	m *archive.Manifest
	o *archive.ManifestObject
}

type searched struct {
	candidate
	hits     []Hit
	filter   int64 // bytes
	filtered bool
	size     int64
	// large says that the hits are too many to be held: the object, which is whole, is to be
	// read once more for them.
	large bool
	err   error
}

// maxHeldHits is how much of an object's lines is held, in bytes.
const maxHeldHits = 64 << 20

// Search gives the lines that fit, of one writer after the other in the order of its log.
// It reads the filters of all objects of the time, and the objects that they don't rule
// out. It needs no key, and proves nothing.
func Search(ctx context.Context, r objectstore.Reader, q Query, hit func(Hit) error) (SearchStats, error) {
	var stats SearchStats
	if q.Parallel <= 0 {
		q.Parallel = runtime.GOMAXPROCS(0)
	}
	names, err := Writers(ctx, r, q.Prefix)
	if err != nil {
		return stats, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, name := range names {
		l := &writerLog{r: r, layout: archive.Layout{Prefix: q.Prefix}, name: name}
		// What candidates counts and says is another goroutine's until the loop has ended.
		var listed SearchStats
		var listing, failure error
		candidates := l.candidates(ctx, q, &listed, &listing)
		for s := range inOrder(ctx, q.Parallel, candidates, func(ctx context.Context, c candidate) searched { return c.search(ctx, q) }) {
			if failure = s.give(ctx, q, &stats, hit); failure != nil {
				break
			}
		}
		stats.Manifests, stats.Objects = stats.Manifests+listed.Manifests, stats.Objects+listed.Objects
		stats.ObjectBytes, stats.Pruned = stats.ObjectBytes+listed.ObjectBytes, stats.Pruned+listed.Pruned
		if err := cmp.Or(failure, listing); err != nil {
			return stats, err
		}
		if ctx.Err() != nil {
			return stats, context.Cause(ctx)
		}
	}
	return stats, nil
}

// give gives the hits of an object, and counts.
func (s *searched) give(ctx context.Context, q Query, stats *SearchStats, hit func(Hit) error) error {
	if s.err != nil {
		return s.err
	}
	stats.FilterBytes += s.filter
	if s.filtered {
		stats.Filtered++
		return nil
	}
	stats.Read++
	stats.ReadBytes += s.size
	if len(s.hits) > 0 || s.large {
		stats.Hit++
	}
	counted := func(h Hit) error {
		stats.Hits++
		return hit(h)
	}
	for _, h := range s.hits {
		if err := counted(h); err != nil {
			return err
		}
	}
	if !s.large {
		return nil
	}
	stats.ReadBytes += s.size
	return s.each(ctx, q, counted)
}

type manifestOrError struct {
	m    *archive.Manifest
	cost int64
	err  error
}

// candidates gives the objects whose time fits.
func (l *writerLog) candidates(ctx context.Context, q Query, stats *SearchStats, failure *error) iter.Seq[candidate] {
	return func(yield func(candidate) bool) {
		var held budget
		listing, stop := context.WithCancel(ctx)
		defer stop()
		places := func(yield func(place) bool) {
			for info, err := range l.r.List(listing, l.layout.ManifestPrefix(l.name), "") {
				if err != nil && listing.Err() != nil {
					return
				}
				if err != nil {
					*failure = fmt.Errorf("list the manifests of %s: %w", l.name, err)
					return
				}
				if !q.From.IsZero() && info.Modified.Before(q.From.Add(-eventSlack)) {
					continue
				}
				if !yield(place{manifests: []objectstore.Info{info}}) {
					return
				}
			}
		}
		read := func(ctx context.Context, p place) manifestOrError {
			m, _, err := l.read(ctx, p.manifests[0])
			return manifestOrError{m, p.cost(), err}
		}
		for x := range inOrder(ctx, max(16, 4*q.Parallel), held.within(listing, places), read) {
			if x.err != nil {
				*failure = x.err
				stop()
				return
			}
			stats.Manifests++
			for i := range x.m.Objects {
				o := &x.m.Objects[i]
				stats.Objects++
				stats.ObjectBytes += o.Size
				if (!q.From.IsZero() && o.MaxTime.Before(q.From)) || (!q.To.IsZero() && !o.MinTime.Before(q.To)) {
					stats.Pruned++
					continue
				}
				if !yield(candidate{l, x.m, o}) {
					stop()
					return
				}
			}
			held.give(x.cost)
		}
	}
}

// search looks into one object, unless its filter rules it out.
func (c candidate) search(ctx context.Context, q Query) (s searched) {
	s.candidate = c
	if q.ID != "" && c.m.Filters != nil {
		key := c.l.layout.Filters(c.l.name, c.m.Number, c.m.Filters.SHA256)
		data, err := getRange(ctx, c.l.r, key, c.o.Filter.Offset, c.o.Filter.Length)
		s.filter = int64(len(data))
		if err == nil {
			var f archive.Filter
			if f, err = archive.OpenFilter(data); err == nil && !f.May([]byte(q.ID)) {
				s.filtered = true
				return s
			}
		}
		// Without its filter an object is read.
	}
	s.size = c.o.Size
	held := 0
	s.err = c.each(ctx, q, func(h Hit) error {
		if held += len(h.Data); held > maxHeldHits && len(s.hits) > 0 {
			s.large, s.hits = true, nil
		}
		if !s.large {
			h.Data = bytes.Clone(h.Data)
			s.hits = append(s.hits, h)
		}
		return nil
	})
	if errors.Is(s.err, objectstore.ErrNotFound) && time.Now().After(c.o.RetainUntil) && !c.o.RetainUntil.IsZero() {
		s.err = nil // its time is over
	}
	return s
}

// each gives the lines of an object that fit. Their bytes are the callee's until it returns.
func (c candidate) each(ctx context.Context, q Query, hit func(Hit) error) error {
	needle := []byte(nil)
	form := formOf(c.o.Encoding)
	if form != formProto {
		needle = jsonText(q.ID)
	}
	return c.l.lines(ctx, c.o, func(n int64, data []byte) error {
		if ctx.Err() != nil || q.ID != "" && (!bytes.Contains(data, needle) || !slices.Contains(lineIDs(form, data), q.ID)) {
			return ctx.Err()
		}
		return hit(Hit{Writer: c.l.name, Object: c.o.Key, Class: c.o.Class, Encoding: c.o.Encoding, Line: n, Data: data})
	})
}

// jsonText is how a text stands in JSON, as far as all writers of it agree: up to the
// first byte that may be escaped.
func jsonText(text string) []byte {
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\/<>&`, r) }); i >= 0 {
		text = text[:i]
	}
	return []byte(text)
}

func getRange(ctx context.Context, r objectstore.Reader, key string, offset, length int64) ([]byte, error) {
	return retry(ctx, func() ([]byte, error) {
		if length <= 0 || length > maxFilters {
			return nil, fmt.Errorf("a filter of %d bytes", length)
		}
		body, _, err := r.Get(ctx, key, "", offset, length)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(body, length))
		return data, errors.Join(err, body.Close())
	})
}

// Member gives what a JSON document has under a name, whose parts may be objects in each
// other, as text. False: it has no such member, or is no object.
func Member(line []byte, name string) (string, bool) {
	var document map[string]any
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	if decoder.Decode(&document) != nil {
		return "", false
	}
	switch v := member(document, name).(type) {
	case nil:
		return "", false
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	default:
		text, err := json.Marshal(v)
		return string(text), err == nil
	}
}
