package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBinaryOfTheEnvironment(t *testing.T) {
	t.Setenv(BinaryEnv, os.Args[0])
	assert.Equal(t, os.Args[0], Binary(t))

	t.Setenv(BinaryEnv, "/no/such/collector")
	tb := newRecorder()
	tb.run(func() { Binary(tb) })
	assert.True(t, tb.Failed(), "a binary that isn't there must fail the test, not skip it")
	assert.Contains(t, tb.end(), "HEARTWOOD_BINARY=/no/such/collector: there's no such file")
}

func TestProgramThatIsNotThereNamesTheRemedy(t *testing.T) {
	tb := newRecorder()
	tb.run(func() { Program(tb, "no-such-program") })
	assert.True(t, tb.Failed())
	assert.Contains(t, tb.end(), "run `make build` first")
}

func TestRootIsTheRepositorys(t *testing.T) {
	assert.FileExists(t, filepath.Join(Root(t), "builder-config.yaml"))
}

func TestCheckFresh(t *testing.T) {
	now := time.Now()
	older, newer := now.Add(-time.Hour), now.Add(time.Hour)
	sources := []string{"go.mod", "receivers", "internal", "not/there"}

	tests := map[string]struct {
		files map[string]time.Time // besides the binary, of now
		err   string
	}{
		"older sources":          {files: map[string]time.Time{"go.mod": older, "receivers/a/a.go": older}},
		"a newer module file":    {files: map[string]time.Time{"go.mod": newer}, err: "older than ROOT/go.mod"},
		"a newer source file":    {files: map[string]time.Time{"receivers/a/a.go": newer}, err: "older than ROOT/receivers/a/a.go"},
		"the newest is named":    {files: map[string]time.Time{"receivers/a/a.go": newer, "receivers/a/b.go": newer.Add(1e9)}, err: "receivers/a/b.go"},
		"a newer test":           {files: map[string]time.Time{"receivers/a/a_test.go": newer}},
		"newer test data":        {files: map[string]time.Time{"receivers/a/testdata/x.go": newer}},
		"newer tools":            {files: map[string]time.Time{"internal/tools/x.go": newer}},
		"tools of a component":   {files: map[string]time.Time{"receivers/tools/x.go": newer}, err: "receivers/tools/x.go"},
		"a newer text":           {files: map[string]time.Time{"receivers/a/README.md": newer}},
		"a file of another part": {files: map[string]time.Time{"benchmarks/x.go": newer}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write := func(path string, mode os.FileMode, when time.Time) string {
				path = filepath.Join(root, path)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, nil, mode))
				require.NoError(t, os.Chtimes(path, when, when))
				return path
			}
			binary := write("bin/x", 0o700, now)
			for path, when := range test.files {
				write(path, 0o600, when)
			}
			err := checkFresh(root, binary, sources)
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			assert.Contains(t, err.Error(), strings.ReplaceAll(test.err, "ROOT", root))
		})
	}
}

func TestCheckFreshWantsAProgram(t *testing.T) {
	root := t.TempDir()
	require.ErrorContains(t, checkFresh(root, filepath.Join(root, "x"), nil), "there's no such file")
	require.NoError(t, os.WriteFile(filepath.Join(root, "x"), nil, 0o600))
	require.ErrorContains(t, checkFresh(root, filepath.Join(root, "x"), nil), "not a program")
	require.ErrorContains(t, checkFresh(root, root, nil), "not a program")
}
