package secretscan

import (
	"unicode"
	"unicode/utf8"
)

var (
	mailboxSet = setOf("._%+-'!#~^", isAlnum)
	domainSet  = setOf(".-", isAlnum)
)

// assetEndings end the names of files that look like domains ("logo@2x.png").
var assetEndings = map[string]bool{
	"png": true, "jpg": true, "jpeg": true, "gif": true, "svg": true, "webp": true, "ico": true, "css": true, "js": true, "mjs": true,
	"json": true, "html": true, "xml": true, "yaml": true, "yml": true, "txt": true, "log": true, "tgz": true, "gz": true, "zip": true,
	"jar": true, "exe": true, "dll": true, "tsx": true, "jsx": true, "java": true, "go": true, "cpp": true, "service": true,
}

// email looks at the '@' at i for mailbox@domain: a mailbox as people have them (RFC
// 5321's dot-string, quoted strings left out), a domain of two labels or more.
func (t *task) email(i int) {
	text := t.text
	start := i
	for start > 0 && i-start < 65 {
		c := text[start-1]
		if c == '%' && isHex(at(text, start)) && isHex(at(text, start+1)) && start+2 <= i {
			if v := unhex(text[start], text[start+1]); v >= utf8.RuneSelf || !mailboxSet[v] {
				start += 2 // what is before the mailbox is written as an escape
				break
			}
		}
		if mailboxSet[c] {
			start--
			continue
		}
		if c < utf8.RuneSelf {
			break
		}
		r, size := utf8.DecodeLastRuneInString(text[:start])
		if !unicode.IsLetter(r) {
			break
		}
		start -= size
	}
	if i-start > 64 {
		return
	}
	for start < i && (text[start] == '.' || text[start] == '\'' || text[start] == '-' || text[start] == '!' || text[start] == '#' ||
		start > 0 && text[start-1] == '\\' && (text[start] == 'n' || text[start] == 't' || text[start] == 'r')) {
		start++
	}
	if start == i || text[i-1] == '.' {
		return
	}
	if start >= 2 && text[start-1] == '/' && text[start-2] == '/' {
		return // user-info of a URL
	}
	end, ok := domain(text, i+1)
	if !ok {
		return
	}
	if at(text, end) == '@' || at(text, end) == ':' && foldEqual(text[start:i], "git") {
		return
	}
	t.add(dEmail, start, end)
}

// domain reads a host's name of two labels or more at i.
func domain(text string, i int) (end int, ok bool) {
	label, labels, start := i, 0, i
	for end = i; end < len(text) && end-start < 254; {
		c := text[end]
		switch {
		case isAlnum(c) || c == '-' && end > label:
			end++
		case c == '.' && end > label && text[end-1] != '-' && (isAlnum(at(text, end+1)) || at(text, end+1) >= utf8.RuneSelf):
			labels++
			end++
			label = end
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(text[end:])
			if !unicode.IsLetter(r) {
				goto done
			}
			end += size
		default:
			goto done
		}
	}
done:
	for end > label && text[end-1] == '-' {
		end--
	}
	if labels == 0 || end-label < 2 || at(text, end) == '_' {
		return 0, false
	}
	top := text[label:end]
	if len(top) > 4 && foldEqual(top[:4], "xn--") {
		return end, true
	}
	for j := range len(top) {
		if !isAlpha(top[j]) && top[j] < utf8.RuneSelf {
			return 0, false
		}
	}
	return end, !assetEndings[top]
}
