package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// ownDisk has a collector's folder on a file system of its own, in memory, which nobody but
// the collector sees: its program is started in namespaces of users and mounts, which need
// no rights.
type ownDisk struct {
	script, binary string
}

func newOwnDisk(t *testing.T) *ownDisk {
	t.Helper()
	return &ownDisk{script: filepath.Join(t.TempDir(), "on-own-disk"), binary: harness.Binary(t)}
}

// mount has the collector start with the file system on a folder. Options are mount's.
func (d *ownDisk) mount(t *testing.T, folder, options string) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\nexec unshare -Urm sh -ec 'mount -t tmpfs -o %s tmpfs \"$0\"; exec \"$@\"' '%s' '%s' \"$@\"\n", options, folder, d.binary)
	require.NoError(t, os.WriteFile(d.script, []byte(script), 0o700))
}

// fillDisk takes what room there is on the disk of a collector that runs.
func fillDisk(t *testing.T, col *harness.Collector, folder string) (path string) {
	t.Helper()
	path = filepath.Join("/proc", strconv.Itoa(col.PID()), "root", folder, "filler")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	block := make([]byte, 64<<10)
	for len(block) > 0 {
		if _, err = f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
			continue
		}
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	return path
}

// diskLoad is what a test of a full disk needs of a load that goes on until it is stopped.
type diskLoad struct {
	run                func(ctx context.Context, url string) error
	confirmed, refused *atomic.Int64
	stop               chan struct{}
}

// fillAndFree has a load run while a collector's disk is full, and is not any more.
func (l *diskLoad) fillAndFree(t *testing.T, col *harness.Collector, folder string) {
	t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- l.run(t.Context(), "http://"+col.Addr(t, "in")) }()
	took := func(n int64) {
		t.Helper()
		require.Eventually(t, func() bool { return l.confirmed.Load() >= n }, time.Minute, 10*time.Millisecond, "records to be accepted")
	}
	for range 2 {
		took(l.confirmed.Load() + 2000)
		refused := l.refused.Load()
		var filler string
		require.Eventually(t, func() bool {
			filler = fillDisk(t, col, folder) // what was delivered makes room
			return l.refused.Load() >= refused+10
		}, time.Minute, 10*time.Millisecond, "senders to be told to come again")
		col.WaitOutput(t, "no space left on device", time.Minute)
		require.NoError(t, os.Remove(filler))
		took(l.confirmed.Load() + 2000)
	}
	close(l.stop)
	require.NoError(t, <-sent)
	told := ""
	for line := range strings.Lines(col.Output()) {
		if strings.Contains(line, "their senders are told to come again") && strings.Contains(line, "no space left on device") {
			told = line
		}
	}
	assert.Contains(t, told, folder)
	assert.Contains(t, strings.ReplaceAll(told, `\"`, `"`), fmt.Sprintf("spool::directory is %q, and there is no room: make some", folder))
}

// TestDiskFull: the disk of an exporter's spool is full. Senders are told to come again, the
// log says which disk it is, and when there is room, it goes on as it is. All that was
// accepted is there, in the archive once.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	t.Run("worm_s3", func(t *testing.T) {
		t.Parallel()
		_, b := newFakeBed(t)
		disk := newOwnDisk(t)
		col := b.collector(t, harness.WithBinary(disk.script))
		disk.mount(t, col.Path("spool"), "size=32m")
		col.Start(t)
		load := newArchiveLoad(t, "full", 0)
		load.pause = 2 * time.Millisecond
		of := diskLoad{load.run, &load.confirmed, &load.refused, load.stop}
		of.fillAndFree(t, col, col.Path("spool"))
		waitArchived(t, col)
		col.Stop(t)
		a := b.read(t)
		load.requireOnce(t, a)
		a.requireLog(t, b, archiveWriter)
		b.requireGood(t)
	})
	t.Run("kinesis", func(t *testing.T) {
		t.Parallel()
		fake := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 4}})
		disk := newOwnDisk(t)
		col := harness.New(t, kinesisToFake, harness.With("url", fake.URL()), harness.With("aggregation", "none"),
			harness.WithEnv(awsEnv...), harness.WithBinary(disk.script))
		disk.mount(t, col.Path("spool"), "size=32m")
		col.Start(t)
		load := newKeyedLoad(t, 1000, 0)
		load.pause = 2 * time.Millisecond
		of := diskLoad{load.run, &load.confirmed, &load.refused, load.stop}
		of.fillAndFree(t, col, col.Path("spool"))
		load.requireAll(t, fake, "logs")
		col.Stop(t)
	})
}

// TestDiskReadOnly: a spool on a disk that can only be read is a named error at start.
func TestDiskReadOnly(t *testing.T) {
	t.Parallel()
	_, b := newFakeBed(t)
	disk := newOwnDisk(t)
	col := b.collector(t, harness.WithBinary(disk.script))
	disk.mount(t, col.Path("spool"), "ro")
	out := strings.ReplaceAll(col.FailToStart(t), `\"`, `"`)
	assert.Contains(t, out, fmt.Sprintf("read-only file system; spool::directory is %q, which can only be read: mount it for writing", col.Path("spool")))
	disk.mount(t, col.Path("spool"), "size=32m")
	col.Start(t)
	col.Stop(t)
}
