// Package awsclient makes the configuration that clients of AWS's services share here:
// region, the default chain of credentials or a role, a user agent, no retries of the
// SDK's, and connections that can be closed.
package awsclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithymiddleware "github.com/aws/smithy-go/middleware"
)

// ErrNoRegion says that neither the settings nor the environment name a region. What is to
// be done, the caller's error says: it knows the field.
var ErrNoRegion = errors.New("region is not set, and neither is AWS_REGION")

// Settings are what a client is made with.
type Settings struct {
	// Region overrides that of the environment and of AWS's own files. DefaultRegion is
	// for when these have none either.
	Region, DefaultRegion string
	// RoleARN is a role to be assumed, ExternalID what its owner may ask for, SessionName
	// what CloudTrail shows. Without a role the default chain of credentials counts.
	RoleARN, ExternalID, SessionName string
	// UserAgent is name/version, added to the SDK's.
	UserAgent string
	// MaxIdleConnections are kept open, to one address as well; 0 is the SDK's own.
	MaxIdleConnections int
	// Wrap may put a layer around the connections of the service's client; those that
	// ask for credentials are not seen by it.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Load makes the configuration. It calls no one but those that credentials and region come
// from. Closing ends idle connections.
func Load(ctx context.Context, s Settings) (loaded aws.Config, closeIdle func(), err error) {
	client := awshttp.NewBuildableClient()
	if s.MaxIdleConnections > 0 {
		client = client.WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost, t.MaxIdleConns = s.MaxIdleConnections, s.MaxIdleConnections
		})
	}
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		// What is sent again, when, and what came of it, is the caller's matter.
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}
	if s.UserAgent != "" {
		name, version, _ := strings.Cut(s.UserAgent, "/")
		options = append(options, config.WithAPIOptions([]func(*smithymiddleware.Stack) error{middleware.AddUserAgentKeyValue(name, version)}))
	}
	if s.Region != "" {
		options = append(options, config.WithRegion(s.Region))
	}
	if s.DefaultRegion != "" {
		options = append(options, config.WithDefaultRegion(s.DefaultRegion))
	}
	loaded, err = config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, nil, fmt.Errorf("load the configuration of AWS: %w", err)
	}
	if loaded.Region == "" {
		return aws.Config{}, nil, ErrNoRegion
	}
	transport := &http.Transport{}
	if client, ok := loaded.HTTPClient.(*awshttp.BuildableClient); ok { // with AWS_CA_BUNDLE
		transport = client.GetTransport()
	}
	// One whose connections can be closed.
	loaded.HTTPClient = &http.Client{Transport: plainBody{transport}}
	if s.RoleARN != "" {
		role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(loaded), s.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = s.SessionName
			if s.ExternalID != "" {
				o.ExternalID = aws.String(s.ExternalID)
			}
		})
		loaded.Credentials = aws.NewCredentialsCache(role)
	}
	if s.Wrap != nil {
		loaded.HTTPClient = &http.Client{Transport: s.Wrap(plainBody{transport})}
	}
	return loaded, transport.CloseIdleConnections, nil
}

// plainBody hides that a request's body can write itself. The SDK closes the body as
// soon as an answer begins, while net/http may still look for its end; the body's
// WriteTo then says io.EOF, for which net/http closes the connection, and the rest of
// the answer is lost (smithy-go up to 1.28.9). Its Read says io.EOF, too, which is right.
type plainBody struct{ http.RoundTripper }

func (p plainBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		plain := *r // a RoundTripper leaves its request as it is
		plain.Body = struct{ io.ReadCloser }{r.Body}
		r = &plain
	}
	return p.RoundTripper.RoundTrip(r)
}
