package archiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Settings of an Archiver. Those without a default must be set.
type Settings struct {
	Store objectstore.Store
	// Signer signs checkpoints and Verifier knows these again; the name of both is
	// archive.WriterOrigin(Origin, Writer).
	Signer   note.Signer
	Verifier note.Verifier
	Layout   archive.Layout
	// OtherKeys gives the keys, besides Verifier, with which this writer's checkpoints may
	// have been signed, as of now. It is asked when there is a checkpoint of this log in the
	// bucket that Verifier's key did not sign. Default: none.
	OtherKeys func(ctx context.Context) ([]note.Verifier, error)
	// Origin is the archive's, Writer this writer's name in it.
	Origin, Writer string

	// Directory has the state. It is made where it is missing.
	Directory string
	// QueueSize is how many bytes of accepted records may be on disk and not yet in a
	// sealed object; at least 1 MiB, default 4 GiB.
	QueueSize int64
	// SealedSize is how many bytes of objects may be on disk and not yet in the log: then
	// nothing more is sealed. Default: QueueSize.
	SealedSize int64
	// AcceptTimeout is how long Accept waits for room. Default 5s.
	AcceptTimeout time.Duration
	// FS is the file system. Default: the operating system's.
	FS diskfs.FS

	Compression archive.Compression // default zstd
	// Tags are those of every object.
	Tags map[string]string
	// LogLock is the mode and period of the objects of the log: the longest that any rule has.
	LogLock Retention

	MaxObjectSize int64         // as stored, in bytes; default 64 MiB
	MaxLeaves     int64         // of an object; default and most archive.MaxLeaves
	MaxObjectAge  time.Duration // default 5m
	// MinObjectSize, in bytes as stored: smaller objects are not sealed for their age
	// before MaxWait. Default 0.
	MinObjectSize int64
	MaxWait       time.Duration // default 1h
	MaxOpen       int           // objects; default 64
	MaxUploads    int           // objects, and tiles, on their way at a time; default 4

	CheckpointInterval time.Duration // default 5m
	// RepeatWindow is how long at least a record is known as one that was there. 0 is
	// never; the exporter's default is 15m.
	RepeatWindow time.Duration
	// MaxRepeats bounds how many records are known, at 40 to 56 bytes each in memory:
	// beyond, the oldest are forgotten before their time. Default 4 Mi.
	MaxRepeats int
	// VerifyShare is which part of the objects is asked for after it was put, 0 to 1.
	VerifyShare float64

	// A call that is made again waits a random time of up to RetryInitial, twice that,
	// and so on up to RetryMax. Defaults 100ms, 30s.
	RetryInitial, RetryMax time.Duration
	// CallTimeout is that of one call of the store. Default 2m.
	CallTimeout time.Duration

	ConfigSHA256 archive.Digest
	Version      string

	Observer Observer    // default: nobody
	Logger   *zap.Logger // default: none
}

// Retention is how long an object is locked.
type Retention struct {
	Mode   objectstore.Mode
	Period time.Duration
}

// Observer is told what happens, for telemetry. Its methods are called from several
// goroutines, and must not wait.
type Observer interface {
	// Accepted: so many records, and bytes of lines, are safe in the queue.
	Accepted(records int, bytes int64)
	// Repeated: so many records were dropped, since they are there already.
	Repeated(records int)
	// Sealed and Uploaded tell of an object.
	Sealed(o archive.ManifestObject)
	Uploaded(o archive.ManifestObject, took time.Duration)
	// Retry: a call or a write failed and will be made again. What says which.
	Retry(what string, err error)
	// Recovered: what failed has succeeded.
	Recovered(what string)
	// Deviation: what is in the bucket is not what was put there, or not locked so. It
	// should alert someone.
	Deviation(key string, err error)
	// Committed: the checkpoint is in the bucket. After a crash it may be told again.
	Committed(c Commit)
	// Fatal: nothing more is accepted nor written. The error says what to do.
	Fatal(err error)
}

// Commit is a checkpoint that was written.
type Commit struct {
	Number     int64
	Event      archive.Event
	Size       int64 // of the log, in leaves
	To         time.Time
	Checkpoint []byte // the signed note
	Manifest   string // its key
	Ledger     archive.Ledger
}

// NoObserver hears nothing. It may be embedded.
type NoObserver struct{}

// Accepted implements Observer.
func (NoObserver) Accepted(int, int64) {}

// Repeated implements Observer.
func (NoObserver) Repeated(int) {}

// Sealed implements Observer.
func (NoObserver) Sealed(archive.ManifestObject) {}

// Uploaded implements Observer.
func (NoObserver) Uploaded(archive.ManifestObject, time.Duration) {}

// Retry implements Observer.
func (NoObserver) Retry(string, error) {}

// Recovered implements Observer.
func (NoObserver) Recovered(string) {}

// Deviation implements Observer.
func (NoObserver) Deviation(string, error) {}

// Committed implements Observer.
func (NoObserver) Committed(Commit) {}

// Fatal implements Observer.
func (NoObserver) Fatal(error) {}

const (
	minQueueSize = 1 << 20
	// maxClockSkew is how far this machine's clock may be off the server's where what is
	// locked can't be unlocked.
	maxClockSkew = 5 * time.Minute
	// segmentSize of the queue: an object's records are spread over those that came
	// while it was open, and a segment goes when all of it is sealed.
	segmentSize = 16 << 20
)

// prepare checks the settings and fills in defaults.
func (s *Settings) prepare() error {
	switch {
	case s.Store == nil:
		return errors.New("no store is set")
	case s.Signer == nil || s.Verifier == nil:
		return errors.New("no signing key is set")
	case s.Directory == "":
		return errors.New("no directory is set")
	}
	origin := archive.WriterOrigin(s.Origin, s.Writer)
	if s.Signer.Name() != origin {
		return fmt.Errorf("the signing key is that of %q, and this writer's log is %q: take its own key", s.Signer.Name(), origin)
	}
	if s.Verifier.Name() != origin || s.Verifier.KeyHash() != s.Signer.KeyHash() {
		return errors.New("the signing key and the verifying key are not of one pair")
	}
	s.Directory = filepath.Clean(s.Directory)
	s.QueueSize = cmp.Or(s.QueueSize, 4<<30)
	if s.QueueSize < minQueueSize {
		return fmt.Errorf("the queue may have %d bytes: it needs at least %d", s.QueueSize, int64(minQueueSize))
	}
	s.SealedSize = cmp.Or(s.SealedSize, s.QueueSize)
	s.AcceptTimeout = cmp.Or(s.AcceptTimeout, 5*time.Second)
	if s.FS == nil {
		s.FS = diskfs.OS()
	}
	s.Compression = cmp.Or(s.Compression, archive.CompressionZstd)
	s.MaxObjectSize = cmp.Or(s.MaxObjectSize, 64<<20)
	s.MaxLeaves = min(cmp.Or(s.MaxLeaves, archive.MaxLeaves), archive.MaxLeaves)
	s.MaxObjectAge = cmp.Or(s.MaxObjectAge, 5*time.Minute)
	s.MaxWait = max(cmp.Or(s.MaxWait, time.Hour), s.MaxObjectAge)
	s.MaxOpen = cmp.Or(s.MaxOpen, 64)
	s.MaxUploads = cmp.Or(s.MaxUploads, 4)
	s.CheckpointInterval = cmp.Or(s.CheckpointInterval, 5*time.Minute)
	s.MaxRepeats = cmp.Or(s.MaxRepeats, 4<<20)
	s.RetryInitial = cmp.Or(s.RetryInitial, 100*time.Millisecond)
	s.RetryMax = max(cmp.Or(s.RetryMax, 30*time.Second), s.RetryInitial)
	s.CallTimeout = cmp.Or(s.CallTimeout, 2*time.Minute)
	if s.Observer == nil {
		s.Observer = NoObserver{}
	}
	if s.Logger == nil {
		s.Logger = zap.NewNop()
	}
	return nil
}
