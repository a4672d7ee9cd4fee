package worms3exporter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
)

// overS3 has the bench write to a server that speaks S3.
func (b *bench) overS3(tb testing.TB, url string) {
	tb.Helper()
	t, ok := tb.(interface{ Setenv(name, value string) })
	require.True(tb, ok)
	t.Setenv("AWS_ACCESS_KEY_ID", s3fake.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3fake.SecretKey)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	b.cfg.Endpoint, b.cfg.Region = url, s3fake.Region
	for i := range b.cfg.CheckpointCopies {
		if one := &b.cfg.CheckpointCopies[i]; one.Bucket != "" {
			one.Endpoint, one.Region = url, s3fake.Region
		}
	}
	newStore = newS3Store
}

// newS3Store is what the exporter makes stores with, unless a test has replaced it.
var newS3Store = newStore

// archived is what a reader with the writer's public key finds in an archive: of each line
// how often its uid is there.
type archived struct {
	uids        map[string]int
	classes     map[string]int // records
	checkpoints []archive.Checkpoint
	manifests   []*archive.Manifest
}

func readArchive(tb testing.TB, b *bench, store objectstore.Store) *archived {
	tb.Helper()
	out := &archived{uids: map[string]int{}, classes: map[string]int{}}
	layout := archive.Layout{Prefix: folder(b.cfg.Prefix)}
	verifier, err := archive.NewVerifier(b.key)
	require.NoError(tb, err)
	for info, err := range store.List(tb.Context(), layout.CheckpointPrefix(b.cfg.Writer), "") {
		require.NoError(tb, err)
		c, err := archive.OpenCheckpoint(fetch(tb, store, info.Key), note.VerifierList(verifier))
		require.NoError(tb, err)
		out.checkpoints = append(out.checkpoints, c)
	}
	for info, err := range store.List(tb.Context(), layout.ManifestPrefix(b.cfg.Writer), "") {
		require.NoError(tb, err)
		m, err := archive.ParseManifest(fetch(tb, store, info.Key))
		require.NoError(tb, err)
		out.manifests = append(out.manifests, m)
		for _, o := range m.Objects {
			out.readObject(tb, store, o)
		}
	}
	require.Len(tb, out.manifests, len(out.checkpoints))
	return out
}

func fetch(tb testing.TB, store objectstore.Store, key string) []byte {
	tb.Helper()
	body, _, err := store.Get(tb.Context(), key, "", 0, -1)
	require.NoError(tb, err)
	data, err := io.ReadAll(body)
	require.NoError(tb, err)
	require.NoError(tb, body.Close())
	return data
}

func (a *archived) readObject(tb testing.TB, store objectstore.Store, o archive.ManifestObject) {
	tb.Helper()
	data := fetch(tb, store, o.Key)
	uid := func(text string) { a.uids[text]++ }
	block := func(content []byte) error {
		if !archive.HasLines(o.Encoding) {
			return nil
		}
		for line := range bytes.Lines(content) {
			var document map[string]any
			if err := json.Unmarshal(line, &document); err != nil {
				return err
			}
			if text, ok := document[uidAttribute].(string); ok {
				uid(text)
			}
		}
		return nil
	}
	var whole []byte
	info, err := archive.ReadBlocks(bytes.NewReader(data), archive.ReadSettings{Compression: o.Compression, Lines: archive.HasLines(o.Encoding)}, func(content []byte) error {
		whole = append(whole, content...)
		return block(content)
	})
	require.NoError(tb, err)
	if !archive.HasLines(o.Encoding) {
		request := plogotlp.NewExportRequest()
		require.NoError(tb, request.UnmarshalProto(whole))
		for _, rl := range request.Logs().ResourceLogs().All() {
			v, _ := rl.ScopeLogs().At(0).LogRecords().At(0).Attributes().Get(uidAttribute)
			uid(v.Str())
		}
	}
	assert.Equal(tb, o.SHA256, info.SHA256)
	assert.Equal(tb, o.Leaves, info.Leaves)
	a.classes[o.Class] += int(o.Records)
	head, err := store.Head(tb.Context(), o.Key, o.VersionID)
	require.NoError(tb, err)
	assert.Equal(tb, o.Mode, string(head.Lock.Mode), "it is locked as the manifest says")
	assert.True(tb, o.RetainUntil.Equal(head.Lock.RetainUntil))
}

// TestEachRecordIsInTheArchiveOnce: over a server that fails, with senders that send again,
// with a restart, in each encoding.
func TestEachRecordIsInTheArchiveOnce(t *testing.T) {
	for _, encoding := range []string{archive.EncodingJSON, archive.EncodingOTLPProto} {
		fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"example-archive": {Lock: true}, "another": {}}})
		copied := filepath.Join(t.TempDir(), "checkpoints")
		b := newBench(t, fmt.Sprintf(`
prefix: logs
encoding: %s
rules:
  - {name: audit, condition: 'resource.attributes["service.name"] == "payments"', mode: COMPLIANCE, period: 7y, storage_class: STANDARD_IA}
  - {name: access, category: access, period: 30d}
  - {name: application, period: 1d}
max_retention: 7y
partition: {attributes: [tenant]}
max_object_age: 300ms
max_wait: 300ms
checkpoint_interval: 1s
checkpoint_copies: [{file: %q}, {bucket: another}]
timeout: 20s`, encoding, copied))
		b.overS3(t, fake.URL())
		want := map[string]bool{}
		for round := range 2 {
			logs, err := NewFactory().CreateLogs(t.Context(), b.set, b.cfg)
			require.NoError(t, err)
			require.NoError(t, logs.Start(t.Context(), host{}))
			fake.Misbehave(s3fake.Faults{Seed: uint64(round), Rules: []s3fake.Rule{
				{Share: 0.1, Fault: s3fake.SlowDown}, {Share: 0.1, Fault: s3fake.CutAfter}, {Operation: "PutObject", Share: 0.1, Fault: s3fake.InternalError.After()},
			}})
			for i := range 200 {
				var records []rec
				for j := range 20 {
					uid := fmt.Sprintf("%d-%d-%d", round, i, j)
					want[uid] = true
					records = append(records, rec{
						service: []string{"shop", "payments"}[i%2], uid: uid, body: strings.Repeat("x", 100), request: fmt.Sprint("r", i), at: time.Now(),
						attrs: map[string]any{"log.category": []string{"access", "application"}[j%2], "tenant": []string{"a", "../b"}[i/2%2], redactionAttribute: 1},
					})
				}
				require.NoError(t, logs.ConsumeLogs(t.Context(), newLogs(records...)))
				if i%3 == 0 { // its sender has not had the answer
					require.NoError(t, logs.ConsumeLogs(t.Context(), newLogs(records...)))
				}
			}
			require.NoError(t, logs.Shutdown(t.Context()))
			fake.Misbehave(s3fake.Faults{})
		}
		store, err := s3store.New(t.Context(), s3store.Settings{Bucket: "example-archive", Region: s3fake.Region, Endpoint: fake.URL(), PathStyle: true})
		require.NoError(t, err)
		got := readArchive(t, b, store)
		assert.Len(t, got.uids, len(want), encoding)
		for uid, n := range got.uids {
			if n != 1 || !want[uid] {
				assert.Fail(t, "a record is there not once", "%s: %d", uid, n)
			}
		}
		assert.Equal(t, map[string]int{"audit": 4000, "access": 2000, "application": 2000}, got.classes)
		last := got.manifests[len(got.manifests)-1]
		assert.Equal(t, archive.EventStart, got.manifests[0].Event)
		assert.Equal(t, archive.EventShutdown, last.Event)
		assert.Equal(t, archive.Counts{Accepted: 8000 + 2*67*20, Archived: 8000, Repeated: 2 * 67 * 20, Redactions: 8000}, last.Totals)
		assert.Zero(t, last.Ledger.Waiting)
		assert.Zero(t, b.value(t, "deviations", ""))
		assert.Positive(t, b.value(t, "retries", ""))

		// Each second place has all checkpoints.
		text, err := os.ReadFile(copied)
		require.NoError(t, err)
		for _, c := range got.checkpoints {
			assert.Equal(t, 1, bytes.Count(text, c.Raw))
		}
		n := 0
		for _, v := range fake.Versions("another") {
			assert.True(t, strings.HasPrefix(v.Key, "_log/gateway-1/checkpoint/"))
			n++
		}
		assert.Equal(t, len(got.checkpoints), n)
		store.Close()
	}
}

// TestABucketThatIsAway: records are taken, and are there when it is.
func TestABucketThatIsAway(t *testing.T) {
	fake := s3fake.Start(t, s3fake.Settings{Buckets: map[string]s3fake.Bucket{"example-archive": {Lock: true}}})
	b := newBench(t, `{timeout: 2s, max_object_age: 100ms, checkpoint_interval: 1s}`)
	b.overS3(t, fake.URL())
	fake.Down()
	logs, err := NewFactory().CreateLogs(t.Context(), b.set, b.cfg)
	require.NoError(t, err)
	require.NoError(t, logs.Start(t.Context(), host{}))
	require.NoError(t, logs.ConsumeLogs(t.Context(), newLogs(rec{uid: "one"})))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.NoError(t, logs.Shutdown(ctx), "it is on disk")
	fake.Up(t)
	logs, err = NewFactory().CreateLogs(t.Context(), b.set, b.cfg)
	require.NoError(t, err)
	require.NoError(t, logs.Start(t.Context(), host{}))
	require.NoError(t, logs.Shutdown(t.Context()))
	store, err := s3store.New(t.Context(), s3store.Settings{Bucket: "example-archive", Region: s3fake.Region, Endpoint: fake.URL(), PathStyle: true})
	require.NoError(t, err)
	defer store.Close()
	assert.Equal(t, map[string]int{"one": 1}, readArchive(t, b, store).uids)
}
