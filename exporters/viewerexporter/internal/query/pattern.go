package query

import (
	"bytes"
	"strings"
)

// Pattern is a text, or parts of one with any text between them.
type Pattern struct {
	// Parts are there in this order, without overlap. None is empty.
	Parts []string
	// Start and End say that the first part begins the value, and the last one ends it.
	Start, End bool
	// Folded: Parts are in AppendFold's form, and so must a value be.
	Folded bool
}

// literal is a pattern of the one text, which is the whole value.
func literal(text string, folded bool) Pattern {
	p := Pattern{Start: true, End: true, Folded: folded}
	if folded {
		text = Fold(text)
	}
	if text != "" {
		p.Parts = []string{text}
	}
	return p
}

// wildcard reads `*` as any text.
func wildcard(text string) Pattern {
	p := Pattern{Start: !strings.HasPrefix(text, "*"), End: !strings.HasSuffix(text, "*"), Folded: true}
	for part := range strings.SplitSeq(Fold(text), "*") {
		if part != "" {
			p.Parts = append(p.Parts, part)
		}
	}
	return p
}

// Whole is the text that a value must be, in AppendFold's form, if there is only one.
func (p *Pattern) Whole() (text string, ok bool) {
	if !p.Start || !p.End || len(p.Parts) > 1 {
		return "", false
	}
	if len(p.Parts) == 0 {
		return "", true
	}
	return Fold(p.Parts[0]), true
}

// Match says whether a value, as it was written, fits.
func (p *Pattern) Match(value []byte) bool {
	if !p.Folded {
		return p.MatchFolded(value)
	}
	var buf [256]byte
	return p.MatchFolded(AppendFold(buf[:0], value))
}

// MatchString is Match.
func (p *Pattern) MatchString(value string) bool {
	var buf [256]byte
	if p.Folded {
		return p.MatchFolded(AppendFold(buf[:0], value))
	}
	return p.MatchFolded(append(buf[:0], value...))
}

// MatchFolded is Match for a value that is already in AppendFold's form where Folded asks for it.
func (p *Pattern) MatchFolded(value []byte) bool {
	parts := p.Parts
	if len(parts) == 0 {
		return !p.Start || !p.End || len(value) == 0
	}
	if p.Start {
		if !hasPrefix(value, parts[0]) {
			return false
		}
		value = value[len(parts[0]):]
		parts = parts[1:]
		if len(parts) == 0 {
			return !p.End || len(value) == 0
		}
	}
	if p.End {
		last := parts[len(parts)-1]
		if len(value) < len(last) || string(value[len(value)-len(last):]) != last {
			return false
		}
		value = value[:len(value)-len(last)]
		parts = parts[:len(parts)-1]
	}
	for _, part := range parts {
		at := bytes.Index(value, []byte(part))
		if at < 0 {
			return false
		}
		value = value[at+len(part):]
	}
	return true
}

func hasPrefix(value []byte, prefix string) bool {
	return len(value) >= len(prefix) && string(value[:len(prefix)]) == prefix
}
