package logfmt

import "unsafe"

// odd reads the pair that begins at line[i], which is no blank, byte by byte:
// with escapes, with a quoted key, or wrong. It returns the place after it.
func (p *Parser) odd(pair *Pair, line string, i int) int {
	*pair = Pair{}
	start := i
	switch line[i] {
	case '"':
		var decoded bool
		pair.Key, i, decoded = p.quoted(line, i)
		if decoded {
			pair.Flags |= flagVolatile
		}
	case '=':
		p.fail(i, MissingKey)
	default:
		for i < len(line) && line[i] != ' ' && line[i] != '\t' && line[i] != '=' {
			p.high |= uint64(line[i])
			if line[i] == '"' {
				p.fail(i, QuoteInKey)
			} else if line[i] < ' ' {
				p.fail(i, ControlCharacter)
			}
			i++
		}
		pair.Key = line[start:i]
	}
	pair.Bits = p.hasher.hashKey(pair.Key)
	if i == len(line) || line[i] != '=' {
		pair.Kind = Bool
		pair.Flags |= flagBare
		return i
	}
	i++
	if i < len(line) && line[i] == '"' {
		var decoded bool
		pair.Value, i, decoded = p.quoted(line, i)
		if decoded {
			pair.Flags |= flagVolatile
		}
		if i < len(line) && line[i] == '=' {
			p.fail(i, TextAfterQuote)
		}
		return i
	}
	start = i
	quotes, last := 0, 0
	for i < len(line) && line[i] != ' ' && line[i] != '\t' {
		p.high |= uint64(line[i])
		if line[i] == '"' {
			quotes++
			last = i
		} else if line[i] < ' ' {
			p.fail(i, ControlCharacter)
		}
		i++
	}
	if quotes%2 == 1 {
		p.fail(last, UnbalancedQuote)
	}
	pair.Value = line[start:i]
	if pair.Value != "" {
		pair.Kind = p.hints[pair.Value[0]]
	}
	return i
}

// quoted reads the quoted text that begins with the quote at line[open]. It
// returns the text, the place after it, and whether the text is a decoded copy.
func (p *Parser) quoted(line string, open int) (text string, next int, decoded bool) {
	escaped := false
	i := open + 1
	for ; ; i++ {
		i = p.quotedStop(line, i)
		if i >= len(line) {
			p.fail(open, UnterminatedQuote)
			return line[open+1:], len(line), false
		}
		c := line[i]
		if c == '"' {
			break
		}
		if c == '\\' {
			escaped = true
			i++
			if i == len(line) {
				continue
			}
			c = line[i] // beyond ASCII, it is an invalid escape
		}
		if c < ' ' && c != '\t' {
			p.fail(i, ControlCharacter)
		}
	}
	text = line[open+1 : i]
	next = i + 1
	if next < len(line) && line[next] != ' ' && line[next] != '\t' && line[next] != '=' {
		p.fail(next, TextAfterQuote)
	}
	if !escaped {
		return text, next, false
	}
	mark := len(p.scratch)
	scratch, at, cause := appendUnescaped(p.scratch, text)
	if cause != 0 {
		p.fail(open+1+at, cause)
		return text, next, false
	}
	p.scratch = scratch
	return unsafe.String(unsafe.SliceData(scratch[mark:]), len(scratch)-mark), next, true
}
