package logrecord

import (
	"slices"
	"strings"

	"github.com/heartwood-otel/heartwood/internal/linepair"
)

// exception is what a line says of one, beside the texts that it has for it.
type exception struct {
	typ, message, stack string
}

// readException fills what the line does not say of its exception in so many words:
// from the text of its stack trace, or from a trace that is objects and arrays, which
// stays an attribute as well.
func (b *Batch) readException() {
	j := b.json
	var found exception
	switch {
	case b.best[b.f.stack].made():
		if b.m.set.Exception == nil {
			return
		}
		found.typ, found.message = b.m.set.Exception(j.stack)
	case j.trace > 0:
		found = b.traceOf(int(j.trace) - 1)
		b.rec.exception.stack = found.stack
	}
	if !b.best[b.f.exceptionType].made() {
		b.rec.exception.typ = found.typ
	}
	if !b.best[b.f.exception].made() {
		b.rec.exception.message = found.message
	}
}

// traceOf writes the trace at i, an object or an array, as the language would.
func (b *Batch) traceOf(i int) (e exception) {
	var text strings.Builder
	if b.pairs[i].Kind == linepair.Object {
		e.typ, e.message = strings.Clone(b.textIn(i, "className", "class", "name")), strings.Clone(b.textIn(i, "message"))
		switch {
		case b.isThrowable(i):
			b.writeThrowable(&text, i, "", "")
		case e.typ != "":
			b.writeLines(&text, b.member(i, "trace")) // Monolog
		default:
			return exception{}
		}
		e.stack = text.String()
		return e
	}
	elements := b.elements(i)
	switch first := &b.pairs[elements[0]]; {
	case first.Kind == linepair.String && len(elements) == 2:
		// Rails: the class and the message.
		e.typ, e.message = first.Value, b.pairs[elements[1]].Value
	case first.Kind == linepair.String && len(elements) == 3:
		// aiologger: the class, the exception, the lines.
		e.typ = strings.TrimSuffix(strings.TrimPrefix(first.Value, "<class '"), "'>")
		e.message = strings.TrimPrefix(b.pairs[elements[1]].Value, "Exception: ")
		b.writeLines(&text, elements[2])
	case first.Kind == linepair.Object && b.textIn(elements[0], "exc_type") != "":
		// structlog: the exception, what it was raised from, and so on.
		e.typ, e.message = b.textIn(elements[0], "exc_type"), b.textIn(elements[0], "exc_value")
		for k, element := range slices.Backward(elements) {
			b.writePython(&text, element, k > 0)
		}
	case first.Kind == linepair.Object && b.textIn(elements[0], "func") != "":
		// zerolog, with pkg/errors.
		for _, frame := range elements {
			text.WriteString(b.textIn(frame, "func") + "\n\t" + b.textIn(frame, "source") + ":" + b.textIn(frame, "line") + "\n")
		}
	}
	e.message, e.typ = strings.Clone(e.message), strings.Clone(e.typ)
	e.stack = text.String()
	return e
}

// writeLines writes the lines that the array at i holds. i may be -1.
func (b *Batch) writeLines(text *strings.Builder, i int) {
	for k, line := range b.elements(i) {
		if k > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(b.pairs[line].Value)
	}
}

// writePython writes one exception of a chain as Python does; cause says that
// another follows.
func (b *Batch) writePython(text *strings.Builder, i int, cause bool) {
	text.WriteString("Traceback (most recent call last):\n")
	for _, frame := range b.elements(b.member(i, "frames")) {
		text.WriteString("  File \"" + b.textIn(frame, "filename") + "\", line " + b.textIn(frame, "lineno") + ", in " + b.textIn(frame, "name") + "\n")
	}
	text.WriteString(b.textIn(i, "exc_type"))
	if message := b.textIn(i, "exc_value"); message != "" {
		text.WriteString(": " + message)
	}
	switch {
	case !cause:
	case b.textIn(i, "is_cause") == "true":
		text.WriteString("\n\nThe above exception was the direct cause of the following exception:\n\n")
	default:
		text.WriteString("\n\nDuring handling of the above exception, another exception occurred:\n\n")
	}
}

// isThrowable knows a Java exception by the names that log4j and logback give to its
// parts.
func (b *Batch) isThrowable(i int) bool {
	return b.member(i, "extendedStackTrace", "stepArray") >= 0
}

// writeThrowable writes a Java exception as printStackTrace does.
func (b *Batch) writeThrowable(text *strings.Builder, i int, indent, caption string) {
	text.WriteString(indent + caption + b.textIn(i, "className", "name"))
	if message := b.textIn(i, "message"); message != "" {
		text.WriteString(": " + message)
	}
	text.WriteByte('\n')
	for _, frame := range b.elements(b.member(i, "extendedStackTrace", "stepArray")) {
		text.WriteString(indent + "\tat " + b.textIn(frame, "className", "class") + "." + b.textIn(frame, "methodName", "method") + "(" +
			b.textIn(frame, "fileName", "file"))
		if line := b.textIn(frame, "lineNumber", "line"); line != "" {
			text.WriteString(":" + line)
		}
		text.WriteString(")\n")
	}
	if n := b.textIn(i, "commonFramesCount", "commonElementCount"); n != "" && n != "0" {
		text.WriteString(indent + "\t... " + n + " more\n")
	}
	for _, k := range b.elements(b.member(i, "suppressed")) {
		b.writeThrowable(text, k, indent+"\t", "Suppressed: ")
	}
	if k := b.member(i, "cause"); k >= 0 && b.pairs[k].Kind == linepair.Object {
		b.writeThrowable(text, k, indent, "Caused by: ")
	}
}

// member gives the index of the member of the object at i with one of these keys, or
// -1. i may be -1.
func (b *Batch) member(i int, keys ...string) int {
	if i < 0 || b.pairs[i].Kind != linepair.Object {
		return -1
	}
	end := i + 1 + b.pairs[i].Size()
	for i++; i < end; i += 1 + b.pairs[i].Size() {
		if slices.Contains(keys, b.pairs[i].Key) {
			return i
		}
	}
	return -1
}

// textIn gives the text of a member that is a string, a number or a boolean.
func (b *Batch) textIn(i int, keys ...string) string {
	if k := b.member(i, keys...); k >= 0 && b.pairs[k].Kind < linepair.Null {
		return b.pairs[k].Value
	}
	return ""
}

// elements gives the indexes of what the array at i holds. i may be -1.
func (b *Batch) elements(i int) []int {
	if i < 0 || b.pairs[i].Kind != linepair.Array {
		return nil
	}
	found := make([]int, 0, b.pairs[i].Size())
	end := i + 1 + b.pairs[i].Size()
	for i++; i < end; i += 1 + b.pairs[i].Size() {
		found = append(found, i)
	}
	return found
}
