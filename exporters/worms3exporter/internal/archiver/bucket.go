package archiver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// meetBucket sees that the state on disk and the bucket are of one log. Where the disk was
// lost, the log is taken up from the bucket. It tries until the context ends.
func (a *Archiver) meetBucket(ctx context.Context) error {
	return a.retry.do(ctx, "look for the log in the bucket", func(ctx context.Context) error {
		last, found, err := a.lastCheckpoint(ctx)
		if err != nil {
			return err
		}
		a.mu.Lock()
		head, end, empty := a.head, a.end, a.headID == 0 && a.end == nil && len(a.sealed) == 0
		a.mu.Unlock()
		switch {
		case empty && found:
			return a.takeUp(ctx, last)
		case head.Number >= 0 && !found:
			return permanent(fmt.Errorf("%w: %s has the log of %s up to checkpoint %d, and there is none in the bucket: is it another bucket, or prefix? A new log needs an empty directory",
				ErrState, a.set.Directory, a.origin, head.Number))
		case found && last > head.Number:
			// The last one may have been put before the power went.
			if end == nil || end.commit == nil || last != end.Number {
				return permanent(fmt.Errorf("%w: %w: the bucket has checkpoint %d of %s, and %s ends at %d: it is an old copy, or two writers have one name. To go on behind the bucket's, begin with an empty directory",
					ErrState, ErrOtherWriter, last, a.origin, a.set.Directory, head.Number))
			}
		case found && last < head.Number:
			a.deviates(a.set.Layout.Checkpoint(a.set.Writer, head.Number), fmt.Errorf("%w: it is gone: the bucket's last checkpoint is %d", ErrState, last))
		}
		return nil
	})
}

// lastCheckpoint is the number of the last one in the bucket.
func (a *Archiver) lastCheckpoint(ctx context.Context) (last int64, found bool, err error) {
	prefix := a.set.Layout.CheckpointPrefix(a.set.Writer)
	a.mu.Lock()
	number := a.head.Number
	a.mu.Unlock()
	// Those before the head's are of no interest, unless there is none behind.
	for _, from := range []int64{number - 1, -1} {
		after := ""
		if from >= 0 {
			after = a.set.Layout.Checkpoint(a.set.Writer, from)
		}
		for info, err := range a.set.Store.List(ctx, prefix, after) {
			if err != nil {
				return 0, false, fmt.Errorf("list %s: %w", prefix, err)
			}
			_, n, err := a.set.Layout.ParseCheckpoint(info.Key)
			if err != nil {
				a.deviates(info.Key, err)
				continue
			}
			last, found = n, true
		}
		if found {
			break
		}
	}
	return last, found, nil
}

// takeUp makes the head that of a checkpoint in the bucket: the disk was lost.
func (a *Archiver) takeUp(ctx context.Context, number int64) error {
	bad := func(err error) error {
		if errors.Is(err, objectstore.ErrBusy) || errors.Is(err, objectstore.ErrDenied) || errors.Is(err, objectstore.ErrClock) || ctx.Err() != nil {
			return err
		}
		return permanent(fmt.Errorf("%w: the log of %s can't be taken up at checkpoint %d: %w", ErrState, a.origin, number, err))
	}
	key := a.set.Layout.Checkpoint(a.set.Writer, number)
	raw, checkpoint, err := a.get(ctx, key, archive.MaxCheckpoint)
	if err != nil {
		return bad(err)
	}
	c, err := archive.OpenCheckpoint(raw, note.VerifierList(a.set.Verifier))
	if err == nil && c.Origin != a.origin {
		err = fmt.Errorf("%s is of the log %q", key, c.Origin)
	}
	if err != nil {
		return bad(fmt.Errorf("%s: %w", key, err))
	}
	m, previous, err := a.findManifest(ctx, number, &c)
	if err != nil {
		return bad(err)
	}
	previous.CheckpointVersion = checkpoint.VersionID
	// What waited there is lost: it does not count as waiting here.
	head := &headEntry{Number: number, Previous: previous, To: m.manifest.To, Totals: m.manifest.Totals}
	if err := head.grow(m.manifest, m.raw); err != nil {
		return bad(err)
	}
	if head.Recovered, err = a.behind(ctx, m.manifest, head.Size); err != nil {
		return bad(err)
	}
	entry, err := appendEntry(kindHead, head)
	if err != nil {
		return err
	}
	id, err := a.journal.append(ctx, "take up the log", entry)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.head, a.headID, a.nextLeaf = head, id, head.Size
	a.logger.Warn("The log was taken up from the bucket: there was none on disk", zap.String("origin", a.origin), zap.Int64("checkpoint", number),
		zap.Int64("waiting_then", m.manifest.Ledger.Waiting), zap.Int("objects_behind", len(head.Recovered.Objects)))
	return nil
}

type foundManifest struct {
	raw      []byte
	manifest *archive.Manifest
}

// findManifest finds the manifest that is the last leaf of a checkpoint. What is listed may
// be anybody's: only the one whose hash makes the checkpoint's root is kept in memory.
func (a *Archiver) findManifest(ctx context.Context, number int64, c *archive.Checkpoint) (*foundManifest, *archive.Previous, error) {
	// Its hash is not known: others that begin with the number are not in the log.
	prefix := strings.TrimSuffix(a.set.Layout.Manifest(a.set.Writer, number, [sha256.Size]byte{}), strings.Repeat("0", 2*sha256.Size)+".json")
	errs := []error{fmt.Errorf("no manifest of that number is that of the checkpoint")}
	for info, err := range a.set.Store.List(ctx, prefix, "") {
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		if info.Size > archive.MaxManifest {
			errs = append(errs, fmt.Errorf("%s has %d bytes, more than a manifest has", info.Key, info.Size))
			continue
		}
		is, err := a.isLastLeaf(ctx, info.Key, c)
		if err != nil {
			return nil, nil, err
		}
		if !is {
			errs = append(errs, fmt.Errorf("%s is not the checkpoint's last leaf", info.Key))
			continue
		}
		raw, got, err := a.get(ctx, info.Key, archive.MaxManifest)
		if err != nil {
			return nil, nil, err
		}
		m, err := archive.ParseManifest(raw)
		if err == nil {
			err = a.isOf(m, raw, number, c)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", info.Key, err))
			continue
		}
		previous := &archive.Previous{ManifestSHA256: sha256.Sum256(raw), ManifestVersion: got.VersionID}
		if m.Filters != nil {
			key := a.set.Layout.Filters(a.set.Writer, number, m.Filters.SHA256)
			filters, err := a.set.Store.Head(ctx, key, "")
			if err != nil {
				return nil, nil, fmt.Errorf("look at %s: %w", key, err)
			}
			previous.FiltersVersion = filters.VersionID
		}
		return &foundManifest{raw, m}, previous, nil
	}
	return nil, nil, errors.Join(errs...)
}

// isLastLeaf reads a manifest without keeping it.
func (a *Archiver) isLastLeaf(ctx context.Context, key string, c *archive.Checkpoint) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, a.set.CallTimeout)
	defer cancel()
	body, _, err := a.set.Store.Get(ctx, key, "", 0, -1)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close() //nolint:errcheck // it was only read
	_, is, err := archive.LastLeaf(io.LimitReader(body, archive.MaxManifest), c)
	if err != nil {
		return false, fmt.Errorf("read %s: %w: %w", key, objectstore.ErrBusy, err)
	}
	return is, nil
}

// isOf says whether a manifest is the last leaf of a checkpoint's tree.
func (a *Archiver) isOf(m *archive.Manifest, raw []byte, number int64, c *archive.Checkpoint) error {
	tree, err := m.Tree()
	if err != nil {
		return err
	}
	leaf := archive.LeafHash(raw)
	tree.Append(leaf[:], nil)
	if m.Origin != a.origin || m.Number != number || tree.Size() != c.Size || tree.Root() != c.Root {
		return fmt.Errorf("it is manifest %d of %s with the root %s, and the checkpoint has %s", m.Number, m.Origin, tree.Root(), c.Root)
	}
	return nil
}

func (a *Archiver) get(ctx context.Context, key string, limit int64) ([]byte, objectstore.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, a.set.CallTimeout)
	defer cancel()
	body, info, err := a.set.Store.Get(ctx, key, "", 0, -1)
	if err != nil {
		return nil, info, fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, info, fmt.Errorf("%s has more than %d bytes", key, limit)
	}
	if err != nil {
		return nil, info, fmt.Errorf("read %s: %w: %w", key, objectstore.ErrBusy, err)
	}
	return data, info, nil
}

// behind lists what is in the bucket of this writer behind a checkpoint: the disk that
// knew of it is lost.
func (a *Archiver) behind(ctx context.Context, m *archive.Manifest, size int64) (*archive.Recovered, error) {
	r := &archive.Recovered{FromNumber: m.Number, Objects: []archive.RecoveredObject{}}
	l := a.set.Layout
	note := func(key string, sum [sha256.Size]byte) error {
		info, err := a.set.Store.Head(ctx, key, "")
		if errors.Is(err, objectstore.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look at %s: %w", key, err)
		}
		if info.HasSHA256 {
			sum = info.SHA256
		}
		r.Objects = append(r.Objects, archive.RecoveredObject{Key: key, VersionID: info.VersionID, SHA256: sum})
		return nil
	}
	// All of it: what waited long for its turn is in the folder of its own hour.
	for folder, err := range a.set.Store.Folders(ctx, l.DataPrefix()) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", l.DataPrefix(), err)
		}
		for info, err := range a.set.Store.List(ctx, folder, "") {
			if err != nil {
				return nil, fmt.Errorf("list %s: %w", folder, err)
			}
			k, err := l.ParseData(info.Key)
			if err != nil || k.Writer != a.set.Writer || k.FirstLeaf < size {
				continue
			}
			if err := note(info.Key, k.SHA256); err != nil {
				return nil, err
			}
		}
	}
	for _, kind := range []struct {
		prefix, after string
		parse         func(string) (string, int64, [sha256.Size]byte, error)
	}{
		{l.FiltersPrefix(a.set.Writer), l.Filters(a.set.Writer, m.Number, highest), l.ParseFilters},
		{l.ManifestPrefix(a.set.Writer), l.Manifest(a.set.Writer, m.Number, highest), l.ParseManifest},
	} {
		for info, err := range a.set.Store.List(ctx, kind.prefix, kind.after) {
			if err != nil {
				return nil, fmt.Errorf("list %s: %w", kind.prefix, err)
			}
			if _, _, sum, err := kind.parse(info.Key); err == nil {
				if err := note(info.Key, sum); err != nil {
					return nil, err
				}
			}
		}
	}
	return r, nil
}

// highest is behind any other.
var highest = func() (sum [sha256.Size]byte) {
	for i := range sum {
		sum[i] = 0xff
	}
	return sum
}()
