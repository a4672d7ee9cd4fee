package secretscan

// ipv4 looks at the dot at dot: the first of an address (RFC 791's usual text form).
func (t *task) ipv4(dot int) {
	text := t.text
	i := dot
	for i > 0 && dot-i < 4 && isDigit(text[i-1]) {
		i--
	}
	if at(text, i-1) == ':' {
		t.colons(i - 1)
	}
	if i < t.addrEnd {
		return
	}
	end, ok := quad(text, i)
	if !ok {
		return
	}
	if i > 0 {
		p := text[i-1]
		switch {
		case p == '.', isAlpha(p) && !leftEdge(text, i):
			return
		case p == '/' && productBefore(text, i-1):
			return
		}
	}
	if end < len(text) {
		c := text[end]
		if _, another := quad(text, end+1); another && c == '-' {
			// from one address to another
		} else if isWord(c) || (c == '.' || c == '-') && isAlnum(at(text, end+1)) && (c != '.' || !isUpper(text[end+1])) {
			return
		}
	}
	if versionBefore(text, i) {
		return
	}
	t.add(dIPv4, i, end)
}

// quad reads four numbers up to 255 without leading zeros.
func quad(text string, i int) (end int, ok bool) {
	for part := range 4 {
		if part > 0 {
			if at(text, i) != '.' {
				return 0, false
			}
			i++
		}
		v, start := 0, i
		for i < len(text) && isDigit(text[i]) && i-start < 4 {
			v = v*10 + int(text[i]-'0')
			i++
		}
		if i == start || v > 255 || i-start > 3 || i-start > 1 && text[start] == '0' {
			return 0, false
		}
	}
	return i, true
}

// productBefore says whether a product's name stands before the slash at i, as in a
// User-Agent's "Chrome/120.0.0.0".
func productBefore(text string, i int) bool {
	n := i
	for n > 0 && i-n < 24 && isAlpha(text[n-1]) {
		n--
	}
	return n < i && isUpper(text[n]) && (n == 0 || !isWord(text[n-1]) && text[n-1] != '.')
}

// versionBefore says whether what stands at i is called a version.
func versionBefore(text string, i int) bool {
	j := i
	for j > 0 && i-j < 4 && (text[j-1] == ' ' || text[j-1] == '=' || text[j-1] == ':' || text[j-1] == '-' || isQuote(text[j-1])) {
		j--
	}
	if j == i {
		return false
	}
	start := j
	for start > 0 && j-start < 16 && isWord(text[start-1]) {
		start--
	}
	word := text[start:j]
	for _, v := range [...]string{"version", "ver", "release", "build", "revision", "section", "oid", "firmware", "chapter"} {
		// app_version and appVersion, but not server
		if n := len(word) - len(v); n >= 0 && foldEqual(word[n:], v) && (n == 0 || !isAlpha(word[n-1]) || isUpper(word[n]) && isLower(word[n-1])) {
			return true
		}
	}
	return false
}

// foldEqual compares s with lower, which is in lower case.
func foldEqual(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if isUpper(c) {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// colons looks at all colons of the run of hex digits and colons around i. A run too short for
// an address, such as a time, stops nobody; but no IPv4 address begins within such a run.
func (t *task) colons(i int) {
	text := t.text
	if i < t.colonEnd {
		return
	}
	start, end := i, i
	for start > 0 && colonSet[text[start-1]] {
		start--
	}
	for end < len(text) && colonSet[text[end]] {
		end++
	}
	t.colonEnd = end
	for j := start; j < end; j++ {
		if text[j] == ':' {
			t.colon(j)
		}
	}
}

// colon looks at the colon at i: the first of an IPv6 address or of a MAC address.
func (t *task) colon(i int) {
	text := t.text
	if i < t.addrEnd || i+1 >= len(text) {
		return
	}
	next := text[i+1]
	if !isHex(next) && next != ':' {
		return
	}
	if i > 0 && text[i-1] == ':' && i > 1 && text[i-2] == ':' {
		return
	}
	on := &t.s.on
	if on[dMAC] && i >= 2 && isHex(text[i-1]) && isHex(text[i-2]) {
		t.macPairs(i, ':')
	}
	if on[dIPv6] && i >= t.addrEnd {
		t.ipv6(i)
	}
}

// ipv6 reads an address (RFC 4291, section 2.2) whose first colon is at i.
func (t *task) ipv6(i int) {
	text := t.text
	start := i
	for start > 0 && i-start < 5 && isHex(text[start-1]) {
		start--
	}
	if i-start > 4 || start > 0 && (text[start-1] == ':' || text[start-1] == '$' || !leftEdge(text, start)) {
		return // in Outer$1::<init>, a method of Java's, too
	}
	if start == i && text[i+1] != ':' {
		return
	}
	var a address
	end := a.read(text, start)
	if end < 0 {
		return
	}
	t.addrEnd = max(t.addrEnd, end)
	if !a.valid() || !t.addressAlone(&a, start, end) {
		return
	}
	if at(text, end) == '%' {
		zone := span(text, end+1, 32, wordSet)
		if zone > end+1 {
			end = zone
		}
	}
	if !rightEdge(text, end) {
		return
	}
	t.add(dIPv6, start, end)
	t.addrEnd = max(t.addrEnd, end)
}

// address is the form of an IPv6 address.
type address struct {
	groups int // of 16 bits
	gap    bool
	pairs  int // groups of two hex digits
	digits bool
	bad    bool
}

// read goes over all that may belong to an address, and says where that ends.
func (a *address) read(text string, i int) (end int) {
	if at(text, i) == ':' {
		a.gap = true
		i += 2
		if at(text, i) == ':' {
			a.bad = true
		}
	}
	for {
		start := i
		for i < len(text) && isHex(text[i]) && i-start < 5 {
			a.digits = a.digits || isDigit(text[i])
			i++
		}
		if i-start > 4 {
			a.bad = true
			return i
		}
		if at(text, i) == '.' && i-start <= 3 && i > start && isDigit(at(text, i+1)) {
			v4, ok := quad(text, start)
			if !ok {
				a.bad = true
				return i
			}
			a.groups += 2
			if at(text, v4) == '.' && isDigit(at(text, v4+1)) || at(text, v4) == ':' {
				a.bad = true
			}
			return v4
		}
		if i == start {
			return i // after "::"
		}
		a.groups++
		if i-start == 2 {
			a.pairs++
		}
		if at(text, i) != ':' {
			return i
		}
		switch next := at(text, i+1); {
		case next == ':':
			if a.gap || at(text, i+2) == ':' {
				a.bad = true
				return i + 1
			}
			a.gap = true
			i += 2
		case isHex(next):
			i++
		default:
			return i // "fe80::1:" and "10:20: text": the colon is not the address's
		}
		if a.groups > 8 {
			a.bad = true
			return i
		}
	}
}

func (a *address) valid() bool {
	if a.bad || a.groups > 8 {
		return false
	}
	if a.gap {
		return a.groups < 8
	}
	return a.groups == 8 && a.pairs < 8 // eight pairs are an EUI-64 or a WWN
}

// addressAlone keeps code ("a::b", "::") from being an address.
func (t *task) addressAlone(a *address, start, end int) bool {
	text := t.text
	switch at(text, end) {
	case ':':
		// A port has no place after it without brackets, but a sentence may go on.
		if c := at(text, end+1); c != 0 && !isSpace(c) {
			return false
		}
	case '(':
		return false
	}
	if a.groups == 0 {
		return len(text) == 2 || at(text, start-1) == '[' && at(text, end) == ']' || at(text, end) == '/' && at(text, end+1) == '0'
	}
	return a.digits || a.groups > 3
}

// macPairs looks at the separator at i: the first of six pairs (IEEE 802).
func (t *task) macPairs(i int, sep byte) {
	text := t.text
	if i < 2 || i+2 >= len(text) || !isHex(text[i-1]) || !isHex(text[i-2]) || !isHex(text[i+1]) || !isHex(text[i+2]) {
		return
	}
	start, end := i-2, i+15
	if end > len(text) || start > 0 && text[start-1] == sep || !leftEdge(text, start) {
		return
	}
	for k := range 5 {
		j := i + 3*k
		if text[j] != sep || !isHex(text[j+1]) || !isHex(text[j+2]) {
			return
		}
	}
	if !rightEdge(text, end) || at(text, end) == sep && isAlnum(at(text, end+1)) || allDigitsDated(text[start:end]) {
		return
	}
	t.add(dMAC, start, end)
	t.addrEnd = max(t.addrEnd, end)
}

// allDigitsDated takes 20-24-01-31-10-15 for a date.
func allDigitsDated(s string) bool {
	if s[2] != '-' {
		return false
	}
	for i := range len(s) {
		if i%3 != 2 && !isDigit(s[i]) {
			return false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	return two(0) <= 31 && two(3) <= 31 && two(6) <= 31 && two(9) < 25 && two(12) < 60 && two(15) < 60
}

// macDotted looks at the dot at i: the first of Cisco's 0011.2233.4455.
func (t *task) macDotted(i int) {
	text := t.text
	if i < 4 || i+10 > len(text) || text[i+5] != '.' {
		return
	}
	letters := false
	for k := range 4 {
		a, b, c := text[i-4+k], text[i+1+k], text[i+6+k]
		if !isHex(a) || !isHex(b) || !isHex(c) {
			return
		}
		letters = letters || isAlpha(a) || isAlpha(b) || isAlpha(c)
	}
	start, end := i-4, i+10
	if !leftEdge(text, start) || at(text, start-1) == '.' || !rightEdge(text, end) ||
		at(text, end) == '.' && isAlnum(at(text, end+1)) || at(text, start-1) == '-' {
		return
	}
	if !letters && text[start] != '0' {
		return // 2024.0115.1030 is rather a date or a version
	}
	t.add(dMAC, start, end)
}
