package s3fake

import (
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// What the servers of tests take: this fake, and those of package s3server.
const (
	Region    = "us-east-1"
	AccessKey = "key"
	SecretKey = "secret"
)

// NewClient gives AWS's own client for a server at a URL, path-style and without
// retries, until the test ends.
func NewClient(tb testing.TB, url string, options ...func(*s3.Options)) *s3.Client {
	tb.Helper()
	transport := &http.Transport{DisableCompression: true}
	tb.Cleanup(transport.CloseIdleConnections)
	return s3.New(s3.Options{
		Region: Region, BaseEndpoint: aws.String(url), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""),
		HTTPClient:  &http.Client{Transport: plainBody{transport}},
		Retryer:     aws.NopRetryer{},
	}, options...)
}

// plainBody hides that a request's body can write itself. AWS's client closes the body
// as soon as an answer begins, while net/http may still look for its end; the body's
// WriteTo then says io.EOF, for which net/http closes the connection, and the rest of
// the answer is lost (smithy-go 1.28.9). Its Read says io.EOF, too, which is right.
type plainBody struct{ http.RoundTripper }

func (p plainBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		plain := *r // a RoundTripper leaves its request as it is
		plain.Body = struct{ io.ReadCloser }{r.Body}
		r = &plain
	}
	return p.RoundTripper.RoundTrip(r)
}

// CreateLocked makes a bucket with Object Lock, and with it versioning, on any server.
func CreateLocked(tb testing.TB, client *s3.Client, bucket string) {
	tb.Helper()
	_, err := client.CreateBucket(tb.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket), ObjectLockEnabledForBucket: aws.Bool(true)})
	if err != nil {
		tb.Fatalf("create the bucket %s with Object Lock: %v", bucket, err)
	}
}
