package measurement

import "strings"

// Kind is what a name's prefix says of its values.
type Kind uint8

// The kinds.
const (
	NoKind       Kind = iota
	Distribution      // measure.<name>, measure#<name>
	Gauge             // sample#<name>, sample.<name>
	Counter           // count#<name>, count.<name>
)

// maxName bounds a metric's name, in bytes, as OpenTelemetry's specification does
// (Instrument name syntax).
const maxName = 255

// ParseName tells what an attribute's name says by the conventions of Heroku and l2met,
// and the name behind the prefix. The name is as written; see Clean.
func ParseName(attribute string) (Kind, string) {
	if len(attribute) < len("count#x") {
		return NoKind, ""
	}
	switch attribute[0] { // most attributes are told apart by their first byte
	case 'm':
		return behind(attribute, "measure", Distribution)
	case 's':
		return behind(attribute, "sample", Gauge)
	case 'c':
		return behind(attribute, "count", Counter)
	}
	return NoKind, ""
}

func behind(attribute, word string, kind Kind) (Kind, string) {
	rest, ok := strings.CutPrefix(attribute, word)
	if !ok || len(rest) < 2 || rest[0] != '#' && rest[0] != '.' {
		return NoKind, ""
	}
	return kind, rest[1:]
}

// Clean gives the name that a metric may have: letters, digits, '_', '.', '-' and '/'
// stay, others become '_', and one that does not begin with a letter has "x_" before it.
// False where nothing is left to name it by.
func Clean(name string) (string, bool) {
	if name == "" || len(name) > maxName-2 {
		return "", false
	}
	clean, content := true, false
	for i := range len(name) {
		switch c := name[i]; {
		case isLetter(c) || isDigit(c):
			content = true
		case c == '_' || c == '.' || c == '-' || c == '/':
		default:
			clean = false
		}
	}
	if !content {
		return "", false
	}
	if clean && isLetter(name[0]) {
		return name, true
	}
	out := make([]byte, 0, len(name)+2)
	if !isLetter(name[0]) {
		out = append(out, "x_"...)
	}
	for i := range len(name) {
		c := name[i]
		if !isLetter(c) && !isDigit(c) && c != '_' && c != '.' && c != '-' && c != '/' {
			c = '_'
		}
		out = append(out, c)
	}
	return string(out), true
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// IsTime says whether a name is that of a time by its ending: elapsed, duration or
// latency, as a word of its own.
func IsTime(name string) bool {
	for _, word := range []string{"elapsed", "duration", "latency"} {
		if rest, ok := strings.CutSuffix(name, word); ok && (rest == "" || !isLetter(rest[len(rest)-1])) {
			return true
		}
	}
	return false
}
