package secretscan

import "strings"

type authScheme uint16

const (
	schemeBasic authScheme = iota
	schemeBearer
)

// decode64 decodes s, of either alphabet of base 64, into dst, as far as it fits.
func decode64(dst []byte, s string) (n int, ok bool) {
	var acc uint32
	bits := 0
	for i := range len(s) {
		c := s[i]
		var v uint32
		switch {
		case isUpper(c):
			v = uint32(c - 'A')
		case isLower(c):
			v = uint32(c-'a') + 26
		case isDigit(c):
			v = uint32(c-'0') + 52
		case c == '+' || c == '-':
			v = 62
		case c == '/' || c == '_':
			v = 63
		case c == '=':
			return n, len(s)-i <= 2
		default:
			return n, false
		}
		acc = acc<<6 | v
		bits += 6
		if bits >= 8 {
			bits -= 8
			if n == len(dst) {
				return n, true
			}
			dst[n] = byte(acc >> bits)
			n++
		}
	}
	return n, true
}

// jwt looks at "eyJ" at i for a token of RFC 7519: three parts (five if it is encrypted), the first
// of which is a JSON object with an alg.
func (t *task) jwt(i int) {
	text := t.text
	if i < t.jwtEnd || text[i:i+3] != "eyJ" || !leftEdge(text, i) {
		return
	}
	part := span(text, i, len(text), base64URLSet)
	t.jwtEnd = part
	if part-i < 12 || at(text, part) != '.' {
		return
	}
	var header [1024]byte
	n, ok := decode64(header[:], text[i:part])
	if !ok || !hasKey(header[:n], `"alg"`) {
		return
	}
	second := span(text, part+1, len(text), base64URLSet)
	if at(text, second) != '.' {
		return
	}
	end := span(text, second+1, len(text), base64URLSet)
	if hasKey(header[:n], `"enc"`) {
		for range 2 {
			if at(text, end) == '.' {
				end = span(text, end+1, len(text), base64URLSet)
			}
		}
	} else if second-part < 3 {
		return
	}
	if n := end - second - 1; n < 8 && (n > 0 || !hasKey(header[:], `"none"`)) {
		return
	}
	t.jwtEnd = end
	t.add(dJWT, i, end)
}

func hasKey(b []byte, key string) bool {
	for i := 0; i+len(key) <= len(b); i++ {
		if string(b[i:i+len(key)]) == key {
			return true
		}
	}
	return false
}

// auth looks behind the scheme of an Authorization header, which ends before i.
func (t *task) auth(scheme authScheme, start, i int) {
	text := t.text
	if !leftEdge(text, start) || start > 0 && text[start-1] == '$' { // Outer$Token, a class of Java's
		return
	}
	for i < len(text) && text[i] == ' ' && i-start < 12 {
		i++
	}
	if scheme == schemeBasic {
		t.basic(i)
		return
	}
	t.bearer(i, text[start]|0x20 == 'b', afterAuthorization(text, start))
}

// afterAuthorization says whether a header's name and separator end before i.
func afterAuthorization(text string, i int) bool {
	for n := 0; i > 0 && n < 5 && (text[i-1] == ' ' || isQuote(text[i-1]) || text[i-1] == '\\' || text[i-1] == ':' || text[i-1] == '=' || text[i-1] == '['); n++ {
		i--
	}
	return hasFoldSuffix(text[max(0, i-13):i], "authorization")
}

// basic reads base64(user:password) at i (RFC 7617).
func (t *task) basic(i int) {
	text := t.text
	end := span(text, i, 2048, base64Set)
	if end == i || end-i < 4 && at(text, end) != '=' {
		return
	}
	body := end
	for at(text, end) == '=' && end-body < 2 {
		end++
	}
	if !rightEdge(text, end) || at(text, end) == '=' {
		return
	}
	var buf [1536]byte
	n, ok := decode64(buf[:], text[i:body])
	if !ok || n < 3 {
		return
	}
	colon := false
	for k := range n {
		c := buf[k]
		if c < ' ' || c == 0x7f {
			return
		}
		colon = colon || c == ':'
	}
	if !colon {
		return
	}
	if t.s.on[dBasic] {
		t.add(dBasic, i, end)
	}
}

// bearer reads a token68 at i (RFC 6750). Without the header's name before it, it has to
// look like a token.
func (t *task) bearer(i int, named, header bool) {
	text := t.text
	end := span(text, i, 1<<14, token68Set)
	for end > i && text[end-1] == '.' {
		end--
	}
	body := end
	for at(text, end) == '=' && end-body < 2 {
		end++
	}
	value := text[i:end]
	if end-i < 8 || isWord(at(text, end)) || at(text, end) == '=' || placeholder(value) {
		return
	}
	if end-body == 1 && isWord(at(text, end)) {
		return
	}
	switch {
	case header && (hasDigit(value) || end-i >= 12):
	case named && looksRandom(value, 8):
	case looksRandom(value, 16):
	default:
		return
	}
	if t.s.on[dBearer] {
		t.add(dBearer, i, end)
	}
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if isDigit(s[i]) {
			return true
		}
	}
	return false
}

const maxAuthority = 512

// userInfo looks behind "://", which is text[start:i], for user:password@ (RFC 3986, section 3.2.1).
func (t *task) userInfo(start, i int) {
	text := t.text
	if start == 0 || !isAlnum(text[start-1]) {
		return
	}
	limit := min(len(text), i+maxAuthority)
	if t.nextAtSign(i) >= limit {
		return
	}
	colon, sign, stopped := -1, -1, false
scan:
	for j := i; j < limit; j++ {
		switch c := text[j]; {
		case c == '@':
			sign = j
			if stopped {
				break scan
			}
		case c == ':' && colon < 0:
			colon = j
		case c == ':' && stopped && at(text, j+1) == '/':
			break scan
		case c == '[' && j == i:
			return
		case c == '/' || c == '?' || c == '#':
			// A password that nobody encoded may go on, a port may not.
			if sign >= 0 || colon < 0 || allDigits(text[colon+1:j]) {
				break scan
			}
			if !stopped {
				stopped = true
				limit = min(limit, j+96)
			}
		case c <= ' ' || c == '"' || c == '<' || c == '>' || c == '`' || c == '\\' && isQuote(at(text, j+1)):
			break scan
		}
	}
	if colon < 0 || sign < colon+2 || colon-i > 128 {
		return
	}
	// The colon has to be the user's: "http://host/a:b@c" has a path there.
	if strings.ContainsAny(text[i:colon], "/?#") {
		return
	}
	if value := text[colon+1 : sign]; !placeholder(value) {
		t.add(dURLPassword, colon+1, sign)
	}
}

// nextAtSign gives the first '@' from i on, or the end of the text.
func (t *task) nextAtSign(i int) int {
	if i > t.atSign || t.atSign == 0 {
		t.atSign = len(t.text)
		if n := strings.IndexByte(t.text[i:], '@'); n >= 0 {
			t.atSign = i + n
		}
	}
	return t.atSign
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}
