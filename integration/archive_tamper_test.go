package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3server"
)

// TestArchiveTampered: somebody with root on the S3 server changes its files, for which no
// lock counts. Each change is found, and its object named; undone, all is good again.
func TestArchiveTampered(t *testing.T) {
	t.Parallel()
	s := s3server.StartVersity(t)
	b := newArchiveBed(t, s.URL, s.Client)
	col := b.start(t)
	load := newArchiveLoad(t, "tamper", 10_000)
	require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
	waitArchived(t, col)
	col.Stop(t)
	a := b.read(t)
	load.requireOnce(t, a)
	b.requireGood(t)

	root := filepath.Join(s.Data, b.Bucket)
	path := func(key string) string { return filepath.Join(root, filepath.FromSlash(key)) }
	pick := func(part string) string {
		t.Helper()
		i := slices.IndexFunc(a.keys, func(key string) bool { return strings.Contains(key, part) })
		require.GreaterOrEqual(t, i, 0, "a key with %s in %v", part, a.keys)
		return a.keys[i]
	}
	lastOf := func(part string) string {
		t.Helper()
		for _, key := range slices.Backward(a.keys) {
			if strings.Contains(key, part) {
				return key
			}
		}
		t.Fatalf("no key with %s", part)
		return ""
	}
	// write changes a file in place, so that its extended attributes, in which the server
	// keeps locks and version ids, stay.
	write := func(t *testing.T, key string, data []byte) {
		t.Helper()
		f, err := os.OpenFile(path(key), os.O_WRONLY|os.O_TRUNC, 0)
		require.NoError(t, err)
		_, err = f.Write(data)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	edit := func(key string, change func(data []byte) []byte) func(t *testing.T) func() {
		return func(t *testing.T) func() {
			t.Helper()
			data, err := os.ReadFile(path(key))
			require.NoError(t, err)
			write(t, key, change(bytes.Clone(data)))
			return func() { write(t, key, data) }
		}
	}
	gone := func(keys ...string) func(t *testing.T) func() {
		return func(t *testing.T) func() {
			t.Helper()
			aside := t.TempDir()
			for i, key := range keys {
				require.NoError(t, os.Rename(path(key), filepath.Join(aside, string(rune('a'+i)))))
			}
			return func() {
				for i, key := range keys {
					require.NoError(t, os.Rename(filepath.Join(aside, string(rune('a'+i))), path(key)))
				}
			}
		}
	}
	flip := func(data []byte) []byte { data[len(data)/2] ^= 1; return data }
	object, manifest, checkpoint := pick("/category=audit/"), pick("/manifest/"), pick("/checkpoint/")
	tile, filters := pick("/tile/0/"), pick("/filters/")
	other := pick("/category=access/")
	planted := strings.Replace(object, "category=audit", "category=access", 1)

	attacks := []struct {
		name   string
		object string // that the report names
		do     func(t *testing.T) (undo func())
	}{
		{"one bit of an object", object, edit(object, flip)},
		{"an object cut short", object, edit(object, func(data []byte) []byte { return data[:len(data)-10] })},
		{"bytes behind an object", object, edit(object, func(data []byte) []byte { return append(data, 0x28, 0xb5, 0x2f, 0xfd, 0) })},
		{"an object with another's content", object, edit(object, func([]byte) []byte { data, _ := os.ReadFile(path(other)); return data })},
		{"an object removed", object, gone(object)},
		{"one bit of a manifest", manifest, edit(manifest, flip)},
		{"a manifest removed", checkpoint, gone(manifest)},
		{"one bit of a checkpoint", checkpoint, edit(checkpoint, flip)},
		{"one bit of a tile", tile, edit(tile, flip)},
		{"one bit of the filters", filters, edit(filters, flip)},
		{"one bit of the writers file", pick("/_log/writers/"), edit(pick("/_log/writers/"), flip)},
		{"the writers file removed", "", gone(pick("/_log/writers/"))},
		{"an object of their own in a writer's folder", planted, func(t *testing.T) func() {
			t.Helper()
			data, err := os.ReadFile(path(object))
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(filepath.Dir(path(planted)), 0o700))
			require.NoError(t, os.WriteFile(path(planted), data, 0o600))
			return func() { require.NoError(t, os.Remove(path(planted))) }
		}},
		{"a checkpoint in the middle removed", "", gone(pick("/checkpoint/00000000000000000001"))},
		{"the last manifest removed, and its checkpoint left", lastOf("/checkpoint/"), gone(lastOf("/manifest/"))},
	}
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			undo := attack.do(t)
			r := b.verify(t)
			if strings.Contains(attack.name, "writers file") {
				assert.NotZero(t, r.code)
			} else {
				assert.Equal(t, 1, r.code, "%+v", r.Findings)
				assert.NotEmpty(t, r.kinds("tampered"))
			}
			named := attack.object == "" || slices.ContainsFunc(r.Findings, func(f archiveFinding) bool {
				return f.Object == attack.object && f.Severity != "note"
			})
			assert.True(t, named, "%s should be named: %+v", attack.object, r.Findings)
			t.Logf("%v %v", r.kinds("tampered"), r.kinds("could-not-check"))
			undo()
		})
	}
	b.requireGood(t) // nothing is left of it
}
