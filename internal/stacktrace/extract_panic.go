package stacktrace

import "strings"

// extractPanic reads Go's last words at at. A panic that was raised while another
// ran stands below it, indented; the last counts.
func extractPanic(text string, at int) (e Exception, ok bool) {
	e = Exception{Language: Go, Stacktrace: withoutExit(text[at:])}
	line, next := lineAt(text, at)
	if message, found := strings.CutPrefix(line, "fatal error: "); found {
		if !strings.Contains(text[next:], "\ngoroutine ") && !strings.Contains(text[next:], "\nruntime stack:") && !strings.HasPrefix(text[next:], "goroutine ") {
			return e, false // a compiler's
		}
		e.Type, e.Message = "fatal error", message
		return e, true
	}
	start, end := at+len("panic: "), next
	for at = next; at < len(text); {
		line, next = lineAt(text, at)
		switch {
		case strings.HasPrefix(line, "\tpanic: "):
			start, end = at+len("\tpanic: "), next
		case strings.HasPrefix(line, "\t"):
			end = next
		default:
			next = len(text)
		}
		at = next
	}
	message := strings.TrimRight(text[start:end], "\r\n")
	if i := strings.LastIndex(message, " [recovered"); i >= 0 && strings.HasSuffix(message, "]") {
		message = message[:i]
	}
	e.Type, e.Message = goType(message)
	return e, true
}

// goType takes the type out of a panic's value, where it is printed: runtime errors,
// "main.Code(7)" and "(main.E) 0x497ff8". All others are "panic".
func goType(message string) (kind, rest string) {
	if strings.HasPrefix(message, "runtime error: ") {
		return "runtime.Error", message
	}
	if strings.HasPrefix(message, "(") {
		if end := strings.Index(message, ") "); end > 1 && isGoTypeName(message[1:end]) {
			return message[1:end], message
		}
	}
	for _, bracket := range [...]string{"(", "{"} {
		name, _, ok := strings.Cut(message, bracket)
		last := message[max(len(message)-1, 0):]
		if ok && isGoTypeName(name) && strings.Contains(name, ".") && (last == ")" || last == "}") {
			return name, message
		}
	}
	return "panic", message
}

func isGoTypeName(s string) bool {
	s = strings.TrimLeft(s, "*&")
	return s != "" && isGoName([]byte(s)) || isTypeName(s)
}

// extractGoStack reads a stack that no panic announces, as net/http, debug.Stack
// and zap print it. Only net/http's has a message.
func extractGoStack(text string, at int) (e Exception, ok bool) {
	e = Exception{Language: Go, Stacktrace: withoutExit(text[at:])}
	if line, _ := lineAt(text, at); frame([]byte(line)) == goFrames { // zap's: the name stands above
		if at == 0 {
			return e, false
		}
		e.Stacktrace = withoutExit(text[strings.LastIndexByte(text[:at-1], '\n')+1:])
		return e, true
	}
	const serving = "http: panic serving "
	if i := strings.LastIndex(text[:at], serving); i >= 0 {
		if _, message, ok := strings.Cut(text[i+len(serving):at], ": "); ok {
			e.Type, e.Message = goType(strings.TrimRight(message, "\r\n"))
		}
	}
	return e, true
}

func withoutExit(stack string) string {
	if i := strings.LastIndex(stack, "\nexit status "); i >= 0 {
		return stack[:i]
	}
	return stack
}

// extractRace reads the race detector's report.
func extractRace(text string, at int) (e Exception, ok bool) {
	_, next := lineAt(text, at)
	first, _ := lineAt(text, next)
	e = Exception{Type: "DATA RACE", Message: strings.TrimSuffix(first, ":"), Stacktrace: text[at:], Language: Go}
	if i := strings.LastIndex(e.Stacktrace, "\n"+raceRule); i >= 0 {
		e.Stacktrace = e.Stacktrace[:i]
	}
	return e, true
}

// extractRust reads a panic: the message stands on the lines below, or, before Rust
// 1.73, in quotes on the same.
func extractRust(text string, at int) (e Exception, ok bool) {
	e = Exception{Type: "panic", Stacktrace: text[at:], Language: Rust}
	line, next := lineAt(text, at)
	_, place, _ := strings.Cut(line, " panicked at ")
	if !strings.HasSuffix(place, ":") {
		e.Message = place
		if quote := strings.LastIndex(place, "', "); quote > 0 && place[0] == '\'' {
			e.Message = place[1:quote]
		}
		return e, true
	}
	end := next
	for at = next; at < len(text); at = end {
		line, end = lineAt(text, at)
		if strings.HasPrefix(line, "note: ") || strings.HasPrefix(line, "stack backtrace:") {
			break
		}
	}
	e.Message = text[next:at]
	return e, true
}

// extractChain reads what anyhow and eyre print of an error returned from main. A
// line that begins so is also JavaScript's, whose frames follow.
func extractChain(text string, at int) (e Exception, ok bool) {
	causes := strings.Index(text[at:], "\n\nCaused by:\n")
	if causes < 0 {
		return e, false
	}
	return Exception{
		Type: "Error", Message: text[at+len("Error: ") : at+causes], Stacktrace: text[at:], Language: Rust,
	}, true
}
