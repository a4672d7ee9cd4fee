package criframe

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/containerlog"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 120_000_000, time.UTC)

const head = "2026-11-21T12:00:00.12Z stdout "

func TestLinesAreFramed(t *testing.T) {
	long := strings.Repeat("x", maxPiece)
	for name, c := range map[string]struct {
		in   []string
		want string
	}{
		"lines":              {[]string{"a\nb c\n"}, head + "F a\n" + head + "F b c\n"},
		"empty line":         {[]string{"\n"}, head + "F \n"},
		"in parts":           {[]string{"a", "b", "c\nd\n"}, head + "F abc\n" + head + "F d\n"},
		"carriage return":    {[]string{"a\r\n"}, head + "F a\r\n"},
		"no end":             {[]string{"a\nb"}, head + "F a\n" + head + "F b\n"},
		"just short enough":  {[]string{long + "\n"}, head + "F " + long + "\n"},
		"pieces":             {[]string{long, "y\n"}, head + "P " + long + "\n" + head + "F y\n"},
		"pieces without end": {[]string{long + "y"}, head + "P " + long + "\n" + head + "F y\n"},
		"nothing":            {nil, ""},
	} {
		f := New("stdout")
		var got []byte
		for _, part := range c.in {
			got = f.Append(got, []byte(part), noon)
		}
		got = f.AppendEnd(got, noon)
		assert.Equal(t, c.want, string(got), name)
	}
}

// What is dropped leaves whole lines before and behind it.
func TestDropped(t *testing.T) {
	long := strings.Repeat("x", maxPiece+1)
	for name, c := range map[string]struct {
		before, dropped, after string
		want                   string
	}{
		"whole lines":             {"a\n", "b\n", "c\n", "a|c"},
		"within a short line":     {"a\nb", "b\n", "c\n", "a|c"},
		"the beginning of a line": {"a\n", "b\nc", "c\nd\n", "a|d"},
		"the end of a long line":  {long, "z\n", "c\n", long[:maxPiece] + "|c"},
		"the middle of a long line": {
			long, strings.Repeat("z", maxPiece), "z\nc\n", long[:maxPiece] + "|c",
		},
		"the end of the stream": {long, "z", "", long[:maxPiece]},
	} {
		f := New("stdout")
		got := f.Append(nil, []byte(c.before), noon)
		_ = f.Append(nil, []byte(c.dropped), noon)
		f.Dropped()
		got = f.Append(got, []byte(c.after), noon)
		got = f.AppendEnd(got, noon)
		assert.Equal(t, c.want, strings.Join(unframe(t, got), "|"), name)
	}
}

// unframe reads lines with the code that the receiver reads them with.
func unframe(t *testing.T, framed []byte) []string {
	t.Helper()
	joiner := containerlog.NewJoiner(1 << 20)
	var lines []string
	for line := range bytes.Lines(framed) {
		e, ok := containerlog.ParseCRI(bytes.TrimSuffix(line, []byte("\n")))
		require.True(t, ok, "%q", line)
		require.LessOrEqual(t, len(e.Content), maxPiece)
		for _, j := range joiner.Append(nil, &e, 0) {
			lines = append(lines, string(j.Content))
		}
	}
	require.Empty(t, joiner.End(nil), "a line that was never ended")
	return lines
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte("a\nb\r\n\nc"), 3)
	f.Add([]byte("\x00\xff \n"), 1)
	f.Add(bytes.Repeat([]byte("x"), maxPiece), 4000)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		step = max(step, 1)
		framer := New("stderr")
		var got []byte
		for rest := data; len(rest) > 0; rest = rest[min(step, len(rest)):] {
			got = framer.Append(got, rest[:min(step, len(rest))], noon)
		}
		got = framer.AppendEnd(got, noon)
		want := strings.Split(string(data), "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		require.Equal(t, strings.Join(want, "\n"), strings.Join(unframe(t, got), "\n"))
		require.Len(t, unframe(t, got), len(want))
	})
}

func BenchmarkAppend(b *testing.B) {
	data := bytes.Repeat([]byte(strings.Repeat("x", 199)+"\n"), 300)
	framer := New("stdout")
	var buf []byte
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		buf = framer.Append(buf[:0], data, noon)
	}
	require.Equal(b, 300, bytes.Count(buf, []byte("\n")))
}
