package logstream

import "bytes"

// looksLikeJSON reports whether line begins as a JSON object with a key does, or is
// an empty one.
func looksLikeJSON(line []byte) bool {
	i := skipBlanks(line, 0)
	if i == len(line) || line[i] != '{' {
		return false
	}
	i = skipBlanks(line, i+1)
	return i < len(line) && (line[i] == '"' || line[i] == '}')
}

// logfmtLook is how many words of a line tell whether it is logfmt.
const logfmtLook = 6

// looksLikeLogfmt reports whether line begins with key=value and goes on so: of its
// first words, no fewer are pairs than are not. "x=1 is what we want" is no logfmt,
// and neither is "GET /?a=b".
func looksLikeLogfmt(line []byte) bool {
	i := skipBlanks(line, 0)
	pairs := 0
	for words := 1; ; words++ {
		end, isPair := logfmtWord(line, i)
		if isPair {
			pairs++
		}
		if pairs == 0 {
			return false // the first word decides most lines
		}
		i = skipBlanks(line, end)
		if i == len(line) || words == logfmtLook {
			return 2*pairs >= words
		}
	}
}

// logfmtWord is the end of the word at i, and whether it is key=value.
func logfmtWord(line []byte, i int) (end int, isPair bool) {
	start := i
	for i < len(line) && isKeyByte[line[i]] {
		i++
	}
	if i == start || i == len(line) || line[i] != '=' || i+1 < len(line) && line[i+1] == '=' {
		for i < len(line) && line[i] != ' ' && line[i] != '\t' {
			i++
		}
		return i, false
	}
	i++
	if i < len(line) && line[i] == '"' {
		for i++; i < len(line); i++ {
			switch line[i] {
			case '\\':
				i++
			case '"':
				return i + 1, true
			}
		}
		return len(line), true
	}
	for i < len(line) && line[i] != ' ' && line[i] != '\t' {
		i++
	}
	return i, true
}

// isKeyByte are the bytes of the keys that loggers write.
var isKeyByte = func() (table [256]bool) {
	for c := range 256 {
		table[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
	}
	for _, c := range []byte("_-.#@/$:") {
		table[c] = true
	}
	return table
}()

// looksLikeAccess reports whether line holds what is in every access log's line: a
// time in brackets and a request in quotes behind it.
func looksLikeAccess(line []byte) bool {
	i := bytes.Index(line, []byte(`] "`))
	return i > 0 && bytes.IndexByte(line[:i], '[') >= 0
}

func skipBlanks(line []byte, i int) int {
	for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
		i++
	}
	return i
}

func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}
