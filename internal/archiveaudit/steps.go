package archiveaudit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
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

// step is a checkpoint and its manifest, as far as they could be read.
type step struct {
	place
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

	filters func() []byte // of the interval's objects; nil where they can't be had
}

// places gives the numbers of a writer's log in order. Where the dates of checkpoints tell,
// it begins with the last one before From.
func (a *auditor) places(ctx context.Context, writer string, failed func(error)) iter.Seq[place] {
	return func(yield func(place) bool) {
		checkpoints, stopCheckpoints := iter.Pull(a.numbered(ctx, a.layout.CheckpointPrefix(writer), failed, func(key string) (int64, error) {
			_, number, err := a.layout.ParseCheckpoint(key)
			return number, err
		}))
		defer stopCheckpoints()
		manifests, stopManifests := iter.Pull(a.numbered(ctx, a.layout.ManifestPrefix(writer), failed, func(key string) (int64, error) {
			_, number, _, err := a.layout.ParseManifest(key)
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

// numbered gives what is listed below a prefix, by number.
func (a *auditor) numbered(ctx context.Context, prefix string, failed func(error), parse func(key string) (int64, error)) iter.Seq[numberedInfos] {
	return func(yield func(numberedInfos) bool) {
		var group numberedInfos
		give := func() bool {
			oldestFirst(group.infos)
			return len(group.infos) == 0 || yield(group)
		}
		for info, err := range a.versionsOf(ctx, prefix) {
			if err != nil {
				failed(err)
				return
			}
			number, err := parse(info.Key)
			if err != nil {
				continue // the listing of all keys names it
			}
			if len(group.infos) > 0 && number != group.number {
				if !give() {
					return
				}
				group.infos = nil
			}
			group.number, group.infos = number, append(group.infos, info)
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

func (w *writerAudit) readCheckpoint(ctx context.Context, s *step) {
	key := w.a.layout.Checkpoint(w.name, s.number)
	w.a.known.addAll(key)
	for _, info := range s.checkpoints {
		f := Finding{Writer: w.name, Object: key, Version: info.VersionID}
		if info.DeleteMarker {
			w.a.found.add(f.tampered(KindDeleteMarker, "a delete marker hides this checkpoint"))
			continue
		}
		data, got, err := w.a.get(ctx, key, info.VersionID, 2*archive.MaxCheckpoint)
		if err != nil {
			w.a.unreadable(f, "a checkpoint", err, time.Time{})
			continue
		}
		opened, err := archive.OpenCheckpoint(data, w.verifiers)
		switch {
		case err != nil && s.checkpoint != nil:
			w.a.found.add(f.tampered(KindNewer, "a version on top of the checkpoint, which none of the writer's keys signed: %v", err))
		case err != nil:
			w.a.found.add(f.tampered(KindSignature, "none of the writer's keys signed this checkpoint: %v", err))
		case opened.Origin != archive.WriterOrigin(w.a.writers.Origin, w.name):
			w.a.found.add(f.tampered(KindMoved, "this is a checkpoint of %q", opened.Origin))
		case s.checkpoint == nil:
			s.checkpoint, s.checkpointInfo = &opened, got
			s.checkpointInfo.Key, s.checkpointInfo.VersionID = key, info.VersionID
		case opened.Size == s.checkpoint.Size && opened.Root == s.checkpoint.Root:
			w.a.found.add(f.tampered(KindNewer, "the same checkpoint was put again on top of the first"))
		default:
			w.a.found.add(f.tampered(KindFork, "there are two checkpoints of this number, both signed: %d leaves with root %s, and %d with %s. Two writers have this name, or the key is in other hands",
				s.checkpoint.Size, s.checkpoint.Root, opened.Size, opened.Root))
		}
	}
}

func (w *writerAudit) readManifest(ctx context.Context, s *step) {
	var readable int // that were not what the checkpoint covers
	var failed bool  // one could not be read, which is a finding of its own
	for _, info := range s.manifests {
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
		data, got, err := w.a.get(ctx, info.Key, info.VersionID, maxManifest)
		if err != nil {
			failed = failed || !isNotFound(err)
			w.a.unreadable(f, "a manifest", err, time.Time{})
			w.a.known.addAll(info.Key)
			continue
		}
		if sha256.Sum256(data) != sum {
			w.a.known.addAll(info.Key)
			w.a.found.add(f.tampered(KindChanged, "the manifest has another SHA-256 than its key says"))
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
			readable++
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
	if s.checkpoint == nil || s.manifest != nil || failed || ctx.Err() != nil {
		return
	}
	f := Finding{Writer: w.name, Object: w.a.layout.Checkpoint(w.name, s.number)}
	if readable > 0 {
		w.a.found.add(f.tampered(KindRoot, "the root that this checkpoint signs is not that of the manifest of its number"))
	} else {
		w.a.found.add(f.tampered(KindMissing, "the manifest of this checkpoint is not there"))
	}
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
	w.a.known.add(key, version)
	data, _, err := w.a.get(ctx, key, version, min(m.Filters.Size, maxFilters))
	switch {
	case err != nil:
		w.a.unreadable(f, "the object of filters", err, time.Time{})
		return nil
	case int64(len(data)) != m.Filters.Size || sha256.Sum256(data) != m.Filters.SHA256:
		w.a.found.add(f.tampered(KindChanged, "the filters are not those that the manifest names: another size or SHA-256"))
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
