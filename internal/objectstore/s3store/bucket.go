package s3store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/period"
)

const day = 24 * time.Hour

// Bucket implements objectstore.Reader.
func (s *Store) Bucket(ctx context.Context) (objectstore.Bucket, error) {
	var b objectstore.Bucket
	versioning, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: aws.String(s.set.Bucket), ExpectedBucketOwner: s.owner})
	if err != nil {
		return b, s.failure(ctx, "GetBucketVersioning", "", err)
	}
	b.Versioning = versioning.Status == types.BucketVersioningStatusEnabled
	lock, err := s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: aws.String(s.set.Bucket), ExpectedBucketOwner: s.owner})
	if err != nil {
		err = s.failure(ctx, "GetObjectLockConfiguration", "", err)
		var f *callFailure
		if errors.As(err, &f) && f.code == "ObjectLockConfigurationNotFoundError" {
			return b, nil
		}
		return b, err
	}
	if c := lock.ObjectLockConfiguration; c != nil {
		b.ObjectLock = c.ObjectLockEnabled == types.ObjectLockEnabledEnabled
		if c.Rule != nil && c.Rule.DefaultRetention != nil {
			r := c.Rule.DefaultRetention
			b.DefaultMode = objectstore.Mode(r.Mode)
			b.DefaultPeriod = time.Duration(aws.ToInt32(r.Days))*day + time.Duration(aws.ToInt32(r.Years))*period.Year*day
		}
	}
	return b, nil
}

// Creation is how a bucket is to be.
type Creation struct {
	// Mode and Period are the retention of objects that are put without one; none when
	// Mode is Unlocked.
	Mode   objectstore.Mode
	Period period.Period
}

// ErrBucketExists says that there is a bucket of that name, which is the caller's.
var ErrBucketExists = errors.New("there is a bucket of this name, and it is yours")

// Create makes the bucket with Object Lock, and so with versioning. ErrBucketExists where
// it is the caller's; another's is an error as others are.
func (s *Store) Create(ctx context.Context, c Creation) error {
	input := &s3.CreateBucketInput{Bucket: aws.String(s.set.Bucket), ObjectLockEnabledForBucket: aws.Bool(true)}
	// us-east-1 must not be named.
	if region := s.client.Options().Region; region != "us-east-1" && s.set.Endpoint == "" {
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	// In us-east-1, creating what one has is a success; elsewhere it is not.
	if _, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(s.set.Bucket), ExpectedBucketOwner: s.owner}); err == nil {
		return fmt.Errorf("bucket %q: %w", s.set.Bucket, ErrBucketExists)
	}
	if _, err := s.client.CreateBucket(ctx, input); err != nil {
		err = s.failure(ctx, "CreateBucket", "", err)
		var f *callFailure
		switch {
		case errors.As(err, &f) && f.code == "BucketAlreadyOwnedByYou":
			return fmt.Errorf("bucket %q: %w", s.set.Bucket, ErrBucketExists)
		case f != nil && f.code == "BucketAlreadyExists":
			f.remedy = "someone else has a bucket of this name: choose another"
		}
		return err
	}
	// Object Lock turns versioning on with AWS; another server may have to be told.
	if _, err := s.client.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: aws.String(s.set.Bucket), ExpectedBucketOwner: s.owner,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		return s.failure(ctx, "PutBucketVersioning", "", err)
	}
	if c.Mode == objectstore.Unlocked {
		return nil
	}
	if _, err := s.client.PutObjectLockConfiguration(ctx, &s3.PutObjectLockConfigurationInput{
		Bucket: aws.String(s.set.Bucket), ExpectedBucketOwner: s.owner,
		ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{
				Mode: types.ObjectLockRetentionMode(c.Mode), Days: aws.Int32(int32(c.Period.Days())),
			}},
		},
	}); err != nil {
		return s.failure(ctx, "PutObjectLockConfiguration", "", err)
	}
	return nil
}
