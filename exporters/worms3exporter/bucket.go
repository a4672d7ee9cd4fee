package worms3exporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
)

var encryptions = map[string]s3store.Encryption{sseNone: s3store.NoEncryption, sseS3: s3store.S3Encryption, sseKMS: s3store.KMSEncryption}

// bucketStore is a bucket that can be asked whether it is right.
type bucketStore interface {
	objectstore.Store
	Check(ctx context.Context, c s3store.Check) ([]s3store.Problem, error)
}

// newStore makes the client of the bucket. It is replaced by tests.
var newStore = func(ctx context.Context, cfg *Config, userAgent string) (bucketStore, func(), error) {
	s, err := s3store.New(ctx, s3store.Settings{
		Bucket: cfg.Bucket, Region: cfg.Region, Endpoint: cfg.Endpoint, PathStyle: cfg.pathStyle(),
		RoleARN: cfg.RoleARN, ExternalID: cfg.ExternalID, ExpectedOwner: cfg.ExpectedBucketOwner, UserAgent: userAgent,
		Encryption: encryptions[cfg.SSE.Type], KMSKeyID: cfg.SSE.KMSKeyID, BucketKey: cfg.SSE.BucketKey,
		MaxConnections: cfg.MaxUploads + 1,
	})
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

func (c *Config) pathStyle() bool {
	if c.PathStyle != nil {
		return *c.PathStyle
	}
	return c.Endpoint != ""
}

// checkBucket says whether the bucket has no locks, where the configuration allows that.
// What does not fit is an error that says what to do. A bucket that can't be asked now is
// taken to be right where it must be: S3 refuses to lock in one that is not.
func (c *core) checkBucket(ctx context.Context, store bucketStore) (unlocked bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	problems, err := store.Check(ctx, s3store.Check{
		Max: c.cfg.MaxRetention, Prefix: folder(c.cfg.Prefix),
		Probe:          c.layout().Probe(c.cfg.Writer),
		StorageClasses: c.cfg.storageClasses(),
	})
	switch {
	case err == nil:
	case (errors.Is(err, objectstore.ErrBusy) || errors.Is(err, objectstore.ErrClock)) && c.cfg.OnUnlockedBucket == unlockedFail:
		c.logger().Warn("The bucket can't be asked for its locks now; records are accepted, and wait", zap.String("bucket", c.cfg.Bucket), zap.Error(err))
		return false, nil
	default:
		return false, fmt.Errorf("bucket %q can't be asked for versioning, locks and rights; correct bucket, region or endpoint, or come again: %w", c.cfg.Bucket, err)
	}
	var errs []error
	for _, p := range problems {
		open := p.Kind == s3store.NoVersioning || p.Kind == s3store.NoLock
		switch {
		case p.Kind == s3store.Unsure, open && c.cfg.OnUnlockedBucket == unlockedWarn:
			c.logger().Warn("The bucket may not be right", zap.String("problem", p.Text))
			unlocked = unlocked || p.Kind == s3store.NoLock
		case open:
			errs = append(errs, fmt.Errorf("%s; for tests, on_unlocked_bucket: %s goes on without", p.Text, unlockedWarn))
		default:
			errs = append(errs, errors.New(p.Text))
		}
	}
	return unlocked, errors.Join(errs...)
}

// storageClasses are those that objects will have, each once.
func (c *Config) storageClasses() []string {
	out := []string{standardClass} // of the log
	for _, r := range c.allRules() {
		if !slices.Contains(out, r.StorageClass) {
			out = append(out, r.StorageClass)
		}
	}
	return out
}

// maxWriters is more than any file of writers has, in bytes.
const maxWriters = 4 << 20

// checkEnrolment compares the key with the archive's file of writers. Its signature is
// looked at where the root key's public half is configured. Only what stops a writer that
// someone meant to stop is an error.
func (c *core) checkEnrolment(ctx context.Context, own note.Verifier) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	w, err := c.readWriters(ctx)
	log := c.logger().With(zap.String("writer", c.cfg.Writer))
	const remedy = "what this one writes counts as foreign until it is: run heartwood enroll with the root key"
	switch {
	case err != nil:
		log.Warn("The archive's file of writers can't be read, and so whether this one is enrolled is not known", zap.Error(err))
		return nil
	case w == nil:
		log.Warn("The archive has no file of writers; " + remedy)
		return nil
	case w.Origin != c.cfg.Origin:
		return fmt.Errorf("origin is %q, and the archive in bucket %q is %q; correct origin, bucket or prefix", c.cfg.Origin, c.cfg.Bucket, w.Origin)
	}
	if at, retired := w.Retired[c.cfg.Writer]; retired {
		return fmt.Errorf("writer is %q, which was retired on %s: what it writes counts as foreign. Take a new name, and enrol it with heartwood enroll", c.cfg.Writer, at.Format(time.RFC3339))
	}
	now := time.Now()
	if t, ok := c.store.Now(); ok {
		now = t
	}
	for _, k := range w.KeysFor(c.cfg.Writer) {
		v, err := archive.NewVerifier(k.VKey)
		if err != nil || v.KeyHash() != own.KeyHash() {
			continue
		}
		if now.Before(k.From) || !k.To.IsZero() && !now.Before(k.To) {
			log.Warn("The signing key is enrolled for another time; "+remedy, zap.Time("from", k.From), zap.Time("to", k.To))
		} else if !k.To.IsZero() && k.To.Sub(now) < soon {
			log.Warn("The signing key's time ends soon: enrol the next one", zap.Time("to", k.To))
		}
		return nil
	}
	log.Warn("The signing key is not enrolled in the archive; " + remedy)
	return nil
}

// soon is when a key's end is to be told of.
const soon = 30 * 24 * time.Hour

// readWriters gives the file of writers with the highest number; nil: there is none. With
// the root key, it is the highest that the key signed, whatever else is there.
func (c *core) readWriters(ctx context.Context) (last *archive.Writers, err error) {
	if c.root != nil {
		for w, err := range c.allWriters(ctx) {
			if err != nil {
				return nil, err
			}
			if last == nil || w.Number > last.Number {
				last = w
			}
		}
		return last, nil
	}
	key := ""
	for info, err := range c.store.List(ctx, c.layout().WritersPrefix(), "") {
		if err != nil {
			return nil, err
		}
		key = info.Key
	}
	if key == "" {
		return nil, nil
	}
	return c.readWritersFile(ctx, key, "")
}

// allWriters gives all versions of all files of writers; with the root key, of those that the
// key signed.
func (c *core) allWriters(ctx context.Context) iter.Seq2[*archive.Writers, error] {
	return func(yield func(*archive.Writers, error) bool) {
		for info, err := range c.store.Versions(ctx, c.layout().WritersPrefix()) {
			var w *archive.Writers
			switch {
			case err == nil && info.DeleteMarker:
				continue
			case err == nil:
				w, err = c.readWritersFile(ctx, info.Key, info.VersionID)
			}
			if errors.Is(err, errNoWriters) {
				continue
			}
			if !yield(w, err) || err != nil {
				return
			}
		}
	}
}

// readWritersFile reads a version of one; "" is the latest.
func (c *core) readWritersFile(ctx context.Context, key, version string) (w *archive.Writers, err error) {
	body, _, err := c.store.Get(ctx, key, version, 0, -1)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(body, maxWriters+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	switch {
	case len(text) > maxWriters:
		err = fmt.Errorf("it has more than %d bytes", maxWriters)
	case c.root != nil:
		w, err = archive.ParseWriters(bytes.Clone(text), c.root)
	default:
		w, err = archive.ParseWritersUnverified(bytes.Clone(text))
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", key, errNoWriters, err)
	}
	return w, nil
}

// errNoWriters says that something is no file of writers.
var errNoWriters = errors.New("it is no file of writers")

// writerKeys gives all keys that any version of any file of writers has for this writer.
// Without the root key, someone who writes to the bucket can add some to these; nobody can
// take any away.
func (c *core) writerKeys(ctx context.Context) (keys []note.Verifier, err error) {
	for w, err := range c.allWriters(ctx) {
		if err != nil {
			return nil, err
		}
		for _, k := range w.KeysFor(c.cfg.Writer) {
			if v, err := archive.NewVerifier(k.VKey); err == nil {
				keys = append(keys, v)
			}
		}
	}
	return keys, nil
}
