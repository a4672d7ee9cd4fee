package jsonline

import "github.com/heartwood-otel/heartwood/internal/linepair"

// skip checks the object or array at line[i] without taking it apart, however deep
// it is, and gives the place behind it.
func (p *Parser) skip(line string, i int) (next int, cause Cause) {
	mark := len(p.scratch)
	defer func() { p.scratch = p.scratch[:mark] }()
	var (
		arrays bitStack // of each object or array that is open: whether it is an array
		pair   linepair.Pair
		first  bool
	)
	for {
		if i = blanks(line, i); i == len(line) {
			return i, UnexpectedEnd
		}
		if first && (line[i] == '}' && !arrays.top() || line[i] == ']' && arrays.top()) {
			goto closing
		}
		if arrays.n > 0 && !arrays.top() {
			if line[i] != '"' {
				return i, MissingKey
			}
			if i, _, cause = p.key(&pair, line, i); cause != 0 {
				return i, cause
			}
			if i = blanks(line, i); i == len(line) {
				return i, UnexpectedEnd
			}
			if line[i] != ':' {
				return i, MissingColon
			}
			if i = blanks(line, i+1); i == len(line) {
				return i, UnexpectedEnd
			}
		}
		first = false
		switch c := line[i]; c {
		case '"':
			if i, cause = p.text(&pair, line, i); cause != 0 {
				return i, cause
			}
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			if next = number(&pair, line, i); next < 0 {
				return i, InvalidNumber
			}
			i = next
		case 't', 'f', 'n':
			if next = literal(&pair, line, i); next < 0 {
				return i, MissingValue
			}
			i = next
		case '{', '[':
			arrays.push(c == '[')
			first = true
			i++
			continue
		default:
			return i, MissingValue
		}
		p.scratch = p.scratch[:mark]
	behind:
		if i = blanks(line, i); i == len(line) {
			return i, UnexpectedEnd
		}
		if line[i] == ',' {
			i++
			continue
		}
		if line[i] != '}' && !arrays.top() || line[i] != ']' && arrays.top() {
			return i, MissingComma
		}
	closing:
		i++
		first = false
		if arrays.pop(); arrays.n == 0 {
			return i, 0
		}
		goto behind
	}
}

// bitStack is a stack of booleans, one bit each: a line of 1 MiB can open a million
// arrays.
type bitStack struct {
	words []uint64
	n     int
}

func (s *bitStack) push(b bool) {
	if s.n>>6 == len(s.words) {
		s.words = append(s.words, 0)
	}
	bit := uint64(1) << (s.n & 63)
	s.words[s.n>>6] &^= bit
	if b {
		s.words[s.n>>6] |= bit
	}
	s.n++
}

func (s *bitStack) pop() { s.n-- }

func (s *bitStack) top() bool { return s.words[(s.n-1)>>6]>>((s.n-1)&63)&1 != 0 }
