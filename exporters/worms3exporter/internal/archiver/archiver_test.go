package archiver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

func TestMain(m *testing.M) {
	// The compressor's own channels must not be of the first test's bubble.
	var object bytes.Buffer
	w, err := archive.NewObjectWriter(&object, archive.WriteSettings{Compression: archive.CompressionZstd, Lines: true})
	if err == nil {
		err = w.Append([]byte("line"))
	}
	if err == nil {
		_, err = w.Finish()
	}
	if err == nil {
		_, err = archive.ReadLines(&object, archive.ReadSettings{Compression: archive.CompressionZstd, Lines: true}, func([]byte) error { return nil })
	}
	if err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

const (
	testOrigin = "example.com/logs"
	testWriter = "gateway-1"
)

var testKeys = sync.OnceValue(func() (k struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
},
) {
	signer, verifier, err := archive.GenerateKey(archive.WriterOrigin(testOrigin, testWriter))
	if err == nil {
		k.signer, err = archive.NewSigner(signer)
	}
	k.public = verifier
	if err == nil {
		k.verifier, err = archive.NewVerifier(verifier)
	}
	if err != nil {
		panic(err)
	}
	return k
})

// seen is an Observer that remembers.
type seen struct {
	mu         sync.Mutex
	accepted   int
	repeated   int
	retries    map[string]int
	recovered  []string
	deviations []error
	fatal      error
	commits    []Commit
	sealed     []archive.ManifestObject
}

func (s *seen) Accepted(n int, _ int64) { s.mu.Lock(); defer s.mu.Unlock(); s.accepted += n }
func (s *seen) Repeated(n int)          { s.mu.Lock(); defer s.mu.Unlock(); s.repeated += n }
func (s *seen) Sealed(o archive.ManifestObject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = append(s.sealed, o)
}
func (s *seen) Uploaded(archive.ManifestObject, time.Duration) {}
func (s *seen) Recovered(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recovered = append(s.recovered, what)
}

func (s *seen) Retry(what string, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retries == nil {
		s.retries = map[string]int{}
	}
	s.retries[what]++
}

func (s *seen) Deviation(_ string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deviations = append(s.deviations, err)
}

func (s *seen) Committed(c Commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits = append(s.commits, c)
}
func (s *seen) Fatal(err error) { s.mu.Lock(); defer s.mu.Unlock(); s.fatal = err }

var governance = Retention{objectstore.Governance, 90 * 24 * time.Hour}

func testSettings(dir string, store objectstore.Store) Settings {
	return Settings{
		Store: store, Signer: testKeys().signer, Verifier: testKeys().verifier,
		Origin: testOrigin, Writer: testWriter, Directory: dir, LogLock: governance,
		RepeatWindow: 15 * time.Minute, VerifyShare: 1, QueueSize: 16 << 20,
		ConfigSHA256: sha256.Sum256([]byte("config")), Version: "v0.0.0-test", Observer: &seen{},
	}
}

// testRecord is one with a uid, of a class.
func testRecord(n int, class string) Record {
	now := time.Now()
	r := Record{
		Rule: Rule{Name: class, Mode: objectstore.Governance, Period: 90 * 24 * time.Hour},
		Hour: now.Truncate(time.Hour), Encoding: archive.EncodingJSON, Signal: Logs,
		Time: now.Add(-time.Second), Arrival: now, HasUID: true,
		RequestID: fmt.Appendf(nil, "request-%d", n/4), TraceID: bytes.Repeat([]byte{byte(n)}, 16),
		Redactions: int64(n % 2), Line: fmt.Appendf(nil, `{"n":%d,"class":%q}`, n, class),
	}
	binary.LittleEndian.PutUint64(r.Fingerprint[:], uint64(n))
	return r
}

func start(t *testing.T, set Settings) *Archiver {
	t.Helper()
	a, err := New(set)
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context()))
	return a
}

func shut(t *testing.T, a *Archiver) {
	t.Helper()
	require.NoError(t, a.Shutdown(context.Background()))
}

// kill stops all at once, as far as a process can do that to itself.
func kill(a *Archiver) {
	a.stop()
	_ = a.closeState()
}

// auditResult is what an archive has.
type auditResult struct {
	manifests []*archive.Manifest
	lines     map[string]int // how often each is there
	objects   int
}

// audit checks a writer's log in a bucket from its first byte: every leaf, root, link,
// version and hash. It knows nothing of the engine.
func audit(store *memstore.Store, layout archive.Layout) (*auditResult, error) {
	ctx := context.Background()
	r := &auditResult{lines: map[string]int{}}
	read := func(key, version string) ([]byte, objectstore.Info, error) {
		body, info, err := store.Get(ctx, key, version, 0, -1)
		if err != nil {
			return nil, info, err
		}
		data, err := io.ReadAll(body)
		return data, info, err
	}
	tree := archive.NewTree()
	var before *archive.Manifest
	var beforeSum archive.Digest
	covered := map[string]bool{}
	tiles := map[string][]byte{}
	for number := int64(0); ; number++ {
		raw, checkpointInfo, err := read(layout.Checkpoint(testWriter, number), "")
		if err != nil {
			if before == nil {
				return nil, err
			}
			break
		}
		covered[checkpointInfo.Key] = true
		c, err := archive.OpenCheckpoint(raw, note.VerifierList(testKeys().verifier))
		if err != nil {
			return nil, err
		}
		// The manifest of that number that is the checkpoint's last leaf.
		var m *archive.Manifest
		var mraw []byte
		for info, err := range store.List(ctx, layout.ManifestPrefix(testWriter), "") {
			if err != nil {
				return nil, err
			}
			_, n, sum, err := layout.ParseManifest(info.Key)
			if err != nil {
				return nil, err
			}
			if n != number {
				continue
			}
			data, got, err := read(info.Key, "")
			if err != nil || sha256.Sum256(data) != sum {
				return nil, fmt.Errorf("%s: %w", info.Key, err)
			}
			one, err := archive.ParseManifest(data)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", info.Key, err)
			}
			if one.Leaf+1 != c.Size {
				continue
			}
			if m != nil {
				return nil, fmt.Errorf("two manifests of number %d", number)
			}
			m, mraw = one, data
			covered[got.Key] = true
		}
		if m == nil {
			return nil, fmt.Errorf("no manifest of number %d", number)
		}
		if before != nil {
			if err := m.CheckFollows(before, beforeSum); err != nil {
				return nil, err
			}
			if m.Previous.ManifestSHA256 != beforeSum || m.FirstLeaf != before.Leaf+1 || !m.From.Equal(before.To) {
				return nil, fmt.Errorf("manifest %d does not follow the one before", number)
			}
		}
		var waited int64
		if before != nil && m.Recovered == nil {
			waited = before.Ledger.Waiting
		}
		l := m.Ledger
		if waited+l.Accepted != l.Archived+l.Repeated+l.DeadLettered+l.Waiting || l.Accepted < 0 || l.Waiting < 0 {
			return nil, fmt.Errorf("the ledger of %d: %d waited, %+v", number, waited, l)
		}
		full := func(t string, data []byte) { tiles[t] = bytes.Clone(data) }
		if tree.Size() != m.FirstLeaf {
			return nil, fmt.Errorf("manifest %d begins at leaf %d, the log has %d", number, m.FirstLeaf, tree.Size())
		}
		var records int64
		for _, o := range m.Objects {
			data, info, err := read(o.Key, o.VersionID)
			if err != nil {
				return nil, err
			}
			if info.Lock.Mode != objectstore.Mode(o.Mode) || !info.Lock.RetainUntil.Equal(o.RetainUntil) || sha256.Sum256(data) != o.SHA256 || int64(len(data)) != o.Size {
				return nil, fmt.Errorf("%s is not as its manifest says", o.Key)
			}
			if tree.Size() != o.FirstLeaf {
				return nil, fmt.Errorf("%s begins at leaf %d, the log has %d", o.Key, o.FirstLeaf, tree.Size())
			}
			var hashes []byte
			if !archive.HasLines(o.Encoding) {
				var all []byte
				settings := archive.ReadSettings{Compression: o.Compression}
				_, err = archive.ReadBlocks(bytes.NewReader(data), settings, func(block []byte) error {
					all = append(all, block...)
					return nil
				})
				if err != nil {
					return nil, err
				}
				leaf := archive.LeafHash(all)
				hashes = leaf[:]
				r.lines[string(all)]++
				records += o.Records
			} else if _, err = archive.ReadLines(bytes.NewReader(data), archive.ReadSettings{Compression: o.Compression, Lines: true}, func(line []byte) error {
				sum := archive.LeafHash(line)
				hashes = append(hashes, sum[:]...)
				r.lines[string(line)]++
				records++
				return nil
			}); err != nil {
				return nil, fmt.Errorf("%s: %w", o.Key, err)
			}
			tree.Append(hashes, func(t tlog.Tile, data []byte) { full(archive.TilePath(t), data) })
			if covered[o.Key] {
				return nil, fmt.Errorf("%s is there twice", o.Key)
			}
			covered[o.Key] = true
			r.objects++
		}
		if records != l.Archived {
			return nil, fmt.Errorf("manifest %d has %d records, and says %d", number, records, l.Archived)
		}
		if m.Filters != nil {
			if err := auditFilters(store, layout, m); err != nil {
				return nil, err
			}
			covered[layout.Filters(testWriter, number, m.Filters.SHA256)] = true
		}
		for _, tile := range m.Tiles {
			data, _, err := read(layout.TilePrefix(testWriter)+tile.Path, tile.VersionID)
			if err != nil {
				return nil, err
			}
			path, _, _ := strings.Cut(tile.Path, "-")
			if sha256.Sum256(data) != tile.SHA256 || !bytes.Equal(data, tiles[path]) {
				return nil, fmt.Errorf("tile %s is not that of the leaves", tile.Path)
			}
			delete(tiles, path)
		}
		if len(tiles) > 0 {
			return nil, fmt.Errorf("manifest %d has not the tiles %v", number, slices.Collect(maps.Keys(tiles)))
		}
		if tree.Size() != m.Leaf || !slices.EqualFunc(tree.Edge(), m.Edge, bytes.Equal) {
			return nil, fmt.Errorf("manifest %d has leaf %d, the log %d leaves", number, m.Leaf, tree.Size())
		}
		leaf := archive.LeafHash(mraw)
		tree.Append(leaf[:], func(t tlog.Tile, data []byte) { full(archive.TilePath(t), data) })
		if tree.Root() != c.Root || tree.Size() != c.Size {
			return nil, fmt.Errorf("checkpoint %d has another root than the log", number)
		}
		if m.Recovered != nil {
			for _, o := range m.Recovered.Objects {
				covered[o.Key] = true
			}
		}
		r.manifests = append(r.manifests, m)
		before, beforeSum = m, sha256.Sum256(mraw)
	}
	// Nothing else is there, and all of it once.
	for info, err := range store.Versions(ctx, "") {
		if err != nil {
			return nil, err
		}
		if !info.Latest {
			return nil, fmt.Errorf("%s has two versions", info.Key)
		}
		if !covered[info.Key] && !strings.HasPrefix(info.Key, layout.TilePrefix(testWriter)) {
			return nil, fmt.Errorf("%s is in no manifest", info.Key)
		}
	}
	return r, nil
}

// auditFilters sees that each object's request ids are in its filter.
func auditFilters(store *memstore.Store, layout archive.Layout, m *archive.Manifest) error {
	body, _, err := store.Get(context.Background(), layout.Filters(testWriter, m.Number, m.Filters.SHA256), "", 0, -1)
	if err != nil {
		return err
	}
	all, err := io.ReadAll(body)
	if err != nil || int64(len(all)) != m.Filters.Size || sha256.Sum256(all) != m.Filters.SHA256 {
		return fmt.Errorf("the filters of %d are not those of its manifest: %w", m.Number, err)
	}
	for _, o := range m.Objects {
		if !archive.HasLines(o.Encoding) {
			continue
		}
		f, err := archive.OpenFilter(all[o.Filter.Offset : o.Filter.Offset+o.Filter.Length])
		if err != nil {
			return err
		}
		object, _, err := store.Get(context.Background(), o.Key, "", 0, -1)
		if err != nil {
			return err
		}
		_, err = archive.ReadLines(object, archive.ReadSettings{Compression: o.Compression, Lines: true}, func(line []byte) error {
			var n int
			if _, err := fmt.Sscanf(string(line), `{"n":%d,`, &n); err != nil {
				return err
			}
			if !f.May(fmt.Appendf(nil, "request-%d", n/4)) || !f.May([]byte(strings.Repeat(fmt.Sprintf("%02x", byte(n)), 16))) {
				return fmt.Errorf("record %d is not in the filter of %s", n, o.Key)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func mustAudit(t *testing.T, store *memstore.Store) *auditResult {
	t.Helper()
	r, err := audit(store, archive.Layout{})
	require.NoError(t, err)
	return r
}

func TestSimplePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(nil)
		set := testSettings(t.TempDir(), store)
		a := start(t, set)
		var records []Record
		for n := range 1000 {
			records = append(records, testRecord(n, []string{"access", "application"}[n%2]))
		}
		require.NoError(t, a.Accept(t.Context(), records[:600]))
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		require.NoError(t, a.Accept(t.Context(), records[500:]), "with repeats")
		shut(t, a)

		r := mustAudit(t, store)
		require.Len(t, r.lines, 1000)
		for line, n := range r.lines {
			assert.Equal(t, 1, n, line)
		}
		events := []archive.Event{}
		var total archive.Counts
		for _, m := range r.manifests {
			events = append(events, m.Event)
			total = m.Totals
		}
		assert.Equal(t, []archive.Event{"start", "interval", "shutdown"}, events)
		assert.Equal(t, archive.Counts{Accepted: 1100, Archived: 1000, Repeated: 100, Redactions: 500}, total)
		saw := set.Observer.(*seen)
		assert.Empty(t, saw.deviations)
		assert.Equal(t, 1100, saw.accepted)
		assert.Equal(t, 100, saw.repeated)
		assert.Len(t, saw.commits, 3)
		require.NoError(t, saw.fatal)
		assert.Equal(t, 4, r.objects)
	})
}
