package tailfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type bench struct {
	t    *testing.T
	path string
	*Follower
}

func newBench(t *testing.T, limit int) *bench {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.jsonl")
	b := &bench{t, path, New(path, limit)}
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func (b *bench) write(text string) {
	b.t.Helper()
	file, err := os.OpenFile(b.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(b.t, err)
	_, err = file.WriteString(text)
	require.NoError(b.t, err)
	require.NoError(b.t, file.Close())
}

// lines reads until there is no more for now.
func (b *bench) lines() []string {
	b.t.Helper()
	var got []string
	for {
		line, err := b.Next()
		switch {
		case errors.Is(err, io.EOF):
			return got
		case errors.Is(err, ErrTooLong):
			got = append(got, "<too long>")
		default:
			require.NoError(b.t, err)
			got = append(got, string(line))
		}
	}
}

func TestLinesAreGivenWhenTheyEnd(t *testing.T) {
	b := newBench(t, 100)
	assert.Empty(t, b.lines(), "no file yet")
	b.write("one\ntw")
	assert.Equal(t, []string{"one"}, b.lines())
	b.write("o\n\nthree")
	assert.Equal(t, []string{"two", ""}, b.lines())
}

func TestRenamedFileIsReadToItsEnd(t *testing.T) {
	b := newBench(t, 100)
	b.write("one\n")
	assert.Equal(t, []string{"one"}, b.lines())
	b.write("two\nend of the first")
	require.NoError(t, os.Rename(b.path, b.path+".1"))
	assert.Equal(t, []string{"two"}, b.lines(), "there may be a successor later")
	b.write("\nthree\n")
	assert.Equal(t, []string{"end of the first", "", "three"}, b.lines())
}

func TestFileThatWasCutIsReadAnew(t *testing.T) {
	b := newBench(t, 100)
	b.write("one\ntwo\n")
	assert.Len(t, b.lines(), 2)
	require.NoError(t, os.Truncate(b.path, 0))
	assert.Empty(t, b.lines())
	b.write("new\n")
	assert.Equal(t, []string{"new"}, b.lines())
}

func TestLongLinesAreLeftOutAndBounded(t *testing.T) {
	b := newBench(t, 1000)
	b.write("a\n" + strings.Repeat("x", 1000) + "\n" + strings.Repeat("y", 1001) + "\nb\n" + strings.Repeat("z", 300_000))
	got := b.lines()
	require.Len(t, got, 4)
	assert.Len(t, got[1], 1000)
	assert.Equal(t, []string{"<too long>", "b"}, got[2:])
	assert.LessOrEqual(t, cap(b.pending), 256<<10)
	b.write("z\nc\n")
	assert.Equal(t, []string{"<too long>", "c"}, b.lines())

	b.write(strings.Repeat("z", 300_000))
	assert.Empty(t, b.lines())
	require.NoError(t, os.Rename(b.path, b.path+".1"))
	b.write("d\n")
	assert.Equal(t, []string{"<too long>", "d"}, b.lines())
}

func TestNoLineIsLostOrTwiceOverManyFiles(t *testing.T) {
	b := newBench(t, 100)
	var want, got []string
	for file := range 5 {
		for i := range 300 {
			line := fmt.Sprintf("%d/%d", file, i)
			want = append(want, line)
			b.write(line + "\n")
			if i%37 == 0 {
				got = append(got, b.lines()...)
			}
		}
		require.NoError(t, os.Rename(b.path, fmt.Sprintf("%s.%d", b.path, file)))
		b.write("")
		got = append(got, b.lines()...)
	}
	assert.Equal(t, want, got)
}
