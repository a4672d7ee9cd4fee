package archiveaudit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit/archivetest"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// reading is all that a search and proofs give of an archive, and what they tell.
type reading struct {
	hits   []string
	proofs []string
	notes  []string
}

// readAll searches for every line, and for those of an id, and proves each first line
// against both checkpoints.
func (f *fixture) readAll(t *testing.T, root bool) reading {
	t.Helper()
	var r reading
	told := func(note string) { r.notes = append(r.notes, note) }
	q := archiveaudit.Query{Prefix: prefix, From: begin().AddDate(-1, 0, 0), Parallel: 2, Notes: told}
	p := archiveaudit.Prover{Reader: f.store, Prefix: prefix, Notes: told}
	if root {
		q.Root, p.Root = f.Root.Verifier, f.Root.Verifier
	}
	for _, id := range []string{"", "req-d"} {
		q.ID = id
		stats, err := archiveaudit.Search(t.Context(), f.store, q, func(h archiveaudit.Hit) error {
			r.hits = append(r.hits, fmt.Sprintf("%s %d %s", h.Object, h.Line, h.Data))
			return nil
		})
		require.NoError(t, err)
		if id != "" {
			assert.LessOrEqual(t, stats.Read, stats.Hit+2)
		}
	}
	for _, latest := range []bool{false, true} {
		p := p
		p.Latest = latest
		for _, m := range slices.Concat(f.one.Manifests, f.two.Manifests) {
			for _, o := range m.Objects {
				proved, err := p.Prove(t.Context(), o.Key, 1)
				require.NoError(t, err)
				r.proofs = append(r.proofs, string(proved[0].Proof))
			}
		}
	}
	return r
}

// TestReadersPassOverJunk: whatever a stranger put under the keys of a log, on top, below, or
// where the log has nothing, and whatever their delete markers hide, a search finds the same
// lines, proofs are the same, and what was passed over is told.
func TestReadersPassOverJunk(t *testing.T) {
	t.Parallel()
	master := newFixture(t, objectstore.Governance)
	clean := master.readAll(t, false)
	require.NotEmpty(t, clean.hits)
	require.NotEmpty(t, clean.proofs)
	require.Empty(t, clean.notes)
	end := int64(len(master.one.Checkpoints)) - 1
	checkpoint := func(f *fixture, n int64) string { return f.Layout.Checkpoint("gateway-1", n) }
	put := func(f *fixture, key string, data []byte) { f.store.Overwrite(key, data, objectstore.Lock{}) }
	eachCheckpoint := func(f *fixture, do func(n int64, key string)) string {
		for n := range end + 1 {
			do(n, checkpoint(f, n))
		}
		return checkpoint(f, end)
	}
	eachOf := func(f *fixture, parts string, do func(key string, data []byte)) string {
		some := ""
		for _, key := range f.store.Keys() {
			if strings.Contains(key, parts) {
				data, ok := f.store.Bytes(key, "")
				require.True(t, ok)
				do(key, data)
				some = key
			}
		}
		require.NotEmpty(t, some)
		return some
	}
	for name, one := range map[string]struct {
		put func(f *fixture) string // gives a key that is to be told of
		// rooted is for those who have a key enrolled by a file that the root key did not sign.
		rooted bool
	}{
		"junk on top of the last checkpoint": {put: func(f *fixture) string {
			put(f, checkpoint(f, end), []byte("junk"))
			return checkpoint(f, end)
		}},
		"junk on top of each checkpoint": {put: func(f *fixture) string {
			return eachCheckpoint(f, func(_ int64, key string) { put(f, key, bytes.Repeat([]byte("junk"), 3000)) })
		}},
		"a copy of the first on top of each checkpoint": {put: func(f *fixture) string {
			return eachCheckpoint(f, func(n int64, key string) {
				if n > 0 {
					put(f, key, f.one.Checkpoints[0])
				}
			})
		}},
		"a copy of the last on top of each checkpoint": {put: func(f *fixture) string {
			eachCheckpoint(f, func(n int64, key string) {
				if n < end {
					put(f, key, f.one.Checkpoints[end])
				}
			})
			return checkpoint(f, 2)
		}},
		"another writer's on top of each checkpoint": {put: func(f *fixture) string {
			return eachCheckpoint(f, func(_ int64, key string) { put(f, key, f.two.Checkpoints[0]) })
		}},
		"a copy below, and junk on top of, the last checkpoint": {put: func(f *fixture) string {
			f.below(checkpoint(f, end), f.one.Checkpoints[2])
			put(f, checkpoint(f, end), []byte("junk"))
			return checkpoint(f, end)
		}},
		"a delete marker on the last checkpoint": {put: func(f *fixture) string {
			f.store.Mark(checkpoint(f, end))
			return checkpoint(f, end)
		}},
		"a delete marker on each checkpoint": {put: func(f *fixture) string {
			return eachCheckpoint(f, func(_ int64, key string) { f.store.Mark(key) })
		}},
		"junk where the next checkpoints will be": {put: func(f *fixture) string {
			for n := end + 1; n < end+40; n++ {
				put(f, checkpoint(f, n), []byte("junk"))
			}
			return checkpoint(f, end+1)
		}},
		"copies where the next checkpoints will be": {put: func(f *fixture) string {
			for n := end + 1; n < end+40; n++ {
				put(f, checkpoint(f, n), f.one.Checkpoints[end-n%2])
			}
			return ""
		}},
		"copies of a checkpoint and its manifest under other numbers": {put: func(f *fixture) string {
			manifest, _ := f.store.Bytes(f.find(t, fmt.Sprintf("_log/gateway-1/manifest/%020d-", 1)), "")
			for n := range 2 * end {
				if n != 1 {
					put(f, checkpoint(f, n), f.one.Checkpoints[1])
					put(f, f.Layout.Manifest("gateway-1", n, sha256.Sum256(manifest)), manifest)
				}
			}
			return checkpoint(f, end)
		}},
		"junk on top of each manifest": {put: func(f *fixture) string {
			return eachOf(f, "_log/gateway-1/manifest/", func(key string, _ []byte) { put(f, key, []byte("junk")) })
		}},
		"a delete marker on each manifest": {put: func(f *fixture) string {
			return eachOf(f, "_log/gateway-1/manifest/", func(key string, _ []byte) { f.store.Mark(key) })
		}},
		"junk beside each manifest": {put: func(f *fixture) string {
			junk := []byte("junk")
			for n := range end + 1 {
				put(f, f.Layout.Manifest("gateway-1", n, [32]byte{}), junk)
				put(f, f.Layout.Manifest("gateway-1", n, sha256.Sum256(junk)), junk)
			}
			put(f, f.Layout.ManifestPrefix("gateway-1")+"junk", junk)
			return f.Layout.Manifest("gateway-1", end, [32]byte{})
		}},
		"delete markers where there were no manifests": {put: func(f *fixture) string {
			for n := range 2 * end {
				f.store.Mark(f.Layout.Manifest("gateway-1", n, [32]byte{}))
			}
			return ""
		}},
		"another writer's manifest in place of a hidden one": {put: func(f *fixture) string {
			var theirs []byte
			eachOf(f, "_log/gateway-2/manifest/", func(_ string, data []byte) { theirs = data })
			var hidden string
			eachOf(f, fmt.Sprintf("_log/gateway-1/manifest/%020d-", 2), func(key string, _ []byte) { hidden = key })
			f.store.Mark(hidden)
			put(f, f.Layout.Manifest("gateway-1", 2, sha256.Sum256(theirs)), theirs)
			return hidden
		}},
		"a log of a key that nobody enrolled goes on behind the end": {put: func(f *fixture) string {
			return f.forgeOn(t, "gateway-1", f.one)
		}},
		"the same with a writers file that the root key did not sign": {rooted: true, put: func(f *fixture) string {
			f.forgeOn(t, "gateway-1", f.one)
			return f.forgeKey(t)
		}},
		"another log on top of the last ones, of a key that such a file enrols": {put: func(f *fixture) string {
			f.forgeKey(t)
			forger := f.before.Fork()
			forger.Store, forger.Key = over{f.store}, f.strangersKey(t, "gateway-1")
			for range 2 {
				forger.Write(t, archivetest.Lines(200, 9000, forger.Clock.At, "req-d"))
			}
			return checkpoint(f, end)
		}},
		"junk on top of the writers files, and a log of a key that nobody enrolled": {put: func(f *fixture) string {
			eachOf(f, "_log/writers/", func(key string, _ []byte) { put(f, key, []byte("junk")) })
			put(f, f.Layout.Writers(900), []byte("junk"))
			return f.forgeOn(t, "gateway-1", f.one)
		}},
		"a writers file behind the others that has no keys of theirs": {put: func(f *fixture) string {
			forged := archive.Writers{Origin: f.Origin, Number: 900, Keys: []archive.WriterKey{{Writer: "evil", VKey: f.strangersKey(t, "evil").VKey, From: begin()}}, Previous: f.Writers.Previous}
			data, err := forged.Sign(archivetest.NewKey(t, archive.RootName(f.Origin)).Signer)
			require.NoError(t, err)
			put(f, f.Layout.Writers(900), data)
			return ""
		}},
		"a log of a writer whom nobody enrolled": {put: func(f *fixture) string {
			put(f, f.Layout.ManifestPrefix("evil")+"junk", []byte("junk"))
			put(f, f.Layout.Manifest("evil", 0, [32]byte{}), []byte("junk"))
			return f.Layout.WriterFolder("evil")
		}},
		"junk on top of each tile": {put: func(f *fixture) string {
			return eachOf(f, "_log/gateway-1/tile/", func(key string, data []byte) { put(f, key, bytes.Repeat([]byte("x"), len(data))) })
		}},
		"junk beside each tile": {put: func(f *fixture) string {
			eachOf(f, "_log/gateway-1/tile/", func(key string, data []byte) {
				junk := bytes.Repeat([]byte("x"), len(data))
				put(f, fmt.Sprintf("%s-%x", key, sha256.Sum256(junk)), junk)
				put(f, key+"-junk", junk)
			})
			return ""
		}},
		"filters on top that deny every id": {put: func(f *fixture) string {
			for _, m := range f.one.Manifests {
				if m.Filters == nil {
					continue
				}
				key := f.Layout.Filters("gateway-1", m.Number, m.Filters.SHA256)
				data, ok := f.store.Bytes(key, "")
				require.True(t, ok)
				for _, o := range m.Objects {
					clear(data[o.Filter.Offset+24 : o.Filter.Offset+o.Filter.Length])
				}
				put(f, key, data)
			}
			return f.find(t, "_log/gateway-1/filters/")
		}},
		"a delete marker on each object of filters": {put: func(f *fixture) string {
			return eachOf(f, "_log/gateway-1/filters/", func(key string, _ []byte) { f.store.Mark(key) })
		}},
		"junk on top of each object": {put: func(f *fixture) string {
			eachOf(f, "category=", func(key string, _ []byte) { put(f, key, []byte("junk")) })
			return ""
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := master.clone()
			key := one.put(f)
			got := f.readAll(t, one.rooted)
			assert.Equal(t, clean.hits, got.hits)
			assert.Equal(t, clean.proofs, got.proofs)
			if key != "" {
				assert.Contains(t, strings.Join(got.notes, "\n"), key+": passed over", "%q", got.notes)
			}
			assert.Less(t, len(got.notes), 6*25)
		})
	}
}

// strangersKey is a key of somebody who took a writer's name. It is the same for all calls
// of one fixture.
func (f *fixture) strangersKey(t *testing.T, writer string) archivetest.Key {
	t.Helper()
	if f.stranger == nil {
		f.stranger = make(map[string]archivetest.Key)
	}
	if _, ok := f.stranger[writer]; !ok {
		f.stranger[writer] = archivetest.NewKey(t, archive.WriterOrigin(f.Origin, writer))
	}
	return f.stranger[writer]
}

// forgeKey enrols a stranger's key in a writers file that the root key did not sign, and gives
// that file's key.
func (f *fixture) forgeKey(t *testing.T) string {
	t.Helper()
	writers := *f.Writers
	writers.Number++
	writers.Keys = slices.Clone(writers.Keys)
	for i := range writers.Keys {
		if writers.Keys[i].Writer == "gateway-1" {
			writers.Keys[i].To = begin().AddDate(1, 0, 0)
		}
	}
	writers.Keys = append(writers.Keys, archive.WriterKey{Writer: "gateway-1", VKey: f.strangersKey(t, "gateway-1").VKey, From: begin().AddDate(1, 0, 0)})
	data, err := writers.Sign(archivetest.NewKey(t, archive.RootName(f.Origin)).Signer)
	require.NoError(t, err)
	f.store.Overwrite(f.Layout.Writers(writers.Number), data, objectstore.Lock{})
	return f.Layout.Writers(writers.Number)
}

// forgeOn has a stranger go on with a log by their own key, and gives the key of their
// checkpoint.
func (f *fixture) forgeOn(t *testing.T, writer string, of *archivetest.Writer) string {
	t.Helper()
	forger := of.Fork()
	forger.Store, forger.Key = f.store, f.strangersKey(t, writer)
	m := forger.Write(t, archivetest.Lines(5, 9000, f.Clock.At, "req-d"))
	return f.Layout.Checkpoint(writer, m.Number)
}

// Where nothing is in the way, a search lists each writer's manifests, and those of the last
// number, and a proof those of the numbers it is of; both list the checkpoint's versions of the
// number behind the end at most.
func TestReadersListLittle(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	var mu sync.Mutex
	var listings []string
	gets := 0
	f.store.SetFault(func(_ context.Context, c memstore.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if c.Stage == memstore.Before {
			switch c.Op {
			case memstore.OpVersions:
				listings = append(listings, c.Key)
			case memstore.OpGet:
				gets++
			default:
			}
		}
		return nil
	})
	stats, err := archiveaudit.Search(t.Context(), f.store, archiveaudit.Query{Prefix: prefix, ID: "req-d", Parallel: 2}, func(archiveaudit.Hit) error { return nil })
	require.NoError(t, err)
	require.Equal(t, int64(5), stats.Hit)
	manifests := func(writer string, number int) string {
		return fmt.Sprintf("%s%020d-", f.Layout.ManifestPrefix(writer), number)
	}
	end := len(f.one.Manifests) - 1
	assert.ElementsMatch(t, []string{
		f.Layout.ManifestPrefix("gateway-1"), manifests("gateway-1", end),
		f.Layout.ManifestPrefix("gateway-2"), manifests("gateway-2", len(f.two.Manifests)-1),
	}, listings)
	// Manifests and filters, the objects, the last checkpoints with theirs, and a writers file.
	assert.LessOrEqual(t, gets, len(f.one.Manifests)+5+len(f.two.Manifests)+1+int(stats.Read)+2*2+1)
	listings = nil
	p := archiveaudit.Prover{Reader: f.store, Prefix: prefix}
	for _, number := range []int{2, 1, 2} {
		_, err = p.Prove(t.Context(), f.one.Manifests[number].Objects[0].Key, 1)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{manifests("gateway-1", end), f.Layout.Checkpoint("gateway-1", int64(end)+1), manifests("gateway-1", 2), manifests("gateway-1", 1)}, listings)
}

// A long log is searched to its end and no further, whatever lies behind it; where a checkpoint
// is gone, the rest is found all the same.
func TestSearchOfALongLog(t *testing.T) {
	t.Parallel()
	clock := &archivetest.Clock{At: begin()}
	store := memstore.New(clock.Now)
	a := archivetest.New(t, store, prefix, clock)
	w := a.NewWriter("gateway-1", archivetest.NewKey(t, archive.WriterOrigin(a.Origin, "gateway-1")))
	const count = 600
	for i := range count {
		w.Write(t, archivetest.Lines(1, i, clock.At, "req-a"))
	}
	search := func() (hits int64, notes []string) {
		q := archiveaudit.Query{Prefix: prefix, ID: "req-a", Parallel: 4, Notes: func(note string) { notes = append(notes, note) }}
		stats, err := archiveaudit.Search(t.Context(), store, q, func(archiveaudit.Hit) error { return nil })
		require.NoError(t, err)
		return stats.Hits, notes
	}
	hits, notes := search()
	assert.Equal(t, int64(count), hits)
	assert.Empty(t, notes)
	var last []byte
	for _, key := range store.Keys() {
		if strings.Contains(key, "/manifest/") {
			last, _ = store.Bytes(key, "")
		}
	}
	for n := range int64(400) {
		store.Overwrite(a.Layout.Manifest("gateway-1", count+n, sha256.Sum256(last)), last, objectstore.Lock{})
		store.Overwrite(a.Layout.Checkpoint("gateway-1", count+n), w.Checkpoints[n], objectstore.Lock{})
	}
	hits, notes = search()
	assert.Equal(t, int64(count), hits)
	assert.NotEmpty(t, notes)
	for _, n := range []int64{255, 254, 511, count - 1} {
		store.RemoveAll(a.Layout.Checkpoint("gateway-1", n))
	}
	hits, _ = search()
	assert.Equal(t, int64(count-4), hits)
}

// What could not be read is no junk: it ends a search and a proof.
func TestReadersEndWhereTheyCannotRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	end := int64(len(f.one.Checkpoints)) - 1
	broken := errors.New("broken")
	search := func() error {
		_, err := archiveaudit.Search(t.Context(), f.store, archiveaudit.Query{Prefix: prefix, ID: "req-d", Parallel: 2}, func(archiveaudit.Hit) error { return nil })
		return err
	}
	prove := func() error {
		p := archiveaudit.Prover{Reader: f.store, Prefix: prefix, Latest: true}
		_, err := p.Prove(t.Context(), f.one.Manifests[2].Objects[0].Key, 1)
		return err
	}
	for name, one := range map[string]struct {
		op   memstore.Op
		key  string
		read []func() error
	}{
		"writers files":         {memstore.OpList, f.Layout.WritersPrefix(), []func() error{search, prove}},
		"a writers file":        {memstore.OpGet, f.Layout.Writers(f.Writers.Number), []func() error{search, prove}},
		"manifests":             {memstore.OpVersions, f.Layout.ManifestPrefix("gateway-1"), []func() error{search}},
		"the last checkpoint":   {memstore.OpGet, f.Layout.Checkpoint("gateway-1", end), []func() error{search, prove}},
		"what may be behind it": {memstore.OpVersions, f.Layout.Checkpoint("gateway-1", end+1), []func() error{prove}},
		"a manifest":            {memstore.OpGet, f.find(t, fmt.Sprintf("_log/gateway-1/manifest/%020d-", 2)), []func() error{search, prove}},
		"filters":               {memstore.OpGet, f.find(t, "_log/gateway-1/filters/"), []func() error{search}},
		"a tile":                {memstore.OpGet, f.find(t, "_log/gateway-1/tile/0/000"), []func() error{prove}},
	} {
		f.store.SetFault(func(_ context.Context, c memstore.Call) error {
			if c.Op == one.op && c.Key == one.key {
				return broken
			}
			return nil
		})
		for _, read := range one.read {
			require.ErrorIs(t, read(), broken, name)
		}
	}
}
