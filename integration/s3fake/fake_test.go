package s3fake_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// archive is a fake with a bucket that has Object Lock, and a client for it.
func archive(t *testing.T) (*s3fake.Running, *s3.Client) {
	t.Helper()
	fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}})
	return fake, s3fake.NewClient(t, fake.URL())
}

// code is the name that S3 gives an error.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// locked is how an archive puts an object.
func locked(key, data string) *s3.PutObjectInput {
	return &s3.PutObjectInput{
		Bucket: aws.String("archive"), Key: aws.String(key), Body: strings.NewReader(data),
		ChecksumSHA256: aws.String(s3fake.SHA256Checksum([]byte(data))), IfNoneMatch: aws.String("*"),
		ObjectLockMode: types.ObjectLockModeCompliance, ObjectLockRetainUntilDate: aws.Time(time.Now().Add(time.Hour)),
	}
}

func read(t *testing.T, out *s3.GetObjectOutput) string {
	t.Helper()
	defer func() { require.NoError(t, out.Body.Close()) }()
	data, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return string(data)
}

func TestWhatIsPutIsRead(t *testing.T) {
	fake, c := archive(t)
	in := locked("category=access/dt=2026-02-03/a+b c.json", "hello, world")
	in.Tagging, in.StorageClass = aws.String("a=1&b=x%20y"), types.StorageClassStandardIa
	in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = types.ServerSideEncryptionAwsKms, aws.String("key-1"), aws.Bool(true)
	in.ContentType, in.ContentEncoding, in.Metadata = aws.String("application/json"), aws.String("zstd"), map[string]string{"Writer": "w1"}
	put, err := c.PutObject(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, *in.ChecksumSHA256, *put.ChecksumSHA256)
	assert.Equal(t, "key-1", *put.SSEKMSKeyId)

	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: in.Bucket, Key: in.Key, ChecksumMode: types.ChecksumModeEnabled})
	require.NoError(t, err)
	assert.Equal(t, "hello, world", read(t, got))
	assert.Equal(t, *put.VersionId, *got.VersionId)
	assert.Equal(t, *put.ETag, *got.ETag)
	assert.Equal(t, *in.ChecksumSHA256, *got.ChecksumSHA256)
	assert.Equal(t, "zstd", *got.ContentEncoding)
	assert.Equal(t, "application/json", *got.ContentType)
	assert.Equal(t, map[string]string{"writer": "w1"}, got.Metadata)
	assert.Equal(t, types.StorageClassStandardIa, got.StorageClass)
	assert.Equal(t, types.ObjectLockModeCompliance, got.ObjectLockMode)
	assert.WithinDuration(t, *in.ObjectLockRetainUntilDate, *got.ObjectLockRetainUntilDate, time.Millisecond)
	assert.EqualValues(t, 2, *got.TagCount)

	v, ok := fake.Version("archive", *in.Key, "")
	require.True(t, ok)
	assert.Equal(t, "hello, world", string(v.Data))
	assert.Equal(t, map[string]string{"a": "1", "b": "x y"}, v.Tags)
	assert.Equal(t, "aws:kms", v.SSE)
	assert.True(t, v.BucketKey)
	assert.True(t, v.Latest)
	assert.Equal(t, *in.ChecksumSHA256, v.Checksum)

	counts := fake.Counts()
	assert.Equal(t, 1, counts["PutObject"].Requests)
	assert.EqualValues(t, 12, counts["PutObject"].BytesIn)
	assert.EqualValues(t, 12, counts["GetObject"].BytesOut)
	assert.Empty(t, counts["PutObject"].Errors)
}

func TestConditionalWrite(t *testing.T) {
	fake, c := archive(t)
	_, err := c.PutObject(t.Context(), locked("k", "one"))
	require.NoError(t, err)
	_, err = c.PutObject(t.Context(), locked("k", "one"))
	assert.Equal(t, "PreconditionFailed", code(err))
	assert.Len(t, fake.Versions("archive"), 1)
	assert.Equal(t, 1, fake.Counts()["PutObject"].Errors["PreconditionFailed"])

	_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("archive"), Key: aws.String("k")})
	require.NoError(t, err)
	_, err = c.PutObject(t.Context(), locked("k", "two"))
	require.NoError(t, err, "above a delete marker there is no such object")
	var kinds []bool
	for _, v := range fake.Versions("archive") {
		kinds = append(kinds, v.DeleteMarker)
	}
	assert.Equal(t, []bool{false, true, false}, kinds)
}

func TestLockedWriteWantsAChecksum(t *testing.T) {
	_, c := archive(t)
	plain := func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired }
	in := locked("k", "one")
	in.ChecksumSHA256 = nil
	_, err := c.PutObject(t.Context(), in, plain)
	assert.Equal(t, "InvalidRequest", code(err))
	in = locked("k", "one")
	in.ChecksumSHA256 = aws.String(s3fake.SHA256Checksum([]byte("two")))
	in.Body = bytes.NewReader([]byte("one"))
	_, err = c.PutObject(t.Context(), in)
	assert.Equal(t, "BadDigest", code(err))
}
