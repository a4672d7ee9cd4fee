// Package rotatingfile writes a log file that never outgrows its limit: when it
// is full it becomes name.1, replacing what was name.1, and a new one begins. On
// disk there are at most two files and twice the limit.
package rotatingfile

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// File is safe for concurrent use. A Write is never divided between two files,
// so that lines written whole stay whole.
type File struct {
	name  string
	limit int64

	mu sync.Mutex
	// mu guards the following.
	file *os.File // nil after Close
	size int64
}

// Open appends to the named file, creating it with mode 0600, and turns it over
// before it would exceed limit bytes. A single Write larger than limit has a
// file of its own.
func Open(name string, limit int64) (*File, error) {
	if limit < 1 {
		return nil, fmt.Errorf("limit of %s is %d bytes, want at least 1", name, limit)
	}
	f := &File{name: name, limit: limit}
	if err := f.openLocked(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) openLocked() error {
	file, err := os.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, info.Size()
	return nil
}

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return 0, os.ErrClosed
	}
	if f.size > 0 && f.size+int64(len(p)) > f.limit {
		if err := f.turnLocked(); err != nil {
			return 0, fmt.Errorf("turn over %s: %w", f.name, err)
		}
	}
	n, err := f.file.Write(p)
	f.size += int64(n)
	return n, err
}

// turnLocked leaves a file that can be written to even when the renaming fails:
// a log beyond its limit is worth more than none.
func (f *File) turnLocked() error {
	err := errors.Join(f.file.Close(), os.Rename(f.name, f.name+".1"))
	return errors.Join(err, f.openLocked())
}

// Close closes the file; later writes fail.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
