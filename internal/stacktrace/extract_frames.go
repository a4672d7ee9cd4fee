package stacktrace

import "strings"

// Java, Node and .NET print type and message before the frames.

// titleBefore finds the title of the trace whose first frame is at at: the nearest
// line above that has the form of one, or the line right above. start is where the
// type begins.
func titleBefore(text string, at int) (start int, ok bool) {
	nearest := -1
	for end := at; end > 0; {
		begin := strings.LastIndexByte(text[:end-1], '\n') + 1
		line := strings.TrimSuffix(text[begin:end-1], "\r")
		if skip, found := titleIn(line); found {
			return outermost(text, begin, skip), true
		}
		if nearest < 0 && strings.TrimSpace(line) != "" {
			nearest = begin
			if kind, _ := splitTitle(strings.TrimLeft(line, " ")); isTypeName(kind) && strings.Contains(line, ": ") {
				return begin + len(line) - len(strings.TrimLeft(line, " ")), true
			}
		}
		end = begin
	}
	return 0, false
}

// outermost goes on upwards from a title that is indented, as one of an
// AggregateError's errors is, to the one that it belongs to.
func outermost(text string, at, skip int) int {
	start, indent := at+skip, indentation(text[at:])
	for end := at; end > 0 && indent > 0; {
		begin := strings.LastIndexByte(text[:end-1], '\n') + 1
		line := strings.TrimSuffix(text[begin:end-1], "\r")
		if n := indentation(line); n < indent && strings.TrimSpace(line) != "" {
			rest := strings.TrimPrefix(line[n:], "[")
			if isErrorTitle([]byte(rest)) {
				start, indent = begin+len(line)-len(rest), n
			}
		}
		end = begin
	}
	return start
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// titleIn says where in a line the type begins, with which a trace is titled.
func titleIn(line string) (skip int, ok bool) {
	rest := strings.TrimLeft(line, " \t")
	for _, prefix := range [...]string{"Unhandled exception. ", "Unhandled Exception: ", "Uncaught ", "[", "---> ", "Caused by: "} {
		rest = strings.TrimPrefix(rest, prefix)
	}
	if strings.HasPrefix(rest, "Exception in thread ") {
		if quote := strings.LastIndex(rest, `" `); quote > 0 {
			return len(line) - len(rest) + quote + 2, true
		}
	}
	if isErrorTitle([]byte(rest)) {
		return len(line) - len(rest), true
	}
	// The title may stand behind words, as in console.error("failed", e).
	for _, word := range [...]string{"Error: ", "Exception: "} {
		i := strings.Index(rest, word)
		if i < 0 {
			continue
		}
		begin := i
		for begin > 0 && (isWordByte(rest[begin-1]) || rest[begin-1] == '.' || rest[begin-1] == '$') {
			begin--
		}
		if begin == 0 || rest[begin-1] == ' ' {
			return len(line) - len(rest) + begin, true
		}
	}
	return 0, false
}

// extractTitled reads the title above the frame at at, and the message up to it.
func extractTitled(text string, at int, language Language) (e Exception, ok bool) {
	start, ok := titleBefore(text, at)
	if !ok {
		return e, false
	}
	e.Language = language
	e.Type, e.Message = splitTitle(text[start:at])
	if i := strings.IndexByte(e.Type, '\n'); i >= 0 {
		e.Type, e.Message = e.Type[:i], "" // no colon on the first line
	}
	e.Type = strings.TrimSpace(e.Type)
	e.Stacktrace = text[start:]
	return e, isTypeName(e.Type)
}

func extractJava(text string, at int) (Exception, bool) { return extractTitled(text, at, Java) }

func extractDotNet(text string, at int) (e Exception, ok bool) {
	e, ok = extractTitled(text, at, DotNet)
	if i := strings.Index(e.Message, " ---> "); i >= 0 { // .NET Framework's, on the same line
		e.Message = e.Message[:i]
	}
	return e, ok
}

func extractNode(text string, at int) (e Exception, ok bool) {
	if line, _ := lineAt(text, at); strings.HasPrefix(strings.TrimLeft(line, " "), "at ") && isDotNetFrame(line) {
		return extractDotNet(text, at)
	}
	e, ok = extractTitled(text, at, Node)
	if i := strings.Index(e.Message, "] {\n"); i >= 0 { // [AggregateError: message] {
		e.Message = e.Message[:i]
	}
	if i := strings.LastIndex(e.Stacktrace, "\nNode.js v"); i >= 0 {
		e.Stacktrace = e.Stacktrace[:i]
	}
	return e, ok
}

// isDotNetFrame knows "at Ns.Type.Method(Int32 order) in /app/X.cs:line 3", however
// deep .NET's console indents it.
func isDotNetFrame(line string) bool {
	if strings.Contains(line, ":line ") {
		return true
	}
	open := strings.IndexByte(line, '(')
	return open > 0 && line[len(line)-1] == ')' && !strings.Contains(line[open:], ":") && !strings.Contains(line, "<anonymous>") &&
		strings.Count(line[:open], ".") > 1
}

// extractNodeSource reads what Node prints of an exception that nothing caught and
// that has no frames: a value that is no Error.
func extractNodeSource(text string, at int) (e Exception, ok bool) {
	start := at
	_, at = lineAt(text, at)
	_, at = lineAt(text, min(at, len(text)))
	caret, next := lineAt(text, min(at, len(text)))
	if !isCaret([]byte(caret)) {
		return e, false
	}
	begin, end := next, next
	for at = next; at < len(text); {
		line, next := lineAt(text, at)
		if frame([]byte(line)) == node {
			return extractNode(text, at)
		}
		if strings.HasPrefix(line, "(Use `node --trace-uncaught") || strings.HasPrefix(line, "Node.js v") {
			break
		}
		at = next
		end = at
	}
	e = Exception{Message: strings.TrimLeft(text[begin:end], "\r\n"), Stacktrace: text[start:], Language: Node}
	if i := strings.LastIndex(e.Stacktrace, "\nNode.js v"); i >= 0 {
		e.Stacktrace = e.Stacktrace[:i]
	}
	return e, strings.TrimSpace(e.Message) != ""
}

// extractRuby reads the title at at, or before it where a logger has put it.
func extractRuby(text string, at int) (e Exception, ok bool) {
	e.Language = Ruby
	line, next := lineAt(text, at)
	if i := strings.Index(line, ":in "); i > 0 && isRubyFrame([]byte(line)) {
		_, title, found := strings.Cut(line[i:], "': ")
		if kind, message, ok := rubyTitle(title); found && ok {
			begin := at + strings.LastIndexByte(line[:i], ' ') + 1 // behind a logger's head
			e.Type, e.Message, e.Stacktrace = kind, message, text[begin:]
			// The class stands at the end of the first line, and the message may go on.
			if end := rubyMessageEnd(text, next); end > next {
				e.Message = text[at+len(line)-len(title) : end]
			}
			return e, true
		}
	}
	if at == 0 {
		return e, false
	}
	// Rails leaves a blank line between the title, source, and the frames.
	for end := at; end > 0; {
		begin := strings.LastIndexByte(text[:end-1], '\n') + 1
		line := strings.TrimRight(text[begin:end-1], "\r ")
		if isRailsTitle([]byte(line)) && strings.HasSuffix(line, ":") {
			kind, message, _ := strings.Cut(strings.TrimSuffix(line, "):"), " (")
			return Exception{Type: kind, Message: message, Stacktrace: text[begin:], Language: Ruby}, true
		}
		if kind, message, ok := rubyTitle(line); ok {
			if i := strings.Index(message, " -- "); i >= 0 { // Logger's head
				if _, after, found := strings.Cut(message[i:], ": "); found {
					message = after
				}
			}
			return Exception{Type: kind, Message: message, Stacktrace: text[at:], Language: Ruby}, true
		}
		if line != "" && line[0] != ' ' {
			break
		}
		end = begin
	}
	return e, false
}

// rubyTitle takes "disk full (IOError)" apart.
func rubyTitle(s string) (kind, message string, ok bool) {
	if !strings.HasSuffix(s, ")") {
		return "", "", false
	}
	open := strings.LastIndexByte(s, '(')
	if open < 0 || !isTypeName(s[open+1:len(s)-1]) || s[open+1] < 'A' || s[open+1] > 'Z' {
		return "", "", false
	}
	return s[open+1 : len(s)-1], strings.TrimRight(s[:open], " "), true
}

func rubyMessageEnd(text string, at int) int {
	start := at
	for at < len(text) {
		line, next := lineAt(text, at)
		if b := []byte(line); frame(b) == ruby || isRubyFrame(b) {
			return at
		}
		at = next
	}
	return start // no frame follows: the text is about something else
}

// extractPHP reads the title before "Stack trace:", at which at points: PHP prints
// the exception that was thrown last behind all others, after "Next ".
func extractPHP(text string, at int) (e Exception, ok bool) {
	start := 0
	if i := strings.LastIndex(text[:at], "Uncaught "); i >= 0 {
		start = i + len("Uncaught ")
	} else if begin := strings.LastIndexByte(text[:max(at-1, 0)], '\n') + 1; begin > 0 {
		start = begin
	}
	title := start
	end := at
	for from := at; ; {
		i := strings.Index(text[from:], "\nNext ")
		if i < 0 {
			break
		}
		next := from + i + len("\nNext ")
		stop := strings.Index(text[next:], "\nStack trace:")
		if stop < 0 {
			break
		}
		title, end = next, next+stop
		from = end
	}
	kind, message := splitTitle(text[title:end])
	if place := strings.LastIndex(message, " in /"); place >= 0 {
		message = message[:place]
	} else if place := strings.LastIndex(message, " in "); place >= 0 {
		message = message[:place]
	}
	if name, _, found := strings.Cut(kind, " in "); found { // no message
		kind, message = name, ""
	}
	return Exception{Type: kind, Message: message, Stacktrace: text[start:], Language: PHP}, isTypeName(kind)
}
