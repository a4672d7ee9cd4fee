package secretscan

import (
	"cmp"
	"slices"
	"strings"
)

// Detector is one kind of secret: its name, and the group it is switched on and
// off with.
type Detector struct {
	Name, Group string
	// Optional detectors are enabled only by their own name.
	Optional bool
}

// The built-in detectors. Where two find the same, the earlier one names it.
const (
	dPrivateKey = iota
	dCardTrack
	dAWSKeyID
	dGitHub
	dGitLab
	dSlackToken
	dSlackHook
	dStripe
	dTwilio
	dSendGrid
	dNPM
	dPyPI
	dHeroku
	dAnthropic
	dOpenAI
	dGCPKey
	dGCPOAuth
	dAzureStorage
	dAzureClient
	dAzureSAS
	dDatadog
	dJWT
	dAWSSecret
	dURLPassword
	dBasic
	dBearer
	dVisa
	dMastercard
	dAmex
	dCard
	dIBAN
	dCPF
	dSSN
	dBSN
	dNHS
	dCVV
	dPIN
	dAssignment
	dMAC
	dIPv6
	dIPv4
	dEmail
	dPhone
	builtins
)

var detectors = [builtins]Detector{
	dPrivateKey:   {Name: "private_key", Group: "credentials"},
	dCardTrack:    {Name: "card_track", Group: "financial"},
	dAWSKeyID:     {Name: "aws_access_key_id", Group: "credentials"},
	dGitHub:       {Name: "github_token", Group: "credentials"},
	dGitLab:       {Name: "gitlab_token", Group: "credentials"},
	dSlackToken:   {Name: "slack_token", Group: "credentials"},
	dSlackHook:    {Name: "slack_webhook", Group: "credentials"},
	dStripe:       {Name: "stripe_key", Group: "credentials"},
	dTwilio:       {Name: "twilio_key", Group: "credentials"},
	dSendGrid:     {Name: "sendgrid_key", Group: "credentials"},
	dNPM:          {Name: "npm_token", Group: "credentials"},
	dPyPI:         {Name: "pypi_token", Group: "credentials"},
	dHeroku:       {Name: "heroku_key", Group: "credentials"},
	dAnthropic:    {Name: "anthropic_key", Group: "credentials"},
	dOpenAI:       {Name: "openai_key", Group: "credentials"},
	dGCPKey:       {Name: "gcp_api_key", Group: "credentials"},
	dGCPOAuth:     {Name: "gcp_oauth_secret", Group: "credentials"},
	dAzureStorage: {Name: "azure_storage_key", Group: "credentials"},
	dAzureClient:  {Name: "azure_client_secret", Group: "credentials"},
	dAzureSAS:     {Name: "azure_sas", Group: "credentials"},
	dDatadog:      {Name: "datadog_key", Group: "credentials"},
	dJWT:          {Name: "jwt", Group: "credentials"},
	dAWSSecret:    {Name: "aws_secret_access_key", Group: "credentials"},
	dURLPassword:  {Name: "url_password", Group: "credentials"},
	dBasic:        {Name: "basic_auth", Group: "credentials"},
	dBearer:       {Name: "bearer_token", Group: "credentials"},
	dVisa:         {Name: "payment_card_visa", Group: "financial", Optional: true},
	dMastercard:   {Name: "payment_card_mastercard", Group: "financial", Optional: true},
	dAmex:         {Name: "payment_card_amex", Group: "financial", Optional: true},
	dCard:         {Name: "payment_card", Group: "financial"},
	dIBAN:         {Name: "iban", Group: "financial"},
	dCPF:          {Name: "br_cpf", Group: "pii"},
	dSSN:          {Name: "us_ssn", Group: "pii"},
	dBSN:          {Name: "nl_bsn", Group: "pii"},
	dNHS:          {Name: "uk_nhs", Group: "pii"},
	dCVV:          {Name: "card_cvv", Group: "financial"},
	dPIN:          {Name: "card_pin", Group: "financial"},
	dAssignment:   {Name: "secret_assignment", Group: "credentials"},
	dMAC:          {Name: "mac_address", Group: "network"},
	dIPv6:         {Name: "ipv6", Group: "network"},
	dIPv4:         {Name: "ipv4", Group: "network"},
	dEmail:        {Name: "email", Group: "pii"},
	dPhone:        {Name: "phone", Group: "pii"},
}

const (
	kindAt       kind = iota // email
	kindColon                // ipv6, mac_address
	kindDash                 // mac_address
	kindDot                  // mac_address, Cisco's form
	kindPlus                 // phone
	kindQuad                 // ipv4
	kindIBAN                 // a country and check digits
	kindNational             // a national number, by row of nationalIDs
	kindCard                 // the first digits of a card's number
	kindRun                  // a digit that follows none
	kindPercent              // an escape, or track 1
	kindEscape               // \u, \x or an entity of HTML
	kindUnicode              // a byte that may begin a look-alike
	kindTrack                // ;digits
	kindScheme               // ://
	kindJWT                  // eyJ
	kindPEM                  // -----BEGIN
	kindPrefix               // a token of prefixes, by row
	kindAzure                // Q~
	kindHook                 // hooks.slack.com/services/
	kindAuth                 // Basic, Bearer, Token
	kindName                 // a name of secrets
	kindContext              // a word that says what the number after it is
	kindCustom               // a literal or keyword of a custom detector
)

// keywords lists the words to stop at for what is enabled.
func (s *Scanner) keywords() (words []keyword) {
	add := func(k kind, arg int, texts ...string) {
		for _, t := range texts {
			words = append(words, keyword{text: t, hit: hit{kind: k, arg: uint16(arg)}})
		}
	}
	on := s.on
	if on[dEmail] {
		add(kindAt, 0, "@")
	}
	add(kindEscape, 0, `\u00`, `\x`, "&#")
	for _, e := range entities {
		add(kindEscape, 0, e.name)
	}
	if on[dURLPassword] {
		add(kindScheme, 0, "://")
	}
	if on[dJWT] {
		add(kindJWT, 0, "eyj")
	}
	if on[dPrivateKey] {
		add(kindPEM, 0, "-----begin ")
	}
	for i, p := range prefixes {
		if on[p.detector] && i != twilioRow {
			add(kindPrefix, i, p.literal)
		}
	}
	if on[dAzureClient] {
		add(kindAzure, 0, "q~")
	}
	if on[dSlackHook] {
		add(kindHook, 0, "hooks.slack.com/services/", `hooks.slack.com\/services\/`)
	}
	if on[dBasic] {
		add(kindAuth, int(schemeBasic), "basic ")
	}
	if on[dBearer] {
		add(kindAuth, int(schemeBearer), "bearer ", "token ")
	}
	for _, w := range s.nameWords() {
		add(kindName, 0, w)
	}
	for _, row := range nameTable {
		if d := classDetector[row.class]; d == none || !on[d] {
			continue
		}
		for _, w := range row.names {
			for _, v := range spellings(w) {
				if !announced(row.class, v, row.names) {
					add(kindContext, int(row.class), v)
				}
			}
		}
	}
	for word, class := range map[string]nameClass{"twilio": nameTwilio, "datadog": nameDatadog, "heroku": nameHeroku} {
		if on[classDetector[class]] {
			add(kindContext, int(class), word)
		}
	}
	for i, c := range s.custom {
		add(kindCustom, i, c.literals...)
	}
	return words
}

// nameWords are what every name of an assignment has one of in it. A name is read as a whole
// around its keyword, so that "client_secret" needs none besides "secret"; only where
// its words are parted by spaces it is looked for itself.
func (s *Scanner) nameWords() (words []string) {
	if !s.on[dAssignment] {
		return nil
	}
	var names []string
	for _, row := range nameTable {
		if row.class.assigned() {
			names = append(names, row.names...)
		}
	}
	names = append(names, s.deny...)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	contained := func(v string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(v, w) })
	}
	for _, name := range names {
		if !strings.Contains(name, " ") && !contained(name) {
			words = append(words, name)
		}
	}
	for _, name := range names {
		for _, v := range spellings(name) {
			if spaced := strings.Contains(v, " "); !spaced && !contained(v) || spaced && !slices.Contains(words, v) {
				words = append(words, v)
			}
		}
	}
	return words
}

// announced says whether a shorter name of the class finds what v does: "cvv" is enough
// for "cvv_code", and "pin" for "card_pin".
func announced(class nameClass, v string, names []string) bool {
	for _, n := range names {
		if len(n) >= len(v) || strings.Contains(n, " ") {
			continue
		}
		if rest, ok := strings.CutPrefix(v, n); ok && strings.IndexByte("_-. ", rest[0]) >= 0 && gapWord(class, rest[1:]) {
			return true
		}
		if rest, ok := strings.CutSuffix(v, n); ok && strings.IndexByte("_-. ", rest[len(rest)-1]) >= 0 {
			return true
		}
	}
	return false
}

// spellings gives a name of several words as it is written in texts.
func spellings(words string) []string {
	var out []string
	for _, sep := range []string{"_", "-", "", ".", " "} {
		v := make([]byte, 0, len(words))
		for i := range len(words) {
			if words[i] == ' ' {
				v = append(v, sep...)
			} else {
				v = append(v, words[i])
			}
		}
		out = append(out, string(v))
		if string(v) == words {
			break // one word, or the last way
		}
	}
	return out
}

// classDetector says which detector looks at what stands under a name.
var classDetector = func() (by [classes]int) {
	for c := range by {
		by[c] = none
	}
	for c, d := range map[nameClass]int{
		nameCVV: dCVV, namePIN: dPIN, namePINBlock: dPIN, nameSSN: dSSN, nameBSN: dBSN, nameCPF: dCPF, nameNHS: dNHS,
		namePhone: dPhone, nameCall: dPhone, nameDatadog: dDatadog, nameAWSSecret: dAWSSecret, nameAzureKey: dAzureStorage,
		nameAzureSAS: dAzureSAS, nameHeroku: dHeroku, nameTwilio: dTwilio,
	} {
		by[c] = d
	}
	return by
}()

const none = -1
