package corpus

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	digit     = "0123456789"
	lower     = "abcdefghijklmnopqrstuvwxyz"
	upper     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum     = digit + upper + lower
	hexDigit  = "0123456789abcdef"
	base32    = upper + "234567" // RFC 4648
	base64URL = alnum + "-_"     // RFC 4648, section 5
)

func pick[T any](g *Generator, from ...T) T {
	return from[g.rnd.IntN(len(from))]
}

// between returns a number of low..high, both included.
func (g *Generator) between(low, high int) int {
	return low + g.rnd.IntN(high-low+1)
}

// oneIn is true once in n times.
func (g *Generator) oneIn(n int) bool {
	return g.rnd.IntN(n) == 0
}

func (g *Generator) chars(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[g.rnd.IntN(len(alphabet))]
	}
	return string(b)
}

// mixed returns n letters and digits that hold at least two lower-case and two
// upper-case letters and two digits, and end and begin with one of them.
func (g *Generator) mixed(n int) string {
	b := []byte(g.chars(alnum, n))
	for i, at := range g.rnd.Perm(n)[:6] {
		alphabet := [...]string{lower, upper, digit}[i%3]
		b[at] = alphabet[g.rnd.IntN(len(alphabet))]
	}
	return string(b)
}

func (g *Generator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rnd.Uint32())
	}
	return b
}

func (g *Generator) base64(n int) string {
	return base64.StdEncoding.EncodeToString(g.bytes(n))
}

func (g *Generator) base64URL(n int) string {
	return base64.RawURLEncoding.EncodeToString(g.bytes(n))
}

func (g *Generator) uuid() string {
	return fmt.Sprintf("%s-%s-4%s-%s%s-%s", g.chars(hexDigit, 8), g.chars(hexDigit, 4), g.chars(hexDigit, 3),
		g.chars("89ab", 1), g.chars(hexDigit, 3), g.chars(hexDigit, 12))
}

// moment is a time of the years 2024 to 2027.
func (g *Generator) moment() time.Time {
	const span = 3 * 365 * 24 * time.Hour
	return time.Unix(1704067200, 0).UTC().Add(time.Duration(g.rnd.Int64N(int64(span))))
}

// number is a decimal number of n digits that doesn't begin with 0, nor as any
// payment card, national number or telephone number would.
func (g *Generator) number(n int) string {
	return g.chars("179", 1) + g.chars(digit, n-1)
}

var (
	givenNames  = strings.Fields("anna bram carlos dewi emre fatima george hanna ivan julia kofi lena marco nadia omar priya quinn rosa sam tara")
	familyNames = strings.Fields("adams bakker costa diaz evans fischer garcia huang ito jansen kowalski lopez meyer novak okafor patel rossi silva tanaka visser")
	nouns       = strings.Fields("cart orders billing ledger search gateway worker mailer catalog shipping reports inventory profile invoice export batch scheduler")
	hosts       = strings.Fields("example.com example.org example.net shop.example.com api.example.org db.internal.example.net mail.example.com")
	common      = strings.Fields("dragon summer winter monkey letmein welcome sunshine football hunter trustno qwerty changeme orange silver")
)

// words are the harmless values of templates.
var words = map[string]func(*Generator) string{
	"uuid":    (*Generator).uuid,
	"trace":   func(g *Generator) string { return g.chars(hexDigit, 32) },
	"span":    func(g *Generator) string { return g.chars(hexDigit, 16) },
	"commit":  func(g *Generator) string { return g.chars(hexDigit, 40) },
	"sha256":  func(g *Generator) string { return g.chars(hexDigit, 64) },
	"short":   func(g *Generator) string { return g.chars(hexDigit, 7) },
	"seconds": func(g *Generator) string { return strconv.FormatInt(g.moment().Unix(), 10) },
	"millis":  func(g *Generator) string { return strconv.FormatInt(g.moment().UnixMilli(), 10) },
	"nanos":   func(g *Generator) string { return strconv.FormatInt(g.moment().UnixNano(), 10) },
	"rfc3339": func(g *Generator) string { return g.moment().Format("2006-01-02T15:04:05.000Z07:00") },
	"date":    func(g *Generator) string { return g.moment().Format(time.DateOnly) },
	"time":    func(g *Generator) string { return g.moment().Format("2006-01-02 15:04:05,000") },
	"clf":     func(g *Generator) string { return g.moment().Format("02/Jan/2006:15:04:05 +0000") },
	"order":   func(g *Generator) string { return g.number(g.between(6, 12)) },
	"small":   func(g *Generator) string { return strconv.Itoa(g.between(1, 99)) },
	"count":   func(g *Generator) string { return strconv.Itoa(g.between(100, 9999)) },
	"ms":      func(g *Generator) string { return fmt.Sprintf("%d.%03dms", g.between(1, 900), g.between(0, 999)) },
	"price":   func(g *Generator) string { return fmt.Sprintf("%d.%02d", g.between(1, 4999), g.between(0, 99)) },
	"semver": func(g *Generator) string {
		return fmt.Sprintf("%d.%d.%d", g.between(0, 30), g.between(0, 40), g.between(0, 99))
	},
	"account": func(g *Generator) string { return g.number(12) },
	"digest":  func(g *Generator) string { return g.chars(alnum, 43) },
	"noun":    func(g *Generator) string { return pick(g, nouns...) },
	"user":    func(g *Generator) string { return pick(g, givenNames...) },
	"host":    func(g *Generator) string { return pick(g, hosts...) },
	"level":   func(g *Generator) string { return pick(g, "info", "warn", "error", "debug") },
	"LEVEL":   func(g *Generator) string { return pick(g, "INFO", "WARN", "ERROR", "DEBUG") },
	"status": func(g *Generator) string {
		return pick(g, "200", "201", "204", "301", "400", "403", "404", "500", "502")
	},
	"method": func(g *Generator) string { return pick(g, "GET", "POST", "PUT", "DELETE") },
	"pod": func(g *Generator) string {
		return pick(g, nouns...) + "-" + g.chars("bcdfghjklmnpqrstvwxz2456789", 10) + "-" + g.chars("bcdfghjklmnpqrstvwxz2456789", 5)
	},
	"agent": func(g *Generator) string {
		return pick(g, "curl/8.5.0", "Go-http-client/1.1", "kube-probe/1.30", "python-requests/2.32.3",
			"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15")
	},

	// Look-alikes that need context to look like anything.
	"~bsn": func(g *Generator) string { return wrongLast(bsn(g)) },
	"~nhs": func(g *Generator) string { return wrongLast(nhs(g)) },
}
