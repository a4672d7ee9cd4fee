// Package storetest holds every objectstore.Store to the same: the one in memory that the
// archive's tests trust, and S3.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Subject is what is tested: an empty bucket with versioning and Object Lock, and without
// a default retention.
type Subject struct {
	Store objectstore.Store
	// Mark puts a delete marker on top of a key's versions, Overwrite another version, by
	// whatever means.
	Mark      func(key string)
	Overwrite func(key, data string)
}

// Object makes an object to be put.
func Object(key, data string, lock objectstore.Lock) objectstore.Object {
	return objectstore.Object{
		Key: key, Body: bytes.NewReader([]byte(data)), Size: int64(len(data)), SHA256: sha256.Sum256([]byte(data)), Lock: lock,
		ContentType: "application/octet-stream",
	}
}

type test struct {
	*testing.T
	Subject
	ctx context.Context //nolint:containedctx // the test's
}

func (t *test) put(key, data string, lock objectstore.Lock) objectstore.Info {
	t.Helper()
	info, err := t.Store.Put(t.ctx, Object(key, data, lock))
	require.NoError(t, err, key)
	return info
}

func (t *test) get(key, versionID string, offset, length int64) (string, objectstore.Info) {
	t.Helper()
	body, info, err := t.Store.Get(t.ctx, key, versionID, offset, length)
	require.NoError(t, err, key)
	data, err := io.ReadAll(body)
	require.NoError(t, err, key)
	require.NoError(t, body.Close())
	return string(data), info
}

func (t *test) keys(prefix, startAfter string) []string {
	t.Helper()
	var keys []string
	for info, err := range t.Store.List(t.ctx, prefix, startAfter) {
		require.NoError(t, err)
		assert.Empty(t, info.VersionID)
		assert.False(t, info.Modified.IsZero())
		keys = append(keys, info.Key)
	}
	return keys
}

// Run runs all tests, each on a subject of its own, but for those that the server is known
// not to do as S3 does.
func Run(t *testing.T, start func(t *testing.T) Subject, except ...string) {
	t.Helper()
	for name, run := range map[string]func(*test){
		"an object is put and read": put, "a lock is kept": lock, "what is there is not put again": exists, "what is put on top": onTop,
		"what is wrong is refused": refused, "what is not there": missing, "ranges": ranges,
		"lists": lists, "folders": folders, "versions": versions, "keys of strangers": strangeKeys,
		"the bucket": bucket, "the clock": clock, "a context that has ended": ended,
		"a thousand and some": many, "a marker is no object": overMarker,
	} {
		if slices.Contains(except, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			run(&test{T: t, Subject: start(t), ctx: t.Context()})
		})
	}
}

func put(t *test) {
	info := t.put("a/b", "data", objectstore.Lock{})
	assert.NotEmpty(t, info.VersionID)
	assert.Equal(t, objectstore.Info{
		Key: "a/b", VersionID: info.VersionID, Size: 4, HasSHA256: true, SHA256: sha256.Sum256([]byte("data")), StorageClass: "STANDARD",
	}, info)
	for _, version := range []string{"", info.VersionID} {
		data, read := t.get("a/b", version, 0, -1)
		assert.Equal(t, "data", data)
		assert.Equal(t, info.VersionID, read.VersionID)
		assert.EqualValues(t, 4, read.Size)
		assert.False(t, read.Modified.IsZero())
		head, err := t.Store.Head(t.ctx, "a/b", version)
		require.NoError(t, err)
		assert.False(t, head.Modified.IsZero())
		head.Modified = time.Time{}
		assert.Equal(t, info, head)
	}
	empty := t.put("empty", "", objectstore.Lock{})
	assert.Zero(t, empty.Size)
	data, _ := t.get("empty", "", 0, -1)
	assert.Empty(t, data)
}

func (t *test) now() time.Time {
	t.Helper()
	_, err := t.Store.Bucket(t.ctx)
	require.NoError(t, err)
	now, ok := t.Store.Now()
	require.True(t, ok)
	return now
}

func lock(t *test) {
	until := t.now().Add(24 * time.Hour).Truncate(time.Second)
	for _, mode := range []objectstore.Mode{objectstore.Governance, objectstore.Compliance} {
		want := objectstore.Lock{Mode: mode, RetainUntil: until}
		info := t.put(string(mode), "data", objectstore.Lock{Mode: mode, RetainUntil: until.Add(123 * time.Millisecond).In(time.FixedZone("", 3600))})
		assert.Equal(t, want, info.Lock)
		head, err := t.Store.Head(t.ctx, string(mode), info.VersionID)
		require.NoError(t, err)
		assert.Equal(t, want, head.Lock)
	}
}

func exists(t *test) {
	first := t.put("key", "data", objectstore.Lock{})
	for _, data := range []string{"data", "other"} {
		_, err := t.Store.Put(t.ctx, Object("key", data, objectstore.Lock{}))
		require.ErrorIs(t, err, objectstore.ErrExists)
		require.ErrorContains(t, err, `"key"`)
		require.NotErrorIs(t, err, objectstore.ErrBusy)
	}
	data, info := t.get("key", "", 0, -1)
	assert.Equal(t, "data", data)
	assert.Equal(t, first.VersionID, info.VersionID)
}

func onTop(t *test) {
	first := t.put("key", "first", objectstore.Lock{})
	o := Object("key", "second", objectstore.Lock{Mode: objectstore.Governance, RetainUntil: t.now().Add(time.Hour)})
	o.OnTop = true
	second, err := t.Store.Put(t.ctx, o)
	require.NoError(t, err)
	assert.NotEqual(t, first.VersionID, second.VersionID)
	assert.Equal(t, objectstore.Governance, second.Lock.Mode)
	for version, want := range map[string]string{"": "second", first.VersionID: "first", second.VersionID: "second"} {
		data, _ := t.get("key", version, 0, -1)
		assert.Equal(t, want, data)
	}
	var ids []string
	for info, err := range t.Store.Versions(t.ctx, "key") {
		require.NoError(t, err)
		ids = append(ids, info.VersionID)
	}
	assert.Equal(t, []string{second.VersionID, first.VersionID}, ids, "the newest first")
}

func refused(t *test) {
	wrong := Object("wrong", "data", objectstore.Lock{})
	wrong.SHA256 = sha256.Sum256([]byte("other"))
	short := Object("short", "data", objectstore.Lock{})
	short.Size = 5
	for _, o := range []objectstore.Object{
		wrong, short, Object("", "data", objectstore.Lock{}), Object(string(bytes.Repeat([]byte("k"), 1025)), "data", objectstore.Lock{}),
		Object("past", "data", objectstore.Lock{Mode: objectstore.Governance, RetainUntil: t.now().Add(-time.Hour)}),
	} {
		_, err := t.Store.Put(t.ctx, o)
		require.Error(t, err, o.Key)
		for _, sentinel := range []error{objectstore.ErrBusy, objectstore.ErrExists, objectstore.ErrNotFound} {
			require.NotErrorIs(t, err, sentinel, o.Key)
		}
	}
	assert.Empty(t, t.keys("", ""))
}

func missing(t *test) {
	info := t.put("marked", "data", objectstore.Lock{})
	t.Mark("marked")
	for _, key := range []string{"nothing", "marked", "mark", "marked/"} {
		_, err := t.Store.Head(t.ctx, key, "")
		require.ErrorIs(t, err, objectstore.ErrNotFound, key)
		_, _, err = t.Store.Get(t.ctx, key, "", 0, -1)
		require.ErrorIs(t, err, objectstore.ErrNotFound, key)
	}
	// What is under the marker is there.
	data, _ := t.get("marked", info.VersionID, 0, -1)
	assert.Equal(t, "data", data)
	for v, err := range t.Store.Versions(t.ctx, "marked") {
		require.NoError(t, err)
		if !v.DeleteMarker {
			continue
		}
		_, err := t.Store.Head(t.ctx, "marked", v.VersionID)
		require.ErrorIs(t, err, objectstore.ErrNotFound)
		_, _, err = t.Store.Get(t.ctx, "marked", v.VersionID, 0, -1)
		require.ErrorIs(t, err, objectstore.ErrNotFound)
	}
	assert.Empty(t, t.keys("", ""))
}

func overMarker(t *test) {
	first := t.put("key", "first", objectstore.Lock{})
	t.Mark("key")
	second := t.put("key", "second", objectstore.Lock{})
	assert.NotEqual(t, first.VersionID, second.VersionID)
	data, _ := t.get("key", "", 0, -1)
	assert.Equal(t, "second", data)
}

func ranges(t *test) {
	t.put("key", "0123456789", objectstore.Lock{})
	for _, one := range []struct {
		offset, length int64
		want           string
	}{
		{0, -1, "0123456789"},
		{3, -1, "3456789"},
		{0, 4, "0123"},
		{3, 4, "3456"},
		{9, 1, "9"},
		{8, 100, "89"},
		{5, 1<<63 - 1, "56789"},
		{2, 0, ""},
		{0, 0, ""},
	} {
		data, info := t.get("key", "", one.offset, one.length)
		assert.Equal(t, one.want, data, one)
		assert.EqualValues(t, 10, info.Size, one)
	}
	for _, one := range [][2]int64{{10, -1}, {10, 1}, {11, 5}, {10, 0}, {-1, 2}} {
		_, _, err := t.Store.Get(t.ctx, "key", "", one[0], one[1])
		require.Error(t, err, one)
		require.NotErrorIs(t, err, objectstore.ErrBusy, one)
		require.NotErrorIs(t, err, objectstore.ErrNotFound, one)
	}
}

func lists(t *test) {
	for _, key := range []string{"b/2", "a", "b/1", "b-", "b/1/x", "c", "b0"} {
		t.put(key, key, objectstore.Lock{})
	}
	t.put("b/3", "", objectstore.Lock{})
	t.Mark("b/3")
	assert.Equal(t, []string{"a", "b-", "b/1", "b/1/x", "b/2", "b0", "c"}, t.keys("", ""))
	assert.Equal(t, []string{"b/1", "b/1/x", "b/2"}, t.keys("b/", ""))
	assert.Equal(t, []string{"b/1/x", "b/2"}, t.keys("b/", "b/1"))
	assert.Equal(t, []string{"b0", "c"}, t.keys("", "b/2"))
	assert.Equal(t, []string{"b-", "b/1", "b/1/x", "b/2", "b0"}, t.keys("b", "b"))
	assert.Empty(t, t.keys("b/", "b/9"))
	assert.Empty(t, t.keys("d", ""))
	for info, err := range t.Store.List(t.ctx, "", "") {
		require.NoError(t, err)
		assert.EqualValues(t, len(info.Key), info.Size, info.Key)
		break // which ends it
	}
}

func folders(t *test) {
	for _, key := range []string{"x/a/1", "x/a/2", "x/b", "x/c/d/e", "x/f/1", "y/1"} {
		t.put(key, "", objectstore.Lock{})
	}
	t.Mark("x/f/1")
	get := func(prefix string) []string {
		var all []string
		for folder, err := range t.Store.Folders(t.ctx, prefix) {
			require.NoError(t, err)
			all = append(all, folder)
		}
		return all
	}
	assert.Equal(t, []string{"x/", "y/"}, get(""))
	assert.Equal(t, []string{"x/a/", "x/c/"}, get("x/"))
	assert.Equal(t, []string{"x/c/"}, get("x/c"))
	assert.Equal(t, []string{"x/c/d/"}, get("x/c/"))
	assert.Empty(t, get("z/"))
}

func versions(t *test) {
	t.put("a", "1", objectstore.Lock{})
	first := t.put("b", "1", objectstore.Lock{})
	t.Overwrite("b", "two")
	t.Mark("b")
	t.put("c", "1", objectstore.Lock{})
	t.put("d", "1", objectstore.Lock{})
	t.Mark("d")
	t.Overwrite("d", "two")
	var got []string
	latest := map[string]int{}
	seen := map[string]bool{}
	for info, err := range t.Store.Versions(t.ctx, "") {
		require.NoError(t, err)
		assert.False(t, seen[info.VersionID], "twice")
		seen[info.VersionID] = true
		if info.Latest {
			latest[info.Key]++
		}
		got = append(got, fmt.Sprint(info.Key, " ", info.Size, " ", info.Latest, " ", info.DeleteMarker))
	}
	assert.Equal(t, []string{"a 1 true false", "b 0 true true", "b 3 false false", "b 1 false false", "c 1 true false", "d 3 true false", "d 0 false true", "d 1 false false"}, got)
	assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, latest)
	assert.True(t, seen[first.VersionID])
	for info, err := range t.Store.Versions(t.ctx, "e") {
		t.Fatal("there is no such key", info, err)
	}
}

func strangeKeys(t *test) {
	keys := []string{
		"a b", "a%20b", "a%2Fb", "a+b", "a=b/c~d", "a&<>\"'", "größe/日本", "a\tb", "a\x01b", "a%FF",
	}
	for _, key := range keys {
		t.put(key, key, objectstore.Lock{})
	}
	slices.Sort(keys)
	assert.Equal(t, keys, t.keys("", ""))
	var got []string
	for info, err := range t.Store.Versions(t.ctx, "a%") {
		require.NoError(t, err)
		got = append(got, info.Key)
	}
	assert.Equal(t, []string{"a%20b", "a%2Fb", "a%FF"}, got)
	for _, key := range keys {
		data, _ := t.get(key, "", 0, -1)
		assert.Equal(t, key, data)
	}
}

func bucket(t *test) {
	b, err := t.Store.Bucket(t.ctx)
	require.NoError(t, err)
	assert.Equal(t, objectstore.Bucket{Versioning: true, ObjectLock: true}, b)
}

func clock(t *test) {
	_, ok := t.Store.Now()
	assert.False(t, ok)
	_, err := t.Store.Head(t.ctx, "nothing", "") // an error is an answer
	require.ErrorIs(t, err, objectstore.ErrNotFound)
	now, ok := t.Store.Now()
	require.True(t, ok)
	for range 3 {
		t.put(fmt.Sprint("key", now.UnixNano()), "", objectstore.Lock{})
		next, ok := t.Store.Now()
		require.True(t, ok)
		assert.False(t, next.Before(now), "the clock went back")
		now = next
	}
}

func ended(t *test) {
	t.put("key", "data", objectstore.Lock{})
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	_, err := t.Store.Put(ctx, Object("other", "data", objectstore.Lock{}))
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, objectstore.ErrBusy)
	_, err = t.Store.Head(ctx, "key", "")
	require.ErrorIs(t, err, context.Canceled)
	for _, err := range t.Store.List(ctx, "", "") {
		require.ErrorIs(t, err, context.Canceled)
	}
	assert.Equal(t, []string{"key"}, t.keys("", ""))
}

// many is more than one page of a listing has.
func many(t *test) {
	const n = 1003
	var want []string
	for i := range n {
		key := fmt.Sprintf("many/%05d", i)
		want = append(want, key)
		t.put(key, "", objectstore.Lock{})
	}
	// Not assert.Equal, which would print all of them.
	assert.True(t, slices.Equal(want, t.keys("many/", "")))
	assert.True(t, slices.Equal(want[1:], t.keys("many/", want[0])))
	var got []string
	for info, err := range t.Store.Versions(t.ctx, "many/") {
		require.NoError(t, err)
		got = append(got, info.Key)
	}
	assert.True(t, slices.Equal(want, got), "%d versions", len(got))
}
