// Package dirstore reads a folder that was downloaded from a bucket, as `aws s3 sync`
// lays it out: a file for each object, whose path below the folder is its key. There are
// no versions and no locks in it, and its times prove nothing.
//
// The folder may come from someone who wishes its reader ill: nothing outside of it is
// read, symbolic links are followed nowhere, and what is no regular file is an error.
package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// errNotRegular says that a file is none that `aws s3 sync` makes.
var errNotRegular = errors.New("this is no regular file; download the objects anew, without links")

// Store is a folder. It is safe for concurrent use. It implements objectstore.Reader.
type Store struct {
	root *os.Root
	name string
}

var _ objectstore.Reader = (*Store)(nil)

// Open opens a folder.
func Open(folder string) (*Store, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open the folder of an archive: %w", err)
	}
	return &Store{root: root, name: folder}, nil
}

// Close closes the folder; what is being read stays open.
func (s *Store) Close() error { return s.root.Close() }

// path gives a key's path. Keys that no file can stand for, or that would be another's,
// are not there.
func (s *Store) path(key string) (string, error) {
	if !fs.ValidPath(key) || key == "." || strings.ContainsAny(key, "\\\x00") {
		return "", fmt.Errorf("%q in folder %q: %w", key, s.name, objectstore.ErrNotFound)
	}
	return filepath.FromSlash(key), nil
}

// stat gives what a key's file is, without following links on the way to it.
func (s *Store) stat(key, versionID string) (string, fs.FileInfo, error) {
	if versionID != "" {
		return "", nil, fmt.Errorf("version %q of %q in folder %q: a folder has no versions: %w", versionID, key, s.name, objectstore.ErrUnsupported)
	}
	path, err := s.path(key)
	if err != nil {
		return "", nil, err
	}
	for i, c := range key { // each folder on the way
		if c != '/' {
			continue
		}
		info, err := s.root.Lstat(filepath.FromSlash(key[:i]))
		if err != nil {
			return "", nil, s.failed(key, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return "", nil, s.failed(key[:i], errNotRegular)
		}
	}
	info, err := s.root.Lstat(path)
	switch {
	case err != nil:
		return "", nil, s.failed(key, err)
	case info.IsDir():
		return "", nil, s.failed(key, objectstore.ErrNotFound)
	case !info.Mode().IsRegular():
		return "", nil, s.failed(key, errNotRegular)
	}
	return path, info, nil
}

func (s *Store) failed(key string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), isNotDir(err):
		err = objectstore.ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		err = errors.Join(objectstore.ErrDenied, err)
	}
	return fmt.Errorf("%q in folder %q: %w", key, s.name, err)
}

func infoOf(key string, file fs.FileInfo) objectstore.Info {
	return objectstore.Info{Key: key, Size: file.Size(), Modified: file.ModTime().UTC()}
}

// Get implements objectstore.Reader. A version is ErrUnsupported.
func (s *Store) Get(ctx context.Context, key, versionID string, offset, length int64) (io.ReadCloser, objectstore.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, objectstore.Info{}, err
	}
	path, before, err := s.stat(key, versionID)
	if err != nil {
		return nil, objectstore.Info{}, err
	}
	file, err := s.root.Open(path)
	if err != nil {
		return nil, objectstore.Info{}, s.failed(key, err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = s.failed(key, err)
	case !os.SameFile(before, info):
		err = s.failed(key, errors.New("it was changed while it was read"))
	case offset < 0 || offset > info.Size() || (offset == info.Size() && offset > 0):
		err = fmt.Errorf("%q in folder %q: the range begins at %d and the object has %d bytes", key, s.name, offset, info.Size())
	}
	if err != nil {
		return nil, objectstore.Info{}, errors.Join(err, file.Close())
	}
	left := info.Size() - offset
	if length >= 0 {
		left = min(left, length)
	}
	return &reading{file: file, section: io.NewSectionReader(file, offset, left), left: left}, infoOf(key, info), nil
}

// reading is a file of which left bytes must come.
type reading struct {
	file    *os.File
	section *io.SectionReader
	left    int64
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.section.Read(p)
	r.left -= int64(n)
	if err == io.EOF && r.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *reading) Close() error { return r.file.Close() }

// Head implements objectstore.Reader: without lock and checksum, which a folder has not.
func (s *Store) Head(ctx context.Context, key, versionID string) (objectstore.Info, error) {
	if err := ctx.Err(); err != nil {
		return objectstore.Info{}, err
	}
	_, info, err := s.stat(key, versionID)
	if err != nil {
		return objectstore.Info{}, err
	}
	return infoOf(key, info), nil
}

// List implements objectstore.Reader.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		s.walk(ctx, parent(prefix), prefix, startAfter, yield)
	}
}

// parent is the folder in which keys with a prefix are: what is up to its last '/'.
func parent(prefix string) string { return prefix[:strings.LastIndexByte(prefix, '/')+1] }

// entry is what stands in a folder: a key, or the beginning of keys.
type entry struct {
	name string // with '/' behind a folder's, as in its keys: so they sort as keys do
	file fs.DirEntry
}

// entries are those of a folder, which is "" or ends with '/', in the order of keys.
// None where there is no such folder.
func (s *Store) entries(folder string) ([]entry, error) {
	path := "."
	if folder != "" {
		trimmed := folder[:len(folder)-1]
		if _, err := s.path(trimmed); err != nil {
			return nil, nil //nolint:nilerr // such a key is nowhere
		}
		info, err := s.root.Lstat(filepath.FromSlash(trimmed))
		switch {
		case errors.Is(err, fs.ErrNotExist) || isNotDir(err):
			return nil, nil
		case err != nil:
			return nil, s.failed(folder, err)
		case info.Mode()&fs.ModeSymlink != 0:
			return nil, s.failed(trimmed, errNotRegular)
		case !info.IsDir():
			return nil, nil
		}
		path = filepath.FromSlash(trimmed)
	}
	dir, err := s.root.Open(path)
	if err != nil {
		return nil, s.failed(folder, err)
	}
	files, err := dir.ReadDir(-1)
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, s.failed(folder, err)
	}
	all := make([]entry, len(files))
	for i, file := range files {
		name := file.Name()
		if file.IsDir() {
			name += "/"
		}
		all[i] = entry{name: name, file: file}
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// walk gives all keys in a folder that have the prefix and come behind startAfter. False:
// it was enough.
func (s *Store) walk(ctx context.Context, folder, prefix, startAfter string, yield func(objectstore.Info, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(objectstore.Info{}, err)
		return false
	}
	entries, err := s.entries(folder)
	if err != nil {
		yield(objectstore.Info{}, err)
		return false
	}
	for _, e := range entries {
		key := folder + e.name
		if e.file.IsDir() {
			if !strings.HasPrefix(key, prefix) && !strings.HasPrefix(prefix, key) ||
				key <= startAfter && !strings.HasPrefix(startAfter, key) {
				continue
			}
			if !s.walk(ctx, key, prefix, startAfter, yield) {
				return false
			}
			continue
		}
		if !strings.HasPrefix(key, prefix) || key <= startAfter {
			continue
		}
		info, err := e.file.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // since
			continue
		case err == nil && !info.Mode().IsRegular():
			err = s.failed(key, errNotRegular)
		case err != nil:
			err = s.failed(key, err)
		}
		if err != nil {
			yield(objectstore.Info{}, err)
			return false
		}
		if !yield(infoOf(key, info), nil) {
			return false
		}
	}
	return true
}

// Folders implements objectstore.Reader. A folder without any file in it is none: S3 has
// no such thing.
func (s *Store) Folders(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := ctx.Err(); err != nil {
			yield("", err)
			return
		}
		entries, err := s.entries(parent(prefix))
		if err != nil {
			yield("", err)
			return
		}
		for _, e := range entries {
			folder := parent(prefix) + e.name
			if !e.file.IsDir() || !strings.HasPrefix(folder, prefix) || folder == prefix {
				continue
			}
			for _, err := range s.List(ctx, folder, "") {
				if !yield(folder, err) || err != nil {
					return
				}
				break
			}
		}
	}
}

// Versions implements objectstore.Reader: there are none.
func (s *Store) Versions(context.Context, string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		yield(objectstore.Info{}, fmt.Errorf("folder %q: a folder has no versions: %w", s.name, objectstore.ErrUnsupported))
	}
}

// Bucket implements objectstore.Reader: it can't be known.
func (s *Store) Bucket(context.Context) (objectstore.Bucket, error) {
	return objectstore.Bucket{}, fmt.Errorf("folder %q: a folder has no versions and no locks: %w", s.name, objectstore.ErrUnsupported)
}
