package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// maxPut is the most that S3 takes in one PUT.
const maxPut = 5 << 30

// maxTags is how many tags S3 allows an object.
const maxTags = 10

// Put implements objectstore.Store.
func (s *Store) Put(ctx context.Context, o objectstore.Object) (objectstore.Info, error) {
	input, err := s.putInput(&o)
	if err != nil {
		return objectstore.Info{}, fmt.Errorf("put %q into bucket %q: %w", o.Key, s.set.Bucket, err)
	}
	body := &body{section: io.NewSectionReader(o.Body, 0, o.Size)}
	defer body.close()
	input.Body = body
	output, err := s.client.PutObject(ctx, input, s3.WithAPIOptions(payloadHash(o.SHA256)))
	if err != nil {
		if broken := body.broken(); broken != nil {
			return objectstore.Info{}, fmt.Errorf("put %q into bucket %q: read what is to be put: %w", o.Key, s.set.Bucket, broken)
		}
		return objectstore.Info{}, s.putFailed(ctx, &o, err)
	}
	info := objectstore.Info{
		Key: o.Key, VersionID: aws.ToString(output.VersionId), Size: o.Size,
		Lock: lockOf(input.ObjectLockMode, input.ObjectLockRetainUntilDate), StorageClass: storageClass(string(input.StorageClass)),
		HasSHA256: true, SHA256: o.SHA256,
	}
	if told, ok := checksum(output.ChecksumSHA256); ok && told != o.SHA256 {
		// It says that it stored something else; what it is, a HEAD will tell.
		return objectstore.Info{}, s.failure(ctx, "PutObject", o.Key, &callFailure{
			code: "WrongChecksum", message: fmt.Sprintf("the answer to a PUT with the SHA-256 %x has %x", o.SHA256, told), sentinel: objectstore.ErrBusy,
		})
	}
	return info, nil
}

func (s *Store) putInput(o *objectstore.Object) (*s3.PutObjectInput, error) {
	switch {
	case o.Key == "" || len(o.Key) > 1024:
		return nil, fmt.Errorf("the key has %d bytes; S3 takes 1 to 1,024: shorten the prefix or the names of partitions", len(o.Key))
	case o.Size < 0 || o.Size > maxPut:
		return nil, fmt.Errorf("the object has %d bytes; one PUT takes up to %d: lower max_object_size", o.Size, int64(maxPut))
	}
	input := &s3.PutObjectInput{
		Bucket: aws.String(s.set.Bucket), Key: aws.String(o.Key), ExpectedBucketOwner: s.owner,
		ContentLength: aws.Int64(o.Size),
		// AWS looks at the checksum alone; moto wants to be told which it is.
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(o.SHA256[:])),
	}
	if !o.OnTop {
		input.IfNoneMatch = aws.String("*")
	}
	if o.ContentType != "" {
		input.ContentType = aws.String(o.ContentType)
	}
	if o.Lock.Mode != objectstore.Unlocked {
		input.ObjectLockMode = types.ObjectLockMode(o.Lock.Mode)
		input.ObjectLockRetainUntilDate = aws.Time(o.Lock.RetainUntil.UTC().Truncate(time.Second))
	}
	if o.StorageClass != "" {
		input.StorageClass = types.StorageClass(o.StorageClass)
	}
	if s.set.Encryption != NoEncryption {
		input.ServerSideEncryption = types.ServerSideEncryption(s.set.Encryption)
	}
	if s.set.Encryption == KMSEncryption {
		input.BucketKeyEnabled = aws.Bool(s.set.BucketKey)
		if s.set.KMSKeyID != "" {
			input.SSEKMSKeyId = aws.String(s.set.KMSKeyID)
		}
	}
	tags := url.Values{}
	for name, value := range s.set.Tags {
		tags.Set(name, value)
	}
	for name, value := range o.Tags {
		tags.Set(name, value)
	}
	if len(tags) > maxTags {
		return nil, fmt.Errorf("the object has %d tags; S3 takes up to %d", len(tags), maxTags)
	}
	if len(tags) > 0 {
		input.Tagging = aws.String(tags.Encode())
	}
	return input, nil
}

// payloadHash has the request signed with a hash of its body that is known already, so
// that the body is neither read twice nor left unsigned.
func payloadHash(sum [sha256.Size]byte) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("HeartwoodPayloadHash", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
		}), middleware.After)
	}
}

// body is what is to be put. It notices that it can't be read, which is not the server's
// fault. net/http may go on reading it when the call has returned, because the answer came
// before all was sent: closed, it waits for a read under way and refuses others, so that
// what it reads from is its caller's again.
type body struct {
	mu sync.Mutex
	// mu guards the following.
	section *io.SectionReader
	err     error
	closed  bool
}

var errBodyClosed = errors.New("the PUT is over")

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, errBodyClosed
	}
	n, err := b.section.Read(p)
	if err == nil {
		return n, nil
	}
	at, _ := b.section.Seek(0, io.SeekCurrent)
	switch {
	case errors.Is(err, io.EOF) && at >= b.section.Size():
		return n, err
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("%d of %d bytes: %w", at, b.section.Size(), io.ErrUnexpectedEOF)
	}
	b.err = err
	return n, err
}

// Seek implements io.Seeker: the SDK asks for the length with it.
func (b *body) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.section.Seek(offset, whence)
}

func (b *body) broken() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *body) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// putFailed is the error of a PUT. Where S3 found another checksum than was given, the
// body is read again: either it is not what it was, or it was changed on its way.
func (s *Store) putFailed(ctx context.Context, o *objectstore.Object, err error) error {
	failed := s.failure(ctx, "PutObject", o.Key, err)
	var f *callFailure
	if !errors.As(failed, &f) || !badDigests[f.code] {
		return failed
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(o.Body, 0, o.Size)); err != nil {
		return fmt.Errorf("put %q into bucket %q: read what is to be put: %w", o.Key, s.set.Bucket, err)
	}
	if [sha256.Size]byte(h.Sum(nil)) == o.SHA256 {
		f.sentinel, f.remedy = objectstore.ErrBusy, "what was sent is right: it was changed on its way"
	} else {
		f.remedy = "what is to be put is not what it was when its SHA-256 was made: look at the disk it is on"
	}
	return failed
}

// badDigests are the codes for a body that is not that of its checksum or signature.
var badDigests = map[string]bool{"BadDigest": true, "InvalidDigest": true, "XAmzContentSHA256Mismatch": true, "XAmzContentChecksumMismatch": true}
