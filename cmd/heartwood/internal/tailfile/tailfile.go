// Package tailfile reads the lines of a file that is still being written to, and
// goes on with its successor when it is renamed away.
package tailfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrTooLong is returned for a line that exceeds the limit, in place of it.
var ErrTooLong = errors.New("line is too long")

// Follower is used by one goroutine at a time.
type Follower struct {
	path  string
	limit int

	file    *os.File // nil while there is none
	offset  int64    // in file, of what was read
	pending []byte   // read and not given out
	chunk   []byte
	skipped int64 // bytes of a line that is too long, while its end is awaited
	renamed bool  // file has a successor and is read to its end
}

// New follows path, which need not exist yet, from its beginning. Lines longer
// than limit bytes are left out.
func New(path string, limit int) *Follower {
	return &Follower{path: path, limit: limit, chunk: make([]byte, 64<<10)}
}

// Close gives the file back.
func (f *Follower) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// Next gives the next line without its end. It does not wait: io.EOF says that
// there is none now and may be one later. The line is valid until the next call.
//
// When the file was renamed, what stands in it after the last line's end is a
// line too: its writer will not come back. Files that came and went between two
// calls are not seen.
func (f *Follower) Next() ([]byte, error) {
	for {
		line, done, err := f.take()
		if done {
			return line, err
		}
		grown, err := f.read()
		if err != nil {
			return nil, err
		}
		if grown {
			continue
		}
		if f.file == nil {
			return nil, io.EOF
		}
		if !f.renamed {
			if f.renamed, err = f.hasSuccessor(); err != nil {
				return nil, err
			}
			if f.renamed {
				continue // once more: it may have been written to in between
			}
			return nil, io.EOF
		}
		rest, tooLong := f.pending, f.skipped > 0
		f.pending, f.skipped, f.renamed, f.offset = nil, 0, false, 0
		if err := f.Close(); err != nil {
			return nil, err
		}
		if tooLong {
			return nil, ErrTooLong
		}
		if len(rest) > 0 {
			return rest, nil
		}
	}
}

// take gives a line out of pending.
func (f *Follower) take() (line []byte, done bool, err error) {
	end := bytes.IndexByte(f.pending, '\n')
	switch {
	case end >= 0 && (f.skipped > 0 || end > f.limit):
		f.pending, f.skipped = f.pending[end+1:], 0
		return nil, true, ErrTooLong
	case end >= 0:
		line, f.pending = f.pending[:end], f.pending[end+1:]
		return line, true, nil
	case f.skipped > 0 || len(f.pending) > f.limit:
		f.skipped += int64(len(f.pending))
		f.pending = nil
	}
	return nil, false, nil
}

func (f *Follower) read() (grown bool, err error) {
	if f.file == nil {
		f.file, err = os.Open(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	n, err := f.file.ReadAt(f.chunk, f.offset)
	f.offset += int64(n)
	f.pending = append(f.pending, f.chunk[:n]...)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", f.path, err)
	}
	return n > 0, nil
}

// hasSuccessor tells whether path is now another file, and begins anew where it
// was cut to nothing.
func (f *Follower) hasSuccessor() (bool, error) {
	mine, err := f.file.Stat()
	if err != nil {
		return false, err
	}
	if mine.Size() < f.offset {
		f.offset, f.pending, f.skipped = 0, nil, 0
	}
	current, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // between the renaming and the new file
	}
	if err != nil {
		return false, err
	}
	return !os.SameFile(mine, current), nil
}
