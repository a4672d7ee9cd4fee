package secretscan

// ibanTable has the structure of each country's IBANs after the check digits, as in the
// SWIFT registry: n digits, a capital letters, c either. Two entries of the same
// kind beside each other are one here.
var ibanTable = map[string]string{
	"AD": "8n12c", "AE": "19n", "AL": "8n16c", "AT": "16n", "AZ": "4a20c", "BA": "16n", "BE": "12n", "BG": "4a6n8c",
	"BH": "4a14c", "BI": "23n", "BR": "23n1a1c", "BY": "4c4n16c", "CH": "5n12c", "CR": "18n", "CY": "8n16c", "CZ": "20n",
	"DE": "18n", "DJ": "23n", "DK": "14n", "DO": "4c20n", "EE": "16n", "EG": "25n", "ES": "20n", "FI": "14n", "FK": "2a12n",
	"FO": "14n", "FR": "10n11c2n", "GB": "4a14n", "GE": "2a16n", "GI": "4a15c", "GL": "14n", "GR": "7n16c", "GT": "24c",
	"HN": "4a20n", "HR": "17n", "HU": "24n", "IE": "4a14n", "IL": "19n", "IQ": "4a15n", "IS": "22n", "IT": "1a10n12c",
	"JO": "4a4n18c", "KW": "4a22c", "KZ": "3n13c", "LB": "4n20c", "LC": "4a24c", "LI": "5n12c", "LT": "16n", "LU": "3n13c",
	"LV": "4a13c", "LY": "21n", "MC": "10n11c2n", "MD": "20c", "ME": "18n", "MK": "3n10c2n", "MN": "16n", "MR": "23n",
	"MT": "4a5n18c", "MU": "4a19n3a", "NI": "4a20n", "NL": "4a10n", "NO": "11n", "OM": "3n16c", "PK": "4a16c", "PL": "24n",
	"PS": "4a21c", "PT": "21n", "QA": "4a21c", "RO": "4a16c", "RS": "18n", "RU": "14n15c", "SA": "2n18c", "SC": "4a20n3a",
	"SD": "14n", "SE": "20n", "SI": "15n", "SK": "20n", "SM": "1a10n12c", "SO": "19n", "ST": "21n", "SV": "4a20n", "TL": "19n",
	"TN": "20n", "TR": "6n16c", "UA": "6n19c", "VA": "18n", "VG": "4a16n", "XK": "16n", "YE": "4a4n18c",
}

// ibans is ibanTable by country, spelled out: "nnnnaac".
var ibans = func() (byCountry [26 * 26]string) {
	for country, form := range ibanTable {
		var kinds []byte
		n := 0
		for i := range len(form) {
			if isDigit(form[i]) {
				n = n*10 + int(form[i]-'0')
				continue
			}
			for ; n > 0; n-- {
				kinds = append(kinds, form[i])
			}
		}
		byCountry[int(country[0]-'A')*26+int(country[1]-'A')] = string(kinds)
	}
	return byCountry
}()

// iban looks for one whose country is text[i:i+2], with its check digits after.
func (t *task) iban(i int) {
	text := t.text
	if !isAlpha(text[i]) || !isAlpha(text[i+1]) || !isDigit(at(text, i+3)) || !leftEdge(text, i) {
		return
	}
	form := ibans[int(text[i]|0x20-'a')*26+int(text[i+1]|0x20-'a')]
	if form == "" {
		return
	}
	if check := text[i+2 : i+4]; check < "02" || check > "98" {
		return // what modulo 97 leaves is from 2 to 98
	}
	j := i + 4
	sep := at(text, j)
	if sep != ' ' && sep != '-' {
		sep = 0
	}
	for k := range len(form) {
		if sep != 0 && k%4 == 0 {
			if at(text, j) != sep {
				return
			}
			j++
		}
		c := at(text, j)
		switch form[k] {
		case 'n':
			if !isDigit(c) {
				return
			}
		case 'a':
			if !isAlpha(c) {
				return
			}
		default:
			if !isAlnum(c) {
				return
			}
		}
		j++
	}
	if rightEdge(text, j) && mod97(text[i:j]) == 1 {
		t.add(dIBAN, i, j)
		t.digitEnd = max(t.digitEnd, j)
	}
}
