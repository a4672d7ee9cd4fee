package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// TestArchiveLostDisk: all state is gone. The log goes on behind what is in the bucket,
// without a fork, and says so; so does `heartwood verify`.
func TestArchiveLostDisk(t *testing.T) {
	t.Parallel()
	_, b := newFakeBed(t)
	col := b.start(t)
	load := newArchiveLoad(t, "disk", 5000)
	require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
	waitArchived(t, col)
	for range 2 {
		col.Kill()
		require.NoError(t, os.RemoveAll(col.Path("spool")))
		col.Start(t)
		load.total += 5000
		load.next.Store(int64(load.total - 5000))
		require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
		waitArchived(t, col)
	}
	col.Stop(t)
	a := b.read(t)
	load.requireOnce(t, a)
	a.requireLog(t, b, archiveWriter)
	recovered := 0
	for _, m := range a.manifests[archiveWriter] {
		if len(m.Recovered) > 0 {
			recovered++
		}
	}
	assert.Equal(t, 2, recovered, "each lost disk is in the log")
	r := b.requireGood(t)
	assert.Contains(t, r.kinds("note"), "recovered")
}

// TestArchiveTwoWriters: two collectors with one identity. One of them stops, and says
// why.
func TestArchiveTwoWriters(t *testing.T) {
	t.Parallel()
	_, b := newFakeBed(t)
	one := b.start(t, harness.WithName("one"))
	load := newArchiveLoad(t, "two", 3000)
	require.NoError(t, load.run(t.Context(), "http://"+one.Addr(t, "in")))
	waitArchived(t, one)
	two := b.start(t, harness.WithName("two"))
	failed := func(col *harness.Collector) bool {
		return col.Metrics(t).Sum("otelcol_exporter_worm_s3_failed") == 1
	}
	require.Eventually(t, func() bool { return failed(one) || failed(two) }, time.Minute, 50*time.Millisecond, "one of them to find the other")
	loser := one
	if failed(two) {
		loser = two
	}
	assert.Contains(t, loser.Output(), archiveWriter)
	assert.Contains(t, loser.Output(), "another")
	t.Log(lastError(loser.Output()))
	one.Kill()
	two.Kill()
	// What the loser had begun lies beside the log. Who reads the archive sees that there
	// was a second one.
	r := b.verify(t)
	assert.NotZero(t, r.code, "%+v", r.Findings)
	for _, kind := range r.kinds("tampered") {
		assert.Contains(t, []string{"in-no-manifest", "forked", "two-instances"}, kind, "%+v", r.Findings)
	}
}

func lastError(output string) string {
	last := ""
	for line := range strings.Lines(output) {
		if strings.Contains(line, "\terror\t") {
			last = strings.TrimSpace(line)
		}
	}
	return last
}

// TestArchiveUnusableDisk: a spool that can not be written, or is none, is a named error at
// start.
func TestArchiveUnusableDisk(t *testing.T) {
	t.Parallel()
	_, b := newFakeBed(t)
	col := b.collector(t)
	// A file where the folder should be is what root, too, can't write to.
	require.NoError(t, os.RemoveAll(col.Path("spool")))
	require.NoError(t, os.WriteFile(col.Path("spool"), nil, 0o600))
	out := col.FailToStart(t)
	assert.Contains(t, out, "spool::directory is")
	assert.Contains(t, out, col.Path("spool"))
	require.NoError(t, os.Remove(col.Path("spool")))

	require.NoError(t, os.MkdirAll(filepath.Join(col.Path("spool"), "queue"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(col.Path("spool"), "queue", "00000000000000000001.seg"), []byte("this is no segment"), 0o600))
	out = col.FailToStart(t)
	assert.Contains(t, out, col.Path("spool"))
}
