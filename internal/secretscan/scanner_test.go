package secretscan

import (
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newScanner(tb testing.TB, set Settings) *Scanner {
	tb.Helper()
	s, err := New(set)
	require.NoError(tb, err)
	return s
}

// marked writes text with its findings as «name|secret».
func marked(s *Scanner, text string, found []Finding) string {
	var b strings.Builder
	last := 0
	for _, f := range found {
		b.WriteString(text[last:f.Start] + "«" + s.Detectors()[f.Detector].Name + "|" + text[f.Start:f.End] + "»")
		last = f.End
	}
	return b.String() + text[last:]
}

// plain takes the marks out.
func plain(want string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(want, "«")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, rest, _ = strings.Cut(rest, "|")
		secret, after, _ := strings.Cut(rest, "»")
		b.WriteString(secret)
		want = after
	}
}

// all checks texts whose secrets are marked; texts without marks are near misses.
func all(t *testing.T, texts ...string) {
	t.Helper()
	s := newScanner(t, Settings{})
	for _, want := range texts {
		text := plain(want)
		assert.Equal(t, want, marked(s, text, s.Scan(nil, text)))
	}
}

func letters(n int, alphabet string) string {
	b := make([]byte, n)
	x := uint32(n)*2654435761 + 12345
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = alphabet[int(x>>16)%len(alphabet)]
	}
	return string(b)
}

const (
	base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base64URL    = base62Digits + "-_"
	hexDigits    = "0123456789abcdef"
	base32Upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

func checked(prefix string, order string) string {
	body := letters(30, base62Digits)
	sum := crc32.ChecksumIEEE([]byte(body))
	var tail [6]byte
	for i := 5; i >= 0; i-- {
		tail[i] = order[sum%62]
		sum /= 62
	}
	return prefix + body + string(tail[:])
}

func TestCards(t *testing.T) {
	all(t,
		"card «payment_card|4111111111111111» ok",
		"pan=«payment_card|4111 1111 1111 1111»",
		`{"pan":"«payment_card|5500-0000-0000-0004»"}`,
		"amex «payment_card|3782 822463 10005», diners «payment_card|3056 930902 5904»",
		"«payment_card|2223003122003222» «payment_card|6011000990139424» «payment_card|3530111333300000»",
		"«payment_card|6304000000000000»/«payment_card|6200000000000005»",
		"card «payment_card|4111 1111 1111 1111» 123 exp 12/26",
		`msg="a\n«payment_card|4111111111111111»\n"`,
		"broken «payment_card|4111 1111\n1111 1111» here",
		"dots 4111111111111111.5 4111111111111112 x4111111111111111 4111111111111111x _4111111111111111",
		"trace_id=4111111111111111 timestamp: 4111111111111111",
		"1700000000 1700000000000 1700000000000000000 v4111111111111111 +4111111111111111",
		"123e4567-e89b-12d3-a456-4111111111111111 550e8400-e29b-41d4-a716-630400000000",
		"4111-1111-1111-1111-1111 44444444444444440 9999999999999995",
		"track «card_track|%B4111111111111111^DOE/JOHN^29121010000000000000?» ok",
		"track «card_track|;4111111111111111=29121010000000000000?» ok",
		"cvv=«card_cvv|123» cvc2: «card_cvv|4567», security code «card_cvv|987».",
		`{"cvv":"«card_cvv|123»","cardCvv":«card_cvv|321»}`,
		"cvv=12 cvv=12345 cvv required 200 cidr 123 cvv_length=3",
		"pin=«card_pin|1234» pin code: «card_pin|493021» pin_block=«card_pin|0412AC89ABCDEF67»",
		"pin=123 pinned 1234 spin 1234 shipping 12345 pinCount=1234",
	)
}

func TestIBAN(t *testing.T) {
	all(t,
		"pay «iban|DE89370400440532013000» or «iban|GB29 NWBK 6016 1331 9268 19».",
		"«iban|NL91ABNA0417164300», «iban|FR1420041010050500013M02606»; «iban|NO93 8601 1117 947»",
		"DE88370400440532013000 XX89370400440532013000 DE8937040044053201300 DE893704004405320130001",
	)
}

func TestNational(t *testing.T) {
	all(t,
		"ssn «us_ssn|123-45-6789» and ssn=«us_ssn|123456789», SSN: «us_ssn|123 45 6789», bare «us_ssn|212-09-9998»",
		`{"ssn":"«us_ssn|123456789»","social_security_number":"«us_ssn|123-45-6789»"}`,
		"000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000 123456789 assn 123456789 1-123-45-6789 123-45-67890",
		"bsn «nl_bsn|123456782» burgerservicenummer: «nl_bsn|111222333»",
		"ssn=12-3456789 ssn=123-456-789 ssn=1-2-3-4-5-6-7-8-9",
		"bsn 123456789 123456782",
		"cpf «br_cpf|529.982.247-25» or cpf=«br_cpf|52998224725» but 529.982.247-24, 52998224725, 111.111.111-11",
		"NHS number: «uk_nhs|943 476 5919», nhs=«uk_nhs|9434765919», NHS no «uk_nhs|943-476-5919»; nhs 9434765918, 9434765919",
	)
}

func TestNetwork(t *testing.T) {
	all(t,
		"from «ipv4|10.0.0.1» to «ipv4|192.168.1.255»:8080, «ipv4|127.0.0.1»/24. At «ipv4|8.8.8.8».",
		"server=«ipv4|10.0.0.1» server: «ipv4|10.0.0.2» resolver «ipv4|10.0.0.3» firmware 1.2.3.4 appVersion=1.2.3.4",
		"1.2.3.4.5 v10.0.0.1 256.1.1.1 1.2.3 01.2.3.4 version 1.2.3.4 Chrome/120.0.0.0 1.2.3.4-beta 1.2.3.4a app_version=1.2.3.4",
		"http://«ipv4|10.0.0.1»/x [«ipv6|::1»]:80 «ipv6|fe80::1%eth0» «ipv6|2001:db8::8a2e:370:7334», «ipv6|2001:0db8:85a3:0000:0000:8a2e:0370:7334»",
		"«ipv6|::ffff:192.0.2.1» «ipv6|2001:db8::»/32 «ipv6|1:2:3:4:5:6:7:8»: up",
		"std::vector a::b 12:34:56 12:34:56.789 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 a::b::c :: f() dead::beef 2001:db8:::1 12345::1 Outer$1::<init>",
		"javac.parser.Tokens$Token java.lang.UnsupportedOperationException",
		"mac «mac_address|00:1a:2B:3c:4d:5e» «mac_address|00-1A-2B-3C-4D-5E» «mac_address|001a.2b3c.4d5e»",
		"00:1a:2b:3c:4d 00:1a:2b:3c:4d:5e:6f 00:1a:2b:3c:4d:5g 00:1a-2b:3c:4d:5e 00:11:22:33:44:55:66:77 2024-01-15-10-20-30",
	)
}

func TestPersons(t *testing.T) {
	all(t,
		"mail «email|john.doe+x@example.co.uk». <«email|a@b.io»> user=«email|u_1@sub.example.com», mailto:«email|x@y.org»?subject=1",
		"a@b @types/node@18.0.0 logo@2x.png react@latest git@github.com:org/repo x@1.2.3 root@«ipv4|10.1.2.3» user@localhost https://bob@example.com/",
		"«phone|+1 555 123 4567» «phone|+14155552671», «phone|+44 20 7946 0958» «phone|+49 30 901820» «phone|+33 1 23 45 67 89» «phone|+31-20-123-4567»",
		"tel: «phone|(555) 123-4567» phone=«phone|555-123-4567», mobile «phone|0612345678» call «phone|555.123.4567» now; tel:«phone|+15551234567»",
		"+0000 +5 12+34567890123 phone_id=123456 call_id=5551234567 call 12345678 phone: 0000000000 caller=12345678 call 404 call 2024-01-15 +123 call took 1234567 555-123-4567",
		`{"phone":"«phone|5551234567»","fax_number":"«phone|020 7946 0958»"}`,
	)
}

func TestTokens(t *testing.T) {
	jwt := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + letters(43, base64URL[:62])
	basic := "dXNlcjpwYXNzd29yZA=="
	pem := "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3\n-----END RSA PRIVATE " + "KEY-----"
	mark := func(name, secret string) string { return "«" + name + "|" + secret + "»" }
	aws := letters(39, base62Digits+"+/") + "a"
	azure := letters(86, base62Digits+"+/") + "=="
	all(t,
		"t="+mark("github_token", checked("ghp_", base62Digits))+" x",
		"t="+mark("npm_token", checked("npm_", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")),
		"ghp_"+letters(36, base62Digits)+" npm_"+letters(36, base62Digits),
		mark("github_token", "github_pat_"+letters(22, base62Digits)+"_"+letters(59, base62Digits)),
		"id "+mark("aws_access_key_id", "AKIA"+letters(16, base32Upper))+", AKIA"+letters(15, base32Upper)+" xAKIA"+letters(16, base32Upper),
		mark("gitlab_token", "glpat-"+letters(20, base64URL[:62]))+" glpat-short glpat-xxxxxxxxxxxxxxxxxxxx",
		mark("slack_token", "xoxb-"+"123456789012-1234567890123-"+letters(24, base62Digits))+" xoxb-your-token-goes-here",
		"https://hooks.slack.com/services/"+mark("slack_webhook", "T0123ABCD/B0123ABCD/"+letters(24, base62Digits)),
		mark("stripe_key", "sk_live_"+letters(24, base62Digits))+" "+mark("stripe_key", "whsec_"+letters(32, base62Digits)),
		mark("twilio_key", "SK"+letters(32, hexDigits))+" AC"+letters(32, hexDigits),
		mark("sendgrid_key", "SG."+letters(22, base64URL[:62])+"."+letters(43, base64URL[:62])),
		mark("pypi_token", "pypi-AgE"+"IcHlwaS5vcmc"+letters(120, base64URL[:62])),
		mark("heroku_key", "HRKU-AA"+letters(58, base64URL[:62])),
		"HEROKU_API_KEY="+mark("heroku_key", "01234567-89ab-cdef-0123-456789abcdef"),
		mark("anthropic_key", "sk-ant-api03-"+letters(93, base64URL[:62])+"AA"),
		mark("openai_key", "sk-"+letters(20, base62Digits)+"T3Blbk"+"FJ"+letters(20, base62Digits)),
		mark("openai_key", "sk-proj-"+letters(60, base62Digits)),
		mark("gcp_api_key", "AIza"+letters(35, base64URL[:62]))+" "+mark("gcp_oauth_secret", "GOCSPX-"+letters(28, base64URL[:62])),
		mark("gcp_oauth_secret", "ya29."+letters(60, base64URL[:62])),
		"AccountKey="+mark("azure_storage_key", azure)+";EndpointSuffix=core.windows.net",
		"secret "+mark("azure_client_secret", "abc8Q~"+letters(34, base62Digits)),
		"https://x.blob.core.windows.net/c?sv=2022&sig="+mark("azure_sas", letters(42, base62Digits)+"%3D")+"&se=1",
		"aws_secret_access_key = "+mark("aws_secret_access_key", aws)+"\n",
		"DD_API_KEY="+mark("datadog_key", letters(32, hexDigits))+" dd-application-key: "+mark("datadog_key", letters(40, hexDigits)),
		"commit "+letters(40, hexDigits)+" trace "+letters(32, hexDigits),
		"Authorization: Bearer "+mark("jwt", jwt)+"\r\nx",
		"eyJhbGciOi.eyJ.x eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
		"Authorization: Basic "+mark("basic_auth", basic)+" and Basic auth Basic dXNlcg==",
		"Authorization: Bearer "+mark("bearer_token", "abcdef0123456789")+", Bearer authentication required, bearer of news",
		"key "+mark("private_key", pem)+" end",
		"key "+mark("private_key", strings.ReplaceAll(pem, "\n", `\n`))+" end",
		"cut "+mark("private_key", pem[:60]),
		"-----BEGIN PUBLIC "+"KEY-----\nMIIBIjANBgkqhkiG9w0B\n-----END PUBLIC "+"KEY-----",
		"postgres://app:"+mark("url_password", "s3cr3t")+"@db:5432/x redis://:"+mark("url_password", "pw")+"@h http://host:8080/a@b https://u@h/ http://u:***@h/",
	)
}

func TestAssignments(t *testing.T) {
	all(t,
		"password=«secret_assignment|hunter2» user=bob",
		`{"password":"«secret_assignment|hun ter2»","n":1}`,
		`body="{\"password\":\"«secret_assignment|hunter2»\",\"a\":1}"`,
		"db_password: «secret_assignment|s3cr3t!», next; --password «secret_assignment|hunter2» -x",
		"api_key=«secret_assignment|a1b2c3d4e5f6g7h8» clientSecret: '«secret_assignment|Zx81Kq02LmP»'",
		"/login?token=«secret_assignment|abc123def456»&x=1",
		"secret key: «secret_assignment|abc123def456», API Key = «secret_assignment|abc123def456»",
		"PGPASSWORD=«secret_assignment|letmein» ./run",
		"<password>«secret_assignment|hunter2»</password>",
		"Cookie: sid=«secret_assignment|abc123def4567890»; theme=dark",
		"password=**** password=<redacted> token=null pw=${PASSWORD} password=$DB_PASSWORD password={{ .pw }} secret=%s",
		"token = nextToken() password = getpass() secret = os.environ[\"X\"] token_count=1234 max_tokens=4096 password reset requested",
		"password: must be at least 8 characters; password_reset_at=2024-01-15 if token == abc12345def",
		"ClientAuth: tls.RequireAndVerifyClientCert, creds := aws.Credentials{ passwd = passwd + x",
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:SecretName-6RandomCharacters password: The password for it",
		"- password: password to use with username; pwd: expected bytes; authorization = authorization.split()",
		"secret_name=my-app-secret token_type=bearer next_token=abc123def456 token: expired api_key_id=12",
	)
}

func TestEvasion(t *testing.T) {
	all(t,
		"«email|user%40example.com»",
		"?email=«email|user%40example.com»&x",
		"«payment_card|4111\u200b1111\u200b1111\u200b1111» x",
		"«payment_card|4111\u00ad111111111111»",
		"«payment_card|４１１１１１１１１１１１１１１１» ok",
		"«payment_card|4111\u00a01111\u00a01111\u00a01111» «payment_card|4111–1111–1111–1111»",
		`"p\u0061ssword":"«secret_assignment|hunter2»"`,
		"pаssword=«secret_assignment|hunter2»", // Cyrillic а
		`x="«email|bob\u0040example.com»"`,
		"q=«payment_card|4111+1111+1111+1111»",
		`password=«secret_assignment|hunter2»\u0026x=1`,
		"password= user=bob",
		"{&quot;password&quot;:&quot;«secret_assignment|hunter2»&quot;} «email|bob&#64;example.com» «email|bob&#x40;example.com» &#9731; &#x; &x",
		"next=%252Flogin%253Ftoken%253D«secret_assignment|abc123def456»%2526x%253D1 «email|bob%2540example.com»",
		"\x1b[31m«aws_access_key_id|AKIAIOSFODNN7EXAMPLE»\x1b[0m password=«secret_assignment|hunter2»\x1b[0m",
		"?redirect=https%3A%2F%2Fuser%3A«url_password|hunter2»%40host%2F",
		"«aws_access_key_id|АКІАABCDEFGHIJKLMNOP»", // Cyrillic АКІА
		"Привет, мир 100%ab",
	)
}

func TestOnly(t *testing.T) {
	s := newScanner(t, Settings{Disabled: []string{"iban"}, Custom: []CustomDetector{{Name: "own", Pattern: `acct[0-9 ]+`}}})
	only, err := s.Only("financial")
	require.NoError(t, err)
	const text = "jane@example.com acct 4111111111111111 GB82WEST12345698765432"
	assert.Equal(t, "«email|jane@example.com» «own|acct 4111111111111111 »GB82WEST12345698765432", marked(s, text, s.Scan(nil, text)))
	assert.Equal(t, "jane@example.com acct «payment_card|4111111111111111» GB82WEST12345698765432", marked(only, text, only.Scan(nil, text)))
}
