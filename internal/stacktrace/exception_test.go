package stacktrace

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExtract has the traces of testdata: file and number of the record in it.
func TestExtract(t *testing.T) {
	f := func(name string, record int, language Language, kind, message, first, last string) {
		t.Helper()
		var j Joiner
		text := joined(&j, readTrace(t, name))[record]
		got, ok := Extract(text)
		require.True(t, ok, name)
		assert.Equal(t, language, got.Language, name)
		assert.Equal(t, kind, got.Type, name)
		assert.Equal(t, message, got.Message, name)
		assert.True(t, strings.HasPrefix(got.Stacktrace, first), "%s begins %.80q", name, got.Stacktrace)
		assert.True(t, strings.HasSuffix(got.Stacktrace, last), "%s ends %q", name, got.Stacktrace[max(0, len(got.Stacktrace)-80):])
		assert.Contains(t, text, got.Stacktrace)
		assert.Contains(t, text, got.Message)
	}
	f("dotnet_console", 1, DotNet, "System.InvalidOperationException", "order 17 failed", "System.Inv", "Program.cs:line 8")
	f("dotnet_uncaught", 0, DotNet, "System.InvalidOperationException", "order 17 failed", "System.Inv", "<Main>(String[] args)")

	f("go_custom", 0, Go, "main.E", "(main.E) 0x497ff8", "panic: (main.E)", "main.go:3 +0x25")
	f("go_deadlock", 0, Go, "fatal error", "all goroutines are asleep - deadlock!", "fatal error: all", "main.go:2 +0x5f")
	f("go_errval", 0, Go, "panic", "reading price: open /x: file does not exist", "panic: reading", "main.go:3 +0xa5")
	f("go_http", 1, Go, "panic", "assignment to entry in nil map", "goroutine 18 [running]:", "server.go:3464 +0x485")
	f("go_multi", 0, Go, "panic", "line one\n\tline two", "panic: line one", "main.go:2 +0x25")
	f("go_nilptr", 0, Go, "runtime.Error", "runtime error: invalid memory address or nil pointer dereference", "panic: runtime", "main.go:4 +0x10")
	f("go_race", 0, Go, "DATA RACE", "Read at 0x00c000096028 by goroutine 8", "WARNING: DATA RACE", "main.go:3 +0xf9")
	f("go_recovered", 0, Go, "panic", "second", "panic: first", "main.go:3 +0x4e")
	f("go_stringer", 0, Go, "main.Code", "main.Code(8)", "panic: main.Code(7)", "main.go:3 +0x3e")
	f("go_zap", 1, Go, "", "", "main.pay\n", "proc.go:283")

	f("java_jul", 1, Java, "com.example.Main$PriceException", "order 19 failed", "com.example.Main$Price", "... 2 more")
	f("java_logback", 1, Java, "com.example.PriceException", "order 17 failed", "com.example.Price", "Orders.java:30)")
	f("java_multi", 0, Java, "java.lang.IllegalStateException", "first line\nsecond line\n  third line", "java.lang.Ill", "... 1 more")
	f("java_noframes", 0, Java, "java.lang.Error", "", "java.lang.Error\n", "Main.java:21)")
	f("java_suppressed", 0, Java, "com.example.Main$PriceException", "order 18 failed", "com.example.Main$Price", "... 2 more")
	f("java_uncaught", 0, Java, "com.example.Main$PriceException", "order 17 failed", "com.example.Main$Price", "... 2 more")

	f("node_aggregate", 0, Node, "AggregateError", "All promises were rejected", "AggregateError: All", "]\n}")
	f("node_cause", 0, Node, "CheckoutError", "checkout failed", "CheckoutError: ", "}\n}")
	f("node_logged", 1, Node, "TypeError", "Cannot read properties of null (reading 'x')", "TypeError: ", "run_main_module:28:49")
	f("node_logged", 3, Node, "SyntaxError", "Expected property name or '}' in JSON at position 1", "SyntaxError: ", "run_main_module:28:49")
	f("node_promise", 0, Node, "Error", "line one\nline two", "Error: line one", "run_main_module:28:49")
	f("node_string", 1, Node, "", "just a string", "/app/string.js:1\n", "was thrown)")
	f("node_uncaught", 0, Node, "TypeError", "order 17 has no price", "TypeError: ", "run_main_module:28:49")

	f("php_logged", 0, PHP, "Exception", "line one\nline two", "Exception: line", "on line 4")
	f("php_uncaught", 0, PHP, "RuntimeException", "checkout failed", "InvalidArgumentException: ", "on line 10")

	f("python_asyncio_task", 0, Python, "ValueError", "never retrieved", "Traceback", "ValueError: never retrieved")
	f("python_chained", 0, Python, "RuntimeError", "checkout failed", "Traceback", "RuntimeError: checkout failed")
	f("python_custom", 0, Python, "Refused", "first line\n  second line", "Traceback", "  second line")
	f("python_group", 0, Python, "ExceptionGroup", "several failed (3 sub-exceptions)", "  + Exception Group", "-----")
	f("python_logerr", 0, Python, "TypeError", "%d format: a real number is required, not str", "Traceback", "required, not str")
	f("python_logged", 1, Python, "ValueError", "cannot split", "Traceback", "ValueError: cannot split")
	f("python_pool", 0, Python, "ValueError", "in the child 1", "Traceback", "ValueError: in the child 1")
	f("python_simple", 0, Python, "json.decoder.JSONDecodeError", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)", "Traceback", "(char 1)")
	f("python_syntax", 0, Python, "SyntaxError", "'(' was never closed", "  File", "never closed")
	f("python_thread", 0, Python, "FileNotFoundError", "[Errno 2] No such file", "Traceback", "No such file")

	f("ruby_logged", 1, Ruby, "IOError", "disk", "logged.rb:4:in `f'", "`<main>'")
	f("ruby_logged", 2, Ruby, "IOError", "disk", "logged.rb:4:in `f'", "`<main>'")
	f("ruby_multi", 0, Ruby, "RuntimeError", "line one (RuntimeError)\nline two", "multi.rb:1", "`<main>'")
	f("ruby_rails", 1, Ruby, "ActionView::Template::Error", "undefined method `price' for nil:NilClass", "ActionView", "`show'")
	f("ruby_thread", 0, Ruby, "ArgumentError", "in a thread", "thread.rb:1", "(ArgumentError)")
	f("ruby_uncaught", 0, Ruby, "RuntimeError", "checkout failed", "uncaught.rb:7", "`<main>'")

	f("rust_anyhow", 0, Rust, "Error", "loading the order", "Error: loading", "(os error 2)")
	f("rust_assert", 1, Rust, "panic", "assertion `left == right` failed: sums\n  left: 2\n right: 3", "thread 'main'", "display a backtrace")
	f("rust_backtrace", 1, Rust, "panic", "order 17 has no price", "thread 'main'", "verbose backtrace.")
	f("rust_multi", 1, Rust, "panic", "line one\nline two", "thread 'main'", "display a backtrace")
	f("rust_old", 0, Rust, "panic", "order 17 has no price", "thread 'main'", "display a backtrace")
	f("rust_thread", 2, Rust, "panic", "unnamed", "thread '<unnamed>'", "unnamed")
}

func TestExtractForms(t *testing.T) {
	f := func(text string, language Language, kind, message string) {
		t.Helper()
		for _, text := range []string{text, strings.ReplaceAll(text, "\n", "\r\n"), text + "\n", "a log line\n" + text} {
			got, ok := Extract(text)
			require.True(t, ok, "%q", text)
			assert.Equal(t, language, got.Language, "%q", text)
			assert.Equal(t, kind, got.Type, "%q", text)
			assert.Equal(t, message, got.Message, "%q", text)
		}
	}
	f("Unhandled Exception: System.A: outer ---> System.B: inner\n   at A.B.C()", DotNet, "System.A", "outer")
	f("Boom: x\n\tat Main.main(Main.java:3)", Java, "Boom", "x")
	f("java.lang.Error: a\n\tat A.b(A.java:1)\nCaused by: java.lang.Error: c\n\t... 1 more", Java, "java.lang.Error", "a")
	f("TypeError [ERR_X]: bad\n    at f (/app/x.js:1:2)", Node, "TypeError", "bad")
	f("Uncaught:\nRangeError: bad\n    at f (/app/x.js:1:2)", Node, "RangeError", "bad")
	f("x.rb:3:in 'Object#pay': boom (A::B)\n\tfrom x.rb:9:in '<main>'", Ruby, "A::B", "boom")
	f("PHP Fatal error:  Uncaught Exception in /app/x.php:3\nStack trace:\n#0 {main}\n  thrown in /app/x.php on line 3", PHP, "Exception", "")
	f("Traceback (most recent call last):\n  File \"x\", line 1, in <module>\nKeyboardInterrupt", Python, "KeyboardInterrupt", "")
	f("Traceback (most recent call last):\n  File \"x\", line 1, in <module>\na.B: c: d", Python, "a.B", "c: d")
	f("panic: main.E{Code:7} [recovered]\n\npanic: x\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1", Go, "main.E", "main.E{Code:7}")
	f("panic: interface conversion: a (b) is\n\ngoroutine 1 [running]:", Go, "panic", "interface conversion: a (b) is")
}

func TestExtractRefuses(t *testing.T) {
	for _, text := range []string{
		"", "\n", "Error: nothing behind", "an ordinary line", "order failed: IOException: disk full", "Traceback (most recent call last):",
		"Traceback (most recent call last):\n  File \"x\", line 1", "\tat a.B.c(B.java:1)", "    at f (x.js:1:2)", "a log line\n\n",
		"Stack (most recent call last):\n  File \"x\", line 1, in f", "fatal error: x.h: No such file", "x.rb:3:in `pay'",
		"  2026-04-09T10:15:30.123456Z  INFO shop: message\n    at src/main.rs:12", "#0 a", "Stack trace:",
	} {
		got, ok := Extract(text)
		assert.False(t, ok, "%q: %+v", text, got)
		assert.Zero(t, got, "%q", text)
	}
}

// TestExtractGivesUp: a text in which very many lines look like the beginning of a
// trace is not searched for each of them.
func TestExtractGivesUp(t *testing.T) {
	const trace = "Traceback (most recent call last):\n  File \"x\", line 1\nValueError: x"
	_, ok := Extract(strings.Repeat("x.rb:3:in `pay'\nplain\n", maxAttempts-1) + trace)
	assert.True(t, ok)
	_, ok = Extract(strings.Repeat("x.rb:3:in `pay'\nplain\n", maxAttempts) + trace)
	assert.False(t, ok)
}
