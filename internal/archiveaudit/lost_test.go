package archiveaudit_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit/archivetest"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// A writer whose disk was lost goes on behind its last checkpoint. What the lost disk left
// behind that is named, and nothing else may be.
func TestLostDisk(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance).clone()
	// The disk is lost when the manifest is there and its checkpoint is not.
	lost := f.one.Fork()
	o := archivetest.Lines(3, 0, lost.Clock.At, "req-lost")
	m := lost.Write(t, o)
	f.store.RemoveAll(f.Layout.Checkpoint("gateway-1", m.Number))
	f.Clock.Add(time.Minute)
	f.one.Clock.At = f.Clock.At
	f.one.Instance, f.one.Event = "another-disk", archive.EventStart
	left := m.Objects[0]
	f.one.Change = func(m *archive.Manifest) {
		m.Recovered = &archive.Recovered{FromNumber: m.Number - 1, Objects: []archive.RecoveredObject{{Key: left.Key, VersionID: left.VersionID, SHA256: left.SHA256}}}
	}
	f.one.Write(t, archivetest.Lines(5, 100, f.one.Clock.At, "req-a"))
	f.Clock.At = f.one.Clock.At.Add(-time.Minute)
	report := f.verify(t, nil)
	assert.Equal(t, archiveaudit.Good, report.Verdict, list(report))
	recovered := 0
	for _, finding := range report.Findings {
		if finding.Kind == archiveaudit.KindRecovered {
			recovered++
		}
	}
	assert.Equal(t, 3, recovered, "the recovery, the manifest and the filters: %s", list(report))

	// What was found is what it was; that it is gone is told.
	f.store.Edit(left.Key, "", true, func(data []byte) []byte { data[0] ^= 1; return data })
	assert.True(t, named(f.verify(t, nil), archiveaudit.Tampered, expected{archiveaudit.KindChanged, left.Key}, 0))
	f.store.Edit(left.Key, "", true, func(data []byte) []byte { data[0] ^= 1; return data })
	found := f.store.Clone()
	f.store.RemoveAll(left.Key)
	assert.True(t, named(f.verify(t, nil), archiveaudit.Note, expected{archiveaudit.KindMissing, left.Key}, 0))
	f.store = found
	f.Store = found
	f.one.Store = found

	// A time that begins behind it has it as what was before.
	behind := f.one.Previous.To
	f.one.Write(t, archivetest.Lines(5, 200, f.one.Clock.At, "req-a"))
	f.Clock.At = f.one.Clock.At.Add(-time.Minute)
	report = f.verify(t, func(s *archiveaudit.Settings) { s.From = behind.Add(time.Minute) })
	assert.Equal(t, archiveaudit.Good, report.Verdict, list(report))

	// The same put there later is not the lost disk's.
	later := []byte("later")
	key := f.Layout.Filters("gateway-1", m.Number, sha256.Sum256(later))
	f.store.Overwrite(key, later, objectstore.Lock{})
	f.store.SetModified(key, "", behind.Add(time.Hour))
	assert.True(t, named(f.verify(t, nil), archiveaudit.Tampered, expected{archiveaudit.KindUnlisted, key}, 0))
}

// What can't be read is not tampered with: it could not be checked.
func TestDenied(t *testing.T) {
	t.Parallel()
	master := newFixture(t, objectstore.Governance)
	for _, part := range []string{"category=", "/manifest/", "/checkpoint/", "/tile/", "/filters/", "_log/writers/"} {
		for _, op := range []memstore.Op{memstore.OpGet, memstore.OpHead} {
			f := master.clone()
			f.store.SetFault(func(_ context.Context, c memstore.Call) error {
				if c.Op == op && strings.Contains(c.Key, part) {
					return objectstore.ErrDenied
				}
				return nil
			})
			report := f.verify(t, nil)
			assert.Equal(t, archiveaudit.CouldNotCheck, report.Verdict, "%s %s: %s", op, part, list(report))
		}
	}
	for _, op := range []memstore.Op{memstore.OpVersions, memstore.OpFolders, memstore.OpBucket} {
		f := master.clone()
		f.store.SetFault(func(_ context.Context, c memstore.Call) error {
			if c.Op == op {
				return objectstore.ErrDenied
			}
			return nil
		})
		report := f.verify(t, nil)
		assert.Equal(t, archiveaudit.CouldNotCheck, report.Verdict, "%s: %s", op, list(report))
	}
}

// A place that is busy is asked again.
func TestBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, objectstore.Governance)
		asked := make(chan map[string]int, 1)
		asked <- map[string]int{}
		f.store.SetFault(func(_ context.Context, c memstore.Call) error {
			if c.Op == memstore.OpFolders || c.Op == memstore.OpPut {
				return nil
			}
			counts := <-asked
			defer func() { asked <- counts }()
			name := fmt.Sprint(c.Op, c.Key, c.Stage)
			if counts[name]++; counts[name] <= 2 {
				return objectstore.ErrBusy
			}
			return nil
		})
		report := f.verify(t, nil)
		assert.Equal(t, archiveaudit.Good, report.Verdict, list(report))
		// One that stays busy is given up.
		f.store.SetFault(func(_ context.Context, c memstore.Call) error {
			if c.Op == memstore.OpGet && strings.Contains(c.Key, "category=audit") {
				return objectstore.ErrBusy
			}
			return nil
		})
		assert.Equal(t, archiveaudit.CouldNotCheck, f.verify(t, nil).Verdict)
	})
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	f.store.SetFault(func(_ context.Context, c memstore.Call) error {
		if c.Op == memstore.OpGet && strings.Contains(c.Key, "category=audit") {
			cancel(stop)
		}
		return nil
	})
	_, err := archiveaudit.Verify(ctx, f.store, archiveaudit.Settings{Prefix: prefix, Root: f.Root.Verifier, Now: f.Clock.At})
	require.ErrorIs(t, err, stop)
}

// What belongs to the last checkpoint is checked, too, when its answers come after all
// checkpoints were read.
func TestSlowFilters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, objectstore.Governance)
		slow := func(ctx context.Context, c memstore.Call) error {
			if strings.Contains(c.Key, "/filters/") {
				time.Sleep(time.Second)
			}
			return ctx.Err()
		}
		f.store.SetFault(slow)
		wide := func(s *archiveaudit.Settings) { s.Parallel = 16 } // all objects of an interval at a time
		report := f.verify(t, wide)
		assert.Equal(t, archiveaudit.Good, report.Verdict, list(report))

		last := f.one.Previous
		key := f.Layout.Filters("gateway-1", last.Number, last.Filters.SHA256)
		f.store.Edit(key, "", false, func(data []byte) []byte {
			data[len(data)-1] ^= 1
			return data
		})
		report = f.verify(t, wide)
		assert.True(t, named(report, archiveaudit.Tampered, expected{archiveaudit.KindChanged, key}, 0), list(report))

		// Where versions can't be listed, which is right is not known; that is no tampering.
		f.store.SetFault(func(_ context.Context, c memstore.Call) error {
			if c.Op == memstore.OpVersions && strings.HasSuffix(c.Key, ".bin") {
				return objectstore.ErrDenied
			}
			return nil
		})
		report = f.verify(t, wide)
		assert.Equal(t, archiveaudit.CouldNotCheck, report.Verdict, list(report))
	})
}
