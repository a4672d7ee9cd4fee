package filetail

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// file is what is known of one file, wherever it is at the moment. Log rotation
// moves a file to another path, or, by copying, even to another inode; it stays the
// same file then, and what is at its old place is another.
//
// A file is located (in the table's byInode, being read by its worker) or lost (in
// the table's lost: known from a checkpoint, or deleted; it may turn up again).
type file struct {
	id string
	w  *worker

	// queued is set while the file is in its worker's queue.
	queued atomic.Bool
	// orphan is set while no pattern matches the file's path.
	orphan atomic.Bool
	// missing is set when the file isn't found by its path any more.
	missing atomic.Bool
	// failed is set while the file can't be opened.
	failed atomic.Bool

	// mu guards the following.
	mu             sync.Mutex
	path, resolved string
	inode          inode
	comp           compression
	print          fingerprint
	offset         int64 // pos, as of the end of the last turn
	parked         bool  // all of it has been read under another name

	// The table's mutex guards the following.
	located  bool
	gen      uint64 // of the last search that found it
	size     int64  // as last seen by a search
	modified time.Time
	lostAt   time.Time
	loaded   bool // from the store, and not found yet
	dead     bool // what its inode held is gone

	// The rest is the worker's.
	pipe     *pipe // of a named pipe; nil for a file
	fd       *os.File
	unpacked *unpacked // what fd holds, if compressed
	stream   Stream
	pos      int64 // what stands before it has been given to the stream
	// packedSize is the size of a compressed file that has been read to its end.
	packedSize int64
	lineStart  int64 // of the line that pos is inside of, if index > 0
	index      int   // of the piece that begins at pos
	grown      time.Time
	end        int64 // the size when grown was set
	used       uint64
	blank      bool // only NULs stand between pos and end
	dirty      bool
	attended   bool
	reported   bool // that it can't be opened
	stored     record
}

// place is where a file is.
type place struct {
	path, resolved string
	inode          inode
	comp           compression
}

func (f *file) place() place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return place{f.path, f.resolved, f.inode, f.comp}
}

func (f *file) setPlace(p place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.path, f.resolved, f.inode, f.comp = p.path, p.resolved, p.inode, p.comp
}

// seenAs is what a search needs to recognise the file.
func (f *file) seenAs() (p fingerprint, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.print, f.offset
}

// record is the checkpoint at offset. It is the worker's to call, or of whoever made
// the file.
func (f *file) record(offset int64) record {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := record{Dev: f.inode.dev, Inode: f.inode.num, Offset: offset, Parked: f.parked, Size: f.packedSize}
	r.setPath(f.path, f.resolved)
	r.Start, r.Index = offset, 0
	if f.index > 0 {
		switch {
		case offset == f.pos:
			r.Start, r.Index = f.lineStart, f.index
		case offset > f.lineStart:
			// A piece inside the line is held back. How many stand before it is not known
			// any more, so the line is read from its beginning.
			r.Offset, r.Start = f.lineStart, f.lineStart
		}
	}
	if r.Start == r.Offset && r.Index == 0 {
		r.Start = 0
	}
	r.setPrint(&f.print)
	return r
}
