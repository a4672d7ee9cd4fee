package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Get implements objectstore.Reader. A range that goes past the object's end ends there;
// one that begins there is an error, but for an empty object's whole.
func (s *Store) Get(ctx context.Context, key, versionID string, offset, length int64) (io.ReadCloser, objectstore.Info, error) {
	input := &s3.GetObjectInput{Bucket: aws.String(s.set.Bucket), Key: aws.String(key), ExpectedBucketOwner: s.owner}
	if versionID != "" {
		input.VersionId = aws.String(versionID)
	}
	if length > math.MaxInt64-offset {
		length = -1
	}
	switch {
	case offset < 0:
		return nil, objectstore.Info{}, fmt.Errorf("get %q from bucket %q: offset is %d, want 0 or more", key, s.set.Bucket, offset)
	case length == 0: // HTTP has no such range
		info, err := s.Head(ctx, key, versionID)
		if err == nil && offset > 0 && offset >= info.Size {
			err = fmt.Errorf("get %q from bucket %q: the range begins at %d and the object has %d bytes", key, s.set.Bucket, offset, info.Size)
		}
		return io.NopCloser(strings.NewReader("")), info, err
	case length > 0:
		input.Range = aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	case offset > 0:
		input.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	output, err := s.client.GetObject(ctx, input)
	if err != nil {
		return nil, objectstore.Info{}, s.failure(ctx, "GetObject", key, err)
	}
	info := objectstore.Info{
		Key: key, VersionID: aws.ToString(output.VersionId), Size: aws.ToInt64(output.ContentLength), Modified: aws.ToTime(output.LastModified).UTC(),
		Lock: lockOf(output.ObjectLockMode, output.ObjectLockRetainUntilDate), StorageClass: storageClass(string(output.StorageClass)),
	}
	want := info.Size
	if output.ContentLength == nil {
		want = -1
	}
	if input.Range != nil {
		first, last, size, ok := contentRange(aws.ToString(output.ContentRange))
		end := size
		if length > 0 {
			end = min(size, offset+length)
		}
		if !ok || first != offset || last != end-1 {
			_ = output.Body.Close()
			return nil, objectstore.Info{}, s.failure(ctx, "GetObject", key, &callFailure{
				code: "WrongRange", message: fmt.Sprintf("%s was asked for, and Content-Range is %q", *input.Range, aws.ToString(output.ContentRange)), sentinel: objectstore.ErrBusy,
			})
		}
		info.Size, want = size, last-first+1
	}
	return &reading{ReadCloser: output.Body, ctx: ctx, store: s, key: key, left: want}, info, nil
}

// contentRange takes "bytes 0-9/100" apart (RFC 9110, section 14.4).
func contentRange(text string) (first, last, size int64, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes ")
	bounds, all, found := strings.Cut(text, "/")
	from, to, parts := strings.Cut(bounds, "-")
	if !ok || !found || !parts {
		return 0, 0, 0, false
	}
	for _, n := range []struct {
		text string
		to   *int64
	}{{from, &first}, {to, &last}, {all, &size}} {
		v, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil || v < 0 {
			return 0, 0, 0, false
		}
		*n.to = v
	}
	return first, last, size, first <= last && last < size
}

// reading is a body that is known to have left bytes more, or -1.
type reading struct {
	io.ReadCloser
	ctx   context.Context //nolint:containedctx // that of the call whose answer this is
	store *Store
	key   string
	left  int64
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.left >= 0 {
		r.left -= int64(n)
	}
	switch {
	case r.left < -1:
		return n, fmt.Errorf("get %q from bucket %q: the answer has more bytes than it said", r.key, r.store.set.Bucket)
	case err == nil:
		return n, nil
	case err == io.EOF && r.left <= 0:
		return n, io.EOF
	case err == io.EOF:
		return n, io.ErrUnexpectedEOF
	case r.ctx.Err() != nil:
		return n, fmt.Errorf("get %q from bucket %q: %w", r.key, r.store.set.Bucket, err)
	}
	// A connection that is cut shows as one of many errors; all mean that the rest is
	// missing.
	return n, fmt.Errorf("get %q from bucket %q: the answer is cut off: %w", r.key, r.store.set.Bucket, cutOff{err})
}

// cutOff is io.ErrUnexpectedEOF, and to be tried again, whatever else it is.
type cutOff struct{ error }

func (c cutOff) Unwrap() []error {
	return []error{io.ErrUnexpectedEOF, objectstore.ErrBusy, c.error}
}

// Head implements objectstore.Reader. What looks unlocked is asked for its retention as
// well: S3 leaves the lock out of its answer to those who may not see it, which is
// ErrDenied here, and versitygw leaves out that of versions which are not the latest.
func (s *Store) Head(ctx context.Context, key, versionID string) (objectstore.Info, error) {
	input := &s3.HeadObjectInput{
		Bucket: aws.String(s.set.Bucket), Key: aws.String(key), ExpectedBucketOwner: s.owner, ChecksumMode: types.ChecksumModeEnabled,
	}
	if versionID != "" {
		input.VersionId = aws.String(versionID)
	}
	output, err := s.client.HeadObject(ctx, input)
	if err != nil {
		return objectstore.Info{}, s.failure(ctx, "HeadObject", key, err)
	}
	info := objectstore.Info{
		Key: key, VersionID: aws.ToString(output.VersionId), Size: aws.ToInt64(output.ContentLength), Modified: aws.ToTime(output.LastModified).UTC(),
		Lock: lockOf(output.ObjectLockMode, output.ObjectLockRetainUntilDate), StorageClass: storageClass(string(output.StorageClass)),
	}
	info.SHA256, info.HasSHA256 = checksum(output.ChecksumSHA256)
	if info.Lock.Mode == objectstore.Unlocked {
		info.Lock, err = s.retention(ctx, key, info.VersionID)
	}
	return info, err
}

// retention asks for a version's lock alone.
func (s *Store) retention(ctx context.Context, key, versionID string) (objectstore.Lock, error) {
	input := &s3.GetObjectRetentionInput{Bucket: aws.String(s.set.Bucket), Key: aws.String(key), ExpectedBucketOwner: s.owner}
	if versionID != "" {
		input.VersionId = aws.String(versionID)
	}
	output, err := s.client.GetObjectRetention(ctx, input)
	if err != nil {
		err = s.failure(ctx, "GetObjectRetention", key, err)
		var f *callFailure
		// The object has none, or the bucket has no Object Lock.
		if errors.As(err, &f) && (f.code == "NoSuchObjectLockConfiguration" || f.code == "InvalidRequest" || f.code == "NotImplemented") {
			return objectstore.Lock{}, nil
		}
		return objectstore.Lock{}, err
	}
	if output.Retention == nil {
		return objectstore.Lock{}, nil
	}
	return lockOf(types.ObjectLockMode(output.Retention.Mode), output.Retention.RetainUntilDate), nil
}

func lockOf(mode types.ObjectLockMode, until *time.Time) objectstore.Lock {
	if mode == "" {
		return objectstore.Lock{}
	}
	return objectstore.Lock{Mode: objectstore.Mode(mode), RetainUntil: aws.ToTime(until).UTC().Truncate(time.Second)}
}

func storageClass(class string) string {
	if class == "" {
		return "STANDARD" // for which there is no header
	}
	return class
}

// checksum reads a SHA-256 of the whole object. That of an object in parts ends with
// their number, and is none.
func checksum(text *string) (sum [sha256.Size]byte, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(aws.ToString(text))
	if err != nil || len(raw) != sha256.Size {
		return sum, false
	}
	return [sha256.Size]byte(raw), true
}
