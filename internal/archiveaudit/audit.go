package archiveaudit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

const (
	// clockSlack is how far dates may be apart that should be in order: S3's are whole
	// seconds, and its machines' clocks differ a little.
	clockSlack = time.Minute
	// lockSlack is how much shorter than expected a lock may be: they are rounded up to
	// the next hour.
	lockSlack = 2 * time.Hour

	// largeManifest is the size from which on, in bytes, a manifest is read into memory only
	// when its hash is known to be in the checkpoint.
	largeManifest = 4 << 20
	// maxFilters is the size of the largest object of filters in bytes.
	maxFilters = 1 << 30
	// maxVersions is how many objects and versions of one number are looked at: a log has
	// one of each.
	maxVersions = 1000
	// tileBytes is the size of a full tile.
	tileBytes = archive.TileWidth * archive.HashSize

	// attempts is how often something is asked for, firstPause how long is waited after
	// the first time; it doubles.
	attempts   = 7
	firstPause = 200 * time.Millisecond

	// readings is how often something is read that is not what the log says, before that
	// is told: a reading may be damaged on its way. readAgain says so.
	readings     = 3
	readAgain    = "; it was read three times"
	defaultPause = time.Second
	// patience is how many such findings are waited for; where there are more, the place
	// is what is wrong, and not the way.
	patience = 16

	// enrolSlack is how long a writer who was enrolled may take to begin.
	enrolSlack = time.Hour
)

// Settings say what is verified, and how.
type Settings struct {
	// Prefix is what all keys of the archive begin with: "" or it ends with '/'.
	Prefix string
	// Root is the public half of the root key.
	Root note.Verifier
	// From and To bound the time in which was written what is verified: intervals that
	// reach into it. Zero is no bound.
	From, To time.Time
	// Copies are checkpoints that were kept elsewhere.
	Copies []Copy
	// IntegrityOnly says that locks, versions and dates are not to be had, and that the
	// content is all that is asked for.
	IntegrityOnly bool
	// Parallel is how many objects are read at a time; 0 is GOMAXPROCS.
	Parallel int
	// Pause is how long is waited before something that seems wrong is read again; 0 is a
	// second.
	Pause time.Duration
	// Now is the time by the server's clock.
	Now time.Time
	// Progress is told how far it is, often, and from several goroutines. May be nil.
	Progress func(Progress)
}

// Copy is a checkpoint that was kept in a second place.
type Copy struct {
	Source string // where it was, for people
	Data   []byte
}

// Progress is how far a verification is.
type Progress struct {
	Writer string
	// Done is the part of the writer's time that was read, 0 to 1.
	Done    float64
	Objects int64
	Bytes   int64 // before compression
}

// Verdict is the outcome as a whole.
type Verdict string

// The verdicts. The worst finding decides.
const (
	Good          Verdict = "good"
	Bad           Verdict = "tampered"
	CouldNotCheck Verdict = "could-not-check"
)

// Report is what was found, and what was looked at.
type Report struct {
	Verdict Verdict   `json:"verdict"`
	Origin  string    `json:"origin,omitempty"`
	At      time.Time `json:"at"`
	From    time.Time `json:"from,omitzero"`
	To      time.Time `json:"to,omitzero"`
	// Locks says whether versions, locks and dates were looked at.
	Locks    bool            `json:"locks_checked"`
	Copies   int             `json:"checkpoint_copies"`
	Writers  []*WriterReport `json:"writers"`
	Findings []Finding       `json:"findings"`
	// More counts findings that are like others and were left out.
	More int `json:"findings_left_out,omitempty"`
}

// WriterReport is what was read of one writer's log.
type WriterReport struct {
	Name        string    `json:"name"`
	Keys        []string  `json:"keys"`
	Retired     time.Time `json:"retired,omitzero"`
	First       int64     `json:"first_checkpoint"`
	Last        int64     `json:"last_checkpoint"`
	Checkpoints int64     `json:"checkpoints"`
	From        time.Time `json:"from,omitzero"`
	To          time.Time `json:"to,omitzero"`
	Ended       bool      `json:"shut_down"` // its last event
	Size        int64     `json:"log_size"`  // in leaves
	Objects     int64     `json:"objects"`
	Lines       int64     `json:"lines"` // recomputed
	Records     int64     `json:"records"`
	Stored      int64     `json:"stored_bytes"`
	Bytes       int64     `json:"bytes"`
	Tiles       int64     `json:"tiles"`

	Ledger archive.Ledger `json:"ledger"` // of the intervals that were read
}

// auditor is one verification. Its methods may be called by several goroutines.
type auditor struct {
	Settings
	r        objectstore.Reader
	layout   archive.Layout
	folder   bool // there are no versions and locks here
	locks    bool // there are versions, locks and dates
	found    *findings
	known    *inventory
	writers  *archive.Writers
	names    []string // of the writers, in order
	reports  []*WriterReport
	copies   map[string][]copyOf // by writer
	finished map[string]*span    // by writer: what was read of its log
	// confirmed counts what was read again and was as wrong as before.
	confirmed atomic.Int64
	foreign   map[string]bool // folders of writers nobody enrolled, which were told
	// unread has the writers of whose log something could not be read: what no manifest
	// seems to name may be named there.
	unread sync.Map
}

// Verify verifies an archive. The error is one of the context, or of the settings: all
// else that goes wrong is in the report.
func Verify(ctx context.Context, r objectstore.Reader, s Settings) (*Report, error) {
	if s.Root == nil {
		return nil, errors.New("the root key is not set")
	}
	if !s.To.IsZero() && !s.From.Before(s.To) {
		return nil, fmt.Errorf("the time from %s to %s is empty", s.From.Format(time.RFC3339), s.To.Format(time.RFC3339))
	}
	if s.Parallel <= 0 {
		s.Parallel = runtime.GOMAXPROCS(0)
	}
	if s.Pause <= 0 {
		s.Pause = defaultPause
	}
	a := &auditor{
		Settings: s, r: r, layout: archive.Layout{Prefix: s.Prefix}, found: newFindings(), known: newInventory(),
		copies: make(map[string][]copyOf), finished: make(map[string]*span), foreign: make(map[string]bool),
	}
	a.bucket(ctx)
	if a.readWriters(ctx) {
		a.names = a.writers.Names()
		a.readCopies()
		for _, name := range a.names {
			if ctx.Err() == nil {
				a.auditWriter(ctx, name)
			}
		}
		a.strangers(ctx)
		a.listing(ctx)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return a.report(), nil
}

func (a *auditor) report() *Report {
	r := &Report{
		Verdict: Good, At: a.Now, From: a.From, To: a.To, Locks: a.locks, Copies: len(a.Copies),
		Writers: a.reports, Findings: a.found.sorted(),
	}
	if a.writers != nil {
		r.Origin = a.writers.Origin
	}
	tampered, unchecked := a.found.count(Tampered), a.found.count(Unchecked)
	r.More = tampered + unchecked + a.found.count(Note) - len(r.Findings)
	switch {
	case tampered > 0:
		r.Verdict = Bad
	case unchecked > 0:
		r.Verdict = CouldNotCheck
	}
	return r
}

// bucket asks what place this is.
func (a *auditor) bucket(ctx context.Context) {
	b, err := retry(ctx, func() (objectstore.Bucket, error) { return a.r.Bucket(ctx) })
	switch {
	case errors.Is(err, objectstore.ErrUnsupported):
		a.folder = true
		if !a.IntegrityOnly {
			a.found.add(Finding{
				Severity: Unchecked, Kind: KindNoLocks,
				Text: "this is no bucket: locks, versions, dates and delete markers are not in it, and what it has was all that could be checked; --integrity-only says that this is enough",
			})
		}
		return
	case a.IntegrityOnly:
		return
	case err != nil:
		a.found.add(Finding{Severity: Unchecked, Kind: KindRead, Text: fmt.Sprintf("whether the bucket keeps versions and locks could not be asked: %v", err)})
	case !b.Versioning:
		a.found.add(Finding{Severity: Unchecked, Kind: KindNoLocks, Text: "the bucket keeps no versions: whatever was written over or deleted in it left no trace"})
	case !b.ObjectLock:
		a.found.add(Finding{Severity: Note, Kind: KindUnlocked, Text: "the bucket has no Object Lock: whoever may delete versions could have, and only the log shows it"})
	}
	a.locks = true
}

// retry asks again where that may help.
func retry[T any](ctx context.Context, f func() (T, error)) (T, error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		v, err := f()
		again := errors.Is(err, objectstore.ErrBusy) || errors.Is(err, io.ErrUnexpectedEOF)
		if err == nil || !again || attempt == attempts || ctx.Err() != nil {
			return v, err
		}
		if !wait(ctx, pause) {
			return v, err
		}
		pause *= 2
	}
}

// wait waits. False: the context has ended.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

var errUnsteady = errors.New("each reading gave something else: the network, a proxy or the place damages what is read")

// reread calls read until what that gives is right, and three times at most. read says what
// was wrong, in a form that is the same when the same is wrong. That something is not there,
// or too large, is tried again as well. An error is the place's.
func (a *auditor) reread(ctx context.Context, read func() (wrong string, err error)) error {
	before := ""
	for n := 1; ; n++ {
		wrong, err := read()
		switch {
		case isNotFound(err): // its text may have a request's number
			wrong = "it is not there"
		case errors.Is(err, errTooLarge):
			wrong = "it is too large"
		case err != nil:
			return err
		case wrong == "":
			return nil
		}
		switch {
		case n < readings:
		case wrong != before:
			return errUnsteady
		default:
			a.confirmed.Add(1)
			return err
		}
		before = wrong
		if a.confirmed.Load() < patience && !wait(ctx, a.Pause) {
			return ctx.Err()
		}
	}
}

// read is get of what must be right. It gives the last reading, if that is wrong as well.
func (a *auditor) read(ctx context.Context, key, version string, limit int64, right func(data []byte) bool) (data []byte, info objectstore.Info, err error) {
	err = a.reread(ctx, func() (string, error) {
		var err error
		data, info, err = a.get(ctx, key, version, limit)
		if err != nil || right(data) {
			return "", err
		}
		sum := sha256.Sum256(data)
		return string(sum[:]), nil
	})
	return data, info, err
}

var errTooLarge = errors.New("larger than anything that is written there")

// get reads a small object.
func (a *auditor) get(ctx context.Context, key, version string, limit int64) ([]byte, objectstore.Info, error) {
	return get(ctx, a.r, key, version, limit)
}

func get(ctx context.Context, r objectstore.Reader, key, version string, limit int64) ([]byte, objectstore.Info, error) {
	var info objectstore.Info
	data, err := retry(ctx, func() ([]byte, error) {
		body, i, err := r.Get(ctx, key, version, 0, -1)
		if err != nil {
			return nil, err
		}
		info = i
		data, err := io.ReadAll(io.LimitReader(body, limit+1))
		if err := errors.Join(err, body.Close()); err != nil {
			return nil, err
		}
		if int64(len(data)) > limit {
			return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
		}
		return data, nil
	})
	return data, info, err
}

// unreadable adds what it means that an object could not be read. until is the end of its
// lock: zero where that is not known.
func (a *auditor) unreadable(f Finding, what string, err error, until time.Time) {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return
	case errors.Is(err, objectstore.ErrNotFound) && !until.IsZero() && a.Now.After(until):
		f.Severity, f.Kind = Note, KindExpired
		f.Text = fmt.Sprintf("%s is gone; its lock ended on %s", what, date(until))
	case errors.Is(err, objectstore.ErrNotFound):
		f.Severity, f.Kind = Tampered, KindMissing
		f.Text = what + " is not there"
		if f.Version != "" {
			f.Text += " in the version that the log names"
		}
		if !until.IsZero() {
			f.Text += "; it was to be kept until " + date(until)
		}
		f.Text += "; it was asked for three times"
	case errors.Is(err, errTooLarge):
		f.Severity, f.Kind = Tampered, KindChanged
		f.Text = fmt.Sprintf("%s is %v", what, err) + readAgain
	default:
		f.Severity, f.Kind = Unchecked, KindRead
		f.Text = fmt.Sprintf("%s could not be read: %v", what, err)
		a.unread.Store(f.Writer, true)
	}
	a.found.add(f)
}

// overdue says whether a checkpoint should have come since something was put there.
func (a *auditor) overdue(modified time.Time, interval time.Duration) bool {
	return a.locks && a.Now.Sub(modified) > 2*interval+clockSlack
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
