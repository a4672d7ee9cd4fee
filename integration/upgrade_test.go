package integration

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/s3fake"
)

var updateState = flag.Bool("update-state", false, "write a state of the present form to testdata/state, named by -update-state-name")

var updateStateName = flag.String("update-state-name", "v1", "the folder below testdata/state")

// stateFolder has states as former releases have left them, with the archive's keys:
//
//	go test ./integration -run '^TestStateOfFormerReleases$' -update-state -update-state-name v2
//
// writes another one, with the binary in bin/. One is added when a form of anything on disk
// changes, before it does; none is written anew.
const stateFolder = "testdata/state"

// stateVolume is a volume of a state's size.
func stateVolume(t *testing.T, keys string) *volume {
	t.Helper()
	fake := s3fake.Start(t, s3fake.Settings{})
	bed := newBareBed(archivePrefix, fake.URL(), s3fake.NewClient(t, fake.URL()))
	if keys == "" {
		bed.makeKeys(t)
	} else {
		bed.Keys = t.TempDir()
		copyTree(t, bed.Keys, keys)
	}
	bed.open(t)
	v := newVolumeOn(t, fake, bed)
	v.keyed, v.archived, v.requests = newKeyedLoad(t, 10, 5), newArchiveLoad(t, "former", 100), 10
	return v
}

func copyTree(t *testing.T, to, from string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(to, 0o700))
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, e := range entries {
		if e.IsDir() {
			copyTree(t, filepath.Join(to, e.Name()), filepath.Join(from, e.Name()))
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, e.Name()), data, 0o600))
	}
}

// writeState writes what a collector leaves that has accepted all and delivered nothing.
func writeState(t *testing.T, dir string) {
	t.Helper()
	require.NoDirExists(t, dir, "a former state is not written anew")
	v := stateVolume(t, "")
	v.down()
	v.col.Start(t)
	v.send(t)
	v.col.Kill()
	copyTree(t, filepath.Join(dir, "data"), v.col.Path(""))
	copyTree(t, filepath.Join(dir, "keys"), v.Keys)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "time"), []byte(v.archived.base.Format(time.RFC3339Nano)), 0o600))
}

// TestStateOfFormerReleases: this release delivers what others have left, each record of it.
func TestStateOfFormerReleases(t *testing.T) {
	t.Parallel()
	if *updateState {
		writeState(t, filepath.Join(stateFolder, *updateStateName))
	}
	entries, err := os.ReadDir(stateFolder)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(stateFolder, e.Name())
			v := stateVolume(t, filepath.Join(dir, "keys"))
			base, err := os.ReadFile(filepath.Join(dir, "time"))
			require.NoError(t, err)
			v.archived.base, err = time.Parse(time.RFC3339Nano, string(base))
			require.NoError(t, err)
			for key := range v.keyed.keys {
				v.keyed.sent[key] = v.keyed.perKey
			}
			for n := range v.archived.total {
				v.archived.accepted[n] = true
			}
			for request := range v.requests {
				for part := range 4 {
					v.folded.confirmed[fmt.Sprintf("r%d-%d", request, part)] = true
				}
			}
			require.NoError(t, os.RemoveAll(v.col.Path("")))
			copyTree(t, v.col.Path(""), filepath.Join(dir, "data"))
			assert.Equal(t, map[string]int{"kinesis": 50, "worm_s3": 100, "event_fold": 40}, v.held(t, v.col.Path("")))

			v.col.Start(t)
			v.col.WaitMetrics(t, "all to be delivered", func(m harness.Metrics) bool {
				return m.Has("otelcol_exporter_kinesis_oldest_record_age") && m.Sum("otelcol_exporter_kinesis_oldest_record_age") == 0 &&
					m.Has("otelcol_processor_event_fold_records_held") && m.Sum("otelcol_processor_event_fold_records_held") == 0
			})
			waitArchived(t, v.col)
			v.col.Stop(t)
			v.requireAll(t)
		})
	}
}
