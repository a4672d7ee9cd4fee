package textline

import (
	"strings"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// monthLed reads syslog's "Apr  9 10:15:30 host program[1234]: message" and
// java.util.logging's two lines.
func (p *parser) monthLed(i int) bool {
	next, ok := p.time(i)
	if !ok {
		return false
	}
	if p.line[i+3] == ' ' && (p.line[next-1] == 'M') {
		return p.jul(next)
	}
	return p.syslog(next)
}

// jul reads "com.example.Main main" behind the time, and the severity and the
// message of the second line where it has been joined.
func (p *parser) jul(i int) bool {
	at := p.skipBlanks(i)
	space := strings.IndexByte(p.line[at:], ' ')
	if space < 0 {
		p.out.Logger = p.line[at:]
	} else {
		p.out.Logger = p.line[at : at+space]
		p.out.Function = strings.Trim(p.line[at+space:], " ")
	}
	second := len(p.line)
	for second < len(p.text) && (p.text[second] == '\r' || p.text[second] == '\n') {
		second++
	}
	if second == len(p.text) {
		p.out.Head = true
		return true
	}
	word, _, ok := strings.Cut(p.text[second:min(second+16, len(p.text))], ": ")
	if n, isLevel := severity.FromText(word); ok && isLevel {
		p.severity(word, n)
		return p.after(second + len(word) + 2)
	}
	return p.after(second)
}

// syslog reads "host program[1234]: message" behind the time.
func (p *parser) syslog(i int) bool {
	at := p.skipBlanks(i)
	host := strings.IndexByte(p.line[at:], ' ')
	if host < 0 {
		return p.header(i)
	}
	start := at + host + 1
	colon := strings.Index(p.line[start:min(start+80, len(p.line))], ": ")
	if colon < 1 || !isName(p.line[at:at+host]) {
		return p.header(i)
	}
	if _, level := capitalLevel(p.line[at : at+host]); level {
		return p.header(i)
	}
	program, pid, bracketed := strings.Cut(p.line[start:start+colon], "[")
	pid = strings.TrimSuffix(pid, "]")
	if !isName(program) || bracketed && !isPID(pid) {
		return p.header(i)
	}
	p.field("host.name", p.line[at:at+host])
	p.out.Logger = program
	if bracketed {
		p.out.PID, _ = number(pid)
	}
	return p.message(start + colon + 1)
}
