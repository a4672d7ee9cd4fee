package kinesisfake

import (
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// NewClient gives AWS's own client for a server at a URL, without retries, until the
// test ends.
func NewClient(tb testing.TB, url string, options ...func(*kinesis.Options)) *kinesis.Client {
	tb.Helper()
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	return kinesis.New(kinesis.Options{
		Region: region, BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
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
	if r.Body != nil {
		plain := *r // a RoundTripper leaves its request as it is
		plain.Body = struct{ io.ReadCloser }{r.Body}
		r = &plain
	}
	return p.RoundTripper.RoundTrip(r)
}
