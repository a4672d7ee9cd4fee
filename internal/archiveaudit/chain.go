package archiveaudit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// writerAudit is the verification of one writer's log:
//
//	places -> read (several at a time) -> link (one after the other) -> check objects and
//	tiles (several at a time) -> grow the tree (one after the other)
type writerAudit struct {
	a         *auditor
	name      string
	verifiers note.Verifiers
	report    *WriterReport
	small     *crew // for small requests, whose order does not matter
	manifests budget
	bytes     atomic.Int64
	objects   atomic.Int64

	// Of link. previous is the step before, nil at the beginning of what is read; last
	// is the last with a manifest.
	previous *step
	base     *step // the step before the range, whose tree the range goes on with
	last     *step
	first    *step
	lost     []lostDisk
	number   int64 // that is expected
	begun    bool  // a step of the range was linked
	seen     bool  // something lies in the log's folders
	// copies are the numbers of checkpoints that were found once more, by their root; -1
	// where they are no copies.
	copies map[archive.Hash]int64
	// unlisted says that not all of the log could be listed: its end is not known.
	unlisted atomic.Bool
	// unlocked is the last step, whose locks the next manifest names.
	unlocked *step

	// Of the tree. tree is nil while its leaves are not known.
	tree  *archive.Tree
	full  map[string]archive.Digest // tiles that became full and are in no manifest yet
	final func() (*archive.Manifest, bool)

	mu sync.Mutex
	// mu guards the following.
	strays []stray
	// beside are the keys of tiles that are beside what a lost disk left under theirs.
	beside map[string]string
	locks  map[archive.Digest]*lockPeriods // by the configuration's hash
}

// stray is a manifest that no checkpoint covers.
type stray struct {
	number int64
	info   objectstore.Info
}

// span is what was read of a writer's log.
type span struct {
	first, end             int64 // leaves
	firstNumber, endNumber int64
	to                     time.Time
	interval               time.Duration
	lost                   []lostDisk
	whole                  bool // from its beginning
	open                   bool // up to its end
}

// lostDisk is where a log went on behind a lost disk, which may have left parts of the log
// that came to nothing: manifests without a checkpoint, filters, tiles.
type lostDisk struct {
	number, leaf int64
	at           time.Time
}

// left says whether something may be what a lost disk left.
func (s *span) left(number, leaf int64, modified time.Time, dated bool) bool {
	return slices.ContainsFunc(s.lost, func(l lostDisk) bool {
		return (number == l.number || number < 0 && leaf >= l.leaf) && (!dated || !modified.After(l.at))
	})
}

// unit is a piece of work of a step.
type unit struct {
	step   *step
	object *archive.ManifestObject // nil at the end of the step
	hashes []byte                  // of the object's leaves
	known  bool                    // that hashes are those of the log, or of what was read
}

func (a *auditor) auditWriter(ctx context.Context, name string) {
	w := &writerAudit{
		a: a, name: name, report: &WriterReport{Name: name, First: -1, Last: -1}, small: newCrew(max(16, 8*a.Parallel)),
		beside: make(map[string]string), full: make(map[string]archive.Digest), locks: make(map[archive.Digest]*lockPeriods), tree: archive.NewTree(),
	}
	a.reports = append(a.reports, w.report)
	for _, key := range a.writers.KeysFor(name) {
		w.report.Keys = append(w.report.Keys, key.VKey)
	}
	w.report.Retired = a.writers.Retired[name]
	var err error
	if w.verifiers, err = a.writers.Verifiers(name); err != nil {
		a.found.add(Finding{Writer: name}.tampered(KindWriters, "the writer's keys can't be read: %v", err))
		return
	}
	listing, stop := context.WithCancel(ctx)
	defer stop()
	failed := func(err error) {
		if listing.Err() != nil {
			return
		}
		w.unlisted.Store(true)
		a.unread.Store(name, true)
		a.found.add(Finding{Severity: Unchecked, Kind: KindRead, Writer: name, Text: fmt.Sprintf("the writer's log could not be listed: %v", err)})
	}
	steps := inOrder(ctx, max(16, 4*a.Parallel), w.manifests.within(listing, a.places(listing, name, failed)), func(reading context.Context, p place) *step {
		s := w.read(reading, p)
		// They are asked for later, perhaps when all steps were read and reading is over.
		s.filters = once(func() []byte { return w.readFilters(ctx, s) })
		return s
	})
	for u := range inOrder(ctx, a.Parallel, w.units(ctx, steps, stop), w.check) {
		w.grow(u)
	}
	w.locksOf(ctx, nil)
	w.small.wait()
	if ctx.Err() != nil {
		return
	}
	w.end()
}

// units links the steps, and gives what is to be done for each. stop ends the listing of
// steps, which is done before no more of them are taken.
func (w *writerAudit) units(ctx context.Context, steps iter.Seq[*step], stop func()) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		for s := range steps {
			w.seen = true
			if !w.begun && !w.a.From.IsZero() && len(s.checkpoints) == 0 {
				w.withoutCheckpoint(s) // of before the time, perhaps
				w.manifests.give(s.cost())
				continue
			}
			if m := s.manifest; m != nil && s.bound {
				if !w.begun && !w.a.From.IsZero() && !m.To.After(w.a.From) {
					w.base, w.previous, w.number = s, s, s.number+1
					w.manifests.give(s.cost())
					continue
				}
				if !w.a.To.IsZero() && !m.From.Before(w.a.To) {
					w.linkNumber(s)
					stop()
					return
				}
			}
			if !w.begun {
				s.base = w.base
			}
			w.link(ctx, s)
			if s.manifest != nil {
				for i := range s.manifest.Objects {
					if !yield(unit{step: s, object: &s.manifest.Objects[i]}) {
						stop()
						return
					}
				}
			}
			if !yield(unit{step: s}) {
				stop()
				return
			}
		}
	}
}

// linkNumber tells of numbers that are not there before a step.
func (w *writerAudit) linkNumber(s *step) {
	f := Finding{Writer: w.name, Object: w.a.layout.Checkpoint(w.name, s.number)}
	switch m := s.manifest; {
	case w.number >= s.number:
	case w.begun, w.base != nil, w.a.From.IsZero():
		w.a.found.add(f.tampered(KindNumber, "checkpoints %d to %d are not there", w.number, s.number-1))
		w.previous = nil
	case m != nil && m.From.After(w.a.From):
		w.a.found.add(f.tampered(KindNumber, "checkpoints up to %d are not there, and what was written from %s to %s was in one of them", s.number-1, date(w.a.From), date(m.From)))
	}
	w.number, w.begun = s.number+1, true
}

// link checks what a step says of itself and of the one before.
func (w *writerAudit) link(ctx context.Context, s *step) {
	if s.checkpoint == nil && len(s.manifests) == 0 && s.number > w.number {
		return // a stranger's, where the log may come to one day: it is a finding already
	}
	if s.bare {
		f := Finding{Writer: w.name, Object: w.a.layout.Checkpoint(w.name, s.number), Version: s.checkpointInfo.VersionID}
		if number, ok := w.copied(ctx, s); ok {
			w.a.found.add(f.tampered(KindMoved, "this is a copy of checkpoint %d, which anybody could put here who may write", number))
			return
		}
		w.a.found.add(f.tampered(KindMissing, "the manifest of this checkpoint is not there"))
	}
	w.linkNumber(s)
	if s.checkpoint == nil && len(s.checkpoints) == 0 {
		w.withoutCheckpoint(s)
		return
	}
	m := s.manifest
	if m == nil {
		w.previous = nil
		return
	}
	if w.first == nil {
		w.first = s
	}
	previous := w.previous
	w.previous, w.last = s, s
	w.checkKey(s)
	mf := Finding{Writer: w.name, Object: s.manifestInfo.Key}
	if previous != nil && previous.manifest != nil {
		if m.Instance != previous.manifest.Instance && m.Recovered == nil {
			w.a.found.add(mf.tampered(KindInstance, "it was written from another disk than the one before, and says nothing of a recovery: two writers have this name"))
		} else if err := m.CheckFollows(previous.manifest, previous.sum); err != nil {
			w.a.found.add(mf.tampered(KindLink, "it does not follow from the manifest before: %v", err))
		}
		w.checkVersions(mf, m.Previous, previous)
		w.checkPause(s, previous)
	}
	if m.Recovered != nil {
		waiting := int64(0)
		if previous != nil && previous.manifest != nil {
			waiting = previous.manifest.Ledger.Waiting
		}
		w.a.found.add(mf.note(KindRecovered, "the writer went on behind a lost disk. %d objects were found that no log covers, and %d records had been accepted and were not archived at the checkpoint before", len(m.Recovered.Objects), waiting))
		w.lost = append(w.lost, lostDisk{number: m.Number, leaf: m.FirstLeaf, at: m.To})
		for _, o := range m.Recovered.Objects {
			if w.a.folder {
				o.Key = rebased(o.Key, w.a.layout.Prefix)
			}
			w.a.known.add(o.Key, o.VersionID)
			w.small.do(func() { w.checkRecovered(ctx, s, o) })
		}
	}
	w.tiles(ctx, s)
	w.locksOf(ctx, s)
}

// maxCopied is how many checkpoints without a manifest are looked for among those before.
const maxCopied = 100

// copied gives the number of the checkpoint that one without a manifest, at the end of what was
// read or behind it, is a copy of.
func (w *writerAudit) copied(ctx context.Context, s *step) (int64, bool) {
	if s.number < w.number || w.last == nil || w.last.checkpoint == nil || s.checkpoint.Size > w.last.checkpoint.Size {
		return 0, false
	}
	if number, ok := w.copies[s.checkpoint.Root]; ok || len(w.copies) >= maxCopied {
		return number, ok && number >= 0
	}
	if w.copies == nil {
		w.copies = make(map[archive.Hash]int64)
	}
	l := &writerLog{newArchiveReader(w.a.r, w.a.layout.Prefix, w.a.Root, nil), w.name}
	var found *head
	number, err := l.firstWith(s.checkpoint.Size-1, w.last.number, func(n int64) (*archive.Checkpoint, error) {
		h, err := l.at(ctx, n)
		if err != nil {
			return nil, err
		}
		if h.Size == s.checkpoint.Size && h.Root == s.checkpoint.Root {
			found = h
		}
		return &h.Checkpoint, nil
	})
	ok := err == nil && found != nil && found.number == number
	if !ok {
		number = -1
	}
	w.copies[s.checkpoint.Root] = number
	return number, ok
}

// withoutCheckpoint is a manifest whose checkpoint is not there: behind the end it is one
// that was about to be.
func (w *writerAudit) withoutCheckpoint(s *step) {
	for _, info := range s.manifests {
		w.addStray(stray{number: s.number, info: info})
	}
	s.manifest = nil
	w.previous = nil
}

func (w *writerAudit) addStray(s stray) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strays = append(w.strays, s)
}

// checkKey says whether the key that signed a checkpoint was the writer's then.
func (w *writerAudit) checkKey(s *step) {
	f := Finding{Writer: w.name, Object: w.a.layout.Checkpoint(w.name, s.number), Version: s.checkpointInfo.VersionID}
	if s.checkpoint == nil {
		return
	}
	to := s.manifest.To
	key, ok := w.a.writers.KeyAt(w.name, to)
	if ok {
		verifier, err := archive.NewVerifier(key.VKey)
		ok = err == nil && verifier.KeyHash() == s.checkpoint.KeyHash
	}
	if !ok {
		w.a.found.add(f.tampered(KindKey, "it was signed at %s by the key %08x, which was not this writer's at that time", date(to), s.checkpoint.KeyHash))
	}
	if retired := w.report.Retired; !retired.IsZero() && to.After(retired) {
		w.a.found.add(f.tampered(KindRetired, "it was written at %s by a writer who was retired on %s", date(to), date(retired)))
	}
}

// checkVersions compares the versions that a manifest names of the one before with what was read.
func (w *writerAudit) checkVersions(f Finding, p *archive.Previous, before *step) {
	if p == nil || !w.a.locks {
		return
	}
	for _, x := range []struct{ what, named, is string }{
		{"manifest", p.ManifestVersion, before.manifestInfo.VersionID},
		{"checkpoint", p.CheckpointVersion, before.checkpointInfo.VersionID},
	} {
		if x.named != "" && x.is != "" && x.named != x.is {
			w.a.found.add(f.tampered(KindVersion, "the %s before has the version %s, and not %s, which this one names: it was put anew", x.what, x.is, x.named))
		}
	}
	if m := before.manifest; m.Filters != nil {
		key := w.a.layout.Filters(w.name, m.Number, m.Filters.SHA256)
		w.a.known.add(key, p.FiltersVersion)
	}
}

// checkPause says where nothing was written for a time.
func (w *writerAudit) checkPause(s, before *step) {
	m, b := s.manifest, before.manifest
	if pause := m.To.Sub(b.To); pause > 2*time.Duration(b.Interval)+clockSlack && b.Event != archive.EventShutdown {
		w.a.found.add(Finding{Writer: w.name, Object: s.manifestInfo.Key}.note(KindGap,
			"there is no checkpoint between %s and %s, though one was due every %s. The log goes on without a hole: the writer was down, or could not reach the bucket",
			date(b.To), date(m.To), time.Duration(b.Interval)))
	}
	if w.a.locks && before.checkpointInfo.Modified.After(m.To.Add(clockSlack)) {
		w.a.found.add(Finding{Writer: w.name, Object: before.checkpointInfo.Key}.tampered(KindLate,
			"the bucket has it from %s, but the checkpoint behind it is said to be of %s: the log was written afterwards",
			date(before.checkpointInfo.Modified), date(m.To)))
	}
}

// check does the work of a unit.
func (w *writerAudit) check(ctx context.Context, u unit) unit {
	if u.object != nil {
		u.hashes, u.known = w.checkObject(ctx, u.step, u.object)
	}
	return u
}

// grow lets the tree grow by what a unit has.
func (w *writerAudit) grow(u unit) {
	s := u.step
	if s.base != nil {
		w.tree = treeBehind(s.base)
		s.base = nil
	}
	if u.object != nil {
		w.report.Objects++
		w.report.Lines += u.object.Leaves
		w.report.Records += u.object.Records
		w.report.Stored += u.object.Size
		w.report.Bytes += u.object.Bytes
		switch {
		case w.tree == nil:
		case !u.known, w.tree.Size() != u.object.FirstLeaf:
			w.tree = nil
		default:
			w.append(u.hashes)
		}
		return
	}
	defer w.manifests.give(s.cost())
	w.compareCopies(s)
	m := s.manifest
	if m == nil {
		w.tree = nil // what was written in between is not known
		return
	}
	w.progress(m)
	f := Finding{Writer: w.name, Object: s.manifestInfo.Key, Leaf: new(m.Leaf)}
	recomputed := w.tree != nil && w.tree.Size() == m.Leaf
	if recomputed && !equalEdges(w.tree.Edge(), m.Edge) {
		w.a.found.add(f.tampered(KindEdge, "the tree over the %d lines before it is another than the manifest says: lines were changed, moved, put in or taken out, or the log's hashes were", m.Leaf))
		recomputed = false
	}
	if recomputed {
		w.compareTiles(m)
		raw := s.leafHash
		w.append(raw[:])
	} else {
		clear(w.full)
		w.tree = treeBehind(s)
	}
	if s.checkpoint != nil && w.tree != nil && (w.tree.Root() != s.checkpoint.Root || w.tree.Size() != s.checkpoint.Size) {
		w.a.found.add(Finding{Writer: w.name, Object: w.a.layout.Checkpoint(w.name, s.number)}.tampered(KindRoot,
			"the tree over the %d leaves has the root %s, and not %s of %d, which is signed", w.tree.Size(), w.tree.Root(), s.checkpoint.Root, s.checkpoint.Size))
	}
	r := w.report
	if r.First < 0 {
		r.First, r.From = s.number, m.From
	}
	r.Last, r.To, r.Ended = s.number, m.To, m.Event == archive.EventShutdown
	r.Checkpoints++
	r.Size = m.Leaf + 1
	r.Ledger.Accepted += m.Ledger.Accepted
	r.Ledger.Archived += m.Ledger.Archived
	r.Ledger.Repeated += m.Ledger.Repeated
	r.Ledger.DeadLettered += m.Ledger.DeadLettered
	r.Ledger.Redactions += m.Ledger.Redactions
	r.Ledger.Waiting = m.Ledger.Waiting
}

// compareCopies compares a checkpoint that is there with those that were kept elsewhere.
func (w *writerAudit) compareCopies(s *step) {
	if s.checkpoint != nil {
		w.compareAt(s.checkpoint.Size, s.checkpoint.Root)
	}
}

// compareAt compares the copies of a size with the root that the log had.
func (w *writerAudit) compareAt(size int64, root archive.Hash) {
	copies := w.a.copies[w.name]
	for i := firstCopy(copies, size); i < len(copies) && copies[i].Size == size; i++ {
		copies[i].seen, copies[i].right = true, copies[i].Root == root
	}
}

// firstCopy is the first of a size or a larger one.
func firstCopy(copies []copyOf, size int64) int {
	i, _ := slices.BinarySearchFunc(copies, size, func(c copyOf, size int64) int { return cmp.Compare(c.Size, size) })
	return i
}

// treeBehind is the tree of a step's checkpoint, nil where its manifest is not there.
func treeBehind(s *step) *archive.Tree {
	if s.manifest == nil {
		return nil
	}
	tree, err := s.manifest.Tree()
	if err != nil {
		return nil
	}
	tree.Append(s.leafHash[:], nil)
	return tree
}

// append lets the tree grow, and compares its roots on the way with the checkpoints that
// were kept elsewhere.
func (w *writerAudit) append(hashes []byte) {
	copies := w.a.copies[w.name]
	for len(hashes) > 0 {
		size := w.tree.Size()
		upTo := size + int64(len(hashes)/archive.HashSize)
		if i := firstCopy(copies, size+1); i < len(copies) {
			upTo = min(upTo, copies[i].Size)
		}
		n := int(upTo-size) * archive.HashSize
		w.tree.Append(hashes[:n], w.tileFull)
		hashes = hashes[n:]
		if i := firstCopy(copies, upTo); i < len(copies) && copies[i].Size == upTo {
			w.compareAt(upTo, w.tree.Root())
		}
	}
}

func (w *writerAudit) tileFull(t tlog.Tile, data []byte) {
	w.full[w.a.layout.Tile(w.name, t)] = sha256.Sum256(data)
}

// compareTiles compares the tiles that a manifest names with those that became full.
func (w *writerAudit) compareTiles(m *archive.Manifest) {
	for _, t := range m.Tiles {
		key := w.tileKey(t.PlainPath())
		sum, ok := w.full[key]
		f := Finding{Writer: w.name, Object: key}
		switch {
		case !ok:
			w.a.found.add(f.tampered(KindTile, "manifest %d names this tile, which did not become full then", m.Number))
		case sum != t.SHA256:
			w.a.found.add(f.tampered(KindTile, "manifest %d names another SHA-256 of this tile than its hashes have", m.Number))
		}
		delete(w.full, key)
	}
	for key := range w.full {
		w.a.found.add(Finding{Writer: w.name, Object: key}.tampered(KindTile, "this tile became full before manifest %d, which does not name it", m.Number))
	}
	clear(w.full)
}

func (w *writerAudit) tileKey(p string) string { return w.a.layout.TilePrefix(w.name) + p }

func equalEdges(x, y [][]byte) bool { return slices.EqualFunc(x, y, bytes.Equal) }

func (w *writerAudit) progress(m *archive.Manifest) {
	if w.a.Progress == nil {
		return
	}
	from, to := w.a.From, w.a.To
	if w.first != nil && from.Before(w.first.manifest.From) {
		from = w.first.manifest.From
	}
	if to.IsZero() || to.After(w.a.Now) {
		to = w.a.Now
	}
	done := 1.0
	if whole := to.Sub(from); whole > 0 {
		done = min(1, max(0, float64(m.To.Sub(from))/float64(whole)))
	}
	w.a.Progress(Progress{Writer: w.name, Done: done, Objects: w.objects.Load(), Bytes: w.bytes.Load()})
}

// checkRecovered looks whether something that no log covers is what was found. Its lock is
// not known: it may be gone.
func (w *writerAudit) checkRecovered(ctx context.Context, s *step, o archive.RecoveredObject) {
	f := Finding{Writer: w.name, Object: o.Key, Version: o.VersionID}
	wrong := ""
	err := w.a.reread(ctx, func() (string, error) {
		var err error
		wrong, err = retry(ctx, func() (string, error) {
			body, _, err := w.a.r.Get(ctx, o.Key, w.version(o.VersionID), 0, -1)
			if err != nil {
				return "", err
			}
			h := sha256.New()
			_, err = io.Copy(h, body)
			if err := errors.Join(err, body.Close()); err != nil {
				return "", err
			}
			if sum := archive.Digest(h.Sum(nil)); sum != o.SHA256 {
				return sum.String(), nil
			}
			return "", nil
		})
		if isNotFound(err) {
			return "", errGone
		}
		return wrong, err
	})
	switch {
	case errors.Is(err, errGone):
		w.a.found.add(f.note(KindMissing, "it was found behind a lost disk, as manifest %d says, and is not there any more", s.number))
	case err != nil:
		w.a.unreadable(f, "what was found behind a lost disk", err, time.Time{})
	case wrong != "":
		w.a.found.add(f.tampered(KindChanged, "it has another SHA-256 than manifest %d says that it had when it was found behind a lost disk"+readAgain, s.number))
	}
}

var errGone = errors.New("gone")

// tiles has the tiles of a step checked.
func (w *writerAudit) tiles(ctx context.Context, s *step) {
	for _, t := range s.manifest.Tiles {
		key := w.tileKey(t.Path)
		w.a.known.add(key, t.VersionID)
		w.report.Tiles++
		if plain := w.tileKey(t.PlainPath()); plain != key {
			w.mu.Lock()
			w.beside[plain] = key
			w.mu.Unlock()
		}
		w.small.do(func() {
			f := Finding{Writer: w.name, Object: key, Version: t.VersionID}
			right := func(data []byte) bool { return sha256.Sum256(data) == t.SHA256 }
			data, _, err := w.a.read(ctx, key, w.version(t.VersionID), tileBytes, right)
			if err != nil {
				w.a.unreadable(f, "a tile", err, time.Time{})
			} else if !right(data) {
				w.a.found.add(f.tampered(KindTile, "the tile has another SHA-256 than manifest %d says"+readAgain, s.number))
			}
		})
	}
}

// version is an id where there are versions.
func (w *writerAudit) version(id string) string {
	if !w.a.locks {
		return ""
	}
	return id
}

// end looks at the log's end, when all of it was read.
func (w *writerAudit) end() {
	a := w.a
	w.lockFindings()
	if w.last == nil {
		if !w.unlisted.Load() {
			w.nothing()
		}
		return
	}
	m := w.last.manifest
	at := &span{
		first: w.first.manifest.FirstLeaf, end: m.Leaf + 1, firstNumber: w.first.number, endNumber: w.last.number,
		lost: w.lost, to: m.To, interval: time.Duration(m.Interval), whole: w.first.number == 0, open: a.To.IsZero() || m.To.Before(a.To),
	}
	a.finished[w.name] = at
	if w.unlisted.Load() {
		return // where the log ends is not known
	}
	f := Finding{Writer: w.name, Object: a.layout.Checkpoint(w.name, w.last.number)}
	retired := w.report.Retired
	silent := w.silentBehind(m)
	switch {
	case !at.open:
	case m.Event == archive.EventShutdown && retired.IsZero() && silent:
		a.found.add(f.note("shut-down", "the writer was shut down in order at %s and has written nothing since; it is not retired", date(m.To)))
	case m.Event == archive.EventShutdown:
	case !retired.IsZero() && (a.To.IsZero() || !retired.After(a.To)):
		a.found.add(f.tampered(KindTruncated, "the writer was retired on %s, but its log does not end with a shutdown: it ends at %s with checkpoint %d, which says %q. What came behind it was cut off", date(retired), date(m.To), m.Number, m.Event))
	case silent:
		a.found.add(f.tampered(KindTruncated, "the log ends at %s with checkpoint %d, without a shutdown, though a checkpoint was due every %s: what came behind it was cut off, or the writer is down or can't reach the bucket. Look at the writer", date(m.To), m.Number, time.Duration(m.Interval)))
	}
	if a.locks && w.last.checkpointInfo.Modified.Sub(m.To) > 2*time.Duration(m.Interval)+clockSlack {
		a.found.add(f.note(KindLate, "the last checkpoint is of %s, and in the bucket since %s", date(m.To), date(w.last.checkpointInfo.Modified)))
	}
	w.endStrays(at)
	w.endCopies(at)
}

// silentBehind says whether a checkpoint was due behind a manifest.
func (w *writerAudit) silentBehind(m *archive.Manifest) bool {
	return w.until().Sub(m.To) > 2*time.Duration(m.Interval)+clockSlack
}

// until is the end of the time that is looked at.
func (w *writerAudit) until() time.Time {
	if to := w.a.To; !to.IsZero() && to.Before(w.a.Now) {
		return to
	}
	return w.a.Now
}

// nothing is told when no checkpoint of the time was read.
func (w *writerAudit) nothing() {
	a := w.a
	f := Finding{Writer: w.name}
	switch copies := a.copies[w.name]; {
	case len(copies) > 0 && !w.seen:
		a.found.add(f.tampered(KindTruncated, "the writer has no log here, though %d of its checkpoints were kept elsewhere (the first: %s)", len(copies), copies[0].source))
	case w.base != nil:
		m := w.base.manifest
		if m.Event == archive.EventShutdown || !w.report.Retired.IsZero() || !w.silentBehind(m) {
			a.found.add(f.note(KindNothing, "nothing was written in this time; the last checkpoint before, of %s, says %q", date(m.To), m.Event))
		} else {
			a.found.add(f.tampered(KindTruncated, "nothing was written in this time, and the last checkpoint before, of %s, is no shutdown", date(m.To)))
		}
	case w.seen:
		a.found.add(f.note(KindNothing, "nothing was written in this time"))
	case w.shouldHaveBegun():
		f.Severity, f.Kind = Unchecked, KindNothing
		f.Text = "the writer is enrolled and has no log here: it has never written, or all of it was removed. Checkpoints of a second place would tell"
		a.found.add(f)
	default:
		a.found.add(f.note(KindNothing, "the writer is enrolled and has no log here"))
	}
}

// shouldHaveBegun says whether a key of the writer was valid for a while in the time that is
// looked at.
func (w *writerAudit) shouldHaveBegun() bool {
	return slices.ContainsFunc(w.a.writers.KeysFor(w.name), func(k archive.WriterKey) bool {
		return k.From.Add(enrolSlack).Before(w.until()) && (k.To.IsZero() || k.To.After(w.a.From))
	})
}

// endStrays says what manifests without a checkpoint are.
func (w *writerAudit) endStrays(at *span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := make(map[string]bool)
	for _, s := range w.strays {
		if told[s.info.Key] {
			continue
		}
		told[s.info.Key] = true
		w.a.known.addAll(s.info.Key)
		f := Finding{Writer: w.name, Object: s.info.Key, Version: s.info.VersionID}
		switch {
		case s.number < w.first.number: // it is not of the time
		case at.left(s.number, 0, s.info.Modified, w.a.locks):
			w.a.found.add(f.note(KindRecovered, "a manifest that a lost disk left: it has no checkpoint, and the log went on without it"))
		case s.number > w.last.number && !w.a.To.IsZero():
		case s.number > w.last.number && w.a.overdue(s.info.Modified, at.interval):
			w.a.found.add(f.tampered(KindUnlisted, "a manifest behind the last checkpoint since %s, and no checkpoint came that covers it: that was taken away, or the writer is down. Look at the writer", date(s.info.Modified)))
		case s.number > w.last.number:
			w.a.found.add(f.note(KindInFlight, "a manifest behind the last checkpoint: its checkpoint is not there yet"))
		default:
			w.a.found.add(f.tampered(KindUnlisted, "no checkpoint covers this manifest"))
		}
	}
}

// endCopies compares the log with the checkpoints that were kept elsewhere.
func (w *writerAudit) endCopies(at *span) {
	for _, c := range w.a.copies[w.name] {
		f := Finding{Writer: w.name, Object: c.source}
		switch {
		case c.seen && c.right:
		case c.seen:
			w.a.found.add(f.tampered(KindFork, "this copy of a checkpoint has the root %s for the first %d leaves, and the log has another: the log was written anew", c.Root, c.Size))
		case c.Size > at.end && at.open:
			w.a.found.add(f.tampered(KindTruncated, "this copy of a checkpoint is of %d leaves, and the log has %d: %d and more were cut off", c.Size, at.end, c.Size-at.end))
		case c.Size > at.end, c.Size <= at.first && !at.whole:
			w.a.found.add(f.note(KindOtherFiles, "this copy of a checkpoint is of another time than was asked for"))
		default:
			w.a.found.add(Finding{
				Severity: Unchecked, Kind: KindFork, Writer: w.name, Object: c.source,
				Text: fmt.Sprintf("whether the log had this root at %d leaves could not be recomputed", c.Size),
			})
		}
	}
}

var errStopped = errors.New("stopped")

// leavesFromTiles gives the hashes of leaves as they are in the log's tiles.
func (w *writerAudit) leavesFromTiles(ctx context.Context, s *step, first, count int64) ([]byte, error) {
	hashes := make([]byte, 0, min(count, 1<<20)*archive.HashSize)
	m := s.manifest
	for at := first; at < first+count; {
		n := at / archive.TileWidth
		var tile []byte
		if (n+1)*archive.TileWidth <= m.Leaf {
			key := w.a.layout.Tile(w.name, tlog.Tile{H: archive.TileHeight, L: 0, N: n, W: archive.TileWidth})
			w.mu.Lock()
			if other, ok := w.beside[key]; ok {
				key = other
			}
			w.mu.Unlock()
			version, err := w.oldest(ctx, key)
			var data []byte
			if err == nil {
				data, _, err = w.a.get(ctx, key, version, tileBytes)
			}
			if err == nil && len(data) != tileBytes {
				err = errStopped
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path.Base(key), err)
			}
			tile = data
		} else if len(m.Edge) > 0 {
			tile = m.Edge[0]
		}
		from := (at - n*archive.TileWidth) * archive.HashSize
		to := min(int64(len(tile)), (first+count-n*archive.TileWidth)*archive.HashSize)
		if to <= from {
			return nil, errStopped
		}
		hashes = append(hashes, tile[from:to]...)
		at += (to - from) / archive.HashSize
	}
	return hashes, nil
}

// oldest is the first version of a key that was put, "" where there is none.
func (w *writerAudit) oldest(ctx context.Context, key string) (string, error) {
	if !w.a.locks {
		return "", nil
	}
	return retry(ctx, func() (id string, err error) {
		for info, err := range w.a.r.Versions(ctx, key) {
			if err != nil {
				return "", err
			}
			if info.Key != key {
				break // one that is longer
			}
			if !info.DeleteMarker {
				id = info.VersionID
			}
		}
		return id, nil
	})
}
