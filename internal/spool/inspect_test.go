package spool

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func inspected(t *testing.T, dir string) (payloads []string, in Inspection, err error) {
	t.Helper()
	in, err = Inspect(dir, func(r Record) error {
		payloads = append(payloads, string(r.Payload))
		return nil
	})
	return payloads, in, err
}

// contents are all files of a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(data)
	}
	return all
}

func TestInspectChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Settings{Directory: dir, SegmentSize: 200})
	require.NoError(t, err)
	var ids []ID
	for _, payload := range []string{"one", "two", "three", "four"} {
		id, err := s.Append(context.Background(), Batch{Records: [][]byte{bytes.Repeat([]byte(payload), 20)}})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	require.NoError(t, s.Ack(ids[1]).Wait(context.Background()))
	_, _, err = inspected(t, dir)
	require.ErrorIs(t, err, ErrInUse)
	require.NoError(t, s.Close())

	// A torn end is seen, and stays.
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var last string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == segmentSuffix {
			last = filepath.Join(dir, e.Name())
		}
	}
	f, err := os.OpenFile(last, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("torn")
	require.NoError(t, errors.Join(err, f.Close()))
	before := contents(t, dir)
	payloads, in, err := inspected(t, dir)
	require.NoError(t, err)
	assert.Equal(t, before, contents(t, dir))
	require.Len(t, payloads, 3)
	for i, want := range []string{"one", "three", "four"} {
		assert.Contains(t, payloads[i], want)
	}
	assert.EqualValues(t, 3, in.Records)
	assert.EqualValues(t, 4, in.Cut)
	assert.False(t, in.Oldest.IsZero())

	// What it says is what Open finds.
	s, err = Open(Settings{Directory: dir})
	require.NoError(t, err)
	assert.Equal(t, in.Recovery, s.Recovered())
	require.NoError(t, s.Close())
}

func TestInspectNamesDamageAndVersions(t *testing.T) {
	dir := t.TempDir()
	payloads, in, err := inspected(t, dir)
	require.NoError(t, err)
	assert.Empty(t, payloads)
	assert.Zero(t, in)

	s, err := Open(Settings{Directory: dir})
	require.NoError(t, err)
	_, err = s.Append(context.Background(), Batch{Records: [][]byte{[]byte("x")}})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	whole := contents(t, dir)
	for name, c := range map[string]struct {
		at   int
		to   byte
		want error
	}{
		"a newer version": {7, 2, errVersion},
		"damage":          {20, 0xff, errChecksum},
	} {
		for file, content := range whole {
			if filepath.Ext(file) != segmentSuffix {
				continue
			}
			data := []byte(content)
			data[c.at] = c.to
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), data, 0o600))
		}
		_, _, err := inspected(t, dir)
		require.ErrorIs(t, err, c.want, name)
		var damage *DamageError
		require.ErrorAs(t, err, &damage, name)
		assert.Equal(t, name == "damage", strings.Contains(err.Error(), "is damaged at byte"), err)
		assert.Equal(t, name != "damage", strings.Contains(err.Error(), "use the release that wrote it"), err)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "note.txt"), nil, 0o600))
	_, _, err = inspected(t, dir)
	require.ErrorIs(t, err, errForeign)
}
