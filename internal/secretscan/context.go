package secretscan

import "strings"

// contextGap is how far behind its name a number may stand.
const contextGap = 40

// gapWords may stand between a name and its number.
var gapWords = [...]string{
	"number", "num", "no", "nr", "is", "value", "was", "the", "nummer", "numero", "of", "entered", "provided", "given", "n", "x", "code", "block",
	"key", "api", "app", "application", "secret", "token", "auth",
	"apikey", "appkey", "authtoken", "apitoken", "client", "account",
}

// phoneWords are those between "call" or "phone" and a number.
var phoneWords = [...]string{
	"number", "num", "no", "nr", "is", "us", "me", "at", "to", "on", "back", "from", "line", "phone", "mobile", "home", "work", "customer", "him", "her", "them", "support",
}

// context looks behind a name of class, text[start:end], for what it announces.
func (t *task) context(class nameClass, start, end int) {
	text := t.text
	if start > 0 && isAlpha(text[start-1]) && !leftEdge(text, start) && (!isLower(text[start-1]) || !isUpper(text[start])) {
		return
	}
	if class == nameAzureSAS {
		t.sas(start, end)
		return
	}
	limit := min(len(text), end+contextGap)
	for i := end; i < limit; {
		c := text[i]
		if !isAlnum(c) {
			if c == '(' && (class == namePhone || class == nameCall) && isDigit(at(text, i+1)) && t.contextual(class, i) {
				return
			}
			if (c == '+' || c == '/') && i > end && (class == nameAWSSecret || class == nameAzureKey) && t.contextual(class, i) {
				return
			}
			if strings.IndexByte(" \t_-:='\"#>([.\\,+", c) < 0 || c == '\\' && !isQuote(at(text, i+1)) && at(text, i+1) != '\\' {
				return
			}
			i++
			continue
		}
		if i > end && t.contextual(class, i) {
			return
		}
		j := i
		for j < limit && isAlpha(text[j]) {
			j++
		}
		if i == end && isDigit(c) && !isDigit(at(text, i+1)) {
			i++ // cvv2
			continue
		}
		if i == j || i == end && !isUpper(c) || !gapWord(class, text[i:j]) && !inName(class, text, i) || isDigit(at(text, j)) {
			return
		}
		i = j
	}
}

// inName reports whether a word goes on a name that holds the word for a national number,
// such as cpf_titular.
func inName(class nameClass, text string, word int) bool {
	switch class {
	case nameSSN, nameBSN, nameCPF, nameNHS:
		return text[word-1] == '_' || text[word-1] == '-'
	}
	return false
}

func gapWord(class nameClass, s string) bool {
	list := gapWords[:]
	if class == namePhone || class == nameCall {
		list = phoneWords[:]
	}
	for _, w := range list {
		if foldEqual(s, w) {
			return true
		}
	}
	return false
}

// contextual looks at i for the value of a name of class.
func (t *task) contextual(class nameClass, i int) bool {
	text := t.text
	switch class {
	case nameCVV:
		return t.shortNumber(dCVV, i, 3, 4)
	case namePIN:
		return t.shortNumber(dPIN, i, 4, 12)
	case namePINBlock:
		return t.exact(dPIN, i, 16, hexSet)
	case nameSSN, nameBSN, nameCPF, nameNHS:
		return t.nationalNamed(class, i)
	case namePhone, nameCall:
		least := 7
		if class == nameCall {
			least = 10
		}
		if text[i] == '+' {
			return true // see plus
		}
		if i > 0 && text[i-1] == '+' {
			return true
		}
		return (isDigit(text[i]) || text[i] == '(') && t.nationalPhone(i, least)
	case nameDatadog:
		return t.exact(dDatadog, i, 32, hexSet) || t.exact(dDatadog, i, 40, hexSet)
	case nameTwilio:
		return t.exact(dTwilio, i, 32, hexSet)
	case nameAWSSecret:
		end := span(text, i, 41, base64Set)
		if end-i != 40 || at(text, end) == '=' || isWord(at(text, end)) || !mixed(text[i:end]) && entropy(text[i:end]) < 4 || distinct(text[i:end]) < 10 {
			return false
		}
		t.add(dAWSSecret, i, end)
		return true
	case nameAzureKey:
		end := span(text, i, 90, base64Set)
		body := end
		for at(text, end) == '=' && end-body < 2 {
			end++
		}
		if n, pad := end-i, end-body; n == 88 && pad == 2 || n == 44 && pad == 1 {
			t.add(dAzureStorage, i, end)
			return true
		}
	case nameAzureSAS:
		return t.sasValue(i)
	case nameHeroku:
		if isUUID(text, i) {
			t.add(dHeroku, i, i+36)
			return true
		}
	}
	return false
}

// shortNumber takes a number of its own of least to most digits.
func (t *task) shortNumber(detector, i, least, most int) bool {
	text := t.text
	end := span(text, i, most+1, digitSet)
	if n := end - i; n < least || n > most || !cardEnd(text, end) {
		return false
	}
	switch at(text, end) {
	case '/', ':', '%', '-':
		return false
	}
	t.add(detector, i, end)
	return true
}

// exact takes n characters of set.
func (t *task) exact(detector, i, n int, set *[256]bool) bool {
	end := span(t.text, i, n+1, set)
	if end-i != n || !rightEdge(t.text, end) || distinct(t.text[i:end]) < 4 {
		return false
	}
	t.add(detector, i, end)
	return true
}

func isUUID(text string, i int) bool {
	if len(text)-i < 36 || !rightEdge(text, i+36) {
		return false
	}
	for k := range 36 {
		c := text[i+k]
		if k == 8 || k == 13 || k == 18 || k == 23 {
			if c != '-' {
				return false
			}
		} else if !isHex(c) {
			return false
		}
	}
	return true
}

// sas looks at "sig" of a shared access signature: a parameter of a URL.
func (t *task) sas(start, end int) {
	text := t.text
	if at(text, end) != '=' || start > 0 && text[start-1] != '&' && text[start-1] != '?' && text[start-1] != ';' && text[start-1] != ' ' {
		return
	}
	t.sasValue(end + 1)
}

// sasValue takes 256 bits in base 64, percent-encoded or not.
func (t *task) sasValue(i int) bool {
	text := t.text
	end, n := i, 0
	for end < len(text) && end-i < 140 {
		c := text[end]
		switch {
		case c == '%' && isHex(at(text, end+1)) && isHex(at(text, end+2)):
			end += 3
		case base64URLSet[c] || c == '+' || c == '/' || c == '=':
			end++
		default:
			c = 0
		}
		if c == 0 {
			break
		}
		n++
	}
	if n < 40 || n > 46 {
		return false
	}
	t.add(dAzureSAS, i, end)
	return true
}
