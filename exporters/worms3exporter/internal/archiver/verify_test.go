package archiver

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// verify is what an auditor says of the archive, with the root key alone.
func (w *world) verify() *archiveaudit.Report {
	w.t.Helper()
	secret, public, err := archive.GenerateKey(archive.RootName(testOrigin))
	require.NoError(w.t, err)
	signer, err := archive.NewSigner(secret)
	require.NoError(w.t, err)
	root, err := archive.NewVerifier(public)
	require.NoError(w.t, err)
	writers := &archive.Writers{Origin: testOrigin, Keys: []archive.WriterKey{{
		Writer: testWriter, VKey: testKeys().public, From: time.Now().UTC().Truncate(24 * time.Hour).Add(-48 * time.Hour),
	}}}
	data, err := writers.Sign(signer)
	require.NoError(w.t, err)
	w.store.Overwrite(archive.Layout{}.Writers(0), data, objectstore.Lock{})
	report, err := archiveaudit.Verify(w.t.Context(), w.store, archiveaudit.Settings{Root: root, Now: time.Now(), Parallel: 2})
	require.NoError(w.t, err)
	return report
}

// Disks are lost when tiles are put and no manifest: each leaves a tile in the way of the
// one of the disk behind it. What is then written is good, and says what was left.
func TestVerifyBehindLostDisks(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.up(t.Context()))
		require.NoError(t, w.send(t.Context(), 100))
		time.Sleep(40 * time.Second) // they are in the log
		for range 2 {
			w.store.SetFault(func(_ context.Context, c memstore.Call) error {
				if strings.Contains(c.Key, "/manifest/") {
					return objectstore.ErrBusy
				}
				return nil
			})
			require.NoError(t, w.send(t.Context(), 600))
			time.Sleep(40 * time.Second)
			kill(w.a)
			w.store.SetFault(nil)
			w.fs = crashfs.New()
			require.NoError(t, w.up(t.Context()))
			time.Sleep(40 * time.Second) // its start is in the log
		}
		require.NoError(t, w.send(t.Context(), 700))
		require.NoError(t, w.a.Shutdown(t.Context()))
		require.NoError(t, w.saw.fatal)
		left := map[string]int{}
		for _, key := range w.store.Keys() {
			if _, rest, ok := strings.Cut(key, "/tile/"); ok {
				plain, _, _ := strings.Cut(rest, "-")
				left[plain]++
			}
		}
		assert.Equal(t, 3, left["0/000"], "of each disk one")
		r, err := audit(w.store, archive.Layout{})
		require.NoError(t, err)
		beside := 0
		for _, m := range r.manifests {
			switch p := m.Previous; {
			case p == nil:
			case m.Recovered != nil:
				assert.Empty(t, p.Mode, "another disk put it")
			default:
				assert.Equal(t, string(governance.Mode), p.Mode, "manifest %d", m.Number)
				assert.False(t, p.RetainUntil.Before(m.From.Add(governance.Period)), "manifest %d: %s", m.Number, p.RetainUntil)
			}
			for _, tile := range m.Tiles {
				if tile.Path != tile.PlainPath() {
					beside++
				}
			}
		}
		assert.Positive(t, beside)
		report := w.verify()
		assert.Equal(t, archiveaudit.Good, report.Verdict, "%s", report.AppendText(nil, time.Second))
	})
}
