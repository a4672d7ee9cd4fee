package enrolment_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/enrolment"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

const origin = "example.com/logs"

var (
	layout = archive.Layout{Prefix: "logs/"}
	begin  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func newRoot(t *testing.T) *enrolment.Root {
	t.Helper()
	signer, _, err := archive.GenerateKey(archive.RootName(origin))
	require.NoError(t, err)
	root, err := enrolment.NewRoot(signer)
	require.NoError(t, err)
	return root
}

func newKey(t *testing.T, writer string, from time.Time) archive.WriterKey {
	t.Helper()
	_, verifier, err := archive.GenerateKey(archive.WriterOrigin(origin, writer))
	require.NoError(t, err)
	return archive.WriterKey{Writer: writer, VKey: verifier, From: from}
}

// add enters a key, and gives the object's.
func add(t *testing.T, s *memstore.Store, root *enrolment.Root, key archive.WriterKey) string {
	t.Helper()
	last, sum, err := enrolment.Latest(t.Context(), s, layout, root.Verifier())
	require.NoError(t, err)
	next, err := enrolment.AddKey(origin, last, sum, key)
	require.NoError(t, err)
	name, err := enrolment.Put(t.Context(), s, layout, root, next, objectstore.Lock{})
	require.NoError(t, err)
	return name
}

func TestTheRootKeysHalvesFit(t *testing.T) {
	for range 50 { // in base64 there may be a +
		signer, verifier, err := archive.GenerateKey(archive.RootName(origin))
		require.NoError(t, err)
		root, err := enrolment.NewRoot("\n" + signer + "\n")
		require.NoError(t, err)
		want, err := archive.NewVerifier(verifier)
		require.NoError(t, err)
		assert.Equal(t, want.KeyHash(), root.Verifier().KeyHash())
		assert.Equal(t, origin, root.Origin())
		last := &archive.Writers{Origin: origin, Keys: []archive.WriterKey{newKey(t, "w", begin)}}
		s := memstore.New(nil)
		_, err = enrolment.Put(t.Context(), s, layout, root, last, objectstore.Lock{})
		require.NoError(t, err)
		_, _, err = enrolment.Latest(t.Context(), s, layout, want)
		require.NoError(t, err)
	}
	signer, verifier, err := archive.GenerateKey(archive.WriterOrigin(origin, "w"))
	require.NoError(t, err)
	for _, text := range []string{"", "x", verifier, signer, signer[:len(signer)-4], "PRIVATE+KEY+example.com/logs/root+00000000+AAAA"} {
		_, err := enrolment.NewRoot(text)
		require.Error(t, err)
		if len(text) > 40 {
			assert.NotContains(t, err.Error(), text[len(text)-20:], "a secret in an error")
		}
	}
}

func TestRotation(t *testing.T) {
	s, root := memstore.New(nil), newRoot(t)
	last, _, err := enrolment.Latest(t.Context(), s, layout, root.Verifier())
	require.NoError(t, err)
	assert.Nil(t, last)
	first, second := newKey(t, "w", begin), newKey(t, "w", begin.Add(time.Hour))
	assert.Equal(t, "logs/_log/writers/00000000000000000000", add(t, s, root, first))
	add(t, s, root, newKey(t, "v", begin))
	assert.Equal(t, "logs/_log/writers/00000000000000000002", add(t, s, root, second))
	last, sum, err := enrolment.Latest(t.Context(), s, layout, root.Verifier())
	require.NoError(t, err)
	keys := last.KeysFor("w")
	require.Len(t, keys, 2)
	assert.Equal(t, second.From, keys[0].To)
	assert.True(t, keys[1].To.IsZero())
	assert.True(t, last.KeysFor("v")[0].To.IsZero(), "another writer's key was closed")

	_, err = enrolment.AddKey(origin, last, sum, second)
	require.ErrorIs(t, err, enrolment.ErrEnrolled)
	_, err = enrolment.AddKey(origin, last, sum, newKey(t, "w", second.From))
	require.ErrorContains(t, err, "must begin later than that")
	retired, err := enrolment.Retire(last, sum, "w", begin.Add(2*time.Hour))
	require.NoError(t, err)
	_, err = enrolment.Put(t.Context(), s, layout, root, retired, objectstore.Lock{})
	require.NoError(t, err)
	last, sum, err = enrolment.Latest(t.Context(), s, layout, root.Verifier())
	require.NoError(t, err)
	_, err = enrolment.AddKey(origin, last, sum, newKey(t, "w", begin.Add(3*time.Hour)))
	require.ErrorContains(t, err, "choose another name")
	_, err = enrolment.Retire(last, sum, "v", begin)
	require.ErrorContains(t, err, "is not before")
	_, err = enrolment.Retire(nil, sum, "v", begin)
	require.ErrorContains(t, err, "there are: none")

	// What came in between is not overwritten.
	_, err = enrolment.Put(t.Context(), s, layout, root, retired, objectstore.Lock{})
	require.ErrorIs(t, err, objectstore.ErrExists)
	require.ErrorContains(t, err, "try again")
}

// Whoever may write to the bucket can't have a key entered, or one taken away, by what
// comes next.
func TestTampering(t *testing.T) {
	for name, one := range map[string]struct {
		do   func(t *testing.T, s *memstore.Store, root *enrolment.Root)
		want string
	}{
		"a delete marker on the last": {func(_ *testing.T, s *memstore.Store, _ *enrolment.Root) { s.Mark(layout.Writers(2)) }, "a delete marker is on it"},
		"the last but one is gone":    {func(_ *testing.T, s *memstore.Store, _ *enrolment.Root) { s.RemoveAll(layout.Writers(1)) }, "where writers file 1 is expected"},
		"a newer version": {func(t *testing.T, s *memstore.Store, _ *enrolment.Root) {
			t.Helper()
			data, ok := s.Bytes(layout.Writers(1), "")
			require.True(t, ok)
			s.Overwrite(layout.Writers(1), data, objectstore.Lock{})
		}, "has several versions"},
		"a key that was entered by hand": {func(_ *testing.T, s *memstore.Store, _ *enrolment.Root) {
			s.Edit(layout.Writers(2), "", true, func(data []byte) []byte {
				return []byte(strings.Replace(string(data), "2026-01-01T00:00:00Z -", "2025-01-01T00:00:00Z -", 1))
			})
		}, ""},
		"a file of another root key": {func(t *testing.T, s *memstore.Store, root *enrolment.Root) {
			t.Helper()
			last, sum, err := enrolment.Latest(t.Context(), s, layout, root.Verifier())
			require.NoError(t, err)
			next, err := enrolment.AddKey(origin, last, sum, newKey(t, "x", begin))
			require.NoError(t, err)
			_, err = enrolment.Put(t.Context(), s, layout, newRoot(t), next, objectstore.Lock{})
			require.NoError(t, err)
		}, ""},
		"a file of another archive": {func(_ *testing.T, s *memstore.Store, _ *enrolment.Root) {
			data, _ := s.Bytes(layout.Writers(1), "")
			s.Overwrite(layout.Writers(3), data, objectstore.Lock{})
		}, "it is number 1"},
		"a file that does not follow": {func(t *testing.T, s *memstore.Store, root *enrolment.Root) {
			t.Helper()
			alone := &archive.Writers{Origin: origin, Number: 3, Previous: archive.Digest{1}, Keys: []archive.WriterKey{newKey(t, "x", begin)}}
			_, err := enrolment.Put(t.Context(), s, layout, root, alone, objectstore.Lock{})
			require.NoError(t, err)
		}, "writers file 3 does not follow 2"},
		"something else beside them": {func(_ *testing.T, s *memstore.Store, _ *enrolment.Root) {
			s.Overwrite(layout.WritersPrefix()+"0", nil, objectstore.Lock{})
		}, "where writers file 0 is expected"},
		"a file too large": {func(_ *testing.T, s *memstore.Store, _ *enrolment.Root) {
			s.Overwrite(layout.Writers(3), make([]byte, 16<<20+1), objectstore.Lock{})
		}, "is larger than a writers file can be"},
	} {
		t.Run(name, func(t *testing.T) {
			s, root := memstore.New(nil), newRoot(t)
			for _, writer := range []string{"a", "b", "c"} {
				add(t, s, root, newKey(t, writer, begin))
			}
			one.do(t, s, root)
			_, _, err := enrolment.Latest(t.Context(), s, layout, root.Verifier())
			require.Error(t, err)
			assert.Contains(t, err.Error(), one.want)
		})
	}
}
