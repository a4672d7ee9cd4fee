package archiveaudit_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit/archivetest"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// fixture is an archive of two writers: gateway-1 was shut down once and started again,
// and goes on; gateway-2 was retired.
type fixture struct {
	*archivetest.Archive
	store *memstore.Store
	one   *archivetest.Writer
	two   *archivetest.Writer
	// before is gateway-1 as it was after some intervals, shutdown the number of the
	// checkpoint with which it was shut down.
	before   *archivetest.Writer
	shutdown int64
	stranger map[string]archivetest.Key // of somebody who took a writer's name
}

const prefix = "audit/"

func begin() time.Time { return time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC) }

func newFixture(tb testing.TB, mode objectstore.Mode) *fixture {
	tb.Helper()
	clock := &archivetest.Clock{At: begin()}
	f := &fixture{store: memstore.New(clock.Now)}
	f.Archive = archivetest.New(tb, f.store, prefix, clock)
	f.Mode = mode
	one := archivetest.NewKey(tb, archive.WriterOrigin(f.Origin, "gateway-1"))
	two := archivetest.NewKey(tb, archive.WriterOrigin(f.Origin, "gateway-2"))
	f.Enrol(tb, func(w *archive.Writers) {
		w.Keys = append(w.Keys, archive.WriterKey{Writer: "gateway-1", VKey: one.VKey, From: begin().Add(-time.Hour)})
	})
	f.Enrol(tb, func(w *archive.Writers) {
		w.Keys = append(w.Keys, archive.WriterKey{Writer: "gateway-2", VKey: two.VKey, From: begin().Add(-time.Hour)})
	})
	f.one = f.NewWriter("gateway-1", one)
	f.two = f.NewWriter("gateway-2", two)

	f.two.Write(tb, archivetest.Lines(20, 0, clock.At, "req-x"))
	f.two.Event = archive.EventShutdown
	f.two.Write(tb)
	retired := f.two.Previous.To
	f.Enrol(tb, func(w *archive.Writers) {
		at := retired.Truncate(time.Second).Add(time.Minute)
		w.Retired["gateway-2"] = at
		for i := range w.Keys {
			if w.Keys[i].Writer == "gateway-2" {
				w.Keys[i].To = at
			}
		}
	})

	f.one.Write(tb)
	for i := range 2 {
		f.interval(tb, i)
	}
	f.one.Event = archive.EventShutdown
	f.shutdown = f.one.Write(tb).Number
	clock.Add(time.Hour)
	f.one.Event = archive.EventStart
	f.one.Write(tb)
	f.interval(tb, 2)
	f.before = f.one.Fork()
	f.interval(tb, 3)
	f.interval(tb, 4)
	clock.Add(-2 * time.Minute) // the next one is due
	return f
}

// interval writes objects of three classes and kinds.
func (f *fixture) interval(tb testing.TB, i int) {
	tb.Helper()
	f.one.Write(tb, objects(i, f.Clock.At)...)
}

func objects(i int, at time.Time) []archivetest.Object {
	first := i * 1000
	application := archivetest.Lines(150, first, at, "req-a", "req-b", fmt.Sprintf("req-%d", i))
	access := archivetest.Lines(60, first+200, at, "req-c")
	access.Class, access.Compression = "access", archive.CompressionGzip
	audit := archivetest.Lines(7, first+300, at, "req-d")
	audit.Class, audit.Compression, audit.Period = "audit", archive.CompressionNone, archivetest.LogPeriod
	return []archivetest.Object{application, access, audit}
}

// clone is the same archive, apart: what is done to it is not done to the first.
func (f *fixture) clone() *fixture {
	c := *f
	c.stranger = nil
	clock := *f.Clock
	shared := *f.Archive
	c.Archive, c.store = &shared, f.store.Clone()
	c.Store, c.Clock = c.store, &clock
	c.store.SetClock(clock.Now)
	adopt := func(w *archivetest.Writer) *archivetest.Writer {
		at := w.Clock.At
		if w == f.one {
			at = clock.At
		}
		w = w.Fork()
		own := shared
		own.Clock = &archivetest.Clock{At: at}
		w.Archive = &own
		return w
	}
	c.one, c.two, c.before = adopt(f.one), adopt(f.two), adopt(f.before)
	writers := *f.Writers
	writers.Retired = maps.Clone(f.Writers.Retired)
	c.Writers = &writers
	return &c
}

func (f *fixture) verify(tb testing.TB, change func(*archiveaudit.Settings)) *archiveaudit.Report {
	tb.Helper()
	s := archiveaudit.Settings{Prefix: prefix, Root: f.Root.Verifier, Now: f.Clock.At, Parallel: 2, Pause: 1}
	if change != nil {
		change(&s)
	}
	report, err := archiveaudit.Verify(tb.Context(), f.store, s)
	require.NoError(tb, err)
	return report
}

// copies are all checkpoints of gateway-1 up to now, as a second place has them.
func (f *fixture) copies() []archiveaudit.Copy {
	var copies []archiveaudit.Copy
	for i, c := range f.one.Checkpoints {
		copies = append(copies, archiveaudit.Copy{Source: fmt.Sprintf("copy %d", i), Data: c})
	}
	return copies
}

// find gives the only or last key that contains all parts.
func (f *fixture) find(tb testing.TB, parts ...string) string {
	tb.Helper()
	found := ""
	for _, key := range f.store.Keys() {
		fits := true
		for _, part := range parts {
			fits = fits && strings.Contains(key, part)
		}
		if fits {
			found = key
		}
	}
	require.NotEmpty(tb, found, parts)
	return found
}

func tampering(r *archiveaudit.Report) []archiveaudit.Finding {
	var list []archiveaudit.Finding
	for _, f := range r.Findings {
		if f.Severity == archiveaudit.Tampered {
			list = append(list, f)
		}
	}
	return list
}
