package textline

import (
	"strings"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// digitLed reads a line that begins with a time, or with Redis' process.
func (p *parser) digitLed(i int) bool {
	next, ok := p.time(i)
	if !ok {
		return p.redis(i)
	}
	if next < len(p.line) && isWordByte(p.line[next]) {
		return false
	}
	at := p.skipBlanks(next)
	if at < len(p.line) {
		switch c := p.line[at]; {
		case isDigit(c):
			if p.mysql(at) {
				return true
			}
		case c == '[':
			if done := p.bracketedServer(at); done {
				return true
			}
		case c >= 'A' && c <= 'Z':
			if p.postgres(at) {
				return true
			}
		}
	}
	return p.header(next)
}

// bracketedServer reads what nginx and PostgreSQL write behind the time.
func (p *parser) bracketedServer(i int) bool {
	end := strings.IndexByte(p.line[i:], ']')
	if end < 2 || end > 24 {
		return false
	}
	inner := p.line[i+1 : i+end]
	after := p.skipBlanks(i + end + 1)
	if after == len(p.line) {
		return false
	}
	if n, ok := bracketLevel(inner); ok && isDigit(p.line[after]) {
		if !p.nginxTail(after) {
			return false
		}
		p.severity(inner, n)
		return true
	}
	pid, _, _ := strings.Cut(inner, "-") // PostgreSQL's %p-%l
	if !isPID(pid) {
		return false
	}
	at := after
	user, database := "", ""
	if space := strings.IndexByte(p.line[at:], ' '); space > 0 && !p.isPostgres(at) {
		var ok bool
		if user, database, ok = strings.Cut(p.line[at:at+space], "@"); !ok {
			return false
		}
		at = p.skipBlanks(at + space)
	}
	if !p.postgres(at) {
		return false
	}
	p.out.PID, _ = number(pid)
	if user != "" || database != "" {
		p.field("postgresql.user", user)
		p.field("db.namespace", database)
	}
	return true
}

// bracketLed reads a line that begins with a bracket.
func (p *parser) bracketLed(i int) bool {
	end := strings.IndexByte(p.line[i:], ']')
	if end < 2 || end > 200 {
		return false
	}
	end += i
	if next, ok := p.time(i + 1); ok && next <= end {
		return p.timeInBracket(next, end)
	}
	inner := p.line[i+1 : end]
	if len(inner) > 12 && inner[1] == ' ' { // tornado's [I 260409 10:15:30 web:2271]
		return p.tornado(i+1, end)
	}
	if n, ok := bracketLevel(inner); ok {
		p.severity(inner, n)
		next := end + 1
		if next < len(p.line) && p.line[next] == ':' {
			next++
		}
		if at := p.skipBlanks(next); at < len(p.line) && (isDigit(p.line[at]) || p.line[at] == '[') {
			if after, ok := p.time(at); ok {
				return p.header(after)
			}
			if p.line[at] == '[' {
				if after, ok := p.time(at + 1); ok && after < len(p.line) && p.line[after] == ']' {
					return p.header(after + 1)
				}
			}
		}
		return p.message(next)
	}
	// slf4j's simple logger: [main] INFO com.example.Main - message
	at := p.skipBlanks(end + 1)
	word, ok := p.levelWordAt(at)
	if !ok || !isName(inner) {
		return false
	}
	space := strings.IndexByte(p.line[at+len(word):], ' ')
	if _, core := coreLevel(word); !core || space != 0 || !strings.Contains(p.line[at:], " - ") {
		return false
	}
	p.out.Thread = inner
	return p.tokens(at)
}

// timeInBracket reads [time] and what else the bracket may hold behind the time;
// end is where it closes.
func (p *parser) timeInBracket(next, end int) bool {
	rest := p.line[next:end]
	switch {
	case rest == "":
		at := p.skipBlanks(end + 1)
		if p.php(at) || p.monolog(at) {
			return true
		}
		return p.header(end + 1)
	case strings.HasPrefix(rest, ": "): // Celery's : INFO/MainProcess
		level, process, _ := strings.Cut(rest[2:], "/")
		n, ok := bracketLevel(level)
		if !ok {
			return false
		}
		p.severity(level, n)
		p.out.Thread = process
		return p.message(end + 1)
	case rest[0] == ' ':
		word, name, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
		if n, ok := bracketLevel(word); ok { // env_logger, Serilog
			p.severity(word, n)
			p.out.Logger = strings.Trim(name, " ")
			return p.message(end + 1)
		}
		if word == "" {
			return p.header(end + 1)
		}
		if word[0] == '#' && isPID(word[1:]) && name == "" {
			p.out.PID, _ = number(word[1:])
			return p.header(end + 1)
		}
		// The name of a zone, or what else a format put there.
		p.field("context", strings.Trim(rest, " "))
		return p.header(end + 1)
	}
	return false
}

// monolog reads "channel.ERROR: message" at i.
func (p *parser) monolog(i int) bool {
	end := strings.Index(p.line[i:min(i+100, len(p.line))], ": ")
	if end < 3 {
		return false
	}
	channel, level, ok := strings.Cut(p.line[i:i+end], ".")
	if !ok || !isName(channel) {
		return false
	}
	n, ok := capitalLevel(level)
	if !ok {
		return false
	}
	p.severity(level, n)
	p.out.Logger = channel
	return p.message(i + end + 1)
}

// tornado reads "I 260409 10:15:30 web:2271" and "I 2026-04-09 10:15:30.123 App"
// from i to end.
func (p *parser) tornado(i, end int) bool {
	n, ok := letterLevel(p.line[i])
	if !ok {
		return false
	}
	at := i + 2
	next, ok := p.time(at)
	if !ok {
		if !p.shortDate(at, p.line[at:end]) {
			return false
		}
		next = at + len("260409 10:15:30")
	}
	if next > end {
		return false
	}
	p.severity(p.line[i:i+1], n)
	if rest := strings.Trim(p.line[next:end], " "); rest != "" && !p.namedPlace(rest) {
		p.out.Logger = rest
	}
	return p.message(end + 1)
}

// shortDate reads 260409 10:15:30.
func (p *parser) shortDate(_ int, s string) bool {
	if len(s) < len("260409 10:15:30") || s[6] != ' ' {
		return false
	}
	n, ok := number(s[:6])
	sec, nanos, next, ok2 := clockAt(s, 7)
	if !ok || !ok2 {
		return false
	}
	t, _, ok := p.d.date(2000+n/10000, n/100%100, n%100, sec, nanos, s, next)
	if ok {
		p.out.Time, p.out.HasTime = t, true
	}
	return ok
}

// letterLevel knows the letters of glog and tornado.
func letterLevel(c byte) (severity.Number, bool) {
	switch c {
	case 'D':
		return severity.Debug, true
	case 'I':
		return severity.Info, true
	case 'W':
		return severity.Warn, true
	case 'E':
		return severity.Error, true
	case 'F', 'C':
		return severity.Fatal, true
	}
	return 0, false
}

// upperLed reads a line that begins with a capital.
func (p *parser) upperLed(i int) bool {
	s := p.line[i:]
	if len(s) < 5 {
		return false
	}
	switch {
	case isDigit(s[1]):
		return p.klog(i)
	case s[1] == ',':
		return p.ruby(i)
	case s[1] >= 'a':
		return p.monthLed(i)
	}
	if strings.HasPrefix(s, "PHP ") {
		return p.php(i)
	}
	end := 1
	for end < len(s) && end < 12 && s[end] >= 'A' && s[end] <= 'Z' {
		end++
	}
	if end == len(s) || end < 3 {
		return false
	}
	word := s[:end]
	after := i + end
	switch s[end] {
	case ':':
		if p.postgres(i) {
			return true
		}
		if n, ok := capitalLevel(word); ok || word == "CONFIG" || word == "FINE" {
			if !ok {
				n, _ = severity.FromText(word)
			}
			p.severity(word, n)
			return p.basicConfig(after + 1)
		}
	case '[': // logrus on a terminal: INFO[0000] message
		n, ok := capitalLevel(word)
		closing := strings.IndexByte(s, ']')
		if !ok || closing < 0 || closing > end+12 {
			return false
		}
		if _, ok := number(s[end+1 : closing]); !ok {
			return false
		}
		p.severity(word, n)
		return p.message(i + closing + 1)
	case ' ', '\t', '|':
		n, ok := coreLevel(word)
		if !ok {
			return false
		}
		p.severity(word, n)
		at := p.skipBlanks(after)
		if at == len(p.line) {
			return false
		}
		if isDigit(p.line[at]) { // Django's INFO 2026-04-09 10:15:30,123 module ...
			if next, ok := p.time(at); ok {
				return p.header(next)
			}
		}
		if p.line[at] == '[' {
			if next, ok := p.time(at + 1); ok && next < len(p.line) && p.line[next] == ']' {
				return p.header(next + 1)
			}
		}
		return p.header(after)
	}
	return false
}

// basicConfig reads what stands behind "INFO:": Python's name and a colon, or the
// message.
func (p *parser) basicConfig(i int) bool {
	if i < len(p.line) && p.line[i] != ' ' {
		name, _, ok := strings.Cut(p.line[i:], ":")
		if ok && isName(name) && len(name) < maxPrefix {
			p.out.Logger = name
			return p.after(i + len(name) + 1)
		}
	}
	return p.message(i)
}

// after is the message from i on, with its blanks.
func (p *parser) after(i int) bool {
	p.out.Message = p.text[i:]
	return true
}

// klog reads "I0409 10:15:30.123456    1234 file.go:42] message", and with a year,
// as glog for C++ and CockroachDB write it.
func (p *parser) klog(i int) bool {
	s := p.line[i:]
	n, ok := letterLevel(s[0])
	if !ok {
		return false
	}
	blank := strings.IndexByte(s[:min(10, len(s))], ' ')
	date, ok := number(s[1:max(blank, 1)])
	if !ok {
		return false
	}
	sec, nanos, next, ok := clockAt(s, blank+1)
	if !ok {
		return false
	}
	switch blank {
	case 5:
		p.out.Time, _, ok = p.d.nearestYear(date/100, date%100, sec, nanos, next, p.observed)
	case 7:
		p.out.Time, _, ok = p.d.date(2000+date/10000, date/100%100, date%100, sec, nanos, s, next)
	case 9:
		p.out.Time, _, ok = p.d.date(date/10000, date/100%100, date%100, sec, nanos, s, next)
	default:
		return false
	}
	if !ok {
		return false
	}
	p.out.HasTime = true
	at := p.skipBlanks(i + next)
	end := strings.IndexByte(p.line[at:], ' ')
	if end < 0 {
		return false
	}
	if pid := p.line[at : at+end]; isPID(pid) {
		p.out.PID, _ = number(pid)
		at = p.skipBlanks(at + end)
	}
	closing := strings.IndexAny(p.line[at:], "] ")
	if closing < 0 || !p.place(p.line[at:at+closing]) {
		return false
	}
	p.severity(s[:1], n)
	at += closing + 1
	return p.message(at)
}

// ruby reads "I, [2026-04-09T10:15:30.123456 #1234]  INFO -- prog: message".
func (p *parser) ruby(i int) bool {
	s := p.line[i:]
	if strings.IndexByte("DIWEFA", s[0]) < 0 || s[2] != ' ' || s[3] != '[' {
		return false
	}
	next, ok := p.time(i + 4)
	if !ok {
		return false
	}
	end := strings.IndexByte(p.line[next:], ']')
	if end < 0 || end > 16 {
		return false
	}
	if pid := strings.TrimLeft(p.line[next:next+end], " #"); isPID(pid) {
		p.out.PID, _ = number(pid)
	}
	at := p.skipBlanks(next + end + 1)
	dashes := strings.Index(p.line[at:], " -- ")
	if dashes < 3 || dashes > 8 {
		return false
	}
	level := p.line[at : at+dashes]
	n, ok := severity.FromText(level)
	if !ok {
		return false
	}
	p.severity(level, n)
	at += dashes + len(" -- ")
	name, _, ok := strings.Cut(p.line[at:], ":")
	if !ok {
		return p.message(at)
	}
	p.out.Logger = name
	at += len(name) + 1
	if at < len(p.line) && p.line[at] == ' ' {
		at++
	}
	return p.tags(at)
}

// tags reads Rails' [uuid] [tag] before the message: a UUID is the request's id.
func (p *parser) tags(i int) bool {
	for i < len(p.line) && p.line[i] == '[' {
		end := strings.IndexByte(p.line[i:], ']')
		if end != 37 || !isUUID(p.line[i+1:i+end]) {
			break
		}
		p.field("request.id", p.line[i+1:i+end])
		if i += end + 1; i < len(p.line) && p.line[i] == ' ' {
			i++
		}
	}
	return p.after(i)
}

func isUUID(s string) bool {
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return len(s) == 36
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
