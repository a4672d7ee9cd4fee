package s3store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/period"
)

// Kind is what is wrong with a bucket.
type Kind string

// The kinds of problems.
const (
	// NoVersioning and NoLock say that what is written can be changed or removed.
	NoVersioning Kind = "no_versioning"
	NoLock       Kind = "no_object_lock"
	// LongDefault says that the bucket locks for longer than is allowed.
	LongDefault Kind = "long_default"
	// NoRight says that a call which will be made was denied.
	NoRight Kind = "no_right"
	// Unsure is what could not be found out, or may be meant: something to be told, and
	// no reason to stop.
	Unsure Kind = "unsure"
)

// Problem is something about a bucket that does not fit, as a sentence that says what to
// do.
type Problem struct {
	Kind Kind
	Text string
}

// Check is what a bucket is asked about.
type Check struct {
	// Max is the longest that anything may be locked for; the zero value: no limit.
	Max period.Period
	// Prefix is what the writer's keys begin with, "" or with a '/' at its end.
	Prefix string
	// Probe is a key that the writer could write, and never does. Empty: rights to write
	// are not asked for.
	Probe string
	// StorageClasses are those that objects will have.
	StorageClasses []string
}

// probeLock is how long an object is locked that should never have been stored.
const probeLock = time.Minute

// Check says what does not fit; nothing when all is well. An error is what kept it from
// finding out, and may be tried again when it is ErrBusy.
//
// Rights can't be asked for in S3, only used. Reading and listing are tried on the prefix
// and on the probe's key, which is not there. Writing is tried by a PUT that S3 must refuse
// after it has looked at the rights: its body is not that of the checksum and signature
// that it comes with. A server that stores it all the same has one empty object more, by
// GOVERNANCE for a minute. What such a PUT does not tell: whether the KMS key may be used,
// whether a policy allows longer locks than a minute, or COMPLIANCE; the first object does.
func (s *Store) Check(ctx context.Context, c Check) ([]Problem, error) {
	var problems []Problem
	add := func(kind Kind, format string, args ...any) {
		problems = append(problems, Problem{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	// What is denied is a problem, and all of these are told at once.
	denied := func(err error) error {
		if errors.Is(err, objectstore.ErrDenied) {
			add(NoRight, "%v", err)
			return nil
		}
		return err
	}
	b, err := s.Bucket(ctx)
	switch {
	case errors.Is(err, objectstore.ErrDenied):
		add(NoRight, "%v", err)
	case err != nil:
		return nil, err
	default:
		problems = append(problems, Judge(s.set.Bucket, b, c.Max)...)
	}
	for _, err := range s.List(ctx, c.Prefix, "") {
		if err = denied(err); err != nil {
			return nil, err
		}
		break
	}
	if c.Probe == "" {
		return problems, nil
	}
	if _, err := s.Head(ctx, c.Probe, ""); err != nil && !errors.Is(err, objectstore.ErrNotFound) {
		if err = denied(err); err != nil {
			return nil, err
		}
	}
	// With it, a writer tells what someone else put under its keys from another writer's.
	for _, err := range s.Versions(ctx, c.Probe) {
		if err = denied(err); err != nil {
			return nil, err
		}
		break
	}
	// Without it, HEAD leaves the lock out, and every object looks unlocked.
	_, err = s.client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: aws.String(s.set.Bucket), Key: aws.String(c.Probe), ExpectedBucketOwner: s.owner})
	if err != nil && b.ObjectLock {
		err = s.failure(ctx, "GetObjectRetention", c.Probe, err)
		switch {
		case errors.Is(err, objectstore.ErrDenied):
			add(NoRight, "%v", err)
		case errors.Is(err, objectstore.ErrBusy):
			return nil, err
		}
	}
	classes := c.StorageClasses
	if len(classes) == 0 {
		classes = []string{""}
	}
	for _, class := range classes {
		if err := s.tryPut(ctx, c.Probe, class, b.ObjectLock, add); err != nil {
			return nil, err
		}
	}
	return problems, nil
}

// tryPut tries to write what can't be written.
func (s *Store) tryPut(ctx context.Context, key, class string, locked bool, add func(Kind, string, ...any)) error {
	empty := strings.NewReader("")
	o := objectstore.Object{
		Key: key, Body: empty, StorageClass: class,
		SHA256: sha256.Sum256([]byte("this is not what the body is")),
	}
	if now, ok := s.Now(); ok && locked {
		o.Lock = objectstore.Lock{Mode: objectstore.Governance, RetainUntil: now.Add(probeLock)}
	}
	input, err := s.putInput(&o)
	if err != nil {
		return err
	}
	input.Body = empty
	_, err = s.client.PutObject(ctx, input, s3.WithAPIOptions(payloadHash(o.SHA256)))
	if err == nil {
		add(Unsure, "the server of bucket %q stored %q, although its checksum is not that of its body: it does not look at checksums, and what is damaged on its way there will be found by `heartwood verify` alone", s.set.Bucket, key)
		return nil
	}
	err = s.failure(ctx, "PutObject", key, err)
	var f *callFailure
	switch {
	case errors.As(err, &f) && badDigests[f.code], errors.Is(err, objectstore.ErrExists):
		return nil // it would have been allowed
	case errors.Is(err, objectstore.ErrDenied):
		add(NoRight, "%v", err)
	case errors.Is(err, objectstore.ErrBusy), errors.Is(err, objectstore.ErrClock), f.status == 0:
		return err
	case f.status == 400 && f.code == "InvalidRequest" && strings.Contains(strings.ToLower(f.message), "checksum"):
		return nil
	default:
		add(Unsure, "whether objects may be written could not be found out: %v", err)
	}
	return nil
}

// Judge says what is wrong with a bucket for an archive whose objects may be locked for at
// most a period; the zero value: no limit.
func Judge(name string, b objectstore.Bucket, limit period.Period) []Problem {
	var problems []Problem
	add := func(kind Kind, format string, args ...any) {
		problems = append(problems, Problem{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	if !b.Versioning {
		add(NoVersioning, "bucket %q has no versioning, so that an object can be overwritten and is gone: turn versioning on, or make another with `heartwood bucket create`", name)
	}
	if !b.ObjectLock {
		add(NoLock, "bucket %q has no Object Lock, so that whoever may write can delete: turn Object Lock on in the bucket's properties (AWS allows it for buckets that are there, once versioning is on), or make another with `heartwood bucket create`", name)
	}
	if b.DefaultMode != objectstore.Unlocked && !limit.IsZero() && b.DefaultPeriod > limit.Duration() {
		add(LongDefault, "bucket %q locks what is put without a retention by %s for %d days, which is longer than max_retention %s (%d days): shorten the bucket's default retention, or raise max_retention if this is meant",
			name, b.DefaultMode, int(b.DefaultPeriod/day), limit, limit.Days())
	}
	return problems
}
