package containerlog

import "bytes"

// Stream is the output of a program that a line was written to.
type Stream uint8

// The streams. NoStream is that of the zero Entry; no parser gives it.
const (
	NoStream Stream = iota
	Stdout
	Stderr
	streams // how many there are
)

// String is the value of log.iostream, or "".
func (s Stream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	}
	return ""
}

// Attribute is a string with a name.
type Attribute struct{ Key, Value string }

// Entry is what one line of a log file says.
type Entry struct {
	// Time is in nanoseconds since 1970-01-01T00:00:00Z, the moment the runtime read
	// the line, or its first piece.
	Time   uint64
	Stream Stream
	// Partial says that the program's line goes on in the next entry of the same
	// stream.
	Partial bool
	// Content is what the program wrote, without its line end. It is a part of the
	// line, or of the scratch buffer that was given; never both.
	Content []byte
	// Tags are the CRI tags after P or F, with the colons between them. It is a part
	// of the line.
	Tags []byte
	// Attrs is Docker's object of labels and environment variables chosen by the
	// log-opts labels, env and tag, as JSON; AppendAttributes reads it. It is the same
	// in every line of a container, so that its reading can be saved.
	Attrs []byte
	// Extra are keys of a json-file line that Docker itself never writes. Strings are
	// decoded, other values are JSON.
	Extra []Attribute
}

// Format is a log file's format.
type Format uint8

// The formats.
const (
	None Format = iota
	CRI
	Docker
)

// String is cri, docker or none.
func (f Format) String() string {
	switch f {
	case CRI:
		return "cri"
	case Docker:
		return "docker"
	}
	return "none"
}

// Detect tells the format of a line that is without its line end. It takes a
// line for Docker's only when it has a log, a stream and a time, so that the JSON
// of a program is not mistaken for it.
func Detect(line []byte) Format {
	switch {
	case len(line) == 0:
	case line[0] == '{' || line[0] == ' ' || line[0] == '\t':
		if !bytes.Contains(line, []byte(`"log"`)) {
			break
		}
		if _, _, ok := ParseDocker(line, nil); ok {
			return Docker
		}
	default:
		if _, ok := ParseCRI(line); ok {
			return CRI
		}
	}
	return None
}
