// Package diskfs is what those who keep state on disk need of a file system: the operating
// system's, or in tests one that forgets what was not synced (internal/crashfs).
package diskfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse says that someone else, of this process or another, has what was to be locked.
var ErrInUse = errors.New("the directory is in use")

// FS is a file system. Paths are those of the operating system's. It is safe for
// concurrent use.
type FS interface {
	MkdirAll(dir string) error
	// ReadDir gives the names in a directory.
	ReadDir(dir string) ([]string, error)
	// Create makes a file that is not there yet, for appending.
	Create(path string) (File, error)
	// Open opens a file for reading, and for appending behind its content.
	Open(path string) (File, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes creations, renames and removals in a directory durable.
	SyncDir(dir string) error
	// Lock takes a file for this process; who has it already is an error.
	Lock(path string) (io.Closer, error)
}

// File is an open file. It is for one goroutine at a time.
type File interface {
	io.ReaderAt
	io.Writer // at the end
	io.Closer
	// Sync makes the content and the length durable.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}

// OS is the operating system's file system.
func OS() FS { return osFS{} }

type osFS struct{}

// BlockSize is what a disk and a page of the kernel's cache have at least: a write
// that is whole blocks, in the file and in memory, need not go through the cache.
const BlockSize = 4096

type osFile struct {
	*os.File
	// end is the length of a file that was made here; of another -1: it is written to
	// through the cache.
	end    int64
	direct bool
}

// Write writes whole blocks past the kernel's cache, where the file system can do that:
// it takes half the time of a large write, and none of the processor's.
func (f *osFile) Write(p []byte) (int, error) {
	if f.end >= 0 {
		if direct := f.end%BlockSize == 0 && len(p) > 0 && len(p)%BlockSize == 0; direct != f.direct {
			f.setDirect(direct)
		}
	}
	n, err := f.File.Write(p)
	if f.direct && n == 0 && errors.Is(err, syscall.EINVAL) {
		// It takes no such writes, or only of larger blocks.
		f.setDirect(false)
		f.end = -1
		return f.File.Write(p)
	}
	if f.end >= 0 {
		f.end += int64(n)
	}
	return n, err
}

func (f *osFile) setDirect(direct bool) {
	if err := setDirect(f.File, direct); err != nil {
		f.end = -1
		return
	}
	f.direct = direct
}

func (f *osFile) Sync() error { return syncData(f.File) }

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// MkdirAll makes a directory, with those above it, of which a power loss takes none. It is
// for those who keep something beside a spool: what they make is not synced by Open.
func MkdirAll(dir string) error { return osFS{}.MkdirAll(dir) }

// MkdirAll also makes the names of the new directories durable: a spool whose directory
// is not there after a power loss would begin anew, in silence.
func (fs osFS) MkdirAll(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	var parents []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		parents = append(parents, filepath.Dir(at))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, parent := range parents {
		if err := fs.SyncDir(parent); err != nil {
			return err
		}
	}
	return nil
}

func (osFS) ReadDir(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (osFS) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	return &osFile{File: f}, err
}

func (osFS) Open(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	return &osFile{File: f, end: -1}, err
}

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }
func (osFS) Remove(path string) error     { return os.Remove(path) }

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (osFS) Lock(path string) (io.Closer, error) { return lockFile(path) }
