package stacktrace

import "strings"

// Language is the language of a trace, by the names of OpenTelemetry's
// telemetry.sdk.language.
type Language string

// The languages whose traces are known.
const (
	Python Language = "python"
	Java   Language = "java"
	Go     Language = "go"
	Node   Language = "nodejs"
	Ruby   Language = "ruby"
	DotNet Language = "dotnet"
	PHP    Language = "php"
	Rust   Language = "rust"
)

// Exception is what a trace says, in parts of the text.
type Exception struct {
	// Type may be empty, where a stack has neither type nor message.
	Type    string
	Message string
	// Stacktrace is the trace as printed, with all causes, from the first line of
	// it to the last.
	Stacktrace string
	Language   Language
}

// maxAttempts bounds the lines that are taken for a trace and are none: each may
// cost a look at the whole text.
const maxAttempts = 16

// Extract finds the trace in a joined text, which may begin with a log line or with
// its message. Of chained exceptions it is the one that was thrown last, and that
// nothing caught or that was logged. ok is false when there is no trace.
//
// The strings are parts of text, but for the types "panic" and "runtime.Error",
// which Go and Rust do not print.
func Extract(text string) (e Exception, ok bool) {
	attempts := 0
	for at := 0; at < len(text) && attempts < maxAttempts; {
		line, next := lineAt(text, at)
		if extract := extractor(line); extract != nil {
			if e, ok = extract(text, at); ok {
				e.Message = strings.TrimRight(e.Message, " \t\r\n")
				e.Stacktrace = strings.TrimRight(e.Stacktrace, " \t\r\n")
				return e, true
			}
			attempts++
		}
		at = next
	}
	return Exception{}, false
}

// lineAt is the line at text[at], without its end, and where the next begins.
func lineAt(text string, at int) (line string, next int) {
	end := strings.IndexByte(text[at:], '\n')
	if end < 0 {
		return strings.TrimSuffix(text[at:], "\r"), len(text)
	}
	return strings.TrimSuffix(text[at:at+end], "\r"), at + end + 1
}

// extractor is what reads the trace that shows first at line, or nil. A trace of
// Java, Node or .NET shows at its first frame.
func extractor(line string) func(text string, at int) (Exception, bool) {
	if line == "" {
		return nil
	}
	b := []byte(line)
	switch {
	case isTraceback(b), isGroup(b), strings.HasPrefix(line, `  File "`) && strings.Contains(line, `", line `):
		return extractPython
	case strings.HasPrefix(line, "panic: "), strings.HasPrefix(line, "fatal error: "):
		return extractPanic
	case isGoroutine(b), frame(b) == goFrames:
		return extractGoStack
	case line == raceTitle:
		return extractRace
	case strings.HasPrefix(line, "thread '") && strings.Contains(line, " panicked at "):
		return extractRust
	case strings.HasPrefix(line, "Error: "):
		return extractChain
	case isNodeSource(b):
		return extractNodeSource
	case strings.HasPrefix(line, "Stack trace:"), isPHPFrame(b):
		return extractPHP
	case isRubyFrame(b):
		return extractRuby
	}
	switch frame(b) {
	case java:
		return extractJava
	case node:
		return extractNode
	case dotnet:
		return extractDotNet
	case ruby:
		return extractRuby
	}
	return nil
}

// splitTitle takes "java.io.IOException: disk full" apart. Without a colon all of
// it is the type.
func splitTitle(title string) (kind, message string) {
	kind, message, _ = strings.Cut(title, ":")
	message = strings.TrimPrefix(message, " ")
	if name, _, ok := strings.Cut(kind, " ["); ok { // Node's TypeError [ERR_X]
		kind = name
	}
	return strings.TrimRight(kind, " \r"), message
}

// isTypeName knows what may stand for a type before a colon.
func isTypeName(s string) bool {
	if s == "" || len(s) > 200 || isDigit(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isWordByte(c) && c != '.' && c != '$' && c != ':' && c != '`' && c != '\\' && c != '/' && c != '+' {
			return false
		}
	}
	return true
}
