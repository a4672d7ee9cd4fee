package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

// Inspection is what a spool's directory holds.
type Inspection struct {
	// Recovery is what Open would find.
	Recovery
	Segments int
	Bytes    int64 // of the segments
	// Oldest is when the oldest segment with records left was written to last; zero where
	// there is none.
	Oldest time.Time
}

// Inspect reads a spool that nobody has open, and changes nothing: not even a torn end is
// cut off. visit gets each record that is not acknowledged, the oldest first. A spool that
// is open, in this process or another, is ErrInUse; damage is a *DamageError.
func Inspect(dir string, visit func(Record) error) (Inspection, error) {
	if err := diskfs.CheckFree(filepath.Join(dir, lockName)); err != nil {
		return Inspection{}, fmt.Errorf("%s: %w", dir, err)
	}
	s := &Spool{
		set: Settings{Directory: dir}, dir: dir, fs: readOnly{}, inspected: true,
		changed: make(chan struct{}), nextID: firstID, nextNum: 1,
	}
	found, err := s.list()
	if err != nil {
		return Inspection{}, err
	}
	in := Inspection{Segments: len(found.segments)}
	if len(found.segments) == 0 {
		return in, nil
	}
	err = s.load(&found)
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
	}
	if err != nil {
		return in, err
	}
	in.Recovery, in.Bytes = s.recovered, s.bytes
	for _, seg := range s.segments {
		in.Records += seg.unacked
		if seg.unacked > 0 && in.Oldest.IsZero() {
			info, err := os.Stat(seg.path(dir))
			if err != nil {
				return in, err
			}
			in.Oldest = info.ModTime()
		}
	}
	reader := s.NewReader()
	defer reader.Close() //nolint:errcheck // it was only read
	for {
		record, err := reader.TryNext()
		switch {
		case errors.Is(err, ErrDrained):
			return in, nil
		case err != nil:
			return in, err
		}
		if err := visit(record); err != nil {
			return in, err
		}
	}
}

// IsSpool says whether names in a directory are those of a spool.
func IsSpool(names []string) bool {
	for _, name := range names {
		_, isSegment := numberOf(name, segmentSuffix)
		if isSegment || name == lockName {
			return true
		}
	}
	return false
}

// readOnly is the operating system's file system, of which nothing is changed: it may be
// mounted so.
type readOnly struct{}

var errReadOnly = errors.New("it is only looked at")

func (readOnly) ReadDir(dir string) ([]string, error) { return diskfs.OS().ReadDir(dir) }
func (readOnly) MkdirAll(string) error                { return errReadOnly }
func (readOnly) Create(string) (diskfs.File, error)   { return nil, errReadOnly }
func (readOnly) Rename(string, string) error          { return errReadOnly }
func (readOnly) Remove(string) error                  { return errReadOnly }
func (readOnly) SyncDir(string) error                 { return errReadOnly }
func (readOnly) Lock(string) (io.Closer, error)       { return nil, errReadOnly }
func (readOnly) Open(path string) (diskfs.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return readOnlyFile{f}, nil
}

type readOnlyFile struct{ *os.File }

func (readOnlyFile) Write([]byte) (int, error) { return 0, errReadOnly }
func (readOnlyFile) Sync() error               { return errReadOnly }
func (readOnlyFile) Truncate(int64) error      { return errReadOnly }
func (f readOnlyFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
