package s3store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
	"github.com/heartwood-otel/heartwood/internal/objectstore/storetest"
	"github.com/heartwood-otel/heartwood/internal/period"
)

var sentinels = []error{
	objectstore.ErrNotFound, objectstore.ErrExists, objectstore.ErrBusy, objectstore.ErrDenied, objectstore.ErrClock, objectstore.ErrUnsupported,
}

// is holds an error to one of the sentinels, or none.
func is(t *testing.T, err, want error, what string) {
	t.Helper()
	require.Error(t, err, what)
	var got error
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			require.NoError(t, got, "%s: it is %v as well: %v", what, sentinel, err)
			got = sentinel
		}
	}
	assert.Equal(t, want, got, "%s: %v", what, err)
}

func object(key, data string) objectstore.Object {
	return storetest.Object(key, data, objectstore.Lock{})
}

func start(t *testing.T) (*s3fake.Running, *s3store.Store) {
	t.Helper()
	fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}})
	return fake, open(t, settings(t, fake.URL()))
}

// always has the next calls of an operation go wrong.
func always(fake *s3fake.Running, operation string, fault s3fake.Fault) {
	fake.Misbehave(s3fake.Faults{Rules: []s3fake.Rule{{Operation: operation, Share: 1, Fault: fault}}})
}

func TestWhatAnErrorMeans(t *testing.T) {
	for name, one := range map[string]struct {
		fault s3fake.Fault
		want  error
		text  []string
	}{
		"500":            {s3fake.InternalError, objectstore.ErrBusy, []string{"InternalError (HTTP 500, request "}},
		"503":            {s3fake.SlowDown, objectstore.ErrBusy, []string{"SlowDown (HTTP 503"}},
		"503 by another": {s3fake.Unavailable, objectstore.ErrBusy, []string{"HTTP 503"}},
		"cut before":     {s3fake.CutBefore, objectstore.ErrBusy, []string{"no answer: look at the network"}},
		"cut after":      {s3fake.CutAfter, objectstore.ErrBusy, []string{"no answer"}},
		"409":            {s3fake.Conflict, objectstore.ErrBusy, []string{"ConditionalRequestConflict (HTTP 409"}},
		"another 409":    {s3fake.Refuse(409, "Another"), objectstore.ErrBusy, nil},
		"412":            {s3fake.Precondition, objectstore.ErrExists, []string{"PreconditionFailed (HTTP 412"}},
		"403":            {s3fake.AccessDenied, objectstore.ErrDenied, []string{"AccessDenied (HTTP 403", "allow s3:PutObject, for an object with a lock s3:PutObjectRetention"}},
		"expired":        {s3fake.ExpiredToken, objectstore.ErrDenied, []string{"ExpiredToken (HTTP 400", "renew them"}},
		"skewed":         {s3fake.TooSkewed, objectstore.ErrClock, []string{"RequestTimeTooSkewed", "set this machine's clock (NTP)"}},
		"no bucket":      {s3fake.Refuse(404, "NoSuchBucket"), nil, []string{"NoSuchBucket", "`heartwood bucket create`"}},
		"a code of 400":  {s3fake.Refuse(400, "InvalidStorageClass"), nil, []string{"look at the rule's storage_class"}},
		"a slow body":    {s3fake.Refuse(400, "RequestTimeout"), objectstore.ErrBusy, nil},
		"half a body":    {s3fake.Refuse(400, "IncompleteBody"), objectstore.ErrBusy, nil},
		"on its way":     {s3fake.Refuse(400, "BadDigest"), objectstore.ErrBusy, []string{"it was changed on its way"}},
		"a wrong key":    {s3fake.Refuse(403, "SignatureDoesNotMatch"), objectstore.ErrDenied, []string{"look at the access key"}},
		"KMS":            {s3fake.Refuse(400, "KMS.DisabledException"), objectstore.ErrDenied, []string{"look at the KMS key"}},
		"another code":   {s3fake.Refuse(418, "Teapot"), nil, []string{"Teapot (HTTP 418"}},
		"501":            {s3fake.Refuse(501, "NotImplemented"), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			fake, s := start(t)
			always(fake, "PutObject", one.fault)
			_, err := s.Put(t.Context(), object("key", "data"))
			is(t, err, one.want, name)
			for _, text := range append(one.text, `PutObject "key" in bucket "archive"`) {
				assert.Contains(t, err.Error(), text)
			}
			assert.Equal(t, 1, fake.Counts()["PutObject"].Requests, "it was tried again")
		})
	}
}

// What was stored although its answer was lost is there for the next attempt.
func TestStoredWithoutAnAnswer(t *testing.T) {
	fake, s := start(t)
	for i, fault := range []s3fake.Fault{s3fake.CutAfter, s3fake.InternalError.After(), s3fake.SlowDown.After()} {
		key := strings.Repeat("k", i+1)
		always(fake, "PutObject", fault)
		_, err := s.Put(t.Context(), object(key, "data"))
		is(t, err, objectstore.ErrBusy, key)
		fake.Misbehave(s3fake.Faults{})
		_, err = s.Put(t.Context(), object(key, "data"))
		is(t, err, objectstore.ErrExists, key)
		info, err := s.Head(t.Context(), key, "")
		require.NoError(t, err)
		assert.True(t, info.HasSHA256)
		assert.Equal(t, sha256.Sum256([]byte("data")), info.SHA256)
	}
}

func TestAnAnswerWithAnotherChecksum(t *testing.T) {
	fake, s := start(t)
	always(fake, "PutObject", s3fake.WrongChecksum)
	_, err := s.Put(t.Context(), object("key", "data"))
	is(t, err, objectstore.ErrBusy, "put")
	require.ErrorContains(t, err, "WrongChecksum")
	always(fake, "HeadObject", s3fake.WrongChecksum)
	info, err := s.Head(t.Context(), "key", "")
	require.NoError(t, err) // which is for its caller to compare
	assert.NotEqual(t, sha256.Sum256([]byte("data")), info.SHA256)
}

func TestAnswersCutOff(t *testing.T) {
	fake, s := start(t)
	data := strings.Repeat("0123456789", 100_000)
	_, err := s.Put(t.Context(), object("key", data))
	require.NoError(t, err)
	for _, span := range [][2]int64{{0, -1}, {10, -1}, {10, 500_000}} {
		always(fake, "GetObject", s3fake.Tear)
		body, _, err := s.Get(t.Context(), "key", "", span[0], span[1])
		if err == nil {
			_, err = io.ReadAll(body)
			require.NoError(t, body.Close())
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, span)
		}
		is(t, err, objectstore.ErrBusy, "torn")
	}
	// A range that is shorter than was asked for, and says so.
	always(fake, "GetObject", s3fake.Shorten)
	body, _, err := s.Get(t.Context(), "key", "", 0, 500_000)
	if err == nil {
		_, err = io.ReadAll(body)
		require.NoError(t, body.Close())
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	require.Error(t, err)
}

func TestATimeout(t *testing.T) {
	fake, s := start(t)
	always(fake, "PutObject", s3fake.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.Put(ctx, object("key", "data"))
	is(t, err, objectstore.ErrBusy, "timeout")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	fake.Misbehave(s3fake.Faults{})
	_, err = s.Put(t.Context(), object("key", "data"))
	is(t, err, objectstore.ErrExists, "it was stored")
}

func TestNoServer(t *testing.T) {
	fake, s := start(t)
	fake.Down()
	_, err := s.Put(t.Context(), object("key", "data"))
	is(t, err, objectstore.ErrBusy, "down")
	_, err = s.Head(t.Context(), "key", "")
	is(t, err, objectstore.ErrBusy, "down")
	for _, err := range s.List(t.Context(), "", "") {
		is(t, err, objectstore.ErrBusy, "down")
	}
	_, ok := s.Now()
	assert.False(t, ok)
	fake.Up(t)
	_, err = s.Put(t.Context(), object("key", "data"))
	require.NoError(t, err)
}

func TestNoCredentials(t *testing.T) {
	fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}})
	set := settings(t, fake.URL())
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := open(t, set).Put(t.Context(), object("key", "data"))
	is(t, err, objectstore.ErrDenied, "no credentials")
	require.ErrorContains(t, err, "AWS_ACCESS_KEY_ID")
}

// badBody fails as a disk does.
type badBody struct{ err error }

func (b badBody) ReadAt(p []byte, off int64) (int, error) {
	if off == 0 {
		return copy(p, "da"), b.err
	}
	return 0, b.err
}

func TestWhatCanNotBeRead(t *testing.T) {
	_, s := start(t)
	broken := errors.New("input/output error")
	for _, body := range []io.ReaderAt{badBody{broken}, badBody{io.EOF}, strings.NewReader("da")} {
		o := object("key", "data")
		o.Body = body
		_, err := s.Put(t.Context(), o)
		is(t, err, nil, "unreadable")
		require.ErrorContains(t, err, "read what is to be put")
	}
	o := object("key", "data")
	o.SHA256 = sha256.Sum256([]byte("other"))
	_, err := s.Put(t.Context(), o)
	is(t, err, nil, "changed on disk")
	require.ErrorContains(t, err, "look at the disk it is on")
}

// counting is how often and how much of a body is read.
type counting struct {
	io.ReaderAt
	n atomic.Int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n.Add(int64(n))
	return n, err
}

func TestWhatIsSent(t *testing.T) {
	var got []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Amz-Version-Id", "v1")
	}))
	defer server.Close()
	set := settings(t, server.URL)
	set.ExpectedOwner, set.Tags = "123456789012", map[string]string{"team": "a b&c", "x": "1"}
	set.Encryption, set.KMSKeyID, set.BucketKey = s3store.KMSEncryption, "alias/archive", true
	s := open(t, set)
	data := strings.Repeat("x", 3<<20)
	until := time.Date(2033, 1, 1, 0, 0, 0, 0, time.UTC)
	body := &counting{ReaderAt: strings.NewReader(data)}
	_, err := s.Put(t.Context(), objectstore.Object{
		Key: "a b/c", Body: body, Size: int64(len(data)), SHA256: sha256.Sum256([]byte(data)), ContentType: "application/zstd",
		Lock: objectstore.Lock{Mode: objectstore.Compliance, RetainUntil: until}, StorageClass: "STANDARD_IA", Tags: map[string]string{"x": "2"},
	})
	require.NoError(t, err)
	require.Len(t, got, 1)
	h := got[0].Header
	for name, want := range map[string]string{
		"If-None-Match": "*", "X-Amz-Object-Lock-Mode": "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date": "2033-01-01T00:00:00Z",
		"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "alias/archive",
		"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "true", "X-Amz-Tagging": "team=a+b%26c&x=2", "X-Amz-Expected-Bucket-Owner": "123456789012",
		"Content-Type": "application/zstd", "X-Amz-Sdk-Checksum-Algorithm": "SHA256", "Expect": "100-continue",
	} {
		assert.Equal(t, want, h.Get(name), name)
	}
	assert.Equal(t, "/archive/a%20b/c", got[0].URL.EscapedPath())
	assert.EqualValues(t, len(data), got[0].ContentLength)
	assert.Len(t, h.Get("X-Amz-Checksum-Sha256"), 44)
	assert.Len(t, h.Get("X-Amz-Content-Sha256"), 64, "the payload's hash, not UNSIGNED-PAYLOAD")
	assert.Empty(t, h.Get("X-Amz-Trailer"))
	assert.Empty(t, h.Get("Content-Encoding"))
	assert.Contains(t, h.Get("User-Agent"), "heartwood/test")
	assert.EqualValues(t, len(data), body.n.Load(), "the body was read more than once")

	// An object without anything sends nothing that could lock or cost.
	plain := settings(t, server.URL)
	_, err = open(t, plain).Put(t.Context(), object("key", "data"))
	require.NoError(t, err)
	for name := range got[1].Header {
		assert.NotRegexp(t, `(?i)^x-amz-(object-lock|storage-class|server-side|tagging|expected)`, name)
	}
}

func TestTheCheckOfABucket(t *testing.T) {
	year, err := period.Parse("1y")
	require.NoError(t, err)
	check := s3store.Check{Max: year, Prefix: "logs/", Probe: "logs/_log/gateway-1/probe", StorageClasses: []string{"STANDARD", "STANDARD_IA"}}
	for name, one := range map[string]struct {
		bucket s3fake.Bucket
		faults []s3fake.Rule
		want   []s3store.Kind
		text   string
	}{
		"good":       {bucket: s3fake.Bucket{Lock: true}},
		"plain":      {bucket: s3fake.Bucket{}, want: []s3store.Kind{s3store.NoVersioning, s3store.NoLock}, text: "make another with `heartwood bucket create`"},
		"versioned":  {bucket: s3fake.Bucket{Versioned: true}, want: []s3store.Kind{s3store.NoLock}, text: "turn Object Lock on"},
		"a year":     {bucket: s3fake.Bucket{Lock: true, Mode: "COMPLIANCE", Days: 365}},
		"a year too": {bucket: s3fake.Bucket{Lock: true, Mode: "COMPLIANCE", Years: 1}},
		"too long":   {bucket: s3fake.Bucket{Lock: true, Mode: "GOVERNANCE", Days: 366}, want: []s3store.Kind{s3store.LongDefault}, text: "366 days, which is longer than max_retention 1y (365 days)"},
		"100 years":  {bucket: s3fake.Bucket{Lock: true, Mode: "COMPLIANCE", Years: 100}, want: []s3store.Kind{s3store.LongDefault}, text: "36500 days"},
		"may not read": {
			bucket: s3fake.Bucket{Lock: true}, faults: []s3fake.Rule{{Operation: "HeadObject", Share: 1, Fault: s3fake.AccessDenied}},
			want: []s3store.Kind{s3store.NoRight}, text: "s3:GetObject",
		},
		"may not list": {
			bucket: s3fake.Bucket{Lock: true}, faults: []s3fake.Rule{{Operation: "ListObjectsV2", Share: 1, Fault: s3fake.AccessDenied}},
			want: []s3store.Kind{s3store.NoRight}, text: "allow s3:ListBucket",
		},
		"may not list versions": {
			bucket: s3fake.Bucket{Lock: true}, faults: []s3fake.Rule{{Operation: "ListObjectVersions", Share: 1, Fault: s3fake.AccessDenied}},
			want: []s3store.Kind{s3store.NoRight}, text: "allow s3:ListBucketVersions",
		},
		"may not see locks": {
			bucket: s3fake.Bucket{Lock: true}, faults: []s3fake.Rule{{Operation: "GetObjectRetention", Share: 1, Fault: s3fake.AccessDenied}},
			want: []s3store.Kind{s3store.NoRight}, text: "allow s3:GetObjectRetention",
		},
		"may not write": {
			bucket: s3fake.Bucket{Lock: true}, faults: []s3fake.Rule{{Operation: "PutObject", Share: 1, Fault: s3fake.AccessDenied}},
			want: []s3store.Kind{s3store.NoRight, s3store.NoRight}, text: "allow s3:PutObject",
		},
		"may not ask": {
			bucket: s3fake.Bucket{Lock: true}, faults: []s3fake.Rule{{Operation: "GetObjectLockConfiguration", Share: 1, Fault: s3fake.AccessDenied}},
			want: []s3store.Kind{s3store.NoRight}, text: "allow s3:GetBucketObjectLockConfiguration",
		},
		"nothing at all": {
			bucket: s3fake.Bucket{Lock: true}, faults: []s3fake.Rule{{Share: 1, Fault: s3fake.AccessDenied}},
			want: slices.Repeat([]s3store.Kind{s3store.NoRight}, 6), text: "allow s3:GetBucketVersioning",
		},
		"another refusal": {
			bucket: s3fake.Bucket{Lock: true}, faults: []s3fake.Rule{{Operation: "PutObject", Share: 1, Fault: s3fake.Refuse(400, "Strange")}},
			want: []s3store.Kind{s3store.Unsure, s3store.Unsure}, text: "whether objects may be written could not be found out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": one.bucket}})
			fake.Misbehave(s3fake.Faults{Rules: one.faults})
			problems, err := open(t, settings(t, fake.URL())).Check(t.Context(), check)
			require.NoError(t, err)
			var kinds []s3store.Kind
			var texts []string
			for _, p := range problems {
				kinds = append(kinds, p.Kind)
				texts = append(texts, p.Text)
			}
			text := strings.Join(texts, "\n")
			assert.Equal(t, one.want, kinds, text)
			assert.Contains(t, text, one.text)
			assert.Empty(t, fake.Versions("archive"), "the check left something there")
		})
	}
	fake, s := start(t)
	always(fake, "GetBucketVersioning", s3fake.SlowDown)
	_, err = s.Check(t.Context(), check)
	is(t, err, objectstore.ErrBusy, "busy")
	set := settings(t, fake.URL())
	set.Bucket = "missing"
	fake.Misbehave(s3fake.Faults{})
	_, err = open(t, set).Check(t.Context(), check)
	is(t, err, nil, "missing")
	require.ErrorContains(t, err, "`heartwood bucket create`")
}

// A server that does not look at checksums stores what the check sends; it must be small,
// and its lock must end soon.
func TestTheCheckWhereChecksumsDoNotCount(t *testing.T) {
	var puts []http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			assert.Empty(t, body)
			puts = append(puts, r.Header)
		case r.URL.Query().Has("versioning"):
			_, _ = io.WriteString(w, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
		case r.URL.Query().Has("object-lock"):
			_, _ = io.WriteString(w, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`)
		case r.URL.Query().Has("versions"):
			_, _ = io.WriteString(w, `<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>`)
		case r.URL.Query().Has("list-type"):
			_, _ = io.WriteString(w, `<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	problems, err := open(t, settings(t, server.URL)).Check(t.Context(), s3store.Check{Probe: "probe"})
	require.NoError(t, err)
	require.Len(t, problems, 1)
	assert.Equal(t, s3store.Unsure, problems[0].Kind)
	assert.Contains(t, problems[0].Text, "it does not look at checksums")
	require.Len(t, puts, 1)
	assert.Equal(t, "GOVERNANCE", puts[0].Get("X-Amz-Object-Lock-Mode"))
	until, err := time.Parse(time.RFC3339, puts[0].Get("X-Amz-Object-Lock-Retain-Until-Date"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Minute), until, 10*time.Second)
}

func TestSettingsAreChecked(t *testing.T) {
	for _, one := range []struct {
		change func(*s3store.Settings)
		want   string
	}{
		{func(s *s3store.Settings) { s.Bucket = "" }, `bucket is ""`},
		{func(s *s3store.Settings) { s.Bucket = "a/b" }, `bucket is "a/b"`},
		{func(s *s3store.Settings) { s.Bucket = "a b c" }, `bucket is "a b c"`},
		{func(s *s3store.Settings) { s.Endpoint = "localhost:9000" }, `endpoint is "localhost:9000", want a URL`},
		{func(s *s3store.Settings) { s.Endpoint = "ftp://x" }, `endpoint is "ftp://x"`},
		{func(s *s3store.Settings) { s.Endpoint, s.Region = "", "" }, `name the region of bucket "archive"`},
	} {
		set := settings(t, "http://127.0.0.1:1")
		t.Setenv("AWS_REGION", "")
		one.change(&set)
		_, err := s3store.New(t.Context(), set)
		require.ErrorContains(t, err, one.want)
	}
	set := settings(t, "http://127.0.0.1:1")
	set.Tags = map[string]string{}
	for _, c := range "abcdefghijk" {
		set.Tags[string(c)] = ""
	}
	_, err := open(t, set).Put(t.Context(), object("key", ""))
	require.ErrorContains(t, err, "the object has 11 tags; S3 takes up to 10")
	o := object("key", "")
	o.Size = 5<<30 + 1
	_, err = open(t, settings(t, "http://127.0.0.1:1")).Put(t.Context(), o)
	require.ErrorContains(t, err, "lower max_object_size")
	assert.False(t, bytes.Contains([]byte(err.Error()), []byte("HTTP")))
}

// An answer for another range than was asked for is none.
func TestAnotherRange(t *testing.T) {
	var contentRange string
	status := http.StatusPartialContent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if contentRange != "" {
			w.Header().Set("Content-Range", contentRange)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "3456")
	}))
	defer server.Close()
	s := open(t, settings(t, server.URL))
	contentRange = "bytes 3-6/10"
	body, info, err := s.Get(t.Context(), "key", "", 3, 4)
	require.NoError(t, err)
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	assert.Equal(t, "3456", string(data))
	assert.EqualValues(t, 10, info.Size)
	for _, contentRange = range []string{
		"", "bytes 2-5/10", "bytes 3-5/10", "bytes 3-7/10", "bytes 3-6/*", "bytes 3-6/6", "bytes 6-3/10", "bytes -3-6/10", "3-6/10", "bytes 3-6/99999999999999999999",
	} {
		_, _, err := s.Get(t.Context(), "key", "", 3, 4)
		is(t, err, objectstore.ErrBusy, contentRange)
		require.ErrorContains(t, err, "WrongRange")
	}
	// All of it, instead of a part.
	contentRange, status = "", http.StatusOK
	_, _, err = s.Get(t.Context(), "key", "", 3, 4)
	is(t, err, objectstore.ErrBusy, "no range")
}

// What may not see locks must not take everything for unlocked.
func TestALockThatMayNotBeSeen(t *testing.T) {
	fake, s := start(t)
	lock := objectstore.Lock{Mode: objectstore.Governance, RetainUntil: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}
	_, err := s.Put(t.Context(), storetest.Object("locked", "data", lock))
	require.NoError(t, err)
	_, err = s.Put(t.Context(), object("unlocked", "data"))
	require.NoError(t, err)
	always(fake, "GetObjectRetention", s3fake.AccessDenied)
	fake.OnAnswer(func(_ s3fake.Request, h http.Header) {
		h.Del("X-Amz-Object-Lock-Mode")
		h.Del("X-Amz-Object-Lock-Retain-Until-Date")
	})
	for _, key := range []string{"locked", "unlocked"} {
		_, err = s.Head(t.Context(), key, "")
		is(t, err, objectstore.ErrDenied, key)
		require.ErrorContains(t, err, "allow s3:GetObjectRetention")
	}
	fake.Misbehave(s3fake.Faults{})
	info, err := s.Head(t.Context(), "locked", "")
	require.NoError(t, err)
	assert.Equal(t, lock, info.Lock)
	info, err = s.Head(t.Context(), "unlocked", "")
	require.NoError(t, err)
	assert.Equal(t, objectstore.Lock{}, info.Lock)
}

// ownedBody is its caller's again when Put has returned: nobody may read it then.
type ownedBody struct {
	reads    atomic.Int32
	returned atomic.Bool
	late     atomic.Bool
	buffer   []byte // without a lock, so that the race detector sees a read that is too late
}

func (b *ownedBody) ReadAt(p []byte, _ int64) (int, error) {
	b.reads.Add(1)
	runtime.Gosched() // lets the answer come in the middle of it
	n := copy(p, b.buffer[:min(len(b.buffer), len(p))])
	if b.returned.Load() {
		b.late.Store(true)
	}
	return n, nil
}

// A server may answer before it has read the body: net/http then gives the answer while it
// still reads what is to be sent.
func TestAnAnswerBeforeTheBodyIsRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		both := http.NewResponseController(w)
		assert.NoError(t, both.EnableFullDuplex())
		_, _ = io.ReadFull(r.Body, make([]byte, 100))
		const answer = "<Error><Code>SlowDown</Code></Error>"
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, answer)
		assert.NoError(t, both.Flush())
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	s := open(t, settings(t, server.URL))
	const size = 8 << 20
	read := int32(0)
	for range 50 {
		body := &ownedBody{buffer: make([]byte, 64<<10)}
		_, err := s.Put(t.Context(), objectstore.Object{Key: "key", Body: body, Size: size})
		body.returned.Store(true)
		clear(body.buffer)
		is(t, err, objectstore.ErrBusy, "an early answer")
		read += body.reads.Load()
		require.False(t, body.late.Load(), "the body was read after Put had returned")
	}
	assert.Positive(t, read)
}

// A listing that was begun goes on behind a page that could not be had at once.
func TestListingGoesOn(t *testing.T) {
	fake, s := start(t)
	const count = 1001 // two pages
	for i := range count {
		_, err := s.Put(t.Context(), object(strconv.Itoa(10_000+i), "data"))
		require.NoError(t, err)
	}
	asked := map[string]int{}
	fake.OnRequest(func(r s3fake.Request) s3fake.Fault {
		if asked[r.Operation]++; strings.HasPrefix(r.Operation, "ListObject") && (asked[r.Operation] == 2 || asked[r.Operation] == 3) {
			return s3fake.SlowDown
		}
		return s3fake.Fault{}
	})
	for name, list := range map[string]iter.Seq2[objectstore.Info, error]{"List": s.List(t.Context(), "", ""), "Versions": s.Versions(t.Context(), "")} {
		n := 0
		for _, err := range list {
			require.NoError(t, err, name)
			n++
		}
		assert.Equal(t, count, n, name)
	}
	assert.Equal(t, map[string]int{"ListObjectsV2": 4, "ListObjectVersions": 4}, asked)
}
