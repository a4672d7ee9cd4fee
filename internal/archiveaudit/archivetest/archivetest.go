// Package archivetest writes small archives, for tests. It writes what
// docs/format/archive.md says, and knows nothing of crashes and retries.
package archivetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Key is a key pair.
type Key struct {
	Signer   note.Signer
	Verifier note.Verifier
	VKey     string
}

// NewKey makes a key pair.
func NewKey(tb testing.TB, name string) Key {
	tb.Helper()
	secret, public, err := archive.GenerateKey(name)
	require.NoError(tb, err)
	signer, err := archive.NewSigner(secret)
	require.NoError(tb, err)
	verifier, err := archive.NewVerifier(public)
	require.NoError(tb, err)
	return Key{Signer: signer, Verifier: verifier, VKey: public}
}

// Clock is a clock that is set.
type Clock struct{ At time.Time }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return c.At }

// Add puts it forward.
func (c *Clock) Add(d time.Duration) { c.At = c.At.Add(d) }

// Archive is an archive with its root key.
type Archive struct {
	Store   objectstore.Store
	Layout  archive.Layout
	Origin  string
	Root    Key
	Clock   *Clock
	Mode    objectstore.Mode
	Writers *archive.Writers // as signed last

	sum archive.Digest
}

// New begins an archive without writers.
func New(tb testing.TB, store objectstore.Store, prefix string, clock *Clock) *Archive {
	tb.Helper()
	const origin = "example.com/logs"
	return &Archive{
		Store: store, Layout: archive.Layout{Prefix: prefix}, Origin: origin, Clock: clock, Mode: objectstore.Governance,
		Root: NewKey(tb, archive.RootName(origin)),
	}
}

// Put puts an object under a lock.
func (a *Archive) Put(tb testing.TB, key string, data []byte, period time.Duration) objectstore.Info {
	tb.Helper()
	o := objectstore.Object{Key: key, Body: bytes.NewReader(data), Size: int64(len(data)), SHA256: sha256.Sum256(data)}
	if a.Mode != objectstore.Unlocked {
		o.Lock = objectstore.Lock{Mode: a.Mode, RetainUntil: a.until(period)}
	}
	info, err := a.Store.Put(context.WithoutCancel(tb.Context()), o)
	require.NoError(tb, err, key)
	return info
}

func (a *Archive) until(period time.Duration) time.Time {
	return a.Clock.At.Add(period).UTC().Truncate(time.Hour).Add(time.Hour)
}

// Enrol puts the next writers file: change changes what the last one said.
func (a *Archive) Enrol(tb testing.TB, change func(*archive.Writers)) {
	tb.Helper()
	next := &archive.Writers{Origin: a.Origin, Retired: map[string]time.Time{}}
	if w := a.Writers; w != nil {
		next.Number, next.Previous, next.Keys = w.Number+1, a.sum, slices.Clone(w.Keys)
		maps.Copy(next.Retired, w.Retired)
	}
	change(next)
	data, err := next.Sign(a.Root.Signer)
	require.NoError(tb, err)
	a.Put(tb, a.Layout.Writers(next.Number), data, LogPeriod)
	a.Writers, a.sum = next, sha256.Sum256(data)
}

// LogPeriod and Period are how long the log, and objects, are locked.
const (
	LogPeriod = 730 * 24 * time.Hour
	Period    = 90 * 24 * time.Hour
)

// Object is a data object to be written.
type Object struct {
	Class       string
	Encoding    string
	Compression archive.Compression
	Lines       []string
	IDs         []string // for its filter
	At          time.Time
	Period      time.Duration
}

// Writer writes a log. Its fields may be changed between intervals.
type Writer struct {
	*Archive
	Name     string
	Key      Key
	Interval time.Duration
	Instance string
	Config   archive.Digest

	Tree     *archive.Tree
	Previous *archive.Manifest
	Sums     archive.Previous
	Totals   archive.Counts
	Event    archive.Event // of the next manifest
	Change   func(*archive.Manifest)

	Checkpoints [][]byte
	Manifests   []*archive.Manifest

	tiles map[string]tileData
	order []string
}

type tileData struct {
	tile tlog.Tile
	data []byte
}

// NewWriter begins a log, whose first interval begins now.
func (a *Archive) NewWriter(name string, key Key) *Writer {
	return &Writer{
		Archive: a, Name: name, Key: key, Interval: 5 * time.Minute, Instance: "instance-of-" + name,
		Tree: archive.NewTree(), Event: archive.EventStart, tiles: map[string]tileData{},
	}
}

// Fork is a writer that goes on from here with its own log. Its state is apart.
func (w *Writer) Fork() *Writer {
	f := *w
	f.Tree = w.Tree.Clone()
	f.tiles = maps.Clone(w.tiles)
	f.order = slices.Clone(w.order)
	f.Checkpoints, f.Manifests = slices.Clone(w.Checkpoints), slices.Clone(w.Manifests)
	clock := *w.Clock
	shared := *w.Archive
	shared.Clock = &clock
	f.Archive = &shared
	return &f
}

// Write ends an interval with these objects, one interval after the last.
func (w *Writer) Write(tb testing.TB, objects ...Object) *archive.Manifest {
	tb.Helper()
	from := w.Clock.At
	if w.Previous != nil {
		from = w.Previous.To
	}
	m := &archive.Manifest{
		Format: archive.Format, Origin: archive.WriterOrigin(w.Origin, w.Name), Event: w.Event, Instance: w.Instance,
		From: from.UTC(), To: w.Clock.At.UTC(), FirstLeaf: w.Tree.Size(), Interval: archive.Duration(w.Interval), ConfigSHA256: w.Config, Version: "test",
		Objects: []archive.ManifestObject{}, Tiles: []archive.TileRef{},
	}
	if w.Previous != nil {
		p := w.Sums
		m.Number, m.Previous = w.Previous.Number+1, &p
	}
	var filters []byte
	for _, o := range objects {
		filters = w.object(tb, m, o, filters)
	}
	m.Leaf = w.Tree.Size()
	weakest := w.until(LogPeriod) // the clock goes on
	var filtersVersion string
	if len(objects) > 0 {
		sum := sha256.Sum256(filters)
		m.Filters = &archive.FiltersRef{SHA256: sum, Size: int64(len(filters))}
		filtersVersion = w.Put(tb, w.Layout.Filters(w.Name, m.Number, sum), filters, LogPeriod).VersionID
	}
	for _, path := range w.order {
		tile := w.tiles[path]
		info := w.Put(tb, w.Layout.Tile(w.Name, tile.tile), tile.data, LogPeriod)
		m.Tiles = append(m.Tiles, archive.TileRef{Path: path, SHA256: sha256.Sum256(tile.data), VersionID: info.VersionID})
		delete(w.tiles, path)
	}
	w.order = nil
	m.Edge = w.Tree.Edge()
	for _, o := range m.Objects {
		m.Ledger.Archived += o.Records
	}
	m.Ledger.Accepted = m.Ledger.Archived
	w.Totals.Accepted += m.Ledger.Accepted
	w.Totals.Archived += m.Ledger.Archived
	m.Totals = w.Totals
	if w.Change != nil {
		w.Change(m)
		w.Change = nil
	}
	data, err := m.Marshal()
	require.NoError(tb, err)
	sum := sha256.Sum256(data)
	manifestVersion := w.Put(tb, w.Layout.Manifest(w.Name, m.Number, sum), data, LogPeriod).VersionID
	hash := archive.LeafHash(data)
	w.Tree.Append(hash[:], w.full)
	w.Clock.Add(2 * time.Second)
	checkpoint, err := archive.SignCheckpoint(m.Origin, w.Tree.Size(), w.Tree.Root(), w.Key.Signer)
	require.NoError(tb, err)
	checkpointVersion := w.Put(tb, w.Layout.Checkpoint(w.Name, m.Number), checkpoint, LogPeriod).VersionID
	w.Checkpoints = append(w.Checkpoints, checkpoint)
	w.Manifests = append(w.Manifests, m)
	w.Previous = m
	w.Sums = archive.Previous{ManifestSHA256: sum, ManifestVersion: manifestVersion, CheckpointVersion: checkpointVersion, FiltersVersion: filtersVersion}
	if w.Mode != objectstore.Unlocked {
		w.Sums.Mode, w.Sums.RetainUntil = string(w.Mode), weakest
	}
	w.Event = archive.EventInterval
	w.Clock.Add(w.Interval)
	return m
}

func (w *Writer) full(tile tlog.Tile, data []byte) {
	path := tilePath(w.Layout, w.Name, tile)
	w.tiles[path] = tileData{tile, bytes.Clone(data)}
	w.order = append(w.order, path)
}

func tilePath(l archive.Layout, name string, tile tlog.Tile) string {
	return l.Tile(name, tile)[len(l.TilePrefix(name)):]
}

// object puts an object and appends it to the manifest, and its filter to filters.
func (w *Writer) object(tb testing.TB, m *archive.Manifest, o Object, filters []byte) []byte {
	tb.Helper()
	if o.Class == "" {
		o.Class = "application"
	}
	if o.Encoding == "" {
		o.Encoding = archive.EncodingJSON
	}
	if o.Compression == "" {
		o.Compression = archive.CompressionZstd
	}
	if o.At.IsZero() {
		o.At = w.Clock.At
	}
	if o.Period == 0 {
		o.Period = Period
	}
	data, info, hashes := Bytes(tb, o.Lines, o.Compression, archive.HasLines(o.Encoding))
	entry := archive.ManifestObject{
		Size: info.Size, SHA256: info.SHA256, Bytes: info.Bytes, FirstLeaf: w.Tree.Size(), Leaves: info.Leaves, Records: int64(len(o.Lines)),
		MinTime: o.At.UTC(), MaxTime: o.At.UTC(), Class: o.Class, Encoding: o.Encoding, Compression: o.Compression, StorageClass: "STANDARD",
	}
	entry.Key = w.Layout.Data(archive.DataKey{
		Class: o.Class, Hour: o.At.UTC().Truncate(time.Hour), Writer: w.Name, FirstLeaf: w.Tree.Size(), SHA256: info.SHA256,
		Extension: archive.Extension(o.Encoding, o.Compression),
	})
	if w.Mode != objectstore.Unlocked {
		entry.Mode, entry.RetainUntil = string(w.Mode), w.until(o.Period)
	}
	entry.VersionID = w.Put(tb, entry.Key, data, o.Period).VersionID
	w.Tree.Append(hashes, w.full)
	filter := archive.NewFilterBuilder()
	for _, id := range o.IDs {
		filter.Add([]byte(id))
	}
	before := len(filters)
	filters = filter.Append(filters)
	entry.Filter = archive.FilterRef{Offset: int64(before), Length: int64(len(filters) - before)}
	m.Objects = append(m.Objects, entry)
	return filters
}

// Bytes are those of an object of these lines, and the hashes of its leaves.
func Bytes(tb testing.TB, lines []string, c archive.Compression, hasLines bool) ([]byte, archive.ObjectInfo, []byte) {
	tb.Helper()
	var b bytes.Buffer
	var hashes []byte
	ow, err := archive.NewObjectWriter(io.Writer(&b), archive.WriteSettings{Compression: c, Lines: hasLines, Hashes: func(h []byte) error {
		hashes = append(hashes, h...)
		return nil
	}})
	require.NoError(tb, err)
	for _, line := range lines {
		require.NoError(tb, ow.Append([]byte(line)))
	}
	info, err := ow.Finish()
	require.NoError(tb, err)
	return b.Bytes(), info, hashes
}

// Lines are n flat documents of the requests given, one after the other, with their ids.
func Lines(n int, first int, at time.Time, requests ...string) Object {
	o := Object{At: at}
	for i := range n {
		request := requests[i%len(requests)]
		trace := fmt.Sprintf("%x", sha256.Sum256([]byte(request)))[:32]
		o.Lines = append(o.Lines, fmt.Sprintf(`{"time":%q,"severity":"INFO","body":"order %d was packed","trace_id":%q,"request.id":%q,"service.name":"shop"}`,
			at.UTC().Format(time.RFC3339Nano), first+i, trace, request))
		o.IDs = append(o.IDs, request, trace)
	}
	return o
}
