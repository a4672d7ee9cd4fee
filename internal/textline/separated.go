package textline

import "strings"

// maxParts bounds the parts of a line's head; no layout has more.
const maxParts = 8

// pipes reads " | INFO | name:function:42 | message": at i is the first bar.
func (p *parser) pipes(i int) bool {
	levelled := p.out.SeverityText != ""
	for range maxParts {
		start := i + 1 // i is at a bar
		end := strings.IndexByte(p.line[start:], '|')
		if end < 0 {
			return p.loguru(start)
		}
		part := strings.Trim(p.line[start:start+end], " \t")
		if !p.part(part, &levelled) {
			return p.message(start)
		}
		i = start + end
	}
	return p.message(i + 1)
}

// part takes one part between separators, unless it belongs to the message.
func (p *parser) part(part string, levelled *bool) bool {
	if !*levelled {
		if n, ok := bracketLevel(part); ok {
			p.severity(part, n)
			*levelled = true
			return true
		}
	}
	bare := part
	if len(part) > 2 && part[0] == '[' && part[len(part)-1] == ']' {
		bare = part[1 : len(part)-1]
	}
	switch {
	case part == "":
		return true
	case p.namedPlace(bare):
		return true
	case p.out.PID == 0 && isPID(bare):
		p.out.PID, _ = number(bare)
		return true
	case !isName(bare):
		return false
	case isThread(bare) && p.out.Thread == "":
		p.out.Thread = bare
		return true
	case p.out.Logger == "":
		p.out.Logger = bare
		return true
	case p.out.Function == "" && !*levelled:
		p.out.Function = bare
		return true
	}
	return false
}

func isPID(s string) bool {
	n, ok := number(s)
	return ok && n > 0 && n < 1<<32
}

// loguru reads "module:function:42 - message", the end of loguru's default.
func (p *parser) loguru(start int) bool {
	at := p.skipBlanks(start)
	rest := p.line[at:]
	if head, _, ok := strings.Cut(rest, " - "); ok && len(head) < 256 && p.place(head) {
		return p.message(at + len(head) + len(" - "))
	}
	return p.message(start)
}

// dashes reads " - name - INFO - message": at i is the first dash.
func (p *parser) dashes(i int) bool {
	const separator = " - "
	first := p.skipBlanks(i + 1)
	at := first
	saved := *p.out
	levelled := p.out.SeverityText != ""
	for range maxParts {
		part, _, ok := strings.Cut(p.line[at:], separator)
		if !ok || len(part) > 120 {
			break
		}
		part = strings.Trim(part, " \t")
		switch {
		case !levelled:
			if !p.part(part, &levelled) {
				*p.out = saved // no severity among the first parts: they are the message
				return p.message(first)
			}
		case part == "":
		case !p.afterLevel(part):
			return p.message(at)
		}
		end := strings.Index(p.line[at:], separator)
		at += end + len(separator)
	}
	if !levelled {
		// The severity may stand last, before a colon: "- name - INFO: message".
		word, _, ok := strings.Cut(p.line[at:], ":")
		if n, isLevel := bracketLevel(word); ok && isLevel {
			p.severity(word, n)
			return p.message(at + len(word) + 1)
		}
		*p.out = saved
		return p.message(first)
	}
	return p.message(at)
}

// afterLevel takes a part between dashes behind the severity, if it is surely none
// of the message.
func (p *parser) afterLevel(part string) bool {
	bare := part
	if len(part) > 2 && part[0] == '[' && part[len(part)-1] == ']' {
		bare = part[1 : len(part)-1]
	}
	switch {
	case p.place(bare):
		return true
	case p.out.Logger == "" && isSureName(bare):
		p.out.Logger = bare
		return true
	}
	return false
}

// tabs reads what zap's console encoder writes behind the time; at i is a tab.
func (p *parser) tabs(i int) bool {
	levelled := p.out.SeverityText != ""
	for range maxParts {
		start := i + 1
		end := strings.IndexByte(p.line[start:], '\t')
		if end < 0 {
			return p.message(start)
		}
		part := p.line[start : start+end]
		switch n, isLevel := bracketLevel(part); {
		case !levelled && isLevel:
			p.severity(part, n)
			levelled = true
		case !levelled:
			return p.message(start)
		case p.place(part):
		case p.out.Logger == "" && p.out.File == "" && isName(part):
			p.out.Logger = part
		default:
			return p.zapMessage(start, start+end)
		}
		i = start + end
	}
	return p.message(i + 1)
}

// zapMessage ends the message at the tab before zap's fields, a JSON object.
func (p *parser) zapMessage(start, tab int) bool {
	if len(p.text) == len(p.line) && strings.HasPrefix(p.line[tab+1:], "{") && strings.HasSuffix(p.line, "}") {
		p.out.Message = p.line[start:tab]
		p.field("fields", p.line[tab+1:])
		return true
	}
	return p.message(start)
}
