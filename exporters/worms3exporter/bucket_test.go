package worms3exporter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

func TestBucketsThatDoNotFitStopTheStart(t *testing.T) {
	const day = 24 * time.Hour
	for _, one := range []struct {
		text   string
		bucket objectstore.Bucket
		want   string // of the error; empty: it starts
	}{
		{`{}`, objectstore.Bucket{Versioning: true, ObjectLock: true}, ""},
		{`{}`, objectstore.Bucket{Versioning: true}, `has no Object Lock`},
		{`{}`, objectstore.Bucket{}, `has no versioning`},
		{`{}`, objectstore.Bucket{Versioning: true}, `for tests, on_unlocked_bucket: warn goes on without`},
		{`{on_unlocked_bucket: warn}`, objectstore.Bucket{Versioning: true}, ""},
		{`{on_unlocked_bucket: warn}`, objectstore.Bucket{}, ""},
		{`{max_retention: 90d}`, objectstore.Bucket{Versioning: true, ObjectLock: true, DefaultMode: objectstore.Compliance, DefaultPeriod: 91 * day}, `for 91 days, which is longer than max_retention 90d`},
		{`{max_retention: 90d}`, objectstore.Bucket{Versioning: true, ObjectLock: true, DefaultMode: objectstore.Compliance, DefaultPeriod: 90 * day}, ""},
	} {
		b := newBench(t, one.text).withEngine(t)
		b.store.SetBucket(one.bucket)
		if one.want != "" {
			require.ErrorContains(t, b.startError(t, host{}), one.want)
			assert.Zero(t, b.engine.started)
			continue
		}
		logs := b.startLogs(t, host{})
		require.NoError(t, logs.ConsumeLogs(t.Context(), newLogs(rec{body: "x"})))
		want := objectstore.Governance
		if !one.bucket.ObjectLock {
			want = objectstore.Unlocked
			assert.Contains(t, b.logLines("warn"), "The bucket may not be right")
		}
		assert.Equal(t, want, b.engine.records[0].Rule.Mode)
		assert.Equal(t, want, b.engine.set.LogLock.Mode)
	}
}

func TestABucketThatDoesNotAnswer(t *testing.T) {
	ask := func(err error) func(context.Context, memstore.Call) error {
		return func(_ context.Context, c memstore.Call) error {
			if c.Op == memstore.OpBucket && c.Stage == memstore.Before {
				return err
			}
			return nil
		}
	}
	// A clock that is off is one that S3's answers correct.
	for _, err := range []error{objectstore.ErrBusy, objectstore.ErrClock} {
		b := newBench(t, `{}`).withEngine(t)
		b.store.SetFault(ask(fmt.Errorf("timeout: %w", err)))
		b.startLogs(t, host{})
		assert.Contains(t, strings.Join(b.logLines("warn"), "\n"), "records are accepted, and wait")
		assert.Equal(t, objectstore.Governance, b.engine.set.LogLock.Mode, "S3 refuses to lock in a bucket that has none")
	}

	b := newBench(t, `{on_unlocked_bucket: warn}`).withEngine(t)
	b.store.SetFault(ask(objectstore.ErrBusy))
	require.ErrorContains(t, b.startError(t, host{}), "can't be asked for versioning, locks and rights", "whether to lock must be known")

	for _, err := range []error{objectstore.ErrDenied, objectstore.ErrNotFound} {
		b = newBench(t, `{}`).withEngine(t)
		b.store.SetFault(ask(err))
		require.ErrorContains(t, b.startError(t, host{}), err.Error())
	}
}

func TestStorageClassesAreThoseOfTheRules(t *testing.T) {
	cfg := configured(t, `{rules: [{name: a, category: a, period: 1d, storage_class: GLACIER_IR}, {name: b, period: 1d, storage_class: GLACIER_IR}], metrics: {period: 1d, storage_class: STANDARD_IA}}`)
	assert.Equal(t, []string{"STANDARD", "GLACIER_IR", "STANDARD_IA"}, cfg.storageClasses())
}

// enrol puts a file of writers into the bucket, and gives the public half of the key that
// signed it.
func (b *bench) enrol(tb testing.TB, w *archive.Writers) (root string) {
	tb.Helper()
	private, root, err := archive.GenerateKey(archive.RootName(w.Origin))
	require.NoError(tb, err)
	signer, err := note.NewSigner(private)
	require.NoError(tb, err)
	text, err := w.Sign(signer)
	require.NoError(tb, err)
	_, err = b.store.Put(tb.Context(), objectstore.Object{
		Key: archive.Layout{}.Writers(w.Number), Body: bytes.NewReader(text), Size: int64(len(text)), SHA256: sha256.Sum256(text),
	})
	require.NoError(tb, err)
	return root
}

func TestKeysThatAreNotEnrolledAreToldOf(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	_, other, err := archive.GenerateKey("example.com/logs/gateway-1")
	require.NoError(t, err)
	for _, one := range []struct {
		key      string // another than the writer's own
		from, to time.Time
		want     string
	}{
		{"", now.Add(-time.Hour), time.Time{}, ""},
		{"", now.Add(-time.Hour), now.Add(90 * 24 * time.Hour), ""},
		{"", now.Add(-time.Hour), now.Add(24 * time.Hour), "The signing key's time ends soon"},
		{"", now.Add(-2 * time.Hour), now.Add(-time.Hour), "The signing key is enrolled for another time"},
		{"", now.Add(time.Hour), time.Time{}, "The signing key is enrolled for another time"},
		{other, now.Add(-time.Hour), time.Time{}, "The signing key is not enrolled"},
	} {
		b := newBench(t, `{}`).withEngine(t)
		key := one.key
		if key == "" {
			key = b.key
		}
		b.enrol(t, &archive.Writers{Origin: "example.com/logs", Keys: []archive.WriterKey{{Writer: "gateway-1", VKey: key, From: one.from, To: one.to}}})
		b.startLogs(t, host{})
		if one.want == "" {
			assert.Empty(t, b.logLines("warn"))
		} else {
			require.Len(t, b.logLines("warn"), 1)
			assert.Contains(t, b.logLines("warn")[0], one.want)
		}
	}

	b := newBench(t, `{}`).withEngine(t)
	b.startLogs(t, host{})
	assert.Contains(t, b.logLines("warn")[0], "The archive has no file of writers; what this one writes counts as foreign until it is")

	b = newBench(t, `{}`).withEngine(t)
	text := []byte("nothing of the kind")
	_, err = b.store.Put(t.Context(), objectstore.Object{Key: archive.Layout{}.Writers(0), Body: bytes.NewReader(text), Size: int64(len(text)), SHA256: sha256.Sum256(text)})
	require.NoError(t, err)
	b.startLogs(t, host{})
	assert.Contains(t, b.logLines("warn")[0], "can't be read", "someone else's nonsense does not stop a writer")
}

func TestWritersThatWereRetiredDoNotStart(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	b := newBench(t, `{}`).withEngine(t)
	b.enrol(t, &archive.Writers{
		Origin:  "example.com/logs",
		Keys:    []archive.WriterKey{{Writer: "gateway-1", VKey: b.key, From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour)}},
		Retired: map[string]time.Time{"gateway-1": now.Add(-time.Hour)},
	})
	require.ErrorContains(t, b.startError(t, host{}), `writer is "gateway-1", which was retired on `)

	_, other, err := archive.GenerateKey("example.com/others/gateway-1")
	require.NoError(t, err)
	b = newBench(t, `{}`).withEngine(t)
	b.enrol(t, &archive.Writers{Origin: "example.com/others", Keys: []archive.WriterKey{{Writer: "gateway-1", VKey: other, From: now}}})
	require.ErrorContains(t, b.startError(t, host{}), `origin is "example.com/logs", and the archive in bucket "example-archive" is "example.com/others"`)
}

func TestAllKeysThatWereEverEnrolledAreKnown(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	_, before, err := archive.GenerateKey("example.com/logs/gateway-1")
	require.NoError(t, err)
	_, other, err := archive.GenerateKey("example.com/logs/gateway-2")
	require.NoError(t, err)
	b := newBench(t, `{}`).withEngine(t)
	writers := &archive.Writers{Origin: "example.com/logs", Keys: []archive.WriterKey{
		{Writer: "gateway-1", VKey: before, From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour)}, {Writer: "gateway-2", VKey: other, From: now},
	}}
	b.enrol(t, writers)
	b.store.Overwrite(archive.Layout{}.Writers(0), []byte("junk"), objectstore.Lock{})
	b.store.Mark(archive.Layout{}.Writers(0))
	b.startLogs(t, host{})
	keys := func() (hashes []string) {
		found, err := b.engine.set.OtherKeys(t.Context())
		require.NoError(t, err)
		for _, k := range found {
			hashes = append(hashes, fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash()))
		}
		return hashes
	}
	name := func(key string) string { return strings.Join(strings.SplitN(key, "+", 3)[:2], "+") }
	assert.Equal(t, []string{name(before)}, keys(), "whatever is on top")
	writers.Number, writers.Previous = 1, archive.Digest{1}
	writers.Keys = append(writers.Keys, archive.WriterKey{Writer: "gateway-1", VKey: b.key, From: now})
	b.enrol(t, writers)
	assert.Subset(t, keys(), []string{name(before), name(b.key)}, "as of now")
	b.store.SetFault(func(_ context.Context, c memstore.Call) error {
		if c.Op == memstore.OpGet {
			return objectstore.ErrBusy
		}
		return nil
	})
	_, err = b.engine.set.OtherKeys(t.Context())
	require.ErrorIs(t, err, objectstore.ErrBusy)
}

func TestWithTheRootKeyForgedFilesDoNotCount(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	_, before, err := archive.GenerateKey("example.com/logs/gateway-1")
	require.NoError(t, err)
	_, forged, err := archive.GenerateKey("example.com/logs/gateway-1")
	require.NoError(t, err)
	b := newBench(t, `{}`).withEngine(t)
	root := b.enrol(t, &archive.Writers{Origin: "example.com/logs", Keys: []archive.WriterKey{
		{Writer: "gateway-1", VKey: before, From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour)}, {Writer: "gateway-1", VKey: b.key, From: now.Add(-time.Hour)},
	}})
	first := archive.Layout{}.Writers(0)
	own, _ := b.store.Bytes(first, "")
	b.enrol(t, &archive.Writers{
		Origin: "example.com/logs", Number: 1, Previous: archive.Digest{1},
		Keys:    []archive.WriterKey{{Writer: "gateway-1", VKey: forged, From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour)}},
		Retired: map[string]time.Time{"gateway-1": now.Add(-time.Hour)},
	})
	require.ErrorContains(t, b.startError(t, host{}), "which was retired on", "without the root key it counts")
	b.store.Overwrite(first, []byte("junk"), objectstore.Lock{})

	b.cfg.RootKeyFile = filepath.Join(t.TempDir(), "root.pub")
	require.ErrorContains(t, b.startError(t, host{}), `root_key_file is "`+b.cfg.RootKeyFile+`"; name the file root.pub`)
	require.NoError(t, os.WriteFile(b.cfg.RootKeyFile, []byte(b.key), 0o600))
	require.ErrorContains(t, b.startError(t, host{}), `it is the key of "example.com/logs/gateway-1", and that of this archive is "example.com/logs/root"`)
	require.NoError(t, os.WriteFile(b.cfg.RootKeyFile, []byte(root+"\n"), 0o600))
	b.startLogs(t, host{})
	assert.NotContains(t, strings.Join(b.logLines("warn"), "\n"), "enrolled", "the real one is found below what is on top")
	keys, err := b.engine.set.OtherKeys(t.Context())
	require.NoError(t, err)
	require.Len(t, keys, 2)
	b.store.Overwrite(first, own, objectstore.Lock{})
	keys, err = b.engine.set.OtherKeys(t.Context())
	require.NoError(t, err)
	assert.Len(t, keys, 4, "each version")
}
