package corpus

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// luhnDigit returns the digit that makes body pass ISO/IEC 7812-1 annex B.
func luhnDigit(body string) byte {
	sum := 0
	for i := range len(body) {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// issuer is a range of leading digits with the lengths its cards have.
type issuer struct {
	low, high int // prefixes of equal width, both included
	lengths   []int
}

// issuers by the ranges they publish. Of each the lengths in use: the standard
// allows more.
var issuers = []issuer{
	{4, 4, []int{13, 16, 19}},                           // Visa
	{51, 55, []int{16}},                                 // Mastercard
	{2221, 2720, []int{16}},                             // Mastercard, since 2017
	{34, 34, []int{15}},                                 // American Express
	{37, 37, []int{15}},                                 //
	{6011, 6011, []int{16}},                             // Discover
	{644, 649, []int{16}},                               //
	{65, 65, []int{16}},                                 //
	{300, 305, []int{14}},                               // Diners Club
	{36, 36, []int{14}},                                 //
	{38, 39, []int{14}},                                 //
	{3528, 3589, []int{16}},                             // JCB
	{62, 62, []int{16, 17, 18, 19}},                     // UnionPay
	{5018, 5018, []int{12, 13, 16, 18, 19}},             // Maestro
	{5020, 5020, []int{12, 13, 14, 15, 16, 17, 18, 19}}, //
	{5038, 5038, []int{12, 13, 14, 15, 16, 17, 18, 19}}, //
	{5893, 5893, []int{16, 18, 19}},                     //
	{6304, 6304, []int{16, 18, 19}},                     //
	{6759, 6759, []int{16, 18, 19}},                     //
	{6761, 6763, []int{16, 18, 19}},                     //
}

// validCard says whether a detector may take the digits for a card number:
// more generous than issuers, as it keeps accidents out of the texts.
func validCard(number string) bool {
	if len(number) < 12 || len(number) > 19 || !strings.ContainsAny(number[:1], "23456") {
		return false
	}
	return number[len(number)-1] == luhnDigit(number[:len(number)-1])
}

// mod97 is the remainder of ISO 7064 MOD 97-10 over digits and letters.
func mod97(s string) int {
	rest := 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest
}

// ibanOf puts country code and check digits before a BBAN (ISO 13616-1).
func ibanOf(country, bban string) string {
	return fmt.Sprintf("%s%02d%s", country, 98-mod97(bban+country+"00"), bban)
}

// weighted sums digits by weights first, first-1, ...
func weighted(digits string, first int) int {
	sum := 0
	for i := range len(digits) {
		sum += int(digits[i]-'0') * (first - i)
	}
	return sum
}

// bsnDigit returns the ninth digit of a Dutch citizen number by the 11-test
// (weights 9..2 and -1), and false when no digit fits.
func bsnDigit(body string) (string, bool) {
	d := weighted(body, 9) % 11
	return strconv.Itoa(d), d < 10
}

// cpfDigits returns both check digits of a Brazilian taxpayer number.
func cpfDigits(body string) string {
	check := func(digits string) string {
		return strconv.Itoa((weighted(digits, len(digits)+1) * 10 % 11) % 10)
	}
	first := check(body)
	return first + check(body+first)
}

// nhsDigit returns the tenth digit of an NHS number (modulus 11, weights
// 10..2), and false when no digit fits.
func nhsDigit(body string) (string, bool) {
	d := (11 - weighted(body, 10)%11) % 11
	return strconv.Itoa(d), d < 10
}

// crcBase62 is the checksum at the end of GitHub's and npm's tokens: the CRC-32
// (IEEE) of the random characters as six base62 digits, 0-9A-Za-z.
func crcBase62(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var out [6]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = alnum[sum%62]
		sum /= 62
	}
	return string(out[:])
}
