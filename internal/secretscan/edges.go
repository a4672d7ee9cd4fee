package secretscan

// at gives text[i], or 0 outside of it.
func at(text string, i int) byte {
	if uint(i) < uint(len(text)) {
		return text[i]
	}
	return 0
}

func isHex(c byte) bool   { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// isWord is true of what a token may go on with.
func isWord(c byte) bool { return isAlnum(c) || c == '_' }

// leftEdge says whether a token may begin at i: nothing of a word stands before it,
// an escaped line break or tab and a terminal's colour aside.
func leftEdge(text string, i int) bool {
	if i == 0 || !isWord(text[i-1]) {
		return true
	}
	switch text[i-1] {
	case 'n', 'r', 't':
		return i > 1 && text[i-2] == '\\'
	case 'm': // ESC [ 31 m
		j := i - 1
		for j > 0 && i-j < 8 && (isDigit(text[j-1]) || text[j-1] == ';') {
			j--
		}
		return j > 0 && text[j-1] == '['
	}
	return false
}

// rightEdge says whether a token may end before i.
func rightEdge(text string, i int) bool { return i >= len(text) || !isWord(text[i]) }

// span gives the end of the run of bytes in set that begins at i, at most limit long.
func span(text string, i, limit int, set *[256]bool) int {
	end := min(len(text), i+limit)
	for i < end && set[text[i]] {
		i++
	}
	return i
}

func setOf(extra string, of ...func(byte) bool) *[256]bool {
	var set [256]bool
	for c := range 256 {
		for _, f := range of {
			set[c] = set[c] || f(byte(c))
		}
	}
	for i := range len(extra) {
		set[extra[i]] = true
	}
	return &set
}

var (
	alnumSet     = setOf("", isAlnum)
	wordSet      = setOf("_", isAlnum)
	base64URLSet = setOf("_-", isAlnum)
	base64Set    = setOf("+/", isAlnum)
	token68Set   = setOf("-._~+/", isAlnum)
	hexSet       = setOf("", isHex)
	colonSet     = setOf(":", isHex)
	digitSet     = setOf("", isDigit)
	upperSet     = setOf("", isUpper, isDigit)
	keySet       = setOf("_-.", isAlnum) // what a name is made of
)
