package archiveaudit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
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

// folder is a place without versions and locks.
type folder struct{ objectstore.Reader }

func (f folder) Get(ctx context.Context, key, version string, offset, length int64) (io.ReadCloser, objectstore.Info, error) {
	if version != "" {
		return nil, objectstore.Info{}, objectstore.ErrUnsupported
	}
	return f.Reader.Get(ctx, key, version, offset, length)
}

func (folder) Versions(context.Context, string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) { yield(objectstore.Info{}, objectstore.ErrUnsupported) }
}

func (folder) Bucket(context.Context) (objectstore.Bucket, error) {
	return objectstore.Bucket{}, objectstore.ErrUnsupported
}

// expected is what an attack is found by: a finding of this kind that names an object, a
// writer or a sentence in which this stands.
type expected struct {
	kind archiveaudit.Kind
	in   string
}

// attack is one of docs/format/archive.md, done to a copy of an archive.
type attack struct {
	adversary string
	name      string
	// do gives what of the finding's object or text must say where it was.
	do   func(t *testing.T, f *fixture) string
	kind archiveaudit.Kind
	// copiesOnly says that it is found with the checkpoints of a second place, and
	// without them not at all; never, that nothing in an archive shows it.
	copiesOnly, never bool
	verdict           archiveaudit.Verdict // Bad when empty
	// unsure says that without the checkpoints of a second place it could not be checked.
	unsure bool
	line   int64 // that is named, where it is not 0
}

func attacks() []attack {
	const (
		bucket = "write rights to the bucket"
		key    = "and the writer's key"
		owner  = "the bucket's owner"
		root   = "root on the gateway"
		rooted = "the root key"
	)
	object := func(t *testing.T, f *fixture) string { t.Helper(); return f.one.Manifests[2].Objects[0].Key }
	plain := func(f *fixture) archive.ManifestObject { return f.one.Manifests[2].Objects[2] }
	// editLines changes the lines of an object that is not compressed, in place.
	editLines := func(f *fixture, change func(lines [][]byte) [][]byte) string {
		o := plain(f)
		f.store.Edit(o.Key, "", true, func(data []byte) []byte {
			lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
			return append(bytes.Join(change(lines), []byte("\n")), '\n')
		})
		return o.Key
	}
	onTop := func(parts ...string) func(*testing.T, *fixture) string {
		return func(t *testing.T, f *fixture) string {
			t.Helper()
			k := f.find(t, parts...)
			data, _ := f.store.Bytes(k, "")
			data[len(data)/2] ^= 1
			f.store.Overwrite(k, data, objectstore.Lock{})
			return k
		}
	}
	marked := func(parts ...string) func(*testing.T, *fixture) string {
		return func(t *testing.T, f *fixture) string {
			t.Helper()
			k := f.find(t, parts...)
			f.store.Mark(k)
			return k
		}
	}
	flipped := func(parts ...string) func(*testing.T, *fixture) string {
		return func(t *testing.T, f *fixture) string {
			t.Helper()
			k := f.find(t, parts...)
			f.store.Edit(k, "", true, func(data []byte) []byte { data[len(data)/3] ^= 4; return data })
			return k
		}
	}
	shortened := func(parts ...string) func(*testing.T, *fixture) string {
		return func(t *testing.T, f *fixture) string {
			t.Helper()
			k := f.find(t, parts...)
			f.store.SetLock(k, "", objectstore.Lock{Mode: objectstore.Governance, RetainUntil: f.Clock.At.Add(24 * time.Hour)})
			return k
		}
	}
	removed := func(parts ...string) func(*testing.T, *fixture) string {
		return func(t *testing.T, f *fixture) string {
			t.Helper()
			k := f.find(t, parts...)
			f.store.RemoveAll(k)
			if strings.Contains(k, "/manifest/") {
				return "/checkpoint/" // which says that there is one
			}
			return k
		}
	}
	const log1 = "_log/gateway-1/"
	return []attack{
		{adversary: bucket, name: "a newer version of an object", do: onTop("category=application"), kind: archiveaudit.KindNewer},
		{adversary: bucket, name: "a newer version of a manifest", do: onTop(log1 + "manifest"), kind: archiveaudit.KindNewer},
		{adversary: bucket, name: "a newer version of a tile", do: onTop(log1 + "tile/0"), kind: archiveaudit.KindNewer},
		{adversary: bucket, name: "a newer version of the filters", do: onTop(log1 + "filters"), kind: archiveaudit.KindNewer},
		{adversary: bucket, name: "a newer version of a checkpoint", do: onTop(log1 + "checkpoint"), kind: archiveaudit.KindNewer},
		{adversary: bucket, name: "a newer version of a writers file", do: onTop("_log/writers"), kind: archiveaudit.KindNewer},
		{adversary: bucket, name: "a delete marker on an object", do: marked("category=access"), kind: archiveaudit.KindDeleteMarker},
		{adversary: bucket, name: "a delete marker on a manifest", do: marked(log1 + "manifest"), kind: archiveaudit.KindDeleteMarker},
		{adversary: bucket, name: "a delete marker on a tile", do: marked(log1 + "tile/0"), kind: archiveaudit.KindDeleteMarker},
		{adversary: bucket, name: "a delete marker on filters", do: marked(log1 + "filters"), kind: archiveaudit.KindDeleteMarker},
		{adversary: bucket, name: "a delete marker on a checkpoint", do: marked(log1 + "checkpoint"), kind: archiveaudit.KindDeleteMarker},
		{adversary: bucket, name: "a delete marker on a writers file", do: marked("_log/writers"), kind: archiveaudit.KindDeleteMarker},
		{adversary: bucket, name: "a deleted object", do: removed("category=application"), kind: archiveaudit.KindMissing},
		{adversary: bucket, name: "a deleted manifest", do: removed(log1+"manifest", "00000003-"), kind: archiveaudit.KindMissing},
		{adversary: bucket, name: "a deleted tile", do: removed(log1 + "tile/0"), kind: archiveaudit.KindMissing},
		{adversary: bucket, name: "deleted filters", do: removed(log1 + "filters"), kind: archiveaudit.KindMissing},
		{adversary: bucket, name: "a deleted writers file", do: removed("_log/writers", "000001"), kind: archiveaudit.KindNumber},
		{adversary: bucket, name: "a deleted checkpoint and its manifest", kind: archiveaudit.KindNumber, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			t.Helper()
			f.store.RemoveAll(f.find(t, log1+"manifest", "00000003-"))
			f.store.RemoveAll(f.Layout.Checkpoint("gateway-1", 3))
			return f.Layout.Checkpoint("gateway-1", 4)
		}},
		{adversary: bucket, name: "an object of their own", kind: archiveaudit.KindUnlisted, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			t.Helper()
			data, info, _ := archivetest.Bytes(t, []string{`{"body":"forged"}`}, archive.CompressionZstd, true)
			k := f.Layout.Data(archive.DataKey{Class: "application", Hour: begin(), Writer: "gateway-1", FirstLeaf: 100, SHA256: info.SHA256, Extension: "jsonl.zst"})
			f.store.Overwrite(k, data, objectstore.Lock{})
			return k
		}},
		{adversary: bucket, name: "an object of their own behind the end, once the next checkpoints have come", kind: archiveaudit.KindUnlisted, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			t.Helper()
			data, info, _ := archivetest.Bytes(t, []string{`{"body":"forged"}`}, archive.CompressionZstd, true)
			k := f.Layout.Data(archive.DataKey{Class: "application", Hour: begin(), Writer: "gateway-1", FirstLeaf: 5000, SHA256: info.SHA256, Extension: "jsonl.zst"})
			f.store.Overwrite(k, data, objectstore.Lock{})
			for range 3 {
				f.one.Write(t)
			}
			f.Clock.At = f.one.Clock.At
			return k
		}},
		{adversary: bucket, name: "an object of their own behind the end, before the next checkpoint", never: true, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			t.Helper()
			data, info, _ := archivetest.Bytes(t, []string{`{"body":"forged"}`}, archive.CompressionZstd, true)
			k := f.Layout.Data(archive.DataKey{Class: "application", Hour: begin(), Writer: "gateway-1", FirstLeaf: 5000, SHA256: info.SHA256, Extension: "jsonl.zst"})
			f.store.Overwrite(k, data, objectstore.Lock{})
			return k
		}},
		{adversary: bucket, name: "a key that no writer gives", kind: archiveaudit.KindUnlisted, do: func(_ *testing.T, f *fixture) string {
			k := f.Prefix() + "category=application/anything"
			f.store.Overwrite(k, []byte("x"), objectstore.Lock{})
			return k
		}},
		{adversary: bucket, name: "a file in a writer's log", kind: archiveaudit.KindUnlisted, do: func(_ *testing.T, f *fixture) string {
			k := f.Layout.WriterFolder("gateway-1") + "anything"
			f.store.Overwrite(k, []byte("x"), objectstore.Lock{})
			return k
		}},
		{adversary: bucket, name: "a manifest of their own", kind: archiveaudit.KindForm, do: func(_ *testing.T, f *fixture) string {
			data := []byte("{}")
			k := f.Layout.Manifest("gateway-1", 2, sha256.Sum256(data))
			f.store.Overwrite(k, data, objectstore.Lock{})
			return k
		}},
		{adversary: bucket, name: "a changed object", do: flipped("category=application"), kind: archiveaudit.KindForm},
		{adversary: bucket, name: "a changed manifest", do: flipped(log1 + "manifest"), kind: archiveaudit.KindChanged},
		{adversary: bucket, name: "a changed tile", do: flipped(log1 + "tile/0"), kind: archiveaudit.KindTile},
		{adversary: bucket, name: "changed filters", do: flipped(log1 + "filters"), kind: archiveaudit.KindChanged},
		{adversary: bucket, name: "a changed checkpoint", do: flipped(log1 + "checkpoint"), kind: archiveaudit.KindSignature},
		{adversary: bucket, name: "a changed writers file", do: flipped("_log/writers"), kind: archiveaudit.KindSignature},
		{adversary: bucket, name: "an edited line", kind: archiveaudit.KindLine, line: 3, do: func(_ *testing.T, f *fixture) string {
			return editLines(f, func(lines [][]byte) [][]byte {
				lines[2] = bytes.Replace(lines[2], []byte("packed"), []byte("broken"), 1)
				return lines
			})
		}},
		{adversary: bucket, name: "a removed line", kind: archiveaudit.KindLineCount, line: 4, do: func(_ *testing.T, f *fixture) string {
			return editLines(f, func(lines [][]byte) [][]byte { return slices.Delete(lines, 3, 4) })
		}},
		{adversary: bucket, name: "an inserted line", kind: archiveaudit.KindLineCount, line: 2, do: func(_ *testing.T, f *fixture) string {
			return editLines(f, func(lines [][]byte) [][]byte { return slices.Insert(lines, 1, []byte(`{"body":"forged"}`)) })
		}},
		{adversary: bucket, name: "lines in another order", kind: archiveaudit.KindLine, line: 2, do: func(_ *testing.T, f *fixture) string {
			return editLines(f, func(lines [][]byte) [][]byte {
				lines[1], lines[4] = lines[4], lines[1]
				return lines
			})
		}},
		{adversary: bucket, name: "bytes behind the compressed end", kind: archiveaudit.KindTrailing, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			t.Helper()
			k := object(t, f)
			f.store.Edit(k, "", true, func(data []byte) []byte { return append(data, "more"...) })
			return k
		}},
		{adversary: bucket, name: "a frame of lines behind the compressed end", kind: archiveaudit.KindLineCount, line: 151, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			t.Helper()
			k := object(t, f)
			more, _, _ := archivetest.Bytes(t, []string{`{"body":"forged"}`}, archive.CompressionZstd, true)
			f.store.Edit(k, "", true, func(data []byte) []byte { return append(data, more...) })
			return k
		}},
		{adversary: bucket, name: "an object moved to another hour", kind: archiveaudit.KindMoved, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			from := object(t, f)
			to := strings.Replace(from, "hour=1", "hour=2", 1)
			require.NotEqual(t, from, to)
			f.store.Move(from, to)
			return to
		}},
		{adversary: bucket, name: "another writer's checkpoint", kind: archiveaudit.KindSignature, do: func(_ *testing.T, f *fixture) string {
			k := f.Layout.Checkpoint("gateway-1", 2)
			f.store.Edit(k, "", true, func([]byte) []byte { return f.two.Checkpoints[0] })
			return k
		}},
		{adversary: bucket, name: "a shorter lock of an object", do: shortened("category=application"), kind: archiveaudit.KindLock},
		{adversary: bucket, name: "a shorter lock of a tile", do: shortened(log1 + "tile/0"), kind: archiveaudit.KindLock},
		{adversary: bucket, name: "a shorter lock of a manifest", do: shortened(log1+"manifest", "00000000-"), kind: archiveaudit.KindLock},
		{adversary: bucket, name: "a shorter lock of a checkpoint", do: shortened(log1 + "checkpoint"), kind: archiveaudit.KindLock},
		{adversary: bucket, name: "a shorter lock of filters", do: shortened(log1 + "filters"), kind: archiveaudit.KindLock},
		{adversary: bucket, name: "shorter locks of all of a log alike", kind: archiveaudit.KindLock, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			for _, k := range f.store.Keys() {
				if strings.Contains(k, "_log/gateway-2/") {
					f.store.SetLock(k, "", objectstore.Lock{Mode: objectstore.Governance, RetainUntil: f.Clock.At.Add(200 * 24 * time.Hour)})
				}
			}
			return f.Layout.Checkpoint("gateway-2", 0)
		}},
		{adversary: bucket, name: "no lock of an object", kind: archiveaudit.KindLock, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.store.SetLock(object(t, f), "", objectstore.Lock{})
			return object(t, f)
		}},
		{adversary: bucket, name: "the end deleted", kind: archiveaudit.KindTruncated, do: func(_ *testing.T, f *fixture) string {
			f.cut(int64(len(f.one.Manifests) - 3))
			return "gateway-1"
		}},
		{adversary: bucket, name: "the end deleted back to an earlier shutdown", copiesOnly: true, kind: archiveaudit.KindTruncated, do: func(_ *testing.T, f *fixture) string {
			f.cut(f.shutdown)
			return "copy"
		}},
		{adversary: bucket, name: "all of a writer deleted", kind: archiveaudit.KindTruncated, copiesOnly: true, unsure: true, do: func(_ *testing.T, f *fixture) string {
			f.cut(-1)
			return "gateway-1"
		}},
		{adversary: bucket, name: "a retired writer's shutdown deleted", kind: archiveaudit.KindTruncated, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.store.RemoveAll(f.Layout.Checkpoint("gateway-2", 1))
			f.store.RemoveAll(f.find(t, "_log/gateway-2/manifest", "00000001-"))
			return "gateway-2"
		}},
		{adversary: bucket, name: "a log of a writer nobody enrolled", kind: archiveaudit.KindForeign, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			stranger := f.NewWriter("stranger", archivetest.NewKey(t, archive.WriterOrigin(f.Origin, "stranger")))
			stranger.Write(t, archivetest.Lines(3, 0, f.Clock.At, "req-x"))
			return "stranger"
		}},
		{adversary: bucket, name: "checkpoints of a key nobody enrolled", kind: archiveaudit.KindSignature, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.one.Key = archivetest.NewKey(t, archive.WriterOrigin(f.Origin, "gateway-1"))
			f.one.Write(t)
			f.Clock.At = f.one.Clock.At
			return f.Layout.Checkpoint("gateway-1", f.one.Previous.Number)
		}},
		{adversary: key, name: "a log of their own behind a checkpoint, while the writer goes on", kind: archiveaudit.KindFork, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			forger := f.before
			forger.Store = over{f.store}
			forger.Write(t, archivetest.Lines(5, 77, f.Clock.At, "forged"))
			return f.Layout.Checkpoint("gateway-1", forger.Previous.Number)
		}},
		{adversary: key, name: "a log of their own behind a checkpoint, with the writer's end deleted", kind: archiveaudit.KindFork, copiesOnly: true, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.cut(f.before.Previous.Number)
			f.forge(t, f.before)
			return "copy"
		}},
		{adversary: key, name: "the log written anew on top of the old", kind: archiveaudit.KindFork, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.anew(t, over{f.store}, true)
			return f.Layout.Checkpoint("gateway-1", 1)
		}},
		{adversary: key, name: "the log written anew, the old deleted", kind: archiveaudit.KindLate, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.cut(-1)
			f.anew(t, f.store, false)
			return "_log/gateway-1/checkpoint"
		}},
		{adversary: key, name: "the log written anew, the old deleted, with dates of their own", kind: archiveaudit.KindFork, copiesOnly: true, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.cut(-1)
			f.anew(t, f.store, true)
			return "copy"
		}},
		{adversary: key, name: "a retired writer's key", kind: archiveaudit.KindRetired, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.two.Clock.At = f.Clock.At
			f.two.Write(t)
			f.Clock.At = f.two.Clock.At.Add(-time.Minute)
			return f.Layout.Checkpoint("gateway-2", 2)
		}},
		{adversary: key, name: "a key after its time", kind: archiveaudit.KindKey, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			other := archivetest.NewKey(t, archive.WriterOrigin(f.Origin, "gateway-1"))
			at := f.one.Previous.To.Truncate(time.Second).Add(time.Second)
			f.Enrol(t, func(w *archive.Writers) {
				w.Keys[0].To = at
				w.Keys = append(w.Keys, archive.WriterKey{Writer: "gateway-1", VKey: other.VKey, From: at})
			})
			f.one.Write(t)
			f.Clock.At = f.one.Clock.At.Add(-time.Minute)
			return f.Layout.Checkpoint("gateway-1", f.one.Previous.Number)
		}},
		{adversary: key, name: "another instance of the writer", kind: archiveaudit.KindInstance, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.one.Instance = "another"
			f.one.Write(t)
			f.Clock.At = f.one.Clock.At.Add(-time.Minute)
			return "manifest/"
		}},
		{adversary: root, name: "records left out before they are written", never: true, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			o := archivetest.Lines(9, 0, f.one.Clock.At, "req-e")
			o.Lines = slices.Delete(o.Lines, 2, 4)
			f.one.Write(t, o)
			f.Clock.At = f.one.Clock.At.Add(-time.Minute)
			return ""
		}},
		{adversary: root, name: "a filter that leaves out ids", kind: archiveaudit.KindFilter, line: 1, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			o := archivetest.Lines(9, 0, f.one.Clock.At, "req-e")
			o.IDs = o.IDs[:1]
			m := f.one.Write(t, o)
			f.Clock.At = f.one.Clock.At.Add(-time.Minute)
			return m.Objects[0].Key
		}},
		{adversary: root, name: "counts that do not go on from those before", kind: archiveaudit.KindLink, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.one.Change = func(m *archive.Manifest) {
				m.Totals.Archived, m.Totals.Accepted = m.Totals.Archived+1, m.Totals.Accepted+1
			}
			f.one.Write(t, archivetest.Lines(9, 0, f.one.Clock.At, "req-e"))
			f.Clock.At = f.one.Clock.At.Add(-time.Minute)
			return "manifest/"
		}},
		{adversary: owner, name: "everything deleted", verdict: archiveaudit.CouldNotCheck, kind: archiveaudit.KindNotAnArchive, do: func(_ *testing.T, f *fixture) string {
			for _, k := range f.store.Keys() {
				f.store.RemoveAll(k)
			}
			return ""
		}},
		{adversary: owner, name: "other bytes served", kind: archiveaudit.KindChanged, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			k := f.find(t, log1+"filters")
			f.store.SetBody(func(c memstore.Call, r io.Reader) io.Reader {
				if c.Key != k {
					return r
				}
				data, err := io.ReadAll(r)
				require.NoError(t, err)
				data[0] ^= 1
				return bytes.NewReader(data)
			})
			return k
		}},
		{adversary: rooted, name: "another writers file of the same number", kind: archiveaudit.KindFork, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			w := *f.Writers
			w.Retired = nil
			data, err := w.Sign(f.Root.Signer)
			require.NoError(t, err)
			k := f.Layout.Writers(w.Number)
			f.store.Overwrite(k, data, objectstore.Lock{})
			return k
		}},
		{adversary: rooted, name: "a writers file that takes a writer out", kind: archiveaudit.KindWriters, do: func(t *testing.T, f *fixture) string {
			t.Helper()
			f.Enrol(t, func(w *archive.Writers) {
				w.Keys = slices.DeleteFunc(w.Keys, func(k archive.WriterKey) bool { return k.Writer == "gateway-2" })
				delete(w.Retired, "gateway-2")
			})
			return f.Layout.Writers(f.Writers.Number)
		}},
	}
}

// Prefix is that of the archive.
func (f *fixture) Prefix() string { return f.Layout.Prefix }

// cut deletes all of gateway-1 behind a checkpoint.
func (f *fixture) cut(number int64) {
	for i, m := range f.one.Manifests {
		if int64(i) <= number {
			continue
		}
		for _, o := range m.Objects {
			f.store.RemoveAll(o.Key)
		}
		for _, tile := range m.Tiles {
			f.store.RemoveAll(f.Layout.TilePrefix("gateway-1") + tile.Path)
		}
		f.store.RemoveAll(f.Layout.Checkpoint("gateway-1", m.Number))
		for _, k := range f.store.Keys() {
			for _, p := range []string{f.Layout.ManifestPrefix("gateway-1"), f.Layout.FiltersPrefix("gateway-1")} {
				if strings.HasPrefix(k, fmt.Sprintf("%s%020d-", p, m.Number)) {
					f.store.RemoveAll(k)
				}
			}
		}
	}
}

// forge goes on with a log as long as the writer's, with dates that fit.
func (f *fixture) forge(t *testing.T, forger *archivetest.Writer) {
	t.Helper()
	clock := forger.Clock
	f.store.SetClock(clock.Now)
	forger.Store = f.store
	for i := int(forger.Previous.Number) + 1; i < len(f.one.Manifests); i++ {
		clock.At = f.one.Manifests[i].To
		list := objects(i, clock.At)
		list[0].Lines[0] = `{"body":"forged"}`
		forger.Write(t, list...)
	}
	f.store.SetClock(f.Clock.Now)
}

// anew writes all of the log of gateway-1 anew, with other lines.
func (f *fixture) anew(t *testing.T, store objectstore.Store, dates bool) {
	t.Helper()
	own := *f.Archive
	own.Store = store
	forger := own.NewWriter("gateway-1", f.one.Key)
	forger.Instance = f.one.Instance
	clock := &archivetest.Clock{}
	forger.Clock = clock
	if dates {
		f.store.SetClock(clock.Now)
	}
	for i, m := range f.one.Manifests {
		clock.At = m.To
		forger.Event = m.Event
		forger.Previous = nil
		if i > 0 {
			forger.Previous = forger.Manifests[i-1]
		}
		var forged []archivetest.Object
		if len(m.Objects) > 0 {
			forged = objects(i, clock.At)
			forged[0].Lines[0] = `{"body":"forged"}`
		}
		forger.Write(t, forged...)
	}
	f.store.SetClock(f.Clock.Now)
}

// over is a store of somebody who writes over what is there.
type over struct{ *memstore.Store }

func (o over) Put(_ context.Context, x objectstore.Object) (objectstore.Info, error) {
	data, err := io.ReadAll(io.NewSectionReader(x.Body, 0, x.Size))
	if err != nil {
		return objectstore.Info{}, err
	}
	return objectstore.Info{Key: x.Key, VersionID: o.Overwrite(x.Key, data, x.Lock)}, nil
}

func named(r *archiveaudit.Report, severity archiveaudit.Severity, want expected, line int64) bool {
	return slices.ContainsFunc(r.Findings, func(f archiveaudit.Finding) bool {
		return f.Severity == severity && f.Kind == want.kind && (line == 0 || f.Line == line) &&
			(strings.Contains(f.Object, want.in) || strings.Contains(f.Writer, want.in) || strings.Contains(f.Text, want.in))
	})
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	master := newFixture(t, objectstore.Governance)
	for _, a := range attacks() {
		t.Run(a.adversary+"/"+a.name, func(t *testing.T) {
			t.Parallel()
			f := master.clone()
			copies := f.copies()
			where := a.do(t, f)
			without := f.verify(t, nil)
			with := f.verify(t, func(s *archiveaudit.Settings) { s.Copies = copies })
			if a.never || a.copiesOnly {
				require.Empty(t, tampering(without))
				want := archiveaudit.Good
				if a.unsure {
					want = archiveaudit.CouldNotCheck
				}
				assert.Equal(t, want, without.Verdict)
			}
			if a.never {
				require.Empty(t, tampering(with))
				return
			}
			severity, verdict := archiveaudit.Tampered, archiveaudit.Bad
			if a.verdict != "" {
				severity, verdict = archiveaudit.Unchecked, a.verdict
			}
			reports := []*archiveaudit.Report{without, with}
			if a.copiesOnly {
				reports = reports[1:]
			}
			for _, r := range reports {
				assert.Equal(t, verdict, r.Verdict)
				assert.True(t, named(r, severity, expected{a.kind, where}, a.line), "want %s of %q (line %d), have:\n%s", a.kind, where, a.line, list(r))
			}
		})
	}
}

// below puts something below the version that is there of a key.
func (f *fixture) below(key string, data []byte) (version string) {
	all := f.store.All(key)
	f.store.RemoveAll(key)
	version = f.store.Overwrite(key, data, objectstore.Lock{})
	f.store.Overwrite(key, all[0].Data, all[0].Lock)
	return version
}

// TestStrangersVersions: what a stranger put under a checkpoint's key, before the writer or
// where it will write one day, is named, and the log is good.
func TestStrangersVersions(t *testing.T) {
	t.Parallel()
	master := newFixture(t, objectstore.Governance)
	end := int64(len(master.one.Checkpoints)) - 1
	for name, one := range map[string]struct {
		put  func(f *fixture) string
		kind archiveaudit.Kind
	}{
		"junk below the last": {func(f *fixture) string { return f.below(f.Layout.Checkpoint("gateway-1", end), []byte("junk")) }, archiveaudit.KindSignature},
		"a copy of an older one below the last": {func(f *fixture) string {
			return f.below(f.Layout.Checkpoint("gateway-1", end), f.one.Checkpoints[2])
		}, archiveaudit.KindFork},
		"junk where the next will be": {func(f *fixture) string {
			return f.store.Overwrite(f.Layout.Checkpoint("gateway-1", end+1), []byte("junk"), objectstore.Lock{})
		}, archiveaudit.KindSignature},
		"junk far away": {func(f *fixture) string {
			return f.store.Overwrite(f.Layout.Checkpoint("gateway-1", end+100), []byte("junk"), objectstore.Lock{})
		}, archiveaudit.KindSignature},
		"a copy of an older one where the next will be": {func(f *fixture) string {
			return f.store.Overwrite(f.Layout.Checkpoint("gateway-1", end+1), f.one.Checkpoints[2], objectstore.Lock{})
		}, archiveaudit.KindMoved},
		"a copy of an older one far away": {func(f *fixture) string {
			return f.store.Overwrite(f.Layout.Checkpoint("gateway-1", end+900), f.one.Checkpoints[2], objectstore.Lock{})
		}, archiveaudit.KindMoved},
		"junk under the key of a probe": {func(f *fixture) string {
			return f.store.Overwrite(f.Layout.Probe("gateway-1"), []byte("junk"), objectstore.Lock{})
		}, archiveaudit.KindUnlisted},
		"a probe of nobody": {func(f *fixture) string {
			f.store.Overwrite(f.Layout.Probe("nobody"), nil, objectstore.Lock{})
			return ""
		}, archiveaudit.KindForeign},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := master.clone()
			version := one.put(f)
			r := f.verify(t, nil)
			assert.Equal(t, archiveaudit.Bad, r.Verdict)
			found := tampering(r)
			require.Len(t, found, 1, list(r))
			assert.Equal(t, one.kind, found[0].Kind)
			assert.Equal(t, version, found[0].Version)
			assert.Equal(t, end, r.Writers[0].Last)
			if one.kind == archiveaudit.KindMoved {
				assert.Contains(t, found[0].Text, "a copy of checkpoint 2")
			}
		})
	}
	f := master.clone()
	f.store.Overwrite(f.Layout.Probe("gateway-1"), nil, objectstore.Lock{})
	r := f.verify(t, nil)
	assert.Equal(t, archiveaudit.Good, r.Verdict, list(r))
	assert.True(t, named(r, archiveaudit.Note, expected{archiveaudit.KindOtherFiles, "1 objects"}, 0), list(r))
}

func list(r *archiveaudit.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s\n", f.Severity, f)
	}
	return b.String()
}

// mutations is how many bytes are flipped; HEARTWOOD_MUTATIONS sets another number.
const mutations = 2000

// A byte is flipped in the version that is there, and S3 goes on telling the checksum of
// what was put.
func TestMutations(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	keys := f.store.Keys()
	n := mutations
	if text := os.Getenv("HEARTWOOD_MUTATIONS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	} else if testing.Short() {
		n = 300
	}
	random := rand.New(rand.NewPCG(1, 2))
	done := map[string]int{}
	for i := range n {
		key := keys[i%len(keys)]
		data, ok := f.store.Bytes(key, "")
		require.True(t, ok)
		at, bit := random.IntN(len(data)), byte(1)<<random.IntN(8)
		flip := func(data []byte) []byte { data[at] ^= bit; return data }
		f.store.Edit(key, "", true, flip)
		report := f.verify(t, nil)
		f.store.Edit(key, "", true, flip)
		if report.Verdict != archiveaudit.Bad {
			// A file of writers that nobody signed is not one of this archive.
			require.Equal(t, archiveaudit.CouldNotCheck, report.Verdict, "byte %d of %s: %s", at, key, list(report))
		}
		require.True(t, slices.ContainsFunc(report.Findings, func(f archiveaudit.Finding) bool { return f.Object == key && f.Severity == archiveaudit.Tampered }),
			"byte %d of %s: %s", at, key, list(report))
		done[kindOf(key)]++
	}
	require.Equal(t, archiveaudit.Good, f.verify(t, nil).Verdict)
	for _, kind := range slices.Sorted(maps.Keys(done)) {
		t.Logf("%s: %d bytes flipped, each found", kind, done[kind])
	}
}

func kindOf(key string) string {
	parts := strings.Split(strings.TrimPrefix(key, prefix), "/")
	switch {
	case parts[0] != "_log":
		return "object"
	case parts[1] == "writers":
		return "writers"
	}
	return parts[2]
}
