package measurement

import "strings"

// maxRoute bounds a route, in bytes, and maxParts its parts: what is behind is one "*".
const (
	maxRoute = 200
	maxParts = 12
)

// Route folds a path into the template of a route: parts that are numbers, UUIDs,
// hashes or other names of single things become {id}. It is a guess, for paths without
// http.route, that must be short and have few values.
func Route(path string) string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if path == "" || path[0] != '/' {
		return "/"
	}
	if plain(path) {
		return path
	}
	out := make([]byte, 0, min(len(path), maxRoute))
	parts := 0
	for part := range strings.SplitSeq(path[1:], "/") {
		if parts++; parts > maxParts || len(out)+len(part) > maxRoute && !single(part) {
			out = append(out, "/*"...)
			break
		}
		out = append(out, '/')
		if single(part) {
			out = append(out, "{id}"...)
		} else {
			out = append(out, part...)
		}
	}
	return string(out)
}

// plain says that a path is its own template.
func plain(path string) bool {
	if len(path) > maxRoute || strings.Count(path, "/") > maxParts {
		return false
	}
	for part := range strings.SplitSeq(path[1:], "/") {
		if single(part) {
			return false
		}
	}
	return true
}

// single says that a part of a path names one thing among many: it has four digits or
// more, is a number, is hexadecimal with a digit and at least 8 long, or is longer than
// words are. A version such as v1 stays.
func single(part string) bool {
	if part == "" {
		return false
	}
	if len(part) > 40 {
		return true
	}
	digits, hex, other := 0, true, false
	for i := range len(part) {
		switch c := part[i]; {
		case isDigit(c):
			digits++
		case 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' || c == '-':
		case isLetter(c) || c == '_' || c == '.' || c == '~':
			hex = false
		default:
			other = true
		}
	}
	return digits == len(part) || digits >= 4 || other || hex && digits > 0 && len(part) >= 8
}
