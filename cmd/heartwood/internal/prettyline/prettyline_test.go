package prettyline

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 120_000_000, time.UTC)

func newPrinter(tb testing.TB, out *bytes.Buffer, style Style) *Printer {
	tb.Helper()
	style.Location = time.UTC
	p, err := New(out, style)
	require.NoError(tb, err)
	p.now = func() time.Time { return noon }
	return p
}

// show gives what the printer makes of a stream that comes in parts of this size.
func show(tb testing.TB, style Style, in string, step int) string {
	tb.Helper()
	var out bytes.Buffer
	p := newPrinter(tb, &out, style)
	for len(in) > 0 {
		n := min(step, len(in))
		require.NoError(tb, p.Write([]byte(in[:n])))
		in = in[n:]
	}
	require.NoError(tb, p.Close())
	return out.String()
}

func TestShow(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"JSON": {
			`{"time":"2026-11-21T10:00:00.5Z","level":"info","msg":"order placed","order":{"id":7},"user":"ann lee"}` + "\n",
			`10:00:00.500 INFO    order placed                         order.id=7 user="ann lee"` + "\n",
		},
		"logfmt without a time": {"level=warn msg=low item=nail\n", "12:00:00.120 WARN    low                                  item=nail\n"},
		"success":               {`{"level":"SUCCESS","message":"paid"}` + "\n", "12:00:00.120 SUCCESS paid\n"},
		"python's number":       {`{"levelno":25,"levelname":"SUCCESS","message":"paid"}` + "\n", "12:00:00.120 SUCCESS paid"},
		"pino's number":         {`{"level":30,"time":1795250499783,"pid":1,"hostname":"h","msg":"hi"}` + "\n", " INFO    hi "},
		"a trace behind a line": {
			"2026-11-21 10:00:00,123 ERROR shop.orders failed\nTraceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n\tf()\nValueError: bad\nnext\n",
			"10:00:00.123 ERROR   failed                               log.logger=shop.orders\n" +
				"             Traceback (most recent call last):\n               File \"a.py\", line 3, in <module>\n                 f()\n             ValueError: bad\nnext\n",
		},
		"a trace in a field": {
			`{"level":"error","msg":"no","error":{"stack_trace":"ValueError: x\n  at a"}}` + "\n",
			"12:00:00.120 ERROR   no\n             ValueError: x\n               at a\n",
		},
		"a message of two lines": {`{"level":"info","msg":"one\ntwo"}` + "\n", "12:00:00.120 INFO    one\n             two\n"},
		"an event":               {`{"level":"info","event":"order.placed","msg":"hi"}` + "\n", "12:00:00.120 INFO    [order.placed] hi\n"},

		"plain text":          {"hello\nthere\n", "hello\nthere\n"},
		"blank lines":         {"a\n\n\nb\n", "a\n\n\nb\n"},
		"a trace alone":       {"Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\nValueError: bad\n", "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\nValueError: bad\n"},
		"colours of its own":  {"\x1b[32mok\x1b[0m 12 tests\n", "\x1b[32mok\x1b[0m 12 tests\n"},
		"broken JSON":         {"{\"a\":1}\n{\"a\n", "{\"a\n"},
		"broken logfmt":       {"a=1 b=\"\n", "a=1 b=\"\n"},
		"no end of line":      {"hello", "hello"},
		"a record without it": {"level=info msg=hi", "12:00:00.120 INFO    hi\n"},
		"a very long line":    {strings.Repeat("x", 3*maxLine) + "\nlevel=info msg=hi\n", strings.Repeat("x", 3*maxLine) + "\n12:00:00.120 INFO    hi\n"},
		"invalid UTF-8":       {"\xff\xfe\n", "\xff\xfe\n"},
	} {
		for _, step := range []int{1 << 20, 7, 1} {
			assert.Contains(t, show(t, Style{}, c.in, step), c.want, "%s in parts of %d bytes", name, step)
		}
	}
}

func TestLevelsHaveColours(t *testing.T) {
	for word, color := range map[string]string{
		"TRACE": "2", "DEBUG": "2", "INFO": "36", "SUCCESS": "32", "WARNING": "33", "ERROR": "31", "FATAL": "1;31",
	} {
		got := show(t, Style{Color: true}, `{"level":"`+word+`","msg":"hi"}`+"\n", 100)
		assert.Contains(t, got, "\x1b["+color+"m"+word+"\x1b[0m")
	}
	assert.NotContains(t, show(t, Style{}, "level=info msg=hi\n", 100), "\x1b")
}

// What a record says must not command the terminal.
func TestRecordsAreHarmless(t *testing.T) {
	got := show(t, Style{}, `{"level":"in\u001bfo","msg":"\u001b]0;title\u0007 \u001b[2J \u009b1m \u001b[31mred\u001b[0m","\u001b[A":"\u001b[B\u202e"}`+"\n", 1000)
	assert.NotContains(t, got, "\x1b")
	assert.Contains(t, got, `\x1b]0;title\a \x1b[2J \u009b1m red`)
}

func TestWhatHasNoEndIsShownAfterAPause(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(t, &out, Style{})
	assert.Zero(t, p.Wait())
	require.NoError(t, p.Write([]byte("hello\nname? ")))
	assert.Equal(t, Pause, p.Wait())
	require.NoError(t, p.Idle())
	assert.Equal(t, "hello\nname? ", out.String())
	assert.Zero(t, p.Wait())
	require.NoError(t, p.Write([]byte("level=info bob\nlevel=info msg=hi\n")))
	assert.Equal(t, "hello\nname? level=info bob\n12:00:00.120 INFO    hi\n", out.String())

	out.Reset()
	require.NoError(t, p.Write([]byte("2026-11-21 10:00:00,123 ERROR shop failed\n")))
	assert.Equal(t, Pause, p.Wait(), "a trace may follow")
	assert.Empty(t, out.String())
	p.now = func() time.Time { return noon.Add(Pause) }
	require.NoError(t, p.Idle())
	assert.Equal(t, "10:00:00.123 ERROR   shop failed\n", out.String())
	assert.Zero(t, p.Wait())
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("nobody looks on") }

func TestErrorOfTheWriterIsTold(t *testing.T) {
	p, err := New(broken{}, Style{})
	require.NoError(t, err)
	require.ErrorContains(t, p.Write([]byte("hi\nthere\n")), "nobody looks on")
}

func FuzzPrinter(f *testing.F) {
	for _, seed := range []string{
		`{"level":"info","msg":"hi","a":{"b":[1]}}` + "\nlevel=info msg=hi\n", "2026-11-21 10:00:00 ERROR x\n\tat a\n\nb",
		"Traceback (most recent call last):\n  File \"a\"\nE: x\n", "\x00\xff\x1b[2J\n{\n",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, in string, step int) {
		step = max(1, step)
		// However it is cut, it is shown the same.
		whole := show(t, Style{}, in, len(in)+1)
		require.Equal(t, whole, show(t, Style{}, in, step))
		// Nothing but what the program itself has written commands the terminal.
		if !strings.ContainsFunc(in, isControl) && strings.ContainsFunc(whole, isControl) {
			t.Fatalf("%q has control characters", whole)
		}
	})
}

func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }

func BenchmarkPrinter(b *testing.B) {
	in := []byte(strings.Repeat(`{"time":"2026-11-21T10:00:00.5Z","level":"info","msg":"order placed","order":{"id":7},"user":"ann"}`+"\n", 100))
	var out bytes.Buffer
	p := newPrinter(b, &out, Style{Color: true})
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		require.NoError(b, p.Write(in))
	}
	require.Equal(b, 100, bytes.Count(out.Bytes(), []byte("INFO")))
}
