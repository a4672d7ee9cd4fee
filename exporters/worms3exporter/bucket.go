package worms3exporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
)

var encryptions = map[string]s3store.Encryption{sseNone: s3store.NoEncryption, sseS3: s3store.S3Encryption, sseKMS: s3store.KMSEncryption}

// newStore makes the client of the bucket. It is replaced by tests.
var newStore = func(ctx context.Context, cfg *Config, userAgent string) (objectstore.Store, func(), error) {
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
func (c *core) checkBucket(ctx context.Context) (unlocked bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	b, err := c.store.Bucket(ctx)
	switch {
	case err == nil:
	case errors.Is(err, objectstore.ErrBusy) && c.cfg.OnUnlockedBucket == unlockedFail:
		c.logger().Warn("The bucket can't be asked for its locks now; records are accepted, and wait", zap.String("bucket", c.cfg.Bucket), zap.Error(err))
		return false, nil
	default:
		return false, fmt.Errorf("bucket %q can't be asked for versioning and locks; correct bucket, region or endpoint, or allow s3:GetBucketVersioning and s3:GetBucketObjectLockConfiguration: %w", c.cfg.Bucket, err)
	}
	if limit := c.cfg.MaxRetention; !limit.IsZero() && b.DefaultPeriod > limit.Duration() {
		return false, fmt.Errorf("bucket %q locks objects by default for %d days, and max_retention is %s; shorten the default, or correct max_retention", c.cfg.Bucket, int(b.DefaultPeriod/(24*time.Hour)), limit)
	}
	var missing string
	switch {
	case !b.Versioning && !b.ObjectLock:
		missing = "neither versioning nor Object Lock"
	case !b.ObjectLock:
		missing = "no Object Lock"
	case !b.Versioning:
		missing = "no versioning"
	default:
		return false, nil
	}
	if c.cfg.OnUnlockedBucket == unlockedFail {
		return false, fmt.Errorf("bucket %q has %s: what is written there can be changed and removed. Make one with `heartwood bucket create s3://NAME`, or turn both on for this one; on_unlocked_bucket: %s is for tests", c.cfg.Bucket, missing, unlockedWarn)
	}
	c.logger().Warn("What is written to this bucket can be changed and removed", zap.String("bucket", c.cfg.Bucket), zap.String("it_has", missing))
	return !b.ObjectLock, nil
}

// maxWriters is more than any file of writers has, in bytes.
const maxWriters = 4 << 20

// checkEnrolment compares the key with the archive's file of writers. Its signature is
// not looked at: the root key's public half is the auditor's, not the writer's. So only
// what stops a writer that someone meant to stop is an error.
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

// readWriters gives the file of writers with the highest number; nil: there is none.
func (c *core) readWriters(ctx context.Context) (*archive.Writers, error) {
	last := ""
	for info, err := range c.store.List(ctx, c.layout().WritersPrefix(), "") {
		if err != nil {
			return nil, err
		}
		last = info.Key
	}
	if last == "" {
		return nil, nil
	}
	body, _, err := c.store.Get(ctx, last, "", 0, -1)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(body, maxWriters+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", last, err)
	}
	if len(text) > maxWriters {
		return nil, fmt.Errorf("%s has more than %d bytes", last, maxWriters)
	}
	w, err := archive.ParseWritersUnverified(bytes.Clone(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", last, err)
	}
	return w, nil
}
