package integration

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// TestArchiveCopiesOverOTLP: another collector keeps the checkpoints, as log records in a
// file. It is not there at first, and away for a while; it has all checkpoints in the end,
// and what it has shows that the archive's end was cut off.
func TestArchiveCopiesOverOTLP(t *testing.T) {
	t.Parallel()
	_, b := newFakeBed(t)
	keeper := harness.New(t, `
		receivers:
		  otlp: {protocols: {http: {endpoint: {{addr "in"}}}}}
		exporters:
		  file: {path: {{file "checkpoints.json"}}, append: true}
		service:
		  pipelines:
		    logs: {receivers: [otlp], exporters: [file]}
	`, harness.WithName("keeper"))
	col := b.start(t, harness.WithFile(writeFile(t, "copies.yaml", fmt.Sprintf(
		"exporters: {worm_s3: {checkpoint_copies: [{otlp: {endpoint: 'http://%s', compression: gzip}}]}}\n", keeper.Addr(t, "in")))))
	failures := func(more float64) {
		t.Helper()
		col.WaitMetrics(t, "the receiver to be missed", func(m harness.Metrics) bool {
			return m.Sum("otelcol_exporter_worm_s3_checkpoint_failures", "place=otlp") > more
		})
	}
	failures(2)
	keeper.Start(t)
	load := newArchiveLoad(t, "copies", 2000)
	require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
	waitArchived(t, col)
	keeper.Stop(t)
	failures(col.Metrics(t).Sum("otelcol_exporter_worm_s3_checkpoint_failures", "place=otlp") + 2)
	keeper.Start(t)
	col.Stop(t) // it waits for the second place
	keeper.Stop(t)

	a := b.read(t)
	checkpoints := a.checkpoints[archiveWriter]
	file := keeper.Path("checkpoints.json")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	kept := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		var logs struct {
			ResourceLogs []struct {
				ScopeLogs []struct {
					LogRecords []struct {
						EventName string
						Body      struct{ StringValue string }
					}
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(line), &logs), line)
		for _, r := range logs.ResourceLogs[0].ScopeLogs[0].LogRecords {
			assert.Equal(t, "heartwood.checkpoint", r.EventName)
			kept[r.Body.StringValue] = true
		}
	}
	for i, c := range checkpoints {
		assert.True(t, kept[c], "checkpoint %d", i)
	}
	assert.Len(t, kept, len(checkpoints))
	r := b.verify(t, "--checkpoints", file)
	require.Zero(t, r.code, "%+v", r.Findings)

	// Whoever takes the end away can't take it from there.
	folder := b.download(t, a)
	last := len(checkpoints) - 1
	for _, pattern := range []string{"checkpoint/%020d", "manifest/%020d-*", "filters/%020d-*"} {
		files, err := filepath.Glob(filepath.Join(folder, "_log", archiveWriter, fmt.Sprintf(pattern, last)))
		require.NoError(t, err)
		for _, file := range files {
			require.NoError(t, os.Remove(file))
		}
	}
	args := []string{"verify", folder, "--integrity-only"}
	r = b.verifyWith(t, args...)
	require.Zero(t, r.code, "an archive alone does not show it at once: %+v", r.Findings)
	r = b.verifyWith(t, append(args, "--checkpoints", file)...)
	assert.Equal(t, 1, r.code)
	assert.Equal(t, []string{"truncated"}, r.kinds("tampered"))
	// A copy that is not signed says nothing, and is no proof that all is well.
	at := strings.LastIndex(checkpoints[last], " ") + 1
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(checkpoints[last][at:]))
	require.NoError(t, err)
	signature[40] ^= 1
	forged := checkpoints[last][:at] + base64.StdEncoding.EncodeToString(signature) + "\n"
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), jsonText(t, checkpoints[last]), jsonText(t, forged))), 0o600))
	r = b.verifyWith(t, append(args, "--checkpoints", file)...)
	assert.Equal(t, 2, r.code, "%+v", r.Findings)
}

// jsonText is a text as JSON has it.
func jsonText(t *testing.T, text string) string {
	t.Helper()
	out, err := json.Marshal(text)
	require.NoError(t, err)
	return string(out)
}
