// Package heldstate finds what components have left on disk: the kinesis exporter's spools,
// the worm_s3 exporter's state, event_fold's journals, and beside them dead letters and the
// Collector's own file storage. It only reads, and knows of their forms no more than it
// takes to count: docs/format has these.
package heldstate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// Kind is whose a State is.
type Kind string

// The kinds. Those that hold nothing that a collector delivers are the last two.
const (
	Kinesis     Kind = "kinesis"
	Archive     Kind = "worm_s3"
	Fold        Kind = "event_fold"
	FileStorage Kind = "file_storage"
	DeadLetters Kind = "dead_letters"
)

// Delivered says whether a collector of ours delivers what is held.
func (k Kind) Delivered() bool { return k == Kinesis || k == Archive || k == Fold }

// State is that of one component.
type State struct {
	Kind Kind
	// Directory is what the component's configuration names.
	Directory string
	// Signal is that of a spool of kinesis: logs, traces or metrics.
	Signal string
	// Version of the form.
	Version int
	// Records are those that were accepted and not delivered; of dead letters, lines.
	Records int64
	// Bytes on disk.
	Bytes int64
	// Oldest is about when the oldest of Records came; zero where there is none.
	Oldest time.Time
	// Log is the name of an archive's log.
	Log string
	// Pending says that there is something to be finished even where Records is 0: an
	// archive's interval that has ended has no checkpoint.
	Pending bool
	// Err is why this state can't be read, or is not to be touched.
	Err error
}

// Holds says whether something is left to be delivered.
func (s *State) Holds() bool { return s.Kind.Delivered() && (s.Records > 0 || s.Pending) }

// ErrInUse is the error of a state that a running collector has.
var ErrInUse = diskfs.ErrInUse

// ErrForm is that of an entry of a form that is not known.
var ErrForm = errors.New("an entry has a form that this program does not know; use the release that wrote it, or a later one")

// Find looks through a directory and all below it. The error is about the directory;
// what is wrong with one state is its own.
func Find(dir string) ([]State, error) {
	var all []State
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			if s, ok := fileStorage(path); ok {
				all = append(all, s)
			}
			return nil
		}
		names, err := diskfs.OS().ReadDir(path)
		if err != nil {
			return err
		}
		switch {
		case isArchive(path, names):
			all = append(all, readArchive(path))
			if s, ok := deadLetters(filepath.Join(path, "dead_letter")); ok {
				all = append(all, s)
			}
			return fs.SkipDir
		case spool.IsSpool(names):
			all = append(all, readSpool(path))
			return fs.SkipDir
		case isDeadLetters(path):
			if s, ok := deadLetters(path); ok {
				all = append(all, s)
			}
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b State) int { return strings.Compare(a.Directory+"/"+a.Signal, b.Directory+"/"+b.Signal) })
	return all, nil
}

func isDeadLetters(path string) bool {
	name := filepath.Base(path)
	return name == "dead_letter" || strings.HasSuffix(name, ".dead_letter")
}

// deadLetters counts lines. There are none where the folder is not there, or empty.
func deadLetters(path string) (State, bool) {
	s := State{Kind: DeadLetters, Directory: path, Version: 1}
	names, err := diskfs.OS().ReadDir(path)
	if err != nil {
		s.Err = err
		return s, !errors.Is(err, fs.ErrNotExist)
	}
	for _, name := range names {
		f, err := os.Open(filepath.Join(path, name))
		if err != nil {
			s.Err = err
			return s, true
		}
		size, lines, err := countLines(f)
		if err = errors.Join(err, f.Close()); err != nil {
			s.Err = fmt.Errorf("read %s: %w", filepath.Join(path, name), err)
		}
		s.Bytes, s.Records = s.Bytes+size, s.Records+lines
	}
	return s, s.Bytes > 0 || s.Err != nil
}

func countLines(r io.Reader) (size, lines int64, err error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		size, lines = size+int64(n), lines+int64(bytes.Count(buf[:n], []byte{'\n'}))
		if errors.Is(err, io.EOF) {
			return size, lines, nil
		}
		if err != nil {
			return size, lines, err
		}
	}
}

// boltMagic stands in the first page of a file of bbolt, which the file_storage extension
// keeps: https://pkg.go.dev/go.etcd.io/bbolt, its page and meta in page.go and db.go.
var boltMagic = []byte{0xed, 0xda, 0x0c, 0xed}

const boltMagicAt = 16

func fileStorage(path string) (State, bool) {
	f, err := os.Open(path)
	if err != nil {
		return State{}, false
	}
	defer f.Close() //nolint:errcheck // it was only read
	head := make([]byte, boltMagicAt+len(boltMagic))
	if _, err := io.ReadFull(f, head); err != nil || !bytes.Equal(head[boltMagicAt:], boltMagic) {
		return State{}, false
	}
	info, err := f.Stat()
	if err != nil {
		return State{}, false
	}
	return State{Kind: FileStorage, Directory: path, Bytes: info.Size()}, true
}
