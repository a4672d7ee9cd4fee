package archiveaudit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// versionsOf gives all versions below a prefix, or all objects where there are no versions.
func (a *auditor) versionsOf(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	if a.locks {
		return a.r.Versions(ctx, prefix)
	}
	return a.r.List(ctx, prefix, "")
}

// readWriters reads the writers files, which say whose logs there should be. False: there
// is nothing to go on with.
func (a *auditor) readWriters(ctx context.Context) bool {
	byNumber := make(map[int64][]objectstore.Info)
	for info, err := range a.versionsOf(ctx, a.layout.WritersPrefix()) {
		if err != nil {
			a.found.add(Finding{Severity: Unchecked, Kind: KindRead, Text: fmt.Sprintf("the writers files could not be listed: %v", err)})
			return false
		}
		a.known.addAll(info.Key)
		number, err := a.layout.ParseWriters(info.Key)
		if err != nil {
			a.found.add(Finding{Severity: Tampered, Kind: KindUnlisted, Object: info.Key, Version: info.VersionID, Text: "this is not the key of a writers file"})
			continue
		}
		byNumber[number] = append(byNumber[number], info)
	}
	if len(byNumber) == 0 {
		a.found.add(Finding{
			Severity: Unchecked, Kind: KindNotAnArchive,
			Text: fmt.Sprintf("there is no file under %q that says who may write: this is no archive, another prefix is meant, or that file was removed", a.layout.WritersPrefix()),
		})
		return false
	}
	numbers := make([]int64, 0, len(byNumber))
	for number := range byNumber {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	var sum archive.Digest
	expected := int64(0)
	for _, number := range numbers {
		key := a.layout.Writers(number)
		if number != expected {
			a.found.add(Finding{Severity: Tampered, Kind: KindNumber, Object: a.layout.Writers(expected), Text: fmt.Sprintf("writers files %d to %d are not there", expected, number-1)})
			sum = archive.Digest{}
		}
		expected = number + 1
		w, raw := a.writersFile(ctx, key, byNumber[number])
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
	if a.writers == nil {
		a.found.add(Finding{Severity: Unchecked, Kind: KindNotAnArchive, Text: "none of the writers files is signed by this root key: it is another archive's key, or the files were changed"})
		return false
	}
	return true
}

// writersFile gives the writers file of a number: the oldest version that the root key
// signed. Any other version is a finding.
func (a *auditor) writersFile(ctx context.Context, key string, versions []objectstore.Info) (*archive.Writers, []byte) {
	oldestFirst(versions)
	var right *archive.Writers
	var raw []byte
	for _, info := range versions {
		f := Finding{Object: key, Version: info.VersionID}
		if info.DeleteMarker {
			f.Severity, f.Kind, f.Text = Tampered, KindDeleteMarker, "a delete marker hides this writers file"
			a.found.add(f)
			continue
		}
		data, _, err := a.get(ctx, key, info.VersionID, maxWritersFile)
		if err != nil {
			a.unreadable(f, "a writers file", err, time.Time{})
			continue
		}
		w, err := archive.ParseWriters(data, a.Root)
		switch {
		case err != nil && len(versions) > 1 && right != nil:
			f.Severity, f.Kind, f.Text = Tampered, KindNewer, fmt.Sprintf("a version on top of the writers file, which the root key did not sign: %v", err)
		case err != nil:
			f.Severity, f.Kind, f.Text = Tampered, KindSignature, fmt.Sprintf("this writers file is not one that the root key signed: %v", err)
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
func (a *auditor) strangers(ctx context.Context, names []string) {
	for folder, err := range a.r.Folders(ctx, a.layout.LogPrefix()) {
		if err != nil {
			a.found.add(Finding{Severity: Unchecked, Kind: KindRead, Text: fmt.Sprintf("the writers' folders could not be listed: %v", err)})
			return
		}
		name := strings.TrimSuffix(strings.TrimPrefix(folder, a.layout.LogPrefix()), "/")
		if folder == a.layout.WritersPrefix() || slices.Contains(names, name) {
			continue
		}
		a.found.add(Finding{
			Severity: Tampered, Kind: KindForeign, Writer: name, Object: folder,
			Text: fmt.Sprintf("a log of the writer %q, whom no writers file enrols", name),
		})
	}
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
	for _, c := range a.Copies {
		unverified, err := archive.ParseCheckpoint(c.Data)
		if err != nil {
			a.found.add(Finding{Severity: Unchecked, Kind: KindForm, Object: c.Source, Text: fmt.Sprintf("this is no checkpoint: %v", err)})
			continue
		}
		writer, ok := strings.CutPrefix(unverified.Origin, a.writers.Origin+"/")
		if !ok || !slices.Contains(a.writers.Names(), writer) {
			a.found.add(Finding{Severity: Unchecked, Kind: KindForeign, Object: c.Source, Text: fmt.Sprintf("a checkpoint of %q, which is no writer of this archive", unverified.Origin)})
			continue
		}
		known, err := a.writers.Verifiers(writer)
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
