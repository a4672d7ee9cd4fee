package secretscan

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSecretNames(t *testing.T) {
	s := newScanner(t, Settings{SecretKeys: []string{"internal_code", "x-magic"}, AllowedKeys: []string{"public.token", "csrfToken"}})
	for _, key := range []string{
		"password", "PASSWORD", "db.password", "dbPassword", "DB_PASSWORD", "passwd", "userPwd", "secret", "client_secret", "clientSecret",
		"api-key", "apiKey", "APIKey", "x-api-key", "X_API_KEY", "access_token", "http.request.header.authorization", "Authorization",
		"http.request.header.cookie", "set-cookie", "http.response.header.set-cookie", "Proxy-Authorization", "private_key", "aws_secret_access_key",
		"credential", "credentials", "passphrase", "session_id", "PHPSESSID", "PGPASSWORD", "authtoken", "password1", "http.request.header.authorization.0",
		"p\u0430ssword", "pass\u200bword", "ＰＡＳＳＷＯＲＤ", "db.pass%77ord",
		"internal_code", "order.internalCode", "X-Magic", "dd_api_key", "card.cvv", "redis_password[]", "oauth2.client.secret", "aws.secretAccessKey",
	} {
		assert.True(t, s.Key(key).Secret(), key)
	}
	for _, key := range []string{
		"", "token_count", "tokens_used", "max_tokens", "password_reset_at", "cookie_policy", "user", "key", "primary_key", "public_key", "secretary",
		"tokenizer", "passenger", "compass", "passed", "author", "authority", "next_token", "secret_name", "password_policy", "csrf_token", "csrfToken",
		"public.token", "x.public.token", "id", "http.method", "session", "keys", "api", "access", "credential_type", "ssnippet", "has_password_changed",
	} {
		assert.False(t, s.Key(key).Secret(), key)
	}
}

func TestScanValue(t *testing.T) {
	s := newScanner(t, Settings{})
	f := func(key, want string) {
		t.Helper()
		text := plain(want)
		assert.Equal(t, want, marked(s, text, s.ScanValue(nil, key, text)), key)
	}
	f("password", "«secret_assignment|hunter2»")
	f("db.password", "«secret_assignment|correct horse»")
	f("password", "***")
	f("password", "[REDACTED]")
	f("cvv", "«card_cvv|123»")
	f("card.cvc2", "«card_cvv|1234»")
	f("pin", "«card_pin|1234»")
	f("ssn", "«us_ssn|123456789»")
	f("customer.ssn", "«us_ssn|123-45-6789»")
	f("user_phone", "«phone|5551234567»")
	f("dd_api_key", "«datadog_key|"+letters(32, hexDigits)+"»")
	f("api_key", "«secret_assignment|"+letters(32, hexDigits)+"»")
	f("authorization", "Bearer «bearer_token|abcdefgh12345678»")
	f("http.request.header.authorization", "Basic «basic_auth|dXNlcjpwYXNzd29yZA==»")
	f("cookie", "sid=«secret_assignment|abc123def4567890»; theme=dark")
	f("trace_id", "4111111111111111")
	f("card", "«payment_card|4111111111111111»")
	f("token_count", "123456")
	f("status", "true")
	f("bsn", "«nl_bsn|123456782»")
	f("cpf", "«br_cpf|52998224725»")
	f("nhs_number", "«uk_nhs|9434765919»")
	f("aws_secret_access_key", "«aws_secret_access_key|"+letters(39, base62Digits+"+/")+"a»")
	f("client_ip", "«ipv4|10.0.0.1»")
	f("password", "«secret_assignment|p%40ss»")
}

func TestSettings(t *testing.T) {
	bad := func(set Settings, want string) {
		t.Helper()
		_, err := New(set)
		assert.ErrorContains(t, err, want)
	}
	bad(Settings{Enabled: []string{"emial"}}, `Enabled[0]: "emial" is neither a detector nor a group`)
	bad(Settings{Disabled: []string{"x"}}, `Disabled[0]: "x"`)
	bad(Settings{SecretKeys: []string{"--"}}, `SecretKeys[0]: "--" has no letters`)
	bad(Settings{Custom: []CustomDetector{{Name: "email", Pattern: "x"}}}, `Custom[0].Name: "email" is taken`)
	bad(Settings{Custom: []CustomDetector{{Name: "a", Pattern: "("}}}, `Custom[0].Pattern: "(" is no RE2 expression`)
	bad(Settings{Custom: []CustomDetector{{Name: "a", Pattern: "x*"}}}, "matches the empty text")
	bad(Settings{Custom: []CustomDetector{{Name: "a", Pattern: "x", Validator: "lunh"}}}, `Validator: "lunh" is unknown: use one of`)
	bad(Settings{Custom: []CustomDetector{{Name: "a", Pattern: "x", Capture: 1}}}, "Capture: 1 is no group")

	f := func(set Settings, want string) {
		t.Helper()
		text := plain(want)
		s := newScanner(t, set)
		assert.Equal(t, want, marked(s, text, s.Scan(nil, text)))
	}
	f(Settings{Enabled: []string{"network"}}, "a@b.io «ipv4|10.0.0.1»")
	f(Settings{Disabled: []string{"network"}}, "«email|a@b.io» 10.0.0.1")
	f(Settings{Enabled: []string{"payment_card", "payment_card_mastercard"}}, "«payment_card_mastercard|5500000000000004» «payment_card|4111111111111111»")
	f(Settings{Enabled: []string{"payment_card_mastercard"}}, "«payment_card_mastercard|5500000000000004» 4111111111111111")
	f(Settings{SecretKeys: []string{"internal_code"}}, "internalCode=«secret_assignment|abc» internal-code: «secret_assignment|x9z»")
	f(Settings{AllowedKeys: []string{"api_key"}}, "api_key=a1b2c3d4e5f6g7h8")
	f(Settings{Enabled: []string{"email"}, Custom: []CustomDetector{
		{Name: "customer", Pattern: `\bC-(\d{6})\b`, Capture: 1},
		{Name: "mc", Pattern: `\b5[1-5]\d{14}\b`, Validator: "luhn"},
		{Name: "badge", Pattern: `\b[A-Z]{2}\d{3}\b`, Keywords: []string{"badge"}},
	}}, "C-«customer|123456» «mc|5500000000000004» 5500000000000005 badge no «badge|AB123», and this one is far behind the word: AB124")
}

func TestKey(t *testing.T) {
	s := newScanner(t, Settings{SecretKeys: []string{"badge", "pin", "cvv"}, AllowedKeys: []string{"token"}})
	for _, x := range []struct {
		name        string
		secret, own bool
		detector    string
	}{
		{"badge", true, true, ""},
		{"user.badge", true, true, ""},
		{"user_badge1", true, true, ""},
		{"password", true, false, ""},
		{"token", false, false, ""},
		{"card.cvv", true, true, "card_cvv"},
		{"pin", true, true, "card_pin"},
		{"security_code", true, false, "card_cvv"},
		{"pin_block", true, false, "card_pin"},
		{"id", false, false, ""},
	} {
		k := s.Key(x.name)
		assert.Equal(t, x.secret, k.Secret(), x.name)
		assert.Equal(t, x.own, k.Own(), x.name)
		assert.Equal(t, x.detector, k.Detector(), x.name)
	}
}
