package archiveaudit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

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
	// Root is the public half of the root key: which keys writers have, the files say that it
	// signed. Nil: all writers files say it.
	Root note.Verifier
	// Notes is told what was passed over, a line each. May be nil.
	Notes func(note string)
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
	o *archive.ManifestObject
}

type searched struct {
	candidate
	hits []Hit
	size int64
	// large says that the hits are too many to be held: the object, which is whole, is to be
	// read once more for them.
	large bool
	err   error
}

// maxHeldHits is how much of an object's lines is held, in bytes.
const maxHeldHits = 64 << 20

// Search gives the lines that fit, of one writer after the other in the order of its log.
// It reads the filters of all objects of the time, and the objects that they don't rule
// out. It proves nothing.
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
	reader := newArchiveReader(r, q.Prefix, q.Root, q.Notes)
	for _, name := range names {
		l := &writerLog{reader, name}
		enrolled, err := l.keys.enrols(ctx, name)
		if err != nil {
			return stats, err
		}
		if !enrolled {
			l.notes.add(l.layout.WriterFolder(name), noteForeign)
			continue
		}
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
		stats.FilterBytes, stats.Filtered = stats.FilterBytes+listed.FilterBytes, stats.Filtered+listed.Filtered
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

// interval is a manifest, and what its filters say.
type interval struct {
	m     *archive.Manifest
	cost  int64
	fits  []bool // by object: its time fits
	deny  []bool // by object: its filter denies the id; nil where that is not known
	bytes int64  // of the filters
	err   error
}

// candidates gives the objects whose time fits, and whose filter does not deny the id.
func (l *writerLog) candidates(ctx context.Context, q Query, stats *SearchStats, failure *error) iter.Seq[candidate] {
	return func(yield func(candidate) bool) {
		var held budget
		var unlisted error
		listing, stop := context.WithCancel(ctx)
		defer stop()
		for x := range inOrder(ctx, max(16, 4*q.Parallel), held.within(listing, l.manifests(listing, q, &unlisted)), func(ctx context.Context, p place) interval { return l.interval(ctx, q, p) }) {
			if x.err != nil {
				*failure = x.err
				stop()
				return
			}
			if !l.fitting(&x, stats, yield) {
				stop()
				return
			}
			held.give(x.cost)
		}
		*failure = unlisted
	}
}

// maxUnbound is how many numbers wait until it is known that they are in the log.
const maxUnbound = 256

// manifests gives the log's manifests that may be of the time. Behind the last checkpoint are
// none: what is there is about to be in the log, or somebody else's.
func (l *writerLog) manifests(ctx context.Context, q Query, failure *error) iter.Seq[place] {
	return func(yield func(place) bool) {
		failed := func(err error) {
			if ctx.Err() == nil {
				*failure = fmt.Errorf("list the manifests of %s: %w", l.name, err)
			}
		}
		parse := func(info objectstore.Info) (int64, error) {
			_, number, _, err := l.layout.ParseManifest(info.Key)
			if err != nil {
				l.notes.add(info.Key, noteNoManifest)
			}
			return number, err
		}
		var waiting []place
		give := func() bool {
			n, err := l.bound(ctx, waiting)
			if err != nil {
				*failure = err
				return false
			}
			for i, p := range waiting {
				if i >= n {
					l.notes.add(p.manifests[0].Key, noteBehind)
				} else if !yield(p) {
					return false
				}
			}
			waiting = nil
			return true
		}
		for group := range numbered(l.versions(ctx, l.layout.ManifestPrefix(l.name)), parse, failed, nil) {
			p := place{number: group.number, manifests: keysOf(group.infos)}
			early := func(info objectstore.Info) bool { return info.Modified.Before(q.From.Add(-eventSlack)) }
			if len(p.manifests) == 0 || (!q.From.IsZero() && !slices.ContainsFunc(group.infos, func(info objectstore.Info) bool { return !early(info) })) {
				continue
			}
			if waiting = append(waiting, p); len(waiting) == maxUnbound && !give() {
				return
			}
		}
		give()
	}
}

// bound says how many of some numbers in order are in the log: where one has its checkpoint,
// all before it are. As a rule that is the last, and no other is asked for.
func (l *writerLog) bound(ctx context.Context, places []place) (int, error) {
	has := func(i int) (bool, error) {
		_, err := l.at(ctx, places[i].number)
		if err != nil && inTheWay(err) && ctx.Err() == nil {
			return false, nil
		}
		return err == nil, err
	}
	low, high := -1, len(places) // has it, and has not or is not there
	for back := 1; high > 0; back *= 2 {
		i := max(0, len(places)-back)
		ok, err := has(i)
		if err != nil {
			return 0, err
		}
		if ok {
			low = i
			break
		}
		high = i
	}
	for low+1 < high {
		middle := low + (high-low)/2
		ok, err := has(middle)
		if err != nil {
			return 0, err
		}
		if ok {
			low = middle
		} else {
			high = middle
		}
	}
	return low + 1, nil
}

// interval reads the manifest of a number: the only one, or the one of the checkpoint.
func (l *writerLog) interval(ctx context.Context, q Query, p place) (x interval) {
	x.cost = p.cost()
	if len(p.manifests) == 1 {
		x.m, _, x.err = l.read(ctx, p.manifests[0].Key)
	} else {
		var h *head
		if h, x.err = l.at(ctx, p.number); x.err == nil {
			x.m = h.manifest
		}
	}
	if x.err != nil {
		return x
	}
	some := false
	x.fits = make([]bool, len(x.m.Objects))
	for i := range x.m.Objects {
		o := &x.m.Objects[i]
		x.fits[i] = (q.From.IsZero() || !o.MaxTime.Before(q.From)) && (q.To.IsZero() || o.MinTime.Before(q.To))
		some = some || x.fits[i]
	}
	if some && q.ID != "" && x.m.Filters != nil {
		x.deny, x.bytes, x.err = l.denied(ctx, x.m, q.ID)
	}
	return x
}

// fitting gives an interval's objects.
func (l *writerLog) fitting(x *interval, stats *SearchStats, yield func(candidate) bool) bool {
	stats.Manifests++
	stats.FilterBytes += x.bytes
	for i := range x.m.Objects {
		o := &x.m.Objects[i]
		stats.Objects++
		stats.ObjectBytes += o.Size
		switch {
		case !x.fits[i]:
			stats.Pruned++
		case x.deny != nil && x.deny[i]:
			stats.Filtered++
		default:
			if !yield(candidate{l, o}) {
				return false
			}
		}
	}
	return true
}

// denied says which of a manifest's objects do not have an id, by their filters; nil where
// these can't be had. All of the filters are read, and one is held at a time: only all of them
// together have a hash.
func (l *writerLog) denied(ctx context.Context, m *archive.Manifest, id string) (deny []bool, size int64, err error) {
	key := l.layout.Filters(l.name, m.Number, m.Filters.SHA256)
	if m.Filters.Size > maxFilters {
		l.notes.add(key, noteNoFilters)
		return nil, 0, nil
	}
	found, err := l.rightVersion(ctx, key, func(version string) (bool, error) {
		n, right := int64(0), false
		_, err := retry(ctx, func() (struct{}, error) {
			body, _, err := l.r.Get(ctx, key, version, 0, -1)
			if err != nil {
				return struct{}{}, err
			}
			deny, n, right, err = denies(io.LimitReader(body, m.Filters.Size+1), m, id)
			return struct{}{}, errors.Join(err, body.Close())
		})
		size += n
		return right && err == nil, err
	})
	if err != nil && !inTheWay(err) {
		return nil, size, fmt.Errorf("read the filters %s: %w", key, err)
	}
	if !found {
		l.notes.add(key, noteNoFilters)
		return nil, size, nil
	}
	return deny, size, nil
}

// denies reads a manifest's filters. They are right if they have the hash that it names.
func denies(from io.Reader, m *archive.Manifest, id string) (deny []bool, size int64, right bool, err error) {
	sum := sha256.New()
	from = io.TeeReader(from, sum)
	deny = make([]bool, len(m.Objects))
	var data bytes.Buffer
	for i := range m.Objects {
		data.Reset()
		n, err := io.CopyN(&data, from, m.Objects[i].Filter.Length)
		if size += n; errors.Is(err, io.EOF) {
			return nil, size, false, nil
		} else if err != nil {
			return nil, size, false, err
		}
		f, wrong := archive.OpenFilter(data.Bytes())
		deny[i] = wrong == nil && !f.May([]byte(id))
	}
	n, err := io.Copy(io.Discard, from)
	size += n
	return deny, size, size == m.Filters.Size && archive.Digest(sum.Sum(nil)) == m.Filters.SHA256, err
}

// search looks into one object.
func (c candidate) search(ctx context.Context, q Query) (s searched) {
	s.candidate = c
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
