package archiver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// commitAll writes the log: for each interval that has ended, once its objects are in the
// bucket. It ends when no more will end.
func (a *Archiver) commitAll(ctx context.Context) {
	for {
		e, objects, err := a.nextCommit(ctx)
		if err != nil || e == nil {
			return
		}
		if err := a.commit(ctx, e, objects); err != nil {
			if ctx.Err() == nil {
				a.fail(err)
			}
			return
		}
	}
}

// nextCommit waits for an interval all objects of which are uploaded; nil is none any more.
func (a *Archiver) nextCommit(ctx context.Context) (*ending, []*object, error) {
	for {
		a.mu.Lock()
		e, changed, pumped := a.end, a.changed, a.pumped
		var objects []*object
		ready := e != nil
		if ready {
			for _, o := range a.sealed {
				if o.FirstLeaf < e.Leaf {
					objects = append(objects, o)
					ready = ready && o.uploaded != nil
				}
			}
		}
		a.mu.Unlock()
		if ready {
			return e, objects, nil
		}
		if e == nil && pumped {
			return nil, nil, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// commit puts what an interval's end needs: filters and tiles, whose versions the manifest
// has; the manifest; and the checkpoint, with which the log has grown. The bytes of the
// last two are in the journal before they are put.
func (a *Archiver) commit(ctx context.Context, e *ending, objects []*object) error {
	if e.commit == nil {
		if err := a.prepareCommit(ctx, e, objects); err != nil {
			return err
		}
	}
	m, err := archive.ParseManifest(e.commit.manifest)
	if err != nil {
		return fmt.Errorf("%w: manifest %d in the journal: %w", ErrDamage, e.Number, err)
	}
	sum := sha256.Sum256(e.commit.manifest)
	manifestKey := a.set.Layout.Manifest(a.set.Writer, e.Number, sum)
	manifest, err := a.putLog(ctx, manifestKey, e.commit.manifest, "application/json", e.To, a.lookForContent)
	if err != nil {
		return err
	}
	checkpoint, err := a.putCheckpoint(ctx, e.Number, e.commit.checkpoint, e.To)
	if errors.Is(err, errOther) {
		return fmt.Errorf("%w: %w: nothing more is written; give each writer its own name and directory, and begin none with a copy of another's", ErrOtherWriter, err)
	}
	if err != nil {
		return err
	}
	head := &headEntry{
		Number: e.Number, To: e.To, Totals: m.Totals, Waiting: e.Ledger.Waiting, Counted: e.Counted,
		Previous: &archive.Previous{
			ManifestSHA256: sum, ManifestVersion: manifest.VersionID, CheckpointVersion: checkpoint.VersionID, FiltersVersion: e.commit.FiltersVersion,
		},
	}
	weakest := weakestLock{lock: e.commit.Lock}
	weakest.add(manifest.Lock)
	weakest.add(checkpoint.Lock)
	if weakest.lock.Mode != objectstore.Unlocked {
		head.Previous.Mode, head.Previous.RetainUntil = string(weakest.lock.Mode), weakest.lock.RetainUntil
	}
	if err := head.grow(m, e.commit.manifest); err != nil {
		return fmt.Errorf("%w: manifest %d in the journal: %w", ErrDamage, e.Number, err)
	}
	a.set.Observer.Committed(Commit{
		Number: e.Number, Event: e.Event, Size: head.Size, To: e.To, Checkpoint: e.commit.checkpoint,
		Manifest: manifestKey, Ledger: e.Ledger,
	})
	return a.moveHead(ctx, e, objects, head)
}

// moveHead has the journal say that the log has grown, and lets go of the interval.
func (a *Archiver) moveHead(ctx context.Context, e *ending, objects []*object, head *headEntry) error {
	entry, err := appendEntry(kindHead, head)
	if err != nil {
		return err
	}
	id, err := a.journal.append(ctx, "move the log's head", entry)
	if err != nil {
		return err
	}
	gone := append([]spool.ID{e.id, e.commitID, a.headID}, e.Counted...)
	for _, o := range objects {
		gone = append(gone, o.id, o.uploadedID)
	}
	gone = slices.DeleteFunc(gone, func(id spool.ID) bool { return id == 0 })
	a.journal.Ack(gone...)
	a.mu.Lock()
	a.head, a.headID, a.end = head, id, nil
	a.sealed = slices.DeleteFunc(a.sealed, func(o *object) bool { return o.FirstLeaf < e.Leaf })
	for _, o := range objects {
		a.sealedBytes -= o.onDisk()
	}
	a.announceLocked()
	a.mu.Unlock()
	for _, o := range objects {
		a.remove(o.File, leavesFile)
		a.remove(o.File, filterFile)
	}
	a.removeFilters()
	a.logger.Info("Checkpoint", zap.Int64("number", head.Number), zap.Int64("size", head.Size), zap.String("event", string(e.Event)), zap.ByteString("note", e.commit.checkpoint))
	return nil
}

// prepareCommit puts filters and tiles, and has the journal keep the manifest and the
// checkpoint.
func (a *Archiver) prepareCommit(ctx context.Context, e *ending, objects []*object) error {
	head := a.head // nobody else changes it
	m := archive.Manifest{
		Format: archive.Format, Origin: a.origin, Number: e.Number, Event: e.Event, Instance: a.instance,
		From: e.From, To: e.To, FirstLeaf: e.FirstLeaf, Leaf: e.Leaf, Previous: head.Previous,
		Objects: []archive.ManifestObject{}, Tiles: []archive.TileRef{},
		Ledger: e.Ledger, Totals: head.Totals, Interval: archive.Duration(a.set.CheckpointInterval),
		ConfigSHA256: a.set.ConfigSHA256, Version: a.set.Version, Recovered: head.Recovered,
	}
	m.Totals.Accepted += e.Ledger.Accepted
	m.Totals.Archived += e.Ledger.Archived
	m.Totals.Repeated += e.Ledger.Repeated
	m.Totals.DeadLettered += e.Ledger.DeadLettered
	m.Totals.Redactions += e.Ledger.Redactions
	var offset int64
	for _, o := range objects {
		mo := o.manifestObject()
		mo.Filter = archive.FilterRef{Offset: offset, Length: o.FilterSize}
		offset += o.FilterSize
		m.Objects = append(m.Objects, mo)
	}
	c := &commitEntry{Number: e.Number}
	var weakest weakestLock
	if len(objects) > 0 {
		var filters objectstore.Info
		var err error
		if m.Filters, filters, err = a.putFilters(ctx, e, objects); err != nil {
			return err
		}
		c.FiltersVersion = filters.VersionID
		weakest.add(filters.Lock)
	}
	tree, tiles, err := a.putTiles(ctx, e, objects, &weakest)
	if err != nil {
		return err
	}
	c.Lock = weakest.lock
	m.Tiles, m.Edge = append(m.Tiles, tiles...), tree.Edge()
	if c.manifest, err = m.Marshal(); err != nil {
		return fmt.Errorf("write manifest %d: %w", e.Number, err)
	}
	leaf := archive.LeafHash(c.manifest)
	tree.Append(leaf[:], nil)
	if c.checkpoint, err = archive.SignCheckpoint(a.origin, tree.Size(), tree.Root(), a.set.Signer); err != nil {
		return fmt.Errorf("sign checkpoint %d: %w", e.Number, err)
	}
	entry, err := appendEntry(kindCommit, c, c.manifest, c.checkpoint)
	if err != nil {
		return err
	}
	if e.commitID, err = a.journal.append(ctx, "keep a manifest", entry); err != nil {
		return err
	}
	e.commit = c
	return nil
}

// putCheckpoint puts a checkpoint behind the head, and sees that no other writer has put one
// there. An errOther says that one has.
//
// Two writers of one name may both find that a stranger has put something under the key, and
// both put their checkpoints on top; or find nothing, because a delete marker hides what is
// there. So nobody goes on before all versions of the key were listed, after the answer to
// the writer's own PUT. A listing has all that was answered before it, and no version goes:
// of two writers, the one who lists later sees both checkpoints, and stops.
//
//	one  412 ── list ── PUT ───────── list: its own alone, goes on
//	two  412 ────────── list ── PUT ─────────── list: both, stops
//
// Where they list at the same time, both may stop. A bucket without versions has one object
// under a key, which was put where there was none.
func (a *Archiver) putCheckpoint(ctx context.Context, number int64, checkpoint []byte, since time.Time) (objectstore.Info, error) {
	key := a.set.Layout.Checkpoint(a.set.Writer, number)
	place := &checkpointPlace{a: a, own: checkpoint, strange: map[string]bool{}}
	info, err := a.putLog(ctx, key, checkpoint, "text/plain; charset=utf-8", since, place.look)
	if err != nil || !isVersion(info.VersionID) {
		return info, err
	}
	o := objectstore.Object{Key: key, Size: int64(len(checkpoint)), SHA256: sha256.Sum256(checkpoint)}
	err = a.retry.do(ctx, "look for other checkpoints under "+key, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, a.set.CallTimeout)
		defer cancel()
		if info, err = place.look(ctx, &o); errors.Is(err, errOther) {
			return permanent(err)
		}
		return err
	})
	return info, err
}

// putLog puts an object of the log.
func (a *Archiver) putLog(ctx context.Context, key string, data []byte, contentType string, since time.Time, look lookFunc) (objectstore.Info, error) {
	return a.put(ctx, objectstore.Object{
		Key: key, Body: bytes.NewReader(data), Size: int64(len(data)), SHA256: sha256.Sum256(data), ContentType: contentType, Tags: a.set.Tags,
	}, a.set.LogLock, since, look)
}

func (a *Archiver) filtersPath() string { return filepath.Join(a.objects, "filters.tmp") }

func (a *Archiver) removeFilters() {
	if err := a.set.FS.Remove(a.filtersPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.logger.Debug("A file that is no longer needed stays", zap.Error(err))
	}
}

// putFilters puts the filters of the interval's objects, one behind the other.
func (a *Archiver) putFilters(ctx context.Context, e *ending, objects []*object) (*archive.FiltersRef, objectstore.Info, error) {
	var file diskfs.File
	ref := &archive.FiltersRef{}
	err := a.retry.do(ctx, "join the filters", func(context.Context) (err error) {
		file, err = a.joinFilters(objects, ref)
		return err
	})
	if err != nil {
		return nil, objectstore.Info{}, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	info, err := a.put(ctx, objectstore.Object{
		Key: a.set.Layout.Filters(a.set.Writer, e.Number, ref.SHA256), Body: file, Size: ref.Size, SHA256: ref.SHA256,
		ContentType: "application/octet-stream", Tags: a.set.Tags,
	}, a.set.LogLock, e.To, a.lookForContent)
	return ref, info, err
}

// joinFilters makes one file of the objects' filters. It can be made again, and is not synced.
func (a *Archiver) joinFilters(objects []*object, ref *archive.FiltersRef) (diskfs.File, error) {
	a.removeFilters()
	f, err := a.set.FS.Create(a.filtersPath())
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", a.filtersPath(), err)
	}
	h := sha256.New()
	ref.Size = 0
	for _, o := range objects {
		n, err := a.copyFile(io.MultiWriter(f, h), a.file(o.File, filterFile))
		if err == nil && n != o.FilterSize {
			err = fmt.Errorf("%w: %s has %d bytes, and had %d", ErrDamage, a.file(o.File, filterFile), n, o.FilterSize)
		}
		if err != nil {
			_ = f.Close()
			return nil, err
		}
		ref.Size += n
	}
	ref.SHA256 = archive.Digest(h.Sum(nil))
	return f, nil
}

func (a *Archiver) copyFile(w io.Writer, path string) (int64, error) {
	f, err := a.set.FS.Open(path)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	n, err := io.CopyBuffer(w, onlyReader{io.NewSectionReader(f, 0, 1<<62)}, make([]byte, 256<<10))
	if err != nil {
		return n, fmt.Errorf("read %s: %w", path, err)
	}
	return n, nil
}

// onlyReader hides what would have io.CopyBuffer not use the buffer.
type onlyReader struct{ io.Reader }

// tilesAtATime is how many more tiles than objects are on their way at a time: they are small.
const tilesAtATime = 4

// putTiles puts the tiles that the interval's leaves fill, with the manifest's before them,
// and gives the tree of those leaves.
func (a *Archiver) putTiles(ctx context.Context, e *ending, objects []*object, weakest *weakestLock) (*archive.Tree, []archive.TileRef, error) {
	tree, err := archive.TreeFromEdge(a.head.Size, a.head.Edge)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the log's head in the journal: %w", ErrDamage, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var refs []*archive.TileRef
	var wg sync.WaitGroup
	slots := make(chan struct{}, tilesAtATime*a.set.MaxUploads)
	full := func(t tlog.Tile, data []byte) {
		ref := &archive.TileRef{Path: archive.TilePath(t), SHA256: sha256.Sum256(data)}
		refs = append(refs, ref)
		data = slices.Clone(data)
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := a.putTile(ctx, t, ref, data, e.To, weakest); err != nil {
				cancel(err)
			}
		})
	}
	for _, t := range a.head.Tiles {
		full(tlog.Tile{H: archive.TileHeight, L: t.Level, N: t.N, W: archive.TileWidth}, t.Data)
	}
	for _, o := range objects {
		w := &treeWriter{ctx: ctx, tree: tree, full: full}
		err = a.retry.do(ctx, "read leaves", func(context.Context) error {
			_, err := a.copyFile(w, a.file(o.File, leavesFile))
			if err != nil && w.n > 0 {
				err = permanent(err) // what was read is in the tree
			}
			return err
		})
		if err == nil && w.n != o.Leaves*archive.HashSize {
			err = fmt.Errorf("%w: %s has %d bytes, and had %d", ErrDamage, a.file(o.File, leavesFile), w.n, o.Leaves*archive.HashSize)
		}
		if err != nil {
			break
		}
	}
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if err != nil {
		return nil, nil, err
	}
	if tree.Size() != e.Leaf {
		return nil, nil, fmt.Errorf("%w: the objects of interval %d end at leaf %d, not %d", ErrDamage, e.Number, tree.Size(), e.Leaf)
	}
	tiles := make([]archive.TileRef, len(refs))
	for i, ref := range refs {
		tiles[i] = *ref
	}
	return tree, tiles, nil
}

// treeWriter adds the leaves that are written to it to a tree.
type treeWriter struct {
	ctx  context.Context
	tree *archive.Tree
	full func(tlog.Tile, []byte)
	rest []byte
	n    int64
}

func (w *treeWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	w.n += int64(len(p))
	n := len(p)
	if len(w.rest) > 0 {
		w.rest = append(w.rest, p...)
		p = w.rest
	}
	whole := len(p) / archive.HashSize * archive.HashSize
	w.tree.Append(p[:whole], w.full)
	w.rest = append(w.rest[:0:0], p[whole:]...)
	return n, nil
}

// putTile puts a tile. Where another one is under its key, which a lost disk may have left,
// it is put beside that, with its hash in the path.
func (a *Archiver) putTile(ctx context.Context, t tlog.Tile, ref *archive.TileRef, data []byte, since time.Time, weakest *weakestLock) error {
	key := a.set.Layout.Tile(a.set.Writer, t)
	info, err := a.putLog(ctx, key, data, "application/octet-stream", since, a.lookForTile)
	if errors.Is(err, errOther) {
		a.deviates(key, err)
		suffix := archive.BesideTile(ref.SHA256)
		ref.Path += suffix
		info, err = a.putLog(ctx, key+suffix, data, "application/octet-stream", since, a.lookForContent)
	}
	if err == nil {
		ref.VersionID = info.VersionID
		weakest.add(info.Lock)
	}
	return err
}

// weakestLock is the weakest of some locks. It may be shared between goroutines.
type weakestLock struct {
	mu sync.Mutex
	// mu guards the following.
	lock *objectstore.Lock // nil before the first
}

func (w *weakestLock) add(lock objectstore.Lock) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.lock == nil:
	case w.lock.Mode == objectstore.Unlocked || lock.Mode == objectstore.Unlocked:
		lock = objectstore.Lock{}
	default:
		if w.lock.Mode == objectstore.Governance {
			lock.Mode = objectstore.Governance
		}
		if w.lock.RetainUntil.Before(lock.RetainUntil) {
			lock.RetainUntil = w.lock.RetainUntil
		}
	}
	w.lock = &lock
}
