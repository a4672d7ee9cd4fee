package corpus

import (
	"fmt"
	"strconv"
	"strings"
)

// Keys under which an invalid value is no secret either.
var (
	cardKeys = []string{"card", "card_number", "cardNumber", "pan", "cc_number", "PAN", "creditCard", "payment.card"}
	ibanKeys = []string{"iban", "IBAN", "account", "creditor_account", "debtorIban", "bank.account"}
)

var financial = map[string]detector{
	"payment_card": {
		value: unkeyed(card),
		keys:  cardKeys,
		phrases: []string{
			"card %{payment_card} exp 04/29 cvv %{card_cvv}",
			"Zahlung mit Karte „%{payment_card}“ für Müller abgelehnt",
			"card=%{payment_card},holder=%{email}",
			"payment with card %{payment_card} was declined: insufficient funds",
			"charge failed for %{payment_card}, retrying in 30s",
			"%{payment_card} is expired",
			"Validation failed: [number=%{payment_card}; brand=unknown]",
			"INSERT INTO payments (id, card_no, amount) VALUES (%{order}, '%{payment_card}', %{price})",
			"customer wrote: my number is %{payment_card}.",
			"PAN (%{payment_card}) not enrolled",
		},
		misses: []lookalike{
			{kind: "wrong check digit", keys: cardKeys, value: func(g *Generator) string { return grouped(g, wrongLuhn(cardDigits(g))) }},
			{kind: "wrong length", keys: cardKeys, value: func(g *Generator) string { return withLuhn("4" + g.chars(digit, pick(g, 9, 18, 20, 22))) }},
			{kind: "wrong issuer range", keys: cardKeys, value: func(g *Generator) string { return withLuhn(g.chars("179", 1) + g.chars(digit, 14)) }},
			{kind: "nanosecond timestamp", value: words["nanos"]},
			{kind: "millisecond timestamp", value: words["millis"]},
			{kind: "order number", value: func(g *Generator) string { return g.number(16) }},
			{kind: "uuid", value: (*Generator).uuid},
			{kind: "masked card", keys: cardKeys, value: func(g *Generator) string { return "**** **** **** " + g.chars(digit, 4) }},
			{kind: "masked card", keys: cardKeys, value: func(g *Generator) string { return "4" + strings.Repeat("X", 11) + g.chars(digit, 4) }},
		},
	},
	"card_track": {
		value: unkeyed(track),
		keys:  []string{"track", "track2", "track_data", "magstripe", "swipe"},
		phrases: []string{
			"swipe read: %{card_track}",
			"reader 3 returned %{card_track} after 2 attempts",
			"decode error in '%{card_track}'",
		},
		misses: []lookalike{
			{kind: "no account number", value: func(g *Generator) string { return ";" + g.number(8) + "=" + g.chars(digit, 4) + "?" }},
			{kind: "percent-encoded text", value: func(g *Generator) string { return "%B0C%20" + pick(g, nouns...) + "?" }},
			{kind: "matrix parameter", phrase: "GET /%{noun};%{noun}=%{count}?page=%{small} done"},
		},
	},
	"card_cvv": {
		value: unkeyed(func(g *Generator) string { return g.chars(digit, g.between(3, 4)) }),
		keys:  []string{"cvv", "CVV", "cvc", "cvv2", "cvc2", "CVC2", "card_cvv", "cardCvc", "security_code", "securityCode"},
		phrases: []string{
			"cvv %{card_cvv} rejected by issuer",
			"cvc: %{card_cvv}, expiry 04/29",
			"security code %{card_cvv} does not match",
			"CVV2=%{card_cvv}; exp=0429",
			"(cvc2 %{card_cvv})",
			"card verification: %{card_cvv}",
		},
		misses: []lookalike{
			placeholder("cvv", "cvc"),
			{kind: "placeholder", phrase: "cvv=***"},
			{kind: "placeholder", phrase: `"cvv":"[REDACTED]"`},
			{kind: "no digits", phrase: "cvc_check=pass"},
			{kind: "wrong length", phrase: "cvv=%{small}"},
			{kind: "word in a word", phrase: "acid %{count} done"},
			{kind: "prose", phrase: "cvv mismatch, issuer answered after %{ms}"},
		},
	},
	"card_pin": {
		value: func(g *Generator, key string) string {
			if strings.Contains(strings.ToLower(key), "block") {
				return g.chars("0123456789ABCDEF", 16)
			}
			return g.chars(digit, pick(g, 4, 4, 4, 5, 6))
		},
		keys: []string{"pin", "PIN", "pin_code", "pinCode", "card_pin", "cardPin", "pin_block", "pinBlock"},
		phrases: []string{
			"pin %{card_pin} rejected, 2 attempts left",
			"PIN: %{card_pin}.",
			"pin code %{card_pin} accepted",
			"pin_block=%{card_pin|pin_block} key=zpk",
			"(pin=%{card_pin})",
		},
		misses: []lookalike{
			placeholder("pin", "pin_code"),
			{kind: "wrong length", phrase: "gpio pin %{small} set high"},
			{kind: "placeholder", phrase: "pin=****"},
			{kind: "prose", phrase: "pin entry timed out"},
			{kind: "word in a word", phrase: "ping %{count} ms"},
			{kind: "word in a word", phrase: "spin %{count} times"},
		},
	},
	"iban": {
		value: unkeyed(iban),
		keys:  ibanKeys,
		phrases: []string{
			"Überweisung an %{iban} über %{price} € ausgeführt",
			"transfer to %{iban} booked",
			"creditor account %{iban}, amount EUR %{price}",
			"SEPA mandate for %{iban}; reference %{order}",
			"account (%{iban}) is closed",
			"<IBAN>%{iban}</IBAN>",
			"%{iban}",
		},
		misses: []lookalike{
			{kind: "wrong check digits", keys: ibanKeys, value: wrongIBAN},
			{kind: "wrong length", keys: ibanKeys, value: func(g *Generator) string { return ibanOf("NL", g.chars(upper, 4)+g.chars(digit, pick(g, 8, 9, 12))) }},
			{kind: "unknown country", keys: ibanKeys, value: func(g *Generator) string { return ibanOf(pick(g, "US", "XX", "AU", "ZZ"), g.chars(digit, 18)) }},
			{kind: "part number", value: func(g *Generator) string { return "DE" + g.chars(digit, 2) + "-" + g.chars(upper+digit, 6) }},
		},
	},
}

func withLuhn(body string) string {
	return body + string(luhnDigit(body))
}

func wrongLuhn(number string) string {
	last := len(number) - 1
	wrong := '0' + (number[last]-'0'+3)%10
	return number[:last] + string(rune(wrong))
}

func cardDigits(g *Generator) string {
	from := pick(g, issuers...)
	prefix := strconv.Itoa(g.between(from.low, from.high))
	length := from.lengths[g.rnd.IntN(len(from.lengths))]
	if length == 13 && prefix == "4" && !g.oneIn(4) {
		length = 16 // Visa no longer issues thirteen
	}
	return withLuhn(prefix + g.chars(digit, length-len(prefix)-1))
}

func card(g *Generator) string { return grouped(g, cardDigits(g)) }

// grouped writes a card number bare, or as it is embossed.
func grouped(g *Generator, number string) string {
	if g.oneIn(2) {
		return number
	}
	sizes := []int{4, 4, 4, 4, 4}
	switch len(number) {
	case 14, 15:
		sizes = []int{4, 6, 5}
	}
	return cut(number, pick(g, " ", "-"), sizes)
}

// cut puts separator between groups of the given sizes, the last of which may
// be cut short.
func cut(s, separator string, sizes []int) string {
	var groups []string
	for _, size := range sizes {
		if s == "" {
			break
		}
		size = min(size, len(s))
		groups = append(groups, s[:size])
		s = s[size:]
	}
	return strings.Join(groups, separator)
}

// track makes track 1 or 2 of a magnetic stripe (ISO/IEC 7813), with the
// sentinels and without the check character, which readers drop.
func track(g *Generator) string {
	number := cardDigits(g)
	tail := g.moment().AddDate(3, 0, 0).Format("0601") + pick(g, "101", "201", "221") + g.chars(digit, g.between(5, 9))
	if g.oneIn(2) {
		return ";" + number + "=" + tail + "?"
	}
	name := strings.ToUpper(pick(g, familyNames...) + "/" + pick(g, givenNames...))
	return "%B" + number + "^" + name + "^" + tail + "?"
}

// bbans are the account numbers of the SWIFT registry's countries: how many
// letters (a), digits (n) and of either (c).
var bbans = map[string]string{
	"AD": "8n12c", "AE": "19n", "AT": "16n", "BE": "12n", "BG": "4a6n8c", "BR": "23n1a1c", "CH": "5n12c",
	"CZ": "20n", "DE": "18n", "DK": "14n", "EE": "16n", "ES": "20n", "FI": "14n", "FR": "10n11c2n",
	"GB": "4a14n", "GI": "4a15c", "GR": "7n16c", "HR": "17n", "HU": "24n", "IE": "4a14n", "IL": "19n",
	"IS": "22n", "IT": "1a10n12c", "LT": "16n", "LU": "3n13c", "LV": "4a13c", "MC": "10n11c2n", "MT": "4a5n18c",
	"NL": "4a10n", "NO": "11n", "PL": "24n", "PT": "21n", "RO": "4a16c", "SA": "2n18c", "SE": "20n",
	"SI": "15n", "SK": "20n", "TR": "6n16c",
}

// countries in a fixed order, as a map has none.
var countries = strings.Fields("AD AE AT BE BG BR CH CZ DE DK EE ES FI FR GB GI GR HR HU IE IL IS IT LT LU LV MC MT NL NO PL PT RO SA SE SI SK TR")

func ibanDigits(g *Generator) string {
	country := pick(g, countries...)
	var bban strings.Builder
	for format := bbans[country]; format != ""; {
		var n int
		var class byte
		width, _ := fmt.Sscanf(format, "%d%c", &n, &class)
		if width != 2 {
			break
		}
		alphabet := map[byte]string{'a': upper, 'n': digit, 'c': digit + upper}[class]
		bban.WriteString(g.chars(alphabet, n))
		format = format[strings.IndexByte(format, class)+1:]
	}
	return ibanOf(country, bban.String())
}

func printed(g *Generator, account string) string {
	if g.oneIn(2) {
		return account
	}
	return cut(account, " ", []int{4, 4, 4, 4, 4, 4, 4, 4, 4})
}

func iban(g *Generator) string { return printed(g, ibanDigits(g)) }

func wrongIBAN(g *Generator) string {
	account := []byte(ibanDigits(g))
	last := &account[len(account)-1]
	switch {
	case *last >= '0' && *last <= '9':
		*last = '0' + (*last-'0'+1)%10
	default:
		*last = 'A' + (*last-'A'+1)%26
	}
	return printed(g, string(account))
}
