package archiveaudit_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit/archivetest"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// realistic are lines as the json encoding writes them, of some 600 bytes, ten of a
// request, with values that compress as those of services do.
func realistic(n int, at time.Time, random *rand.Rand) archivetest.Object {
	o := archivetest.Object{At: at}
	for i := range n {
		request := fmt.Sprintf("%016x", random.Uint64())
		trace := fmt.Sprintf("%x", sha256.Sum256([]byte(request)))[:32]
		for range 10 {
			if len(o.Lines) == n {
				return o
			}
			o.Lines = append(o.Lines, fmt.Sprintf(`{"time":%q,"observed_time":%q,"severity":"INFO","severity_number":9,"body":"order %d was packed and handed over to the carrier in %d ms","event_name":"order_packed","trace_id":%q,"span_id":"%016x","flags":1,"scope":"shop.orders","request.id":%q,"log.record.uid":"019a%012x-%08x","customer.id":"c-%06d","order.items":%d,"http.response.status_code":200,"url.path":"/orders/%d/pack","service.name":"orders","service.version":"2026.11.3","service.instance.id":"orders-7d9c5b","host.name":"ip-10-0-%d-%d","cloud.region":"eu-central-1"}`,
				at.Add(time.Duration(i)*time.Millisecond).UTC().Format(time.RFC3339Nano), at.Add(time.Duration(i)*time.Millisecond).UTC().Format(time.RFC3339Nano),
				random.IntN(1_000_000), random.IntN(500), trace, random.Uint64(), request, random.Uint64()>>16, random.Uint32(), random.IntN(100_000),
				random.IntN(20), random.IntN(1_000_000), random.IntN(4), random.IntN(250)))
		}
		o.IDs = append(o.IDs, request, trace)
	}
	return o
}

// cpuTime is what the process has used of the CPU, in user and system mode.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkVerify(b *testing.B) {
	for _, compression := range []archive.Compression{archive.CompressionZstd, archive.CompressionGzip, archive.CompressionNone} {
		for _, objects := range []int{1, 20} {
			b.Run(fmt.Sprintf("compression=%s/objects=%d", compression, objects), func(b *testing.B) {
				clock := &archivetest.Clock{At: begin()}
				store := memstore.New(clock.Now)
				a := archivetest.New(b, store, "", clock)
				key := archivetest.NewKey(b, archive.WriterOrigin(a.Origin, "gateway-1"))
				a.Enrol(b, func(w *archive.Writers) {
					w.Keys = append(w.Keys, archive.WriterKey{Writer: "gateway-1", VKey: key.VKey, From: begin()})
				})
				w := a.NewWriter("gateway-1", key)
				random := rand.New(rand.NewPCG(1, 2))
				size := int64(0)
				for range objects {
					o := realistic(200_000/objects, clock.At, random)
					o.Compression = compression
					for _, line := range o.Lines {
						size += int64(len(line)) + 1
					}
					w.Write(b, o)
				}
				clock.Add(-time.Minute)
				b.SetBytes(size)
				b.ReportAllocs()
				began, rounds := cpuTime(b), 0
				for b.Loop() {
					rounds++
					report, err := archiveaudit.Verify(b.Context(), store, archiveaudit.Settings{Root: a.Root.Verifier, Now: clock.At, Parallel: 1})
					require.NoError(b, err)
					require.Equal(b, archiveaudit.Good, report.Verdict, report.Findings)
					require.Equal(b, int64(200_000/objects*objects), report.Writers[0].Lines)
				}
				b.ReportMetric(float64(size)*float64(rounds)/(cpuTime(b)-began).Seconds()/1e6, "MB/cpu-s")
			})
		}
	}
}

// The search of a request reads at most 2 % of the archive's bytes, filters counted,
// besides the objects that the request is in. HEARTWOOD_SEARCH_OBJECTS=1000 is the full
// scale, of 10,000 records each.
func TestSearchReads(t *testing.T) {
	t.Parallel()
	objects, records := 200, 2000
	if text := os.Getenv("HEARTWOOD_SEARCH_OBJECTS"); text != "" {
		var err error
		objects, err = strconv.Atoi(text)
		require.NoError(t, err)
		records = 10_000
	} else if testing.Short() {
		objects = 100
	}
	clock := &archivetest.Clock{At: begin()}
	store := memstore.New(clock.Now)
	a := archivetest.New(t, store, "", clock)
	key := archivetest.NewKey(t, archive.WriterOrigin(a.Origin, "gateway-1"))
	w := a.NewWriter("gateway-1", key)
	random := rand.New(rand.NewPCG(3, 4))
	spread := map[string]int{"in-one": 1, "in-ten": 10, "in-hundred": 100}
	for i := range objects {
		o := realistic(records, clock.At, random)
		for id, n := range spread {
			if i%max(1, objects/n) == 0 && i/max(1, objects/n) < n {
				line := archivetest.Lines(1, i, clock.At, id)
				o.Lines = append(o.Lines, line.Lines...)
				o.IDs = append(o.IDs, line.IDs...)
			}
		}
		w.Write(t, o)
	}
	for id, n := range spread {
		hits := 0
		stats, err := archiveaudit.Search(t.Context(), store, archiveaudit.Query{ID: id, Parallel: 2}, func(h archiveaudit.Hit) error {
			hits++
			assert.Contains(t, string(h.Data), id)
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, n, hits)
		assert.Equal(t, int64(n), stats.Hit)
		beyond := stats.Read - stats.Hit
		mean := float64(stats.ObjectBytes) / float64(stats.Objects)
		share := (float64(beyond) + float64(stats.FilterBytes)/mean) / float64(stats.Objects)
		t.Logf("%s: %d of %d objects read, %d of them in vain; filters %d bytes, an object %.0f: %.2f %% of the objects",
			id, stats.Read, stats.Objects, beyond, stats.FilterBytes, mean, 100*share)
		assert.LessOrEqual(t, share, 0.02)
	}
}

func TestSearchFinds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	search := func(q archiveaudit.Query) (lines []archiveaudit.Hit, stats archiveaudit.SearchStats) {
		q.Prefix = prefix
		stats, err := archiveaudit.Search(t.Context(), f.store, q, func(h archiveaudit.Hit) error {
			lines = append(lines, h)
			return nil
		})
		require.NoError(t, err)
		return lines, stats
	}
	lines, stats := search(archiveaudit.Query{ID: "req-d"})
	assert.Len(t, lines, 5*7)
	assert.Equal(t, int64(5), stats.Hit)
	assert.LessOrEqual(t, stats.Read, stats.Hit+2)
	trace := fmt.Sprintf("%x", sha256.Sum256([]byte("req-x")))[:32]
	lines, _ = search(archiveaudit.Query{ID: trace})
	assert.Len(t, lines, 20)
	assert.Equal(t, "gateway-2", lines[0].Writer)
	lines, _ = search(archiveaudit.Query{ID: "req-a", From: f.one.Manifests[7].To.Add(-time.Second)})
	assert.Len(t, lines, 50)
	lines, _ = search(archiveaudit.Query{ID: "req-not-there"})
	assert.Empty(t, lines)
	lines, _ = search(archiveaudit.Query{ID: "req"}) // a part of an id is none
	assert.Empty(t, lines)
	// Without its filter an object is read all the same.
	f.store.RemoveAll(f.find(t, "_log/gateway-1/filters"))
	lines, stats = search(archiveaudit.Query{ID: "req-d"})
	assert.Len(t, lines, 5*7)
	assert.GreaterOrEqual(t, stats.Read, int64(7))
}

func TestProve(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	verifiers, err := f.Writers.Verifiers("gateway-1")
	require.NoError(t, err)
	for _, without := range []string{"", "_log/gateway-1/tile/0/000", "_log/gateway-1/tile"} {
		for _, key := range f.store.Keys() {
			if without != "" && len(key) >= len(prefix+without) && key[:len(prefix+without)] == prefix+without {
				f.store.RemoveAll(key)
			}
		}
		for _, latest := range []bool{false, true} {
			p := &archiveaudit.Prover{Reader: f.store, Prefix: prefix, Latest: latest}
			for _, m := range f.one.Manifests {
				for _, o := range m.Objects {
					proved, err := p.Prove(t.Context(), o.Key, 1, o.Leaves)
					require.NoError(t, err, "without %q", without)
					for _, x := range proved {
						proof, err := archive.ParseProof(x.Proof)
						require.NoError(t, err)
						c, err := proof.Check(archive.LeafHash(x.Data), verifiers)
						require.NoError(t, err)
						assert.Equal(t, x.Leaf, proof.Index)
						if latest {
							assert.Equal(t, int64(len(f.one.Manifests))-1, x.Checkpoint)
						} else {
							assert.Equal(t, m.Number, x.Checkpoint)
							assert.Equal(t, m.Leaf+1, c.Size)
						}
						_, err = proof.Check(archive.LeafHash(append([]byte("x"), x.Data...)), verifiers)
						require.Error(t, err)
					}
				}
			}
		}
	}
	p := &archiveaudit.Prover{Reader: f.store, Prefix: prefix}
	key := f.one.Manifests[2].Objects[2].Key
	_, err = p.Prove(t.Context(), key, 8)
	require.ErrorContains(t, err, "there is no line 8")
	f.store.Edit(key, "", true, func(data []byte) []byte { data[5] ^= 1; return data })
	_, err = p.Prove(t.Context(), key, 1)
	require.ErrorContains(t, err, "was changed")
	_, err = p.Prove(t.Context(), "no key", 1)
	require.Error(t, err)
}
