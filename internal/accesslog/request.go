package accesslog

import "strings"

// request takes "GET /path?query HTTP/1.1" apart. What is no request line of HTTP
// is kept whole: it may be a TLS handshake, or a scanner's attempt.
func (e *Entry) request(s string) {
	if s == "-" || s == "" {
		return
	}
	method, rest := cut(s)
	last := strings.LastIndexByte(rest, ' ')
	target, version := rest, ""
	if last >= 0 {
		target, version = rest[:last], rest[last+1:]
	}
	if v, ok := strings.CutPrefix(version, "HTTP/"); ok && isVersion(v) {
		version = v
	} else {
		target, version = rest, ""
	}
	// Envoy writes "- - HTTP/1.1" for what it could not read.
	if !isMethod(method) || target == "" || version == "" && (target[0] != '/' || strings.IndexByte(target, ' ') >= 0) {
		e.Request = s
		return
	}
	e.Method = method
	e.Version = strings.TrimSuffix(version, ".0")
	if e.Version == "1" {
		e.Version = version // 1.0
	}
	e.target(target)
}

func cut(s string) (first, rest string) {
	first, rest, _ = strings.Cut(s, " ")
	return first, rest
}

// target takes the forms of RFC 9112 apart: /path, http://host/path, host:port, *.
func (e *Entry) target(target string) {
	if target[0] == '/' {
		e.path(target)
		return
	}
	if scheme, rest, ok := strings.Cut(target, "://"); ok && isScheme(scheme) {
		slash := strings.IndexAny(rest, "/?")
		if slash < 0 {
			slash = len(rest)
		}
		e.URL, e.Scheme = unescape(target), scheme
		if e.Authority == "" {
			e.Authority = unescape(rest[:slash])
		}
		target = rest[slash:]
	} else if e.Method == "CONNECT" {
		e.URL = unescape(target)
		if e.Authority == "" {
			e.Authority = e.URL
		}
		return
	}
	e.path(target)
}

func (e *Entry) path(target string) {
	path, query, _ := strings.Cut(target, "?")
	e.Path, e.Query = unescape(path), unescape(query)
}

func isScheme(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return s != "" && len(s) < 16
}

// isMethod knows what may be a method: letters, and - and _ between them.
func isMethod(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && (i == 0 || c != '-' && c != '_') {
			return false
		}
	}
	return true
}

func isVersion(s string) bool {
	switch s {
	case "0.9", "1.0", "1.1", "2", "2.0", "3", "3.0":
		return true
	}
	return false
}
