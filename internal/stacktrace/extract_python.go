package stacktrace

import "strings"

// extractPython reads a traceback, at which at points, and what is chained to it:
// type and message stand behind the frames of the last.
func extractPython(text string, at int) (e Exception, ok bool) {
	e.Language = Python
	for from := at; ; {
		kind, message, end, found := pythonException(text, from)
		if !found {
			return e, ok
		}
		e.Type, e.Message, e.Stacktrace, ok = kind, message, text[at:end], true
		if from, found = nextTraceback(text, end); !found {
			return e, true
		}
	}
}

// nextTraceback is where the next traceback begins that a sentence links to the one
// that ended at at.
func nextTraceback(text string, at int) (int, bool) {
	linked := false
	for at < len(text) {
		line, next := lineAt(text, at)
		b := []byte(line)
		switch {
		case isBlank(b), line == `"""`:
		case isChainSentence(b):
			linked = true
		case linked && (isTraceback(b) || isGroup(b)):
			return at, true
		default:
			return 0, false
		}
		at = next
	}
	return 0, false
}

func isChainSentence(line []byte) bool {
	return hasAnyPrefix(line, "During handling of the above exception", "The above exception was the direct cause")
}

// pythonException finds the exception's own lines behind the frames of the
// traceback at at.
func pythonException(text string, at int) (kind, message string, end int, ok bool) {
	line, next := lineAt(text, at)
	prefix := ""
	if isGroup([]byte(line)) {
		prefix = "  | "
	}
	for at = next; at < len(text); at = next {
		line, next = lineAt(text, at)
		if prefix == "" && (line == "" || isIndented([]byte(line)) || strings.HasPrefix(line, `> File "`)) {
			continue
		}
		if prefix != "" && (!strings.HasPrefix(line, prefix) || isIndented([]byte(line[len(prefix):]))) {
			if strings.HasPrefix(line, "  +-") { // the group has no line of its own
				return "", "", 0, false
			}
			continue
		}
		title, _, _ := strings.Cut(line[len(prefix):], ":")
		if !isTypeName(title) {
			return "", "", 0, false
		}
		if prefix != "" {
			_, message = splitTitle(line[len(prefix):])
			return title, message, groupEnd(text, next), true
		}
		end = messageEnd(text, next)
		_, message = splitTitle(text[at:end])
		return title, message, end, true
	}
	return "", "", 0, false
}

// messageEnd is where the message ends that has begun before at.
func messageEnd(text string, at int) int {
	for at < len(text) {
		line, next := lineAt(text, at)
		b := []byte(line)
		if line == `"""` || line == "Call stack:" || hasPrefix(b, "Stack (most recent call last):") || isTraceback(b) || isChainSentence(b) {
			break
		}
		at = next
	}
	return at
}

// groupEnd is behind the last line of a group, which are indented.
func groupEnd(text string, at int) int {
	for at < len(text) {
		line, next := lineAt(text, at)
		if !isIndented([]byte(line)) {
			break
		}
		at = next
	}
	return at
}
