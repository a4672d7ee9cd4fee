package archiveaudit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// versionsOf gives all versions below a prefix, or all objects where there are no versions.
func (a *auditor) versionsOf(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	return listAgain(ctx, func() iter.Seq2[objectstore.Info, error] {
		if a.locks {
			return a.r.Versions(ctx, prefix)
		}
		return a.r.List(ctx, prefix, "")
	})
}

// listAgain is a listing. What can't be begun is tried again.
func listAgain(ctx context.Context, list func() iter.Seq2[objectstore.Info, error]) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		pause := firstPause
		for attempt := 1; ; attempt++ {
			again, begun := false, false
			for info, err := range list() {
				if again = !begun && attempt < attempts && errors.Is(err, objectstore.ErrBusy) && wait(ctx, pause); again {
					break
				}
				if begun = true; !yield(info, err) {
					return
				}
			}
			if !again {
				return
			}
			pause *= 2
		}
	}
}

// readWriters reads the writers files, which say whose logs there should be. False: there
// is nothing to go on with.
func (a *auditor) readWriters(ctx context.Context) bool {
	failed, empty := false, true
	files := a.numbered(ctx, a.layout.WritersPrefix(), func(err error) {
		failed = true
		a.found.add(Finding{Severity: Unchecked, Kind: KindRead, Text: fmt.Sprintf("the writers files could not be listed: %v", err)})
	}, func(info objectstore.Info) (int64, error) {
		empty = false
		a.known.addAll(info.Key)
		number, err := a.layout.ParseWriters(info.Key)
		if err != nil {
			a.found.add(Finding{Object: info.Key, Version: info.VersionID}.tampered(KindUnlisted, "this is not the key of a writers file"))
		}
		return number, err
	})
	var sum archive.Digest
	expected := int64(0)
	for file := range files {
		number, key := file.number, a.layout.Writers(file.number)
		if number != expected {
			a.found.add(Finding{Severity: Tampered, Kind: KindNumber, Object: a.layout.Writers(expected), Text: fmt.Sprintf("writers files %d to %d are not there", expected, number-1)})
			sum = archive.Digest{}
		}
		expected = number + 1
		w, raw := a.writersFile(ctx, key, file.infos)
		if w == nil {
			sum = archive.Digest{}
			continue
		}
		if w.Number != number {
			a.found.add(Finding{Severity: Tampered, Kind: KindMoved, Object: key, Text: fmt.Sprintf("this is writers file %d under the number %d", w.Number, number)})
			continue
		}
		if a.writers != nil && sum != (archive.Digest{}) {
			if err := w.CheckFollows(a.writers, sum); err != nil {
				a.found.add(Finding{Severity: Tampered, Kind: KindWriters, Object: key, Text: err.Error()})
			}
		}
		a.writers, sum = w, sha256.Sum256(raw)
	}
	switch {
	case failed:
		return false
	case empty:
		a.found.add(Finding{
			Severity: Unchecked, Kind: KindNotAnArchive,
			Text: fmt.Sprintf("there is no file under %q that says who may write: this is no archive, another prefix is meant, or that file was removed", a.layout.WritersPrefix()),
		})
		return false
	case a.writers == nil:
		a.found.add(Finding{Severity: Unchecked, Kind: KindNotAnArchive, Text: "none of the writers files is signed by this root key: it is another archive's key, or the files were changed"})
		return false
	}
	return true
}

// writersFile gives the writers file of a number: the oldest version that the root key
// signed. Any other version is a finding.
func (a *auditor) writersFile(ctx context.Context, key string, versions []objectstore.Info) (*archive.Writers, []byte) {
	var right *archive.Writers
	var raw []byte
	for _, info := range versions {
		f := Finding{Object: key, Version: info.VersionID}
		if info.DeleteMarker {
			f.Severity, f.Kind, f.Text = Tampered, KindDeleteMarker, "a delete marker hides this writers file"
			a.found.add(f)
			continue
		}
		var w *archive.Writers
		var wrong error
		data, _, err := a.read(ctx, key, info.VersionID, archive.MaxWritersFile, func(data []byte) bool {
			w, wrong = archive.ParseWriters(data, a.Root)
			return wrong == nil
		})
		if err != nil {
			a.unreadable(f, "a writers file", err, time.Time{})
			continue
		}
		err = wrong
		switch {
		case err != nil && len(versions) > 1 && right != nil:
			f.Severity, f.Kind, f.Text = Tampered, KindNewer, fmt.Sprintf("a version on top of the writers file, which the root key did not sign: %v", err)+readAgain
		case err != nil:
			f.Severity, f.Kind, f.Text = Tampered, KindSignature, fmt.Sprintf("this writers file is not one that the root key signed: %v", err)+readAgain
		case right != nil:
			f.Severity, f.Kind, f.Text = Tampered, KindFork, "the root key signed another writers file of the same number, which is an older version"
		default:
			right, raw = w, data
			a.writersLock(ctx, info)
			continue
		}
		a.found.add(f)
	}
	return right, raw
}

// writersLock says where a writers file has no lock though the bucket has them.
func (a *auditor) writersLock(ctx context.Context, info objectstore.Info) {
	if !a.locks {
		return
	}
	head, err := retry(ctx, func() (objectstore.Info, error) { return a.r.Head(ctx, info.Key, info.VersionID) })
	f := Finding{Object: info.Key, Version: info.VersionID}
	switch {
	case err != nil:
		a.unreadable(f, "the lock of a writers file", err, time.Time{})
	case head.Lock.Mode == objectstore.Unlocked:
		f.Severity, f.Kind, f.Text = Note, KindUnlocked, "this writers file has no lock"
		a.found.add(f)
	}
}

// oldestFirst orders versions of one key as they were listed, which is the newest first.
func oldestFirst(versions []objectstore.Info) { slices.Reverse(versions) }

// strangers finds folders of writers who are in no writers file.
func (a *auditor) strangers(ctx context.Context) {
	for folder, err := range a.r.Folders(ctx, a.layout.LogPrefix()) {
		if err != nil {
			a.found.add(Finding{Severity: Unchecked, Kind: KindRead, Text: fmt.Sprintf("the writers' folders could not be listed: %v", err)})
			return
		}
		name := strings.TrimSuffix(strings.TrimPrefix(folder, a.layout.LogPrefix()), "/")
		if folder == a.layout.WritersPrefix() || a.enrolled(name) {
			continue
		}
		a.stranger(name)
	}
}

// stranger tells of a writer nobody enrolled, once.
func (a *auditor) stranger(name string) {
	if a.foreign[name] {
		return
	}
	if len(a.foreign) < maxFindings {
		a.foreign[name] = true
	}
	a.found.add(Finding{Writer: name, Object: a.layout.WriterFolder(name)}.tampered(KindForeign, "a log of the writer %q, whom no writers file enrols", name))
}

// copyOf is a checkpoint of a second place.
type copyOf struct {
	archive.Checkpoint
	source string
	// seen says that the log had this size, and right that it had this root then.
	seen, right bool
}

// readCopies opens the checkpoints of second places.
func (a *auditor) readCopies() {
	verifiers := make(map[string]note.Verifiers)
	for _, c := range a.Copies {
		unverified, err := archive.ParseCheckpoint(c.Data)
		if err != nil {
			a.found.add(Finding{Severity: Unchecked, Kind: KindForm, Object: c.Source, Text: fmt.Sprintf("this is no checkpoint: %v", err)})
			continue
		}
		writer, ok := strings.CutPrefix(unverified.Origin, a.writers.Origin+"/")
		if !ok || !a.enrolled(writer) {
			a.found.add(Finding{Severity: Unchecked, Kind: KindForeign, Object: c.Source, Text: fmt.Sprintf("a checkpoint of %q, which is no writer of this archive", unverified.Origin)})
			continue
		}
		known := verifiers[writer]
		if known == nil {
			known, err = a.writers.Verifiers(writer)
			verifiers[writer] = known
		}
		var opened archive.Checkpoint
		if err == nil {
			opened, err = archive.OpenCheckpoint(c.Data, known)
		}
		if err != nil {
			a.found.add(Finding{Severity: Unchecked, Kind: KindSignature, Object: c.Source, Writer: writer, Text: fmt.Sprintf("this copy of a checkpoint is not signed by its writer, and says nothing: %v", err)})
			continue
		}
		a.copies[writer] = append(a.copies[writer], copyOf{Checkpoint: opened, source: c.Source})
	}
	for _, list := range a.copies {
		slices.SortStableFunc(list, func(x, y copyOf) int { return cmp.Compare(x.Size, y.Size) })
	}
}
