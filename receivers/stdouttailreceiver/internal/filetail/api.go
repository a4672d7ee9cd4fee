package filetail

import (
	"context"
	"time"
)

// Line is one line, or a piece of one. Data is valid during the call that hands it
// over. Offsets are in bytes from the beginning of the file; of a compressed file,
// from the beginning of what it holds.
type Line struct {
	// Data is the line without its end (LF or CR LF). It may be empty.
	Data []byte
	// Offset is where Data begins, End where the next line or piece does.
	Offset, End int64
	// Start is where the whole line begins: Offset, but for pieces after the first.
	Start int64
	// Cut says that this is a piece of a line longer than Config.MaxLine, or what
	// came behind an unended line; Index counts the pieces from 0, and Last marks the
	// one that the line's end was behind.
	Cut   bool
	Index int
	Last  bool
	// Unended says that the line had no end yet when Config.FlushAfter was over, or
	// will never have one. If more comes after all, that is a piece with Index 1.
	Unended bool
	// Read is about when it was read.
	Read time.Time
}

// FileInfo says which file a stream is of.
type FileInfo struct {
	// ID is 21 letters and digits and names this file and no other: not
	// the one that had its path or inode before. It is kept with the checkpoint, which
	// is written before the first line is read, so ID, "-" and a line's Offset name the
	// same line before and after a crash.
	ID string
	// Path is what a pattern matched; Resolved has no symbolic links.
	Path, Resolved string
	// Offset is where reading begins.
	Offset int64
	// Compression is "", "gzip" or "zstd".
	Compression string
	// Pipe is set for a named pipe, which has no checkpoint.
	Pipe bool
}

// Handler makes records of lines and delivers them. Each worker has one, and calls
// it and its streams from one goroutine.
type Handler interface {
	// Open begins a file, or goes on with it after a restart.
	Open(f FileInfo) Stream
	// Full says that the batch should be delivered before another line is added.
	Full() bool
	// Pending says whether the batch holds anything, and since when.
	Pending() (since time.Time, ok bool)
	// Deliver hands the batch on, and returns nil when it has been accepted. Trying
	// again is the handler's business: it returns an error only when ctx has ended. If
	// it does so earlier, the batch must still be there, and Deliver is called again
	// after a pause.
	Deliver(ctx context.Context) error
}

// Stream takes the lines of one file, in order.
type Stream interface {
	// Line adds a line to the batch or holds it back.
	Line(l Line)
	// Held is the Offset of the first line or piece that is held back, and not in the
	// batch. The checkpoint stays before it.
	Held() (offset int64, ok bool)
	// Expire puts into the batch what has been held back for long enough.
	Expire(now time.Time)
	// Close puts into the batch whatever is held back: the file is over. A file that
	// grows after all is opened again.
	Close()
}

// Store keeps checkpoints. What Batch does must be atomic if checkpoints are to
// survive a crash.
type Store interface {
	// Get returns nil for a key that isn't there.
	Get(ctx context.Context, key string) ([]byte, error)
	// Batch does all of ops in one go.
	Batch(ctx context.Context, ops []Op) error
}

// Op sets a key, or deletes it where Value is nil.
type Op struct {
	Key   string
	Value []byte
}
