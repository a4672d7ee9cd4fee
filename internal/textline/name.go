package textline

import "strings"

// maxPrefix bounds the name before a colon with which a line may begin, in bytes.
const maxPrefix = 64

func isDigit(c byte) bool { return c-'0' <= 9 }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isWordByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

func isNameByte(c byte) bool {
	return isWordByte(c) || c == '.' || c == '-' || c == '$' || c == '/'
}

// isName knows what may be the name of a logger, a module or a class: letters,
// digits and a few signs, beginning with a letter.
func isName(s string) bool {
	if s == "" || len(s) > 120 || !isLetter(s[0]) && s[0] != '_' {
		return false
	}
	last := s[len(s)-1]
	if last == '.' || last == '-' || last == '/' || last == ':' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isNameByte(c) && c != ':' && c != '<' && c != '>' && c != '[' && c != ']' && c != '@' && c != '#' {
			return false
		}
	}
	return true
}

// isSureName knows names that no sentence begins with: a.b, a::b, my_app, __main__,
// root.
func isSureName(s string) bool {
	if s == "root" || s == "__main__" {
		return true
	}
	if !isName(s) || strings.ContainsAny(s, "/@<#") {
		return false
	}
	if strings.Contains(s, "::") {
		return true
	}
	if strings.IndexByte(s, ':') >= 0 {
		return false
	}
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 {
		return strings.IndexByte(s, '_') > 0
	}
	if strings.Contains(s, "..") {
		return false
	}
	switch s[dot+1:] {
	case "com", "org", "net", "io", "dev", "local", "internal", "html", "json", "yml", "yaml", "toml", "xml", "txt", "conf", "log", "csv", "sock", "g", "e":
		return false
	}
	return !isSourceFile(s)
}

// isSourceFile knows the files in which code stands.
func isSourceFile(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	if dot <= 0 {
		return false
	}
	switch s[dot+1:] {
	case "py", "go", "js", "ts", "mjs", "cjs", "tsx", "jsx", "java", "kt", "scala", "groovy", "rs", "rb", "erb", "php",
		"c", "cc", "cpp", "cxx", "h", "hpp", "cs", "fs", "vb", "ex", "exs", "erl", "swift", "pyx", "pl", "lua", "clj", "m":
		return true
	}
	return false
}

// place reads file.py:42, and module:function:42 with its parts in Logger and
// Function.
func (p *parser) place(s string) bool {
	colon := strings.LastIndexByte(s, ':')
	if colon <= 0 || p.out.LineNumber != 0 {
		return false
	}
	n, ok := number(s[colon+1:])
	if !ok || n == 0 || n > 10_000_000 {
		return false
	}
	head := s[:colon]
	if isSourceFile(head) {
		if strings.IndexByte(head, ' ') >= 0 && head[0] != '/' {
			return false
		}
		p.out.File, p.out.LineNumber = head, n
		return true
	}
	module, function, ok := strings.Cut(head, ":")
	if ok && isName(module) && function != "" && function[0] != ':' && strings.IndexByte(function, ':') < 0 && strings.IndexByte(function, ' ') < 0 {
		if p.out.Logger == "" {
			p.out.Logger = module
		} else {
			p.field("code.module", module)
		}
		p.out.Function, p.out.LineNumber = function, n
		return true
	}
	return false
}

// namedPlace reads name:42 as well: the line of a function or a logger.
func (p *parser) namedPlace(s string) bool {
	if p.place(s) {
		return true
	}
	name, line, ok := strings.Cut(s, ":")
	n, isNumber := number(line)
	if !ok || !isNumber || n == 0 || n > 10_000_000 || !isName(name) || p.out.LineNumber != 0 {
		return false
	}
	if p.out.Logger == "" {
		p.out.Logger = name
	} else {
		p.out.Function = name
	}
	p.out.LineNumber = n
	return true
}
