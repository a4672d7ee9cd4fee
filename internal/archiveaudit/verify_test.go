package archiveaudit_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

func TestGood(t *testing.T) {
	t.Parallel()
	for _, mode := range []objectstore.Mode{objectstore.Governance, objectstore.Compliance} {
		f := newFixture(t, mode)
		for name, change := range map[string]func(*archiveaudit.Settings){
			"all":         nil,
			"with copies": func(s *archiveaudit.Settings) { s.Copies = f.copies() },
			"one at a time": func(s *archiveaudit.Settings) {
				s.Parallel = 1
			},
		} {
			report := f.verify(t, change)
			require.Empty(t, tampering(report), name)
			assert.Equal(t, archiveaudit.Good, report.Verdict, name)
			require.Len(t, report.Writers, 2)
			one := report.Writers[0]
			assert.Equal(t, "gateway-1", one.Name)
			assert.Equal(t, int64(8), one.Checkpoints)
			assert.Equal(t, int64(5*217), one.Lines)
			assert.Equal(t, int64(15), one.Objects)
			assert.Equal(t, one.Lines, one.Ledger.Archived)
			assert.Positive(t, one.Tiles)
			for _, finding := range report.Findings {
				assert.NotEqual(t, archiveaudit.KindUnlocked, finding.Kind, finding)
			}
		}
	}
}

func TestReportText(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	text := string(f.verify(t, nil).AppendText(nil, time.Second))
	assert.Contains(t, text, "GOOD. Every line is the one that was written")
	assert.Contains(t, text, "gateway-2: 2026-03-01 10:00:00Z to")
	assert.Contains(t, text, "No checkpoints of a second place were given")

	key := f.find(t, "category=access")
	f.store.Edit(key, "", true, func(data []byte) []byte { data[len(data)/2] ^= 1; return data })
	report := f.verify(t, nil)
	text = string(report.AppendText(nil, time.Second))
	assert.Contains(t, text, "TAMPERED. The archive is not what its writers wrote")
	assert.Contains(t, text, key)
	data, err := json.Marshal(report)
	require.NoError(t, err)
	assert.Contains(t, string(data), `"verdict":"tampered"`)
	assert.NotContains(t, strings.ReplaceAll(string(data), `"from":"2026`, ""), `"from":"0001`)
}

// Intervals that reach into a time are verified from the edge of the one before.
func TestRange(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	all := f.one.Manifests
	for from := range all {
		for to := from; to < len(all); to++ {
			if !all[from].From.Add(2 * time.Second).Before(all[to].To) {
				continue // a start's interval may be empty
			}
			report := f.verify(t, func(s *archiveaudit.Settings) {
				s.From, s.To = all[from].From.Add(time.Second), all[to].To.Add(-time.Second)
				s.Copies = f.copies()
			})
			require.Empty(t, tampering(report), "%d to %d", from, to)
			one := report.Writers[0]
			assert.LessOrEqual(t, one.First, int64(from)+1)
			assert.GreaterOrEqual(t, one.Last, int64(to)-1)
		}
	}
	// What lies outside is not looked at; what lies inside is.
	key := all[2].Objects[0].Key
	f.store.Edit(key, "", true, func(data []byte) []byte { data[40] ^= 1; return data })
	inside := func(s *archiveaudit.Settings) {
		s.From, s.To = all[2].From.Add(time.Second), all[2].To.Add(-time.Second)
	}
	outside := func(s *archiveaudit.Settings) { s.From = all[5].From.Add(time.Second) }
	assert.NotEmpty(t, tampering(f.verify(t, inside)))
	assert.Empty(t, tampering(f.verify(t, outside)))
}

func TestFolder(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	s := archiveaudit.Settings{Prefix: prefix, Root: f.Root.Verifier, Now: f.Clock.At}
	report, err := archiveaudit.Verify(t.Context(), folder{f.store}, s)
	require.NoError(t, err)
	assert.Equal(t, archiveaudit.CouldNotCheck, report.Verdict)
	assert.Empty(t, tampering(report))
	assert.False(t, report.Locks)
	s.IntegrityOnly = true
	report, err = archiveaudit.Verify(t.Context(), folder{f.store}, s)
	require.NoError(t, err)
	assert.Equal(t, archiveaudit.Good, report.Verdict, report.Findings)
}

// Objects whose lock has ended may go: their lines are no longer there, and the log is.
func TestExpired(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	for _, m := range f.one.Manifests {
		for _, o := range m.Objects {
			if o.Class != "audit" {
				f.store.RemoveAll(o.Key)
			}
		}
	}
	report := f.verify(t, nil)
	assert.Equal(t, archiveaudit.Bad, report.Verdict)
	f.one.Event = "shutdown"
	f.one.Write(t)
	f.Clock.Add(100 * 24 * time.Hour)
	report = f.verify(t, nil)
	assert.Equal(t, archiveaudit.Good, report.Verdict, tampering(report))
	assert.Contains(t, kinds(report), archiveaudit.KindExpired)
}

func kinds(r *archiveaudit.Report) []archiveaudit.Kind {
	var list []archiveaudit.Kind
	for _, f := range r.Findings {
		list = append(list, f.Kind)
	}
	return list
}
