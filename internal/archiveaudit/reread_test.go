package archiveaudit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// kindsOfKeys are parts of the keys of all that an archive consists of.
func kindsOfKeys() []string {
	return []string{"_log/writers/", "/checkpoint/", "/manifest/", "/filters/", "/tile/", "category=application", "category=access", "category=audit"}
}

// counter counts the calls for each key.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *counter) next(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[string]int)
	}
	c.counts[key]++
	return c.counts[key]
}

// A reading that is damaged on its way is no tampering: it is read again. What is damaged
// each time in another way could not be checked, and what is always the same is another.
func TestDamagedReadings(t *testing.T) {
	t.Parallel()
	master := newFixture(t, objectstore.Governance)
	for _, part := range kindsOfKeys() {
		for name, test := range map[string]struct {
			flip func(n, size int) int // which byte, negative: none
			want archiveaudit.Verdict
		}{
			"once":            {func(n, size int) int { return max(size/2, 1)*b2i(n == 1) - b2i(n > 1) }, archiveaudit.Good},
			"twice":           {func(n, size int) int { return max(size/2, 1)*b2i(n < 3) - b2i(n > 2) }, archiveaudit.Good},
			"each in its way": {func(n, size int) int { return (size/2 + n) % size }, archiveaudit.CouldNotCheck},
			"each the same":   {func(_, size int) int { return size / 2 }, archiveaudit.Bad},
		} {
			f := master.clone()
			var count counter
			f.store.SetBody(func(c memstore.Call, r io.Reader) io.Reader {
				if !strings.Contains(c.Key, part) {
					return r
				}
				data, err := io.ReadAll(r)
				if err != nil || len(data) == 0 {
					return bytes.NewReader(nil)
				}
				if at := test.flip(count.next(c.Key), len(data)); at >= 0 {
					data[at] ^= 1
				}
				return bytes.NewReader(data)
			})
			report := f.verify(t, nil)
			want := test.want
			if want == archiveaudit.Bad {
				require.NotEmpty(t, tampering(report), "%s %s", part, name)
				assert.Contains(t, list(report), "it was read three times", "%s %s: %s", part, name, list(report))
				continue
			}
			require.Equal(t, want, report.Verdict, "%s %s: %s", part, name, list(report))
		}
		// What is said to be missing once is asked for again.
		f := master.clone()
		var count counter
		f.store.SetFault(func(_ context.Context, c memstore.Call) error {
			if c.Op == memstore.OpGet && c.Stage == memstore.Before && strings.Contains(c.Key, part) && count.next(c.Key) == 1 {
				return objectstore.ErrNotFound
			}
			return nil
		})
		report := f.verify(t, nil)
		require.Equal(t, archiveaudit.Good, report.Verdict, "%s missing: %s", part, list(report))
	}
}

// That something is missing is told as that, whatever each answer says besides.
func TestMissingWithRequestNumbers(t *testing.T) {
	t.Parallel()
	master := newFixture(t, objectstore.Governance)
	for _, part := range kindsOfKeys() {
		f := master.clone()
		var count counter
		f.store.SetFault(func(_ context.Context, c memstore.Call) error {
			if c.Op == memstore.OpGet && strings.Contains(c.Key, part) {
				return fmt.Errorf("request %d: %w", count.next(c.Key), objectstore.ErrNotFound)
			}
			return nil
		})
		report := f.verify(t, nil)
		assert.Contains(t, kinds(report), archiveaudit.KindMissing, "%s: %s", part, list(report))
		require.NotEmpty(t, tampering(report), "%s: %s", part, list(report))
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// listings changes what listings of versions give.
type listings struct {
	objectstore.Reader
	change func(prefix string, all iter.Seq2[objectstore.Info, error]) iter.Seq2[objectstore.Info, error]
}

func (l listings) Versions(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	return l.change(prefix, l.Reader.Versions(ctx, prefix))
}

func (f *fixture) verifyThrough(t *testing.T, change func(string, iter.Seq2[objectstore.Info, error]) iter.Seq2[objectstore.Info, error]) *archiveaudit.Report {
	t.Helper()
	report, err := archiveaudit.Verify(t.Context(), listings{f.store, change}, archiveaudit.Settings{Prefix: prefix, Root: f.Root.Verifier, Now: f.Clock.At, Parallel: 2, Pause: 1, Copies: f.copies()})
	require.NoError(t, err)
	return report
}

// A listing that breaks off is no sign that what would come behind is missing.
func TestListingThatBreaksOff(t *testing.T) {
	t.Parallel()
	master := newFixture(t, objectstore.Governance)
	for _, part := range []string{"gateway-1/checkpoint/", "gateway-1/manifest/", "_log/writers/"} {
		for after := range 7 {
			f := master.clone()
			report := f.verifyThrough(t, func(prefix string, all iter.Seq2[objectstore.Info, error]) iter.Seq2[objectstore.Info, error] {
				if !strings.Contains(prefix, part) {
					return all
				}
				return func(yield func(objectstore.Info, error) bool) {
					n := 0
					for info, err := range all {
						if n++; n > after {
							yield(objectstore.Info{}, objectstore.ErrDenied)
							return
						}
						if !yield(info, err) {
							return
						}
					}
					yield(objectstore.Info{}, objectstore.ErrDenied)
				}
			})
			require.Empty(t, tampering(report), "%s after %d: %s", part, after, list(report))
			require.Equal(t, archiveaudit.CouldNotCheck, report.Verdict, "%s after %d: %s", part, after, list(report))
		}
	}
}

// Checkpoints may be listed later than manifests, when more of them are there.
func TestManifestThatCameSince(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	last := f.one.Manifests[len(f.one.Manifests)-1].Number
	report := f.verifyThrough(t, func(prefix string, all iter.Seq2[objectstore.Info, error]) iter.Seq2[objectstore.Info, error] {
		if !strings.HasSuffix(prefix, "gateway-1/manifest/") {
			return all
		}
		return func(yield func(objectstore.Info, error) bool) {
			for info, err := range all {
				if _, number, _, _ := f.Layout.ParseManifest(info.Key); number == last {
					return
				}
				if !yield(info, err) {
					return
				}
			}
		}
	})
	assert.Equal(t, archiveaudit.Good, report.Verdict, list(report))
}

// A manifest that is large is read when the checkpoint has it, and another is not.
func TestLargeManifests(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	f.one.Change = func(m *archive.Manifest) { m.Version = strings.Repeat("v", 5<<20) }
	m := f.one.Write(t)
	f.Clock.At = f.one.Clock.At.Add(-4 * time.Minute)
	report := f.verify(t, nil)
	require.Equal(t, archiveaudit.Good, report.Verdict, list(report))
	assert.Equal(t, m.Number, report.Writers[0].Last)

	key := f.find(t, "gateway-1/manifest/")
	junk := bytes.Repeat([]byte(" "), 5<<20)
	beside := f.Layout.Manifest("gateway-1", m.Number, sha256.Sum256(junk))
	f.store.Overwrite(beside, junk, objectstore.Lock{})
	report = f.verify(t, nil)
	assert.True(t, named(report, archiveaudit.Tampered, expected{archiveaudit.KindUnlisted, beside}, 0), list(report))
	require.Len(t, tampering(report), 1, list(report))
	f.store.RemoveAll(beside)

	f.store.Edit(key, "", true, func(data []byte) []byte { data[len(data)/2] ^= 1; return data })
	report = f.verify(t, nil)
	assert.True(t, named(report, archiveaudit.Tampered, expected{archiveaudit.KindRoot, "/checkpoint/"}, 0), list(report))
}

// Of what is there in place of an object no more is held than the object had, and a little.
func TestObjectOfManyLines(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	o := f.one.Manifests[2].Objects[2]
	require.Equal(t, archive.CompressionNone, o.Compression)
	f.store.Edit(o.Key, "", true, func([]byte) []byte { return bytes.Repeat([]byte("x\n"), 1<<19) })
	report := f.verify(t, nil)
	assert.True(t, named(report, archiveaudit.Tampered, expected{archiveaudit.KindForm, o.Key}, 0), list(report))
	assert.Contains(t, list(report), "it has more than")
}
