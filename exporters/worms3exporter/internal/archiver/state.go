package archiver

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// What stands behind the number in the names of an object's files.
const (
	dataFile   = ".obj"
	leavesFile = ".leaves"
	uidsFile   = ".uids"
	filterFile = ".filter"
)

func (a *Archiver) file(number uint64, kind string) string {
	return filepath.Join(a.objects, fmt.Sprintf("%020d%s", number, kind))
}

// openState opens what is on disk, and puts right what a crash left.
func (a *Archiver) openState() error {
	fsys, dir := a.set.FS, a.set.Directory
	for _, d := range []string{dir, a.objects} {
		if err := fsys.MkdirAll(d); err != nil {
			return fmt.Errorf("make the directory %s: %w", d, err)
		}
	}
	queue, journalDir := filepath.Join(dir, "queue"), filepath.Join(dir, "journal")
	hadQueue, err := a.hasSegments(queue)
	if err != nil {
		return err
	}
	hadJournal, err := a.hasSegments(journalDir)
	if err != nil {
		return err
	}
	if hadQueue && !hadJournal { // the journal is made before the queue is
		return fmt.Errorf("%w: %s has a queue and %s has no journal, without which nobody knows what of it is in the bucket: restore it, or move the whole of %s aside, so that the log is found in the bucket",
			ErrDamage, queue, journalDir, dir)
	}
	j, err := spool.Open(spool.Settings{Directory: journalDir, FS: fsys})
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	a.journal = &journal{Spool: j, retry: a.retry}
	s, err := a.readJournal()
	if err != nil {
		return err
	}
	if s.entries > 0 && !hadQueue {
		return fmt.Errorf("%w: %s has a log and %s has no queue: restore it, or move the whole of %s aside, so that the log is found in the bucket",
			ErrDamage, journalDir, queue, dir)
	}
	if err := a.openInstance(s.entries > 0); err != nil {
		return err
	}
	if err := a.openFingerprintKey(s); err != nil {
		return err
	}
	if err := a.restore(s); err != nil {
		return err
	}
	if err := a.tidy(); err != nil {
		return err
	}
	if a.queue, err = spool.Open(spool.Settings{Directory: queue, FS: fsys, MaxSize: a.set.QueueSize, SegmentSize: segmentSize}); err != nil {
		return fmt.Errorf("open the queue: %w", err)
	}
	// What was sealed is not read again.
	if err := s.ackSealed(a.queue); err != nil {
		return fmt.Errorf("acknowledge in the queue what was sealed: %w", err)
	}
	if len(s.stale) > 0 {
		a.journal.Ack(s.stale...)
	}
	return nil
}

// hasSegments says whether a spool was there before.
func (a *Archiver) hasSegments(dir string) (bool, error) {
	if err := a.set.FS.MkdirAll(dir); err != nil {
		return false, fmt.Errorf("make the directory %s: %w", dir, err)
	}
	names, err := a.set.FS.ReadDir(dir)
	if err != nil {
		return false, fmt.Errorf("list %s: %w", dir, err)
	}
	return slices.ContainsFunc(names, func(name string) bool { return filepath.Ext(name) == ".seg" }), nil
}

// openInstance reads the name of this state, or gives it one.
func (a *Archiver) openInstance(used bool) error {
	path := filepath.Join(a.set.Directory, "instance")
	text, err := a.readSmall(path)
	switch {
	case err == nil && strings.Count(text, "\n") == 2:
		name, origin, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "\n")
		if origin != a.origin {
			return fmt.Errorf("%w: %s is the state of the log %s, and this writer's is %s: give it a directory of its own", ErrState, a.set.Directory, origin, a.origin)
		}
		a.instance = name
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read %s: %w", path, err)
	case used:
		return fmt.Errorf("%w: %s is missing or not as it was: restore it, or move the whole of %s aside, so that the log is found in the bucket",
			ErrDamage, path, a.set.Directory)
	}
	return a.newInstance(path)
}

func (a *Archiver) newInstance(path string) error {
	name := rand.Text()
	if err := a.writeSmall(path, []byte(name+"\n"+a.origin+"\n")); err != nil {
		return err
	}
	a.instance = name
	return nil
}

// openFingerprintKey reads the key of fingerprints, or makes one. Those that were made with
// another are worth nothing.
func (a *Archiver) openFingerprintKey(s *saved) error {
	path := filepath.Join(a.set.Directory, "fingerprint.key")
	text, err := a.readSmall(path)
	switch {
	case err == nil && len(text) == len(a.fingerprintKey):
		copy(a.fingerprintKey[:], text)
		return nil
	case err == nil:
		return fmt.Errorf("%w: %s has %d bytes, not %d: restore it, or remove it, and records that came before and come again will be in the archive once more",
			ErrDamage, path, len(text), len(a.fingerprintKey))
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read %s: %w", path, err)
	}
	rand.Read(a.fingerprintKey[:])
	if err := a.writeSmall(path, a.fingerprintKey[:]); err != nil {
		return err
	}
	if len(s.windows) > 0 {
		a.logger.Warn("Fingerprints of records have a new key: repeats of those that came before will not be known", zap.String("file", path))
	}
	for _, w := range s.windows {
		a.nextFile = max(a.nextFile, w.File+1)
		s.stale = append(s.stale, w.id)
	}
	s.windows = nil
	return nil
}

// writeSmall makes a file, durable as a whole or not there.
func (a *Archiver) writeSmall(path string, data []byte) error {
	fsys, tmp := a.set.FS, path+".tmp"
	if err := fsys.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", tmp, err)
	}
	f, err := fsys.Create(tmp)
	if err != nil {
		return fmt.Errorf("make %s: %w", tmp, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = fsys.Rename(tmp, path)
	}
	if err == nil {
		err = fsys.SyncDir(a.set.Directory)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (a *Archiver) readSmall(path string) (string, error) {
	f, err := a.set.FS.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 4<<10))
	return string(b), err
}

// saved is what the journal has.
type saved struct {
	entries  int
	sealed   []*object
	uploaded map[uint64]uploadedAt
	windows  []savedWindow
	ends     []*ending
	commits  []commitAt
	head     *headEntry
	headID   spool.ID
	counted  []counted
	// stale are entries that are no longer needed.
	stale []spool.ID
	// sealedIDs are those in the queue of what is sealed, or was a repeat.
	sealedIDs []idRanges
}

type uploadedAt struct {
	uploadedEntry
	id spool.ID
}

type commitAt struct {
	commitEntry
	id spool.ID
}

func (a *Archiver) readJournal() (*saved, error) {
	s := &saved{uploaded: map[uint64]uploadedAt{}}
	r := a.journal.NewReader()
	defer r.Close() //nolint:errcheck // it was only read
	for {
		record, err := r.TryNext()
		if errors.Is(err, spool.ErrDrained) {
			return s, nil
		}
		if err == nil {
			err = s.add(record.ID, slices.Clone(record.Payload))
		}
		if err != nil {
			return nil, fmt.Errorf("read the journal in %s, entry %d: %w", a.set.Directory, record.ID, err)
		}
		s.entries++
	}
}

func (s *saved) add(id spool.ID, data []byte) error {
	kind, text, blobs, err := parseEntry(data)
	if err != nil {
		return err
	}
	want := map[entryKind]int{kindSealed: 2, kindEnd: 1, kindCommit: 2}[kind]
	if len(blobs) != want {
		return errEntry
	}
	switch kind {
	case kindSealed:
		o := &object{id: id}
		if err = json.Unmarshal(text, &o.sealedEntry); err != nil {
			return err
		}
		s.sealed = append(s.sealed, o)
		return s.addIDs(blobs...)
	case kindEnd:
		e := &ending{id: id}
		if err = json.Unmarshal(text, &e.endEntry); err != nil {
			return err
		}
		s.ends = append(s.ends, e)
		return s.addIDs(blobs...)
	case kindWindow:
		w := savedWindow{id: id}
		err = json.Unmarshal(text, &w.windowEntry)
		s.windows = append(s.windows, w)
	case kindUploaded:
		u := uploadedAt{id: id}
		err = json.Unmarshal(text, &u.uploadedEntry)
		s.uploaded[u.File] = u
	case kindCommit:
		c := commitAt{id: id}
		err = json.Unmarshal(text, &c.commitEntry)
		c.manifest, c.checkpoint = blobs[0], blobs[1]
		s.commits = append(s.commits, c)
	case kindHead:
		h := &headEntry{}
		err = json.Unmarshal(text, h)
		if s.head == nil || h.Number >= s.head.Number {
			if s.head != nil {
				s.stale = append(s.stale, s.headID)
			}
			s.head, s.headID = h, id
		} else {
			s.stale = append(s.stale, id)
		}
	case kindCount:
		var c countEntry
		err = json.Unmarshal(text, &c)
		s.counted = append(s.counted, counted{id, c.DeadLettered})
	default:
		return errEntry
	}
	return err
}

func (s *saved) addIDs(blobs ...[]byte) error {
	for _, b := range blobs {
		ranges, err := parseRanges(b)
		if err != nil {
			return err
		}
		s.sealedIDs = append(s.sealedIDs, ranges)
	}
	return nil
}

// ackSealed acknowledges what is sealed, in parts of a bounded size.
func (s *saved) ackSealed(queue *spool.Spool) error {
	var tickets []spool.Ticket
	ids := make([]spool.ID, 0, 1<<14)
	flush := func() {
		if len(ids) > 0 {
			tickets = append(tickets, queue.Ack(ids...))
			ids = ids[:0]
		}
	}
	for i := range s.sealedIDs {
		for id := range s.sealedIDs[i].all() {
			if ids = append(ids, id); len(ids) == cap(ids) {
				flush()
			}
		}
	}
	flush()
	for _, t := range tickets {
		if err := t.Wait(context.Background()); err != nil {
			return err
		}
	}
	return nil
}

// restore makes what the journal has the state. What the head covers is stale.
func (a *Archiver) restore(s *saved) error {
	a.head, a.headID = s.head, s.headID
	if a.head == nil {
		a.head = &headEntry{Number: -1}
	}
	head := a.head
	for _, e := range s.ends {
		if e.Number <= head.Number {
			s.stale = append(s.stale, e.id)
			continue
		}
		if a.end != nil || e.Number != head.Number+1 {
			return fmt.Errorf("%w: the journal in %s has the end of interval %d, and its log is at %d", ErrDamage, a.set.Directory, e.Number, head.Number)
		}
		a.end = e
	}
	for i := range s.commits {
		c := &s.commits[i]
		if c.Number <= head.Number {
			s.stale = append(s.stale, c.id)
			continue
		}
		if a.end == nil || c.Number != a.end.Number {
			return fmt.Errorf("%w: the journal in %s has the manifest %d, and no end of that interval", ErrDamage, a.set.Directory, c.Number)
		}
		a.end.commit, a.end.commitID = &c.commitEntry, c.id
	}
	for _, c := range s.counted {
		if slices.Contains(head.Counted, c.id) || a.end != nil && slices.Contains(a.end.Counted, c.id) {
			s.stale = append(s.stale, c.id)
		} else {
			a.counted = append(a.counted, c)
		}
	}
	if err := a.restoreSealed(s); err != nil {
		return err
	}
	return a.restoreWindows(s)
}

func (a *Archiver) restoreSealed(s *saved) error {
	slices.SortFunc(s.sealed, func(x, y *object) int { return cmp.Compare(x.FirstLeaf, y.FirstLeaf) })
	a.nextLeaf = a.head.Size
	behind := func(o *object) bool { return a.end != nil && a.nextLeaf == a.end.Leaf && o.FirstLeaf > a.end.Leaf }
	for _, o := range s.sealed {
		a.nextFile = max(a.nextFile, o.File+1)
		u, uploaded := s.uploaded[o.File]
		if o.FirstLeaf < a.head.Size {
			s.stale = append(s.stale, o.id)
			continue
		}
		if uploaded {
			o.uploaded, o.uploadedID = &u.uploadedEntry, u.id
			delete(s.uploaded, o.File)
		}
		if behind(o) {
			a.nextLeaf++ // the manifest's
		}
		if o.FirstLeaf != a.nextLeaf {
			return fmt.Errorf("%w: the journal in %s has an object of leaf %d where leaf %d comes next", ErrDamage, a.set.Directory, o.FirstLeaf, a.nextLeaf)
		}
		if err := a.checkFiles(o); err != nil {
			return err
		}
		a.nextLeaf = o.end()
		a.sealed = append(a.sealed, o)
		a.sealedBytes += o.onDisk()
	}
	if a.end != nil && a.nextLeaf == a.end.Leaf {
		a.nextLeaf++
	}
	if a.end != nil && a.nextLeaf <= a.end.Leaf {
		return fmt.Errorf("%w: the journal in %s has the end of interval %d at leaf %d, and objects up to leaf %d only", ErrDamage, a.set.Directory, a.end.Number, a.end.Leaf, a.nextLeaf)
	}
	for _, u := range s.uploaded {
		s.stale = append(s.stale, u.id)
	}
	return nil
}

// checkFiles says whether an object's files are there and as long as they were.
func (a *Archiver) checkFiles(o *object) error {
	files := map[string]int64{leavesFile: o.Leaves * archive.HashSize, filterFile: o.FilterSize}
	if o.uploaded == nil {
		files[dataFile] = o.Size
	}
	for kind, want := range files {
		path := a.file(o.File, kind)
		size, err := a.fileSize(path)
		if err == nil && size != want {
			err = fmt.Errorf("it has %d bytes, and had %d", size, want)
		}
		if err != nil {
			return fmt.Errorf("%w: %s, of the sealed object %s: %w", ErrDamage, path, o.Key, err)
		}
	}
	return nil
}

func (a *Archiver) fileSize(path string) (int64, error) {
	f, err := a.set.FS.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it was only asked
	return f.Size()
}

func (a *Archiver) restoreWindows(s *saved) error {
	now := time.Now()
	for _, w := range s.windows {
		a.nextFile = max(a.nextFile, w.File+1)
		if w.At.After(now) {
			w.At = now // the clock was wrong, or is
		}
		if now.Sub(w.At) > a.set.RepeatWindow {
			s.stale = append(s.stale, w.id)
			continue
		}
		a.windows = append(a.windows, w)
	}
	return nil
}

// tidy removes files that belong to nothing: of objects that were not sealed, or are in
// the log.
func (a *Archiver) tidy() error {
	keep := map[string]bool{}
	for _, o := range a.sealed {
		keep[a.file(o.File, leavesFile)], keep[a.file(o.File, filterFile)] = true, true
		if o.uploaded == nil {
			keep[a.file(o.File, dataFile)] = true
		}
	}
	for _, w := range a.windows {
		keep[a.file(w.File, uidsFile)] = true
	}
	names, err := a.set.FS.ReadDir(a.objects)
	if err != nil {
		return fmt.Errorf("list %s: %w", a.objects, err)
	}
	for _, name := range names {
		path := filepath.Join(a.objects, name)
		if n, err := strconv.ParseUint(strings.TrimSuffix(name, filepath.Ext(name)), 10, 64); err == nil {
			a.nextFile = max(a.nextFile, n+1)
		}
		if keep[path] {
			continue
		}
		if err := a.set.FS.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			a.logger.Warn("A file that is no longer needed stays", zap.String("file", path), zap.Error(err))
		}
	}
	return nil
}
