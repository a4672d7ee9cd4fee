package integration

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

// newFakeBed is an archive on a fake, which is made as a user makes one.
func newFakeBed(t *testing.T, writers ...string) (*s3fake.Running, *archiveBed) {
	t.Helper()
	fake := s3fake.Start(t, s3fake.Settings{})
	return fake, newArchiveBed(t, fake.URL(), s3fake.NewClient(t, fake.URL()), writers...)
}

// badDay is all that can go wrong with a server, at once: each fifth call to write and
// each fourth to read.
var badDay = s3fake.Faults{Seed: 7, Rules: []s3fake.Rule{
	{Operation: "PutObject", Share: 0.03, Fault: s3fake.Hang}, // stored, and no answer until the client gives up
	{Operation: "PutObject", Share: 0.03, Fault: s3fake.CutAfter},
	{Operation: "PutObject", Share: 0.03, Fault: s3fake.CutBefore},
	{Operation: "PutObject", Share: 0.03, Fault: s3fake.InternalError},
	{Operation: "PutObject", Share: 0.03, Fault: s3fake.InternalError.After()},
	{Operation: "PutObject", Share: 0.04, Fault: s3fake.SlowDown},
	{Operation: "PutObject", Share: 0.02, Fault: s3fake.Unavailable},
	{Operation: "PutObject", Share: 0.03, Fault: s3fake.Conflict},
	{Operation: "PutObject", Share: 0.03, Fault: s3fake.Precondition}, // though there is no such key
	{Operation: "PutObject", Share: 0.03, Fault: s3fake.WrongChecksum},
	{Operation: "HeadObject", Share: 0.05, Fault: s3fake.SlowDown},
	{Operation: "HeadObject", Share: 0.05, Fault: s3fake.CutBefore},
	{Operation: "HeadObject", Share: 0.05, Fault: s3fake.WrongChecksum},
	{Operation: "GetObject", Share: 0.05, Fault: s3fake.Tear},
	{Operation: "GetObject", Share: 0.05, Fault: s3fake.Shorten},
	{Operation: "GetObject", Share: 0.05, Fault: s3fake.Flip},
	{Operation: "ListObjectVersions", Share: 0.1, Fault: s3fake.Tear},
	{Operation: "ListObjectsV2", Share: 0.1, Fault: s3fake.InternalError},
}}

// TestArchiveBadDay: everything goes wrong at once; a sender repeats what was accepted;
// an exporter beside this one refuses a third of the calls, so that all of these come again.
// Each record is in the archive once.
func TestArchiveBadDay(t *testing.T) {
	t.Parallel()
	fake, b := newFakeBed(t)
	b.Timeout = "400ms"
	sink := harness.NewSink(t)
	sink.Behave(harness.Every(3, harness.Refuse(harness.Refusal{Reason: harness.Unavailable})))
	fake.Misbehave(badDay)
	b.Exporters = "[worm_s3, otlp_http]"
	col := b.start(t, harness.WithFile(writeFile(t, "beside.yaml",
		"exporters: {otlp_http: {endpoint: '"+sink.HTTP()+"', sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}}\n")))
	load := newArchiveLoad(t, "bad", 10_000)
	load.again = 5
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	require.NoError(t, load.run(ctx, "http://"+col.Addr(t, "in")), "%d accepted, %d calls refused, %d unanswered", load.confirmed.Load(), load.refused.Load(), load.confused.Load())
	assert.Greater(t, load.refused.Load(), int64(5), "the exporter beside refuses")
	m := col.WaitMetrics(t, "all to be archived", func(m harness.Metrics) bool {
		return m.Sum("otelcol_exporter_worm_s3_records_archived") >= 10_000
	})
	assert.Positive(t, m.Sum("otelcol_exporter_worm_s3_retries"))
	waitArchived(t, col)
	fake.Misbehave(s3fake.Faults{})
	col.Stop(t)
	counts, kinds := fake.Counts(), 0
	for _, rule := range badDay.Rules[:10] {
		if counts[rule.Operation].Faults[rule.Fault.String()] > 0 {
			kinds++
		}
	}
	assert.GreaterOrEqual(t, kinds, 5, "of the ten ways in which a PUT goes wrong: %v", counts["PutObject"])
	a := b.read(t)
	load.requireOnce(t, a)
	a.requireLog(t, b, archiveWriter)
	totals := a.manifests[archiveWriter][len(a.manifests[archiveWriter])-1].Totals
	assert.Equal(t, 10_000, totals.Archived)
	assert.Greater(t, totals.Repeated, int(load.repeated.Load()), "those that the other exporter had refused, too")
	b.requireGood(t)
}

// archiveKills is how often the collector is killed while it archives.
const archiveKills = 50

// TestArchiveKilled: the collector is killed again and again, while it recovers as well.
// Each record that a sender was told is accepted is in the archive once.
func TestArchiveKilled(t *testing.T) {
	t.Parallel()
	fake, b := newFakeBed(t)
	fake.Misbehave(s3fake.Faults{Seed: 11, Rules: []s3fake.Rule{
		{Operation: "PutObject", Share: 0.05, Fault: s3fake.CutAfter},
		{Operation: "PutObject", Share: 0.05, Fault: s3fake.SlowDown},
		{Operation: "PutObject", Share: 0.2, Fault: s3fake.Slow(50 * time.Millisecond)},
	}})
	col := b.collector(t)
	load := newArchiveLoad(t, "killed", 0)
	load.batch, load.pause, load.again = 100, 30*time.Millisecond, 7
	load.senders = 3
	sent := make(chan error, 1)
	go func() { sent <- load.run(t.Context(), "http://"+col.Addr(t, "in")) }()

	dice := rand.New(rand.NewPCG(3, 5))
	for i := range archiveKills {
		if i%3 == 2 {
			col.Launch(t) // and not waited for: it dies while it recovers
		} else {
			col.Start(t)
		}
		time.Sleep(time.Duration(20+dice.IntN(900)) * time.Millisecond)
		col.Kill()
	}
	col.Start(t)
	close(load.stop)
	require.NoError(t, <-sent)
	waitArchived(t, col)
	fake.Misbehave(s3fake.Faults{})
	col.Stop(t)
	a := b.read(t)
	load.requireOnce(t, a)
	a.requireLog(t, b, archiveWriter)
	b.requireGood(t)
	totals := a.manifests[archiveWriter][len(a.manifests[archiveWriter])-1].Totals
	assert.Zero(t, totals.Waiting)
	assert.Equal(t, totals.Accepted, totals.Archived+totals.Repeated)
	t.Logf("%d records accepted and archived once each, %d repeats dropped, %d checkpoints, %d objects",
		load.confirmed.Load(), totals.Repeated, len(a.checkpoints[archiveWriter]), len(a.objects))
	assert.Greater(t, load.confirmed.Load(), int64(10_000), "something was to be sent")
	assert.Positive(t, totals.Repeated)
}

// TestArchiveOutage: S3 can't be reached. Records are accepted, until the spool is full;
// then senders are told to come again. When S3 is back, all of them are archived, through
// a restart.
func TestArchiveOutage(t *testing.T) {
	t.Parallel()
	fake, b := newFakeBed(t)
	b.SpoolSize, b.AcceptTimeout = "16MiB", "100ms"
	col := b.start(t)
	col.WaitMetrics(t, "the first checkpoint", func(m harness.Metrics) bool {
		return m.Has("otelcol_exporter_worm_s3_checkpoint_number") && m.Sum("otelcol_exporter_worm_s3_checkpoint_number") >= 0
	})
	fake.Down()
	load := newArchiveLoad(t, "outage", 45_000)
	load.noise = 1200
	sent := make(chan error, 1)
	go func() { sent <- load.run(t.Context(), "http://"+col.Addr(t, "in")) }()
	full := func() bool { return load.shutOut.Load() == int64(load.senders) }
	require.Eventually(t, full, time.Minute, 10*time.Millisecond, "senders to be told to come again")
	assert.Greater(t, load.confirmed.Load(), int64(5000), "the spool takes what it has room for")
	assert.Positive(t, col.Metrics(t).Sum("otelcol_exporter_worm_s3_retries"))
	col.Stop(t)
	refused := load.refused.Load()
	col.Start(t) // S3 is still away
	require.Eventually(t, func() bool { return load.refused.Load() >= refused+20 && full() }, time.Minute, 10*time.Millisecond, "it was full, and is")
	assert.Less(t, load.confirmed.Load(), int64(40_000))
	// Twice 16 MiB, a segment or an object above them, and what the log needs besides.
	assert.Less(t, sizeOfFiles(t, col.Path("spool")), int64(48<<20))
	fake.Up(t)
	require.NoError(t, <-sent)
	waitArchived(t, col)
	col.Stop(t)
	a := b.read(t)
	load.requireOnce(t, a)
	a.requireLog(t, b, archiveWriter)
	b.requireGood(t)
}

// sizeOfFiles is what the files below a directory have, in bytes.
func sizeOfFiles(t *testing.T, dir string) (size int64) {
	t.Helper()
	require.NoError(t, filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return err
	}))
	return size
}

// TestArchiveTornState: a damaged state is a named error, and never a new beginning.
func TestArchiveTornState(t *testing.T) {
	t.Parallel()
	fake, b := newFakeBed(t)
	col := b.start(t)
	load := newArchiveLoad(t, "torn", 5000)
	fake.OnRequest(func(r s3fake.Request) s3fake.Fault {
		if r.Operation == "PutObject" && strings.Contains(r.Key, "/category=") {
			return s3fake.SlowDown
		}
		return s3fake.Fault{}
	})
	require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
	col.WaitMetrics(t, "objects to wait", func(m harness.Metrics) bool {
		return m.Sum("otelcol_exporter_worm_s3_objects_waiting") > 0 && m.Sum("otelcol_exporter_worm_s3_objects_open") == 0
	})
	col.Kill()
	fake.OnRequest(nil)
	spool := col.Path("spool")
	one := func(pattern string) string {
		files, err := filepath.Glob(filepath.Join(spool, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		return files[0]
	}
	damage := func(what, path string, change func(data []byte) []byte, want ...string) {
		t.Run(what, func(t *testing.T) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			changed := change(bytes.Clone(data))
			if changed == nil {
				require.NoError(t, os.Remove(path))
			} else {
				require.NoError(t, os.WriteFile(path, changed, 0o600))
			}
			out := col.FailToStart(t)
			for _, text := range want {
				assert.Contains(t, out, text)
			}
			assert.Contains(t, out, spool, "the error says where")
			require.NoError(t, os.WriteFile(path, data, 0o600))
		})
	}
	flip := func(data []byte) []byte { data[len(data)/3] ^= 0x10; return data }
	gone := func([]byte) []byte { return nil }
	half := func(data []byte) []byte { return data[:len(data)/2] }
	damage("a journal with a changed byte", one("journal/*.seg"), flip, "worm_s3")
	damage("an instance that is gone", filepath.Join(spool, "instance"), gone, "restore it, or move the whole of")
	damage("a sealed object cut short", one("objects/*.obj"), half, "bytes, and had")
	damage("leaf hashes that are gone", one("objects/*.leaves"), gone, "no such file")

	col.Start(t) // all is as it was
	waitArchived(t, col)
	col.Stop(t)
	a := b.read(t)
	load.requireOnce(t, a)
	a.requireLog(t, b, archiveWriter)
	b.requireGood(t)
}
