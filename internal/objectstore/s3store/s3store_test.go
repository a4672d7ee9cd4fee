package s3store_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
	"github.com/heartwood-otel/heartwood/internal/objectstore/storetest"
)

// settings are for a bucket of the fake, whose credentials the environment gets.
func settings(t *testing.T, url string) s3store.Settings {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", s3fake.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3fake.SecretKey)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	return s3store.Settings{Bucket: "archive", Region: s3fake.Region, Endpoint: url, PathStyle: true, UserAgent: "heartwood/test"}
}

func open(t *testing.T, set s3store.Settings) *s3store.Store {
	t.Helper()
	s, err := s3store.New(t.Context(), set)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestS3IsAStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		t.Helper()
		fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}})
		client := s3fake.NewClient(t, fake.URL())
		return storetest.Subject{
			Store: open(t, settings(t, fake.URL())),
			Mark: func(key string) {
				_, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("archive"), Key: aws.String(key)})
				assert.NoError(t, err)
			},
			Overwrite: func(key, data string) {
				_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("archive"), Key: aws.String(key), Body: strings.NewReader(data)})
				assert.NoError(t, err)
			},
		}
	})
}
