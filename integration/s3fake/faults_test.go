package s3fake_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// always has every request of an operation go wrong in one way.
func always(operation string, fault s3fake.Fault) s3fake.Faults {
	return s3fake.Faults{Rules: []s3fake.Rule{{Operation: operation, Share: 1, Fault: fault}}}
}

// clients are a client over a socket and one without, which are to see the same.
func clients(t *testing.T, fake *s3fake.Running) map[string]*s3.Client {
	t.Helper()
	return map[string]*s3.Client{
		"socket": s3fake.NewClient(t, fake.URL()),
		"direct": s3fake.NewClient(t, "http://fake.test", func(o *s3.Options) { o.HTTPClient = fake.HTTPClient() }),
	}
}

func TestFaultsOfWrites(t *testing.T) {
	for _, one := range []struct {
		fault  s3fake.Fault
		code   string // "": no answer of S3's
		stored int
	}{
		{s3fake.InternalError, "InternalError", 0},
		{s3fake.InternalError.After(), "InternalError", 1},
		{s3fake.SlowDown, "SlowDown", 0},
		{s3fake.AccessDenied, "AccessDenied", 0},
		{s3fake.ExpiredToken, "ExpiredToken", 0},
		{s3fake.TooSkewed, "RequestTimeTooSkewed", 0},
		{s3fake.Conflict, "ConditionalRequestConflict", 0},
		{s3fake.Precondition, "PreconditionFailed", 0},
		{s3fake.Refuse(http.StatusTeapot, "Strange"), "Strange", 0},
		{s3fake.Unavailable, "", 0},
		{s3fake.CutBefore, "", 0},
		{s3fake.CutAfter, "", 1},
		{s3fake.Tear, "", 1},
	} {
		for kind := range clients(t, s3fake.Start(t, s3fake.Settings{})) {
			t.Run(one.fault.String()+"/"+kind, func(t *testing.T) {
				fake, _ := archive(t)
				c := clients(t, fake)[kind]
				fake.Misbehave(always("PutObject", one.fault))
				_, err := c.PutObject(t.Context(), locked("k", "one"))
				require.Error(t, err)
				if one.code != "" {
					assert.Equal(t, one.code, code(err))
				} else {
					assert.NotContains(t, []string{"InternalError", "SlowDown", "PreconditionFailed"}, code(err))
				}
				assert.Len(t, fake.Versions("archive"), one.stored)
				assert.Equal(t, map[string]int{one.fault.String(): 1}, fake.Counts()["PutObject"].Faults)
				fake.Misbehave(s3fake.Faults{})
				_, err = c.PutObject(t.Context(), locked("k", "one"))
				if one.stored == 1 {
					assert.Equal(t, "PreconditionFailed", code(err))
				} else {
					assert.NoError(t, err)
				}
			})
		}
	}
}

func TestFaultsOfReads(t *testing.T) {
	data := "hello, world"
	get := func(t *testing.T, c *s3.Client, mode types.ChecksumMode) (string, error) {
		t.Helper()
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("archive"), Key: aws.String("k"), ChecksumMode: mode})
		if err != nil {
			return "", err
		}
		got, err := io.ReadAll(out.Body)
		_ = out.Body.Close()
		return string(got), err
	}
	fake, _ := archive(t)
	for kind, c := range clients(t, fake) {
		t.Run(kind, func(t *testing.T) {
			fake.Misbehave(s3fake.Faults{})
			_, _ = c.PutObject(t.Context(), locked("k", data))
			got, err := get(t, c, types.ChecksumModeEnabled)
			require.NoError(t, err)
			require.Equal(t, data, got)

			fake.Misbehave(always("GetObject", s3fake.Tear))
			got, err = get(t, c, "")
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.Equal(t, data[:6], got)

			fake.Misbehave(always("GetObject", s3fake.Shorten))
			got, err = get(t, c, "")
			require.NoError(t, err, "nothing but the length is wrong")
			assert.Equal(t, data[:6], got)

			fake.Misbehave(always("GetObject", s3fake.Flip))
			got, err = get(t, c, "")
			require.NoError(t, err)
			assert.Len(t, got, len(data))
			assert.NotEqual(t, data, got)
			_, err = get(t, c, types.ChecksumModeEnabled)
			require.ErrorContains(t, err, "checksum")

			fake.Misbehave(always("", s3fake.WrongChecksum))
			_, err = get(t, c, types.ChecksumModeEnabled)
			require.ErrorContains(t, err, "checksum")
			head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("archive"), Key: aws.String("k"), ChecksumMode: types.ChecksumModeEnabled})
			require.NoError(t, err)
			assert.NotEqual(t, s3fake.SHA256Checksum([]byte(data)), *head.ChecksumSHA256)
			assert.Len(t, *head.ChecksumSHA256, 44)
		})
	}
	v, ok := fake.Version("archive", "k", "")
	require.True(t, ok)
	assert.Equal(t, data, string(v.Data), "what is stored has stayed")
}

// TestSlow is in a bubble, where the fake's clock is the bubble's.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := s3fake.New(s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}})
		c := s3fake.NewClient(t, "http://fake.test", func(o *s3.Options) { o.HTTPClient = fake.HTTPClient() })
		fake.Misbehave(always("PutObject", s3fake.Slow(7*time.Minute)))
		begin := time.Now()
		_, err := c.PutObject(t.Context(), locked("k", "one"))
		require.NoError(t, err)
		assert.Equal(t, 7*time.Minute, time.Since(begin))

		fake.Misbehave(always("PutObject", s3fake.Hang))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err = c.PutObject(ctx, locked("k2", "one"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 67*time.Minute, time.Since(begin))
		assert.Len(t, fake.Versions("archive"), 2, "it was stored")
	})
}

func TestShares(t *testing.T) {
	run := func(seed uint64) map[string]int {
		fake := s3fake.New(s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {}}})
		c := s3fake.NewClient(t, "http://fake.test", func(o *s3.Options) { o.HTTPClient = fake.HTTPClient() })
		fake.Misbehave(s3fake.Faults{Seed: seed, Rules: []s3fake.Rule{
			{Operation: "HeadBucket", Share: 0.2, Fault: s3fake.SlowDown},
			{Operation: "PutObject", Share: 1, Fault: s3fake.Conflict},
			{Share: 0.3, Fault: s3fake.InternalError},
		}})
		for range 1000 {
			_, _ = c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("archive")})
		}
		return fake.Counts()["HeadBucket"].Faults
	}
	one := run(1)
	assert.InDelta(t, 200, one["SlowDown"], 50)
	assert.InDelta(t, 300, one["InternalError"], 60)
	assert.Equal(t, one, run(1))
	assert.NotEqual(t, one, run(2))
}

func TestHooks(t *testing.T) {
	fake, c := archive(t)
	var seen atomic.Int32
	fake.OnRequest(func(r s3fake.Request) s3fake.Fault {
		seen.Add(1)
		if r.Operation == "PutObject" && r.Key == "k" && r.Number == 2 && r.Header.Get("If-None-Match") == "*" {
			return s3fake.Conflict
		}
		return s3fake.Fault{}
	})
	_, err := c.PutObject(t.Context(), locked("k", "one"))
	require.NoError(t, err)
	_, err = c.PutObject(t.Context(), locked("k", "one"))
	assert.Equal(t, "ConditionalRequestConflict", code(err))
	assert.EqualValues(t, 2, seen.Load())
	fake.OnRequest(nil)

	fake.OnAnswer(func(r s3fake.Request, h http.Header) {
		if r.Operation == "HeadObject" {
			h["Date"] = nil
			h.Del("X-Amz-Object-Lock-Mode")
		}
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, fake.URL()+"/archive/k", http.NoBody)
	require.NoError(t, err)
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("archive"), Key: aws.String("k")})
	require.NoError(t, err)
	assert.Empty(t, head.ObjectLockMode)
	out, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, out.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	assert.Equal(t, http.StatusForbidden, out.StatusCode, "a request without a signature")
	assert.Empty(t, out.Header.Values("Date"))
}

func TestClock(t *testing.T) {
	fake, c := archive(t)
	at := time.Now().Add(10 * time.Minute).UTC().Truncate(time.Millisecond)
	fake.SetClock(func() time.Time { return at })
	_, err := c.PutObject(t.Context(), locked("k", "one"))
	require.NoError(t, err, "10 minutes off is near enough")
	v, _ := fake.Version("archive", "k", "")
	assert.Equal(t, at, v.Modified)
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("archive"), Key: aws.String("k")})
	require.NoError(t, err)
	assert.Equal(t, at.Truncate(time.Second), *head.LastModified)

	at = time.Now().Add(16 * time.Minute)
	fake.SetClock(func() time.Time { return at })
	_, err = c.PutObject(t.Context(), locked("k2", "one"))
	require.NoError(t, err, "AWS's client has taken the server's clock from its first answer")
	c = s3fake.NewClient(t, fake.URL())
	_, err = c.PutObject(t.Context(), locked("k3", "one"))
	assert.Equal(t, "RequestTimeTooSkewed", code(err))

	// After the lock's end it no longer holds.
	fake = s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"archive": {Lock: true}}, IgnoreSkew: true})
	c = s3fake.NewClient(t, fake.URL())
	put, err := c.PutObject(t.Context(), locked("k", "one"))
	require.NoError(t, err)
	gone := &s3.DeleteObjectInput{Bucket: aws.String("archive"), Key: aws.String("k"), VersionId: put.VersionId}
	_, err = c.DeleteObject(t.Context(), gone)
	assert.Equal(t, "AccessDenied", code(err))
	later := time.Now().Add(2 * time.Hour)
	fake.SetClock(func() time.Time { return later })
	_, err = c.DeleteObject(t.Context(), gone)
	require.NoError(t, err)
	assert.Empty(t, fake.Versions("archive"))
}

func TestDownAndUp(t *testing.T) {
	fake, c := archive(t)
	fake.Down()
	_, err := c.PutObject(t.Context(), locked("k", "one"))
	require.Error(t, err)
	fake.Up(t)
	_, err = c.PutObject(t.Context(), locked("k", "one"))
	require.NoError(t, err)
}

func TestTampering(t *testing.T) {
	fake, c := archive(t)
	for _, key := range []string{"a", "b", "c"} {
		_, err := c.PutObject(t.Context(), locked(key, "of "+key))
		require.NoError(t, err)
	}
	require.NoError(t, fake.CopyBucket("archive", "copy"))
	before := fake.Versions("archive")
	require.Len(t, before, 3)

	backdated := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, fake.Edit("copy", "a", "", func(v *s3fake.Version) { v.Data[0] ^= 1 }))
	require.NoError(t, fake.Edit("copy", "b", "", func(v *s3fake.Version) { v.RetainUntil, v.Modified = backdated, backdated }))
	require.NoError(t, fake.Remove("copy", "c", ""))
	_, err := fake.Insert("copy", s3fake.Version{Key: "b", Data: []byte("newer")})
	require.NoError(t, err)
	_, err = fake.Insert("copy", s3fake.Version{Key: "a", DeleteMarker: true})
	require.NoError(t, err)

	assert.Equal(t, before, fake.Versions("archive"), "the copy is one")
	all := fake.Versions("copy")
	require.Len(t, all, 4)
	assert.True(t, all[0].DeleteMarker)
	assert.True(t, all[0].Latest)
	assert.Equal(t, s3fake.SHA256Checksum(all[1].Data), all[1].Checksum, "an edit is consistent")
	assert.Equal(t, "nf a", string(all[1].Data))
	assert.Equal(t, before[0].ID, all[1].ID)
	assert.Equal(t, "newer", string(all[2].Data))
	assert.Equal(t, backdated, all[3].Modified)
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("copy"), Key: aws.String("b"), ChecksumMode: types.ChecksumModeEnabled})
	require.NoError(t, err)
	assert.Equal(t, "newer", read(t, got))

	lie := all[1].Checksum
	require.NoError(t, fake.Edit("copy", "a", all[1].ID, func(v *s3fake.Version) { v.Data = bytes.ToUpper(v.Data) }))
	require.NoError(t, fake.Edit("copy", "a", all[1].ID, func(v *s3fake.Version) { v.Checksum = lie }))
	v, ok := fake.Version("copy", "a", all[1].ID)
	require.True(t, ok)
	assert.Equal(t, lie, v.Checksum)
	assert.Equal(t, "NF A", string(v.Data))

	for _, err := range []error{
		fake.Edit("nowhere", "a", "", nil), fake.Edit("copy", "c", "", nil), fake.Remove("copy", "a", "none"), fake.CopyBucket("nowhere", "x"),
	} {
		require.ErrorContains(t, err, "no ")
	}
}
