package secretscan

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// maker makes secrets that are synthetic but well formed.
type maker struct{ *rand.Rand }

func (m maker) of(n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[m.IntN(len(alphabet))]
	}
	return string(b)
}

func (m maker) digits(n int) string { return m.of(n, "0123456789") }

func (m maker) card() string {
	forms := []struct {
		prefix string
		length int
	}{
		{"4", 16},
		{"4", 13},
		{"4", 19},
		{"51", 16},
		{"55", 16},
		{"2221", 16},
		{"2720", 16},
		{"34", 15},
		{"37", 15},
		{"6011", 16},
		{"644", 16},
		{"65", 16},
		{"300", 14},
		{"36", 14},
		{"38", 14},
		{"3528", 16},
		{"3589", 16},
		{"62", 16},
		{"62", 19},
		{"5018", 12},
		{"6304", 13},
		{"6759", 16},
		{"6763", 18},
		{"622126", 17},
	}
	f := forms[m.IntN(len(forms))]
	number := f.prefix + m.digits(f.length-1-len(f.prefix))
	for c := range 10 {
		if full := number + string(rune('0'+c)); luhnText(full) {
			return full
		}
	}
	return ""
}

func grouped(s, sep string, n int) string {
	var parts []string
	for len(s) > n {
		parts = append(parts, s[:n])
		s = s[n:]
	}
	return strings.Join(append(parts, s), sep)
}

func (m maker) iban() string {
	countries := slices.Sorted(maps.Keys(ibanTable))
	country := countries[m.IntN(len(countries))]
	var b strings.Builder
	for _, k := range ibans[int(country[0]-'A')*26+int(country[1]-'A')] {
		switch k {
		case 'n':
			b.WriteString(m.digits(1))
		case 'a':
			b.WriteString(m.of(1, base62Digits[10:36]))
		default:
			b.WriteString(m.of(1, base62Digits[:36]))
		}
	}
	return fmt.Sprintf("%s%02d%s", country, 98-mod97(country+"00"+b.String()), b.String())
}

func (m maker) checksummed(prefix string) string {
	body := m.of(30, base62Digits)
	sum := crc32.ChecksumIEEE([]byte(body))
	tail := []byte("000000")
	for i := 5; sum > 0; i-- {
		tail[i] = base62Digits[sum%62]
		sum /= 62
	}
	return prefix + body + string(tail)
}

func (m maker) numbered(n int, valid func(digits) bool) string {
	for {
		if s := m.digits(n); checkText(s, n, valid) {
			return s
		}
	}
}

// frames are places a secret stands in.
var frames = []string{
	"%s", "x %s y", "k=%s next=1", `{"k":"%s","n":1}`, `k='%s'`, "(%s)", "a,%s,b", "see %s.", "[%s]", `msg="x %s y"`, `{\"k\":\"%s\"}`, "k: %s\nnext", "%s;", `a\n%s\nb`, "k=%s&x=1", "<%s>", "<b>%s</b>", "a|%s|b",
}

// named are frames for what has to stand under its name.
var named = []string{"%n=%s", "%n: %s", `{"%n":"%s"}`, `{\"%n\":\"%s\"} x`, "%n=%s other=1", "x %n = '%s'", "%n %s"}

func TestShapes(t *testing.T) {
	s := newScanner(t, Settings{})
	m := maker{rand.New(rand.NewPCG(1, 2))}
	f := func(detector string, least float64, places []string, names []string, secret func() string) {
		t.Helper()
		n, good := 0, 0
		var missed []string
		for range 400 {
			value := secret()
			place := places[m.IntN(len(places))]
			if len(names) > 0 {
				place = strings.ReplaceAll(place, "%n", names[m.IntN(len(names))])
			}
			text := strings.Replace(place, "%s", value, 1)
			start := strings.Index(text, value)
			n++
			found := s.Scan(nil, text)
			hit := false
			for _, x := range found {
				hit = hit || x.Start == start && x.End == start+len(value) && s.Detectors()[x.Detector].Name == detector
			}
			if hit && len(found) == 1 {
				good++
			} else if len(missed) < 4 {
				missed = append(missed, marked(s, text, found)+" wants "+value)
			}
		}
		if got := float64(good) / float64(n); got < least {
			t.Errorf("%s: %.3f of %d\n%s", detector, got, n, strings.Join(missed, "\n"))
		}
	}
	pattern := func(detector string, secret func() string) { t.Helper(); f(detector, 0.99, frames, nil, secret) }
	pattern("payment_card", m.card)
	pattern("payment_card", func() string { return grouped(m.card(), " ", 4) })
	pattern("payment_card", func() string { return grouped(m.card(), "-", 4) })
	pattern("iban", m.iban)
	pattern("iban", func() string { return grouped(m.iban(), " ", 4) })
	pattern("email", func() string { return "u" + m.of(3, "abcdefghij+_") + ".x@" + m.of(5, "abcdefgh") + ".com" })
	pattern("us_ssn", func() string {
		d := m.numbered(9, validSSN)
		return d[:3] + "-" + d[3:5] + "-" + d[5:]
	})
	pattern("br_cpf", func() string {
		d := m.numbered(11, validCPF)
		return d[:3] + "." + d[3:6] + "." + d[6:9] + "-" + d[9:]
	})
	pattern("ipv4", func() string {
		return fmt.Sprintf("%d.%d.%d.%d", m.IntN(256), m.IntN(256), m.IntN(256), m.IntN(256))
	})
	pattern("ipv6", func() string {
		return "2001:db8:" + m.of(4, "123456789abcdef") + "::" + m.of(2, "123456789abcdef")
	})
	pattern("mac_address", func() string { return grouped(m.of(12, hexDigits), ":", 2) })
	pattern("mac_address", func() string { return grouped("0"+m.of(11, hexDigits), ".", 4) })
	pattern("phone", func() string {
		return "+1 " + m.of(1, "23456789") + m.digits(2) + " " + m.digits(3) + " " + m.digits(4)
	})
	pattern("phone", func() string { return "+44" + m.of(1, "123456789") + m.digits(9) })
	pattern("aws_access_key_id", func() string { return "AKIA" + m.of(16, base32Upper) })
	pattern("github_token", func() string { return m.checksummed("ghp_") })
	pattern("github_token", func() string { return "github_pat_" + m.of(22, base62Digits) + "_" + m.of(59, base62Digits) })
	pattern("npm_token", func() string { return m.checksummed("npm_") })
	pattern("gitlab_token", func() string { return "glpat-" + m.of(20, base64URL[:62]) })
	pattern("slack_token", func() string {
		return "xoxb-" + m.digits(12) + "-" + m.digits(13) + "-" + m.of(24, base62Digits)
	})
	pattern("slack_token", func() string {
		return "xapp-1-A" + m.of(10, base62Digits[:36]) + "-" + m.digits(13) + "-" + m.of(64, hexDigits)
	})
	pattern("stripe_key", func() string { return "rk_live_" + m.of(24, base62Digits) })
	pattern("twilio_key", func() string { return "SK" + m.of(32, hexDigits) })
	pattern("sendgrid_key", func() string { return "SG." + m.of(22, base64URL[:62]) + "." + m.of(43, base64URL[:62]) })
	pattern("gcp_api_key", func() string { return "AIza" + m.of(34, base64URL) + "x" })
	pattern("gcp_oauth_secret", func() string { return "GOCSPX-" + m.of(27, base64URL) + "x" })
	pattern("azure_client_secret", func() string { return m.of(3, base62Digits) + "8Q~" + m.of(34, base62Digits+"_~-") })
	pattern("openai_key", func() string {
		return "sk-proj-" + m.of(74, base64URL[:62]) + "T3Blbk" + "FJ" + m.of(73, base64URL[:62]) + "x"
	})
	pattern("anthropic_key", func() string { return "sk-ant-api03-" + m.of(93, base64URL) + "AA" })
	pattern("heroku_key", func() string { return "HRKU-AA" + m.of(57, base64URL) + "x" })
	pattern("pypi_token", func() string { return "pypi-AgE" + "IcHlwaS5vcmc" + m.of(160, base64URL) + "x" })
	pattern("jwt", func() string {
		e := base64.RawURLEncoding.EncodeToString
		return e([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + e([]byte(`{"sub":"`+m.digits(8)+`"}`)) + "." + m.of(42, base64URL) + "x"
	})

	context := func(detector string, names []string, secret func() string) {
		t.Helper()
		f(detector, 0.97, named, names, secret)
	}
	context("card_cvv", []string{"cvv", "cvc", "CVV2", "security_code", "cardCvv", "card_verification"}, func() string { return m.digits(3 + m.IntN(2)) })
	context("card_pin", []string{"pin", "pin_code", "PIN", "cardPin"}, func() string { return m.digits(4 + m.IntN(3)) })
	context("us_ssn", []string{"ssn", "social_security", "customerSsn"}, func() string { return m.numbered(9, validSSN) })
	context("nl_bsn", []string{"bsn", "burgerservicenummer", "sofinummer"}, func() string { return m.numbered(9, validBSN) })
	context("br_cpf", []string{"cpf", "CPF"}, func() string { return m.numbered(11, validCPF) })
	context("uk_nhs", []string{"nhs", "nhs_number", "NHS"}, func() string {
		d := m.numbered(10, validNHS)
		return d[:3] + " " + d[3:6] + " " + d[6:]
	})
	context("phone", []string{"tel", "phone", "mobile", "fax", "phone_number"}, func() string { return "(" + m.of(1, "23456789") + m.digits(2) + ") " + m.digits(3) + "-" + m.digits(4) })
	context("datadog_key", []string{"dd_api_key", "DD-API-KEY", "datadog_api_key", "datadog api key"}, func() string { return m.of(32, hexDigits) })
	context("aws_secret_access_key", []string{"aws_secret_access_key", "secretAccessKey", "AWS_SECRET_ACCESS_KEY", "secret_access_key"}, func() string { return m.of(40, base62Digits+"+/") })
	context("azure_storage_key", []string{"AccountKey", "account_key"}, func() string { return m.of(86, base62Digits+"+/") + "==" })
	context("twilio_key", []string{"twilio_auth_token", "TWILIO_AUTH_TOKEN", "twilio"}, func() string { return m.of(32, hexDigits) })
	assigned := named[:len(named)-1]
	f("secret_assignment", 0.97, assigned, []string{"password", "db_password", "PASSWD", "userPassword", "passphrase", "pwd"}, func() string { return m.of(8+m.IntN(8), base62Digits+"!@#$%^*-_") })
	f("secret_assignment", 0.97, assigned, []string{"secret", "api_key", "access_token", "clientSecret", "private-key", "session_id", "credential"}, func() string { return m.of(16+m.IntN(24), base62Digits) })
	f("url_password", 0.97, []string{"postgres://app:%s@db:5432/x", "x redis://:%s@cache/0 y", `"mongodb+srv://u:%s@h.example.net/?a=b"`, "https://bob:%s@host"}, nil, func() string { return m.of(10, base62Digits+"!$-_") })
	f("bearer_token", 0.97, []string{"Authorization: Bearer %s", `{"authorization":"Bearer %s"}`, "Bearer %s", `-H 'Authorization: Bearer %s' x`}, nil, func() string { return m.of(32, base62Digits+"-._~+/") + "a" })
	f("basic_auth", 0.99, []string{"Authorization: Basic %s", `{"authorization":"Basic %s"}`, "Basic %s"}, nil, func() string {
		return base64.StdEncoding.EncodeToString([]byte(m.of(5, base62Digits) + ":" + m.of(9, base62Digits+"!?")))
	})
}

// TestNearMisses takes what makes a secret valid away from it.
func TestNearMisses(t *testing.T) {
	s := newScanner(t, Settings{Disabled: []string{"phone", "secret_assignment"}})
	m := maker{rand.New(rand.NewPCG(3, 4))}
	f := func(what string, most float64, miss func() string) {
		t.Helper()
		n := 0
		var found []string
		for range 400 {
			text := strings.Replace(frames[m.IntN(len(frames))], "%s", miss(), 1)
			if got := s.Scan(nil, text); len(got) > 0 {
				n++
				found = append(found, marked(s, text, got))
			}
		}
		if share := float64(n) / 400; share > most {
			t.Errorf("%s: %.3f\n%s", what, share, strings.Join(found[:min(4, len(found))], "\n"))
		}
	}
	wrong := func(s string) string {
		last := s[len(s)-1]
		return s[:len(s)-1] + string('0'+(last-'0'+1)%10)
	}
	f("wrong Luhn", 0, func() string { return wrong(m.card()) })
	f("wrong IBAN", 0, func() string { s := m.iban(); return s[:2] + wrong(s[2:4]) + s[4:] })
	f("UUID", 0, func() string {
		h := m.of(32, hexDigits)
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	})
	f("hash", 0, func() string { return m.of([]int{16, 32, 40, 64}[m.IntN(4)], hexDigits) })
	f("seconds", 0, func() string { return "17" + m.digits(8) })
	f("milliseconds", 0, func() string { return "17" + m.digits(11) })
	f("microseconds", 0, func() string { return "17" + m.digits(14) })
	f("nanoseconds", 0, func() string { return "17" + m.digits(17) })
	f("version of five", 0, func() string { return "1.2.3.4." + m.digits(1) })
	f("version", 0, func() string { return "v10.0.0." + m.digits(1) })
	f("time", 0, func() string { return "2026-03-01T12:34:" + m.digits(2) + "." + m.digits(9) + "Z" })
	f("duration", 0, func() string { return m.digits(2) + "h" + m.digits(2) + "m" + m.digits(1) + "." + m.digits(3) + "s" })
	f("price", 0, func() string { return "$" + m.digits(3) + "," + m.digits(3) + "." + m.digits(2) })
	f("MAC of seven", 0, func() string { return grouped(m.of(14, hexDigits), ":", 2) })
	f("EUI-64", 0, func() string { return grouped(m.of(16, hexDigits), ":", 2) })
	f("wrong CRC", 0, func() string { return "ghp_" + m.of(36, base62Digits) })
	f("random ids of 16 digits", 0.05, func() string { return m.digits(16) })
	f("random ids of 10 digits", 0, func() string { return m.digits(10) })
}
