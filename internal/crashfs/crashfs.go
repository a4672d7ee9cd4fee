// Package crashfs is a file system in memory, for tests, that knows what a power loss
// leaves: of each file the bytes that were synced, of each directory the names at its last
// sync. It can fail, and lose its power at any call.
package crashfs

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

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

var (
	// ErrCrashed is every call's error once the power is gone.
	ErrCrashed = errors.New("the machine has lost its power")
	// ErrDisk is for tests that have the disk fail.
	ErrDisk = errors.New("the disk fails")
)

// FS is the file system. It is safe for concurrent use.
type FS struct {
	// mu guards the following.
	mu      sync.Mutex
	names   map[string]*file // now
	durable map[string]*file // after a crash
	calls   int
	crashAt int
	crashed bool
	fail    func(op, path string) error
	locked  map[string]bool
}

type file struct {
	data, synced []byte
}

var _ diskfs.FS = (*FS)(nil)

// New gives an empty one.
func New() *FS {
	return &FS{names: map[string]*file{}, durable: map[string]*file{}, locked: map[string]bool{}}
}

// CrashAt has the power go at the nth call, from 1, that changes something. 0 is never.
func (f *FS) CrashAt(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashAt = n
}

// Crash has the power go now.
func (f *FS) Crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashed = true
}

// Crashed says that the power has gone.
func (f *FS) Crashed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.crashed
}

// Calls is how many calls have changed something.
func (f *FS) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// Fail has ask asked before each call that changes something; its error is the call's. The
// calls are create, rename, remove, syncdir, write, sync, truncate. Nil is none.
func (f *FS) Fail(ask func(op, path string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = ask
}

// Files are the paths of all files, sorted.
func (f *FS) Files() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.names))
}

// Size is of all files, in bytes.
func (f *FS) Size() (total int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.names {
		total += len(one.data)
	}
	return total
}

// Data is a file's content, nil where there is none.
func (f *FS) Data(path string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names[path] == nil {
		return nil
	}
	return slices.Clone(f.names[path].data)
}

// Edit changes a file's content behind the back of those who have it open, or makes it;
// change may write into what it is given.
func (f *FS) Edit(path string, change func(data []byte) []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names[path] == nil {
		f.names[path] = &file{}
	}
	f.names[path].data = change(slices.Clone(f.names[path].data))
}

// KeepNames makes the names durable that are there now, as a disk may do unasked.
func (f *FS) KeepNames() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.durable = maps.Clone(f.names)
}

// Restart is the file system after a power loss. With dice, a random part of what was not
// synced is there, too.
func (f *FS) Restart(dice *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	after := New()
	names := f.durable
	if dice != nil && dice.IntN(2) == 0 {
		names = f.names
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		one := names[name]
		data := slices.Clone(one.synced)
		if dice != nil && len(one.data) > len(one.synced) {
			rest := slices.Clone(one.data[len(one.synced):])
			rest = rest[:dice.IntN(len(rest)+1)]
			if len(rest) > 0 && dice.IntN(2) == 0 {
				// Blocks that were not written, also before some that were.
				from := dice.IntN(len(rest))
				clear(rest[from : from+1+dice.IntN(len(rest)-from)])
			}
			data = append(data, rest...)
		}
		again := &file{data: data, synced: slices.Clone(data)}
		after.names[name], after.durable[name] = again, again
	}
	return after
}

// Killed is the file system after the process was killed: what was written is there, and
// nobody has it locked.
func (f *FS) Killed() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashed = true
	after := New()
	again := map[*file]*file{}
	clone := func(one *file) *file {
		if again[one] == nil {
			again[one] = &file{data: slices.Clone(one.data), synced: slices.Clone(one.synced)}
		}
		return again[one]
	}
	for name, one := range f.names {
		after.names[name] = clone(one)
	}
	for name, one := range f.durable {
		after.durable[name] = clone(one)
	}
	return after
}

// step counts a call that changes something.
func (f *FS) step(op, path string) error {
	if f.crashed {
		return ErrCrashed
	}
	if f.fail != nil {
		if err := f.fail(op, path); err != nil {
			return fmt.Errorf("%s %s: %w", op, path, err)
		}
	}
	f.calls++
	if f.calls == f.crashAt {
		f.crashed = true
		return ErrCrashed
	}
	return nil
}

// MkdirAll makes directories, which a power loss does not take: they are not kept as such.
func (f *FS) MkdirAll(string) error { return nil }

// ReadDir gives the names of a directory's files.
func (f *FS) ReadDir(dir string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for path := range f.names {
		if filepath.Dir(path) == dir {
			names = append(names, filepath.Base(path))
		}
	}
	return names, nil
}

// Create makes a file.
func (f *FS) Create(path string) (diskfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step("create", path); err != nil {
		return nil, err
	}
	if f.names[path] != nil {
		return nil, os.ErrExist
	}
	one := &file{}
	f.names[path] = one
	return &openFile{f, path, one}, nil
}

// Open opens a file.
func (f *FS) Open(path string) (diskfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.names[path]
	if one == nil {
		return nil, os.ErrNotExist
	}
	return &openFile{f, path, one}, nil
}

// Rename renames a file.
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step("rename", to); err != nil {
		return err
	}
	if f.names[from] == nil {
		return os.ErrNotExist
	}
	f.names[to] = f.names[from]
	delete(f.names, from)
	return nil
}

// Remove removes a file.
func (f *FS) Remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step("remove", path); err != nil {
		return err
	}
	if f.names[path] == nil {
		return os.ErrNotExist
	}
	delete(f.names, path)
	return nil
}

// SyncDir makes a directory's names durable, and no other's.
func (f *FS) SyncDir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step("syncdir", dir); err != nil {
		return err
	}
	maps.DeleteFunc(f.durable, func(path string, _ *file) bool { return filepath.Dir(path) == dir })
	for path, one := range f.names {
		if filepath.Dir(path) == dir {
			f.durable[path] = one
		}
	}
	return nil
}

// Lock takes a file.
func (f *FS) Lock(path string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locked[path] {
		return nil, diskfs.ErrInUse
	}
	f.locked[path] = true
	return closer(func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.locked, path)
		return nil
	}), nil
}

type closer func() error

func (c closer) Close() error { return c() }

type openFile struct {
	fs   *FS
	path string
	f    *file
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
	if o.fs.crashed {
		return 0, ErrCrashed
	}
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
