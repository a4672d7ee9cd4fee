package integration

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// TestArchiveReaders: those who know nothing of us read the archive. zstd's and gzip's own
// tools give the lines that are in it; DuckDB finds each record once, and for a question
// about one partition opens no file of another.
func TestArchiveReaders(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ compression, tool, ext string }{{"zstd", "zstd", ".zst"}, {"gzip", "gzip", ".gz"}, {"none", "cat", ".jsonl"}} {
		t.Run(one.compression, func(t *testing.T) {
			t.Parallel()
			tool, err := exec.LookPath(one.tool)
			if err != nil {
				t.Skipf("there's no %s on this machine: apt-get install %s", one.tool, one.tool)
			}
			_, b := newFakeBed(t)
			b.Compression = one.compression
			const records = 30_000
			col := b.start(t)
			load := newArchiveLoad(t, "read", records)
			load.batch = 1000 // so that objects have several frames
			load.body += load.body + load.body
			require.NoError(t, load.run(t.Context(), "http://"+col.Addr(t, "in")))
			col.Stop(t)
			a := b.read(t)
			load.requireOnce(t, a)
			a.requireLog(t, b, archiveWriter)
			b.requireGood(t)
			folder := b.download(t, a)
			frames := 0
			for _, o := range a.objects {
				require.Equal(t, one.ext, filepath.Ext(o.key))
				args := []string{"-dc"}
				if one.tool == "cat" {
					args = []string{"-"}
				}
				command := exec.CommandContext(t.Context(), tool, args...)
				command.Stdin = bytes.NewReader(o.data)
				out, err := command.CombinedOutput()
				require.NoError(t, err, "%s", out)
				require.True(t, bytes.Equal(o.plain, out), "%s reads %s as something else", tool, o.key)
				frames = max(frames, bytes.Count(o.data, []byte{0x28, 0xb5, 0x2f, 0xfd}))
			}
			if one.compression == "zstd" {
				assert.Greater(t, frames, 1, "some object has several frames")
			}
			checkDuckDB(t, folder, load, a)
		})
	}
}

func checkDuckDB(t *testing.T, folder string, load *archiveLoad, a *archiveContent) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there's no python3 on this machine")
	}
	script := filepath.Join(harness.Root(t), "integration", "archive", "archive.sh")
	out, err := exec.CommandContext(t.Context(), "sh", script, "prepare").CombinedOutput()
	require.NoError(t, err, "%s", out)
	at := load.at(1)
	day, hour := at.Format("2006-01-02"), at.Format("15")
	command := exec.CommandContext(t.Context(), "sh", script, "python", filepath.Join(filepath.Dir(script), "query.py"), folder, "access", day, hour)
	var errors bytes.Buffer
	command.Stderr = &errors
	out, err = command.Output()
	require.NoError(t, err, "%s", errors.String())
	var got struct {
		Rows, All, Files, Read int
		ByClass                map[string]int `json:"by_class"`
		Plan                   string
	}
	require.NoError(t, json.Unmarshal(out, &got), "%s", out)

	rows, files, classes := 0, 0, make(map[string]int)
	for n := range load.total {
		classes[load.class(n)]++
		if load.class(n) == "access" && load.at(n).Equal(at) {
			rows++
		}
	}
	for _, o := range a.objects {
		if o.partition == "category=access/dt="+day+"/hour="+hour {
			files++
		}
	}
	assert.Equal(t, load.total, got.All, "each record once")
	assert.Equal(t, classes, got.ByClass)
	assert.Equal(t, rows, got.Rows)
	assert.Len(t, a.objects, got.Files)
	assert.Less(t, files, got.Files)
	assert.Equal(t, files, got.Read, "only the partition's files are opened:\n%s", got.Plan)
}
