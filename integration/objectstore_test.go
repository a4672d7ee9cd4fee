package integration

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/integration/s3server"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
	"github.com/heartwood-otel/heartwood/internal/objectstore/storetest"
)

// Where the servers are known not to do as S3 does.
var objectstoreSkips = map[string][]string{
	"versitygw": {
		"lists",   // its keys are paths: none of them may be another's folder
		"folders", // it lists those in which all objects have delete markers
		"a marker is no object",
		"keys of strangers", // it leaves control characters as XML has them: not at all
	},
	"moto": {
		"what is wrong is refused", // it does not compute checksums
		"folders",                  // it lists those in which all objects have delete markers
	},
}

// TestObjectStores holds other people's S3 servers to what the archive needs.
func TestObjectStores(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *s3server.Server{"versitygw": s3server.StartVersity, "moto": s3server.StartMoto} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			for _, set := range server.Env() {
				name, value, _ := strings.Cut(set, "=")
				t.Setenv(name, value)
			}
			n := 0
			storetest.Run(t, func(t *testing.T) storetest.Subject {
				t.Helper()
				n++
				bucket := "archive-" + string(rune('a'+n))
				store, err := s3store.New(t.Context(), s3store.Settings{Bucket: bucket, Region: s3fake.Region, Endpoint: server.URL, PathStyle: true})
				require.NoError(t, err)
				t.Cleanup(store.Close)
				other, err := s3store.New(t.Context(), s3store.Settings{Bucket: bucket, Region: s3fake.Region, Endpoint: server.URL, PathStyle: true})
				require.NoError(t, err)
				t.Cleanup(other.Close)
				require.NoError(t, other.Create(t.Context(), s3store.Creation{}))
				require.ErrorIs(t, other.Create(t.Context(), s3store.Creation{}), s3store.ErrBucketExists)
				return storetest.Subject{
					Store: store, Skip: objectstoreSkips[server.Name],
					Mark: func(key string) {
						_, err := server.Client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
						assert.NoError(t, err)
					},
					Overwrite: func(key, data string) {
						_, err := server.Client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader(data)})
						assert.NoError(t, err)
					},
				}
			})
		})
	}
}
