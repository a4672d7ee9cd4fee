package stacktrace

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	layoutLine = regexp.MustCompile(`^(\d{4}[-/]\d\d[-/]\d\d[ T]|[DIWEF], \[|\[\d\d-|(info|fail): |(INFO|WARNING|SEVERE|ERROR): )`)
	errorLine  = regexp.MustCompile(`^[^"']*\b(WARN|WARNING|ERROR|SEVERE|FATAL|fail|error)\b`)
	julLine    = regexp.MustCompile(`^[A-Z][a-z]{2} \d\d?, \d{4} .* [AP]M `)
)

// kindOf stands for the detection of layouts.
func kindOf(line string) Kind {
	switch {
	case strings.HasPrefix(line, "{"):
		return Structured
	case julLine.MatchString(line):
		return HeadRecord
	case layoutLine.MatchString(line) && errorLine.MatchString(line):
		return ErrorRecord
	case layoutLine.MatchString(line):
		return Record
	}
	return Text
}

// joined are the records of a stream.
func joined(j *Joiner, stream string) []string {
	var records []string
	for line := range strings.SplitSeq(strings.TrimSuffix(stream, "\n"), "\n") {
		if j.Continues([]byte(line), kindOf(line)) {
			records[len(records)-1] += "\n" + line
		} else {
			records = append(records, line)
		}
	}
	return records
}

func readTrace(tb testing.TB, name string) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "traces", name+".txt"))
	require.NoError(tb, err)
	return string(b)
}

// TestJoiner has real output. The numbers are those of the lines that begin a
// record, and the number of lines.
func TestJoiner(t *testing.T) {
	for name, want := range map[string][]int{
		"dotnet_console":             {1, 3, 8, 9},
		"dotnet_uncaught":            {1, 10},
		"go_custom":                  {1, 6},
		"go_deadlock":                {1, 12},
		"go_errval":                  {1, 6},
		"go_http":                    {1, 2, 18, 18},
		"go_multi":                   {1, 7},
		"go_nilptr":                  {1, 9},
		"go_plain":                   {1, 8},
		"go_race":                    {1, 15, 16, 17, 17},
		"go_recovered":               {1, 15},
		"go_stringer":                {1, 11},
		"go_zap":                     {1, 2, 9, 9},
		"java_jul":                   {1, 3, 12, 13},
		"java_logback":               {1, 2, 11, 15, 16, 17, 17},
		"java_multi":                 {1, 7},
		"java_noframes":              {1, 2},
		"java_suppressed":            {1, 10, 10},
		"java_uncaught":              {1, 6},
		"node_aggregate":             {1, 26},
		"node_cause":                 {1, 29},
		"node_logged":                {1, 2, 10, 11, 20, 20},
		"node_promise":               {1, 16},
		"node_string":                {1, 2, 8},
		"node_uncaught":              {1, 15},
		"php_logged":                 {1, 6, 6},
		"php_uncaught":               {1, 12, 12},
		"python_asyncio_task":        {1, 6},
		"python_chained":             {1, 23},
		"python_custom":              {1, 15},
		"python_group":               {1, 23},
		"python_logerr":              {1, 20},
		"python_logged":              {1, 2, 15, 16, 17, 21, 21}, // 15 is the exception's second line
		"python_pool":                {1, 25},
		"python_simple":              {1, 13},
		"python_syntax":              {1, 4},
		"python_thread":              {1, 9},
		"python_uncaught_after_info": {1, 2, 6, 6},
		"ruby_logged":                {1, 2, 5, 8, 8},
		"ruby_multi":                 {1, 3},
		"ruby_rails":                 {1, 2, 9, 9},
		"ruby_thread":                {1, 3, 3},
		"ruby_uncaught":              {1, 6},
		"rust_anyhow":                {1, 5},
		"rust_assert":                {1, 2, 6}, // Rust begins with a blank line
		"rust_backtrace":             {1, 2, 15},
		"rust_multi":                 {1, 2, 5},
		"rust_old":                   {1, 3, 3},
		"rust_plain":                 {1, 2, 4},
		"rust_thread":                {1, 2, 6, 8, 8},
		"rust_threadbacktrace":       {1, 2, 11, 19, 19},
		"rust_unwrap":                {1, 2, 4},
	} {
		var j Joiner
		stream := readTrace(t, name)
		var got []int
		line := 1
		for _, r := range joined(&j, stream) {
			got = append(got, line)
			line += 1 + strings.Count(r, "\n")
		}
		got = append(got, line-1)
		assert.Equal(t, want, got, name)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "traces", "*.txt"))
	require.NoError(t, err)
	assert.Len(t, files, 52, "each file has its line above")
}

// TestJoinerWindows has the same with the line ends that Windows writes.
func TestJoinerWindows(t *testing.T) {
	for _, name := range []string{"dotnet_uncaught", "java_multi", "python_chained", "node_cause", "go_nilptr"} {
		var j Joiner
		stream := strings.ReplaceAll(readTrace(t, name), "\n", "\r\n")
		assert.Len(t, joined(&j, stream), 1, name)
	}
}

func TestJoinerRules(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		var j Joiner
		got := ""
		for i, line := range lines {
			kind, line, _ := strings.Cut(line, "|")
			k := map[string]Kind{"": Text, "r": Record, "e": ErrorRecord, "h": HeadRecord, "s": Structured}[kind]
			more := j.Continues([]byte(line), k)
			switch {
			case more:
				got += "+"
			default:
				got += "-"
			}
			if i == 0 {
				assert.False(t, more, "nothing is open at first")
			}
		}
		assert.Equal(t, want, got, "%q", lines)
	}
	const traceback = "|Traceback (most recent call last):"

	// Ordinary lines.
	f("---", "|one", "|two", "|three")
	f("---", "|one", "|  two", "|three")
	f("---", "|one", "|", "|three")
	f("-+-", "r|one", "|  two", "|three")
	f("-+++-", "r|one", "|", "|  two", "|", "|three")
	f("--", "s|{}", "|  two")
	f("--", "r|one", "r|  two")
	f("-+", "r|one", "s|  k=v")
	f("--", "r|one", "s|k=v")

	// A trace belongs to the error before it, and not to information.
	f("-+++", "e|failed", traceback, "|  File", "|ValueError: x")
	f("--++", "r|started", traceback, "|  File", "|ValueError: x")
	f("--++", "s|level=error", traceback, "|  File", "|ValueError: x")
	f("-++-", "e|failed", "|java.io.IOException: disk", "|\tat a.B.c(B.java:1)", "|more")
	f("--+-", "r|started", "|java.io.IOException: disk", "|\tat a.B.c(B.java:1)", "|more")
	f("--+-", "r|started", `|Exception in thread "main" a.B`, "|\tat a.B.c(B.java:1)", "|more")
	f("--+-", "e|failed", `|Exception in thread "main" a.B`, "|\tat a.B.c(B.java:1)", "|more")
	f("--++", "e|failed", "|panic: boom", "|", "|goroutine 1 [running]:")
	f("-++", "r|http: panic serving", "|goroutine 1 [running]:", "|main.main()")

	// A record ends every trace.
	f("-+-", traceback, "|  File", "r|2026")
	f("-+-", "|panic: boom", "|", "r|2026")
	f("--", "|thread 'main' panicked at a.rs:1:2:", "r|2026")

	// What looks like logfmt within a trace.
	f("-+++", "|panic: x", "s|[signal SIGSEGV: code=0x1 addr=0x0]", "|", "|goroutine 1 [running]:")
	f("-+++-", traceback, "|  File", "s|    f(a=1)", "s|ValueError: a=1 b=2", "s|a=1")
	f("-++", "|/app/x.js:3", "s|const a=1", "|      ^")

	f("-+-", "|thread 'main' panicked at a.rs:1:2:", "s|a=1 b=2", "s|{}")
	f("--", "|PHP Fatal error:  Uncaught A: x", "s|{}")

	// Traces end.
	f("-++-", traceback, "|  File", "|ValueError: x", "|going on")
	f("-+++-", traceback, "|  File", "|ValueError: x", "|", "|going on")
	f("-++-", traceback, "|  File", "|ValueError: x", traceback)
	f("-+-", "|panic: x", "|", "|going on")
	f("-++-+", "|java.lang.Error", "|\tat a.B.c(B.java:1)", "|\t... 3 more", "|java.lang.Error", "|\tat a.B.c(B.java:1)")
	f("-+--", "|/app/x.js:3", "|throw x", "|no caret", "|  ^")
	f("---", "|==================", "|a title", "|==================")
	f("-+++-", "|==================", "r|WARNING: DATA RACE", "|Read at 0x0 by goroutine 8:", "|==================", "|x")

	// Frames whose beginning was lost.
	f("-++", "|\tat a.B.c(B.java:1)", "|\tat a.B.c(B.java:2)", "|Caused by: x.Y")

	// Objects over several lines.
	f("-+++-", "|order placed {", "|  id: 17,", "|", "|}", "|next")
	f("-++-", "|{", `s|  "a": 1`, "|}", "|next")
	f("-++-", "r|order placed {", "|  id: 17,", "|}", "|next")
	f("--", "|order placed {", "|next")

	// tracing's pretty form.
	f("-++-", "r|  2026 ERROR shop: failed", "|    at src/main.rs:12", "|", "r|  2026 INFO")

	// A head takes one line, and no second.
	f("-+-", "h|Nov 21, 2026 11:27:57 AM a.B c", "r|INFO: x", "r|INFO: y")
	f("-+-", "h|Nov 21, 2026 11:27:57 AM a.B c", "|anything", "|else")
}

// TestJoinerMargin has a stream in which each record begins with a known layout.
func TestJoinerMargin(t *testing.T) {
	j := Joiner{Margin: true}
	assert.Len(t, joined(&j, readTrace(t, "python_logged")), 5, "the exception's second line belongs to it")
	j = Joiner{Margin: true}
	assert.Equal(t, []string{"2026-04-09 10:15:30 INFO one\ntwo\n\nthree", "2026-04-09 10:15:30 INFO four"},
		joined(&j, "2026-04-09 10:15:30 INFO one\ntwo\n\nthree\n2026-04-09 10:15:30 INFO four\n"))
	j = Joiner{Margin: true}
	assert.Len(t, joined(&j, "one\ntwo\nthree"), 3, "no record is open")
	j = Joiner{Margin: true}
	assert.Len(t, joined(&j, "2026-04-09 10:15:30 INFO one\npanic: x\n\ngoroutine 1 [running]:\nmain.main()\nexit status 2\nplain"), 3)
	j = Joiner{Margin: true}
	assert.Len(t, joined(&j, "{}\nplain\nplain"), 3)
}

// TestJoinerMessageLimit has what looks like the beginning of a trace, and is none.
func TestJoinerMessageLimit(t *testing.T) {
	for _, first := range []string{
		`Exception in thread "main" a.B: x`, "Unhandled exception. A.B: x", "PHP Fatal error:  Uncaught A: x",
		"thread 'main' panicked at src/main.rs:1:2:", "app.rb:3:in `pay': x (KeyError)",
	} {
		var j Joiner
		assert.False(t, j.Continues([]byte(first), Text))
		n := 0
		for j.Continues([]byte("plain"), Text) {
			n++
			require.Less(t, n, 100, first)
		}
		assert.InDelta(t, maxMessageLines, n, 1, first)
		assert.False(t, j.Continues([]byte("plain"), Text), "the stream goes on line by line")
	}
}

// TestJoinerMessageLimitStartsAnew: each wait for frames has its own limit.
func TestJoinerMessageLimitStartsAnew(t *testing.T) {
	var j Joiner
	message := strings.Repeat("plain\n", maxMessageLines-1)
	assert.Len(t, joined(&j, "Exception in thread \"main\" a.B: x\n"+message+"\tat a.B.c(B.java:1)\nCaused by: a.B: y\n"+message+"\tat a.B.c(B.java:1)\n"), 1)
}

func TestJoinerOpen(t *testing.T) {
	var j Joiner
	f := func(line string, kind Kind, open, trace bool) {
		t.Helper()
		j.Continues([]byte(line), kind)
		assert.Equal(t, open, j.Open(), line)
		assert.Equal(t, trace, j.InTrace(), line)
	}
	assert.False(t, j.Open())
	f("plain", Text, true, false)
	f("\tat a.B.c(B.java:1)", Text, true, true)
	f(`{"a":1}`, Structured, false, false)
	f("2026 INFO x", Record, true, false)
	f("panic: x", Text, true, true)
	f("goroutine 1 [running]:", Text, true, true)
	f("exit status 2", Text, false, false)
	f("panic: x", Text, true, true)
	j.Reset()
	assert.False(t, j.Open())
	assert.False(t, j.Continues([]byte("goroutine 1 [running]:"), Text), "nothing is open after Reset")
}
