package archiver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/crashfs"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// inWorld runs a story in a bubble.
func inWorld(t *testing.T, story func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { story(newWorld(t)) })
}

func TestLostDisk(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.up(t.Context()))
		require.NoError(t, w.send(t.Context(), 100))
		time.Sleep(40 * time.Second) // they are in the log
		require.NoError(t, w.send(t.Context(), 50))
		// Objects and filters are put, and no manifest any more.
		w.store.SetFault(func(_ context.Context, c memstore.Call) error {
			if strings.Contains(c.Key, "/manifest/") {
				return objectstore.ErrBusy
			}
			return nil
		})
		time.Sleep(40 * time.Second)
		lost := w.a
		kill(lost)
		w.store.SetFault(nil)
		w.fs = crashfs.New()
		w.acked = w.acked[:100] // the others were on that disk only, as far as the log knows

		require.NoError(t, w.up(t.Context()))
		assert.NotEqual(t, lost.instance, w.a.instance)
		require.NoError(t, w.send(t.Context(), 700))
		require.NoError(t, w.a.Shutdown(t.Context()))
		require.NoError(t, w.saw.fatal)
		r, err := audit(w.store, archive.Layout{})
		require.NoError(t, err)
		var recovered []*archive.Manifest
		for _, m := range r.manifests {
			if m.Recovered != nil {
				recovered = append(recovered, m)
			}
		}
		require.Len(t, recovered, 1)
		m := recovered[0]
		assert.Equal(t, archive.EventStart, m.Event)
		assert.Equal(t, m.Number-1, m.Recovered.FromNumber)
		require.Len(t, m.Recovered.Objects, 3, "two objects and their filters")
		for _, o := range m.Recovered.Objects {
			info, err := w.store.Head(t.Context(), o.Key, o.VersionID)
			require.NoError(t, err)
			assert.Equal(t, archive.Digest(info.SHA256), o.SHA256)
		}
		found := map[int]int{}
		for line, n := range r.lines {
			found[w.sent[line]] += n
		}
		for _, n := range w.acked {
			require.Equal(t, 1, found[n], "record %d", n)
		}
	})
}

// TestTileInTheWay puts a tile where one is that a lost disk has left.
func TestTileInTheWay(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.up(t.Context()))
		tile := tlog.Tile{H: archive.TileHeight, L: 0, N: 7, W: archive.TileWidth}
		one, two := bytes.Repeat([]byte("1"), 8192), bytes.Repeat([]byte("2"), 8192)
		refs := [2]archive.TileRef{}
		for i, data := range [][]byte{one, two} {
			refs[i] = archive.TileRef{Path: archive.TilePath(tile), SHA256: sha256.Sum256(data)}
			for range 2 { // and once more, as after a crash
				ref := refs[i]
				require.NoError(t, w.a.putTile(t.Context(), tile, &ref, data, time.Now(), &weakestLock{}))
				if refs[i].VersionID != "" {
					assert.Equal(t, refs[i].VersionID, ref.VersionID)
				}
				refs[i].VersionID = ref.VersionID
				if i == 0 {
					assert.Equal(t, "0/007", ref.Path)
				} else {
					assert.Equal(t, "0/007-"+refs[1].SHA256.String(), ref.Path)
				}
				got, _ := w.store.Bytes("_log/gateway-1/tile/"+ref.Path, ref.VersionID)
				assert.Equal(t, data, got)
			}
		}
		assert.Len(t, w.saw.deviations, 2)
		shut(t, w.a)
	})
}

// What anybody may have put beside a manifest is read, and not held.
func TestTakeUpBesideALargeManifest(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.story(t.Context()))
		last := w.saw.commits[len(w.saw.commits)-1]
		junk := archive.Layout{}.Manifest(testWriter, last.Number, [32]byte{})
		w.store.Overwrite(junk, []byte("{}"), objectstore.Lock{})
		const size = 64 << 20
		read := 0
		w.store.SetBody(func(c memstore.Call, r io.Reader) io.Reader {
			if c.Key != junk {
				return r
			}
			read++
			return io.LimitReader(spaces{}, size)
		})
		w.fs = crashfs.New()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.NoError(t, w.up(t.Context()))
		runtime.ReadMemStats(&after)
		assert.Positive(t, read)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(size/2))
		require.NoError(t, w.a.Shutdown(t.Context()))
		require.NoError(t, w.saw.fatal)
	})
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestTakeUpIsRefused(t *testing.T) {
	other, verifier := newKey(t)
	layout := archive.Layout{}
	for name, spoil := range map[string]func(s *memstore.Store, last Commit){
		"a manifest that was changed": func(s *memstore.Store, last Commit) {
			s.RemoveAll(last.Manifest)
			s.Overwrite(last.Manifest, []byte("{}"), objectstore.Lock{})
		},
		"a manifest that is gone": func(s *memstore.Store, last Commit) { s.RemoveAll(last.Manifest) },
		"another key of the writer": func(s *memstore.Store, last Commit) {
			s.Overwrite(layout.Checkpoint(testWriter, last.Number+1), newCheckpoint(t, last.Size+1, other), objectstore.Lock{})
		},
		"a log that goes on": func(s *memstore.Store, last Commit) {
			s.Overwrite(layout.Checkpoint(testWriter, last.Number+1), newCheckpoint(t, last.Size+1, testKeys().signer), objectstore.Lock{})
		},
		"no checkpoint any more": func(s *memstore.Store, last Commit) {
			for n := range last.Number + 1 {
				s.RemoveAll(layout.Checkpoint(testWriter, n))
				s.Overwrite(layout.Checkpoint(testWriter, n), []byte("junk"), objectstore.Lock{})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				t := w.t
				require.NoError(t, w.story(t.Context()))
				spoil(w.store, w.saw.commits[len(w.saw.commits)-1])
				w.fs = crashfs.New()
				w.tune = func(s *Settings) {
					s.OtherKeys = func(context.Context) ([]note.Verifier, error) { return []note.Verifier{verifier}, nil }
				}
				err := w.up(t.Context())
				if err == nil {
					kill(w.a)
				}
				require.ErrorIs(t, err, ErrState)
				assert.ErrorContains(t, err, "can't be taken up")
			})
		})
	}
}

func TestOldCopyOfTheState(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.story(t.Context()))
		now := w.fs
		w.fs = now.Killed()
		require.NoError(t, w.story(t.Context()))
		w.fs = now.Killed()
		err := w.up(t.Context())
		require.ErrorIs(t, err, ErrState)
		require.ErrorIs(t, err, ErrOtherWriter)
	})
}

func TestOtherBucket(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.story(t.Context()))
		w.store = memstore.New(nil)
		require.ErrorIs(t, w.up(t.Context()), ErrState)
	})
}

func TestTwoWritersOfOneName(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.up(t.Context()))
		require.NoError(t, w.send(t.Context(), 10))
		time.Sleep(time.Second)
		one, saw := w.a, w.saw
		w.fs = crashfs.New()
		require.NoError(t, w.up(t.Context()), "it looks like a lost disk")
		two := w.a
		require.NoError(t, w.send(t.Context(), 10))
		time.Sleep(2 * time.Minute)
		failed := 0
		for a, saw := range map[*Archiver]*seen{one: saw, two: w.saw} {
			saw.mu.Lock()
			if saw.fatal != nil {
				failed++
				require.ErrorIs(t, saw.fatal, ErrOtherWriter)
				require.ErrorIs(t, a.Accept(t.Context(), []Record{testRecord(1, "access")}), ErrOtherWriter)
				require.ErrorIs(t, a.Stats().Fatal, ErrOtherWriter)
			}
			saw.mu.Unlock()
		}
		assert.Equal(t, 1, failed)
		shut(t, one)
		shut(t, two)
	})
}

func TestClock(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		var ahead atomic.Int64
		ahead.Store(int64(6 * time.Minute))
		w.store.SetClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
		require.NoError(t, w.up(t.Context()))
		records := []Record{testRecord(1, "access"), testRecord(2, "audit")}
		records[1].Rule = Rule{Name: "audit", Mode: objectstore.Compliance, Period: 7 * 365 * 24 * time.Hour, StorageClass: "STANDARD_IA"}
		records[1].Time = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
		require.NoError(t, w.a.Accept(t.Context(), records))
		time.Sleep(5 * time.Minute)
		var classes []string
		for folder := range w.store.Folders(t.Context(), "category=") { //nolint:errcheck // it is not nil in memory
			classes = append(classes, folder)
		}
		assert.Equal(t, []string{"category=access/"}, classes)
		w.saw.mu.Lock()
		var waits int
		for what, n := range w.saw.retries {
			if strings.Contains(what, "category=audit") {
				waits += n
			}
		}
		w.saw.mu.Unlock()
		assert.Greater(t, waits, 100)

		ahead.Store(int64(4 * time.Minute))
		// The server is heard at its next answer.
		for range w.store.List(t.Context(), "none", "") { //nolint:errcheck // there is none
			continue
		}
		shut(t, w.a)
		r := mustAudit(t, w.store)
		var seen int
		for _, m := range r.manifests {
			for _, o := range m.Objects {
				seen++
				put := m.To.Add(-10 * time.Minute)
				period := governance.Period
				if o.Class == "audit" {
					period = records[1].Rule.Period
					assert.Equal(t, "COMPLIANCE", o.Mode)
					assert.Equal(t, "STANDARD_IA", o.StorageClass)
					assert.Equal(t, 2099, o.MaxTime.Year())
				}
				assert.WithinRange(t, o.RetainUntil, put.Add(period), m.To.Add(period+time.Hour))
				assert.Equal(t, o.RetainUntil, o.RetainUntil.Truncate(time.Hour), "whole hours")
			}
		}
		assert.Equal(t, 2, seen)
	})
}

// TestOutage has the store fail until the queue is full, and come back.
func TestOutage(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		var down atomic.Bool
		w.store.SetFault(func(context.Context, memstore.Call) error {
			if down.Load() {
				return objectstore.ErrBusy
			}
			return nil
		})
		set := w.settings()
		set.QueueSize, set.SealedSize, set.Compression = 1<<20, 1<<20, archive.CompressionNone
		a, err := New(set)
		require.NoError(t, err)
		require.NoError(t, a.Start(t.Context()))
		down.Store(true)
		n := 0
		batch := func() []Record {
			var records []Record
			for range 20 {
				r := testRecord(n, "access")
				r.Line = fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, n, strings.Repeat("x", 2000))
				n++
				records = append(records, r)
			}
			return records
		}
		accepted := 0
		for {
			began := time.Now()
			err := a.Accept(t.Context(), batch())
			if err != nil {
				require.ErrorIs(t, err, ErrFull)
				assert.Equal(t, 5*time.Second, time.Since(began))
				break
			}
			accepted += 20
			time.Sleep(time.Second)
			require.Less(t, accepted, 10000)
		}
		stats := a.Stats()
		assert.Greater(t, stats.Queue.Bytes, int64(900<<10))
		assert.Less(t, stats.Queue.Bytes, int64(1100<<10))
		assert.Greater(t, stats.SealedBytes, int64(1<<20))
		assert.Less(t, stats.SealedBytes, int64(2<<20))
		assert.Less(t, w.fs.Size(), 5<<20)
		time.Sleep(time.Hour)
		down.Store(false)
		time.Sleep(time.Minute)
		require.NoError(t, a.Accept(t.Context(), batch()))
		shut(t, a)
		r := mustAudit(t, w.store)
		assert.Len(t, r.lines, accepted+20)
		for _, m := range r.manifests {
			assert.Less(t, m.To.Sub(m.From), 2*time.Hour)
		}
	})
}

func TestTooLarge(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.up(t.Context()))
		r := testRecord(1, "access")
		r.Line = bytes.Repeat([]byte("x"), 17<<20)
		require.ErrorIs(t, w.a.Accept(t.Context(), []Record{r}), ErrTooLarge)
		for _, bad := range []func(*Record){
			func(r *Record) { r.Line = nil },
			func(r *Record) { r.Line = []byte("two\nlines") },
			func(r *Record) { r.Signal = 0 },
			func(r *Record) { r.Rule.Name = "" },
			func(r *Record) { r.Redactions = -1 },
			func(r *Record) { r.Hour = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
			func(r *Record) { r.Hour = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) },
			func(r *Record) { r.Rule.Mode = "LEGAL" },
			func(r *Record) { r.Partitions = make([]archive.Partition, 65) },
		} {
			r := testRecord(1, "access")
			bad(&r)
			require.Error(t, w.a.Accept(t.Context(), []Record{testRecord(2, "access"), r}))
		}
		odd := testRecord(3, "access")
		odd.Time, odd.Hour = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC)
		require.NoError(t, w.a.Accept(t.Context(), []Record{odd}))
		odd.Hour = time.Time{}
		odd.Fingerprint[15] = 1
		require.NoError(t, w.a.Accept(t.Context(), []Record{odd}))
		shut(t, w.a)
		got := mustAudit(t, w.store)
		assert.Equal(t, 2, got.objects)
		assert.True(t, odd.Arrival.Equal(got.manifests[len(got.manifests)-1].Objects[0].MaxTime), "the arrival, where the time can't be kept")
	})
}

// TestDeviation has a bucket that locks for too short a time.
func TestDeviation(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		set := w.settings()
		set.Store = shortener{w.store}
		a := start(t, set)
		require.NoError(t, a.Accept(t.Context(), []Record{testRecord(1, "access")}))
		shut(t, a)
		r := mustAudit(t, w.store)
		assert.Len(t, r.lines, 1, "it is archived all the same, and the manifest says what is there")
		require.NotEmpty(t, w.saw.deviations)
		assert.ErrorContains(t, w.saw.deviations[0], "it is locked until")
	})
}

// TestDamagedAnswers: one answer that tells of another content stops nothing, and is no
// deviation; what was put without an answer is known when it is put again.
func TestDamagedAnswers(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		set := w.settings()
		liar := &liar{Store: w.store}
		set.Store = liar
		a := start(t, set)
		for n := range 20 {
			require.NoError(t, a.Accept(t.Context(), []Record{testRecord(n, "access")}))
			time.Sleep(11 * time.Second)
		}
		shut(t, a)
		assert.Len(t, mustAudit(t, w.store).lines, 20)
		assert.Positive(t, liar.lies.Load())
		assert.Empty(t, w.saw.deviations)
	})
}

// liar gives no answer to each second PUT, which it stores, and a wrong SHA-256 to each HEAD
// that asks what is under a key, and to each second that asks for a version.
type liar struct {
	*memstore.Store
	puts, heads, lies atomic.Int64
}

func (l *liar) Put(ctx context.Context, o objectstore.Object) (objectstore.Info, error) {
	info, err := l.Store.Put(ctx, o)
	if err == nil && l.puts.Add(1)%2 == 0 {
		return objectstore.Info{}, fmt.Errorf("cut off: %w", objectstore.ErrBusy)
	}
	return info, err
}

func (l *liar) Head(ctx context.Context, key, version string) (objectstore.Info, error) {
	info, err := l.Store.Head(ctx, key, version)
	if err == nil && (version == "" || l.heads.Add(1)%2 == 1) {
		l.lies.Add(1)
		info.SHA256[0] ^= 1
	}
	return info, err
}

type shortener struct{ *memstore.Store }

func (s shortener) Put(ctx context.Context, o objectstore.Object) (objectstore.Info, error) {
	o.Lock.RetainUntil = o.Lock.RetainUntil.Add(-25 * time.Hour)
	return s.Store.Put(ctx, o)
}

func TestDamagedState(t *testing.T) {
	for name, damage := range map[string]func(fs *crashfs.FS, path string) bool{
		"leaves":   func(_ *crashfs.FS, path string) bool { return strings.HasSuffix(path, ".leaves") },
		"object":   func(_ *crashfs.FS, path string) bool { return strings.HasSuffix(path, ".obj") },
		"filter":   func(_ *crashfs.FS, path string) bool { return strings.HasSuffix(path, ".filter") },
		"queue":    func(_ *crashfs.FS, path string) bool { return strings.Contains(path, "/queue/") },
		"journal":  func(_ *crashfs.FS, path string) bool { return strings.Contains(path, "/journal/") },
		"instance": func(_ *crashfs.FS, path string) bool { return strings.HasSuffix(path, "/instance") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				t := w.t
				require.NoError(t, w.up(t.Context()))
				require.NoError(t, w.send(t.Context(), 10))
				time.Sleep(time.Second)
				w.store.SetFault(func(context.Context, memstore.Call) error { return objectstore.ErrBusy })
				time.Sleep(20 * time.Second)
				fs := w.fs
				w.fs = fs.Killed()
				kill(w.a)
				removed := 0
				for _, path := range w.fs.Files() {
					if damage(w.fs, path) {
						require.NoError(t, w.fs.Remove(path))
						removed++
					}
				}
				require.Positive(t, removed)
				w.store.SetFault(nil)
				err := w.up(t.Context())
				if err == nil {
					kill(w.a) // or it runs for as long as the test may
				}
				require.ErrorIs(t, err, ErrDamage)
				assert.ErrorContains(t, err, "/state/")
			})
		})
	}
}

// TestFullDisk has nothing accepted that is not safe, and goes on when there is room.
func TestFullDisk(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.up(t.Context()))
		full := errors.New("no space left on device")
		w.fs.Fail(func(op, _ string) error {
			if op == "write" || op == "create" {
				return full
			}
			return nil
		})
		require.ErrorIs(t, w.send(t.Context(), 10), full)
		w.fs.Fail(func(op, path string) error {
			if strings.Contains(path, "/objects/") && op == "write" {
				return full
			}
			return nil
		})
		require.NoError(t, w.send(t.Context(), 10), "the queue has room")
		time.Sleep(10 * time.Minute)
		w.saw.mu.Lock()
		assert.Positive(t, w.saw.retries["write objects"])
		w.saw.mu.Unlock()
		w.fs.Fail(nil)
		time.Sleep(time.Minute)
		require.NoError(t, w.a.Shutdown(t.Context()))
		w.check()
	})
}

func TestReadOnlyDisk(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		readOnly := errors.New("read-only file system")
		w.fs.Fail(func(string, string) error { return readOnly })
		require.ErrorIs(t, w.up(t.Context()), readOnly)
	})
}

func TestObjectsAreSealed(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		set := w.settings()
		set.MaxObjectSize, set.MinObjectSize, set.MaxWait, set.MaxOpen = 4<<20, 1<<20, 10*time.Minute, 2
		set.Compression, set.CheckpointInterval = archive.CompressionNone, time.Hour
		a := start(t, set)
		n := 0
		send := func(count, size int, class string) {
			for range count {
				r := testRecord(n, class)
				r.Line = fmt.Appendf(nil, `{"n":%d,"x":"%s"}`, n, strings.Repeat("x", size))
				n++
				require.NoError(t, a.Accept(t.Context(), []Record{r}))
			}
			synctest.Wait()
		}
		sealed := func() int {
			synctest.Wait()
			w.saw.mu.Lock()
			defer w.saw.mu.Unlock()
			return len(w.saw.sealed)
		}
		send(3, 100, "access")
		time.Sleep(9*time.Minute + 50*time.Second)
		assert.Equal(t, 0, sealed(), "smaller than min_object_size")
		time.Sleep(20 * time.Second)
		assert.Equal(t, 1, sealed(), "after max_wait")
		send(50, 100<<10, "access")
		assert.Equal(t, 2, sealed(), "at max_object_size")
		time.Sleep(11 * time.Second)
		require.Equal(t, 2, sealed(), "what is left is small")
		send(1, 100, "audit")
		assert.Equal(t, 2, sealed())
		send(1, 100, "application")
		assert.Equal(t, 3, sealed(), "the oldest, for max_open")
		send(20, 100<<10, "audit")
		time.Sleep(11 * time.Second)
		assert.Equal(t, 4, sealed(), "after max_object_age")
		assert.Equal(t, 1, a.Stats().Open)
		shut(t, a)
		assert.Len(t, mustAudit(t, w.store).lines, n)
	})
}

// No object has more leaves than whoever verifies it holds.
func TestObjectOfMaxLeaves(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		w.tune = func(set *Settings) { set.MaxLeaves = 30 }
		require.NoError(t, w.up(t.Context()))
		require.NoError(t, w.send(t.Context(), 100))
		require.NoError(t, w.a.Shutdown(t.Context()))
		r := mustAudit(t, w.store)
		most := int64(0)
		for _, m := range r.manifests {
			for _, o := range m.Objects {
				most = max(most, o.Leaves)
			}
		}
		assert.Equal(t, int64(30), most)
		w.check()
	})
}

// TestRepeatsAfterARestart has a sender that had no answer send again.
func TestRepeatsAfterARestart(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		w.tune = func(set *Settings) { set.RepeatWindow, set.CheckpointInterval = time.Hour, 5*time.Minute }
		records := make([]Record, 100)
		for n := range records {
			records[n] = testRecord(n, "access")
			w.sent[string(records[n].Line)] = n
		}
		for range 5 {
			require.NoError(t, w.up(t.Context()))
			require.NoError(t, w.a.Accept(t.Context(), records))
			time.Sleep(15 * time.Second)
			fs := w.fs
			w.fs = fs.Killed()
			kill(w.a)
		}
		require.NoError(t, w.up(t.Context()))
		noUID := testRecord(1, "access")
		noUID.HasUID = false
		require.NoError(t, w.a.Accept(t.Context(), []Record{noUID}), "two equal lines without a uid are two records")
		shut(t, w.a)
		r := mustAudit(t, w.store)
		require.Len(t, r.lines, 100)
		assert.Equal(t, 2, r.lines[string(noUID.Line)])
		last := r.manifests[len(r.manifests)-1]
		assert.EqualValues(t, 101, last.Totals.Archived)
		assert.EqualValues(t, 400, last.Totals.Repeated)
		assert.EqualValues(t, 501, last.Totals.Accepted)

		// The window ends, and its files go.
		require.NoError(t, w.up(t.Context()))
		time.Sleep(2 * time.Hour)
		for _, path := range w.fs.Files() {
			assert.NotContains(t, path, ".uids")
		}
		require.NoError(t, w.a.Accept(t.Context(), records[:1]))
		shut(t, w.a)
		assert.Equal(t, 2, mustAudit(t, w.store).lines[string(records[0].Line)])
	})
}

// TestFingerprintsOfAnotherKeyAreForgotten takes the key away, as it is missing from what
// versions before it have left.
func TestFingerprintsOfAnotherKeyAreForgotten(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		const path = "/state/fingerprint.key"
		uids := func() (paths []string) {
			for _, path := range w.fs.Files() {
				if strings.HasSuffix(path, ".uids") {
					paths = append(paths, path)
				}
			}
			return paths
		}
		require.NoError(t, w.up(t.Context()))
		first := w.a.FingerprintKey()
		assert.NotZero(t, first)
		require.NoError(t, w.send(t.Context(), 10))
		shut(t, w.a)
		require.Len(t, uids(), 2)

		require.NoError(t, w.up(t.Context()))
		assert.Equal(t, first, w.a.FingerprintKey(), "it stays")
		shut(t, w.a)
		require.NoError(t, w.fs.Remove(path))
		var log *observer.ObservedLogs
		w.tune = func(set *Settings) {
			core, logs := observer.New(zap.WarnLevel)
			set.Logger, log = zap.New(core), logs
		}
		require.NoError(t, w.up(t.Context()))
		assert.NotEqual(t, first, w.a.FingerprintKey())
		require.Len(t, log.FilterMessageSnippet("new key").All(), 1)
		assert.Empty(t, uids(), "fingerprints with another key say nothing")
		w.next = 0
		require.NoError(t, w.send(t.Context(), 10))
		shut(t, w.a)
		for line, times := range mustAudit(t, w.store).lines {
			assert.Equal(t, 2, times, line)
		}

		w.fs.Edit(path, func(data []byte) []byte { return data[1:] })
		_, err := New(w.settings())
		require.ErrorIs(t, err, ErrDamage)
		assert.ErrorContains(t, err, path+" has 31 bytes, not 32: restore it, or remove it")
	})
}

func TestCountsOfDeadLetters(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.up(t.Context()))
		require.NoError(t, w.a.DeadLettered(t.Context(), 3))
		fs := w.fs
		w.fs = fs.Killed()
		kill(w.a)
		require.NoError(t, w.up(t.Context()))
		require.NoError(t, w.a.DeadLettered(t.Context(), 4))
		time.Sleep(time.Minute)
		shut(t, w.a)
		r := mustAudit(t, w.store)
		last := r.manifests[len(r.manifests)-1]
		assert.EqualValues(t, 7, last.Totals.DeadLettered)
		assert.EqualValues(t, 7, last.Totals.Accepted)
		require.ErrorIs(t, w.a.DeadLettered(t.Context(), 1), ErrClosed)
	})
}

// TestSilence writes checkpoints when there is nothing to write.
func TestSilence(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.up(t.Context()))
		time.Sleep(10*time.Minute + time.Second)
		asked := time.Now()
		shut(t, w.a)
		assert.Less(t, time.Since(asked), time.Second, "nothing is open that it would have to wait for")
		r := mustAudit(t, w.store)
		require.Len(t, r.manifests, 22)
		for i, m := range r.manifests[1:21] {
			assert.Equal(t, archive.EventInterval, m.Event)
			assert.Equal(t, 30*time.Second, m.To.Sub(m.From), "number %d", i+1)
			assert.Equal(t, archive.Digest(sha256.Sum256([]byte("config"))), m.ConfigSHA256)
		}
	})
}

// TestStartWithoutTheBucket accepts while the bucket can't be asked.
func TestStartWithoutTheBucket(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		var down atomic.Bool
		down.Store(true)
		w.store.SetFault(func(context.Context, memstore.Call) error {
			if down.Load() {
				return objectstore.ErrBusy
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.NoError(t, w.up(ctx))
		require.NoError(t, w.send(t.Context(), 10))
		time.Sleep(time.Hour)
		down.Store(false)
		time.Sleep(time.Minute)
		require.NoError(t, w.a.Shutdown(t.Context()))
		w.check()
	})
}

func TestLifeCycle(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		a, err := New(w.settings())
		require.NoError(t, err)
		require.ErrorIs(t, a.Accept(t.Context(), []Record{testRecord(1, "access")}), ErrClosed)
		_, err = New(w.settings())
		require.Error(t, err, "the directory is taken")
		require.NoError(t, a.Shutdown(t.Context()))
		require.NoError(t, a.Shutdown(t.Context()))

		require.NoError(t, w.up(t.Context()))
		require.NoError(t, w.a.Accept(t.Context(), nil))
		shut(t, w.a)
		require.ErrorIs(t, w.a.Accept(t.Context(), []Record{testRecord(1, "access")}), ErrClosed)
		shut(t, w.a)
	})
}

func TestSettings(t *testing.T) {
	store := memstore.New(nil)
	for name, change := range map[string]func(*Settings){
		"no store":          func(s *Settings) { s.Store = nil },
		"no signing key":    func(s *Settings) { s.Signer = nil },
		"no directory":      func(s *Settings) { s.Directory = "" },
		"take its own key":  func(s *Settings) { s.Writer = "gateway-2" },
		"it needs at least": func(s *Settings) { s.QueueSize = 1 },
		"not of one pair":   func(s *Settings) { s.Verifier = otherVerifier(t) },
	} {
		set := testSettings(t.TempDir(), store)
		change(&set)
		_, err := New(set)
		assert.ErrorContains(t, err, name)
	}
}

func otherVerifier(t *testing.T) note.Verifier {
	t.Helper()
	_, text, err := archive.GenerateKey(archive.WriterOrigin(testOrigin, testWriter))
	require.NoError(t, err)
	v, err := archive.NewVerifier(text)
	require.NoError(t, err)
	return v
}

func TestStateOfAnotherLog(t *testing.T) {
	inWorld(t, func(w *world) {
		t := w.t
		require.NoError(t, w.story(t.Context()))
		set := w.settings()
		set.Writer = "gateway-2"
		signer, verifier, err := archive.GenerateKey(archive.WriterOrigin(testOrigin, set.Writer))
		require.NoError(t, err)
		set.Signer, err = archive.NewSigner(signer)
		require.NoError(t, err)
		set.Verifier, err = archive.NewVerifier(verifier)
		require.NoError(t, err)
		_, err = New(set)
		require.ErrorIs(t, err, ErrState)
		assert.ErrorContains(t, err, "example.com/logs/gateway-1")
	})
}

// TestObjectsWithoutLines makes one leaf of each object.
func TestObjectsWithoutLines(t *testing.T) {
	for _, compression := range []archive.Compression{archive.CompressionGzip, archive.CompressionZstd, archive.CompressionNone} {
		inWorld(t, func(w *world) {
			t := w.t
			w.tune = func(set *Settings) { set.Compression = compression }
			require.NoError(t, w.up(t.Context()))
			var want []byte
			for n := range 100 {
				r := testRecord(n, "traces")
				r.Encoding, r.Signal, r.Line = archive.EncodingOTLPProto, Traces, fmt.Appendf(nil, "message %d\n", n)
				want = append(want, r.Line...)
				require.NoError(t, w.a.Accept(t.Context(), []Record{r}))
			}
			logs := testRecord(1000, "traces")
			logs.Encoding = archive.EncodingOTLPProto
			require.NoError(t, w.a.Accept(t.Context(), []Record{logs}))
			shut(t, w.a)
			r := mustAudit(t, w.store)
			require.Equal(t, 2, r.objects, "signals are apart")
			assert.Equal(t, map[string]int{string(want): 1, string(logs.Line): 1}, r.lines)
			last := r.manifests[len(r.manifests)-1]
			assert.EqualValues(t, 101, last.Totals.Archived)
			assert.Contains(t, last.Objects[0].Key, ".otlp.binpb")
		})
	}
}
