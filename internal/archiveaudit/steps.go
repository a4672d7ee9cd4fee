package archiveaudit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// place is what lies in the bucket under one number of a writer.
type place struct {
	number                 int64
	checkpoints, manifests []objectstore.Info // all versions, the oldest first
}

// cost is about what the largest of its manifests takes in memory, in bytes.
func (p *place) cost() int64 {
	const parsed = 3 // times a manifest's size
	cost := int64(0)
	for _, m := range p.manifests {
		cost = max(cost, parsed*min(m.Size, archive.MaxManifest))
	}
	return cost
}

// step is a checkpoint and its manifest, as far as they could be read.
type step struct {
	place
	// base is the step before the range, on the first step of that; nil otherwise.
	base *step
	// checkpoint is nil where none is signed by one of the writer's keys.
	checkpoint     *archive.Checkpoint
	checkpointInfo objectstore.Info
	// manifest is nil where none is there; bound says that the checkpoint's signature
	// covers it.
	manifest     *archive.Manifest
	manifestInfo objectstore.Info
	sum          archive.Digest
	leafHash     archive.Hash // of the manifest
	bound        bool
	// bare says that the checkpoint is signed, and there is no manifest of its number.
	bare bool

	filters func() []byte // of the interval's objects; nil where they can't be had
}

// places gives the numbers of a writer's log in order. Where the dates of checkpoints tell,
// it begins with the last one before From.
func (a *auditor) places(ctx context.Context, writer string, failed func(error)) iter.Seq[place] {
	return func(yield func(place) bool) {
		checkpoints, stopCheckpoints := iter.Pull(a.numbered(ctx, a.layout.CheckpointPrefix(writer), failed, func(info objectstore.Info) (int64, error) {
			_, number, err := a.layout.ParseCheckpoint(info.Key)
			return number, err
		}))
		defer stopCheckpoints()
		manifests, stopManifests := iter.Pull(a.numbered(ctx, a.layout.ManifestPrefix(writer), failed, func(info objectstore.Info) (int64, error) {
			_, number, _, err := a.layout.ParseManifest(info.Key)
			return number, err
		}))
		defer stopManifests()

		c, hasC := checkpoints()
		m, hasM := manifests()
		var before *place // the last that ended before From
		for hasC || hasM {
			var p place
			switch {
			case hasC && (!hasM || c.number < m.number):
				p = place{number: c.number, checkpoints: c.infos}
			case hasM && (!hasC || m.number < c.number):
				p = place{number: m.number, manifests: m.infos}
			default:
				p = place{number: c.number, checkpoints: c.infos, manifests: m.infos}
			}
			if hasC && c.number == p.number {
				c, hasC = checkpoints()
			}
			if hasM && m.number == p.number {
				m, hasM = manifests()
			}
			// A checkpoint is written after its interval's end.
			if a.locks && !a.From.IsZero() && len(p.checkpoints) > 0 && p.checkpoints[0].Modified.Before(a.From) {
				before = &p
				continue
			}
			if before != nil && !yield(*before) {
				return
			}
			before = nil
			if !yield(p) {
				return
			}
		}
		if before != nil {
			yield(*before)
		}
	}
}

type numberedInfos struct {
	number int64
	infos  []objectstore.Info
}

// numbered gives what is listed below a prefix, by number: all versions, the oldest first.
func (a *auditor) numbered(ctx context.Context, prefix string, failed func(error), parse func(objectstore.Info) (int64, error)) iter.Seq[numberedInfos] {
	return numbered(a.versionsOf(ctx, prefix), parse, failed, func(key string) {
		a.found.add(Finding{Object: key}.tampered(KindVersion, "there are more than %d objects or versions of this number: not all were looked at", maxVersions))
	})
}

// numbered gives what is listed, which is the newest first, by number: the oldest first. What
// has no number is left out. failed is told why a listing ended early, tooMany, which may be
// nil, of which key there are too many to give all.
func numbered(listed iter.Seq2[objectstore.Info, error], parse func(objectstore.Info) (int64, error), failed func(error), tooMany func(key string)) iter.Seq[numberedInfos] {
	return func(yield func(numberedInfos) bool) {
		var group numberedInfos
		give := func() bool {
			if len(group.infos) > maxVersions && tooMany != nil {
				tooMany(group.infos[0].Key)
			}
			oldestFirst(group.infos)
			return len(group.infos) == 0 || yield(group)
		}
		for info, err := range listed {
			if err != nil {
				failed(err)
				return
			}
			number, err := parse(info)
			if err != nil {
				continue // the listing of all keys names it
			}
			if len(group.infos) > 0 && number != group.number {
				if !give() {
					return
				}
				group.infos = nil
			}
			group.number = number
			if len(group.infos) > maxVersions { // the oldest is last, and the one that counts
				group.infos[maxVersions] = info
				continue
			}
			group.infos = append(group.infos, info)
		}
		give()
	}
}

// read reads what is under a number. Signatures are checked, and that manifest and
// checkpoint belong together; nothing else.
func (w *writerAudit) read(ctx context.Context, p place) *step {
	s := &step{place: p}
	w.readCheckpoint(ctx, s)
	w.readManifest(ctx, s)
	return s
}

// once is sync.OnceValue, but that those who wait do it at a channel, which time may pass
// at in a test's bubble.
func once[T any](f func() T) func() T {
	var begun atomic.Bool
	done := make(chan struct{})
	var value T
	return func() T {
		if begun.CompareAndSwap(false, true) {
			value = f()
			close(done)
		}
		<-done
		return value
	}
}

// readCheckpoint reads what is under a checkpoint's key. The oldest version counts that a key
// of the writer signed; but where a manifest shows that it is another one, that one: the
// oldest is then a copy of an older checkpoint, which somebody put there first.
func (w *writerAudit) readCheckpoint(ctx context.Context, s *step) {
	key := w.a.layout.Checkpoint(w.name, s.number)
	w.a.known.addAll(key)
	var signed []*archive.Checkpoint
	opened := make([]*archive.Checkpoint, len(s.checkpoints))
	errs := make([]error, len(s.checkpoints))
	infos := make([]objectstore.Info, len(s.checkpoints))
	for i, info := range s.checkpoints {
		f := Finding{Writer: w.name, Object: key, Version: info.VersionID}
		if info.DeleteMarker {
			w.a.found.add(f.tampered(KindDeleteMarker, "a delete marker hides this checkpoint"))
			continue
		}
		var c archive.Checkpoint
		var wrong error
		_, got, err := w.a.read(ctx, key, info.VersionID, 2*archive.MaxCheckpoint, func(data []byte) bool {
			c, wrong = archive.OpenCheckpoint(data, w.verifiers)
			return wrong == nil
		})
		if err != nil {
			w.a.unreadable(f, "a checkpoint", err, time.Time{})
			continue
		}
		switch {
		case wrong != nil:
			errs[i] = wrong
		case c.Origin != archive.WriterOrigin(w.a.writers.Origin, w.name):
			w.a.found.add(f.tampered(KindMoved, "this is a checkpoint of %q", c.Origin))
		default:
			opened[i], infos[i] = &c, got
			signed = append(signed, &c)
		}
	}
	right := w.ofManifest(ctx, s, signed)
	for i, info := range s.checkpoints {
		f := Finding{Writer: w.name, Object: key, Version: info.VersionID}
		switch c := opened[i]; {
		case c == nil && errs[i] == nil: // it is a finding already
		case c == nil && s.checkpoint != nil:
			w.a.found.add(f.tampered(KindNewer, "a version on top of the checkpoint, which none of the writer's keys signed: %v"+readAgain, errs[i]))
		case c == nil && right != nil:
			w.a.found.add(f.tampered(KindSignature, "a version that was there before the checkpoint, and that none of the writer's keys signed: %v"+readAgain, errs[i]))
		case c == nil:
			w.a.found.add(f.tampered(KindSignature, "none of the writer's keys signed this checkpoint: %v"+readAgain, errs[i]))
		case c == right:
			s.checkpoint, s.checkpointInfo = c, infos[i]
			s.checkpointInfo.Key, s.checkpointInfo.VersionID = key, info.VersionID
		case c.Size == right.Size && c.Root == right.Root:
			w.a.found.add(f.tampered(KindNewer, "the same checkpoint was put again on top of the first"))
		default:
			w.a.found.add(f.tampered(KindFork, "there are two checkpoints of this number, both signed: %d leaves with root %s, and %d with %s. Two writers have this name, or the key is in other hands, or an older checkpoint was copied here",
				right.Size, right.Root, c.Size, c.Root))
		}
	}
}

// ofManifest gives the first of some checkpoints that a manifest of their number is the last
// leaf of, or where there is none of these, the first.
func (w *writerAudit) ofManifest(ctx context.Context, s *step, signed []*archive.Checkpoint) *archive.Checkpoint {
	switch len(signed) {
	case 0:
		return nil
	case 1:
		return signed[0]
	}
	if c := ofManifest(signed, s.manifests, func(c *archive.Checkpoint, info objectstore.Info) bool { return w.isOf(ctx, s.number, c, info) }); c != nil {
		return c
	}
	return signed[0]
}

// ofManifest gives the first of some checkpoints that one of some manifests is the last leaf
// of, or nil.
func ofManifest(signed []*archive.Checkpoint, manifests []objectstore.Info, isOf func(*archive.Checkpoint, objectstore.Info) bool) *archive.Checkpoint {
	for _, c := range signed {
		for _, info := range manifests {
			if !info.DeleteMarker && isOf(c, info) {
				return c
			}
		}
	}
	return nil
}

// isOf says whether a manifest is a checkpoint's last leaf. What can't be read is none: it
// is a finding when it is read again.
func (w *writerAudit) isOf(ctx context.Context, number int64, c *archive.Checkpoint, info objectstore.Info) bool {
	if info.Size > largeManifest {
		is, err := w.largeIsCovered(ctx, c, info)
		return is && err == nil
	}
	data, _, err := w.a.get(ctx, info.Key, info.VersionID, info.Size)
	if err != nil {
		return false
	}
	m, err := archive.ParseManifest(data)
	return err == nil && m.Number == number && covers(c, m, data)
}

// readManifest finds the manifest of a step among what is listed.
func (w *writerAudit) readManifest(ctx context.Context, s *step) {
	if len(s.checkpoints) == 0 && !slices.ContainsFunc(s.manifests, func(info objectstore.Info) bool { return info.Size <= largeManifest }) {
		return // whatever it is, nobody has signed it
	}
	covered, failed := w.readManifests(ctx, s, s.manifests)
	if s.checkpoint == nil || s.manifest != nil || failed || ctx.Err() != nil {
		return
	}
	f := Finding{Writer: w.name, Object: w.a.layout.Checkpoint(w.name, s.number)}
	// It may have been put there since manifests were listed.
	var since []objectstore.Info
	prefix := fmt.Sprintf("%s%020d-", w.a.layout.ManifestPrefix(w.name), s.number)
	for group := range w.a.numbered(ctx, prefix, func(err error) {
		failed = true
		w.a.unreadable(f, "the manifests of this checkpoint", fmt.Errorf("list them: %w", err), time.Time{})
	}, func(info objectstore.Info) (int64, error) {
		_, number, _, err := w.a.layout.ParseManifest(info.Key)
		return number, err
	}) {
		for _, info := range group.infos {
			if !slices.ContainsFunc(s.manifests, func(m objectstore.Info) bool { return m.Key == info.Key && m.VersionID == info.VersionID }) {
				since = append(since, info)
			}
		}
	}
	more, failedSince := w.readManifests(ctx, s, since)
	switch {
	case s.manifest != nil, failed, failedSince, ctx.Err() != nil:
	case covered+more > 0:
		w.a.found.add(f.tampered(KindRoot, "the root that this checkpoint signs is not that of the manifest of its number"))
	default:
		s.bare = true
	}
}

// readManifests reads manifests until one is the checkpoint's. others is how many are
// manifests and not the checkpoint's, failed that one could not be read, which is a finding
// of its own.
func (w *writerAudit) readManifests(ctx context.Context, s *step, manifests []objectstore.Info) (others int, failed bool) {
	for _, info := range manifests {
		f := Finding{Writer: w.name, Object: info.Key, Version: info.VersionID}
		if info.DeleteMarker {
			w.a.known.addAll(info.Key)
			w.a.found.add(f.tampered(KindDeleteMarker, "a delete marker hides this manifest"))
			continue
		}
		_, _, sum, err := w.a.layout.ParseManifest(info.Key)
		if err != nil {
			continue
		}
		if s.manifest != nil && s.manifestInfo.Key == info.Key {
			w.a.known.addAll(info.Key)
			w.a.found.add(f.tampered(KindNewer, "a version on top of the manifest"))
			continue
		}
		if info.Size > largeManifest {
			covered, err := w.largeIsCovered(ctx, s.checkpoint, info)
			if err != nil {
				failed = true
				w.a.unreadable(f, "a manifest", err, time.Time{})
				w.a.known.addAll(info.Key)
				continue
			}
			if !covered {
				others++
				w.addStray(stray{number: s.number, info: info})
				continue
			}
		}
		data, got, err := w.a.read(ctx, info.Key, info.VersionID, info.Size, func(data []byte) bool { return sha256.Sum256(data) == sum })
		if err != nil {
			failed = failed || !isNotFound(err)
			w.a.unreadable(f, "a manifest", err, time.Time{})
			w.a.known.addAll(info.Key)
			continue
		}
		if sha256.Sum256(data) != sum {
			w.a.known.addAll(info.Key)
			w.a.found.add(f.tampered(KindChanged, "the manifest has another SHA-256 than its key says"+readAgain))
			continue
		}
		m, err := archive.ParseManifest(data)
		if err == nil && (m.Number != s.number || m.Origin != archive.WriterOrigin(w.a.writers.Origin, w.name)) {
			err = fmt.Errorf("it is number %d of %q", m.Number, m.Origin)
		}
		if err != nil {
			w.a.known.addAll(info.Key)
			w.a.found.add(f.tampered(KindForm, "this is no manifest of this place: %v", err))
			continue
		}
		if w.a.folder {
			rebase(m, w.a.layout.Prefix)
		}
		if s.checkpoint != nil && !covers(s.checkpoint, m, data) {
			others++
			w.addStray(stray{number: s.number, info: info})
			continue
		}
		if s.manifest != nil {
			w.a.found.add(f.tampered(KindFork, "there are two manifests of this number, and no checkpoint that says which is right"))
			continue
		}
		w.a.known.addAll(info.Key) // its versions are looked at here
		s.manifest, s.manifestInfo, s.sum, s.bound = m, got, sum, s.checkpoint != nil
		s.leafHash = archive.LeafHash(data)
		s.manifestInfo.Key, s.manifestInfo.VersionID = info.Key, info.VersionID
	}
	return others, failed
}

// largeIsCovered reads a large manifest without keeping it.
func (w *writerAudit) largeIsCovered(ctx context.Context, c *archive.Checkpoint, info objectstore.Info) (covered bool, err error) {
	if c == nil || info.Size > archive.MaxManifest {
		return false, nil
	}
	err = w.a.reread(ctx, func() (string, error) {
		var sum archive.Digest
		sum, covered, err = readLastLeaf(ctx, w.a.r, c, info.Key, info.VersionID)
		if covered || err != nil {
			return "", err
		}
		return sum.String(), nil
	})
	return covered, err
}

// readLastLeaf says whether a manifest is the last leaf of a checkpoint's tree, without
// keeping it, and gives its SHA-256.
func readLastLeaf(ctx context.Context, r objectstore.Reader, c *archive.Checkpoint, key, version string) (sum archive.Digest, is bool, err error) {
	_, err = retry(ctx, func() (struct{}, error) {
		body, _, err := r.Get(ctx, key, version, 0, -1)
		if err != nil {
			return struct{}{}, err
		}
		sum, is, err = archive.LastLeaf(io.LimitReader(body, archive.MaxManifest), c)
		return struct{}{}, errors.Join(err, body.Close())
	})
	return sum, is, err
}

// covers says whether the checkpoint's tree is that of the manifest: the leaves before it,
// and itself.
func covers(c *archive.Checkpoint, m *archive.Manifest, data []byte) bool {
	tree, err := m.Tree()
	if err != nil || c.Size != m.Leaf+1 {
		return false
	}
	hash := archive.LeafHash(data)
	tree.Append(hash[:], nil)
	return tree.Root() == c.Root
}

// readFilters reads the filters of an interval.
func (w *writerAudit) readFilters(ctx context.Context, s *step) []byte {
	m := s.manifest
	if m == nil || m.Filters == nil {
		return nil
	}
	key := w.a.layout.Filters(w.name, m.Number, m.Filters.SHA256)
	f := Finding{Writer: w.name, Object: key}
	version, err := w.oldest(ctx, key)
	if err != nil {
		w.a.known.addAll(key) // which of them is right is not known
		w.a.unreadable(f, "the versions of the object of filters", err, time.Time{})
		return nil
	}
	w.a.known.addUnlessKnown(key, version) // the next manifest, which may have been read, names it
	right := func(data []byte) bool {
		return int64(len(data)) == m.Filters.Size && sha256.Sum256(data) == m.Filters.SHA256
	}
	data, _, err := w.a.read(ctx, key, version, min(m.Filters.Size, maxFilters), right)
	switch {
	case err != nil:
		w.a.unreadable(f, "the object of filters", err, time.Time{})
		return nil
	case !right(data):
		w.a.found.add(f.tampered(KindChanged, "the filters are not those that the manifest names: another size or SHA-256"+readAgain))
		return nil
	}
	return data
}

func (f Finding) tampered(kind Kind, format string, args ...any) Finding {
	f.Severity, f.Kind, f.Text = Tampered, kind, fmt.Sprintf(format, args...)
	return f
}

func (f Finding) note(kind Kind, format string, args ...any) Finding {
	f.Severity, f.Kind, f.Text = Note, kind, fmt.Sprintf(format, args...)
	return f
}
