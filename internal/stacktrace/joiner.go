package stacktrace

// Kind is what the caller knows of a line before it is joined to anything.
type Kind uint8

const (
	// Text is a line in which nothing was recognised.
	Text Kind = iota
	// Record is a log line of a known layout.
	Record
	// ErrorRecord is a Record of severity WARN or above: traces that follow it
	// are its own.
	ErrorRecord
	// HeadRecord is a Record whose message stands on the next line, as
	// java.util.logging writes it.
	HeadRecord
	// Structured is a JSON object or logfmt: whole in itself.
	Structured
)

// Joiner says which lines of one stream belong together. The zero value is ready.
// It keeps no line, and is not safe for use by several goroutines; streams that
// interleave need one each.
type Joiner struct {
	// Margin says that each record of the stream begins with a line of a known
	// layout, so that text at the margin (not indented) continues a Record too.
	// Without it such a line is a record of its own.
	Margin bool

	state state
	// recorded says that the open record began with a Record.
	recorded bool
	// lines counts those that were taken on trust in a state of waiting.
	lines uint8
	// rustShort says that this stream's panics have no more than a line of
	// message: Rust closes only the first with a note.
	rustShort bool
}

// maxMessageLines bounds the lines that are taken for a message while frames must
// still come: what was no trace after all does not swallow the stream.
const maxMessageLines = 32

type state uint8

const (
	closed state = iota // nothing is open
	ended               // a record is open that nothing can continue
	text
	record
	errorRecord
	head
	object // {, until }

	// From here on a trace has begun.

	pyIntro  // Traceback comes next
	pyRemote // """ comes next
	pyFrames // indented frames, then the exception's line
	pyStack  // indented frames, and no more
	pyDone
	pyGroup
	javaHead // message, until a frame comes
	java
	goHead // until goroutine 1 [running]:
	goFrames
	raceHead // WARNING: DATA RACE comes next
	race
	nodeSource // the line of source comes next
	nodeCaret  // ^ comes next
	nodeHead   // message, until a frame comes
	node
	rubyHead // message, until a frame comes
	ruby
	dotnetHead // message, until a frame comes
	dotnet
	phpHead // message, until Stack trace:
	php
	rustHead // the message comes next
	rustMessage
	rust
	chain // Error: text, as anyhow and eyre begin

	firstTrace = pyIntro
)

// Continues says whether line, without its newline, belongs to the record that is
// open. When it is false the line begins a record, which is open from then on.
// README.md has the grammar. It keeps nothing of line and costs no allocation.
func (j *Joiner) Continues(line []byte, kind Kind) bool {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	next, ok := j.continued(line, kind)
	if !ok {
		next = opened(line, kind)
		if ok = j.Margin && j.recorded && kind == Text && j.state != head && next < firstTrace; ok {
			next = max(j.state, record) // what ended the trace did not end the record
		}
		j.recorded = ok || kind == Record || kind == ErrorRecord || kind == HeadRecord
	}
	if next != j.state || !ok {
		j.lines = 0
	}
	j.state = next
	return ok
}

// Open says whether any line could still continue the open record. When it is
// false, the caller need not wait for the next line.
func (j *Joiner) Open() bool { return j.state > ended }

// InTrace says whether the open record has a trace in it, or its beginning.
func (j *Joiner) InTrace() bool { return j.state >= firstTrace }

// Reset closes the open record, whatever comes next, as at a limit of the caller's.
func (j *Joiner) Reset() { j.state, j.lines, j.recorded = closed, 0, false }

func (j *Joiner) continued(line []byte, kind Kind) (next state, ok bool) {
	s := j.state
	if s <= ended {
		return s, false
	}
	switch kind {
	case Record, ErrorRecord, HeadRecord:
		switch {
		case s == head && kind == ErrorRecord:
			return errorRecord, true
		case s == head && kind == Record:
			return record, true
		case s == raceHead && string(line) == raceTitle:
			return race, true
		}
		return s, false
	case Structured:
		// Source, messages and frames often look like logfmt.
		if s == text || !isIndented(line) && !j.takesAnything(line) {
			return s, false
		}
	}
	if s == text && !mayFollowText(line) {
		return s, false
	}
	if isBlank(line) {
		return s, s != text && s != raceHead && s != nodeSource && s != nodeCaret
	}
	if isIndented(line) {
		return j.indented(line)
	}
	return j.unindented(line)
}

// takesAnything says whether a line that looks like logfmt or JSON belongs to what
// is open all the same.
func (j *Joiner) takesAnything(line []byte) bool {
	switch j.state {
	case head, object, pyFrames, nodeSource, nodeHead, javaHead, dotnetHead, rustHead:
		return true
	case goHead, goFrames:
		return line[0] == '[' || line[0] == 'g' || line[0] == 'r'
	}
	return false
}

func (j *Joiner) indented(line []byte) (next state, ok bool) {
	switch s := j.state; s {
	case text:
		next = frame(line)
		return next, next != closed
	case record, errorRecord:
		if next = frame(line); next == closed {
			next = s
		}
		return next, true
	case head:
		return record, true
	case pyDone:
		return s, !isGroup(line)
	case raceHead:
		return s, false
	case nodeSource:
		return nodeCaret, true
	case nodeCaret:
		return nodeHead, isCaret(line)
	case javaHead, nodeHead, rubyHead, dotnetHead:
		if next = frame(line); next != closed {
			return next, true
		}
		return j.message()
	case rustHead:
		return rustMessage, true
	default:
		return s, true
	}
}

// message takes one more line of a message whose frames have not come yet.
func (j *Joiner) message() (next state, ok bool) {
	j.lines++
	return j.state, j.lines <= maxMessageLines
}

func (j *Joiner) unindented(line []byte) (next state, ok bool) {
	s := j.state
	switch s {
	case object:
		return ended, isClosing(line)
	case text:
		next = afterText(line)
		return next, next != closed
	case record:
		if isClosing(line) {
			return s, true
		}
		next = afterRecord(line)
		return next, next != closed
	case errorRecord:
		if isClosing(line) {
			return s, true
		}
		next = afterError(line)
		return next, next != closed
	case head:
		return record, true
	case raceHead:
		return race, string(line) == raceTitle
	case race:
		if string(line) == raceRule {
			return ended, true
		}
		return s, hasAnyPrefix(line, "Previous ", "Goroutine ", "Read at ", "Write at ", "Atomic ", "[failed to restore")
	case goHead, goFrames:
		return continuedGo(line, s)
	case pyIntro, pyRemote, pyFrames, pyStack, pyDone, pyGroup:
		return continuedPython(line, s)
	case javaHead, java:
		if isCause(line) {
			return javaHead, true
		}
		if s == java {
			return s, false
		}
		return j.message()
	case nodeSource:
		return nodeCaret, true
	case nodeCaret:
		return nodeHead, isCaret(line)
	case nodeHead, node:
		switch {
		case hasPrefix(line, "Node.js v"):
			return ended, true
		case s == nodeHead:
			return j.message()
		}
		return s, line[0] == '}' || line[0] == ']'
	case rubyHead:
		if isRubyFrame(line) {
			return ruby, true
		}
		return j.message()
	case ruby:
		return s, isRubyFrame(line) || isRailsTitle(line) || string(line) == "Causes:"
	case dotnetHead:
		return j.message()
	case dotnet:
		return s, hasPrefix(line, "--- End of ")
	case phpHead:
		if hasPrefix(line, "Stack trace:") {
			return php, true
		}
		return j.message()
	case php:
		return s, isPHPFrame(line) || hasAnyPrefix(line, "Stack trace:", "PHP Stack trace:", "Next ", "PHP   ")
	case rustHead:
		return rustMessage, true
	case rustMessage, rust:
		return j.continuedRust(line)
	case chain:
		return s, hasAnyPrefix(line, "Caused by:", "Stack backtrace:", "Location:", "Backtrace:")
	}
	return s, false
}

func continuedPython(line []byte, s state) (next state, ok bool) {
	switch s {
	case pyIntro:
		if isTraceback(line) {
			return pyFrames, true
		}
		return s, isAsyncioDetail(line)
	case pyRemote:
		return pyIntro, string(line) == `"""`
	case pyFrames:
		if isLoguruFrame(line) {
			return s, true
		}
		return pyDone, !isTraceback(line)
	case pyStack:
		return s, hasAnyPrefix(line, "Message: ", "Arguments: ")
	case pyDone:
		switch {
		case string(line) == `"""`:
			return pyDone, true
		case string(line) == "Call stack:", hasPrefix(line, "Stack (most recent call last):"):
			return pyStack, true
		}
	}
	return pyIntro, hasAnyPrefix(line, "During handling of the above exception", "The above exception was the direct cause")
}

func continuedGo(line []byte, s state) (next state, ok bool) {
	switch {
	case isGoroutine(line), hasPrefix(line, "runtime stack:"):
		return goFrames, true
	case hasAnyPrefix(line, "[signal ", "[originating from ", "PC="):
		return s, true
	case hasPrefix(line, "exit status "):
		return ended, true
	}
	return s, s == goFrames && (isGoCall(line) || hasAnyPrefix(line, "created by ", "...") || isRegister(line))
}

func (j *Joiner) continuedRust(line []byte) (next state, ok bool) {
	switch {
	case hasPrefix(line, "note: "):
		if hasPrefix(line, "note: run with ") {
			j.rustShort = true
		}
		return rust, true
	case hasPrefix(line, "stack backtrace:"):
		return rust, true
	case j.state == rustMessage && !j.rustShort:
		return j.message()
	}
	return j.state, false
}

// afterText is the state of a trace of which an unrecognised line was the
// beginning, or closed.
func afterText(line []byte) state {
	switch {
	case isCause(line):
		return javaHead
	case hasPrefix(line, "--- End of "):
		return dotnet
	case hasPrefix(line, "Stack trace:"):
		return php
	}
	return closed
}

// afterRecord is the state of a trace that follows a log line of any severity, or
// closed: these never begin by themselves.
func afterRecord(line []byte) state {
	switch {
	case isGoroutine(line):
		return goFrames
	case hasPrefix(line, "Stack (most recent call last):"):
		return pyStack
	}
	return afterText(line)
}

// afterError is the state of a trace that follows a log line of severity WARN or
// above, or closed.
func afterError(line []byte) state {
	switch {
	case isTraceback(line):
		return pyFrames
	case isAsyncioDetail(line):
		return pyIntro
	case hasPrefix(line, "stack backtrace:"):
		return rust
	case isPHPFrame(line):
		return php
	case isRubyFrame(line), isRailsTitle(line):
		return ruby
	case isErrorTitle(line):
		return javaHead
	case isGoName(line):
		return goFrames
	}
	return afterRecord(line)
}

// opened is the state after a line that begins a record.
func opened(line []byte, kind Kind) state {
	switch kind {
	case Record:
		return record
	case ErrorRecord:
		if isPHPUncaught(line) {
			return phpHead
		}
		return errorRecord
	case HeadRecord:
		return head
	case Structured:
		return ended
	}
	return openedText(line)
}

func openedText(line []byte) state {
	if len(line) == 0 {
		return ended
	}
	switch line[0] {
	case ' ', '\t':
		switch {
		case isGroup(line):
			return pyGroup
		case isBlank(line):
			return ended
		}
		if next := frame(line); next != closed {
			return next
		}
		return text
	case 'T':
		if isTraceback(line) {
			return pyFrames
		}
		if hasPrefix(line, "Task exception was never retrieved") {
			return pyIntro
		}
	case 'E':
		switch {
		case hasPrefix(line, "Exception in thread "):
			if line[len(line)-1] == ':' {
				return pyIntro
			}
			return javaHead
		case hasAnyPrefix(line, "Exception ignored in", "Exception in callback"):
			return pyIntro
		case hasPrefix(line, "Error: "):
			return chain
		}
	case 'F':
		if hasPrefix(line, "Future exception was never retrieved") {
			return pyIntro
		}
		if hasPrefix(line, "Fatal error: ") && isPHPUncaught(line) {
			return phpHead
		}
	case 'P':
		if hasPrefix(line, "PHP ") && isPHPUncaught(line) {
			return phpHead
		}
	case 'S':
		if hasAnyPrefix(line, "SIGQUIT: quit", "SIGABRT: abort") {
			return goHead
		}
	case 'U':
		if hasAnyPrefix(line, "Unhandled exception. ", "Unhandled Exception: ") {
			return dotnetHead
		}
	case 'f':
		if hasPrefix(line, "fatal error: ") {
			return goHead
		}
	case 'g':
		if isGoroutine(line) {
			return goFrames
		}
	case 'p':
		if hasPrefix(line, "panic: ") {
			return goHead
		}
	case 't':
		if hasPrefix(line, "thread '") {
			return openedRust(line)
		}
	case '=':
		if string(line) == raceRule {
			return raceHead
		}
	case '-':
		if string(line) == "--- Logging error ---" {
			return pyIntro
		}
	case '#':
		if hasPrefix(line, "#<Thread:") {
			return rubyHead
		}
	}
	return openedByEnd(line)
}

// openedByEnd knows the lines that begin a trace and show it at their end only.
func openedByEnd(line []byte) state {
	switch last := line[len(line)-1]; {
	case isDigit(last) && isNodeSource(line):
		return nodeSource
	case last == ')' && isRubyTitle(line):
		if contains(line, "<main>") {
			return ruby // no frame need follow
		}
		return rubyHead
	case (last == ' ' || last == ':') && contains(line, "RemoteTraceback:"):
		return pyRemote
	case last == '{' || last == '[':
		return object
	}
	return text
}
