package spool

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (fs *crashFS) setFail(fail func(op, path string) error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.fail = fail
}

// TestAFullDiskAtStart: what only a .done file says is not forgotten while no header
// can be written.
func TestAFullDiskAtStart(t *testing.T) {
	for _, op := range []string{"create", "write", "sync", "rename", "syncdir"} {
		t.Run(op, func(t *testing.T) {
			fs := newCrashFS()
			set := Settings{Directory: testDir, FS: fs, SegmentSize: 100}
			s := open(t, fs, set)
			gone := put(t, s, strings.Repeat("a", 200))
			put(t, s, "kept")
			fs.setFail(func(op, _ string) error {
				if op == "write" || op == "create" {
					return errDisk
				}
				return nil
			})
			require.ErrorIs(t, s.Ack(gone).Wait(t.Context()), errDisk)
			require.Eventually(t, func() bool { return s.Stats().Segments == 1 }, 10*time.Second, time.Millisecond)
			require.NoError(t, s.Close())

			fs.setFail(func(which, _ string) error {
				if which == op {
					return errDisk
				}
				return nil
			})
			_, err := Open(set)
			require.ErrorIs(t, err, errDisk)
			for name, after := range map[string]*crashFS{"restart": fs, "power loss": fs.restart(nil)} {
				after.setFail(nil)
				set.FS = after
				s, err := Open(set)
				require.NoError(t, err, name)
				assert.Equal(t, []string{"kept"}, texts(drain(t, s)), name)
				require.NoError(t, s.Close())
			}
		})
	}
}

// TestPowerLossAtEveryCallOfAStart: with a .done file there.
func TestPowerLossAtEveryCallOfAStart(t *testing.T) {
	fs := newCrashFS()
	s := open(t, fs, Settings{SegmentSize: 100})
	gone := put(t, s, strings.Repeat("a", 200))
	put(t, s, "kept")
	fs.setFail(func(op, _ string) error {
		if op == "write" || op == "create" {
			return errDisk
		}
		return nil
	})
	require.Error(t, s.Ack(gone).Wait(t.Context()))
	require.Eventually(t, func() bool { return s.Stats().Segments == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, s.Close())
	for at := 1; ; at++ {
		before := fs.restart(nil)
		before.crashAt = at
		s, err := Open(Settings{Directory: testDir, FS: before, SegmentSize: 100})
		if err == nil {
			require.Greater(t, at, 5, "there was something to crash in")
			require.NoError(t, s.Close())
			return
		}
		// A removal may be on disk without a sync of the directory.
		for _, names := range []map[string]*crashFile{before.durable, before.names} {
			before.durable = names
			s, err := Open(Settings{Directory: testDir, FS: before.restart(nil), SegmentSize: 100})
			require.NoError(t, err, "call %d", at)
			assert.Equal(t, []string{"kept"}, texts(drain(t, s)))
			require.NoError(t, s.Close())
		}
	}
}
