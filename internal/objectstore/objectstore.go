// Package objectstore is what an archive needs of the place where its objects are: S3
// with Object Lock, or a folder that was downloaded from it. Errors wrap one of the
// sentinels where what happened has a meaning for an archive.
package objectstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"iter"
	"time"
)

var (
	// ErrNotFound says that there is no such object, or version.
	ErrNotFound = errors.New("not found")
	// ErrExists says that there is an object under the key already (HTTP 412 after
	// If-None-Match: *).
	ErrExists = errors.New("there is an object under this key")
	// ErrBusy says that the call may be made again: 409 of a conditional write, 503,
	// 500, timeouts, connections cut.
	ErrBusy = errors.New("to be tried again")
	// ErrDenied says that credentials or rights do not suffice, or have expired.
	ErrDenied = errors.New("denied")
	// ErrClock says that the server takes our clock for wrong (RequestTimeTooSkewed).
	ErrClock = errors.New("the clocks differ")
	// ErrUnsupported says that this place has no such thing: a folder has no locks.
	ErrUnsupported = errors.New("not to be had here")
)

// Mode is how an object is locked: not at all, or by one of S3's modes.
type Mode string

// The modes of S3 Object Lock.
const (
	Unlocked   Mode = ""
	Governance Mode = "GOVERNANCE"
	Compliance Mode = "COMPLIANCE"
)

// Lock is an object's retention.
type Lock struct {
	Mode        Mode
	RetainUntil time.Time // in UTC, whole seconds; zero when unlocked
}

// Object is one to be put.
type Object struct {
	Key string
	// Body is read from its beginning at each attempt. Size is its length in bytes.
	Body   io.ReaderAt
	Size   int64
	SHA256 [sha256.Size]byte
	// Lock may be unlocked.
	Lock         Lock
	StorageClass string // "" is STANDARD
	ContentType  string
	Tags         map[string]string
	// OnTop has it put whatever there is under its key, as a newer version.
	OnTop bool
}

// Info is what is known of a version of an object.
type Info struct {
	Key       string
	VersionID string // "" where there are no versions
	Size      int64
	// Modified is S3's LastModified.
	Modified time.Time
	// Latest says that this is what a GET without a version gives. DeleteMarker is a
	// version without content. Both are known of listings of versions only.
	Latest, DeleteMarker bool

	// Lock, SHA256, StorageClass are known from Head and Put alone. HasSHA256 says that
	// the server told it.
	Lock         Lock
	HasSHA256    bool
	SHA256       [sha256.Size]byte
	StorageClass string
}

// Bucket is what is known of the place as a whole.
type Bucket struct {
	Versioning bool
	ObjectLock bool
	// Default is the retention that an object has which is put without one: its mode,
	// and its length as S3 counts it (days of 24 hours, years of 365 days).
	DefaultMode   Mode
	DefaultPeriod time.Duration
}

// Reader reads. It is safe for concurrent use.
type Reader interface {
	// Get gives length bytes of a version from offset, or all that follow when length
	// is negative; "" is the latest version. The caller closes the body, which gives
	// io.ErrUnexpectedEOF where the answer is cut off.
	Get(ctx context.Context, key, versionID string, offset, length int64) (io.ReadCloser, Info, error)
	// Head asks for a version with its lock and checksum.
	Head(ctx context.Context, key, versionID string) (Info, error)
	// List gives the latest versions that are no delete markers, in the order of keys,
	// of those keys with the prefix that come behind startAfter.
	List(ctx context.Context, prefix, startAfter string) iter.Seq2[Info, error]
	// Folders gives the distinct beginnings of keys behind the prefix up to and with the
	// next '/', in order.
	Folders(ctx context.Context, prefix string) iter.Seq2[string, error]
	// Versions gives all versions and delete markers in the order of keys, of one key
	// the newest first. ErrUnsupported where there are none.
	Versions(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Bucket asks for versioning and locks. ErrUnsupported where there are none.
	Bucket(ctx context.Context) (Bucket, error)
}

// Store reads and writes. It is safe for concurrent use.
type Store interface {
	Reader
	// Put puts an object where there is none under its key (If-None-Match: *), or on top
	// where it says so, once: it does not try again. ErrExists, ErrBusy, ErrDenied, ErrClock; others are for good.
	Put(ctx context.Context, o Object) (Info, error)
	// Now is the server's clock: the Date of its last answer plus the time since by the
	// machine's monotonic clock. False before the first answer.
	Now() (time.Time, bool)
}
