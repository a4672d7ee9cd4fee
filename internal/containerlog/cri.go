package containerlog

// ParseCRI reads a line of the Kubernetes container runtime interface, without
// its line end:
//
//	2026-11-21T08:15:30.123456789Z stdout F message
//	time, RFC 3339, any zone       stream tags content
//
// The first tag is P for a piece or F for a line that is whole or its end; more
// may follow it, with colons between. The content is everything after one blank,
// blanks included. ok is false for any other line. It allocates nothing.
//
// Source: https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
// and LogTag in k8s.io/cri-api.
func ParseCRI(line []byte) (e Entry, ok bool) {
	ns, n, ok := parseTime(line)
	const stream = " stdout F"
	if !ok || len(line)-n < len(stream) {
		return Entry{}, false
	}
	rest := line[n:]
	switch string(rest[:8]) {
	case " stdout ":
		e.Stream = Stdout
	case " stderr ":
		e.Stream = Stderr
	default:
		return Entry{}, false
	}
	switch rest[8] {
	case 'F':
	case 'P':
		e.Partial = true
	default:
		return Entry{}, false
	}
	e.Time = ns
	rest = rest[9:]
	if len(rest) > 0 && rest[0] == ':' {
		end := 1
		for end < len(rest) && rest[end] != ' ' {
			end++
		}
		e.Tags, rest = rest[1:end], rest[end:]
	}
	if len(rest) > 0 {
		if rest[0] != ' ' {
			return Entry{}, false
		}
		rest = rest[1:]
	}
	e.Content = rest
	return e, true
}
