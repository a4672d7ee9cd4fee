package containerlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// ParseDocker reads a line of Docker's json-file driver, without its line end:
//
//	{"log":"message\n","stream":"stdout","attrs":{"tag":"web"},"time":"2026-11-21T08:15:30.123456789Z"}
//
// A log that ends in no line feed is a piece: Docker cuts after 16 KiB. The line
// feed, and a carriage return before it, are not part of the content. Keys may come
// in any order and others beside them, but a log, or its place left out because
// it is empty, a stream and a time must be there and of the right form, each once;
// ok is false for any other line.
//
// Escapes are decoded into scratch, which is grown where it has to be and returned
// for the next call: the content is valid until then. Where nothing needs decoding,
// the content is a part of line and scratch is not touched.
//
// Source: https://docs.docker.com/engine/logging/drivers/json-file/ and the
// package daemon/logger/jsonfilelog/jsonlog of github.com/moby/moby.
func ParseDocker(line, scratch []byte) (e Entry, newScratch []byte, ok bool) {
	const log, stdout, stderr = `{"log":"`, `,"stream":"stdout"`, `,"stream":"stderr"`
	if len(line) < len(log) || string(line[:len(log)]) != log {
		return parseDockerAny(line, scratch)
	}
	scratch, end, ok := e.scanLog(line, len(log), scratch)
	if !ok || len(line)-end < len(stdout) {
		return parseDockerAny(line, scratch)
	}
	switch string(line[end : end+len(stdout)]) {
	case stdout:
		e.Stream = Stdout
	case stderr:
		e.Stream = Stderr
	default:
		return parseDockerAny(line, scratch)
	}
	rest := line[end+len(stdout):]
	const attrs, time = `,"attrs":{`, `,"time":"`
	if len(rest) > len(attrs) && string(rest[:len(attrs)]) == attrs {
		rest = rest[len(attrs)-1:]
		n := objectEnd(rest)
		if n == 0 {
			return parseDockerAny(line, scratch)
		}
		e.Attrs, rest = rest[:n], rest[n:]
	}
	if len(rest) < len(time)+minTime || string(rest[:len(time)]) != time {
		return parseDockerAny(line, scratch)
	}
	rest = rest[len(time):]
	ns, n, ok := parseTime(rest)
	if !ok || len(rest) != n+2 || rest[n] != '"' || rest[n+1] != '}' {
		return parseDockerAny(line, scratch)
	}
	e.Time = ns
	return e, scratch, true
}

// objectEnd is the length of the JSON object that b begins with, or 0. It only
// looks for its end; what is in it is checked by those who read it.
func objectEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// parseDockerAny is ParseDocker for keys in any order.
func parseDockerAny(line, scratch []byte) (e Entry, newScratch []byte, ok bool) {
	// What encoding/json would replace is better left in a line that nobody took
	// apart.
	if !utf8.Valid(line) {
		return Entry{}, scratch, false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return Entry{}, scratch, false
	}
	var log, stream, time, attrs json.RawMessage
	for d.More() {
		var value json.RawMessage
		key, err := d.Token()
		if err != nil || d.Decode(&value) != nil {
			return Entry{}, scratch, false
		}
		into := &attrs
		switch name, _ := key.(string); name {
		case "log":
			into = &log
		case "stream":
			into = &stream
		case "time":
			into = &time
		case "attrs":
		default:
			e.Extra = append(e.Extra, Attribute{Key: name, Value: text(value)})
			continue
		}
		if *into != nil || (into == &attrs) != (value[0] == '{') {
			return Entry{}, scratch, false
		}
		*into = value
	}
	if _, err := d.Token(); err != nil {
		return Entry{}, scratch, false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Entry{}, scratch, false
	}
	switch string(stream) {
	case `"stdout"`:
		e.Stream = Stdout
	case `"stderr"`:
		e.Stream = Stderr
	default:
		return Entry{}, scratch, false
	}
	if len(time) < minTime+2 || time[0] != '"' {
		return Entry{}, scratch, false
	}
	ns, n, ok := parseTime(time[1:])
	if !ok || n != len(time)-2 {
		return Entry{}, scratch, false
	}
	e.Time, e.Attrs = ns, attrs
	switch {
	case log == nil: // an empty piece: Docker leaves the key out
		if e.Extra != nil {
			return Entry{}, scratch, false
		}
		e.Partial = true
	case log[0] != '"':
		return Entry{}, scratch, false
	default:
		if scratch, _, ok = e.scanLog(log, 1, scratch); !ok {
			return Entry{}, scratch, false
		}
	}
	return e, scratch, true
}

// AppendAttributes appends what Entry.Attrs holds, in its order. Values that are
// no strings are given as JSON; what is no JSON object at all is one attribute with
// the key attrs.
func AppendAttributes(dst []Attribute, attrs []byte) []Attribute {
	if len(attrs) == 0 {
		return dst
	}
	had := len(dst)
	whole := func() []Attribute { return append(dst[:had], Attribute{Key: "attrs", Value: string(attrs)}) }
	if !utf8.Valid(attrs) || !json.Valid(attrs) || attrs[0] != '{' {
		return whole()
	}
	d := json.NewDecoder(bytes.NewReader(attrs))
	if _, err := d.Token(); err != nil {
		return whole()
	}
	for d.More() {
		var value json.RawMessage
		key, err := d.Token()
		if err != nil || d.Decode(&value) != nil {
			return whole()
		}
		name, _ := key.(string)
		dst = append(dst, Attribute{Key: name, Value: text(value)})
	}
	return dst
}

// text is the string that value is, or value itself.
func text(value json.RawMessage) string {
	if value[0] == '"' {
		if s, _, _, ok := scanString(value, 1, nil); ok {
			return string(s)
		}
	}
	return string(value)
}
