package heldstate

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/spool"
)

// written is what components have written: integration/testdata/state.
var written = filepath.Join("..", "..", "integration", "testdata", "state", "v1", "data")

func copied(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

func TestWhatComponentsWroteIsCounted(t *testing.T) {
	dir := copied(t, written)
	states, err := Find(dir)
	require.NoError(t, err)
	require.Len(t, states, 3)
	for i, want := range []State{
		{Kind: Archive, Directory: "archive", Records: 100, Log: "example.com/logs/gateway-1"},
		{Kind: Fold, Directory: "fold", Records: 40},
		{Kind: Kinesis, Directory: "kinesis", Signal: "logs", Records: 50},
	} {
		s := states[i]
		require.NoError(t, s.Err)
		assert.Equal(t, want.Kind, s.Kind)
		assert.Equal(t, filepath.Join(dir, want.Directory), s.Directory)
		assert.Equal(t, []any{want.Records, want.Log, want.Signal, 1}, []any{s.Records, s.Log, s.Signal, s.Version}, s.Kind)
		assert.Greater(t, s.Bytes, int64(4000))
		assert.Equal(t, 2026, s.Oldest.Year(), "%s", s.Kind)
		assert.True(t, s.Holds())
	}
}

// put appends entries to a spool.
func put(t *testing.T, dir string, entries ...[]byte) {
	t.Helper()
	s, err := spool.Open(spool.Settings{Directory: dir})
	require.NoError(t, err)
	_, err = s.Append(context.Background(), spool.Batch{Records: entries})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// entry is one of an archive's journal: docs/format/archive.md.
func entry(kind byte, text string, blobs ...[]byte) []byte {
	dst := binary.AppendUvarint([]byte{1, kind}, uint64(len(text)))
	dst = append(dst, text...)
	dst = binary.AppendUvarint(dst, uint64(len(blobs)))
	for _, b := range blobs {
		dst = append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	}
	return dst
}

// TestSealedRecordsCountOnce: what is sealed is in the queue until that is acknowledged, and
// what a checkpoint covers in neither.
func TestSealedRecordsCountOnce(t *testing.T) {
	dir := copied(t, filepath.Join(written, "archive"))
	journal := filepath.Join(dir, "journal")
	put(t, journal,
		entry(entrySealed, `{"first_leaf":5,"records":10,"size":7,"sealed_at":"2026-01-02T03:04:05Z"}`, []byte{1, 10}, nil), // IDs 1 to 10
		entry(entrySealed, `{"first_leaf":1,"records":4}`, nil, nil),
		entry(entryHead, `{"number":2,"size":5}`),
		entry(entryEnd, `{"number":3}`, nil))
	states, err := Find(dir)
	require.NoError(t, err)
	require.Len(t, states, 1)
	require.NoError(t, states[0].Err)
	assert.EqualValues(t, 100, states[0].Records, "90 of the queue and 10 of an object")
	assert.Equal(t, "2026-01-02T03:04:05Z", states[0].Oldest.Format("2006-01-02T15:04:05Z07:00"))
	assert.True(t, states[0].Pending, "interval 3 has no checkpoint")
	put(t, journal, entry(entryHead, `{"number":3,"size":20}`))
	states, err = Find(dir)
	require.NoError(t, err)
	assert.EqualValues(t, 90, states[0].Records)
	assert.False(t, states[0].Pending)
}

func TestNewerFormsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		dir   string
		entry []byte
	}{
		"kinesis": {"kinesis/logs", []byte{2, 0, 0}},
		"fold":    {"fold", []byte{0x21, 0, 0}},
		"journal": {"archive/journal", []byte{2, 1, 0, 0}},
		"queue":   {"archive/queue", []byte{2, 1, 0, 0}},
		"short":   {"kinesis/logs", []byte{1, 0}},
		"torn":    {"archive/journal", entry(entrySealed, `{"first_leaf":`, nil, nil)},
	} {
		dir := copied(t, written)
		put(t, filepath.Join(dir, c.dir), c.entry)
		states, err := Find(dir)
		require.NoError(t, err, name)
		failed := 0
		for _, s := range states {
			if s.Err != nil {
				require.ErrorIs(t, s.Err, ErrForm, name)
				failed++
			}
		}
		assert.Equal(t, 1, failed, name)
	}
}

func TestFileStorageIsSeen(t *testing.T) {
	dir := t.TempDir()
	page := make([]byte, 4096)
	copy(page[boltMagicAt:], boltMagic)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "receiver_stdout_tail_"), page, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), []byte("x"), 0o600))
	states, err := Find(dir)
	require.NoError(t, err)
	require.Len(t, states, 1)
	assert.Equal(t, FileStorage, states[0].Kind)
	assert.False(t, states[0].Holds())
}

func FuzzJournal(f *testing.F) {
	f.Add(entry(entrySealed, `{"first_leaf":5,"records":10}`, []byte{1, 10}, nil))
	f.Add(entry(entryHead, `{"number":2,"size":5}`))
	f.Add([]byte{1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var j archiveJournal
		if err := j.add(spool.Record{Payload: data}); err == nil && len(data) == 0 {
			t.Fatal("nothing is no entry")
		}
		if len(j.runs) > len(data) {
			t.Fatal("more runs than there are bytes")
		}
		j.sealedInQueue(1)
	})
}
