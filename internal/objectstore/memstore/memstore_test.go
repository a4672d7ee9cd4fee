package memstore_test

import (
	"context"
	"crypto/sha256"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/storetest"
)

func TestMemstoreIsAStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Subject {
		s := memstore.New(nil)
		return storetest.Subject{
			Store: s, Mark: func(key string) { s.Mark(key) },
			Overwrite: func(key, data string) { s.Overwrite(key, []byte(data), objectstore.Lock{}) },
		}
	})
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 500_000_000, time.UTC)

// manual is a clock that a test sets.
type manual struct{ at time.Time }

func (m *manual) now() time.Time { return m.at }

func put(t *testing.T, s *memstore.Store, key, data string, lock objectstore.Lock) objectstore.Info {
	t.Helper()
	info, err := s.Put(t.Context(), storetest.Object(key, data, lock))
	require.NoError(t, err)
	return info
}

func TestTheClock(t *testing.T) {
	c := &manual{at: start}
	s := memstore.New(c.now)
	until := start.Add(time.Hour)
	locked := put(t, s, "key", "data", objectstore.Lock{Mode: objectstore.Governance, RetainUntil: until})
	now, ok := s.Now()
	require.True(t, ok)
	assert.Equal(t, start.Truncate(time.Second), now)
	assert.Equal(t, start.Truncate(time.Second), s.All("key")[0].Modified)
	c.at = start.Add(2500 * time.Millisecond)
	now, _ = s.Now()
	assert.Equal(t, start.Add(2*time.Second), now)

	// A lock holds until its time, and a version without one does not.
	require.ErrorIs(t, s.Delete(t.Context(), "key", locked.VersionID, false), objectstore.ErrDenied)
	c.at = until.Add(time.Second)
	require.NoError(t, s.Delete(t.Context(), "key", locked.VersionID, false))
	assert.Empty(t, s.Keys())
	_, err := s.Put(t.Context(), storetest.Object("key", "data", objectstore.Lock{Mode: objectstore.Compliance, RetainUntil: until}))
	require.ErrorContains(t, err, "is not in the future")
}

func TestLocks(t *testing.T) {
	s := memstore.New(nil)
	until := time.Now().Add(time.Hour)
	governed := put(t, s, "g", "data", objectstore.Lock{Mode: objectstore.Governance, RetainUntil: until})
	complied := put(t, s, "c", "data", objectstore.Lock{Mode: objectstore.Compliance, RetainUntil: until})
	require.ErrorIs(t, s.Delete(t.Context(), "g", governed.VersionID, false), objectstore.ErrDenied)
	require.NoError(t, s.Delete(t.Context(), "g", governed.VersionID, true))
	require.ErrorIs(t, s.Delete(t.Context(), "c", complied.VersionID, true), objectstore.ErrDenied)
	require.NoError(t, s.Delete(t.Context(), "c", "", false)) // a marker
	assert.Len(t, s.All("c"), 2)

	s.SetBucket(objectstore.Bucket{Versioning: true, ObjectLock: true, DefaultMode: objectstore.Compliance, DefaultPeriod: 24 * time.Hour})
	asked := put(t, s, "d", "data", objectstore.Lock{})
	assert.Equal(t, objectstore.Lock{}, asked.Lock)
	info, err := s.Head(t.Context(), "d", "")
	require.NoError(t, err)
	assert.Equal(t, objectstore.Compliance, info.Lock.Mode)
	assert.WithinDuration(t, time.Now().Add(24*time.Hour), info.Lock.RetainUntil, 5*time.Second)

	s.SetBucket(objectstore.Bucket{})
	_, err = s.Put(t.Context(), storetest.Object("e", "", objectstore.Lock{Mode: objectstore.Governance, RetainUntil: until}))
	require.ErrorContains(t, err, "has no Object Lock")
	plain := put(t, s, "e", "", objectstore.Lock{})
	assert.Empty(t, plain.VersionID)
	s.Mark("e")
	assert.NotContains(t, s.Keys(), "e")
}

func TestFaults(t *testing.T) {
	s := memstore.New(nil)
	var calls []memstore.Call
	fail := memstore.Call{Op: memstore.OpPut, Key: "before", Stage: memstore.Before}
	s.SetFault(func(_ context.Context, c memstore.Call) error {
		calls = append(calls, c)
		if c == fail {
			return objectstore.ErrBusy
		}
		return nil
	})
	_, err := s.Put(t.Context(), storetest.Object("before", "data", objectstore.Lock{}))
	require.ErrorIs(t, err, objectstore.ErrBusy)
	assert.Empty(t, s.Keys())
	_, ok := s.Now()
	assert.False(t, ok, "a call without an answer tells the time")
	fail = memstore.Call{Op: memstore.OpPut, Key: "after", Stage: memstore.After}
	_, err = s.Put(t.Context(), storetest.Object("after", "data", objectstore.Lock{}))
	require.ErrorIs(t, err, objectstore.ErrBusy)
	assert.Equal(t, []string{"after"}, s.Keys())
	fail = memstore.Call{}
	_, err = s.Put(t.Context(), storetest.Object("after", "data", objectstore.Lock{}))
	require.ErrorIs(t, err, objectstore.ErrExists)
	for _, err := range s.Versions(t.Context(), "a") {
		require.NoError(t, err)
	}
	assert.Contains(t, calls, memstore.Call{Op: memstore.OpVersions, Key: "a", Stage: memstore.After})

	s.SetBody(func(_ memstore.Call, r io.Reader) io.Reader {
		return io.MultiReader(io.LimitReader(r, 2), iotest.ErrReader(io.ErrUnexpectedEOF))
	})
	body, _, err := s.Get(t.Context(), "after", "", 0, -1)
	require.NoError(t, err)
	data, err := io.ReadAll(body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, "da", string(data))
	require.NoError(t, body.Close())
}

func TestTampering(t *testing.T) {
	s := memstore.New(nil)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	first := put(t, s, "key", "first", objectstore.Lock{Mode: objectstore.Compliance, RetainUntil: until})
	put(t, s, "other", "other", objectstore.Lock{})
	before := s.Clone()

	s.Edit("key", first.VersionID, true, func(data []byte) []byte { return append(data, '!') })
	info, err := s.Head(t.Context(), "key", "")
	require.NoError(t, err)
	assert.EqualValues(t, 6, info.Size)
	assert.Equal(t, sha256.Sum256([]byte("first")), info.SHA256)
	s.Edit("key", "", false, func([]byte) []byte { return []byte("x") })
	info, err = s.Head(t.Context(), "key", "")
	require.NoError(t, err)
	assert.Equal(t, sha256.Sum256([]byte("x")), info.SHA256)
	s.SetLock("key", "", objectstore.Lock{Mode: objectstore.Governance, RetainUntil: until.Add(-time.Minute)})
	s.SetModified("key", "", start)
	info, err = s.Head(t.Context(), "key", "")
	require.NoError(t, err)
	assert.Equal(t, objectstore.Lock{Mode: objectstore.Governance, RetainUntil: until.Add(-time.Minute)}, info.Lock)
	assert.Equal(t, start, info.Modified)
	second := s.Overwrite("key", []byte("second"), objectstore.Lock{})
	marker := s.Mark("key")
	require.Len(t, s.All("key"), 3)
	s.Remove("key", marker)
	s.Remove("key", first.VersionID)
	require.Len(t, s.All("key"), 1)
	assert.Equal(t, second, s.All("key")[0].VersionID)
	s.Move("key", "a")
	assert.Equal(t, []string{"a", "other"}, s.Keys())
	s.RemoveAll("other")
	assert.Equal(t, []string{"a"}, s.Keys())

	// None of it happened to the copy.
	assert.Equal(t, []string{"key", "other"}, before.Keys())
	data, ok := before.Bytes("key", first.VersionID)
	require.True(t, ok)
	assert.Equal(t, "first", string(data))
	data[0] = 'X'
	data, _ = before.Bytes("key", "")
	assert.Equal(t, "first", string(data))
	_, ok = before.Bytes("key", "nothing")
	assert.False(t, ok)
	assert.Panics(t, func() { s.Remove("key", "") })
	assert.Panics(t, func() { s.SetModified("key", "", start) })
	assert.Panics(t, func() { before.Move("key", "other") })
}
