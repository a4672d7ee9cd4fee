package awsclient

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestWhichRegionCounts(t *testing.T) {
	alone(t)
	_, _, err := Load(t.Context(), Settings{})
	require.ErrorIs(t, err, ErrNoRegion)
	region := func(s Settings) string {
		loaded, closeIdle, err := Load(t.Context(), s)
		require.NoError(t, err)
		closeIdle()
		return loaded.Region
	}
	assert.Equal(t, "us-east-1", region(Settings{DefaultRegion: "us-east-1"}))
	assert.Equal(t, "eu-west-1", region(Settings{Region: "eu-west-1", DefaultRegion: "us-east-1"}))
	t.Setenv("AWS_REGION", "eu-north-1")
	assert.Equal(t, "eu-north-1", region(Settings{DefaultRegion: "us-east-1"}))
	assert.Equal(t, "eu-west-1", region(Settings{Region: "eu-west-1"}))
}

// A role is assumed with what was set, its calls carry the user agent, and are made once;
// what is wrapped around the client's connections does not see them.
func TestARoleIsAssumed(t *testing.T) {
	alone(t)
	var calls int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		assert.NoError(t, r.ParseForm())
		if r.Form.Get("Action") == "AssumeRole" {
			assert.Equal(t, "arn:aws:iam::123456789012:role/writer", r.Form.Get("RoleArn"))
			assert.Equal(t, "external", r.Form.Get("ExternalId"))
			assert.Equal(t, "session", r.Form.Get("RoleSessionName"))
		}
		assert.Contains(t, r.UserAgent(), "heartwood/1.2")
		if calls != 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
			<Credentials><AccessKeyId>role</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
			<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	var seen int
	loaded, closeIdle, err := Load(t.Context(), Settings{
		Region: "eu-west-1", RoleARN: "arn:aws:iam::123456789012:role/writer", ExternalID: "external", SessionName: "session",
		UserAgent: "heartwood/1.2",
		Wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				seen++
				return next.RoundTrip(r)
			})
		},
	})
	require.NoError(t, err)
	defer closeIdle()
	_, err = loaded.Credentials.Retrieve(t.Context())
	require.Error(t, err)
	assert.Equal(t, 1, calls)
	got, err := loaded.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "role", got.AccessKeyID)
	assert.Equal(t, 2, calls)
	assert.Zero(t, seen)
	_, err = sts.NewFromConfig(loaded).GetCallerIdentity(t.Context(), nil)
	require.Error(t, err)
	assert.Equal(t, 1, seen)
}
