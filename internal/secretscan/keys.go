package secretscan

import "unicode/utf8"

// nameClass says what is expected under a name.
type nameClass uint8

const (
	nameNone     nameClass = iota
	namePassword           // any value is a secret
	namePwd                // a password, or the working directory
	nameToken              // a value that looks random is
	nameWeak               // as nameToken, but the name alone does not make it a secret
	nameHeader             // Authorization: a scheme and credentials
	nameCookie             // pairs of name and value
	nameCVV
	namePIN
	namePINBlock
	nameSSN
	nameBSN
	nameCPF
	nameNHS
	namePhone
	nameCall // as namePhone, of numbers long enough
	nameDatadog
	nameAWSSecret
	nameAzureKey
	nameAzureSAS
	nameHeroku
	nameTwilio
	nameInnocent // looks like one of the above, but is none
	nameNumber   // a number under this name is no card
	classes
)

// nameTable lists names by their words. A name has the class of its longest ending
// that stands here: "db.password" is a password, "token_count" is nothing. Words may
// be joined by '_', '-', '.', a space, camelCase or nothing.
var nameTable = []struct {
	class nameClass
	names []string
}{
	{namePassword, []string{
		"password", "passwd", "passwords", "passphrase", "pass phrase", "passcode", "pass word", "passwort",
		"mot de passe", "password confirmation", "password hash", "password value", "db pass", "user pass", "smtp pass", "redis pass", "mysql pass",
	}},
	{namePwd, []string{"pwd", "db pwd", "user pwd"}},
	{nameToken, []string{
		"secret", "secrets", "token", "api key", "api keys", "api secret", "api token", "app key", "app secret", "access key", "access keys", "secret key", "secret key base",
		"private key", "client secret", "credential", "credentials", "creds", "session id", "session key", "session token",
		"sessid", "phpsessid", "jsessionid", "auth key", "auth token", "authtoken", "access token", "refresh token", "id token",
		"bearer", "bearer token", "jwt", "authorization code", "auth code", "token value", "secret value", "signing key", "encryption key", "master key", "shared key", "shared secret",
		"account key", "storage key", "license key", "webhook secret", "ssh key", "service key", "consumer secret", "consumer key",
		"access tokens", "refresh tokens", "api tokens", "auth tokens", "connect sid",
	}},
	{nameWeak, []string{"pass", "pw", "auth", "session", "sid", "csrf", "xsrf", "signature", "otp", "apikeys", "sess", "tokens"}},
	{nameHeader, []string{"authorization", "proxy authorization", "x authorization", "www authorization"}},
	{nameCookie, []string{"cookie", "cookies", "set cookie"}},
	{nameCVV, []string{"cvv", "cvc", "cvv2", "cvc2", "cid", "csc", "security code", "card security code", "card verification", "card verification value", "card verification code", "cvv code", "cvc code", "cvv number", "verification value"}},
	{namePIN, []string{"pin", "pin code", "pin number", "card pin", "new pin", "old pin"}},
	{namePINBlock, []string{"pin block", "pinblock", "encrypted pin"}},
	{nameSSN, []string{"ssn", "social security", "social security number", "social security no", "ssn number", "us ssn", "social"}},
	{nameBSN, []string{"bsn", "burgerservicenummer", "sofinummer", "bsn nummer", "bsn number"}},
	{nameCPF, []string{"cpf", "cpf number", "cpf numero"}},
	{nameNHS, []string{"nhs", "nhs number", "nhs no", "nhs id"}},
	{namePhone, []string{
		"tel", "telephone", "phone", "phone number", "phone no", "mobile", "mobile number", "mobile no", "mobile phone", "fax", "fax number", "cell",
		"cell phone", "msisdn", "telefon", "telefoon", "telephone number",
	}},
	{nameCall, []string{"call", "sms"}},
	{nameDatadog, []string{"dd api key", "dd app key", "datadog api key", "datadog app key", "dd application key", "datadog application key", "datadog key"}},
	{nameAWSSecret, []string{"aws secret access key", "secret access key", "aws secret", "aws secret key"}},
	{nameAzureKey, []string{"account key", "shared access key", "azure storage key", "storage account key", "azure storage account key"}},
	{nameAzureSAS, []string{"sig"}},
	{nameHeroku, []string{"heroku api key", "heroku key", "heroku api token", "heroku token"}},
	{nameTwilio, []string{"twilio auth token", "twilio token", "twilio api key", "twilio api secret", "twilio secret", "twilio auth"}},
	{nameInnocent, []string{
		"next token", "page token", "next page token", "continuation token", "sync token", "cancellation token", "correlation id",
		"public key", "idempotency key", "token type", "trace token",
	}},
	{nameNumber, []string{
		"timestamp", "time", "ts", "nanos", "trace id", "span id", "request id", "order id", "order", "order no", "order number", "invoice", "invoice id",
		"invoice number", "duration", "elapsed", "offset", "seq", "sequence", "uptime", "ns", "correlation id", "transaction id", "snowflake", "message id", "event id",
		"time unix nano", "size", "bytes", "count", "length", "total", "position", "epoch", "version", "pid", "tid", "nonce", "tracking", "tracking number", "build", "build number",
	}},
}

// gluedNames also count without a word's beginning before them ("PGPASSWORD").
var gluedNames = []string{
	"password", "passwd", "passphrase", "apikey", "secretkey", "accesskey", "privatekey", "clientsecret", "secret", "token",
	"sessionid", "sessid", "pwd",
}

// secret reports whether what stands under such a name is one, whatever it is.
func (c nameClass) secret() bool {
	switch c {
	case namePassword, namePwd, nameToken, nameHeader, nameCookie, nameDatadog, nameAWSSecret, nameAzureKey, nameHeroku, nameTwilio,
		nameCVV, namePINBlock:
		return true
	}
	return false
}

// assigned are the classes secret_assignment looks at.
func (c nameClass) assigned() bool { return namePassword <= c && c <= nameCookie }

const (
	maxName  = 96 // bytes of a name that are looked at, from its end
	maxWords = 16
)

// A name is a key in its normal form: lower case, no separators, and where words
// begin.
type name struct {
	buf    [maxName]byte
	n      int
	starts [maxWords]uint8 // of the last words, first one first
	dots   uint16          // bit w: word w begins the key or follows a '.'
	words  int
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlpha(c byte) bool { return isLower(c | 0x20) }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }

// set reads key into n. Numbers at the end ("password1", "authorization.0") are
// left out.
func (n *name) set(key string) {
	if len(key) > maxName {
		key = key[len(key)-maxName:]
	}
	for len(key) > 0 && !isAlpha(key[len(key)-1]) && key[len(key)-1] < 0x80 {
		// "cvv2" keeps its number: see word.
		key = key[:len(key)-1]
	}
	n.n, n.words, n.dots = 0, 0, 0
	fresh, dot := true, true
	for i := range len(key) {
		c := key[i]
		if !isAlnum(c) && c < 0x80 {
			fresh = true
			dot = dot || c == '.'
			continue
		}
		if isUpper(c) {
			// apiKey, APIKey
			if i > 0 && (isLower(key[i-1]) || isDigit(key[i-1])) ||
				i > 0 && isUpper(key[i-1]) && i+1 < len(key) && isLower(key[i+1]) {
				fresh = true
			}
			c |= 0x20
		}
		if fresh {
			n.begin(dot)
			fresh, dot = false, false
		}
		n.buf[n.n] = c
		n.n++
	}
}

func (n *name) begin(dot bool) {
	if n.words == maxWords {
		copy(n.starts[:], n.starts[1:])
		n.dots >>= 1
		n.words--
	}
	n.starts[n.words] = uint8(n.n)
	if dot {
		n.dots |= 1 << n.words
	} else {
		n.dots &^= 1 << n.words
	}
	n.words++
}

// names holds the lists of one Scanner.
type names struct {
	class map[string]nameClass // words joined
	allow map[string]bool
}

func joined(words string) string {
	var n name
	n.set(words)
	return string(n.buf[:n.n])
}

// wordsOf writes a key as words with spaces between them.
func wordsOf(key string) string {
	var n name
	n.set(key)
	var b []byte
	for i := range n.n {
		for w := 1; w < n.words; w++ {
			if int(n.starts[w]) == i {
				b = append(b, ' ')
			}
		}
		b = append(b, n.buf[i])
	}
	return string(b)
}

// builtinNames are those that no user has changed.
var builtinNames = newNames(nil, nil)

func newNames(deny, allow []string) *names {
	ns := newOwnNames(deny, allow)
	for _, row := range nameTable {
		for _, w := range row.names {
			key := joined(w)
			if have, ok := ns.class[key]; !ok || have == nameToken {
				ns.class[key] = row.class
			}
		}
	}
	for _, k := range deny {
		ns.class[joined(k)] = namePassword
	}
	return ns
}

// newOwnNames has the user's lists only.
func newOwnNames(deny, allow []string) *names {
	ns := &names{class: map[string]nameClass{}, allow: map[string]bool{}}
	for _, k := range deny {
		ns.class[joined(k)] = namePassword
	}
	for _, k := range allow {
		ns.allow[joined(k)] = true
	}
	return ns
}

// judge gives a key's class. What its look-alikes stand for counts as well.
func (ns *names) judge(key string) nameClass {
	class := ns.judgePlain(key)
	if class == nameNone && mayFold(key) {
		f := foldings.Get().(*folding)
		defer foldings.Put(f)
		f.fold(key[max(0, len(key)-maxFoldedName):])
		class = ns.judgePlain(string(f.text))
	}
	return class
}

// maxFoldedName is the length in bytes of the end of a name with look-alikes that is looked
// at: of maxName characters of three bytes, and some invisible ones.
const maxFoldedName = 4 * maxName

func mayFold(key string) bool {
	for i := range len(key) {
		if c := key[i]; c >= utf8.RuneSelf || c == '%' {
			return true
		}
	}
	return false
}

func (ns *names) judgePlain(key string) nameClass {
	if key == "session.id" {
		// The semantic conventions' name for what tells visits apart; no server lets anybody in by it.
		return nameInnocent
	}
	var n name
	n.set(key)
	if n.n == 0 {
		return nameNone
	}
	if len(ns.allow) > 0 {
		for w := range n.words {
			if n.dots&(1<<w) != 0 && ns.allow[string(n.buf[n.starts[w]:n.n])] {
				return nameInnocent
			}
		}
	}
	for w := range n.words {
		if c, ok := ns.class[string(n.buf[n.starts[w]:n.n])]; ok {
			return c
		}
	}
	for w := range n.words - 1 {
		if c, ok := nationalWords[string(n.buf[n.starts[w]:n.starts[w+1]])]; ok {
			return c
		}
	}
	last := n.buf[n.starts[n.words-1]:n.n]
	for _, g := range gluedNames {
		if len(last) > len(g) && string(last[len(last)-len(g):]) == g {
			return ns.class[g]
		}
	}
	return nameNone
}

// nationalWords announce a number wherever in a name they stand: it has check digits, or
// other rules, to tell it by.
var nationalWords = map[string]nameClass{"ssn": nameSSN, "bsn": nameBSN, "cpf": nameCPF, "nhs": nameNHS}
