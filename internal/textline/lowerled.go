package textline

import "strings"

// lowerLed reads winston's "info: message", .NET's "info: Category[0]", and Go's
// log with a prefix.
func (p *parser) lowerLed(i int) bool {
	end := i
	for end < len(p.line) && end < i+maxPrefix && isNameByte(p.line[end]) {
		end++
	}
	if end+2 > len(p.line) || p.line[end] != ':' || p.line[end+1] != ' ' {
		return false
	}
	word := p.line[i:end]
	at := p.skipBlanks(end + 1)
	if at == len(p.line) {
		return false
	}
	if isDigit(p.line[at]) {
		if next, ok := p.time(at); ok && p.line[at:][2] != ':' {
			p.out.Logger = word
			return p.header(next)
		}
	}
	n, ok := lowerLevel(word)
	if ok {
		p.d.lowerFirst = true
	} else if n, ok = timedLevel(word); !ok || !p.d.lowerFirst {
		return false
	}
	p.severity(word, n)
	if category, ok := dotNetCategory(p.line[at:]); ok {
		p.dotNet(at, category)
		return true
	}
	return p.message(at)
}

// dotNetCategory knows "Shop.Orders[17]", alone on its line.
func dotNetCategory(s string) (category string, ok bool) {
	open := strings.IndexByte(s, '[')
	if open < 1 || s[len(s)-1] != ']' || !isName(s[:open]) {
		return "", false
	}
	if id := strings.TrimPrefix(s[open+1:len(s)-1], "-"); id != "0" && !isPID(id) {
		return "", false
	}
	return s[:open], true
}

// dotNet takes the category and the event's id, and the message of the next line.
func (p *parser) dotNet(at int, category string) {
	p.out.Logger = category
	if id := p.line[at+len(category)+1 : len(p.line)-1]; id != "0" {
		p.field("event.id", id)
	}
	rest := strings.TrimLeft(p.text[len(p.line):], "\r\n")
	if rest == "" {
		p.out.Head = true
		return
	}
	p.out.Message = strings.TrimLeft(rest, " ")
}
