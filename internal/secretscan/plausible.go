package secretscan

import "strings"

// placeholderWords stand where a secret was, or has to be put.
var placeholderWords = []string{
	"redacted", "masked", "filtered", "hidden", "removed", "omitted", "scrubbed", "placeholder", "your_", "your-", "<your", "censored",
	"sanitized", "obfuscated", //nolint:misspell // as programs write it
}

// emptyWords are values that say there is none, or of which kind it is.
var emptyWords = map[string]bool{
	"null": true, "nil": true, "none": true, "undefined": true, "true": true, "false": true, "n/a": true, "empty": true, "unset": true, "missing": true, "present": true,
	"invalid": true, "expired": true, "required": true, "yes": true, "no": true, "ok": true, "string": true, "str": true, "bool": true, "int": true,
	"bytes": true, "text": true, "varchar": true, "optional": true, "any": true, "object": true, "byte": true, "char": true, "secretstr": true,
	"boolean": true, "number": true, "set": true, "not": true, "incorrect": true, "wrong": true, "unknown": true, "changed": true, "updated": true, "failed": true,
	"type": true, "var": true, "const": true, "self": true, "disabled": true, "enabled": true, "unchanged": true, "default": true, "(empty)": true, "(null)": true,
	"reset": true, "mismatch": true, "valid": true, "error": true, "denied": true, "new": true, "void": true, "await": true, "async": true,
}

// placeholder says whether s only stands for a secret: ***, <redacted>, ${PASSWORD}, null.
func placeholder(s string) bool {
	if s == "" {
		return true
	}
	first, last := s[0], s[len(s)-1]
	switch first {
	case '$':
		if len(s) > 1 && (s[1] == '{' || s[1] == '(' || s[1] == '$' || upperName(s[1:])) {
			return true
		}
	case '{':
		if at(s, 1) == '{' || last == '}' && (!strings.ContainsAny(s, `":`) || isDigit(s[1]) || s[1] == '}') {
			return true
		}
	case '<':
		if last == '>' {
			return true
		}
	case '[':
		if last == ']' {
			return true
		}
	case '%':
		if len(s) == 2 && isAlpha(s[1]) || len(s) > 2 && isAlpha(s[1]) && !isAlnum(s[2]) || len(s) > 2 && (s[1] == '(' || s[1] == '+' || s[1] == '#' || s[1] == '{' || last == '%') {
			return true
		}
	case '#':
		if len(s) > 1 && s[1] == '{' {
			return true
		}
	case '(':
		if last == ')' && !hasDigit(s) {
			return true
		}
	case '@':
		if len(s) > 1 && s[1] == '{' {
			return true
		}
	}
	if strings.IndexByte("*xX.-_#?", first) >= 0 || first == 0xe2 {
		if blank(s) {
			return true
		}
	}
	if len(s) <= 12 {
		var buf [12]byte
		if emptyWords[string(lowered(&buf, s))] {
			return true
		}
	}
	if len(s) <= 64 {
		for _, w := range placeholderWords {
			if containsFold(s, w) {
				return true
			}
		}
	}
	return strings.Contains(s, "****") || strings.Contains(s, "...") && len(s) < 16
}

func lowered(buf *[12]byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if isUpper(c) {
			c |= 0x20
		}
		buf[i] = c
	}
	return buf[:len(s)]
}

// blank says whether s is of asterisks, crosses, dots or bullets only.
func blank(s string) bool {
	for _, r := range s {
		if r != '\u2022' && r != '\u25cf' && r != '\u2026' && (r >= 0x80 || strings.IndexByte("*xX.-_#?", byte(r)) < 0) {
			return false
		}
	}
	return true
}

func upperName(s string) bool {
	for i := range len(s) {
		if !isUpper(s[i]) && s[i] != '_' && !isDigit(s[i]) {
			return false
		}
	}
	return len(s) > 0 && isUpper(s[0])
}

func containsFold(s, lower string) bool { return indexFold(s, lower) >= 0 }

func indexFold(s, lower string) int {
	for i := 0; i+len(lower) <= len(s); i++ {
		if s[i]|0x20 == lower[0]|0x20 && foldEqual(s[i:i+len(lower)], lower) {
			return i
		}
	}
	return -1
}

// codeRoots begin expressions.
var codeRoots = map[string]bool{
	"self": true, "this": true, "config": true, "cfg": true, "conf": true, "os": true, "process": true, "request": true, "req": true, "env": true, "settings": true,
	"args": true, "opts": true, "options": true, "params": true, "data": true, "user": true, "ctx": true, "credentials": true, "creds": true, "secrets": true,
	"app": true, "system": true, "form": true, "props": true, "state": true, "body": true, "input": true, "response": true, "resp": true, "event": true,
	"Environment": true, "System": true, "session": true, "vault": true, "var": true, "module": true, "local": true, "data_source": true, "account": true,
}

// codeLike says whether a value without quotes, before next, is an expression of a
// programming language: a call, an index or a chain of names.
func codeLike(s string, next byte, spaced bool) bool {
	if spaced && (s[0] == '(' || s[0] == '[' || s[0] == '&' && isAlpha(at(s, 1))) {
		return true
	}
	i := 0
	for i < len(s) && (isWord(s[i]) || s[i] == '.' || s[i] == '-' && at(s, i+1) == '>' || s[i] == '>' && i > 0 && s[i-1] == '-' || s[i] == '*' && i == 0 || s[i] == '&' && i == 0 || s[i] == '$' && i == 0) {
		i++
	}
	if i > 0 && i < len(s) && (s[i] == '(' || s[i] == '[') && !isDigit(s[0]) && (i+1 == len(s) || s[len(s)-1] == ')' || s[len(s)-1] == ']' || strings.IndexByte(s[i:], ')') > 0 || spaced || strings.IndexByte(s[:i], '.') > 0) {
		return true
	}
	if i == len(s) && (next == '(' || next == '[' || next == '{') {
		return true
	}
	if spaced && i > 0 && !hasDigit(s[:i]) && (i == len(s) && strings.IndexByte(s, '.') > 0 || at(s, i) == '{') {
		return true // tls.NoClientCert, aws.Credentials{
	}
	if i < len(s) {
		// os.environ["X"] ends at the quote.
		return i == len(s)-1 && (s[i] == '[' || s[i] == '(')
	}
	if len(s) > 2 && s[0] == '$' && isAlpha(s[1]) && !hasDigit(s) {
		return true // $password
	}
	dot := strings.IndexAny(s, ".>")
	return dot > 0 && codeRoots[strings.TrimRight(s[:dot], "-")]
}

// proseWords begin what a sentence says of a password.
var proseWords = map[string]bool{
	"must": true, "is": true, "was": true, "has": true, "should": true, "cannot": true, "can": true, "the": true, "your": true, "for": true, "and": true,
	"or": true, "too": true, "field": true, "policy": true, "authentication": true, "please": true, "minimum": true, "at": true, "does": true, "do": true, "we": true,
	"cant": true, "user": true, "login": true, "to": true, "in": true, "on": true, "with": true, "from": true, "attempt": true, "attempts": true, "rotation": true, "rotated": true,
	"length": true, "check": true, "verification": true, "validation": true, "generated": true, "sent": true, "accepted": true, "rejected": true, "hash": true, "a": true, "an": true, "expected": true, "this": true, "that": true, "it": true, "not": true, "be": true,
}

// prose says whether a sentence goes on after "password: ", with s and then rest.
func prose(s, rest string) bool {
	if len(s) > 14 {
		return false
	}
	for i := range len(s) {
		if !isAlpha(s[i]) || isUpper(s[i]) && i > 0 {
			return false
		}
	}
	var buf [14]byte
	n := copy(buf[:], s)
	buf[0] |= 0x20
	if proseWords[string(buf[:n])] {
		return true
	}
	// Two more words without a capital or a sign.
	for range 2 {
		i := 0
		for i+1 < len(rest) && isLower(rest[i+1]) {
			i++
		}
		if i == 0 || rest[0] != ' ' {
			return false
		}
		rest = rest[i+1:]
	}
	return rest == "" || rest[0] == ' ' || rest[0] == '.'
}

// looksRandom says whether s, of at least n bytes, can have come from a generator rather
// than from a person or a program's source.
func looksRandom(s string, n int) bool {
	if len(s) < n || s[0] == '/' || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "http") && strings.Contains(s, "://") {
		return false
	}
	var digit, upper, lower, other, runs, switches int
	last := 0
	for i := range len(s) {
		kind := 4
		switch c := s[i]; {
		case isDigit(c):
			digit++
			kind = 1
		case isUpper(c):
			upper++
			kind = 2
		case isLower(c):
			lower++
			kind = 3
		case c == ' ':
			return false
		case c == '-' || c == '_' || c == '.' || c == ':' || c == '/':
			runs++
			kind = 0
		default:
			other++
		}
		if kind != last {
			switches++
		}
		last = kind
	}
	letters := upper + lower
	switch {
	case letters == 0:
		return digit >= 16 && runs == 0 || other > 0 && digit > 0
	case distinct(s) < 5:
		return false
	case digit == 0 && runs > 0 && other == 0 && (upper == 0 || lower == 0):
		return false // words joined: my-app-secret, MY_SECRET
	case digit > 0 && runs > 0 && other == 0 && (upper == 0 || lower == 0) && wordy(s):
		return false // my-app-secret-v2, db.prod.01
	case digit > 0 || other > 0:
		return true
	case upper > 0 && lower > 0:
		// Words in camel case begin with a capital each, and are of several letters.
		return switches*2 >= len(s) && len(s) >= 12 || len(s) >= 20 && entropy(s) >= 3.5
	}
	return len(s) >= 24 && entropy(s) >= 3.3 && runs == 0
}

// wordy says whether each part of s, between dashes and the like, is a word or a short number.
func wordy(s string) bool {
	for len(s) > 0 {
		i := 0
		letters, digits := 0, 0
		for i < len(s) && isAlnum(s[i]) {
			if isDigit(s[i]) {
				digits++
			} else {
				letters++
			}
			i++
		}
		if digits > 0 && letters > 1 && (digits > 2 || !isDigit(s[i-1]) || isDigit(s[0])) || digits > 8 {
			return false
		}
		if i < len(s) {
			i++
		}
		s = s[i:]
	}
	return true
}
