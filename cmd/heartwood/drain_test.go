package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/heldstate"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// kinesisEntry is one of a spool of the kinesis exporter: docs/format/kinesis.md.
var kinesisEntry = append(append([]byte{1}, make([]byte, 16)...), 1, 'k', 3, 'd')

// heldSpool is a spool with an entry, open as long as the test has not closed it.
func heldSpool(t *testing.T, dir string, entry []byte) *spool.Spool {
	t.Helper()
	s, err := spool.Open(spool.Settings{Directory: dir})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, err = s.Append(context.Background(), spool.Batch{Records: [][]byte{entry}})
	require.NoError(t, err)
	return s
}

func TestDrainSaysWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	s := heldSpool(t, filepath.Join(dir, "spool", "logs"), kinesisEntry)
	letters := filepath.Join(dir, "spool", "dead_letter")
	require.NoError(t, os.Mkdir(letters, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(letters, "day.jsonl"), []byte("{}\n{}\n"), 0o600))

	status, stdout, stderr := call(t, "", "drain", "--dry-run", dir)
	assert.Equal(t, exitFailure, status, "another has it")
	assert.Contains(t, stderr, "the directory is in use")
	assert.Contains(t, stdout, "can't be read")
	require.NoError(t, s.Close())

	status, stdout, stderr = call(t, "", "drain", "--dry-run", dir)
	require.Equal(t, exitOK, status, stderr)
	assert.Regexp(t, `(?m)^kinesis logs \(version 1\) +\S+/spool +3 records +\d+ bytes +oldest 20\d\d-`, stdout)
	assert.Regexp(t, `(?m)^dead_letters +\S+/dead_letter +2 records +6 bytes`, stdout)
}

func TestDrainRefuses(t *testing.T) {
	empty := t.TempDir()
	newer := t.TempDir()
	require.NoError(t, heldSpool(t, filepath.Join(newer, "logs"), []byte{2, 0, 0}).Close())
	damaged := t.TempDir()
	require.NoError(t, heldSpool(t, filepath.Join(damaged, "logs"), kinesisEntry).Close())
	segment := filepath.Join(damaged, "logs", "00000000000000000001.seg")
	data, err := os.ReadFile(segment)
	require.NoError(t, err)
	data[len(data)/2] ^= 0xff
	require.NoError(t, os.WriteFile(segment, data, 0o600))
	whole := t.TempDir()
	require.NoError(t, heldSpool(t, filepath.Join(whole, "logs"), kinesisEntry).Close())
	config := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte("exporters: {debug: {}}\nservice: {pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}\n"), 0o600))
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"no directory":       {[]string{"--dry-run"}, exitUsage, "it takes one directory"},
		"no configuration":   {[]string{whole}, exitUsage, "--config is missing"},
		"another form":       {[]string{whole, "--dry-run", "--output", "xml"}, exitUsage, "want text or json"},
		"not there":          {[]string{filepath.Join(empty, "x"), "--dry-run"}, exitFailure, "no such file"},
		"a file":             {[]string{segment, "--dry-run"}, exitFailure, "is no directory"},
		"nothing of ours":    {[]string{empty, "--dry-run"}, exitFailure, "is it another directory?"},
		"a newer version":    {[]string{newer, "--dry-run"}, exitFailure, heldstate.ErrForm.Error()},
		"damage":             {[]string{damaged, "--config", config}, exitFailure, "00000000000000000001.seg is damaged at byte"},
		"no exporter for it": {[]string{whole, "--config", config}, exitFailure, "has no components for all that"},
		"no such file":       {[]string{whole, "--config", "missing.yaml"}, exitFailure, "missing.yaml"},
	} {
		status, _, stderr := call(t, "", append([]string{"drain"}, c.args...)...)
		assert.Equal(t, c.status, status, name)
		assert.Contains(t, stderr, c.want, name)
	}
}

func TestMetricsArePutTogether(t *testing.T) {
	m := parseMetrics([]byte("# HELP x\notelcol_exporter_queue_size{exporter=\"a b\",x=\"}\"} 2\notelcol_exporter_queue_size{exporter=\"c\"} 3\nup 1 1700000000\nbad\nworse x\n{} 1\n"))
	assert.Equal(t, drainMetrics{"exporter_queue_size": 5, "up": 1}, m)
	assert.Equal(t, "the stream does not have all records; requests are in an exporter's queue", m.waiting([]heldstate.Kind{heldstate.Kinesis}))
	assert.Empty(t, drainMetrics{"processor_event_fold_records_held": 0}.waiting([]heldstate.Kind{heldstate.Fold}))
	assert.Equal(t, "events are open, or not delivered", drainMetrics{"processor_event_fold_records_held": 1}.waiting([]heldstate.Kind{heldstate.Fold}))
}
