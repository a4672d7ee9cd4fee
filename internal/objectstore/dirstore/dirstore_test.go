package dirstore_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/dirstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/storetest"
)

func folder(t *testing.T, files map[string]string) (string, *dirstore.Store) {
	t.Helper()
	dir := t.TempDir()
	for key, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(key))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
	}
	s, err := dirstore.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return dir, s
}

func keys(t *testing.T, r objectstore.Reader, prefix, startAfter string) []string {
	t.Helper()
	var all []string
	for info, err := range r.List(t.Context(), prefix, startAfter) {
		require.NoError(t, err)
		all = append(all, info.Key)
	}
	return all
}

func folders(t *testing.T, r objectstore.Reader, prefix string) []string {
	t.Helper()
	var all []string
	for folder, err := range r.Folders(t.Context(), prefix) {
		require.NoError(t, err)
		all = append(all, folder)
	}
	return all
}

// A folder lists what the bucket lists that it was downloaded from, for any prefix and
// any key to begin behind.
func TestAFolderListsAsItsBucketDoes(t *testing.T) {
	files := map[string]string{}
	for _, key := range []string{
		"a", "b-", "b/1", "b/2/x", "b0", "b/2/y/z", "b/2-", "category=a b/dt=2026-01-01/hour=00/w/1.jsonl", "category=%2E./x",
		"_log/writers/0", "_log/w/tile/0/000", "_log/w/tile/0/x001/000", "größe/日本", "c~d", ".hidden/x",
	} {
		files[key] = key
	}
	_, s := folder(t, files)
	bucket := memstore.New(nil)
	for key, data := range files {
		_, err := bucket.Put(t.Context(), storetest.Object(key, data, objectstore.Lock{}))
		require.NoError(t, err)
	}
	texts := []string{"", "/", "b", "b/", "b/2", "b/2/", "b/2/y", "c", "_log/", "_log/w", "_log/w/tile/0/x", "zzz", "..", "../", ".", "b//", "b/1/", "\xff", "category="}
	for key := range files {
		texts = append(texts, key, key+"/", key[:len(key)/2])
	}
	slices.Sort(texts)
	for _, prefix := range texts {
		assert.Equal(t, folders(t, bucket, prefix), folders(t, s, prefix), "%q", prefix)
		for _, after := range texts {
			assert.Equal(t, keys(t, bucket, prefix, after), keys(t, s, prefix, after), "%q after %q", prefix, after)
		}
	}
}

func TestReading(t *testing.T) {
	dir, s := folder(t, map[string]string{"a/b": "0123456789", "empty": ""})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "a", "b"), at, at))
	for _, one := range []struct {
		offset, length int64
		want           string
	}{{0, -1, "0123456789"}, {3, 4, "3456"}, {8, 100, "89"}, {2, 0, ""}, {5, 1<<63 - 1, "56789"}} {
		body, info, err := s.Get(t.Context(), "a/b", "", one.offset, one.length)
		require.NoError(t, err)
		data, err := io.ReadAll(body)
		require.NoError(t, err)
		require.NoError(t, body.Close())
		assert.Equal(t, one.want, string(data))
		assert.Equal(t, objectstore.Info{Key: "a/b", Size: 10, Modified: at}, info)
	}
	for _, one := range [][2]int64{{10, -1}, {11, 1}, {-1, 1}} {
		_, _, err := s.Get(t.Context(), "a/b", "", one[0], one[1])
		require.Error(t, err, one)
		require.NotErrorIs(t, err, objectstore.ErrNotFound)
	}
	info, err := s.Head(t.Context(), "empty", "")
	require.NoError(t, err)
	assert.Zero(t, info.Size)
	assert.False(t, info.HasSHA256)
	assert.Equal(t, objectstore.Unlocked, info.Lock.Mode)

	// A file that is cut off while it is read.
	body, _, err := s.Get(t.Context(), "a/b", "", 0, -1)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filepath.Join(dir, "a", "b"), 4))
	_, err = io.ReadAll(body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, body.Close())
}

func TestWhatAFolderHasNot(t *testing.T) {
	_, s := folder(t, map[string]string{"a/b": "data"})
	_, err := s.Bucket(t.Context())
	require.ErrorIs(t, err, objectstore.ErrUnsupported)
	for _, err := range s.Versions(t.Context(), "") {
		require.ErrorIs(t, err, objectstore.ErrUnsupported)
	}
	_, err = s.Head(t.Context(), "a/b", "v1")
	require.ErrorIs(t, err, objectstore.ErrUnsupported)
	_, _, err = s.Get(t.Context(), "a/b", "v1", 0, -1)
	require.ErrorIs(t, err, objectstore.ErrUnsupported)
	for _, key := range []string{"", "a", "a/", "a/b/", "a/b/c", "a//b", "./a/b", "a/../a/b", "/a/b", "x", "a\x00b", `a\b`, "..", "."} {
		_, err := s.Head(t.Context(), key, "")
		require.ErrorIs(t, err, objectstore.ErrNotFound, "%q", key)
		_, _, err = s.Get(t.Context(), key, "", 0, -1)
		require.ErrorIs(t, err, objectstore.ErrNotFound, "%q", key)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Head(ctx, "a/b", "")
	require.ErrorIs(t, err, context.Canceled)
	for _, err := range s.List(ctx, "", "") {
		require.ErrorIs(t, err, context.Canceled)
	}
	_, err = dirstore.Open(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Nothing outside of the folder is read, and no link inside of it is followed.
func TestLinksAreRefused(t *testing.T) {
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	dir, s := folder(t, map[string]string{"in/file": "data", "other/x": "x"})
	link := func(target, name string) {
		t.Helper()
		require.NoError(t, os.Symlink(target, filepath.Join(dir, filepath.FromSlash(name))))
	}
	link(filepath.Join(outside, "secret"), "in/absolute")
	link("../../"+filepath.Base(outside)+"/secret", "in/relative")
	link("file", "in/same")
	link("missing", "in/dangling")
	link(outside, "linked")
	link("in", "inside")
	link("loop", "loop")
	for _, key := range []string{
		"../" + filepath.Base(outside) + "/secret", filepath.Join(outside, "secret"), "in/absolute", "in/relative", "in/same", "in/dangling",
		"linked", "linked/secret", "inside/file", "loop", "loop/x",
	} {
		_, err := s.Head(t.Context(), key, "")
		require.Error(t, err, key)
		_, _, err = s.Get(t.Context(), key, "", 0, -1)
		require.Error(t, err, key)
	}
	for _, prefix := range []string{"", "in/", "linked/", "inside/", "linked", "loop"} {
		var failed error
		for info, err := range s.List(t.Context(), prefix, "") {
			assert.NotContains(t, info.Key, "secret")
			failed = err
		}
		require.ErrorContains(t, failed, "download the objects anew, without links", prefix)
	}
	assert.Equal(t, []string{"other/x"}, keys(t, s, "other/", ""))
}

func FuzzKeys(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "outside"), []byte("outside"), 0o600); err != nil {
		f.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "root", "a"), 0o700); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "root", "a", "b"), []byte("b"), 0o600); err != nil {
		f.Fatal(err)
	}
	s, err := dirstore.Open(filepath.Join(dir, "root"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	for _, seed := range []string{"a/b", "../outside", "a/../../outside", "/etc/passwd", "a//b", "", ".", "..", "a\x00b", `..\outside`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		_, err := s.Head(t.Context(), key, "")
		if (err == nil) != (key == "a/b") {
			t.Fatalf("%q: %v", key, err)
		}
		for info, err := range s.List(t.Context(), key, "") {
			if err != nil || info.Key != "a/b" || !strings.HasPrefix(info.Key, key) {
				t.Fatalf("%q lists %q, %v", key, info.Key, err)
			}
		}
		for range s.Folders(t.Context(), key) { //nolint:errcheck // it must not panic
			continue
		}
	})
}
