package heldstate

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/spool"
)

// The first byte of entries: docs/format/kinesis.md, event-fold-journal.md, and "The state
// on disk" in archive.md.
const (
	kinesisVersion = 0x01
	foldPart       = 0x11
	foldEnded      = 0x12
	archiveVersion = 0x01
)

var signals = []string{"logs", "traces", "metrics"}

// readSpool reads a spool that is one of kinesis, or a journal of event_fold: what its
// entries begin with tells which, and where there are none, its name.
func readSpool(dir string) State {
	s := State{Kind: Fold, Directory: dir, Version: 1}
	if name := filepath.Base(dir); slices.Contains(signals, name) {
		s.Kind, s.Directory, s.Signal = Kinesis, filepath.Dir(dir), name
	}
	first := true
	in, err := spool.Inspect(dir, func(r spool.Record) error {
		f := fields{rest: r.Payload}
		kind := f.byte()
		if first && kind != kinesisVersion {
			s.Kind, s.Directory, s.Signal = Fold, dir, ""
		} else if first && s.Kind != Kinesis {
			kind = 0 // its folder has no signal's name
		}
		first = false
		switch {
		case s.Kind == Kinesis && kind == kinesisVersion:
			f.skip(16)
			f.text()
			s.Records += int64(min(f.uvarint(), 1<<31))
		case s.Kind == Fold && kind == foldPart:
			f.skip(1 + 16 + 8 + 4)
			s.seen(int64(f.uint64()))
			s.Records++
		case s.Kind == Fold && kind == foldEnded:
			f.skip(1)
		default:
			f.failed = true
		}
		if f.failed {
			return fmt.Errorf("entry %d of segment %d: %w", r.ID, r.Segment, ErrForm)
		}
		return nil
	})
	s.Bytes, s.Err = in.Bytes, err
	if s.Records > 0 && s.Oldest.IsZero() {
		s.Oldest = in.Oldest
	}
	return s
}

// seen notes when a record came, in ns of Unix time.
func (s *State) seen(at int64) {
	if t := time.Unix(0, at).UTC(); s.Oldest.IsZero() || t.Before(s.Oldest) {
		s.Oldest = t
	}
}

func isArchive(dir string, names []string) bool {
	if !slices.Contains(names, "journal") {
		return false
	}
	inside, err := os.ReadDir(filepath.Join(dir, "journal"))
	return err == nil && (len(inside) == 0 || slices.ContainsFunc(inside, func(e fs.DirEntry) bool { return spool.IsSpool([]string{e.Name()}) }))
}

// Kinds of entries of an archive's journal.
const (
	entrySealed = 1
	entryEnd    = 4
	entryHead   = 6
)

// archiveJournal is what of a journal is needed to count.
type archiveJournal struct {
	sealed []sealedObject
	runs   []run // of IDs in the queue, of what is sealed
	ends   []int64
	number int64 // of the head
	size   int64
}

type sealedObject struct {
	FirstLeaf int64     `json:"first_leaf"`
	Records   int64     `json:"records"`
	Size      int64     `json:"size"`
	MinTime   time.Time `json:"min_time"`
	SealedAt  time.Time `json:"sealed_at"`
}

// readArchive reads the state of an archive's writer.
func readArchive(dir string) State {
	s := State{Kind: Archive, Directory: dir, Version: 1}
	name, err := os.ReadFile(filepath.Join(dir, "instance"))
	if lines := strings.Split(string(name), "\n"); err == nil && len(lines) == 3 {
		s.Log = lines[1]
	}
	j := archiveJournal{number: -1}
	in, err := spool.Inspect(filepath.Join(dir, "journal"), j.add)
	s.Bytes, s.Err = in.Bytes, err
	if err != nil {
		return s
	}
	for _, o := range j.sealed {
		if o.FirstLeaf >= j.size {
			s.Records += o.Records
			s.Bytes += o.Size
			s.seen(o.SealedAt.UnixNano())
		}
	}
	slices.SortFunc(j.runs, func(a, b run) int { return cmp.Compare(a.first, b.first) })
	s.Pending = slices.ContainsFunc(j.ends, func(n int64) bool { return n > j.number })
	in, err = spool.Inspect(filepath.Join(dir, "queue"), func(r spool.Record) error {
		f := fields{rest: r.Payload}
		if f.byte() != archiveVersion {
			f.failed = true
		}
		f.text()
		f.varint()
		arrival := f.varint()
		if f.failed {
			return fmt.Errorf("entry %d of segment %d: %w", r.ID, r.Segment, ErrForm)
		}
		if !j.sealedInQueue(r.ID) {
			s.Records++
			s.seen(arrival)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) && in.Segments == 0 && len(j.sealed) == 0 {
		err = nil // it was not made yet
	}
	s.Bytes += in.Bytes
	s.Err = err
	return s
}

// add reads an entry of the journal.
func (j *archiveJournal) add(r spool.Record) error {
	f := fields{rest: r.Payload}
	version, kind, text := f.byte(), f.byte(), f.text()
	var blobs [][]byte
	for n := f.uvarint(); n > 0 && !f.failed; n-- {
		blobs = append(blobs, f.text())
	}
	if f.failed || version != archiveVersion {
		return fmt.Errorf("entry %d of segment %d: %w", r.ID, r.Segment, ErrForm)
	}
	var err error
	switch kind {
	case entrySealed:
		var o sealedObject
		err = json.Unmarshal(text, &o)
		j.sealed = append(j.sealed, o)
	case entryEnd:
		var e struct {
			Number int64 `json:"number"`
		}
		err = json.Unmarshal(text, &e)
		j.ends = append(j.ends, e.Number)
	case entryHead:
		var h struct {
			Number int64 `json:"number"`
			Size   int64 `json:"size"`
		}
		if err = json.Unmarshal(text, &h); err == nil && h.Number >= j.number {
			j.number, j.size = h.Number, h.Size
		}
		return err
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("entry %d of segment %d: %w: %w", r.ID, r.Segment, ErrForm, err)
	}
	for _, b := range blobs {
		if !j.addIDs(b) {
			return fmt.Errorf("entry %d of segment %d: %w", r.ID, r.Segment, ErrForm)
		}
	}
	return nil
}

// run is IDs that follow each other, up to before end.
type run struct{ first, end spool.ID }

// addIDs reads runs: for each a gap behind the run before, and its length.
func (j *archiveJournal) addIDs(form []byte) bool {
	f := fields{rest: form}
	var at spool.ID
	for len(f.rest) > 0 && !f.failed {
		first := at + spool.ID(f.uvarint())
		at = first + spool.ID(f.uvarint())
		j.runs = append(j.runs, run{first, at})
	}
	return !f.failed
}

func (j *archiveJournal) sealedInQueue(id spool.ID) bool {
	i, found := slices.BinarySearchFunc(j.runs, id, func(r run, id spool.ID) int { return cmp.Compare(r.first, id) })
	return found || i > 0 && id < j.runs[i-1].end
}

// fields reads an entry from its beginning.
type fields struct {
	rest   []byte
	failed bool
}

func (f *fields) take(n uint64) []byte {
	if f.failed || n > uint64(len(f.rest)) {
		f.failed = true
		return nil
	}
	b := f.rest[:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) skip(n uint64) { f.take(n) }

func (f *fields) byte() byte {
	if b := f.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) uint64() uint64 {
	if b := f.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (f *fields) uvarint() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.failed = true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.rest)
	if n <= 0 {
		f.failed = true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) text() []byte { return f.take(f.uvarint()) }
