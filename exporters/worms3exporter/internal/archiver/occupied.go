package archiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// lookFunc says what is under the key of an object that is to be put, all versions of it:
// nil that this object is among them, whose info it gives; an intrusion that it is not, and
// may be put on top; errOther that it must not be.
type lookFunc func(ctx context.Context, o *objectstore.Object) (objectstore.Info, error)

// intrusion is what someone put under a key who has no business there. Its lines are for
// people.
type intrusion struct{ versions []string }

func (i *intrusion) Error() string {
	return "someone who does not have this writer's key put something there first: " + strings.Join(i.versions, ", ")
}

// occupied looks at what is under an object's key, and where that is only what a stranger
// put there, puts the object on top.
func (a *Archiver) occupied(ctx context.Context, o objectstore.Object, look lookFunc) (objectstore.Info, error) {
	info, err := look(ctx, &o)
	if strange, ok := errors.AsType[*intrusion](err); ok {
		a.deviates(o.Key, strange)
		o.OnTop = true
		if info, err = a.set.Store.Put(ctx, o); err != nil {
			return info, err
		}
		info, err = look(ctx, &o)
	}
	if errors.Is(err, errOther) {
		return info, permanent(err)
	}
	return info, err
}

// looks is how often something has to look wrong before it is taken for that: an answer
// may be damaged on its way, and what follows from it can't be undone.
const looks = 3

// lookForContent is for keys that have their content's hash: whatever else is there is a
// stranger's.
func (a *Archiver) lookForContent(ctx context.Context, o *objectstore.Object) (objectstore.Info, error) {
	return a.lookFor(ctx, o, func(versions []objectstore.Info) error { return intruded(o, versions) })
}

// lookForTile is for keys that another log may have used, which a lost disk took along.
func (a *Archiver) lookForTile(ctx context.Context, o *objectstore.Object) (objectstore.Info, error) {
	return a.lookFor(ctx, o, func(versions []objectstore.Info) error {
		return fmt.Errorf("%w: %s has %d versions, none of %d bytes with the SHA-256 %x", errOther, o.Key, len(versions), o.Size, o.SHA256)
	})
}

// lookFor looks for an object's content. other says what it means that it is not there.
func (a *Archiver) lookFor(ctx context.Context, o *objectstore.Object, other func([]objectstore.Info) error) (objectstore.Info, error) {
	if info, same, err := a.is(ctx, o, ""); err != nil || same {
		return info, err // as a rule: the answer to a PUT was lost
	}
	versions, _, err := a.listVersions(ctx, o.Key)
	if err != nil {
		return objectstore.Info{}, err
	}
	if len(versions) == 0 {
		return objectstore.Info{}, nothingThere(o.Key)
	}
	for i := range versions {
		if versions[i].Size != o.Size {
			continue
		}
		if info, same, err := a.is(ctx, o, versions[i].VersionID); err != nil || same {
			return info, err
		}
	}
	return objectstore.Info{}, other(versions)
}

// is says whether a version is this object; "" is the latest.
func (a *Archiver) is(ctx context.Context, o *objectstore.Object, version string) (info objectstore.Info, same bool, err error) {
	for range looks {
		if info, err = a.set.Store.Head(ctx, o.Key, version); err != nil {
			return info, false, fmt.Errorf("look at what is under %s: %w", o.Key, err)
		}
		if info.HasSHA256 && info.SHA256 == o.SHA256 && info.Size == o.Size {
			return info, true, nil
		}
		if info.Size != o.Size {
			continue
		}
		// The server's word is not enough: its content is read.
		if info.SHA256, err = a.sum(ctx, o.Key, info.VersionID); err != nil {
			return info, false, err
		}
		if info.SHA256 == o.SHA256 {
			info.Size, info.HasSHA256 = o.Size, true
			return info, true, nil
		}
	}
	return info, false, nil
}

// listVersions lists the versions of a key, the oldest first, without delete markers.
// marked says that the latest is one.
func (a *Archiver) listVersions(ctx context.Context, key string) (versions []objectstore.Info, marked bool, err error) {
	first := true
	for info, err := range a.set.Store.Versions(ctx, key) {
		if err != nil {
			return nil, false, fmt.Errorf("list the versions of %s: %w", key, err)
		}
		if info.Key != key {
			continue // it only begins so
		}
		if first {
			marked, first = info.DeleteMarker, false
		}
		if !info.DeleteMarker {
			versions = append(versions, info)
		}
	}
	slices.Reverse(versions)
	return versions, marked, nil
}

// nothingThere is for a PUT that was refused because something is there.
func nothingThere(key string) error {
	return fmt.Errorf("%s was refused because something is there, and nothing is: %w", key, objectstore.ErrBusy)
}

// isVersion says whether an id is of a version that another PUT leaves as it is.
func isVersion(id string) bool { return id != "" && id != "null" }

// intruded says that an object may be put on top of what is there: only where that stays.
func intruded(o *objectstore.Object, versions []objectstore.Info) error {
	strange := &intrusion{}
	for _, v := range versions {
		if !isVersion(v.VersionID) {
			return fmt.Errorf("%w: %s has %d bytes there, and the bucket keeps no versions, so that it would be lost", errOther, o.Key, v.Size)
		}
		strange.versions = append(strange.versions, fmt.Sprintf("version %s of %d bytes from %s", v.VersionID, v.Size, v.Modified))
	}
	return strange
}

// checkpointPlace is the key of a checkpoint behind the head.
type checkpointPlace struct {
	a   *Archiver
	own []byte
	// strange are the ids of versions that were looked at, and are a stranger's.
	strange map[string]bool
}

// look looks for the checkpoint, and for another writer's.
func (p *checkpointPlace) look(ctx context.Context, o *objectstore.Object) (objectstore.Info, error) {
	versions, marked, err := p.a.listVersions(ctx, o.Key)
	if err != nil {
		return objectstore.Info{}, err
	}
	var mine *objectstore.Info
	for i, v := range versions {
		if v.VersionID != "" && p.strange[v.VersionID] {
			continue
		}
		data, c, err := p.a.readCheckpoint(ctx, v, p.own)
		switch {
		case err != nil:
			return objectstore.Info{}, err
		case c != nil:
			return objectstore.Info{}, fmt.Errorf("%w: version %q of %s, from %s, is signed with the key %08x and has %d leaves and the root %s",
				errOther, v.VersionID, o.Key, v.Modified, c.KeyHash, c.Size, c.Root)
		case !bytes.Equal(data, p.own):
			p.strange[v.VersionID] = true
		case mine == nil: // the first one counts
			mine = &versions[i]
		}
	}
	switch {
	case mine == nil && (marked || len(versions) == 0):
		return objectstore.Info{}, nothingThere(o.Key)
	case mine == nil:
		return objectstore.Info{}, intruded(o, versions)
	}
	info, same, err := p.a.is(ctx, o, mine.VersionID)
	if err == nil && !same {
		err = fmt.Errorf("version %q of %s was read twice and is not the same: %w", mine.VersionID, o.Key, objectstore.ErrBusy)
	}
	return info, err
}

// readCheckpoint reads a version under the key of a checkpoint behind the head. The
// checkpoint is nil where it is not one that this writer's key, or another one that is
// enrolled for it, has signed, or is a copy of one that the head covers.
func (a *Archiver) readCheckpoint(ctx context.Context, v objectstore.Info, own []byte) ([]byte, *archive.Checkpoint, error) {
	if v.Size >= archive.MaxCheckpoint {
		return nil, nil, nil
	}
	var before []byte
	for i := range looks {
		data, _, err := a.get(ctx, v.Key, v.VersionID, archive.MaxCheckpoint)
		if err != nil {
			return nil, nil, err
		}
		if own != nil && bytes.Equal(data, own) {
			return data, nil, nil
		}
		c, err := a.signed(ctx, data)
		if err != nil {
			return nil, nil, err
		}
		if c != nil {
			old, err := a.isOld(c)
			if old || err != nil {
				return data, nil, err
			}
			return data, c, nil
		}
		if i > 0 && !bytes.Equal(data, before) {
			return nil, nil, fmt.Errorf("version %q of %s was read twice and is not the same: %w", v.VersionID, v.Key, objectstore.ErrBusy)
		}
		before = data
	}
	return before, nil, nil
}

// signed reads a checkpoint of this log that a key of this writer has signed; nil: it is none.
func (a *Archiver) signed(ctx context.Context, data []byte) (*archive.Checkpoint, error) {
	unverified, err := archive.ParseCheckpoint(data)
	if isOne := err == nil && unverified.Origin == a.origin; !isOne {
		return nil, nil
	}
	if c, err := archive.OpenCheckpoint(data, note.VerifierList(a.set.Verifier)); err == nil {
		return &c, nil
	}
	if a.set.OtherKeys == nil {
		return nil, nil
	}
	keys, err := a.set.OtherKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask which keys this writer has: %w", err)
	}
	for _, key := range keys {
		if c, err := archive.OpenCheckpoint(data, note.VerifierList(key)); err == nil {
			return &c, nil
		}
	}
	return nil, nil
}

// isOld says whether a checkpoint is of the head's tree, or a smaller one: a copy of one that
// is in the log, put where another was to be. Nobody who goes on behind the head signs one.
func (a *Archiver) isOld(c *archive.Checkpoint) (bool, error) {
	a.mu.Lock()
	head := a.head
	a.mu.Unlock()
	if c.Size != head.Size {
		return c.Size < head.Size, nil
	}
	tree, err := archive.TreeFromEdge(head.Size, head.Edge)
	if err != nil {
		return false, permanent(fmt.Errorf("%w: the log's head in the journal: %w", ErrDamage, err))
	}
	return tree.Root() == c.Root, nil
}

// errChanged says that what is under a key can't be what was put there.
var errChanged = errors.New("it was changed")
