package archiveaudit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit/archivetest"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// removeStep removes all versions of a checkpoint, its manifest, filters and objects.
func (f *fixture) removeStep(t *testing.T, number int64) {
	t.Helper()
	m := f.one.Manifests[number]
	for _, o := range m.Objects {
		f.store.RemoveAll(o.Key)
	}
	f.store.RemoveAll(f.Layout.Checkpoint("gateway-1", number))
	for _, part := range []string{"manifest", "filters"} {
		for _, key := range f.store.Keys() {
			if strings.Contains(key, fmt.Sprintf("_log/gateway-1/%s/%020d-", part, number)) {
				f.store.RemoveAll(key)
			}
		}
	}
}

// What was deleted at the beginning or end of the time that is asked for is missing, as
// much as in its midst.
func TestRangeWhoseEdgesWereDeleted(t *testing.T) {
	t.Parallel()
	master := newFixture(t, objectstore.Governance)
	all := master.one.Manifests
	require.Len(t, all, 8)
	inside := func(from, to int) func(*archiveaudit.Settings) {
		return func(s *archiveaudit.Settings) {
			s.From, s.To = all[from].From.Add(time.Second), all[to].To.Add(-time.Second)
		}
	}
	for name, test := range map[string]struct {
		remove   []int64
		from, to int
	}{
		"the beginning, with all before": {[]int64{0, 1, 2}, 2, 6},
		"the interval at the end":        {[]int64{6}, 1, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := master.clone()
			for _, number := range test.remove {
				f.removeStep(t, number)
			}
			report := f.verify(t, inside(test.from, test.to))
			assert.Equal(t, archiveaudit.Bad, report.Verdict, list(report))
			assert.Contains(t, kinds(report), archiveaudit.KindNumber, list(report))
		})
	}
	// What was deleted before it is none of its business.
	f := master.clone()
	f.removeStep(t, 0)
	f.removeStep(t, 1)
	report := f.verify(t, inside(3, 6))
	assert.Empty(t, tampering(report), list(report))
}

// The first interval of a time may have nothing that can be read.
func TestRangeThatBeginsDamaged(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	f.store.RemoveAll(f.find(t, "_log/gateway-1/manifest", fmt.Sprintf("%020d-", 2)))
	all := f.one.Manifests
	report := f.verify(t, func(s *archiveaudit.Settings) { s.From = all[2].From.Add(time.Second) })
	assert.True(t, named(report, archiveaudit.Tampered, expected{archiveaudit.KindMissing, "/checkpoint/"}, 0), list(report))
	assert.Equal(t, int64(5), report.Writers[0].Checkpoints, "those behind it are read")
}

// A tile may have any size.
func TestTileOfAnotherSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 31, 33, 8190} {
		f := newFixture(t, objectstore.Governance)
		f.store.Edit(f.find(t, "_log/gateway-1/tile/0/000"), "", true, func(data []byte) []byte { return data[:size] })
		for _, o := range f.one.Manifests[2].Objects {
			f.store.Edit(o.Key, "", true, func(data []byte) []byte { data[len(data)/2] ^= 1; return data })
		}
		report := f.verify(t, nil)
		assert.True(t, named(report, archiveaudit.Tampered, expected{archiveaudit.KindTile, "tile/0/000"}, 0), "%d: %s", size, list(report))
	}
}

// The last checkpoint before a time may be a while ago: the next is not due.
func TestRangeOfTheLastMinute(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	report := f.verify(t, func(s *archiveaudit.Settings) { s.From = s.Now.Add(-time.Minute) })
	assert.Empty(t, tampering(report), list(report))
	f.Clock.Add(time.Hour)
	report = f.verify(t, func(s *archiveaudit.Settings) { s.From = s.Now.Add(-time.Minute) })
	assert.Contains(t, kinds(report), archiveaudit.KindTruncated, list(report))
}

// A writer who has no log where one should be is not good.
func TestWriterWithoutALog(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	copies := f.copies()
	from := f.one.Manifests[2].To
	f.cut(-1)
	report := f.verify(t, nil)
	assert.Equal(t, archiveaudit.CouldNotCheck, report.Verdict, list(report))
	report = f.verify(t, func(s *archiveaudit.Settings) { s.From, s.Copies = from, copies })
	assert.Equal(t, archiveaudit.Bad, report.Verdict, list(report))

	// One who was enrolled just now has not begun.
	f = newFixture(t, objectstore.Governance)
	key := archivetest.NewKey(t, archive.WriterOrigin(f.Origin, "gateway-3"))
	f.Enrol(t, func(w *archive.Writers) {
		w.Keys = append(w.Keys, archive.WriterKey{Writer: "gateway-3", VKey: key.VKey, From: f.Clock.At.Truncate(time.Second).UTC()})
	})
	report = f.verify(t, nil)
	assert.Equal(t, archiveaudit.Good, report.Verdict, list(report))
}

// Whatever lies below _log/ is one of the keys that writers give, or is told.
func TestWhatIsNoLog(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"a tile beyond all numbers": "_log/gateway-1/tile/0/x999/x999/x999/x999/x999/999",
		"a tile of the top level":   "_log/gateway-1/tile/7/000",
		"no folder":                 "_log/anything",
		"no name of a writer":       "_log/Any thing/checkpoint/00000000000000000000",
	} {
		f := newFixture(t, objectstore.Governance)
		f.store.Overwrite(prefix+key, []byte("x"), objectstore.Lock{})
		f.store.SetModified(prefix+key, "", begin())
		report := f.verify(t, nil)
		assert.Equal(t, archiveaudit.Bad, report.Verdict, "%s: %s", name, list(report))
	}
	// A stranger's log that delete markers hide.
	f := newFixture(t, objectstore.Governance)
	stranger := f.NewWriter("stranger", archivetest.NewKey(t, archive.WriterOrigin(f.Origin, "stranger")))
	stranger.Write(t)
	for _, key := range f.store.Keys() {
		if strings.Contains(key, "_log/stranger/") {
			f.store.Mark(key)
		}
	}
	f.Clock.Add(-5 * time.Minute)
	report := f.verify(t, nil)
	assert.True(t, named(report, archiveaudit.Tampered, expected{archiveaudit.KindForeign, "stranger"}, 0), list(report))
}

// A manifest behind the end waits for its checkpoint, and not for ever.
func TestOldManifestBehindTheEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	f.one.Event = archive.EventShutdown
	f.one.Write(t)
	f.one.Event = archive.EventStart
	m := f.one.Write(t)
	f.Clock.At = f.one.Clock.At.Add(-4 * time.Minute)
	f.store.RemoveAll(f.Layout.Checkpoint("gateway-1", m.Number))
	report := f.verify(t, nil)
	assert.Equal(t, archiveaudit.Good, report.Verdict, list(report))
	assert.Contains(t, kinds(report), archiveaudit.KindInFlight)
	f.Clock.Add(time.Hour)
	report = f.verify(t, nil)
	assert.True(t, named(report, archiveaudit.Tampered, expected{archiveaudit.KindUnlisted, "/manifest/"}, 0), list(report))
}

// A manifest that no checkpoint covers does not begin a time.
func TestManifestOfTheirOwnBeforeATime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	forger := f.one.Fork()
	forger.Previous.To = forger.Manifests[1].To // it says that it is old
	forger.Clock.At = forger.Manifests[2].To
	m := forger.Write(t)
	f.store.RemoveAll(f.Layout.Checkpoint("gateway-1", m.Number))
	for _, key := range f.store.Keys() {
		if strings.Contains(key, fmt.Sprintf("/manifest/%020d-", m.Number)) {
			f.store.SetModified(key, "", begin())
		}
	}
	report := f.verify(t, func(s *archiveaudit.Settings) { s.From = f.one.Manifests[3].From.Add(time.Second) })
	assert.True(t, named(report, archiveaudit.Tampered, expected{archiveaudit.KindUnlisted, "/manifest/"}, 0), list(report))
}
