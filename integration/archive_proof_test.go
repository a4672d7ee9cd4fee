package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit/archivetest"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
)

// The script of docs/archive.md checks a proof without any code of ours.
func TestProofInPython(t *testing.T) {
	t.Parallel()
	script := pythonOf(t, filepath.Join("..", "docs", "archive.md"))
	require.LessOrEqual(t, strings.Count(script, "\n"), 50)
	dir := t.TempDir()
	venv := filepath.Join(dir, "venv")
	for _, command := range [][]string{
		{"python3", "-m", "venv", venv},
		{filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "cryptography"},
	} {
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
	}
	program := filepath.Join(dir, "check_proof.py")
	require.NoError(t, os.WriteFile(program, []byte(script), 0o600))

	clock := &archivetest.Clock{At: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	a := archivetest.New(t, memstore.New(clock.Now), "", clock)
	key := archivetest.NewKey(t, archive.WriterOrigin(a.Origin, "gateway-1"))
	w := a.NewWriter("gateway-1", key)
	w.Write(t, archivetest.Lines(300, 0, clock.At, "req-a"))
	m := w.Write(t, archivetest.Lines(137, 300, clock.At, "req-b"))
	w.Write(t, archivetest.Lines(5, 500, clock.At, "req-c"))

	check := func(proof, line []byte, key string) (string, error) {
		proofFile, lineFile := filepath.Join(dir, "x.tlog-proof"), filepath.Join(dir, "x.line")
		require.NoError(t, os.WriteFile(proofFile, proof, 0o600))
		require.NoError(t, os.WriteFile(lineFile, line, 0o600))
		out, err := exec.CommandContext(t.Context(), filepath.Join(venv, "bin", "python"), program, proofFile, lineFile, key).CombinedOutput()
		return string(out), err
	}
	for _, latest := range []bool{false, true} {
		prover := &archiveaudit.Prover{Reader: a.Store, Latest: latest}
		proved, err := prover.Prove(t.Context(), m.Objects[0].Key, 1, 64, 137)
		require.NoError(t, err)
		for _, x := range proved {
			out, err := check(x.Proof, x.Data, key.VKey)
			require.NoError(t, err, out)
			require.Contains(t, out, "of example.com/logs/gateway-1 with")
		}
		line := proved[0]
		other := archivetest.NewKey(t, archive.WriterOrigin(a.Origin, "gateway-1"))
		for _, wrong := range []struct {
			proof, line []byte
			key         string
		}{
			{line.Proof, append([]byte(" "), line.Data...), key.VKey},
			{line.Proof, line.Data, other.VKey},
			{[]byte(strings.Replace(string(line.Proof), "index 30", "index 31", 1)), line.Data, key.VKey},
			{proved[1].Proof, line.Data, key.VKey},
		} {
			out, err := check(wrong.proof, wrong.line, wrong.key)
			require.Error(t, err, out)
		}
	}
}

// pythonOf is the only Python in a document.
func pythonOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "```python\n")
	require.True(t, found)
	script, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	return script
}
