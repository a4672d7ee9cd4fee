package archiver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// meetBucket sees that the state on disk and the bucket are of one log. Where the disk was
// lost, the log is taken up from the bucket. It tries until the context ends.
func (a *Archiver) meetBucket(ctx context.Context) error {
	return a.retry.do(ctx, "look for the log in the bucket", func(ctx context.Context) error {
		a.mu.Lock()
		head, end, empty := a.head, a.end, a.headID == 0 && a.end == nil && len(a.sealed) == 0
		a.mu.Unlock()
		if empty {
			return a.takeUp(ctx)
		}
		last, found, err := a.lastCheckpoint(ctx, head.Number)
		if err != nil {
			return err
		}
		switch {
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

// lastCheckpoint is the number of the last one in the bucket. Of those behind the head's,
// only what a writer signed counts.
func (a *Archiver) lastCheckpoint(ctx context.Context, head int64) (last int64, found bool, err error) {
	prefix := a.set.Layout.CheckpointPrefix(a.set.Writer)
	// Those before the head's are of no interest, unless there is none behind.
	for _, from := range []int64{head - 1, -1} {
		after := ""
		if from >= 0 {
			after = a.set.Layout.Checkpoint(a.set.Writer, from)
		}
		numbers, err := a.numbers(a.set.Store.List(ctx, prefix, after))
		if err != nil {
			return 0, false, fmt.Errorf("list %s: %w", prefix, err)
		}
		for _, n := range slices.Backward(numbers) {
			if n <= head {
				return n, true, nil
			}
			signed, err := a.signedAt(ctx, n)
			if err != nil {
				return 0, false, err
			}
			if len(signed) > 0 {
				return n, true, nil
			}
		}
	}
	return 0, false, nil
}

// numbers are those of the keys of checkpoints that are listed, in order, each once.
func (a *Archiver) numbers(listing iter.Seq2[objectstore.Info, error]) (numbers []int64, err error) {
	for info, err := range listing {
		if err != nil {
			return nil, err
		}
		_, n, err := a.set.Layout.ParseCheckpoint(info.Key)
		switch {
		case err != nil:
			a.deviates(info.Key, err)
		case len(numbers) == 0 || numbers[len(numbers)-1] != n:
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}

// signedCheckpoint is a version of one.
type signedCheckpoint struct {
	archive.Checkpoint
	version string
}

// signedAt gives those checkpoints under a number behind the head which a writer signed,
// the oldest first.
func (a *Archiver) signedAt(ctx context.Context, number int64) ([]signedCheckpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, a.set.CallTimeout)
	defer cancel()
	key := a.set.Layout.Checkpoint(a.set.Writer, number)
	versions, _, err := a.listVersions(ctx, key)
	if err != nil {
		return nil, err
	}
	var signed []signedCheckpoint
	for _, v := range versions {
		_, c, err := a.readCheckpoint(ctx, v, nil)
		if err != nil {
			return nil, err
		}
		if c != nil {
			signed = append(signed, signedCheckpoint{*c, v.VersionID})
		}
	}
	if len(signed) == 0 {
		a.deviates(key, fmt.Errorf("no key of this writer signed any of its %d versions: a stranger put them there", len(versions)))
	}
	return signed, nil
}

// takeUp makes the head that of the last checkpoint in the bucket: the disk was lost. Where
// there is none, the log begins.
//
// What a stranger put under a key of a checkpoint is passed over, and so is a copy of one
// that is in the log. Whatever else is signed and can't be taken up is an error: a log must
// not begin beside another.
func (a *Archiver) takeUp(ctx context.Context) error {
	prefix := a.set.Layout.CheckpointPrefix(a.set.Writer)
	numbers, err := a.numbers(a.set.Store.Versions(ctx, prefix)) // a delete marker hides none
	if err != nil {
		return fmt.Errorf("list %s: %w", prefix, err)
	}
	var odd []*oddCheckpoint
	for _, number := range slices.Backward(numbers) {
		signed, err := a.signedAt(ctx, number)
		if err != nil {
			return err
		}
		for i := range signed {
			c := &signed[i]
			m, previous, err := a.findManifest(ctx, number, &c.Checkpoint)
			switch {
			case err == nil && c.KeyHash != a.set.Verifier.KeyHash():
				err = fmt.Errorf("it is signed with the key %08x, and this writer's is %08x", c.KeyHash, a.set.Verifier.KeyHash())
			case err != nil && !isLoss(err):
				return err
			}
			if err != nil {
				odd = append(odd, &oddCheckpoint{number, &c.Checkpoint, err})
				continue
			}
			for _, o := range odd {
				if !o.isCopyBefore(&c.Checkpoint) {
					return a.cannotTakeUp(o)
				}
			}
			previous.CheckpointVersion = c.version
			return a.takeUpAt(ctx, number, m, previous)
		}
	}
	if len(odd) > 0 {
		return a.cannotTakeUp(odd[0])
	}
	if len(numbers) == 0 {
		return nil
	}
	for info, err := range a.set.Store.List(ctx, a.set.Layout.ManifestPrefix(a.set.Writer), "") {
		if err != nil {
			return fmt.Errorf("list manifests: %w", err)
		}
		return a.cannotTakeUp(&oddCheckpoint{numbers[len(numbers)-1], nil, fmt.Errorf("no checkpoint is signed with a key of this writer, and there is the manifest %s", info.Key)})
	}
	return nil
}

// isLoss says whether an error is about what is in the bucket, and not of a call.
func isLoss(err error) bool {
	_, strange := errors.AsType[*intrusion](err)
	return strange || errors.Is(err, errNoManifest) || errors.Is(err, errOther) || errors.Is(err, objectstore.ErrNotFound)
}

// oddCheckpoint is one that the log can't be taken up at.
type oddCheckpoint struct {
	number int64
	*archive.Checkpoint
	err error
}

// isCopyBefore says whether it may be a copy of what another one's log has.
func (o *oddCheckpoint) isCopyBefore(c *archive.Checkpoint) bool {
	return o.Size < c.Size || o.Size == c.Size && o.Root == c.Root
}

func (a *Archiver) cannotTakeUp(o *oddCheckpoint) error {
	return permanent(fmt.Errorf("%w: the log of %s can't be taken up at checkpoint %d: %w", ErrState, a.origin, o.number, o.err))
}

// takeUpAt makes the head that of a checkpoint with its manifest.
func (a *Archiver) takeUpAt(ctx context.Context, number int64, m *foundManifest, previous *archive.Previous) error {
	// What waited there is lost: it does not count as waiting here.
	head := &headEntry{Number: number, Previous: previous, To: m.manifest.To, Totals: m.manifest.Totals}
	if err := head.grow(m.manifest, m.raw); err != nil {
		return a.cannotTakeUp(&oddCheckpoint{number, nil, err})
	}
	var err error
	if head.Recovered, err = a.behind(ctx, m.manifest, head.Size); err != nil {
		return err
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

var errNoManifest = errors.New("no manifest of that number is that of the checkpoint")

// findManifest finds the manifest that is the last leaf of a checkpoint; an errNoManifest
// says that there is none. What is listed may be anybody's: only the one whose hash makes
// the checkpoint's root is kept in memory.
func (a *Archiver) findManifest(ctx context.Context, number int64, c *archive.Checkpoint) (*foundManifest, *archive.Previous, error) {
	// Its hash is not known: others that begin with the number are not in the log.
	prefix := strings.TrimSuffix(a.set.Layout.Manifest(a.set.Writer, number, [sha256.Size]byte{}), strings.Repeat("0", 2*sha256.Size)+".json")
	errs := []error{errNoManifest}
	for info, err := range a.set.Store.List(ctx, prefix, "") {
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		_, _, sum, err := a.set.Layout.ParseManifest(info.Key)
		if err != nil {
			continue
		}
		raw, got, err := a.getLastLeaf(ctx, info.Key, sum, c)
		if errors.Is(err, errChanged) {
			errs = append(errs, err)
			continue
		}
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
			filters, err := a.lookForContent(ctx, &objectstore.Object{Key: key, Size: m.Filters.Size, SHA256: m.Filters.SHA256})
			if err != nil {
				return nil, nil, err
			}
			previous.FiltersVersion = filters.VersionID
		}
		return &foundManifest{raw, m}, previous, nil
	}
	return nil, nil, errors.Join(errs...)
}

// getLastLeaf reads the manifest under a key, and where something is on top of it, the
// version that is right: the one whose hash the key says, and that is the last leaf of a
// checkpoint. An errChanged says that there is none.
func (a *Archiver) getLastLeaf(ctx context.Context, key string, sum [sha256.Size]byte, c *archive.Checkpoint) ([]byte, objectstore.Info, error) {
	is, info, err := a.isLastLeaf(ctx, key, "", sum, c)
	if err != nil {
		return nil, info, err
	}
	if is {
		return a.get(ctx, key, info.VersionID, archive.MaxManifest)
	}
	versions, _, err := a.listVersions(ctx, key)
	if err != nil {
		return nil, info, err
	}
	for _, v := range versions {
		is, _, err := a.isLastLeaf(ctx, key, v.VersionID, sum, c)
		if err != nil {
			return nil, info, err
		}
		if is {
			data, info, err := a.get(ctx, key, v.VersionID, archive.MaxManifest)
			info.VersionID = v.VersionID
			return data, info, err
		}
	}
	return nil, info, fmt.Errorf("%w: none of the %d versions of %s is the checkpoint's last leaf and has the SHA-256 of its key", errChanged, len(versions), key)
}

// isLastLeaf reads a manifest without keeping it.
func (a *Archiver) isLastLeaf(ctx context.Context, key, version string, sum [sha256.Size]byte, c *archive.Checkpoint) (bool, objectstore.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, a.set.CallTimeout)
	defer cancel()
	body, info, err := a.set.Store.Get(ctx, key, version, 0, -1)
	if err != nil {
		return false, info, fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close() //nolint:errcheck // it was only read
	if info.Size > archive.MaxManifest {
		return false, info, nil
	}
	got, is, err := archive.LastLeaf(io.LimitReader(body, archive.MaxManifest), c)
	if err != nil {
		return false, info, fmt.Errorf("read %s: %w: %w", key, objectstore.ErrBusy, err)
	}
	return is && got == sum, info, nil
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

// get reads a version; "" is the latest.
func (a *Archiver) get(ctx context.Context, key, version string, limit int64) ([]byte, objectstore.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, a.set.CallTimeout)
	defer cancel()
	body, info, err := a.set.Store.Get(ctx, key, version, 0, -1)
	if err != nil {
		return nil, info, fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, info, fmt.Errorf("%w: %s has more than %d bytes", errChanged, key, limit)
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
