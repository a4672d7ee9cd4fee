// Package fakesecret makes the secrets and personal data that the shop leaks on
// purpose. They have the form of real ones, so that redaction can be tried on
// them, and are worth nothing: the e-mail domains are reserved by RFC 2606, the
// tokens are hashes of a seed, and the JSON Web Token names itself fake.
package fakesecret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
)

// StripeKey has the form of a Stripe test key. The prefix is put together here
// so that no scanner of source code takes this line for a leak.
func StripeKey(seed string) string { return "sk_" + "test_" + base62(seed+"/stripe", 24) }

// GitHubToken has the form of a GitHub personal access token.
func GitHubToken(seed string) string { return "gh" + "p_" + base62(seed+"/github", 36) }

// HexToken has the form of the opaque tokens that many interfaces hand out: 40
// hexadecimal digits.
func HexToken(seed string) string {
	sum := sha256.Sum256([]byte(seed + "/hex"))
	return hex.EncodeToString(sum[:20])
}

// JWT is a well-formed JSON Web Token (RFC 7519), signed with HS256 under a key
// that nobody uses.
func JWT(subject string) string {
	encode := base64.RawURLEncoding.EncodeToString
	head := encode([]byte(`{"alg":"HS256","typ":"JWT"}`))
	body := encode([]byte(`{"iss":"https://id.shop.example","sub":"` + subject + `","fake":true}`))
	mac := hmac.New(sha256.New, []byte("not a key"))
	mac.Write([]byte(head + "." + body))
	return head + "." + body + "." + encode(mac.Sum(nil))
}

// Customer is a person who does not exist.
type Customer struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

var (
	givenNames  = []string{"jane", "amara", "ines", "tomasz", "mei", "oluwaseun", "lars", "priya", "mateo", "yuki", "fatima", "björn"}
	familyNames = []string{"rivera", "okafor", "lindqvist", "nowak", "chen", "adeyemi", "haugen", "sharma", "garcía", "tanaka", "haddad", "o'brien"}
	domains     = []string{"example.com", "example.org", "example.net"}
)

// NewCustomer gives the customer with the number n; the same n is the same person.
func NewCustomer(n uint64) Customer {
	given := givenNames[n%uint64(len(givenNames))]
	family := familyNames[n/uint64(len(givenNames))%uint64(len(familyNames))]
	domain := domains[n%uint64(len(domains))]
	id := "c" + hexDigits(n)
	return Customer{ID: id, Name: given + " " + family, Email: mailbox(given) + "." + mailbox(family) + "+" + id + "@" + domain}
}

// mailbox keeps the letters that every mail system takes.
func mailbox(name string) string {
	out := make([]rune, 0, len(name))
	for _, r := range name {
		switch {
		case r == 'ö':
			out = append(out, 'o')
		case r == 'í':
			out = append(out, 'i')
		case r >= 'a' && r <= 'z':
			out = append(out, r)
		}
	}
	return string(out)
}

func hexDigits(n uint64) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[n>>12&15], digits[n>>8&15], digits[n>>4&15], digits[n&15]})
}

func base62(seed string, length int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := sha256.Sum256([]byte(seed))
	n, base, digit := new(big.Int).SetBytes(sum[:]), big.NewInt(int64(len(alphabet))), new(big.Int)
	out := make([]byte, length)
	for i := range out {
		n.DivMod(n, base, digit)
		out[i] = alphabet[digit.Int64()]
	}
	return string(out)
}
