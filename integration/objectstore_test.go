package integration

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/integration/s3server"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
	"github.com/heartwood-otel/heartwood/internal/objectstore/storetest"
)

// Where the servers are known not to do as S3 does.
var objectstoreExceptions = map[string][]string{
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
					Store: store,
					Mark: func(key string) {
						_, err := server.Client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
						assert.NoError(t, err)
					},
					Overwrite: func(key, data string) {
						_, err := server.Client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader(data)})
						assert.NoError(t, err)
					},
				}
			}, objectstoreExceptions[server.Name]...)
		})
	}
}

// TestTheBucketHoldsWhatIsLocked: with a bucket as we make it, neither deleting nor
// overwriting changes what is locked, and what an exporter asks of it before the first
// object leaves nothing there.
func TestTheBucketHoldsWhatIsLocked(t *testing.T) {
	server := s3server.StartVersity(t)
	for _, set := range server.Env() {
		name, value, _ := strings.Cut(set, "=")
		t.Setenv(name, value)
	}
	const bucket = "archive"
	ctx := t.Context()
	store, err := s3store.New(ctx, s3store.Settings{Bucket: bucket, Region: s3fake.Region, Endpoint: server.URL, PathStyle: true})
	require.NoError(t, err)
	defer store.Close()
	require.NoError(t, store.Create(ctx, s3store.Creation{}))
	problems, err := store.Check(ctx, s3store.Check{Probe: "_log/gateway-1/probe", StorageClasses: []string{"STANDARD"}})
	require.NoError(t, err)
	assert.Empty(t, problems)
	for info, err := range store.Versions(ctx, "") {
		t.Fatal("the check left something there", info, err)
	}
	now, ok := store.Now()
	require.True(t, ok)
	for _, mode := range []objectstore.Mode{objectstore.Governance, objectstore.Compliance} {
		key := string(mode)
		lock := objectstore.Lock{Mode: mode, RetainUntil: now.Add(time.Hour).UTC().Truncate(time.Second)}
		put, err := store.Put(ctx, storetest.Object(key, "data", lock))
		require.NoError(t, err)
		_, err = server.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), VersionId: aws.String(put.VersionID)})
		require.Error(t, err, "a locked version was deleted")
		_, err = server.Client.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{
			Bucket: aws.String(bucket), Key: aws.String(key), VersionId: aws.String(put.VersionID),
			Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionMode(mode), RetainUntilDate: aws.Time(lock.RetainUntil.Add(-30 * time.Minute))},
		})
		require.Error(t, err, "a lock was shortened")
		_, err = server.Client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader("other")})
		require.NoError(t, err) // on top of it
		_, err = server.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
		require.NoError(t, err) // a marker on top of that
		body, info, err := store.Get(ctx, key, put.VersionID, 0, -1)
		require.NoError(t, err)
		data, err := io.ReadAll(body)
		require.NoError(t, err)
		require.NoError(t, body.Close())
		assert.Equal(t, "data", string(data))
		assert.Equal(t, put.VersionID, info.VersionID)
		head, err := store.Head(ctx, key, put.VersionID)
		require.NoError(t, err)
		assert.Equal(t, lock, head.Lock)
		_, err = server.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), VersionId: aws.String(put.VersionID)})
		require.Error(t, err, "a locked version under others was deleted")
	}
}
