package secretscan

import (
	"slices"
	"strings"
)

// A prefixed token is one an issuer made to be recognised.
type prefixed struct {
	literal  string // what the automaton looks for; lower case
	exact    string // what has to stand there
	detector int
	set      *[256]bool // what follows
	min, max int        // how much of it
	valid    func(text string, start, body, end int) int
}

const maxToken = 1024 // no issuer's token is longer

var prefixes = makePrefixes()

// twilioRow is that of a prefix too short for a word: "SK".
var twilioRow = slices.IndexFunc(prefixes, func(p prefixed) bool { return p.detector == dTwilio })

func makePrefixes() []prefixed {
	dotted := setOf("_-.", isAlnum)
	var list []prefixed
	add := func(detector int, set *[256]bool, least, most int, valid func(text string, start, body, end int) int, exact ...string) {
		for _, e := range exact {
			list = append(list, prefixed{strings.ToLower(e), e, detector, set, least, most, valid})
		}
	}
	add(dAWSKeyID, upperSet, 16, 16, awsKeyID, "AKIA", "ASIA", "ABIA", "ACCA")
	add(dGitHub, alnumSet, 36, 76, checkedToken, "ghp_", "gho_", "ghu_", "ghs_", "ghr_")
	add(dGitHub, wordSet, 82, 82, func(text string, _, body, end int) int {
		if text[body+22] != '_' {
			return 0
		}
		return end
	}, "github_pat_")
	add(dNPM, alnumSet, 36, 36, checkedToken, "npm_")
	add(dGitLab, base64URLSet, 20, maxToken, gitlabToken, "glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glagent-", "glsoat-",
		"gloas-", "glimt-", "glwt-", "glffct-")
	add(dSlackToken, setOf("-", isAlnum), 16, maxToken, slackToken, "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxc-", "xoxd-", "xoxe-", "xoxe.", "xapp-")
	add(dStripe, alnumSet, 16, 255, nil, "sk_live_", "sk_test_", "rk_live_", "rk_test_")
	add(dStripe, base64Set, 24, 255, padded, "whsec_")
	add(dTwilio, hexSet, 32, 32, lowerHex, "SK")
	add(dSendGrid, dotted, 66, 66, func(text string, _, body, end int) int {
		if text[body+22] != '.' || strings.IndexByte(text[body+23:end], '.') >= 0 || strings.IndexByte(text[body:body+22], '.') >= 0 {
			return 0
		}
		return end
	}, "SG.")
	add(dPyPI, base64URLSet, 50, maxToken, pypiToken, "pypi-AgE")
	add(dHeroku, base64URLSet, 58, 58, nil, "HRKU-AA")
	add(dAnthropic, base64URLSet, 40, 255, anthropicKey, "sk-ant-")
	add(dOpenAI, base64URLSet, 40, 255, openAIKey, "sk-")
	add(dGCPKey, base64URLSet, 35, 35, nil, "AIza")
	add(dGCPOAuth, base64URLSet, 28, 28, nil, "GOCSPX-")
	add(dGCPOAuth, dotted, 20, maxToken, undotted, "ya29.")
	return list
}

// prefix looks at start for a token.
func (t *task) prefix(row, start int) {
	p := &prefixes[row]
	text := t.text
	end := start + len(p.exact)
	if text[start:end] != p.exact || !leftEdge(text, start) || start < t.longEnd && row == t.longRow {
		return
	}
	stop := span(text, end, p.max+2, p.set)
	if stop-end > p.max && p.max >= 255 {
		t.longRow, t.longEnd = row, stop
		return
	}
	for stop > end && text[stop-1] == '.' {
		stop--
	}
	if n := stop - end; n < p.min || n > p.max || !rightEdge(text, stop) || distinct(text[end:stop]) < 6 {
		return
	}
	if p.valid != nil {
		if stop = p.valid(text, start, end, stop); stop == 0 {
			return
		}
	}
	t.add(p.detector, start, stop)
}

// distinct counts the different bytes of a token's beginning: placeholders have few.
func distinct(s string) int {
	var seen [4]uint64
	n := 0
	for i := range min(len(s), 64) {
		c := s[i]
		if bit := uint64(1) << (c & 63); seen[c>>6]&bit == 0 {
			seen[c>>6] |= bit
			n++
		}
	}
	return n
}

// awsKeyID: what follows the prefix is base 32.
func awsKeyID(text string, _, body, end int) int {
	for i := body; i < end; i++ {
		if c := text[i]; isDigit(c) && (c < '2' || c > '7') {
			return 0
		}
	}
	return end
}

func checkedToken(text string, start, body, end int) int {
	if n := end - body; n != 36 && n != 76 || !checksum62(text[start:end]) {
		return 0
	}
	return end
}

// gitlabToken goes on over a routable token's ".01." and what is behind it.
func gitlabToken(text string, _, _, end int) int {
	if at(text, end) == '.' && isDigit(at(text, end+1)) {
		j := end + 1
		j = span(text, j, 4, alnumSet)
		if at(text, j) == '.' {
			if k := span(text, j+1, 32, alnumSet); k > j+6 {
				return k
			}
		}
	}
	return end
}

func slackToken(text string, _, body, end int) int {
	n := 0
	for i := body; i < end; i++ {
		if isDigit(text[i]) {
			n++
		}
	}
	if n < 4 || end-body < 20 && n < 8 {
		return 0
	}
	for text[end-1] == '-' {
		end--
	}
	return end
}

func padded(text string, _, _, end int) int {
	for i := 0; i < 2 && at(text, end) == '='; i++ {
		end++
	}
	return end
}

func lowerHex(text string, _, body, end int) int {
	for i := body; i < end; i++ {
		if isUpper(text[i]) {
			return 0
		}
	}
	return end
}

// pypiToken is a macaroon, version 2, whose location is pypi.org or test.pypi.org.
func pypiToken(text string, _, body, end int) int {
	rest := text[body:end]
	if strings.HasPrefix(rest, "IcHlwaS5vcmc") || strings.HasPrefix(rest, "NdGVzdC5weXBpLm9yZw") {
		return end
	}
	return 0
}

// anthropicKey: a word and two digits name the kind ("api03-").
func anthropicKey(text string, _, body, end int) int {
	i := body
	for i < end && isLower(text[i]) {
		i++
	}
	if i == body || !isDigit(text[i]) || i+3 > end || !isDigit(text[i+1]) || text[i+2] != '-' {
		return 0
	}
	return end
}

func openAIKey(text string, _, body, end int) int {
	rest := text[body:end]
	if strings.HasPrefix(rest, "ant-") {
		return 0
	}
	if strings.Contains(rest, "T3BlbkFJ") {
		return end
	}
	for _, kind := range [...]string{"proj-", "svcacct-", "admin-"} {
		if strings.HasPrefix(rest, kind) && mixed(rest) {
			return end
		}
	}
	return 0
}

// mixed says whether s has digits, capitals and small letters.
func mixed(s string) bool {
	var digit, upper, lower bool
	for i := range len(s) {
		digit = digit || isDigit(s[i])
		upper = upper || isUpper(s[i])
		lower = lower || isLower(s[i])
	}
	return digit && upper && lower
}

func undotted(text string, _, _, end int) int {
	for text[end-1] == '.' {
		end--
	}
	return end
}

// slackHook reads T.../B.../... after the host and path of a webhook.
func (t *task) slackHook(i int) {
	text := t.text
	j := i
	for part := range 3 {
		if part > 0 {
			if at(text, j) == '\\' {
				j++
			}
			if at(text, j) != '/' {
				return
			}
			j++
		}
		if first := at(text, j); part < 2 && first != "TB"[part] {
			return
		}
		end := span(text, j, 64, alnumSet)
		if least := [3]int{8, 8, 16}[part]; end-j < least {
			return
		}
		j = end
	}
	if rightEdge(text, j) && distinct(text[j-16:j]) >= 5 {
		t.add(dSlackHook, i, j)
	}
}

var azureSet = setOf("_.~-", isAlnum)

// azureClient looks at the "Q~" at i of an Entra ID client secret.
func (t *task) azureClient(i int) {
	text := t.text
	if i < 4 || text[i] != 'Q' || !isDigit(text[i-1]) {
		return
	}
	for _, c := range []byte(text[i-4 : i-1]) {
		if !azureSet[c] {
			return
		}
	}
	start := i - 4
	if start > 0 && (azureSet[text[start-1]] && !leftEdge(text, start)) {
		return
	}
	end := span(text, i+2, 36, azureSet)
	if end-(i+2) == 35 && text[end-1] == '.' {
		end--
	}
	if n := end - (i + 2); n < 31 || n > 34 || distinct(text[i+2:end]) < 8 {
		return
	}
	t.add(dAzureClient, start, end)
}

// pem looks at "-----BEGIN " at text[i:end] for a private key (RFC 7468), and goes on to its
// END, or to the end of the text where that is missing.
func (t *task) pem(i, end int) {
	text := t.text
	if i < t.pemEnd || text[i:end] != "-----BEGIN " && !foldEqual(text[i:end], "-----begin ") {
		return
	}
	label := end
	for label < len(text) && label-end < 48 && (isAlnum(text[label]) || text[label] == ' ') {
		label++
	}
	name := text[end:label]
	if !hasFoldSuffix(name, "private key") && !hasFoldSuffix(name, "private key block") || !strings.HasPrefix(text[label:], "-----") {
		return
	}
	body := label + len("-----")
	stop := len(text)
	j := -1
	if !t.pemOpen {
		j = strings.Index(text[body:], "-----END ")
		t.pemOpen = j < 0
	}
	if j >= 0 {
		stop = body + j + len("-----END ")
		if k := strings.Index(text[stop:min(len(text), stop+64)], "-----"); k >= 0 {
			stop += k + len("-----")
		}
	} else if !hasRun(text[body:min(len(text), body+512)]) {
		return // spoken of, not shown
	} else {
		for stop > body && (isSpace(text[stop-1]) || isQuote(text[stop-1]) || text[stop-1] == '}') {
			stop--
		}
	}
	t.pemEnd = stop
	t.add(dPrivateKey, i, stop)
}

func hasFoldSuffix(s, lower string) bool {
	return len(s) >= len(lower) && foldEqual(s[len(s)-len(lower):], lower)
}

// hasRun says whether s has 16 characters of base 64 in a row.
func hasRun(s string) bool {
	n := 0
	for i := range len(s) {
		if base64Set[s[i]] {
			n++
			if n == 16 {
				return true
			}
		} else {
			n = 0
		}
	}
	return false
}
