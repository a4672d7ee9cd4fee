package textline

import (
	"strings"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// nginx reads the process and thread of "1234#5678:".
func (p *parser) nginx(word string) bool {
	pid, tid, ok := strings.Cut(word, "#")
	if !ok || !isPID(pid) || !isPID(tid) {
		return false
	}
	p.out.PID, _ = number(pid)
	p.out.Thread = tid
	return true
}

// nginxTail reads what stands behind "[error] ": process, connection, message and
// the pairs at its end. Source: ngx_http_log_error_handler of nginx.
func (p *parser) nginxTail(i int) (ok bool) {
	end := strings.IndexByte(p.line[i:], ':')
	if end < 0 {
		return false
	}
	if !p.nginx(p.line[i : i+end]) {
		return false
	}
	i = p.skipBlanks(i + end + 1)
	if i < len(p.line) && p.line[i] == '*' {
		end := strings.IndexByte(p.line[i:], ' ')
		if end > 1 && isPID(p.line[i+1:i+end]) {
			p.field("nginx.connection", p.line[i+1:i+end])
			i = p.skipBlanks(i + end)
		}
	}
	p.message(i)
	if len(p.line) == len(p.text) {
		p.nginxPairs()
	}
	return true
}

// nginxPairs takes ", client: 10.0.0.1, server: x, request: "GET / HTTP/1.1"" off
// the end of the message. Only the names that nginx writes count, and what stands
// in quotes is whole.
func (p *parser) nginxPairs() {
	message := p.out.Message
	cut := strings.Index(message, ", client: ")
	if cut < 0 {
		return
	}
	before := len(p.out.Fields)
	rest := message[cut:]
	for rest != "" {
		key, value, ok := strings.Cut(strings.TrimPrefix(rest, ", "), ": ")
		name := nginxName(key)
		if !ok || name == "" || !strings.HasPrefix(rest, ", ") || len(p.out.Fields) == maxFields {
			p.out.Fields = p.out.Fields[:before]
			return
		}
		end := strings.Index(value, ", ")
		if value != "" && value[0] == '"' {
			if end = strings.Index(value[1:], `"`); end < 0 {
				p.out.Fields = p.out.Fields[:before]
				return
			}
			p.field(name, value[1:end+1])
			rest = value[end+2:]
			continue
		}
		if end < 0 {
			end = len(value)
		}
		p.field(name, value[:end])
		rest = value[end:]
	}
	p.out.Message = message[:cut]
}

func nginxName(key string) string {
	switch key {
	case "client":
		return "client.address"
	case "server":
		return "nginx.server"
	case "request":
		return "nginx.request"
	case "subrequest":
		return "nginx.subrequest"
	case "upstream":
		return "nginx.upstream"
	case "host":
		return "nginx.host"
	case "referrer":
		return "nginx.referrer"
	}
	return ""
}

// apachePID reads "pid 1234:tid 5678".
func (p *parser) apachePID(inner string) {
	pid, tid, _ := strings.Cut(strings.TrimPrefix(inner, "pid "), ":tid ")
	if isPID(pid) {
		p.out.PID, _ = number(pid)
	}
	p.out.Thread = tid
}

// postgresLevel is the severity of PostgreSQL's words, which stand before a colon
// and two blanks. The parts of a message that have no rank of their own are 0.
func postgresLevel(s string) (severity.Number, bool) {
	switch s {
	case "LOG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC", "DEBUG":
		return severity.FromText(s)
	case "DETAIL", "HINT", "QUERY", "CONTEXT", "LOCATION", "STATEMENT", "BACKTRACE":
		return severity.Unspecified, true
	}
	return 0, false
}

// isPostgres says whether "LOG:  " stands at i.
func (p *parser) isPostgres(i int) bool {
	end := strings.Index(p.line[i:min(i+16, len(p.line))], ":  ")
	if end < 0 {
		return false
	}
	_, ok := postgresLevel(p.line[i : i+end])
	return ok
}

// postgres takes "LOG:  message" at i.
func (p *parser) postgres(i int) bool {
	if !p.isPostgres(i) {
		return false
	}
	end := i + strings.IndexByte(p.line[i:], ':')
	n, _ := postgresLevel(p.line[i:end])
	p.severity(p.line[i:end], n)
	return p.message(end + 1)
}

// redis reads "1234:M 09 Apr 2026 10:15:30.123 * message" at i.
func (p *parser) redis(i int) bool {
	colon := strings.IndexByte(p.line[i:min(i+11, len(p.line))], ':')
	if colon < 1 || i+colon+4 > len(p.line) || p.line[i+colon+2] != ' ' || !isPID(p.line[i:i+colon]) {
		return false
	}
	role := p.line[i+colon+1]
	if strings.IndexByte("MSCX", role) < 0 {
		return false
	}
	at, ok := p.time(i + colon + 3)
	if !ok || at+3 > len(p.line) || p.line[at] != ' ' || p.line[at+2] != ' ' {
		return false
	}
	sign := p.line[at+1 : at+2]
	switch sign {
	case ".", "-":
		p.severity(sign, severity.Debug)
	case "*":
		p.severity(sign, severity.Info2)
	case "#":
		p.severity(sign, severity.Warn)
	default:
		return false
	}
	p.out.PID, _ = number(p.line[i : i+colon])
	p.field("redis.role", p.line[i+colon+1:i+colon+2])
	return p.message(at + 3)
}

// mysql reads "0 [System] [MY-010116] [Server] message" at i.
func (p *parser) mysql(i int) bool {
	end := strings.IndexByte(p.line[i:min(i+12, len(p.line))], ' ')
	if end < 1 {
		return false
	}
	id := p.line[i : i+end]
	if _, ok := number(id); !ok {
		return false
	}
	at := p.skipBlanks(i + end)
	if at == len(p.line) || p.line[at] != '[' {
		return false
	}
	end = strings.IndexByte(p.line[at:], ']')
	if end < 4 || end > 10 {
		return false
	}
	level := p.line[at+1 : at+end]
	switch level {
	case "System", "Note", "Warning", "ERROR", "Error":
	default:
		return false
	}
	n, _ := severity.FromText(level)
	p.severity(level, n)
	p.out.Thread = id
	at += end + 1
	for _, key := range [...]string{"mysql.error_code", "mysql.subsystem"} {
		next := p.skipBlanks(at)
		if next == len(p.line) || p.line[next] != '[' {
			break
		}
		end := strings.IndexByte(p.line[next:], ']')
		if end < 2 || end > 32 {
			break
		}
		p.field(key, p.line[next+1:next+end])
		at = next + end + 1
	}
	return p.message(at)
}

// php reads "PHP Fatal error:  message" at i.
func (p *parser) php(i int) bool {
	const prefix = "PHP "
	if !strings.HasPrefix(p.line[i:], prefix) {
		return false
	}
	i += len(prefix)
	end := strings.IndexByte(p.line[i:min(i+32, len(p.line))], ':')
	if end < 0 {
		return false
	}
	var n severity.Number
	level := p.line[i : i+end]
	switch level {
	case "Fatal error", "Parse error", "Core error", "Compile error":
		n = severity.Fatal
	case "Recoverable fatal error", "Catchable fatal error":
		n = severity.Error
	case "Warning", "Core warning", "Compile warning":
		n = severity.Warn
	case "Notice":
		n = severity.Info2
	case "Deprecated", "Strict Standards":
		n = severity.Info
	default:
		return false
	}
	p.severity(level, n)
	return p.message(i + end + 1)
}
