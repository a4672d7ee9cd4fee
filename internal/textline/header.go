package textline

import "strings"

// header reads what stands between a time and the message, from i on, and then the
// message. What it is not sure of is left to the message.
func (p *parser) header(i int) bool {
	if i < len(p.line) && (p.line[i] == ':' || p.line[i] == ',') {
		i++
		// Python's format with colons throughout.
		if word, _, ok := strings.Cut(p.line[i:], ":"); ok && p.line[i-1] == ':' {
			if n, ok := capitalLevel(word); ok {
				p.severity(word, n)
				return p.basicConfig(i + len(word) + 1)
			}
		}
	}
	at := p.skipBlanks(i)
	if at == len(p.line) {
		return p.message(at)
	}
	switch p.line[at] {
	case '|':
		return p.pipes(at)
	case '-':
		if at+1 < len(p.line) && p.line[at+1] == ' ' {
			return p.dashes(at)
		}
	}
	if at > i && p.line[at-1] == '\t' {
		return p.tabs(at - 1)
	}
	return p.tokens(at)
}

// tokens reads the parts of a head that blanks separate.
func (p *parser) tokens(i int) bool {
	out := p.out
	spring := false
	for range maxParts {
		i = p.skipBlanks(i)
		if i == len(p.line) {
			break
		}
		levelled := out.SeverityText != ""
		switch c := p.line[i]; {
		case c == '[':
			next, ok := p.bracket(i, levelled, spring)
			if !ok {
				return p.tail(i)
			}
			i = next
			continue
		case c == '(' || c == '{':
			next, ok := p.parenthesis(i, levelled)
			if !ok {
				return p.tail(i)
			}
			i = next
			continue
		case c == '|' && levelled:
			return p.pipes(i)
		}
		end := i
		for end < len(p.line) && p.line[end] != ' ' && p.line[end] != '\t' {
			end++
		}
		token := p.line[i:end]
		switch {
		case !levelled:
			next, ok := p.beforeLevel(i, end, token)
			if !ok {
				return p.tail(i)
			}
			i = next
			if i < len(p.line) && p.line[i] == '\t' {
				return p.tabs(i)
			}
		case token == "---":
			spring = true
			i = end
		case spring || p.pidBeforeDashes(end, token):
			if isPID(token) {
				out.PID, _ = number(token)
				i = end
				continue
			}
			if out.Logger == "" && isName(token) && strings.HasPrefix(p.line[p.skipBlanks(end):], ": ") {
				out.Logger = token
				return p.message(p.skipBlanks(end) + 1)
			}
			return p.tail(i)
		default:
			return p.named(i, end, token)
		}
	}
	return p.tail(i)
}

// pidBeforeDashes knows Spring Boot's "1234 ---".
func (p *parser) pidBeforeDashes(end int, token string) bool {
	return isDigit(token[0]) && isPID(token) && strings.HasPrefix(p.line[p.skipBlanks(end):], "---")
}

// beforeLevel takes a token while no severity has been found.
func (p *parser) beforeLevel(i, end int, token string) (next int, ok bool) {
	word := token
	if word[len(word)-1] == ':' {
		word = word[:len(word)-1]
	}
	if n, ok := capitalLevel(word); ok {
		p.severity(word, n)
		return end, true
	}
	if token == "???" { // zerolog without a level
		return end, true
	}
	after := p.skipBlanks(end)
	switch {
	case token == "-" || token == "--":
		return end, true
	case word != token: // with a colon
		if n, ok := timedLevel(word); ok && !p.slashes {
			p.severity(word, n)
			return end, true
		}
		if p.place(word) { // Go's main.go:12:
			return end, true
		}
		if p.nginx(word) {
			return end, true
		}
		return i, false
	case isDigit(token[0]):
		if !isPID(token) || !p.levelAt(after) {
			return i, false
		}
		p.out.PID, _ = number(token)
		return end, true
	case p.isPostgres(after):
		user, database, ok := strings.Cut(token, "@")
		if !ok {
			return i, false
		}
		p.field("postgresql.user", user)
		p.field("db.namespace", database)
		return end, true
	}
	level, ok := p.levelWordAt(after)
	if !ok || !isName(token) {
		return i, false
	}
	if !isSureName(token) {
		// "12:00:00 no ERROR found" must not be an error.
		if everyday(level) && token[0] >= 'a' {
			p.d.nameFirst = true
		} else if !p.d.nameFirst {
			return i, false
		}
	}
	p.out.Logger = token
	return end, true
}

// levelWordAt is the word in capitals at i, if it is a severity.
func (p *parser) levelWordAt(i int) (word string, ok bool) {
	end := i
	for end < len(p.line) && end < i+12 && p.line[end] >= 'A' && p.line[end] <= 'Z' {
		end++
	}
	word = p.line[i:end]
	if end < len(p.line) && p.line[end] != ' ' && p.line[end] != ':' && p.line[end] != '\t' {
		return "", false
	}
	_, ok = capitalLevel(word)
	return word, ok
}

func (p *parser) levelAt(i int) bool {
	if _, ok := p.levelWordAt(i); ok {
		return true
	}
	return i < len(p.line) && p.line[i] == '['
}

// named takes the name of the logger behind the severity, where there is one, and
// the message behind that.
func (p *parser) named(i, end int, token string) bool {
	out := p.out
	if token == "-" || token == ":" || token == "--" {
		return p.tail(end)
	}
	if token == "|" {
		return p.pipes(i)
	}
	if out.Logger != "" {
		return p.tail(i)
	}
	after := p.skipBlanks(end)
	rest := p.line[after:]
	if p.micros && strings.IndexByte(token, '{') > 0 {
		return p.spans(i)
	}
	if token[len(token)-1] == ':' {
		word := token[:len(token)-1]
		switch {
		case p.place(word):
			return p.tail(end)
		case isSureName(word) || p.micros && isName(word):
			out.Logger = word
			return p.targetFile(end)
		}
		return p.tail(i)
	}
	switch {
	case strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, ": ") || strings.HasPrefix(rest, "-- "):
		if !isSureName(token) && (out.Thread == "" || !isName(token)) {
			if !p.namedPlace(token) {
				return p.tail(i)
			}
		} else {
			out.Logger = token
		}
		return p.message(after + strings.IndexByte(rest, ' '))
	case strings.HasPrefix(rest, "-") && isSureName(token) && out.Thread != "":
		out.Logger = token
		return p.keyValues(after)
	case p.place(token):
		return p.named2(after)
	case isSureName(token):
		out.Logger = token
		return p.named2(after)
	}
	return p.tail(i)
}

// named2 skips a place and a dash or colon that may stand behind the name.
func (p *parser) named2(i int) bool {
	if i < len(p.line) && (p.line[i] == '(' || p.line[i] == '[') {
		end := strings.IndexAny(p.line[i:], ")]")
		if end > 1 && p.place(p.line[i+1:i+end]) {
			i = p.skipBlanks(i + end + 1)
		}
	}
	if rest := p.line[i:]; strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, ": ") {
		i++
	}
	return p.tail(i)
}

// targetFile skips the place that tracing and env_logger may write behind the
// target: "src/main.rs:12: ".
func (p *parser) targetFile(i int) bool {
	at := p.skipBlanks(i)
	if head, _, ok := strings.Cut(p.line[at:], ": "); ok && len(head) < 256 && p.place(head) {
		return p.message(at + len(head) + 1)
	}
	return p.message(at)
}

// spans reads tracing's "outer{a=1}:inner{b=2}: target: message".
func (p *parser) spans(i int) bool {
	end := strings.Index(p.line[i:], "}: ")
	if end < 0 {
		return p.tail(i)
	}
	end += i + 1
	p.field("spans", p.line[i:end])
	at := end + 2
	if head, _, ok := strings.Cut(p.line[at:], ": "); ok && isName(head) {
		p.out.Logger = head
		return p.targetFile(at + len(head) + 1)
	}
	return p.message(at)
}

// keyValues reads logback's "-a="1" b="2"- message".
func (p *parser) keyValues(i int) bool {
	rest := p.line[i+1:]
	if strings.HasPrefix(rest, "- ") || rest == "-" {
		return p.message(i + 2)
	}
	end := strings.Index(rest, `"- `)
	if end < 0 {
		return p.message(i)
	}
	pairs := rest[:end+1]
	before := len(p.out.Fields)
	for pairs != "" {
		key, value, ok := strings.Cut(pairs, `="`)
		quote := strings.Index(value, `" `)
		if quote < 0 {
			quote = len(value) - 1
		}
		if !ok || !isName(key) || quote < 0 || len(p.out.Fields) == maxFields {
			p.out.Fields = p.out.Fields[:before]
			return p.message(i)
		}
		p.field(key, value[:quote])
		pairs = strings.TrimPrefix(value[quote+1:], " ")
	}
	return p.message(i + 1 + end + len(`"-`))
}

// bracket takes [main], [error], [1234], [file.py:42] and the like at i.
func (p *parser) bracket(i int, levelled, spring bool) (next int, ok bool) {
	end := strings.IndexByte(p.line[i:], ']')
	if end < 2 || end > 120 {
		return i, false
	}
	inner := strings.Trim(p.line[i+1:i+end], " ")
	next = i + end + 1
	if inner == "" {
		return next, true
	}
	// A bracket right behind a severity in brackets may also be the message's.
	if !levelled {
		if n, isLevel := bracketLevel(inner); isLevel {
			p.severity(inner, n)
			if next < len(p.line) && p.line[next] == ':' {
				next++
			}
			return next, true
		}
		if p.bracketBeforeLevel(inner) {
			return next, true
		}
		return i, false
	}
	switch {
	case spring:
		// [thread], [application] [thread], [application] [thread] [correlation]
		switch {
		case p.out.Thread == "":
			p.out.Thread = inner
		case len(p.out.Fields) == 0:
			p.field("spring.application.name", p.out.Thread)
			p.out.Thread = inner
		default:
			p.field("context", inner)
		}
	case p.place(inner):
	case p.out.PID == 0 && isPID(inner):
		p.out.PID, _ = number(inner)
	case strings.HasPrefix(inner, "pid "):
		p.apachePID(inner)
	case p.out.Logger == "" && isSureName(inner):
		p.out.Logger = inner
		if rest := p.line[p.skipBlanks(next):]; strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, ": ") {
			next = p.skipBlanks(next) + 1
		}
	case p.out.Thread == "" && isThread(inner):
		p.out.Thread = inner
	default:
		return i, false
	}
	return next, true
}

func (p *parser) bracketBeforeLevel(inner string) bool {
	switch module, level, ok := strings.Cut(inner, ":"); {
	case isPID(inner) && p.out.PID == 0:
		p.out.PID, _ = number(inner)
	case p.place(inner):
	case ok && isName(module) && len(module) < 32:
		n, isLevel := bracketLevel(level)
		if !isLevel { // Apache has trace1 to trace8
			if len(level) != 6 || level[:5] != "trace" {
				return false
			}
			n, _ = bracketLevel(level[:5])
		}
		p.out.Logger = module
		p.severity(level, n)
	case p.out.Thread == "":
		p.out.Thread = inner
	case p.out.Logger == "" && isSureName(inner):
		p.out.Logger = inner
	default:
		p.field("context", inner)
	}
	return true
}

// isThread knows the names that Java gives to threads, and Python.
func isThread(s string) bool {
	if s == "main" || s == "MainThread" {
		return true
	}
	dash := strings.LastIndexByte(s, '-')
	if dash < 0 || dash == len(s)-1 {
		return false
	}
	last := s[len(s)-1]
	return isDigit(last) && (strings.Contains(s, "hread") || strings.Contains(s, "exec") || strings.Contains(s, "ool") || strings.Contains(s, "orker"))
}

// parenthesis takes (1234), (MainThread), (Orders.java:42) and {file.py:42} at i.
func (p *parser) parenthesis(i int, levelled bool) (next int, ok bool) {
	closing := byte(')')
	if p.line[i] == '{' {
		closing = '}'
	}
	end := strings.IndexByte(p.line[i:], closing)
	if end < 2 || end > 120 {
		return i, false
	}
	inner := p.line[i+1 : i+end]
	next = i + end + 1
	colon := next < len(p.line) && p.line[next] == ':'
	switch {
	case p.place(inner):
	case p.out.PID == 0 && isPID(inner) && (colon || !levelled):
		p.out.PID, _ = number(inner)
	case levelled && colon && p.out.Logger == "": // pino-pretty's (name/1234):
		name, pid, ok := strings.Cut(inner, "/")
		if !ok || !isName(name) || !isPID(pid) {
			return i, false
		}
		p.out.Logger = name
		p.out.PID, _ = number(pid)
	case !levelled && p.out.Thread == "" && isName(inner) && p.levelAt(p.skipBlanks(next)):
		p.out.Thread = inner
	default:
		return i, false
	}
	if colon {
		next++
	}
	return next, true
}

// tail is the message from i on, without the parts at its end that belong to the
// head: nginx's pairs, and the class in parentheses that Kafka writes.
func (p *parser) tail(i int) bool {
	if i < len(p.line) && (strings.HasPrefix(p.line[i:], "- ") || strings.HasPrefix(p.line[i:], ": ")) && p.out.SeverityText != "" {
		i++
	}
	p.message(i)
	if len(p.line) < len(p.text) {
		return true
	}
	out := p.out
	if n := len(out.Message); n > 4 && out.Message[n-1] == ')' && out.Logger == "" && out.SeverityText != "" {
		open := strings.LastIndexByte(out.Message, '(')
		name := out.Message[open+1 : n-1]
		if open > 0 && out.Message[open-1] == ' ' && strings.Count(name, ".") > 1 && isSureName(name) {
			out.Logger = name
			out.Message = out.Message[:open-1]
		}
	}
	return true
}
