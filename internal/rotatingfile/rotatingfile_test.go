package rotatingfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}

func TestTurnsOverBeforeTheLimit(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	f, err := Open(name, 10)
	require.NoError(t, err)
	for _, line := range []string{"12345\n", "789\n", "new\n", "a line longer than the limit\n", "end\n"} {
		n, err := f.Write([]byte(line))
		require.NoError(t, err)
		assert.Equal(t, len(line), n)
	}
	require.NoError(t, f.Close())
	assert.Equal(t, "end\n", read(t, name))
	assert.Equal(t, "a line longer than the limit\n", read(t, name+".1"))

	_, err = f.Write([]byte("late"))
	require.ErrorIs(t, err, os.ErrClosed)

	f, err = Open(name, 10)
	require.NoError(t, err)
	_, err = f.Write([]byte("again\n"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.Equal(t, "end\nagain\n", read(t, name), "appends to what is there")
}

func TestGoesOnWhenItCannotRename(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	require.NoError(t, os.MkdirAll(filepath.Join(name+".1", "full"), 0o700))
	f, err := Open(name, 4)
	require.NoError(t, err)
	_, err = f.Write([]byte("one\n"))
	require.NoError(t, err)
	_, err = f.Write([]byte("two\n"))
	require.ErrorContains(t, err, "turn over")
	require.NoError(t, os.RemoveAll(name+".1"))
	_, err = f.Write([]byte("three\n"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.Equal(t, "three\n", read(t, name))
	assert.Equal(t, "one\n", read(t, name+".1"))
}

func TestLinesOfManyWritersStayWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	f, err := Open(name, 1<<20)
	require.NoError(t, err)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 200 {
				_, err := fmt.Fprintf(f, "%d-%d\n", w, i)
				assert.NoError(t, err)
			}
		})
	}
	writers.Wait()
	require.NoError(t, f.Close())
	lines := strings.Split(strings.TrimSpace(read(t, name)), "\n")
	assert.Len(t, lines, 1600)
	for _, line := range lines {
		assert.Regexp(t, `^\d-\d+$`, line)
	}
}

func TestRefusesALimitThatHoldsNothing(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "a.log"), 0)
	require.ErrorContains(t, err, "want at least 1")
}
