package stacktrace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func addTraces(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "traces", "*.txt"))
	require.NoError(f, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(b))
	}
}

// FuzzContinues: the records are the stream again, a record of its own is always
// one but behind the two lines that announce it, and the joiner forgets all at
// Reset.
func FuzzContinues(f *testing.F) {
	addTraces(f)
	f.Add("==================\nWARNING: DATA RACE\n\n")
	f.Add("\r\n\r\n \r\n\t\n")
	f.Fuzz(func(t *testing.T, stream string) {
		var j Joiner
		records := joined(&j, stream)
		require.Equal(t, strings.TrimSuffix(stream, "\n"), strings.Join(records, "\n"))

		j = Joiner{rustShort: j.rustShort}
		var previous Kind
		lines := strings.Split(stream, "\n")
		for i, line := range lines {
			kind := kindOf(line)
			more := j.Continues([]byte(line), kind)
			if i == 0 {
				require.False(t, more)
			}
			if kind == Record && previous != HeadRecord && !strings.HasPrefix(line, raceTitle) {
				require.False(t, more, "%q", line)
			}
			if more {
				require.NotEqual(t, closed, j.state)
			}
			previous = kind
		}
		j.Reset()
		require.False(t, j.Continues([]byte(lines[0]), Text))
	})
}

// FuzzExtract: what is extracted is part of the text.
func FuzzExtract(f *testing.F) {
	addTraces(f)
	for _, s := range []string{"panic: ", "panic: \n\tpanic: ", "Error: \n\nCaused by:\n", "\n\tat (", "a:1:in `':  (A)", "x\n#0 \nNext \nStack trace:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, ok := Extract(text)
		if !ok {
			require.Zero(t, e)
			return
		}
		require.NotEmpty(t, e.Language)
		require.NotEmpty(t, e.Stacktrace)
		require.Contains(t, text, e.Stacktrace)
		switch e.Type {
		case "panic", "runtime.Error": // what the languages have no word for
		default:
			require.Contains(t, text, e.Type)
		}
		require.Contains(t, text, e.Message)
	})
}
