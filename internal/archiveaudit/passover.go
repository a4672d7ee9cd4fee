package archiveaudit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// archiveReader reads an archive without verifying it. It passes over what a hash or a
// signature shows not to be the log's. It is safe for concurrent use.
type archiveReader struct {
	r      objectstore.Reader
	layout archive.Layout
	keys   *keyring
	notes  *notes
}

func newArchiveReader(r objectstore.Reader, prefix string, root note.Verifier, tell func(string)) *archiveReader {
	a := &archiveReader{r: r, layout: archive.Layout{Prefix: prefix}, notes: &notes{tell: tell}}
	a.keys = &keyring{a: a, root: root}
	return a
}

// maxNotes is how many keys are told under which something was passed over.
const maxNotes = 20

// notes tells what was passed over, of each key once.
type notes struct {
	tell func(note string) // may be nil

	mu sync.Mutex
	// mu guards the following, and the calls of tell.
	told map[string]bool
}

func (n *notes) add(key, what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tell == nil || n.told[key] || len(n.told) > maxNotes {
		return
	}
	if n.told == nil {
		n.told = make(map[string]bool)
	}
	if n.told[key] = true; len(n.told) > maxNotes {
		n.tell("more was passed over; `heartwood verify` names all of it")
		return
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		key = strconv.Quote(key)
	}
	n.tell(key + ": " + what)
}

// What is told of a key.
const (
	noteOnTop      = "passed over what is on top of the log's own, or hides it; `heartwood verify` tells more"
	noteNobodys    = "passed over: none of the writer's keys signed what is there; `heartwood verify` tells more"
	noteNoManifest = "passed over: it is no manifest of a checkpoint; `heartwood verify` tells more"
	noteBehind     = "passed over: no checkpoint has this manifest yet, or it is not the writer's"
	noteNoWriters  = "passed over: it is no writers file, or the root key did not sign it; `heartwood verify` tells more"
	noteForeign    = "passed over: no writers file enrols this writer; `heartwood verify` tells more"
	noteNoFilters  = "not to be had as the log names them, so that all objects of the interval are read; `heartwood verify` tells more"
)

// inTheWay says of an error that it is of what is under a key, and not of the way there.
func inTheWay(err error) bool {
	return isNotFound(err) || errors.Is(err, errTooLarge) || errors.Is(err, errNoCheckpoint) || errors.Is(err, errChanged) || errors.Is(err, errNoManifest) || errors.Is(err, errNotYet)
}

var (
	errNoCheckpoint = errors.New("what is there is none")
	errNoManifest   = errors.New("is not there")
	errNotYet       = errors.New("no checkpoint")
	errChanged      = errors.New("was changed: it has another SHA-256 than its key says")
)

// versions gives all versions below a prefix, or all objects where there are no versions, or
// they may not be listed.
func (a *archiveReader) versions(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		for info, err := range listAgain(ctx, func() iter.Seq2[objectstore.Info, error] { return a.r.Versions(ctx, prefix) }) {
			if errors.Is(err, objectstore.ErrUnsupported) || errors.Is(err, objectstore.ErrDenied) {
				listAgain(ctx, func() iter.Seq2[objectstore.Info, error] { return a.r.List(ctx, prefix, "") })(yield)
				return
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// versionsOfKey gives the versions of one key, the oldest first, without delete markers.
func (a *archiveReader) versionsOfKey(ctx context.Context, key string) (versions []objectstore.Info, failure error) {
	all := func(yield func(objectstore.Info, error) bool) {
		for info, err := range a.versions(ctx, key) {
			if (err == nil && info.Key != key) || !yield(info, err) {
				return // those behind only begin so
			}
		}
	}
	one := func(objectstore.Info) (int64, error) { return 0, nil }
	for group := range numbered(all, one, func(err error) { failure = fmt.Errorf("list the versions of %s: %w", key, err) }, nil) {
		versions = slices.DeleteFunc(group.infos, func(info objectstore.Info) bool { return info.DeleteMarker })
	}
	return versions, failure
}

// rightVersion has read read the latest version of a key, and where that is not right, the
// others, until one is. An error that is in the way is that of the latest.
func (a *archiveReader) rightVersion(ctx context.Context, key string, read func(version string) (right bool, err error)) (found bool, err error) {
	right, wrong := read("")
	if right || wrong != nil && !inTheWay(wrong) {
		return right, wrong
	}
	versions, err := a.versionsOfKey(ctx, key)
	if err != nil {
		return false, err
	}
	for _, info := range versions {
		if info.VersionID == "" {
			continue
		}
		right, err := read(info.VersionID)
		if right {
			a.notes.add(key, noteOnTop)
			return true, nil
		}
		if err != nil && !inTheWay(err) {
			return false, err
		}
	}
	return false, wrong
}

// maxWriters is how many writers files are looked into at most, and maxWritersBytes how much
// of them: the first has all keys, unless somebody put others on top.
const (
	maxWriters      = maxVersions
	maxWritersBytes = 256 << 20
)

// keyring knows the writers' keys. It reads the writers files one by one, the highest number
// first, and older versions of them last, until a key is found: anybody who may write can put
// a file on top in which it is missing. Without the root key, what any file says is believed.
// It is safe for concurrent use.
type keyring struct {
	a    *archiveReader
	root note.Verifier // may be nil

	mu sync.Mutex
	// mu guards the following.
	stage int
	infos []objectstore.Info // that are still to be read
	looks int
	bytes int64
	files []*archive.Writers // that were read
}

// open reads a checkpoint of a writer that one of their keys has signed. Where there is no
// writers file, nor a root key, no signature is checked.
func (k *keyring) open(ctx context.Context, writer string, data []byte) (*archive.Checkpoint, error) {
	c, err := archive.ParseCheckpoint(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCheckpoint, err)
	}
	found, err := k.find(ctx, func(w *archive.Writers) bool {
		if c.Origin != archive.WriterOrigin(w.Origin, writer) {
			return false
		}
		verifiers, err := w.Verifiers(writer)
		if err == nil {
			_, err = archive.OpenCheckpoint(data, verifiers)
		}
		return err == nil
	})
	switch {
	case err != nil:
		return nil, err
	case !found || !strings.HasSuffix(c.Origin, "/"+writer):
		return nil, fmt.Errorf("%w: no key that a writers file has for this writer signed it", errNoCheckpoint)
	}
	return &c, nil
}

// enrols says whether a writers file has keys for a writer, or there is none.
func (k *keyring) enrols(ctx context.Context, writer string) (bool, error) {
	return k.find(ctx, func(w *archive.Writers) bool { return len(w.KeysFor(writer)) > 0 })
}

// find says whether a writers file is right, or there is none.
func (k *keyring) find(ctx context.Context, right func(*archive.Writers) bool) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := 0; ; i++ {
		for i == len(k.files) {
			if more, err := k.moreLocked(ctx); err != nil || !more {
				return len(k.files) == 0, err
			}
		}
		if right(k.files[i]) {
			return true, nil
		}
	}
}

// moreLocked reads one more object that may be a writers file. False: there is none.
func (k *keyring) moreLocked(ctx context.Context) (bool, error) {
	for len(k.infos) == 0 {
		list := []func() iter.Seq2[objectstore.Info, error]{
			func() iter.Seq2[objectstore.Info, error] { return k.a.r.List(ctx, k.a.layout.WritersPrefix(), "") },
			func() iter.Seq2[objectstore.Info, error] { return k.a.versions(ctx, k.a.layout.WritersPrefix()) },
		}
		if k.stage == len(list) {
			if k.root != nil && len(k.files) == 0 {
				return false, errors.New("none of the writers files is signed by this root key: it is another archive's key, or the files were changed")
			}
			return false, nil
		}
		for info, err := range listAgain(ctx, list[k.stage]) {
			if err != nil {
				return false, fmt.Errorf("list the writers files: %w", err)
			}
			if info.Latest || info.DeleteMarker {
				continue // the latest were read first
			}
			if k.infos = append(k.infos, info); len(k.infos) > 2*maxWriters {
				k.infos = slices.Delete(k.infos, 0, maxWriters)
			}
		}
		k.stage++
	}
	if k.looks++; k.looks > maxWriters || k.bytes > maxWritersBytes {
		return false, nil
	}
	last := len(k.infos) - 1
	info := k.infos[last]
	k.infos = k.infos[:last]
	data, _, err := get(ctx, k.a.r, info.Key, info.VersionID, archive.MaxWritersFile)
	k.bytes += int64(len(data))
	if err != nil && !inTheWay(err) {
		return false, fmt.Errorf("read the writers file %s: %w", info.Key, err)
	}
	var w *archive.Writers
	if err == nil && k.root != nil {
		w, err = archive.ParseWriters(data, k.root)
	} else if err == nil {
		w, err = archive.ParseWritersUnverified(data)
	}
	if err != nil {
		k.a.notes.add(info.Key, noteNoWriters)
		return true, nil
	}
	k.files = append(k.files, w)
	return true, nil
}
