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

// writerLog reads one writer's log, and of it no more than is asked for: no two of its parts
// are compared but a checkpoint and its manifest.
type writerLog struct {
	*archiveReader
	name string
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

// checkpoint reads a checkpoint that one of the writer's keys signed: the latest version of
// the number's, or where that is none, the oldest. It may be a copy of another number's. Only
// where hidden is asked for does it look behind a delete marker.
func (l *writerLog) checkpoint(ctx context.Context, number int64, hidden bool) (*archive.Checkpoint, error) {
	c, err := l.openCheckpoint(ctx, number, "")
	if err == nil || !inTheWay(err) || (isNotFound(err) && !hidden) {
		return c, err
	}
	signed, failure := l.signed(ctx, number)
	if len(signed) == 0 {
		return nil, cmp.Or(failure, err)
	}
	l.notes.add(l.layout.Checkpoint(l.name, number), noteOnTop)
	return signed[0], nil
}

// openCheckpoint reads a version under the key of a checkpoint.
func (l *writerLog) openCheckpoint(ctx context.Context, number int64, version string) (*archive.Checkpoint, error) {
	key := l.layout.Checkpoint(l.name, number)
	data, _, err := get(ctx, l.r, key, version, 2*archive.MaxCheckpoint)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint %d of %s: %w", number, l.name, err)
	}
	c, err := l.keys.open(ctx, l.name, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return c, nil
}

// signed gives all versions under the key of a checkpoint that one of the writer's keys
// signed, the oldest first.
func (l *writerLog) signed(ctx context.Context, number int64) ([]*archive.Checkpoint, error) {
	key := l.layout.Checkpoint(l.name, number)
	versions, err := l.versionsOfKey(ctx, key)
	if err != nil {
		return nil, err
	}
	var signed []*archive.Checkpoint
	for _, info := range versions {
		c, err := l.openCheckpoint(ctx, number, info.VersionID)
		switch {
		case err == nil:
			signed = append(signed, c)
		case !inTheWay(err):
			return nil, err
		}
	}
	if len(signed) == 0 && len(versions) > 0 {
		l.notes.add(key, noteNobodys)
	}
	return signed, nil
}

// read reads the manifest of a key.
func (l *writerLog) read(ctx context.Context, key string) (*archive.Manifest, []byte, error) {
	_, _, sum, err := l.layout.ParseManifest(key)
	if err != nil {
		return nil, nil, err
	}
	var data []byte
	found, err := l.rightVersion(ctx, key, func(version string) (bool, error) {
		var err error
		data, _, err = get(ctx, l.r, key, version, archive.MaxManifest)
		return err == nil && sha256.Sum256(data) == sum, err
	})
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read the manifest %s: %w", key, err)
	case !found:
		return nil, nil, fmt.Errorf("the manifest %s %w; `heartwood verify` tells more", key, errChanged)
	}
	m, err := archive.ParseManifest(data)
	if err != nil {
		return nil, nil, fmt.Errorf("the manifest %s %w: %w", key, errChanged, err)
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
	sum      archive.Digest // of the manifest
}

// at gives the checkpoint of a number, and the manifest that it covers: of several, that of
// the oldest version. Versions of a checkpoint are listed only where its latest is not right,
// or there is more than one manifest.
func (l *writerLog) at(ctx context.Context, number int64) (*head, error) {
	c, err := l.openCheckpoint(ctx, number, "")
	if err != nil && !inTheWay(err) {
		return nil, err
	}
	manifests, failure := l.listedManifests(ctx, number)
	if failure != nil {
		return nil, failure
	}
	if err == nil && len(manifests) == 1 {
		h, err := l.headOf(ctx, number, []*archive.Checkpoint{c}, manifests)
		if h != nil || (err != nil && !inTheWay(err)) {
			return h, err
		}
	}
	signed, failure := l.signed(ctx, number)
	if failure != nil || len(signed) == 0 {
		return nil, cmp.Or(failure, err, fmt.Errorf("read checkpoint %d of %s: %w", number, l.name, objectstore.ErrNotFound))
	}
	h, failure := l.headOf(ctx, number, signed, manifests)
	if h == nil {
		return nil, cmp.Or(failure, fmt.Errorf("the manifest of checkpoint %d of %s %w; `heartwood verify` tells more", number, l.name, errNoManifest))
	}
	if c == nil || h.Size != c.Size || h.Root != c.Root {
		l.notes.add(l.layout.Checkpoint(l.name, number), noteOnTop)
	}
	return h, nil
}

// listedManifests lists the manifests of a number, one of each key.
func (l *writerLog) listedManifests(ctx context.Context, number int64) (manifests []objectstore.Info, failure error) {
	prefix := fmt.Sprintf("%s%020d-", l.layout.ManifestPrefix(l.name), number)
	for group := range numbered(l.versions(ctx, prefix), func(info objectstore.Info) (int64, error) {
		_, number, _, err := l.layout.ParseManifest(info.Key)
		return number, err
	}, func(err error) { failure = fmt.Errorf("list manifest %d of %s: %w", number, l.name, err) }, nil) {
		manifests = keysOf(group.infos)
	}
	return manifests, failure
}

// headOf gives the first of some checkpoints that a manifest of their number is of, with that
// manifest. Without an error or a head, there are no such.
func (l *writerLog) headOf(ctx context.Context, number int64, signed []*archive.Checkpoint, manifests []objectstore.Info) (*head, error) {
	var failure error
	var h *head
	c := ofManifest(signed, manifests, func(c *archive.Checkpoint, info objectstore.Info) bool {
		m, data, err := l.covered(ctx, c, info)
		if failure = cmp.Or(failure, err); m == nil || m.Number != number {
			return false
		}
		h = &head{Checkpoint: *c, number: number, manifest: m, leafHash: archive.LeafHash(data), sum: sha256.Sum256(data)}
		return true
	})
	if c == nil {
		return nil, failure
	}
	for _, info := range manifests {
		if _, _, sum, err := l.layout.ParseManifest(info.Key); err == nil && sum != h.sum {
			l.notes.add(info.Key, noteNoManifest)
		}
	}
	return h, nil
}

// keysOf gives one version of each key, the largest, and none of a key that has delete markers
// alone.
func keysOf(infos []objectstore.Info) []objectstore.Info {
	var keys []objectstore.Info
	at := make(map[string]int)
	for _, info := range infos {
		if info.DeleteMarker {
			continue
		}
		if i, ok := at[info.Key]; !ok {
			at[info.Key] = len(keys)
			keys = append(keys, info)
		} else if info.Size > keys[i].Size {
			keys[i] = info
		}
	}
	return keys
}

// covered reads a manifest that is the last leaf of a checkpoint's tree. One that is large is
// not held for it. Nil: it is not.
func (l *writerLog) covered(ctx context.Context, c *archive.Checkpoint, info objectstore.Info) (*archive.Manifest, []byte, error) {
	if info.Size > largeManifest {
		found, err := l.rightVersion(ctx, info.Key, func(version string) (bool, error) {
			_, is, err := readLastLeaf(ctx, l.r, c, info.Key, version)
			return is, err
		})
		if err != nil {
			return nil, nil, fmt.Errorf("read the manifest %s: %w", info.Key, err)
		}
		if !found {
			return nil, nil, nil
		}
	}
	m, data, err := l.read(ctx, info.Key)
	if err != nil || !covers(c, m, data) {
		return nil, nil, err
	}
	return m, data, nil
}

// maxCheckpoints is more than any log has.
const maxCheckpoints = 1 << 40

// last gives the number of the last checkpoint. It is looked for by those that the writer's
// key signed; only where that leads to one that is none, each is compared with its manifest.
func (l *writerLog) last(ctx context.Context) (int64, error) {
	last, err := l.lastOf(ctx, func(n int64) error {
		_, err := l.checkpoint(ctx, n, false)
		return err
	})
	if err == nil {
		var end bool
		if end, err = l.isEnd(ctx, last); err == nil && !end {
			last, err = l.lastOf(ctx, func(n int64) error {
				_, err := l.at(ctx, n)
				return err
			})
		}
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("look for the last checkpoint of %s: %w", l.name, err)
	case last < 0:
		return 0, fmt.Errorf("there is no checkpoint of %s: %w", l.name, objectstore.ErrNotFound)
	}
	return last, nil
}

// isEnd says whether the checkpoint of a number, if it is not negative, is right, and the
// next one is not there, nor hidden.
func (l *writerLog) isEnd(ctx context.Context, number int64) (bool, error) {
	if number >= 0 {
		if _, err := l.at(ctx, number); err != nil {
			if inTheWay(err) {
				err = nil
			}
			return false, err
		}
	}
	next, err := l.signed(ctx, number+1)
	if err != nil || len(next) == 0 {
		return len(next) == 0, err
	}
	_, err = l.at(ctx, number+1)
	if inTheWay(err) {
		return true, nil
	}
	return false, err
}

// lastOf gives the last number that look has no error for: all before it have none, and all
// behind it one that is in the way. -1: there is none.
func (l *writerLog) lastOf(ctx context.Context, look func(n int64) error) (int64, error) {
	has := func(n int64) (bool, error) {
		err := look(n)
		if err != nil && inTheWay(err) && ctx.Err() == nil {
			return false, nil
		}
		return err == nil, err
	}
	low, high := int64(-1), int64(0) // there, and perhaps not
	for high < maxCheckpoints {
		ok, err := has(high)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		low, high = high, 2*high+1
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
	return low, nil
}

// covering gives the first checkpoint whose tree has a leaf. It is looked for by the sizes of
// those that the writer's key signed; only where that leads to another one, each is compared
// with its manifest. at is [writerLog.at], or remembers what that gave.
func (l *writerLog) covering(ctx context.Context, leaf, last int64, at func(ctx context.Context, number int64) (*head, error)) (*head, error) {
	signed := func(n int64) (*archive.Checkpoint, error) { return l.checkpoint(ctx, n, true) }
	right := func(n int64) (*archive.Checkpoint, error) {
		h, err := at(ctx, n)
		if err != nil {
			return nil, err
		}
		return &h.Checkpoint, nil
	}
	var failure error
	for _, look := range []func(int64) (*archive.Checkpoint, error){signed, right} {
		number, err := l.firstWith(leaf, last, look)
		if err == nil {
			var h *head
			if h, err = at(ctx, number); err == nil && h.manifest.FirstLeaf <= leaf && leaf < h.Size {
				return h, nil
			}
		}
		if err != nil && !inTheWay(err) {
			return nil, err
		}
		failure = cmp.Or(err, fmt.Errorf("leaf %d is in no checkpoint of %s that %w; `heartwood verify` tells more", leaf, l.name, errNoManifest))
	}
	return nil, failure
}

// firstWith gives the number of the first checkpoint whose tree has a leaf.
func (l *writerLog) firstWith(leaf, last int64, look func(n int64) (*archive.Checkpoint, error)) (int64, error) {
	low, high := int64(-1), last+1 // too small, and large enough or not there
	for low+1 < high {
		middle := low + (high-low)/2
		c, err := look(middle)
		switch {
		case err != nil && !inTheWay(err):
			return 0, err
		case err != nil:
			high = middle // removed
		case c.Size <= leaf:
			low = middle
		default:
			high = middle
		}
	}
	if high > last {
		return 0, fmt.Errorf("leaf %d is in %w of %s yet; the next one, within its interval, should have it", leaf, errNotYet, l.name)
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
	return func(ctx context.Context, t tlog.Tile, right func([]byte) bool) ([]byte, error) {
		key := l.layout.Tile(l.name, t)
		data, _, err := get(ctx, l.r, key, "", tileBytes)
		switch {
		case err == nil && right(data):
			return data, nil
		case err != nil && !inTheWay(err):
			return nil, fmt.Errorf("tile %s: %w", t.Path(), err)
		}
		// It may have another version on top, or be beside another one, under a key that only
		// begins so.
		looked := 0
		for info, err := range l.versions(ctx, key) {
			if err != nil {
				return nil, fmt.Errorf("list tile %s: %w", t.Path(), err)
			}
			if info.DeleteMarker || info.Size != tileBytes {
				continue
			}
			if looked++; looked > maxVersions {
				break
			}
			data, _, err := get(ctx, l.r, info.Key, info.VersionID, tileBytes)
			if err != nil && !inTheWay(err) {
				return nil, fmt.Errorf("tile %s: %w", t.Path(), err)
			}
			if err == nil && right(data) {
				if info.Key == key {
					l.notes.add(key, noteOnTop)
				}
				return data, nil
			}
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
	h, err := l.covering(ctx, first, last, l.at)
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
	for {
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
		if at >= end || h.number >= last {
			break
		}
		if h, err = l.at(ctx, h.number+1); err != nil {
			return nil, err
		}
	}
	if made == nil {
		return nil, errors.New("its lines are not all there")
	}
	return made, nil
}
