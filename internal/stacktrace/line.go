package stacktrace

import "bytes"

// What the lines of traces look like, each by itself.

const (
	raceRule  = "=================="
	raceTitle = "WARNING: DATA RACE"
)

func isDigit(c byte) bool { return c-'0' <= 9 }

func isIndented(line []byte) bool {
	return len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
}

func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' {
			return false
		}
	}
	return true
}

func hasPrefix(line []byte, prefix string) bool {
	return len(line) >= len(prefix) && string(line[:len(prefix)]) == prefix
}

func hasAnyPrefix(line []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if hasPrefix(line, p) {
			return true
		}
	}
	return false
}

func contains(line []byte, s string) bool { return bytes.Contains(line, []byte(s)) }

// mayFollowText says quickly that most lines can't follow one that was not
// recognised: frames are indented, and the rest begins with one of four letters.
func mayFollowText(line []byte) bool {
	if len(line) == 0 {
		return false
	}
	switch line[0] {
	case ' ', '\t', 'C', 'W', '-', 'S':
		return true
	}
	return false
}

// frame is the state of the trace that an indented line is a part of, or closed.
func frame(line []byte) state {
	trimmed := bytes.TrimLeft(line, " \t")
	if len(trimmed) < 3 {
		return closed
	}
	switch trimmed[0] {
	case 'a':
		// tracing's pretty form has the place of the event so, which is no frame.
		if hasPrefix(trimmed, "at ") && bytes.ContainsAny(trimmed, "(:") && !contains(trimmed, ".rs:") {
			switch {
			case line[0] == '\t':
				return java
			case hasPrefix(line, "    "):
				return node
			}
			return dotnet
		}
	case '.':
		if hasPrefix(trimmed, "... ") && bytes.HasSuffix(trimmed, []byte(" more")) {
			return java
		}
	case 'S':
		if hasPrefix(trimmed, "Suppressed: ") {
			return javaHead
		}
	case 'C':
		if hasPrefix(trimmed, "Caused by: ") {
			return javaHead
		}
	case 'f':
		if hasPrefix(trimmed, "from ") && contains(trimmed, ":in ") {
			return ruby
		}
	case '-':
		if hasAnyPrefix(trimmed, "---> ", "--- End of ") {
			return dotnet
		}
	case 'F':
		if hasPrefix(trimmed, `File "`) && contains(trimmed, `", line `) {
			return pyFrames
		}
	case 't':
		if hasPrefix(trimmed, "thrown in ") {
			return php
		}
	case '#':
		if isPHPFrame(trimmed) {
			return php
		}
	}
	if line[0] == '\t' && contains(trimmed, ".go:") {
		return goFrames
	}
	return closed
}

func isTraceback(line []byte) bool { return hasPrefix(line, "Traceback (most recent call last):") }

func isGroup(line []byte) bool { return hasPrefix(line, "  + Exception Group Traceback") }

// isLoguruFrame knows loguru's mark of the frame in which the exception was caught.
func isLoguruFrame(line []byte) bool { return hasPrefix(line, `> File "`) }

// isClosing knows the last line of an object that console.log or a pretty printer
// has written over several lines.
func isClosing(line []byte) bool {
	switch string(line) {
	case "}", "]", "})", "])", "},", "],", "};", "}]", "} }", "]]":
		return true
	}
	return false
}

// isAsyncioDetail knows what asyncio writes between its sentence and the traceback.
func isAsyncioDetail(line []byte) bool {
	return hasAnyPrefix(line, "future: <", "task: <", "handle: <", "protocol: <", "transport: <")
}

func isCause(line []byte) bool { return hasAnyPrefix(line, "Caused by: ", "Wrapped by: ") }

// isGoroutine knows "goroutine 1 [running]:".
func isGoroutine(line []byte) bool {
	const prefix = "goroutine "
	return hasPrefix(line, prefix) && len(line) > len(prefix) && isDigit(line[len(prefix)]) && line[len(line)-1] == ':'
}

// isGoCall knows "net/http.(*conn).serve(0x1, {0x2, 0x3})" and, as zap writes
// them, names alone.
func isGoCall(line []byte) bool {
	if line[len(line)-1] == ')' {
		open := bytes.IndexByte(line, '(')
		return open > 0 && bytes.IndexByte(line[:open], ' ') < 0
	}
	return isGoName(line)
}

// isGoName knows "main.main" and "net/http.(*conn).serve".
func isGoName(line []byte) bool {
	dot := bytes.IndexByte(line, '.')
	if dot <= 0 || dot == len(line)-1 {
		return false
	}
	for _, c := range line {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', isDigit(c), c >= 0x80:
		case c == '.', c == '/', c == '_', c == '-', c == '(', c == ')', c == '*', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}

// isRegister knows "rax    0x0", with which a crash by a signal ends.
func isRegister(line []byte) bool {
	blank := bytes.IndexByte(line, ' ')
	return blank >= 2 && blank <= 6 && hasPrefix(bytes.TrimLeft(line[blank:], " "), "0x")
}

// isNodeSource knows "/app/index.js:3" and "node:internal/process/promises:394".
func isNodeSource(line []byte) bool {
	i := len(line)
	for i > 0 && isDigit(line[i-1]) {
		i--
	}
	if i == 0 || line[i-1] != ':' {
		return false
	}
	path := line[:i-1]
	if hasPrefix(path, "node:") {
		return true
	}
	for _, ext := range [...]string{".js", ".ts", ".mjs", ".cjs", ".mts", ".cts", ".jsx", ".tsx"} {
		if bytes.HasSuffix(path, []byte(ext)) {
			return bytes.IndexByte(path, ' ') < 0 || line[0] == '/'
		}
	}
	return false
}

func isCaret(line []byte) bool {
	trimmed := bytes.Trim(line, " \t")
	return len(trimmed) > 0 && len(bytes.Trim(trimmed, "^")) == 0
}

// isRubyFrame knows "app.rb:3:in `pay'", with a quote in place of the backquote
// since Ruby 3.4, and what may stand behind it.
func isRubyFrame(line []byte) bool {
	i := bytes.Index(line, []byte(":in "))
	if i < 3 || i+4 >= len(line) || line[i+4] != '`' && line[i+4] != '\'' || !isDigit(line[i-1]) {
		return false
	}
	for i--; i > 0 && isDigit(line[i]); i-- {
	}
	return i > 0 && line[i] == ':'
}

// isRubyTitle knows the first line of what Ruby says of an exception that nothing
// caught: a frame, the message, and the class.
func isRubyTitle(line []byte) bool {
	i := len(line) - 1
	for i > 0 && (isWordByte(line[i-1]) || line[i-1] == ':') {
		i--
	}
	return i > 0 && i < len(line)-1 && line[i-1] == '(' && isRubyFrame(line)
}

// isRailsTitle knows "ActionController::RoutingError (No route matches):".
func isRailsTitle(line []byte) bool {
	open := bytes.IndexByte(line, '(')
	if open < 2 || line[open-1] != ' ' || line[0] < 'A' || line[0] > 'Z' {
		return false
	}
	if last := line[len(line)-1]; last != ':' && last != ')' {
		return false
	}
	for _, c := range line[:open-1] {
		if !isWordByte(c) && c != ':' {
			return false
		}
	}
	return true
}

// isErrorTitle knows the line with which Java, Node and .NET begin a trace, such as
// "java.io.IOException: disk full" and "TypeError [ERR_X]: bad".
func isErrorTitle(line []byte) bool {
	i := 0
	dotted := false
	for i < len(line) && (isWordByte(line[i]) || line[i] == '.' || line[i] == '$' || line[i] == '/') {
		dotted = dotted || line[i] == '.'
		i++
	}
	name := line[:i]
	if i == 0 || isDigit(name[0]) || name[i-1] == '.' {
		return false
	}
	rest := line[i:]
	named := bytes.HasSuffix(name, []byte("Error")) || bytes.HasSuffix(name, []byte("Exception")) ||
		bytes.HasSuffix(name, []byte("Throwable"))
	switch {
	case len(rest) == 0:
		return named
	case rest[0] == ':':
		return named || dotted && (len(rest) == 1 || rest[1] == ' ')
	}
	return named && hasPrefix(rest, " [")
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c >= 0x80
}

// isPHPFrame knows "#0 /app/pay.php(3): pay()" and "#1 {main}".
func isPHPFrame(line []byte) bool {
	return len(line) > 3 && line[0] == '#' && isDigit(line[1]) && (line[2] == ' ' || isDigit(line[2]))
}

// isPHPUncaught knows the line with which PHP reports an exception that nothing
// caught, with or without a time before it.
func isPHPUncaught(line []byte) bool {
	i := bytes.Index(line, []byte("atal error: "))
	return i >= 0 && hasPrefix(bytes.TrimLeft(line[i+len("atal error:"):], " "), "Uncaught ")
}

// openedRust is the state after "thread 'main' panicked at ...". Rust before 1.73
// wrote the message on the same line, in quotes.
func openedRust(line []byte) state {
	switch {
	case !contains(line, " panicked at "):
		return text
	case line[len(line)-1] == ':':
		return rustHead
	}
	return rust
}
