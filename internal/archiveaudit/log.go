package archiveaudit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// maxObject is how much of an object without lines is held, in bytes.
const maxObject = 1 << 30

// writerLog reads one writer's log, without a key: that a manifest is the one of its key
// is checked, and no more.
type writerLog struct {
	r      objectstore.Reader
	layout archive.Layout
	name   string
}

// Writers gives the names of the writers who have a folder in an archive.
func Writers(ctx context.Context, r objectstore.Reader, prefix string) ([]string, error) {
	layout := archive.Layout{Prefix: prefix}
	var names []string
	for folder, err := range r.Folders(ctx, layout.LogPrefix()) {
		if err != nil {
			return nil, fmt.Errorf("list the writers: %w", err)
		}
		if folder != layout.WritersPrefix() {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(folder, layout.LogPrefix()), "/"))
		}
	}
	return names, nil
}

// checkpoint reads the checkpoint of a number.
func (l *writerLog) checkpoint(ctx context.Context, number int64) (archive.Checkpoint, error) {
	key := l.layout.Checkpoint(l.name, number)
	data, _, err := get(ctx, l.r, key, "", 2*archive.MaxCheckpoint)
	if err != nil {
		return archive.Checkpoint{}, fmt.Errorf("read checkpoint %d of %s: %w", number, l.name, err)
	}
	c, err := archive.ParseCheckpoint(data)
	if err != nil {
		return c, fmt.Errorf("%s: %w: %w", key, errNoCheckpoint, err)
	}
	return c, nil
}

var errNoCheckpoint = errors.New("what is there is none")

// read reads a manifest that was listed.
func (l *writerLog) read(ctx context.Context, info objectstore.Info) (*archive.Manifest, []byte, error) {
	key := info.Key
	_, _, sum, err := l.layout.ParseManifest(key)
	if err != nil {
		return nil, nil, err
	}
	data, _, err := get(ctx, l.r, key, "", min(info.Size, archive.MaxManifest))
	if err != nil {
		return nil, nil, fmt.Errorf("read the manifest %s: %w", key, err)
	}
	if sha256.Sum256(data) != sum {
		return nil, nil, fmt.Errorf("the manifest %s was changed: it has another SHA-256 than its key says; `heartwood verify` tells more", key)
	}
	m, err := archive.ParseManifest(data)
	if err != nil {
		return nil, nil, fmt.Errorf("the manifest %s: %w", key, err)
	}
	rebase(m, l.layout.Prefix)
	return m, data, nil
}

// rebase gives a manifest's objects the keys that they have below a prefix: manifests name
// them by those of the bucket, and a folder may have been downloaded from below its
// prefix. What is found there is held to the SHA-256 all the same.
func rebase(m *archive.Manifest, prefix string) {
	for i := range m.Objects {
		m.Objects[i].Key = rebased(m.Objects[i].Key, prefix)
	}
}

func rebased(key, prefix string) string {
	for _, first := range []string{"category=", "_log/"} {
		if at := strings.Index("/"+key, "/"+first); at >= 0 {
			if strings.HasPrefix(key, prefix+first) {
				return key
			}
			return prefix + key[at:]
		}
	}
	return key
}

// head is a checkpoint with its manifest.
type head struct {
	archive.Checkpoint
	number   int64
	manifest *archive.Manifest
	leafHash archive.Hash
}

// at gives the checkpoint of a number, and the manifest that it covers.
func (l *writerLog) at(ctx context.Context, number int64) (*head, error) {
	c, err := l.checkpoint(ctx, number)
	if err != nil {
		return nil, err
	}
	var failure error
	for info, err := range l.r.List(ctx, fmt.Sprintf("%s%020d-", l.layout.ManifestPrefix(l.name), number), "") {
		if err != nil {
			return nil, fmt.Errorf("list manifest %d of %s: %w", number, l.name, err)
		}
		if is, err := l.isLast(ctx, info, &c); err != nil || !is {
			failure = cmp.Or(err, failure)
			continue
		}
		m, data, err := l.read(ctx, info)
		if err != nil {
			failure = err
			continue
		}
		if covers(&c, m, data) {
			return &head{Checkpoint: c, number: number, manifest: m, leafHash: archive.LeafHash(data)}, nil
		}
	}
	return nil, cmp.Or(failure, fmt.Errorf("the manifest of checkpoint %d of %s is not there; `heartwood verify` tells more", number, l.name))
}

// isLast says whether a manifest is the last leaf of a checkpoint's tree. One that is large
// is not held for it.
func (l *writerLog) isLast(ctx context.Context, info objectstore.Info, c *archive.Checkpoint) (is bool, err error) {
	if info.Size <= largeManifest || info.Size > archive.MaxManifest {
		return info.Size <= largeManifest, nil
	}
	return retry(ctx, func() (bool, error) {
		body, _, err := l.r.Get(ctx, info.Key, "", 0, -1)
		if err != nil {
			return false, fmt.Errorf("read the manifest %s: %w", info.Key, err)
		}
		_, is, err := archive.LastLeaf(io.LimitReader(body, archive.MaxManifest), c)
		return is, errors.Join(err, body.Close())
	})
}

// listedLast gives the number of the last checkpoint before which none is missing. It reads
// all of the listing: somebody has put what seems to be a checkpoint where none is due.
func (l *writerLog) listedLast(ctx context.Context) (int64, error) {
	last := int64(-1)
	for info, err := range l.r.List(ctx, l.layout.CheckpointPrefix(l.name), "") {
		if err != nil {
			return 0, fmt.Errorf("list the checkpoints of %s: %w", l.name, err)
		}
		_, number, err := l.layout.ParseCheckpoint(info.Key)
		switch {
		case err != nil:
		case number == last+1:
			last = number
		default:
			return last, nil
		}
	}
	return last, nil
}

// maxCheckpoints is more than any log has.
const maxCheckpoints = 1 << 40

// last gives the number of the last checkpoint, unless somebody has put others behind it.
func (l *writerLog) last(ctx context.Context) (int64, error) {
	has := func(n int64) (bool, error) {
		_, err := retry(ctx, func() (objectstore.Info, error) { return l.r.Head(ctx, l.layout.Checkpoint(l.name, n), "") })
		if errors.Is(err, objectstore.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	low, high := int64(-1), int64(1) // there, and perhaps not
	for {
		ok, err := has(high - 1)
		if err != nil {
			return 0, fmt.Errorf("look for the last checkpoint of %s: %w", l.name, err)
		}
		if !ok {
			break
		}
		if low, high = high-1, 2*high; high > maxCheckpoints {
			return l.listedLast(ctx)
		}
	}
	for low+1 < high-1 {
		middle := low + (high-1-low)/2
		ok, err := has(middle)
		if err != nil {
			return 0, fmt.Errorf("look for the last checkpoint of %s: %w", l.name, err)
		}
		if ok {
			low = middle
		} else {
			high = middle + 1
		}
	}
	if low < 0 {
		return 0, fmt.Errorf("there is no checkpoint of %s: %w", l.name, objectstore.ErrNotFound)
	}
	return low, nil
}

// covering gives the first checkpoint whose tree has a leaf.
func (l *writerLog) covering(ctx context.Context, leaf, last int64) (int64, error) {
	low, high := int64(-1), last+1 // too small, and large enough or not there
	for low+1 < high {
		middle := low + (high-low)/2
		c, err := l.checkpoint(ctx, middle)
		switch {
		case errors.Is(err, objectstore.ErrNotFound), errors.Is(err, errNoCheckpoint):
			high = middle // behind the end, where somebody has put others
		case err != nil:
			return 0, err
		case c.Size <= leaf:
			low = middle
		default:
			high = middle
		}
	}
	if high > last {
		return 0, fmt.Errorf("leaf %d is in no checkpoint of %s yet; the next one, within its interval, should have it", leaf, l.name)
	}
	return high, nil
}

// objectOf gives the object that has a leaf.
func (h *head) objectOf(leaf int64) (*archive.ManifestObject, bool) {
	i, _ := slices.BinarySearchFunc(h.manifest.Objects, leaf, func(o archive.ManifestObject, leaf int64) int {
		return cmp.Compare(o.FirstLeaf+o.Leaves-1, leaf)
	})
	if i == len(h.manifest.Objects) || h.manifest.Objects[i].FirstLeaf > leaf {
		return nil, false
	}
	return &h.manifest.Objects[i], true
}

// body opens an object's bytes.
func (l *writerLog) body(ctx context.Context, o *archive.ManifestObject) (io.ReadCloser, error) {
	return retry(ctx, func() (io.ReadCloser, error) {
		body, _, err := l.r.Get(ctx, o.Key, o.VersionID, 0, -1)
		if errors.Is(err, objectstore.ErrUnsupported) {
			body, _, err = l.r.Get(ctx, o.Key, "", 0, -1)
		}
		return body, err
	})
}

// lines gives the lines of an object, or all of one without lines as one. A line is the
// callee's until it returns.
func (l *writerLog) lines(ctx context.Context, o *archive.ManifestObject, line func(n int64, data []byte) error) error {
	body, err := l.body(ctx, o)
	if err != nil {
		return fmt.Errorf("read the object %s: %w", o.Key, err)
	}
	defer func() { _ = body.Close() }()
	settings := archive.ReadSettings{Compression: o.Compression, Lines: archive.HasLines(o.Encoding), MaxBytes: o.Bytes}
	var info archive.ObjectInfo
	if settings.Lines {
		n := int64(0)
		info, err = archive.ReadLines(body, settings, func(data []byte) error {
			n++
			return line(n, data)
		})
	} else {
		if o.Bytes > maxObject {
			return fmt.Errorf("the object %s has %d bytes, more than %d", o.Key, o.Bytes, int64(maxObject))
		}
		var all []byte
		info, err = archive.ReadBlocks(body, settings, func(block []byte) error {
			all = append(all, block...)
			return nil
		})
		if err == nil {
			err = line(1, all)
		}
	}
	if err != nil {
		return fmt.Errorf("read the object %s: %w", o.Key, err)
	}
	if info.SHA256 != o.SHA256 {
		return fmt.Errorf("the object %s was changed: it has another SHA-256 than the log says; `heartwood verify` tells more", o.Key)
	}
	return nil
}

// tile reads a tile, or where it is not there, makes it of the objects' lines.
func (l *writerLog) tile(last int64) archive.TileLoader {
	return func(ctx context.Context, t tlog.Tile) ([]byte, error) {
		key := l.layout.Tile(l.name, t)
		// Where a lost disk left another one, the log's is beside it, with its hash.
		for info, err := range l.r.List(ctx, key+"-", "") {
			if err != nil {
				return nil, fmt.Errorf("list tile %s: %w", t.Path(), err)
			}
			if data, _, err := get(ctx, l.r, info.Key, "", tileBytes); err == nil && info.Key == fmt.Sprintf("%s-%x", key, sha256.Sum256(data)) {
				return data, nil
			}
		}
		data, _, err := get(ctx, l.r, key, "", tileBytes)
		if err == nil && len(data) == tileBytes {
			return data, nil
		}
		made, failure := l.makeTile(ctx, t, last)
		if failure != nil {
			return nil, fmt.Errorf("tile %s: %w", t.Path(), errors.Join(err, failure))
		}
		return made, nil
	}
}

// makeTile makes a tile of the lines below it.
func (l *writerLog) makeTile(ctx context.Context, t tlog.Tile, last int64) ([]byte, error) {
	if t.L > 3 {
		return nil, errors.New("too many lines are below it")
	}
	first, end := t.N<<(archive.TileHeight*(t.L+1)), (t.N+1)<<(archive.TileHeight*(t.L+1))
	number, err := l.covering(ctx, first, last)
	if err != nil {
		return nil, err
	}
	// A subtree that is aligned is a tree of its own.
	tree, at := archive.NewTree(), first
	var made []byte
	add := func(hashes []byte, from int64) {
		skip := max(0, at-from)
		to := min(int64(len(hashes)/archive.HashSize), end-from)
		if skip >= to {
			return
		}
		tree.Append(hashes[skip*archive.HashSize:to*archive.HashSize], func(full tlog.Tile, data []byte) {
			if full.L == t.L {
				made = slices.Clone(data)
			}
		})
		at = from + to
	}
	for ; at < end && number <= last; number++ {
		h, err := l.at(ctx, number)
		if err != nil {
			return nil, err
		}
		for i := range h.manifest.Objects {
			o := &h.manifest.Objects[i]
			if o.FirstLeaf+o.Leaves <= at || o.FirstLeaf >= end {
				continue
			}
			from, hasher := o.FirstLeaf, archive.LeafHasher{}
			var hash []byte
			err := l.lines(ctx, o, func(_ int64, line []byte) error {
				hash = hasher.Append(hash[:0], line)
				add(hash, from)
				from++
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		add(h.leafHash[:], h.manifest.Leaf)
	}
	if made == nil {
		return nil, errors.New("its lines are not all there")
	}
	return made, nil
}
