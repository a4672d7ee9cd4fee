package spool

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

var (
	errCrashed = errors.New("the machine has lost its power")
	errDisk    = errors.New("the disk fails")
)

// crashFS is a file system in memory that knows what a power loss leaves: of each file
// the bytes that were synced, of the directory the names at its last sync.
type crashFS struct {
	mu      sync.Mutex
	names   map[string]*crashFile // now
	durable map[string]*crashFile // after a crash
	calls   int
	// crashAt is the call at which the power goes, 0: never.
	crashAt int
	crashed bool
	// fail is asked before each call that changes something.
	fail   func(op, path string) error
	locked map[string]bool
}

type crashFile struct {
	data   []byte
	synced []byte
}

func newCrashFS() *crashFS {
	return &crashFS{names: map[string]*crashFile{}, durable: map[string]*crashFile{}, locked: map[string]bool{}}
}

// step counts a call that changes something.
func (fs *crashFS) step(op, path string) error {
	if fs.crashed {
		return errCrashed
	}
	if fs.fail != nil {
		if err := fs.fail(op, path); err != nil {
			return err
		}
	}
	fs.calls++
	if fs.calls == fs.crashAt {
		fs.crashed = true
		return errCrashed
	}
	return nil
}

// restart is the file system after a power loss. With dice, a random part of what was
// not synced is there, too.
func (fs *crashFS) restart(dice *rand.Rand) *crashFS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	after := newCrashFS()
	names := fs.durable
	if dice != nil && dice.IntN(2) == 0 {
		names = fs.names
	}
	for name, f := range names {
		data := slices.Clone(f.synced)
		if dice != nil && len(f.data) > len(f.synced) {
			rest := slices.Clone(f.data[len(f.synced):])
			rest = rest[:dice.IntN(len(rest)+1)]
			if len(rest) > 0 && dice.IntN(2) == 0 {
				// Blocks that were not written, also before some that were.
				from := dice.IntN(len(rest))
				clear(rest[from : from+1+dice.IntN(len(rest)-from)])
			}
			data = append(data, rest...)
		}
		again := &crashFile{data: data, synced: slices.Clone(data)}
		after.names[name], after.durable[name] = again, again
	}
	return after
}

func (fs *crashFS) MkdirAll(string) error { return nil }

func (fs *crashFS) ReadDir(string) ([]string, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var names []string
	for path := range fs.names {
		names = append(names, filepath.Base(path))
	}
	return names, nil
}

func (fs *crashFS) Create(path string) (File, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.step("create", path); err != nil {
		return nil, err
	}
	if fs.names[path] != nil {
		return nil, os.ErrExist
	}
	f := &crashFile{}
	fs.names[path] = f
	return &openFile{fs, path, f}, nil
}

func (fs *crashFS) Open(path string) (File, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.names[path]
	if f == nil {
		return nil, os.ErrNotExist
	}
	return &openFile{fs, path, f}, nil
}

func (fs *crashFS) Rename(from, to string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.step("rename", to); err != nil {
		return err
	}
	if fs.names[from] == nil {
		return os.ErrNotExist
	}
	fs.names[to] = fs.names[from]
	delete(fs.names, from)
	return nil
}

func (fs *crashFS) Remove(path string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.step("remove", path); err != nil {
		return err
	}
	if fs.names[path] == nil {
		return os.ErrNotExist
	}
	delete(fs.names, path)
	return nil
}

func (fs *crashFS) SyncDir(dir string) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.step("syncdir", dir); err != nil {
		return err
	}
	fs.durable = maps.Clone(fs.names)
	return nil
}

func (fs *crashFS) Lock(path string) (io.Closer, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.locked[path] {
		return nil, ErrInUse
	}
	fs.locked[path] = true
	return closer(func() error {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		delete(fs.locked, path)
		return nil
	}), nil
}

type closer func() error

func (c closer) Close() error { return c() }

// size is of all files.
func (fs *crashFS) size() (total int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.names {
		total += len(f.data)
	}
	return total
}

type openFile struct {
	fs   *crashFS
	path string
	f    *crashFile
}

func (o *openFile) ReadAt(p []byte, off int64) (int, error) {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	if off >= int64(len(o.f.data)) {
		return 0, io.EOF
	}
	n := copy(p, o.f.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (o *openFile) Write(p []byte) (int, error) {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	if err := o.fs.step("write", o.path); err != nil {
		half := len(p) / 2 // as much as went out before
		o.f.data = append(o.f.data, p[:half]...)
		return half, fmt.Errorf("after %d bytes: %w", half, err)
	}
	o.f.data = append(o.f.data, p...)
	return len(p), nil
}

func (o *openFile) Sync() error {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	if err := o.fs.step("sync", o.path); err != nil {
		return err
	}
	o.f.synced = slices.Clone(o.f.data)
	return nil
}

func (o *openFile) Truncate(size int64) error {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	if err := o.fs.step("truncate", o.path); err != nil {
		return err
	}
	o.f.data = slices.Clone(o.f.data[:size])
	return nil
}

func (o *openFile) Size() (int64, error) {
	o.fs.mu.Lock()
	defer o.fs.mu.Unlock()
	return int64(len(o.f.data)), nil
}

func (o *openFile) Close() error { return nil }
