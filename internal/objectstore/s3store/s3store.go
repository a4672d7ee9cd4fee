// Package s3store is a bucket of Amazon S3, or of a server that speaks its protocol, as an
// objectstore.Store: one PUT for an object, with its SHA-256 and its lock, and only where
// there is none under its key; nothing is tried again here but pages of a listing that was
// begun. Errors name what was asked,
// S3's code and request id, and what to do.
//
// What is relied on is in S3's API reference and in the user guide's chapters on Object
// Lock, conditional writes and checksums (https://docs.aws.amazon.com/AmazonS3/latest/).
package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/heartwood-otel/heartwood/internal/awsclient"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Encryption is who encrypts what is stored, of the header x-amz-server-side-encryption.
type Encryption string

// The kinds of encryption. NoEncryption asks for none, and S3 does as the bucket says.
const (
	NoEncryption  Encryption = ""
	S3Encryption  Encryption = "AES256"
	KMSEncryption Encryption = "aws:kms"
)

// Settings are what a Store is made with. Bucket must be set; all else may be left out.
type Settings struct {
	Bucket string
	// Region is from the environment otherwise. With an Endpoint, which is a URL, it
	// needs none.
	Region, Endpoint string
	// PathStyle puts the bucket's name in the path instead of the host's name.
	PathStyle bool
	// RoleARN is a role to be assumed, ExternalID what its owner may ask for.
	RoleARN, ExternalID string
	// ExpectedOwner is the account that the bucket must be of.
	ExpectedOwner string
	// UserAgent is name/version, added to the SDK's.
	UserAgent string
	// Encryption is asked for with each PUT; KMSKeyID and BucketKey are for
	// KMSEncryption, whose own key is AWS's when KMSKeyID is empty.
	Encryption Encryption
	KMSKeyID   string
	BucketKey  bool
	// Tags are of every object, those of the object itself besides.
	Tags map[string]string
	// MaxConnections are kept open; 0 is the SDK's number.
	MaxConnections int
}

// Store is a bucket. It is safe for concurrent use. It implements objectstore.Store.
type Store struct {
	set       Settings
	client    *s3.Client
	owner     *string // expected bucket owner, or nil
	clock     clock
	closeIdle func()
}

var _ objectstore.Store = (*Store)(nil)

// otherRegion is signed for where another server's region is not set: such servers take
// any, or this one.
const otherRegion = "us-east-1"

// New makes a Store. It calls no one but those that credentials and region come from.
func New(ctx context.Context, set Settings) (*Store, error) {
	if err := checkBucketName(set.Bucket); err != nil {
		return nil, err
	}
	s := &Store{set: set}
	load := awsclient.Settings{
		Region: set.Region, RoleARN: set.RoleARN, ExternalID: set.ExternalID, SessionName: "heartwood-archive",
		UserAgent: set.UserAgent, MaxIdleConnections: set.MaxConnections, Wrap: s.clock.wrap,
	}
	if set.Endpoint != "" {
		u, err := url.Parse(set.Endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("endpoint is %q, want a URL such as https://s3.example.com:9000", set.Endpoint)
		}
		load.DefaultRegion = otherRegion
	}
	loaded, closeIdle, err := awsclient.Load(ctx, load)
	switch {
	case errors.Is(err, awsclient.ErrNoRegion):
		return nil, fmt.Errorf("%w; name the region of bucket %q", err, set.Bucket)
	case err != nil:
		return nil, err
	}
	s.closeIdle = closeIdle
	if set.ExpectedOwner != "" {
		s.owner = aws.String(set.ExpectedOwner)
	}
	s.client = s3.NewFromConfig(loaded, func(o *s3.Options) {
		if set.Endpoint != "" {
			o.BaseEndpoint = aws.String(set.Endpoint)
		}
		o.UsePathStyle = set.PathStyle
		// Each object has the checksum that was made when it was written to disk, and what
		// is read is checked against what the archive says, not what the server says.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return s, nil
}

// Close ends idle connections. Calls that are under way go on.
func (s *Store) Close() { s.closeIdle() }

// Name is the bucket's.
func (s *Store) Name() string { return s.set.Bucket }

func checkBucketName(name string) error {
	if len(name) < 3 || len(name) > 255 {
		return fmt.Errorf("bucket is %q: a bucket's name has 3 to 63 characters", name)
	}
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '-':
		case c >= 'A' && c <= 'Z', c == '_': // of before March 2018 in us-east-1
		default:
			return fmt.Errorf("bucket is %q: a bucket's name has small letters, digits, points and hyphens", name)
		}
	}
	return nil
}

// wrap has the clock see all answers.
func (c *clock) wrap(next http.RoundTripper) http.RoundTripper { return &watched{next: next, clock: c} }
