package secretscan

import "strings"

const (
	maxNameSide = 64   // bytes of a name looked at on either side of its keyword
	maxValue    = 4096 // bytes of a value
	maxHeader   = 512  // bytes of an Authorization header
)

// assignment looks at a keyword of secret names, text[start:end]: if the whole name is
// one, and a value is given to it, that is a secret.
func (t *task) assignment(start, end int) {
	text := t.text
	if start < t.nameEnd {
		return
	}
	from := start
	for from > 0 && start-from < maxNameSide && keySet[text[from-1]] {
		from--
	}
	if from > 0 && text[from-1] == '\\' && from < start && (text[from] == 'n' || text[from] == 't' || text[from] == 'r') {
		from++
	}
	to := span(text, end, maxNameSide, keySet)
	for to > end && (text[to-1] == '.' || text[to-1] == '-') {
		to--
	}
	class := t.s.names.judge(text[from:to])
	if !class.assigned() && !class.secret() {
		return
	}
	v, ok := valueAfter(text, from, to)
	if !ok {
		return // "secret" may be the beginning of "secret key"
	}
	t.nameEnd = to
	if v.nested {
		if class.secret() {
			// All of it is passed over then. Where it is no secret its end isn't looked for,
			// so that this takes linear time.
			if v.end = nestedEnd(text, v.start, v.slashes); v.start < v.end {
				t.nestedSecret(class, v)
				return
			}
		}
		if v, ok = firstOf(text, v); !ok {
			return
		}
	}
	switch class {
	case nameCookie:
		t.cookie(v.start, lineEnd(text, v, maxValue))
		return
	case nameHeader:
		t.header(v.start, lineEnd(text, v, maxHeader))
		return
	}
	v.param = v.start == to+1 && (at(text, from-1) == '?' || at(text, from-1) == '&')
	if v.start == v.end || !t.plausible(class, v) {
		return
	}
	if v.end-v.start >= maxValue-1 {
		v.end = longEnd(text, v)
	}
	t.add(t.assigned(class), v.start, v.end)
	t.nameEnd = v.end
}

// assigned is the detector that what is assigned to a name of class belongs to.
func (t *task) assigned(class nameClass) int {
	if d := classDetector[class]; (class == nameCVV || class == namePINBlock) && t.s.on[d] {
		return d
	}
	return dAssignment
}

// A value is what was given to a name.
type value struct {
	start, end int
	quoted     bool
	slashes    int  // before each of the quotes
	nested     bool // an object or list of JSON, whose end is not known yet
	told       bool // in a sentence
	param      bool // of a parameter in a URL or a form
	spaced     bool // a space stands before it: prose, YAML or code
}

// valueAfter finds the value of the name text[from:to].
func valueAfter(text string, from, to int) (v value, ok bool) {
	i := to
	for n := 0; at(text, i) == '\\' && n < 7; n++ {
		i++
	}
	inJSON, slashes := false, i-to
	switch c := at(text, i); {
	case isQuote(c):
		i++
		inJSON = true
	case i > to:
		return v, false
	case c == '[' && at(text, i+1) == ']':
		i += 2
	case c == ']':
		i++
		if isQuote(at(text, i-1)) {
			i++
		}
	case c == '>' && from > 0 && text[from-1] == '<':
		end := i + 1
		for end < len(text) && end-i <= maxValue && text[end] != '<' {
			end++
		}
		return value{start: i + 1, end: end, quoted: true}, at(text, end) == '<' || end-i > maxValue
	}
	if at(text, i) == ']' {
		i++
	}
	name, tight := i, false
	i = skipBlanks(text, i, 4)
	if inJSON {
		i = skipSpace(text, i)
		inJSON = at(text, i) == ':'
	}
	switch at(text, i) {
	case '=':
		tight = i == name
		i++
		if c := at(text, i); c == '>' {
			i++
		} else if c == '=' || c == '~' {
			return v, false
		}
	case ':':
		i++
		switch at(text, i) {
		case '=':
			i++
		case ':', '/':
			return v, false
		}
		if i == name+1 && name == to && at(text, from-1) == ':' && !isSpace(at(text, i)) && !isQuote(at(text, i)) {
			return v, false // a part of an ARN
		}
	case '-':
		if at(text, i+1) != '>' || i == name {
			return v, false
		}
		i += 2
	case 'i', 'w':
		// "password is hunter2": only what no sentence says
		rest := text[i:min(len(text), i+4)]
		if i == name || !strings.HasPrefix(rest, "is ") && rest != "was " {
			return v, false
		}
		i += strings.IndexByte(rest, ' ')
		v.told = true
	default:
		if i == name || text[from] != '-' || at(text, i) == '-' || i-name > 1 && at(text, name) != ' ' {
			return v, false
		}
	}
	after := i
	i = skipBlanks(text, i, 8)
	v.spaced = i > after
	if inJSON {
		i = skipSpace(text, i)
		if c := at(text, i); c == '{' || c == '[' {
			return value{start: i, end: i, slashes: slashes, nested: true}, true
		}
	}
	if at(text, i) == '[' && isQuote(at(text, i+1)) {
		i++
	}
	if c := at(text, i); (c == 'b' || c == 'u' || c == 'r') && isQuote(at(text, i+1)) {
		i++
	}
	slashes = 0
	for slashes < 7 && at(text, i+slashes) == '\\' {
		slashes++
	}
	if q := at(text, i+slashes); isQuote(q) {
		if slashes == 0 && name == to && at(text, from-1) == q {
			return v, false // "password=" in a program: the quote ends it
		}
		v.start = i + slashes + 1
		v.end = closing(text, v.start, q, slashes, v.start+maxValue)
		v.quoted, v.slashes = true, slashes
		return v, true
	}
	v.start = i
	v.end = bareEnd(text, i, i+maxValue)
	if v.spaced && tight {
		if j := span(text, i, 40, keySet); j > i && at(text, j) == '=' {
			return v, false // "password= user=bob" gives nothing
		}
	}
	return v, true
}

func skipBlanks(text string, i, most int) int {
	for n := 0; n < most && (at(text, i) == ' ' || at(text, i) == '\t'); n++ {
		i++
	}
	return i
}

// skipSpace passes over line breaks too, which JSON that is written for people has.
func skipSpace(text string, i int) int {
	for n := 0; n < maxNameSide && isSpace(at(text, i)); n++ {
		i++
	}
	return i
}

// nestedEnd finds the end of the object or list that begins at i, whose quotes have slashes
// before them. One that is cut off ends with what it is in: the string, or the text. It is
// i where the object or list is empty.
func nestedEnd(text string, i, slashes int) int {
	depth, run := 0, 0
	quote := byte(0)
	empty := true
	for j := i; j < len(text); j++ {
		c := text[j]
		if c == '\\' {
			run++
			continue
		}
		switch {
		case isQuote(c) && slashes > 0 && run < slashes && c == '"':
			return j - run // of the string that all of it is in
		case quote != 0:
			if c == quote && (slashes == 0 && run%2 == 0 || slashes > 0 && run == slashes) {
				quote = 0
			}
		case isQuote(c):
			quote, empty = c, false
		case c == '{' || c == '[':
			empty = empty && depth == 0
			depth++
		case c == '}' || c == ']':
			depth--
			if depth == 0 {
				if empty {
					return i
				}
				return j + 1
			}
		case !isSpace(c):
			empty = false
		}
		run = 0
	}
	return len(text)
}

// nestedSecret adds an object or list that stands under a secret's name. Of a list of one
// string, the string is the secret.
func (t *task) nestedSecret(class nameClass, v value) {
	if one, ok := firstOf(t.text, v); ok && class != nameHeader && class != nameCookie {
		rest := one.end + one.slashes + 1
		if skipSpace(t.text, rest) == v.end-1 {
			if !placeholder(t.text[one.start:one.end]) {
				t.add(t.assigned(class), one.start, one.end)
			}
			t.nameEnd = v.end
			return
		}
	}
	t.add(t.assigned(class), v.start, v.end)
	t.nameEnd = v.end
}

// firstOf gives the string that a list begins with.
func firstOf(text string, list value) (v value, ok bool) {
	i := list.start
	if at(text, i) != '[' {
		return v, false
	}
	i = skipSpace(text, i+1)
	for at(text, i+v.slashes) == '\\' && v.slashes < 7 {
		v.slashes++
	}
	q := at(text, i+v.slashes)
	if !isQuote(q) {
		return v, false
	}
	v.start = i + v.slashes + 1
	v.end = closing(text, v.start, q, v.slashes, v.start+maxValue)
	v.quoted = true
	return v, true
}

// longEnd finds the end of a value of more than maxValue that is a secret. The whole of it
// is passed over then, so that this takes linear time.
func longEnd(text string, v value) int {
	switch c := text[v.start-1]; {
	case !v.quoted:
		return bareEnd(text, v.start, len(text))
	case c == '>':
		if n := strings.IndexByte(text[v.end:], '<'); n >= 0 {
			return v.end + n
		}
		return len(text)
	default:
		return closing(text, v.start, c, v.slashes, len(text))
	}
}

// closing finds the quote that ends a value: one with as many backslashes before it as
// the opening one had.
func closing(text string, i int, quote byte, slashes, limit int) int {
	limit = min(len(text), limit)
	run := 0
	for j := i; j < limit; j++ {
		switch c := text[j]; {
		case c == '\\':
			run++
		case c == quote && (slashes == 0 && run%2 == 0 || slashes > 0 && run == slashes || slashes > 0 && run == 0):
			return j - min(run, slashes)
		case c == '\n' && slashes > 0:
			return j
		default:
			run = 0
		}
	}
	return limit
}

// bareEnd finds the end of a value without quotes.
func bareEnd(text string, i, limit int) int {
	limit = min(len(text), limit)
	j, depth := i, 0
scan:
	for ; j < limit; j++ {
		switch c := text[j]; c {
		case ' ', '\t', '\n', '\r', '"', '\'', '`', '<':
			break scan
		case '\\':
			if n := at(text, j+1); isQuote(n) || n == 'n' || n == 'r' || n == 't' || n == '\\' || escapedEnd(text, j) {
				break scan
			}
		case ',', ';', '&', '|':
			if endsValue(text, j+1) {
				break scan
			}
		case '{', '[', '(':
			depth++
		case '}', ']', ')', '>':
			if depth == 0 && endsValue(text, j+1) {
				break scan
			}
			depth = max(0, depth-1)
		default:
			if c < ' ' {
				break scan // a terminal's colour
			}
		}
	}
	for j > i && (text[j-1] == '.' || text[j-1] == ',' || text[j-1] == ';' || text[j-1] == ':') {
		j--
	}
	return j
}

// escapedEnd says whether an escaped ampersand, quote or angle bracket stands at i.
func escapedEnd(text string, i int) bool {
	if len(text)-i < 6 || text[i+1] != 'u' || text[i+2] != '0' || text[i+3] != '0' {
		return false
	}
	switch unhex(text[i+4], text[i+5]) {
	case '&', '"', '\'', '<', '>':
		return true
	}
	return false
}

// endsValue says whether a separator before i is one: the end, a blank, a quote or
// another name with its value is behind it.
func endsValue(text string, i int) bool {
	c := at(text, i)
	if c == 0 || isSpace(c) || isQuote(c) || strings.IndexByte(",;&|)]}>\\.:", c) >= 0 {
		return true
	}
	j := span(text, i, 40, keySet)
	c = at(text, j)
	return j > i && (c == '=' || c == ':' || c == '[')
}

// lineEnd is where a header ends whose value begins at v.
func lineEnd(text string, v value, most int) int {
	if v.quoted {
		return v.end
	}
	limit := min(len(text), v.start+most)
	for j := v.start; j < limit; j++ {
		c := text[j]
		if c == '\n' || c == '\r' || c == '"' || c == '\'' && j > v.start || c == '\\' && (at(text, j+1) == 'r' || at(text, j+1) == 'n' || isQuote(at(text, j+1))) {
			return j
		}
	}
	return limit
}

// variable says whether s is a variable's name rather than a value.
func (t *task) variable(s string) bool {
	for i := range len(s) {
		if !isAlpha(s[i]) && s[i] != '_' {
			return false
		}
	}
	return t.s.names.judge(s).secret()
}

// plausible says whether a value under a name of class is a secret.
func (t *task) plausible(class nameClass, v value) bool {
	s := t.text[v.start:v.end]
	if placeholder(s) {
		return false
	}
	if !v.quoted && (codeLike(s, at(t.text, v.end), v.spaced) || v.spaced && (prose(s, t.text[v.end:]) || t.variable(s))) {
		return false
	}
	if strings.Contains(s, "/aws4_request") {
		return false // the scope of a signature
	}
	if v.told {
		return looksRandom(s, 6) && hasDigit(s)
	}
	if v.param && class.secret() {
		return true // nothing but the name has to say so
	}
	switch class {
	case namePwd:
		return s[0] != '/' && s[0] != '~' && !strings.Contains(s, `:\\`) && len(s) >= 3
	case namePassword:
		return len(s) >= 3 || !v.spaced
	case nameWeak:
		return looksRandom(s, 16) && !strings.HasPrefix(s, "S-1-") // a Windows account
	default:
		return looksRandom(s, 6)
	}
}

// header reads an Authorization header's value of a scheme other than Basic and Bearer,
// which auth looks at: one token, or the parameters that prove who signs.
func (t *task) header(start, end int) {
	text := t.text[:end]
	word := start
	for word < end && word-start < 32 && (isAlnum(text[word]) || text[word] == '-') {
		word++
	}
	credentials := start
	if next := at(text, word); (next == ' ' || next == '+') && word > start {
		credentials = skipBlanks(text, word, 4)
		if next == '+' { // a form's space
			credentials = word + 1
		}
		switch scheme := text[start:word]; {
		case next == ' ' && (foldEqual(scheme, "basic") || foldEqual(scheme, "bearer") || foldEqual(scheme, "token")):
			return
		case foldEqual(scheme, "basic"):
			t.basic(credentials)
			return
		case foldEqual(scheme, "bearer"), foldEqual(scheme, "token"):
			t.bearer(credentials, true, true)
			return
		}
	}
	proofs := false
	for _, p := range [...]string{"signature=", "response="} {
		if i := indexFold(t.text[credentials:min(len(t.text), credentials+maxHeader)], p); i >= 0 && credentials > start {
			from := credentials + i + len(p)
			for at(t.text, from) == '\\' || isQuote(at(t.text, from)) {
				from++
			}
			stop := span(t.text, from, maxHeader, token68Set)
			if stop-from >= 16 {
				t.add(dAssignment, from, stop)
				proofs = true
			}
		}
	}
	stop := credentials
	for stop < end && !isSpace(text[stop]) && text[stop] != ',' && text[stop] != ';' && !isQuote(text[stop]) {
		stop++
	}
	s := text[credentials:stop]
	if !proofs && isAlnum(at(s, 0)) && !strings.Contains(strings.TrimRight(s, "="), "=") && (!isQuote(at(t.text, stop)) || s[len(s)-1] != '=') && !placeholder(s) && !codeLike(s, at(t.text, stop), true) && looksRandom(s, 8) {
		t.add(dAssignment, credentials, stop)
	}
}

// cookie reads pairs of a Cookie or Set-Cookie header: those whose name or value is a secret's.
func (t *task) cookie(start, end int) {
	text := t.text[:end]
	for i := start; i < end; {
		stop := strings.IndexByte(text[i:], ';')
		if stop < 0 {
			stop = end
		} else {
			stop += i
		}
		if eq := strings.IndexByte(text[i:stop], '='); eq > 0 {
			name, from, to := text[i:i+eq], i+eq+1, stop
			if sp := strings.IndexByte(text[from:to], ' '); sp >= 0 {
				to = from + sp
			}
			class := t.s.names.judge(name)
			s := text[from:to]
			named := class == nameWeak || class.secret()
			if !placeholder(s) && (named && len(s) >= 6 || class == nameNone && looksRandom(s, 20)) {
				t.add(dAssignment, from, to)
			}
		}
		i = stop + 1
	}
	t.nameEnd = max(t.nameEnd, end)
}

// value looks at the whole text, which stands under a name of class.
func (t *task) value(class nameClass) {
	text := t.text
	start, end := 0, len(text)
	for start < end && (isSpace(text[start]) || isQuote(text[start])) {
		start++
	}
	for end > start && (isSpace(text[end-1]) || isQuote(text[end-1])) {
		end--
	}
	if start == end {
		return
	}
	if d := classDetector[class]; d != none {
		if t.s.on[d] && t.contextual(class, start) {
			return
		}
		if !class.secret() || class == nameCVV || class == namePINBlock {
			return
		}
	}
	switch class {
	case nameNone, nameInnocent, nameNumber:
	case nameHeader:
		t.headerValue(start, end)
	case nameCookie:
		if t.s.on[dAssignment] {
			t.cookie(start, end)
		}
	default:
		if !t.s.on[dAssignment] {
			return
		}
		if class == namePassword || class == namePwd || strings.IndexByte(text[start:end], ' ') < 0 {
			if t.plausible(class, value{start: start, end: end, quoted: true}) {
				t.add(dAssignment, start, end)
			}
		}
	}
}

// headerValue reads an Authorization header of which only the value is here.
func (t *task) headerValue(start, end int) {
	text := t.text
	word := start
	for word < end && isAlnum(text[word]) {
		word++
	}
	if at(text, word) == ' ' {
		from := skipBlanks(text, word, 4)
		switch scheme := text[start:word]; {
		case foldEqual(scheme, "basic"):
			return
		case foldEqual(scheme, "bearer"), foldEqual(scheme, "token"):
			t.bearer(from, true, true)
			return
		}
	}
	if t.s.on[dAssignment] {
		t.header(start, end)
	}
}
